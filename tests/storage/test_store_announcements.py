"""Announcements: each recipient once, whatever happens in between."""

import asyncio

from bot.announcing import AnnouncementState, PostState
from bot.model import PlaceKind, Platform

ALL = list(Platform)


async def draft(world):
    return await world.store.draft_announcement(
        "Maintenance tonight", created_by="web:boss", now=world.clock()
    )


async def started(world):
    one = await draft(world)
    assert await world.store.start_announcement(one.id, now=world.clock())
    return one


async def waiting(world, one, **more) -> list[str]:
    found = await world.store.next_posts(one.id, more.pop("platforms", ALL), **more)
    return [str(r.address) for r in found]


async def test_it_is_for_private_chats_that_can_be_reached_and_were_there(world):
    await world.recipient("web:ann")
    await world.recipient("telegram:5")
    await world.recipient("telegram:-5", PlaceKind.GROUP)
    gone = await world.recipient("web:gone")
    await world.store.park(gone.address, reason="blocked", now=world.clock())
    one = await draft(world)
    world.clock.tick(minutes=1)
    await world.recipient("web:later")

    assert one.left == 2
    assert await waiting(world, one) == ["web:ann", "telegram:5"]
    assert await waiting(world, one, platforms=[Platform.TELEGRAM]) == ["telegram:5"]
    assert await waiting(world, one, limit=1) == ["web:ann"]
    (first, _) = await world.store.next_posts(one.id, ALL)
    assert await waiting(world, one, after=first.id) == ["telegram:5"]


async def test_nobody_gets_it_twice_and_what_surely_failed_is_tried_again(world):
    ann = await world.recipient("web:ann")
    bob = await world.recipient("web:bob")
    one = await started(world)
    store = world.store

    assert await store.begin_post(one.id, ann.id, now=world.clock())
    assert not await store.begin_post(one.id, ann.id, now=world.clock())
    assert await waiting(world, one) == ["web:bob"]
    await store.settle_post(one.id, ann.id, PostState.SENT)
    assert await store.begin_post(one.id, bob.id, now=world.clock())
    await store.settle_post(one.id, bob.id, None)

    assert await waiting(world, one) == ["web:bob"]
    found = await store.find_announcement()
    assert found is not None
    assert (found.left, found.count(PostState.SENT)) == (1, 1)


async def test_of_several_processes_one_begins_each_post(world):
    ann = await world.recipient("web:ann")
    one = await started(world)

    begun = await asyncio.gather(
        *(world.store.begin_post(one.id, ann.id, now=world.clock()) for _ in range(5))
    )

    assert sum(begun) == 1


async def test_one_is_sent_at_a_time_and_a_cancelled_one_ends_there(world):
    ann = await world.recipient("web:ann")
    store = world.store
    first, second = await started(world), await draft(world)

    assert not await store.start_announcement(second.id, now=world.clock())
    assert await store.end_announcement(
        first.id, AnnouncementState.CANCELLED, now=world.clock()
    )
    assert not await store.begin_post(first.id, ann.id, now=world.clock())
    assert not await store.end_announcement(
        first.id, AnnouncementState.DONE, now=world.clock()
    )
    assert not await store.start_announcement(first.id, now=world.clock())
    assert await store.start_announcement(second.id, now=world.clock())
    current = await store.find_announcement()
    assert current is not None
    assert current.id == second.id


async def test_an_unknown_announcement_is_nothing(world):
    store = world.store

    assert await store.find_announcement() is None
    assert await store.find_announcement(99) is None
    assert not await store.start_announcement(99, now=world.clock())
    assert list(await store.next_posts(99, ALL)) == []
