"""What every candle store does: SQLite, PostgreSQL, and the one in memory."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from bot.candles import Candle, Frame, Series, Span
from bot.errors import StoreError
from engine.embedded.memory import MemoryCandles
from storage import open_store

START = datetime(2025, 3, 1, tzinfo=UTC)
FIRST = int(START.timestamp())
BTC = Series(exchange="binance", base="BTC", pair="BTC/USDT", turnover=1e9)
ETH = Series(exchange="binance", base="ETH", pair="ETH/USDT", is_member=True)


BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres), "memory"]


@pytest_asyncio.fixture(loop_scope="session", params=BACKENDS)
async def candles(request, tmp_path, sqlite_template, clock):
    if request.param == "memory":
        yield MemoryCandles()
        return
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").create_migrated()
    else:
        path = tmp_path / "candles.db"
        shutil.copy(sqlite_template, path)
        url = f"sqlite:///{path}"
    opened = await open_store(url, now=clock)
    yield opened
    await opened.close()


def hour(number, close=100.0, volume: float | None = 5.0):
    start = FIRST + number * Frame.HOUR
    return Candle(start, close, close + 1, close - 1, close, volume)


async def put(candles, *series):
    return {one.base: one for one in await candles.put_series(series)}


async def test_series_come_back_with_an_id_that_stays(candles):
    first = await put(candles, BTC, ETH)
    gone = START + timedelta(hours=1)
    again = await put(
        candles, replace(BTC, gone_at=gone, hours_from=START, turnover=None)
    )

    assert again["BTC"].id == first["BTC"].id != first["ETH"].id
    assert again["BTC"].gone_at == gone
    assert again["BTC"].asked_from(Frame.HOUR) == START
    assert again["BTC"].asked_from(Frame.DAY) is None
    assert await candles.list_series("binance") == [again["BTC"], first["ETH"]]


async def test_the_same_coin_on_another_exchange_is_another_series(candles):
    await put(candles, BTC)
    await put(candles, replace(BTC, exchange="okx"))

    assert [s.exchange for s in await candles.list_series("okx")] == ["okx"]
    assert len(await candles.list_series("binance")) == 1
    assert await candles.list_series("nowhere") == []


async def test_candles_come_back_oldest_first_and_from_a_moment_on(candles):
    known = await put(candles, BTC, ETH)
    btc, eth = known["BTC"].id, known["ETH"].id
    await candles.add_candles(
        Frame.HOUR, {btc: [hour(2), hour(0), hour(1)], eth: [hour(1, 7.5)]}
    )
    await candles.add_candles(Frame.DAY, {btc: [hour(0, 90.0)]})

    loaded = await candles.load_candles(
        Frame.HOUR, [btc, eth], START + timedelta(hours=1)
    )

    assert loaded == {btc: [hour(1), hour(2)], eth: [hour(1, 7.5)]}
    assert await candles.load_candles(Frame.DAY, [btc, eth], START) == {
        btc: [hour(0, 90.0)]
    }
    first = await candles.load_candles(Frame.HOUR, [btc, eth], START, limit=2)
    assert first == {btc: [hour(0), hour(1)], eth: [hour(1, 7.5)]}


async def test_a_candle_fetched_again_replaces_the_one_there(candles):
    btc = (await put(candles, BTC))["BTC"].id
    await candles.add_candles(Frame.HOUR, {btc: [hour(0, 100.0)]})
    await candles.add_candles(Frame.HOUR, {btc: [hour(0, 101.0)]})

    loaded = await candles.load_candles(Frame.HOUR, [btc], START)

    assert loaded == {btc: [hour(0, 101.0)]}


async def test_a_stand_in_never_replaces_a_candle_of_the_exchange_itself(candles):
    btc = (await put(candles, BTC))["BTC"].id
    await candles.add_candles(
        Frame.HOUR, {btc: [hour(0, 100.0), hour(1, 99.0, volume=None)]}
    )
    stand_ins = [hour(0, 98.0, volume=None), hour(1, 97.0, volume=None)]
    await candles.add_candles(Frame.HOUR, {btc: stand_ins})

    loaded = await candles.load_candles(Frame.HOUR, [btc], START)

    assert loaded == {btc: [hour(0, 100.0), hour(1, 97.0, volume=None)]}
    own, last = FIRST, FIRST + Frame.HOUR
    assert await candles.candle_spans(Frame.HOUR, [btc]) == {btc: Span(own, last, own)}

    await candles.add_candles(Frame.HOUR, {btc: [hour(1, 100.5)]})
    assert (await candles.candle_spans(Frame.HOUR, [btc]))[btc].last_own == last


async def test_spans_leave_out_what_has_no_candles(candles):
    known = await put(candles, BTC, ETH)
    await candles.add_candles(Frame.DAY, {known["ETH"].id: [hour(0, volume=None)]})

    ids = [one.id for one in known.values()]

    assert await candles.candle_spans(Frame.HOUR, ids) == {}
    assert await candles.candle_spans(Frame.DAY, ids) == {
        known["ETH"].id: Span(FIRST, FIRST, None)
    }


async def test_old_candles_of_one_frame_are_forgotten(candles):
    btc = (await put(candles, BTC))["BTC"].id
    await candles.add_candles(Frame.HOUR, {btc: [hour(n) for n in range(5)]})
    await candles.add_candles(Frame.DAY, {btc: [hour(0)]})

    gone = await candles.prune_candles(Frame.HOUR, START + timedelta(hours=3))

    assert gone == 3
    loaded = await candles.load_candles(Frame.HOUR, [btc], START)
    assert loaded == {btc: [hour(3), hour(4)]}
    assert await candles.candle_spans(Frame.DAY, [btc])


async def test_many_candles_are_written_at_once(candles):
    btc = (await put(candles, BTC))["BTC"].id
    await candles.add_candles(Frame.HOUR, {btc: [hour(n) for n in range(5_000)]})

    loaded = await candles.load_candles(Frame.HOUR, [btc], START)

    assert len(loaded[btc]) == 5_000
    assert await candles.count_candles(Frame.HOUR, [btc, 404]) == {btc: 5_000}
    assert await candles.count_candles(Frame.DAY, [btc]) == {}


async def test_candles_of_an_unknown_series_are_refused(store):
    with pytest.raises(StoreError):
        await store.add_candles(Frame.HOUR, {404: [hour(0)]})
    assert await store.candle_spans(Frame.HOUR, [404]) == {}


async def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        Series(
            exchange="x", base="B", pair="B/USDT", gone_at=START.replace(tzinfo=None)
        )
