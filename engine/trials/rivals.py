"""Two signals that everybody knows, to compare ours with."""

import numpy as np

from engine.embedded.grid import Floats
from engine.embedded.standing import Signals
from engine.trials.outcomes import filled, mean_of


def crossing(close: Floats, fast: int = 50, slow: int = 200) -> Signals:
    """Bullish while the fast average is over the slow one."""
    price = filled(close)
    known = np.cumsum(~np.isnan(price), axis=0) >= slow
    level = np.nan_to_num(price)
    is_over = mean_of(level, fast) > mean_of(level, slow)
    return np.where(known, np.where(is_over, 1, -1), 0).astype(np.int8)


def breakout(close: Floats, days: int = 20) -> Signals:
    """Bullish from a close over all of the last days until one under all of them."""
    price = filled(close)
    signals = np.zeros(price.shape, dtype=np.int8)
    for n in range(days, len(price)):
        past = price[n - days : n]
        with np.errstate(invalid="ignore"):
            is_up = price[n] > past.max(axis=0)
            is_down = price[n] < past.min(axis=0)
        signals[n] = np.where(is_up, 1, np.where(is_down, -1, signals[n - 1]))
    return signals
