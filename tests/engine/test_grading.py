"""Grades and signals from candles."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy._core import _multiarray_umath
from synthetic_candles import FIRST, candles, changed

from engine.embedded.arithmetic import ln, median_of
from engine.embedded.grading import (
    ENOUGH_DAYS,
    WEIGHTS,
    Grader,
    Inputs,
    explain,
    feed_history,
    grade,
)
from engine.embedded.grid import DAY, HOUR, CandleGrid
from engine.embedded.inputs import activity_of
from engine.embedded.tuning import LEAST_SIGMA, STATISTICAL, Tuning

ROOT = Path(__file__).parents[2]
#: what the seeded candles grade to, on every machine; a change of the engine changes it
#: and must raise ENGINE_VERSION
PINNED = "fff14068dfc831bc"


def fingerprint(grades):
    data = grades.grade.astype("<f8").tobytes() + grades.signal.astype("i1").tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


def same(left, right):
    np.testing.assert_array_equal(left.grade, right.grade)
    np.testing.assert_array_equal(left.signal, right.signal)
    for name in left.components:
        np.testing.assert_array_equal(left.components[name], right.components[name])


def hours_of(days, count, seed="hours"):
    """Return hours that go on where the days ended."""
    hours = candles(len(days.symbols), count, HOUR, seed, int(days.closes_at[-1]))
    return changed(hours, close=hours.close * (days.close[-1] / hours.close[0]))


def with_holes(grid, seed, share):
    holes = np.random.default_rng(seed).random(grid.shape) < share
    return changed(grid, close=np.where(holes, np.nan, grid.close))


# --------------------------------------------------------------------- no look-ahead


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 200),
    seed=st.integers(0, 1000),
    holes=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_cutting_days_changes_nothing_before_the_cut(rows, seed, holes):
    grid = with_holes(candles(6, 200), seed, holes)
    whole, part = grade(grid), grade(grid.cut(int(grid.closes_at[rows - 1])))
    np.testing.assert_array_equal(part.grade, whole.grade[:rows])
    np.testing.assert_array_equal(part.signal, whole.signal[:rows])
    for name in WEIGHTS:
        np.testing.assert_array_equal(
            part.components[name], whole.components[name][:rows]
        )


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(1, 100), seed=st.integers(0, 1000))
def test_cutting_hours_changes_nothing_before_the_cut(rows, seed):
    days = candles(6, 90)
    hours = with_holes(hours_of(days, 100), seed, 0.1)
    whole = grade(hours, daily=days)
    part = grade(hours.cut(int(hours.closes_at[rows - 1])), daily=days)
    np.testing.assert_array_equal(part.grade, whole.grade[:rows])
    np.testing.assert_array_equal(part.signal, whole.signal[:rows])


def test_what_comes_later_may_be_anything():
    grid = candles(6, 200)
    later = grid.close.copy()
    later[150:] *= 5.0
    whole, other = grade(grid), grade(changed(grid, close=later))
    np.testing.assert_array_equal(whole.grade[:150], other.grade[:150])
    assert (whole.grade[151:] != other.grade[151:]).any()


# --------------------------------------------------------- the same everywhere, always


def test_the_same_candles_give_the_same_grades():
    same(grade(candles()), grade(candles()))


def test_seeded_candles_grade_to_the_pinned_values_in_any_process():
    assert fingerprint(grade(candles())) == PINNED
    program = "from test_grading import *; print(fingerprint(grade(candles())))"
    # as on this processor, and as on one that has none of the newer instructions
    for without in ("", " ".join(_multiarray_umath.__cpu_dispatch__)):
        found = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            env={
                "PYTHONPATH": f"{ROOT}:{ROOT}/tests:{ROOT}/tests/engine",
                "NPY_DISABLE_CPU_FEATURES": without,
                "PYTHONHASHSEED": str(len(without)),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (found.stdout.strip(), found.returncode) == (PINNED, 0), found.stderr


def test_the_order_of_assets_does_not_matter():
    grid = candles(8, 150)
    turned = grade(grid.only(grid.symbols[::-1]))
    np.testing.assert_array_equal(grade(grid).grade, turned.grade[:, ::-1])


def test_hour_by_hour_is_what_the_batch_says():
    days = candles(6, 90)
    hours = hours_of(days, 60)
    whole = grade(hours, daily=days)
    grader = Grader(days.symbols)
    feed_history(grader, days, int(hours.opens_at[0]))
    for n, opens_at in enumerate(hours.opens_at):
        row = grader.push_hour(int(opens_at), hours.close[n], hours.volume[n])
        np.testing.assert_array_equal(row.grade[0], whole.grade[n])
        np.testing.assert_array_equal(row.signal[0], whole.signal[n])
        assert row.closes_at[0] == whole.closes_at[n]


def test_at_midnight_the_hourly_grade_is_the_daily_grade():
    history = candles(6, 90)
    hours = hours_of(history, 24 * 6)
    days = CandleGrid.of_closes(
        history.symbols,
        hours.opens_at[::24],
        DAY,
        hours.close[23::24],
        sum(hours.volume[n::24] for n in range(24)),
    )
    daily = grade(history.append(days))
    hourly = grade(hours, daily=history)
    assert list(hourly.closes_at[23::24]) == list(daily.closes_at[-6:])
    np.testing.assert_allclose(
        hourly.grade[23::24], daily.grade[-6:], rtol=0, atol=0.011
    )


def test_the_logarithm_is_one():
    values = np.array([1e-12, 0.3, 0.7072, 1.0, 2.0, 10.0, 6.9e4, 1e15])
    np.testing.assert_allclose(ln(values), np.log(values), rtol=1e-13, atol=1e-13)
    assert ln(np.array([1.0]))[0] == 0.0


def test_a_median_needs_a_market():
    nan = float("nan")
    assert median_of(np.array([nan, 5.0, 1.0, 2.0, 3.0, 4.0])) == 3.0
    assert median_of(np.array([6.0, 5.0, 1.0, 2.0, 3.0, 4.0])) == 3.5
    assert np.isnan(median_of(np.array([nan, nan, 1.0, 2.0, 3.0, 4.0])))


# ----------------------------------------------------------------- as a user feels it


def rising(days, rate=0.01, start=10.0):
    """Return closes that rise by a rate, with a little unrest."""
    unrest = 1.0 + 0.004 * ((np.arange(days) * 7) % 5 - 2)
    return start * (1.0 + rate) ** np.arange(days) * unrest


def alone(closes, volume=1e6):
    closes = np.asarray(closes, dtype=float)[:, None]
    return CandleGrid.of_closes(
        ("A",),
        FIRST + np.arange(len(closes)) * DAY,
        DAY,
        closes,
        np.full_like(closes, volume),
    )


def test_a_rise_grades_high_and_is_bullish_a_fall_low_and_bearish():
    up, down = grade(alone(rising(200))), grade(alone(rising(200, -0.01)))
    assert up.grade[-1, 0] > 85
    assert up.signal[-1, 0] == 1
    assert down.grade[-1, 0] < 15
    assert down.signal[-1, 0] == -1


def test_grades_do_not_depend_on_what_a_coin_costs():
    one, other = grade(alone(rising(200))), grade(alone(rising(200, start=1e-7)))
    np.testing.assert_allclose(one.grade, other.grade, rtol=0, atol=0.011)


def test_a_stablecoin_is_neutral():
    pegged = 1.0 + 0.0004 * ((np.arange(200) * 7) % 5 - 2)
    grades = grade(alone(pegged)).grade[ENOUGH_DAYS:, 0]
    assert grades.min() > 30
    assert grades.max() < 70
    still = grade(alone(np.ones(200))).grade[-1, 0]
    assert 40 < still < 60
    assert LEAST_SIGMA > 0


def test_a_young_coin_gets_no_number():
    grades = grade(alone(rising(100)))
    assert np.isnan(grades.grade[: ENOUGH_DAYS - 1]).all()
    assert (grades.signal[: ENOUGH_DAYS - 1] == 0).all()
    assert not np.isnan(grades.grade[ENOUGH_DAYS - 1 :]).any()
    assert grades.days[10, 0] == 10
    assert explain(grades, "A", at=int(grades.closes_at[5])) == ()


def test_an_asset_that_was_away_for_long_begins_anew():
    closes = rising(260)
    closes[120:160] = np.nan
    grades = grade(alone(closes))
    assert grades.signal[119, 0] == 1
    assert grades.signal[160, 0] == 0
    assert np.isnan(grades.grade[160 : 160 + ENOUGH_DAYS - 1]).all()
    assert grades.signal[-1, 0] == 1


def flips(signals):
    return int(((signals[1:] != signals[:-1]) & (signals[:-1] != 0)).sum())


@pytest.mark.parametrize("factor", [0.01, 0.5, 0.75, 1.3, 2.0, 10.0])
def test_one_bad_candle_does_not_flip_an_asset(factor):
    for rate in (0.01, -0.01):
        closes = rising(200, rate)
        clean = grade(alone(closes)).signal[ENOUGH_DAYS:]
        for at in range(120, 180, 13):
            bad = closes.copy()
            bad[at] *= factor
            found = grade(alone(bad)).signal[ENOUGH_DAYS:]
            np.testing.assert_array_equal(found, clean)


def test_a_jump_that_stays_is_believed_at_the_second_candle():
    closes = rising(200, -0.004)
    closes[150:] *= 3.0
    grades = grade(alone(closes)).grade[:, 0]
    assert grades[150] < 45
    assert grades[151] > grades[150] + 20


@pytest.mark.parametrize("factor", [float("nan"), 0.5, 3.0])
def test_a_missing_or_bad_hour_does_not_flip_an_asset(factor):
    days = candles(6, 120)
    hours = hours_of(days, 24 * 8)
    clean = grade(hours, daily=days)
    for at in (30, 47, 48, 95, 120):
        closes = hours.close.copy()
        closes[at] *= factor
        found = grade(changed(hours, close=closes), daily=days)
        np.testing.assert_array_equal(found.signal[at], clean.signal[at - 1])
        assert np.isnan(found.grade[at]).all() == np.isnan(factor)
        np.testing.assert_allclose(
            found.grade[at + 1], clean.grade[at + 1], rtol=0, atol=5
        )


def test_a_flip_needs_a_second_close_and_a_gap_is_no_close():
    for hidden in (None, 150):
        closes = np.concatenate(
            [rising(150), rising(150)[-1] * 0.93 ** np.arange(1, 40)]
        )
        if hidden is not None:
            closes[hidden + 4] = np.nan
        grades = grade(alone(closes))
        at = int(np.flatnonzero(grades.signal[:, 0] == -1)[0])
        beyond = grades.grade[:, 0] <= Tuning().bearish_from
        assert beyond[at]
        known = np.flatnonzero(~np.isnan(grades.grade[:at, 0]))
        assert beyond[known[-1]]
        assert not beyond[known[-2]]
        assert flips(grades.signal[ENOUGH_DAYS:, 0]) == 1


def test_flips_are_few_on_wandering_prices():
    grades = grade(candles(30, 500, seed="many"))
    counts = [flips(grades.signal[ENOUGH_DAYS:, n]) for n in range(30)]
    half_years = (500 - ENOUGH_DAYS) / 182
    assert 2 <= np.median(counts) / half_years <= 8


def test_unknown_volume_takes_nothing_away():
    grid = candles(6, 150)
    silent = grade(changed(grid, volume=np.full(grid.shape, np.nan)))
    assert not np.isnan(silent.grade[-1]).any()
    assert np.isnan(silent.components["volume"]).all()
    assert "market" not in {s.name for s in explain(grade(alone(rising(100))), "A")}


# ------------------------------------------------------------------------ explanations


def test_the_shares_of_a_grade_add_up_to_it():
    grades = grade(candles(6, 150))
    for n in range(6):
        shares = explain(grades, f"C{n}")
        total = 50 + sum(share.points for share in shares)
        assert min(max(total, 0), 100) == pytest.approx(grades.grade[-1, n], abs=0.1)
        assert [abs(s.points) for s in shares] == sorted(
            (abs(s.points) for s in shares), reverse=True
        )
    with pytest.raises(KeyError):
        explain(grades, "nobody")


def test_four_fifths_are_technical():
    statistical = sum(WEIGHTS[name] for name in STATISTICAL)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)
    assert statistical == pytest.approx(0.2)


def test_components_stay_between_0_and_100():
    grades = grade(with_holes(candles(10, 300), 3, 0.1))
    for values in grades.components.values():
        known = values[~np.isnan(values)]
        assert known.min() >= 0
        assert known.max() <= 100


def test_activity_counts_where_it_is_known_and_mood_is_only_shown():
    grid = candles(6, 150)
    busy = np.full(grid.shape, np.nan)
    busy[:, 0] = 100.0
    plain = grade(grid)
    found = grade(grid, inputs=Inputs(activity=busy, mood=np.full(150, 90.0)))
    assert found.grade[-1, 0] > plain.grade[-1, 0]
    np.testing.assert_array_equal(found.grade[:, 1:], plain.grade[:, 1:])
    shares = {share.name: share for share in explain(found, "C0")}
    assert shares["activity"].points > 0
    assert (shares["mood"].value, shares["mood"].points) == (90, 0)


def test_activity_is_50_as_usual_and_higher_when_busier():
    counts = np.full((100, 2), 1000.0)
    counts[90:, 1] = 2000.0
    found = activity_of(counts)
    assert np.isnan(found[:60]).all()
    assert found[-1, 0] == pytest.approx(50)
    assert found[-1, 1] > 70


# ------------------------------------------------------------------------ wrong calls


def test_bars_must_follow_each_other():
    days = candles(2, 3)
    grader = Grader(days.symbols)
    grader.push_day(FIRST, days.close[0], days.volume[0])
    with pytest.raises(ValueError, match="is next"):
        grader.push_day(FIRST, days.close[0], days.volume[0])
    with pytest.raises(ValueError, match="no candle"):
        Grader(days.symbols).push_hour(FIRST + 5, days.close[0], days.volume[0])
    with pytest.raises(ValueError, match="days and hours"):
        grade(CandleGrid.empty(("A",), 60))
    with pytest.raises(ValueError, match="same assets"):
        grade(hours_of(days, 2), daily=candles(3, 3))
    assert grade(CandleGrid.empty(("A",), DAY)).grade.shape == (0, 1)


def test_days_without_candles_before_the_hours_are_unknown():
    days = candles(6, 90)
    later = candles(6, 3, HOUR, "late", int(days.closes_at[-1]) + 5 * DAY)
    grades = grade(later, daily=days)
    assert grades.days[0, 0] == 90
    assert not np.isnan(grades.grade).any()
