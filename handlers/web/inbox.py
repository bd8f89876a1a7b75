"""The web chat's inboxes: kept in the store, shown at once on open pages.

A page of this process hears of a new entry through the hub; a page of another process
finds it by looking at the store every second or two.
"""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.model import JsonDict
from bot.ports import Clock

#: so far back an entry can still be found by its id, counted in newer entries
REACH = 10_000


class EntryKind(StrEnum):
    """Who says it: the person at the page, the bot in answer, the bot by itself."""

    YOU = "you"
    REPLY = "reply"
    ALERT = "alert"


class InboxStore(Protocol):
    """The part of `bot.ports.Store` that inboxes need; its words hold here."""

    async def append_inbox(
        self, inbox: str, entry: JsonDict, *, nonce: str, now: datetime
    ) -> tuple[int, bool]:
        """Keep an entry; the same nonce is the same entry."""
        ...

    async def read_inbox(
        self, inbox: str, *, after: int = 0, limit: int = 200
    ) -> Sequence[tuple[int, datetime, JsonDict]]:
        """List the newest `limit` entries after an id, oldest first."""
        ...

    async def update_inbox(self, inbox: str, entry_id: int, entry: JsonDict) -> bool:
        """Replace an entry; False if it is not there."""
        ...


class Listener:
    """One open page: what it has to be woken for."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._updates: dict[int, JsonDict] = {}
        self.is_dismissed = False

    def notice(self, update: JsonDict | None = None) -> None:
        """Wake the page; an update replaces a waiting one of the same entry."""
        if update is not None:
            self._updates[int(str(update["id"]))] = update
        self._wake.set()

    def dismiss(self) -> None:
        """Tell the page to end."""
        self.is_dismissed = True
        self._wake.set()

    async def wait(self, timeout: float) -> list[JsonDict]:
        """Wait for a notice or `timeout` seconds; return changed entries."""
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
        updates, self._updates = list(self._updates.values()), {}
        return updates


class InboxHub:
    """Which pages of this process are open, by inbox."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}
        self._is_dismissed = False

    def __len__(self) -> int:
        return sum(map(len, self._listeners.values()))

    @contextmanager
    def listen(self, inbox: str) -> Iterator[Listener]:
        """Register a page for as long as the block runs."""
        listener = Listener()
        listener.is_dismissed = self._is_dismissed
        self._listeners.setdefault(inbox, set()).add(listener)
        try:
            yield listener
        finally:
            self.forget(inbox, listener)

    def forget(self, inbox: str, listener: Listener) -> None:
        """Drop a page that has left."""
        listeners = self._listeners.get(inbox, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(inbox, None)

    def notify(self, inbox: str, update: JsonDict | None = None) -> None:
        """Wake the pages of an inbox: something new, or this changed entry."""
        for listener in self._listeners.get(inbox, ()):
            listener.notice(update)

    def admit(self) -> None:
        """Let pages in, after `dismiss`."""
        self._is_dismissed = False

    def dismiss(self) -> None:
        """End the streams of all open pages at once, and of those that still come."""
        self._is_dismissed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.dismiss()


class Inboxes:
    """Reads and writes inboxes; raises `StoreError` only.

    An entry as it is returned is its stored part plus `id`, `at` (ISO 8601, UTC) and
    `kind`.
    """

    def __init__(self, store: InboxStore, hub: InboxHub, *, now: Clock) -> None:
        self._store = store
        self._now = now
        self.hub = hub

    async def add(
        self, inbox: str, kind: EntryKind, part: JsonDict, *, nonce: str = ""
    ) -> JsonDict:
        """Keep an entry and show it; the same nonce adds nothing a second time."""
        now = self._now()
        entry: JsonDict = {"kind": kind.value, **part}
        nonce = nonce or f"r:{secrets.token_hex(8)}"
        entry_id, _ = await self._store.append_inbox(inbox, entry, nonce=nonce, now=now)
        self.hub.notify(inbox)
        return _shown(entry_id, now, entry)

    async def entries(
        self, inbox: str, *, after: int = 0, limit: int = 200
    ) -> list[JsonDict]:
        """List the newest entries after an id, oldest first."""
        rows = await self._store.read_inbox(inbox, after=after, limit=limit)
        return [_shown(*row) for row in rows]

    async def find(self, inbox: str, entry_id: int) -> JsonDict | None:
        """Find one entry of this inbox."""
        rows = await self.entries(inbox, after=entry_id - 1, limit=REACH)
        return rows[0] if rows and rows[0]["id"] == entry_id else None

    async def change(self, inbox: str, entry: JsonDict, part: JsonDict) -> JsonDict:
        """Replace parts of an entry and show it; nothing happens if it is gone."""
        stored = {k: v for k, v in entry.items() if k not in {"id", "at"}} | part
        entry_id = int(str(entry["id"]))
        changed = {**entry, **part}
        if await self._store.update_inbox(inbox, entry_id, stored):
            self.hub.notify(inbox, changed)
        return changed


def _shown(entry_id: int, at: datetime, entry: JsonDict) -> JsonDict:
    return {**entry, "id": entry_id, "at": at.isoformat()}
