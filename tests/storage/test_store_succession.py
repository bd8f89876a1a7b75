from bot.model import Scope, Signal


async def test_a_new_version_takes_over_the_assets_with_their_watches(world, store):
    world.source = "embedded:1:binance"
    btc = await world.asset("BTC", grade=71.0)
    me = await world.recipient("web:me")
    watch = await world.watch(me, btc)

    moved = await store.succeed_source("embedded:", "embedded:2:binance")

    assert moved == 1
    (found,) = await store.find_assets("embedded:2:binance", "BTC")
    assert (found.id, found.key) == (btc.id, btc.key)
    # the first it says is a baseline
    assert found.state is None
    assert await store.load_states("embedded:2:binance", [btc.key]) == {}
    (kept,) = await store.list_watches(me.id)
    assert (kept.id, kept.target.asset_id) == (watch.id, btc.id)
    assert kept.target.scope is Scope.ASSET
    assert await store.watched_keys("embedded:2:binance") == {btc.key}
    assert await store.find_assets("embedded:1:binance", "BTC") == []


async def test_it_happens_once(world, store):
    world.source = "embedded:1:binance"
    await world.asset("BTC")
    await store.succeed_source("embedded:", "embedded:2:binance")
    world.source = "embedded:2:binance"
    await world.poll(world.reading("BTC", signal=Signal.BEARISH))

    assert await store.succeed_source("embedded:", "embedded:2:binance") == 0

    (found,) = await store.find_assets("embedded:2:binance", "BTC")
    assert found.state.last.signal is Signal.BEARISH


async def test_of_several_the_last_is_succeeded_and_other_engines_are_left(
    world, store
):
    for source in ("embedded:1:okx", "tokenmetrics", "embedded:1:binance"):
        world.source = source
        await world.asset("BTC")

    assert await store.succeed_source("embedded:", "embedded:2:binance") == 1

    assert len(await store.find_assets("tokenmetrics", "BTC")) == 1
    assert len(await store.find_assets("embedded:1:okx", "BTC")) == 1
    assert await store.find_assets("embedded:1:binance", "BTC") == []


async def test_without_an_older_version_nothing_happens(world, store):
    world.source = "tokenmetrics"
    await world.asset("BTC")

    assert await store.succeed_source("embedded:", "embedded:2:binance") == 0
