"""The composition root: builds every part from the configuration, starts, stops."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from bot import errands, logs, steward, supervisor, upkeep
from bot.announcer import STEP_EVERY as ANNOUNCE_EVERY
from bot.announcer import AnnouncePlan, Announcer
from bot.backfill import Backfill
from bot.chart_views import ChartViews
from bot.commands import Room, SourceInfo
from bot.commands.operators import first_start_code
from bot.config import Config, Role
from bot.dispatcher import Dispatcher, DispatchPlan
from bot.errands import Errands
from bot.errors import ConfigError, StoreError
from bot.fanout import FanOut
from bot.gallery import Gallery, ViewMaker
from bot.housekeeping import LOOK_EVERY as HOUSEKEEPING_LOOK
from bot.housekeeping import Housekeeper
from bot.life_signs import LOOK_EVERY as LIFE_LOOK
from bot.life_signs import LifePlan, LifeSigns
from bot.limits import Limits
from bot.market_views import MarketViews
from bot.metrics import Metrics
from bot.model import Address, Event, Explanation, Platform, Wanted
from bot.operator_post import OperatorPost, PostPlan
from bot.pauses import LOOK_EVERY as PAUSES_EVERY
from bot.pauses import Pauses
from bot.pictures import PictureKind
from bot.poller import Poller, PollPlan
from bot.ports import (
    Clock,
    ExplainingSource,
    Face,
    GradeSource,
    HistorySource,
    Hook,
    Keeper,
    Sender,
    Store,
)
from bot.record_views import RecordViews
from bot.rehearsals import RehearsalPlan, Rehearsals
from bot.reload import compare
from bot.schedule import Schedule
from bot.sharing import Sharing, worker_name
from bot.steward import Reach, Steward
from bot.timed_desk import TimedDesk
from bot.watchdog import StuckError, Watchdog
from bot.watchman import LOOK_EVERY, Watchman, WatchPlan
from engine import open_source, public_note
from handlers.pictures.studio import Studio
from handlers.web.face import WebFace
from handlers.web.inbox import Inboxes, InboxHub
from handlers.web.probes import Probes
from handlers.web.sender import WebSender
from storage import SqlStore, open_store

if TYPE_CHECKING:
    from engine.api.service import Grading

logger = logging.getLogger(__name__)

#: a clock that stepped back is noticed this soon
CLOCK_LOOK = timedelta(seconds=5)
#: how long a stop waits for sends in flight before it cuts them off
DRAIN = timedelta(seconds=10)
#: the engine is in trouble for /readyz when no poll worked for so many intervals
STALE_INTERVALS = 3
FAN_OUT = "fan-out"
#: how long `run_once` goes on sending, and how long it waits for a chat's turn
ONCE_PATIENCE = timedelta(minutes=5)
ONCE_PAUSE = timedelta(milliseconds=200)
GRADING = "grading"
#: how the names of our own engine begin, whichever its version and exchange
EMBEDDED = "embedded:"
#: what the API serves where only watched coins are polled
API_TOP = 100


def utc_now() -> datetime:
    """Return the time now: the one clock that is passed to everything."""
    return datetime.now(UTC)


def engine_wanted(config: Config) -> Wanted:
    """Return the coins that the API serves, whoever watches what."""
    match = re.fullmatch(r"top(\d+)", config.engine.universe)
    if config.engine.universe == "all":
        return Wanted(is_all=True)
    return Wanted(top=int(match[1]) if match else API_TOP)


def explainer(source: GradeSource) -> Callable[[str], Explanation | None]:
    """Return what explains grades; it knows nothing where the engine says nothing."""
    if isinstance(source, ExplainingSource):
        return source.explain
    return lambda _key: None


class App:
    """Everything one process runs. An async context manager; `run` works until told.

    Its roles say what that is. On a database that several processes share, sending
    for a token and listening on a platform are each done by one process at a time,
    whoever holds the lease; on SQLite there is only this one.

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
        self._shelf = self._open_gallery(stack, store)
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
            self._add_api(store)

    def _add_api(self, store: SqlStore) -> None:
        """Serve the engine to others as well; it keeps itself up to date."""
        from engine.api.service import ApiService, Feed, Grading, Memory
        from engine.embedded.source import EmbeddedSource

        source = self.source
        if not isinstance(source, EmbeddedSource):
            raise ConfigError("api.serve: what is served is our own engine")
        # what stands is kept with every poll, here or in another process
        memory = Memory(load=lambda: store.bookmark(source.name))
        self._grading = Grading(
            source, engine_wanted(self.config), now=self.now, memory=memory
        )
        feed = Feed(
            state=lambda: source.state,
            trouble=self._grading.trouble,
            candles=store,
        )
        api = ApiService(self.config.api, feed, store, now=self.now)
        self.faces.append(api)
        self._free_faces.append(api)

    def _open_gallery(self, stack: AsyncExitStack, store: Store) -> Gallery:
        studio = Studio()
        stack.push_async_callback(studio.close)
        name, title = self.source.name, self.source.title
        makers: dict[PictureKind, ViewMaker] = {
            PictureKind.CHART: ChartViews(store, source_title=title).make,
            PictureKind.MARKET: MarketViews(
                store, source=name, source_title=title
            ).make,
            PictureKind.RECORD: RecordViews(
                store, source=name, source_title=title
            ).make,
        }
        gallery = Gallery(studio, makers)
        stack.push_async_callback(gallery.close)
        return gallery

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

    # ----------------------------------------------------------------------- running

    async def run(self, stop: asyncio.Event) -> None:
        """Run all parts until `stop` is set; then drain and return.

        Raises whatever ended a part that must never end.
        """
        await self._greet()
        # before the first poll and the first send: a pause outlives a restart
        await self.pauses.look()
        async with AsyncExitStack() as stack:
            schedule = await stack.enter_async_context(Schedule(self.now))
            async with asyncio.TaskGroup() as group:
                loops = []
                if self._has("poll", "deliver"):
                    loops.append(group.create_task(self.fanout.run(), name=FAN_OUT))
                if self._has("deliver", "web"):
                    loops.append(group.create_task(self.dispatcher.run()))
                if self._grading is not None:
                    grading = group.create_task(self._grading.run(), name=GRADING)
                    loops.append(grading)
                for face in self._free_faces:
                    await face.start()
                    stack.push_async_callback(face.stop)
                self.sharing.start(group)
                if self._has("poll"):
                    interval = timedelta(seconds=self.config.engine.poll_interval)
                    schedule.every(interval, self._poll, name="poll")
                if self._has("deliver"):
                    schedule.every(CLOCK_LOOK, self._mend_clock, name="clock")
                    every = errands.LOOK_EVERY
                    schedule.every(every, self.errands.run_due, name="errands")
                    every = steward.LOOK_EVERY
                    schedule.every(every, self.steward.look, name="steward")
                    schedule.every(LIFE_LOOK, self._send_signs, name="life_signs")
                    schedule.every(ANNOUNCE_EVERY, self._announce, name="announce")
                schedule.every(PAUSES_EVERY, self._look_at_pauses, name="pauses")
                if self._has("poll"):
                    if self.backfill is not None:
                        every = self.backfill.every
                        schedule.every(every, self._fill_in, name="backfill")
                    tidy = self.housekeeper.look
                    every = HOUSEKEEPING_LOOK
                    schedule.every(every, tidy, name="housekeeping", at_once=False)
                schedule.every(LOOK_EVERY, self.watchman.look, name="watchman")
                upkeep.schedule_heartbeat(self.config, schedule, self.health)
                self.serving.set()
                self._log_start()
                supervisor.notify(supervisor.READY)
                watching = group.create_task(self._watch(), name="watchdog")
                await self._until(stop, loops)
                watching.cancel()
                supervisor.notify(supervisor.STOPPING)
                await schedule.stop(DRAIN)
                await self._drain(loops)
                # only now: what was in flight was sent under the lease
                self.sharing.stop()
        logger.info("stopped", extra={"action": "stopped"})

    def reload(self, config: Config) -> None:
        """Take over what another configuration changes and may change at once.

        The rest is named in the log and waits for a restart.
        """
        change = compare(self.config, config)
        self.config = change.config
        logs.set_up(self.config)
        app = self.config.app
        self.room = replace(
            self.room,
            operators=frozenset(app.operators),
            access=app.access,
            listed=frozenset(app.users),
            lines_per_minute=app.lines_per_minute,
            watches_max=app.watches_max,
        )
        self.desk.move(self.room)
        self._post.appoint(self.room.operators)
        self.housekeeper.keep = self.config.keep
        extra = {"action": "reloaded", "changed": " ".join(change.live) or "nothing"}
        if change.waiting:
            extra["needs_restart"] = " ".join(change.waiting)
        logger.info("configuration read anew", extra=extra)

    async def run_once(self, patience: timedelta = ONCE_PATIENCE) -> str:
        """Poll once, hand out, deliver what is due, tidy up; for cron.

        Nobody is listened to. Returns what kept the poll from working, or an empty
        string. What is not sent within `patience` is sent by the next call.
        """
        if self.config.storage.is_shared:
            raise ConfigError("--once is for SQLite: processes that share take turns")
        deadline = time.monotonic() + patience.total_seconds()
        await self._mend_clock()
        await self._poll()
        await self.fanout.fan_out_open()
        await self._send_signs()
        while time.monotonic() < deadline:
            sent = await self.dispatcher.deliver_due()
            if not sent and not (await self.store.backlog(self.now())).due:
                break
            await asyncio.sleep(0 if sent else ONCE_PAUSE.total_seconds())
        await self.errands.run_due()
        await self.steward.look()
        await self.watchman.look()
        await self.housekeeper.look()
        return self.poller.trouble()

    async def _watch(self) -> None:
        """Watch the loops; raise `StuckError` when one hangs."""
        try:
            await self.watchdog.run()
        except StuckError:
            # what hangs may not let itself be stopped either
            loop = asyncio.get_running_loop()
            loop.call_later(2 * DRAIN.total_seconds(), self.exit_hard)
            raise

    def _log_start(self) -> None:
        extra: dict[str, object] = {"action": "started"}
        if self._has("web"):
            extra["url"] = self.web.url
        extra["roles"] = ",".join(self.config.app.roles)
        logger.info("running", extra=extra)

    async def _until(
        self, stop: asyncio.Event, loops: Sequence[asyncio.Task[None]]
    ) -> None:
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({stopping, *loops}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _drain(self, loops: Sequence[asyncio.Task[None]]) -> None:
        """Let sends in flight end; what does not in time goes out again later."""
        self.dispatcher.stop()
        for task in loops:
            if task.get_name() in {FAN_OUT, GRADING}:
                task.cancel()
        if loops:
            _, late = await asyncio.wait(loops, timeout=DRAIN.total_seconds())
            for task in late:
                task.cancel()

    async def _fill_in(self) -> None:
        if self.backfill is None:
            return
        try:
            await self.backfill.step()
        except StoreError:
            logger.exception("history not kept", extra={"action": "backfill"})

    async def _end_rehearsals(self) -> None:
        await self.rehearsals.close()

    async def _poll(self) -> None:
        self._poll_began = time.monotonic()
        try:
            await self.poller.poll()
        except StoreError:
            logger.exception("poll not stored", extra={"action": "poll_unstored"})
        finally:
            self._polled_at = time.monotonic()

    async def _send_signs(self) -> None:
        if await self.life_signs.look():
            self.dispatcher.wake()

    async def _mend_clock(self) -> None:
        """Let nothing wait for a time that a clock before its step back planned."""
        step = await self.store.mend_clock(self.now())
        if step > timedelta():
            logger.warning("the clock stepped back", extra={"seconds": step.seconds})
            self.dispatcher.wake()

    async def _announce(self) -> None:
        try:
            await self.announcer.step()
        except StoreError:
            logger.exception("not announced", extra={"action": "announce_failed"})

    async def _look_at_pauses(self) -> None:
        try:
            await self.pauses.look()
        except StoreError:
            # what was known last stays in force
            logger.warning("pauses not seen", extra={"action": "pauses_unseen"})

    def _polled(self, reason: str, events: Sequence[Event]) -> None:
        took = timedelta(seconds=time.monotonic() - self._poll_began)
        self._metrics.polled(reason, took, events)

    def _sent(self, platform: Platform, delay: timedelta) -> None:
        self._metrics.sent(platform, delay)
        self.watchman.worked(platform)

    async def _greet(self) -> None:
        """Print the one-time code of a first start: it is a result, so to stdout."""
        code = await first_start_code(
            self.store, has_operators=bool(self.config.app.operators)
        )
        if code is not None and not self._default_inbox:
            print(  # noqa: T201 - the operator reads it once, here
                f"Operator code: send “/claim {code}” to the bot in a private chat",
                flush=True,
            )

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
