"""The access key of the web chat: who comes in, how, and who has to wait."""

import logging

import pytest
from browser import listen_to_errors
from playwright.async_api import expect
from prometheus_client import CollectorRegistry
from web_client import events, new_client, say
from web_doubles import WebRoom

from handlers.web.access import GUESSES_MAX, SESSION_AGE, WINDOW, Access
from handlers.web.probes import Probes

KEY = "open-sesame-and-do-not-guess"


async def unwell():
    return {"telegram": "paused: bad_token"}


@pytest.fixture
async def room():
    probes = Probes(health=unwell, registry=CollectorRegistry())
    async with WebRoom(access_key=KEY, probes=probes).open() as open_room:
        yield open_room


@pytest.fixture
async def client():
    async with new_client() as session:
        yield session


async def log_in(client, room, key=KEY, **more):
    url = room.url + "/api/login"
    async with client.post(url, json={"key": key}, **more) as response:
        return response.status, response


async def status(client, room, path, **headers):
    async with client.get(room.url + path, headers=headers) as response:
        return response.status


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/chat.js",
        "/api/chat/events",
        "/api/complete?q=e",
        "/api/picture/1",
        "/metrics",
        "/nothing",
        "/..%2fetc",
        "//",
    ],
)
async def test_without_the_key_nothing_is_shown(room, client, path):
    assert await status(client, room, path) == 401


@pytest.mark.parametrize("path", ["/api/chat", "/api/press"])
async def test_without_the_key_nothing_is_done(room, client, path):
    body = {"text": "/watch ETH", "entry": 1, "action": "x"}
    async with client.post(room.url + path, json=body) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"

    assert room.desk.calls == []
    assert room.desk.presses == []
    assert room.store.rows == []


async def test_the_key_opens_everything_to_a_browser(room, client):
    done, answer = await log_in(client, room)

    assert done == 200
    cookie = answer.cookies["flipwatch_access"]
    assert KEY not in cookie.value
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert int(cookie["max-age"]) == SESSION_AGE
    assert await status(client, room, "/") == 200
    assert await status(client, room, "/metrics") == 200
    stream = await events(client, room)
    assert await stream.until_ready() == []
    assert (await say(client, room, "/watch ETH"))[0] == 200


async def test_behind_tls_the_cookies_are_for_tls_alone(room, client):
    _, answer = await log_in(client, room, headers={"X-Forwarded-Proto": "https"})

    assert answer.cookies["flipwatch_access"]["secure"]


async def test_a_program_shows_the_key_with_each_request(room, client):
    right, wrong = f"Bearer {KEY}", f"Bearer {KEY}x"

    assert await status(client, room, "/metrics", Authorization=right) == 200
    assert await status(client, room, "/metrics", Authorization=wrong) == 401
    assert await status(client, room, "/metrics", Authorization=f"Basic {KEY}") == 401


async def test_a_wrong_key_is_refused_and_logged_without_it(room, client, caplog):
    with caplog.at_level(logging.INFO):
        done, answer = await log_in(client, room, "guess-number-one")

    assert done == 403
    assert answer.cookies == {}
    assert "wrong access key" in caplog.text
    assert "guess-number-one" not in caplog.text


@pytest.mark.parametrize("key", ["", None, 1, ["x"], "ä" * 40, "\ud800", "x" * 60_000])
async def test_whatever_is_shown_breaks_nothing(room, client, key):
    assert (await log_in(client, room, key))[0] == 403


@pytest.mark.parametrize(
    "cookie",
    ["", "x", ".", f"99999999999.{'0' * 64}", "99999999999.", "\u00e4.\u00e4", '"'],
)
async def test_a_made_up_session_is_none(room, client, cookie):
    shown = f"flipwatch_access={cookie}"

    assert await status(client, room, "/metrics", Cookie=shown) == 401


async def test_who_guesses_has_to_wait_with_the_right_key_too(room, client):
    for number in range(GUESSES_MAX):
        assert (await log_in(client, room, f"guess-{number}"))[0] == 403

    done, answer = await log_in(client, room)

    assert done == 429
    assert 0 < int(answer.headers["Retry-After"]) <= WINDOW
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert await status(client, room, "/metrics", **bearer) == 429


async def test_who_is_in_stays_in_while_somebody_guesses(room, client):
    await log_in(client, room)
    async with new_client() as other:
        for number in range(GUESSES_MAX + 1):
            await log_in(other, room, f"guess-{number}")

    assert await status(client, room, "/") == 200


async def test_another_page_can_not_log_a_browser_in(room, client):
    strange = {"Sec-Fetch-Site": "cross-site"}

    assert (await log_in(client, room, headers=strange))[0] == 403
    plain = {"Content-Type": "text/plain"}
    async with client.post(
        room.url + "/api/login", data=f'{{"key": "{KEY}"}}', headers=plain
    ) as response:
        assert response.status == 415


async def test_probes_answer_without_the_key_but_name_nothing(room, client):
    assert await status(client, room, "/livez") == 200
    async with client.get(room.url + "/readyz") as response:
        assert (response.status, await response.json()) == (503, {"status": "trouble"})

    bearer = {"Authorization": f"Bearer {KEY}"}
    async with client.get(room.url + "/readyz", headers=bearer) as response:
        assert (await response.json())["checks"] == await unwell()


async def test_a_name_of_a_proxys_is_fine_where_the_key_is_asked_for(room, client):
    bearer = {"Authorization": f"Bearer {KEY}", "Host": "flips.example.org"}

    assert await status(client, room, "/metrics", **bearer) == 200


async def test_a_face_others_can_reach_needs_the_key(client):
    room = WebRoom(access_key=KEY)
    room.face = room.new_face(host="0.0.0.0")
    async with room.open():
        assert await status(client, room, "/api/chat/events") == 401


def test_a_session_ends_and_a_new_key_ends_it_at_once():
    times = [1_000_000.0]
    access = Access(KEY, clock=lambda: times[0])
    session = access.session()

    assert access.is_session(session)
    assert not Access(KEY[::-1], clock=lambda: times[0]).is_session(session)
    times[0] += SESSION_AGE + 1
    assert not access.is_session(session)


def test_guesses_are_counted_by_network_and_forgotten():
    times = [0.0]
    access = Access(KEY, steady=lambda: times[0])
    for number in range(GUESSES_MAX):
        assert not access.is_key("guess", f"2001:db8::{number:x}")

    assert access.wait("2001:db8::ffff") == WINDOW
    assert access.wait("2001:db8:1::1") == 0
    assert access.wait("192.0.2.1") == 0
    times[0] = WINDOW
    assert access.wait("2001:db8::1") == 0


def test_memory_is_bounded_however_many_guess():
    access = Access(KEY)
    for number in range(10_000):
        access.is_key("guess", f"10.{number // 65536}.{number // 256 % 256}.{number}")

    assert len(access._wrong) == 4096


@pytest.mark.browser
async def test_a_person_types_the_key_and_is_in(browser, room):
    page = await browser.new_page()
    page.errors = listen_to_errors(page)
    await page.goto(room.url)
    await page.locator("#key").fill("wrong")
    await page.locator("button").click()
    await expect(page.locator("#refusal")).to_have_text("That is not the access key.")
    await page.locator("#key").fill(KEY)
    await page.locator("button").click()

    await expect(page.locator("#state")).to_have_text("live")
    # the two answers that were meant to be refusals, and no breach of the page's policy
    assert all("40" in error for error in page.errors), page.errors
    await page.close()
