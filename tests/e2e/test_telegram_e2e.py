"""Telegram, end to end: the real program between a local engine and a local Bot API."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from fake_telegram import FakeTelegram
from running import running

TOKEN = "4242424242:AAE2E-test-token-that-is-not-a-secret"
KEY = "tm-00000000-1111-2222-3333-444444444444"
#: a loaded machine needs its time for a poll, a fan-out and a send
WAIT = 30.0


def config(engine: FakeEngine, telegram: FakeTelegram) -> str:
    return f"""
[engine]
kind = "remote"
base_url = "{engine.base_url}"
api_key = "{KEY}"
poll_interval = 1
universe = "top10"

[telegram]
token = "{TOKEN}"
base_url = "{telegram.base_url}"
"""


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine(size=12) as fake:
        fake.require_key(KEY)
        fake.set("BTC", grade=18.7, signal=-1, price=60_000)
        fake.set("ETH", grade=60, signal=1, price=3_000)
        yield fake
        assert not fake.key_in_query(KEY)


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(token=TOKEN) as fake:
        yield fake
        assert fake.violations == []
        assert fake.too_many == 0


def flip(engine: FakeEngine, symbol: str) -> None:
    """Let a day pass on which one asset turns."""
    engine.advance()
    engine.flip(symbol)


TROUBLES: dict[str, Callable[[FakeEngine], None]] = {
    "404": lambda e: e.fail_next(status=404, message="Data not found"),
    "401": lambda e: e.fail_next(status=401, message="not with your current plan"),
    "429": lambda e: e.fail_next(status=429, retry_after=1),
    "500": lambda e: e.fail_next(status=500),
    "garbage": lambda e: e.answer_next(b'{"success": tru\xff\x00'),
    "half a page": lambda e: e.half_page_next(),
}


@pytest.mark.timeout(300)
async def test_from_a_poll_to_a_private_chat_and_a_group(
    tmp_path: Path, engine: FakeEngine, telegram: FakeTelegram
) -> None:
    alice, boss = telegram.user("Alice"), telegram.user("Boss")
    group = telegram.group("Traders", admins=[boss], members=[alice])
    text = config(engine, telegram)

    async with running(tmp_path, text) as program:
        await engine.wait_for_polls(2, WAIT)
        alice.says("/watch ETH")
        (reply,) = await alice.receives(1, timeout=WAIT)
        assert reply.text.startswith("👁 Watching ETH\n🟢 ETH bullish · 60")
        alice.says("/watch BTC 30 50 70 80")
        (reply,) = await alice.receives(1, timeout=WAIT)
        assert "its grade passes 80 or 70 or 50 or 30, either way" in reply.text
        alice.says("/broadcast", in_=group)
        (reply,) = await group.receives(1, timeout=WAIT)
        assert "Only admins can change" in reply.text
        boss.says("/broadcast", in_=group)
        (menu,) = await group.receives(1, timeout=WAIT)
        assert menu.text.startswith("📣 What shall this group get?\n• top100 · ")
        assert await boss.toast(boss.presses(menu, "top100")) == "Done."
        await telegram.requested("editMessageText", timeout=WAIT)
        assert group.messages[-1].text.startswith("📣 This group gets: top100")

        # the baseline is silent, and so are polls without news
        await engine.wait_for_polls(2, WAIT)
        assert (len(alice.messages), len(group.messages)) == (2, 2)

        # a flip reaches the private chat, loud, and the group, silent
        flip(engine, "ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.text.startswith("🔴 ETH turned bearish · grade 60")
        assert not alert.is_silent
        (post,) = await group.receives(1, timeout=WAIT)
        assert post.text.startswith("🔴 ETH turned bearish")
        assert post.is_silent
        labels = {b.label for row in post.buttons for b in row}
        assert labels == {"📈 Chart", "🔍 Details", "👁 Watch privately"}

        # 30, 50, 70 and 80 in one jump are one message
        engine.advance()
        engine.set("BTC", grade=87.3)
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.text.startswith(
            "📈 BTC grade 87, was 18\nPassed your lines 30 · 50 · 70 · 80\n"
            "Signal still 🔴 bearish"
        )
        assert alert.is_silent

        # buttons work, and say what they did
        pressed = alice.presses(alert, "Mute 24 h")
        assert await alice.toast(pressed) == "BTC is muted for 24 hours."

        # whatever the engine answers instead of grades makes no event and no crash
        for name, cause in TROUBLES.items():
            cause(engine)
            await engine.wait_for_polls(2, WAIT)
            assert engine.pending_faults == 0, name
        assert len(alice.messages) == 4
        assert len(group.messages) == 3
        flip(engine, "ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.text.startswith("🟢 ETH turned bullish")
        await group.receives(1, timeout=WAIT)
        assert TOKEN not in program.output
        assert KEY not in program.output

    # a restart by itself says nothing, and goes on where it was
    async with running(tmp_path, text):
        await engine.wait_for_polls(3, WAIT)
        assert (len(alice.messages), len(group.messages)) == (5, 4)
        flip(engine, "ETH")
        (alert,) = await alice.receives(1, timeout=WAIT)
        assert alert.text.startswith("🔴 ETH turned bearish")
        assert alert.reply_to is not None
        await group.receives(1, timeout=WAIT)


@pytest.mark.timeout(240)
async def test_private_and_group_manners(
    tmp_path: Path, engine: FakeEngine, telegram: FakeTelegram
) -> None:
    # what people type here in a second would take them a minute
    telegram.lift_limits()
    alice, boss = telegram.user("Alice"), telegram.user("Boss")
    forum = telegram.group("Forum", admins=[boss], members=[alice], is_forum=True)
    topic = forum.topic("Alerts")
    small = telegram.group("Small", admins=[boss], is_supergroup=False)
    channel = telegram.channel("Signals", admins=[boss])

    async with running(tmp_path, config(engine, telegram)) as program:
        await engine.wait_for_polls(2, WAIT)

        # symbols alone are a /watch; an unknown one is answered with a suggestion
        alice.says("BTC, eth ETTH")
        (reply,) = await alice.receives(1, timeout=WAIT)
        assert reply.text.startswith("👁 Watching BTC, ETH")
        assert "❌ ETTH: not known. Did you mean ETH?" in reply.text

        # the code of the first start makes an operator, once
        code = (await program.line(r"/claim (\w+)"))[1]
        alice.says(f"/claim {code}")
        (reply,) = await alice.receives(1, timeout=WAIT)
        assert reply.text.startswith("🔑 You are an operator now")
        boss.says(f"/claim {code}")
        (reply,) = await boss.receives(1, timeout=WAIT)
        assert "That is not the code" in reply.text

        # an anonymous admin counts as admin; the topic gets it, not the whole forum
        forum.anonymous_admin_says("/broadcast ETH", topic=topic)
        (reply,) = await forum.receives(1, timeout=WAIT)
        assert reply.text.startswith("📣 This topic gets: ETH")
        channel.posts("/broadcast top10")
        (reply,) = await channel.receives(1, timeout=WAIT)
        assert reply.text.startswith("📣 This channel gets: top10")

        # /watch in a group is personal and leads into the private chat
        alice.says("/watch SOL", in_=forum, topic=topic)
        (reply,) = await forum.receives(1, timeout=WAIT)
        assert reply.text == "👁 SOL: I alert you privately, not here."
        alice.opens_link(reply.buttons[0][0].url)
        (reply,) = await alice.receives(1, timeout=WAIT)
        assert reply.text.startswith("👁 Watching SOL")

        # blocked: nothing is lost, and /start brings what was missed as one message
        alice.blocks()
        flip(engine, "ETH")
        (post,) = await forum.receives(1, timeout=WAIT)
        assert post.thread == topic
        await channel.receives(1, timeout=WAIT)
        alice.says("/start")
        texts = [m.text for m in await alice.receives(2, timeout=WAIT)]
        assert any(t.startswith("👋 You are back") for t in texts)
        assert any("You are back: 1 of your 3 changed" in t for t in texts)

        # a group that becomes a supergroup is followed
        boss.says("/broadcast ETH", in_=small)
        await small.receives(1, timeout=WAIT)
        small.migrates()
        flip(engine, "ETH")
        (post,) = await small.receives(1, timeout=WAIT)
        assert post.text.startswith("🟢 ETH turned bullish")
        await alice.receives(1, timeout=WAIT)
        await channel.receives(1, timeout=WAIT)
        status, text = await program.get("/readyz")
        assert status == 200, text
        _, metrics = await program.get("/metrics")
        assert 'flipwatch_alerts_sent_total{platform="telegram"}' in metrics
