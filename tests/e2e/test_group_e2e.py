"""An admin sets up a group with two topics: the whole story, as its people see it.

It is printed in `docs/transcripts.md`, to be read as they would.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from fake_telegram import FakeTelegram, Group, Seen, User
from running import running
from transcripts import Transcript

TOKEN = "4242424242:AAE2E-test-token-that-is-not-a-secret"
WAIT = 30.0


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine(size=12) as fake:
        fake.set("BTC", grade=83, signal=1, price=97_120)
        fake.set("ETH", grade=71, signal=1, price=3_412)
        fake.set("SOL", grade=44, signal=-1, price=142.1)
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
[engine]
kind = "remote"
base_url = "{engine.base_url_v3}"
poll_interval = 1
universe = "top10"
public_note = "Free to show in groups of up to 50 members."

[telegram]
token = "{TOKEN}"
base_url = "{telegram.base_url}"
"""


class Story:
    """Plays people and writes down what was said."""

    def __init__(self, forum: Group, topics: dict[int, str]) -> None:
        self.forum = forum
        self.topics = topics
        self.transcript = Transcript(
            "An admin sets up a group with two topics",
            "Kofi runs the group Traders on Telegram, Ada is a member. They also have"
            " private chats with the bot.",
        )

    def says(self, who: User, text: str, topic: int | None = None) -> None:
        self.transcript.says(who.title, text, where=self._topic(topic))
        who.says(text, in_=self.forum, topic=topic)

    def says_privately(self, who: User, text: str) -> None:
        self.transcript.says(who.title, text, where="private")
        who.says(text)

    async def in_group(self) -> Seen:
        (seen,) = await self.forum.receives(1, timeout=WAIT)
        self.transcript.hears(
            seen.text, seen.buttons, where=f"{self._topic(seen.thread)}"
        )
        return seen

    async def in_private(self, who: User) -> Seen:
        (seen,) = await who.receives(1, timeout=WAIT)
        where = f"private, {who.title}"
        self.transcript.hears(seen.text, seen.buttons, where=where)
        return seen

    async def presses(self, who: User, seen: Seen, label: str) -> str:
        toast = await who.toast(who.presses(seen, label), timeout=WAIT)
        self._pressed(who, seen, label, toast)
        return toast

    async def opens(self, who: User, seen: Seen, label: str) -> str:
        """Press a button that opens the private chat; return the link."""
        link = await who.opened(who.presses(seen, label), timeout=WAIT)
        self._pressed(who, seen, label, "the private chat opens")
        return link

    def happens(self, text: str) -> None:
        self.transcript.happens(text)

    def is_now(self, seen: Seen) -> None:
        self.happens("the message is now")
        self.transcript.hears(seen.text, seen.buttons)

    def _pressed(self, who: User, seen: Seen, label: str, toast: str) -> None:
        is_private = seen.chat_id == who.id
        where = "private" if is_private else self._topic(seen.thread)
        labels = [b.label for row in seen.buttons for b in row]
        (whole,) = [each for each in labels if label in each]
        self.transcript.presses(who.title, whole, toast, where=where)

    def _topic(self, topic: int | None) -> str:
        return self.topics.get(topic or 0, "General")


def unjoined(text: str) -> str:
    """Leave out the sign that keeps a name from being a mention."""
    return text.replace("\u2060", "")


@pytest.mark.timeout(300)
async def test_an_admin_sets_up_a_group_with_two_topics(
    tmp_path: Path, engine: FakeEngine, telegram: FakeTelegram
) -> None:
    kofi = telegram.user("Kofi", username="kofi")
    ada = telegram.user("Ada")
    forum = telegram.group(
        "Traders", admins=[kofi], members=[ada], is_forum=True, has_bot=False
    )
    alerts, news = forum.topic("Alerts"), forum.topic("Large ones")
    story = Story(forum, {alerts: "Alerts", news: "Large ones"})

    async with running(tmp_path, config(engine, telegram)):
        await engine.wait_for_polls(2, WAIT)

        # Kofi knows the bot, so he is guided in private; the group gets three lines
        story.says_privately(kofi, "/start")
        await story.in_private(kofi)
        story.happens("Kofi adds the bot to the group")
        forum.adds_bot(by=kofi)
        greeting = await story.in_group()
        assert greeting.text == (
            "👋 I post when a crypto signal flips\n"
            "Silent until an admin says /broadcast\n"
            "Information, not financial advice."
        )
        assert greeting.is_silent
        guide = await story.in_private(kofi)
        assert guide.text.startswith("👋 I am in Traders now")

        # bare: what it could get; a member may look at it and no more
        story.says(kofi, "/broadcast", alerts)
        menu = await story.in_group()
        assert menu.thread == alerts
        assert menu.text.startswith("📣 What shall this topic get?")
        refused = await story.presses(ada, menu, "top100, 80 up")
        assert refused == "Only admins of this topic can change that."
        assert await story.presses(kofi, menu, "Post a test")
        test = await story.in_group()
        assert test.text.startswith("TEST · ")
        assert await story.presses(kofi, menu, "top100, 80 up") == "Done."
        await telegram.requested("editMessageText", 1, timeout=WAIT)
        (now,) = [m for m in forum.messages if m.message_id == menu.message_id]
        story.is_now(now)
        assert now.text.startswith("📣 This topic gets: top100 bullish grade>=80")
        assert "Free to show in groups of up to 50 members." in now.text
        assert "Set by @kofi" in unjoined(now.text)

        # the other topic, by hand, first with a mistake
        story.says(kofi, "/broadcast BTC ETTH", news)
        mistake = await story.in_group()
        assert "Did you mean ETH?" in mistake.text
        story.says(kofi, "/broadcast BTC ETH", news)
        reply = await story.in_group()
        assert reply.text.startswith("📣 This topic gets: BTC, ETH")

    # what was set outlives the program, and so do the buttons
    async with running(tmp_path, config(engine, telegram)):
        await engine.wait_for_polls(2, WAIT)
        story.happens("the program was restarted")

        # everybody may look; nobody but admins may change
        story.says(ada, "/broadcast show", news)
        shown = await story.in_group()
        assert "Set by @kofi" in unjoined(shown.text)
        assert "Alerts: top100 bullish grade>=80" in shown.text
        story.says(ada, "/broadcast off", news)
        refusal = await story.in_group()
        assert "Only admins can change what this topic gets" in refusal.text

        # a member's /watch is hers: one answer, that leads into the private chat
        story.says(ada, "/watch SOL", alerts)
        mine = await story.in_group()
        assert mine.text == "👁 SOL: I alert you privately, not here."
        story.says(ada, "/watch BTC", alerts)
        await telegram.quiet(1)  # the group was told within this minute
        story.happens(
            "no second answer within a minute; Ada opens the link of the first"
        )
        ada.opens_link(mine.buttons[0][0].url)
        watching = await story.in_private(ada)
        assert watching.text.startswith("👁 Watching SOL")

        # a flip: in the topic it belongs to, silent, with buttons for the presser
        story.happens("ETH turns bearish")
        engine.advance()
        engine.flip("ETH")
        post = await story.in_group()
        assert (post.thread, post.is_silent) == (news, True)
        assert post.text.startswith("🔴 ETH turned bearish")
        labels = [b.label for row in post.buttons for b in row]
        assert labels == ["📈 Chart", "🔍 Details", "👁 Watch privately"]
        link = await story.opens(ada, post, "Watch privately")
        assert link == f"https://t.me/{telegram.world.username}?start=watch_ETH"
        ada.opens_link(link)
        watching = await story.in_private(ada)
        assert watching.text.startswith("👁 Watching ETH")
        link = await story.opens(ada, post, "Details")
        ada.opens_link(link)
        details = await story.in_private(ada)
        assert details.text.startswith("🔴 ETH (Ethereum) bearish")

        # the same asset again answers the earlier post, also in private
        story.happens("ETH turns back")
        engine.advance()
        engine.flip("ETH")
        again = await story.in_group()
        assert (again.thread, again.reply_to) == (news, post.message_id)
        mine = await story.in_private(ada)
        assert mine.text.startswith("🟢 ETH turned bullish")

        # Mute and Undo, on the alert itself
        assert "muted" in await story.presses(ada, mine, "Mute 24 h")
        await telegram.requested("editMessageText", 2, timeout=WAIT)
        story.is_now(ada.messages[-1])
        assert "🔕 Muted until" in ada.messages[-1].text
        assert [b.label for b in ada.messages[-1].buttons[1]] == ["↩ Undo"]
        assert "heard again" in await story.presses(ada, ada.messages[-1], "Undo")
        await telegram.requested("editMessageText", 3, timeout=WAIT)
        assert ada.messages[-1].text == mine.text

        # a topic is deleted: its setting is kept, and goes on elsewhere
        story.happens("the topic is deleted; ETH turns bearish again")
        forum.deletes_topic(news)
        engine.advance()
        engine.flip("ETH")
        await story.in_private(ada)
        story.happens("Kofi makes a new topic")
        kept = forum.topic("Large ones 2")
        story.topics[kept] = "Large ones 2"
        await telegram.requested("sendMessage", len(telegram.sent) + 1, timeout=WAIT)
        await engine.wait_for_polls(1, WAIT)
        story.says(kofi, "/broadcast", kept)
        menu = await story.in_group()
        assert menu.buttons[0][0].label == "↪ Go on here: BTC, ETH"
        await story.presses(kofi, menu, "Go on here")
        await telegram.requested("editMessageText", 4, timeout=WAIT)
        (now,) = [m for m in forum.messages if m.message_id == menu.message_id]
        story.is_now(now)
        assert now.text.startswith("📣 This topic gets: BTC, ETH")
    story.transcript.keep()
