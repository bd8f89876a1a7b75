"""Telegram by webhook: the face, the web side that serves it, and a Bot API server."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from fake_telegram import FakeTelegram
from pydantic import SecretStr
from telegram_desk import FakeDesk
from web_doubles import WebRoom

from bot.config import TelegramConfig
from handlers.telegram.face import TelegramFace
from handlers.telegram.webhook import PATH, Webhook, secret_of

PUBLIC = "https://bot.example.org/flip"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


def section(tg: FakeTelegram, secret: str | None = None) -> TelegramConfig:
    return TelegramConfig(
        token=SecretStr("42:TESTTOKEN"),
        base_url=tg.base_url,
        mode="webhook",
        webhook_url=PUBLIC,
        webhook_secret=secret and SecretStr(secret),
    )


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        yield fake
        assert fake.violations == []


@asynccontextmanager
async def served(
    tg: FakeTelegram, desk: FakeDesk, *, secret: str | None = None
) -> AsyncIterator[tuple[TelegramFace, WebRoom]]:
    """Run both faces, put together as the program does."""
    face = TelegramFace(section(tg, secret), desk, now=lambda: datetime.now(UTC))
    room = WebRoom()
    room.face.serve(face.hooks)
    async with room.open():
        tg.leads(PUBLIC, room.url)
        await face.start()
        try:
            yield face, room
        finally:
            await face.stop()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.01)


async def test_what_is_posted_is_answered(tg: FakeTelegram):
    alice = tg.user("Alice")
    async with served(tg, FakeDesk()) as (face, _):
        await tg.requested("setWebhook")
        alice.says("/watch BTC")
        (reply,) = await alice.receives(1)
        await until(lambda: face.trouble() == "")

    assert reply.text == "Said: /watch BTC"
    assert tg.webhook["url"] == PUBLIC + PATH
    assert sorted(tg.webhook["allowed_updates"]) == [
        "callback_query",
        "channel_post",
        "message",
        "my_chat_member",
    ]
    assert len(tg.webhook["secret_token"]) == 64
    assert "TESTTOKEN" not in tg.webhook["secret_token"]
    assert [r for r in tg.requests if r.method == "getUpdates"] == []
    # another process may serve it, and what comes meanwhile waits at Telegram
    assert [r for r in tg.requests if r.method == "deleteWebhook"] == []


async def test_a_secret_of_the_operators_is_used_as_it_is(tg: FakeTelegram):
    alice = tg.user("Alice")
    async with served(tg, FakeDesk(), secret="open-sesame"):
        alice.says("/watch BTC")
        await alice.receives(1)

    assert tg.webhook["secret_token"] == "open-sesame"


async def test_an_update_posted_twice_is_done_once(tg: FakeTelegram):
    alice = tg.user("Alice")
    desk = FakeDesk()
    tg.post_again(2)
    async with served(tg, desk):
        alice.says("/watch BTC")
        alice.says("/watch ETH")
        await alice.receives(2)
        await until(lambda: len(tg.posts) == 6)

    assert [c.text for c in desk.calls] == ["/watch BTC", "/watch ETH"]
    assert {p.status for p in tg.posts} == {200}


async def test_what_comes_while_nobody_listens_is_posted_again(tg: FakeTelegram):
    alice = tg.user("Alice")
    async with served(tg, FakeDesk()) as (face, _):
        await tg.requested("setWebhook")
        await face.stop()
        alice.says("/watch BTC")
        await until(lambda: [p.status for p in tg.posts][:2] == [503, 503])
        await face.start()
        (reply,) = await alice.receives(1)

    assert reply.text == "Said: /watch BTC"
    assert tg.pending_updates == 0


@pytest.mark.parametrize(
    "headers", [{}, {HEADER: ""}, {HEADER: "guessed"}, {HEADER: "ü"}], ids=str
)
async def test_whoever_lacks_the_secret_is_refused(tg: FakeTelegram, headers):
    desk = FakeDesk()
    async with (
        served(tg, desk) as (_, room),
        aiohttp.ClientSession() as session,
    ):
        await tg.requested("setWebhook")
        async with session.post(
            room.url + PATH, data=io.BytesIO(b"x" * 100_000), headers=headers
        ) as answer:
            assert answer.status == 403

    assert desk.calls == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no json", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"update_id": true}', 400),
        (b"[" * 100_000, 400),
        (b"x" * (1024 * 1024 + 1), 413),
        (b'{"update_id": 5}', 200),
        (b'{"update_id": 6, "something_new": {"a": 1}}', 200),
        (b'{"update_id": 7, "message": {"message_id": "x"}}', 200),
        (b'{"update_id": 8, "message": [[]]}', 200),
    ],
    ids=lambda x: str(x)[:30],
)
async def test_whatever_is_posted_breaks_nothing(tg: FakeTelegram, body, status):
    alice = tg.user("Alice")
    async with (
        served(tg, FakeDesk(), secret="s") as (_, room),
        aiohttp.ClientSession() as session,
    ):
        await tg.requested("setMyCommands")
        async with session.post(
            room.url + PATH, data=io.BytesIO(body), headers={HEADER: "s"}
        ) as answer:
            assert answer.status == status
        alice.says("/watch BTC")
        await alice.receives(1)


async def test_only_posts_are_for_the_hook_and_a_proxys_name_is_fine(tg: FakeTelegram):
    async with (
        served(tg, FakeDesk(), secret="s") as (_, room),
        aiohttp.ClientSession() as session,
    ):
        await tg.requested("setMyCommands")
        async with session.get(room.url + PATH) as answer:
            assert answer.status in {404, 405}
        proxied = {HEADER: "s", "Host": "bot.example.org"}
        async with session.post(
            room.url + PATH, data=b'{"update_id": 5}', headers=proxied
        ) as answer:
            assert answer.status == 200
        # the rest of the web side is not open to that name
        async with session.get(room.url, headers=proxied) as answer:
            assert answer.status == 421


async def test_without_the_webhook_mode_there_is_no_such_path(tg: FakeTelegram):
    config = TelegramConfig(token=SecretStr("42:TESTTOKEN"), base_url=tg.base_url)
    face = TelegramFace(config, FakeDesk(), now=lambda: datetime.now(UTC))
    room = WebRoom()
    room.face.serve(face.hooks)

    async with (
        room.open(),
        aiohttp.ClientSession() as session,
        session.post(room.url + PATH, data=b"{}") as answer,
    ):
        assert answer.status in {404, 405}


async def test_back_from_webhook_to_polling(tg: FakeTelegram):
    alice = tg.user("Alice")
    async with served(tg, FakeDesk()):
        await tg.requested("setWebhook")
    config = TelegramConfig(token=SecretStr("42:TESTTOKEN"), base_url=tg.base_url)
    face = TelegramFace(config, FakeDesk(), now=lambda: datetime.now(UTC))
    await face.start()
    alice.says("/watch BTC")
    await alice.receives(1)
    await face.stop()

    assert tg.webhook == {}


async def test_a_webhook_that_somebody_took_away_is_set_again(
    tg: FakeTelegram, monkeypatch: pytest.MonkeyPatch
):
    every = timedelta(seconds=0.05)
    monkeypatch.setattr("handlers.telegram.face.WEBHOOK_CHECK", every)
    alice = tg.user("Alice")
    async with served(tg, FakeDesk()):
        await tg.requested("setWebhook")
        tg._methods.call("deleteWebhook", {})
        alice.says("/watch BTC")
        await alice.receives(1)

    assert tg.webhook["url"] == PUBLIC + PATH


async def test_posts_that_do_not_arrive_are_told(
    tg: FakeTelegram, monkeypatch: pytest.MonkeyPatch
):
    every = timedelta(seconds=2)
    monkeypatch.setattr("handlers.telegram.face.WEBHOOK_CHECK", every)
    alice = tg.user("Alice")
    async with served(tg, FakeDesk()) as (face, room):
        await tg.requested("setWebhook")
        tg.leads(PUBLIC, "http://127.0.0.1:1")
        alice.says("/watch BTC")
        await until(lambda: "Connection refused" in face.trouble())
        tg.leads(PUBLIC, room.url)
        await alice.receives(1)
        await until(lambda: face.trouble() == "")


async def test_an_update_that_cannot_be_taken_now_is_asked_for_again():
    answers = [False, True]
    taken = []

    async def take(update: dict) -> bool:
        taken.append(update["update_id"])
        return answers.pop(0)

    hook = Webhook("s", take).hook
    body = json.dumps({"update_id": 7}).encode()

    statuses = [await hook.take(body) for _ in range(3)]

    assert statuses == [503, 200, 200]
    assert taken == [7, 7]


def test_the_made_secret_is_the_same_everywhere_and_another_for_another_token():
    one, other = (
        TelegramConfig(token=SecretStr(t), mode="webhook", webhook_url=PUBLIC)
        for t in ("42:A", "42:B")
    )

    assert secret_of(one) == secret_of(one.model_copy())
    assert secret_of(one) != secret_of(other)
