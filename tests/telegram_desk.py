"""A desk that notes what the Telegram face asks of it and answers as told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fake_telegram import FakeTelegram

from bot.config import TelegramConfig
from bot.message import Message, line
from bot.model import Address, PlaceKind
from bot.ports import Arrival, Call, Choice, PictureShelf, PressReply, Welcome
from handlers.telegram.face import TelegramFace


@dataclass
class FakeDesk:
    """Answers `Said: <text>`, or what `replies` and `presses` hold for the text."""

    replies: dict[str, Message | Exception] = field(default_factory=dict)
    presses: dict[str, PressReply | Exception] = field(default_factory=dict)
    greeting: Message | None = None
    guide: Message | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    #: texts that are answered with nothing
    ignored: set[str] = field(default_factory=set)
    #: texts that wait until their event is set
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    #: is_admin as Telegram said it at the moment of each call
    admins: list[bool] = field(default_factory=list)
    pressed: list[tuple[Call, str]] = field(default_factory=list)
    #: `gone telegram:5 blocked`, `back ...`, `added ...`, `moved ... ...`
    news: list[str] = field(default_factory=list)
    _bell: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, call: Call) -> Message | None:
        if gate := self.gates.get(call.text):
            await gate.wait()
        self.calls.append(call)
        self.admins.append(await call.is_admin())
        await self._ring()
        if call.text in self.ignored:
            return None
        reply = self.replies.get(call.text, Message(title=line(f"Said: {call.text}")))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def press(self, call: Call, action: str) -> PressReply:
        self.pressed.append((call, action))
        self.admins.append(await call.is_admin())
        await self._ring()
        reply = self.presses.get(action, PressReply(toast=f"Pressed {action}"))
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def complete(self, typed: str) -> Sequence[Choice]:
        return ()

    async def on_added(self, arrival: Arrival) -> Welcome:
        self.arrivals.append(arrival)
        await self._note(f"added {arrival.place} {arrival.kind}")
        return Welcome(
            post=self.greeting, guide=self.guide, guide_to=Address.parse(arrival.by)
        )

    async def on_fading(
        self, place: Address, message_refs: Sequence[str], after: timedelta
    ) -> None:
        seconds = after.total_seconds()
        await self._note(f"fading {place} {' '.join(message_refs)} {seconds:g}")

    async def on_gone(self, place: Address, reason: str) -> None:
        await self._note(f"gone {place} {reason}")

    async def on_back(self, place: Address, kind: PlaceKind) -> None:
        await self._note(f"back {place} {kind}")

    async def on_moved(self, old: Address, new: Address) -> None:
        await self._note(f"moved {old} {new}")

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something noted makes it true."""
        async with asyncio.timeout(10), self._bell:
            await self._bell.wait_for(is_so)

    async def heard(self, n: int) -> list[str]:
        """Wait for `n` pieces of news; return them all."""
        await self.until(lambda: len(self.news) >= n)
        return self.news

    async def _note(self, news: str) -> None:
        self.news.append(news)
        await self._ring()

    async def _ring(self) -> None:
        async with self._bell:
            self._bell.notify_all()


def utc_now() -> datetime:
    return datetime(2026, 11, 20, 14, tzinfo=UTC)


@contextlib.asynccontextmanager
async def listening(
    tg: FakeTelegram,
    desk: FakeDesk,
    *,
    token: str = "42:TESTTOKEN",
    shelf: PictureShelf | None = None,
) -> AsyncIterator[TelegramFace]:
    """Run a face against the fake server until the end of the block."""
    face = TelegramFace(
        TelegramConfig(token=token, base_url=tg.base_url),
        desk,
        now=utc_now,
        probe_every=timedelta(seconds=0.1),
        shelf=shelf,
    )
    await face.start()
    try:
        yield face
    finally:
        await face.stop()
