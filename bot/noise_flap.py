"""The flap breaker: which flips of an asset that keeps turning are told. Pure.

All by the engine's time, from the flips alone, so that every recipient, every process
and `/why` come to the same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

#: flips closer than this to each other are one restless time
RESTLESS = timedelta(hours=24)
#: so long must readings show no further flip until the net is told
SETTLED_AFTER = timedelta(hours=6)
#: so many messages about an asset's flips within `RESTLESS` at most
MOST = 3
#: flips kept of one restless time; more of them change nothing about the answer
KEPT = 200


class Turn(StrEnum):
    """What a flip is within its restless time.

    FIRST is alone; AGAIN is the second within a day, told with a note; CHOPPY is a
    further one, held until it settles.
    """

    FIRST = "first"
    AGAIN = "again"
    CHOPPY = "choppy"


@dataclass(frozen=True, slots=True)
class Flap:
    """The latest flip's place; of a CHOPPY one, when it has settled."""

    turn: Turn
    settles_at: datetime | None = None

    def is_held(self, as_of: datetime) -> bool:
        """Whether it is held while the newest reading is of this time."""
        return self.settles_at is not None and as_of < self.settles_at


@lru_cache(maxsize=1024)
def judge(flips: tuple[datetime, ...]) -> Flap:
    """Judge the last of an asset's recent flips, given oldest first.

    It settles once it stood for `SETTLED_AFTER`, and not before a message about it
    would be the fourth within `RESTLESS`.
    """
    told: list[datetime] = []
    flap = Flap(Turn.FIRST)
    for number, at in enumerate(flips):
        if flap.settles_at is not None and flap.settles_at <= at:
            told.append(flap.settles_at)
        recent = sum(at - other < RESTLESS for other in flips[: number + 1])
        if recent <= 2:  # noqa: PLR2004 - the first two are told at once
            told.append(at)
            flap = Flap(Turn.FIRST if recent == 1 else Turn.AGAIN)
            continue
        settles_at = at + SETTLED_AFTER
        if len(told) >= MOST:
            settles_at = max(settles_at, told[-MOST] + RESTLESS)
        flap = Flap(Turn.CHOPPY, settles_at)
    return flap


def with_flip(flips: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """Add a flip to those of the restless time it belongs to; older ones are over."""
    if flips and at - flips[-1] < RESTLESS:
        return (*flips[-(KEPT - 1) :], at)
    return (at,)
