"""What the wire asks for beyond a grade: parts, changes, returns, the market's signal.

Pure arithmetic on arrays of shape (steps, coins) or (coins,); NaN is unknown.
"""

from collections.abc import Mapping

import numpy as np

from engine.embedded.grid import Floats
from engine.embedded.tuning import DECIMALS, STATISTICAL, STRETCH, WEIGHTS

#: a grade from here on is a high one
HIGH_FROM = 80.0
#: shares of bullish coins at which the market turns
_BULLISH_FROM = 0.55
_BEARISH_FROM = 0.45
#: Token Metrics' words for grades, from the highest down
_BANDS = (
    (80.0, "Strong Buy", "Momentum Surging"),
    (60.0, "Buy", "Gaining Momentum"),
    (40.0, "Neutral", "Holding Steady"),
    (20.0, "Sell", "Losing Momentum"),
)
_LOWEST = ("Strong Sell", "Momentum Crashing")


def part_of(components: Mapping[str, Floats], *, is_statistical: bool) -> Floats:
    """Return the technical or the statistical part of grades, 0-100."""
    first = next(iter(components.values()))
    total, weight = np.zeros_like(first), np.zeros_like(first)
    for name, share in WEIGHTS.items():
        if (name in STATISTICAL) is is_statistical:
            known = ~np.isnan(components[name])
            total = total + np.where(known, components[name], 0.0) * share
            weight = weight + known * share
    with np.errstate(invalid="ignore", divide="ignore"):
        stretched = 50.0 + STRETCH * (total / weight - 50.0)
    part: Floats = np.clip(stretched, 0.0, 100.0).round(DECIMALS)
    return part


def change_of(now: Floats, before: Floats) -> Floats:
    """Return by how many per cent something changed; NaN where it was nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        change = (now - before) / before * 100.0
    found: Floats = np.where(np.isfinite(change), change.round(2), np.nan)
    return found


def new_signals(signal: np.ndarray) -> np.ndarray:
    """Return the signals that came with each step, 0 where the old one stood on."""
    before = np.vstack([np.zeros((1, signal.shape[1]), signal.dtype), signal[:-1]])
    return np.where(signal != before, signal, 0)


def returns(close: Floats, signal: np.ndarray) -> tuple[Floats, Floats]:
    """Return what following bullish signals, and holding, came to by each step.

    Counted from a coin's first signal; each signal from the next step on. 0.15 is 15 %.
    """
    filled = _filled(close)
    with np.errstate(invalid="ignore", divide="ignore"):
        move = filled[1:] / filled[:-1]
    move = np.where(np.isfinite(move) & (signal[:-1] != 0), move, 1.0)
    start = np.ones((1, close.shape[1]))
    held = np.cumprod(np.vstack([start, move]), axis=0)
    followed = np.cumprod(
        np.vstack([start, np.where(signal[:-1] == 1, move, 1.0)]), axis=0
    )
    unknown = signal == 0
    return (
        np.where(unknown, np.nan, np.round(followed - 1.0, 4)),
        np.where(unknown, np.nan, np.round(held - 1.0, 4)),
    )


def _filled(close: Floats) -> Floats:
    """Carry each coin's last price over what is unknown."""
    rows = np.where(np.isnan(close), 0, np.arange(len(close))[:, None])
    np.maximum.accumulate(rows, axis=0, out=rows)
    filled: Floats = np.take_along_axis(close, rows, axis=0)
    return filled


def market(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the market's signal at each step, and the one that stood before it."""
    now, last = 0, 0
    signals, lasts = [], []
    for row in signal:
        known = row[row != 0]
        share = float((known == 1).mean()) if len(known) else float("nan")
        # NaN is neither
        turned = 1 if share >= _BULLISH_FROM else -1 if share <= _BEARISH_FROM else now
        if turned != now:
            now, last = turned, now
        signals.append(now)
        lasts.append(last)
    return np.array(signals, dtype=np.int8), np.array(lasts, dtype=np.int8)


def words_of(grade: float) -> tuple[str, str]:
    """Return Token Metrics' words for a grade: its signal, and its momentum."""
    for above, signal, momentum in _BANDS:
        if grade > above:
            return signal, momentum
    return _LOWEST
