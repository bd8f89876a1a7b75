"""The remote engine's past, and filling it in within the credits."""

from datetime import UTC, datetime, timedelta

import pytest
from fake_engine import STARTS, FakeEngine
from fakes import FakeClock

from bot.backfill import Backfill
from bot.config import EngineConfig
from bot.detect import Habit, detect_events
from bot.errors import SourceUnavailableError
from bot.model import Tick, Wanted
from bot.ports import PollResult
from engine.history import TOGETHER, WINDOW_DAYS
from engine.remote import RemoteSource
from storage import open_store

BTC, ETH, XRP, SOL = "3375", "3306", "3369", "3988"
DAY = timedelta(days=1)
NOW = datetime(2025, 4, 10, 12, tzinfo=UTC)


def remote(engine: FakeEngine, clock: FakeClock, *, v3=False, **fields) -> RemoteSource:
    config = EngineConfig(
        kind="remote",
        base_url=engine.base_url_v3 if v3 else engine.base_url,
        **{"poll_interval": 1.0, **fields},
    )
    return RemoteSource(config, now=clock, chance=lambda: 1.0)


@pytest.mark.parametrize("v3", [False, True], ids=["version 2", "version 3"])
async def test_a_window_has_each_days_signal_and_close(v3):
    async with FakeEngine(size=5, history=60) as engine:
        source = remote(engine, FakeClock(NOW), v3=v3)

        found = await source.fetch_history([BTC, ETH], STARTS - DAY)
        await source.close()

    btc = [r for r in found if r.key == BTC]
    assert len(btc) == WINDOW_DAYS
    assert [r.as_of for r in btc] == [
        STARTS - n * DAY for n in range(WINDOW_DAYS, 0, -1)
    ]
    assert all(r.price == r.as_of.toordinal() for r in btc)
    assert all(r.grade == 26.48 for r in btc)
    assert len(found) == 2 * WINDOW_DAYS


async def test_before_its_first_day_the_engine_has_nothing():
    async with FakeEngine(size=5, history=3) as engine:
        source = remote(engine, FakeClock(NOW))

        assert await source.fetch_history([BTC], STARTS - 10 * DAY) == []
        await source.close()


async def test_without_candles_the_signals_come_all_the_same():
    async with FakeEngine(size=5, history=60) as engine:
        engine.missing_paths.add("daily-ohlcv")
        source = remote(engine, FakeClock(NOW))

        found = await source.fetch_history([BTC], STARTS - DAY)
        await source.close()

    assert len(found) == WINDOW_DAYS
    assert {r.price for r in found} == {None}


async def test_history_is_paid_out_of_what_extras_may_cost():
    async with FakeEngine(size=5, history=60) as engine:
        source = remote(engine, FakeClock(NOW), credits_per_month=100)
        # a third of the month has passed: three credits may have gone into extras
        await source.fetch_history([BTC], STARTS - DAY)

        with pytest.raises(SourceUnavailableError) as refused:
            await source.fetch_history([BTC], STARTS - DAY)
        await source.close()

    assert refused.value.reason == "budget"
    assert source.credits_used == 2


async def test_a_year_is_filled_in_step_by_step_and_then_it_is_over(tmp_path):
    clock = FakeClock(NOW)
    async with FakeEngine(size=4, history=100) as engine:
        source = remote(engine, clock)
        store = await open_store(f"sqlite:///{tmp_path / 'x.db'}", now=clock)
        snapshot = await source.fetch(Wanted(is_all=True))
        habit = Habit(now=NOW, tick=1, interval=DAY)
        found = detect_events({}, snapshot, lines={}, habit=habit)
        await store.commit_poll(
            PollResult(
                tick=Tick(source=source.name, number=1, started_at=NOW),
                snapshot=snapshot,
                finished_at=NOW,
                states=found.states,
                seen=found.seen,
                readings=found.readings,
            )
        )
        backfill = Backfill(source, store, now=clock)

        counts = [await backfill.step() for _ in range(12)]
        history = await store.readings_between(
            source.name, [BTC, ETH, XRP, SOL], after=NOW - 400 * DAY, until=NOW
        )
        calls = len(engine.requests)
        await backfill.step()
        await store.close()
        await source.close()

    # three at a time, the largest first, then the fourth alone
    assert counts[:5] == [3 * WINDOW_DAYS] * 3 + [3 * (99 - 3 * WINDOW_DAYS), 0]
    assert {key: len(rows) for key, rows in history.items()} == dict.fromkeys(
        (BTC, ETH, XRP, SOL), 100
    )
    assert counts[-1] == 0
    assert len(engine.requests) == calls
    assert TOGETHER == 3


async def test_an_engine_that_fails_is_asked_again_later(tmp_path):
    clock = FakeClock(NOW)
    async with FakeEngine(size=4, history=100) as engine:
        source = remote(engine, clock)
        store = await open_store(f"sqlite:///{tmp_path / 'x.db'}", now=clock)
        backfill = Backfill(source, store, now=clock)

        assert await backfill.step() == 0
        await store.close()
        await source.close()
