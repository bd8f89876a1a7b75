"""`flipwatch send-test`: one message for real, or the cause and the cure."""

from datetime import UTC, datetime

import pytest
from fake_discord import FakeDiscord
from fake_telegram import FakeTelegram

from bot.config import Config
from bot.errors import ConfigError
from bot.model import Address
from bot.send_test import NotSentError, send_test
from storage import open_store

TOKEN = "123456789:AAexampleexampleexampleexampleexamp"


def utc_now():
    return datetime.now(UTC)


async def send(config, to):
    return await send_test(config, Address.parse(to), now=utc_now)


async def test_it_arrives_on_telegram():
    async with FakeTelegram(TOKEN) as telegram:
        alice = telegram.user("Alice")
        alice.says("/start")
        config = Config.model_validate(
            {"telegram": {"token": TOKEN, "base_url": telegram.base_url}}
        )

        ref = await send(config, f"telegram:{alice.id}")

        (message,) = await alice.receives(1)
        assert "Flipwatch can write here" in message.text
        assert ref == str(message.message_id)
        assert telegram.violations == []


async def test_who_never_pressed_start_is_told_with_the_cure():
    async with FakeTelegram(TOKEN) as telegram:
        config = Config.model_validate(
            {"telegram": {"token": TOKEN, "base_url": telegram.base_url}}
        )

        with pytest.raises(NotSentError, match="->") as caught:
            await send(config, "telegram:999")

    assert "telegram:999" in str(caught.value)
    assert TOKEN not in str(caught.value)


async def test_it_arrives_on_discord():
    async with FakeDiscord() as discord:
        channel = discord.server("Traders").channel("alerts")
        config = Config.model_validate(
            {"discord": {"token": discord.token, "api_url": discord.api_url}}
        )

        await send(config, f"discord:{channel.id}")

        assert len(channel.messages) == 1
        assert discord.violations == []


async def test_a_persons_id_on_discord_is_told_from_a_channels():
    async with FakeDiscord() as discord:
        person = discord.user("Alice")
        config = Config.model_validate(
            {"discord": {"token": discord.token, "api_url": discord.api_url}}
        )

        with pytest.raises(NotSentError, match="a person's id does not work"):
            await send(config, f"discord:{person.id}")


async def test_it_arrives_in_a_web_inbox(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'flipwatch.db'}"

    await send(Config.model_validate({"storage": {"url": url}}), "web:me")

    store = await open_store(url, now=utc_now)
    entries = await store.read_inbox("me", after=0, limit=10)
    await store.close()
    assert "Flipwatch can write here" in str(entries)


async def test_a_platform_that_is_off_is_told():
    with pytest.raises(ConfigError, match="is missing: set it first"):
        await send(Config(), "telegram:1")
