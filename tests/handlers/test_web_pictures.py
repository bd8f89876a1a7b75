"""Pictures in the web chat: asked for by the page, entry by entry."""

import pytest
from shelves import ALERT, DARK, LIGHT, REF, FakeShelf
from web_client import inbox_of, new_client, say, visit
from web_doubles import WebRoom

from bot.message import Message, line
from bot.ports import PressReply


@pytest.fixture
def shelf():
    return FakeShelf()


@pytest.fixture
async def room(shelf):
    async with WebRoom(shelf=shelf).open() as open_room:
        yield open_room


@pytest.fixture
async def client():
    async with new_client() as session:
        yield session


async def picture(client, room, entry_id, look=""):
    url = f"{room.url}/api/picture/{entry_id}"
    async with client.get(url + (f"?look={look}" if look else "")) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_chart_that_was_asked_for_names_its_picture(room, client):
    room.desk.replies["/chart ETH"] = ALERT

    _, answer = await say(client, room, "/chart ETH")

    reply = answer["messages"][1]
    assert reply["picture"] == REF.to_json()
    status, headers, image = await picture(client, room, reply["id"])
    assert (status, headers["Content-Type"], image) == (200, "image/png", DARK)
    assert "private" in headers["Cache-Control"]


@pytest.mark.parametrize(
    ("look", "expected"), [("dark", DARK), ("light", LIGHT), ("other", DARK)]
)
async def test_the_page_chooses_the_look(room, client, look, expected):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), ALERT)

    _, _, image = await picture(client, room, entry_id, look)

    assert image == expected


async def test_an_alert_is_kept_although_its_picture_can_not_be_had(
    room, client, shelf
):
    await visit(client, room)
    shelf.is_empty = True

    entry_id = await room.alert(inbox_of(client), ALERT)

    status, _, _ = await picture(client, room, entry_id)
    assert status == 404
    assert shelf.asked == [("picture", REF)]


async def test_nobody_sees_the_pictures_of_anothers_inbox(room, client):
    await visit(client, room)
    entry_id = await room.alert("A" * 22, ALERT)

    status, _, _ = await picture(client, room, entry_id)

    assert status == 404


@pytest.mark.parametrize("entry_id", ["0", "-1", "999", "x", "9" * 30])
async def test_an_entry_that_is_not_there_has_no_picture(room, client, entry_id):
    await visit(client, room)

    status, _, _ = await picture(client, room, entry_id)

    assert status in {400, 404}


async def test_an_entry_without_a_picture_has_none(room, client):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), Message(title=line("words")))

    status, _, _ = await picture(client, room, entry_id)

    assert status == 404


async def test_a_button_may_answer_with_a_picture(room, client):
    await visit(client, room)
    entry_id = await room.alert(inbox_of(client), ALERT)
    room.desk.press_replies["v1:chart:7"] = PressReply(message=ALERT)

    body = {"entry": entry_id, "action": "v1:chart:7"}
    async with client.post(room.url + "/api/press", json=body) as answer:
        said = await answer.json()

    assert said["messages"][0]["picture"] == REF.to_json()
