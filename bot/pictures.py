"""What can be drawn, as plain values; and what names a picture without holding it.

A message carries a `PictureRef`, which is small and goes through JSON. Whoever sends it
has the picture drawn from what is stored, again after a crash, so that no picture is
ever frozen. A `View` is what a drawer gets: every figure in it is ready to be shown.

Moments are aware UTC. A figure that is None, NaN or infinite is a gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

#: windows people may ask for; beyond, a day is less than a pixel
WINDOW_MIN = timedelta(hours=6)
WINDOW_MAX = timedelta(days=730)
WINDOW_DEFAULT = timedelta(days=90)
#: more marks than this can't be told apart on a phone
LINES_MAX = 10
#: a window that is empty for more than this part begins with its first reading
_EMPTY_PART = 0.1


class Look(StrEnum):
    """Light signs on a dark ground, or the other way round."""

    DARK = "dark"
    LIGHT = "light"


class PictureKind(StrEnum):
    """What a picture is of."""

    CHART = "chart"
    MARKET = "market"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRef:
    """The name of a picture: the same name is the same picture.

    Attributes:
        asset_id: our id; 0 for what is of no single asset.
        category: whose record it is, where it is a category's.
        until: the engine's time that it ends at. Nothing later is in it, so that it
            is the same whenever it is drawn.
        window: how far back it goes; between `WINDOW_MIN` and `WINDOW_MAX`.
        lines: grades to mark, such as a recipient's thresholds.
    """

    kind: PictureKind
    until: datetime
    asset_id: int = 0
    window: timedelta = WINDOW_DEFAULT
    lines: tuple[float, ...] = ()
    look: Look = Look.DARK
    category: str = ""

    def __post_init__(self) -> None:
        if self.until.tzinfo is None:
            msg = f"a time without a zone: {self.until.isoformat()}"
            raise ValueError(msg)
        if not WINDOW_MIN <= self.window <= WINDOW_MAX:
            msg = f"no window for a picture: {self.window}"
            raise ValueError(msg)
        object.__setattr__(self, "until", self.until.astimezone(UTC))
        lines = tuple(sorted({float(x) for x in self.lines}))[:LINES_MAX]
        object.__setattr__(self, "lines", lines)

    @property
    def since(self) -> datetime:
        """When it begins."""
        return self.until - self.window

    def begin(self, first: datetime) -> datetime:
        """Return where it is drawn from: its begin, or `first` if all is later.

        Half empty it would be hard to read, and its move would be told of a time of
        which nothing is known.
        """
        is_short = first - self.since > self.window * _EMPTY_PART
        return first if is_short and first < self.until else self.since

    def to_json(self) -> dict[str, object]:
        """Write it as plain JSON."""
        return {
            "kind": self.kind.value,
            "until": self.until.isoformat(),
            "asset": self.asset_id,
            "window": self.window.total_seconds(),
            "lines": list(self.lines),
            "look": self.look.value,
            "category": self.category,
        }

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Read what `to_json` wrote; raise `ValueError` for anything else."""
        if not isinstance(document, Mapping):
            msg = f"no picture but {document!r}"
            raise ValueError(msg)  # noqa: TRY004 - a bad value, whatever its type
        try:
            return cls(
                kind=PictureKind(document["kind"]),
                until=datetime.fromisoformat(document["until"]),
                asset_id=int(document["asset"]),
                window=timedelta(seconds=document["window"]),
                lines=tuple(float(x) for x in document["lines"]),
                look=Look(document["look"]),
                category=str(document.get("category", "")),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            msg = f"no picture: {error}"
            raise ValueError(msg) from error


# ---------------------------------------------------------------- what a drawer gets


@dataclass(frozen=True, slots=True)
class Point:
    """What an engine said at one moment."""

    at: datetime
    price: float | None = None
    grade: float | None = None


@dataclass(frozen=True, slots=True)
class FlipDot:
    """A moment at which a signal became bullish, or bearish; `value` on the curve."""

    at: datetime
    is_bullish: bool
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartView:
    """One asset: price with its turns, grade with its lines.

    Attributes:
        points: oldest first, at most some hundreds.
        turns: flips inside the window, oldest first.
        standing: the signal before the first turn; None if there was none.
        is_bullish: the signal that stands at the end; None if there is none.
        lines: grades to mark; where there are none the bands' borders are shown.
        source: which engine said so.
    """

    symbol: str
    name: str = ""
    since: datetime
    until: datetime
    points: tuple[Point, ...] = ()
    turns: tuple[FlipDot, ...] = ()
    standing: bool | None = None
    is_bullish: bool | None = None
    lines: tuple[float, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class SharePoint:
    """Which share of the assets was bullish at one moment, 0 to 1."""

    at: datetime
    share: float | None


@dataclass(frozen=True, slots=True)
class Sector:
    """A category: its bullish share now and a week ago, 0 to 1; None if unknown."""

    name: str
    share: float
    week_ago: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """The whole market: the bull-bear indicator's history, and the sectors.

    Attributes:
        history: oldest first, at most some hundreds.
        turns: the market's own flips.
        share: the indicator at the end, 0 to 1; None while nobody knows.
        is_bullish: the market's signal at the end; None if there is none.
        sectors: in the order to show; the first ones are shown.
        assets: how many have a signal.
    """

    since: datetime
    until: datetime
    history: tuple[SharePoint, ...] = ()
    turns: tuple[FlipDot, ...] = ()
    share: float | None = None
    week_ago: float | None = None
    is_bullish: bool | None = None
    sectors: tuple[Sector, ...] = ()
    assets: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the price did after one signal, as ratios: 0.185 is +18.5 %.

    Attributes:
        move: to the next signal; None while it is open.
        highest, lowest: the furthest the price went up and down meanwhile.
    """

    at: datetime
    is_bullish: bool
    move: float | None = None
    highest: float | None = None
    lowest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """What an engine's past signals were worth.

    Attributes:
        title: whose record: `ETH`, or an engine's name.
        verdict: line 1 of the message: `price followed 5 of 9 signals`.
        outcomes: oldest first; the newest ones are shown.
        notes: at most three short lines, the sums.
    """

    title: str
    verdict: str
    outcomes: tuple[Outcome, ...] = ()
    notes: tuple[str, ...] = ()
    until: datetime
    source: str = ""


View = ChartView | MarketView | RecordView
