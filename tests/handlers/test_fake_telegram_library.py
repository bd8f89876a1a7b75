"""The fake Bot API server under an unmodified python-telegram-bot."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fake_telegram import FakeTelegram
from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Update,
)
from telegram.constants import ParseMode
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TimedOut
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

Context = ContextTypes.DEFAULT_TYPE
BUTTON = InlineKeyboardMarkup(
    [[InlineKeyboardButton("🔕 Mute 24 h", callback_data="m")]]
)


async def _watch(update: Update, context: Context) -> None:
    assert update.effective_message
    words = " ".join(context.args or [])
    await update.effective_message.reply_text(
        f"Watching <b>{words}</b>",
        parse_mode=ParseMode.HTML,
        reply_markup=BUTTON,
        do_quote=True,
        disable_notification=True,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )


async def _press(update: Update, _: Context) -> None:
    assert update.callback_query
    await update.callback_query.answer("Muted until tomorrow")
    await update.callback_query.edit_message_text("muted")


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as fake:
        yield fake


@pytest.fixture(autouse=True)
def _future_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask the library for the durations it announces; the others warn."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
async def app(
    tg: FakeTelegram,
) -> AsyncIterator[Application[Any, Any, Any, Any, Any, Any]]:
    app = (
        Application.builder()
        .token(tg.token)
        .base_url(tg.base_url)
        .job_queue(None)
        .read_timeout(1)
        .get_updates_read_timeout(1)
        .build()
    )
    app.add_handler(CommandHandler(["watch", "broadcast"], _watch))
    channel = filters.UpdateType.CHANNEL_POST
    app.add_handler(MessageHandler(channel & filters.COMMAND, _watch))
    app.add_handler(CallbackQueryHandler(_press))
    app.bot_data["seen"] = asyncio.Queue()

    async def note(update: Update, context: Context) -> None:
        assert update.my_chat_member
        await context.bot_data["seen"].put(update.my_chat_member)

    app.add_handler(ChatMemberHandler(note, ChatMemberHandler.MY_CHAT_MEMBER))
    async with app:
        await app.start()
        assert app.updater
        await app.updater.start_polling(
            timeout=2, allowed_updates=Update.ALL_TYPES, drop_pending_updates=True
        )
        yield app
        await app.updater.stop()
        await app.stop()


async def test_a_polling_application_lives_with_it(tg: FakeTelegram, app: Any) -> None:
    alice = tg.user("Alice")
    asked = alice.says("/watch BTC")

    (reply,) = await alice.receives(1)
    callback = alice.presses(reply, "Mute 24 h")
    toast = await alice.toast(callback)
    alice.blocks()
    async with asyncio.timeout(10):
        change = await app.bot_data["seen"].get()

    assert reply.text == "Watching BTC"
    assert (reply.reply_to, reply.is_silent) == (asked, True)
    assert toast == "Muted until tomorrow"
    assert change.new_chat_member.status == "kicked"
    with pytest.raises(Forbidden, match="blocked by the user"):
        await app.bot.send_message(alice.id, "x")
    assert tg.violations == []


async def test_groups_and_channels_reach_the_application(
    tg: FakeTelegram, app: Any
) -> None:
    alice = tg.user("Alice")
    group = tg.group("Traders", admins=[alice], is_forum=True, has_bot=False)
    group.adds_bot(by=alice)
    topic = group.topic("Alerts")
    channel = tg.channel("Signals", admins=[alice])

    alice.says("/watch SOL", in_=group, topic=topic)
    (in_topic,) = await group.receives(1)
    group.anonymous_admin_says("/broadcast top100")
    (for_anonymous,) = await group.receives(1)
    channel.posts("/broadcast all")
    (in_channel,) = await channel.receives(1)

    assert in_topic.thread == topic
    assert for_anonymous.thread is None
    assert in_channel.reply_to is not None
    admins = await app.bot.get_chat_administrators(group.id)
    assert [a.user.id for a in admins] == [alice.id]
    group.makes_bot_admin(by=alice)
    member = await app.bot.get_chat_member(group.id, app.bot.id)
    assert member.status == "administrator"
    assert (await app.bot.get_chat(group.id)).is_forum
    assert tg.violations == []


async def test_errors_become_the_librarys_exceptions(
    tg: FakeTelegram, app: Any
) -> None:
    alice = tg.user("Alice")
    alice.says("/watch BTC")
    await alice.receives(1)
    group = tg.group("Traders", admins=[alice], is_supergroup=False)
    old, new = group.id, group.migrates()

    with pytest.raises(ChatMigrated) as moved:
        await app.bot.send_message(old, "x")
    assert moved.value.new_chat_id == new
    tg.fail_next(
        "sendMessage", status=429, description="…", parameters={"retry_after": 7}
    )
    with pytest.raises(RetryAfter) as flood:
        await app.bot.send_message(alice.id, "x")
    assert flood.value.retry_after == timedelta(seconds=7)
    tg.hang_next("sendMessage")
    with pytest.raises(TimedOut):
        await app.bot.send_message(alice.id, "x", read_timeout=0.1)
    with pytest.raises(BadRequest, match="Can't parse entities"):
        await app.bot.send_message(alice.id, "<b>x", parse_mode="HTML")
    assert len(tg.violations) == 1


async def test_menus_and_descriptions_are_kept(tg: FakeTelegram, app: Any) -> None:
    await app.bot.set_my_commands(
        [BotCommand("watch", "Add watches")], scope=BotCommandScopeAllGroupChats()
    )
    await app.bot.set_my_description("Tells you", language_code="en")

    assert tg.commands["all_group_chats", ""][0]["command"] == "watch"
    assert tg.profile["description", "en"] == "Tells you"
    assert (await app.bot.get_my_description("en")).description == "Tells you"
    assert (await app.bot.get_me()).username == "FlipwatchBot"
    assert tg.violations == []


async def test_polling_survives_a_restart(tg: FakeTelegram, app: Any) -> None:
    alice = tg.user("Alice")
    await tg.requested("getUpdates")

    tg.restart()
    alice.says("/watch BTC")

    (reply,) = await alice.receives(1, timeout=15)
    assert reply.text == "Watching BTC"
