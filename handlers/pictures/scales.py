"""Scales: which values are marked on an axis, how they are written, where they lie."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from bot import words

#: from this ratio of highest to lowest on, equal moves are shown as equally far
LOG_FROM: Final = 5.0
#: steps that people count in
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
#: free room over and under the curve, as a part of its height
_ROOM: Final = 0.08
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_STEPS: Final = (
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 3, 7, 14)),
)
_MONTHS: Final = (1, 2, 3, 6, 12)
_MONTH: Final = timedelta(days=30.4)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values between `low` and `high` to 0 to 1, evenly or by their logarithm."""

    low: float
    high: float
    is_log: bool = False

    def part(self, value: float) -> float:
        """Return how far up a value lies; outside it stays on the border."""
        low, high = self._bend(self.low), self._bend(self.high)
        if high <= low:
            return 0.5
        return min(1.0, max(0.0, (self._bend(value) - low) / (high - low)))

    def _bend(self, value: float) -> float:
        if not self.is_log:
            return value
        return math.log(max(value, self.low))


def price_scale(prices: Sequence[float]) -> Scale:
    """Return a scale around prices, all of them finite and above zero."""
    low, high = min(prices), max(prices)
    if high / low >= LOG_FROM:
        room = (high / low) ** _ROOM
        return Scale(low / room, high * room, is_log=True)
    room = (high - low) * _ROOM or high * 0.05
    return Scale(max(low - room, low * 0.5), high + room)


def price_ticks(scale: Scale, most: int) -> list[float]:
    """Return prices to mark: round ones, at most `most` of them."""
    if scale.is_log:
        return _log_ticks(scale, most)
    span = scale.high - scale.low
    if not span > 0:
        return []
    size: float = 10.0 ** math.floor(math.log10(span / most))
    step = next(size * n for n in _NICE if span / (size * n) <= most)
    first = math.ceil(scale.low / step)
    count = math.floor(scale.high / step) - first + 1
    return [(first + i) * step for i in range(min(count, most))]


def _log_ticks(scale: Scale, most: int) -> list[float]:
    """Return 1, 2, 5 of every power of ten, or fewer, evenly by their logarithm."""
    low, high = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    found: list[float] = []
    for figures in ((1, 2, 5), (1, 3), (1,)):
        marked = [f * 10.0**power for power in range(low, high + 1) for f in figures]
        found = [value for value in marked if scale.low <= value <= scale.high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def tick_price(value: float, ticks: Sequence[float]) -> str:
    """Write a marked price as shortly as tells it from its neighbours."""
    if value >= 1e5:  # noqa: PLR2004 - from here on short forms are read sooner
        return _short(value, ticks)
    gaps = [b - a for a, b in pairwise(ticks)]
    is_even = bool(gaps) and max(gaps) < 1.01 * min(gaps)
    # Where they are not even, by their logarithm, each is as fine as itself.
    fine = min(*gaps, value) if is_even else value
    decimals = 0
    while decimals < 20 and _is_cut(fine, decimals):  # noqa: PLR2004 - doubles end there
        decimals += 1
    return f"${value:,.{decimals}f}"


def _is_cut(value: float, decimals: int) -> bool:
    """Whether so few decimals show another value."""
    return abs(round(value, decimals) - value) > 1e-3 * abs(value)


def _short(value: float, ticks: Sequence[float]) -> str:
    for size, letter in ((1e12, "t"), (1e9, "b"), (1e6, "m"), (1e3, "k")):
        if value >= size:
            decimals = 0
            while decimals < 3 and any(_is_cut(t / size, decimals) for t in ticks):  # noqa: PLR2004 - the next letter is so far
                decimals += 1
            return f"${value / size:,.{decimals}f}{letter}"
    return words.price(value)


def times(
    since: datetime, until: datetime, fits: Callable[[Sequence[str]], bool]
) -> list[tuple[datetime, str]]:
    """Return moments to mark with what is written under them.

    As many as `fits` allows, which is given the texts; whole hours, days or months.
    """
    found: list[tuple[datetime, str]] = []
    for step in _STEPS:
        if (until - since) / step <= 12:  # noqa: PLR2004 - never more than that fit
            found = _even(since, until, step)
            if fits([text for _, text in found]):
                return found
    for months in _MONTHS:
        found = _monthly(since, until, months)
        if fits([text for _, text in found]):
            return found
    return found[:1]


def _even(
    since: datetime, until: datetime, step: timedelta
) -> list[tuple[datetime, str]]:
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    if step >= _DAY:
        # Counted back from the end: the newest day is the one that is looked for.
        last = datetime(until.year, until.month, until.day, tzinfo=UTC)
        start = last - step * ((last - start) // step)
    moments = []
    while start <= until:
        if start >= since:
            moments.append(start)
        start += step
    return [(at, _written(at, step)) for at in moments]


def _monthly(
    since: datetime, until: datetime, months: int
) -> list[tuple[datetime, str]]:
    found: list[tuple[datetime, str]] = []
    number = since.year * 12 + since.month - 1
    while True:
        at = datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
        if at > until:
            return found
        if at >= since and number % months == 0:
            name = f"{at:%b} 1" if months == 1 else f"{at:%b}"
            text = f"{at:%Y}" if at.month == 1 else name
            found.append((at, text))
        number += 1


def _written(at: datetime, step: timedelta) -> str:
    if step < _DAY and at.hour:
        return f"{at:%H:%M}"
    return f"{at:%b} {at.day}"
