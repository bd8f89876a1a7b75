"""What a grade is made of: each component of every asset, one bar after the other.

`Indicators` knows everything up to the last close of a day. `look` says what the
components are at a price now, a part of a day later, and changes nothing; `settle`
takes a look at a full day as the new last close. So a grade within the day uses whole
days and the price now, and at the end of the day it is exactly the day's grade.

Only `+ - * /`, `sqrt`, comparisons, `frexp` and sorting are used, in a fixed order: all
of them are exact by IEEE 754, hence the same on every machine. Logarithms, powers and
sums of the mathematics libraries are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.embedded.grid import Floats

#: days of the averages that price is compared with
TREND_DAYS = (20, 50, 100)
#: days over which momentum is measured
MOMENTUM_DAYS = (10, 30, 90)
#: days of the channels that price breaks out of
CHANNEL_DAYS = (20, 55)
#: days of the usual daily move
VOLATILITY_DAYS = 30
#: days over which volume is added up by direction
VOLUME_DAYS = 20
#: days of the high that a drawdown is measured from
HIGH_DAYS = 90
#: days over which steadiness and strength are measured
STATISTIC_DAYS = 30
#: so many days make a history; a younger asset gets no grade
ENOUGH_DAYS = 90
#: after so many days without a candle an asset begins anew
FORGET_DAYS = 30
#: a daily move counts at most so many times the usual one
MOST_MOVE = 4.0
#: nothing moves less a day than this: stablecoins have no trend
LEAST_SIGMA = 0.005
#: volume counts at most so many times its average
MOST_VOLUME = 5.0
#: with fewer assets there is no market to be stronger than
MARKET_SIZE = 5

PARTS = 24

_LN2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476
_RING = max(*MOMENTUM_DAYS, *CHANNEL_DAYS, HIGH_DAYS, STATISTIC_DAYS) + 1


def ln(x: Floats) -> Floats:
    """Return the natural logarithm to about 1e-13, to the same bit everywhere."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _ROOT_HALF
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    exponent = np.where(low, exponent - 1, exponent)
    y = (mantissa - 1.0) / (mantissa + 1.0)
    square = y * y
    series = np.full_like(y, 1.0 / 15.0)
    for odd in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        series = series * square + 1.0 / odd
    return 2.0 * y * series + exponent * _LN2


def squash(x: Floats) -> Floats:
    """Map any number to 0-100, nothing to 50."""
    return 50.0 + 50.0 * x / np.sqrt(1.0 + x * x)


def median_of(values: Floats) -> float:
    """Return the median of what is known, NaN where that is too little."""
    known = np.sort(values[~np.isnan(values)])
    if len(known) < MARKET_SIZE:
        return float("nan")
    middle = len(known) // 2
    if len(known) % 2:
        return float(known[middle])
    return float((known[middle - 1] + known[middle]) * 0.5)


def decay(days: int, parts: int) -> float:
    """Return what stays of an average of so many days after so many hours."""
    whole = 1.0 - 2.0 / (days + 1.0)
    return whole if parts == PARTS else round(whole ** (parts / PARTS), 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a price means: components 0-100 (NaN = unknown), and the state with it."""

    components: Mapping[str, Floats]
    price: Floats
    sigma: Floats
    is_known: np.ndarray
    averages: Mapping[str, Floats]


class Indicators:
    """Everything known of `count` assets at the last close of a day."""

    def __init__(self, count: int) -> None:
        self.days = np.zeros(count, dtype=np.int64)
        self.gap = np.zeros(count, dtype=np.int64)
        self._names = (
            *(f"trend{n}" for n in TREND_DAYS),
            "variance",
            "variance_weight",
            "path",
            "up_volume",
            "all_volume",
            "volume",
            "volume_weight",
        )
        self.averages: dict[str, Floats] = {n: np.zeros(count) for n in self._names}
        self.price = np.full(count, np.nan)
        self._ring = np.full((2 * _RING, count), np.nan)
        self._at = 0

    @property
    def sigma(self) -> Floats:
        """The usual move of a day, as a share of the price; NaN before the second."""
        weight = self.averages["variance_weight"]
        with np.errstate(invalid="ignore", divide="ignore"):
            sigma = np.sqrt(self.averages["variance"] / weight)
        return np.maximum(sigma, LEAST_SIGMA)

    def look(self, close: Floats, volume: Floats, parts: int = PARTS) -> Look:
        """Say what closes (NaN = unknown) and 24 hours' volume mean now.

        `parts` is how many hours of the day have passed since the last close, 1 to 24.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._look(close, volume, parts)

    def _look(self, close: Floats, volume: Floats, parts: int) -> Look:
        is_known = ~np.isnan(close)
        price = np.where(is_known, ln(close), self.price)
        before = self.averages
        after: dict[str, Floats] = {}
        is_first = np.isnan(self.price)
        move = np.where(is_first, 0.0, price - self.price)
        # after days without a candle the move is spread over them
        move = move / np.sqrt(1.0 + self.gap)
        sigma_before = self.sigma
        limit = np.where(np.isnan(sigma_before), np.inf, MOST_MOVE * sigma_before)
        move = np.clip(move, -limit, limit)

        keep = decay(VOLATILITY_DAYS, parts)
        day = 1.0 - decay(VOLATILITY_DAYS, PARTS)
        after["variance"] = before["variance"] * keep + move * move * day
        after["variance_weight"] = np.where(
            is_first, 0.0, before["variance_weight"] * keep + (1.0 - keep)
        )
        sigma = np.maximum(
            np.sqrt(after["variance"] / after["variance_weight"]), LEAST_SIGMA
        )
        for days in TREND_DAYS:
            keep = decay(days, parts)
            name = f"trend{days}"
            after[name] = np.where(
                is_first, price, before[name] * keep + price * (1.0 - keep)
            )

        unit = np.clip(move / sigma, -2.0, 2.0) * 0.5
        keep = decay(VOLUME_DAYS, parts)
        day = 1.0 - decay(VOLUME_DAYS, PARTS)
        mean_volume = before["volume"] / before["volume_weight"]
        traded = np.where(
            np.isnan(mean_volume),
            volume,
            np.minimum(volume, MOST_VOLUME * mean_volume),
        )
        is_traded = ~np.isnan(traded)
        flow = np.where(is_traded, traded, 0.0)
        after["up_volume"] = before["up_volume"] * keep + flow * unit * day
        after["all_volume"] = before["all_volume"] * keep + flow * (1.0 - keep)
        after["volume"] = np.where(
            is_traded, before["volume"] * keep + flow * (1.0 - keep), before["volume"]
        )
        after["volume_weight"] = np.where(
            is_traded,
            before["volume_weight"] * keep + (1.0 - keep),
            before["volume_weight"],
        )
        path_keep = decay(STATISTIC_DAYS, parts)
        path_day = 1.0 - decay(STATISTIC_DAYS, PARTS)
        after["path"] = before["path"] * path_keep + np.abs(move) * path_day

        components = self._components(price, sigma, after, parts)
        ready = is_known & (self.days + 1 >= ENOUGH_DAYS)
        components = {n: np.where(ready, c, np.nan) for n, c in components.items()}
        middle = median_of(components["strength"])
        components["strength"] = squash(components["strength"] - middle)
        return Look(
            components=components,
            price=price,
            sigma=sigma,
            is_known=is_known,
            averages=after,
        )

    def _components(
        self, price: Floats, sigma: Floats, after: Mapping[str, Floats], parts: int
    ) -> dict[str, Floats]:
        part = parts / PARTS

        def ago(days: int) -> Floats:
            """Return the price so many days before now, between two closes."""
            older, newer = self._close(days), self._close(days - 1)
            if parts == PARTS:
                return newer
            return older + (newer - older) * part

        def within(days: int) -> Floats:
            return self._ring[self._at + _RING - days + 1 : self._at + _RING]

        trend = np.zeros_like(price)
        for days in TREND_DAYS:
            distance = (price - after[f"trend{days}"]) / sigma
            trend = trend + squash(distance / np.sqrt(days / 4.0))
        momentum = np.zeros_like(price)
        raw = np.zeros_like(price)
        for days in MOMENTUM_DAYS:
            moved = (price - ago(days)) / (sigma * np.sqrt(float(days)))
            momentum = momentum + squash(moved)
            raw = raw + moved
        breakout = np.zeros_like(price)
        for days in CHANNEL_DAYS:
            top = np.fmax.reduce(within(days), axis=0)
            bottom = np.fmin.reduce(within(days), axis=0)
            middle = (top + bottom) * 0.5
            half = np.maximum((top - bottom) * 0.5, sigma)
            breakout = breakout + 50.0 + 50.0 * np.clip((price - middle) / half, -1, 1)
        high = np.fmax(np.fmax.reduce(within(HIGH_DAYS), axis=0), price)
        fall = (high - price) / (sigma * np.sqrt(float(HIGH_DAYS)))
        flow = after["up_volume"] / after["all_volume"]
        steady = (price - ago(STATISTIC_DAYS)) / (after["path"] * STATISTIC_DAYS)
        return {
            "trend": trend / len(TREND_DAYS),
            "momentum": momentum / len(MOMENTUM_DAYS),
            "breakout": breakout / len(CHANNEL_DAYS),
            "volume": squash(4.0 * flow),
            "drawdown": 100.0 - 100.0 * fall / np.sqrt(1.0 + fall * fall),
            "strength": raw / len(MOMENTUM_DAYS),
            "steadiness": squash(2.0 * steady),
        }

    def _close(self, days: int) -> Floats:
        """Return the close so many days before the last one; 0 is the last."""
        row: Floats = self._ring[self._at + _RING - 1 - days]
        return row

    def settle(self, look: Look) -> None:
        """Take a look at a whole day (24 parts) as the new last close."""
        known = look.is_known
        for name in self._names:
            self.averages[name] = np.where(
                known, look.averages[name], self.averages[name]
            )
        self.price = look.price
        self.days = self.days + known
        self.gap = np.where(known, 0, self.gap + 1)
        self._ring[self._at] = self.price
        self._ring[self._at + _RING] = self.price
        self._at = (self._at + 1) % _RING
        forgotten = (self.gap > FORGET_DAYS) & (self.days > 0)
        if forgotten.any():
            self._forget(forgotten)

    def _forget(self, assets: np.ndarray) -> None:
        for values in self.averages.values():
            values[assets] = 0.0
        self.price = np.where(assets, np.nan, self.price)
        self._ring[:, assets] = np.nan
        self.days = np.where(assets, 0, self.days)
        self.gap = np.where(assets, 0, self.gap)
