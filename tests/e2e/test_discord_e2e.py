"""Discord, end to end: the real program between a local engine and a local Discord."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_discord import FakeDiscord
from fake_engine import FakeEngine
from running import running

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.test-token-that-is-not-a-secret"
WAIT = 30.0


def config(engine: FakeEngine, discord: FakeDiscord) -> str:
    return f"""
[engine]
kind = "remote"
base_url = "{engine.base_url_v3}"
poll_interval = 1
universe = "top10"

[discord]
token = "{TOKEN}"
api_url = "{discord.api_url}"
gateway_url = "{discord.gateway_url}"
"""


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine(size=12) as fake:
        fake.set("BTC", grade=18.7, signal=-1, price=60_000)
        fake.set("ETH", grade=60, signal=1, price=3_000)
        yield fake


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    # a process on a loaded machine may need longer than a person would wait
    async with FakeDiscord(token=TOKEN, ack_within=10.0) as fake:
        yield fake
        assert fake.violations == []


def flip(engine: FakeEngine, symbol: str) -> None:
    """Let a day pass on which one asset turns."""
    engine.advance()
    engine.flip(symbol)


@pytest.mark.timeout(300)
async def test_from_a_poll_to_a_direct_message_and_a_server(
    tmp_path: Path, engine: FakeEngine, discord: FakeDiscord
) -> None:
    server = discord.server("Traders")
    channel = server.channel("alerts")
    alice, boss = discord.user("Alice"), discord.user("Boss")
    server.adds(alice, may_manage=False)
    server.adds(boss, may_manage=True)
    text = config(engine, discord)

    async with running(tmp_path, text) as program:
        await discord.ready(timeout=60)
        await engine.wait_for_polls(2, WAIT)

        # /watch in a server is personal: an ephemeral answer, and the DM opens now
        reply = await alice.types("watch", assets="ETH", in_=channel).reply(
            timeout=WAIT
        )
        assert reply.content.startswith("👁 **Watching ETH** · alerts come as direct")
        assert reply.is_ephemeral
        (hello,) = await alice.receives(1, timeout=WAIT)
        assert "Your alerts come here" in hello.content
        assert hello.is_silent
        reply = await alice.types("watch", assets="BTC 30 50 70 80").reply(timeout=WAIT)
        assert reply.content.startswith("👁 **Watching BTC**")
        choices = await alice.completes("watch", assets="BTC et", in_=channel)
        assert any(value == "BTC ETH" for _, value in choices)

        # only who manages the server decides what its channel gets
        reply = await alice.types("broadcast", in_=channel).reply(timeout=WAIT)
        assert "Only admins can change" in reply.content
        menu = await boss.types("broadcast", in_=channel).reply(timeout=WAIT)
        assert menu.content == "📣 **What shall this channel get?**"
        chosen = await boss.presses(menu, "top100").updated()
        assert chosen.content == "📣 **This channel gets: top100**"

        # the baseline is silent
        await engine.wait_for_polls(2, WAIT)
        assert (len(alice.messages), len(channel.messages)) == (1, 0)

        # line 1 is content, the rest is the embed; nothing pings
        flip(engine, "ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.content == "🔴 **ETH turned bearish** · grade 60"
        assert "Price $3,000" in alert.embeds[0]["description"]
        assert alert.embeds[0]["footer"]["text"].startswith("Watch ETH · 127.0.0.1")
        assert alert.pings == []
        assert not alert.is_silent
        (post,) = await channel.receives(1, timeout=WAIT)
        assert post.is_silent
        assert not any("Mute" in label for label in post.buttons)

        # four lines in one jump are one message
        engine.advance()
        engine.set("BTC", grade=87.3)
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.content.startswith("📈 **BTC grade 87**, was 18")
        assert "Passed your lines 30 · 50 · 70 · 80" in alert.embeds[0]["description"]
        pressed = alice.presses(alert, "🔕 Mute 24 h")
        assert "muted for 24 hours" in (await pressed.reply(timeout=WAIT)).content

        # closed direct messages are said at once, and change nothing
        carol = discord.user("Carol")
        server.adds(carol, may_manage=False)
        carol.closes_dms()
        reply = await carol.types("watch", assets="BTC", in_=channel).reply(
            timeout=WAIT
        )
        assert reply.content.startswith("⚠️ **I cannot reach you")
        assert reply.is_ephemeral
        assert TOKEN not in program.output

    # a restart by itself says nothing, and goes on where it was
    async with running(tmp_path, text):
        await engine.wait_for_polls(3, WAIT)
        assert (len(alice.messages), len(channel.messages)) == (3, 1)
        flip(engine, "ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.content.startswith("🟢 **ETH turned bullish**")
        await channel.receives(1, timeout=WAIT)


@pytest.mark.timeout(240)
async def test_an_answer_that_is_lost_repeats_nothing_that_anybody_sees(
    tmp_path: Path, engine: FakeEngine, discord: FakeDiscord
) -> None:
    server = discord.server("Traders")
    alice = discord.user("Alice")
    server.adds(alice, may_manage=False)

    async with running(tmp_path, config(engine, discord)):
        await discord.ready(timeout=60)
        await engine.wait_for_polls(2, WAIT)
        await alice.types("watch", assets="ETH").reply(timeout=WAIT)
        discord.lose_answer_next("POST /channels/{channel_id}/messages")
        flip(engine, "ETH")
        await alice.receives(1, timeout=WAIT)

        # what comes next shows that the repeat was swallowed, not a new alert
        while not discord.swallowed:
            await engine.wait_for_polls(1, WAIT)
        flip(engine, "ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.content.startswith("🟢 **ETH turned bullish**")
        assert len(alice.messages) == 2
