"""Draws on a thread of its own; the loop only waits.

One thread: fonts are of one thread only, and more would take the loop's time. Nearly
all of the work is Pillow's, in pieces of a millisecond or two.
"""

import asyncio
import logging
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bot.errors import PictureError
from bot.pictures import ChartView, Look, MarketView, RecordView, View

logger = logging.getLogger(__name__)

#: so many wait at most; whoever comes then does without
WAITING_MAX: Final = 24


class Studio:
    """Satisfies `bot.ports.Pictures`; opens its thread with the first picture."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._is_closed = False

    async def draw(self, view: View, look: Look) -> bytes:
        """Return a PNG; raise `PictureError` if that fails or too many wait."""
        if self._is_closed:
            raise PictureError("the studio is closed", reason="closed")
        if self._waiting >= WAITING_MAX:
            raise PictureError("too many pictures are waiting", reason="busy")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        loop = asyncio.get_running_loop()
        self._waiting += 1
        try:
            work: Awaitable[bytes] = loop.run_in_executor(
                self._pool, render, view, look
            )
            return await work
        except PictureError:
            raise
        except Exception as error:
            # Our own bug in a layout must not become more than a missing picture.
            logger.exception("drawing broke", extra={"action": "picture_broke"})
            raise PictureError(type(error).__name__, reason="broke") from error
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """End the thread once what it draws is done; what waits is dropped."""
        self._is_closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)


def render(view: View, look: Look) -> bytes:
    """Lay a view out and paint it; of one thread at a time."""
    # Imported here: Pillow is of no use to a process that draws nothing.
    from handlers.pictures.chart import chart
    from handlers.pictures.market import market
    from handlers.pictures.painter import paint
    from handlers.pictures.record import record

    match view:
        case ChartView():
            scene = chart(view, look)
        case MarketView():
            scene = market(view, look)
        case RecordView():
            scene = record(view, look)
    return paint(scene)
