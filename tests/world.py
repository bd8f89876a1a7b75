"""A whole Flipwatch on a temporary SQLite file, with fakes at its edges and no loops.

`await world.poll()` runs one poll with fan-out and delivery; `world.restart()` builds
everything anew over the same file, as a new process would.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from fakes import FakeClock, FakeSender, FakeSource

from bot.announcer import AnnouncePlan, Announcer
from bot.commands import CommandDesk, Room, SourceInfo
from bot.detect import REARM_BAND
from bot.dispatcher import Dispatcher, DispatchPlan
from bot.errands import Errands
from bot.fanout import FanOut
from bot.message import Message
from bot.model import Address, PlaceKind, Platform
from bot.pauses import Pauses
from bot.poller import Poller, PollPlan
from bot.ports import Call, PressReply, Spot, Store
from bot.rehearsals import RehearsalPlan, Rehearsals
from bot.steward import Reach, Steward
from storage import open_store

INTERVAL = timedelta(minutes=5)


async def yes() -> bool:
    """Answer `is_admin` for an admin."""
    return True


async def no() -> bool:
    """Answer `is_admin` for a member."""
    return False


def news_of(text: str) -> str:
    """Return what a message tells as news, without the checklist around it."""
    around = ("✓", "✗", "·", "Market ")
    return "\n".join(x for x in text.splitlines() if not x.startswith(around))


class World:
    """Everything a process has, driven by hand."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = FakeClock()
        self.source = FakeSource(self.clock)
        self.sender = FakeSender(Platform.WEB)
        self.telegram = FakeSender(Platform.TELEGRAM, knows_nonces=False)
        self.discord = FakeSender(Platform.DISCORD)
        self.generation = 0
        self.store: Store
        #: what a configuration would say; takes effect with the next `restart`
        self.access = "open"
        self.listed: frozenset[str] = frozenset()
        self.lines_per_minute = 100_000.0
        #: groups and channels as Telegram would describe them, by `@name` or id
        self.spots: dict[str, Spot] = {}

    async def open(self) -> None:
        """Build the parts as a process does at its start."""
        self.generation += 1
        self.store = await open_store(self.url, now=self.clock)
        worker = f"w{self.generation}"
        self.dispatcher = Dispatcher(
            self.store,
            self.senders,
            DispatchPlan(owner=worker, source_title=self.source.title),
            now=self.clock,
            chance=lambda: 0.0,
        )
        self.pauses = Pauses(self.store, apply=self.dispatcher.hold)
        self.announcer = Announcer(
            self.store,
            {Platform.WEB: self.sender, Platform.TELEGRAM: self.telegram},
            AnnouncePlan(may_send=self.dispatcher.has_room),
            now=self.clock,
        )
        self.fanout = FanOut(self.store, now=self.clock)
        self.poller = Poller(
            self.source,
            self.store,
            PollPlan(
                interval=INTERVAL,
                universe="all",
                worker=worker,
                is_paused=self.pauses.are_polls,
            ),
            now=self.clock,
        )
        self.rehearsals = Rehearsals(
            self.store,
            RehearsalPlan(
                source=self.source.name,
                interval=INTERVAL,
                update_every=self.source.update_every,
                band=REARM_BAND,
            ),
            now=self.clock,
        )
        self.room = Room(
            store=self.store,
            source=SourceInfo(
                name=self.source.name,
                title=self.source.title,
                update_every=self.source.update_every,
            ),
            now=self.clock,
            operators=frozenset({"telegram:1"}),
            access=self.access,
            listed=self.listed,
            lines_per_minute=self.lines_per_minute,
            on_pause=self.pauses.look,
            lookup=self.source.lookup,
            rehearsals=self.rehearsals,
        )
        self.desk = CommandDesk(self.room)
        self.errands = Errands(self.store, self.senders, now=self.clock)
        reach = Reach(senders=self.senders, keepers=self.senders)
        self.steward = Steward(self.store, reach, now=self.clock)

    @property
    def senders(self) -> dict[Platform, FakeSender]:
        """The platforms' senders, which keep what was sent, too."""
        fakes = (self.sender, self.telegram, self.discord)
        return {fake.platform: fake for fake in fakes}

    async def close(self) -> None:
        """Close what a process closes."""
        await self.rehearsals.close()
        await self.store.close()

    async def restart(self) -> None:
        """End this process and start another over the same file."""
        await self.close()
        await self.open()

    async def poll(self, *, minutes: float = 5) -> None:
        """Let time pass, poll, fan out and deliver all that is due."""
        self.clock.advance(minutes=minutes)
        await self.poller.poll()
        await self.fanout.fan_out_open()
        await self.deliver()

    async def deliver(self) -> None:
        """Deliver until nothing more is due; the clock is looked at first."""
        await self.store.mend_clock(self.clock())
        while await self.dispatcher.deliver_due():
            pass

    async def say(
        self,
        text: str,
        *,
        place: str = "web:alice",
        kind: PlaceKind = PlaceKind.PRIVATE,
        user: str = "",
        is_admin: bool = True,
        **more: object,
    ) -> Message:
        """Type a line somewhere and return the reply; there must be one."""
        call = self.call(text, place, kind, user, is_admin, **more)
        reply = await self.desk.say(call)
        assert reply is not None, f"nothing was said to {text}"
        return reply

    async def press(
        self,
        action: str,
        *,
        place: str = "web:alice",
        kind: PlaceKind = PlaceKind.PRIVATE,
        user: str = "",
        is_admin: bool = True,
        **more: object,
    ) -> PressReply:
        """Press a button somewhere and return what follows."""
        more.setdefault("message_ref", "m1")
        call = self.call("", place, kind, user, is_admin, **more)
        return await self.desk.press(call, action)

    async def find_spot(self, name: str) -> Spot | None:
        """Find what a test put into `spots`."""
        return self.spots.get(name)

    async def prefer(self, *, place: str = "web:alice", **chosen: object) -> None:
        """Let a place choose how it hears, such as `pace=Pace.FAST`; the rest stays."""
        at = Address.parse(place)
        kind = PlaceKind.GROUP if at.chat.startswith("-") else PlaceKind.PRIVATE
        there = await self.store.ensure_recipient(at, kind, now=self.clock())
        wanted = replace(there.preferences, **chosen)
        await self.store.set_preferences(there.id, wanted, now=self.clock())

    def call(
        self,
        text: str,
        place: str = "web:alice",
        kind: PlaceKind = PlaceKind.PRIVATE,
        user: str = "",
        is_admin: bool = True,
        **more: object,
    ) -> Call:
        """Build a call as a face would; on Telegram a private one finds places."""
        if kind is PlaceKind.PRIVATE and place.startswith("telegram:"):
            more.setdefault("find_spot", self.find_spot)
        return Call(
            place=Address.parse(place),
            kind=kind,
            user=user or place,
            text=text,
            is_admin=yes if is_admin else no,
            private_link=lambda payload: f"https://t.me/TestBot?start={payload}",
            **more,
        )


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Open a world on a new SQLite file in a folder."""
    world = World(f"sqlite+aiosqlite:///{folder / 'world.db'}")
    await world.open()
    try:
        yield world
    finally:
        await world.close()


@asynccontextmanager
async def open_copy(template: Path) -> AsyncIterator[World]:
    """Open a world on a copy of a migrated database: much quicker than a new one."""
    with TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "world.db")
        async with open_world(Path(folder)) as world:
            yield world
