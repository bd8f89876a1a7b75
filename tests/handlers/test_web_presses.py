"""Buttons pressed on the page."""

import pytest
from web_client import events, inbox_of, new_client, visit
from web_doubles import WebRoom
from web_messages import BEARISH

from bot.message import Button, Line, Message, bold, line
from bot.ports import PressReply


@pytest.fixture
async def room():
    async with WebRoom().open() as open_room:
        yield open_room


@pytest.fixture
async def client():
    async with new_client() as session:
        yield session


async def press(client, room, entry, action):
    body = {"entry": entry, "action": action}
    async with client.post(room.url + "/api/press", json=body) as response:
        return response.status, await response.json()


async def test_a_press_reaches_the_desk_with_the_message_it_is_on(room, client):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), BEARISH)

    status, answer = await press(client, room, entry_id, "v1:why:17")

    assert status == 200
    assert answer == {"toast": "pressed v1:why:17", "messages": [], "updated": None}
    ((call, action),) = room.desk.presses
    assert action == "v1:why:17"
    assert call.message_ref == str(entry_id)
    assert call.user == f"web:{inbox_of(client)}"


async def test_a_press_may_change_the_buttons_on_all_pages_and_for_good(room, client):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), BEARISH)
    page = await events(client, room)
    await page.until_ready()
    undo = ((Button("↩ Undo", "v1:undo:1"),),)
    room.desk.press_replies["v1:mute24:17"] = PressReply(toast="Muted", buttons=undo)

    _, answer = await press(client, room, entry_id, "v1:mute24:17")

    name, event_id, data = await page.next()
    assert (name, event_id) == ("update", "")
    assert data == answer["updated"]
    assert data["buttons"] == [[{"label": "↩ Undo", "action": "v1:undo:1"}]]
    assert data["title"].startswith("🔴 ETH")
    ((_, _, kept),) = await (await events(client, room)).until_ready()
    assert kept == data


async def test_a_note_is_put_below_the_card_and_taken_away_again(room, client):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), BEARISH)
    room.desk.press_replies["v1:m"] = PressReply(note=line("🔕 ", bold("<Muted>")))
    room.desk.press_replies["v1:u"] = PressReply(note=Line())

    _, noted = await press(client, room, entry_id, "v1:m")
    _, again = await press(client, room, entry_id, "v1:u")

    assert noted["updated"]["note"] == (
        '<p class="note">🔕 <strong>&lt;Muted&gt;</strong></p>'
    )
    assert noted["updated"]["html"] == again["updated"]["html"]
    assert again["updated"]["note"] == ""


async def test_a_press_may_replace_the_message_and_say_more(room, client):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), BEARISH)
    room.desk.press_replies["v1:x"] = PressReply(
        edited=Message(title=line(bold("ETH removed"))),
        message=Message(title=line("Details")),
    )

    _, answer = await press(client, room, entry_id, "v1:x")

    assert answer["updated"]["id"] == entry_id
    assert answer["updated"]["kind"] == "alert"
    assert answer["updated"]["title"] == "ETH removed"
    assert answer["updated"]["buttons"] == []
    assert [m["title"] for m in answer["messages"]] == ["Details"]
    assert answer["messages"][0]["kind"] == "reply"


async def test_a_press_on_somebody_elses_message_is_not_found(room, client):
    await visit(client, room)
    entry_id = await room.alert("C" * 22, BEARISH)

    status, answer = await press(client, room, entry_id, "v1:why:17")

    assert status == 404
    assert answer["error"]
    assert room.desk.presses == []


async def test_a_press_that_makes_no_sense_is_refused(room, client):
    for entry, action in [
        ("1", "v1:x"),
        (True, "v1:x"),
        (0, "v1:x"),
        (2**63, "v1:x"),
        (1.5, "v1:x"),
        (1, ""),
        (1, None),
        (1, "ä" * 33),
    ]:
        status, answer = await press(client, room, entry, action)

        assert status == 400
        assert answer["error"]
