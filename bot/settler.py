"""Writes the platforms' yeses down: those that come together in one transaction."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from bot.errors import StoreError
from bot.model import Errand, ErrandKind, PlaceKind, Platform
from bot.ports import Clock, Sent, Store

logger = logging.getLogger(__name__)

#: so many at most in one transaction, so that other writers wait for milliseconds only
MOST = 200
#: a yes of the platform is worth several tries to write it down
TRIES = 3
#: where a channel's posts must be published to reach its followers
PUBLISHING = frozenset({Platform.DISCORD})

#: told whether it was written
Done = Callable[[bool], None]


class Settler:
    """Group commit: while one write is under way, what comes in gathers for the next.

    A yes is a fact: it is written whatever becomes of the task that got it.
    """

    def __init__(self, store: Store, *, now: Clock) -> None:
        self._store = store
        self._now = now
        self._gathered: list[tuple[Sent, Done]] = []
        self._writing: asyncio.Task[None] | None = None

    def put(self, sent: Sent, done: Done) -> None:
        """Take a yes; `done` is called once it is written, or could not be.

        What could not is logged: the lease runs out, and the message comes back
        frozen.
        """
        self._gathered.append((sent, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="settler")

    async def drain(self) -> None:
        """Wait until all that was put is written; raise what ended a write."""
        while self._writing is not None and (
            self._gathered or not self._writing.done()
        ):
            await asyncio.wait({self._writing})
            self._writing.result()

    async def _write_all(self) -> None:
        while self._gathered:
            batch = self._gathered[:MOST]
            del self._gathered[:MOST]
            failed: frozenset[int] = frozenset(sent.message.id for sent, _ in batch)
            try:
                failed = await self._write([sent for sent, _ in batch])
            finally:
                for sent, done in batch:
                    done(sent.message.id not in failed)
            for sent, _ in batch:
                if _is_announced(sent) and sent.message.id not in failed:
                    await self._publish_later(sent)

    async def _publish_later(self, sent: Sent) -> None:
        """See that what an announcement channel got reaches those who follow it.

        Apart from the delivery, which is done: a crash right here costs the followers
        a post and nobody else anything.
        """
        if sent.receipt is None or not sent.receipt.message_ref:
            return
        errand = Errand(
            address=sent.claim.recipient.address,
            message_ref=sent.receipt.message_ref,
            kind=ErrandKind.PUBLISH,
            due_at=self._now(),
        )
        try:
            await self._store.put_errand(errand)
        except StoreError:
            extra = {"action": "unpublished", "to": str(errand.address)}
            logger.exception("not published", extra=extra)

    async def _write(self, batch: Sequence[Sent]) -> frozenset[int]:
        """Write a batch; return the messages that could not be written."""
        try:
            await self._store.settle_sent(batch, now=self._now())
        except StoreError:
            # One of them alone may be to blame, or the database was busy.
            failed = [sent for sent in batch if not await self._write_alone(sent)]
            return frozenset(sent.message.id for sent in failed)
        except Exception:
            # Our own bug must not keep what comes next from being written.
            logger.exception("settling broke", extra={"action": "broke"})
            return frozenset(sent.message.id for sent in batch)
        return frozenset()

    async def _write_alone(self, sent: Sent) -> bool:
        for left in reversed(range(TRIES)):
            try:
                await self._store.settle_sent([sent], now=self._now())
            except StoreError:
                if left:
                    await asyncio.sleep(0)
                    continue
                address = sent.claim.recipient.address
                logger.exception(
                    "delivery not settled",
                    extra={"action": "unsettled", "to": str(address)},
                )
                return False
            return True
        raise AssertionError("the loop returns")


def _is_announced(sent: Sent) -> bool:
    recipient = sent.claim.recipient
    is_followed = recipient.address.platform in PUBLISHING
    return is_followed and recipient.kind is PlaceKind.CHANNEL
