"""Named leases: one owner at a time, whatever happens to it."""

import asyncio
from datetime import timedelta

import pytest

from storage import open_store

LENGTH = timedelta(seconds=10)


@pytest.fixture
def take(store, clock):
    async def _take(owner: str, name: str = "sender:telegram") -> bool:
        return await store.take_lease(name, owner, now=clock(), length=LENGTH)

    return _take


async def test_a_free_lease_is_taken_and_then_refused_to_others(take):
    assert await take("w1")
    assert not await take("w2")
    assert await take("w2", "sender:discord")


async def test_the_owner_renews_its_lease(take, clock):
    await take("w1")
    clock.tick(seconds=9)
    assert await take("w1")
    clock.tick(seconds=9)

    assert not await take("w2")


async def test_a_lease_that_ran_out_is_free_and_lost_to_its_old_owner(take, clock):
    await take("w1")
    clock.tick(seconds=10)

    assert await take("w2")
    assert not await take("w1")


async def test_a_dropped_lease_is_free_at_once(take, store):
    await take("w1")

    await store.drop_lease("sender:telegram", "w1")

    assert await take("w2")


async def test_somebody_elses_lease_is_not_dropped(take, store):
    await take("w1")

    await store.drop_lease("sender:telegram", "w2")
    await store.drop_lease("sender:unknown", "w2")

    assert not await take("w2")


async def test_a_lease_from_before_the_clock_stepped_back_is_free(take, clock):
    await take("w1")
    clock.tick(hours=-1)

    assert await take("w2")


async def test_clocks_that_differ_a_little_steal_nothing(take, clock):
    await take("w1")
    clock.tick(seconds=-9)

    assert not await take("w2")


async def test_of_many_who_try_at_once_one_gets_it(take):
    taken = await asyncio.gather(*(take(f"w{n}") for n in range(8)))

    assert sorted(taken) == [False] * 7 + [True]


@pytest.mark.postgres
async def test_of_two_processes_that_try_at_once_one_gets_it(postgres_server, clock):
    url = postgres_server.create_migrated()
    stores = [await open_store(url, now=clock) for _ in range(2)]

    async def take(number: int, name: str) -> bool:
        return await stores[number].take_lease(
            name, f"w{number}", now=clock(), length=LENGTH
        )

    for turn in range(10):
        taken = await asyncio.gather(take(0, f"n{turn}"), take(1, f"n{turn}"))
        assert sorted(taken) == [False, True]
    for store in stores:
        await store.close()
