"""How long grading takes: 2,000 assets x 3 years of days, and one live hour of 500.

The baseline is the least that anything over the same candles could do: one rolling mean
of 20 days in bare numpy; for the hour, the mean of the closes an hour looks at.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np

from benchmarks.figures import Figure
from engine.embedded.grading import Grader, feed_history, grade
from engine.embedded.grid import DAY, HOUR, CandleGrid

_FIRST = 19_000 * DAY
_MEAN_DAYS = 20
_WINDOW = 64
_REPEATS = 5
_HOURS = 48


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    figures: dict[str, Figure] = {}
    if "grade_2000x3y_s" in names:
        figures["grade_2000x3y_s"] = _history()
    if "grade_hour_500_s" in names:
        figures["grade_hour_500_s"] = _hour()
    return figures


def _candles(assets: int, rows: int, step: int, first: int = _FIRST) -> CandleGrid:
    draws = np.random.default_rng(7)
    moves = draws.standard_normal((rows, assets)) * 0.04 * (step / DAY) ** 0.5
    return CandleGrid.of_closes(
        [f"C{n}" for n in range(assets)],
        first + np.arange(rows) * step,
        step,
        np.exp(np.cumsum(moves, axis=0)) * 10.0,
        np.exp(draws.standard_normal((rows, assets))) * 1e6,
    )


def _took(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _rolling_mean(values: np.ndarray) -> np.ndarray:
    total = np.cumsum(values, axis=0)
    total[_MEAN_DAYS:] = total[_MEAN_DAYS:] - total[:-_MEAN_DAYS]
    return total / _MEAN_DAYS


def _history() -> Figure:
    grid = _candles(2_000, 3 * 365, DAY)
    graded = grade(grid)
    assert not np.isnan(graded.grade[-1]).any()
    ours = min(_took(lambda: grade(grid)) for _ in range(_REPEATS))
    bare = min(_took(lambda: _rolling_mean(grid.close)) for _ in range(_REPEATS))
    return Figure.of(ours, "s", bare)


def _hour() -> Figure:
    days = _candles(500, 400, DAY)
    hours = _candles(500, _HOURS, HOUR, int(days.closes_at[-1]))
    grader = Grader(days.symbols)
    feed_history(grader, days, int(hours.opens_at[0]))
    window = days.close[-_WINDOW:]

    def push(n: int) -> None:
        row = grader.push_hour(int(hours.opens_at[n]), hours.close[n], hours.volume[n])
        assert row.grade.shape == (1, 500)

    ours = median(_took(lambda n=n: push(n)) for n in range(_HOURS))
    bare = median(_took(lambda: window.mean(axis=0)) for _ in range(_HOURS))
    ratio = ours / bare
    # Milliseconds have no place in four decimals of a second: kept to a microsecond.
    return Figure(
        value=round(ours, 6), unit="s", baseline=round(bare, 6), ratio=round(ratio, 3)
    )
