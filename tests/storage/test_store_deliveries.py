"""Deliveries: claimed once, frozen before the send, settled after the yes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import LeaseLostError, NotFoundError, StoreError
from bot.model import (
    FrozenMessage,
    Mute,
    Platform,
    Receipt,
    Scope,
    Side,
    Signal,
    Target,
    Tell,
    Told,
)
from bot.ports import Freeze

ALL = Target(scope=Scope.ALL)
LEASE = timedelta(minutes=2)


async def one_due(world, address="web:1", symbol="BTC"):
    """A recipient with one delivery that is due."""
    asset = await world.asset(symbol)
    person = await world.recipient(address)
    await world.watch(person, asset)
    await world.happen(world.event(asset))
    return asset, person


async def frozen_one(world, **more):
    asset, person = await one_due(world)
    (claim,) = await world.claim()
    return asset, person, claim, await world.freeze(claim, **more)


async def retry(world, claim, message, **more):
    more.setdefault("due_at", world.clock() + timedelta(minutes=5))
    more.setdefault("reason", "timeout")
    more.setdefault("is_unknown", False)
    await world.store.settle_retry(claim, message.id, now=world.clock(), **more)


# ---------------------------------------------------------------- claims


async def test_a_claim_brings_all_that_noise_needs(world):
    btc = await world.asset("BTC", grade=85.0)
    eth = await world.asset("ETH")
    person = await world.recipient("web:1")
    told = Tell(
        asset_id=btc.id, signal=Signal.BULLISH, since=None, lines={80.0: Side.ABOVE}
    )
    watch = await world.watch(person, btc, told=told)
    everything = await world.watch(person, ALL)
    mute = Mute(asset_id=eth.id, until=None, created_at=world.clock())
    expired = Mute(asset_id=None, until=world.clock(), created_at=world.clock())
    await world.store.set_mute(person.id, expired)
    await world.store.set_mute(person.id, mute)
    first, second = await world.happen(world.end(btc), world.event(eth))

    (claim,) = await world.claim()

    assert claim.recipient == await world.store.find_recipient(person.address)
    assert claim.owner == "w1"
    assert claim.lease_until == world.clock() + LEASE
    assert claim.mutes == (mute,)
    assert claim.frozen is None
    assert [w.event for w in claim.waiting] == [first, second]
    assert [w.watch for w in claim.waiting] == [watch, everything]
    assert [w.asset for w in claim.waiting] == [
        (await world.store.get_assets([a.id]))[a.id] for a in (btc, eth)
    ]
    assert {(w.created_at, w.owed_since, w.attempts) for w in claim.waiting} == {
        (world.clock(), world.clock(), 0)
    }
    assert claim.told == {
        btc.id: Told(
            asset_id=btc.id,
            signal=Signal.BULLISH,
            lines={80.0: Side.ABOVE},
            watch_id=watch.id,
        )
    }


async def test_many_claimers_get_each_recipient_once(world):
    btc = await world.asset("BTC")
    for number in range(30):
        await world.watch(await world.recipient(f"web:{number}"), btc)
    await world.happen(world.event(btc))

    async def work(owner):
        mine = []
        while claims := await world.claim(owner=owner, limit=3):
            mine += [claim.recipient.id for claim in claims]
        return mine

    taken = await asyncio.gather(*(work(f"w{n}") for n in range(5)))

    together = [recipient for mine in taken for recipient in mine]
    assert sorted(together) == sorted(set(together))
    assert len(together) == 30


async def test_held_deliveries_come_along_but_make_nobody_due(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    until = world.clock() + timedelta(hours=1)
    holds = {claim.waiting[0].delivery_id: (until, "quiet")}
    assert await world.freeze(claim, parts=(), delivery_ids=(), holds=holds) is None

    assert await world.claim() == []
    assert await world.reasons() == {"quiet": 1}

    await world.happen(world.end(btc))
    (again,) = await world.claim()
    assert [w.event.to_signal for w in again.waiting] == [
        Signal.BULLISH,
        Signal.BEARISH,
    ]


async def test_time_held_is_not_owed(world):
    await one_due(world)
    (claim,) = await world.claim()
    began = world.clock()
    until = world.clock() + timedelta(hours=8)
    holds = {claim.waiting[0].delivery_id: (until, "quiet")}
    await world.freeze(claim, parts=(), delivery_ids=(), holds=holds)
    world.clock.tick(hours=8)

    (again,) = await world.claim()

    assert again.waiting[0].owed_since == until
    assert again.waiting[0].created_at == began


async def test_who_is_due_longest_comes_first_and_never_more_than_the_limit(world):
    btc = await world.asset("BTC")
    eth = await world.asset("ETH")
    late, early = await world.recipient("web:1"), await world.recipient("web:2")
    await world.watch(late, btc)
    await world.watch(early, eth)
    await world.happen(world.event(eth))
    world.clock.tick(seconds=1)
    await world.happen(world.event(btc))

    first = await world.claim(limit=1)
    second = await world.claim(limit=1)

    assert [c.recipient.id for c in first + second] == [early.id, late.id]


async def test_a_chat_with_many_alerts_keeps_nobody_waiting(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    loud, calm = await world.recipient("web:1"), await world.recipient("web:2")
    await world.watch(loud, btc)
    await world.watch(calm, eth)
    await world.happen(*(world.event(btc) for _ in range(40)), world.event(eth))

    claimed = await world.claim(limit=2) + await world.claim(limit=2)

    assert {claim.recipient.id for claim in claimed} == {loud.id, calm.id}
    assert sorted(len(claim.waiting) for claim in claimed) == [1, 40]


async def test_only_the_wanted_platforms_are_claimed(world):
    btc = await world.asset("BTC")
    for address in ("web:1", "telegram:2", "discord:3"):
        await world.watch(await world.recipient(address), btc)
    await world.happen(world.event(btc))

    claims = await world.claim(platforms=[Platform.TELEGRAM, Platform.DISCORD])

    found = {str(claim.recipient.address) for claim in claims}
    assert found == {"telegram:2", "discord:3"}
    assert await world.claim(platforms=[]) == []


async def test_a_lease_keeps_others_away_until_it_ends(world):
    await one_due(world)
    await world.claim()

    assert await world.claim(owner="w2") == []
    world.clock.tick(seconds=119)
    assert await world.claim(owner="w2") == []
    world.clock.tick(seconds=1)
    assert len(await world.claim(owner="w2")) == 1


async def test_a_lease_from_before_the_clock_stepped_back_has_ended(world):
    world.clock.tick(hours=-3)
    await one_due(world)
    world.clock.tick(hours=3)
    await world.claim()
    world.clock.tick(hours=-3)

    assert len(await world.claim(owner="w2")) == 1


async def test_a_parked_recipient_is_not_claimed(world):
    _, person = await one_due(world)
    await world.store.park(person.address, reason="blocked", now=world.clock())

    assert await world.claim() == []
    assert await world.deliveries() == {"parked": 1}


async def test_a_delivery_whose_watch_vanished_is_skipped_at_the_claim(world):
    from sqlalchemy import delete

    from storage.tables import WATCHES

    await one_due(world)

    async def vanish(connection):
        await connection.execute(delete(WATCHES))

    await world.store._database.write(vanish)

    assert await world.claim() == []
    assert await world.reasons() == {"unwatched": 1}


# ---------------------------------------------------------------- freezing


async def test_a_frozen_message_is_what_was_decided(world):
    btc, person = await one_due(world)
    (claim,) = await world.claim()
    tell = Tell(
        asset_id=btc.id,
        signal=Signal.BULLISH,
        since=world.clock(),
        lines={80.0: Side.ABOVE},
        watch_id=claim.waiting[0].watch.id,
    )
    parts = ({"text": "▲ <b>BTC</b>", "n": 1}, {"text": "two"})

    message = await world.freeze(claim, parts=parts, tells=(tell,))

    assert message.parts == parts
    assert message.delivery_ids == (claim.waiting[0].delivery_id,)
    assert message.tells == (tell,)
    assert (message.sent_parts, message.is_plain) == (0, False)
    assert message.frozen_at == world.clock()
    assert await world.deliveries() == {"claimed": 1}
    assert await world.store.told(person.id) == {}


async def test_nothing_to_send_ends_the_lease(world):
    await one_due(world)
    (claim,) = await world.claim()
    skips = {claim.waiting[0].delivery_id: "nothing_new"}

    assert await world.freeze(claim, parts=(), delivery_ids=(), skips=skips) is None

    assert await world.reasons() == {"nothing_new": 1}
    await world.happen(world.end((await world.store.list_assets("engine"))[0]))
    assert len(await world.claim(owner="w2")) == 1


async def test_a_lost_claim_can_not_freeze(world):
    await one_due(world)
    (claim,) = await world.claim()
    world.clock.tick(minutes=3)
    await world.claim(owner="w2")

    with pytest.raises(LeaseLostError):
        await world.freeze(claim)

    assert await world.deliveries() == {"pending": 1}


async def test_the_same_worker_can_not_use_an_older_claim(world):
    await one_due(world)
    (old,) = await world.claim()
    world.clock.tick(minutes=3)
    await world.claim()

    with pytest.raises(LeaseLostError):
        await world.freeze(old)


async def test_what_was_unwatched_while_it_was_decided_is_not_sent(world):
    btc, person = await one_due(world)
    (claim,) = await world.claim()
    await world.store.remove_watch(
        person.id, claim.waiting[0].watch.target, now=world.clock()
    )

    with pytest.raises(LeaseLostError):
        await world.freeze(claim)

    assert await world.reasons() == {"unwatched": 1}
    assert btc.id


async def test_what_was_muted_while_it_was_decided_is_decided_anew(world):
    _, person = await one_due(world)
    (claim,) = await world.claim()
    mute = Mute(asset_id=None, until=None, created_at=world.clock())
    await world.store.set_mute(person.id, mute)

    with pytest.raises(LeaseLostError):
        await world.freeze(claim)

    (again,) = await world.claim()
    assert again.mutes == (mute,)


async def test_deliveries_without_parts_are_refused(world):
    await one_due(world)
    (claim,) = await world.claim()

    with pytest.raises(StoreError):
        await world.freeze(claim, parts=())


async def test_what_json_can_not_hold_in_a_part_is_refused(world):
    await one_due(world)
    (claim,) = await world.claim()

    with pytest.raises(StoreError):
        await world.freeze(claim, parts=({"price": object()},))

    assert await world.deliveries() == {"pending": 1}


# ---------------------------------------------------------------- crash


async def test_a_crash_after_freezing_brings_the_same_message_back(world):
    btc, _, _, message = await frozen_one(world, parts=({"a": 1}, {"b": 2}))
    await world.happen(world.end(btc))
    assert await world.claim(owner="w2") == []
    world.clock.tick(minutes=2)

    (claim,) = await world.claim(owner="w2")

    assert claim.frozen == message
    assert claim.waiting == ()
    await world.settle_sent(claim, message)
    (later,) = await world.claim(owner="w2")
    assert later.frozen is None
    assert [w.event.to_signal for w in later.waiting] == [Signal.BEARISH]


async def test_a_crash_between_parts_goes_on_after_the_last_yes(world):
    _, _, claim, message = await frozen_one(world, parts=({"a": 1}, {"b": 2}))
    await world.store.record_part(claim, message.id, Receipt("m-1"), now=world.clock())
    world.clock.tick(minutes=2)

    (again,) = await world.claim(owner="w2")

    assert again.frozen == replace(message, sent_parts=1)


# ---------------------------------------------------------------- sent


async def test_a_yes_makes_told_what_the_message_tells(world):
    btc, person = await one_due(world)
    (claim,) = await world.claim()
    watch = claim.waiting[0].watch
    tell = Tell(
        asset_id=btc.id,
        signal=Signal.BULLISH,
        since=world.clock(),
        lines={80.0: Side.ABOVE},
        watch_id=watch.id,
    )
    message = await world.freeze(claim, tells=(tell,))
    for ref in ("m-1", "m-2"):
        await world.store.record_part(
            claim, message.id, Receipt(ref), now=world.clock()
        )

    await world.settle_sent(claim, message)

    assert await world.deliveries() == {"sent": 1}
    assert await world.store.told(person.id) == {
        btc.id: Told(
            asset_id=btc.id,
            signal=Signal.BULLISH,
            since=world.clock(),
            lines={80.0: Side.ABOVE},
            watch_id=watch.id,
            message_ref="m-1",
        )
    }
    assert await world.claim() == []


async def test_a_tell_of_lines_leaves_the_signal_told(world):
    btc, person = await one_due(world)
    await world.send_all()
    before = (await world.store.told(person.id))[btc.id]
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    tell = Tell(asset_id=btc.id, signal=None, since=None, lines={50.0: Side.BELOW})
    message = await world.freeze(claim, tells=(tell,))

    await world.settle_sent(claim, message)

    after = (await world.store.told(person.id))[btc.id]
    assert after == replace(before, lines={50.0: Side.BELOW})


async def test_a_yes_twice_is_one_yes(world):
    btc, person, claim, message = await frozen_one(world)
    await world.settle_sent(claim, message)
    await world.happen(world.end(btc))
    await world.send_all()
    told = await world.store.told(person.id)

    await world.settle_sent(claim, message)

    assert await world.store.told(person.id) == told
    assert await world.deliveries() == {"sent": 2}


async def test_a_yes_counts_even_if_the_lease_was_lost(world):
    _, _, claim, message = await frozen_one(world)
    world.clock.tick(minutes=3)
    (other,) = await world.claim(owner="w2")

    await world.settle_sent(claim, message)

    assert await world.deliveries() == {"sent": 1}
    with pytest.raises(LeaseLostError):
        await retry(world, other, message)
    assert await world.deliveries() == {"sent": 1}


async def test_a_yes_that_comes_after_a_thaw_still_counts(world):
    _, _, claim, message = await frozen_one(world)
    world.clock.tick(minutes=3)
    (other,) = await world.claim(owner="w2")
    await retry(world, other, message)
    assert await world.deliveries() == {"pending": 1}

    await world.settle_sent(claim, message)

    assert await world.deliveries() == {"sent": 1}


async def test_a_late_yes_does_not_take_newer_news_back(world):
    btc, person = await one_due(world)
    (claim,) = await world.claim()
    tell = Tell(asset_id=btc.id, signal=Signal.BULLISH, since=None)
    message = await world.freeze(claim, tells=(tell,))
    await retry(world, claim, message, due_at=world.clock())
    await world.happen(world.end(btc))
    await world.send_all()

    await world.settle_sent(claim, message)

    assert (await world.store.told(person.id))[btc.id].signal is Signal.BEARISH


async def test_tells_of_a_watch_removed_meanwhile_are_not_kept(world):
    btc, person = await one_due(world)
    (claim,) = await world.claim()
    watch = claim.waiting[0].watch
    tell = Tell(asset_id=btc.id, signal=Signal.BULLISH, since=None, watch_id=watch.id)
    message = await world.freeze(claim, tells=(tell,))
    await world.store.remove_watch(person.id, watch.target, now=world.clock())

    await world.settle_sent(claim, message)

    assert await world.deliveries() == {"sent": 1}
    assert await world.store.told(person.id) == {}


async def test_a_message_ends_the_mutes_it_was_meant_to_end(world):
    btc, person = await one_due(world)
    of_btc = Mute(asset_id=btc.id, until=None, created_at=world.clock())
    of_all = Mute(asset_id=None, until=None, created_at=world.clock())
    await world.store.set_mute(person.id, of_btc)
    await world.store.set_mute(person.id, of_all)
    (claim,) = await world.claim()
    message = await world.freeze(claim, ended_mutes=(btc.id,))
    assert len(await world.store.list_mutes(person.id, world.clock())) == 2

    await world.settle_sent(claim, message)

    assert await world.store.list_mutes(person.id, world.clock()) == [of_all]


async def test_a_mute_set_after_the_decision_stays(world):
    btc, person, claim, message = await frozen_one(world, ended_mutes=(None,))
    world.clock.tick(seconds=1)
    mute = Mute(asset_id=None, until=None, created_at=world.clock())
    await world.store.set_mute(person.id, mute)

    await world.settle_sent(claim, message)

    assert await world.store.list_mutes(person.id, world.clock()) == [mute]
    assert btc.id


async def test_an_unknown_message_is_said(world):
    _, _, claim, _ = await frozen_one(world)

    unknown = FrozenMessage(id=404, parts=(), frozen_at=world.clock())
    with pytest.raises(NotFoundError):
        await world.settle_sent(claim, unknown)


# ---------------------------------------------------------------- not sent


async def test_a_clear_no_thaws(world):
    btc, _, claim, message = await frozen_one(world)
    due_at = world.clock() + timedelta(minutes=5)
    await retry(world, claim, message, due_at=due_at)
    assert await world.claim() == []
    assert await world.reasons() == {"timeout": 1}
    await world.happen(world.end(btc))

    (again,) = await world.claim()

    assert again.frozen is None
    assert [w.attempts for w in again.waiting] == [1, 0]


@pytest.mark.parametrize(
    ("more", "is_plain"),
    [({"is_unknown": True}, False), ({"is_plain": True}, True)],
    ids=["outcome unknown", "plain text next"],
)
async def test_some_failures_keep_the_message_frozen(world, more, is_plain):
    btc, _, claim, message = await frozen_one(world)
    await retry(world, claim, message, **more)
    await world.happen(world.end(btc))
    assert await world.claim() == []
    world.clock.tick(minutes=5)

    (again,) = await world.claim(owner="w2")

    assert again.frozen == replace(message, is_plain=is_plain, attempts=1)
    assert again.waiting == ()


async def test_a_message_begun_stays_frozen(world):
    _, _, claim, message = await frozen_one(world, parts=({"a": 1}, {"b": 2}))
    await world.store.record_part(claim, message.id, Receipt("m"), now=world.clock())

    await retry(world, claim, message, due_at=world.clock())

    (again,) = await world.claim()
    assert again.frozen == replace(message, sent_parts=1, attempts=1)


async def test_a_wait_ordered_by_the_platform_costs_no_patience(world):
    _, _, claim, message = await frozen_one(world)
    began = world.clock()
    ordered = world.clock() + timedelta(hours=12)
    world.clock.tick(minutes=1)
    await retry(world, claim, message, due_at=ordered, counts=False)
    world.clock.tick(hours=12)

    (again,) = await world.claim()

    (waiting,) = again.waiting
    assert waiting.attempts == 0
    assert waiting.owed_since == began + timedelta(hours=12) - timedelta(minutes=1)


@pytest.mark.parametrize(
    "is_unsure", [True, False], ids=["an answer was lost", "every answer was a no"]
)
async def test_whether_an_answer_was_lost_is_remembered_past_the_thaw(world, is_unsure):
    _, _, claim, message = await frozen_one(world)
    await retry(world, claim, message, is_unknown=is_unsure, due_at=world.clock())
    if is_unsure:
        (claim,) = await world.claim()
        await retry(world, claim, claim.frozen, due_at=world.clock())

    (again,) = await world.claim()

    assert again.frozen is None
    assert [w.is_unsure for w in again.waiting] == [is_unsure]


async def test_a_crash_counts_as_a_lost_answer(world):
    await frozen_one(world)
    world.clock.tick(minutes=2)
    (claim,) = await world.claim(owner="w2")
    await retry(world, claim, claim.frozen, due_at=world.clock())

    (again,) = await world.claim()

    assert [w.is_unsure for w in again.waiting] == [True]


async def test_what_was_unwatched_while_frozen_is_skipped_at_the_thaw(world):
    _, person, claim, message = await frozen_one(world)
    target = claim.waiting[0].watch.target
    await world.store.remove_watch(person.id, target, now=world.clock())
    assert await world.deliveries() == {"claimed": 1}

    await retry(world, claim, message)

    assert await world.reasons() == {"unwatched": 1}


async def test_a_recipient_that_is_gone_is_parked_with_all_that_waits(world):
    btc, person, claim, message = await frozen_one(world)
    (before,) = claim.waiting
    await world.happen(world.end(btc))

    await world.store.settle_parked(
        claim, message.id, reason="blocked", now=world.clock()
    )

    parked = await world.store.find_recipient(person.address)
    assert (parked.parked_since, parked.parked_reason) == (world.clock(), "blocked")
    assert await world.deliveries() == {"parked": 2}
    assert await world.reasons() == {"blocked": 2}

    world.clock.tick(days=1)
    back = await world.store.unpark(person.address, now=world.clock())
    assert (back.parked_since, back.parked_reason) == (None, "")
    assert await world.reasons() == {"away": 2}
    (again,) = await world.claim()
    assert again.frozen is None
    assert [w.owed_since for w in again.waiting] == [world.clock()] * 2
    assert again.waiting[0].created_at == before.created_at


async def test_a_dead_message_gives_up_on_its_own_deliveries_alone(world):
    btc, _, claim, message = await frozen_one(world)
    await world.happen(world.end(btc))

    await world.store.settle_dead(
        claim, message.id, reason="rejected", now=world.clock()
    )

    assert await world.deliveries() == {"dead": 1, "pending": 1}
    assert (await world.reasons())["rejected"] == 1
    (again,) = await world.claim()
    assert len(again.waiting) == 1


@pytest.mark.parametrize("how", ["part", "retry", "parked", "dead"])
async def test_who_lost_the_lease_settles_nothing(world, how):
    _, _, claim, message = await frozen_one(world)
    world.clock.tick(minutes=3)
    await world.claim(owner="w2")
    store, now = world.store, world.clock()
    settle = {
        "part": lambda: store.record_part(claim, message.id, Receipt("m"), now=now),
        "retry": lambda: retry(world, claim, message),
        "parked": lambda: store.settle_parked(claim, message.id, reason="x", now=now),
        "dead": lambda: store.settle_dead(claim, message.id, reason="x", now=now),
    }[how]

    with pytest.raises(LeaseLostError):
        await settle()

    assert await world.deliveries() == {"claimed": 1}


async def test_a_lease_that_expired_but_nobody_took_still_settles(world):
    _, _, claim, message = await frozen_one(world)
    world.clock.tick(hours=1)

    await world.store.settle_dead(claim, message.id, reason="x", now=world.clock())

    assert await world.deliveries() == {"dead": 1}


# ---------------------------------------------------------------- release


async def test_release_gives_the_recipient_back_as_it_was(world):
    await one_due(world)
    (claim,) = await world.claim()

    await world.store.release(claim)

    (again,) = await world.claim(owner="w2")
    assert again.waiting == claim.waiting


async def test_release_may_put_the_next_try_off(world):
    await one_due(world)
    (claim,) = await world.claim()
    due_at = world.clock() + timedelta(minutes=1)

    await world.store.release(claim, due_at=due_at)

    assert await world.claim() == []
    world.clock.tick(minutes=1)
    (again,) = await world.claim()
    message = await world.freeze(again)
    await world.store.release(again, due_at=due_at + timedelta(minutes=1))
    assert await world.claim() == []
    world.clock.tick(minutes=1)
    assert [c.frozen for c in await world.claim()] == [message]


async def test_release_of_a_lost_lease_does_nothing(world):
    await one_due(world)
    (claim,) = await world.claim()
    world.clock.tick(minutes=3)
    await world.claim(owner="w2")

    await world.store.release(claim, due_at=world.clock() + timedelta(days=1))

    assert await world.claim(owner="w3") == []
    world.clock.tick(minutes=3)
    assert len(await world.claim(owner="w3")) == 1


async def test_a_hold_names_only_ones_own_deliveries(world):
    btc = await world.asset("BTC")
    for address in ("web:1", "web:2"):
        await world.watch(await world.recipient(address), btc)
    await world.happen(world.event(btc))
    mine, other = await world.claim()
    foreign = other.waiting[0].delivery_id

    decided = Freeze(
        skips={foreign: "x"}, holds={foreign: (world.clock() + LEASE, "y")}
    )
    await world.store.freeze([(mine, decided)], now=world.clock())

    assert await world.reasons() == {"new": 2}
