"""What was so around an event when it happened: the checklist, the record, the market.

Values only; `bot.context` works them out. They are kept with the event, so that
nothing that comes later can change what an alert says.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Point(StrEnum):
    """A question of the checklist."""

    CONVICTION = "conviction"
    VOLUME = "volume"
    PRICE = "price"
    NARRATIVE = "narrative"
    PEERS = "peers"
    REPEAT = "repeat"
    MAJORS = "majors"


class Answer(StrEnum):
    """YES speaks for the signal, NO against it; UNKNOWN has no data to say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


Figure = float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One point with its answer and its evidence.

    `code` says which of a point's answers it is, such as `near_high`; `figures` are
    the evidence by name, such as the price and the high. An unknown one says in its
    code what is missing.
    """

    point: Point
    answer: Answer
    code: str
    figures: tuple[tuple[str, Figure], ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How many finished signals of an asset the price followed, of how many."""

    followed: int
    finished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a grading engine brings nothing that counts.

    Attributes:
        code: `unavailable`, `stale`, `credits`, or how a snapshot was implausible.
        count: how many readings were implausible.
        last_good: when grades last came, by our clock.
        until: from when on it can work again, where that is known.
    """

    code: str
    count: int = 0
    last_good: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What was so around an event.

    Attributes:
        trouble: of the grading engine itself, why it brings nothing.
        checks: the checklist, most telling point first; empty for a crossing.
        tally: the asset's record before this event; None where no price is known.
        market: share of assets that stood bullish after the event's snapshot, and
            `market_before` before it; None where too few stand.
    """

    checks: tuple[Check, ...] = ()
    tally: Tally | None = None
    market: float | None = None
    market_before: float | None = None
    trouble: Trouble | None = None

    def answered(self, answer: Answer) -> tuple[Check, ...]:
        """Return the checks with this answer, most telling first."""
        return tuple(c for c in self.checks if c.answer is answer)
