"""Polls: claimed once, committed whole, and what detection reads back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.errors import LeaseLostError, NotFoundError
from bot.model import (
    AssetState,
    Conditions,
    Direction,
    EventKind,
    LastFlip,
    Line,
    Passed,
    PrivateLine,
    Reading,
    Scope,
    Side,
    Signal,
    Snapshot,
    Target,
    Tell,
    Tick,
)
from bot.ports import PollResult

MINUTE = timedelta(minutes=1)


async def claim(world, worker="w1", interval=MINUTE):
    return await world.store.claim_poll("engine", world.clock(), interval, worker)


def empty_result(world, tick, **more):
    snapshot = Snapshot(source=tick.source, fetched_at=world.clock(), **more)
    return PollResult(tick=tick, snapshot=snapshot, finished_at=world.clock())


# ---------------------------------------------------------------- claiming


async def test_polls_are_numbered_and_begin_at_once(world):
    first = await claim(world)
    world.clock.tick(minutes=1)
    await world.store.fail_poll(first, "http_500", world.clock())

    second = await claim(world)

    assert (first.number, second.number) == (1, 2)
    assert second.started_at == world.clock()


async def test_only_one_of_many_workers_gets_the_poll(world):
    ticks = await asyncio.gather(*(claim(world, f"w{n}") for n in range(6)))

    assert len([tick for tick in ticks if tick is not None]) == 1


@pytest.mark.parametrize(
    ("seconds", "is_given"), [(0, False), (29, False), (30, True), (60, True)]
)
async def test_no_poll_within_half_an_interval(world, seconds, is_given):
    tick = await claim(world)
    await world.store.fail_poll(tick, "x", world.clock())
    world.clock.tick(seconds=seconds)

    assert (await claim(world) is not None) is is_given


@pytest.mark.parametrize(
    ("worker", "seconds", "is_given"),
    [
        ("w2", 179, False),
        ("w2", 180, True),
        ("w1", 31, True),
    ],
    ids=["another's, still running", "another's, given up", "one's own, crashed"],
)
async def test_an_unfinished_poll_holds_the_source(world, worker, seconds, is_given):
    await claim(world, "w1")
    world.clock.tick(seconds=seconds)

    assert (await claim(world, worker) is not None) is is_given


async def test_a_clock_that_stepped_back_delays_no_poll(world):
    await claim(world, "w1")
    world.clock.tick(hours=-5)

    tick = await claim(world, "w2")

    assert tick.number == 2


async def test_sources_do_not_hold_each_other(world):
    await claim(world)

    assert await world.store.claim_poll("other", world.clock(), MINUTE, "w1")


async def test_an_overtaken_poll_changes_nothing(world):
    slow = await claim(world, "w1")
    world.clock.tick(minutes=10)
    await claim(world, "w2")

    with pytest.raises(LeaseLostError):
        await world.store.commit_poll(
            empty_result(world, slow, readings=(world.reading("BTC"),))
        )

    assert await world.store.list_assets("engine") == []


# ---------------------------------------------------------------- what polls left


async def test_a_poll_is_summed_up(world):
    tick = await claim(world)
    btc = world.reading("BTC", as_of=world.clock() - timedelta(hours=3))
    began = world.clock()
    world.clock.tick(seconds=4)
    result = empty_result(world, tick, readings=(btc,), bookmark="line 7")
    await world.store.commit_poll(replace(result, states={btc.key: world.state(btc)}))

    (poll,) = await world.store.last_polls("engine")

    assert poll.number == 1
    assert (poll.started_at, poll.finished_at) == (began, world.clock())
    assert (poll.is_ok, poll.reason, poll.readings, poll.events) == (True, "", 1, 0)
    assert poll.as_of == btc.as_of
    assert await world.store.bookmark("engine") == "line 7"
    assert await world.store.last_good_poll("engine") == poll


async def test_a_further_snapshot_of_a_poll_moves_the_bookmark_on(world):
    tick = await claim(world)
    first = world.reading("BTC", as_of=world.clock() - timedelta(hours=3))
    second = world.reading("BTC", as_of=world.clock() - timedelta(hours=2))
    for reading, bookmark in ((first, "7"), (second, "8"), (second, "8")):
        await world.store.commit_poll(
            empty_result(world, tick, readings=(reading,), bookmark=bookmark)
        )

    (poll,) = await world.store.last_polls("engine")

    assert await world.store.bookmark("engine") == "8"
    assert poll.as_of == second.as_of


async def test_a_failed_poll_keeps_bookmark_and_last_good_poll(world):
    tick = await claim(world)
    await world.store.commit_poll(empty_result(world, tick, bookmark="here"))
    world.clock.tick(minutes=1)
    failed = await claim(world)
    await world.store.fail_poll(failed, "http_500", world.clock())
    world.clock.tick(minutes=1)
    await claim(world)

    polls = await world.store.last_polls("engine", limit=5)

    assert [(p.number, p.is_ok, p.reason) for p in polls] == [
        (2, False, "http_500"),
        (1, True, ""),
    ]
    assert (await world.store.last_good_poll("engine")).number == 1
    assert await world.store.bookmark("engine") == "here"


async def test_nothing_is_known_of_a_new_source(world):
    assert await world.store.last_polls("engine") == []
    assert await world.store.last_good_poll("engine") is None
    assert await world.store.bookmark("engine") is None


# ---------------------------------------------------------------- states


def full_state(world):
    """A state in which no field has its default."""
    far = datetime(
        2024, 12, 31, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=5))
    )
    last = Reading(
        key="id-btc",
        symbol="BTC",
        as_of=far,
        signal=Signal.NEUTRAL,
        grade=0.1 + 0.2,
        name="Bitcoin",
        price=97_123.456_789,
        volume=1e10,
        market_cap=1.9e12,
        categories=("layer-1", "ai"),
        link="https://example.org/btc",
    )
    return AssetState(
        last=last,
        standing=Signal.BEARISH,
        standing_since=far - timedelta(days=3),
        standing_price=88_000.5,
        seen_at=world.clock(),
        lines={50.0: Line(Side.ABOVE), 80.0: Line(Side.BELOW, is_locked=True)},
        last_flip=LastFlip(
            event_key="e1",
            as_of=far,
            detected_at=far + timedelta(seconds=1),
            from_signal=Signal.BULLISH,
            from_since=None,
            from_price=1.5,
        ),
        pending_revision=replace(last, grade=None, signal=None),
    )


async def test_a_state_comes_back_exactly(world):
    state = full_state(world)
    await world.poll(state.last, states={"id-btc": state})

    loaded = await world.store.load_states("engine", ["id-btc", "id-unknown"])

    assert loaded == {"id-btc": state}


async def test_times_come_back_aware_in_utc(world):
    state = full_state(world)
    await world.poll(state.last, states={"id-btc": state})

    loaded = (await world.store.load_states("engine", ["id-btc"]))["id-btc"]

    moments = [loaded.seen_at, loaded.standing_since, loaded.last_flip.as_of]
    assert [moment.tzinfo for moment in moments] == [UTC] * 3


async def test_the_bare_state_of_a_baseline_comes_back_too(world):
    reading = world.reading("BTC", signal=None, grade=None)
    await world.poll(reading)

    loaded = await world.store.load_states("engine", ["id-btc"])

    assert loaded == {"id-btc": world.state(reading)}


async def test_assets_that_came_unchanged_were_seen(world):
    first = world.reading("BTC")
    await world.poll(first, world.reading("ETH"))
    world.clock.tick(hours=1)

    await world.poll(first, states={})

    states = await world.store.load_states("engine", ["id-btc", "id-eth"])
    assert states["id-btc"].seen_at == world.clock()
    assert states["id-eth"].seen_at == world.clock() - timedelta(hours=1)


async def test_more_assets_than_fit_into_one_statement(world):
    readings = [world.reading(f"A{n}") for n in range(1200)]

    await world.poll(*readings)

    keys = [reading.key for reading in readings]
    assert len(await world.store.load_states("engine", keys)) == 1200
    assert len(await world.store.list_assets("engine")) == 1200


# ---------------------------------------------------------------- assets of a poll


async def test_assets_are_refreshed_and_a_renamed_one_keeps_its_old_symbol(world):
    matic = await world.asset("MATIC", name="Polygon", market_cap=5.0)
    world.clock.tick(days=1)
    renamed = replace(
        world.reading("POL", name="POL (ex-MATIC)", categories=("layer-2",)),
        key=matic.key,
    )
    await world.poll(renamed)

    by_old = await world.store.find_assets("engine", "matic")
    by_new = await world.store.find_assets("engine", "pol")

    assert [a.id for a in by_old] == [a.id for a in by_new] == [matic.id]
    assert by_new[0].symbol == "POL"
    assert by_new[0].categories == ("layer-2",)
    assert by_new[0].market_cap == 5.0


async def test_what_a_reading_leaves_out_stays_known(world):
    await world.asset(
        "BTC", name="Bitcoin", categories=("ai",), market_cap=2.0, volume=3.0, link="x"
    )
    world.clock.tick(days=1)

    await world.poll(world.reading("BTC"))

    (btc,) = await world.store.find_assets("engine", "BTC")
    assert (btc.name, btc.categories, btc.link) == ("Bitcoin", ("ai",), "x")
    assert (btc.market_cap, btc.volume) == (2.0, 3.0)


async def test_an_older_reading_describes_nothing(world):
    new = world.reading("BTC", name="Bitcoin")
    await world.poll(new)

    old = replace(new, as_of=new.as_of - timedelta(days=1), name="Old name")
    await world.poll(old, states={}, readings=())

    (btc,) = await world.store.find_assets("engine", "BTC")
    assert btc.name == "Bitcoin"


async def test_ranks_follow_market_caps(world):
    await world.poll(
        world.reading("BIG", market_cap=300.0),
        world.reading("MID", market_cap=200.0),
        world.reading("NONE"),
    )
    world.clock.tick(days=1)
    await world.poll(world.reading("NEW", market_cap=250.0))

    assets = await world.store.list_assets("engine")

    assert [(a.symbol, a.rank) for a in assets] == [
        ("BIG", 1),
        ("NEW", 2),
        ("MID", 3),
        ("NONE", None),
    ]


async def test_without_market_caps_nobody_has_a_rank(world):
    await world.asset("BTC")

    assert not await world.store.has_market_caps("engine")
    assert (await world.store.list_assets("engine"))[0].rank is None

    await world.asset("ETH", market_cap=1.0)
    assert await world.store.has_market_caps("engine")


# ---------------------------------------------------------------- readings


async def test_prices_come_from_the_newest_reading_within_12_hours(world):
    noon = world.clock()

    def at(hours, price, symbol="BTC"):
        as_of = noon + timedelta(hours=hours)
        return world.reading(symbol, as_of=as_of, price=price)

    for reading in (at(-13, 1.0), at(-12, 2.0), at(-3, 3.0), at(-2, None), at(1, 5.0)):
        await world.poll(reading)
    await world.poll(at(-12.5, 9.0, "ETH"))

    async def price(hours):
        moment = noon + timedelta(hours=hours)
        return await world.store.prices_at("engine", ["id-btc", "id-eth"], moment)

    assert await price(0) == {"id-btc": 3.0}
    assert await price(-4) == {"id-btc": 2.0, "id-eth": 9.0}
    assert await price(1) == {"id-btc": 5.0}
    assert await price(100) == {}


async def test_a_refreshed_price_replaces_and_a_revision_counts(world):
    as_of = world.clock()
    for grade, price in [(70.0, 1.0), (70.0, 2.0), (71.0, 3.0)]:
        await world.poll(world.reading("BTC", as_of=as_of, grade=grade, price=price))

    prices = await world.store.prices_at("engine", ["id-btc"], as_of)

    assert prices == {"id-btc": 3.0}
    assert await count_readings(world.store) == 2


async def count_readings(store):
    from sqlalchemy import func, select

    from storage.tables import READINGS

    async def work(connection):
        statement = select(func.count()).select_from(READINGS)
        return (await connection.execute(statement)).scalar_one()

    return await store._database.read(work)


# ---------------------------------------------------------------- events


async def test_new_events_come_back_with_ids_and_known_ones_do_not(world):
    btc = await world.asset("BTC")
    first, second = world.event(btc), world.end(btc)
    (stored,) = await world.poll(events=(first,))

    again = await world.poll(events=(replace(first, price=1.0), second, second))

    assert stored == replace(first, id=stored.id, asset_id=btc.id)
    assert [event.key for event in again] == [second.key]
    assert again[0].id > stored.id
    events = await world.store.recent_events("engine")
    assert events == [again[0], stored]


async def test_an_event_comes_back_exactly(world):
    btc = await world.asset("BTC")
    moment = world.clock()
    event = world.event(
        btc,
        kind=EventKind.CROSSING,
        from_signal=Signal.BULLISH,
        grade_from=18.7,
        grade_to=87.3,
        passed=(Passed(30.0, Direction.UP), Passed(50.0, Direction.UP)),
        price=1.5,
        price_day_ago=1.25,
        volume=2.0,
        market_cap=3.0,
        since=moment - timedelta(days=5),
        since_price=1.0,
        gap_since=moment - timedelta(hours=2),
        basis_seen_at=moment - timedelta(hours=2, microseconds=1),
        is_revision=True,
        corrects="other",
        only_for=7,
    )

    (stored,) = await world.poll(events=(event,))

    assert await world.store.recent_events("engine", asset_id=btc.id) == [stored]
    assert stored == replace(event, id=stored.id, asset_id=btc.id)
    assert await world.store.recent_events("engine", asset_id=btc.id + 1) == []


async def test_an_event_of_an_unknown_asset_fails_the_whole_commit(world):
    btc = await world.asset("BTC")
    stranger = replace(world.event(btc), asset_key="id-nobody")

    with pytest.raises(NotFoundError):
        await world.poll(world.reading("ETH"), events=(stranger,))

    assert [a.symbol for a in await world.store.list_assets("engine")] == ["BTC"]


async def test_a_poll_committed_twice_is_committed_once(world):
    btc = await world.asset("BTC")
    world.clock.tick(minutes=1)
    tick = await claim(world)
    reading = world.reading("BTC", grade=20.0, price=4.0, as_of=world.clock() + MINUTE)
    result = replace(
        empty_result(world, tick, readings=(reading,), bookmark="b"),
        states={reading.key: world.state(reading, lines={50.0: Line(Side.BELOW)})},
        readings=(reading,),
        events=(world.end(btc),),
    )
    first = await world.store.commit_poll(result)
    before = await world.store.last_polls("engine")

    second = await world.store.commit_poll(result)

    assert (len(first), second) == (1, [])
    assert await world.store.last_polls("engine") == before
    assert (await world.store.load_states("engine", ["id-btc"])) == result.states
    assert await count_readings(world.store) == 2


async def test_a_commit_that_fails_leaves_nothing(world, monkeypatch):
    from storage import commit

    class PowerCutError(Exception):
        pass

    async def cut(*_):
        raise PowerCutError

    monkeypatch.setattr(commit, "add_events", cut)
    with pytest.raises(PowerCutError):
        await world.poll(world.reading("BTC"))
    monkeypatch.undo()

    assert await world.store.list_assets("engine") == []
    assert await world.store.last_polls("engine") == []


# ---------------------------------------------------------------- lines


async def test_lines_wanted_are_those_of_watches_and_defaults(world):
    btc = await world.asset("BTC", categories=("ai",))
    eth = await world.asset("ETH")
    person = await world.recipient("web:1")
    await world.store.set_thresholds(person.id, [60.0], now=world.clock())
    own = Conditions(thresholds=(80.0, 50.0))
    await world.watch(person, btc, own)
    await world.watch(person, eth)
    await world.watch(person, Target(scope=Scope.CATEGORY, category="ai"))
    await world.watch(person, Target(scope=Scope.TOP, top=5), Conditions(thresholds=()))
    await world.watch(person, Target(scope=Scope.ALL), Conditions(thresholds=(90.0,)))

    wanted = await world.store.lines_wanted("engine")

    assert wanted.by_key == {"id-btc": {50.0, 60.0, 80.0}, "id-eth": {60.0}}
    assert wanted.everywhere == {90.0}
    assert (await world.store.lines_wanted("other")).by_key == {}


async def test_watched_keys_are_those_named_and_not_excepted(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.watch(person, eth, is_exception=True)
    await world.watch(person, Target(scope=Scope.ALL))

    assert await world.store.watched_keys("engine") == {"id-btc"}
    assert await world.store.watched_keys("other") == frozenset()


async def test_lines_nobody_has_any_more_go(world):
    reading = world.reading("BTC")
    both = {50.0: Line(Side.ABOVE), 80.0: Line(Side.BELOW)}
    await world.poll(reading, states={reading.key: world.state(reading, lines=both)})
    world.clock.tick(minutes=1)
    one = {80.0: Line(Side.BELOW, is_locked=True)}

    await world.poll(reading, states={reading.key: world.state(reading, lines=one)})

    state = (await world.store.load_states("engine", [reading.key]))[reading.key]
    assert state.lines == one


async def start_watch_while_polling(world, grade_now, passed=()):
    """A watch with a line is put between the poll's look and its commit."""
    btc = await world.asset("BTC", grade=70.0)
    person = await world.recipient("web:1")
    world.clock.tick(minutes=1)
    tick = Tick(source="engine", number=99, started_at=world.clock())
    world.clock.tick(seconds=1)
    shown = Tell(asset_id=btc.id, signal=None, since=None, lines={80.0: Side.BELOW})
    await world.watch(person, btc, Conditions(thresholds=(80.0,)), told=shown)
    world.clock.tick(seconds=1)
    reading = world.reading("BTC", grade=grade_now)
    lines = {80.0: Line(Side.ABOVE)} if passed is not None else {}
    event = world.event(btc, kind=EventKind.CROSSING, passed=passed or ())
    await world.store.commit_poll(
        PollResult(
            tick=tick,
            snapshot=Snapshot(
                source="engine", fetched_at=world.clock(), readings=(reading,)
            ),
            finished_at=world.clock(),
            states={reading.key: world.state(reading, lines=lines)},
            events=(event,) if passed else (),
        )
    )
    return (await world.store.load_states("engine", [reading.key]))[reading.key].lines


async def test_a_line_begun_by_a_reply_survives_a_poll_that_did_not_know_it(world):
    assert await start_watch_while_polling(world, 85.0, passed=None) == {
        80.0: Line(Side.BELOW)
    }


async def test_a_line_begun_by_a_reply_is_not_set_silently_to_the_other_side(world):
    assert await start_watch_while_polling(world, 85.0) == {80.0: Line(Side.BELOW)}


async def test_a_line_begun_by_a_reply_moves_with_an_event_that_passed_it(world):
    lines = await start_watch_while_polling(
        world, 85.0, passed=(Passed(80.0, Direction.UP),)
    )

    assert lines == {80.0: Line(Side.ABOVE)}


async def private_line(world):
    """A recipient who was shown 80 from below while the shared line is above."""
    reading = world.reading("BTC", grade=85.0)
    lines = {80.0: Line(Side.ABOVE, is_locked=True)}
    await world.poll(reading, states={reading.key: world.state(reading, lines=lines)})
    (btc,) = await world.store.find_assets("engine", "BTC")
    person = await world.recipient("web:1")
    shown = Tell(asset_id=btc.id, signal=None, since=None, lines={80.0: Side.BELOW})
    await world.watch(person, btc, Conditions(thresholds=(80.0,)), told=shown)
    return person


async def test_private_lines_move_and_are_dropped_by_a_poll(world):
    person = await private_line(world)
    line = PrivateLine(
        recipient_id=person.id, key="id-btc", threshold=80.0, line=Line(Side.BELOW)
    )
    assert await world.store.private_lines("engine", ["id-btc"]) == [line]
    assert await world.store.private_lines("engine", ["id-eth"]) == []

    moved = replace(line, line=Line(Side.ABOVE, is_locked=True))
    await world.poll(private_lines=(moved,))
    assert await world.store.private_lines("engine", ["id-btc"]) == [moved]

    await world.poll(dropped_lines=(moved,))
    assert await world.store.private_lines("engine", ["id-btc"]) == []


async def test_a_private_line_given_up_meanwhile_stays_away(world):
    person = await private_line(world)
    (line,) = await world.store.private_lines("engine", ["id-btc"])
    (watch,) = await world.store.list_watches(person.id)
    await world.store.remove_watch(person.id, watch.target, now=world.clock())

    await world.poll(private_lines=(line,))

    assert await world.store.private_lines("engine", ["id-btc"]) == []
