import time
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from bot.config import EngineConfig
from bot.model import Signal, Wanted
from engine import open_source
from engine.scenario import STARTS, STEP, ScenarioRecording, starter_watchlist

UP, DOWN = Signal.BULLISH, Signal.BEARISH
DAYS = 230
#: some readings of 2025-07-12
PINNED = [
    ("BTC", DOWN, 30.73, 62514.1),
    ("ETH", DOWN, 11.38, 2571.25),
    ("BNB", UP, 74.39, 738.063),
]


@cache
def history():
    recording = ScenarioRecording()
    readings = {}
    for index in range(DAYS * 4):
        for reading in recording.readings(index):
            readings.setdefault(reading.symbol, []).append(reading)
    return readings


def legs(symbol):
    """List (first reading, lowest price, highest price) of each standing signal."""
    found = []
    for reading in history()[symbol]:
        if not found or reading.signal not in {Signal.NEUTRAL, found[-1][0].signal}:
            found.append([reading, reading.price, reading.price])
        found[-1][1] = min(found[-1][1], reading.price)
        found[-1][2] = max(found[-1][2], reading.price)
    return found


def day(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        (
            "FARTCOIN",
            [
                ("2024-11-26", UP, 0.29, 2.49),
                ("2025-01-26", DOWN, None, 2.49 * (1 - 0.7476)),
                ("2025-03-25", UP, 0.53, 1.58),
                ("2025-06-01", DOWN, None, None),
            ],
        ),
        (
            "TAO",
            [
                ("2024-12-18", DOWN, 510, 314),
                ("2025-02-21", UP, None, None),
                ("2025-02-26", DOWN, 327, 182.9),
                ("2025-04-19", UP, 281, 474),
                ("2025-06-04", DOWN, None, None),
            ],
        ),
        (
            "ETH",
            [
                ("2024-11-07", UP, 2_880, 4_030),
                ("2024-12-24", DOWN, 3_490, 1_540),
                ("2025-05-08", UP, 1_850, 2_800),
            ],
        ),
    ],
)
def test_the_documented_record_is_told_exactly(symbol, expected):
    # The first leg only leads to the record, what follows it is generated.
    recorded = legs(symbol)[1 : 1 + len(expected)]

    for (first, low, high), (date, signal, price, furthest) in zip(
        recorded, expected, strict=True
    ):
        assert (first.as_of, first.signal) == (day(date), signal)
        if price is not None:
            assert first.price == price
        if furthest is not None:
            reached = high if signal is UP else low
            assert reached == pytest.approx(furthest, rel=1e-5)


def test_bittensors_failed_signal_lost_a_quarter():
    first, low, _ = legs("TAO")[2]

    assert (first.as_of, first.signal) == (day("2025-02-21"), UP)
    assert low / first.price - 1 == pytest.approx(-0.254, abs=1e-3)


def test_fartcoin_turned_bearish_at_the_documented_grade():
    (reading,) = [r for r in history()["FARTCOIN"] if r.as_of == day("2025-06-01")]

    assert (reading.signal, reading.grade) == (DOWN, 24.34)


def test_most_of_the_market_turned_bearish_in_one_reading():
    at = (day("2025-05-30") - STARTS) // STEP

    turned = [
        symbol
        for symbol, readings in history().items()
        if (readings[at - 1].signal, readings[at].signal) == (UP, DOWN)
    ]
    assert len(turned) >= 24
    assert not {"FARTCOIN", "TAO", "ETH"} & set(turned)


def test_it_has_about_forty_assets_that_can_be_told_apart():
    readings = ScenarioRecording().readings(0)

    assert 38 <= len(readings) <= 45
    assert len({r.key for r in readings}) == len({r.symbol for r in readings})
    assert len({r.symbol for r in readings}) == len(readings)
    assert all(r.name and r.categories and r.market_cap and r.volume for r in readings)
    assert all(r.signal in {UP, DOWN} for r in readings)  # a baseline that stands
    assert set(starter_watchlist) <= {r.symbol for r in readings}
    assert "ETH" not in starter_watchlist


def test_grades_are_a_plateau_with_jumps_and_agree_with_the_signal():
    fitting, total, jumps, still = 0, 0, 0, 0
    for readings in history().values():
        standing = readings[0].signal
        for reading in readings[::4]:
            standing = reading.signal or standing
            fitting += (
                60 <= reading.grade <= 95 if standing is UP else reading.grade <= 46
            )
            total += 1
        daily = [r.grade for r in readings[::4]]
        for before, after in pairwise(daily):
            jumps += abs(after - before) >= 10
            still += abs(after - before) < 1
        assert all(0 <= r.grade <= 100 for r in readings)

    assert fitting / total > 0.85
    assert jumps / total > 0.05
    assert still / total > 0.6


def test_signals_last_about_twenty_five_days_for_ever():
    recording = ScenarioRecording()
    days, flips, standing = 2_000, 0, {}
    lowest, highest = {}, {}
    for index in range(80_000, 80_000 + days * 4, 4):
        for r in recording.readings(index):
            if r.signal is not Signal.NEUTRAL:
                flips += standing.get(r.key, r.signal) is not r.signal
                standing[r.key] = r.signal
            lowest[r.key] = min(lowest.get(r.key, r.price), r.price)
            highest[r.key] = max(highest.get(r.key, r.price), r.price)

    assert 20 <= days * len(standing) / flips <= 30
    assert all(highest[key] / lowest[key] < 1_000 for key in highest)


def test_a_reading_depends_on_its_number_alone():
    walked = ScenarioRecording()
    for index in (0, 500, 4_000):
        walked.readings(index)

    assert walked.readings(3_000) == ScenarioRecording().readings(3_000)
    assert walked.readings(0) == ScenarioRecording().readings(0)


def test_the_scenario_is_the_same_in_every_release():
    # A demo that is resumed after an update must not tell another story.
    readings = ScenarioRecording().readings(1_000)[:3]

    assert [(r.symbol, r.signal, r.grade, r.price) for r in readings] == PINNED


class SetClock:
    def __init__(self):
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        return self.at


def opened(clock):
    return open_source(EngineConfig(kind="replay", replay_speed=172_800.0), now=clock)


async def test_resuming_far_on_is_quick():
    clock = SetClock()
    source = opened(clock)

    began = time.process_time()
    source.resume("100000")
    await source.fetch(Wanted())
    clock.at += timedelta(seconds=1)
    snapshot = await source.fetch(Wanted())

    assert snapshot.readings[0].as_of == STARTS + 100_001 * STEP
    assert time.process_time() - began < 1


async def test_two_days_a_second_are_eight_snapshots_a_poll():
    clock = SetClock()
    source = opened(clock)
    first = await source.fetch(Wanted())
    clock.at += timedelta(seconds=1)

    chain = [await source.fetch(Wanted())]
    while chain[-1].is_more:
        chain.append(await source.fetch(Wanted()))

    assert (source.name, source.title) == ("replay:record", "Demo scenario")
    assert source.update_every == STEP
    assert (first.is_more, first.bookmark) == (False, "0")
    assert len(chain) == 8
    assert chain[-1].bookmark == "8"


async def test_resuming_goes_on_after_the_bookmark():
    clock = SetClock()
    source = opened(clock)
    source.resume("41")
    waiting = await source.fetch(Wanted())
    clock.at += timedelta(seconds=0.125)

    snapshot = await source.fetch(Wanted())

    assert waiting.readings == ()
    assert {r.as_of for r in snapshot.readings} == {STARTS + 42 * STEP}


@pytest.mark.parametrize("bookmark", ["", "x", "-4", "9" * 30, "2025-06-01T00:00:00Z"])
async def test_a_strange_bookmark_begins_at_the_beginning(bookmark):
    source = opened(SetClock())
    source.resume(bookmark)

    assert (await source.fetch(Wanted())).bookmark == "0"
