"""The made-up market of the demo: always the same, lively, and never a real one."""

import itertools
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from fakes import FakeClock

from bot.config import EngineConfig
from bot.model import Signal, Wanted
from engine import open_source
from engine.documented import ASSETS
from engine.embedded.synthetic import STARTS, STEP, CandleRecording, SyntheticMarket

#: half a year, four snapshots a day
HALF_YEAR = 180 * 4


@pytest.fixture(scope="module")
def played():
    """All snapshots of half a year."""
    recording = CandleRecording()
    return [recording.readings(n) for n in range(HALF_YEAR)]


def flips_of(played, symbol):
    signals = [r.signal for row in played for r in row if r.symbol == symbol]
    return [n for n, (a, b) in enumerate(itertools.pairwise(signals)) if a != b]


def test_every_asset_has_everything_from_the_first_snapshot_on(played):
    first = {r.symbol: r for r in played[0]}

    assert set(first) == {a.symbol for a in ASSETS}
    assert {"BTC", "ETH", "SOL"} <= set(first)
    for reading in first.values():
        assert reading.as_of == STARTS
        assert 0 <= reading.grade <= 100
        assert reading.signal in {Signal.BULLISH, Signal.BEARISH}
        assert reading.price > 0
        assert reading.volume > 0
        assert reading.market_cap > 0
        assert reading.categories


def test_a_typical_asset_flips_three_to_eight_times_in_half_a_year(played):
    counts = sorted(len(flips_of(played, a.symbol)) for a in ASSETS)

    assert 3 <= counts[len(counts) // 2] <= 8
    assert counts[0] >= 1


def test_what_the_demo_watches_flips_within_seconds(played):
    # two days of it pass in a second
    soon = 20 * 2 * 4
    watched = ("BTC", "SOL", "TAO", "FARTCOIN")

    flips = sorted(n for symbol in watched for n in flips_of(played, symbol))

    assert flips[0] <= 5 * 2 * 4
    assert len([n for n in flips if n <= soon]) >= 5
    assert flips_of(played, "ETH")[0] <= soon


def test_prices_move_as_prices_do_and_stay_in_bounds(played):
    for asset in ASSETS:
        prices = [r.price for row in played for r in row if r.symbol == asset.symbol]
        assert asset.price / 10 < min(prices)
        assert max(prices) < asset.price * 10
        steps = [b / a for a, b in itertools.pairwise(prices)]
        assert max(steps) < 1.3
        assert min(steps) > 0.7


def test_any_hour_can_be_asked_in_any_order():
    market, again = SyntheticMarket(), SyntheticMarket()

    later = market.closes(5_000)
    earlier = market.closes(-3_000)

    assert again.closes(-3_000) == earlier
    assert again.closes(5_000) == later
    assert later != earlier


def test_another_process_plays_the_same():
    code = (
        "from engine.embedded.synthetic import CandleRecording;"
        "r = CandleRecording();"
        "print([(x.symbol, x.grade, x.signal, x.price) for x in r.readings(9)])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    rows = CandleRecording().readings(9)
    assert run.stdout.strip() == str(
        [(x.symbol, x.grade, x.signal, x.price) for x in rows]
    )


def test_a_later_start_goes_on_with_the_signals_that_stood(played):
    first = CandleRecording()
    for n in range(120):
        first.readings(n)
    mark = first.bookmark(119)

    second = CandleRecording()
    assert second.after(mark) == 120
    row = {r.symbol: r for r in second.readings(120)}

    for reading in played[120]:
        assert row[reading.symbol].price == reading.price
        assert row[reading.symbol].grade == pytest.approx(reading.grade, abs=3)
        assert row[reading.symbol].signal == reading.signal


@pytest.mark.parametrize("mark", ["", "x", "-1:", "²:", "12345678901:", "snapshot"])
def test_a_bookmark_that_is_not_ours_starts_anew(mark):
    assert CandleRecording().after(mark) == 0


async def test_the_configuration_opens_it():
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    config = EngineConfig(
        kind="replay", replay_scenario="candles", replay_speed=86_400.0
    )
    source = open_source(config, now=clock)

    first = await source.fetch(Wanted(is_all=True))
    clock.advance(seconds=1)
    second = await source.fetch(Wanted(is_all=True))

    assert "made-up" in source.title
    assert first.is_recorded
    assert len(first.readings) == len(ASSETS)
    assert second.readings[0].as_of - first.readings[0].as_of == STEP
    assert second.is_more
    assert source.update_every == timedelta(hours=6)
    await source.close()
