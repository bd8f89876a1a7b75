"""Our own remote client polls our own API: it is told what the engine itself tells."""

from datetime import timedelta

import pytest
from api_world import KEY, NOON, ApiWorld, api_world
from fakes import FakeClock

from bot.config import EngineConfig
from bot.model import Address, Conditions, Event, PlaceKind, Scope, Target, Wanted
from bot.poller import Poller, PollPlan
from engine import open_source
from storage import open_store

INTERVAL = timedelta(minutes=30)


class Bot:
    """A poller over a store of its own."""

    def __init__(self, source, store, clock: FakeClock) -> None:
        self.source = source
        self.store = store
        self.poller = Poller(
            source,
            store,
            PollPlan(interval=INTERVAL, universe="top50"),
            now=clock,
        )
        self.told: list[tuple[object, ...]] = []

    async def poll(self) -> None:
        for event in await self.poller.poll():
            self.told.append(what(event))


def what(event: Event) -> tuple[object, ...]:
    """Everything an event says, but for the source's name and our clock."""
    return (
        event.kind,
        event.asset_key,
        event.as_of,
        event.from_signal,
        event.to_signal,
        event.grade_from,
        event.grade_to,
        event.passed,
        event.price,
        event.price_day_ago,
        event.volume,
        event.market_cap,
        event.since,
        event.since_price,
    )


@pytest.fixture
async def world():
    async with api_world() as world:
        yield world


async def lines_for(store) -> None:
    """Care about two lines on every asset, as somebody who watches all of them."""
    recipient = await store.ensure_recipient(
        Address.parse("web:me"), PlaceKind.PRIVATE, now=NOON
    )
    await store.put_watch(
        recipient.id,
        Target(scope=Scope.ALL),
        Conditions(thresholds=(40.0, 70.0)),
        text="/watch all 40 70",
        created_by="web:me",
        told=None,
        now=NOON,
    )


@pytest.fixture
async def stores(world: ApiWorld, tmp_path):
    opened = [
        await open_store(f"sqlite:///{tmp_path / name}.db", now=world.clock)
        for name in ("own", "remote")
    ]
    yield opened
    for store in opened:
        await store.close()


async def test_event_for_event_the_same(world: ApiWorld, stores) -> None:
    config = EngineConfig(base_url=f"{world.service.url}/v2", api_key=KEY)
    remote = open_source(config, now=world.clock)
    own_bot = Bot(world.source, stores[0], world.clock)
    remote_bot = Bot(remote, stores[1], world.clock)
    for bot in (own_bot, remote_bot):
        await lines_for(bot.store)

    for _ in range(30):
        world.clock.advance(hours=12)
        await own_bot.poll()
        await remote_bot.poll()

    assert {"flip", "crossing"} <= {told[0] for told in own_bot.told}
    assert len([t for t in own_bot.told if t[0] == "flip"]) >= 5
    assert remote_bot.told == own_bot.told
    await remote.close()


async def test_a_snapshot_is_the_same_reading_for_reading(world: ApiWorld) -> None:
    config = EngineConfig(base_url=f"{world.service.url}/v2", api_key=KEY)
    remote = open_source(config, now=world.clock)

    theirs = await remote.fetch(Wanted(top=50))
    ours = await world.source.fetch(Wanted(top=50))
    found = await remote.lookup("eth")
    await remote.close()

    assert {r.key: r for r in theirs.readings} == {r.key: r for r in ours.readings}
    assert [info.key for info in found] == ["3306"]


async def test_its_own_clock_is_no_matter(world: ApiWorld) -> None:
    """The served hour is that of the candles, whoever asks at what time."""
    config = EngineConfig(base_url=f"{world.service.url}/v2", api_key=KEY)
    remote = open_source(config, now=FakeClock(NOON + timedelta(days=9)))

    snapshot = await remote.fetch(Wanted(is_all=True))
    await remote.close()

    assert {r.as_of for r in snapshot.readings} == {NOON}
