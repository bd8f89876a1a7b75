"""Disk full, database locked, clock jumps, a network that is gone: nothing is lost."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from world import World, open_world

from bot.errors import SourceUnavailableError, StoreError, TemporaryDeliveryError
from bot.model import Platform

ALICE = "web:alice"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=70, market_cap=2e12, price=100.0)
        opened.source.set("ETH", grade=60, market_cap=4e11, price=10.0)
        await opened.poll()
        yield opened


async def pragma(world: World, statement: str) -> int:
    """Run a pragma on the one connection that writes; return its value."""

    async def work(connection: AsyncConnection) -> int:
        found = await connection.exec_driver_sql(f"PRAGMA {statement}")
        return int(found.scalar_one())

    return await world.store._database.write(work)


async def test_a_full_disk_stops_with_a_clear_word_and_goes_on_when_there_is_room(
    world: World,
) -> None:
    await world.say("/watch BTC")
    pages = await pragma(world, "page_count")
    await pragma(world, f"max_page_count = {pages}")
    for number in range(400):
        world.source.set(f"NEW{number}", grade=50, market_cap=1e6)
    world.source.flip("BTC")
    world.clock.advance(minutes=5)

    with pytest.raises(StoreError, match="full"):
        await world.poller.poll()
    assert "did not take" in world.poller.trouble()
    assert world.sender.sent == []

    await pragma(world, "max_page_count = 1000000")
    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish")
    assert world.poller.trouble() == ""


async def test_a_locked_database_delays_and_loses_nothing(
    world: World, tmp_path: Path
) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    await pragma(world, "busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "world.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    world.clock.advance(minutes=5)

    with pytest.raises(StoreError, match="locked"):
        await world.poller.poll()
    reply = await world.say("/watch ETH")
    assert "That did not work here" in reply.plain
    assert await world.dispatcher.deliver_due() == 0

    other.execute("ROLLBACK")
    other.close()
    await world.poll()
    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish")
    assert (await world.say("/watch ETH")).plain.startswith("👁 Watching ETH")


@pytest.mark.parametrize("jump", [{"hours": -5}, {"hours": 5}, {"days": -400}])
async def test_a_clock_that_jumps_delays_no_poll_and_no_delivery(
    world: World, jump: dict[str, float]
) -> None:
    await world.say("/watch BTC ETH")
    world.source.flip("BTC")
    await world.poll()
    assert len(world.sender.sent) == 1

    world.clock.advance(**jump)
    as_of = world.source.known["eth"].as_of + timedelta(days=1)
    world.source.set("ETH", grade=20, signal=-1, as_of=as_of, market_cap=4e11)
    await world.poll(minutes=5)

    assert len(world.sender.sent) == 2
    assert "ETH turned bearish" in world.sender.texts()[1].splitlines()[0]


async def test_a_claim_of_before_a_step_back_does_not_hold_anybody_for_hours(
    world: World,
) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.sender.crash_next(when="before")
    await world.poll()

    world.clock.advance(hours=-6)
    await world.restart()
    for _ in range(3):
        world.clock.advance(seconds=30)
        await world.deliver()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish")


async def test_half_an_hour_without_network_tells_the_net_and_how_late(
    world: World,
) -> None:
    await world.say("/watch BTC ETH")
    world.source.flip("BTC")
    world.source.flip("ETH")
    gone = TemporaryDeliveryError("no route", reason="not_connected")
    world.sender.refuse(ALICE, *[gone] * 200)
    await world.poll()
    for _ in range(6):
        world.source.fail_with(SourceUnavailableError("no route", reason="network"))
        await world.poll()
    assert world.poller.trouble() == "no route"
    assert world.sender.sent == []

    world.sender.behave()
    world.source.flip("ETH")
    for _ in range(3):
        await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish")
    assert "min late" in text
    assert "ETH flipped and came back: bullish" in text
    assert world.poller.trouble() == ""
    assert world.dispatcher.trouble(Platform.WEB) == ""
