"""The chat API, over a socket on loopback: lines, cookies, refusals."""

import json

import aiohttp
import pytest
from web_client import events, inbox_of, new_client, say, visit
from web_doubles import WebRoom
from web_messages import BEARISH, BULLISH

from bot.errors import StoreError
from bot.model import PlaceKind, Platform
from handlers.web.guard import is_loopback_name


@pytest.fixture
async def room():
    async with WebRoom().open() as open_room:
        yield open_room


@pytest.fixture
async def client():
    async with new_client() as session:
        yield session


async def test_a_typed_line_is_answered_and_both_stay_in_the_inbox(room, client):
    status, answer = await say(client, room, "  /watch ETH ")

    own, reply = answer["messages"]
    assert status == 200
    assert (own["kind"], own["text"]) == ("you", "/watch ETH")
    assert (reply["kind"], reply["title"]) == ("reply", "You said /watch ETH")
    assert "<strong>/watch ETH</strong>" in reply["html"]
    assert own["id"] < reply["id"]
    assert own["at"] == "2026-11-20T14:00:01+00:00"
    backlog = await (await events(client, room)).until_ready()
    assert [data for _, _, data in backlog] == [own, reply]


async def test_the_desk_hears_who_speaks_and_where(room, client):
    language = {"Accept-Language": "de-DE,en;q=0.8"}
    await visit(client, room)
    async with client.post(
        room.url + "/api/chat", json={"text": "/help"}, headers=language
    ) as response:
        await response.read()

    (call,) = room.desk.calls
    assert call.place.platform is Platform.WEB
    assert str(call.place) == call.user == f"web:{inbox_of(client)}"
    assert call.kind is PlaceKind.PRIVATE
    assert call.language == "de"
    assert await call.is_admin()


async def test_the_page_names_the_inbox_in_a_long_lived_cookie(room, client):
    async with client.get(room.url) as response:
        cookie = response.cookies["flipwatch_inbox"]

    assert len(cookie.value) == 22
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "lax"
    assert cookie["path"] == "/"
    assert int(cookie["max-age"]) >= 30 * 24 * 3600


async def test_without_cookie_a_script_gets_one_with_its_first_line(room, client):
    await say(client, room, "/watch ETH")
    await say(client, room, "/watchlist")

    first, second = room.desk.calls
    assert first.place == second.place


async def test_two_browsers_have_two_inboxes(room, client):
    await say(client, room, "/watch ETH")
    async with new_client() as other:
        backlog = await (await events(other, room)).until_ready()

    assert backlog == []


async def test_a_cookie_that_is_none_of_ours_is_replaced(room):
    async with new_client(aiohttp.DummyCookieJar()) as client:
        for value in ["demo", "../x", "x" * 500, "ä", ""]:
            headers = {"Cookie": f'flipwatch_inbox="{value}"'}
            async with client.get(room.url, headers=headers) as response:
                assert len(response.cookies["flipwatch_inbox"].value) == 22


async def test_a_new_browser_gets_the_default_inbox_and_a_known_one_keeps_its_own():
    async with (
        new_client(aiohttp.DummyCookieJar()) as client,
        WebRoom(default_inbox="demo").open() as room,
    ):
        await room.alert("demo", BEARISH)
        own = "A" * 22
        known = {"Cookie": f"flipwatch_inbox={own}"}
        stale = {"Cookie": f"flipwatch_inbox={'B' * 22}"}
        await room.alert(own, BULLISH)

        fresh_backlog = await (await events(client, room)).until_ready()
        known_backlog = await (await events(client, room, **known)).until_ready()
        stale_backlog = await (await events(client, room, **stale)).until_ready()

    assert fresh_backlog[0][2]["title"].startswith("🔴 ETH")
    assert known_backlog[0][2]["title"].startswith("🟢 SOL")
    assert stale_backlog == fresh_backlog


async def test_what_is_no_line_of_text_is_refused_in_words(room, client):
    headers = {"Content-Type": "application/json"}
    expected = {
        b'{"text": 5}': 400,
        b'{"text": "   "}': 400,
        b"{}": 400,
        b"[]": 400,
        b"no json": 400,
        b"\xff\xfe": 400,
        b"[" * 60_000: 400,
        json.dumps({"text": "x" * 1001}).encode(): 413,
        b'{"text": "' + b"x" * 100_000 + b'"}': 413,
        b'{"text": "x", "ref": "a b"}': 400,
    }

    for body, status in expected.items():
        async with client.post(
            room.url + "/api/chat", data=body, headers=headers
        ) as response:
            assert response.status == status
            assert (await response.json())["error"]

    assert room.desk.calls == []
    assert room.store.rows == []


async def test_a_line_of_exactly_a_thousand_characters_is_taken(room, client):
    status, _ = await say(client, room, "🙂" * 1000)

    assert status == 200


async def test_halves_of_characters_do_not_break_anything(room, client):
    headers = {"Content-Type": "application/json"}
    body = b'{"text": "a\\ud800b\\u0000c"}'
    async with client.post(
        room.url + "/api/chat", data=body, headers=headers
    ) as response:
        answer = await response.json()

    assert response.status == 200
    assert answer["messages"][0]["text"] == "a\ufffdb\ufffdc"


async def test_only_json_is_taken(room, client):
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""]:
        async with client.post(
            room.url + "/api/chat",
            data=b'{"text": "/watch ETH"}',
            headers={"Content-Type": kind},
        ) as response:
            assert response.status == 415
            assert (await response.json())["error"]

    assert room.desk.calls == []


@pytest.mark.parametrize("path", ["/api/chat", "/api/press"])
async def test_requests_of_other_web_pages_are_refused(room, client, path):
    for headers in [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ]:
        async with client.post(
            room.url + path, json={"text": "/watch ETH"}, headers=headers
        ) as response:
            assert response.status == 403
            assert (await response.json())["error"]

    assert room.desk.calls == []


async def test_our_own_page_is_not_refused(room, client):
    headers = {"Origin": room.url, "Sec-Fetch-Site": "same-origin"}
    async with client.post(
        room.url + "/api/chat", json={"text": "x"}, headers=headers
    ) as response:
        assert response.status == 200


async def test_a_foreign_name_for_loopback_is_refused(room, client):
    for path in ["/", "/api/chat/events", "/readyz"]:
        async with client.get(
            room.url + path, headers={"Host": "evil.example:8080"}
        ) as response:
            assert response.status == 421
            assert "flipwatch_inbox" not in response.cookies


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("demo.localhost:80", True),
        ("[::1]:8080", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_loopback_names(host, expected):
    assert is_loopback_name(host) is expected


async def test_a_line_sent_again_is_kept_once_and_answered_again(room, client):
    _, first = await say(client, room, "/watch ETH", ref="r-1")
    _, again = await say(client, room, "/watch ETH", ref="r-1")

    assert first["messages"][0]["id"] == again["messages"][0]["id"]
    assert first["messages"][0]["ref"] == "r-1"
    assert again["messages"][1]["kind"] == "reply"


async def test_a_store_that_fails_is_503_in_words(room, client):
    room.store.fail_with(StoreError("disk full"))

    status, answer = await say(client, room, "/watch ETH")
    async with client.get(room.url + "/api/chat/events") as response:
        assert response.status == 503

    assert status == 503
    assert "disk full" not in answer["error"]


async def test_a_bug_is_500_in_words_with_all_headers(room, client):
    room.desk.replies["/bug"] = RuntimeError("secret detail")

    async with client.post(room.url + "/api/chat", json={"text": "/bug"}) as response:
        answer = await response.json()

    assert response.status == 500
    assert "secret" not in answer["error"]
    assert "Content-Security-Policy" in response.headers
