"""Operators hear of a full disk, used-up credits and old grades, and of their end."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeSender
from world import World, open_world

from bot.errors import SourceUnavailableError
from bot.lookouts import LookoutPlan, Lookouts
from bot.model import Platform
from bot.operator_post import OperatorPost, PostPlan
from bot.watchman import Watchman, WatchPlan

MB = 2**20


class Scene:
    """A world with one operator, and knobs for what is looked at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.free = 5000 * MB
        self.used: int | None = 10
        self.build()

    def build(self) -> None:
        world = self.world
        post = OperatorPost(
            world.store,
            {Platform.TELEGRAM: world.telegram},
            PostPlan(operators=frozenset({"telegram:1"})),
            now=world.clock,
        )
        plan = LookoutPlan(
            source=world.source.name,
            stale_after=timedelta(days=3),
            disk=lambda: self.free,
            disk_low=500 * MB,
            where="flipwatch.db",
            credits=lambda: self.used,
            credits_limit=100,
        )
        self.watchman = Watchman(
            world.store,
            post,
            WatchPlan(
                source=world.source.name,
                owner="w1",
                also=Lookouts(world.store, plan, now=world.clock),
            ),
            now=world.clock,
        )

    async def look(self, times: int = 1) -> list[str]:
        """Look, and return all titles told so far."""
        for _ in range(times):
            self.world.clock.advance(seconds=10)
            await self.watchman.look()
        sender: FakeSender = self.world.telegram
        return [text.splitlines()[0] for text in sender.texts()]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with open_world(tmp_path) as world:
        world.source.set("BTC", grade=70)
        await world.poll()
        yield Scene(world)


async def test_while_all_is_well_nothing_is_said(scene):
    assert await scene.look(3) == []


async def test_a_disk_that_fills_is_told_once_and_its_end_once(scene):
    scene.free = 312 * MB
    assert await scene.look(3) == ["⚠️ Only 312 MB left on the disk"]

    scene.free = 550 * MB
    assert len(await scene.look(2)) == 1, "so near the limit it is not over yet"

    scene.free = 900 * MB
    assert (await scene.look(2))[1:] == ["✅ The disk has space again"]


async def test_a_restart_repeats_no_notice(scene):
    scene.free = 312 * MB
    await scene.look()

    scene.build()

    assert len(await scene.look(2)) == 1


async def test_credits_are_told_when_low_and_when_out_and_when_back(scene):
    scene.used = 90
    await scene.look(2)
    scene.used = 100
    await scene.look(2)
    scene.used = 1

    assert await scene.look(2) == [
        "⚠️ The engine's calls are nearly used up",
        "⚠️ The engine's calls are used up",
        "✅ The engine's calls suffice again",
    ]


async def test_a_process_that_does_not_know_the_credits_ends_no_trouble(scene):
    scene.used = 95
    await scene.look()

    scene.used = None
    assert len(await scene.look(2)) == 1
    scene.used = 0
    assert len(await scene.look(2)) == 1


async def test_grades_that_stand_still_are_told_and_so_is_their_end(scene):
    world = scene.world
    world.clock.advance(days=4)
    await world.poll()
    assert await scene.look(2) == ["⚠️ No new grades for 4 days"]

    world.source.set("BTC", grade=71)
    await world.poll()
    assert (await scene.look(2))[1:] == ["✅ The engine brings new grades again"]


async def test_an_engine_that_fails_for_days_is_not_told_as_standing_still_too(scene):
    world = scene.world
    await scene.look()
    for _ in range(3):
        world.source.fail_with(SourceUnavailableError("gone", reason="connection"))
        world.clock.advance(days=2)
        await world.poll()

    told = await scene.look(2)

    assert len(told) == 1
    assert told[0].startswith("⚠️ Engine: unreachable")


async def test_after_days_switched_off_nothing_stands_still_before_a_poll(scene):
    await scene.look()
    scene.world.clock.advance(days=6)
    scene.build()

    assert await scene.look(2) == []
