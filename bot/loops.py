"""The event loop that the program runs on, and how signals end it."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from bot.errors import FlipwatchError

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop, which needs a third less time per message; on asyncio elsewhere.

    Else the same as `asyncio.run`.
    """
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def run_until_stopped(body: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run until SIGINT or SIGTERM, which stop cleanly; a second one stops at once.

    Raises what ended it; of several errors of ours from a task group, one alone.
    """

    async def listen() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def on_signal() -> None:
            if stop.is_set() and task is not None:
                task.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        try:
            await body(stop)
        except asyncio.CancelledError:
            if not stop.is_set():
                raise

    try:
        run(listen())
    except BaseExceptionGroup as group:
        # Task groups wrap what ended them; a single reason of ours is told as itself.
        known = group.subgroup(FlipwatchError)
        if known is None or len(known.exceptions) != len(group.exceptions):
            raise
        error: BaseException = known
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
