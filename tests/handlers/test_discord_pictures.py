"""Pictures on Discord: attached to the embed, or left out without harm."""

from datetime import timedelta

import pytest
from discord_desk import OneAnswer
from fake_discord import FakeDiscord
from pydantic import SecretStr
from shelves import ALERT, DARK, REF, FakeShelf

from bot.config import DiscordConfig
from bot.errors import RecipientGoneError, TemporaryDeliveryError
from bot.message import line
from bot.model import Address, Platform
from bot.ports import PressReply
from handlers.discord.face import DiscordFace, Pace
from handlers.discord.interactions import Patience
from handlers.discord.sender import DiscordSender

SEND = "POST /channels/{channel_id}/messages"


@pytest.fixture
async def dc():
    async with FakeDiscord() as fake:
        yield fake


@pytest.fixture
def shelf():
    return FakeShelf()


@pytest.fixture
async def sender(dc, shelf):
    opened = DiscordSender(section(dc), timeout=timedelta(seconds=5), shelf=shelf)
    yield opened
    await opened.close()


@pytest.fixture
def server(dc):
    return dc.server("Traders")


@pytest.fixture
def alerts(server):
    return server.channel("alerts")


def section(dc):
    return DiscordConfig(
        token=SecretStr("TESTTOKEN"), api_url=dc.api_url, gateway_url=dc.gateway_url
    )


async def send(sender, channel, message=ALERT, *, nonce="n1", **more):
    (part,) = sender.render(message)
    await sender.prepare(part)
    address = Address(Platform.DISCORD, channel.id)
    return await sender.send(address, part, nonce=nonce, **more)


async def test_an_alert_shows_its_picture_in_the_embed(dc, sender, alerts, shelf):
    await send(sender, alerts)

    (seen,) = alerts.messages
    assert seen.content == "🔴 **ETH turned bearish**"
    assert seen.files == ["chart.png"]
    (embed,) = seen.embeds
    assert embed["description"] == "Price $3,412"
    assert embed["image"] == {"url": "attachment://chart.png"}
    assert dc.uploads == [DARK]
    assert dc.requests[0].body["attachments"] == [
        {"id": 0, "filename": "chart.png", "description": "🔴 ETH turned bearish"}
    ]
    assert shelf.asked == [("prepare", REF)]
    assert dc.violations == []


async def test_a_message_of_a_title_alone_has_an_embed_for_its_picture(
    dc, sender, alerts
):
    await send(sender, alerts, ALERT.evolve(body=()))

    (seen,) = alerts.messages
    assert seen.embeds[0]["image"] == {"url": "attachment://chart.png"}
    assert dc.violations == []


async def test_a_repeat_with_the_same_nonce_is_the_same_message(dc, sender, alerts):
    first = await send(sender, alerts)
    second = await send(sender, alerts)

    assert first == second
    assert (len(alerts.messages), dc.swallowed) == (1, 1)


async def test_words_without_a_picture_in_time_go_alone(dc, sender, alerts, shelf):
    shelf.is_empty = True

    await send(sender, alerts)

    (seen,) = alerts.messages
    assert seen.files == []
    assert "image" not in seen.embeds[0]
    assert dc.violations == []


async def test_a_channel_that_forbids_files_gets_the_words_and_is_not_parked(
    dc, sender, alerts, caplog
):
    alerts.forbids_files()

    await send(sender, alerts)

    (seen,) = alerts.messages
    assert seen.files == []
    assert caplog.records[-1].getMessage() == "a picture is left out"


async def test_a_channel_that_forbids_everything_is_gone(sender, alerts):
    alerts.forbids_writing()

    with pytest.raises(RecipientGoneError):
        await send(sender, alerts)


async def test_a_lost_answer_is_unknown_and_not_said_twice(dc, sender, alerts):
    dc.lose_answer_next(SEND)

    with pytest.raises(TemporaryDeliveryError) as lost:
        await send(sender, alerts)

    assert lost.value.is_unknown
    assert len(dc.requests) == 1


async def test_plain_words_have_no_picture(dc, sender, alerts):
    await send(sender, alerts, is_plain=True)

    assert dc.uploads == []


# --------------------------------------------------------------------------- answers


@pytest.fixture
def desk():
    return OneAnswer(ALERT, PressReply(message=ALERT))


@pytest.fixture
async def face(dc, desk, sender, server):
    patience = Patience(sign_of_life_in=timedelta(milliseconds=20))
    opened = DiscordFace(section(dc), desk, sender=sender, pace=Pace(patience=patience))
    await opened.start()
    await dc.ready()
    yield opened
    await opened.stop()


@pytest.fixture
def alice(dc, server):
    user = dc.user("Alice")
    server.adds(user)
    return user


async def test_a_command_is_answered_with_the_picture(dc, desk, face, alice, shelf):
    reply = await alice.types("chart", asset="ETH", window="90d").reply()

    assert desk.texts == ["/chart ETH 90d"]
    assert reply.files == ["chart.png"]
    assert shelf.asked == [("picture", REF)]
    assert dc.violations == []


async def test_a_slow_command_is_answered_with_the_picture_too(dc, desk, face, alice):
    desk.seconds = 0.05

    reply = await alice.types("chart", asset="ETH").reply()

    assert reply.files == ["chart.png"]
    assert dc.uploads == [DARK]
    assert dc.violations == []


async def test_a_press_in_a_server_shows_the_picture_to_the_presser_alone(
    dc, face, sender, alerts, alice
):
    await send(sender, alerts)
    (post,) = alerts.messages

    reply = await alice.presses(post, "📈 Chart").reply()

    assert reply.is_ephemeral
    assert reply.files == ["chart.png"]
    assert dc.violations == []


async def test_where_files_are_refused_the_answer_is_words(dc, desk, face, alice):
    dc.fail_next(
        "POST /interactions/{interaction_id}/{interaction_token}/callback",
        status=400,
        body={"message": "Invalid Form Body", "code": 50035},
    )

    reply = await alice.types("chart", asset="ETH").reply()

    assert reply.files == []
    assert reply.content == "🔴 **ETH turned bearish**"


async def test_a_note_leaves_the_picture_where_it_is(dc, desk, face, alice):
    post = await alice.types("chart", asset="ETH").reply()
    desk.pressed = PressReply(note=line("🔕 Muted"), buttons=ALERT.buttons)

    changed = await alice.presses(post, "📈 Chart").updated()

    shown, note = changed.embeds
    assert shown["image"] == {"url": "attachment://chart.png"}
    assert note["description"] == "🔕 Muted"
    assert changed.files == ["chart.png"]
    assert dc.violations == []
