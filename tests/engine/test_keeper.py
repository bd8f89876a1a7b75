"""Candles kept up to date, through everything that an exchange does to one."""

from datetime import UTC, datetime, timedelta

import pytest
from fake_exchange import HOUR, FakeExchange, Unpaced
from fakes import FakeClock

from bot.candles import Frame
from bot.errors import SourceUnavailableError
from bot.model import Wanted
from engine.embedded.exchange import Exchange
from engine.embedded.keeper import SETTLE, CandleKeeper, Depth
from engine.embedded.memory import MemoryCandles
from engine.embedded.roster import LIST_EVERY
from engine.embedded.universe import key_of

NOW = datetime(2025, 3, 1, 12, 1, tzinfo=UTC)
NOON = NOW.replace(minute=0)
DEPTH = Depth(hours=timedelta(days=3), days=timedelta(days=10))
ALL = Wanted(top=10)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("engine.embedded.exchange.Pace", Unpaced)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
async def server(clock):
    async with FakeExchange(clock) as server:
        for n, base in enumerate(("BTC", "ETH", "SOL", "XRP")):
            server.trade(base, turnover=1e9 / (n + 1))
        yield server


@pytest.fixture
async def other(clock):
    """A second exchange with prices a little apart."""
    async with FakeExchange(clock) as server:
        for base in ("BTC", "ETH", "SOL"):
            server.trade(base, price=100.1)
        yield server


@pytest.fixture
def store():
    return MemoryCandles()


@pytest.fixture
async def keep(server, other, store, clock):
    """Gives keepers over the same store, as processes one after the other."""
    keepers = []

    def make(**more):
        exchanges = [
            Exchange("binance", now=clock, url=server.url),
            Exchange("binanceus", now=clock, url=other.url),
        ]
        keeper = CandleKeeper(store, exchanges, now=clock, depth=DEPTH, **more)
        keepers.append(keeper)
        return keeper

    yield make
    for keeper in keepers:
        await keeper.close()


@pytest.fixture
def keeper(keep):
    return keep()


async def hours_of(store, kept, base, *, since=NOON - timedelta(days=30)):
    found = await store.load_candles(Frame.HOUR, [kept.graded[base].id], since)
    return {c.start: c for c in found.get(kept.graded[base].id, [])}


def hour(number):
    """The start of the hour so many hours before noon."""
    return int(NOON.timestamp()) - number * HOUR


async def test_history_is_fetched_once_and_then_only_what_is_new(
    keeper, server, store, clock
):
    first = await keeper.update(ALL)
    assert sorted(first.graded) == ["BTC", "ETH", "SOL", "XRP"]
    assert (first.home, first.waiting, first.trouble) == ("binance", 0, "")
    assert first.closed_at == NOON
    hours = await hours_of(store, first, "BTC")
    assert max(hours) == hour(1)
    # from the start of a day, at least three days back
    assert len(hours) == 3 * 24 + 12
    server.requests.clear()

    again = await keeper.update(ALL)
    assert server.requests == []
    assert again.revised_from is None

    clock.advance(hours=1)
    later = await keeper.update(ALL)
    queries = server.asked("klines")
    assert len(queries) == 4
    # the last hour there, and the new one
    assert {q["startTime"] for q in queries} == {str(hour(1) * 1_000)}
    assert later.revised_from == hour(1)
    assert max(await hours_of(store, later, "BTC")) == hour(0)


async def test_an_hour_is_asked_for_once_it_has_settled(keeper, server, clock):
    await keeper.update(ALL)
    server.requests.clear()
    clock.at = NOON + timedelta(hours=1) + SETTLE - timedelta(seconds=1)
    assert (await keeper.update(ALL)).closed_at == NOON
    assert server.requests == []

    clock.advance(seconds=1)
    assert (await keeper.update(ALL)).closed_at == NOON + timedelta(hours=1)


async def test_a_restart_goes_on_where_the_last_process_stopped(
    keep, server, store, clock
):
    await keep().update(ALL)
    server.requests.clear()
    clock.advance(hours=5)

    kept = await keep().update(ALL)

    assert len(server.asked("klines")) == 4
    assert len(await hours_of(store, kept, "ETH", since=NOON)) == 5


async def test_a_restart_within_the_hour_asks_for_the_list_alone(keep, server):
    await keep().update(ALL)
    server.requests.clear()

    await keep().update(ALL)

    assert {path for path, _ in server.requests} == {"exchangeInfo", "ticker/24hr"}


async def test_a_half_written_candle_is_healed_with_the_next_hour(
    keeper, server, store, clock
):
    # their clock shows no time of its own here, and ours is 20 minutes ahead
    kept = await keeper.update(ALL)
    server.coins["BTC"].closes[hour(1)] = 42.0
    clock.advance(hours=1)
    kept = await keeper.update(ALL)

    assert (await hours_of(store, kept, "BTC"))[hour(1)].close == 42.0
    assert kept.revised_from == hour(1)


async def test_gaps_stay_gaps(keeper, server, store):
    gap = server.gap("ETH", hours_ago=5)

    kept = await keeper.update(ALL)

    hours = await hours_of(store, kept, "ETH")
    assert gap not in hours
    assert gap - HOUR in hours
    assert gap + HOUR in hours


async def test_the_most_traded_are_graded_and_a_new_listing_joins(
    keeper, server, clock, caplog
):
    caplog.set_level("INFO")
    assert sorted((await keeper.update(Wanted(top=2))).graded) == ["BTC", "ETH"]

    server.trade("NEW", turnover=5e9, listed_at=NOON - timedelta(hours=2))
    clock.advance(hours=1)
    assert "NEW" not in (await keeper.update(Wanted(top=2))).graded
    clock.advance(seconds=LIST_EVERY.total_seconds())
    kept = await keeper.update(Wanted(top=2))

    assert "NEW" in kept.graded
    assert kept.graded["NEW"].is_member
    assert "coins joined" in caplog.text


async def test_a_coin_that_somebody_watches_is_graded_wherever_it_ranks(keeper):
    wanted = Wanted(top=1, keys=frozenset({key_of("XRP"), "no-such-id"}))

    kept = await keeper.update(wanted)

    assert sorted(kept.graded) == ["BTC", "XRP"]
    assert not kept.graded["XRP"].is_member


async def test_everything_is_graded_where_all_is_wanted(keeper):
    assert len((await keeper.update(Wanted(is_all=True))).graded) == 4


@pytest.mark.parametrize("how", ["delist", "halt"])
async def test_a_delisted_coin_is_graded_no_more_and_keeps_its_candles(
    keeper, server, store, clock, how
):
    kept = await keeper.update(ALL)
    sol = kept.graded["SOL"].id
    getattr(server, how)("SOL")
    clock.advance(seconds=LIST_EVERY.total_seconds())

    kept = await keeper.update(ALL)

    assert "SOL" not in kept.graded
    (series,) = [s for s in await store.list_series("binance") if s.base == "SOL"]
    assert series.gone_at == clock()
    assert await store.load_candles(Frame.HOUR, [sol], NOON - timedelta(days=1))


async def test_a_coin_that_is_delisted_between_two_lists_goes_at_once(
    keeper, server, clock
):
    await keeper.update(ALL)
    server.delist("SOL")
    clock.advance(hours=1)

    await keeper.update(ALL)

    assert "SOL" not in (await keeper.update(ALL)).graded


async def test_a_coin_that_is_listed_again_comes_back(keeper, server, store, clock):
    await keeper.update(ALL)
    server.halt("SOL")
    clock.advance(seconds=LIST_EVERY.total_seconds())
    await keeper.update(ALL)
    server.coins["SOL"].status = "TRADING"
    clock.advance(seconds=LIST_EVERY.total_seconds())

    kept = await keeper.update(ALL)

    # 12 hours and the one before them: nothing that was missed is missing
    hours = await hours_of(store, kept, "SOL", since=NOON)
    assert len(hours) == 2 * LIST_EVERY.total_seconds() / HOUR


async def test_a_list_that_lacks_half_the_market_is_not_believed(keeper, server, clock):
    for n in range(10):
        server.trade(f"C{n}", turnover=1e5)
    await keeper.update(Wanted(top=14))
    coins = dict(server.coins)
    server.coins = {"BTC": coins["BTC"], "ETH": coins["ETH"]}
    clock.advance(seconds=LIST_EVERY.total_seconds())
    server.refuse(500, path="klines")

    kept = await keeper.update(Wanted(top=14))

    assert len(kept.graded) == 14
    assert kept.trouble


async def test_an_outage_is_told_and_what_was_missed_is_fetched_afterwards(
    keeper, server, other, store, clock
):
    await keeper.update(ALL)
    server.refuse(503)
    other.refuse(503)
    clock.advance(hours=3)

    kept = await keeper.update(ALL)
    assert kept.trouble == "binance: ExchangeNotAvailable (candles)"
    assert kept.revised_from is None

    server.recover()
    clock.advance(minutes=5)
    kept = await keeper.update(ALL)
    assert kept.trouble == ""
    assert len(await hours_of(store, kept, "BTC", since=NOON)) == 3


async def test_an_exchange_that_fails_is_not_asked_for_every_coin(
    keeper, server, clock
):
    for n in range(20):
        server.trade(f"C{n}", turnover=1e5)
    await keeper.update(Wanted(top=30))
    server.requests.clear()
    server.refuse(503)
    clock.advance(hours=1)

    await keeper.update(Wanted(top=30))

    assert len(server.requests) <= 7


async def test_another_exchange_stands_in_and_gives_way_again(
    keeper, server, other, store, clock
):
    await keeper.update(ALL)
    server.refuse(503)
    clock.advance(hours=1)
    kept = await keeper.update(ALL)
    assert (kept.stand_in, other.requests) == ("", [])

    clock.advance(minutes=15)
    kept = await keeper.update(ALL)
    assert kept.stand_in == "binanceus"
    stood_in = (await hours_of(store, kept, "BTC"))[hour(0)]
    assert (stood_in.close, stood_in.volume) == (other.close_of("BTC", hour(0)), None)
    # its own candle of the hour before was not touched
    own = (await hours_of(store, kept, "BTC"))[hour(1)]
    assert own.close == server.close_of("BTC", hour(1))
    # XRP is not traded there: unknown
    assert hour(0) not in await hours_of(store, kept, "XRP")

    server.recover()
    clock.advance(minutes=5)
    kept = await keeper.update(ALL)
    assert kept.stand_in == ""
    healed = (await hours_of(store, kept, "BTC"))[hour(0)]
    assert healed.close == server.close_of("BTC", hour(0))
    assert healed.volume is not None
    assert kept.revised_from <= hour(0)


async def test_the_first_exchange_that_answers_becomes_home_and_stays_it(
    keep, server, other, clock
):
    server.refuse(451)
    first = await keep().update(ALL)
    assert first.home == "binanceus"
    server.requests.clear()
    other.refuse(503)

    # its series are there, and the one that is wanted still does not answer
    assert (await keep().update(ALL)).home == "binanceus"

    server.recover()
    other.recover()
    assert (await keep().update(ALL)).home == "binance"


async def test_without_any_exchange_there_is_no_engine(keeper, server, other):
    server.refuse(451)
    other.refuse(503)

    with pytest.raises(SourceUnavailableError, match="binance: ExchangeNot") as error:
        await keeper.update(ALL)

    assert error.value.reason == "no_exchange"


async def test_a_budget_that_is_spent_goes_on_with_the_next_update(keep, server):
    spent = await keep(budget=timedelta(0)).update(ALL)
    assert spent.waiting == 4

    assert (await keep().update(ALL)).waiting == 0


async def test_old_candles_are_forgotten(keeper, store, clock):
    kept = await keeper.update(ALL)
    clock.advance(days=6)

    kept = await keeper.update(ALL)

    hours = await hours_of(store, kept, "BTC")
    assert min(hours) >= (clock() - DEPTH.hours - timedelta(days=2)).timestamp()


async def test_days_are_fetched_too_without_hurry(keeper, store, clock, server):
    kept = await keeper.update(ALL)
    ids = [kept.graded["BTC"].id]
    spans = await store.candle_spans(Frame.DAY, ids)
    assert spans[ids[0]].last == hour(12 + 24)

    clock.at = NOON.replace(hour=0, minute=30) + timedelta(days=1)
    await keeper.update(ALL)
    server.requests.clear()
    clock.at += timedelta(hours=2)
    await keeper.update(ALL)

    assert {q["interval"] for q in server.asked("klines")} == {"1h", "1d"}
    spans = await store.candle_spans(Frame.DAY, ids)
    assert spans[ids[0]].last == hour(12)
