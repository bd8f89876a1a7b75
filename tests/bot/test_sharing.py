"""Who sends and who listens, of several processes on one database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from world import INTERVAL, World, open_world

from bot.config import Config, StorageConfig
from bot.model import Platform
from bot.sharing import Sharing, worker_name

POSTGRES = StorageConfig(url="postgresql+asyncpg://flip@db/flipwatch")
HOOK = {"mode": "webhook", "webhook_url": "https://bot.example.org"}


def now() -> datetime:
    return datetime.now(UTC)


class FakeFace:
    """A face that only notes whether it listens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_listening = False

    async def start(self) -> None:
        self.is_listening = True

    async def stop(self) -> None:
        self.is_listening = False

    def trouble(self) -> str:
        return ""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def until_held(sharing: Sharing, **wanted: bool) -> None:
    names = {name.replace("_", ":"): held for name, held in wanted.items()}
    async with asyncio.timeout(10):
        while dict(sharing.held()) != names:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)


async def test_a_platform_that_is_not_allowed_is_not_claimed(world):
    world.source.set("BTC", signal=-1)
    await world.poll()
    await world.say("/watch BTC", place="telegram:5")
    world.dispatcher.allow(Platform.TELEGRAM, False)
    world.source.flip("BTC")
    await world.poll()
    assert world.telegram.sent == []

    world.dispatcher.allow(Platform.TELEGRAM, True)
    await world.deliver()

    assert len(world.telegram.sent) == 1


async def test_a_poll_that_another_process_overtook_is_no_trouble(world):
    world.source.set("BTC", signal=-1)
    fetch = world.source.fetch

    async def slow(wanted):
        # the other process takes this one for dead
        world.clock.advance(minutes=30)
        name = world.source.name
        assert await world.store.claim_poll(name, world.clock(), INTERVAL, "other")
        return await fetch(wanted)

    world.source.fetch = slow

    assert await world.poller.poll() == ()

    assert world.poller.trouble() == ""


async def test_on_sqlite_a_poll_cut_off_by_a_crash_delays_the_next_process_not(world):
    name, worker = world.source.name, worker_name(Config())
    assert await world.store.claim_poll(name, world.clock(), INTERVAL, worker)
    await world.restart()
    world.clock.advance(seconds=INTERVAL.total_seconds())

    again = worker_name(Config())

    assert await world.store.claim_poll(name, world.clock(), INTERVAL, again)


def test_processes_that_share_a_database_have_names_of_their_own(monkeypatch):
    config = Config(storage=POSTGRES)
    here = worker_name(config)
    monkeypatch.setattr("bot.sharing.os.getpid", lambda: -1)

    assert worker_name(config) != here


async def test_on_sqlite_everything_is_done_without_leases(world):
    sharing = Sharing(Config(), world.store, now=now)

    sharing.share_sending(world.dispatcher, Platform.TELEGRAM)
    needs = sharing.share_listening(FakeFace("telegram"))

    assert not needs
    assert not sharing.stands_by(FakeFace("telegram"))
    assert sharing.held() == {}


async def test_of_two_processes_one_sends_and_listens_and_the_other_goes_on(
    world, monkeypatch
):
    monkeypatch.setattr("bot.sharing.HANDOVER", now() - now())
    processes = []
    for _ in range(2):
        sharing = Sharing(Config(storage=POSTGRES), world.store, now=now)
        face = FakeFace("telegram")
        sharing.share_sending(world.dispatcher, Platform.TELEGRAM)
        assert sharing.share_listening(face)
        processes.append((sharing, face))
    (first, first_face), (second, second_face) = processes

    async with asyncio.TaskGroup() as group:
        first.start(group)
        await until_held(first, sender_telegram=True, chat_telegram=True)
        second.start(group)
        await until_held(second, sender_telegram=False, chat_telegram=False)
        assert first_face.is_listening
        assert not second_face.is_listening
        assert second.stands_by(second_face)

        first.stop()
        await until_held(second, sender_telegram=True, chat_telegram=True)
        assert not first_face.is_listening
        assert second_face.is_listening
        assert not second.stands_by(second_face)
        second.stop()


async def test_web_inboxes_are_everybodys(world):
    sharing = Sharing(Config(storage=POSTGRES), world.store, now=now)

    sharing.share_sending(world.dispatcher, Platform.WEB)

    assert sharing.held() == {}
    assert not sharing.share_listening(FakeFace("web"))


async def test_what_is_posted_to_a_webhook_may_be_served_by_any(world):
    config = Config(storage=POSTGRES, telegram={"token": SecretStr("1:a"), **HOOK})
    sharing = Sharing(config, world.store, now=now)

    assert not sharing.share_listening(FakeFace("telegram"))
    assert sharing.share_listening(FakeFace("discord"))


async def test_each_set_of_shards_has_a_listener_of_its_own(world):
    faces, sharings = [], []
    for shard in (0, 1):
        config = Config(
            storage=POSTGRES, discord={"shard_count": 2, "shard_ids": [shard]}
        )
        sharings.append(Sharing(config, world.store, now=now))
        faces.append(FakeFace("discord"))
        sharings[-1].share_listening(faces[-1])

    async with asyncio.TaskGroup() as group:
        for sharing in sharings:
            sharing.start(group)
        for sharing in sharings:
            await until_held(sharing, chat_discord=True)
        assert all(face.is_listening for face in faces)
        for sharing in sharings:
            sharing.stop()
