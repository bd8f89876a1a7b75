"""Whether a snapshot can be true. Pure.

Half the assets gone, all grades equal, time running backwards: what looks like that is
an engine that broke, not a market that moved. Nothing is detected on it until it is
over or an operator says that it is so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.model import AssetState, Reading, Snapshot

#: fewer readings than this prove nothing
LEAST = 10
_LEAST_IN_TIME = 5
#: an engine's clock may go before ours by a day's row and a little
AHEAD = timedelta(hours=26)
_HALF = 0.5

GONE, EQUAL, BACKWARDS, AHEAD_OF_TIME = "gone", "equal", "backwards", "ahead"
#: how the reason of a held poll begins
PREFIX = "implausible_"
#: an operator's word counts for so long, should the engine mend itself meanwhile
BELIEVED_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a snapshot is not believed, and of how many readings that is said."""

    code: str
    count: int

    @property
    def reason(self) -> str:
        """The reason code of the held poll."""
        return f"{PREFIX}{self.code}"


def doubt(
    snapshot: Snapshot, states: Mapping[str, AssetState], *, expected: int
) -> Doubt | None:
    """Say why a snapshot is implausible, None if it is not.

    `expected` is how many readings the last good poll brought, 0 if that says nothing
    of this one. A recording is always believed: it is what was.
    """
    if snapshot.is_recorded:
        return None
    readings = snapshot.readings
    asked = max(expected, len(readings) + snapshot.absent)
    if asked >= LEAST and len(readings) < asked * _HALF:
        return Doubt(GONE, asked - len(readings))
    limit = _latest(snapshot, states)
    late = [r for r in readings if r.as_of > limit]
    if len(late) >= _LEAST_IN_TIME and len(late) > len(readings) * _HALF:
        return Doubt(AHEAD_OF_TIME, len(late))
    older = [
        r for r in readings if r.key in states and r.as_of < states[r.key].last.as_of
    ]
    if len(older) >= _LEAST_IN_TIME and len(older) > len(readings) * _HALF:
        return Doubt(BACKWARDS, len(older))
    if _are_equal(readings) and not _were_equal(readings, states):
        return Doubt(EQUAL, len(readings))
    return None


def _are_equal(readings: tuple[Reading, ...]) -> bool:
    grades = [r.grade for r in readings if r.grade is not None]
    return len(grades) >= LEAST and len(set(grades)) == 1


def _were_equal(
    readings: tuple[Reading, ...], states: Mapping[str, AssetState]
) -> bool:
    """Whether this engine grades all alike anyway."""
    known = {
        states[r.key].last.grade
        for r in readings
        if r.key in states and states[r.key].last.grade is not None
    }
    return len(known) <= 1


def believe_name(source: str) -> str:
    """Name the bot value by which an operator says that a doubtful snapshot is so."""
    return f"believe:{source}"


def belief(reason: str, now: datetime) -> str:
    """Write an operator's word on the doubt with this reason."""
    return f"{reason} {now.isoformat()}"


def is_believed(text: str | None, doubt: Doubt, now: datetime) -> bool:
    """Whether an operator has said so, and not too long ago."""
    reason, _, said_at = (text or "").partition(" ")
    if reason != doubt.reason:
        return False
    return abs(now - datetime.fromisoformat(said_at)) <= BELIEVED_FOR


def _latest(snapshot: Snapshot, states: Mapping[str, AssetState]) -> datetime:
    """Return the latest time a reading may have.

    Our own clock may have been set back, so what the engine said before counts, too.
    """
    known = (states[r.key].last.as_of for r in snapshot.readings if r.key in states)
    return max(snapshot.fetched_at, max(known, default=snapshot.fetched_at)) + AHEAD


def in_time(snapshot: Snapshot, states: Mapping[str, AssetState]) -> Snapshot:
    """Leave out single readings from the far future: they would block what follows."""
    if snapshot.is_recorded:
        return snapshot
    limit = _latest(snapshot, states)
    kept = tuple(r for r in snapshot.readings if r.as_of <= limit)
    if len(kept) == len(snapshot.readings):
        return snapshot
    gone = len(snapshot.readings) - len(kept)
    return replace(snapshot, readings=kept, absent=snapshot.absent + gone)


def believed(
    snapshot: Snapshot, states: Mapping[str, AssetState]
) -> dict[str, AssetState]:
    """Return the states to compare with once an operator says that it is so.

    An engine that set its clock back would be ignored for ever: what is known is set
    back with it, to just before its readings.
    """
    found = dict(states)
    for reading in snapshot.readings:
        known = found.get(reading.key)
        if known is not None and reading.as_of < known.last.as_of:
            before = reading.as_of - timedelta(seconds=1)
            found[reading.key] = replace(known, last=replace(known.last, as_of=before))
    return found
