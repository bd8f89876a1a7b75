"""A process that has imported everything, and forks a `flipwatch run` when told.

Importing the libraries takes seconds of CPU, two hundred kills would be mostly that.
A child is a process of its own with its own sockets and its own database connections:
what a kill does to it is what it does to one that was started by hand.

As a script it reads one request per line and says what became of each child:

    {"cwd": "/tmp/x", "log": "/tmp/x/3.log"}  ->  started 4711
                                                  ended 4711 -9
"""

import asyncio
import importlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from running import environment

#: what `flipwatch run` imports on its way, also where it is used only
MODULES = (
    "aiosqlite",
    "asyncpg",
    "bot.app",
    "bot.cli",
    "engine.remote",
    "handlers.discord.face",
    "handlers.discord.sender",
    "handlers.telegram.face",
    "handlers.telegram.sender",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "storage.migrations",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
#: a loaded machine imports all libraries slowly
START_TIMEOUT = 60.0
ROOT = Path(__file__).parent.parent


class Child:
    """A forked `flipwatch run`; its output is in `log`."""

    def __init__(self, pid: int, log: Path, ended: "Future[int]") -> None:
        self.pid = pid
        self.log = log
        self._ended = ended

    @property
    def is_running(self) -> bool:
        """Whether it has not been seen to end."""
        return not self._ended.done()

    @property
    def output(self) -> str:
        """Everything it printed and logged."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill it as the kernel would, this very moment."""
        if self.is_running:
            os.kill(self.pid, signal.SIGKILL)

    async def end(self, timeout: float) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        async with asyncio.timeout(timeout):
            return await asyncio.shield(asyncio.wrap_future(self._ended))

    async def stop(self, timeout: float = 30) -> int:
        """Ask it to stop and return the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.end(timeout)


class Nursery:
    """Our side of the pipe to the process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # the folder of tests has folders named as our packages are
            env=environment({"FLIPWATCH_WEB__PORT": "0", "PYTHONPATH": str(ROOT)}),
        )
        self._started: queue.Queue[int] = queue.Queue()
        self._ended: dict[int, Future[int]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            word, pid, *rest = line.split()
            if word == "started":
                self._ended[int(pid)] = Future()
                self._started.put(int(pid))
            else:
                self._ended[int(pid)].set_result(int(rest[0]))

    async def start(self, folder: Path, log: Path) -> Child:
        """Fork a `flipwatch run` in a folder that has a config.toml."""
        assert self._process.stdin is not None
        print(
            json.dumps({"cwd": str(folder), "log": str(log)}),
            file=self._process.stdin,
            flush=True,
        )
        pid = await asyncio.to_thread(self._started.get, timeout=START_TIMEOUT)
        return Child(pid, log, self._ended[pid])

    def close(self) -> None:
        """End it, and whatever it has forked."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join(10)
        self._process.stdout.close()


@contextmanager
def open_nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.close()


# ------------------------------------------------------------------- the other process


def _fork(request: dict[str, str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.chdir(request["cwd"])
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        log = os.open(request["log"], flags, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        from bot.cli import main

        code = main(["run"])
    except BaseException:  # noqa: BLE001 - nothing may come back into the forking loop
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def _serve() -> None:
    """Fork as told until the pipe closes; then leave nobody behind."""
    for name in MODULES:
        importlib.import_module(name)
    assert threading.active_count() == 1, "a fork would leave the other threads behind"
    children: set[int] = set()
    while True:
        readable, _, _ = select.select([0], [], [], 0.01 if children else None)
        if readable:
            line = os.read(0, 65536).decode()
            if not line:
                break
            for request in line.splitlines():
                pid = _fork(json.loads(request))
                children.add(pid)
                print(f"started {pid}", flush=True)
        for pid in list(children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                children.discard(pid)
                print(f"ended {pid} {os.waitstatus_to_exitcode(status)}", flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    _serve()
