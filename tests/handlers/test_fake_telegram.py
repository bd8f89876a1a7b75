"""The fake Bot API server, driven by a raw client: updates, posts and faults."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fake_telegram import FakeTelegram, User
from raw_telegram_bot import MUTE, Bot, Clock, keyboard
from shelves import png


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tg(clock: Clock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(clock=clock) as fake:
        yield fake


@pytest.fixture
async def bot(tg: FakeTelegram) -> AsyncIterator[Bot]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Bot(tg, http)


@pytest.fixture
async def alice(tg: FakeTelegram, bot: Bot) -> User:
    """Somebody who has started the bot and whose update is already fetched."""
    user = tg.user("Alice")
    user.says("/start")
    await bot.updates()
    await bot.updates(offset=-1)
    tg.world.updates.clear()
    return user


async def test_what_somebody_types_arrives_with_its_entities(
    tg: FakeTelegram, bot: Bot
) -> None:
    alice = tg.user("Alice", language="de")
    number = alice.says("😀 /watch BTC")

    (update,) = await bot.updates()

    message = update["message"]
    assert message["message_id"] == number
    assert message["from"]["language_code"] == "de"
    assert message["chat"] == {"id": alice.id, "type": "private", "first_name": "Alice"}
    assert message["entities"] == [{"type": "bot_command", "offset": 3, "length": 6}]


async def test_an_update_comes_again_until_its_offset_is_confirmed(
    tg: FakeTelegram, bot: Bot
) -> None:
    alice = tg.user("Alice")
    alice.says("/one")
    alice.says("/two")

    first = await bot.updates(limit=1)
    again = await bot.updates()
    rest = await bot.updates(offset=first[0]["update_id"] + 1)

    assert [u["message"]["text"] for u in again] == ["/one", "/two"]
    assert [u["message"]["text"] for u in rest] == ["/two"]


async def test_a_long_poll_ends_when_something_happens(
    tg: FakeTelegram, bot: Bot
) -> None:
    alice = tg.user("Alice")
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        poll = tasks.create_task(bot.updates(timeout=50))
        await tg.requested("getUpdates")
        alice.says("/start")

    assert poll.result()[0]["message"]["text"] == "/start"


async def test_a_second_poller_ends_the_first_with_409(
    tg: FakeTelegram, bot: Bot
) -> None:
    alice = tg.user("Alice")
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        first = tasks.create_task(bot.ask("getUpdates", timeout=50))
        await tg.requested("getUpdates")
        second = tasks.create_task(bot.ask("getUpdates", timeout=50))
        await tg.requested("getUpdates", 2)
        alice.says("/start")

    assert first.result()["error_code"] == 409
    assert "terminated by other getUpdates" in first.result()["description"]
    assert len(second.result()["result"]) == 1


async def test_polling_with_a_webhook_set_is_a_conflict(bot: Bot) -> None:
    await bot.ask("setWebhook", url="https://flipwatch.example/hook")

    status, words = await bot.refused("getUpdates")

    assert status == 409
    assert "webhook is active" in words
    await bot.ask("deleteWebhook")
    assert await bot.updates() == []


async def test_only_allowed_kinds_of_updates_are_kept(
    tg: FakeTelegram, bot: Bot
) -> None:
    await bot.updates(allowed_updates=["my_chat_member"])
    alice = tg.user("Alice")
    alice.says("/start")
    alice.blocks()

    updates = await bot.updates()

    assert ["my_chat_member" in u for u in updates] == [True]


async def test_a_negative_offset_forgets_all_but_the_last(
    tg: FakeTelegram, bot: Bot
) -> None:
    alice = tg.user("Alice")
    for text in ("/a", "/b", "/c"):
        alice.says(text)

    updates = await bot.updates(offset=-1)

    assert [u["message"]["text"] for u in updates] == ["/c"]
    assert tg.pending_updates == 1


async def test_a_message_is_seen_without_its_markup(alice: User, bot: Bot) -> None:
    number = await bot.send(
        alice,
        "🔴 <b>ETH</b> &lt;38&gt; &amp; "
        '<tg-time unix="1795183200" format="t">14:00 UTC</tg-time>',
        parse_mode="HTML",
        disable_notification=True,
        reply_markup=keyboard(
            [MUTE, {"text": "Open", "url": "https://t.me/FlipwatchBot?start=x"}]
        ),
    )

    (seen,) = await alice.receives(1)

    assert seen.message_id == number
    assert seen.text == "🔴 ETH <38> & 14:00 UTC"
    assert seen.html.startswith("🔴 <b>ETH</b>")
    assert seen.is_silent
    assert not seen.edited
    assert [b.label for b in seen.buttons[0]] == ["🔕 Mute 24 h", "Open"]
    assert alice.messages == (seen,)


async def test_json_and_multipart_requests_are_understood(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    url = f"{tg.base_url}{tg.token}/"
    body = {"chat_id": alice.id, "text": "json", "reply_markup": keyboard([MUTE])}
    form = aiohttp.FormData({"chat_id": str(alice.id), "caption": "<b>chart</b>"})
    form.add_field("parse_mode", "HTML")
    form.add_field("photo", "attach://file0")
    form.add_field("file0", png(), filename="chart.png")

    async with bot.http.post(url + "sendMessage", json=body) as answer:
        assert answer.status == 200
    async with bot.http.post(url + "sendPhoto", data=form) as answer:
        assert (await answer.json())["result"]["photo"]

    words, photo = await alice.receives(2)
    assert words.buttons[0][0].callback_data == "v1:mute24:1"
    assert (photo.text, photo.has_photo) == ("chart", True)
    assert tg.violations == []


async def test_a_press_is_answered_with_a_toast(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    await bot.send(alice, reply_markup=keyboard([MUTE]))
    (seen,) = await alice.receives()

    callback = alice.presses(seen, "Mute 24 h")
    (update,) = await bot.updates()
    query = update["callback_query"]
    await bot.ask("answerCallbackQuery", callback_query_id=query["id"], text="Muted")

    assert query["data"] == "v1:mute24:1"
    assert query["from"]["id"] == alice.id
    assert query["message"]["reply_markup"] == keyboard([MUTE])
    assert await alice.toast(callback) == "Muted"


async def test_pressing_a_button_that_is_not_there_fails_the_test(
    alice: User, bot: Bot
) -> None:
    number = await bot.send(alice, reply_markup=keyboard([MUTE]))

    with pytest.raises(AssertionError, match="Mute 24 h"):
        alice.presses(number, "Unwatch")


async def test_a_press_can_be_answered_for_a_limited_time(
    alice: User, bot: Bot, tg: FakeTelegram, clock: Clock
) -> None:
    number = await bot.send(alice, reply_markup=keyboard([MUTE]))
    callback = alice.presses(number, "Mute")
    tg.callback_lifetime = 10

    clock.now += 11

    status, words = await bot.refused("answerCallbackQuery", callback_query_id=callback)
    assert status == 400
    assert words.startswith("Bad Request: query is too old and response timeout")
    with pytest.raises(AssertionError, match="not answered"):
        await alice.toast(callback, timeout=0.01)


async def test_an_edit_is_seen_in_place(alice: User, bot: Bot) -> None:
    number = await bot.send(alice, "before", reply_markup=keyboard([MUTE]))

    await bot.ask("editMessageText", chat_id=alice.id, message_id=number, text="after")

    (seen,) = alice.messages
    assert (seen.text, seen.edited, seen.buttons) == ("after", True, ())


async def test_an_edit_that_changes_nothing_is_refused(alice: User, bot: Bot) -> None:
    number = await bot.send(alice, reply_markup=keyboard([MUTE]))
    same = {"chat_id": alice.id, "message_id": number, "reply_markup": keyboard([MUTE])}

    _, text = await bot.refused("editMessageText", text="hello", **same)
    _, markup = await bot.refused("editMessageReplyMarkup", **same)

    assert text.startswith("Bad Request: message is not modified")
    assert markup.startswith("Bad Request: message is not modified")


async def test_a_deleted_message_is_gone(alice: User, bot: Bot) -> None:
    number = await bot.send(alice)
    where = {"chat_id": alice.id, "message_id": number}

    await bot.ask("deleteMessage", **where)

    assert alice.messages == ()
    assert await bot.refused("editMessageText", text="x", **where) == (
        400,
        "Bad Request: message to edit not found",
    )


async def test_a_reply_needs_its_message_or_leave_to_go_without(
    alice: User, bot: Bot
) -> None:
    known = alice.says("/signal BTC")
    await bot.send(alice, reply_parameters={"message_id": known})
    lost = {"message_id": 999}

    refusal = await bot.refused(
        "sendMessage", chat_id=alice.id, text="x", reply_parameters=lost
    )
    await bot.send(alice, reply_parameters=lost | {"allow_sending_without_reply": True})

    assert refusal == (400, "Bad Request: message to be replied not found")
    assert [m.reply_to for m in alice.messages] == [known, None]


async def test_waiting_in_vain_says_what_was_seen(alice: User, bot: Bot) -> None:
    await bot.send(alice, "only this one")

    with pytest.raises(AssertionError, match=r"1 of 2 .*\n(.*\n)*.*only this one"):
        await alice.receives(2, timeout=0.01)


async def test_quiet_notices_a_message(alice: User, bot: Bot, tg: FakeTelegram) -> None:
    await tg.quiet(0.01)

    with pytest.raises(AssertionError, match="not quiet"):
        await asyncio.gather(tg.quiet(5), bot.send(alice))


async def test_an_ordered_failure_delivers_nothing_and_ends(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    bob = tg.user("Bob")
    bob.says("/start")
    tg.fail_next(
        "sendMessage",
        status=429,
        description="Too Many Requests: retry after 7",
        parameters={"retry_after": 7},
        chat=alice,
    )

    await bot.send(bob)
    answer = await bot.ask("sendMessage", chat_id=alice.id, text="x")
    await bot.send(alice, "now")

    assert answer["parameters"] == {"retry_after": 7}
    assert [m.text for m in alice.messages] == ["now"]
    assert tg.too_many == 0


async def test_a_gateway_may_answer_something_else_than_json(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    tg.fail_next("*", status=502, raw="<html>Bad Gateway</html>")

    async with bot.http.get(f"{tg.base_url}{tg.token}/getMe") as answer:
        assert (answer.status, await answer.text()) == (502, "<html>Bad Gateway</html>")


async def test_a_lost_answer_is_a_delivered_message(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    tg.lose_answer_next("sendMessage")

    with pytest.raises(aiohttp.ClientConnectionError):
        await bot.send(alice, "once")
    await bot.send(alice, "twice")

    assert [m.text for m in alice.messages] == ["once", "twice"]


@pytest.mark.parametrize("is_delivered", [True, False])
async def test_a_hanging_request_ends_when_the_client_gives_up(
    alice: User, bot: Bot, tg: FakeTelegram, is_delivered: bool
) -> None:
    tg.hang_next("sendMessage", is_delivered=is_delivered)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bot.send(alice)

    assert len(alice.messages) == is_delivered
    await bot.send(alice)


async def test_a_restart_drops_connections_and_keeps_the_world(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    await bot.send(alice, "before")
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        polling = bot.ask("getUpdates", timeout=50)
        poll = tasks.create_task(asyncio.wait_for(_outcome(polling), 5))
        await tg.requested("getUpdates", 3)
        tg.restart()

    await bot.send(alice, "after")

    assert isinstance(poll.result(), aiohttp.ClientConnectionError)
    assert [m.text for m in alice.messages] == ["before", "after"]


async def _outcome(asking: Any) -> object:
    try:
        return await asking
    except aiohttp.ClientConnectionError as error:
        return error


async def test_requests_are_recorded_with_their_types(
    alice: User, bot: Bot, tg: FakeTelegram, clock: Clock
) -> None:
    clock.now = 2000.0
    await bot.send(alice, link_preview_options={"is_disabled": True})

    request = tg.requests[-1]

    assert (request.method, request.at) == ("sendMessage", 2000.0)
    assert request.params == {
        "chat_id": alice.id,
        "text": "hello",
        "link_preview_options": {"is_disabled": True},
    }
    assert tg.sent[-1].sent_at == 2000.0
