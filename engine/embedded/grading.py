"""The embedded engine: candles in, grades and signals out, with the reasons.

`grade` takes a whole grid in one pass, `Grader` the same bar by bar: both run the same
code, so that what a live hour says is what the batch says later, and nothing can look
ahead. A grade is known when its candle has closed (`closes_at`).

**Hours.** Only whole UTC days move the indicators. A grade within a day is what they
say at the price now, with as much of the day as has passed; volume is that of the
trailing 24 hours. At 00:00 UTC the hourly grade is the daily grade.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.embedded.grid import DAY, HOUR, CandleGrid, Floats, Moments
from engine.embedded.indicators import PARTS, Indicators
from engine.embedded.standing import Sieve, Signals, Standing

#: another version of the engine is another engine: a new baseline, never an event
ENGINE_VERSION = "1"

#: what the components count: four fifths technical, one fifth statistical
WEIGHTS: Mapping[str, float] = {
    "trend": 0.25,
    "momentum": 0.20,
    "breakout": 0.15,
    "volume": 0.10,
    "drawdown": 0.10,
    "strength": 0.10,
    "steadiness": 0.10,
}
#: how far a blend's distance from 50 is stretched into a grade
STRETCH = 1.3
#: components of less weight than this make no grade
LEAST_WEIGHT = 0.6
#: of the trailing 24 hours so many must be known to know their volume
LEAST_HOURS = 18
#: within a day a close is good for so many hours when candles are missing
GOOD_HOURS = 6

_DECIMALS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What may be known besides candles, row by row of the grid; NaN is unknown.

    Attributes:
        mood: Fear & Greed, 0-100, shape (T,); known at `closes_at`.
        activity: active addresses or the like, shape (T, N); known at `closes_at`.
    """

    mood: Floats | None = None
    activity: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades:
    """Grades and standing signals, shapes (T, N).

    Attributes:
        symbols: what the columns are.
        closes_at: when each row was known, epoch seconds UTC: the `as_of` of a reading.
        grade: 0-100; NaN where there is no grade: not enough history, or no candle.
        signal: the standing signal, 1 or -1; 0 before the first grade.
        components: each component by name, 0-100; NaN is unknown.
        days: how many days of history each asset has (at most what is needed counts).
    """

    symbols: tuple[str, ...]
    closes_at: Moments
    grade: Floats
    signal: Signals
    components: Mapping[str, Floats]
    days: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one component adds to a grade of 50: `points`, above or below."""

    name: str
    value: float
    weight: float
    points: float


class Grader:
    """Grades bar by bar. Days first, as history; then hours, or more days."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        count = len(symbols)
        self.symbols = symbols
        self._indicators = Indicators(count)
        self._standing = Standing(count)
        self._sieve = Sieve(count)
        self._volumes = np.full((PARTS, count), np.nan)
        self._age = np.zeros(count, dtype=np.int64)
        self._last = np.full(count, np.nan)
        self._closed = 0

    @property
    def closed_at(self) -> int:
        """When the last bar closed, epoch seconds; 0 before the first."""
        return self._closed

    def push_day(self, opens_at: int, close: Floats, volume: Floats) -> Grades:
        """Take one whole UTC day; return its grades (one row)."""
        self._follow(opens_at, DAY)
        believed = self._sieve.push(close, self._indicators.sigma)
        return self._grade(believed, volume, PARTS)

    def push_hour(self, opens_at: int, close: Floats, volume: Floats) -> Grades:
        """Take one hour; return its grades (one row)."""
        self._follow(opens_at, HOUR)
        hour = opens_at % DAY // HOUR
        believed = self._sieve.push(close, self._indicators.sigma)
        is_known = ~np.isnan(believed)
        self._last = np.where(is_known, believed, self._last)
        self._age = np.where(is_known, 0, self._age + 1)
        self._volumes[hour] = volume
        price = np.where(self._age < GOOD_HOURS, self._last, np.nan)
        return self._grade(price, self._volume(), hour + 1, is_known)

    def _follow(self, opens_at: int, step: int) -> None:
        if self._closed and opens_at != self._closed:
            raise ValueError(f"a bar from {self._closed} is next, not {opens_at}")
        if opens_at % step:
            raise ValueError(f"no candle of {step} s opens at {opens_at}")
        self._closed = opens_at + step

    def _volume(self) -> Floats:
        total = np.zeros(len(self.symbols))
        known = np.zeros(len(self.symbols))
        for row in self._volumes:
            is_known = ~np.isnan(row)
            total = total + np.where(is_known, row, 0.0)
            known = known + is_known
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(known >= LEAST_HOURS, total * (PARTS / known), np.nan)

    def _grade(
        self,
        price: Floats,
        volume: Floats,
        parts: int,
        is_known: np.ndarray | None = None,
    ) -> Grades:
        look = self._indicators.look(price, volume, parts)
        grade = blend(look.components)
        if is_known is not None:
            grade = np.where(is_known, grade, np.nan)
        if parts == PARTS:
            self._indicators.settle(look)
        signal = self._standing.push(grade)
        return Grades(
            symbols=self.symbols,
            closes_at=np.array([self._closed], dtype=np.int64),
            grade=grade[None, :],
            signal=signal[None, :].copy(),
            components={n: c[None, :] for n, c in look.components.items()},
            days=self._indicators.days[None, :],
        )


def blend(components: Mapping[str, Floats]) -> Floats:
    """Return the grades that components make."""
    first = next(iter(components.values()))
    total, weight = np.zeros_like(first), np.zeros_like(first)
    for name, share in WEIGHTS.items():
        value = components[name]
        is_known = ~np.isnan(value)
        total = total + np.where(is_known, value, 0.0) * share
        weight = weight + is_known * share
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / weight
    stretched = np.clip(50.0 + STRETCH * (mean - 50.0), 0.0, 100.0)
    return np.where(weight >= LEAST_WEIGHT, np.round(stretched, _DECIMALS), np.nan)


def grade(
    grid: CandleGrid, *, daily: CandleGrid | None = None, inputs: Inputs | None = None
) -> Grades:
    """Grade every bar of a grid of days or of hours.

    `daily` is the history before the hours; of its days those count that closed before
    the first hour opens. Raises `ValueError` for a grid that is neither, or for a
    history of other assets.
    """
    del inputs
    if grid.step_s not in {DAY, HOUR}:
        raise ValueError("only days or hours can be graded")
    grader = Grader(grid.symbols)
    if daily is not None and grid.step_s == HOUR and len(grid.opens_at):
        feed_history(grader, daily, int(grid.opens_at[0]))
    push = grader.push_day if grid.step_s == DAY else grader.push_hour
    rows = [
        push(int(opens_at), grid.close[n], grid.volume[n])
        for n, opens_at in enumerate(grid.opens_at)
    ]
    return _stacked(grid, rows)


def feed_history(grader: Grader, daily: CandleGrid, until: int) -> None:
    """Give a grader the days that closed by `until` (epoch seconds)."""
    if daily.symbols != grader.symbols or daily.step_s != DAY:
        raise ValueError("the history must be days of the same assets")
    past = daily.cut(until)
    for n, opens_at in enumerate(past.opens_at):
        grader.push_day(int(opens_at), past.close[n], past.volume[n])


def _stacked(grid: CandleGrid, rows: list[Grades]) -> Grades:
    count = len(grid.symbols)

    def stack(values: list[np.ndarray], dtype: type) -> np.ndarray:
        if not values:
            return np.empty((0, count), dtype=dtype)
        return np.concatenate(values)

    return Grades(
        symbols=grid.symbols,
        closes_at=grid.closes_at,
        grade=stack([r.grade for r in rows], np.float64),
        signal=stack([r.signal for r in rows], np.int8),
        components={
            name: stack([r.components[name] for r in rows], np.float64)
            for name in WEIGHTS
        },
        days=stack([r.days for r in rows], np.int64),
    )


def explain(grades: Grades, asset: str, at: int | None = None) -> tuple[Share, ...]:
    """Say why a grade is what it is: largest share first.

    `at` is a moment (epoch seconds): the last row known by then, the last of all
    without it. 50 and the points make the grade, before it is cut to 0-100. Empty where
    there is no grade. Raises `KeyError` for an asset that is not graded.
    """
    if asset not in grades.symbols:
        raise KeyError(asset)
    column = grades.symbols.index(asset)
    moment = np.iinfo(np.int64).max if at is None else at
    row = int(np.searchsorted(grades.closes_at, moment, "right")) - 1
    if row < 0 or np.isnan(grades.grade[row, column]):
        return ()
    values = {n: float(c[row, column]) for n, c in grades.components.items()}
    known = {n: v for n, v in values.items() if not np.isnan(v)}
    whole = sum(WEIGHTS[n] for n in known)
    shares = [
        Share(
            name=name,
            value=round(value, _DECIMALS),
            weight=WEIGHTS[name] / whole,
            points=round(STRETCH * WEIGHTS[name] / whole * (value - 50.0), _DECIMALS),
        )
        for name, value in known.items()
    ]
    return tuple(sorted(shares, key=lambda s: (-abs(s.points), s.name)))
