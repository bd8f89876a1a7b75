"""Has pictures drawn by a process of their own; the loop only waits.

A thread would share the interpreter with the loop: whenever the machine took its turn
away while it drew, everybody waited for it. A process can also hang or crash in a
foreign library without harm: it is replaced.
"""

import asyncio
import json
import logging
import os
import pickle
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from bot.errors import PictureError
from bot.pictures import Look, View

logger = logging.getLogger(__name__)

#: so many wait at most; whoever comes then does without
WAITING_MAX: Final = 24
#: one that takes longer hangs; the first one also starts a process
DRAW_TIMEOUT: Final = timedelta(seconds=15)
_LEAVE_SECONDS: Final = 2.0
_LENGTH_BYTES: Final = 4
_GOOD: Final = b"K"
_ROOT: Final = Path(__file__).parents[2]
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
_WORKER: Final = "handlers.pictures.worker"


class Studio:
    """Satisfies `bot.ports.Pictures`; starts its process with the first picture."""

    def __init__(
        self, *, module: str = _WORKER, timeout: timedelta = DRAW_TIMEOUT
    ) -> None:
        """Take which module draws, and how long one picture may take."""
        self._module = module
        self._timeout = timeout.total_seconds()
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._is_closed = False

    async def draw(self, view: View, look: Look) -> bytes:
        """Return a PNG; raise `PictureError` if that fails or too many wait."""
        if self._waiting >= WAITING_MAX:
            raise PictureError("too many pictures are waiting", reason="busy")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._draw(pickle.dumps((view, look)))
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the process; may be called twice. Then nothing is drawn any more."""
        self._is_closed = True
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await process.wait()
        except TimeoutError:
            await _kill(process)

    async def _draw(self, asked: bytes) -> bytes:
        if self._is_closed:
            raise PictureError("the studio is closed", reason="closed")
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._ask(asked)
        except TimeoutError:
            await self._replace()
            raise PictureError("drawing took too long", reason="stuck") from None
        except (OSError, EOFError):
            # EOFError: it ended in the middle of an answer, or before it
            await self._replace()
            raise PictureError("the drawer has died", reason="died") from None
        except asyncio.CancelledError:
            # Its answer would be taken for the next one's.
            await self._replace()
            raise
        if answer[:1] == _GOOD:
            return answer[1:]
        said = json.loads(answer[1:])
        if said["where"]:
            # Our own bug in a layout must not become more than a missing picture.
            extra = {"action": "picture_broke", "where": said["where"]}
            logger.error("drawing broke: %s", said["text"], extra=extra)
        raise PictureError(said["text"], reason=said["reason"])

    async def _ask(self, asked: bytes) -> bytes:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await self._start()
        if process.stdin is None or process.stdout is None:
            raise TypeError("the drawer was started without pipes")
        process.stdin.write(len(asked).to_bytes(_LENGTH_BYTES, "big") + asked)
        await process.stdin.drain()
        head = await process.stdout.readexactly(_LENGTH_BYTES)
        return await process.stdout.readexactly(int.from_bytes(head, "big"))

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            # no signal meant for our terminal reaches it
            start_new_session=True,
        )

    async def _replace(self) -> None:
        """End a process that can't be trusted any more; the next picture starts one."""
        process, self._process = self._process, None
        if process is not None:
            await _kill(process)


def _environment() -> dict[str, str]:
    """Return what the drawer needs of our environment; our secrets are none of it."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    known = os.environ.get("PYTHONPATH", "")
    return kept | {"PYTHONPATH": os.pathsep.join(x for x in (str(_ROOT), known) if x)}


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
