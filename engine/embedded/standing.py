"""From grades to signals: two lines with room between, and a sieve for bad ticks."""

import numpy as np
from numpy.typing import NDArray

from engine.embedded.grid import Floats, Moments
from engine.embedded.tuning import LEAST_JUMP, SIGMA_JUMP, Tuning

Signals = NDArray[np.int8]

_NEVER = np.iinfo(np.int64).max // 2


class Standing:
    """The standing signal of each asset: 0 until its first grade, then 1 or -1.

    The first grade's side of the middle between the two lines is where an asset
    begins. From then on a flip needs the other line passed now, a day ago and at every
    bar in between. A bar without a grade says nothing: it neither counts nor breaks.
    """

    def __init__(self, count: int, tuning: Tuning) -> None:
        self._tuning = tuning
        self.signal: Signals = np.zeros(count, dtype=np.int8)
        self._beyond_since: Moments = np.full(count, _NEVER, dtype=np.int64)

    def push(self, grade: Floats, closes_at: int) -> Signals:
        """Take the grades of one bar (NaN = none); return the standing signals."""
        is_graded = ~np.isnan(grade)
        is_new = (self.signal == 0) & is_graded
        high, low = self._tuning.bullish_from, self._tuning.bearish_from
        middle = (high + low) * 0.5
        start = np.where(grade >= middle, 1, -1)
        standing = np.where(is_new, start, self.signal)
        is_beyond = np.where(standing == 1, grade <= low, grade >= high)
        since = np.where(is_beyond, np.minimum(self._beyond_since, closes_at), _NEVER)
        since = np.where(is_graded, since, self._beyond_since)
        flips = is_graded & is_beyond & (closes_at - since >= self._tuning.stays_s)
        self.signal = np.where(flips, -standing, standing).astype(np.int8)
        self._beyond_since = np.where(flips, _NEVER, since)
        return self.signal

    def forget(self, assets: NDArray[np.bool_]) -> None:
        """Let these assets begin anew: their signal is 0 again."""
        self.signal = np.where(assets, 0, self.signal).astype(np.int8)
        self._beyond_since = np.where(assets, _NEVER, self._beyond_since)


class Sieve:
    """Doubts a jump until a second candle shows it: one bad candle is nobody's price.

    A doubted close counts as if the price had stayed where it was. The next candle
    decides: nearer to the jump, and the jump was real; else it never was.
    """

    def __init__(self, count: int) -> None:
        self._price = np.full(count, np.nan)
        self._doubted = np.full(count, np.nan)

    def push(self, close: Floats, sigma: Floats) -> Floats:
        """Return the closes of one bar to believe (NaN = unknown)."""
        last = self._price
        with np.errstate(invalid="ignore", divide="ignore"):
            jump = _apart(close, last)
            least = 1.0 + np.fmax(LEAST_JUMP, SIGMA_JUMP * sigma)
            is_shown_twice = _apart(close, self._doubted) < jump
            is_doubtful = (jump > least) & ~is_shown_twice
        believed = np.where(is_doubtful, last, close)
        is_known = ~np.isnan(close)
        doubted = np.where(is_doubtful, close, np.nan)
        self._doubted = np.where(is_known, doubted, self._doubted)
        self._price = np.where(is_known, believed, last)
        return believed

    def forget(self, assets: NDArray[np.bool_]) -> None:
        """Let these assets begin anew."""
        self._price = np.where(assets, np.nan, self._price)
        self._doubted = np.where(assets, np.nan, self._doubted)


def _apart(a: Floats, b: Floats) -> Floats:
    """Return how many times the smaller the greater is; NaN if one is unknown."""
    return np.maximum(a, b) / np.minimum(a, b)
