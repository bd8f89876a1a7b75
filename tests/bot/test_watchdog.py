"""A loop that hangs is noticed, told, and ends the process; others are left alone."""

import asyncio
import os
import socket
from datetime import timedelta

import pytest

from bot import supervisor
from bot.watchdog import GRACE, LOOK_EVERY, StuckError, Watchdog


class Scene:
    """A watchdog over one loop, on a clock that is moved by hand."""

    def __init__(self):
        self.now = 1000.0
        self.progressed_at = self.now
        self.well = 0
        self.dog = Watchdog(clock=lambda: self.now, on_well=self._note)
        self.dog.watch("polling", timedelta(seconds=60), lambda: self.progressed_at)

    def _note(self):
        self.well += 1

    def wait(self, seconds, *, works=False):
        """Let time pass, looking as often as `run` does."""
        end = self.now + seconds
        while self.now < end:
            self.now += LOOK_EVERY.total_seconds()
            if works:
                self.progressed_at = self.now
            self.dog.look()


@pytest.fixture
def scene():
    return Scene()


def test_a_loop_that_goes_on_is_well(scene):
    scene.wait(3600, works=True)

    assert scene.dog.stuck() == {}
    assert scene.well == 720


def test_a_loop_that_hangs_is_named_with_since_when(scene, caplog):
    scene.wait(65)

    assert scene.dog.stuck() == {"polling": "no progress for 65 s"}
    scene.wait(10)
    told = [r for r in caplog.records if r.action == "stuck"]
    assert len(told) == 1
    assert scene.well == 12


def test_a_loop_that_hangs_for_too_long_ends_the_process(scene):
    with pytest.raises(StuckError, match="polling: no progress for"):
        scene.wait(60 + GRACE.total_seconds() + 10)


def test_a_loop_that_goes_on_again_is_told_and_forgiven(scene, caplog):
    caplog.set_level("INFO")
    scene.wait(80)

    scene.wait(500, works=True)

    assert scene.dog.stuck() == {}
    assert [r.action for r in caplog.records] == ["stuck", "unstuck"]


def test_a_machine_that_slept_blames_nobody(scene):
    scene.now += 8 * 3600
    scene.dog.look()

    assert scene.dog.stuck() == {}
    scene.wait(55)
    assert scene.dog.stuck() == {}
    scene.wait(10)
    assert "polling" in scene.dog.stuck()


async def test_it_looks_for_ever_until_something_hangs():
    dog = Watchdog(clock=lambda: 0.0)
    task = asyncio.create_task(dog.run())

    await asyncio.sleep(0)

    assert not task.done()
    task.cancel()


# ---------------------------------------------------------------------- supervisor


@pytest.fixture
def listening(tmp_path, monkeypatch):
    """A systemd that listens."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield sock


def test_a_supervisor_hears_how_we_are(listening):
    supervisor.notify(supervisor.READY)
    supervisor.notify(supervisor.ALIVE)

    assert listening.recv(100) == b"READY=1"
    assert listening.recv(100) == b"WATCHDOG=1"


def test_without_a_supervisor_nothing_is_said(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    supervisor.notify(supervisor.READY)


def test_a_supervisor_that_is_gone_disturbs_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))

    supervisor.notify(supervisor.READY)

    assert os.environ["NOTIFY_SOCKET"]
