"""What became of an event for one recipient, as the store tells it."""

from datetime import timedelta

from bot.model import DeliveryState, EventKind
from bot.ports import Freeze


async def test_what_was_sent_says_when_with_how_many_and_why_it_waited(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    ann = await world.recipient("web:ann")
    await world.watch(ann, btc)
    await world.watch(ann, eth)
    (flip, _) = await world.happen(world.event(btc), world.event(eth))
    (claim,) = await world.claim()
    until = world.clock() + timedelta(hours=8)
    holds = {w.delivery_id: (until, "quiet_hours") for w in claim.waiting}
    await world.store.freeze([(claim, Freeze(holds=holds))], now=world.clock())
    held = await world.store.find_trail(ann.id, asset_id=btc.id)
    world.clock.tick(hours=8)
    await world.send_all()

    sent = await world.store.find_trail(ann.id, asset_id=btc.id)

    assert held.delivery.state is DeliveryState.PENDING
    assert (held.delivery.reason, held.delivery.due_at) == ("quiet_hours", until)
    assert sent.event.id == flip.id
    assert sent.asset.symbol == "BTC"
    assert sent.delivery.state is DeliveryState.SENT
    assert (sent.delivery.reason, sent.delivery.held_for) == ("", "quiet_hours")
    assert sent.delivery.sent_at == world.clock()
    assert sent.delivery.together == 2


async def test_what_went_out_at_once_was_held_for_nothing(world):
    btc = await world.asset("BTC")
    ann = await world.recipient("web:ann")
    await world.watch(ann, btc)
    await world.happen(world.event(btc))
    await world.send_all()

    trail = await world.store.find_trail(ann.id, asset_id=btc.id)

    assert trail.delivery.held_for == ""


async def test_a_flip_without_a_delivery_is_told_apart_from_an_older_one(world):
    btc = await world.asset("BTC")
    ann = await world.recipient("web:ann")
    await world.watch(ann, btc)
    await world.happen(world.event(btc))
    await world.store.remove_watch(
        ann.id, (await world.store.list_watches(ann.id))[0].target, now=world.clock()
    )
    (later,) = await world.happen(world.end(btc))
    await world.happen(world.event(btc, kind=EventKind.CROSSING))

    trail = await world.store.find_trail(ann.id, asset_id=btc.id)

    assert trail.event.id == later.id
    assert trail.delivery is None


async def test_without_an_asset_it_is_what_was_sent_last(world):
    btc, eth = await world.asset("BTC"), await world.asset("ETH")
    ann = await world.recipient("web:ann")
    assert await world.store.find_trail(ann.id) is None
    await world.watch(ann, btc)
    await world.watch(ann, eth)
    await world.happen(world.event(eth))
    waiting = await world.store.find_trail(ann.id)
    await world.send_all()
    await world.happen(world.event(btc))

    sent = await world.store.find_trail(ann.id)

    assert waiting.asset.symbol == "ETH"
    assert sent.asset.symbol == "ETH"
    assert sent.delivery.state is DeliveryState.SENT


async def test_an_asset_of_which_nothing_happened_has_no_trail(world):
    btc = await world.asset("BTC")
    ann = await world.recipient("web:ann")

    assert await world.store.find_trail(ann.id, asset_id=btc.id) is None


async def test_looking_at_what_waits_takes_nothing(world):
    btc = await world.asset("BTC")
    ann = await world.recipient("web:ann")
    await world.watch(ann, btc)
    await world.happen(world.event(btc))

    looked = await world.store.look_at(ann.id, now=world.clock())
    (claim,) = await world.claim()

    assert looked.waiting == claim.waiting
    assert (looked.told, looked.mutes) == (claim.told, claim.mutes)
    assert await world.store.look_at(99, now=world.clock()) is None
