"""Claims know which news are overtaken by an event that is still being fanned out."""

from bot.model import AssetState, Conditions, Scope, Signal, Target

ALL = Target(scope=Scope.ALL)


async def turned_twice(world):
    """One watcher hears of a turn; the second is stored, not fanned out."""
    btc = await world.asset("BTC")
    alice = await world.recipient("web:alice")
    await world.watch(alice, ALL)
    await world.happen(world.end(btc))
    world.clock.tick(seconds=1)
    reading = world.reading("BTC")
    back = world.event(btc)
    state = AssetState(last=reading, standing=Signal.BULLISH, seen_at=world.clock())
    (event,) = await world.poll(reading, events=(back,), states={btc.key: state})
    return btc, event


async def test_an_asset_is_overtaken_while_its_later_event_is_fanned_out(world):
    btc, event = await turned_twice(world)

    (claim,) = await world.claim()
    assert claim.overtaken == {btc.id}
    await world.store.release(claim)

    while not await world.store.fan_out_chunk(event.id, limit=9, now=world.clock()):
        pass
    (claim,) = await world.claim()
    assert len(claim.waiting) == 2
    assert claim.overtaken == frozenset()


async def test_an_event_for_others_overtakes_nothing_once_it_is_fanned_out(world):
    btc, event = await turned_twice(world)
    (claim,) = await world.claim()
    bearish = Conditions(direction=Signal.BEARISH)
    await world.store.release(claim)
    await world.watch(claim.recipient, ALL, bearish)
    while not await world.store.fan_out_chunk(event.id, limit=9, now=world.clock()):
        pass

    world.clock.tick(seconds=1)
    (claim,) = await world.claim()
    assert (len(claim.waiting), claim.overtaken) == (1, {btc.id})
    await world.store.release(claim)

    # two reads of one claim are never further apart than this
    world.clock.tick(seconds=6)
    (claim,) = await world.claim()
    assert (len(claim.waiting), claim.overtaken) == (1, frozenset())
