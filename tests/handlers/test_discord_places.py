"""Servers and channels on Discord: another channel, notes, publishing, manners."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fake_discord import FakeDiscord
from pydantic import SecretStr
from telegram_desk import FakeDesk

from bot.config import DiscordConfig
from bot.errors import RecipientGoneError, TemporaryDeliveryError
from bot.message import Button, Line, Message, bold, line
from bot.model import Address, PlaceKind, Platform
from bot.ports import PressReply
from handlers.discord.face import DiscordFace
from handlers.discord.render import render
from handlers.discord.sender import DiscordSender

AT_14 = datetime(2026, 11, 20, 14, tzinfo=UTC)
ALERT = Message(
    title=line("🔴 ", bold("ETH turned bearish")),
    body=(line("Price $3,412"),),
    footer=line("Watch ETH"),
    stamp=AT_14,
    buttons=((Button("Mute", "v1:m:7"),),),
)
UNDO = ((Button("↩ Undo", "v1:undo:7"),),)


@pytest.fixture
async def dc() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake
        assert fake.violations == []


@pytest.fixture
async def sender(dc) -> AsyncIterator[DiscordSender]:
    opened = DiscordSender(section(dc), timeout=timedelta(seconds=5))
    yield opened
    await opened.close()


def section(dc: FakeDiscord) -> DiscordConfig:
    return DiscordConfig(
        token=SecretStr("TESTTOKEN"), api_url=dc.api_url, gateway_url=dc.gateway_url
    )


@asynccontextmanager
async def listening(dc: FakeDiscord, desk: FakeDesk) -> AsyncIterator[DiscordFace]:
    face = DiscordFace(section(dc), desk)
    await face.start()
    try:
        await dc.ready()
        yield face
    finally:
        await face.stop()


def at(channel) -> Address:
    return Address(Platform.DISCORD, channel.id)


async def send(sender, channel, message=ALERT, *, nonce="n1", reply_to=""):
    (part,) = sender.render(message.evolve(reply_to=reply_to))
    return await sender.send(at(channel), part, nonce=nonce)


# ----------------------------------------------------------------------------- channels


async def test_an_option_names_another_channel_and_the_askers_rights_there(dc):
    server = dc.server("Traders")
    here, there = server.channel("general"), server.channel("alerts")
    news = server.channel("news", is_announcement=True)
    boss, alice = dc.user("Boss"), dc.user("Alice")
    server.adds(boss, may_manage=True)
    server.adds(alice)
    desk = FakeDesk()

    async with listening(dc, desk):
        for user, channel in ((boss, there), (boss, news), (alice, there)):
            await user.types(
                "broadcast", what="top100", channel=channel, in_=here
            ).reply()

    spots = [c.spot for c in desk.calls]
    assert [s and (s.place, s.kind, s.title) for s in spots] == [
        (at(there), PlaceKind.GROUP, "#alerts"),
        (at(news), PlaceKind.CHANNEL, "#news"),
        (at(there), PlaceKind.GROUP, "#alerts"),
    ]
    assert [s and await s.is_admin() for s in spots] == [True, True, False]
    assert {c.text for c in desk.calls} == {"/broadcast top100"}
    assert {c.title for c in desk.calls} == {"#general"}
    assert [c.user_name for c in desk.calls] == ["Boss", "Boss", "Alice"]


async def test_an_announcement_channel_is_a_channel(dc):
    server = dc.server("Traders")
    news = server.channel("news", is_announcement=True)
    boss = dc.user("Boss")
    server.adds(boss, may_manage=True)
    desk = FakeDesk()

    async with listening(dc, desk):
        await boss.types("broadcast", what="top100", in_=news).reply()

    assert desk.calls[0].kind is PlaceKind.CHANNEL


async def test_a_code_is_not_offered_where_others_look_on(dc):
    server = dc.server("Traders")
    general = server.channel("general")
    boss = dc.user("Boss")
    server.adds(boss, may_manage=True)

    async with listening(dc, FakeDesk()):
        with pytest.raises(AssertionError, match="not offered in context 0"):
            boss.types("claim", code="X", in_=general)
        await boss.types("claim", code="X").reply()
        reply = await boss.types("preview", in_=general).reply()

    # a sample for all to see would be anybody's way to post in the channel
    assert reply.is_ephemeral


# ------------------------------------------------------------------------------- notes


async def test_a_note_is_put_below_and_replaced_and_taken_away(dc):
    server = dc.server("Traders")
    alice = dc.user("Alice")
    server.adds(alice)
    desk = FakeDesk(replies={"/watchlist": ALERT})

    async with listening(dc, desk):
        pressed = await alice.types("watchlist").reply()
        # the library writes the same moment in its own way
        own = {k: v for k, v in pressed.embeds[0].items() if k != "timestamp"}
        seen = []
        for note in (line("🔕 Muted"), line("✖ No longer"), Line()):
            desk.presses["v1:m:7"] = PressReply(note=note, buttons=ALERT.buttons)
            changed = await alice.presses(pressed, "Mute").updated()
            seen.append([e["description"] for e in changed.embeds])
            kept = dict(changed.embeds[0])
            assert str(kept.pop("timestamp")).startswith("2026-11-20T14:00:00")
            assert kept == own
            assert changed.content == pressed.content
        desk.presses["v1:m:7"] = PressReply(note=line("🔕 Muted"), buttons=UNDO)
        last = await alice.presses(pressed, "Mute").updated()

    price = own["description"]
    assert seen == [[price, "🔕 Muted"], [price, "✖ No longer"], [price]]
    assert last.buttons == ["↩ Undo"]


# ---------------------------------------------------------------- what follows later


async def test_a_post_is_published_once_and_again_is_fine(dc, sender):
    news = dc.server("Traders").channel("news", is_announcement=True)
    receipt = await send(sender, news)

    await sender.publish(at(news), receipt.message_ref)
    await sender.publish(at(news), receipt.message_ref)

    assert news.messages[0].is_crossposted


async def test_too_many_published_posts_are_told_how_long_to_wait(dc, sender):
    news = dc.server("Traders").channel("news", is_announcement=True)
    dc.lift_limits()
    refs = [(await send(sender, news, nonce=f"n{i}")).message_ref for i in range(11)]
    dc.enforce_limits()

    for ref in refs[:10]:
        await sender.publish(at(news), ref)
    with pytest.raises(TemporaryDeliveryError) as error:
        await sender.publish(at(news), refs[10])

    assert error.value.retry_after is not None
    assert error.value.retry_after > timedelta(minutes=50)


async def test_buttons_come_back_and_messages_go(dc, sender):
    alerts = dc.server("Traders").channel("alerts")
    receipt = await send(sender, alerts)

    await sender.edit_buttons(at(alerts), receipt.message_ref, UNDO)
    assert alerts.messages[0].buttons == ["↩ Undo"]
    assert alerts.messages[0].embeds[0]["description"] == "Price $3,412"
    await sender.delete(at(alerts), receipt.message_ref)
    await sender.delete(at(alerts), receipt.message_ref)

    assert alerts.messages == ()


async def test_a_knock_finds_out_unseen_whether_it_may_write(dc, sender):
    alerts = dc.server("Traders").channel("alerts")
    await sender.knock(at(alerts))
    alerts.forbids_writing()

    with pytest.raises(RecipientGoneError) as error:
        await sender.knock(at(alerts))

    assert error.value.reason == "no_rights"
    assert alerts.messages == ()


async def test_an_answer_to_a_deleted_alert_arrives_all_the_same(dc, sender):
    alerts = dc.server("Traders").channel("alerts")
    first = await send(sender, alerts, nonce="a")
    second = await send(sender, alerts, nonce="b", reply_to=first.message_ref)
    await sender.delete(at(alerts), first.message_ref)
    await send(sender, alerts, nonce="c", reply_to=first.message_ref)

    replied, alone = alerts.messages
    assert replied.message_id == second.message_ref
    assert replied.reply_to == first.message_ref
    assert alone.reply_to is None


# ---------------------------------------------------------------- rendering


def test_blank_lines_between_cards_are_kept_and_others_are_not():
    body = (line("ETH"), line("a"), Line(), Line(), line("SOL"), Line())

    (airy,) = render(Message(title=line("two"), body=body, is_airy=True))
    (dense,) = render(Message(title=line("two"), body=(Line(), *body)))

    assert airy["embeds"][0]["description"] == "ETH\na\n\nSOL"
    assert dense["embeds"][0]["description"] == "ETH\na\nSOL"


def test_no_part_begins_with_the_blank_line_between_cards():
    card = line("x" * 2000)
    body = (card, Line(), card, Line(), card, Line(), card)

    parts = render(Message(title=line("four"), body=body, is_airy=True))

    texts = [str(part["embeds"][0]["description"]) for part in parts]
    assert all(not text.startswith("\n") for text in texts)
    assert "".join(texts).count("x") == 8000
