"""The sender against a Bot API server on loopback."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_telegram import FakeTelegram

from bot.config import TelegramConfig
from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.message import Button, Message, bold, line
from bot.model import Address, JsonDict, Platform
from bot.ports import Sender
from handlers.telegram.sender import TelegramSender
from handlers.telegram.transport import make_bot

AT_14 = datetime(2026, 11, 20, 14, tzinfo=UTC)
ALERT = Message(
    title=line("🔴 ", bold("ETH <turned> bearish")),
    stamp=AT_14,
    buttons=((Button("Mute 24 h", "v1:mute24:7"),),),
)


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(token="42:TESTTOKEN") as server:
        yield server


@pytest.fixture
async def sender(tg: FakeTelegram) -> AsyncIterator[TelegramSender]:
    config = TelegramConfig(token=tg.token, base_url=tg.base_url)
    telegram = TelegramSender(make_bot(config), send_timeout=timedelta(seconds=5))
    yield telegram
    await telegram.close()
    await telegram.close()


def at(chat: object, topic: str = "") -> Address:
    return Address(Platform.TELEGRAM, str(getattr(chat, "id", chat)), topic)


def part_of(message: Message, **changes: object) -> JsonDict:
    (part,) = TelegramSender(make_bot(TelegramConfig(token="1:x"))).render(message)
    return {**part, **changes}


async def test_an_alert_arrives_with_its_buttons_and_its_sound(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    first = alice.says("/start")

    receipt = await sender.send(
        at(alice), part_of(ALERT, reply_to=str(first)), nonce="1-0"
    )

    (seen,) = alice.messages
    assert receipt.message_ref == str(seen.message_id)
    assert seen.text == "🔴 ETH <turned> bearish\n\n14:00 UTC"
    assert seen.buttons[0][0].callback_data == "v1:mute24:7"
    assert (seen.is_silent, seen.reply_to) == (False, first)
    assert tg.violations == []


async def test_a_silent_part_goes_into_its_topic_without_a_sound(
    tg: FakeTelegram, sender: TelegramSender
):
    group = tg.group("Traders", admins=[tg.user("Alice")], is_forum=True)
    topic = group.topic("Alerts")

    await sender.send(
        at(group, str(topic)),
        part_of(ALERT.evolve(is_silent=True)),
        nonce="1-0",
    )

    (seen,) = group.messages
    assert (seen.thread, seen.is_silent) == (topic, True)
    assert tg.violations == []


async def test_a_reply_to_a_message_that_is_gone_arrives_all_the_same(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    alice.says("/start")

    await sender.send(at(alice), part_of(ALERT, reply_to="999999"), nonce="1-0")

    assert alice.messages[0].reply_to is None
    assert tg.violations == []


async def test_plain_sends_the_words_without_markup(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    alice.says("/start")

    await sender.send(at(alice), part_of(ALERT), nonce="1-0", is_plain=True)

    (request,) = [r for r in tg.requests if r.method == "sendMessage"]
    assert request.params["text"] == "🔴 ETH <turned> bearish\n\n14:00 UTC"
    assert "parse_mode" not in request.params
    assert tg.violations == []


async def test_an_old_server_gets_written_times_at_once_and_from_then_on(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    alice.says("/start")
    tg.knows_time_entities = False
    frozen = part_of(ALERT)

    await sender.send(at(alice), frozen, nonce="1-0")
    await sender.send(at(alice), frozen, nonce="2-0")

    texts = [r.params["text"] for r in tg.requests if r.method == "sendMessage"]
    assert ["<tg-time" in t for t in texts] == [True, False, False]
    assert [m.text for m in alice.messages] == [str(frozen["plain"])] * 2
    assert "<tg-time" not in str(sender.render(ALERT)[0]["text"])
    assert tg.violations == []


async def test_other_markup_errors_are_a_refusal_and_no_reason_to_forget_times(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    alice.says("/start")
    tg.fail_next(
        "sendMessage",
        status=400,
        description='Bad Request: can\'t parse entities: Unsupported start tag "x"',
    )

    with pytest.raises(MessageRejectedError) as caught:
        await sender.send(at(alice), part_of(ALERT), nonce="1-0")

    assert caught.value.reason == "bad_markup"
    assert "<tg-time" in str(sender.render(ALERT)[0]["text"])
    assert tg.violations == []


async def test_whoever_is_gone_is_told_apart_by_a_reason(
    tg: FakeTelegram, sender: TelegramSender
):
    alice, bob, stranger = tg.user("Alice"), tg.user("Bob"), tg.user("Eve")
    for person in (alice, bob):
        person.says("/start")
    alice.blocks()
    bob.deactivates()
    forum = tg.group("Forum", admins=[alice], is_forum=True)
    topic = forum.topic("Alerts")
    forum.deletes_topic(topic)
    kicked = tg.group("Kicked", admins=[bob])
    kicked.kicks_bot(by=bob)
    mute = tg.group("Mute", admins=[bob])
    mute.forbids_writing()
    deleted = tg.group("Deleted", admins=[bob], is_supergroup=False)
    deleted.deletes()

    reasons = []
    for place in (
        at(alice),
        at(bob),
        at(stranger),
        at(12345),
        at(forum, str(topic)),
        at(kicked),
        at(mute),
        at(deleted),
    ):
        with pytest.raises(RecipientGoneError) as caught:
            await sender.send(place, part_of(ALERT), nonce="1-0")
        reasons.append(caught.value.reason)

    assert reasons == [
        "blocked",
        "deactivated",
        "never_started",
        "chat_not_found",
        "topic_gone",
        "kicked",
        "no_rights",
        "chat_deleted",
    ]
    assert tg.violations == []


async def test_a_group_that_became_a_supergroup_gives_its_new_id(
    tg: FakeTelegram, sender: TelegramSender
):
    group = tg.group("Traders", admins=[tg.user("Alice")], is_supergroup=False)
    old = group.id
    new = group.migrates()

    with pytest.raises(RecipientMovedError) as caught:
        await sender.send(at(old), part_of(ALERT), nonce="1-0")

    assert caught.value.new_chat == str(new)
    assert tg.violations == []


async def test_a_rate_limit_names_the_wait(tg: FakeTelegram, sender: TelegramSender):
    alice = tg.user("Alice")
    alice.says("/start")
    tg.fail_next(
        "sendMessage",
        status=429,
        description="Too Many Requests: retry after 7",
        parameters={"retry_after": 7},
    )

    with pytest.raises(TemporaryDeliveryError) as caught:
        await sender.send(at(alice), part_of(ALERT), nonce="1-0")

    assert caught.value.retry_after == timedelta(seconds=7)
    assert caught.value.is_unknown is False
    assert tg.violations == []


async def test_a_lost_answer_and_a_server_error_may_have_delivered(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    alice.says("/start")
    tg.lose_answer_next("sendMessage")
    tg.fail_next("sendMessage", status=502, raw="<html>bad gateway</html>")

    for reason in ("connection_lost", "server_error"):
        with pytest.raises(TemporaryDeliveryError) as caught:
            await sender.send(at(alice), part_of(ALERT), nonce="1-0")
        assert (caught.value.reason, caught.value.is_unknown) == (reason, True)

    assert len(alice.messages) == 1
    assert tg.violations == []


async def test_a_server_that_hangs_is_left_after_the_timeout(tg: FakeTelegram):
    alice = tg.user("Alice")
    alice.says("/start")
    tg.hang_next("sendMessage")
    config = TelegramConfig(token=tg.token, base_url=tg.base_url)
    sender = TelegramSender(make_bot(config), send_timeout=timedelta(seconds=0.2))

    with pytest.raises(TemporaryDeliveryError) as caught:
        await sender.send(at(alice), part_of(ALERT), nonce="1-0")
    await sender.close()

    assert (caught.value.reason, caught.value.is_unknown) == ("timeout", True)
    assert tg.violations == []


async def test_an_unreachable_server_certainly_did_not_deliver():
    config = TelegramConfig(token="42:X", base_url="http://127.0.0.1:1/bot")
    sender = TelegramSender(make_bot(config))

    with pytest.raises(TemporaryDeliveryError) as caught:
        await sender.send(at(5), part_of(ALERT), nonce="1-0")
    await sender.close()

    assert (caught.value.reason, caught.value.is_unknown) == ("not_connected", False)


async def test_a_wrong_token_is_the_operators_and_is_never_shown(tg: FakeTelegram):
    config = TelegramConfig(token="42:SECRET", base_url=tg.base_url)
    sender = TelegramSender(make_bot(config))

    for action in (
        sender.send(at(5), part_of(ALERT), nonce="1-0"),
        sender.probe(),
    ):
        with pytest.raises(SenderMisconfiguredError) as caught:
            await action
        assert "SECRET" not in str(caught.value)
        assert caught.value.__context__ is None
    await sender.close()
    assert tg.violations == []


async def test_an_edit_replaces_text_and_buttons_and_is_idempotent(
    tg: FakeTelegram, sender: TelegramSender
):
    alice = tg.user("Alice")
    alice.says("/start")
    receipt = await sender.send(at(alice), part_of(ALERT), nonce="1-0")
    undone = part_of(ALERT.evolve(title=line("muted"), buttons=()))

    for _ in range(2):
        await sender.edit(at(alice), receipt.message_ref, undone)
    for _ in range(2):
        await sender.edit_buttons(
            at(alice), receipt.message_ref, ((Button("Undo", "v1:undo:7"),),)
        )

    (seen,) = alice.messages
    assert seen.text.startswith("muted")
    assert seen.buttons[0][0].label == "Undo"
    assert tg.violations == []


def test_it_is_a_sender_with_a_window_shorter_than_a_deciders_memory():
    sender: Sender = TelegramSender(make_bot(TelegramConfig(token="1:x")))

    assert sender.platform is Platform.TELEGRAM
    assert sender.repeat_window == timedelta(seconds=60)
