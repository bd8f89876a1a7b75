"""Seeded candles that are the same on every machine: integers, no library's randomness.

Prices wander by a trend that changes now and then; nothing real is in them.
"""

import hashlib

import numpy as np

from engine.embedded.grid import DAY, CandleGrid

FIRST = 19_000 * DAY


def _draws(seed, count):
    """Return so many integers from 0 to 9,999."""
    blocks = (count * 4 + 63) // 64
    data = b"".join(
        hashlib.sha512(f"{seed} {n}".encode()).digest() for n in range(blocks)
    )
    return np.frombuffer(data, dtype="<u4")[:count].astype(np.int64) % 10_000


def candles(assets=8, rows=260, step=DAY, seed="candles", first=FIRST):
    """Return a grid of so many assets and rows, every value known."""
    moves = _draws(f"{seed} moves", rows * assets).reshape(rows, assets)
    trends = _draws(f"{seed} trends", rows * assets).reshape(rows, assets)
    volumes = _draws(f"{seed} volumes", rows * assets).reshape(rows, assets)
    scale = (step / DAY) ** 0.5
    drift = np.zeros(assets)
    price = 10.0 + np.arange(assets)
    close = np.empty((rows, assets))
    for n in range(rows):
        turns = trends[n] < 250 * step / DAY
        drift = np.where(turns, (trends[n] % 7 - 3) * 0.005 * step / DAY, drift)
        price = price * (1.0 + drift + (moves[n] - 4_999.5) / 10_000 * 0.08 * scale)
        close[n] = price
    opened = np.vstack([close[:1], close[:-1]])
    return CandleGrid(
        symbols=tuple(f"C{n}" for n in range(assets)),
        opens_at=first + np.arange(rows, dtype=np.int64) * step,
        step_s=step,
        open=opened,
        high=np.maximum(opened, close) * 1.01,
        low=np.minimum(opened, close) * 0.99,
        close=close,
        volume=(1_000 + volumes) * 1_000.0,
    )


def changed(grid, **values):
    """Return the same grid with other opens, closes or volumes."""
    return CandleGrid(
        symbols=grid.symbols,
        opens_at=grid.opens_at,
        step_s=grid.step_s,
        open=values.get("open", grid.open),
        high=grid.high,
        low=grid.low,
        close=values.get("close", grid.close),
        volume=values.get("volume", grid.volume),
    )
