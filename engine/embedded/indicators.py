"""What a grade is made of: each component of every asset, one bar after the other.

`Indicators` knows everything up to the last close of a day. `look` says what the
components are at a price now, a part of a day later, and changes nothing; `settle`
takes a look at a whole day as the new last close. So a grade within the day uses whole
days and the price now, and at the end of the day it is exactly the day's grade.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.embedded.arithmetic import PARTS, kept, ln, median_of, squash
from engine.embedded.grid import Floats
from engine.embedded.tuning import (
    CHANNEL_DAYS,
    ENOUGH_DAYS,
    FORGET_DAYS,
    HIGH_DAYS,
    LEAST_SIGMA,
    MOMENTUM_DAYS,
    MOST_MOVE,
    MOST_VOLUME,
    ODDS_DAYS,
    STEADY_DAYS,
    TREND_DAYS,
    VOLATILITY_DAYS,
    VOLUME_DAYS,
    WEIGHTS,
    Tuning,
)

Mask = NDArray[np.bool_]

#: rows of the components, in the order of their weights
ROWS = {name: row for row, name in enumerate(WEIGHTS)}

# Rows of the running averages: the price's first, then these.
_PRICES = len(TREND_DAYS)
_VARIANCE, _PATH, _ODDS, _UP, _ALL, _VOLUME = range(_PRICES, _PRICES + 6)
_AVERAGES = _PRICES + 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What prices mean at one moment.

    Attributes:
        components: shape (components, N), 0-100, in the order of `ROWS`; NaN where
            unknown or the history is too short.
        price: logarithms of the prices; the last known where there is none.
        averages: what the running averages become by it.
        weights: how full the averages of the price's moves and of its volume are.
        is_known: which assets have a price.
    """

    components: Floats
    price: Floats
    averages: Floats
    weights: Floats
    is_known: Mask


@dataclass(frozen=True, slots=True)
class _Days:
    """The numbers of days at a pace."""

    trend: tuple[int, ...]
    momentum: tuple[int, ...]
    channel: tuple[int, ...]
    high: int
    steady: int
    averages: tuple[int, ...]
    smooth: int

    @classmethod
    def of(cls, tuning: Tuning) -> "_Days":
        paced = tuning.paced
        trend = tuple(paced(n) for n in TREND_DAYS)
        steady, volume = paced(STEADY_DAYS), paced(VOLUME_DAYS)
        return cls(
            trend=trend,
            momentum=tuple(paced(n) for n in MOMENTUM_DAYS),
            channel=tuple(paced(n) for n in CHANNEL_DAYS),
            high=paced(HIGH_DAYS),
            steady=steady,
            averages=(
                *trend,
                paced(VOLATILITY_DAYS),
                steady,
                paced(ODDS_DAYS),
                volume,
                volume,
                volume,
            ),
            smooth=tuning.smooth_days,
        )

    @property
    def longest(self) -> int:
        """How many closes must be remembered."""
        return max(*self.momentum, *self.channel, self.high, self.steady) + 1


@lru_cache(maxsize=64)
def _keeping(days: tuple[int, ...], parts: int) -> tuple[Floats, Floats]:
    """Return what averages keep after so many hours, and what a whole move gives."""
    keep = np.array([[kept(n, parts)] for n in days])
    give = np.array([[1.0 - kept(n)] for n in days])
    return keep, give


class Indicators:
    """Everything known of `count` assets at the last close of a day."""

    def __init__(self, count: int, tuning: Tuning) -> None:
        self.days = np.zeros(count, dtype=np.int64)
        self._span = _Days.of(tuning)
        self._gap = np.zeros(count, dtype=np.int64)
        self._averages = np.zeros((_AVERAGES, count))
        self._weights = np.zeros((2, count))
        self._smooth = np.full((len(ROWS), count), np.nan)
        self._price = np.full(count, np.nan)
        # Each close is written twice, so that the last ones always lie in one piece.
        self._size = self._span.longest
        self._closes = np.full((2 * self._size, count), np.nan)
        self._at = 0

    @property
    def sigma(self) -> Floats:
        """The usual move of a day as a share of the price; NaN before the second."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._sigma(self._averages[_VARIANCE], self._weights[0])

    @staticmethod
    def _sigma(variance: Floats, weight: Floats) -> Floats:
        sigma: Floats = np.maximum(np.sqrt(variance / weight), LEAST_SIGMA)
        return sigma

    def look(self, close: Floats, volume: Floats, parts: int = PARTS) -> Look:
        """Say what closes (NaN = unknown) and the volume of 24 hours mean now.

        `parts` is how many hours of the day have passed since the last close, 1 to 24.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            is_known = ~np.isnan(close)
            price = np.where(is_known, ln(close), self._price)
            averages, weights = self._averaged(price, volume, parts)
            components = self._components(price, averages, weights, parts)
            is_ready = is_known & (self.days + 1 >= ENOUGH_DAYS)
            if not is_ready.all():
                components[:, ~is_ready] = np.nan
            self._compare(components, is_ready)
            keep = kept(self._span.smooth, parts)
            smooth = self._smooth * keep + components * (1.0 - keep)
            components = np.where(np.isnan(self._smooth), components, smooth)
        return Look(
            components=components,
            price=price,
            averages=averages,
            weights=weights,
            is_known=is_known,
        )

    def _averaged(
        self, price: Floats, volume: Floats, parts: int
    ) -> tuple[Floats, Floats]:
        keep, give = _keeping(self._span.averages, parts)
        is_first = np.isnan(self._price)
        move = np.where(is_first, 0.0, price - self._price)
        # after days without a candle the move is spread over them
        move /= np.sqrt(self._gap + 1.0)
        limit = MOST_MOVE * self._sigma(self._averages[_VARIANCE], self._weights[0])
        limit = np.where(np.isnan(limit), np.inf, limit)
        move = np.minimum(np.maximum(move, -limit), limit)

        weights = np.empty_like(self._weights)
        weights[0] = self._weights[0] * keep[_VARIANCE] + (1.0 - keep[_VARIANCE])
        weights[0][is_first] = 0.0
        usual = self._averages[_VOLUME] / self._weights[1]
        traded = np.fmin(volume, MOST_VOLUME * usual)
        is_silent = np.isnan(volume)
        traded[is_silent] = 0.0
        weights[1] = self._weights[1] * keep[_VOLUME] + (1.0 - keep[_VOLUME])

        new = np.empty_like(self._averages)
        new[:_PRICES] = price
        new[_ODDS] = np.sign(move)
        new[_ALL] = traded
        new[_VOLUME] = traded
        new *= 1.0 - keep
        new[_VARIANCE] = move * move * give[_VARIANCE]
        new[_PATH] = np.abs(move) * give[_PATH]
        averages: Floats = self._averages * keep
        variance = averages[_VARIANCE] + new[_VARIANCE]
        unit = move / self._sigma(variance, weights[0])
        unit = np.minimum(np.maximum(unit, -2.0), 2.0) * 0.5
        unit[is_first] = 0.0
        new[_UP] = traded * unit * give[_UP]
        averages += new
        if is_first.any():
            averages[:_PRICES, is_first] = price[is_first]
        # a day of unknown volume says nothing of what is usual
        averages[_VOLUME, is_silent] = self._averages[_VOLUME, is_silent]
        weights[1][is_silent] = self._weights[1][is_silent]
        return averages, weights

    def _components(
        self, price: Floats, averages: Floats, weights: Floats, parts: int
    ) -> Floats:
        span = self._span
        sigma = self._sigma(averages[_VARIANCE], weights[0])
        found = np.empty((len(ROWS), len(price)))

        trend = np.zeros_like(price)
        for row, days in enumerate(span.trend):
            distance = (price - averages[row]) / sigma
            trend += squash(distance / np.sqrt(days / 4.0))
        found[ROWS["trend"]] = trend / len(span.trend)

        momentum, moved = np.zeros_like(price), np.zeros_like(price)
        for days in span.momentum:
            went = (price - self._ago(days, parts)) / (sigma * np.sqrt(float(days)))
            momentum += squash(went)
            moved += went
        found[ROWS["momentum"]] = momentum / len(span.momentum)
        found[ROWS["strength"]] = moved / len(span.momentum)

        breakout = np.zeros_like(price)
        for days in span.channel:
            closes = self._last(days - 1)
            top, bottom = closes.max(axis=0), closes.min(axis=0)
            half = np.maximum((top - bottom) * 0.5, sigma)
            place = (price - (top + bottom) * 0.5) / half
            breakout += np.minimum(np.maximum(place, -1.0), 1.0) * 50.0 + 50.0
        found[ROWS["breakout"]] = breakout / len(span.channel)

        flow = averages[_UP] / averages[_ALL]
        found[ROWS["volume"]] = squash(flow * 4.0)

        high = np.maximum(self._last(span.high - 1).max(axis=0), price)
        fall = (high - price) / (sigma * np.sqrt(float(span.high)))
        found[ROWS["drawdown"]] = 100.0 - 100.0 * fall / np.sqrt(fall * fall + 1.0)

        way = averages[_PATH] * span.steady
        # where nothing moves nothing is steady, either
        way = np.maximum(way, LEAST_SIGMA * np.sqrt(float(span.steady)))
        steady = (price - self._ago(span.steady, parts)) / way
        found[ROWS["steadiness"]] = squash(steady * 2.0)
        found[ROWS["odds"]] = squash(averages[_ODDS] * 4.0)
        return found

    @staticmethod
    def _compare(components: Floats, is_ready: Mask) -> None:
        """Fill in what needs the other assets: strength and the market."""
        moved = components[ROWS["strength"]]
        components[ROWS["strength"]] = squash(moved - median_of(moved))
        market = median_of(components[ROWS["trend"]])
        components[ROWS["market"]] = np.where(is_ready, market, np.nan)

    def _last(self, count: int) -> Floats:
        """Return so many last closes, oldest first."""
        end = self._at + self._size
        return self._closes[end - count : end]

    def _ago(self, days: int, parts: int) -> Floats:
        """Return the price so many days before now, between two closes."""
        older: Floats = self._last(days + 1)[0]
        newer: Floats = self._last(days)[0]
        if parts == PARTS:
            return newer
        return older + (newer - older) * (parts / PARTS)

    def settle(self, look: Look) -> Mask:
        """Take a look at a whole day as the new last close.

        Returns which assets were without a candle for so long that they begin anew.
        """
        known = look.is_known
        self._averages = np.where(known, look.averages, self._averages)
        self._weights = np.where(known, look.weights, self._weights)
        self._smooth = np.where(
            np.isnan(look.components), self._smooth, look.components
        )
        self._price = look.price
        self.days = self.days + known
        self._gap = np.where(known, 0, self._gap + 1)
        self._closes[self._at] = self._price
        self._closes[self._at + self._size] = self._price
        self._at = (self._at + 1) % self._size
        forgotten: Mask = (self._gap > FORGET_DAYS) & (self.days > 0)
        if forgotten.any():
            self._forget(forgotten)
        return forgotten

    def _forget(self, assets: Mask) -> None:
        self._averages[:, assets] = 0.0
        self._weights[:, assets] = 0.0
        self._smooth[:, assets] = np.nan
        self._closes[:, assets] = np.nan
        self._price = np.where(assets, np.nan, self._price)
        self.days = np.where(assets, 0, self.days)
        self._gap = np.where(assets, 0, self._gap)
