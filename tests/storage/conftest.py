"""The store on every backend: `store` runs a test once on each."""

import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from postgres_server import postgres_server, run_apart  # noqa: F401 - a fixture
from sqlalchemy import delete

from bot.errors import LeaseLostError
from bot.model import (
    DEFAULT_UPDATE_EVERY,
    Address,
    Asset,
    AssetState,
    Claim,
    Conditions,
    Event,
    EventKind,
    FrozenMessage,
    PlaceKind,
    Platform,
    Reading,
    Receipt,
    Recipient,
    Scope,
    Signal,
    Snapshot,
    Target,
    Tell,
    Tick,
    Watch,
)
from bot.ports import Freeze, PollResult, Sent
from storage import SqlStore, open_store
from storage.columns import Row

BACKENDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


class SettableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def tick(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk():
    """Nobody cuts the power during a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("storage.database.SYNCHRONOUS", "OFF")
        yield


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "flipwatch.db"

    async def migrate() -> None:
        store = await open_store(f"sqlite:///{path}", now=lambda: START)
        await store.close()

    run_apart(migrate)
    return path


@pytest.fixture(params=BACKENDS)
def fresh_url(request, tmp_path, sqlite_template) -> Callable[[], str]:
    """Gives URLs of empty stores with today's schema, on each backend."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres_server").create_migrated
    numbers = iter(range(1_000_000))

    def create() -> str:
        path = tmp_path / f"flipwatch{next(numbers)}.db"
        shutil.copy(sqlite_template, path)
        return f"sqlite:///{path}"

    return create


@pytest.fixture
def url(fresh_url) -> str:
    return fresh_url()


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=BACKENDS)
async def shared_store(request, tmp_path_factory) -> AsyncIterator[SqlStore]:
    """One open store per backend for the whole session: it has its SQL compiled."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_server").create_migrated()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'flipwatch.db'}"
    opened = await open_store(url, now=lambda: START)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def store(shared_store, clock) -> SqlStore:
    """The store, empty, with the test's own clock."""
    await wipe(shared_store)
    shared_store._now = clock
    shared_store.update_every = DEFAULT_UPDATE_EVERY
    return shared_store


@pytest.fixture(name="wipe")
def give_wipe():
    """Gives a test the means to empty its store again."""
    return wipe


async def wipe(store: SqlStore) -> None:
    async def work(connection) -> None:
        for table in reversed(Row.metadata.sorted_tables):
            await connection.execute(delete(table))

    await store._database.write(work)


def pytest_collection_modifyitems(items) -> None:
    """Run all of it in one loop: the shared store's connections live in it."""
    in_one_loop = pytest.mark.asyncio(loop_scope="session")
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(in_one_loop, append=False)


NO_CONDITIONS = Conditions()


class World:
    """Brings a store into a state in few words."""

    source = "engine"

    def __init__(self, store: SqlStore, clock: SettableClock) -> None:
        self.store = store
        self.clock = clock
        self.numbers = itertools.count(1)

    def reading(self, symbol: str, **more) -> Reading:
        more.setdefault("as_of", self.clock())
        more.setdefault("signal", Signal.BULLISH)
        more.setdefault("grade", 70.0)
        return Reading(key=f"id-{symbol.lower()}", symbol=symbol, **more)

    def state(self, reading: Reading, **more) -> AssetState:
        more.setdefault("seen_at", self.clock())
        return AssetState(last=reading, **more)

    async def poll(self, *readings: Reading, **more) -> list[Event]:
        """Commit a poll with these readings; each becomes its asset's state."""
        tick = Tick(
            source=self.source, number=next(self.numbers), started_at=self.clock()
        )
        more.setdefault("states", {r.key: self.state(r) for r in readings})
        more.setdefault("readings", readings)
        snapshot = Snapshot(
            source=self.source,
            fetched_at=self.clock(),
            readings=readings,
            bookmark=more.pop("bookmark", None),
        )
        return await self.store.commit_poll(
            PollResult(
                tick=tick,
                snapshot=snapshot,
                finished_at=self.clock(),
                seen=frozenset(r.key for r in readings),
                **more,
            )
        )

    async def asset(self, symbol: str, **more) -> Asset:
        """Make an asset known by its first reading."""
        await self.poll(self.reading(symbol, **more))
        return (await self.store.find_assets(self.source, symbol))[0]

    def event(self, asset: Asset, **more) -> Event:
        number = next(self.numbers)
        more.setdefault("key", f"event-{number}")
        more.setdefault("kind", EventKind.FLIP)
        more.setdefault("from_signal", Signal.BEARISH)
        more.setdefault("to_signal", Signal.BULLISH)
        more.setdefault("grade_to", 70.0)
        return Event(
            source=self.source,
            asset_key=asset.key,
            as_of=self.clock(),
            detected_at=self.clock(),
            **more,
        )

    def end(self, asset: Asset, **more) -> Event:
        """A flip to bearish."""
        return self.event(
            asset, from_signal=Signal.BULLISH, to_signal=Signal.BEARISH, **more
        )

    async def happen(self, *events: Event) -> list[Event]:
        """Commit events and fan them out to the end."""
        added = await self.poll(events=events)
        for event in added:
            while not await self.store.fan_out_chunk(
                event.id, limit=100, now=self.clock()
            ):
                pass
        return list(added)

    async def recipient(self, address: str, kind=PlaceKind.PRIVATE) -> Recipient:
        return await self.store.ensure_recipient(
            Address.parse(address), kind, now=self.clock()
        )

    async def watch(
        self,
        recipient: Recipient,
        target: Target | Asset,
        conditions: Conditions = NO_CONDITIONS,
        told: Tell | None = None,
        **more,
    ) -> Watch:
        if isinstance(target, Asset):
            target = Target(scope=Scope.ASSET, asset_id=target.id)
        watch, _ = await self.store.put_watch(
            recipient.id,
            target,
            conditions,
            text="/watch",
            created_by="web:me",
            told=told,
            now=self.clock(),
            **more,
        )
        return watch

    async def claim(self, **more) -> list[Claim]:
        more.setdefault("owner", "w1")
        more.setdefault("now", self.clock())
        more.setdefault("lease", timedelta(minutes=2))
        more.setdefault("limit", 10)
        platforms = more.pop("platforms", list(Platform))
        return list(await self.store.claim_due(platforms, **more))

    async def freeze(self, claim: Claim, **more) -> FrozenMessage:
        """Freeze one message with all that waits."""
        more.setdefault("parts", ({"text": "hello"},))
        more.setdefault("delivery_ids", tuple(w.delivery_id for w in claim.waiting))
        (frozen,) = await self.store.freeze([(claim, Freeze(**more))], now=self.clock())
        if isinstance(frozen, LeaseLostError):
            raise frozen
        return frozen

    async def settle_sent(self, claim: Claim, frozen: FrozenMessage, ref="") -> None:
        """Settle one message as sent; `ref` is the platform's id of it."""
        sent = Sent(claim, frozen, Receipt(ref) if ref else None)
        await self.store.settle_sent([sent], now=self.clock())

    async def send_all(self) -> int:
        """Claim, freeze and settle as sent whatever is due; return how many."""
        sent = 0
        while claims := await self.claim():
            for claim in claims:
                tells = tuple(
                    Tell(
                        asset_id=w.asset.id,
                        signal=w.event.to_signal,
                        since=w.event.as_of,
                        watch_id=w.watch.id,
                    )
                    for w in claim.waiting
                )
                frozen = claim.frozen or await self.freeze(claim, tells=tells)
                await self.settle_sent(claim, frozen, ref="m-1")
                sent += 1
        return sent

    async def deliveries(self) -> dict[str, int]:
        return dict((await self.store.counts(self.clock())).deliveries)

    async def reasons(self) -> dict[str, int]:
        return dict((await self.store.counts(self.clock())).reasons)


@pytest.fixture
def world(store, clock) -> World:
    return World(store, clock)


@pytest.fixture
def world_of(clock) -> Callable[[SqlStore], World]:
    """Gives a world on a store of the test's own."""
    return lambda store: World(store, clock)
