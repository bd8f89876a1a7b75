"""What signals would have been worth, on figures that can be checked by hand."""

import numpy as np
import pytest
from synthetic_candles import candles, changed

from engine.embedded.candle_files import CandleFiles
from engine.embedded.grid import DAY, CandleGrid
from engine.trials import report, report_pictures, sweep
from engine.trials.outcomes import (
    Costs,
    bands,
    fall_of,
    flips_by_asset,
    holding,
    kept_words,
    market_of,
    outcome,
    spread,
)
from engine.trials.pictures import Axes, bar_picture, line_picture
from engine.trials.rivals import breakout, crossing

FIRST = 20_000 * DAY


def market(closes, assets=6):
    """Return a market of assets that all do the same."""
    closes = np.repeat(np.asarray(closes, dtype=float)[:, None], assets, axis=1)
    grid = CandleGrid.of_closes(
        [f"C{n}" for n in range(assets)],
        FIRST + np.arange(len(closes)) * DAY,
        DAY,
        closes,
        np.full_like(closes, 1e7),
    )
    return market_of(CandleFiles(grid, np.full(grid.shape, np.nan)))


def said(*signals, assets=6):
    return np.repeat(np.array(signals, dtype=np.int8)[:, None], assets, axis=1)


def came(made, signals, costs):
    rows = np.ones(len(made.returns), dtype=bool)
    return outcome(made, signals, rows, made.is_traded, costs)


def test_a_signal_earns_from_the_close_it_was_known_at():
    made = market([100, 110, 121, 121, 60.5])
    found = came(made, said(1, 1, -1, -1, -1), Costs(fee=0, lag=0))
    # two days of 10 %, two days out
    assert found.a_year == pytest.approx(1.21 ** (365 / 4) - 1)
    assert (found.drawdown, found.in_market) == (0, 0.5)
    assert found.flips == pytest.approx(182 / 4)


def test_a_bar_later_it_earns_what_comes_a_bar_later():
    made = market([100, 110, 121, 121, 60.5])
    found = came(made, said(1, 1, 1, -1, -1), Costs(fee=0, lag=1))
    # it holds from the second close on, into the fall
    assert found.a_year == pytest.approx((1.1 * 0.5) ** (365 / 3) - 1)
    assert found.drawdown == pytest.approx(-0.5)


def test_a_future_price_changes_no_earlier_return():
    made = market([100, 110, 121, 121, 60.5])
    other = market([100, 110, 121, 121, 300])
    np.testing.assert_array_equal(made.returns[:4], other.returns[:4])


def test_each_trade_costs_a_fee_and_holding_has_one():
    made = market([100] * 7)
    signals = said(1, -1, 1, -1, 1, -1, 1)
    fee = 0.01
    turning = came(made, signals, Costs(fee=fee, lag=0))
    assert turning.a_year == pytest.approx((1 - fee) ** (6 * 365 / 6) - 1)
    held = came(made, holding(signals), Costs(fee=fee, lag=0))
    assert held.a_year == pytest.approx((1 - fee) ** (365 / 6) - 1)


def test_absurd_returns_are_cut_and_gaps_are_carried():
    made = market([100, np.nan, 1e6, 1])
    assert made.returns[:, 0].tolist() == [0, 0, 1, -0.9]


def test_the_traded_are_those_with_volume_so_far():
    grid = candles(30, 80)
    volume = grid.volume.copy()
    volume[:, :15] = 10.0
    volume[50:, 0] = 1e9
    caps = np.repeat(np.arange(30.0)[None], 80, axis=0)
    made = market_of(CandleFiles(changed(grid, volume=volume), caps))
    assert not made.is_traded[40, :15].any()
    assert made.is_traded[40, 15:].all()
    assert made.is_traded[51, 0]
    assert made.rank[40, 29] == 0
    assert made.rank[40, 15] == 14


def test_the_deepest_fall_counts_from_the_start_too():
    assert fall_of(np.array([0.8, 1.0, 0.9])) == pytest.approx(-0.2)


def test_finished_signals_and_whether_they_were_followed():
    made = market([10, 10, 12, 15, 12, 9, 6, 9, 9])
    signals = said(-1, 1, 1, -1, -1, -1, 1, -1, -1)
    rows = np.ones(9, dtype=bool)
    found = kept_words(made, signals, rows, made.is_traded, lag=0)
    # bullish 10 -> 15 and 6 -> 9; bearish 15 -> 6; the last one is open
    assert (found[1].count, found[-1].count) == (12, 6)
    assert (found[1].followed, found[-1].followed) == (1, 1)
    assert found[1].median == pytest.approx(0.5)
    assert found[-1].median == pytest.approx(-0.6)
    assert found[-1].days == 3
    later = kept_words(made, signals, rows, made.is_traded, lag=1)
    assert later[1].mean == pytest.approx(((12 / 12 - 1) + (9 / 9 - 1)) / 2)


def test_the_spread_is_what_bullish_assets_did_more():
    closes = np.full((60, 12), 100.0)
    closes[:, :6] *= 1.01 ** np.arange(60)[:, None]
    grid = CandleGrid.of_closes(
        [f"C{n}" for n in range(12)], FIRST + np.arange(60) * DAY, DAY, closes
    )
    made = market_of(CandleFiles(grid, np.full(grid.shape, np.nan)))
    signals = (
        np.where(np.arange(12) < 6, 1, -1).astype(np.int8)[None].repeat(60, axis=0)
    )
    rows = np.ones(60, dtype=bool)
    found = spread(made, signals, rows, 7)
    assert found.bullish == pytest.approx(1.01**7 - 1)
    assert (found.bearish, found.share) == (0, 1)
    assert spread(made, np.ones_like(signals), rows, 7).t == 0


def test_bands_say_what_came_after():
    made = market(100 * 1.01 ** np.arange(60))
    grades = np.repeat(np.where(np.arange(60) % 2, 85.0, 30.0)[:, None], 6, axis=1)
    rows = np.ones(60, dtype=bool)
    low, high = bands(made, grades, rows, (0, 50, 101))
    assert (low.share, high.share, high.high) == (0.5, 0.5, 100)
    assert high.week == pytest.approx(1.01**7 - 1)
    assert low.month_median == pytest.approx(1.01**30 - 1)


def test_flips_of_an_asset_in_half_a_year():
    signals = said(*([1] * 91 + [-1] * 91) * 2)
    rows = np.ones(364, dtype=bool)
    rates = flips_by_asset(signals, rows, np.ones((364, 6), dtype=bool))
    np.testing.assert_allclose(rates, [1.5] * 6)


def test_the_plain_rules():
    up_and_down = np.concatenate([np.arange(1.0, 300), np.arange(300.0, 100, -1)])
    grid = up_and_down[:, None]
    crossed = crossing(grid)[:, 0]
    assert (crossed[:199] == 0).all()
    assert crossed[250] == 1
    assert crossed[-1] == -1
    broke = breakout(grid)[:, 0]
    assert broke[19] == 0
    assert broke[250] == 1
    assert broke[330] == -1


# --------------------------------------------------------------------------- a report


@pytest.fixture(scope="module")
def made():
    grid = candles(24, 900, seed="market", first=FIRST)
    caps = np.repeat(np.arange(24.0)[None], 900, axis=0) * 1e6
    return report.study(market_of(CandleFiles(grid, caps)), Costs(), 2026)


def cells(text):
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in text.splitlines()
    ]


def test_every_table_of_a_report_is_whole(made):
    for table in (
        report.against_others,
        report.words_kept,
        report.next_days,
        report.by_year,
        report.by_size,
        report.grade_bands,
        report.flip_rates,
    ):
        lines = table(made).splitlines()
        assert len(lines) > 2
        assert len({line.count("|") for line in lines}) == 1
        assert "nan" not in table(made)


def test_a_report_compares_development_with_check(made):
    names = [row[0] for row in cells(report.against_others(made))[2:]]
    assert names[0] == "Flipwatch, 2025-2025"
    assert names[-1] == "holding, 2026-2027"
    years = [row[0] for row in cells(report.by_year(made))[2:]]
    assert years == ["2025", "2026", "2027"]


def test_other_parameters_are_tried_and_chosen_by_the_past(made, monkeypatch):
    monkeypatch.setattr(sweep, "PACES", (0.7, 1.0))
    monkeypatch.setattr(sweep, "LINES", ((65.0, 45.0), (70.0, 40.0)))
    told = []
    tried = sweep.sweep(made, told.append)
    assert len(tried) == len(told) == 4
    table = sweep.sweep_table(made, tried)
    assert table.count("pace 0.7") == len(made.periods)
    assert sweep.walk_forward(made, tried).count("\n") >= 1
    assert "polyline" in report_pictures.sweep_picture(made, tried)


def test_pictures_are_drawn(made):
    growth = report_pictures.growth_picture(made)
    assert growth.count("<polyline") == 4
    assert "nan" not in growth
    assert report_pictures.band_picture(made).count("<rect") > 10


def test_a_picture_says_what_it_is_given_and_no_markup():
    axes = Axes(title="A < B & C", labels=[(0.0, "here")], mark=(0.5, "now"), unit=" %")
    picture = line_picture({"one": [(0, 1), (1, 1)]}, axes, {"red": [(0.5, 1)]})
    assert "A &lt; B &amp; C" in picture
    assert 'fill="red"' in picture
    bars = bar_picture(
        {"up": [1.0, -2.0]}, Axes(title="t", labels=[(0, "a"), (1, "b")])
    )
    assert bars.count("<rect") == 4
