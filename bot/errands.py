"""Does small things to messages that were sent, once their time has come.

They are kept in the store, so a restart forgets none. None of them matters enough to
hold up anything: what can't be done is given up after a few tries.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import (
    DeliveryError,
    SenderMisconfiguredError,
    StoreError,
    TemporaryDeliveryError,
)
from bot.message import Button
from bot.model import Errand, ErrandKind, Platform
from bot.ports import Clock, Keeper, Store

logger = logging.getLogger(__name__)

#: how often to look for what is due
LOOK_EVERY = timedelta(seconds=5)
#: an errand is tried again after this, so often at most
LEASE = timedelta(seconds=60)
TRIES_MAX = 5
#: how long a platform may take over one
PATIENCE = timedelta(seconds=10)
#: Discord publishes so many posts of a channel an hour; more are refused with a long
#: wait (github.com/discordjs/discord.js/issues/4956)
PUBLISHED_MAX = 10
PUBLISHED_WITHIN = timedelta(hours=1)


class Errands:
    """Does what is due on the platforms that this process reaches."""

    def __init__(
        self, store: Store, keepers: Mapping[Platform, Keeper], *, now: Clock
    ) -> None:
        self._store = store
        self._keepers = keepers
        self._now = now
        self._published: dict[str, deque[datetime]] = {}

    async def run_due(self) -> None:
        """Do everything that is due now; only a cancellation leaves here."""
        try:
            found = await self._store.due_errands(
                list(self._keepers), now=self._now(), lease=LEASE
            )
            for errand in found:
                await self._run(errand)
        except StoreError:
            logger.exception("errands not stored", extra={"action": "errands"})

    async def _run(self, errand: Errand) -> None:
        wait = self._publish_wait(errand)
        if wait:
            await self._later(errand, wait)
            return
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._do(errand)
        except TimeoutError:
            await self._failed(
                errand, TemporaryDeliveryError("no answer in time", reason="timeout")
            )
        except DeliveryError as error:
            await self._failed(errand, error)
        else:
            await self._end(errand)

    async def _do(self, errand: Errand) -> None:
        keeper = self._keepers[errand.address.platform]
        match errand.kind:
            case ErrandKind.DELETE:
                await keeper.delete(errand.address, errand.message_ref)
            case ErrandKind.BUTTONS:
                rows = rows_of(errand)
                await keeper.edit_buttons(errand.address, errand.message_ref, rows)
            case ErrandKind.PUBLISH:
                self._published.setdefault(errand.address.chat, deque()).append(
                    self._now()
                )
                await keeper.publish(errand.address, errand.message_ref)

    def _publish_wait(self, errand: Errand) -> timedelta:
        """Return how long a channel's limit keeps a post from being published."""
        if errand.kind is not ErrandKind.PUBLISH:
            return timedelta()
        published = self._published.get(errand.address.chat, deque())
        oldest = self._now() - PUBLISHED_WITHIN
        while published and published[0] <= oldest:
            published.popleft()
        if len(published) < PUBLISHED_MAX:
            return timedelta()
        return published[0] - oldest

    async def _failed(self, errand: Errand, error: DeliveryError) -> None:
        is_passing = isinstance(
            error, TemporaryDeliveryError | SenderMisconfiguredError
        )
        extra = {
            "action": "errand_failed",
            "errand": errand.kind.value,
            "to": str(errand.address),
            "reason": error.reason,
        }
        if not is_passing or errand.attempts + 1 >= TRIES_MAX:
            logger.info("errand given up", extra=extra)
            await self._end(errand)
            return
        logger.debug("errand comes again", extra=extra)
        wait = getattr(error, "retry_after", None)
        if wait is not None and wait > LEASE:
            await self._later(errand, wait)

    async def _later(self, errand: Errand, wait: timedelta) -> None:
        """Put it off; a platform's own wait is no failed try."""
        await self._store.put_errand(replace(errand, due_at=self._now() + wait))

    async def _end(self, errand: Errand) -> None:
        await self._store.take_errand(errand.address, errand.message_ref, errand.kind)


def rows_of(errand: Errand) -> Sequence[Sequence[Button]]:
    """Return the buttons an errand gives back."""
    rows = errand.document.get("rows")
    return [
        [Button(str(b["label"]), str(b["action"])) for b in row]
        for row in (rows if isinstance(rows, list) else [])
    ]
