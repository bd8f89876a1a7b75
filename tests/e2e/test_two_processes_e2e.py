"""Several real processes on one PostgreSQL: roles, standing by, taking over.

`FLIPWATCH_TEST_WAITING=2000` lets that many messages wait for a sender that is killed.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from fake_telegram import FakeTelegram, User
from postgres_server import Cluster
from running import Running, start

from bot.model import Address, Conditions, PlaceKind, Scope, Target
from bot.settings_file import load_config
from engine import open_source
from storage import open_store

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(400)]

TOKEN = "4242424242:AAE2E-test-token-that-is-not-a-secret"
#: a loaded machine needs its time for a poll, a fan-out and a send
WAIT = 60.0
#: how many wait for a sender that is killed, or while the database is restarted
WAITING = int(os.environ.get("FLIPWATCH_TEST_WAITING", "200"))
#: messages in flight at once, `delivery.concurrency`
IN_FLIGHT = 20
#: a dead sender's work is taken over within so many seconds
TAKEN_OVER = 15.0


class Many:
    """An engine, a Telegram, a database, and processes on them."""

    def __init__(
        self, folder: Path, engine: FakeEngine, telegram: FakeTelegram, url: str
    ) -> None:
        self.folder = folder
        self.engine = engine
        self.telegram = telegram
        self.url = url.replace("postgresql:", "postgresql+asyncpg:", 1)
        self.programs: list[Running] = []
        (folder / "config.toml").write_text(f"""
[engine]
kind = "remote"
base_url = "{engine.base_url}"
poll_interval = 1
universe = "top10"

[telegram]
token = "{TOKEN}"
base_url = "{telegram.base_url}"

[storage]
url = "{self.url}"

[delivery]
concurrency = {IN_FLIGHT}
""")

    async def start(self, *roles: str) -> Running:
        """Start a process with these roles, or all; return when it runs."""
        env = {"FLIPWATCH_WEB__PORT": "0"}
        if roles:
            listed = ", ".join(f'"{role}"' for role in roles)
            env["FLIPWATCH_APP__ROLES"] = f"[{listed}]"
        program = await start("run", cwd=self.folder, env=env)
        self.programs.append(program)
        found = await program.line(r"running +(?:url=(\S+)|roles=)")
        program.url = found[1] or ""
        return program

    async def start_pair(self) -> tuple[Running, Running]:
        """Start two processes with all roles: one that sends, one that stands by."""
        pair = await asyncio.gather(self.start(), self.start())
        first, second = pair
        won = {
            asyncio.create_task(program.line("lease won.*sender:telegram")): program
            for program in pair
        }
        done, waiting = await asyncio.wait(won, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        sender = won[done.pop()]
        return sender, second if sender is first else first

    async def watchers(self, number: int) -> list[User]:
        """Let people watch ETH as if each had typed it; needs a poll before."""
        config = load_config(self.folder / "config.toml", {})
        source = open_source(config.engine, now=utc_now)
        store = await open_store(self.url, now=utc_now)
        users = [self.telegram.user(f"User {n}") for n in range(number)]
        try:
            (asset,) = await store.find_assets(source.name, "ETH")
            for user in users:
                user.has_started = True
                recipient = await store.ensure_recipient(
                    Address.parse(f"telegram:{user.id}"),
                    PlaceKind.PRIVATE,
                    now=utc_now(),
                )
                await store.put_watch(
                    recipient.id,
                    Target(scope=Scope.ASSET, asset_id=asset.id),
                    Conditions(),
                    text="/watch ETH",
                    created_by=f"telegram:{user.id}",
                    told=None,
                    now=utc_now(),
                )
        finally:
            await store.close()
            await source.close()
        return users

    async def until_settled(self) -> None:
        """Wait until nothing is owed any more, repeats of unknown outcomes included."""
        store = await open_store(self.url, now=utc_now)
        try:
            async with asyncio.timeout(WAIT):
                while True:
                    states = (await store.counts(utc_now())).deliveries
                    if set(states) == {"sent"}:
                        return
                    await asyncio.sleep(0.2)
        finally:
            await store.close()

    def flip(self, symbol: str) -> None:
        """Let a day pass on which one asset turns."""
        self.engine.advance()
        self.engine.flip(symbol)

    async def until_sent(self, number: int, timeout: float = WAIT) -> None:
        """Wait until the bot has sent so many messages in all."""
        tg = self.telegram
        if not await tg.world.bell.until(lambda: len(tg.sent) >= number, timeout):
            raise AssertionError(f"{len(tg.sent)} of {number} messages were sent")


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def many(folder: Path, url: str) -> AsyncIterator[Many]:
    async with FakeEngine(size=12) as engine, FakeTelegram(token=TOKEN) as telegram:
        engine.set("BTC", grade=18.7, signal=-1, price=60_000)
        engine.set("ETH", grade=60, signal=1, price=3_000)
        world = Many(folder, engine, telegram, url)
        try:
            yield world
        finally:
            for program in world.programs:
                if program.process.returncode is None:
                    await program.kill()
                # shown if the test fails
                print(f"---- {program.process.pid}\n{program.output}")
        assert telegram.violations == []
        assert all(TOKEN not in p.output for p in world.programs)


@pytest.fixture
async def world(tmp_path: Path, postgres_server) -> AsyncIterator[Many]:
    async with many(tmp_path, postgres_server.create_migrated()) as opened:
        yield opened


def received(users: Sequence[User]) -> list[int]:
    """Return how many messages each has."""
    return [len(user.messages) for user in users]


async def test_each_event_is_told_once_and_a_stop_hands_over_at_once(
    world: Many,
) -> None:
    alice = world.telegram.user("Alice")
    first, second = await world.start_pair()
    await world.engine.wait_for_polls(2, WAIT)
    alice.says("/watch ETH")
    await alice.receives(1, timeout=WAIT)

    for turned in ("bearish", "bullish"):
        world.flip("ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert f"ETH turned {turned}" in alert.text
    # both poll, fan out and look for work; one of them was enough
    await world.engine.wait_for_polls(3, WAIT)
    assert len(alice.messages) == 3
    status, text = await second.get("/readyz")
    assert status == 200, text

    assert "sender:telegram" not in second.output
    stopped = time.monotonic()
    assert await first.stop(signal.SIGTERM) == 0
    await second.line("lease won.*sender:telegram")
    await second.line("lease won.*chat:telegram")
    assert time.monotonic() - stopped < TAKEN_OVER
    alice.says("/watchlist")
    (reply,) = await alice.receives(1, timeout=WAIT)
    assert "ETH" in reply.text
    world.flip("ETH")
    (alert,) = await alice.receives(1, timeout=WAIT)
    assert "ETH turned bearish" in alert.text
    assert len(alice.messages) == 5
    assert await second.stop() == 0


async def test_processes_may_divide_the_roles(world: Many) -> None:
    alice = world.telegram.user("Alice")
    worker = await world.start("poll", "deliver")
    front = await world.start("chat", "web")
    await world.engine.wait_for_polls(2, WAIT)
    alice.says("/watch ETH")
    await alice.receives(1, timeout=WAIT)

    world.flip("ETH")
    (alert,) = await alice.receives(1, timeout=WAIT)

    assert "ETH turned bearish" in alert.text
    assert worker.url == ""
    assert "sender:telegram" in worker.output
    assert "chat:telegram" not in worker.output
    assert "sender:telegram" not in front.output
    status, text = await front.get("/readyz")
    assert status == 200, text
    assert await front.stop() == 0
    assert await worker.stop() == 0


async def test_a_killed_sender_is_replaced_and_nothing_is_lost(world: Many) -> None:
    first, second = await world.start_pair()
    await world.engine.wait_for_polls(2, WAIT)
    users = await world.watchers(WAITING)
    world.flip("ETH")
    await world.until_sent(WAITING // 4)

    first.process.kill()
    killed = time.monotonic()
    await first.process.wait()
    refused = world.telegram.too_many
    await second.line("sent +to=telegram#")
    took, begun = time.monotonic() - killed, len(world.telegram.sent)
    # by then the platform has forgotten who sent before
    await world.until_sent(min(begun + 45, WAITING))
    refused_since = world.telegram.too_many - refused
    async with asyncio.timeout(WAIT + WAITING / 20):
        await asyncio.gather(*(u.receives(1, timeout=600) for u in users))

    assert took < TAKEN_OVER
    await world.until_settled()
    counts = received(users)
    assert min(counts) == 1
    assert sum(counts) - len(users) <= IN_FLIGHT
    assert refused_since == 0

    # and life goes on
    alice = users[0]
    alice.says("/watchlist")
    (reply,) = (await alice.receives(counts[0], timeout=WAIT))[-1:]
    assert "ETH" in reply.text
    assert await second.stop() == 0


async def test_a_database_restart_under_load_loses_nothing(
    tmp_path: Path, own_cluster: Cluster
) -> None:
    async with many(tmp_path, own_cluster.url) as world:
        first, second = await world.start_pair()
        await world.engine.wait_for_polls(2, WAIT)
        users = await world.watchers(WAITING)
        world.flip("ETH")
        await world.until_sent(WAITING // 4)

        await asyncio.to_thread(own_cluster.stop)
        down = len(world.telegram.sent)
        await asyncio.to_thread(own_cluster.start)

        async with asyncio.timeout(WAIT + WAITING / 20):
            await asyncio.gather(*(u.receives(1, timeout=600) for u in users))
        await world.until_settled()
        counts = received(users)
        assert down < WAITING
        assert min(counts) == 1
        assert sum(counts) - len(users) <= IN_FLIGHT

        # both are still there and well
        world.flip("ETH")
        await world.until_sent(sum(counts) + 1)
        for program in (first, second):
            assert program.process.returncode is None
            async with asyncio.timeout(WAIT):
                while (await program.get("/readyz"))[0] != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
        for program in (first, second):
            assert await program.stop() == 0
