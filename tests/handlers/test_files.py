"""Small text files: given with a reply and brought with a command, on each platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from fake_discord import FakeDiscord
from fake_telegram import FakeTelegram
from pydantic import SecretStr
from telegram_desk import FakeDesk, listening
from web_client import new_client, visit
from web_doubles import WebRoom

from bot.config import DiscordConfig
from bot.message import ATTACHMENT_MAX, Attachment, Message, line
from handlers.discord import files
from handlers.discord.face import DiscordFace

LIST = Attachment("flipwatch.json", '{"watches": ["BTC", "ÄTH"]}\n', "application/json")
EXPORT = Message(title=line("📦 Your watches"), attachment=LIST)


# ------------------------------------------------------------------------- Telegram


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(token="42:TESTTOKEN") as server:
        yield server
        assert server.violations == []


@pytest.fixture
async def desk(tg: FakeTelegram) -> AsyncIterator[FakeDesk]:
    behind = FakeDesk(replies={"/export": EXPORT})
    async with listening(tg, behind):
        yield behind


async def test_telegram_gives_a_file_after_the_words(
    tg: FakeTelegram, desk: FakeDesk
) -> None:
    alice = tg.user("Alice")
    alice.says("/export")

    words, file = await alice.receives(2)

    assert words.text == "📦 Your watches"
    assert file.file == (LIST.name, LIST.text)
    assert file.is_silent


@pytest.mark.parametrize(
    ("caption", "text"),
    [("", "/import"), ("/import", "/import"), ("/import@FlipwatchTestBot", "/import")],
)
async def test_telegram_brings_a_file_with_or_without_words(
    tg: FakeTelegram, desk: FakeDesk, caption: str, text: str
) -> None:
    alice = tg.user("Alice")
    caption = caption.replace("FlipwatchTestBot", tg.world.username)
    alice.sends_file("list.txt", b"\xef\xbb\xbfBTC \xc3\x84TH", caption)

    await alice.receives(1)

    (call,) = desk.calls
    assert call.text == text
    assert call.attachment is not None
    assert (call.attachment.name, call.attachment.text) == ("list.txt", "BTC ÄTH")


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"x" * (ATTACHMENT_MAX + 1)], ids=["no text", "large"]
)
async def test_telegram_reads_no_file_that_is_none_or_too_large(
    tg: FakeTelegram, desk: FakeDesk, content: bytes
) -> None:
    alice = tg.user("Alice")
    alice.sends_file("x.bin", content)

    await alice.receives(1)

    assert desk.calls[0].attachment is None


async def test_telegram_answers_although_the_file_cannot_be_fetched(
    tg: FakeTelegram, desk: FakeDesk
) -> None:
    alice = tg.user("Alice")
    tg.fail_next("getFile", status=400, description="Bad Request: file is too big")
    alice.sends_file("x.txt", b"BTC")

    await alice.receives(1)

    assert desk.calls[0].attachment is None


async def test_telegram_leaves_a_groups_files_alone(
    tg: FakeTelegram, desk: FakeDesk
) -> None:
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    post = group.add(sender=alice.as_user(), file=("x.txt", b"BTC"))
    tg.world.push("message", post.as_json())
    alice.says("/help")

    await alice.receives(1)

    assert [call.text for call in desk.calls] == ["/help"]


# -------------------------------------------------------------------------- Discord


@asynccontextmanager
async def listening_on_discord(dc: FakeDiscord, desk: FakeDesk) -> AsyncIterator[None]:
    """Put a face in front of a desk."""
    section = DiscordConfig(
        token=SecretStr("TESTTOKEN"), api_url=dc.api_url, gateway_url=dc.gateway_url
    )
    face = DiscordFace(section, desk)
    await face.start()
    try:
        await dc.ready()
        yield
    finally:
        await face.stop()


async def test_discord_gives_a_file_with_the_answer() -> None:
    desk = FakeDesk(replies={"/export": EXPORT})
    async with FakeDiscord() as dc, listening_on_discord(dc, desk):
        alice = dc.user("Alice")
        dc.server("Traders").adds(alice)
        await alice.types("export").reply()

    assert dc.violations == []
    (request,) = [r for r in dc.requests if r.files]
    assert request.files == [LIST.name]
    body = request.body.get("data", request.body)
    assert body["content"] == "📦 Your watches"
    assert body["attachments"] == [{"id": 0, "filename": LIST.name}]
    assert "file" not in body


async def test_discord_brings_the_file_that_a_command_names() -> None:
    desk = FakeDesk()
    async with (
        text_server(b"BTC ETH") as url,
        FakeDiscord() as dc,
        listening_on_discord(dc, desk),
    ):
        alice = dc.user("Alice")
        dc.server("Traders").adds(alice)
        file = {"id": "77", "filename": "list.txt", "size": 7, "url": url}
        await alice.types("import", file=file).reply()

    (call,) = desk.calls
    assert call.text == "/import"
    assert call.attachment == Attachment("list.txt", "BTC ETH")
    assert dc.violations == []


def test_a_form_holds_body_and_file() -> None:
    part = {"content": "x", "file": {"name": 'a".json', "text": "{}"}}

    form, kind = files.payload({"type": 4, "data": part})

    boundary = kind.partition("boundary=")[2].encode()
    pieces = form.split(b"--" + boundary)
    assert (pieces[0], pieces[-1]) == (b"", b"--\r\n")
    assert b'"attachments":[{"id":0,"filename":"a\\".json"}]' in pieces[1]
    assert pieces[2].endswith(b"\r\n\r\n{}\r\n")
    assert b'filename="a.json"' in pieces[2]


def test_a_body_without_a_file_is_json() -> None:
    assert files.payload(None) == (b"", "application/json")
    assert files.payload({"a": 1}) == (b'{"a":1}', "application/json")
    assert files.payload([1])[0] == b"[1]"


@asynccontextmanager
async def text_server(content: bytes) -> AsyncIterator[str]:
    """Serve one file as Discord's own servers do; gives its address."""

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=content)

    app = web.Application()
    app.router.add_get("/list.txt", give)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/list.txt"
    finally:
        await runner.cleanup()


async def test_a_file_that_cannot_be_read_is_none() -> None:
    async with text_server(b"\xff\xfe\x00") as url:
        no_text = await files.read({"size": 3, "url": url}, url)
        gone = await files.read({"size": 3, "url": url + "x"}, url)
        large = await files.read({"size": ATTACHMENT_MAX + 1, "url": url}, url)
    down = await files.read({"size": 3, "url": url}, url)

    assert (no_text, gone, large, down) == (None, None, None, None)


async def test_a_file_that_comes_piece_by_piece_is_read_whole() -> None:
    content = b"BTC\n" * (ATTACHMENT_MAX // 4)
    async with text_server(content) as url:
        whole = await files.read({"size": len(content), "url": url}, url)
    async with text_server(content + b"x") as url:
        longer_than_said = await files.read({"size": 3, "url": url}, url)

    assert whole is not None
    assert len(whole.text) == ATTACHMENT_MAX
    assert longer_than_said is None


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8080/metrics",
        "http://cdn.discordapp.com/a",
        "https://cdn.discordapp.com:8443/a",
        "https://cdn.discordapp.com.example.org/a",
        "https://cdn.discordapp.com@example.org/a",
        "https://discord.com/a",
        "file:///etc/passwd",
        "//[",
        "",
    ],
)
async def test_a_file_anywhere_else_is_not_fetched(
    url: str, outside_calls: list[str]
) -> None:
    assert await files.read({"url": url}, "https://discord.com/api/v10") is None
    assert outside_calls == []


async def test_a_file_at_discords_own_servers_is_fetched(
    outside_calls: list[str],
) -> None:
    url = "https://cdn.discordapp.com/attachments/1/2/list.txt?ex=1"

    assert await files.read({"url": url}, "https://discord.com/api/v10") is None
    # asked for, and refused by the tests' own guard
    assert set(outside_calls) == {"cdn.discordapp.com"}
    outside_calls.clear()


# ------------------------------------------------------------------------------ web


async def test_the_web_chat_gives_a_file_as_text() -> None:
    async with WebRoom().open() as room, new_client() as client:
        room.desk.replies["/export"] = EXPORT
        await visit(client, room)
        async with client.post(
            room.url + "/api/chat", json={"text": "/export"}
        ) as response:
            answer = await response.json()

    assert answer["messages"][1]["file"] == {
        "name": LIST.name,
        "type": "application/json",
        "text": LIST.text,
    }


async def test_the_web_chat_takes_a_file() -> None:
    async with WebRoom().open() as room, new_client() as client:
        await visit(client, room)
        body = {"text": "/import", "file": {"name": "x.txt", "text": "BTC"}}
        async with client.post(room.url + "/api/chat", json=body) as response:
            answer = await response.json()

        (call,) = room.desk.calls
    assert answer["messages"][0]["text"] == "/import 📎 x.txt"
    assert call.text == "/import"
    assert call.attachment == Attachment("x.txt", "BTC")


@pytest.mark.parametrize(
    ("file", "status"),
    [
        ({"name": "x", "text": "a" * (ATTACHMENT_MAX + 1)}, 413),
        ({"name": "x"}, 400),
        ("BTC", 400),
        ({"name": 1, "text": "x"}, 400),
    ],
)
async def test_the_web_chat_refuses_what_is_no_file(file: object, status: int) -> None:
    async with WebRoom().open() as room, new_client() as client:
        await visit(client, room)
        body = {"text": "/import", "file": file}
        async with client.post(room.url + "/api/chat", json=body) as response:
            assert response.status == status
        assert room.desk.calls == []
