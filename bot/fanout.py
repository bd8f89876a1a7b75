"""From committed events to deliveries, in chunks short enough that nobody waits."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from bot.errors import StoreError
from bot.ports import Clock, Store
from bot.waker import Waker

logger = logging.getLogger(__name__)

#: how long a chunk should keep other writers waiting, a command's for one
CHUNK_TIME = timedelta(milliseconds=80)
#: watches per chunk: the first one's, and how far measured time may move it
FIRST_CHUNK = 2000
SMALLEST_CHUNK = 1000
LARGEST_CHUNK = 10_000
_STEP = 1.3
#: a wake is only a hint: unfinished fan-outs are looked for this often anyway
LOOK_EVERY = timedelta(seconds=2)


class FanOut:
    """Finishes the fan-out of every committed event; resumes where a crash left it."""

    def __init__(
        self, store: Store, *, now: Clock, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._store = store
        self._now = now
        self._wake_next = wake
        self._waker = Waker()
        self._chunk = FIRST_CHUNK
        #: when it last looked, in monotonic seconds
        self.progressed_at = time.monotonic()

    def wake(self) -> None:
        """Say that there may be new events."""
        self._waker.wake()

    async def run(self) -> None:
        """Fan out for ever, until cancelled."""
        while True:
            try:
                await self.fan_out_open()
            except StoreError:
                logger.exception("fan-out failed", extra={"action": "fanout_failed"})
            await self._waker.wait(LOOK_EVERY)

    async def fan_out_open(self) -> int:
        """Fan out every open event; return how many were finished."""
        finished = 0
        last = CHUNK_TIME
        while True:
            self.progressed_at = time.monotonic()
            step = await self._store.fan_out_step(limit=self._chunk, now=self._now())
            if step.is_over:
                return finished
            self._chunk = next_chunk(self._chunk, min(step.took, last))
            last = step.took
            if step.finished:
                finished += step.finished
                self._wake_next()


def next_chunk(chunk: int, took: timedelta) -> int:
    """Return how large the next chunk may be, when one of this size took so long.

    Changes by small steps: now and then a commit also brings the database's log into
    its file.
    """
    fits = CHUNK_TIME / max(took, timedelta(milliseconds=1))
    wanted = round(chunk * min(max(fits, 1 / _STEP), _STEP))
    return min(max(wanted, SMALLEST_CHUNK), LARGEST_CHUNK)
