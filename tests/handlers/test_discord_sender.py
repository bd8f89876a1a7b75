"""The sender against a Discord of our own, over real sockets."""

import logging
from datetime import timedelta

import pytest
from fake_discord import FakeDiscord
from pydantic import SecretStr

from bot.config import DiscordConfig
from bot.errors import (
    ConfigError,
    MessageRejectedError,
    RecipientGoneError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.message import Message, bold, line
from bot.model import Address, Platform
from handlers.discord.sender import DiscordSender

SEND = "POST /channels/{channel_id}/messages"
MESSAGE = Message(
    title=line("🔴 ", bold("ETH turned bearish")), body=(line("Price $3,412"),)
)


@pytest.fixture
async def dc():
    async with FakeDiscord() as fake:
        yield fake


@pytest.fixture
async def sender(dc):
    opened = DiscordSender(section(dc), timeout=timedelta(seconds=5))
    yield opened
    await opened.close()


@pytest.fixture
def alerts(dc):
    return dc.server("Traders").channel("alerts")


def section(dc: FakeDiscord, token: str = "TESTTOKEN") -> DiscordConfig:
    return DiscordConfig(token=SecretStr(token), api_url=dc.api_url)


def place(channel) -> Address:
    return Address(Platform.DISCORD, channel.id)


async def send(sender, channel, message=MESSAGE, *, nonce="n1", **more):
    (part,) = sender.render(message)
    return await sender.send(place(channel), part, nonce=nonce, **more)


async def test_a_message_arrives_and_its_id_comes_back(dc, sender, alerts):
    receipt = await send(sender, alerts)

    (seen,) = alerts.messages
    assert seen.message_id == receipt.message_ref
    assert seen.content == "🔴 **ETH turned bearish**"
    assert seen.embeds[0]["description"] == "Price $3,412"
    assert seen.nonce == "n1"
    assert dc.violations == []


async def test_sending_is_one_request_and_no_login(dc, sender, alerts):
    await send(sender, alerts)

    assert len(dc.requests) == 1
    assert dc.violations == []


async def test_a_repeat_with_the_same_nonce_is_the_same_message(dc, sender, alerts):
    first = await send(sender, alerts)
    second = await send(sender, alerts)

    assert second == first
    assert (len(alerts.messages), dc.swallowed) == (1, 1)
    assert dc.violations == []


async def test_the_words_without_markup(dc, sender, alerts):
    await send(sender, alerts, is_plain=True)

    (seen,) = alerts.messages
    assert seen.content == "🔴 ETH turned bearish\nPrice $3,412"
    assert seen.embeds == []
    assert dc.violations == []


async def test_the_longest_message_is_taken_part_by_part(dc, sender, alerts):
    dc.lift_limits()
    long = Message(
        title=line(bold("*" * 3000)), body=tuple(line("_🔴" * 900) for _ in range(5))
    )

    for number, part in enumerate(sender.render(long)):
        await sender.send(place(alerts), part, nonce=f"n{number}")
        await sender.send(place(alerts), part, nonce=f"p{number}", is_plain=True)

    assert len(alerts.messages) == 2 * len(sender.render(long))
    assert dc.violations == []


async def test_nobody_is_mentioned_whatever_the_words_are(dc, sender, alerts):
    alice = dc.user("Alice")
    words = f"@everyone @here <@{alice.id}> <@&1>"

    await send(sender, alerts, Message(title=line(words), body=(line(words),)))

    assert alerts.messages[0].pings == []
    assert dc.violations == []


async def test_a_silent_answer_keeps_both(dc, sender, alerts):
    first = await send(sender, alerts)
    answer = MESSAGE.evolve(is_silent=True, reply_to=first.message_ref)

    await send(sender, alerts, answer, nonce="n2")

    seen = alerts.messages[1]
    assert (seen.is_silent, seen.reply_to) == (True, first.message_ref)
    assert dc.violations == []


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        ("forbids_writing", "no_rights"),
        ("hides", "no_access"),
        ("deletes", "channel_gone"),
    ],
)
async def test_a_closed_channel_is_gone(dc, sender, alerts, happens, reason):
    getattr(alerts, happens)()

    with pytest.raises(RecipientGoneError) as caught:
        await send(sender, alerts)

    assert caught.value.reason == reason
    assert dc.violations == []


async def test_a_kicked_bot_is_gone(dc, sender, alerts):
    alerts.server.kicks_bot()

    with pytest.raises(RecipientGoneError):
        await send(sender, alerts)

    assert dc.violations == []


async def test_direct_messages_are_opened_and_reached(dc, sender, alerts):
    alice = dc.user("Alice")
    alerts.server.adds(alice)

    address = await sender.open_private(alice.id)
    (part,) = sender.render(MESSAGE)
    await sender.send(address, part, nonce="n1")

    assert [m.content for m in alice.messages] == ["🔴 **ETH turned bearish**"]
    assert await sender.open_private(alice.id) == address
    assert dc.violations == []


async def test_closed_direct_messages_are_gone(dc, sender, alerts):
    alice = dc.user("Alice")
    alerts.server.adds(alice)
    alice.closes_dms()
    address = await sender.open_private(alice.id)
    (part,) = sender.render(MESSAGE)

    with pytest.raises(RecipientGoneError) as caught:
        await sender.send(address, part, nonce="n1")

    assert caught.value.reason == "dm_closed"
    assert dc.violations == []


async def test_a_wrong_token_is_the_operators_business(dc, alerts):
    sender = DiscordSender(section(dc, "WRONG"))

    with pytest.raises(SenderMisconfiguredError) as caught:
        await send(sender, alerts)
    await sender.close()

    assert caught.value.reason == "unauthorized"
    assert "WRONG" not in str(caught.value)


async def test_a_sender_without_a_token_is_refused():
    with pytest.raises(ConfigError):
        DiscordSender(DiscordConfig())


async def test_a_429_names_the_wait_of_this_chat(dc, sender, alerts):
    dc.fail_next(
        SEND, status=429, body={"message": "slow", "retry_after": 1.25, "global": False}
    )

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)

    error = caught.value
    assert (error.reason, error.is_unknown) == ("rate_limited", False)
    assert (error.retry_after, error.is_global) == (timedelta(seconds=1.25), False)
    assert len(dc.requests) == 1


async def test_a_429_for_the_whole_bot_is_global(dc, sender, alerts):
    dc.fail_next(
        SEND, status=429, body={"message": "slow", "retry_after": 3, "global": True}
    )

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)

    assert caught.value.is_global


async def test_cloudflares_ban_is_global_and_names_its_wait(dc, sender, alerts):
    dc.fail_next(
        SEND,
        status=429,
        body="<html>error 1015</html>",
        headers={"Retry-After": "600", "Via": ""},
    )

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)

    assert caught.value.is_global
    assert caught.value.retry_after == timedelta(minutes=10)


async def test_the_real_limit_of_a_channel_is_told_and_not_slept(dc, sender, alerts):
    async def many() -> None:
        for number in range(20):
            await send(sender, alerts, nonce=f"n{number}")

    with pytest.raises(TemporaryDeliveryError) as caught:
        await many()

    assert caught.value.reason == "rate_limited"
    assert caught.value.retry_after
    assert not caught.value.is_global


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_broken_discord_leaves_the_outcome_open(dc, sender, alerts, status):
    dc.fail_next(SEND, status=status, body="<html>oops</html>")

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)

    assert (caught.value.reason, caught.value.is_unknown) == (f"http_{status}", True)
    assert len(dc.requests) == 1


async def test_a_lost_answer_is_repeated_without_a_second_message(dc, sender, alerts):
    dc.lose_answer_next(SEND)

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)
    await send(sender, alerts)

    assert (caught.value.reason, caught.value.is_unknown) == ("connection_lost", True)
    assert len(alerts.messages) == 1
    assert dc.violations == []


async def test_a_hanging_discord_is_given_up_in_time(dc, alerts):
    sender = DiscordSender(section(dc), timeout=timedelta(seconds=0.2))
    dc.hang_next(SEND)

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)
    await sender.close()

    assert (caught.value.reason, caught.value.is_unknown) == ("timeout", True)


async def test_a_refused_connection_has_sent_nothing(dc, sender, alerts):
    await dc.stop()

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)

    assert (caught.value.reason, caught.value.is_unknown) == ("unreachable", False)


async def test_a_yes_that_names_no_message_leaves_the_outcome_open(dc, sender, alerts):
    dc.fail_next(SEND, status=200, body="<html>hello</html>")

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(sender, alerts)

    assert (caught.value.reason, caught.value.is_unknown) == ("bad_answer", True)


async def test_a_refused_form_says_where_and_not_what(dc, sender, alerts):
    dc.fail_next(
        SEND,
        status=400,
        body={
            "code": 50035,
            "message": "Invalid Form Body",
            "errors": {
                "content": {"_errors": [{"code": "BAD", "message": "Value 'my words'"}]}
            },
        },
    )

    with pytest.raises(MessageRejectedError) as caught:
        await send(sender, alerts)

    assert caught.value.reason == "invalid_form"
    assert "content BAD" in str(caught.value)
    assert "my words" not in str(caught.value)


async def test_what_arrived_and_was_deleted_counts_as_sent(dc, sender, alerts):
    dc.fail_next(SEND, status=404, body={"code": 10008, "message": "Unknown Message"})

    receipt = await send(sender, alerts)

    assert receipt.message_ref == ""


async def test_a_nonce_discord_would_refuse_is_never_sent(dc, sender, alerts):
    with pytest.raises(MessageRejectedError):
        await send(sender, alerts, nonce="n" * 26)

    assert dc.requests == []


async def test_a_token_is_never_logged(dc, sender, alerts, caplog):
    caplog.set_level(logging.DEBUG)
    dc.fail_next(SEND, status=500)

    with pytest.raises(TemporaryDeliveryError):
        await send(sender, alerts)

    assert "TESTTOKEN" not in caplog.text


async def test_closing_twice_does_no_harm(sender):
    await sender.close()
    await sender.close()
