"""Server-sent events of one inbox: the backlog, then what comes in.

Events are `message` (a new entry, with its id to resume after), `update` (a changed
entry), `reset` (the page's ids are from another database: start over) and `ready` (the
backlog is complete).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

from bot.errors import StoreError
from bot.model import JsonDict
from handlers.web.inbox import Inboxes

logger = logging.getLogger(__name__)

#: entries a page gets when it opens
BACKLOG = 200
#: milliseconds a browser waits before it connects again
RETRY_AFTER = 1500
#: seconds after which the store is looked at without a notice from the hub
LOOK_EVERY = 1.5
#: seconds of silence after which a comment shows that the line is alive
HEARTBEAT_EVERY = 15.0
#: seconds in which an entry with a smaller id may still appear: two transactions on
#: PostgreSQL take their ids in one order and commit in the other
SETTLED_AFTER = 10.0


async def backlog(inboxes: Inboxes, inbox: str, after: int) -> tuple[bool, int]:
    """Return whether the page must start over, and after which id it resumes.

    A page that has seen more than the inbox holds has seen another database.
    Raises `StoreError`, which is then a plain refusal rather than a broken stream.
    """
    newest = await inboxes.entries(inbox, limit=1)
    newest_id = int(str(newest[0]["id"])) if newest else 0
    is_foreign = after > newest_id
    return is_foreign, 0 if is_foreign else after


async def events(
    inboxes: Inboxes, inbox: str, *, after: int, is_reset: bool
) -> AsyncIterator[str]:
    """Yield events until the page leaves, the hub dismisses it or the store fails."""
    loop = asyncio.get_running_loop()
    with inboxes.hub.listen(inbox) as page:
        yield f"retry: {RETRY_AFTER}\n: flipwatch\n\n"
        if is_reset:
            yield _event("reset", {})
        settled, recent = after, dict[int, float]()
        is_ready = False
        updates: list[JsonDict] = []
        spoke_at = loop.time()
        while not page.is_dismissed:
            try:
                rows = await inboxes.entries(inbox, after=settled, limit=BACKLOG)
            except StoreError as error:
                # the page connects again and is told 503 until the store is back
                logger.warning("web inbox unreadable", extra={"error": str(error)})
                return
            now = loop.time()
            said = [_event("update", entry) for entry in updates]
            for entry in rows:
                entry_id = int(str(entry["id"]))
                if entry_id not in recent:
                    said.append(_event("message", entry, entry_id))
                    recent[entry_id] = now
            if not is_ready:
                said.append(_event("ready", {}))
                is_ready = True
            if not said and now - spoke_at >= HEARTBEAT_EVERY:
                said.append(": still here\n\n")
            if said:
                spoke_at = now
                yield "".join(said)
            settled, recent = _settle(settled, recent, now)
            updates = await page.wait(LOOK_EVERY)


def _settle(
    settled: int, recent: dict[int, float], now: float
) -> tuple[int, dict[int, float]]:
    """Move the resume point over the entries that are old enough."""
    old = [i for i, at in recent.items() if now - at >= SETTLED_AFTER]
    settled = max([settled, *old])
    return settled, {i: at for i, at in recent.items() if i > settled}


def _event(name: str, data: JsonDict, event_id: int = 0) -> str:
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n"
