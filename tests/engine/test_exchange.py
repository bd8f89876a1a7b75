"""An exchange through ccxt, against a server of our own that speaks its REST."""

from datetime import UTC, datetime, timedelta

import pytest
from fake_exchange import FakeExchange
from fakes import FakeClock

from bot.candles import Frame
from bot.errors import ConfigError
from engine.embedded.ccxt_loading import load_exchange
from engine.embedded.exchange import Exchange, ExchangeError
from engine.embedded.pace import DEFAULT_REST, Pace, Rest

NOW = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)
NOON = NOW.replace(minute=0)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture(autouse=True)
def paced(monkeypatch):
    """Nobody waits for a turn; what each request costs is written down."""
    costs = []

    class Noted(Pace):
        async def __call__(self, cost=None):
            costs.append(cost)

    monkeypatch.setattr("engine.embedded.exchange.Pace", Noted)
    return costs


@pytest.fixture
async def server(clock):
    async with FakeExchange(clock) as server:
        server.trade("BTC", turnover=1e9)
        server.trade("ETH", turnover=5e8)
        yield server


@pytest.fixture
async def exchange(server, clock):
    exchange = Exchange("binance", now=clock, url=server.url)
    yield exchange
    await exchange.close()


def hours_ago(count):
    return NOON - timedelta(hours=count)


async def fetch(exchange, pair="BTC/USDT", *, hours=3, frame=Frame.HOUR):
    return await exchange.fetch_candles(pair, frame, hours_ago(hours), NOW)


async def test_pairs_come_with_their_turnover(exchange, server):
    server.trade("SOL", turnover=1e8)
    server.halt("SOL")

    pairs = await exchange.list_pairs()

    assert {p.base: (p.name, p.turnover) for p in pairs} == {
        "BTC": ("BTC/USDT", 1e9),
        "ETH": ("ETH/USDT", 5e8),
    }
    # nothing but the two pages: no key, no other market, no list of currencies
    assert [path for path, _ in server.requests] == ["exchangeInfo", "ticker/24hr"]


async def test_candles_are_those_of_the_exchange_without_the_half_written_one(
    exchange, server
):
    candles = await fetch(exchange)

    starts = [int(hours_ago(n).timestamp()) for n in (3, 2, 1)]
    assert [c.start for c in candles] == starts
    assert [c.close for c in candles] == [server.close_of("BTC", s) for s in starts]
    assert candles[0].volume == pytest.approx(1e9 / 24 / 100)


async def test_a_long_history_is_fetched_page_by_page_and_once(exchange, server):
    candles = await fetch(exchange, hours=2_500)

    assert len(candles) == 2_500
    assert len(server.asked("klines")) == 3


async def test_days_are_whole_days(exchange):
    candles = await fetch(exchange, hours=72, frame=Frame.DAY)

    days = [datetime(2025, 2, day, tzinfo=UTC).timestamp() for day in (26, 27, 28)]
    assert [c.start for c in candles] == days


async def test_a_gap_stays_a_gap(exchange, server):
    gap = server.gap("BTC", hours_ago=2)

    candles = await fetch(exchange)

    assert gap not in [c.start for c in candles]
    assert len(candles) == 2


async def test_a_young_pair_begins_with_its_first_candle(exchange, server):
    server.trade("NEW", listed_at=hours_ago(2))

    assert len(await fetch(exchange, "NEW/USDT", hours=5_000)) == 2


async def test_by_a_clock_that_is_ahead_half_a_candle_is_none(exchange, server, clock):
    # ours says 13:01, theirs 12:58: the hour from noon is not over
    clock.at = NOON + timedelta(minutes=61)
    server.ahead = timedelta(minutes=-3)
    await exchange.list_pairs()

    candles = await exchange.fetch_candles(
        "BTC/USDT", Frame.HOUR, hours_ago(1), clock()
    )

    assert [c.start for c in candles] == [hours_ago(1).timestamp()]


@pytest.mark.parametrize("status", [429, 418])
async def test_who_asks_too_often_leaves_the_exchange_alone_as_long_as_it_says(
    exchange, server, clock, status
):
    await exchange.list_pairs()
    server.refuse(status, times=1, headers={"Retry-After": "90"})

    with pytest.raises(ExchangeError, match="too often") as refused:
        await fetch(exchange)
    asked = len(server.requests)
    clock.advance(seconds=60)
    with pytest.raises(ExchangeError, match="another 30 s") as resting:
        await fetch(exchange)

    assert refused.value.retry_after == timedelta(seconds=90)
    assert resting.value.retry_after == timedelta(seconds=30)
    assert len(server.requests) == asked
    clock.advance(seconds=31)
    assert await fetch(exchange)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "{}"),
        (503, "<html>maintenance</html>"),
        (451, '{"code":0,"msg":"Service unavailable from a restricted location"}'),
        (403, "forbidden"),
        (200, "<html>a gateway</html>"),
        (400, '{"code":-1000,"msg":"unknown"}'),
    ],
)
async def test_an_answer_of_no_use_is_an_error_and_no_delisting(
    exchange, server, status, body
):
    await exchange.list_pairs()
    server.refuse(status, body=body)

    with pytest.raises(ExchangeError) as error:
        await fetch(exchange)

    assert not error.value.is_gone
    assert error.value.retry_after is None


@pytest.mark.parametrize("body", ["<html>a gateway</html>", "{}", '{"symbols":[]}'])
async def test_a_list_of_nothing_is_an_error_and_no_delisting(exchange, server, body):
    server.refuse(200, body=body, path="exchangeInfo")

    with pytest.raises(ExchangeError) as listing:
        await exchange.list_pairs()
    with pytest.raises(ExchangeError) as fetching:
        await fetch(exchange)

    assert not listing.value.is_gone
    assert not fetching.value.is_gone


async def test_a_pair_that_is_traded_no_more_is_gone(exchange, server):
    await exchange.list_pairs()
    server.delist("BTC")

    with pytest.raises(ExchangeError) as error:
        await fetch(exchange)

    assert error.value.is_gone


async def test_candles_that_cannot_be_are_left_out(exchange, server):
    await exchange.list_pairs()
    good, low_above_high = hours_ago(2), hours_ago(1)
    rows = [
        [int(hours_ago(3).timestamp()) * 1000, "1", "1", "1", "0", "5"],
        [int(good.timestamp()) * 1000, "1", "2", "1", "1.5", "5"],
        [int(low_above_high.timestamp()) * 1000, "1", "0.9", "1.2", "1.1", "5"],
        [int(NOON.timestamp()) * 1000, "1", "1", "1", "NaN", "5"],
    ]
    server.refuse(200, body=str(rows).replace("'", '"'), path="klines")

    candles = await fetch(exchange)

    assert [(c.start, c.low, c.high, c.close) for c in candles] == [
        (good.timestamp(), 1.0, 2.0, 1.5),
        (low_above_high.timestamp(), 1.0, 1.1, 1.1),
    ]


async def test_every_request_waits_for_its_turn(exchange, paced):
    await exchange.list_pairs()
    await fetch(exchange)

    assert len(paced) == 3
    assert all(cost > 0 for cost in paced)
    # the price of all pairs' turnover is many times that of one pair's candles
    assert paced[1] > paced[2]


async def test_it_can_be_closed_twice_and_before_anything(clock):
    exchange = Exchange("binance", now=clock)
    await exchange.close()
    await exchange.close()


def test_an_exchange_that_ccxt_does_not_know_is_a_mistake_of_the_operator():
    for name in ("nowhere", "../binance", ""):
        with pytest.raises(ConfigError, match=r"engine\.exchange"):
            load_exchange(name)


async def test_turns_are_evenly_spaced_by_what_they_cost(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(round(seconds, 2))

    monkeypatch.setattr("engine.embedded.pace.asyncio.sleep", sleep)
    pace = Pace(timedelta(seconds=10))

    await pace()
    await pace(2)
    await pace(1)

    assert slept == [pytest.approx(10, abs=0.1), pytest.approx(30, abs=0.1)]


def test_a_rest_ends_and_a_clock_that_steps_back_does_not_prolong_it(clock):
    rest = Rest(clock)
    assert not rest.left()

    rest.order(None)
    assert rest.left() == DEFAULT_REST
    clock.advance(seconds=-3_600)
    assert rest.left() == DEFAULT_REST
    clock.advance(seconds=DEFAULT_REST.total_seconds())
    assert not rest.left()
