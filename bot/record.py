"""What past signals of one asset were worth: pure arithmetic, no opinion.

A *finished* signal lasts from one flip to the next; the last flip's is open and counts
nowhere. Its realised move is the price at its end against the price at its start. A
signal was *followed* if the price rose after a bullish one or fell after a bearish one;
an unchanged price followed nothing. Moves are shares: 0.069 is +6.9 %.

Usage: `flips_of` makes flips of readings (or take them from the store), `record_of`
makes the record of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import comb
from statistics import median

from bot.model import Signal, as_utc

#: fewer finished signals than this are too few to say anything about
ENOUGH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What is known of an asset at one time, or of the candle that closed then.

    Attributes:
        at: when it was known: a reading's `as_of`, a candle's close.
        price: the price then; None or not above 0 is unknown.
        signal: the standing signal, or the day's (0 = nothing new); None is unknown.
        open: with `high` and `low`: of the candle, where there is one.
    """

    at: datetime
    price: float | None
    signal: Signal | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", as_utc(self.at))


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedFlip:
    """A flip to `signal`, and the price it is counted from."""

    at: datetime
    signal: Signal
    price: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", as_utc(self.at))
        if self.signal is Signal.NEUTRAL:
            raise ValueError("a flip is to bullish or to bearish")
        if not self.price > 0:
            raise ValueError(f"a price of {self.price}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A signal from its flip to the next one.

    Attributes:
        best: furthest move the way the signal said, 0 if it never went there: a rise
            after bullish, a fall (below 0) after bearish. Hindsight: known afterwards.
        worst: furthest move the other way.
    """

    signal: Signal
    began_at: datetime
    ended_at: datetime
    price: float
    end_price: float
    best: float
    worst: float

    @property
    def move(self) -> float:
        """The realised move: what the price did until the next flip."""
        return self.end_price / self.price - 1.0

    @property
    def is_followed(self) -> bool:
        """Whether the price went the way the signal said."""
        return self.move > 0 if self.signal is Signal.BULLISH else self.move < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Finished signals of one kind: how many, how many followed, the median move."""

    count: int
    followed: int
    median: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one asset.

    Attributes:
        finished: every finished signal, oldest first.
        open: the flip whose signal stands; None where there was no flip.
        held_bullish: what holding only while bullish came to, over finished signals.
        held_always: what holding all the time came to, first flip to last.
        fee: the share of a trade's value that each trade cost in those two.
    """

    finished: tuple[Finished, ...]
    open: PricedFlip | None
    held_bullish: float
    held_always: float
    fee: float

    @property
    def count(self) -> int:
        """How many signals are finished."""
        return len(self.finished)

    @property
    def followed(self) -> int:
        """How many of them the price followed."""
        return sum(one.is_followed for one in self.finished)

    @property
    def is_enough(self) -> bool:
        """Whether there are enough to say how good they were."""
        return self.count >= ENOUGH

    @property
    def chance(self) -> float:
        """How often a fair coin does as well or better; 1 with nothing to compare."""
        return coin_toss(self.followed, self.count)

    def tally(self, signal: Signal) -> Tally:
        """Count the finished signals of one kind."""
        of_kind = [one for one in self.finished if one.signal is signal]
        return Tally(
            count=len(of_kind),
            followed=sum(one.is_followed for one in of_kind),
            median=median(one.move for one in of_kind) if of_kind else None,
        )


def coin_toss(followed: int, count: int) -> float:
    """Return the chance that of `count` fair tosses at least `followed` are heads."""
    ways = sum(comb(count, heads) for heads in range(followed, count + 1))
    return float(ways / 2**count)


def flips_of(bars: Iterable[Bar], *, is_next_bar: bool = False) -> list[PricedFlip]:
    """Find the flips in bars, oldest first.

    The first signal that is not neutral is the baseline and no flip; neutral and
    unknown change nothing. A flip counts from its bar's price. With `is_next_bar` it
    counts from the bar after it, as somebody who acts on it would find it: that bar's
    open, or where opens are unknown its price. A flip without a price counts from the
    next that is known; one that is over before then can't be counted and is left out,
    and so is the flip back.
    """
    flips: list[PricedFlip] = []
    standing = counted = waits = Signal.NEUTRAL
    for bar in bars:
        price = _known(bar.price)
        if is_next_bar:
            price = _known(bar.open) or price
        elif bar.signal and standing and bar.signal is not standing:
            waits = standing = bar.signal
        if waits and price is not None:
            if waits is not counted:
                flips.append(PricedFlip(at=bar.at, signal=waits, price=price))
            counted, waits = waits, Signal.NEUTRAL
        if bar.signal and bar.signal is not standing:
            if standing:
                waits = bar.signal
            else:
                counted = bar.signal
            standing = bar.signal
    return flips


def _known(price: float | None) -> float | None:
    return price if price is not None and 0 < price < float("inf") else None


def record_of(
    flips: Sequence[PricedFlip], bars: Sequence[Bar] = (), *, fee: float = 0.0
) -> Record:
    """Make the record of flips, oldest first, each to the other signal.

    `bars`, oldest first, are where the furthest moves are looked for: after the flip's
    time, up to and with the next one's. `fee` is the share of a trade's value that a
    trade costs. Raises `ValueError` for flips that don't take turns.
    """
    for one, other in pairwise(flips):
        if one.signal is other.signal or one.at > other.at:
            raise ValueError("flips take turns, oldest first")
    times = [bar.at for bar in bars]
    finished = []
    held = 1.0
    for start, end in pairwise(flips):
        during = bars[bisect_right(times, start.at) : bisect_right(times, end.at)]
        best, worst = _furthest(start, during, end.price)
        if start.signal is Signal.BULLISH:
            held *= end.price / start.price * (1.0 - fee) ** 2
        finished.append(
            Finished(
                signal=start.signal,
                began_at=start.at,
                ended_at=end.at,
                price=start.price,
                end_price=end.price,
                best=best,
                worst=worst,
            )
        )
    always = 1.0
    if finished:
        always = flips[-1].price / flips[0].price * (1.0 - fee) ** 2
    return Record(
        finished=tuple(finished),
        open=flips[-1] if flips else None,
        held_bullish=held - 1.0,
        held_always=always - 1.0,
        fee=fee,
    )


def furthest_since(flip: PricedFlip, bars: Sequence[Bar]) -> tuple[float, float]:
    """Return the furthest moves for and against a flip in the bars after it.

    Like `Finished.best` and `Finished.worst`; for the signal that stands.
    """
    later = bars[bisect_right([bar.at for bar in bars], flip.at) :]
    return _furthest(flip, later, flip.price)


def _furthest(
    flip: PricedFlip, bars: Iterable[Bar], end_price: float
) -> tuple[float, float]:
    """Return the furthest moves for and against a flip, in bars and at their end."""
    highest = max(flip.price, end_price)
    lowest = min(flip.price, end_price)
    for bar in bars:
        for price in (bar.price, bar.high, bar.low):
            known = _known(price)
            if known is not None:
                highest, lowest = max(highest, known), min(lowest, known)
    up, down = highest / flip.price - 1.0, lowest / flip.price - 1.0
    return (up, down) if flip.signal is Signal.BULLISH else (down, up)
