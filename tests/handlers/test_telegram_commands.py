"""What is typed, pressed and changed on Telegram reaches the desk, and comes back."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fake_telegram import FakeTelegram
from telegram import Update
from telegram_desk import FakeDesk, listening

from bot.config import TelegramConfig
from bot.message import Button, Message, line
from bot.model import Address, PlaceKind, Platform
from bot.ports import PressReply
from handlers.telegram.commands import APOLOGY, MENU, TelegramCommands
from handlers.telegram.sender import TelegramSender
from handlers.telegram.transport import make_bot

ALERT = Message(
    title=line("ETH turned bearish"), buttons=((Button("Mute", "v1:m:7"),),)
)


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(token="42:TESTTOKEN") as server:
        yield server
        assert server.violations == []


@pytest.fixture
async def desk(tg: FakeTelegram) -> AsyncIterator[FakeDesk]:
    """A desk with a face in front of it."""
    behind = FakeDesk()
    async with listening(tg, behind):
        yield behind


def telegram(chat: int | str, topic: int | str = "") -> Address:
    return Address(Platform.TELEGRAM, str(chat), str(topic))


# ---------------------------------------------------------------- what is typed


async def test_a_private_command_is_answered_where_it_was_typed(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice", language="de")
    alice.says("/watch BTC 80")

    (reply,) = await alice.receives(1)

    (call,) = desk.calls
    assert reply.text == "Said: /watch BTC 80"
    assert reply.reply_to is None
    assert call.place == telegram(alice.id)
    assert (call.kind, call.user) == (PlaceKind.PRIVATE, f"telegram:{alice.id}")
    assert (call.language, desk.admins) == ("de", [True])
    assert call.open_private is None


async def test_symbols_alone_are_passed_on_in_a_private_chat(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    alice.says("BTC, eth $SOL")

    await alice.receives(1)

    assert desk.calls[0].text == "BTC, eth $SOL"


async def test_a_deep_link_arrives_with_its_payload(tg: FakeTelegram, desk: FakeDesk):
    alice = tg.user("Alice")
    alice.says("/help")
    await alice.receives(1)
    make_link = desk.calls[0].private_link
    assert make_link is not None

    alice.opens_link(make_link("watch_BTC"))
    await alice.receives(1)

    assert desk.calls[1].text == "/start watch_BTC"
    assert make_link("watch $BTC") == ""
    assert make_link("x" * 65) == ""


async def test_a_member_is_no_admin_and_gets_the_answer_as_a_reply(
    tg: FakeTelegram, desk: FakeDesk
):
    alice, bob = tg.user("Alice"), tg.user("Bob")
    group = tg.group("Traders", admins=[alice], members=[bob])
    typed = bob.says("/watch BTC", in_=group)

    (reply,) = await group.receives(1)

    (call,) = desk.calls
    assert reply.reply_to == typed
    assert (call.place, call.kind) == (telegram(group.id), PlaceKind.GROUP)
    assert (call.user, desk.admins) == (f"telegram:{bob.id}", [False])


async def test_whether_somebody_is_an_admin_is_asked_every_time(
    tg: FakeTelegram, desk: FakeDesk
):
    alice, bob = tg.user("Alice"), tg.user("Bob")
    group = tg.group("Traders", admins=[alice], members=[bob])
    for change in (
        lambda: None,
        lambda: group.promotes(bob),
        lambda: group.demotes(bob),
    ):
        change()
        bob.says("/broadcast top100", in_=group)
        await group.receives(1)

    assert desk.admins == [False, True, False]


async def test_hidden_members_are_looked_up_among_the_admins(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    tg.fail_next(
        "getChatMember",
        status=400,
        description="Bad Request: member list is inaccessible",
    )
    alice.says("/broadcast top100", in_=group)

    await group.receives(1)

    assert desk.admins == [True]


async def test_a_topic_of_a_forum_is_a_place_of_its_own(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    forum = tg.group("Forum", admins=[alice], is_forum=True)
    topic = forum.topic("Alerts")
    alice.says("/broadcast all", in_=forum, topic=topic)

    (reply,) = await forum.receives(1)

    assert reply.thread == topic
    assert desk.calls[0].place == telegram(forum.id, topic)


async def test_an_anonymous_admin_speaks_for_the_group(
    tg: FakeTelegram, desk: FakeDesk
):
    group = tg.group("Traders", admins=[tg.user("Alice")])
    group.anonymous_admin_says("/broadcast top100")

    await group.receives(1)

    assert (desk.calls[0].user, desk.admins) == ("", [True])
    assert [r.method for r in tg.requests].count("getChatMember") == 0


async def test_a_channel_post_speaks_for_the_channel(tg: FakeTelegram, desk: FakeDesk):
    channel = tg.channel("Signals", admins=[tg.user("Alice")])
    channel.posts("good morning")
    channel.posts("/broadcast top100")

    await channel.receives(1)

    (call,) = desk.calls
    assert (call.place, call.kind) == (telegram(channel.id), PlaceKind.CHANNEL)
    assert (call.user, call.text, desk.admins) == ("", "/broadcast top100", [True])


async def test_what_is_meant_for_others_is_left_alone(tg: FakeTelegram, desk: FakeDesk):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    group.makes_bot_admin(by=alice)  # reads everything then
    private = alice.says("/watch@OtherBot BTC")
    alice.edits(private, "/watch BTC")
    for text in ("/watch@OtherBot BTC", "/ban bob", "BTC", "hello"):
        alice.says(text, in_=group)
    alice.says("/Watch@flipwatchBOT BTC", in_=group)

    (reply,) = await group.receives(1)
    await tg.quiet(0.2)

    assert reply.text == "Said: /watch BTC"
    assert [c.text for c in desk.calls] == ["/watch BTC"]
    assert alice.messages == ()


GROUP = {"id": -100, "type": "supergroup", "title": "T"}
CHANNEL = {"id": -200, "type": "channel", "title": "C"}
BOB = {"id": 7, "is_bot": False, "first_name": "Bob"}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            {
                "from": {"id": 777000, "is_bot": False, "first_name": "Telegram"},
                "sender_chat": CHANNEL,
                "is_automatic_forward": True,
                "forward_origin": {
                    "type": "channel",
                    "chat": CHANNEL,
                    "message_id": 3,
                    "date": 1,
                },
                "text": "/broadcast all",
            },
            id="a linked channel's post, forwarded by Telegram",
        ),
        pytest.param(
            {"from": {**BOB, "is_bot": True}, "text": "/watch BTC"},
            id="another bot's words",
        ),
        pytest.param({"from": BOB}, id="a message without text"),
        pytest.param({"from": BOB, "text": "   "}, id="a message of blanks"),
    ],
)
async def test_it_does_not_answer(message: dict):
    desk = FakeDesk()
    bot = make_bot(TelegramConfig(token="42:X"))
    commands = TelegramCommands(desk, TelegramSender(bot), bot)
    body = {"message_id": 9, "date": 1, "chat": GROUP, **message}

    await commands.on_message(Update.de_json({"update_id": 1, "message": body}), None)

    assert desk.calls == []


async def test_a_channel_that_speaks_in_a_group_is_nobodys_admin():
    desk = FakeDesk(replies={"/status": RuntimeError("enough")})
    bot = make_bot(TelegramConfig(token="42:X"))
    commands = TelegramCommands(desk, TelegramSender(bot), bot)
    channel_bot = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
    body = {
        "message_id": 9,
        "date": 1,
        "chat": GROUP,
        "from": channel_bot,
        "sender_chat": CHANNEL,
        "text": "/status",
    }

    with pytest.raises(RuntimeError, match="enough"):
        await commands.on_message(
            Update.de_json({"update_id": 1, "message": body}), None
        )

    assert (desk.calls[0].user, desk.admins) == ("telegram:-200", [False])


async def test_one_chats_updates_are_served_in_order_and_others_do_not_wait(
    tg: FakeTelegram, desk: FakeDesk
):
    alice, bob = tg.user("Alice"), tg.user("Bob")
    gate = desk.gates["/watch SLOW"] = asyncio.Event()
    alice.says("/watch SLOW")
    alice.says("/unwatch SLOW")
    bob.says("/watch BTC")

    await bob.receives(1)
    gate.set()
    replies = await alice.receives(2)

    texts = [c.text for c in desk.calls]
    assert texts == ["/watch BTC", "/watch SLOW", "/unwatch SLOW"]
    assert [r.text for r in replies] == ["Said: /watch SLOW", "Said: /unwatch SLOW"]


# ---------------------------------------------------------------- what is pressed


async def test_a_press_is_answered_once_and_edits_its_message(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(
        toast="Muted until 14:05",
        message=Message(title=line("Tell me more")),
        buttons=((Button("Undo", "v1:undo:7"),),),
    )
    alice.says("/preview")
    (alert,) = await alice.receives(1)

    toast = await alice.toast(alice.presses(alert, "Mute"))
    (more,) = await alice.receives(1)

    (call, action) = desk.pressed[0]
    assert toast == "Muted until 14:05"
    assert (action, call.message_ref) == ("v1:m:7", str(alert.message_id))
    assert call.user == f"telegram:{alice.id}"
    assert more.text == "Tell me more"
    assert alice.messages[0].buttons[0][0].label == "Undo"
    assert [r.method for r in tg.requests].count("answerCallbackQuery") == 1


async def test_a_press_can_replace_the_message_and_a_repeat_changes_nothing(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(edited=ALERT.evolve(title=line("No more ETH")))
    alice.says("/preview")
    (alert,) = await alice.receives(1)

    for _ in range(2):
        await alice.toast(alice.presses(alert, "Mute"))
    await tg.requested("editMessageText", 2)

    assert alice.messages[0].text == "No more ETH"


async def test_in_a_group_a_short_message_is_an_alert_for_the_presser(
    tg: FakeTelegram, desk: FakeDesk
):
    alice, bob = tg.user("Alice"), tg.user("Bob")
    group = tg.group("Traders", admins=[alice], members=[bob])
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(message=Message(title=line("2 for, 1 against")))
    alice.says("/preview", in_=group)
    (alert,) = await group.receives(1)

    toast = await bob.toast(bob.presses(alert, "Mute"))
    await tg.quiet(0.2)

    (answer,) = [r for r in tg.requests if r.method == "answerCallbackQuery"]
    assert toast == "2 for, 1 against"
    assert answer.params["show_alert"] is True
    assert len(group.messages) == 1
    assert desk.admins == [True, False]


async def test_in_a_group_a_long_message_opens_the_private_chat(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(message=Message(title=line("x" * 201)))
    alice.says("/preview", in_=group)
    (alert,) = await group.receives(1)

    link = await alice.opened(alice.presses(alert, "Mute"))
    alice.opens_link(link)
    await alice.receives(1)

    assert link == "https://t.me/FlipwatchBot?start=m_7"
    assert desk.calls[-1].text == "/start m_7"


async def test_a_toast_that_is_too_long_is_shortened(tg: FakeTelegram, desk: FakeDesk):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(toast="x" * 300)
    alice.says("/preview")
    (alert,) = await alice.receives(1)

    toast = await alice.toast(alice.presses(alert, "Mute"))

    assert toast.endswith("x…")


async def test_a_press_that_is_too_old_to_be_answered_is_done_all_the_same(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(edited=Message(title=line("Muted")))
    alice.says("/preview")
    (alert,) = await alice.receives(1)
    tg.fail_next(
        "answerCallbackQuery",
        status=400,
        description="Bad Request: query is too old and response timeout expired",
    )

    alice.presses(alert, "Mute")
    await tg.requested("editMessageText")

    assert alice.messages[0].text == "Muted"


# ---------------------------------------------------------------- where the bot is


async def test_block_and_unblock_reach_the_desk(tg: FakeTelegram, desk: FakeDesk):
    alice = tg.user("Alice")
    alice.says("/start")
    await alice.receives(1)

    alice.blocks()
    alice.unblocks()

    assert await desk.heard(2) == [
        f"gone telegram:{alice.id} blocked",
        f"back telegram:{alice.id} private",
    ]


async def test_a_group_is_greeted_when_the_bot_comes_and_parked_when_it_goes(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice], has_bot=False)
    desk.greeting = Message(title=line("I post when a crypto signal flips"))

    group.adds_bot(by=alice)
    (greeting,) = await group.receives(1)
    group.makes_bot_admin(by=alice)
    group.kicks_bot(by=alice)

    assert greeting.text == "I post when a crypto signal flips"
    assert await desk.heard(3) == [
        f"back telegram:{group.id} group",
        f"added telegram:{group.id} group",
        f"gone telegram:{group.id} kicked",
    ]


async def test_leaving_and_losing_the_right_to_post_park_too(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice], is_supergroup=False)
    channel = tg.channel("Signals", admins=[alice], has_bot=False)

    group.loses_bot()
    await desk.heard(1)
    channel.adds_bot(by=alice)
    await desk.heard(3)
    channel.makes_bot_member(by=alice)

    assert await desk.heard(4) == [
        f"gone telegram:{group.id} not_member",
        f"back telegram:{channel.id} channel",
        f"added telegram:{channel.id} channel",
        f"gone telegram:{channel.id} no_rights",
    ]


async def test_a_group_that_becomes_a_supergroup_is_followed(
    tg: FakeTelegram, desk: FakeDesk
):
    group = tg.group("Traders", admins=[tg.user("Alice")], is_supergroup=False)
    old = group.id

    new = group.migrates()

    news = await desk.heard(2)
    assert set(news) == {f"moved telegram:{old} telegram:{new}"}


# ---------------------------------------------------------------- what goes wrong


async def test_a_reply_that_finds_nobody_parks_the_recipient(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    tg.fail_next(
        "sendMessage",
        status=403,
        description="Forbidden: bot was blocked by the user",
    )
    alice.says("/watch BTC")

    assert await desk.heard(1) == [f"gone telegram:{alice.id} blocked"]


async def test_a_reply_into_a_group_that_just_moved_follows_it(
    tg: FakeTelegram, desk: FakeDesk
):
    group = tg.group("Traders", admins=[tg.user("Alice")], is_supergroup=False)
    old = group.id
    gate = desk.gates["/broadcast all"] = asyncio.Event()
    group.anonymous_admin_says("/broadcast all")
    new = group.migrates()
    gate.set()

    (reply,) = await group.receives(1)

    assert reply.text == "Said: /broadcast all"
    assert set(await desk.heard(3)) == {f"moved telegram:{old} telegram:{new}"}


async def test_a_refused_reply_comes_as_plain_words(tg: FakeTelegram, desk: FakeDesk):
    alice = tg.user("Alice")
    tg.fail_next(
        "sendMessage",
        status=400,
        description="Bad Request: can't parse entities: Unexpected end tag",
    )
    alice.says("/watch BTC")

    (reply,) = await alice.receives(1)

    assert reply.html == reply.text == "Said: /watch BTC"


async def test_a_reply_waits_for_a_short_rate_limit(tg: FakeTelegram, desk: FakeDesk):
    alice = tg.user("Alice")
    tg.fail_next(
        "sendMessage",
        status=429,
        description="Too Many Requests: retry after 1",
        parameters={"retry_after": 1},
    )
    alice.says("/watch BTC")

    (reply,) = await alice.receives(1)

    assert reply.text == "Said: /watch BTC"


async def test_a_reply_that_may_have_arrived_is_not_sent_twice(
    tg: FakeTelegram, desk: FakeDesk
):
    alice = tg.user("Alice")
    tg.lose_answer_next("sendMessage")
    alice.says("/watch BTC")
    await alice.receives(1)
    await tg.quiet(0.3)

    assert len(alice.messages) == 1


async def test_a_broken_handler_says_so_and_logs_nobodys_words(
    tg: FakeTelegram, desk: FakeDesk, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    alice = tg.user("Alice")
    desk.replies["/watch SECRETCOIN"] = ValueError("SECRETCOIN is odd")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = ValueError("SECRETCOIN is odd")
    alice.says("/watch SECRETCOIN")
    alice.says("/preview")

    apology, alert = await alice.receives(2)
    toast = await alice.toast(alice.presses(alert, "Mute"))
    await tg.quiet(0.2)

    assert apology.text == toast == APOLOGY
    assert len(alice.messages) == 2
    failures = [r for r in caplog.records if r.msg == "A handler failed"]
    assert [r.error for r in failures] == ["ValueError", "ValueError"]
    assert "SECRETCOIN" not in caplog.text
    assert tg.token not in caplog.text


async def test_the_menu_offers_every_command(tg: FakeTelegram, desk: FakeDesk):
    await tg.requested("setMyCommands")

    offered = [c["command"] for c in tg.commands["default", ""]]
    assert offered == [name for name, _ in MENU]
    assert " ".join(offered) == (
        "start help watch unwatch watchlist signal flips top screen why chart market "
        "record simulate threshold mute unmute settings quiet timezone digest pace "
        "sound budget pictures signoflife language link unlink export import forgetme "
        "broadcast preview status"
    )
