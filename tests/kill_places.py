"""Watchers on a platform, as a history of kills needs them: one code for both."""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fake_discord import User as DiscordUser
from fake_telegram import User as TelegramUser
from kill_scene import SYMBOLS, Trap, TrappedDiscord, TrappedTelegram

NAMES = ("Alice", "Bob", "Carol", "Dan", "Eve", "Frank")
#: the same assets by different kinds of watches
WATCHES = ("all", " ".join(SYMBOLS), "top50")
WAIT = 60.0


@dataclass(frozen=True)
class Alert:
    """An alert as its reader sees it.

    `identity` is the same for a repeat and for the message in the store: Telegram's
    text with its markup, Discord's nonce.
    """

    identity: str
    text: str


class Place(ABC):
    """One private chat that watches everything."""

    #: the chat's id on the platform
    chat: str

    @property
    @abstractmethod
    def alerts(self) -> Sequence[Alert]:
        """All alerts that arrived here, repeats as well."""


class Scene(ABC):
    """A platform with its watchers."""

    #: whether the platform hides repeats
    knows_nonces: bool

    @property
    @abstractmethod
    def config(self) -> str:
        """The platform's section of the configuration."""

    @abstractmethod
    async def watch(self) -> Sequence[Place]:
        """Let everybody watch and read the reply."""

    @abstractmethod
    def complaints(self) -> Sequence[str]:
        """What the platform disliked."""

    @staticmethod
    @abstractmethod
    def identity_of(message_id: int, number: int, part: dict[str, Any], /) -> str:
        """Return the identity of a stored message's part."""


class TelegramPlace(Place):
    def __init__(self, user: TelegramUser, skipped: int) -> None:
        self.chat = str(user.id)
        self._user, self._skipped = user, skipped

    @property
    def alerts(self) -> Sequence[Alert]:
        seen = self._user.messages[self._skipped :]
        # edits of a broad move's table tell nothing that its lines do not
        return [Alert(m.html, m.text) for m in (s.first or s for s in seen)]


class TelegramScene(Scene):
    knows_nonces = False
    token = "4242424242:AAcrash-test-token-that-is-not-a-secret"

    def __init__(self, server: TrappedTelegram) -> None:
        self._server = server

    @property
    def config(self) -> str:
        url = self._server.base_url
        return f'[telegram]\ntoken = "{self.token}"\nbase_url = "{url}"\n'

    async def watch(self) -> Sequence[Place]:
        places = []
        for number, name in enumerate(NAMES):
            user = self._server.user(name)
            user.says(f"/watch {WATCHES[number % len(WATCHES)]}")
            (reply,) = await user.receives(1, timeout=WAIT)
            assert reply.text.startswith("👁"), reply.text
            places.append(TelegramPlace(user, 1))
        return places

    def complaints(self) -> Sequence[str]:
        return self._server.violations

    @staticmethod
    def identity_of(_message_id: int, _number: int, part: dict[str, Any], /) -> str:
        return str(part["text"])


class DiscordPlace(Place):
    def __init__(self, user: DiscordUser, skipped: int) -> None:
        self.chat = user.dm.id
        self._user, self._skipped = user, skipped

    @property
    def alerts(self) -> Sequence[Alert]:
        found = []
        for kept in self._user.messages[self._skipped :]:
            seen = kept.first or kept
            texts = [str(e.get("description", "")) for e in seen.embeds]
            found.append(Alert(seen.nonce or "", "\n".join([seen.content, *texts])))
        return found


class DiscordScene(Scene):
    knows_nonces = True
    token = "MTIzNDU2Nzg5MDEyMzQ1Njc4.crash-token-that-is-not-a-secret"

    def __init__(self, server: TrappedDiscord) -> None:
        self._server = server

    @property
    def config(self) -> str:
        return (
            f'[discord]\ntoken = "{self.token}"\n'
            f'api_url = "{self._server.api_url}"\n'
            f'gateway_url = "{self._server.gateway_url}"\n'
        )

    async def watch(self) -> Sequence[Place]:
        await self._server.ready(timeout=WAIT)
        club = self._server.server("Traders")
        places = []
        for number, name in enumerate(NAMES):
            user = self._server.user(name)
            club.adds(user)
            said = user.types("watch", assets=WATCHES[number % len(WATCHES)])
            reply = await said.reply(timeout=WAIT)
            assert reply.content.startswith("👁"), reply.content
            places.append(DiscordPlace(user, len(user.messages)))
        return places

    def complaints(self) -> Sequence[str]:
        return self._server.violations

    @staticmethod
    def identity_of(message_id: int, number: int, _part: dict[str, Any], /) -> str:
        return f"{message_id:x}.{number}"


@asynccontextmanager
async def open_scene(platform: str, trap: Trap) -> AsyncIterator[Scene]:
    """Open a platform without limits: they are for other tests."""
    if platform == "telegram":
        async with TrappedTelegram(token=TelegramScene.token) as telegram:
            telegram.trap = trap
            telegram.lift_limits()
            yield TelegramScene(telegram)
    else:
        async with TrappedDiscord(token=DiscordScene.token) as discord:
            discord.trap = trap
            discord.lift_limits()
            yield DiscordScene(discord)


_SYMBOL = re.compile(rf"\b(?:{'|'.join(SYMBOLS)})\b")
#: a row of a table, or a card's or a single alert's first line
_GRADE = re.compile(r"→(\d+)|grade (\d+)|· (\d+)(?:,|$)")
_SIGNAL = re.compile(r"\b(?:bullish|bearish)\b")
#: the line about later flips of a broad move, and what it names
_MORE = re.compile(r"\d more (flipped|bullish|bearish)\W*: (.*)")
_NAMED = re.compile(rf"({_SYMBOL.pattern})(?: (bullish|bearish))? (\d+)")


def read(text: str) -> dict[str, tuple[int, str]]:
    """Read what an alert tells: symbol -> grade and, where it is beside it, signal."""
    found: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        if more := _MORE.search(line):
            for symbol, signal, grade in _NAMED.findall(more[2]):
                found[symbol] = (int(grade), signal or more[1])
            continue
        symbols, grade = _SYMBOL.findall(line), _GRADE.search(line)
        if len(symbols) == 1 and grade is not None:
            signal = _SIGNAL.search(line)
            number = next(g for g in grade.groups() if g)
            found[symbols[0]] = (int(number), signal[0] if signal else "")
    return found
