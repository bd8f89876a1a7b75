"""Keeping an exchange's rate limit, before it bites and after."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

#: an exchange that says "too often" without a wait gets this much peace
DEFAULT_REST = timedelta(minutes=2)
#: no wait that an exchange orders is believed beyond this
LONGEST_REST = timedelta(days=3)


class Pace:
    """Spaces requests evenly; stands in for ccxt's own throttler.

    That one counts by the wall clock, so a clock that steps back an hour would stop it
    for that hour, and it wakes every millisecond while it waits. This one counts by the
    loop's steady clock and sleeps until its turn.
    """

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval.total_seconds()
        self._free_at = float("-inf")
        #: ccxt's exchange sets its loop here
        self.loop: object = None

    async def __call__(self, cost: float | None = None) -> None:
        """Wait for a turn; what costs more makes the next one wait longer."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._free_at)
        self._free_at = turn + self._interval * (1.0 if cost is None else cost)
        if turn > now:
            await asyncio.sleep(turn - now)


class Rest:
    """For how long an exchange wants no request at all."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._from: datetime | None = None
        self._length = timedelta()

    def order(self, wait: timedelta | None) -> None:
        """Rest so long from now; without a wait, a usual one."""
        self._from = self._now()
        self._length = min(DEFAULT_REST if wait is None else wait, LONGEST_REST)

    def left(self) -> timedelta:
        """Return what is left; a clock that stepped back does not prolong it."""
        if self._from is None:
            return timedelta()
        passed = self._now() - self._from
        if passed < timedelta():
            self._from, passed = self._now(), timedelta()
        return max(self._length - passed, timedelta())
