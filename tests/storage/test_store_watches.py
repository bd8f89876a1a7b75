"""Watches: put, replaced, removed, excepted; and what goes with them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import NotFoundError, StoreError
from bot.model import (
    Conditions,
    Line,
    PrivateLine,
    Scope,
    Side,
    Signal,
    Target,
    Tell,
    Told,
    Watch,
)

ALL = Target(scope=Scope.ALL)
AI = Target(scope=Scope.CATEGORY, category="ai")
LINE_80 = Conditions(thresholds=(80.0,))


def on(asset):
    return Target(scope=Scope.ASSET, asset_id=asset.id)


def shown(asset, signal=Signal.BULLISH, **lines):
    sides = {float(name[1:]): side for name, side in lines.items()}
    return Tell(asset_id=asset.id, signal=signal, since=None, lines=sides)


async def told_of(world, person):
    return dict(await world.store.told(person.id))


async def told_by_alert(world, asset, person, watch_target=None):
    """The recipient was told bullish by an alert."""
    watch = await world.watch(person, watch_target or asset)
    await world.happen(world.event(asset))
    await world.send_all()
    return watch


# ---------------------------------------------------------------- putting


async def test_a_watch_comes_back_as_it_was_put(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    everything = Conditions(
        direction=Signal.BEARISH,
        min_grade=1.0,
        max_grade=2.0,
        min_market_cap=3.0,
        max_market_cap=4.0,
        min_volume=5.0,
        max_volume=6.0,
        thresholds=(80.0, 50.0),
        is_urgent=True,
    )

    watch, is_new = await world.store.put_watch(
        person.id,
        on(btc),
        everything,
        text="btc bearish",
        created_by="web:me",
        told=None,
        now=world.clock(),
    )

    assert is_new
    assert watch == Watch(
        id=watch.id,
        recipient_id=person.id,
        target=on(btc),
        conditions=everything,
        text="btc bearish",
        created_at=world.clock(),
        created_by="web:me",
    )
    assert await world.store.list_watches(person.id) == [watch]


async def test_no_lines_are_not_the_default_lines(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    none = await world.watch(person, btc, Conditions(thresholds=()))
    default = await world.watch(person, ALL)

    assert none.conditions.thresholds == ()
    assert default.conditions.thresholds is None


async def test_the_same_target_again_replaces_and_keeps_the_id(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    old = await world.watch(person, btc)
    world.clock.tick(hours=1)

    new, is_new = await world.store.put_watch(
        person.id,
        on(btc),
        LINE_80,
        text="BTC 80",
        created_by="web:2",
        told=None,
        now=world.clock(),
    )

    assert not is_new
    assert (new.id, new.conditions, new.text) == (old.id, LINE_80, "BTC 80")
    assert new.created_at == world.clock()
    assert await world.store.list_watches(person.id) == [new]


async def test_a_recipient_may_have_many_targets_oldest_first(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    targets = [ALL, AI, Target(scope=Scope.TOP, top=10), on(btc)]
    targets.append(Target(scope=Scope.TOP, top=100))
    for target in targets:
        world.clock.tick(seconds=1)
        await world.watch(person, target)

    assert [w.target for w in await world.store.list_watches(person.id)] == targets


async def test_the_same_put_from_two_sides_makes_one_watch(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")

    put = await asyncio.gather(*(world.watch(person, btc) for _ in range(4)))

    assert len({watch.id for watch in put}) == 1
    assert len(await world.store.list_watches(person.id)) == 1


async def test_unknown_recipients_and_assets_are_said(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")

    with pytest.raises(NotFoundError):
        await world.watch(replace(person, id=person.id + 999), btc)
    with pytest.raises(NotFoundError):
        await world.watch(person, Target(scope=Scope.ASSET, asset_id=btc.id + 999))
    with pytest.raises(StoreError):
        await world.watch(person, Target(scope=Scope.ASSET))


# ---------------------------------------------------------------- what a reply told


async def test_what_the_reply_showed_is_told(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")

    watch = await world.watch(person, btc, told=shown(btc, t80=Side.BELOW))

    assert await told_of(world, person) == {
        btc.id: Told(
            asset_id=btc.id,
            signal=Signal.BULLISH,
            lines={80.0: Side.BELOW},
            watch_id=watch.id,
        )
    }


async def test_asking_again_does_not_undo_what_an_alert_told(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    watch = await told_by_alert(world, btc, person)
    before = (await told_of(world, person))[btc.id]

    await world.watch(person, btc, Conditions(min_grade=80.0), told=shown(btc))

    assert before.watch_id == watch.id
    assert before.message_ref == "m-1"
    assert (await told_of(world, person))[btc.id] == before


async def test_a_reply_with_another_signal_is_news(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await told_by_alert(world, btc, person)

    watch = await world.watch(person, btc, told=shown(btc, Signal.BEARISH))

    told = (await told_of(world, person))[btc.id]
    assert (told.signal, told.since, told.watch_id) == (Signal.BEARISH, None, watch.id)
    assert told.message_ref == "m-1"


# ---------------------------------------------------------------- lines


async def with_line(world, line):
    """BTC with a shared line at 80, and a recipient."""
    reading = world.reading("BTC")
    lines = {} if line is None else {80.0: line}
    await world.poll(reading, states={reading.key: world.state(reading, lines=lines)})
    btc = (await world.store.find_assets("engine", "BTC"))[0]
    return btc, await world.recipient("web:1")


async def private_lines(world):
    return list(await world.store.private_lines("engine", ["id-btc"]))


@pytest.mark.parametrize(
    ("line", "is_private"),
    [
        (Line(Side.BELOW), False),
        (Line(Side.ABOVE), True),
        (Line(Side.BELOW, is_locked=True), True),
    ],
    ids=["the same side", "the other side", "locked for others"],
)
async def test_a_line_shown_otherwise_than_shared_is_private(world, line, is_private):
    btc, person = await with_line(world, line)

    await world.watch(person, btc, LINE_80, told=shown(btc, t80=Side.BELOW))

    own = PrivateLine(
        recipient_id=person.id, key="id-btc", threshold=80.0, line=Line(Side.BELOW)
    )
    assert await private_lines(world) == ([own] if is_private else [])
    state = (await world.store.load_states("engine", ["id-btc"]))["id-btc"]
    assert state.lines == {80.0: line}


async def test_a_line_nobody_had_begins_on_the_side_that_was_shown(world):
    btc, person = await with_line(world, None)

    await world.watch(person, btc, LINE_80, told=shown(btc, t80=Side.ABOVE))

    state = (await world.store.load_states("engine", ["id-btc"]))["id-btc"]
    assert state.lines == {80.0: Line(Side.ABOVE)}
    assert await private_lines(world) == []


async def test_default_lines_start_on_the_shown_side_too(world):
    btc, person = await with_line(world, Line(Side.ABOVE))
    await world.store.set_thresholds(person.id, [80.0], now=world.clock())

    await world.watch(person, btc, told=shown(btc, t80=Side.BELOW))

    assert [line.threshold for line in await private_lines(world)] == [80.0]


async def test_shown_lines_of_another_asset_start_nothing(world):
    btc, person = await with_line(world, Line(Side.ABOVE))
    eth = await world.asset("ETH")

    await world.watch(person, eth, LINE_80, told=shown(btc, t80=Side.BELOW))

    assert await private_lines(world) == []


@pytest.mark.parametrize("how", ["removed", "replaced", "excepted", "default changed"])
async def test_a_private_line_nobody_wants_any_more_goes(world, how):
    btc, person = await with_line(world, Line(Side.ABOVE))
    await world.store.set_thresholds(person.id, [80.0], now=world.clock())
    await world.watch(person, btc, told=shown(btc, t80=Side.BELOW))
    assert len(await private_lines(world)) == 1

    match how:
        case "removed":
            await world.store.remove_watch(person.id, on(btc), now=world.clock())
        case "replaced":
            await world.watch(person, btc, Conditions(thresholds=(50.0,)))
        case "excepted":
            await world.watch(person, btc, is_exception=True)
        case "default changed":
            await world.store.set_thresholds(person.id, [70.0], now=world.clock())

    assert await private_lines(world) == []


async def test_default_lines_are_those_of_watches_without_their_own(world):
    btc, person = await with_line(world, None)
    eth = await world.asset("ETH")
    await world.watch(person, btc)
    await world.watch(person, eth, LINE_80)

    await world.store.set_thresholds(person.id, [60.0, 40.0], now=world.clock())

    wanted = await world.store.lines_wanted("engine")
    assert wanted.by_key == {"id-btc": {40.0, 60.0}, "id-eth": {80.0}}
    found = await world.store.find_recipient(person.address)
    assert found.thresholds == (60.0, 40.0)


async def test_thresholds_of_an_unknown_recipient_are_refused(world):
    with pytest.raises(NotFoundError):
        await world.store.set_thresholds(404, [60.0], now=world.clock())


# ---------------------------------------------------------------- removing


async def test_removing_returns_what_was_removed_once(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    watch = await world.watch(person, btc)

    first = await world.store.remove_watch(person.id, on(btc), now=world.clock())
    second = await world.store.remove_watch(person.id, on(btc), now=world.clock())

    assert (first, second) == (watch, None)
    assert await world.store.list_watches(person.id) == []


async def test_only_exactly_this_target_is_removed(world):
    person = await world.recipient("web:1")
    await world.watch(person, Target(scope=Scope.TOP, top=10))

    other = Target(scope=Scope.TOP, top=20)
    assert await world.store.remove_watch(person.id, other, now=world.clock()) is None


async def test_what_waits_of_an_unwatched_asset_is_skipped(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.watch(person, eth)
    await world.happen(world.event(btc), world.event(eth))

    await world.store.remove_watch(person.id, on(btc), now=world.clock())

    assert await world.deliveries() == {"skipped": 1, "pending": 1}
    assert (await world.reasons())["unwatched"] == 1


async def test_what_waits_while_away_is_skipped_too(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))
    await world.store.park(person.address, reason="blocked", now=world.clock())

    await world.store.remove_watch(person.id, on(btc), now=world.clock())

    assert await world.deliveries() == {"skipped": 1}


async def test_another_watch_that_covers_the_asset_takes_over(world):
    btc = await world.asset("BTC", categories=("ai",))
    person = await world.recipient("web:1")
    category = await world.watch(person, AI)
    await world.watch(person, ALL)
    await world.watch(person, btc)
    await world.happen(world.event(btc))

    await world.store.remove_watch(person.id, on(btc), now=world.clock())

    (claim,) = await world.claim()
    assert [w.watch for w in claim.waiting] == [category]


async def test_what_was_told_is_taken_over_so_that_its_end_is_told(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await told_by_alert(world, btc, person)
    heir = await world.watch(person, ALL, Conditions(min_grade=80.0))

    await world.store.remove_watch(person.id, on(btc), now=world.clock())
    await world.happen(world.end(btc, grade_to=20.0))

    (claim,) = await world.claim()
    assert [w.watch for w in claim.waiting] == [heir]


async def test_what_was_told_of_an_unwatched_asset_is_forgotten(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    person = await world.recipient("web:1")
    await told_by_alert(world, btc, person)
    await world.watch(person, eth, told=shown(eth, t50=Side.BELOW))

    await world.store.remove_watch(person.id, on(btc), now=world.clock())

    assert (await told_of(world, person)).keys() == {eth.id}


async def test_a_message_on_its_way_is_left_alone(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    message = await world.freeze(claim)

    await world.store.remove_watch(person.id, on(btc), now=world.clock())

    assert await world.deliveries() == {"claimed": 1}
    await world.settle_sent(claim, message)
    assert await world.deliveries() == {"sent": 1}


async def test_others_watches_stay(world):
    btc = await world.asset("BTC")
    one, two = await world.recipient("web:1"), await world.recipient("web:2")
    for person in (one, two):
        await told_by_alert(world, btc, person)
    await world.happen(world.end(btc))

    await world.store.remove_watch(one.id, on(btc), now=world.clock())

    assert len(await world.store.list_watches(two.id)) == 1
    assert (await told_of(world, two)).keys() == {btc.id}
    assert [c.recipient.id for c in await world.claim()] == [two.id]


# ---------------------------------------------------------------- exceptions


async def test_an_exception_takes_the_assets_watch_and_what_waits(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, ALL)
    plain = await told_by_alert(world, btc, person)
    await world.happen(world.end(btc))

    exception = await world.watch(person, btc, is_exception=True)

    assert exception.is_exception
    assert exception.id != plain.id
    listed = await world.store.list_watches(person.id)
    assert [w.target for w in listed if not w.is_exception] == [ALL]
    assert await world.deliveries() == {"sent": 1, "skipped": 1}
    assert await told_of(world, person) == {}
    await world.happen(world.event(btc))
    assert await world.claim() == []


async def test_what_is_on_its_way_of_an_excepted_asset_is_not_sent_anew(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, ALL)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    message = await world.freeze(claim)
    await world.watch(person, btc, is_exception=True)

    await world.store.settle_retry(
        claim,
        message.id,
        due_at=world.clock(),
        reason="http_429",
        is_unknown=False,
        now=world.clock(),
    )

    assert await world.reasons() == {"unwatched": 1}


async def test_a_watch_ends_an_exception_and_unwatching_does_not(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, ALL)
    await world.watch(person, btc, is_exception=True)

    assert await world.store.remove_watch(person.id, on(btc), now=world.clock()) is None
    _, is_new = await world.store.put_watch(
        person.id,
        on(btc),
        Conditions(),
        text="",
        created_by="",
        told=None,
        now=world.clock(),
    )

    assert is_new
    assert not any(w.is_exception for w in await world.store.list_watches(person.id))


async def test_counts_leave_exceptions_out(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, ALL)
    await world.watch(person, btc, is_exception=True)
    world.clock.tick(seconds=1)
    await world.happen(world.event(btc))

    counts = await world.store.counts(world.clock() + timedelta(days=1))

    assert (counts.watches, counts.recipients) == (1, 1)
    assert (counts.assets, counts.events) == (1, 1)
    assert (counts.deliveries, counts.reasons) == ({}, {})
