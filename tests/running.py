"""The real program in a process of its own, as an operator starts it."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
import planted

PROGRAM_AT = Path(__file__).with_name("program_at.py")
#: a loaded machine starts a Python process with all libraries slowly
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0


class Running:
    """A running `flipwatch`, its output so far, and its web address."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.url = ""
        self._came = asyncio.Condition()
        self._readers = [
            asyncio.ensure_future(self._read(process.stdout, self.stdout)),
            asyncio.ensure_future(self._read(process.stderr, self.stderr)),
        ]

    async def _read(
        self, stream: asyncio.StreamReader | None, lines: list[str]
    ) -> None:
        assert stream is not None
        while line := await stream.readline():
            async with self._came:
                lines.append(line.decode().rstrip("\n"))
                planted.look("the output of a program", lines[-1])
                self._came.notify_all()
        async with self._came:
            self._came.notify_all()

    async def line(
        self, pattern: str, *, timeout: float = START_TIMEOUT, after: int = 0
    ) -> re.Match[str]:
        """Wait for a line of either stream that matches, from the `after`-th on."""

        def find() -> re.Match[str] | None:
            for line in [*self.stdout, *self.stderr][after:]:
                if match := re.search(pattern, line):
                    return match
            return None

        try:
            async with asyncio.timeout(timeout), self._came:
                while (match := find()) is None:
                    if all(r.done() for r in self._readers):
                        raise AssertionError(f"it ended:\n{self.output}")
                    await self._came.wait()
                return match
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in:\n{self.output}") from None

    @property
    def output(self) -> str:
        """Everything it printed and logged."""
        return "\n".join([*self.stdout, *self.stderr])

    async def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP side."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}{path}") as answer,
        ):
            text = await answer.text()
            planted.look(f"the answer to {path}", text)
            return answer.status, text

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        try:
            code = await asyncio.wait_for(self.process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"it did not stop:\n{self.output}") from None
        await asyncio.gather(*self._readers)
        return code

    async def kill(self) -> None:
        """Kill it as the kernel would."""
        self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._readers)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process: ours without any option of Flipwatch."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLIPWATCH_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **planted.ENVIRONMENT, **extra}


async def start(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> Running:
    """Start `python -m bot` with these arguments; `at` sets its clock back."""
    program = ["-m", "bot"]
    if at is not None:
        # -P: the folder of the file has an `engine` of its own
        program = ["-P", str(PROGRAM_AT), at.isoformat()]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *arguments,
        cwd=cwd,
        env=environment(env or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Running(process)


@asynccontextmanager
async def running(
    folder: Path,
    config: str,
    *,
    env: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> AsyncIterator[Running]:
    """Run `flipwatch run` with a configuration until the block ends, cleanly.

    The web face takes any free port; the block begins when the program runs, with its
    clock set back to `at`.
    """
    await asyncio.to_thread((folder / "config.toml").write_text, config)
    program = await start(
        "run", cwd=folder, env={"FLIPWATCH_WEB__PORT": "0", **(env or {})}, at=at
    )
    try:
        program.url = (await program.line(r"running +url=(\S+)"))[1]
        yield program
    except BaseException:
        if program.process.returncode is None:
            await program.kill()
        print(program.output)
        raise
    if program.process.returncode is None:
        assert await program.stop() == 0, program.output


async def call(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    """Run a command to its end; return exit code, stdout, stderr."""
    program = await start(*arguments, cwd=cwd, env=env)
    code = await asyncio.wait_for(program.process.wait(), START_TIMEOUT)
    await asyncio.gather(*program._readers)
    return code, "\n".join(program.stdout), "\n".join(program.stderr)


def listing(text: str) -> list[dict[str, object]]:
    """Read what `--json` printed."""
    rows = json.loads(text)
    assert isinstance(rows, list)
    return rows
