"""Candles of many assets as arrays: one row per step of time, one column per asset.

A row that is missing in between is there all the same, filled with NaN: what is unknown
is unknown, and rows are always `step_s` apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Moments = NDArray[np.int64]

HOUR = 3_600
DAY = 86_400

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleGrid:
    """Candles of `N` assets at `T` steps; NaN is unknown.

    Attributes:
        symbols: what the columns are; unique.
        opens_at: when each row's candles open, epoch seconds UTC, `step_s` apart and
            whole multiples of it.
        step_s: how long a candle lasts, in seconds.
        open: with `high`, `low`, `close`: prices in US dollars, shape (T, N); above 0.
        volume: what was traded while the candle was open, in US dollars; 0 or more.

    Raises `ValueError` where shapes, times or values can't be right.
    """

    symbols: tuple[str, ...]
    opens_at: Moments
    step_s: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __post_init__(self) -> None:
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("a symbol is there twice")
        times = np.ascontiguousarray(self.opens_at, dtype=np.int64)
        object.__setattr__(self, "opens_at", times)
        if self.step_s <= 0:
            raise ValueError("a candle must last longer than nothing")
        if len(times) and (
            times[0] % self.step_s or (np.diff(times) != self.step_s).any()
        ):
            raise ValueError("rows must be whole multiples of step_s, one step apart")
        for name in _VALUES:
            values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if values.shape != (len(times), len(self.symbols)):
                raise ValueError(f"{name} has shape {values.shape}")
            lowest = np.inf if not values.size else np.fmin.reduce(values, axis=None)
            if (
                lowest < 0
                or (name != "volume" and lowest == 0)
                or np.isinf(values).any()
            ):
                raise ValueError(f"{name} has a value that can't be")
            object.__setattr__(self, name, values)

    @property
    def closes_at(self) -> Moments:
        """When each row's candles have closed: from then on they are known."""
        return self.opens_at + self.step_s

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and how many assets."""
        return len(self.opens_at), len(self.symbols)

    @classmethod
    def empty(cls, symbols: Sequence[str], step_s: int) -> Self:
        """Return a grid without rows."""
        nothing = np.empty((0, len(symbols)))
        return cls(
            symbols=tuple(symbols),
            opens_at=np.empty(0, dtype=np.int64),
            step_s=step_s,
            open=nothing,
            high=nothing,
            low=nothing,
            close=nothing,
            volume=nothing,
        )

    @classmethod
    def of_closes(
        cls,
        symbols: Sequence[str],
        opens_at: ArrayLike,
        step_s: int,
        close: ArrayLike,
        volume: ArrayLike | None = None,
    ) -> Self:
        """Return a grid of which only closes, and perhaps volumes, are known."""
        closes = np.asarray(close, dtype=np.float64)
        unknown = np.full_like(closes, np.nan)
        volumes = unknown if volume is None else np.asarray(volume, dtype=np.float64)
        return cls(
            symbols=tuple(symbols),
            opens_at=np.asarray(opens_at, dtype=np.int64),
            step_s=step_s,
            open=unknown,
            high=unknown,
            low=unknown,
            close=closes,
            volume=volumes,
        )

    @classmethod
    def of_rows(
        cls,
        symbols: Sequence[str],
        step_s: int,
        column: ArrayLike,
        opens_at: ArrayLike,
        values: ArrayLike,
    ) -> Self:
        """Return a grid from candles in any order, one candle per row.

        Args:
            symbols: the columns.
            step_s: how long a candle lasts; times are floored to it.
            column: which symbol each candle is of, as its index.
            opens_at: when each opens, epoch seconds.
            values: shape (candles, 5): open, high, low, close, volume. Of two candles
                of one asset and time the later row counts.
        """
        columns = np.asarray(column, dtype=np.int64)
        times = np.asarray(opens_at, dtype=np.int64) // step_s
        cells = np.asarray(values, dtype=np.float64)
        if not len(times):
            return cls.empty(symbols, step_s)
        first = int(times.min())
        size = int(times.max()) - first + 1
        filled = np.full((len(_VALUES), size, len(symbols)), np.nan)
        for n in range(len(_VALUES)):
            filled[n, times - first, columns] = cells[:, n]
        return cls(
            symbols=tuple(symbols),
            opens_at=(np.arange(size, dtype=np.int64) + first) * step_s,
            step_s=step_s,
            **dict(zip(_VALUES, filled, strict=True)),
        )

    def cut(self, until: int) -> Self:
        """Return the rows that have closed by this moment (epoch seconds)."""
        return self._rows(
            slice(0, int(np.searchsorted(self.closes_at, until, "right")))
        )

    def since(self, moment: int) -> Self:
        """Return the rows that open at this moment or later."""
        return self._rows(slice(int(np.searchsorted(self.opens_at, moment)), None))

    def only(self, symbols: Sequence[str]) -> Self:
        """Return these columns, in this order; an unknown symbol is a column of NaN."""
        place = {symbol: n for n, symbol in enumerate(self.symbols)}
        found = [place.get(symbol, -1) for symbol in symbols]
        missing = np.array([n < 0 for n in found], dtype=bool)

        def pick(values: Floats) -> Floats:
            if not len(self.symbols):
                return np.full((len(values), len(symbols)), np.nan)
            picked = values[:, found]
            picked[:, missing] = np.nan
            return picked

        return self._with(
            symbols=tuple(symbols), **{n: pick(getattr(self, n)) for n in _VALUES}
        )

    def append(self, later: "CandleGrid") -> Self:
        """Return this grid with the rows of a later one added.

        Rows that both have are taken from the later one, steps between the two are
        filled with NaN. Raises `ValueError` where symbols or steps differ.
        """
        if later.symbols != self.symbols or later.step_s != self.step_s:
            raise ValueError("only a grid of the same symbols and step can be added")
        if not len(later.opens_at):
            return self
        if not len(self.opens_at):
            return self._with(**{f.name: getattr(later, f.name) for f in fields(later)})
        kept = self._rows(
            slice(0, int(np.searchsorted(self.opens_at, later.opens_at[0])))
        )
        begins = kept.opens_at[-1] + self.step_s if len(kept.opens_at) else None
        between = (
            np.arange(begins, later.opens_at[0], self.step_s, dtype=np.int64)
            if begins is not None
            else np.empty(0, dtype=np.int64)
        )
        gap = np.full((len(between), len(self.symbols)), np.nan)
        return self._with(
            opens_at=np.concatenate([kept.opens_at, between, later.opens_at]),
            **{
                name: np.concatenate([getattr(kept, name), gap, getattr(later, name)])
                for name in _VALUES
            },
        )

    def _rows(self, rows: slice) -> Self:
        return self._with(
            opens_at=self.opens_at[rows],
            **{name: getattr(self, name)[rows] for name in _VALUES},
        )

    def _with(self, **changed: object) -> Self:
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return type(self)(**values)
