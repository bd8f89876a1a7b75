"""Web sender and inboxes: kept once, shown at once."""

import asyncio
from datetime import timedelta

import pytest
from web_doubles import FakeClock, MemoryInboxStore, WebRoom
from web_messages import BEARISH, BULLISH

from bot.errors import StoreError, TemporaryDeliveryError
from bot.model import Address, Platform
from handlers.web import sender as sender_module
from handlers.web import stream
from handlers.web.inbox import EntryKind, Inboxes, InboxHub

HOME = Address(Platform.WEB, "home")


async def test_a_sent_part_is_in_the_inbox_as_an_alert():
    room = WebRoom()
    (part,) = room.sender.render(BEARISH)

    receipt = await room.sender.send(HOME, part, nonce="m1-0")

    (entry,) = await room.inboxes.entries("home")
    assert str(entry["id"]) == receipt.message_ref
    assert entry["kind"] == "alert"
    assert entry["title"] == "🔴 ETH turned bearish · grade 38, was 71"


async def test_a_repeat_with_the_same_nonce_is_invisible():
    room = WebRoom()
    (part,) = room.sender.render(BEARISH)

    first = await room.sender.send(HOME, part, nonce="m1-0")
    again = await room.sender.send(HOME, part, nonce="m1-0")

    assert again == first
    assert len(await room.inboxes.entries("home")) == 1
    assert room.sender.repeat_window >= timedelta(hours=1)


async def test_plain_part_is_sent_without_markup():
    room = WebRoom()
    (part,) = room.sender.render(BEARISH)

    await room.sender.send(HOME, part, nonce="m1-0", is_plain=True)

    (entry,) = await room.inboxes.entries("home")
    assert "<strong>" not in entry["html"]


async def test_a_store_that_fails_is_a_temporary_failure_of_unknown_outcome():
    room = WebRoom()
    room.store.fail_with(StoreError("disk full"))

    with pytest.raises(TemporaryDeliveryError) as caught:
        await room.sender.send(HOME, {"title": "x"}, nonce="m1-0")

    assert caught.value.reason == "store"
    assert caught.value.is_unknown


async def test_a_store_that_hangs_is_given_up_in_time(monkeypatch):
    class HangingStore(MemoryInboxStore):
        async def append_inbox(self, *args, **kwargs):
            await asyncio.Event().wait()

    room = WebRoom(store=HangingStore())
    monkeypatch.setattr(sender_module, "KEEP_TIMEOUT", 0.01)

    with pytest.raises(TemporaryDeliveryError) as caught:
        await room.sender.send(HOME, {"title": "x"}, nonce="m1-0")

    assert caught.value.reason == "timeout"
    assert caught.value.is_unknown


async def test_an_open_page_is_woken_and_others_are_not():
    hub = InboxHub()
    inboxes = Inboxes(MemoryInboxStore(), hub, now=FakeClock())
    with hub.listen("home") as page, hub.listen("away") as other:
        await inboxes.add("home", EntryKind.REPLY, {"title": "x"})

        async with asyncio.timeout(1):
            await page.wait(60)
        before = asyncio.get_running_loop().time()
        await other.wait(0.02)

    assert asyncio.get_running_loop().time() - before >= 0.015
    assert len(hub) == 0


async def test_of_two_changes_of_an_entry_a_page_gets_the_last():
    room = WebRoom()
    entry = await room.inboxes.add("home", EntryKind.ALERT, {"title": "x"})
    with room.hub.listen("home") as page:
        await room.inboxes.change("home", entry, {"title": "y"})
        await room.inboxes.change("home", entry, {"title": "z"})
        updates = await page.wait(1)

    assert [update["title"] for update in updates] == ["z"]
    assert updates[0]["kind"] == "alert"


async def test_an_entry_that_commits_late_with_a_smaller_id_is_still_shown():
    room = WebRoom()
    await room.alert("home", BEARISH)
    await room.alert("home", BULLISH)
    late = room.store.rows.pop(0)
    lines = stream.events(room.inboxes, "home", after=0, is_reset=False)
    async with asyncio.timeout(5):
        seen = await anext(lines) + await anext(lines)
        assert "id: 1\n" not in seen and "id: 2\n" in seen

        room.store.rows.append(late)
        room.hub.notify("home")
        seen = await anext(lines)
    await lines.aclose()

    assert "id: 1\n" in seen and "id: 2\n" not in seen
