import asyncio
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fake_engine import REFUSED, STARTS, FakeEngine
from pydantic import SecretStr

import engine.remote
from bot.config import EngineConfig
from bot.errors import (
    ConfigError,
    SourceProtocolError,
    SourceRefusedError,
    SourceUnavailableError,
)
from bot.model import Signal, Wanted
from engine import open_source, transport
from engine.pages import DAYS_BACK
from engine.remote import RemoteSource
from engine.transport import retry_after

KEY = "tm-01234567-89ab-cdef-0123-456789abcdef"
NOW = datetime(2025, 4, 10, 12, tzinfo=UTC)
BTC, ETH, SOL = "3375", "3306", "3988"


class SetClock:
    def __init__(self):
        self.at = NOW

    def __call__(self):
        return self.at

    def step(self, **by):
        self.at += timedelta(**by)


@pytest.fixture
def clock():
    return SetClock()


@asynccontextmanager
async def remote(engine, clock, *, timeout=timedelta(seconds=10), v3=False, **fields):
    options = {"kind": "remote", "poll_interval": 1.0} | fields
    base_url = engine.base_url_v3 if v3 else engine.base_url
    config = EngineConfig(base_url=base_url, **options)
    source = RemoteSource(config, now=clock, chance=lambda: 1.0, timeout=timeout)
    try:
        yield source
    finally:
        await source.close()


def watched(*keys):
    return Wanted(keys=frozenset(keys))


def by_key(snapshot):
    return {reading.key: reading for reading in snapshot.readings}


@pytest.mark.parametrize("v3", [False, True], ids=["version 2", "version 3"])
async def test_a_fetch_brings_what_is_watched_with_size_price_and_categories(clock, v3):
    async with FakeEngine() as engine, remote(engine, clock, v3=v3) as source:
        engine.set("BTC", grade=71, signal=1)

        snapshot = await source.fetch(watched(BTC, ETH))

    got = by_key(snapshot)
    assert set(got) == {BTC, ETH}
    assert snapshot.absent == 0
    assert snapshot.source == source.name
    btc = got[BTC]
    assert (btc.symbol, btc.name, btc.grade) == ("BTC", "Bitcoin", 71.0)
    assert btc.signal is Signal.BULLISH
    assert btc.as_of == STARTS
    assert (btc.price, btc.market_cap) == (79_600.0, 1.58e12)
    assert btc.categories == ("layer-1",)
    assert btc.link == "https://app.tokenmetrics.com/en/bitcoin"
    assert got[ETH].signal is Signal.BEARISH


async def test_nothing_wanted_is_no_call(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        snapshot = await source.fetch(Wanted())

        assert snapshot.readings == ()
        assert engine.requests == []


async def test_the_largest_are_asked_for_by_id_and_listed_once_a_day(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        first = await source.fetch(Wanted(top=3, keys=frozenset({SOL})))
        clock.step(hours=1)
        await source.fetch(Wanted(top=3, keys=frozenset({SOL})))
        lists = [a for a in engine.requests if a.path == "top-market-cap-tokens"]
        clock.step(hours=24)
        await source.fetch(Wanted(top=3, keys=frozenset({SOL})))
        lists_later = [a for a in engine.requests if a.path == "top-market-cap-tokens"]

    assert set(by_key(first)) == {BTC, ETH, "3369", SOL}
    assert len(lists) == 1
    assert len(lists_later) == 2


async def test_more_than_a_hundred_are_asked_for_in_batches(clock):
    async with FakeEngine(size=230) as engine, remote(engine, clock) as source:
        keys = [str(t.id) for t in engine.tokens if t.days]

        snapshot = await source.fetch(watched(*keys))

        asked = [len(a.query["token_id"].split(",")) for a in engine.polls()]
    assert len(snapshot.readings) == 230
    assert asked == [100, 100, 30]


async def test_more_than_a_hundred_largest_come_page_by_page(clock):
    async with FakeEngine(size=230) as engine, remote(engine, clock) as source:
        snapshot = await source.fetch(Wanted(top=150))

    assert len(snapshot.readings) == 150


@pytest.mark.parametrize(
    ("refused", "missing"),
    [
        pytest.param({"top-market-cap-tokens"}, set(), id="not in the plan"),
        pytest.param(set(), {"top-market-cap-tokens"}, id="not there"),
        pytest.param({"top-market-cap-tokens", "tokens"}, set(), id="nor is the other"),
    ],
)
async def test_without_a_list_of_the_largest_other_pages_stand_in(
    clock, refused, missing
):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.refused_paths |= refused
        engine.missing_paths |= missing

        snapshot = await source.fetch(Wanted(top=3))

    assert set(by_key(snapshot)) == {BTC, ETH, "3369"}


async def test_an_old_list_of_the_largest_stands_in_for_one_that_fails(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        await source.fetch(Wanted(top=3))
        clock.step(days=2)
        engine.fail_next(status=500, path="top-market-cap-tokens")

        snapshot = await source.fetch(Wanted(top=3))

    assert len(snapshot.readings) == 3


async def test_everything_is_paged_through_until_a_short_page(clock):
    async with FakeEngine(size=230) as engine, remote(engine, clock) as source:
        snapshot = await source.fetch(Wanted(is_all=True))

        pages = [a.query["page"] for a in engine.polls()]
    assert len(snapshot.readings) == 230
    assert pages == ["1", "2", "3"]


async def test_everything_ends_with_no_rows_where_the_last_page_was_full(clock):
    async with FakeEngine(size=200) as engine, remote(engine, clock) as source:
        snapshot = await source.fetch(Wanted(is_all=True))

        assert len(engine.polls()) == 3
    assert len(snapshot.readings) == 200


async def test_an_engine_that_knows_no_pages_is_not_paged_for_ever(clock):
    async with FakeEngine(size=100) as engine, remote(engine, clock) as source:
        rows = [f'{{"TOKEN_ID":{n},"DATE":"2025-04-10"}}' for n in range(100)]
        body = f'{{"success":true,"data":[{",".join(rows)}]}}'.encode()
        engine.answer_next(body, times=1000)

        snapshot = await source.fetch(Wanted(is_all=True))

        assert len(engine.polls()) == 2
    assert len(snapshot.readings) == 100


@pytest.mark.parametrize("is_grouped", [False, True], ids=["by day", "by asset"])
async def test_with_many_days_of_each_asset_the_newest_counts(clock, is_grouped):
    async with (
        FakeEngine(size=60, history=30, is_grouped=is_grouped) as engine,
        remote(engine, clock) as source,
    ):
        keys = [str(t.id) for t in engine.tokens if t.days]
        engine.set("GEN59", grade=12.5)

        first = await source.fetch(watched(*keys))
        before = len(engine.polls())
        clock.step(minutes=1)
        engine.advance()
        second = await source.fetch(watched(*keys))
        asked = engine.polls()[before:]

    assert (len(first.readings), first.absent) == (60, 0)
    assert {r.as_of for r in first.readings} == {STARTS}
    assert 12.5 in {r.grade for r in first.readings}
    assert {r.as_of for r in second.readings} == {STARTS + timedelta(days=1)}
    if is_grouped:
        assert asked[0].query["startDate"] == f"{STARTS - DAYS_BACK:%Y-%m-%d}"


async def test_everything_of_an_engine_with_history_needs_few_pages(clock):
    async with (
        FakeEngine(size=60, history=100, is_grouped=True) as engine,
        remote(engine, clock, v3=True) as source,
    ):
        snapshot = await source.fetch(Wanted(is_all=True))

        assert len(engine.polls()) <= 4
        assert "start_date" in engine.polls()[-1].query
    assert len(snapshot.readings) == 60
    assert {r.as_of for r in snapshot.readings} == {STARTS}


async def test_what_does_not_come_is_counted_as_absent(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.remove("ETH")

        snapshot = await source.fetch(watched(BTC, ETH, "777"))

    assert set(by_key(snapshot)) == {BTC}
    assert snapshot.absent == 2


async def test_not_found_is_no_rows_and_no_error(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        snapshot = await source.fetch(watched("777"))
        again = await source.fetch(watched(BTC))

    assert (snapshot.readings, snapshot.absent) == ((), 1)
    assert len(again.readings) == 1


FAULTS = {
    "500": (lambda e: e.fail_next(status=500), SourceUnavailableError, "http_500"),
    "429": (lambda e: e.fail_next(status=429), SourceUnavailableError, "http_429"),
    "401": (lambda e: e.fail_next(status=401), SourceRefusedError, "http_401"),
    "402": (lambda e: e.fail_next(status=402), SourceRefusedError, "http_402"),
    "403": (lambda e: e.fail_next(status=403), SourceRefusedError, "http_403"),
    "400": (lambda e: e.fail_next(status=400), SourceProtocolError, "http_400"),
    "413": (lambda e: e.fail_next(status=413), SourceProtocolError, "http_413"),
    "422": (lambda e: e.fail_next(status=422), SourceProtocolError, "http_422"),
    "redirect": (lambda e: e.fail_next(status=302), SourceProtocolError, "http_302"),
    "garbage": (lambda e: e.answer_next(b"{oops"), SourceProtocolError, "not_json"),
    "truncated JSON": (
        lambda e: e.answer_next(b'{"success":true,"data":[{"TOKEN_ID":3375,'),
        SourceProtocolError,
        "not_json",
    ),
    "half a page": (lambda e: e.half_page_next(), SourceUnavailableError, "connection"),
    "no success": (
        lambda e: e.answer_next(b'{"success":false,"message":"busy","data":[]}'),
        SourceProtocolError,
        "no_success",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_single_failure_is_a_clear_error_and_the_next_poll_works(clock, fault):
    cause, kind, reason = FAULTS[fault]
    async with FakeEngine() as engine, remote(engine, clock) as source:
        await source.fetch(watched(BTC))
        cause(engine)

        with pytest.raises(kind) as caught:
            await source.fetch(watched(BTC))
        clock.step(seconds=1)
        snapshot = await source.fetch(watched(BTC))

    assert caught.value.reason == reason
    assert len(snapshot.readings) == 1


async def test_an_engine_that_hangs_is_given_up_after_the_timeout(clock):
    short = timedelta(seconds=0.2)
    async with FakeEngine() as engine, remote(engine, clock, timeout=short) as source:
        engine.hang_next()

        with pytest.raises(SourceUnavailableError) as caught:
            await source.fetch(watched(BTC))
        clock.step(seconds=1)
        await source.fetch(watched(BTC))

    assert caught.value.reason == "timeout"


async def test_a_stopped_fetch_stays_stopped(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.hang_next()
        task = asyncio.create_task(source.fetch(watched(BTC)))
        await engine.wait_for_polls(1)

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


async def test_prices_that_hang_hold_a_poll_up_only_shortly(clock, monkeypatch):
    monkeypatch.setattr(engine.remote, "_EXTRAS_WITHIN", timedelta(seconds=0.1))
    async with FakeEngine() as fake, remote(fake, clock) as source:
        fake.hang_next(path="price")

        snapshot = await source.fetch(watched(BTC))

    assert by_key(snapshot)[BTC].grade == 26.48


async def test_a_wrong_address_is_told_to_the_operator_once(clock, caplog):
    async with FakeEngine() as fake, remote(fake, clock) as source:
        fake.missing_paths.add("trading-signals")
        for _ in range(3):
            await source.fetch(watched(BTC))

    assert caplog.text.count("is engine.base_url right?") == 1


async def test_no_rows_is_nothing_to_warn_of(clock, caplog):
    async with FakeEngine() as fake, remote(fake, clock) as source:
        await source.fetch(watched("777"))

    assert caplog.text == ""


async def test_an_engine_that_is_not_there_is_unavailable(clock):
    async with FakeEngine() as engine:
        pass
    async with remote(engine, clock) as source:
        with pytest.raises(SourceUnavailableError) as caught:
            await source.fetch(watched(BTC))

    assert caught.value.reason == "connection"


async def test_a_page_that_fails_half_way_fails_the_whole_fetch(clock):
    async with FakeEngine(size=230) as engine, remote(engine, clock) as source:
        first_page = b'{"success":true,"data":[{"TOKEN_ID":1,"DATE":"2025-04-10"}]}'
        engine.answer_next(first_page)
        engine.fail_next(status=500)
        keys = [str(t.id) for t in engine.tokens if t.days]

        with pytest.raises(SourceUnavailableError):
            await source.fetch(watched(*keys))


async def test_a_body_without_end_is_cut_off(clock, monkeypatch):
    monkeypatch.setattr(transport, "BODY_MAX", 1000)
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.answer_next(b" " * 5000)

        with pytest.raises(SourceProtocolError) as caught:
            await source.fetch(watched(BTC))

    assert caught.value.reason == "too_large"


async def test_an_ordered_wait_is_kept_without_a_call(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.fail_next(status=429, retry_after=30)
        with pytest.raises(SourceUnavailableError) as first:
            await source.fetch(watched(BTC))
        clock.step(seconds=29)

        with pytest.raises(SourceUnavailableError) as early:
            await source.fetch(watched(BTC))

        assert first.value.retry_after == timedelta(seconds=30)
        assert early.value.reason == "backing_off"
        assert early.value.retry_after == timedelta(seconds=1)
        assert source.next_fetch_at(clock()) == clock() + timedelta(seconds=1)
        assert len(engine.polls()) == 1
        clock.step(seconds=1)
        assert source.next_fetch_at(clock()) is None
        assert len((await source.fetch(watched(BTC))).readings) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Thu, 10 Apr 2025 12:01:00 GMT"}, 60),
        ({"Retry-After": "Thu, 10 Apr 2025 11:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 90)}, 90),
        ({"X-RateLimit-Reset": "15"}, 15),
        ({"Retry-After": "9" * 12}, 365 * 86_400),
        ({}, None),
    ],
    ids=str,
)
def test_ordered_waits_are_read_in_every_spelling(headers, expected):
    wanted = None if expected is None else timedelta(seconds=expected)
    assert retry_after(headers, NOW) == wanted


async def test_failures_in_a_row_are_asked_about_less_and_less(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.fail_next(status=500, times=10_000)
        for _ in range(600):
            with pytest.raises(SourceUnavailableError):
                await source.fetch(watched(BTC))
            clock.step(seconds=1)

        assert 5 <= len(engine.polls()) <= 12


async def test_a_refused_key_is_probed_slowly(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.require_key(KEY)
        with pytest.raises(SourceRefusedError, match="not authorized"):
            await source.fetch(watched(BTC))
        clock.step(seconds=1)
        with pytest.raises(SourceRefusedError):
            await source.fetch(watched(BTC))
        clock.step(minutes=4)
        with pytest.raises(SourceUnavailableError) as early:
            await source.fetch(watched(BTC))
        clock.step(minutes=1)
        with pytest.raises(SourceRefusedError):
            await source.fetch(watched(BTC))
        clock.step(minutes=59)

        with pytest.raises(SourceUnavailableError):
            await source.fetch(watched(BTC))

        assert early.value.reason == "refused"
        assert len(engine.polls()) == 3


@pytest.mark.parametrize("header", ["x-api-key", "X-Old-Key"])
async def test_the_key_travels_in_its_header_alone(clock, header):
    async with (
        FakeEngine() as engine,
        remote(engine, clock, api_key=SecretStr(KEY), auth_header=header) as source,
    ):
        engine.require_key(KEY, header=header)

        snapshot = await source.fetch(Wanted(top=2))
        await source.lookup("BTC")

        assert len(snapshot.readings) == 2
        assert not engine.key_in_query(KEY)
        assert {a.headers["Accept"] for a in engine.requests} == {"application/json"}


async def test_a_key_that_the_engine_repeats_is_in_no_error_and_no_log(clock, caplog):
    caplog.set_level(logging.DEBUG)
    other = "tm-ffffffff-89ab-cdef-0123-456789abcdef"
    async with (
        FakeEngine() as engine,
        remote(engine, clock, api_key=SecretStr("my-own-secret")) as source,
    ):
        engine.fail_next(status=401, message=f"bad keys my-own-secret and {other}")

        with pytest.raises(SourceRefusedError) as caught:
            await source.fetch(watched(BTC))

    told = str(caught.value) + repr(caught.value) + caplog.text
    told += "".join(str(vars(record)) for record in caplog.records)
    assert "bad keys" in str(caught.value)
    assert "my-own-secret" not in told
    assert other not in told
    assert caught.value.__cause__ is None


async def test_a_failure_of_names_and_prices_never_fails_the_poll(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.fail_next(status=500, path="price", times=100)
        engine.fail_next(status=401, path="tokens", times=100)
        await source.fetch(watched(BTC))
        clock.step(seconds=1)

        snapshot = await source.fetch(watched(BTC))

        assert len(engine.polls()) == 2
        assert len(engine.requests) == 3  # and a price is not asked for each second
    assert by_key(snapshot)[BTC].grade == 26.48
    assert by_key(snapshot)[BTC].price is None


async def test_a_price_is_asked_for_again_when_the_verdict_changes(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        await source.fetch(watched(BTC, ETH))
        clock.step(seconds=1)
        engine.set("BTC", price=81_000.0)
        quiet = await source.fetch(watched(BTC, ETH))
        clock.step(seconds=1)
        engine.flip("BTC")

        moved = await source.fetch(watched(BTC, ETH))

        prices = [a.query["token_id"] for a in engine.requests if a.path == "price"]
    assert by_key(quiet)[BTC].price == 79_600.0
    assert by_key(moved)[BTC].price == 81_000.0
    assert prices == [f"{ETH},{BTC}", BTC]


async def test_an_old_price_is_not_shown_as_current(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        await source.fetch(watched(BTC))
        engine.fail_next(status=500, path="price", times=100)
        clock.step(minutes=20)

        snapshot = await source.fetch(watched(BTC))

    reading = by_key(snapshot)[BTC]
    assert (reading.price, reading.volume) == (None, None)
    assert reading.market_cap == 1.58e12


async def test_credits_are_counted_and_spread_over_the_month(clock):
    async with (
        FakeEngine() as engine,
        remote(engine, clock, credits_per_month=500, poll_interval=300.0) as source,
    ):
        await source.fetch(watched(BTC))
        used = source.credits_used
        clock.step(minutes=30)
        with pytest.raises(SourceUnavailableError) as early:
            await source.fetch(watched(BTC))
        clock.step(minutes=31)  # 20.5 days of April are left for about 498 credits
        snapshot = await source.fetch(watched(BTC))

        assert len(engine.polls()) == 2
    assert used == 3  # signals, price, size
    assert early.value.reason == "budget"
    assert len(snapshot.readings) == 1


async def test_without_credits_no_call_is_made_until_the_next_month(clock):
    async with (
        FakeEngine() as engine,
        remote(engine, clock, credits_per_month=3) as source,
    ):
        source.resume("2025-04:3:0")
        with pytest.raises(SourceUnavailableError) as caught:
            await source.fetch(watched(BTC))
        with pytest.raises(SourceUnavailableError):
            await source.lookup("BTC")
        assert engine.requests == []
        clock.at = datetime(2025, 5, 1, tzinfo=UTC)

        snapshot = await source.fetch(watched(BTC))

    assert caught.value.reason == "budget"
    assert len(snapshot.readings) == 1


async def test_the_count_of_credits_goes_on_after_a_restart(clock):
    async with FakeEngine() as engine:
        async with remote(engine, clock) as source:
            snapshot = await source.fetch(watched(BTC))
            used = source.credits_used
        async with remote(engine, clock) as again:
            again.resume(snapshot.bookmark)

            assert again.credits_used == used > 0


async def test_lookup_finds_the_obvious_asset_of_several_namesakes(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        found = await source.lookup("btc")
        unknown = await source.lookup("NOPE")
        odd = await source.lookup("BTC&limit=1000")

        asked = [a.query for a in engine.requests]
    assert [info.key for info in found] == [BTC, "70001"]
    assert (found[0].symbol, found[0].name) == ("BTC", "Bitcoin")
    assert found[0].market_cap == 1.58e12
    assert (unknown, odd) == ((), ())
    assert [q["symbol"] for q in asked] == ["BTC", "NOPE"]


async def test_a_failed_lookup_delays_no_poll(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        engine.fail_next(status=500, path="tokens")
        with pytest.raises(SourceUnavailableError):
            await source.lookup("BTC")

        assert len((await source.fetch(watched(BTC))).readings) == 1


async def test_a_healthy_engine_is_asked_with_every_poll(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        for _ in range(5):
            await source.fetch(watched(BTC))
            clock.step(seconds=1)

        assert len(engine.polls()) == 5


async def test_calls_to_token_metrics_itself_keep_a_polite_distance(clock, monkeypatch):
    monkeypatch.setattr(transport, "_POLITE_DOMAIN", "127.0.0.1")
    monkeypatch.setattr(transport, "POLITE_SPACING", timedelta(seconds=0.15))
    async with FakeEngine() as engine, remote(engine, clock) as source:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await asyncio.gather(*(source.lookup("BTC") for _ in range(3)))

        assert loop.time() - start >= 0.3
        assert len(engine.requests) == 3


async def test_close_may_be_called_twice(clock):
    async with FakeEngine() as engine, remote(engine, clock) as source:
        await source.fetch(watched(BTC))
        await source.close()
        await source.close()


def test_names_tell_engines_apart_but_not_their_versions():
    def opened(base_url):
        config = EngineConfig(
            kind="remote", base_url=base_url, api_key=SecretStr("some-key")
        )
        return open_source(config, now=SetClock())

    real = opened("https://api.tokenmetrics.com/v2")
    assert real.name == opened("https://api.tokenmetrics.com/v3").name
    assert real.title == "Token Metrics"
    assert opened("http://127.0.0.1:8000/v2").name == "remote:127.0.0.1:8000"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"kind": "remote"}, "api_key"),
        ({"kind": "remote", "api_key": SecretStr("a\nb")}, "character"),
    ],
)
def test_what_can_never_work_is_said_when_it_is_opened(fields, word):
    config = EngineConfig(**fields)

    with pytest.raises(ConfigError, match=word):
        open_source(config, now=SetClock())


def test_the_fakes_words_of_refusal_are_the_documented_ones():
    assert REFUSED.startswith("You are not authorized")
