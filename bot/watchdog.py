"""Notices when a loop makes no progress, says so, and ends the process.

A process that hangs helps nobody: its supervisor starts another, which goes on where
this one stopped. Time is monotonic seconds.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import FlipwatchError

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=5)
#: so long /readyz tells of it before the process ends
GRACE = timedelta(seconds=30)
#: a look that comes so late was kept waiting by the machine, a laptop's sleep for one
OVERSLEPT = timedelta(seconds=30)


class StuckError(FlipwatchError):
    """A loop has made no progress for too long; the process is to be started anew."""


@dataclass(frozen=True, slots=True)
class _Watched:
    progressed_at: Callable[[], float]
    within: float


class Watchdog:
    """Looks at the loops it was told of; `run` ends with `StuckError` if one hangs.

    Attributes:
        on_well: called at every look at which nothing hangs, for a supervisor.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_well: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._on_well = on_well
        self._watched: dict[str, _Watched] = {}
        #: nothing that was noted before counts: the machine slept
        self._since = clock()
        self._looked_at = clock()
        self._told: set[str] = set()

    def watch(
        self, name: str, within: timedelta, progressed_at: Callable[[], float]
    ) -> None:
        """Expect a sign of progress at least so often; it says when the last was."""
        self._watched[name] = _Watched(progressed_at, within.total_seconds())

    def stuck(self) -> Mapping[str, str]:
        """Name the loops that hang, with words for /readyz."""
        return {
            name: f"no progress for {self._idle(watched):.0f} s"
            for name, watched in self._watched.items()
            if self._idle(watched) > watched.within
        }

    def _idle(self, watched: _Watched) -> float:
        return self._clock() - max(watched.progressed_at(), self._since)

    async def run(self) -> None:
        """Look for ever; raise `StuckError` once a loop has hung for too long."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    def look(self) -> None:
        """Look once; raise `StuckError` as `run` does."""
        now = self._clock()
        if now - self._looked_at > OVERSLEPT.total_seconds():
            # everybody was kept from working, not one of them
            self._since = now
        self._looked_at = now
        stuck = self.stuck()
        for name, said in stuck.items():
            if name not in self._told:
                logger.error("%s: %s", name, said, extra={"action": "stuck"})
        for name in self._told - stuck.keys():
            logger.info("%s goes on", name, extra={"action": "unstuck"})
        self._told = set(stuck)
        if not stuck:
            self._on_well()
        for name in stuck:
            watched = self._watched[name]
            if self._idle(watched) > watched.within + GRACE.total_seconds():
                raise StuckError(
                    f"{name}: {stuck[name]}: the process ends, so that its supervisor"
                    " starts it anew"
                )
