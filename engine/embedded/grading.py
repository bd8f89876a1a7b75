"""The embedded engine: candles in, grades and signals out, with the reasons.

`grade` takes a whole grid in one pass, `Grader` the same bar by bar: both run the same
code, so what a live hour says is what a batch says later, and nothing can look ahead.
A grade is known when its candle has closed (`closes_at`).

**Hours.** Only whole UTC days move the indicators. A grade within a day is what they
say at the price now, with as much of the day as has passed; volume is that of the
trailing 24 hours. At 00:00 UTC the hourly grade is the daily grade, unless the day's
move was so large that a lone daily candle would be doubted (`Sieve`) and hours are not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from engine.embedded.arithmetic import PARTS
from engine.embedded.grid import DAY, HOUR, CandleGrid, Floats, Moments
from engine.embedded.indicators import ROWS, Indicators, Mask
from engine.embedded.standing import Sieve, Signals, Standing
from engine.embedded.tuning import (
    DECIMALS,
    DEFAULT,
    ENGINE_VERSION,
    ENOUGH_DAYS,
    EXTRA_WEIGHTS,
    GOOD_HOURS,
    LEAST_HOURS,
    LEAST_WEIGHT,
    STRETCH,
    WEIGHTS,
    Tuning,
)

__all__ = [
    "ENGINE_VERSION",
    "ENOUGH_DAYS",
    "WEIGHTS",
    "Grader",
    "Grades",
    "Inputs",
    "Share",
    "explain",
    "feed_history",
    "grade",
]

_WEIGHTS = np.array([[weight] for weight in WEIGHTS.values()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is known besides candles, as components 0-100; NaN is unknown.

    Attributes:
        activity: use of the asset's chain, see `inputs.activity_of`; shape (T, N), each
            row known when the grid's row closes.
        mood: Fear & Greed as it is published; shape (T,), known likewise.
    """

    activity: Floats | None = None
    mood: Floats | None = None

    def row(self, n: int, count: int) -> dict[str, Floats]:
        """Return what is known at one row of the grid."""
        found: dict[str, Floats] = {}
        if self.activity is not None:
            found["activity"] = self.activity[n]
        if self.mood is not None:
            found["mood"] = np.full(count, self.mood[n])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Grades:
    """Grades and standing signals, shapes (T, N).

    Attributes:
        symbols: what the columns are.
        closes_at: when each row was known, epoch seconds UTC: a reading's `as_of`.
        grade: 0-100; NaN where there is none: not enough history, or no candle.
        signal: the standing signal, 1 or -1; 0 before the first grade.
        components: each component by name, 0-100; NaN is unknown.
        days: whole days of history before each row; `ENOUGH_DAYS` make a grade.
    """

    symbols: tuple[str, ...]
    closes_at: Moments
    grade: Floats
    signal: Signals
    components: Mapping[str, Floats]
    days: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one component adds to a grade of 50: `points` above or below it."""

    name: str
    value: float
    weight: float
    points: float


class Grader:
    """Grades bar by bar: days as history first, then hours, or more days.

    The first bar decides where it begins; from then on each bar must follow the one
    before, a missing one as a row of NaN. Other assets need another grader: strength
    and market are those among the assets that are graded together.
    """

    def __init__(self, symbols: Sequence[str], tuning: Tuning = DEFAULT) -> None:
        count = len(symbols)
        self.symbols = tuple(symbols)
        self._indicators = Indicators(count, tuning)
        self._standing = Standing(count, tuning)
        self._sieve = Sieve(count)
        self._volumes = np.full((PARTS, count), np.nan)
        self._last = np.full(count, np.nan)
        self._age = np.zeros(count, dtype=np.int64)
        self._closed_at: int | None = None

    @property
    def closed_at(self) -> int | None:
        """When the last bar closed, epoch seconds; None before the first."""
        return self._closed_at

    def push_day(
        self,
        opens_at: int,
        close: Floats,
        volume: Floats,
        extra: Mapping[str, Floats] | None = None,
    ) -> Grades:
        """Take one whole UTC day; return its grades (one row).

        Raises `ValueError` for a bar that does not follow the last one.
        """
        closes_at = self._follow(opens_at, DAY)
        believed = self._sieve.push(close, self._indicators.sigma)
        is_known = ~np.isnan(believed)
        return self._graded(closes_at, believed, volume, is_known, extra or {})

    def push_hour(
        self,
        opens_at: int,
        close: Floats,
        volume: Floats,
        extra: Mapping[str, Floats] | None = None,
    ) -> Grades:
        """Take one hour; return its grades (one row).

        `volume` is that of the hour. An asset without a candle has no grade; its day is
        known all the same if one of the last hours is. Raises `ValueError` for a bar
        that does not follow the last one.
        """
        closes_at = self._follow(opens_at, HOUR)
        believed = self._sieve.push(close, self._indicators.sigma)
        is_known = ~np.isnan(believed)
        self._last = np.where(is_known, believed, self._last)
        self._age = np.where(is_known, 0, self._age + 1)
        self._volumes[opens_at % DAY // HOUR] = volume
        price = np.where(self._age < GOOD_HOURS, self._last, np.nan)
        return self._graded(closes_at, price, self._volume(), is_known, extra or {})

    def _follow(self, opens_at: int, step: int) -> int:
        if opens_at % step:
            raise ValueError(f"no candle of {step} s opens at {opens_at}")
        if self._closed_at is not None and opens_at != self._closed_at:
            raise ValueError(f"the bar from {self._closed_at} is next, not {opens_at}")
        self._closed_at = opens_at + step
        return self._closed_at

    def _volume(self) -> Floats:
        """Return the trailing day's volume, scaled up where a few hours are unknown."""
        total = np.zeros(len(self.symbols))
        known = np.zeros(len(self.symbols))
        for row in self._volumes:  # in a fixed order, so that sums are the same
            is_known = ~np.isnan(row)
            total += np.where(is_known, row, 0.0)
            known += is_known
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(known >= LEAST_HOURS, total * (PARTS / known), np.nan)

    def _graded(
        self,
        closes_at: int,
        price: Floats,
        volume: Floats,
        is_known: Mask,
        extra: Mapping[str, Floats],
    ) -> Grades:
        parts = closes_at % DAY // HOUR or PARTS
        look = self._indicators.look(price, volume, parts)
        grades = np.where(is_known, _blended(look.components, extra), np.nan)
        days = self._indicators.days
        if parts == PARTS:
            forgotten = self._indicators.settle(look)
            if forgotten.any():
                self._sieve.forget(forgotten)
                self._standing.forget(forgotten)
        signal = self._standing.push(grades, closes_at)
        components = {name: look.components[row][None] for name, row in ROWS.items()}
        components |= {name: value[None] for name, value in extra.items()}
        return Grades(
            symbols=self.symbols,
            closes_at=np.array([closes_at], dtype=np.int64),
            grade=grades[None],
            signal=signal[None],
            components=components,
            days=days[None],
        )


def _blended(components: Floats, extra: Mapping[str, Floats]) -> Floats:
    """Return the grades that components make."""
    total = np.zeros(components.shape[1])
    weight = np.zeros(components.shape[1])
    is_known = ~np.isnan(components)
    values = np.where(is_known, components, 0.0) * _WEIGHTS
    weights = is_known * _WEIGHTS
    for n in range(len(_WEIGHTS)):  # in a fixed order, so that sums are the same
        total += values[n]
        weight += weights[n]
    enough = weight >= LEAST_WEIGHT
    for name, value in extra.items():
        known = ~np.isnan(value)
        total += np.where(known, value, 0.0) * EXTRA_WEIGHTS[name]
        weight += known * EXTRA_WEIGHTS[name]
    with np.errstate(invalid="ignore", divide="ignore"):
        stretched = (total / weight - 50.0) * STRETCH + 50.0
    graded = np.round(np.minimum(np.maximum(stretched, 0.0), 100.0), DECIMALS)
    return np.where(enough, graded, np.nan)


def grade(
    grid: CandleGrid,
    *,
    daily: CandleGrid | None = None,
    inputs: Inputs | None = None,
    tuning: Tuning = DEFAULT,
) -> Grades:
    """Grade every bar of a grid of days or of hours.

    `daily` is the history before the hours: of its days those count that closed before
    the first hour opens. Raises `ValueError` for a grid that is neither of days nor of
    hours, and for a history of other assets.
    """
    if grid.step_s not in {DAY, HOUR}:
        raise ValueError("only days and hours can be graded")
    grader = Grader(grid.symbols, tuning)
    if daily is not None and len(grid.opens_at):
        feed_history(grader, daily, int(grid.opens_at[0]))
    push = grader.push_day if grid.step_s == DAY else grader.push_hour
    count = len(grid.symbols)
    whole = _unfilled(grid, inputs)
    for n, opens_at in enumerate(grid.opens_at):
        extra = inputs.row(n, count) if inputs else None
        row = push(int(opens_at), grid.close[n], grid.volume[n], extra)
        whole.grade[n], whole.signal[n] = row.grade[0], row.signal[0]
        whole.days[n] = row.days[0]
        for name, values in whole.components.items():
            values[n] = row.components[name][0]
    return whole


def feed_history(grader: Grader, daily: CandleGrid, until: int) -> None:
    """Give a grader the days that closed by `until` (epoch seconds), a new one's past.

    Days between the last one and `until` are pushed as unknown. Raises `ValueError`
    where the days are not those of the grader's assets.
    """
    if daily.symbols != grader.symbols or daily.step_s != DAY:
        raise ValueError("the history must be days of the same assets")
    past = daily.cut(until)
    for n, opens_at in enumerate(past.opens_at):
        grader.push_day(int(opens_at), past.close[n], past.volume[n])
    unknown = np.full(len(grader.symbols), np.nan)
    while grader.closed_at is not None and grader.closed_at + DAY <= until:
        grader.push_day(grader.closed_at, unknown, unknown)


def _unfilled(grid: CandleGrid, inputs: Inputs | None) -> Grades:
    names = [*WEIGHTS]
    if inputs is not None:
        names += [name for name in EXTRA_WEIGHTS if getattr(inputs, name) is not None]
    return Grades(
        symbols=grid.symbols,
        closes_at=grid.closes_at,
        grade=np.empty(grid.shape),
        signal=np.empty(grid.shape, dtype=np.int8),
        components={name: np.empty(grid.shape) for name in names},
        days=np.empty(grid.shape, dtype=np.int64),
    )


def explain(grades: Grades, asset: str, at: int | None = None) -> tuple[Share, ...]:
    """Say why a grade is what it is: the largest share first.

    `at` is a moment (epoch seconds): the last row known by then, without it the last of
    all. 50 and the points are the grade before it is cut to 0-100. Empty where there is
    no grade. Raises `KeyError` for an asset that is not graded.
    """
    if asset not in grades.symbols:
        raise KeyError(asset)
    column = grades.symbols.index(asset)
    row = len(grades.closes_at) - 1
    if at is not None:
        row = int(np.searchsorted(grades.closes_at, at, "right")) - 1
    if row < 0 or np.isnan(grades.grade[row, column]):
        return ()
    weights = {**WEIGHTS, **EXTRA_WEIGHTS}
    values = {name: float(c[row, column]) for name, c in grades.components.items()}
    known = {name: value for name, value in values.items() if not isnan(value)}
    whole = sum(weights[name] for name in known)
    shares = (
        Share(
            name=name,
            value=round(value, DECIMALS),
            weight=weights[name] / whole,
            points=round(STRETCH * weights[name] / whole * (value - 50.0), DECIMALS),
        )
        for name, value in known.items()
    )
    return tuple(sorted(shares, key=lambda s: (-abs(s.points), s.name)))
