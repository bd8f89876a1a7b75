"""Groups, topics and channels on Telegram: who came, what goes away, what is chosen."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_telegram import FakeTelegram
from telegram_desk import FakeDesk, listening

from bot.config import TelegramConfig
from bot.errors import RecipientGoneError
from bot.message import Button, Line, Message, Moment, TimeStyle, bold, line
from bot.model import Address, PlaceKind, Platform
from bot.ports import PressReply
from handlers.telegram.menu import FOR_ADMINS, IN_GROUPS, MENU, menus
from handlers.telegram.sender import TelegramSender
from handlers.telegram.transport import make_bot

AT_14 = datetime(2026, 11, 20, 14, tzinfo=UTC)
UNTIL = Moment(AT_14 + timedelta(days=1), TimeStyle.BOTH)
MUTED = line("🔕 ", bold("Muted"), " until ", UNTIL)
UNDO = ((Button("↩ Undo", "v1:undo:7"),),)
ALERT = Message(
    title=line("🔴 ", bold("ETH turned bearish")),
    footer=line("Watch ETH"),
    stamp=AT_14,
    buttons=((Button("Mute", "v1:m:7"),),),
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


@pytest.fixture
async def sender(tg: FakeTelegram) -> AsyncIterator[TelegramSender]:
    config = TelegramConfig(token=tg.token, base_url=tg.base_url)
    opened = TelegramSender(make_bot(config), send_timeout=timedelta(seconds=5))
    yield opened
    await opened.close()


def at(chat: object, topic: int | str = "") -> Address:
    return Address(Platform.TELEGRAM, str(getattr(chat, "id", chat)), str(topic))


# ---------------------------------------------------------------- who came and spoke


async def test_who_lets_the_bot_in_is_guided_in_private(tg, desk):
    alice = tg.user("Alice")
    alice.says("/start")
    await alice.receives(1)
    desk.greeting = Message(title=line("I post when a signal flips"))
    desk.guide = Message(title=line("I am in Traders now"))
    group = tg.group("Traders", admins=[alice], has_bot=False)

    group.adds_bot(by=alice)
    (greeting,) = await group.receives(1)
    (guide,) = await alice.receives(1)

    (arrival,) = desk.arrivals
    assert (arrival.by, arrival.title) == (f"telegram:{alice.id}", "Traders")
    assert (arrival.kind, arrival.can_post) == (PlaceKind.GROUP, True)
    assert greeting.text == "I post when a signal flips"
    assert guide.text == "I am in Traders now"


async def test_a_channel_that_lets_it_in_without_the_right_to_post_is_not_posted_to(
    tg, desk
):
    alice = tg.user("Alice")
    desk.greeting = Message(title=line("Hello"))
    channel = tg.channel("Signals", admins=[alice], has_bot=False)

    channel.adds_bot(by=alice)
    await desk.heard(2)

    assert desk.arrivals[0].can_post
    assert desk.arrivals[0].kind is PlaceKind.CHANNEL


async def test_a_call_says_who_speaks_and_in_which_topic(tg, desk):
    kofi = tg.user("Kofi", username="kofi_trades")
    ada = tg.user("Ada")
    forum = tg.group("Traders", admins=[kofi], members=[ada], is_forum=True)
    topic = forum.topic("Alerts")

    kofi.says("/broadcast top100", in_=forum, topic=topic)
    ada.says("/status", in_=forum)
    forum.anonymous_admin_says("/broadcast all", topic=topic)
    await forum.receives(3)

    names = [(c.user_name, c.title, c.topic_title) for c in desk.calls]
    assert names == [
        ("@kofi_trades", "Traders", "Alerts"),
        ("Ada", "Traders", ""),
        ("", "Traders", "Alerts"),
    ]


# ----------------------------------------------------------------------- what goes away


async def test_what_fades_is_noted_with_the_command_it_answers(tg, desk):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    desk.replies["/watch BTC"] = Message(
        title=line("I alert you privately"), fades=timedelta(seconds=60)
    )

    typed = alice.says("/watch BTC", in_=group)
    (reply,) = await group.receives(1)

    assert await desk.heard(1) == [
        f"fading telegram:{group.id} {reply.message_id} {typed} 60"
    ]


async def test_a_desk_that_says_nothing_is_silent(tg, desk):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    desk.ignored.add("/watch BTC")

    alice.says("/watch BTC", in_=group)
    await desk.until(lambda: bool(desk.calls))
    await tg.quiet(0.2)

    assert group.messages == ()


async def test_the_bot_takes_its_own_words_away_and_others_only_as_an_admin(tg, sender):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    typed = alice.says("/watch BTC", in_=group)
    (part,) = sender.render(ALERT)
    mine = await sender.send(at(group), part, nonce="")

    await sender.delete(at(group), mine.message_ref)
    await sender.delete(at(group), mine.message_ref)
    with pytest.raises(Exception, match="can't be deleted"):
        await sender.delete(at(group), str(typed))
    group.makes_bot_admin(by=alice)
    await sender.delete(at(group), str(typed))

    assert list(group.kept) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda group, _: group.forbids_writing(), "no_rights"),
        (lambda group, topic: group.closes_topic(topic), "topic_closed"),
        (lambda group, topic: group.deletes_topic(topic), "topic_gone"),
    ],
)
async def test_a_knock_finds_out_unseen_whether_it_may_write(
    tg, sender, change, reason
):
    group = tg.group("Traders", admins=[tg.user("Alice")], is_forum=True)
    topic = group.topic("Alerts")
    await sender.knock(at(group, topic))
    change(group, topic)

    with pytest.raises(RecipientGoneError) as error:
        await sender.knock(at(group, topic))

    assert error.value.reason == reason
    assert group.messages == ()


async def test_an_answer_to_a_deleted_alert_arrives_all_the_same(tg, sender):
    group = tg.group("Traders", admins=[tg.user("Alice")], is_forum=True)
    topic = group.topic("Alerts")
    (part,) = sender.render(ALERT)
    first = await sender.send(at(group, topic), part, nonce="")
    answer = sender.answering((part,), first.message_ref)[0]
    await sender.send(at(group, topic), answer, nonce="")
    await sender.delete(at(group, topic), first.message_ref)
    await sender.send(at(group, topic), answer, nonce="")

    second, third = group.messages
    assert second.reply_to == int(first.message_ref)
    assert third.reply_to is None
    assert (second.thread, third.thread) == (topic, topic)


# ---------------------------------------------------------------- other places


async def test_a_channel_is_found_by_name_with_the_rights_of_that_moment(tg, desk):
    kofi, ada = tg.user("Kofi"), tg.user("Ada")
    channel = tg.channel("Signals", admins=[kofi], username="signals_here")
    for person in (kofi, ada):
        person.says("/broadcast @signals_here")
        await person.receives(1)
    mine, hers = desk.calls
    assert mine.find_spot is not None
    assert hers.find_spot is not None

    spot = await mine.find_spot("@signals_here")
    seen = await hers.find_spot("@signals_here")

    assert spot is not None
    assert (spot.place, spot.kind, spot.title) == (
        at(channel),
        PlaceKind.CHANNEL,
        "Signals",
    )
    assert spot.can_post
    assert await spot.is_admin()
    assert seen is not None
    assert not await seen.is_admin()
    channel.demotes(kofi)
    assert not await spot.is_admin()
    assert await mine.find_spot("@nobody_there") is None
    assert await mine.find_spot(str(channel.id)) is not None
    assert await mine.find_spot("-999999999") is None


async def test_what_may_not_be_written_in_is_seen_before_it_is_set(tg, desk):
    kofi = tg.user("Kofi")
    channel = tg.channel("Signals", admins=[kofi])
    forum = tg.group("Traders", admins=[kofi], is_forum=True)
    topic = forum.topic("Alerts")
    kofi.says("/help")
    await kofi.receives(1)
    find = desk.calls[0].find_spot
    assert find is not None

    channel.makes_bot_member(by=kofi)
    in_channel = await find(str(channel.id))
    in_topic = await find(f"{forum.id}/{topic}")
    forum.forbids_writing()
    in_closed = await find(str(forum.id))
    channel.kicks_bot(by=kofi)
    outside = await find(str(channel.id))

    assert in_channel is not None
    assert not in_channel.can_post
    assert in_topic is not None
    assert (in_topic.place, in_topic.can_post) == (at(forum, topic), True)
    assert in_closed is not None
    assert not in_closed.can_post
    assert outside is None


async def test_a_test_is_posted_elsewhere(tg, desk):
    kofi = tg.user("Kofi")
    channel = tg.channel("Signals", admins=[kofi])
    kofi.says("/help")
    await kofi.receives(1)
    find = desk.calls[0].find_spot
    assert find is not None
    spot = await find(str(channel.id))
    assert spot is not None
    assert spot.post is not None

    await spot.post(ALERT)

    assert channel.messages[0].text.startswith("🔴 ETH turned bearish")


async def test_a_place_is_chosen_by_the_clients_own_list(tg, desk):
    kofi = tg.user("Kofi")
    channel = tg.channel("Signals", admins=[kofi], has_bot=False)
    group = tg.group("Traders", admins=[kofi])
    desk.replies["/broadcast"] = Message(title=line("Which one?"), asks_place=True)
    kofi.says("/broadcast")
    await kofi.receives(1)

    kofi.shares(channel)
    kofi.shares(group)
    await kofi.receives(2)

    assert [c.text for c in desk.calls[1:]] == [
        f"/broadcast {channel.id}",
        f"/broadcast {group.id}",
    ]
    # the client lets the bot in with the rights that the button asks for
    assert desk.arrivals[0].place == at(channel)


async def test_in_a_group_no_other_place_can_be_named(tg, desk):
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice])
    alice.says("/broadcast @signals_here", in_=group)
    await group.receives(1)

    assert desk.calls[0].find_spot is None


# ---------------------------------------------------------------- what a press has done


async def test_a_note_is_put_below_and_replaced_and_taken_away(tg, desk):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    alice.says("/preview")
    (alert,) = await alice.receives(1)
    before = alert.text
    entities = alice.find(alert.message_id).entities
    steps = [
        (MUTED, f"{before}\n🔕 Muted until Nov 21 14:00 UTC"),
        (line("✖ No longer watching ETH"), f"{before}\n✖ No longer watching ETH"),
        (Line(), before),
    ]

    for number, (note, text) in enumerate(steps, 1):
        desk.presses["v1:m:7"] = PressReply(
            toast="done", note=note, buttons=ALERT.buttons
        )
        await alice.toast(alice.presses(alert, "Mute"))
        await tg.requested("editMessageText", number)
        assert alice.messages[0].text == text

    post = alice.find(alert.message_id)
    # bold, italics and the footer's own clock are as they were
    assert post.entities == entities
    assert alice.messages[0].buttons[0][0].label == "Mute"


async def test_a_notes_time_is_on_the_readers_own_clock(tg, desk):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(note=MUTED, buttons=UNDO)
    alice.says("/preview")
    (alert,) = await alice.receives(1)

    await alice.toast(alice.presses(alert, "Mute"))
    await tg.requested("editMessageText")

    kinds = [e["type"] for e in alice.find(alert.message_id).entities]
    assert kinds[-3:] == ["blockquote", "bold", "date_time"]
    assert alice.messages[0].buttons[0][0].label == "↩ Undo"


async def test_a_message_too_old_to_be_read_gets_the_buttons_alone(tg, desk):
    alice = tg.user("Alice")
    desk.replies["/preview"] = ALERT
    desk.presses["v1:m:7"] = PressReply(toast="muted", note=MUTED, buttons=UNDO)
    alice.says("/preview")
    (alert,) = await alice.receives(1)

    pressed = alice.presses_old(alert, "Mute")

    assert await alice.toast(pressed) == "muted"
    await tg.requested("editMessageReplyMarkup")
    assert alice.messages[0].text == alert.text
    assert alice.messages[0].buttons[0][0].label == "↩ Undo"


# -------------------------------------------------------------------------------- menus


async def test_each_scope_has_a_menu_of_what_is_of_use_there(tg, desk):
    await tg.requested("setMyCommands", 4)

    offered = {
        scope: [c["command"] for c in commands]
        for (scope, _), commands in tg.commands.items()
    }
    everything = [name for name, _ in MENU]
    assert offered == {
        "default": everything,
        "all_private_chats": everything,
        "all_group_chats": list(IN_GROUPS),
        "all_chat_administrators": [*FOR_ADMINS, *IN_GROUPS],
    }


def test_a_language_has_every_scope_and_stays_english_where_it_is_silent():
    found = menus({"de": {"watch": "Werte beobachten: /watch BTC ETH"}})

    german = [(scope.type, commands) for scope, code, commands in found if code == "de"]
    assert [scope for scope, _ in german] == [
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
    ]
    texts = {c.command: c.description for c in german[0][1]}
    assert texts["watch"] == "Werte beobachten: /watch BTC ETH"
    assert texts["help"] == dict(MENU)["help"]
    assert all(1 <= len(c.description) <= 256 for _, cs in german for c in cs)
