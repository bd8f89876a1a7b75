"""Recipients: settings, mutes, parked and back, moved and united."""

import asyncio
from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.errors import NotFoundError, StoreError
from bot.model import (
    Address,
    Conditions,
    Mute,
    PlaceKind,
    Platform,
    Recipient,
    Scope,
    Side,
    Signal,
    Target,
    Tell,
)
from bot.ports import Freeze
from bot.preferences import Pace, Preferences, QuietHours

ALL = Target(scope=Scope.ALL)
OLD = Address(Platform.TELEGRAM, "-100")
NEW = Address(Platform.TELEGRAM, "-1000000000100")


# ---------------------------------------------------------------- finding


async def test_a_recipient_is_made_once(world):
    address = Address(Platform.TELEGRAM, "-100", "7")

    found = await asyncio.gather(
        *(
            world.store.ensure_recipient(
                address, PlaceKind.GROUP, language="de", now=world.clock()
            )
            for _ in range(4)
        )
    )

    assert found[0] == Recipient(
        id=found[0].id,
        address=address,
        kind=PlaceKind.GROUP,
        language="de",
        created_at=world.clock(),
    )
    assert found == [found[0]] * 4
    assert await world.store.find_recipient(address) == found[0]
    assert await world.store.find_recipient(replace(address, topic="8")) is None


async def test_a_known_recipient_stays_as_it_is_but_for_a_missing_language(world):
    person = await world.recipient("web:1")
    world.clock.tick(days=1)

    again = await world.store.ensure_recipient(
        person.address, PlaceKind.GROUP, language="fr", now=world.clock()
    )
    third = await world.store.ensure_recipient(
        person.address, PlaceKind.GROUP, language="it", now=world.clock()
    )

    assert again == third == replace(person, language="fr")


# ---------------------------------------------------------------- preferences


QUIET = Preferences(zone="Asia/Tokyo", quiet=QuietHours(time(22), time(7)))


async def test_preferences_are_kept_with_the_recipient(world):
    person = await world.recipient("web:1")
    assert person.preferences == Preferences()

    await world.store.set_preferences(person.id, QUIET, now=world.clock())

    found = await world.store.find_recipient(person.address)
    assert found == replace(person, preferences=QUIET)


async def test_preferences_of_somebody_unknown_are_an_error(world):
    with pytest.raises(NotFoundError):
        await world.store.set_preferences(99, QUIET, now=world.clock())


@pytest.mark.parametrize("reason", ["quiet_hours", "digest", "muted", "choppy"])
async def test_what_was_held_is_due_when_preferences_change(world, reason):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    (one,) = claim.waiting
    until = world.clock() + timedelta(hours=8)
    hold = Freeze(holds={one.delivery_id: (until, reason)})
    await world.store.freeze([(claim, hold)], now=world.clock())
    assert await world.claim() == []

    await world.store.set_preferences(
        person.id, Preferences(pace=Pace.FAST), now=world.clock()
    )

    (again,) = await world.claim()
    assert again.recipient.preferences.pace is Pace.FAST
    assert [w.owed_since for w in again.waiting] == [world.clock()]


async def test_what_is_being_decided_is_decided_anew_by_the_new_preferences(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()

    await world.store.set_preferences(person.id, QUIET, now=world.clock())

    sent = Freeze(parts=({},), delivery_ids=(claim.waiting[0].delivery_id,))
    (lost,) = await world.store.freeze([(claim, sent)], now=world.clock())
    assert isinstance(lost, StoreError)
    (again,) = await world.claim()
    assert again.recipient.preferences == QUIET


# ---------------------------------------------------------------- mutes


async def test_a_mute_replaces_the_one_of_the_same_asset(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    person = await world.recipient("web:1")
    now = world.clock()

    def mute(asset, hours):
        until = None if hours is None else now + timedelta(hours=hours)
        number = None if asset is None else asset.id
        return Mute(asset_id=number, until=until, created_at=now)

    for asset, hours in [(btc, 1), (eth, 2), (None, 3), (btc, None), (None, 4)]:
        await world.store.set_mute(person.id, mute(asset, hours))

    mutes = await world.store.list_mutes(person.id, now)
    assert mutes == [mute(eth, 2), mute(btc, None), mute(None, 4)]
    later = await world.store.list_mutes(person.id, now + timedelta(hours=2))
    assert later == [mute(btc, None), mute(None, 4)]


async def held(world, reason="muted"):
    """A recipient with an alert on each of two assets, both held for a day."""
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    person = await world.recipient("web:1")
    await world.watch(person, ALL)
    await world.happen(world.event(btc), world.event(eth))
    (claim,) = await world.claim()
    until = world.clock() + timedelta(days=1)
    holds = {w.delivery_id: (until, reason) for w in claim.waiting}
    await world.freeze(claim, parts=(), delivery_ids=(), holds=holds)
    for asset_id in (btc.id, None):
        mute = Mute(asset_id=asset_id, until=until, created_at=world.clock())
        await world.store.set_mute(person.id, mute)
    world.clock.tick(hours=1)
    return btc, person


async def test_clearing_one_mute_makes_due_what_it_held(world):
    btc, person = await held(world)

    count = await world.store.clear_mutes(person.id, btc.id, now=world.clock())

    assert count == 1
    mutes = await world.store.list_mutes(person.id, world.clock())
    assert [mute.asset_id for mute in mutes] == [None]
    (claim,) = await world.claim()
    owed = {w.asset.symbol: w.owed_since for w in claim.waiting}
    assert owed["BTC"] == world.clock()
    assert owed["ETH"] > world.clock()


async def test_clearing_every_mute_counts_those_in_force(world):
    _, person = await held(world)
    world.clock.tick(days=2)
    forever = Mute(asset_id=None, until=None, created_at=world.clock())
    await world.store.set_mute(person.id, forever)

    assert await world.store.clear_mutes(person.id, None, now=world.clock()) == 1
    assert await world.store.clear_mutes(person.id, None, now=world.clock()) == 0


async def test_what_something_else_holds_stays_held(world):
    _, person = await held(world, reason="quiet")

    await world.store.clear_mutes(person.id, None, now=world.clock())

    assert await world.claim() == []


# ---------------------------------------------------------------- parked


async def test_parking_takes_everything_that_waits(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    message = await world.freeze(claim)
    await world.happen(world.end(btc))
    since = world.clock()

    await world.store.park(person.address, reason="blocked", now=since)
    world.clock.tick(days=1)
    await world.store.park(person.address, reason="kicked", now=world.clock())

    assert await world.deliveries() == {"parked": 2}
    parked = await world.store.find_recipient(person.address)
    assert (parked.parked_since, parked.parked_reason) == (since, "blocked")
    await world.settle_sent(claim, message)
    assert await world.deliveries() == {"parked": 1, "sent": 1}


async def test_an_unknown_address_can_be_parked_and_unparked(world):
    nobody = Address.parse("web:nobody")

    await world.store.park(nobody, reason="blocked", now=world.clock())

    assert await world.store.unpark(nobody, now=world.clock()) is None
    assert await world.store.find_recipient(nobody) is None


async def test_one_who_was_never_away_comes_back_unchanged(world):
    btc = await world.asset("BTC")
    person = await world.recipient("web:1")
    await world.watch(person, btc)
    await world.happen(world.event(btc))

    assert await world.store.unpark(person.address, now=world.clock()) == person
    assert await world.reasons() == {"new": 1}


# ---------------------------------------------------------------- moved


async def test_a_group_moves_with_its_topics(world):
    group = await world.recipient(str(OLD), PlaceKind.GROUP)
    topic = await world.recipient(f"{OLD}/7", PlaceKind.GROUP)
    other = await world.recipient("discord:-100", PlaceKind.GROUP)

    for _ in range(2):
        await world.store.move_recipient(OLD, NEW)

    assert await world.store.find_recipient(NEW) == replace(group, address=NEW)
    new_topic = replace(NEW, topic="7")
    assert await world.store.find_recipient(new_topic) == replace(
        topic, address=new_topic
    )
    assert await world.store.find_recipient(OLD) is None
    assert await world.store.find_recipient(other.address) == other


async def test_a_move_keeps_a_claim_alive(world):
    btc = await world.asset("BTC")
    group = await world.recipient(str(OLD), PlaceKind.GROUP)
    await world.watch(group, btc)
    await world.happen(world.event(btc))
    (claim,) = await world.claim()
    message = await world.freeze(claim)

    await world.store.move_recipient(OLD, NEW)
    await world.store.settle_retry(
        claim,
        message.id,
        due_at=world.clock(),
        reason="moved",
        is_unknown=False,
        now=world.clock(),
    )

    (again,) = await world.claim()
    assert again.recipient.address == NEW


async def test_a_move_to_where_somebody_is_unites_the_two(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    old = await world.recipient(str(OLD), PlaceKind.GROUP)
    await world.store.set_thresholds(old.id, [80.0], now=world.clock())
    tell = Tell(
        asset_id=eth.id, signal=Signal.BEARISH, since=None, lines={80.0: Side.BELOW}
    )
    await world.watch(old, btc, Conditions(min_grade=1.0))
    await world.watch(old, eth, told=tell)
    forever = Mute(asset_id=None, until=None, created_at=world.clock())
    await world.store.set_mute(old.id, forever)
    await world.happen(world.event(btc), world.event(eth))
    new = await world.recipient(str(NEW), PlaceKind.GROUP)
    kept = await world.watch(new, btc, Conditions(min_grade=2.0))
    mute = Mute(asset_id=None, until=None, created_at=world.clock.tick(seconds=1))
    await world.store.set_mute(new.id, mute)
    await world.happen(world.end(btc))

    await world.store.move_recipient(OLD, NEW)

    united = await world.store.find_recipient(NEW)
    assert (united.id, united.thresholds) == (new.id, (80.0,))
    assert await world.store.find_recipient(OLD) is None
    watches = await world.store.list_watches(new.id)
    assert {w.target.asset_id for w in watches} == {btc.id, eth.id}
    assert kept in watches
    assert await world.store.list_mutes(new.id, world.clock()) == [mute]
    told = await world.store.told(new.id)
    assert told[eth.id].lines == {80.0: Side.BELOW}
    (claim,) = await world.claim()
    assert claim.recipient.id == new.id
    # both were told of the end of BTC: that is one delivery now
    assert [(w.asset.symbol, w.event.to_signal) for w in claim.waiting] == [
        ("BTC", Signal.BULLISH),
        ("ETH", Signal.BULLISH),
        ("BTC", Signal.BEARISH),
    ]
    assert {w.watch.id for w in claim.waiting} == {w.id for w in watches}
    wanted = await world.store.lines_wanted("engine")
    assert wanted.by_key == {"id-btc": {80.0}, "id-eth": {80.0}}


async def test_what_either_of_two_united_was_sent_is_sent(world):
    btc = await world.asset("BTC")
    for address in (OLD, NEW):
        await world.watch(await world.recipient(str(address), PlaceKind.GROUP), btc)
    await world.happen(world.event(btc))
    claims = {claim.recipient.address: claim for claim in await world.claim()}
    message = await world.freeze(claims[OLD])
    await world.settle_sent(claims[OLD], message)

    await world.store.move_recipient(OLD, NEW)

    assert await world.deliveries() == {"sent": 1}


async def test_two_frozen_messages_of_united_recipients_do_not_collide(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    for address, asset in ((OLD, btc), (NEW, eth)):
        await world.watch(await world.recipient(str(address), PlaceKind.GROUP), asset)
    await world.happen(world.event(btc), world.event(eth))
    claims = {claim.recipient.address: claim for claim in await world.claim()}
    messages = {a: await world.freeze(claim) for a, claim in claims.items()}

    await world.store.move_recipient(OLD, NEW)

    assert await world.deliveries() == {"claimed": 1, "pending": 1}
    # the yes for the one that was thawed finds its deliveries all the same
    await world.settle_sent(claims[OLD], messages[OLD])
    assert await world.deliveries() == {"claimed": 1, "sent": 1}


async def test_what_waited_for_a_gone_group_waits_for_the_living_one(world):
    btc = await world.asset("BTC")
    old = await world.recipient(str(OLD), PlaceKind.GROUP)
    await world.watch(old, btc)
    await world.happen(world.event(btc))
    await world.store.park(OLD, reason="kicked", now=world.clock())
    await world.recipient(str(NEW), PlaceKind.GROUP)

    await world.store.move_recipient(OLD, NEW)

    assert await world.reasons() == {"away": 1}
    assert len(await world.claim()) == 1


async def test_nobody_moves_to_another_platform(world):
    with pytest.raises(StoreError):
        await world.store.move_recipient(OLD, Address(Platform.DISCORD, "1"))


async def test_moving_nobody_or_nowhere_changes_nothing(world):
    person = await world.recipient(str(OLD))

    await world.store.move_recipient(OLD, OLD)
    await world.store.move_recipient(Address(Platform.TELEGRAM, "5"), NEW)

    assert await world.store.find_recipient(OLD) == person
