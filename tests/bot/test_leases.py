"""The keeper of a lease: won, renewed, lost, given back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import StoreError
from bot.leases import Duty, LeaseKeeper

NAME = "sender:telegram"
#: short, so that tests are; long enough for a busy machine
LENGTH = timedelta(seconds=0.6)
#: by how many seconds a busy machine may be late
SLACK = 1.0


def now() -> datetime:
    return datetime.now(UTC)


class FakeStore:
    """Leases in memory; `trouble` makes it refuse, `gate` makes it hang."""

    def __init__(self) -> None:
        self.leases: dict[str, tuple[str, datetime]] = {}
        self.asked: list[str] = []
        self.trouble: StoreError | None = None
        self.gate: asyncio.Event | None = None

    async def take_lease(
        self, name: str, owner: str, *, now: datetime, length: timedelta
    ) -> bool:
        self.asked.append(owner)
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        holder, until = self.leases.get(name, (owner, now))
        if holder != owner and until > now:
            return False
        self.leases[name] = (owner, now + length)
        return True

    async def drop_lease(self, name: str, owner: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        if self.leases.get(name, ("", None))[0] == owner:
            del self.leases[name]


class Worker:
    """A process with one keeper; notes when it begins and ends its duty."""

    def __init__(self, store: FakeStore, owner: str) -> None:
        self.notes: list[str] = []
        self.times: list[float] = []
        self._noted = asyncio.Condition()
        self.fails_to_begin = False
        duty = Duty(
            name=NAME, owner=owner, begin=self._begin, end=self._end, length=LENGTH
        )
        self.keeper = LeaseKeeper(store, duty, now=now)

    async def _begin(self) -> None:
        await self._note("begin")
        if self.fails_to_begin:
            raise ValueError("cannot begin")

    async def _end(self) -> None:
        await self._note("end")

    async def _note(self, what: str) -> None:
        async with self._noted:
            self.notes.append(what)
            self.times.append(asyncio.get_running_loop().time())
            self._noted.notify_all()

    async def until(self, *notes: str) -> None:
        async with asyncio.timeout(10), self._noted:
            await self._noted.wait_for(lambda: self.notes == list(notes))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Worker"]:
        task = asyncio.create_task(self.keeper.run())
        try:
            yield self
        finally:
            self.keeper.stop()
            async with asyncio.timeout(10):
                await task


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


async def test_a_lease_is_won_renewed_and_given_back(store):
    async with Worker(store, "w1").running() as worker:
        await worker.until("begin")
        async with asyncio.timeout(10):
            while len(store.asked) < 5:  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(0.01)
        assert worker.keeper.is_held
        assert worker.notes == ["begin"]

    assert worker.notes == ["begin", "end"]
    assert not worker.keeper.is_held
    assert store.leases == {}


async def test_one_works_and_the_other_takes_over_at_once_when_it_stops(store):
    first, second = Worker(store, "w1"), Worker(store, "w2")
    async with second.running():
        await second.until("begin")
        async with first.running():
            # it asks, and stands by
            async with asyncio.timeout(10):
                while store.asked.count("w1") < 3:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
            assert first.notes == []
            second.keeper.stop()
            await second.until("begin", "end")
            await first.until("begin")

    assert first.times[0] >= second.times[1]


async def test_a_dead_holder_is_replaced_soon_after_its_lease_ran_out(store):
    store.leases[NAME] = ("dead", now() + LENGTH)
    began = asyncio.get_running_loop().time()
    async with Worker(store, "w1").running() as worker:
        await worker.until("begin")

    took = worker.times[0] - began
    assert LENGTH.total_seconds() * 0.99 <= took <= LENGTH.total_seconds() + SLACK


async def test_a_holder_that_cannot_renew_ends_before_its_lease_does(store):
    async with Worker(store, "w1").running() as worker:
        await worker.until("begin")
        until = store.leases[NAME][1]
        store.trouble = StoreError("down")
        await worker.until("begin", "end")
        assert now() < max(until, store.leases[NAME][1]) + timedelta(seconds=SLACK)

        store.trouble = None
        await worker.until("begin", "end", "begin")


async def test_a_holder_whose_database_hangs_ends_in_time(store):
    async with Worker(store, "w1").running() as worker:
        await worker.until("begin")
        store.gate = asyncio.Event()
        hung = asyncio.get_running_loop().time()
        await worker.until("begin", "end")
        assert worker.times[1] - hung <= LENGTH.total_seconds() + SLACK

        # the answer comes too late to count: it is asked for again
        store.gate.set()
        store.gate = None
        await worker.until("begin", "end", "begin")


async def test_a_lease_that_another_took_is_lost_at_the_next_renewal(store):
    async with Worker(store, "w1").running() as worker:
        await worker.until("begin")
        store.leases[NAME] = ("w2", now() + timedelta(hours=1))

        await worker.until("begin", "end")

        assert not worker.keeper.is_held
    # somebody else's lease is not given back
    assert store.leases[NAME][0] == "w2"


async def test_a_cancelled_keeper_ends_its_duty_and_gives_the_lease_back(store):
    worker = Worker(store, "w1")
    task = asyncio.create_task(worker.keeper.run())
    await worker.until("begin")

    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert worker.notes == ["begin", "end"]
    assert store.leases == {}


async def test_a_duty_that_cannot_begin_is_told_and_the_lease_given_back(store):
    worker = Worker(store, "w1")
    worker.fails_to_begin = True

    with pytest.raises(ValueError, match="cannot begin"):
        await worker.keeper.run()

    assert worker.notes == ["begin", "end"]
    assert store.leases == {}


async def test_a_stop_while_the_database_is_down_ends_all_the_same(store):
    async with Worker(store, "w1").running() as worker:
        await worker.until("begin")
        store.trouble = StoreError("down")

    assert worker.notes == ["begin", "end"]
