"""The clock: beats, failures, a clean end, and a wall clock that is set back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import apscheduler.executors.base
import apscheduler.schedulers.base
import pytest

from bot.schedule import Schedule

SHORT = timedelta(milliseconds=10)
LONG = timedelta(hours=1)
PATIENCE = 10


@asynccontextmanager
async def started(**options) -> AsyncIterator[Schedule]:
    async with asyncio.timeout(PATIENCE), Schedule(**options) as schedule:
        yield schedule


async def test_a_job_is_called_at_once_and_then_again_and_again():
    beats: asyncio.Queue[None] = asyncio.Queue()

    async with started() as schedule:
        schedule.every(SHORT, lambda: beats.put(None), name="poll")
        for _ in range(3):
            await beats.get()


async def test_a_job_that_is_not_due_at_once_waits_for_its_interval():
    order = []
    late = asyncio.Event()

    async def first():
        order.append("first")

    async def second():
        order.append("second")
        late.set()

    async with started() as schedule:
        schedule.every(timedelta(milliseconds=50), second, name="second", at_once=False)
        schedule.every(LONG, first, name="first")
        await late.wait()

    assert order == ["first", "second"]


async def test_a_job_that_fails_is_logged_and_called_again(caplog):
    calls = 0
    again = asyncio.Event()

    async def fails():
        nonlocal calls
        calls += 1
        if calls == 2:
            again.set()
        raise ZeroDivisionError

    async with started() as schedule:
        schedule.every(SHORT, fails, name="poll")
        await again.wait()

    failed = [r for r in caplog.records if r.message == "job failed"]
    assert failed[0].job == "poll"
    assert failed[0].exc_info[0] is ZeroDivisionError


async def test_a_job_is_never_running_twice():
    running, most = 0, 0
    done = asyncio.Event()
    beats = 0

    async def slow():
        nonlocal running, most, beats
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        beats += 1
        if beats == 3:
            done.set()

    async with started() as schedule:
        schedule.every(SHORT, slow, name="poll")
        await done.wait()

    assert most == 1


async def test_stopping_waits_for_a_running_job_and_begins_no_other():
    begun, release, finished = asyncio.Event(), asyncio.Event(), []

    async def job():
        begun.set()
        await release.wait()
        finished.append(True)

    async with started() as schedule:
        schedule.every(SHORT, job, name="poll")
        await begun.wait()
        stopping = asyncio.create_task(schedule.stop(LONG))
        _, waiting = await asyncio.wait({stopping}, timeout=0.05)
        assert waiting == {stopping}
        release.set()
        await stopping

    assert finished == [True]


async def test_a_job_that_outlives_the_grace_is_cancelled_and_awaited(caplog):
    begun, ended = asyncio.Event(), []

    async def job():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with started() as schedule:
        schedule.every(LONG, job, name="poll")
        await begun.wait()
        await schedule.stop(timedelta())

        assert ended == [True]

    logged = [(r.levelname, r.message) for r in caplog.records if r.levelno > 20]
    assert logged == [("WARNING", "job cancelled")]


async def test_stopping_twice_and_before_the_first_beat_is_harmless(caplog):
    called = []

    async def job():
        called.append(True)

    async with started() as schedule:
        schedule.every(LONG, job, name="poll", at_once=False)
        await schedule.stop(LONG)
        await schedule.stop(LONG)

    assert called == []
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []


async def test_no_task_is_left_behind():
    before = asyncio.all_tasks()

    async with started() as schedule:
        schedule.every(SHORT, asyncio.Event().wait, name="poll")
        await asyncio.sleep(0)
        await schedule.stop(timedelta())

    assert asyncio.all_tasks() == before


class WallClock:
    """The real time moved by a step; APScheduler is made to read it, too."""

    def __init__(self) -> None:
        self.step = timedelta()

    def now(self, tz=UTC) -> datetime:
        return datetime.now(tz) + self.step


@pytest.fixture
def wall_clock(monkeypatch):
    clock = WallClock()
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", clock)
    monkeypatch.setattr(apscheduler.executors.base, "datetime", clock)
    return clock


async def test_a_wall_clock_set_back_delays_no_job(wall_clock, caplog):
    """APScheduler compares wall times; an hour back would mean an hour of silence."""
    beats: asyncio.Queue[None] = asyncio.Queue()

    async with started(now=wall_clock.now, check_clock_every=SHORT) as schedule:
        schedule.every(
            timedelta(milliseconds=100), lambda: beats.put(None), name="poll"
        )
        await beats.get()
        wall_clock.step = -LONG
        for _ in range(2):
            await beats.get()

    assert "clock set back" in [r.message for r in caplog.records]


async def test_a_beat_that_comes_late_counts_all_the_same(wall_clock):
    """APScheduler's default drops what is over a second late."""
    beats: asyncio.Queue[None] = asyncio.Queue()

    async with started(now=wall_clock.now, check_clock_every=SHORT) as schedule:
        schedule.every(LONG, lambda: beats.put(None), name="poll")
        await beats.get()
        wall_clock.step = 1.5 * LONG
        await beats.get()


async def test_an_interval_of_nothing_and_a_name_taken_twice_are_refused():
    async def job():
        pass

    async with started() as schedule:
        with pytest.raises(ValueError, match="above zero"):
            schedule.every(timedelta(), job, name="poll")
        schedule.every(LONG, job, name="poll")
        with pytest.raises(ValueError, match="named poll already"):
            schedule.every(LONG, job, name="poll")
