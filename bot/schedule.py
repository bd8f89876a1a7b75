"""Turns "every n seconds" into APScheduler jobs: the clock, and nothing else.

No other file imports APScheduler. Nothing is kept by it: what has been polled or sent
stands in our own tables, so a lost or doubled beat does no harm.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

# APScheduler ships no types.
from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN  # type: ignore[import-untyped]
from apscheduler.job import Job  # type: ignore[import-untyped]
from apscheduler.schedulers.asyncio import (  # type: ignore[import-untyped]
    AsyncIOScheduler,
)
from apscheduler.triggers.interval import (  # type: ignore[import-untyped]
    IntervalTrigger,
)

from bot.ports import Clock

logger = logging.getLogger(__name__)

#: how long leaving the context waits for running jobs
DEFAULT_GRACE = timedelta(seconds=10)

#: APScheduler's own default drops a job that is a second late (misfire_grace_time=1)
JOB_DEFAULTS = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}

#: a wall clock that moved by less than this is drift, not a step
CLOCK_STEP = timedelta(seconds=1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def _run(job: Callable[[], Awaitable[None]]) -> None:
    await job()


class Schedule:
    """Calls jobs at intervals, each one never twice at the same time.

    An async context manager: starts on entering, and on leaving waits `DEFAULT_GRACE`
    for running jobs. Beats missed while a job ran or the process slept become one.
    """

    def __init__(
        self,
        now: Clock = _utc_now,
        *,
        check_clock_every: timedelta = timedelta(seconds=5),
    ) -> None:
        self._now = now
        self._check_clock_every = check_clock_every
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=JOB_DEFAULTS)
        self._running: set[asyncio.Task[None]] = set()
        self._beats: set[asyncio.Task[None]] = set()
        self._clock_watch: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def __aenter__(self) -> Self:
        # AsyncIOScheduler.start() needs the running loop (since 3.11.0).
        self._scheduler.start()
        self._clock_watch = asyncio.create_task(self._watch_clock())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop(DEFAULT_GRACE)

    def every(
        self,
        interval: timedelta,
        job: Callable[[], Awaitable[None]],
        *,
        name: str,
        at_once: bool = True,
    ) -> None:
        """Call the job every interval, first now or after one interval.

        A job that raises is logged and called again at its next beat. `name` is unique;
        `ValueError` if it is taken or the interval is not above zero.
        """
        if interval <= timedelta():
            raise ValueError(f"an interval above zero is needed, not {interval}")
        if self._scheduler.get_job(name) is not None:
            raise ValueError(f"there is a job named {name} already")
        first = self._now() if at_once else self._now() + interval
        self._scheduler.add_job(
            self._beat,
            IntervalTrigger(seconds=interval.total_seconds(), timezone=UTC),
            args=(job, name),
            id=name,
            next_run_time=first,
        )

    async def stop(self, grace: timedelta) -> None:
        """Begin no more jobs, wait `grace` for running ones, then cancel them.

        May be called twice.
        """
        self._is_stopping = True
        if self._clock_watch is not None:
            self._clock_watch.cancel()
            await asyncio.gather(self._clock_watch, return_exceptions=True)
            self._clock_watch = None
        if not self._scheduler.running:
            return
        self._scheduler.remove_all_jobs()
        # A beat that was handed out but has not begun sees the flag and returns.
        await asyncio.sleep(0)
        await self._drain(grace)
        ended = asyncio.Event()
        self._scheduler.add_listener(lambda _: ended.set(), EVENT_SCHEDULER_SHUTDOWN)
        # It hands its own end to the loop instead of doing it (3.11).
        self._scheduler.shutdown(wait=False)
        await ended.wait()

    async def _drain(self, grace: timedelta) -> None:
        """Wait for running jobs, then cancel them and wait for their end."""
        try:
            if self._running:
                await asyncio.wait(self._running, timeout=grace.total_seconds())
        finally:
            for task in self._running:
                logger.warning("job cancelled", extra={"job": task.get_name()})
                task.cancel()
        if self._beats:
            await asyncio.wait(self._beats)

    async def _beat(self, job: Callable[[], Awaitable[None]], name: str) -> None:
        """Run one job to its end, in a task that APScheduler can't cancel.

        Its shutdown cancels what it runs, whatever `wait` says; so it only runs this
        waiting, which holds `max_instances`, and the job's task is ours.
        """
        beat = asyncio.current_task()
        if self._is_stopping or beat is None:
            return
        self._beats.add(beat)
        beat.add_done_callback(self._beats.discard)
        task = asyncio.create_task(_run(job), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("job failed", exc_info=error, extra={"job": name})

    async def _watch_clock(self) -> None:
        """Keep a wall clock that is set back from delaying every job by the step.

        APScheduler compares wall times; a step forward only makes jobs due.
        """
        wall, steady = self._now(), time.monotonic()
        while True:
            await asyncio.sleep(self._check_clock_every.total_seconds())
            then_wall, then_steady = wall, steady
            wall, steady = self._now(), time.monotonic()
            passed = timedelta(seconds=steady - then_steady)
            step = (wall - then_wall) - passed
            if step < -CLOCK_STEP:
                logger.warning(
                    "clock set back", extra={"seconds": -step.total_seconds()}
                )
                for job in self._scheduler.get_jobs():
                    _shift(job, step)
            elif step > CLOCK_STEP:
                self._scheduler.wakeup()


def _shift(job: Job, step: timedelta) -> None:
    if job.next_run_time is not None:
        job.modify(next_run_time=job.next_run_time + step)
