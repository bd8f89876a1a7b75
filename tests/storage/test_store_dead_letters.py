"""Deliveries as the operator sees them: listed, replayed, dropped."""

from datetime import timedelta

import pytest

from bot.errors import LeaseLostError
from bot.model import (
    Address,
    Conditions,
    DeliveryState,
    EventKind,
    Receipt,
    Scope,
    Signal,
    Target,
    Tell,
)

ALL = Target(scope=Scope.ALL)


async def die(world, claim, reason="bad_markup", *, is_unknown=False, parts=0):
    """Freeze what waits, let it fail for good."""
    message = await world.freeze(claim, parts=({"text": "a"}, {"text": "b"}))
    for _ in range(parts):
        await world.store.record_part(
            claim, message.id, Receipt("m"), now=world.clock()
        )
    if is_unknown:
        await world.store.settle_retry(
            claim,
            message.id,
            due_at=world.clock(),
            reason="timeout",
            is_unknown=True,
            now=world.clock(),
        )
        (claim,) = await world.claim()
    await world.store.settle_dead(claim, message.id, reason=reason, now=world.clock())


async def one_dead(world, address="web:1", symbol="BTC", **how):
    """A recipient with one dead letter."""
    asset = await world.asset(symbol)
    person = await world.recipient(address)
    await world.watch(person, asset)
    await world.happen(world.end(asset))
    (claim,) = await world.claim()
    await die(world, claim, **how)
    return asset, person


async def listed(world, **filters):
    return [r.id for r in await world.store.list_deliveries(**filters)]


async def dead_ids(world):
    return await listed(world, state=DeliveryState.DEAD)


# ---------------------------------------------------------------- list


async def test_a_listed_delivery_says_what_an_operator_asks(world):
    asset = await world.asset("BTC")
    person = await world.recipient("telegram:-100/7")
    await world.watch(person, asset)
    (event,) = await world.happen(world.end(asset))
    created = world.clock()
    world.clock.tick(minutes=1)
    (claim,) = await world.claim()
    message = await world.freeze(claim)
    due = world.clock() + timedelta(minutes=2)
    await world.store.settle_retry(
        claim,
        message.id,
        due_at=due,
        reason="rate_limited",
        is_unknown=False,
        now=world.clock(),
    )

    (record,) = await world.store.list_deliveries()

    assert record.state is DeliveryState.PENDING
    assert record.reason == "rate_limited"
    assert record.recipient == Address.parse("telegram:-100/7")
    assert (record.symbol, record.kind, record.as_of) == (
        "BTC",
        EventKind.FLIP,
        event.as_of,
    )
    assert record.attempts == 1
    assert (record.created_at, record.due_at, record.sent_at) == (created, due, None)


async def test_a_sent_delivery_says_when(world):
    asset = await world.asset("BTC")
    await world.watch(await world.recipient("web:1"), asset)
    await world.happen(world.end(asset))
    sent_at = world.clock.tick(seconds=3)
    await world.send_all()

    (record,) = await world.store.list_deliveries(state=DeliveryState.SENT)

    assert (record.sent_at, record.reason) == (sent_at, "")


async def test_the_newest_come_first_and_filters_add_up(world):
    await one_dead(world, "web:1", "BTC", reason="bad_markup")
    await one_dead(world, "web:2", "ETH", reason="too_old")
    await one_dead(world, "web:3", "SOL", reason="too_old")
    sol, eth, btc = await listed(world)

    assert sol > eth > btc
    assert await listed(world, limit=2) == [sol, eth]
    assert await listed(world, before=sol) == [eth, btc]
    assert await listed(world, state=DeliveryState.DEAD, reason="too_old") == [sol, eth]
    assert await listed(world, state=DeliveryState.PENDING) == []
    assert await listed(world, ids=[btc, sol, 999]) == [sol, btc]
    assert await listed(world, ids=[btc, sol], reason="too_old") == [sol]
    assert await listed(world, ids=[]) == []


async def test_many_ids_are_looked_up_in_order_and_within_the_limit(world):
    await one_dead(world, "web:1", "BTC")
    (known,) = await listed(world)

    assert await listed(world, ids=range(known, known + 2000)) == [known]
    assert await listed(world, ids=range(known, known + 2000), limit=0) == []


# ---------------------------------------------------------------- count


async def test_dead_letters_are_counted_by_reason_from_when_they_died(world):
    start = world.clock()
    world.clock.tick(minutes=1)
    await one_dead(world, "web:1", "BTC", reason="bad_markup")
    world.clock.tick(minutes=1)
    await one_dead(world, "web:2", "ETH", reason="too_old")
    await one_dead(world, "web:3", "SOL", reason="too_old")
    end = world.clock()
    count = world.store.dead_letters

    assert await count(after=start, until=end) == {"bad_markup": 1, "too_old": 2}
    first = start + timedelta(minutes=1)
    assert await count(after=first, until=end) == {"too_old": 2}
    assert await count(after=start, until=first) == {"bad_markup": 1}
    assert await count(after=end, until=end) == {}


async def test_what_was_replayed_is_no_dead_letter_any_more(world):
    start = world.clock()
    world.clock.tick(minutes=1)
    await one_dead(world)
    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    assert await world.store.dead_letters(after=start, until=world.clock()) == {}


# ---------------------------------------------------------------- replay


async def test_a_replayed_dead_letter_is_due_now_with_new_patience(world):
    await one_dead(world)
    now = world.clock.tick(days=5)
    ids = await dead_ids(world)

    assert await world.store.replay_deliveries(ids, now=now) == ids

    (claim,) = await world.claim()
    (waiting,) = claim.waiting
    assert waiting.delivery_id == ids[0]
    assert (waiting.attempts, waiting.owed_since) == (0, now)
    assert waiting.reason == "replayed"
    assert not waiting.is_unsure
    assert claim.frozen is None
    assert await world.send_all() == 0  # it is claimed


async def test_a_replayed_dead_letter_can_be_sent(world):
    await one_dead(world)
    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    assert await world.send_all() == 1

    assert await world.deliveries() == {"sent": 1}


async def test_only_dead_ones_are_replayed_and_only_once(world):
    asset, _ = await one_dead(world)
    await world.happen(world.event(asset))
    waiting, dead = await listed(world)
    ids = [waiting, dead, 999]

    assert await world.store.replay_deliveries(ids, now=world.clock()) == [dead]
    assert await world.store.replay_deliveries(ids, now=world.clock()) == []


async def test_of_a_parked_recipient_they_wait_for_its_return(world):
    _, person = await one_dead(world)
    await world.store.park(person.address, reason="blocked", now=world.clock())

    ids = await dead_ids(world)
    assert await world.store.replay_deliveries(ids, now=world.clock()) == ids

    (record,) = await world.store.list_deliveries()
    assert (record.state, record.reason) == (DeliveryState.PARKED, "blocked")
    assert await world.claim() == []
    await world.store.unpark(person.address, now=world.clock())
    (claim,) = await world.claim()
    assert claim.waiting[0].reason == "away"


async def test_what_was_unwatched_meanwhile_is_skipped(world):
    asset, person = await one_dead(world)
    target = Target(scope=Scope.ASSET, asset_id=asset.id)
    await world.store.remove_watch(person.id, target, now=world.clock())

    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    assert await world.claim() == []
    assert await world.reasons() == {"unwatched": 1}


async def test_what_another_watch_covers_goes_over_to_it(world):
    asset, person = await one_dead(world)
    everything = await world.watch(person, ALL)
    target = Target(scope=Scope.ASSET, asset_id=asset.id)
    await world.store.remove_watch(person.id, target, now=world.clock())

    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    (claim,) = await world.claim()
    assert claim.waiting[0].watch.id == everything.id


@pytest.mark.parametrize(
    "how", [{"is_unknown": True}, {"parts": 1}], ids=["no answer", "one part arrived"]
)
async def test_one_that_may_have_arrived_remembers_that(world, how):
    await one_dead(world, **how)

    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    (claim,) = await world.claim()
    assert claim.waiting[0].is_unsure


async def test_what_was_told_later_counts_more_than_what_may_have_arrived(world):
    asset, _ = await one_dead(world, is_unknown=True)
    await world.happen(world.event(asset))
    assert await world.send_all() == 1

    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    (claim,) = await world.claim()
    assert not claim.waiting[0].is_unsure
    assert claim.told[asset.id].signal is Signal.BULLISH


async def test_what_another_recipient_or_asset_was_told_counts_nothing(world):
    _, person = await one_dead(world, is_unknown=True)
    other = await world.asset("ETH")
    await world.watch(person, other)
    await world.watch(await world.recipient("web:2"), ALL)
    await world.happen(world.event(other))
    await world.send_all()

    await world.store.replay_deliveries(await dead_ids(world), now=world.clock())

    (claim,) = await world.claim()
    assert claim.waiting[0].is_unsure


async def test_many_are_replayed_at_once(world):
    asset = await world.asset("BTC")
    for number in range(20):
        person = await world.recipient(f"web:{number}")
        await world.watch(person, asset)
    await world.happen(world.end(asset))
    for claim in await world.claim(limit=50):
        await die(world, claim)
    ids = await dead_ids(world)

    assert await world.store.replay_deliveries(ids, now=world.clock()) == sorted(ids)
    assert await world.send_all() == 20


# ---------------------------------------------------------------- drop


async def test_a_dropped_dead_letter_is_skipped_for_good(world):
    await one_dead(world)
    ids = await dead_ids(world)

    assert await world.store.drop_deliveries(ids, now=world.clock()) == ids

    assert await world.reasons() == {"dropped": 1}
    assert await world.store.replay_deliveries(ids, now=world.clock()) == []
    assert await world.store.drop_deliveries(ids, now=world.clock()) == []


async def test_what_waits_or_is_parked_can_be_dropped(world):
    asset = await world.asset("BTC")
    gone = await world.recipient("web:1")
    here = await world.recipient("web:2")
    for person in (gone, here):
        await world.watch(person, asset, Conditions())
    await world.store.park(gone.address, reason="blocked", now=world.clock())
    await world.happen(world.end(asset))
    ids = sorted(await listed(world))

    assert await world.store.drop_deliveries(ids, now=world.clock()) == ids

    assert await world.claim() == []
    assert await world.deliveries() == {"skipped": 2}


async def test_what_is_on_its_way_or_sent_is_not_dropped(world):
    asset = await world.asset("BTC")
    await world.watch(await world.recipient("web:1"), asset)
    await world.happen(world.end(asset))
    (claim,) = await world.claim()
    message = await world.freeze(claim)
    ids = await listed(world)

    assert await world.store.drop_deliveries(ids, now=world.clock()) == []
    await world.settle_sent(claim, message)
    assert await world.store.drop_deliveries(ids, now=world.clock()) == []
    assert await world.deliveries() == {"sent": 1}


async def test_what_is_being_decided_about_is_not_sent_once_it_is_dropped(world):
    asset = await world.asset("BTC")
    await world.watch(await world.recipient("web:1"), asset)
    await world.happen(world.end(asset))
    (claim,) = await world.claim()
    await world.store.drop_deliveries(await listed(world), now=world.clock())
    tell = Tell(asset_id=asset.id, signal=Signal.BEARISH, since=None)

    with pytest.raises(LeaseLostError):
        await world.freeze(claim, tells=(tell,))

    assert await world.store.told(claim.recipient.id) == {}


# ---------------------------------------------------------------- watchers


async def test_those_who_wait_are_counted_once_each(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    first, second = await world.recipient("web:1"), await world.recipient("web:2")
    await world.recipient("web:3")
    await world.watch(first, btc)
    await world.watch(first, eth)
    await world.watch(second, btc, is_exception=True)

    counts = await world.store.counts(world.clock())

    assert (counts.watches, counts.watchers) == (2, 1)
