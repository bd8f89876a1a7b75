"""Candles from files."""

import gzip

import numpy as np
import pytest

from bot.errors import ConfigError
from engine.embedded.candle_files import is_candles, load_candles
from engine.embedded.grid import DAY, HOUR


def written(path, text):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_one_asset_is_named_after_its_file(tmp_path):
    file = written(
        tmp_path / "BTC.csv",
        "time,open,high,low,close,volume\n"
        "2024-01-01,1,3,0.5,2,100\n2024-01-02,2,4,1,3,\n2024-01-04,3,5,2,4,300\n",
    )
    grid = load_candles(file).grid
    assert (grid.symbols, grid.step_s, grid.shape) == (("BTC",), DAY, (4, 1))
    np.testing.assert_array_equal(grid.close[:, 0], [2, 3, np.nan, 4])
    np.testing.assert_array_equal(grid.volume[:, 0], [100, np.nan, np.nan, 300])
    assert int(grid.opens_at[0]) == 1704067200


@pytest.mark.parametrize(
    "times", [("1704067200", "1704070800"), ("1704067200000", "1704070800000")]
)
def test_hours_of_many_assets_by_epoch(tmp_path, times):
    first, second = times
    file = written(
        tmp_path / "all.csv.gz",
        f"symbol,timestamp,close\nA,{first},1\nB,{first},2\nA,{second},3\nB,{second},4\n",
    )
    grid = load_candles(file).grid
    assert (grid.symbols, grid.step_s) == (("A", "B"), HOUR)
    np.testing.assert_array_equal(grid.close, [[1, 2], [3, 4]])
    assert np.isnan(grid.open).all()


def test_a_value_at_midnight_is_the_close_of_the_day_before(tmp_path):
    written(
        tmp_path / "daily.csv",
        "coin_id,date,price_usd,volume_usd,market_cap_usd\n"
        "one,2024-01-02,5,10,100\none,2024-01-03,6,20,200\n"
        "dollar,2024-01-02,1,1,1\ndollar,2024-01-03,1,1,1\n",
    )
    written(
        tmp_path / "assets.csv", "coin_id,symbol,is_stable,is_wrapped\ndollar,D,1,0\n"
    )
    written(tmp_path / "hourly.csv", "perp,t,close\nX,2024-01-01T00,1\n")
    files = load_candles(tmp_path)
    assert files.grid.symbols == ("one",)
    assert int(files.grid.closes_at[0]) == 1704153600
    np.testing.assert_array_equal(files.market_cap[:, 0], [100, 200])


def test_values_that_cannot_be_are_unknown(tmp_path):
    file = written(
        tmp_path / "A.csv",
        "time,high,close,volume\n2024-01-01,0,1,-5\n2024-01-02,2,0,1\n"
        "2024-01-03,2,-1,1\n2024-01-04,inf,2,inf\n2024-01-05,2,nan,1\n",
    )
    grid = load_candles(file).grid
    np.testing.assert_array_equal(grid.close[:, 0], [1, np.nan, np.nan, 2])
    assert np.isnan(grid.high).all()
    assert np.isnan(grid.volume).all()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("time,close\n2024-01-01,dear\n", "line 2"),
        ("time,close\nyesterday,1\n", "line 2"),
        ("close\n1\n", "expected columns time and close"),
        ("time,close\n", "has no candles"),
        ("time,close\n2024-01-01T00:00,1\n2024-01-01T00:05,1\n", "candles of 300 s"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(tmp_path, text, what):
    file = written(tmp_path / "A.csv", text)
    with pytest.raises(ConfigError, match=what):
        load_candles(file)


def test_a_folder_without_candles_is_refused(tmp_path):
    written(tmp_path / "notes.csv", "a,b\n1,2\n")
    with pytest.raises(ConfigError, match="no CSV file of candles"):
        load_candles(tmp_path)


def test_a_recording_is_not_taken_for_candles(tmp_path):
    recording = written(tmp_path / "r.csv", "as_of,asset_id,symbol,signal,grade\n")
    assert not is_candles(recording)
    assert not is_candles(tmp_path / "missing.csv")
    assert is_candles(written(tmp_path / "c.csv", "time,close\n"))
