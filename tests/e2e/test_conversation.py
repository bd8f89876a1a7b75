"""Every line of the conversation table, through the real process on each platform."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import web_client
from conversation import PLATFORMS, Person, Platform, Section, play
from conversation_table import SECTIONS
from fake_discord import FakeDiscord
from fake_engine import FakeEngine
from fake_telegram import FakeTelegram
from running import Running, running
from yarl import URL

from bot.commands.desk import ADMIN, COMMANDS
from bot.commands.room import CLAIM_CODE
from storage import open_store

TELEGRAM_TOKEN = "4242424242:AAE2E-test-token-that-is-not-a-secret"
DISCORD_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.test-token-that-is-not-a-secret"
#: a loaded machine answers slowly, and a chat's own limit lets one reply out a second
WAIT = 60.0


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with FakeEngine(size=12) as fake:
        fake.set("BTC", grade=83, signal=1, price=97_120)
        fake.set("ETH", grade=38, signal=-1, price=3_412)
        fake.set("SOL", grade=71, signal=1, price=142.1)
        fake.add("PEPE", name="Pepe", grade=31, signal=1, market_cap=4.1e9)
        fake.add("PEPE", name="PepeCoin", grade=20, signal=-1, market_cap=1e9)
        yield fake


CODE = "A1B2C3D4E5"
#: named in the configuration, one for each section that is for operators
OPERATORS = sum(section.is_operator for section in SECTIONS)


def config(engine: FakeEngine, operators: list[str], rest: str = "") -> str:
    return f"""
[app]
lines_per_minute = 100000
operators = {operators}

[engine]
kind = "remote"
base_url = "{engine.base_url}"
poll_interval = 1
universe = "all"

{rest}
"""


@pytest.fixture(autouse=True)
async def _code(tmp_path: Path) -> None:
    """Leave a code to become an operator by, as a first start does."""
    store = await open_store(
        f"sqlite+aiosqlite:///{tmp_path / 'flipwatch.db'}",
        now=lambda: datetime.now(UTC),
    )
    await store.set_value(CLAIM_CODE, CODE)
    await store.close()


class TheStage:
    """What the platforms have in common."""

    platform: Platform
    code = CODE

    def __init__(self, engine: FakeEngine, program: Running) -> None:
        self.engine = engine
        self.program = program

    def unasked(self) -> list[str]:
        """Return what was said beside the one reply to each line, where it is seen."""
        return []

    def turn(self, symbol: str) -> None:
        self.engine.advance()
        self.engine.flip(symbol)

    async def settled(self) -> None:
        """Ask until nothing is on its way: a yes is written just after the message."""
        async with asyncio.timeout(WAIT):
            while await self._on_the_way():
                pass

    async def _on_the_way(self) -> float:
        _, text = await self.program.get("/metrics")
        counts = re.findall(r'flipwatch_deliveries\{state="(\w+)"\} (\S+)', text)
        return sum(float(n) for state, n in counts if state in {"pending", "claimed"})


async def perform(stage: Any) -> list[str]:
    """Play all sections, at once where nothing happens on the market."""
    quiet = [s for s in SECTIONS if not s.turns]
    failures = await asyncio.gather(*(play(stage, section) for section in quiet))
    # before anything happens that would be told to these people, too
    failures.append(stage.unasked())
    for section in SECTIONS:
        if section.turns:
            failures.append(await play(stage, section))
    return [text for each in failures for text in each]


# -------------------------------------------------------------------------- telegram


class TelegramPerson:
    def __init__(self, user: Any, group: Any) -> None:
        self.user, self.group = user, group
        self.place = group or user
        self.last: Any = None

    async def say(self, text: str) -> str:
        self.user.says(text, in_=self.group)
        return await self._next()

    async def press(self, label: str) -> str:
        self.user.presses(self.last, label)
        before = self.last.text

        def now() -> str:
            return str(self.place.find(self.last.message_id).seen().text)

        assert await self.place.world.bell.until(lambda: now() != before, WAIT)
        return now()

    async def hears(self) -> str:
        return await self._next()

    async def _next(self) -> str:
        while True:
            (self.last,) = await self.place.receives(1, timeout=WAIT)
            if self.last.text:  # a file follows the reply it belongs to
                return str(self.last.text)


class TelegramStage(TheStage):
    platform = "telegram"
    telegram: FakeTelegram
    operators: list[Any]
    places: list[Any]

    def person(self, section: Section) -> Person:
        user = self.telegram.user("Somebody")
        if section.is_operator:
            user = self.operators.pop()
        group = None
        if section.where == "group":
            boss = self.telegram.user("Boss")
            admins = [user] if section.is_admin else [boss]
            group = self.telegram.group("Traders", admins=admins, members=[user])
        self.places.append(group or user)
        return TelegramPerson(user, group)

    def unasked(self) -> list[str]:
        # a file follows the reply it belongs to; and the market stands still here,
        # which operators are told after a while
        return [
            f"unasked: {seen.text}"
            for place in self.places
            for seen in place.unread
            if seen.file is None and not seen.text.startswith("⚠️ No new grades")
        ]


@pytest.mark.timeout(300)
async def test_every_line_is_answered_as_the_manual_says_on_telegram(
    tmp_path: Path, engine: FakeEngine
) -> None:
    async with FakeTelegram(token=TELEGRAM_TOKEN) as telegram:
        telegram.lift_limits()
        operators = [telegram.user("Operator") for _ in range(OPERATORS)]
        text = config(
            engine,
            [f"telegram:{operator.id}" for operator in operators],
            f'[telegram]\ntoken = "{TELEGRAM_TOKEN}"\n'
            f'base_url = "{telegram.base_url}"\nmessages_per_second = 1000',
        )
        async with running(tmp_path, text) as program:
            await engine.wait_for_polls(2, WAIT)
            stage = TelegramStage(engine, program)
            stage.telegram, stage.operators = telegram, operators
            stage.places = []
            failures = await perform(stage)
        assert telegram.violations == []
    assert not failures, "\n\n".join(failures)


# --------------------------------------------------------------------------- discord


class DiscordPerson:
    def __init__(self, user: Any, channel: Any, commands: dict[str, Any]) -> None:
        self.user, self.channel = user, channel
        self.commands = commands
        self.last: Any = None

    async def say(self, text: str) -> str:
        name, _, rest = text.removeprefix("/").partition(" ")
        options = self.commands[name].get("options") or []
        given = {}
        if rest:
            wanted = [o for o in options if o.get("required")] or options
            assert wanted, f"/{name} takes nothing on Discord, not even {rest!r}"
            # one takes it all: the line is put together again as it was
            given = {wanted[0]["name"]: rest}
        typed = self.user.types(name, in_=self.channel, **given)
        self.last = await typed.reply(timeout=WAIT)
        return _words(self.last)

    async def press(self, label: str) -> str:
        rows = self.last.components
        (whole,) = [
            b["label"] for r in rows for b in r["components"] if label in b["label"]
        ]
        pressed = self.user.presses(self.last, whole)
        return _words(await pressed.updated(timeout=WAIT))

    async def hears(self) -> str:
        (seen,) = await self.user.receives(1, timeout=WAIT)
        return _words(seen)


def _words(seen: Any) -> str:
    parts = [seen.content]
    for embed in seen.embeds:
        parts.append(embed.get("description", ""))
        parts.append(embed.get("footer", {}).get("text", ""))
    return "\n".join(parts)


class DiscordStage(TheStage):
    platform = "discord"
    discord: FakeDiscord
    operators: list[Any]

    def person(self, section: Section) -> Person:
        user = self.discord.user("Somebody")
        if section.is_operator:
            user = self.operators.pop()
        server = self.discord.server("Traders")
        server.adds(user, may_manage=section.is_admin)
        channel = server.channel("alerts") if section.where == "group" else None
        return DiscordPerson(user, channel, self.discord.commands)


@pytest.mark.timeout(300)
async def test_every_line_is_answered_as_the_manual_says_on_discord(
    tmp_path: Path, engine: FakeEngine
) -> None:
    async with FakeDiscord(token=DISCORD_TOKEN, ack_within=30.0) as discord:
        discord.lift_limits()
        operators = [discord.user("Operator") for _ in range(OPERATORS)]
        text = config(
            engine,
            [f"discord:{operator.id}" for operator in operators],
            f'[discord]\ntoken = "{DISCORD_TOKEN}"\napi_url = "{discord.api_url}"\n'
            f'gateway_url = "{discord.gateway_url}"',
        )
        async with running(tmp_path, text) as program:
            await discord.ready(timeout=60)
            await engine.wait_for_polls(2, WAIT)
            stage = DiscordStage(engine, program)
            stage.discord, stage.operators = discord, operators
            failures = await perform(stage)
        assert discord.violations == []
    assert not failures, "\n\n".join(failures)


# ------------------------------------------------------------------------------- web


class WebPerson:
    def __init__(self, url: str, stack: AsyncExitStack, inbox: str) -> None:
        self.url, self.stack, self.inbox = url, stack, inbox
        self.client: Any = None
        self.seen = 0
        self.last: Any = None

    async def _at_the_page(self) -> Any:
        if self.client is None:
            jar = aiohttp.CookieJar(unsafe=True)
            if self.inbox:
                jar.update_cookies({"flipwatch_inbox": self.inbox}, URL(self.url))
            self.client = await self.stack.enter_async_context(
                web_client.new_client(jar)
            )
            await web_client.visit(self.client, self)
        return self.client

    async def say(self, text: str) -> str:
        status, answer = await web_client.say(await self._at_the_page(), self, text)
        assert status == 200, answer
        _own, *replies = answer["messages"]
        (reply,) = replies
        self.last = reply
        self.seen = max(self.seen, reply["id"])
        return str(reply["part"]["text"] if "part" in reply else reply["text"])

    async def press(self, label: str) -> str:
        client = await self._at_the_page()
        buttons = self.last.get("part", self.last)["buttons"]
        (action,) = [b["action"] for r in buttons for b in r if label in b["label"]]
        body = {"entry": self.last["id"], "action": action}
        async with client.post(self.url + "/api/press", json=body) as response:
            answer = await response.json()
        updated = answer["updated"] or answer["messages"][0]
        return str(updated.get("part", updated)["text"])

    async def hears(self) -> str:
        stream = await web_client.events(
            await self._at_the_page(), self, query=f"?after={self.seen}"
        )
        async with asyncio.timeout(WAIT):
            while True:
                try:
                    name, _, data = await stream.next()
                except TimeoutError:
                    continue
                if name == "message" and data["kind"] == "alert":
                    self.seen = data["id"]
                    return str(data.get("part", data)["text"])


class WebStage(TheStage):
    platform = "web"
    stack: AsyncExitStack
    operators: list[str]

    def person(self, section: Section) -> Person:
        inbox = self.operators.pop() if section.is_operator else ""
        return WebPerson(self.program.url, self.stack, inbox)


@pytest.mark.timeout(300)
async def test_every_line_is_answered_as_the_manual_says_in_the_web_chat(
    tmp_path: Path, engine: FakeEngine
) -> None:
    operators = [f"{number:022}" for number in range(OPERATORS)]
    text = config(engine, [f"web:{inbox}" for inbox in operators])
    async with running(tmp_path, text) as program, AsyncExitStack() as stack:
        await engine.wait_for_polls(2, WAIT)
        stage = WebStage(engine, program)
        stage.stack, stage.operators = stack, operators
        failures = await perform(stage)
    assert not failures, "\n\n".join(failures)


# ----------------------------------------------------------------------- the table


#: nothing that is typed after these is wrong
UNBREAKABLE = {
    (name, "bad")
    for name in (
        "start",
        "help",
        "watchlist",
        "market",
        "status",
        "settings",
        "forgetme",
    )
} | {("unlink", "good"), ("unlink", "bad")}


def _lines() -> Iterator[tuple[str, str]]:
    for section in SECTIONS:
        for step in section.steps:
            if hasattr(step, "how"):
                name = step.text.removeprefix("/").partition(" ")[0].lower()
                yield name, step.how


def test_every_command_has_good_and_bad_lines() -> None:
    lines = set(_lines())
    missing = [
        (name, how)
        for name in (*COMMANDS, ADMIN)
        for how in ("good", "bad")
        if (name, how) not in lines and (name, how) not in UNBREAKABLE
    ]

    assert missing == []


def test_every_platform_is_played() -> None:
    assert {TelegramStage.platform, DiscordStage.platform, WebStage.platform} == set(
        PLATFORMS
    )
