"""The stream of an inbox: live, resumed, ended."""

import asyncio

import pytest
from web_client import events, inbox_of, new_client, visit
from web_doubles import WebRoom
from web_messages import BEARISH, BULLISH

from bot.errors import StoreError
from handlers.web import stream


@pytest.fixture
async def room():
    async with WebRoom().open() as open_room:
        yield open_room


@pytest.fixture
async def client():
    async with new_client() as session:
        yield session


async def test_an_alert_reaches_all_pages_of_its_inbox_at_once(room, client):
    await visit(client, room)
    pages = [await events(client, room) for _ in range(2)]
    for page in pages:
        await page.until_ready()

    entry_id = await room.alert(inbox_of(client), BEARISH)

    for page in pages:
        name, event_id, data = await page.next()
        assert (name, event_id) == ("message", str(entry_id))
        assert data["kind"] == "alert"
        assert data["tone"] == "bearish"


@pytest.mark.parametrize("way", ["header", "query", "header wins"])
async def test_a_stream_resumes_after_the_last_entry_seen(room, client, way):
    await visit(client, room)
    first = await room.alert(inbox_of(client), BEARISH)
    second = await room.alert(inbox_of(client), BULLISH)
    query, headers = {
        "header": ("", {"Last-Event-ID": str(first)}),
        "query": (f"?after={first}", {}),
        "header wins": ("?after=0", {"Last-Event-ID": str(first)}),
    }[way]

    backlog = await (await events(client, room, query, **headers)).until_ready()

    assert [event_id for _, event_id, _ in backlog] == [str(second)]


async def test_a_senseless_place_to_resume_from_means_the_start(room, client):
    await visit(client, room)
    await room.alert(inbox_of(client), BEARISH)

    for after in ["x", "-1", "9" * 30 + "x", "²"]:
        page = await events(client, room, f"?after={after}")
        assert len(await page.until_ready()) == 1


async def test_a_page_that_knows_ids_of_another_database_starts_over(room, client):
    await visit(client, room)
    await room.alert(inbox_of(client), BEARISH)

    page = await events(client, room, "?after=500")

    backlog = await page.until_ready()
    assert [name for name, _, _ in backlog] == ["reset", "message"]


async def test_a_page_that_opens_gets_the_newest_two_hundred(room, client):
    await visit(client, room)
    for _ in range(205):
        await room.alert(inbox_of(client), BEARISH)

    backlog = await (await events(client, room)).until_ready()

    assert [int(event_id) for _, event_id, _ in backlog] == list(range(6, 206))


async def test_what_another_process_kept_is_found_by_looking(room, client, monkeypatch):
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.05)
    await visit(client, room)
    page = await events(client, room)
    await page.until_ready()

    await room.store.append_inbox(
        inbox_of(client), {"kind": "alert", "title": "x"}, nonce="n", now=room.clock()
    )

    name, _, data = await page.next()
    assert (name, data["title"]) == ("message", "x")


async def test_silence_is_broken_by_a_heartbeat(room, client, monkeypatch):
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(stream, "HEARTBEAT_EVERY", 0.05)
    page = await events(client, room)
    await page.until_ready()

    async with asyncio.timeout(5):
        while (await page.response.content.readline()) != b": still here\n":
            pass


async def test_a_page_that_leaves_is_forgotten(room, client, monkeypatch):
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.05)
    page = await events(client, room)
    await page.until_ready()
    assert len(room.hub) == 1

    left = asyncio.Event()
    forget = room.hub.forget
    monkeypatch.setattr(room.hub, "forget", lambda *a: (forget(*a), left.set()))

    page.response.close()

    async with asyncio.timeout(5):
        await left.wait()
    assert len(room.hub) == 0


async def test_a_store_that_fails_later_ends_the_stream(room, client):
    await visit(client, room)
    page = await events(client, room)
    await page.until_ready()

    room.store.fail_with(StoreError("gone"))
    room.hub.notify(inbox_of(client))

    with pytest.raises(EOFError):
        await page.next()
