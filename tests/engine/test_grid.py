"""Candles as arrays."""

import numpy as np
import pytest
from synthetic_candles import candles

from engine.embedded.grid import DAY, HOUR, CandleGrid


def rows(grid):
    return [int(at) for at in grid.opens_at]


def test_candles_in_any_order_become_a_grid_with_gaps_unknown():
    grid = CandleGrid.of_rows(
        ("A", "B"),
        HOUR,
        [1, 0, 0, 0],
        [3 * HOUR, 5 * HOUR, 2 * HOUR, 2 * HOUR],
        [[1, 1, 1, 7, 70], [1, 1, 1, 5, 50], [1, 1, 1, 2, 20], [1, 1, 1, 3, 30]],
    )
    assert rows(grid) == [n * HOUR for n in (2, 3, 4, 5)]
    np.testing.assert_array_equal(grid.close[:, 0], [3, np.nan, np.nan, 5])
    np.testing.assert_array_equal(grid.close[:, 1], [np.nan, 7, np.nan, np.nan])
    assert grid.volume[3, 0] == 50
    assert CandleGrid.of_rows(("A",), HOUR, [], [], np.empty((0, 5))).shape == (0, 1)


def test_a_cut_keeps_what_had_closed():
    grid = candles(rows=5)
    third = int(grid.closes_at[2])
    assert len(grid.cut(third).opens_at) == 3
    assert len(grid.cut(third - 1).opens_at) == 2
    assert rows(grid.since(third)) == rows(grid)[3:]


def test_appended_rows_replace_and_gaps_are_filled():
    grid = candles(rows=10)
    first, second = grid.cut(int(grid.closes_at[5])), grid.since(int(grid.opens_at[4]))
    np.testing.assert_array_equal(first.append(second).close, grid.close)
    late = grid.since(int(grid.opens_at[8]))
    joined = first.append(late)
    assert rows(joined) == rows(grid)
    assert np.isnan(joined.close[6:8]).all()
    assert CandleGrid.empty(grid.symbols, DAY).append(grid).shape == grid.shape
    assert grid.append(CandleGrid.empty(grid.symbols, DAY)) is grid
    with pytest.raises(ValueError, match="same symbols"):
        grid.append(candles(assets=2))


def test_columns_are_picked_and_unknown_ones_are_empty():
    grid = candles(assets=3, rows=4).only(["C2", "X"])
    np.testing.assert_array_equal(grid.close[:, 0], candles(3, 4).close[:, 2])
    assert np.isnan(grid.close[:, 1]).all()


@pytest.mark.parametrize(
    ("symbols", "times", "step", "close", "what"),
    [
        (("A", "A"), [0], DAY, [[1, 1]], "twice"),
        (("A",), [0, 2 * DAY], DAY, [[1], [1]], "one step"),
        (("A",), [5], DAY, [[1]], "whole multiples"),
        (("A",), [0], 0, [[1]], "longer than nothing"),
        (("A",), [0], DAY, [[0]], "close has a value"),
        (("A",), [0], DAY, [[float("inf")]], "close has a value"),
        (("A",), [0], DAY, [[1, 2]], "shape"),
    ],
)
def test_what_cannot_be_is_refused(symbols, times, step, close, what):
    with pytest.raises(ValueError, match=what):
        CandleGrid.of_closes(symbols, times, step, close)
