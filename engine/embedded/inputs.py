"""Components from what is known besides candles."""

import numpy as np

from engine.embedded.arithmetic import kept, ln, squash
from engine.embedded.grid import Floats

#: active addresses of so many days are compared with those of so many
_NOW_DAYS, _USUAL_DAYS = 10, 60


def activity_of(counts: Floats) -> Floats:
    """Return how busy chains are, 0-100, from daily active addresses (NaN = unknown).

    50 is as busy as usual. Shape (T, N) as given; the first 60 known days of a chain
    are NaN. A row says what its own count and earlier ones say.
    """
    result = np.full_like(counts, np.nan)
    size = counts.shape[1]
    sums, weights = np.zeros((2, size)), np.zeros((2, size))
    keep = np.array([[kept(_NOW_DAYS)], [kept(_USUAL_DAYS)]])
    days = np.zeros(size, dtype=np.int64)
    for n, row in enumerate(counts):
        is_known = ~np.isnan(row)
        days = days + is_known
        new = np.where(is_known, row, 0.0) * (1.0 - keep)
        sums = np.where(is_known, sums * keep + new, sums)
        weights = np.where(is_known, weights * keep + (1.0 - keep), weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = (sums[0] / weights[0]) / (sums[1] / weights[1])
        is_usable = is_known & (days > _USUAL_DAYS) & (ratio > 0)
        busy = squash(4.0 * ln(np.where(is_usable, ratio, 1.0)))
        result[n] = np.where(is_usable, busy, np.nan)
    return result
