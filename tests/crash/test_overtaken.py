"""A turn whose fan-out is still to come is not forgotten, whoever looks meanwhile."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from world import World, open_world

from bot.errors import TemporaryDeliveryError
from bot.preferences import Pace

ALICE = "web:alice"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75, signal=1, market_cap=2e12)
        await opened.poll()
        yield opened


@pytest.mark.parametrize("watch", ["all", "BTC", "all grade>=20"])
async def test_a_turn_between_commit_and_fan_out_loses_no_later_turn(
    world: World, watch: str
) -> None:
    await world.say(f"/watch {watch}")
    await world.prefer(pace=Pace.FAST)
    # the first turn waits for a moment ...
    world.source.flip("BTC")
    busy = TemporaryDeliveryError(
        "busy", reason="rate_limited", retry_after=timedelta(minutes=6)
    )
    world.sender.refuse(ALICE, busy)
    await world.poll()
    # ... and is looked at when the second has been stored, but not fanned out: there
    # the process died, or there are a hundred thousand watchers
    world.source.flip("BTC")
    world.clock.advance(minutes=7)
    await world.poller.poll()
    await world.deliver()
    await world.restart()
    await world.fanout.fan_out_open()
    # the third comes before anybody has looked again
    world.source.flip("BTC")
    world.clock.advance(minutes=5)
    await world.poller.poll()
    await world.fanout.fan_out_open()
    await world.deliver()
    world.clock.advance(seconds=30)
    await world.deliver()

    texts = world.sender.texts(ALICE)
    assert [t.split(" ·")[0] for t in texts] == ["🔴 BTC turned bearish"]
