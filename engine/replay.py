"""Snapshots from a recording, on an accelerated clock: for demo, tests and what-if."""

from datetime import datetime, timedelta
from typing import Protocol

from bot.errors import SourceEndedError
from bot.model import AssetInfo, Explanation, Reading, Snapshot, Wanted
from bot.ports import Clock, ExplainingSource

#: whoever falls further behind (a laptop that slept) slows the recording instead
MOST_DUE = 200

_ROUNDING = 1e-6


class Recording(Protocol):
    """Snapshots in the order of the engine's time, numbered from 0."""

    def offset(self, index: int) -> float | None:
        """Return the seconds from snapshot 0 to this one, None if there is none."""
        ...

    def readings(self, index: int) -> tuple[Reading, ...]:
        """Return the readings of a snapshot that exists."""
        ...

    def bookmark(self, index: int) -> str:
        """Name a snapshot so that a later process finds it again."""
        ...

    def after(self, bookmark: str) -> int:
        """Return the index that follows a bookmark; 0 for one that is not ours."""
        ...


class Pace:
    """The accelerated clock: seconds of the engine's time since its snapshot 0.

    It starts when first asked, stands still while our clock steps back, and never runs
    further than what the caller can still play.
    """

    def __init__(self, speed: float, *, now: Clock) -> None:
        self._speed = speed
        self._now = now
        self._passed = 0.0
        self._asked_at: datetime | None = None

    def now(self) -> datetime:
        """Return our own time."""
        return self._now()

    def stand_at(self, offset: float) -> None:
        """Stand at this offset until asked again."""
        self._passed = offset
        self._asked_at = None

    def passed(self, at_most: float | None) -> float:
        """Return the offset that the engine's time has reached now."""
        now = self._now()
        if self._asked_at is not None:
            real = (now - self._asked_at).total_seconds()
            self._passed += max(real, 0.0) * self._speed
        self._asked_at = now
        if at_most is not None:
            self._passed = min(self._passed, at_most)
        return self._passed


class ReplaySource:
    """`GradeSource` that plays a recording.

    The first fetch starts the clock at the snapshot it brings; from then on `speed`
    seconds of the engine pass in one of ours. A recording is brought whole, whatever is
    wanted of it, and an asset without a row in a snapshot is not called absent.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        name: str,
        title: str,
        update_every: timedelta,
        pace: Pace,
    ) -> None:
        self.name = name
        self.title = title
        self.update_every = update_every
        self._recording = recording
        self._pace = pace
        self._next = 0

    def resume(self, bookmark: str | None) -> None:
        """Continue after the bookmark's snapshot, the clock standing at it."""
        self._next = 0 if bookmark is None else self._recording.after(bookmark)
        if self._next > 0:
            self._pace.stand_at(self._recording.offset(self._next - 1) or 0.0)

    async def fetch(self, wanted: Wanted) -> Snapshot:
        """Bring the next snapshot if it is due, else an empty one.

        Raises `SourceEndedError`, each time, once all have been brought.
        """
        del wanted
        index = self._next
        if self._recording.offset(index) is None:
            raise SourceEndedError("the replay file is at its end", reason="ended")
        if not self._is_due(index):
            # An empty snapshot carries the old bookmark: committing it loses nothing.
            return Snapshot(
                source=self.name,
                fetched_at=self._pace.now(),
                bookmark=self._recording.bookmark(index - 1) if index else None,
                is_recorded=True,
            )
        self._next = index + 1
        return Snapshot(
            source=self.name,
            fetched_at=self._pace.now(),
            readings=self._recording.readings(index),
            bookmark=self._recording.bookmark(index),
            is_more=self._is_due(index + 1),
            is_recorded=True,
        )

    async def lookup(self, symbol: str) -> tuple[AssetInfo, ...]:
        """Find nothing: a recording brings all it has with every snapshot."""
        del symbol
        return ()

    def explain(self, key: str) -> Explanation | None:
        """Explain a grade where the recording is one that can."""
        if isinstance(self._recording, ExplainingSource):
            return self._recording.explain(key)
        return None

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    def _is_due(self, index: int) -> bool:
        offset = self._recording.offset(index)
        if offset is None:
            return False
        passed = self._pace.passed(self._recording.offset(index + MOST_DUE))
        return offset <= passed + _ROUNDING
