"""Fan-out in SQL says what `routing.route` says, in chunks that a crash can't break."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from bot.errors import NotFoundError
from bot.model import (
    Conditions,
    DeliveryState,
    Direction,
    EventKind,
    Passed,
    PlaceKind,
    Scope,
    Signal,
    Target,
    Tell,
    Told,
    Watch,
)
from bot.routing import Interest, _precedence, route
from storage.tables import DELIVERIES
from storage.told import write_told

EVERYTHING = Target(scope=Scope.ALL)
#: where the clock of every test begins
START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


async def all_deliveries(store, event_id):
    async def work(connection):
        rows = await connection.execute(
            select(DELIVERIES)
            .where(DELIVERIES.c.event_id == event_id)
            .order_by(DELIVERIES.c.recipient_id)
        )
        return rows.all()

    return await store._database.read(work)


# ---------------------------------------------------------------- against `route`


def often(usual, *others):
    """Draws the usual thing about half of the time."""
    return st.sampled_from([usual] * len(others) + list(others))


bounds = often(None, 50.0, 70.0, 80.0)
lines = st.sampled_from([(), (50.0,), (80.0,), (50.0, 80.0)])
# mostly one condition at a time: with all of them hardly anything would match
conditions = (
    st.builds(Conditions)
    | st.builds(Conditions, direction=st.sampled_from(Signal))
    | st.builds(Conditions, thresholds=lines)
    | st.builds(
        Conditions,
        direction=often(None, Signal.BULLISH, Signal.BEARISH),
        min_grade=bounds,
        max_grade=bounds,
    )
    | st.builds(Conditions, min_market_cap=bounds, max_market_cap=bounds)
    | st.builds(Conditions, min_volume=bounds, max_volume=bounds, thresholds=lines)
)
# 0 is the asset of the event, 1 another one; put in when the ids are known
targets = st.one_of(
    often(0, 1).map(lambda n: Target(scope=Scope.ASSET, asset_id=n)),
    often("ai", "meme", "AI").map(
        lambda name: Target(scope=Scope.CATEGORY, category=name)
    ),
    st.sampled_from([1, 2, 3]).map(lambda n: Target(scope=Scope.TOP, top=n)),
    st.just(EVERYTHING),
)
# minutes after the start; 0 and 20 lie exactly on the edge of a stale basis
moments = st.sampled_from([-30, -1, 0, 0, 1, 20, 21])
watches = st.tuples(
    targets, conditions, st.sampled_from([True] + 11 * [False]), moments
)
recipients = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(PlaceKind),
        "thresholds": lines,
        "watches": st.lists(watches, min_size=1, max_size=5),
        "told": often(Signal.BULLISH, None, Signal.BEARISH),
        "told_watch": st.integers(0, 4),
        "is_parked": st.sampled_from([False, False, True]),
    }
)
events = st.fixed_dictionaries(
    {
        "kind": often(
            EventKind.FLIP,
            EventKind.CROSSING,
            EventKind.CORRECTION,
            EventKind.SOURCE,
            EventKind.SILENT,
            EventKind.ENGINE,
        ),
        "to_signal": st.sampled_from([Signal.BEARISH, Signal.BULLISH]),
        "grade_to": st.sampled_from([50.0, 70.0, 80.0, None]),
        "market_cap": st.sampled_from([50.0, 70.0, 80.0, None]),
        "volume": st.sampled_from([50.0, 70.0, None]),
        "passed": st.sampled_from(
            [
                (Passed(80.0, Direction.UP),),
                (Passed(50.0, Direction.DOWN), Passed(80.0, Direction.DOWN)),
                (),
            ]
        ),
        "basis": st.sampled_from([None, None, -20, 0]),
        "only_for": often(None, 0, 1),
    }
)
scenes = st.fixed_dictionaries(
    {
        "categories": st.sampled_from([("ai", "meme"), ("ai",), ()]),
        "later_categories": st.sampled_from([(), ("ai",), ("meme",)]),
        "cap": st.sampled_from([500.0, 50.0, 5.0, None]),
        "recipients": st.lists(recipients, min_size=2, max_size=5),
        "events": st.lists(st.tuples(events, st.booleans()), min_size=2, max_size=5),
        "limit": st.integers(1, 4),
    }
)


async def build(world, scene):
    """Put the scene's assets, recipients, watches and told into the store."""
    store, start = world.store, world.clock()
    await world.poll(
        world.reading("OTHER", market_cap=10.0),
        world.reading("THIRD", market_cap=100.0),
    )
    asset = await world.asset(
        "BTC", market_cap=scene["cap"], categories=scene["categories"]
    )
    other = (await store.find_assets(world.source, "OTHER"))[0]
    people = []
    for number, wanted in enumerate(scene["recipients"]):
        person = await world.recipient(f"web:{number}", wanted["kind"])
        await store.set_thresholds(person.id, wanted["thresholds"], now=start)
        for template, its_conditions, is_exception, minutes in wanted["watches"]:
            target = template
            if target.scope is Scope.ASSET:
                target = replace(target, asset_id=[asset.id, other.id][target.asset_id])
            await store.put_watch(
                person.id,
                target,
                its_conditions,
                text="",
                created_by="",
                told=None,
                is_exception=is_exception,
                now=start + timedelta(minutes=minutes),
            )
        # nobody is told of an asset through a watch on another one
        strangers = Target(scope=Scope.ASSET, asset_id=other.id)
        mine = [
            watch
            for watch in await store.list_watches(person.id)
            if watch.target != strangers
        ]
        if wanted["told"] is not None:
            chosen = mine[wanted["told_watch"] % len(mine)].id if mine else None
            tell = Tell(
                asset_id=asset.id,
                signal=wanted["told"],
                since=start,
                watch_id=chosen,
            )
            await store._database.write(
                lambda c, p=person, t=tell: write_told(c, p.id, [t], now=start)
            )
        people.append(person)
    return asset, people


def make_event(world, asset, people, wanted):
    more = dict(wanted)
    basis, only = more.pop("basis"), more.pop("only_for")
    if more["kind"] is not EventKind.CROSSING:
        more["passed"] = ()
    return world.event(
        asset,
        basis_seen_at=None if basis is None else START + timedelta(minutes=basis),
        only_for=None if only is None else people[only].id,
        **more,
    )


async def expect(store, event, asset, people):
    """Who hears of it through which watch, as `route` says."""
    expected = {}
    for person in people:
        current = await store.find_recipient(person.address)
        mine = tuple(await store.list_watches(person.id))
        told = dict(await store.told(person.id))
        views = [told]
        for pending in await open_bullish(store, person.id, asset.id, event.id):
            soon = Told(asset_id=asset.id, signal=Signal.BULLISH, watch_id=pending)
            views.append({asset.id: soon})
        found = [
            route(
                event,
                asset,
                Interest(recipient=current, watches=mine, told=view),
                update_every=store.update_every,
            )
            for view in views
        ]
        matching = [watch for watch in found if isinstance(watch, Watch)]
        if matching:
            expected[person.id] = min(matching, key=_precedence).id
    return expected


async def open_bullish(store, recipient_id, asset_id, before):
    async def work(connection):
        rows = await connection.execute(
            text(
                "SELECT d.watch_id FROM deliveries d JOIN events e ON e.id = d.event_id"
                " WHERE d.recipient_id = :recipient AND e.asset_id = :asset"
                " AND e.kind = 'flip' AND e.to_signal = 1 AND e.id < :before"
                " AND d.state IN ('pending', 'claimed', 'parked')"
            ),
            {"recipient": recipient_id, "asset": asset_id, "before": before},
        )
        return list(rows.scalars())

    return await store._database.read(work)


async def check_scene(world, scene, wipe):
    store = world.store
    await wipe(store)
    world.clock.at = START
    store.update_every = timedelta(minutes=10)
    asset, people = await build(world, scene)
    for number, (wanted, is_sent) in enumerate(scene["events"]):
        if number == len(scene["events"]) - 1:
            await change(world, scene, people)
        asset = (await store.get_assets([asset.id]))[asset.id]
        (event,) = await world.poll(events=(make_event(world, asset, people, wanted),))
        await check_event(world, event, asset, people, scene["limit"])
        if is_sent:
            await world.send_all()


async def check_together(world, scene, wipe):
    """All events of the scene at once, and those of another asset among them."""
    store = world.store
    await wipe(store)
    world.clock.at = START
    store.update_every = timedelta(minutes=10)
    asset, people = await build(world, scene)
    other = (await store.find_assets(world.source, "OTHER"))[0]
    await change(world, scene, people)
    assets = (asset, other)
    wanted = [
        (assets[number % 2 if is_sent else 0], event)
        for number, (event, is_sent) in enumerate(scene["events"])
    ]
    events_made = await world.poll(
        events=tuple(make_event(world, one, people, event) for one, event in wanted)
    )

    await fan_out(store, scene["limit"], world.clock)

    for event, (one, _) in zip(events_made, wanted, strict=True):
        current = (await store.get_assets([one.id]))[one.id]
        expected = await expect(store, event, current, people)
        rows = await all_deliveries(store, event.id)
        assert {row.recipient_id: row.watch_id for row in rows} == expected
    assert await store.open_fanouts() == []


async def fan_out(store, limit, clock):
    """Take steps to the end; return how many events each finished."""
    finished = []
    for _ in range(100):
        step = await store.fan_out_step(limit=limit, now=clock())
        if step.is_over:
            return finished
        finished.append(step.finished)
    return pytest.fail("fan-out does not end")


async def change(world, scene, people):
    """Between what was told and its end categories may change and people go."""
    world.clock.tick(minutes=1)
    # an empty list of categories is unknown, and unknown changes nothing
    await world.poll(world.reading("BTC", categories=scene["later_categories"]))
    for person, wanted in zip(people, scene["recipients"], strict=True):
        if wanted["is_parked"]:
            await world.store.park(person.address, reason="gone", now=world.clock())


async def check_event(world, event, asset, people, limit):
    store = world.store
    expected = await expect(store, event, asset, people)

    for _ in range(20):
        if await store.fan_out_chunk(event.id, limit=limit, now=world.clock()):
            break
    else:
        pytest.fail("fan-out does not end")

    rows = await all_deliveries(store, event.id)
    assert {row.recipient_id: row.watch_id for row in rows} == expected
    for row in rows:
        person = next(p for p in people if p.id == row.recipient_id)
        is_parked = (
            await store.find_recipient(person.address)
        ).parked_since is not None
        assert (row.state == "parked") is is_parked


# without shrinking: it would take longer than a test may, and scenes are small
QUICK = {
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "deadline": None,
    "suppress_health_check": [
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
}


class TestAgainstRoute:
    @pytest.mark.parametrize("shared_store", ["sqlite"], indirect=True)
    @settings(max_examples=30, **QUICK)
    @given(scene=scenes)
    async def test_sql_and_route_agree_on_sqlite(self, world, wipe, scene):
        await check_scene(world, scene, wipe)

    @pytest.mark.parametrize("shared_store", ["sqlite"], indirect=True)
    @settings(max_examples=25, **QUICK)
    @given(scene=scenes)
    async def test_events_that_go_together_agree_too_on_sqlite(
        self, world, wipe, scene
    ):
        await check_together(world, scene, wipe)

    @pytest.mark.postgres
    @pytest.mark.parametrize("shared_store", ["postgres"], indirect=True)
    @settings(max_examples=8, **QUICK)
    @given(scene=scenes)
    async def test_sql_and_route_agree_on_postgres(self, world, wipe, scene):
        await check_scene(world, scene, wipe)

    @pytest.mark.postgres
    @pytest.mark.parametrize("shared_store", ["postgres"], indirect=True)
    @settings(max_examples=8, **QUICK)
    @given(scene=scenes)
    async def test_events_that_go_together_agree_too_on_postgres(
        self, world, wipe, scene
    ):
        await check_together(world, scene, wipe)


# ---------------------------------------------------------------- told in examples


async def test_one_event_is_one_delivery_through_the_most_specific_watch(world):
    btc = await world.asset("BTC", categories=("ai",), market_cap=1e9)
    person = await world.recipient("web:1")
    for target in (EVERYTHING, Target(scope=Scope.TOP, top=5)):
        await world.watch(person, target)
    category = await world.watch(person, Target(scope=Scope.CATEGORY, category="ai"))

    (event,) = await world.happen(world.event(btc))

    (row,) = await all_deliveries(world.store, event.id)
    assert (row.watch_id, row.state, row.reason) == (category.id, "pending", "new")
    assert row.due_at == row.owed_since == row.created_at == world.clock()


@pytest.mark.parametrize(
    ("minutes", "is_heard"), [(20, True), (21, False)], ids=["just fresh", "stale"]
)
async def test_a_watch_newer_than_a_stale_basis_hears_nothing(world, minutes, is_heard):
    world.store.update_every = timedelta(minutes=10)
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    basis = world.clock()
    world.clock.tick(minutes=minutes)
    await world.watch(person, btc)

    await world.happen(world.event(btc, basis_seen_at=basis))

    assert len(await world.claim()) == is_heard


@pytest.mark.parametrize(
    ("bound", "is_heard"),
    [
        ({"min_grade": 80.0}, True),
        ({"max_grade": 80.0}, False),
        ({"min_market_cap": 5.0}, True),
        ({"max_market_cap": 5.0}, False),
        ({"min_volume": 1.0}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_a_lower_bound_is_inclusive_and_an_upper_is_not(world, bound, is_heard):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc, Conditions(**bound))

    await world.happen(world.event(btc, grade_to=80.0, market_cap=5.0, volume=None))

    assert len(await world.claim()) == is_heard


async def test_of_two_equally_specific_watches_the_newest_decides(world):
    btc = await world.asset("BTC", market_cap=1.0)
    person = await world.recipient("web:1")
    newest = world.clock() + timedelta(minutes=5)
    for top, minutes in [(10, 1), (20, 5), (30, 3)]:
        world.clock.at = newest + timedelta(minutes=minutes - 5)
        await world.watch(person, Target(scope=Scope.TOP, top=top))

    await world.happen(world.event(btc))

    (claim,) = await world.claim()
    assert claim.waiting[0].watch.target.top == 20


@pytest.mark.parametrize(
    ("kind", "is_heard"), [(PlaceKind.PRIVATE, False), (PlaceKind.GROUP, True)]
)
async def test_the_word_bullish_stops_the_end_in_private_only(world, kind, is_heard):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1", kind)
    await world.watch(person, btc, Conditions(direction=Signal.BULLISH))
    await world.happen(world.event(btc))
    await world.send_all()

    await world.happen(world.end(btc))

    assert len(await world.claim()) == is_heard


async def test_whoever_waits_for_a_bullish_flip_gets_its_end_too(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc, Conditions(min_grade=80.0))
    await world.happen(world.event(btc, grade_to=85.0))

    await world.happen(world.end(btc, grade_to=20.0))

    (claim,) = await world.claim()
    assert [w.event.to_signal for w in claim.waiting] == [
        Signal.BULLISH,
        Signal.BEARISH,
    ]


async def test_whoever_was_told_bullish_hears_the_end_after_the_category_is_gone(world):
    btc = await world.asset("BTC", categories=("ai",))
    person = await world.recipient("web:1")
    await world.watch(person, Target(scope=Scope.CATEGORY, category="ai"))
    await world.happen(world.event(btc))
    await world.send_all()
    world.clock.tick(hours=1)
    await world.poll(world.reading("BTC", categories=("meme",)))

    await world.happen(world.end(btc))

    assert await world.deliveries() == {"sent": 1, "pending": 1}


@pytest.mark.parametrize("reach", [1, 5, 1_000_000])
async def test_a_chunk_takes_no_more_than_twice_what_it_may(world, reach):
    btc = await world.asset("BTC")
    for number in range(12):
        person = await world.recipient(f"web:{number}")
        await world.watch(person, btc)
        await world.watch(person, EVERYTHING)
    (event,) = await world.poll(events=(world.event(btc),))
    world.store._reach = reach

    seen = [0]
    while not await world.store.fan_out_chunk(event.id, limit=4, now=world.clock()):
        seen.append(len(await all_deliveries(world.store, event.id)))
    seen.append(len(await all_deliveries(world.store, event.id)))

    # each recipient has two watches that cover the asset
    chunks = [later - earlier for earlier, later in itertools.pairwise(seen)]
    assert sum(chunks) == 12
    assert all(1 <= chunk <= 4 for chunk in chunks), chunks


async def test_recipients_whom_nothing_concerns_are_passed_over_quickly(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    for number in range(60):
        await world.watch(await world.recipient(f"web:{number}"), eth)
    last = await world.recipient("web:last")
    await world.watch(last, btc)
    world.store._reach = 1
    (event,) = await world.poll(events=(world.event(btc),))

    is_done = await world.store.fan_out_chunk(event.id, limit=4, now=world.clock())

    assert is_done
    (row,) = await all_deliveries(world.store, event.id)
    assert row.recipient_id == last.id


async def test_of_a_broad_move_everybody_has_all_deliveries_at_once(world):
    assets = [await world.asset(symbol) for symbol in ("BTC", "ETH", "SOL", "XRP")]
    for number in range(6):
        person = await world.recipient(f"web:{number}")
        for asset in assets[:3]:
            await world.watch(person, asset)
    await world.poll(events=tuple(world.event(asset) for asset in assets))
    world.store._reach = 1

    waiting = []
    while True:
        step = await world.store.fan_out_step(limit=6, now=world.clock())
        waiting.append([len(claim.waiting) for claim in await world.claim(limit=100)])
        if step.is_over:
            break

    assert {count for chunk in waiting for count in chunk} == {3}
    assert sum(len(chunk) for chunk in waiting) == 6
    assert len(waiting) > 3


async def test_the_end_of_a_signal_waits_until_its_beginning_is_fanned_out(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    person = await world.recipient("web:1")
    await world.watch(person, btc, Conditions(min_grade=80.0))
    await world.poll(
        events=(
            world.event(btc, grade_to=85.0),
            world.event(eth),
            world.end(btc, grade_to=20.0),
            world.event(eth, kind=EventKind.CROSSING),
        )
    )

    finished = await fan_out(world.store, 100, world.clock)

    assert finished == [2, 2]
    assert await world.deliveries() == {"pending": 2}


async def test_events_that_stand_at_another_recipient_do_not_go_along(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    for number in range(4):
        person = await world.recipient(f"web:{number}")
        await world.watch(person, btc)
        await world.watch(person, eth)
    first, second = await world.poll(events=(world.event(btc), world.event(eth)))
    world.store._reach = 2
    assert not await world.store.fan_out_chunk(first.id, limit=2, now=world.clock())

    finished = await fan_out(world.store, 100, world.clock)

    assert finished == [1, 1]
    for event in (first, second):
        assert len(await all_deliveries(world.store, event.id)) == 4


async def test_a_step_with_nothing_open_says_so(world):
    step = await world.store.fan_out_step(limit=5, now=world.clock())

    assert step.is_over
    assert step.finished == 0


async def test_an_exception_counts_whatever_way_the_other_watch_was_found(world):
    btc = await world.asset("BTC", categories=("ai",), market_cap=1.0)
    targets = (
        Target(scope=Scope.ASSET, asset_id=btc.id),
        Target(scope=Scope.CATEGORY, category="ai"),
        Target(scope=Scope.TOP, top=3),
        EVERYTHING,
    )
    for number, (one, other) in enumerate(itertools.permutations(targets, 2)):
        person = await world.recipient(f"web:{number}")
        await world.watch(person, one)
        await world.watch(person, other, is_exception=True)
    outsider = await world.recipient("web:outsider")
    await world.watch(outsider, btc)
    no_exception = Target(scope=Scope.CATEGORY, category="meme")
    await world.watch(outsider, no_exception, is_exception=True)

    (event,) = await world.happen(world.event(btc))

    (row,) = await all_deliveries(world.store, event.id)
    assert row.recipient_id == outsider.id


async def test_a_finished_fan_out_stays_finished(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    (event,) = await world.poll(events=(world.event(btc),))
    assert await world.store.open_fanouts() == [event.id]
    assert await world.store.fan_out_chunk(event.id, limit=5, now=world.clock())

    late = await world.recipient("web:2")
    await world.watch(late, btc)
    again = await world.store.fan_out_chunk(event.id, limit=5, now=world.clock())

    assert again is True
    assert await world.store.open_fanouts() == []
    assert await world.deliveries() == {"pending": 1}


async def test_a_chunk_that_fails_leaves_neither_deliveries_nor_cursor(
    world, monkeypatch
):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    (event,) = await world.poll(events=(world.event(btc),))

    class PowerCutError(Exception):
        pass

    from storage import fanout

    whole = fanout._Chunk._insert

    def cut(*args):
        whole(*args)
        raise PowerCutError

    monkeypatch.setattr(fanout._Chunk, "_insert", cut)
    with pytest.raises(PowerCutError):
        await world.store.fan_out_chunk(event.id, limit=5, now=world.clock())
    monkeypatch.undo()

    assert await world.deliveries() == {}
    assert await world.store.fan_out_chunk(event.id, limit=5, now=world.clock())
    assert await world.deliveries() == {"pending": 1}


async def test_two_workers_at_one_event_make_each_delivery_once(world):
    btc = await world.asset("BTC")
    for number in range(12):
        await world.watch(await world.recipient(f"web:{number}"), btc)
    (event,) = await world.poll(events=(world.event(btc),))

    async def work():
        while not await world.store.fan_out_chunk(event.id, limit=2, now=world.clock()):
            pass

    await asyncio.gather(work(), work(), work())

    assert len(await all_deliveries(world.store, event.id)) == 12


async def test_open_fanouts_come_oldest_first(world):
    btc = await world.asset("BTC")
    events_made = await world.poll(events=tuple(world.event(btc) for _ in range(4)))

    found = await world.store.open_fanouts(limit=3)

    assert found == [event.id for event in events_made[:3]]


async def test_an_unknown_event_is_said(world):
    with pytest.raises(NotFoundError):
        await world.store.fan_out_chunk(404, limit=5, now=world.clock())


async def test_a_parked_recipients_delivery_is_parked_with_its_reason(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.store.park(person.address, reason="blocked", now=world.clock())

    (event,) = await world.happen(world.event(btc))

    (row,) = await all_deliveries(world.store, event.id)
    assert (row.state, row.reason) == (DeliveryState.PARKED, "blocked")


@pytest.mark.parametrize("shared_store", ["sqlite"], indirect=True)
async def test_every_way_to_a_watch_goes_along_an_index(world):
    from storage import fanout_sql

    async def plans(connection):
        found = {}
        for arm in fanout_sql.Arm:
            shape = fanout_sql.Shape(
                arms=frozenset({arm}),
                has_ends=True,
                has_crossings=True,
                has_exceptions=True,
            )
            statement = fanout_sql.insert_deliveries("sqlite", shape)
            plan = await connection.execute(
                text(f"EXPLAIN QUERY PLAN {statement.text}"),
                {"ids": "[1]", "cursor": 0, "until": 9, "stale": 0, "now": 0},
            )
            found[arm] = [line.detail for line in plan]
        return found

    details = await world.store._database.read(plans)

    for arm, lines in details.items():
        assert any(f"INDEX {INDEX_OF[arm]}" in line for line in lines), (arm, lines)
        # an index made on the spot is for the few events only
        automatic = [line for line in lines if "AUTOMATIC" in line]
        assert all(line.startswith("SEARCH e ") for line in automatic), (arm, lines)
        scans = {line for line in lines if line.startswith("SCAN")}
        # the events, parameters, and what was found; never a table of ours
        tables = {"watches", "w", "told", "h", "deliveries", "recipients", "r", "x"}
        assert not {scan.split()[1] for scan in scans} & tables, (arm, lines)


INDEX_OF = {
    "asset": "ix_watches_asset",
    "category": "ix_watches_category",
    "top": "ix_watches_top",
    "all": "ix_watches_all",
    "told": "ix_told_asset",
    "owed": "ix_deliveries_bullish",
    "every": "sqlite_autoindex_watches_1",
}
