"""Two processes that fan out the same events at once, each with a store of its own."""

import asyncio

import pytest

from bot.fanout import FanOut
from bot.model import Conditions, PlaceKind, Signal
from storage import open_store

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("shared_store", ["postgres"], indirect=True)
async def test_two_processes_at_the_same_events_make_each_delivery_once(
    world, clock, monkeypatch
):
    for name in ("FIRST_CHUNK", "SMALLEST_CHUNK", "LARGEST_CHUNK"):
        monkeypatch.setattr(f"bot.fanout.{name}", 3)
    btc = await world.asset("BTC")
    everybody = [await world.recipient(f"web:{n}") for n in range(20)]
    for person in everybody:
        await world.watch(person, btc)
    # told bullish by the first event, this one must hear of the second as well
    bullish_only = await world.recipient("web:group", kind=PlaceKind.GROUP)
    await world.watch(bullish_only, btc, Conditions(direction=Signal.BULLISH))
    await world.poll(events=(world.event(btc), world.end(btc)))
    url = world.store._database.url.render_as_string(hide_password=False)
    stores = [await open_store(url, now=clock) for _ in range(2)]

    processes = [FanOut(store, now=clock) for store in stores]
    await asyncio.gather(*(process.fan_out_open() for process in processes))
    for store in stores:
        await store.close()

    claims = await world.claim(limit=100)
    assert sorted(len(claim.waiting) for claim in claims) == [2] * 21
    assert await world.store.open_fanouts() == []
