"""Keeps a named lease: of several processes one at a time does what it names.

Whoever has it renews it at a third of its length; whoever waits tries more often, so
that a dead holder is replaced soon after its lease has run out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import StoreError
from bot.ports import Clock, Store

logger = logging.getLogger(__name__)

#: how long a lease holds; a dead holder is replaced a tenth of it later at the latest
LENGTH = timedelta(seconds=10)
#: parts of the length: how often the holder renews, and the others try
RENEWALS = 3
TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What is done by whoever has the lease.

    Attributes:
        name: the lease's name; the same in all processes.
        owner: this process's name; different in all processes, also in a restarted one.
        begin: called when the lease is won; an error it raises ends the keeper.
        end: called when it is lost or given back; must not wait for other processes.
        length: how long a renewal holds.
    """

    name: str
    owner: str
    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]
    length: timedelta = LENGTH


class LeaseKeeper:
    """Takes a lease whenever it is free, keeps it renewed, and says won and lost.

    A lease counts from when it was asked for, by a steady clock, so that it is given
    up here before anybody else can have it, also when the database does not answer.
    """

    def __init__(self, store: Store, duty: Duty, *, now: Clock) -> None:
        self._store = store
        self._duty = duty
        self._now = now
        self._stopping = asyncio.Event()
        self._held_until = 0.0
        self.is_held = False

    def stop(self) -> None:
        """End the duty, give the lease back, and let `run` return."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep the lease until `stop`; raise only what `Duty.begin` or `end` raise.

        The lease is given back at the end, also of a cancellation.
        """
        try:
            while not self._stopping.is_set():
                await self._try()
                parts = RENEWALS if self.is_held else TRIES
                await self._wait(self._duty.length.total_seconds() / parts)
        finally:
            await self._lose("given back")
            # without a database it runs out by itself
            with suppress(StoreError):
                await self._store.drop_lease(self._duty.name, self._duty.owner)

    async def _try(self) -> None:
        """Ask once; meanwhile a lease that runs out is lost."""
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        asking = asyncio.create_task(self._ask(), name=f"lease {self._duty.name}")
        try:
            if self.is_held:
                left = max(0.0, self._held_until - asked_at)
                _, late = await asyncio.wait({asking}, timeout=left)
                if late:
                    await self._lose("ran out")
            answer = await asking
        finally:
            if not asking.done():
                # cancelled: nothing may take the lease after it was given back
                asking.cancel()
                await asyncio.wait({asking})
        if answer is None:
            return
        until = asked_at + self._duty.length.total_seconds()
        if answer and clock() < until:
            self._held_until = until
            await self._win()
        else:
            await self._lose("taken")

    async def _ask(self) -> bool | None:
        """Return whether it is ours, None if the database can't say."""
        duty = self._duty
        try:
            return await self._store.take_lease(
                duty.name, duty.owner, now=self._now(), length=duty.length
            )
        except StoreError as error:
            if self.is_held:
                logger.warning(
                    "lease not renewed: %s",
                    error,
                    extra={"action": "lease_unrenewed", "lease": duty.name},
                )
            return None

    async def _wait(self, seconds: float) -> None:
        """Wait for the next try, or for the stop, or until the lease runs out."""
        if self.is_held:
            left = self._held_until - asyncio.get_running_loop().time()
            seconds = max(0.0, min(seconds, left))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if self.is_held and asyncio.get_running_loop().time() >= self._held_until:
            await self._lose("ran out")

    async def _win(self) -> None:
        if self.is_held:
            return
        self.is_held = True
        logger.info(
            "lease won", extra={"action": "lease_won", "lease": self._duty.name}
        )
        await self._duty.begin()

    async def _lose(self, why: str) -> None:
        if not self.is_held:
            return
        self.is_held = False
        logger.info(
            "lease lost",
            extra={"action": "lease_lost", "lease": self._duty.name, "reason": why},
        )
        await self._duty.end()
