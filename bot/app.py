"""The program: starts every part of a process, keeps it running, stops it."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from bot import errands, logs, steward, supervisor, upkeep
from bot.announcer import STEP_EVERY as ANNOUNCE_EVERY
from bot.assembly import Assembly, utc_now
from bot.commands.operators import first_start_code
from bot.config import Config
from bot.errors import ConfigError, StoreError
from bot.housekeeping import LOOK_EVERY as HOUSEKEEPING_LOOK
from bot.life_signs import LOOK_EVERY as LIFE_LOOK
from bot.pauses import LOOK_EVERY as PAUSES_EVERY
from bot.reload import compare
from bot.schedule import Schedule
from bot.watchdog import StuckError
from bot.watchman import LOOK_EVERY

__all__ = ["App", "utc_now"]

logger = logging.getLogger(__name__)

#: a clock that stepped back is noticed this soon
CLOCK_LOOK = timedelta(seconds=5)
#: how long a stop waits for sends in flight before it cuts them off
DRAIN = timedelta(seconds=10)
FAN_OUT = "fan-out"
#: how long `run_once` goes on sending, and how long it waits for a chat's turn
ONCE_PATIENCE = timedelta(minutes=5)
ONCE_PAUSE = timedelta(milliseconds=200)
GRADING = "grading"


class App(Assembly):
    """Everything one process runs; `run` works until it is told to stop.

    Entering builds all parts, see `Assembly`; nothing listens or polls yet.
    """

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
