"""A hint that there is something to do; whoever waits looks now and then anyway."""

import asyncio
from datetime import timedelta


class Waker:
    """Wakes one waiting loop; a wake while nobody waits is kept."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._event.set()

    async def wait(self, longest: timedelta) -> None:
        """Wait for a wake, `longest` at most; takes the wake."""
        try:
            async with asyncio.timeout(longest.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()
