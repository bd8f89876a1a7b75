"""The face starts, survives, says what is wrong, and stops."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from fake_telegram import FakeTelegram
from telegram import Update
from telegram_desk import FakeDesk, listening, utc_now

from bot.config import TelegramConfig
from bot.errors import ConfigError
from bot.ports import Face
from handlers.telegram.face import ChatOrder, TelegramFace


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(token="42:TESTTOKEN") as server:
        yield server
        assert server.violations == []


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - trouble() has nothing to wait on
            await asyncio.sleep(0.01)


async def test_a_connected_face_has_no_trouble_and_polls_what_it_needs(
    tg: FakeTelegram,
):
    async with listening(tg, FakeDesk()) as face:
        assert face.trouble() == "Telegram: not connected yet"
        (poll,) = await tg.requested("getUpdates")
        await until(lambda: face.trouble() == "")

    assert sorted(poll.params["allowed_updates"]) == [
        "callback_query",
        "channel_post",
        "message",
        "my_chat_member",
    ]
    methods = [r.method for r in tg.requests]
    assert methods[:3] == ["getMe", "deleteWebhook", "setMyCommands"]


async def test_an_unreachable_server_does_not_block_the_start():
    config = TelegramConfig(token="42:X", base_url="http://127.0.0.1:1/bot")
    face: Face = TelegramFace(config, FakeDesk(), now=utc_now)

    await face.start()
    await until(lambda: "No connection" in face.trouble())
    trouble = face.trouble()
    await face.stop()
    await face.stop()

    assert trouble.endswith("(since 14:00 UTC)")
    assert "42:X" not in trouble


async def test_a_wrong_token_is_told_and_asked_about_again(
    tg: FakeTelegram, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    alice = tg.user("Alice")
    async with listening(tg, FakeDesk(), token="42:RENEWED") as face:
        await until(lambda: "refuses the bot's token" in face.trouble())
        tg.token = tg.world.token = "42:RENEWED"
        await until(lambda: face.trouble() == "")
        alice.says("/watch BTC")
        await alice.receives(1)

    told = [r for r in caplog.records if r.msg == "Telegram does not answer"]
    assert len(told) == 1
    assert "RENEWED" not in caplog.text


async def test_polling_survives_a_restart_of_the_server(tg: FakeTelegram):
    alice = tg.user("Alice")
    async with listening(tg, FakeDesk()) as face:
        alice.says("/watch BTC")
        await alice.receives(1)
        await tg.requested("getUpdates", 2)

        tg.restart()
        alice.says("/watch ETH")
        (reply,) = await alice.receives(1)
        await until(lambda: face.trouble() == "")

    assert reply.text == "Said: /watch ETH"
    assert len(alice.messages) == 2


async def test_a_revoked_token_in_the_middle_is_told_and_recovered_from(
    tg: FakeTelegram,
):
    alice = tg.user("Alice")
    async with listening(tg, FakeDesk()) as face:
        await tg.requested("getUpdates")
        tg.token = "42:OTHER"
        tg.restart()
        await until(lambda: "refuses the bot's token" in face.trouble())
        tg.token = "42:TESTTOKEN"
        alice.says("/watch BTC")
        await alice.receives(1)


@pytest.mark.parametrize(
    ("status", "description", "parameters", "told"),
    [
        (409, "Conflict: terminated by other getUpdates", None, "the same bot token"),
        (429, "Too Many Requests", {"retry_after": 1}, "Too many requests"),
        (502, "Bad Gateway", None, "The server failed"),
    ],
)
async def test_polling_goes_on_after_a_failure(
    tg: FakeTelegram,
    status: int,
    description: str,
    parameters: dict[str, int] | None,
    told: str,
):
    alice = tg.user("Alice")
    tg.fail_next(
        "getUpdates", status=status, description=description, parameters=parameters
    )
    async with listening(tg, FakeDesk()) as face:
        await until(lambda: told in face.trouble())
        alice.says("/watch BTC")
        await alice.receives(1)
        assert face.trouble() == ""


async def test_an_update_that_can_not_be_read_holds_up_nobody(
    tg: FakeTelegram, caplog: pytest.LogCaptureFixture
):
    alice, desk = tg.user("Alice"), FakeDesk()
    async with listening(tg, desk) as face:
        await until(lambda: face.trouble() == "")
        alice.says("/watch BTC")
        tg.world.push("message", {"message_id": "my words"})
        alice.says("/watch ETH")
        await alice.receives(2)
        tg.world.push("message", {"chat": [[]]})
        alice.says("/watch SOL")
        await alice.receives(1)
        assert face.trouble() == ""

    assert [c.text for c in desk.calls] == ["/watch BTC", "/watch ETH", "/watch SOL"]
    assert caplog.text.count("an update that can't be read") == 2
    assert "my words" not in caplog.text


async def test_a_refused_command_menu_stops_nothing(tg: FakeTelegram):
    alice = tg.user("Alice")
    tg.fail_next("setMyCommands", status=500)
    async with listening(tg, FakeDesk()):
        alice.says("/watch BTC")
        await alice.receives(1)


async def test_what_was_done_before_a_stop_is_not_done_again(tg: FakeTelegram):
    alice = tg.user("Alice")
    desk = FakeDesk()
    gate = desk.gates["/watch BTC"] = asyncio.Event()
    async with listening(tg, desk):
        alice.says("/watch BTC")
        await tg.requested("getUpdates", 2)
        # the handler is still busy when the stop begins
        asyncio.get_running_loop().call_later(0.1, gate.set)
    assert [m.text for m in alice.messages] == ["Said: /watch BTC"]
    assert tg.pending_updates == 0

    async with listening(tg, desk):
        alice.says("/watch ETH")
        await alice.receives(2)

    assert [c.text for c in desk.calls] == ["/watch BTC", "/watch ETH"]


async def test_updates_from_before_the_start_are_served(tg: FakeTelegram):
    alice = tg.user("Alice")
    alice.says("/watch BTC")

    async with listening(tg, FakeDesk()):
        await alice.receives(1)


async def test_without_a_token_there_is_nothing_to_start():
    face = TelegramFace(TelegramConfig(), FakeDesk(), now=utc_now)

    with pytest.raises(ConfigError, match="token"):
        await face.start()
    await face.stop()


async def test_one_chats_flood_leaves_room_for_the_others():
    order = ChatOrder(at_once=2)
    gate, served = asyncio.Event(), []

    async def work(name: str) -> None:
        if name == "slow":
            await gate.wait()
        served.append(name)

    flood = [
        asyncio.create_task(order.process_update(object(), work("slow")))
        for _ in range(5)
    ]
    other = asyncio.create_task(order.process_update(_update(7), work("other")))
    await asyncio.wait_for(other, timedelta(seconds=5).total_seconds())
    gate.set()
    await asyncio.gather(*flood)

    assert served == ["other", *["slow"] * 5]


def _update(chat: int) -> object:
    return Update.de_json(
        {
            "update_id": 1,
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": chat, "type": "private"},
                "text": "x",
            },
        },
        None,
    )
