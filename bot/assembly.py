"""Builds every part of a process from its configuration, and knows how they are."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from bot import upkeep
from bot.announcer import AnnouncePlan, Announcer
from bot.app_engine import explainer, open_api, open_gallery
from bot.backfill import Backfill
from bot.commands import Room, SourceInfo
from bot.config import Config, Role
from bot.dispatcher import Dispatcher, DispatchPlan
from bot.errands import Errands
from bot.errors import StoreError
from bot.fanout import FanOut
from bot.housekeeping import Housekeeper
from bot.life_signs import LifePlan, LifeSigns
from bot.limits import Limits
from bot.metrics import Metrics
from bot.model import Address, Event, Platform
from bot.operator_post import OperatorPost, PostPlan
from bot.pauses import Pauses
from bot.poller import Poller, PollPlan
from bot.ports import (
    Clock,
    Face,
    GradeSource,
    HistorySource,
    Hook,
    Keeper,
    Sender,
    Store,
)
from bot.rehearsals import RehearsalPlan, Rehearsals
from bot.sharing import Sharing, worker_name
from bot.steward import Reach, Steward
from bot.timed_desk import TimedDesk
from bot.watchdog import Watchdog
from bot.watchman import Watchman, WatchPlan
from engine import open_source, public_note
from handlers.web.face import WebFace
from handlers.web.inbox import Inboxes, InboxHub
from handlers.web.probes import Probes
from handlers.web.sender import WebSender
from storage import open_store

if TYPE_CHECKING:
    from engine.api.service import Grading

#: the engine is in trouble for /readyz when no poll worked for so many intervals
STALE_INTERVALS = 3
#: how the names of our own engine begin, whichever its version and exchange
EMBEDDED = "embedded:"


def utc_now() -> datetime:
    """Return the time now: the one clock that is passed to everything."""
    return datetime.now(UTC)


class Assembly:
    """Everything one process runs, built from its configuration; `App` runs it.

    An async context manager. Its roles say what is built. On a database that several
    processes share, sending for a token and listening on a platform are each done by
    one process at a time, whoever holds the lease; on SQLite there is only this one.

    Entering opens the store and builds all parts, raising `ConfigError` or
    `StoreError`; nothing listens or polls yet.
    """

    def __init__(
        self, config: Config, *, now: Clock = utc_now, default_inbox: str = ""
    ) -> None:
        self.config = config
        self.now = now
        self._default_inbox = default_inbox
        self._stack = AsyncExitStack()
        self.store: Store
        self.source: GradeSource
        self.poller: Poller
        self.fanout: FanOut
        self.dispatcher: Dispatcher
        self.desk: TimedDesk
        self.web: WebFace
        self.faces: list[Face] = []
        self.sharing: Sharing
        self.pauses: Pauses
        self.announcer: Announcer
        self._hooks: list[Hook] = []
        self._poll_began = self._polled_at = time.monotonic()
        self.watchdog: Watchdog
        #: ends the process where a clean stop hangs as well; the program sets it
        self.exit_hard: Callable[[], None] = lambda: None
        self.room: Room
        self.rehearsals: Rehearsals
        self.backfill: Backfill | None = None
        self.watchman: Watchman
        self._post: OperatorPost
        self._grading: Grading | None = None
        self.errands: Errands
        self.steward: Steward
        self._open_private: Callable[[str], Awaitable[Address]] | None = None
        #: set once every face has started
        self.serving = asyncio.Event()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._build(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    # ---------------------------------------------------------------------- building

    async def _build(self, stack: AsyncExitStack) -> None:
        config, now = self.config, self.now
        store = await open_store(
            config.storage.url,
            now=now,
            is_alone=True,
            may_migrate=config.storage.may_migrate,
        )
        stack.push_async_callback(store.close)
        self.source = open_source(config.engine, now=now, candles=store)
        stack.push_async_callback(self.source.close)
        if self.source.name.startswith(EMBEDDED):
            await store.succeed_source(EMBEDDED, self.source.name)
        stack.push_async_callback(self._end_rehearsals)
        store.update_every = self.source.update_every
        self.store = store
        self._metrics = Metrics(store, self.source.name, now=now)
        self._shelf = open_gallery(stack, store, self.source)
        upkeep.watch_with(self._metrics, config, self.source)
        inboxes = Inboxes(store, InboxHub(), now=now)
        senders: dict[Platform, Sender] = {}
        keepers: dict[Platform, Keeper] = {}
        if self._has("deliver", "web"):
            # into our own database: any number of processes may
            senders[Platform.WEB] = keepers[Platform.WEB] = WebSender(inboxes)
        faces = self._platforms(stack, senders, keepers)
        self._wire(senders)
        self._wire_places(senders, keepers)
        chats = [build() for build in faces]
        self.web = WebFace(
            config.web,
            self.desk,
            inboxes,
            probes=Probes(
                health=self.health,
                registry=self._metrics.registry,
                refresh=self._refresh,
            ),
            default_inbox=self._default_inbox,
            shelf=self._shelf,
        )
        self.web.serve(self._hooks)
        self.faces = [self.web, *chats] if self._has("web") else chats
        self.sharing = Sharing(config, store, now=now)
        for platform in senders:
            self.sharing.share_sending(self.dispatcher, platform)
        #: those that start with the program; the others start with their lease
        self._free_faces = [
            face for face in self.faces if not self.sharing.share_listening(face)
        ]
        if config.api.serve:
            api, self._grading = open_api(config, self.source, store, now=now)
            self.faces.append(api)
            self._free_faces.append(api)

    def _has(self, *roles: Role) -> bool:
        """Whether this process has one of these roles."""
        return not set(roles).isdisjoint(self.config.app.roles)

    def _wire(self, senders: Mapping[Platform, Sender]) -> None:
        config, store, now = self.config, self.store, self.now
        worker = worker_name(config)
        delivery = config.delivery
        self.dispatcher = Dispatcher(
            store,
            senders,
            DispatchPlan(
                owner=worker,
                lease=timedelta(seconds=delivery.lease),
                send_timeout=timedelta(seconds=delivery.send_timeout),
                max_age=timedelta(seconds=delivery.max_age),
                concurrency=delivery.concurrency,
                source_title=self.source.title,
                on_sent=self._sent,
                on_aged=self._metrics.aged,
            ),
            now=now,
        )
        self.pauses = Pauses(store, apply=self.dispatcher.hold)
        self.announcer = Announcer(
            store,
            senders,
            AnnouncePlan(
                send_timeout=timedelta(seconds=delivery.send_timeout),
                may_send=self.dispatcher.has_room,
            ),
            now=now,
        )
        self.fanout = FanOut(store, now=now, wake=self.dispatcher.wake)
        self.poller = Poller(
            self.source,
            store,
            PollPlan(
                interval=timedelta(seconds=config.engine.poll_interval),
                universe=config.engine.universe,
                band=config.alerts.rearm_band,
                worker=worker,
                is_paused=self.pauses.are_polls,
                on_poll=self._polled,
            ),
            now=now,
            wake=self.fanout.wake,
        )
        source = SourceInfo(
            name=self.source.name,
            title=self.source.title,
            update_every=self.source.update_every,
            public_note=public_note(config.engine),
        )
        offers_past = hasattr(self.source, "fetch_history")
        self.backfill = (
            Backfill(cast("HistorySource", self.source), store, now=now)
            if offers_past
            else None
        )
        self.rehearsals = Rehearsals(
            store,
            RehearsalPlan(
                source=source.name,
                interval=timedelta(seconds=config.engine.poll_interval),
                update_every=source.update_every,
                band=config.alerts.rearm_band,
            ),
            now=now,
        )
        self.room = Room(
            store=store,
            source=source,
            now=now,
            operators=frozenset(config.app.operators),
            access=config.app.access,
            listed=frozenset(config.app.users),
            lines_per_minute=config.app.lines_per_minute,
            troubles=self.troubles,
            wake=self.dispatcher.wake,
            on_pause=self.pauses.look,
            spending=getattr(self.source, "spending", None),
            lookup=self.source.lookup,
            watches_max=config.app.watches_max,
            explain=explainer(self.source),
            rehearsals=self.rehearsals,
        )
        self.desk = TimedDesk(self.room, on_answer=self._metrics.answered)
        self._post = post = OperatorPost(
            store,
            senders,
            PostPlan(
                operators=self.room.operators,
                send_timeout=timedelta(seconds=delivery.send_timeout),
                open_private=self._open_private,
            ),
            now=now,
        )
        self.life_signs = LifeSigns(
            store,
            senders,
            LifePlan(source=source.name, source_title=self.source.title, owner=worker),
            now=now,
        )
        self.housekeeper = Housekeeper(store, config.keep, owner=worker, now=now)
        self.watchman = Watchman(
            store,
            post,
            WatchPlan(
                source=source.name,
                owner=worker,
                said=self.poller.trouble,
                next_try=self.poller.next_try,
                paused=self.paused,
                also=upkeep.lookouts(config, store, self.source, now=now),
            ),
            now=now,
        )
        self.watchdog = upkeep.watchdog(
            config, self.fanout, self.dispatcher, senders, lambda: self._polled_at
        )

    def _wire_places(
        self,
        senders: Mapping[Platform, Sender],
        keepers: Mapping[Platform, Keeper],
    ) -> None:
        self.errands = Errands(self.store, keepers, now=self.now)
        reach = Reach(
            senders=senders,
            keepers=keepers,
            open_private=self._open_private,
            send_timeout=timedelta(seconds=self.config.delivery.send_timeout),
        )
        self.steward = Steward(
            self.store, reach, now=self.now, wake=self.dispatcher.wake
        )

    def _platforms(
        self,
        stack: AsyncExitStack,
        senders: dict[Platform, Sender],
        keepers: dict[Platform, Keeper],
    ) -> list[Callable[[], Face]]:
        """Add the senders of platforms that have a token; return their faces."""
        builders: list[Callable[[], Face]] = []
        config = self.config
        timeout = timedelta(seconds=config.delivery.send_timeout)
        if config.telegram.is_on and self._has("deliver", "chat"):
            from handlers.telegram.face import TelegramFace
            from handlers.telegram.sender import open_sender, telegram_rules

            limits = Limits(telegram_rules(config.telegram.messages_per_second))
            self._metrics.watch_limits(Platform.TELEGRAM, limits)
            if self._has("deliver"):
                telegram = open_sender(
                    config.telegram,
                    send_timeout=timeout,
                    limits=limits,
                    shelf=self._shelf,
                )
                stack.push_async_callback(telegram.close)
                senders[Platform.TELEGRAM] = keepers[Platform.TELEGRAM] = telegram

            def telegram_face() -> Face:
                face = TelegramFace(
                    config.telegram,
                    self.desk,
                    now=self.now,
                    limits=limits,
                    shelf=self._shelf,
                )
                self._hooks += face.hooks
                return face

            builders.append(telegram_face)
        if config.discord.is_on and self._has("deliver", "chat"):
            from handlers.discord.face import DiscordFace
            from handlers.discord.sender import DiscordSender

            discord = DiscordSender(config.discord, timeout=timeout, shelf=self._shelf)
            self._metrics.watch_limits(Platform.DISCORD, discord.limits)
            stack.push_async_callback(discord.close)
            if self._has("deliver"):
                senders[Platform.DISCORD] = keepers[Platform.DISCORD] = discord
                self._open_private = discord.open_private
            builders.append(
                lambda: DiscordFace(config.discord, self.desk, sender=discord)
            )
        return builders if self._has("chat") else []

    def _polled(self, reason: str, events: Sequence[Event]) -> None:
        took = timedelta(seconds=time.monotonic() - self._poll_began)
        self._metrics.polled(reason, took, events)

    def _sent(self, platform: Platform, delay: timedelta) -> None:
        self._metrics.sent(platform, delay)
        self.watchman.worked(platform)

    async def _end_rehearsals(self) -> None:
        await self.rehearsals.close()

    # ------------------------------------------------------------------------ health

    def troubles(self) -> Mapping[str, str]:
        """Name what keeps parts from working, and what is paused, for /status."""
        return {**self._faults(), **self.pauses.troubles()}

    def _faults(self) -> Mapping[str, str]:
        found = {
            face.name: face.trouble()
            for face in self.faces
            if not self.sharing.stands_by(face)
        }
        return found | {
            platform.value: said for platform, said in self.paused().items()
        }

    def paused(self) -> Mapping[Platform, str]:
        """Name the platforms on which nothing can be sent now, and why."""
        pauses = {platform: self.dispatcher.trouble(platform) for platform in Platform}
        return {platform: said for platform, said in pauses.items() if said}

    async def health(self) -> Mapping[str, str]:
        """Name each dependency with its trouble, for /readyz; empty is well."""
        found = {**self._faults(), **self.watchdog.stuck()}
        try:
            await self.store.ping()
            found["database"] = ""
            found["engine"] = await self._engine_health()
        except StoreError as error:
            found["database"] = str(error)
        self._metrics.note_health(found)
        return found

    async def _refresh(self) -> None:
        """Bring the metrics up to date, and with them what /readyz says."""
        await self.health()
        await self._metrics.refresh()

    async def _engine_health(self) -> str:
        if self.pauses.are_polls():
            return ""
        trouble = self.poller.trouble()
        good = await self.store.last_good_poll(self.source.name)
        if good is None:
            return trouble or "no poll has worked yet"
        interval = timedelta(seconds=self.config.engine.poll_interval)
        age = self.now() - (good.finished_at or good.started_at)
        if age > STALE_INTERVALS * interval + timedelta(seconds=60):
            return trouble or f"no grades for {age.total_seconds():.0f} s"
        return ""
