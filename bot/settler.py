"""Writes the platforms' yeses down: those that come together in one transaction."""

import asyncio
import logging
from collections.abc import Sequence

from bot.errors import StoreError
from bot.ports import Clock, Sent, Store

logger = logging.getLogger(__name__)

#: so many at most in one transaction, so that other writers wait for milliseconds only
MOST = 200
#: a yes of the platform is worth several tries to write it down
TRIES = 3


class Settler:
    """Group commit: while one write is under way, what comes in gathers for the next.

    A yes is written even if whoever waits for that is cancelled meanwhile.
    """

    def __init__(self, store: Store, *, now: Clock) -> None:
        self._store = store
        self._now = now
        self._gathering: list[Sent] = []
        self._write: asyncio.Task[frozenset[int]] | None = None
        self._under_way: set[asyncio.Task[frozenset[int]]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def settle(self, sent: Sent) -> bool:
        """Write that a message was sent; False if that failed, which was logged.

        Then the lease runs out and the message comes back frozen.
        """
        if self._write is None or len(self._gathering) >= MOST:
            self._gathering = []
            self._write = asyncio.create_task(self._write_next(self._gathering))
            self._under_way.add(self._write)
            self._write.add_done_callback(self._under_way.discard)
        self._gathering.append(sent)
        return sent.message.id not in await asyncio.shield(self._write)

    async def close(self) -> None:
        """Wait until all that was taken is written."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _write_next(self, gathered: list[Sent]) -> frozenset[int]:
        """Write one gathering once it is its turn; return what was not written."""
        async with self._one_at_a_time:
            if gathered is self._gathering:
                # from here on others begin the next one
                self._write = None
            try:
                await self._store.settle_sent(gathered, now=self._now())
            except StoreError:
                # One of them alone may be to blame, or the database was busy.
                failed = [x for x in gathered if not await self._write_alone(x)]
                return frozenset(x.message.id for x in failed)
            return frozenset()

    async def _write_alone(self, sent: Sent) -> bool:
        alone: Sequence[Sent] = [sent]
        for left in reversed(range(TRIES)):
            try:
                await self._store.settle_sent(alone, now=self._now())
            except StoreError:
                if left:
                    await asyncio.sleep(0)
                    continue
                logger.exception(
                    "delivery not settled",
                    extra={
                        "action": "unsettled",
                        "to": str(sent.claim.recipient.address),
                    },
                )
                return False
            return True
        raise AssertionError("the loop returns")
