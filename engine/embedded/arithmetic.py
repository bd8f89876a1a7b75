"""Arithmetic that gives the same bits on every machine.

Only `+ - * /`, `sqrt`, comparisons, `frexp` and sorting, in a fixed order: all of them
are exact by IEEE 754. Logarithms, powers and sums of the libraries are not: they differ
in the last bits between processors and versions.
"""

import numpy as np

from engine.embedded.grid import Floats
from engine.embedded.tuning import MARKET_SIZE

#: a day has so many parts at which it can be looked at: its hours
PARTS = 24

_LN2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476


def ln(x: Floats) -> Floats:
    """Return the natural logarithm, good to about 1e-13."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < _ROOT_HALF
    mantissa = np.where(low, mantissa * 2.0, mantissa)
    exponent = exponent - low
    y = (mantissa - 1.0) / (mantissa + 1.0)
    square = y * y
    series = square * (1.0 / 15.0)
    for odd in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        series += 1.0 / odd
        series *= square
    series += 1.0
    result: Floats = 2.0 * y * series + exponent * _LN2
    return result


def squash(x: Floats) -> Floats:
    """Map any number to 0-100, and nothing to 50."""
    result: Floats = x * 50.0 / np.sqrt(x * x + 1.0) + 50.0
    return result


def median_of(values: Floats) -> float:
    """Return the median of what is known; NaN where that is too little."""
    ordered = np.sort(values)  # NaN goes to the end
    count = len(values) - int(np.count_nonzero(np.isnan(values)))
    if count < MARKET_SIZE:
        return float("nan")
    middle = count // 2
    if count % 2:
        return float(ordered[middle])
    return float((ordered[middle - 1] + ordered[middle]) * 0.5)


def kept(days: int, parts: int = PARTS) -> float:
    """Return what stays of an average over so many days after so many hours."""
    whole = 1.0 - 2.0 / (days + 1.0)
    # rounded, for a power's last bits differ between machines
    return whole if parts == PARTS else round(whole ** (parts / PARTS), 12)
