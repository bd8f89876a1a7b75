"""From grades to signals: two lines with room between, and a sieve for bad ticks."""

import numpy as np
from numpy.typing import NDArray

from engine.embedded.grid import Floats

Signals = NDArray[np.int8]

#: a bearish asset turns bullish when its grade gets here
BULLISH_FROM = 60.0
#: a bullish asset turns bearish when its grade falls here
BEARISH_FROM = 45.0
#: a jump of less than this share of the price is never doubted
LEAST_JUMP = 0.3
#: nor is one of less than so many usual daily moves
SIGMA_JUMP = 8.0


class Standing:
    """The standing signal of each asset: 0 until its first grade, then 1 or -1."""

    def __init__(self, count: int) -> None:
        self.signal: Signals = np.zeros(count, dtype=np.int8)

    def push(self, grade: Floats) -> Signals:
        """Take the grades of one bar (NaN = none, changes nothing)."""
        is_new = (self.signal == 0) & ~np.isnan(grade)
        middle = (BULLISH_FROM + BEARISH_FROM) * 0.5
        up = (grade >= BULLISH_FROM) | (is_new & (grade >= middle))
        down = (grade <= BEARISH_FROM) | (is_new & (grade < middle))
        self.signal = np.where(up, 1, np.where(down, -1, self.signal)).astype(np.int8)
        return self.signal


class Sieve:
    """Doubts a jump until a second candle shows it: one bad candle is nobody's price.

    A doubted close counts as if the price had stayed where it was. The next candle
    decides: nearer to the jump, and the jump was real; else it never was.
    """

    def __init__(self, count: int) -> None:
        self.price = np.full(count, np.nan)
        self._doubted = np.full(count, np.nan)

    def push(self, close: Floats, sigma: Floats) -> Floats:
        """Return the closes to believe (NaN = unknown) of one bar."""
        last = self.price
        with np.errstate(invalid="ignore", divide="ignore"):
            jump = _apart(close, last)
            least = 1.0 + np.fmax(LEAST_JUMP, SIGMA_JUMP * sigma)
            is_shown_twice = _apart(close, self._doubted) < jump
            is_doubtful = (jump > least) & ~is_shown_twice
        believed = np.where(is_doubtful, last, close)
        is_known = ~np.isnan(close)
        self._doubted = np.where(
            is_known, np.where(is_doubtful, close, np.nan), self._doubted
        )
        self.price = np.where(is_known, believed, last)
        return believed


def _apart(a: Floats, b: Floats) -> Floats:
    """Return how many times the smaller the greater is; NaN if one is unknown."""
    return np.maximum(a, b) / np.minimum(a, b)
