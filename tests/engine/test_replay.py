from datetime import UTC, datetime, timedelta

import pytest

from bot.config import EngineConfig
from bot.errors import ConfigError, SourceEndedError
from bot.model import Signal, Wanted
from engine import open_source
from engine.recording import load_recording
from engine.replay import MOST_DUE

HEAD = "as_of,asset_id,symbol,signal,grade,name,price,volume,market_cap,categories\n"
CSV = (
    HEAD
    + "2025-06-01T00:00:00Z,3375,BTC,1,71.5,Bitcoin,104000,3e10,2.06e12,"
    + """layer-1|payments
2025-06-01T00:00:00Z,3306,ETH,bearish,,Ethereum,2500,,,
2025-06-02,3375,BTC,0,70,Bitcoin,,,,
2025-06-02T02:00:00+02:00,3306,ETH,1,55,,,,,
2025-06-03 00:00:00,3375,BTC,-1,24.34,,,,,
"""
)
START = datetime(2026, 1, 1, tzinfo=UTC)


class SetClock:
    def __init__(self):
        self.at = START

    def __call__(self):
        return self.at

    def step(self, seconds):
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def write(tmp_path):
    def write(text, name="record.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def opened(path, clock, speed=86_400.0):
    config = EngineConfig(kind="replay", replay_file=str(path), replay_speed=speed)
    return open_source(config, now=clock)


async def fetch(source):
    return await source.fetch(Wanted(top=100))


def test_a_csv_becomes_snapshots_of_one_time_each(write):
    recording = load_recording(write(CSV))

    first = {r.symbol: r for r in recording.readings(0)}
    assert (first["BTC"].signal, first["BTC"].grade) == (Signal.BULLISH, 71.5)
    assert first["BTC"].categories == ("layer-1", "payments")
    assert (first["BTC"].price, first["BTC"].volume) == (104_000.0, 3e10)
    assert first["BTC"].market_cap == 2.06e12
    assert (first["ETH"].signal, first["ETH"].grade) == (Signal.BEARISH, None)
    assert {r.as_of for r in recording.readings(1)} == {
        datetime(2025, 6, 2, tzinfo=UTC)
    }
    assert [r.symbol for r in recording.readings(2)] == ["BTC"]
    assert recording.offset(2) == 2 * 86_400
    assert recording.offset(3) is None
    assert recording.step == timedelta(days=1)


def test_jsonl_gives_the_same_as_csv(write):
    lines = write(
        """
{"as_of": "2025-06-01", "asset_id": 3375, "symbol": "BTC", "signal": 1, "grade": 71.5,
 "x": 1}
""".replace("\n ", " ")
        + '{"as_of":"2025-06-02","asset_id":"3375","symbol":"BTC","signal":null,'
        '"grade":"24.34","categories":["AI","Layer 2"],"price":null}\n',
        "record.jsonl",
    )

    recording = load_recording(lines)

    (first,), (second,) = recording.readings(0), recording.readings(1)
    assert (first.key, first.signal, first.grade) == ("3375", Signal.BULLISH, 71.5)
    assert (second.signal, second.grade) == (None, 24.34)
    assert second.categories == ("ai", "layer-2")


def test_rows_may_stand_anywhere_and_the_last_of_an_asset_counts(write):
    recording = load_recording(
        write(
            "grade,symbol,as_of,asset_id,signal\n"
            "10,BTC,2025-06-02,1,1\n"
            "20,BTC,2025-06-01,1,1\n"
            "\n"
            "30,BTC,2025-06-02,1,-1\n"
        )
    )

    assert [r.grade for r in recording.readings(0)] == [20.0]
    assert [(r.grade, r.signal) for r in recording.readings(1)] == [(30.0, -1)]


def test_how_other_programs_write_a_csv_does_not_matter(write):
    recording = load_recording(
        write(
            b"\xef\xbb\xbfAs_Of,asset_id,symbol,signal,grade,note\r\n"
            b'2025-06-01,1,BTC,1.0,NaN,"a,\r\nb"\r\n'
        )
    )

    (reading,) = recording.readings(0)
    assert (reading.signal, reading.grade) == (Signal.BULLISH, None)


ROW = "2025-06-01,1,BTC,1,50"
FIVE = "as_of,asset_id,symbol,signal,grade\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            FIVE + ROW + "\n2025-06-01,1,BTC,1,abc",
            ["line 3", "column 5 grade", '"abc"', "0 to 100"],
            id="grade is a word",
        ),
        pytest.param(
            FIVE + "2025-06-01,1,BTC,1,101", ["line 2", "101"], id="grade 101"
        ),
        pytest.param(
            FIVE + "2025-06-01,1,BTC,2,50", ["column 4 signal", '"2"'], id="2"
        ),
        pytest.param(
            FIVE + "June,1,BTC,1,50", ["column 1 as_of", "ISO 8601"], id="June"
        ),
        pytest.param(
            FIVE + "0001-01-01T00:00+14:00,1,BTC,1,50", ["column 1"], id="before time"
        ),
        pytest.param(FIVE + "2025-06-01,,BTC,1,50", ["column 2", "empty"], id="no id"),
        pytest.param(FIVE + "2025-06-01,1,,1,50", ["column 3 symbol"], id="no symbol"),
        pytest.param(
            FIVE + "2025-06-01,1,BTC", ["line 2", "3 columns"], id="short row"
        ),
        pytest.param(FIVE + ROW + ",9", ["6 columns", "expected 5"], id="long row"),
        pytest.param(
            "as_of,asset_id,symbol,signal,grad\n" + ROW,
            ["no column named grade", '"grad"'],
            id="misspelt column",
        ),
        pytest.param(
            "as_of,asset_id,symbol,signal,grade,grade\n" + ROW + ",5",
            ["column 6", "second time"],
            id="column twice",
        ),
        pytest.param(FIVE, ["no rows"], id="header alone"),
        pytest.param("", ["no rows"], id="empty"),
        pytest.param(b"\xff\xfe\x00", ["UTF-8"], id="not text"),
        pytest.param(
            FIVE.strip() + ",price\n" + ROW + ",-3",
            ["column 6 price", "-3"],
            id="price",
        ),
        pytest.param(FIVE + '2025-06-01,1,"BTC,1,50', ["line 2"], id="open quote"),
    ],
)
def test_a_csv_that_cannot_be_right_is_refused_with_place_and_reason(
    write, text, words
):
    path = write(text)

    with pytest.raises(ConfigError) as caught:
        load_recording(path)

    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{}\n", ["line 1", "as_of", "is not there"], id="empty object"),
        pytest.param("[1]\n", ["line 1", "not a JSON object"], id="list"),
        pytest.param('{"as_of": \n', ["line 1"], id="half an object"),
        pytest.param(
            '\n{"as_of":"2025-06-01","asset_id":1,"symbol":"B","signal":true,"grade":1}',
            ["line 2", "signal"],
            id="true is no signal",
        ),
        pytest.param("[" * 100_000, ["line 1"], id="nested without end"),
    ],
)
def test_a_jsonl_that_cannot_be_right_is_refused_too(write, text, words):
    with pytest.raises(ConfigError) as caught:
        load_recording(write(text, "record.jsonl"))

    for word in words:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_is_said_when_it_is_opened(tmp_path, clock):
    with pytest.raises(ConfigError, match=r"nowhere\.csv.*replay_file"):
        opened(tmp_path / "nowhere.csv", clock)


async def test_snapshots_come_when_the_accelerated_clock_reaches_them(write, clock):
    source = opened(write(CSV), clock, speed=86_400 / 2)  # a day in two seconds

    first = await fetch(source)
    early = await fetch(source)
    clock.step(1.9)
    still_early = await fetch(source)
    clock.step(0.1)
    second = await fetch(source)

    assert (len(first.readings), first.is_more) == (2, False)
    assert (early.readings, still_early.readings) == ((), ())
    assert early.bookmark == first.bookmark
    assert len(second.readings) == 2
    assert second.source == source.name == "replay:record.csv"
    assert (source.title, source.update_every) == ("Replay", timedelta(days=1))


async def test_several_due_snapshots_come_one_by_one_and_say_so(write, clock):
    source = opened(write(CSV), clock)
    await fetch(source)
    clock.step(2)

    second = await fetch(source)
    third = await fetch(source)

    assert (second.is_more, third.is_more) == (True, False)


async def test_at_its_end_a_replay_says_so_each_time(write, clock):
    source = opened(write(CSV), clock)
    for _ in range(3):
        await fetch(source)
        clock.step(1)

    for _ in range(3):
        with pytest.raises(SourceEndedError, match="at its end"):
            await fetch(source)


async def test_resuming_goes_on_after_the_bookmark_with_the_clock_there(write, clock):
    path = write(CSV)
    source = opened(path, clock)
    bookmark = (await fetch(source)).bookmark
    clock.step(1_000_000)

    again = opened(path, clock)
    again.resume(bookmark)
    waiting = await fetch(again)
    clock.step(1)
    second = await fetch(again)

    assert (waiting.readings, waiting.bookmark) == ((), bookmark)
    assert {r.as_of for r in second.readings} == {datetime(2025, 6, 2, tzinfo=UTC)}
    assert not second.is_more


@pytest.mark.parametrize("bookmark", [None, "", "17", "2025-06-01"])
async def test_a_strange_bookmark_begins_at_the_beginning(write, clock, bookmark):
    source = opened(write(CSV), clock)
    source.resume(bookmark)

    snapshot = await fetch(source)

    assert {r.as_of for r in snapshot.readings} == {datetime(2025, 6, 1, tzinfo=UTC)}


async def test_a_clock_that_steps_back_delays_nothing(write, clock):
    source = opened(write(CSV), clock)
    await fetch(source)
    clock.step(-3600)
    assert (await fetch(source)).readings == ()
    clock.step(1)

    assert len((await fetch(source)).readings) == 2


async def test_after_a_long_sleep_the_recording_slows_down_instead(write, clock):
    days = (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(1_000))
    path = write(FIVE + "".join(f"{day:%Y-%m-%d},1,BTC,1,50\n" for day in days))
    source = opened(path, clock)
    await fetch(source)
    clock.step(900)

    brought = 1
    while (await fetch(source)).is_more:
        brought += 1

    assert MOST_DUE <= brought <= MOST_DUE + 2
