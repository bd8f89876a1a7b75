"""Places and errands: what is noted of a group, and what is done later to messages."""

import asyncio
from datetime import timedelta

from bot.model import (
    Address,
    Errand,
    ErrandKind,
    PlaceKind,
    PlaceNote,
    Platform,
    Recipient,
    Scope,
    Signal,
    Target,
)

GROUP = Address(Platform.TELEGRAM, "-100")
TOPIC = Address(Platform.TELEGRAM, "-100", "7")
KOFI = "telegram:5"


async def place(world, address: Address, kind=PlaceKind.GROUP) -> Recipient:
    return await world.store.ensure_recipient(address, kind, now=world.clock())


async def test_a_note_keeps_the_titles_it_does_not_name(world):
    topic = await place(world, TOPIC)
    note = PlaceNote(
        title="Traders",
        topic_title="Alerts",
        setter=KOFI,
        setter_name="@kofi",
        set_at=world.clock(),
    )
    await world.store.note_place(topic.id, note)
    await world.store.note_place(topic.id, PlaceNote(setter="telegram:6"))

    ((found, kept),) = await world.store.find_places(recipient_ids=[topic.id])

    assert found == topic
    assert kept == PlaceNote(title="Traders", topic_title="Alerts", setter="telegram:6")


async def test_places_are_found_by_chat_and_by_who_set_them(world):
    group, topic = await place(world, GROUP), await place(world, TOPIC)
    other = await place(world, Address(Platform.TELEGRAM, "-200"), PlaceKind.CHANNEL)
    await place(world, Address(Platform.TELEGRAM, "5"), PlaceKind.PRIVATE)
    for recipient in (topic, other):
        await world.store.note_place(recipient.id, PlaceNote(setter=KOFI))

    of_chat = await world.store.find_places(chat=TOPIC)
    of_kofi = await world.store.find_places(setter=KOFI)

    assert [(r.id, n.setter) for r, n in of_chat] == [(group.id, ""), (topic.id, KOFI)]
    assert [r.id for r, _ in of_kofi] == [topic.id, other.id]


async def test_only_parked_places_that_get_something_are_lost(world):
    group, topic = await place(world, GROUP), await place(world, TOPIC)
    await world.watch(topic, Target(scope=Scope.ALL))
    assert await world.store.lost_places([Platform.TELEGRAM]) == []
    await world.store.park(GROUP, reason="kicked", now=world.clock())

    ((lost, _),) = await world.store.lost_places([Platform.TELEGRAM])

    assert (lost.id, lost.parked_reason) == (topic.id, "kicked")
    assert lost.parked_since == world.clock()
    assert await world.store.lost_places([Platform.DISCORD]) == []
    assert (await world.store.find_recipient(GROUP)).parked_since is not None
    assert group.parked_since is None


async def test_what_concerns_a_topic_parks_no_other(world):
    await place(world, GROUP)
    await place(world, TOPIC)

    await world.store.park(GROUP, reason="topic_closed", now=world.clock())

    assert (await world.store.find_recipient(GROUP)).parked_reason == "topic_closed"
    assert (await world.store.find_recipient(TOPIC)).parked_since is None


async def test_a_move_takes_the_note_along_and_forgets_old_message_ids(world):
    old, new = GROUP, Address(Platform.TELEGRAM, "-900")
    recipient = await place(world, old)
    await world.store.note_place(recipient.id, PlaceNote(title="Traders"))
    btc = await world.asset("BTC")
    await world.watch(recipient, Target(scope=Scope.ALL))
    await world.happen(world.event(btc))
    await world.send_all()
    (told,) = (await world.store.told(recipient.id)).values()
    assert told.message_ref == "m-1"

    await world.store.move_recipient(old, new)

    ((moved, note),) = await world.store.find_places(chat=new)
    (told,) = (await world.store.told(moved.id)).values()
    assert note.title == "Traders"
    assert (told.signal, told.message_ref) == (Signal.BULLISH, "")


async def test_two_places_that_become_one_keep_the_note_of_the_new_one(world):
    old, new = GROUP, Address(Platform.TELEGRAM, "-900")
    first, second = await place(world, old), await place(world, new)
    await world.store.note_place(first.id, PlaceNote(title="Old"))
    await world.store.note_place(second.id, PlaceNote(title="New"))

    await world.store.move_recipient(old, new)

    ((_, note),) = await world.store.find_places(chat=new)
    assert note.title == "New"


def errand(kind=ErrandKind.DELETE, **changes) -> Errand:
    values = {
        "address": TOPIC,
        "message_ref": "12",
        "kind": kind,
        "due_at": changes.pop("due_at"),
        "document": {"rows": []},
    }
    return Errand(**(values | changes))


async def test_an_errand_is_done_by_one_and_comes_back_until_it_is_taken(world):
    now = world.clock()
    await world.store.put_errand(errand(due_at=now + timedelta(minutes=1)))
    lease = timedelta(seconds=60)

    async def due():
        return await world.store.due_errands(
            [Platform.TELEGRAM], now=world.clock(), lease=lease
        )

    assert await due() == []
    world.clock.tick(minutes=1)
    (first,) = await due()
    assert (first.attempts, first.document) == (0, {"rows": []})
    assert await due() == []
    world.clock.tick(minutes=1)
    (again,) = await due()
    assert (again.address, again.attempts) == (TOPIC, 1)
    assert await world.store.take_errand(TOPIC, "12", ErrandKind.DELETE) is not None
    assert await world.store.take_errand(TOPIC, "12", ErrandKind.DELETE) is None
    world.clock.tick(hours=1)
    assert await due() == []


async def test_a_later_errand_of_a_kind_replaces_the_earlier_one(world):
    now = world.clock()
    await world.store.put_errand(errand(due_at=now))
    await world.store.put_errand(errand(due_at=now + timedelta(hours=1)))
    await world.store.put_errand(errand(ErrandKind.BUTTONS, due_at=now))

    (due,) = await world.store.due_errands(
        [Platform.TELEGRAM], now=now, lease=timedelta(seconds=60)
    )

    assert due.kind is ErrandKind.BUTTONS


async def test_of_two_who_take_an_errand_one_gets_it(world):
    await world.store.put_errand(errand(due_at=world.clock()))

    taken = await asyncio.gather(
        *(world.store.take_errand(TOPIC, "12", ErrandKind.DELETE) for _ in range(4))
    )

    assert sum(each is not None for each in taken) == 1


async def test_who_is_forgotten_set_up_nothing_and_leaves_no_errand(world):
    kofi = await world.recipient(KOFI)
    group = await place(world, GROUP)
    note = PlaceNote(title="Traders", setter=KOFI, setter_name="@kofi")
    await world.store.note_place(group.id, note)
    for address in (kofi.address, GROUP):
        await world.store.put_errand(errand(address=address, due_at=world.clock()))

    await world.store.forget(kofi.id, users=[KOFI])

    ((_, kept),) = await world.store.find_places(chat=GROUP)
    assert (kept.title, kept.setter, kept.setter_name) == ("Traders", "", "")
    (due,) = await world.store.due_errands(
        [Platform.TELEGRAM], now=world.clock(), lease=timedelta(seconds=60)
    )
    assert due.address == GROUP
