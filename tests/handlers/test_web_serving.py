"""The rest of the HTTP side: pages, probes, life cycle."""

import asyncio
import errno
import logging
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from web_client import events, new_client, visit
from web_doubles import WebRoom

from bot.errors import ConfigError
from handlers.web import face
from handlers.web.probes import Probes


@pytest.fixture
async def room():
    async with WebRoom().open() as open_room:
        yield open_room


@pytest.fixture
async def client():
    async with new_client() as session:
        yield session


async def test_assets_are_proposed(room, client):
    async with client.get(room.url + "/api/complete", params={"q": "e"}) as response:
        answer = await response.json()

    assert answer == {
        "choices": [
            {"label": "ETH · Ethereum", "value": "ETH"},
            {"label": "ETC · Classic", "value": "ETC"},
        ]
    }


async def test_too_long_a_question_is_refused(room, client):
    async with client.get(
        room.url + "/api/complete", params={"q": "e" * 101}
    ) as response:
        assert response.status == 400


async def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline(room, client):
    async with client.get(room.url) as response:
        page = await response.text()

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "http://" not in page and "https://" not in page
    assert "<style" not in page and " style=" not in page


async def test_the_pages_files_are_served_and_not_sent_twice(room, client):
    for name, kind in [
        ("chat.css", "text/css"),
        ("chat.js", "text/javascript"),
        ("favicon.svg", "image/svg+xml"),
    ]:
        async with client.get(f"{room.url}/{name}") as response:
            assert response.status == 200
            assert response.content_type == kind
        known = {"If-None-Match": response.headers["ETag"]}
        async with client.get(f"{room.url}/{name}", headers=known) as response:
            assert response.status == 304


async def test_there_is_nothing_else(room, client):
    for path in ["docs", "openapi.json", "chat.html", "..%2fface.py", "x/y", "redoc"]:
        async with client.get(f"{room.url}/{path}") as response:
            assert response.status == 404
            assert (await response.json())["error"]


async def test_it_says_that_it_lives(room, client):
    async with client.get(room.url + "/livez") as response:
        assert (response.status, await response.text()) == (200, "ok\n")
    async with client.head(room.url + "/livez") as response:
        assert response.status == 200


async def test_it_is_ready_when_everything_it_needs_is(client):
    troubles = {"database": "", "telegram": ""}

    async def health():
        return troubles

    async with WebRoom(probes=Probes(health=health)).open() as room:
        async with client.get(room.url + "/readyz") as response:
            assert response.status == 200
            assert (await response.json())["checks"] == {
                "database": "ok",
                "telegram": "ok",
            }
        troubles["telegram"] = "the token is refused"
        async with client.get(room.url + "/readyz") as response:
            assert response.status == 503
            assert (await response.json()) == {
                "status": "trouble",
                "checks": {"database": "ok", "telegram": "the token is refused"},
            }


async def test_a_dependency_that_hangs_is_not_ready(client, monkeypatch):
    async def health():
        await asyncio.Event().wait()

    monkeypatch.setattr("handlers.web.probes.PROBE_TIMEOUT", 0.02)
    async with (
        WebRoom(probes=Probes(health=health)).open() as room,
        client.get(room.url + "/readyz") as response,
    ):
        assert response.status == 503


async def test_metrics_are_brought_up_to_date_and_shown(client):
    registry = CollectorRegistry()
    polls = Counter("flipwatch_polls", "Polls", registry=registry)

    async def refresh():
        polls.inc()

    probes = Probes(registry=registry, refresh=refresh)
    async with (
        WebRoom(probes=probes).open() as room,
        client.get(room.url + "/metrics") as response,
    ):
        text = await response.text()

    assert response.content_type == "text/plain"
    assert "flipwatch_polls_total 1.0" in text


async def test_stop_ends_open_streams_quickly_and_frees_the_port(client):
    room = WebRoom()
    await room.face.start()
    page = await events(client, room)
    await page.until_ready()
    loop = asyncio.get_running_loop()

    before = loop.time()
    await room.face.stop()
    took = loop.time() - before

    assert took < 2
    with pytest.raises(EOFError):
        await page.next()
    with pytest.raises(aiohttp.ClientConnectorError):
        await visit(client, room)
    await room.face.stop()


async def test_it_can_be_started_again(client):
    room = WebRoom()
    for _ in range(2):
        async with room.open():
            page = await events(client, room)
            assert await page.until_ready() == []
            assert room.face.trouble() == ""
        assert room.face.trouble() == "not started"


async def test_a_port_in_use_says_which_option_to_change():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = WebRoom().new_face(port=port)

        with pytest.raises(ConfigError, match=r"web\.port.*in use") as caught:
            await other.start()

    assert str(port) in str(caught.value)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRNOTAVAIL, "x"), "web.host: box is no address"),
        (
            socket.gaierror(socket.EAI_NONAME, "unknown"),
            "web.host: “box” is no address",
        ),
        (PermissionError(errno.EACCES, "x"), "web.port: this user may not listen"),
        (OSError(errno.ENOBUFS, "x"), "web.host, web.port: cannot listen"),
    ],
)
def test_a_place_that_cannot_be_listened_on_names_the_option(error, words):
    assert face._refusal("box", 80, error).startswith(words)


async def test_a_loopback_host_is_not_warned_about(caplog):
    with caplog.at_level(logging.WARNING, logger="handlers.web"):
        async with WebRoom().open() as room:
            assert room.url.startswith("http://127.0.0.1:")

    assert caplog.text == ""
