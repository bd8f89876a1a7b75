"""A whole process: what hangs ends it, SIGHUP changes it, --once runs it for cron."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeClock, FakeSource

from bot.app import App
from bot.config import Config
from bot.errors import ConfigError, SourceUnavailableError
from bot.model import Address, PlaceKind
from bot.ports import Call
from bot.reload import LIVE, compare
from bot.watchdog import StuckError

CSV = """as_of,asset_id,symbol,signal,grade,price
2026-01-01T00:00:00Z,1,BTC,1,80,100
2026-01-01T01:00:00Z,1,BTC,-1,30,90
"""


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def config(folder: Path, **more) -> Config:
    (folder / "history.csv").write_text(CSV)
    sections = {
        "storage": {"url": f"sqlite+aiosqlite:///{folder / 'flipwatch.db'}"},
        "web": {"port": 0},
        "engine": {
            "kind": "replay",
            "replay_file": str(folder / "history.csv"),
            "replay_speed": 3600.0,
            "poll_interval": 1.0,
        },
    }
    return Config.model_validate(sections | more)


# ------------------------------------------------------------------------ what hangs


@pytest.fixture
def _quick(monkeypatch):
    monkeypatch.setattr("bot.watchdog.LOOK_EVERY", timedelta(seconds=0.02))
    monkeypatch.setattr("bot.watchdog.GRACE", timedelta(seconds=0.3))
    monkeypatch.setattr("bot.schedule.DEFAULT_GRACE", timedelta(seconds=0.5))
    monkeypatch.setattr("bot.app.DRAIN", timedelta(seconds=0.05))


@pytest.mark.usefixtures("_quick")
async def test_a_poll_that_hangs_turns_ready_red_and_ends_the_process(tmp_path):
    is_asked = asyncio.Event()
    was_cut = []

    async def hang(_wanted):
        is_asked.set()
        await asyncio.Event().wait()

    async with App(config(tmp_path)) as app:
        app.exit_hard = lambda: was_cut.append(True)
        app.source.fetch = hang
        within = timedelta(seconds=0.3)
        app.watchdog.watch("polling", within, lambda: app._polled_at)
        running = asyncio.create_task(app.run(asyncio.Event()))
        await is_asked.wait()
        while not app.watchdog.stuck():  # noqa: ASYNC110 - real time is what is told
            await asyncio.sleep(0.01)
        assert "no progress" in (await app.health())["polling"]
        with pytest.raises(BaseExceptionGroup) as caught:
            await running

    assert caught.group_contains(StuckError, match="polling")
    assert was_cut == [True], "the hung poll kept the stop waiting, so it is cut off"


async def test_a_process_that_works_is_well(tmp_path):
    async with App(config(tmp_path)) as app:
        stop = asyncio.Event()
        running = asyncio.create_task(app.run(stop))
        await app.serving.wait()
        assert app.watchdog.stuck() == {}
        assert set(app.watchdog._watched) == {
            "polling",
            "fan-out",
            "sending to web",
        }
        stop.set()
        await running


# ------------------------------------------------------------------------------ once


async def test_once_polls_hands_out_and_sends_and_says_how_it_went(
    tmp_path, monkeypatch
):
    clock = FakeClock()
    source = FakeSource(clock)
    source.set("BTC", grade=80)
    monkeypatch.setattr("bot.assembly.open_source", lambda *_, **__: source)
    settings = config(tmp_path)

    async def once():
        clock.advance(minutes=5)
        async with App(settings, now=clock) as app:
            return await app.run_once()

    assert await once() == ""
    async with App(settings, now=clock) as app:
        watch = Call(
            place=Address.parse("web:me"),
            kind=PlaceKind.PRIVATE,
            user="web:me",
            text="/watch BTC",
            is_admin=yes,
        )
        assert await app.desk.say(watch) is not None
    source.flip("BTC")
    assert await once() == ""
    source.fail_with(SourceUnavailableError("no answer", reason="timeout"))
    assert "no answer" in await once()

    async with App(settings, now=clock) as app:
        entries = await app.store.read_inbox("me")
        counts = await app.store.counts(clock())
    assert "BTC" in str(entries)
    assert counts.deliveries == {"sent": 1}


async def yes() -> bool:
    return True


async def test_once_is_refused_where_processes_share(tmp_path):
    async with App(config(tmp_path)) as app:
        app.config = Config(storage={"url": "postgresql+asyncpg://a:b@c/d"})
        with pytest.raises(ConfigError, match="--once is for SQLite"):
            await app.run_once()


# ---------------------------------------------------------------------------- reload


def test_what_needs_a_restart_is_told_from_what_does_not():
    new = Config(
        app={"operators": ["telegram:7"], "access": "list", "worker": "x"},
        web={"port": 9000},
    )

    change = compare(Config(), new)

    assert change.live == ["app.operators", "app.access"]
    assert change.waiting == ["app.worker", "web.port"]
    assert change.config.app.operators == ("telegram:7",)
    assert change.config.web.port == 8080
    assert change.config.app.worker == ""


def test_nothing_changed_is_nothing():
    change = compare(Config(), Config())

    assert (change.live, change.waiting) == ([], [])
    assert change.config == Config()


def test_every_option_that_may_change_exists():
    for name in LIVE:
        section, _, key = name.partition(".")
        assert key in type(getattr(Config(), section)).model_fields


async def test_a_reload_changes_who_operates_and_what_is_kept(tmp_path, monkeypatch):
    said = []
    async with App(config(tmp_path)) as app:
        monkeypatch.setattr("bot.app.logger.info", lambda *_, extra: said.append(extra))

        app.reload(
            config(
                tmp_path,
                app={"operators": ["web:boss"], "access": "list", "watches_max": 7},
                keep={"polls": 60},
                delivery={"concurrency": 3},
            )
        )

        assert await app.room.is_operator("web:boss")
        assert app.desk._room is app.room
        assert app.room.access == "list"
        assert app.room.watches_max == 7
        assert app.housekeeper.keep.polls == 60
        assert [str(p) for p in await app._post.places()] == ["web:boss"]
    assert said[0]["needs_restart"] == "delivery.concurrency"
    assert "app.operators" in said[0]["changed"]
