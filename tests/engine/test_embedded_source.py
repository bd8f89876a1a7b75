"""Our own engine as a source: candles of an exchange in, readings out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fake_exchange import HOUR, FakeExchange, Unpaced
from fakes import FakeClock

from bot.candles import Frame
from bot.config import EngineConfig
from bot.errors import ConfigError, SourceUnavailableError
from bot.model import Signal, Wanted
from engine import open_source
from engine.embedded.book import Book, Bookmark, build_grid
from engine.embedded.exchange import Exchange
from engine.embedded.grading import ENGINE_VERSION, grade
from engine.embedded.keeper import CandleKeeper, Depth
from engine.embedded.memory import MemoryCandles
from engine.embedded.source import EmbeddedSource, source_name
from engine.embedded.universe import key_of

NOW = datetime(2025, 3, 1, 12, 1, tzinfo=UTC)
NOON = NOW.replace(minute=0)
DEPTH = Depth(hours=timedelta(days=20), days=timedelta(days=150))
ALL = Wanted(top=20)
BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("engine.embedded.exchange.Pace", Unpaced)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
async def server(clock):
    async with FakeExchange(clock) as server:
        for n, base in enumerate(BASES):
            server.trade(base, turnover=1e9 / (n + 1), period=500.0 + 170 * n)
        yield server


@pytest.fixture
def store():
    return MemoryCandles()


@pytest.fixture
async def opened(server, store, clock):
    """Gives sources over the same candles, as processes one after the other."""
    sources = []

    def make(**more):
        exchange = Exchange("binance", now=clock, url=server.url)
        keeper = CandleKeeper(store, [exchange], now=clock, depth=DEPTH, **more)
        name = source_name("binance")
        source = EmbeddedSource(keeper, store, name=name, now=clock, depth=DEPTH)
        sources.append(source)
        return source

    yield make
    for source in sources:
        await source.close()


@pytest.fixture
def source(opened):
    return opened()


async def read(source, wanted=ALL):
    snapshot = await source.fetch(wanted)
    return {r.symbol: r for r in snapshot.readings}


async def test_a_reading_has_grade_signal_price_and_volume_at_the_last_whole_hour(
    source, server
):
    snapshot = await source.fetch(ALL)
    readings = {r.symbol: r for r in snapshot.readings}

    assert sorted(readings) == sorted(BASES)
    btc = readings["BTC"]
    assert (btc.key, btc.name, btc.categories) == (
        "3375",
        "Bitcoin",
        ("layer-1", "payments"),
    )
    assert btc.as_of == NOON
    assert btc.price == server.close_of("BTC", int(NOON.timestamp()) - HOUR)
    assert 0 <= btc.grade <= 100
    assert btc.signal in {Signal.BULLISH, Signal.BEARISH}
    assert btc.volume == pytest.approx(1e9, rel=0.5)
    assert btc.market_cap is None
    assert snapshot.source == source.name == f"embedded:{ENGINE_VERSION}:binance"
    assert source.title == f"Flipwatch's own engine {ENGINE_VERSION}"
    assert snapshot.absent == 0


async def test_the_same_hour_gives_the_same_readings_without_a_request(source, server):
    first = await read(source)
    server.requests.clear()

    assert await read(source) == first
    assert server.requests == []


async def test_hour_after_hour_says_what_all_candles_at_once_say(source, opened, clock):
    await source.fetch(ALL)
    for _ in range(11):
        clock.advance(hours=1)
        growing = await read(source)

    # a process that starts now and knows nothing of what stood
    assert await read(opened()) == growing
    assert growing["BTC"].as_of == NOON + timedelta(hours=11)


async def test_prices_that_turn_flip_a_signal(source, clock):
    seen = {base: set() for base in BASES}
    for _ in range(40):
        for symbol, reading in (await read(source)).items():
            seen[symbol].add(reading.signal)
        clock.advance(hours=24)

    assert {Signal.BULLISH, Signal.BEARISH} <= seen["BTC"]


async def test_a_coin_that_is_too_young_has_no_grade_and_no_signal(source, server):
    server.trade("NEW", turnover=5e8, listed_at=NOON - timedelta(days=30))

    readings = await read(source)

    young = readings["NEW"]
    assert (young.grade, young.signal) == (None, None)
    assert young.price > 0
    assert young.name == "NEW"
    found = source.explain(young.key)
    assert (found.components, found.days, found.enough_days) == ((), 30, 70)


async def test_a_coin_without_the_last_hour_is_absent_and_unknown(source, server):
    for n in range(10):
        server.trade(f"C{n}", turnover=1e4)
    server.gap("C3", hours_ago=1)

    snapshot = await source.fetch(ALL)

    assert "C3" not in {r.symbol for r in snapshot.readings}
    assert snapshot.absent == 1


async def test_an_hour_that_has_come_for_few_waits_for_the_others(
    source, server, clock
):
    await source.fetch(ALL)
    clock.advance(hours=1)
    for base in BASES[:2]:
        server.coins[base].gaps.add(int(NOON.timestamp()))

    assert await read(source) == {}
    clock.advance(minutes=25)
    assert sorted(await read(source)) == sorted(BASES[2:])


async def test_an_outage_is_an_error_that_says_which_hour_is_missing(
    source, server, clock
):
    before = await read(source)
    server.refuse(503)
    clock.advance(hours=1)

    with pytest.raises(SourceUnavailableError, match=r"13:00 UTC: binance") as error:
        await source.fetch(ALL)

    assert error.value.reason == "no_candles"
    server.recover()
    after = await read(source)
    assert after["BTC"].as_of == before["BTC"].as_of + timedelta(hours=1)


async def test_history_that_takes_long_gives_empty_snapshots_meanwhile(opened):
    source = opened(budget=timedelta(0))

    snapshot = await source.fetch(ALL)

    assert snapshot.readings == ()
    assert snapshot.is_more


async def test_a_candle_that_was_corrected_is_graded_anew(source, server, clock):
    await source.fetch(ALL)
    server.coins["BTC"].closes[int(NOON.timestamp()) - HOUR] = 101.0
    clock.advance(hours=1)

    await source.fetch(ALL)

    book = source.state.book
    assert book.grid.close[-2, book.bases.index("BTC")] == 101.0
    assert book.closed_at == NOON.timestamp() + HOUR


async def test_what_stood_stands_on_after_a_restart(opened, store, clock):
    first = await opened().fetch(ALL)
    told = {r.symbol: r.signal for r in first.readings}
    mark = Bookmark.parse(first.bookmark)
    assert mark.standing == {b: int(s) for b, s in told.items()}
    # as if BTC had got its signal in a way that the candles kept do not show
    other = mark.standing | {"BTC": -mark.standing["BTC"]}
    resumed = opened()
    resumed.resume(Bookmark(mark.at, other).text())

    readings = await read(resumed)

    assert int(readings["BTC"].signal) == other["BTC"]
    assert {s: r.signal for s, r in readings.items() if s != "BTC"} == {
        s: told[s] for s in told if s != "BTC"
    }
    # it takes a day beyond the other line to end a signal, whatever came before
    clock.advance(hours=1)
    after = await read(resumed)
    assert int(after["BTC"].signal) == other["BTC"]


async def test_a_coin_that_joins_changes_nobodys_signal(source, server, clock):
    before = await read(source)
    for n in range(6):
        server.trade(f"C{n}", turnover=1e12, period=300.0 + 10 * n)
    clock.advance(hours=6)
    at_once = await read(source)
    clock.at = NOW
    server.requests.clear()

    assert len(at_once) == len(BASES) + 6
    book = source.state.book
    joined = book.bookmark(int(NOON.timestamp())).standing
    assert {b: joined[b] for b in BASES} == {b: int(before[b].signal) for b in BASES}


async def test_the_past_is_what_was_said_at_each_days_end(source, server, clock):
    with pytest.raises(SourceUnavailableError):
        await source.fetch_history(["3375"], NOON)
    await source.fetch(ALL)

    early = await source.fetch_history(["3375", "nobody"], NOON - timedelta(days=20))
    found = await source.fetch_history(["3375"], NOON)

    days = [r.as_of for r in found]
    assert days[-1] == NOON.replace(hour=0)
    assert {b - a for a, b in pairwise(days)} == {timedelta(days=1)}
    last = found[-1]
    assert last.price == server.close_of("BTC", int(last.as_of.timestamp()) - HOUR)
    assert 0 <= last.grade <= 100
    assert last.volume == pytest.approx(1e9, rel=0.5)
    # asked for earlier days it says the same of them: nothing later is in it
    assert early == found[: len(early)]
    assert early[-1].as_of <= NOON - timedelta(days=20)

    # a day later that day's end is what a poll brings at midnight
    clock.advance(hours=12)
    midnight = (await read(source))["BTC"]
    (newest,) = (await source.fetch_history(["3375"], midnight.as_of))[-1:]
    assert (newest.as_of, newest.signal, newest.grade, newest.price) == (
        midnight.as_of,
        midnight.signal,
        midnight.grade,
        midnight.price,
    )


async def test_lookup_finds_what_the_exchange_trades(source):
    assert await source.lookup("ETH") == ()
    await source.fetch(Wanted(top=1))

    (eth,) = await source.lookup(" eth ")
    assert (eth.key, eth.symbol, eth.name) == ("3306", "ETH", "Ethereum")
    assert eth.volume == 5e8
    assert await source.lookup("NOPE") == ()

    readings = await read(source, Wanted(top=1, keys=frozenset({eth.key})))
    assert sorted(readings) == ["BTC", "ETH"]


async def test_a_grade_is_explained_by_its_shares(source):
    btc = (await read(source))["BTC"]

    found = source.explain(btc.key)

    assert found.as_of == btc.as_of
    total = 50 + sum(component.points for component in found.components)
    assert min(max(total, 0), 100) == pytest.approx(btc.grade, abs=0.1)
    assert source.explain("0") is None


def test_the_book_says_what_grading_the_whole_grid_says():
    rng = np.random.default_rng(7)
    start = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())

    def walk(rows, step):
        moves = rng.normal(0, 0.02 * (step / 86_400) ** 0.5, (rows, 6))
        closes = 100 * np.exp(np.cumsum(moves, axis=0))
        candles = {
            base: [(start + n * step, *[closes[n, i]] * 4, 10.0) for n in range(rows)]
            for i, base in enumerate(BASES)
        }
        frame = Frame(step)
        return build_grid(candles, BASES, frame, start, start + rows * step)

    days, hours = walk(120, 86_400), walk(100 * 24, 3_600)
    shift = 120 * 86_400
    hours = type(hours)(
        **{
            name: getattr(hours, name)
            for name in ("symbols", "step_s", "open", "high", "low", "close", "volume")
        },
        opens_at=hours.opens_at + shift,
    )

    book = Book(days, hours.cut(start + shift + 50 * 86_400))
    book.grow(hours.since(start + shift + 50 * 86_400))

    whole = grade(hours, daily=days)
    assert np.array_equal(book.last.grade[0], whole.grade[-1], equal_nan=True)
    assert np.array_equal(book.last.signal[0], whole.signal[-1])
    daily = book.history(Frame.DAY)
    assert len(daily.closes_at) == 220
    assert np.array_equal(daily.signal[-1], whole.signal[-1])


def test_a_bookmark_that_is_not_ours_is_no_bookmark():
    for text in (None, "", "17", "x;;", "1;BTC", "²;a;b", "-5;;"):
        assert Bookmark.parse(text) is None
    mark = Bookmark(5, {"BTC": 1, "ETH": -1, "SOL": 1})
    assert Bookmark.parse(mark.text()) == mark
    assert Bookmark.parse(Bookmark(5).text()) == Bookmark(5)


async def test_the_configuration_opens_it_and_asks_nothing(clock):
    source = open_source(EngineConfig(), now=clock)

    assert source.name == source_name("binance")
    await source.close()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"exchange": "nowhere"}, "ccxt knows no “nowhere”"),
        ({"fallback_exchanges": ("base",)}, "ccxt knows no “base”"),
        ({"exchange_urls": ("kraken=http://x",)}, "neither engine.exchange"),
    ],
)
def test_an_engine_that_can_never_work_is_refused(values, said, clock):
    with pytest.raises(ConfigError, match=said):
        open_source(EngineConfig(**values), now=clock)


def test_who_has_not_installed_it_is_told_how(monkeypatch, clock):
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ConfigError, match=r"pip install 'flipwatch\[engine\]'"):
        open_source(EngineConfig(), now=clock)


def test_an_id_is_a_number_that_never_changes():
    assert key_of("BTC") == "3375"
    assert key_of("PEPE") == key_of("PEPE")
    bases = [f"C{n}" for n in range(2_000)]
    keys = {key_of(base) for base in bases}
    assert len(keys) == len(bases)
    assert all(100_000_000 <= int(key) < 1_000_000_000 for key in keys)


def test_nothing_of_the_real_world_is_shipped():
    folder = Path(__file__).parents[2] / "engine" / "embedded"

    assert {path.suffix for path in folder.iterdir() if path.is_file()} == {".py"}
