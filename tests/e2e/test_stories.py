"""A first day, and somebody who mistypes: whole stories, as their people see them.

They are printed in `docs/transcripts.md`, to be read aloud.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from fake_telegram import FakeTelegram, Seen, User
from running import running
from transcripts import Transcript

TOKEN = "4242424242:AAE2E-test-token-that-is-not-a-secret"
WAIT = 30.0
#: just before nine in Lisbon: a digest at nine is not waited for long
MORNING = datetime(2025, 6, 3, 7, 59, 15, tzinfo=UTC)
#: of the engine's day
AN_HOUR = 1 / 24


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine(size=12) as fake:
        fake.set("BTC", grade=83, signal=1, price=97_120)
        fake.set("ETH", grade=71, signal=1, price=3_412)
        fake.set("SOL", grade=44, signal=-1, price=142.1)
        fake.add("PEPE", name="Pepe", grade=31, signal=1, market_cap=4.1e9)
        fake.add("PEPE", name="PepeCoin", grade=20, signal=-1, market_cap=1e9)
        fake.advance((MORNING - fake.today) / timedelta(days=1) - 3 * AN_HOUR)
        yield fake


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(token=TOKEN) as fake:
        # in a minute's story more is said than in a minute
        fake.lift_limits()
        yield fake
        assert fake.violations == []


def config(engine: FakeEngine, telegram: FakeTelegram) -> str:
    return f"""
[app]
lines_per_minute = 1000

[engine]
kind = "remote"
base_url = "{engine.base_url_v3}"
poll_interval = 1

[telegram]
token = "{TOKEN}"
base_url = "{telegram.base_url}"
"""


class Talk:
    """One person's private chat with the bot, written down."""

    def __init__(self, user: User, transcript: Transcript) -> None:
        self.user, self.transcript = user, transcript
        self.last: Seen

    async def say(self, text: str, first: str) -> Seen:
        """Type a line; its one reply begins with `first`."""
        self.transcript.says(self.user.title, text)
        self.user.says(text)
        return await self.hear(first)

    async def hear(self, first: str, timeout: float = WAIT) -> Seen:
        """Wait for the next message, which begins with `first`."""
        (self.last,) = await self.user.receives(1, timeout=timeout)
        self._write(self.last)
        assert self.last.text.startswith(first), self.last.text
        return self.last

    async def press(self, label: str, toast: str = "") -> None:
        """Press a button of the last message; it is answered at once."""
        (whole,) = [b.label for r in self.last.buttons for b in r if label in b.label]
        said = await self.user.toast(self.user.presses(self.last, label), WAIT)
        self.transcript.presses(self.user.title, whole, said)
        assert said.startswith(toast), said

    async def press_and_hear(self, label: str, first: str) -> None:
        """Press a button that is answered by a message of its own."""
        await self.press(label)
        await self.hear(first)

    async def press_and_see(self, label: str, first: str, toast: str = "") -> None:
        """Press a button that changes its message."""
        before = self._now()
        await self.press(label, toast)
        bell = self.user.world.bell
        assert await bell.until(lambda: self._now() != before, WAIT)
        self.last = self._now()
        self.transcript.happens("the message is now")
        self._write(self.last)
        assert self.last.text.startswith(first), self.last.text

    def _now(self) -> Seen:
        return self.user.find(self.last.message_id).seen()

    def _write(self, seen: Seen) -> None:
        self.transcript.hears(seen.text, seen.buttons)


def next_minute(at: datetime, *, leave: timedelta) -> datetime:
    """Return the next whole minute that is not too near."""
    return (at + leave).replace(second=0, microsecond=0) + timedelta(minutes=1)


@pytest.mark.timeout(300)
async def test_a_first_day(
    tmp_path: Path, engine: FakeEngine, telegram: FakeTelegram
) -> None:
    transcript = Transcript(
        "A first day",
        "Ada has found the bot on Telegram. It is a morning in Lisbon.",
    )
    ada = Talk(telegram.user("Ada"), transcript)
    began = datetime.now(UTC)
    async with running(tmp_path, config(engine, telegram), at=MORNING):
        await engine.wait_for_polls(2, WAIT)
        await ada.say("/start", "👋 I write when a crypto signal flips")
        await ada.press_and_hear("Show a sample", "SAMPLE · ")
        await ada.say("btc eth $sol", "👁 Watching BTC, ETH, SOL")

        transcript.happens("ETH turns bearish")
        engine.advance(AN_HOUR)
        engine.set("ETH", signal=-1, grade=38, price=3_241)
        alert = await ada.hear("🔴 ETH turned bearish")
        assert not alert.is_silent
        # until the yes of the platform is written
        await engine.wait_for_polls(2, WAIT)
        await ada.press_and_hear("Details", "🔴 ETH (Ethereum) bearish")
        ada.last = alert
        await ada.press_and_see("Mute 24 h", "🔴 ETH turned bearish", "ETH is muted")
        transcript.happens("ETH turns back; nothing comes")
        engine.advance(AN_HOUR)
        engine.set("ETH", signal=1, grade=55)
        await engine.wait_for_polls(2, WAIT)

        await ada.say("/timezone Lisbon", "🌍 Your clock: Lisbon")
        now = MORNING + (datetime.now(UTC) - began)
        due = next_minute(now, leave=timedelta(seconds=15))
        local = due + timedelta(hours=1)
        await ada.say(f"/digest daily {local:%H:%M}", "🗞 Digest daily at ")
        transcript.happens("BTC turns bearish, SOL bullish; it is not yet the hour")
        engine.advance(AN_HOUR)
        engine.set("BTC", signal=-1, grade=47, price=95_870)
        engine.set("SOL", signal=1, grade=82, price=148.3)
        await engine.wait_for_polls(2, WAIT)
        waiting = ada.user.messages[-1]
        assert waiting.text.startswith("🗞 Digest daily at ")

        transcript.happens("the hour has come")
        digest = await ada.hear("🗓 Your day: 2 flips stand", timeout=90)
        assert digest.is_silent
        assert "BTC" in digest.text
        assert "SOL" in digest.text
        assert "ETH" not in digest.text
        await ada.say("/why eth", "🔍 ETH bullish, ")
        await ada.say("/watchlist", "📋 Your 3 assets")
        await ada.say("/digest off", "🗞 No digest: alerts come one by one")
    transcript.keep()


@pytest.mark.timeout(300)
async def test_a_day_of_mistakes(
    tmp_path: Path, engine: FakeEngine, telegram: FakeTelegram
) -> None:
    transcript = Transcript(
        "Somebody who mistypes",
        "Bo types on a phone, in a tram. Each line gets one answer, which says what to"
        " type; what was meant is one press away.",
    )
    bo = Talk(telegram.user("Bo"), transcript)
    async with running(tmp_path, config(engine, telegram), at=MORNING):
        await engine.wait_for_polls(2, WAIT)
        await bo.say("wach BTC", "✋ A command begins with /")
        await bo.press_and_hear("Yes, /watch BTC", "👁 Watching BTC")
        await bo.say("/watchh ETH", "✋ I don't know /watchh")
        await bo.press_and_hear("Yes, /watch ETH", "👁 Watching ETH")
        await bo.say("/watch SOLL", "❌ Nothing new is watched")
        await bo.press_and_hear("SOL", "👁 Watching SOL")
        await bo.say("/watch #layer-1 bullish grad>=80", "✋ I don't know the word")
        await bo.press_and_hear("Yes, ", "👁 Watching layer-1")
        await bo.say("/watch BTC 800", "✋ A grade goes from 0 to 100")
        await bo.say("/watch BTC bullish bearish", "✋ Not “bullish” and “bearish”")
        await bo.say("/watch pepe", "❓ Which PEPE?")
        await bo.press_and_see("1 Pepe", "👁 Watching PEPE")
        await bo.say("/watch", "✋ What shall I watch?")
        await bo.say("thanks", "✋ I understand commands and symbols")
        await bo.say("/signal etherum", "✋ I don't know “etherum”")
        await bo.say("/flips 7", "✋ A bare 7 says too little here")
        await bo.press_and_hear("Yes, /flips 7d", "⚡ No flips in 7 days")
        await bo.say("/top ai", "✋ /top lists many assets, not one")
        await bo.say("/quiet 10", "✋ I can't read these quiet hours")
        await bo.say("/quiet 22-7 Berln", "✋ ")
        await bo.say("/timezone Atlantis", "✋ I don't know the place “Atlantis”")
        await bo.say("/mute BTC for ever", "✋ “ever” is not a length of time")
        await bo.say("/unwatch DOGGE", "✋ Nothing to remove")
        await bo.say("/admin", "✋ I don't know /admin")
        await bo.say("/broadcast top100", "📣 Which group or channel?")
        await bo.say("/unwatch all", "❓ Remove all")
        await bo.press("Keep", "Nothing was changed.")
        await bo.say("/stop", "✋ I don't know /stop")
    transcript.keep()
