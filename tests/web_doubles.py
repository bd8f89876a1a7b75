"""What the web side's tests stand on: a desk, a store for inboxes, a running face."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from bot.config import WebConfig
from bot.message import Message, bold, line
from bot.model import Address, PlaceKind, Platform
from bot.ports import Arrival, Call, Choice, PictureShelf, PressReply, Welcome
from handlers.web.face import WebFace
from handlers.web.inbox import Inboxes, InboxHub
from handlers.web.probes import Probes
from handlers.web.sender import WebSender

START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


class FakeClock:
    """A clock that goes a second further each time it is read."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class MemoryInboxStore:
    """The inbox part of the store, in memory; `fail_with` makes it refuse."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, str, str, datetime, dict[str, Any]]] = []
        self.trouble: Exception | None = None
        self.reads = 0

    def fail_with(self, trouble: Exception | None) -> None:
        self.trouble = trouble

    def _check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    async def append_inbox(
        self, inbox: str, entry: dict[str, Any], *, nonce: str, now: datetime
    ) -> tuple[int, bool]:
        self._check()
        assert len(nonce) <= 25
        for entry_id, of, known, _, _ in self.rows:
            if (of, known) == (inbox, nonce):
                return entry_id, False
        entry_id = len(self.rows) + 1
        self.rows.append((entry_id, inbox, nonce, now, dict(entry)))
        return entry_id, True

    async def read_inbox(
        self, inbox: str, *, after: int = 0, limit: int = 200
    ) -> Sequence[tuple[int, datetime, dict[str, Any]]]:
        self._check()
        self.reads += 1
        found = [
            (entry_id, at, dict(entry))
            for entry_id, of, _, at, entry in self.rows
            if of == inbox and entry_id > after
        ]
        return found[-limit:]

    async def update_inbox(
        self, inbox: str, entry_id: int, entry: dict[str, Any]
    ) -> bool:
        self._check()
        for i, (known, of, nonce, at, _) in enumerate(self.rows):
            if (known, of) == (entry_id, inbox):
                self.rows[i] = (known, of, nonce, at, dict(entry))
                return True
        return False

    async def ping(self) -> None:
        self._check()


class FakeDesk:
    """Answers every line with itself unless it was told what to answer."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.presses: list[tuple[Call, str]] = []
        self.replies: dict[str, Message | Exception] = {}
        self.press_replies: dict[str, PressReply] = {}
        self.choices = [Choice("ETH · Ethereum", "ETH"), Choice("ETC · Classic", "ETC")]

    async def say(self, call: Call) -> Message:
        self.calls.append(call)
        reply = self.replies.get(call.text)
        if isinstance(reply, Exception):
            raise reply
        return reply or Message(title=line("You said ", bold(call.text)))

    async def press(self, call: Call, action: str) -> PressReply:
        self.presses.append((call, action))
        return self.press_replies.get(action, PressReply(toast=f"pressed {action}"))

    async def complete(self, typed: str) -> Sequence[Choice]:
        word = typed.rsplit(" ", maxsplit=1)[-1].upper()
        return [choice for choice in self.choices if choice.value.startswith(word)]

    async def on_added(self, arrival: Arrival) -> Welcome:
        return Welcome()

    async def on_fading(
        self, place: Address, message_refs: Sequence[str], after: timedelta
    ) -> None: ...

    async def on_gone(self, place: Address, reason: str) -> None: ...

    async def on_back(self, place: Address, kind: PlaceKind) -> None: ...

    async def on_moved(self, old: Address, new: Address) -> None: ...


@dataclass
class WebRoom:
    """A web face with all that is around it."""

    store: MemoryInboxStore = field(default_factory=MemoryInboxStore)
    desk: FakeDesk = field(default_factory=FakeDesk)
    clock: FakeClock = field(default_factory=FakeClock)
    hub: InboxHub = field(default_factory=InboxHub)
    probes: Probes = field(default_factory=Probes)
    default_inbox: str = ""
    access_key: str = ""
    shelf: PictureShelf | None = None
    sent: int = 0

    def __post_init__(self) -> None:
        self.inboxes = Inboxes(self.store, self.hub, now=self.clock)
        self.sender = WebSender(self.inboxes)
        self.face = self.new_face()

    def new_face(self, port: int = 0, host: str = "127.0.0.1") -> WebFace:
        key = SecretStr(self.access_key) if self.access_key else None
        return WebFace(
            WebConfig(host=host, port=port, access_key=key),
            self.desk,
            self.inboxes,
            probes=self.probes,
            default_inbox=self.default_inbox,
            shelf=self.shelf,
        )

    @property
    def url(self) -> str:
        return self.face.url

    @asynccontextmanager
    async def open(self) -> AsyncIterator["WebRoom"]:
        await self.face.start()
        try:
            yield self
        finally:
            async with asyncio.timeout(5):
                await self.face.stop()

    async def alert(self, inbox: str, message: Message) -> int:
        """Deliver an alert as the dispatcher does; return the entry's id."""
        self.sent += 1
        address = Address(Platform.WEB, inbox)
        for number, part in enumerate(self.sender.render(message)):
            nonce = f"m{self.sent}-{number}"
            receipt = await self.sender.send(address, part, nonce=nonce)
        return int(receipt.message_ref)
