"""From committed events to deliveries, in chunks short enough that nobody waits."""

import logging
from collections.abc import Callable
from datetime import timedelta

from bot.errors import StoreError
from bot.ports import Clock, Store
from bot.waker import Waker

logger = logging.getLogger(__name__)

#: recipients per transaction: writers in between wait for one chunk at most
CHUNK = 2000
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
        while events := await self._store.open_fanouts():
            for event_id in events:
                await self._fan_out(event_id)
                finished += 1
                self._wake_next()
        return finished

    async def _fan_out(self, event_id: int) -> None:
        is_done = False
        while not is_done:
            is_done = await self._store.fan_out_chunk(
                event_id, limit=CHUNK, now=self._now()
            )
