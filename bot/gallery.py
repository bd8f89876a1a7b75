"""Has pictures drawn for those who send them: once each, in time or not at all.

A picture is a kindness, the words are the duty. So nobody waits long here, nothing is
raised, and what is left out is logged with its reason. A picture is named by a
`PictureRef`, whose name says all that is in it: the same name is drawn once and kept.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from bot.errors import PictureError, StoreError
from bot.pictures import PictureKind, PictureRef, View
from bot.ports import Pictures

logger = logging.getLogger(__name__)

#: makes the view of a picture from what is stored; raises `PictureError`, `StoreError`
ViewMaker = Callable[[PictureRef], Awaitable[View]]

#: an alert waits so long for a picture that is not there yet
ALERT_PATIENCE: Final = timedelta(milliseconds=400)
#: somebody who asked for it waits longer
REPLY_PATIENCE: Final = timedelta(seconds=4)
#: what could not be drawn is not tried again for so long
FAILURE_KEPT: Final = timedelta(seconds=30)
#: pictures kept, of 100 kB at most
KEPT_MAX: Final = 96


class Gallery:
    """Satisfies `bot.ports.PictureShelf`."""

    def __init__(
        self,
        pictures: Pictures,
        makers: Mapping[PictureKind, ViewMaker],
        *,
        alert_patience: timedelta = ALERT_PATIENCE,
        reply_patience: timedelta = REPLY_PATIENCE,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what draws and what knows; `steady` counts seconds and never steps."""
        self._pictures = pictures
        self._makers = makers
        self._alert_patience = alert_patience.total_seconds()
        self._reply_patience = reply_patience.total_seconds()
        self._steady = steady
        self._kept: OrderedDict[PictureRef, bytes] = OrderedDict()
        self._failed: OrderedDict[PictureRef, float] = OrderedDict()
        self._drawing: dict[PictureRef, asyncio.Task[None]] = {}
        #: a drawing somebody has waited for in vain: as long as it goes on, alerts
        #: do not wait for any other
        self._overdue: set[PictureRef] = set()

    async def prepare(self, ref: PictureRef) -> None:
        """Have a picture drawn for an alert, unless that takes too long.

        While one is overdue nobody waits, so that a drawer that hangs holds up one
        alert for a moment and no other.
        """
        if ref in self._kept or self._has_failed(ref):
            return
        patience = 0.0 if self._overdue else self._alert_patience
        await self._wait(ref, patience)

    def ready(self, ref: PictureRef) -> bytes | None:
        """Return the picture if it is there by now."""
        found = self._kept.get(ref)
        if found is not None:
            self._kept.move_to_end(ref)
        return found

    async def picture(self, ref: PictureRef) -> bytes | None:
        """Return the picture for somebody who waits for it."""
        if ref not in self._kept and not self._has_failed(ref):
            await self._wait(ref, self._reply_patience)
        return self.ready(ref)

    async def close(self) -> None:
        """Cut off what is being drawn; may be called twice."""
        tasks = list(self._drawing.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _wait(self, ref: PictureRef, patience: float) -> None:
        task = self._drawing.get(ref)
        if task is None:
            task = asyncio.create_task(self._draw(ref), name="picture")
            self._drawing[ref] = task
        # Whoever gives up leaves the drawing to go on: the next one finds it done.
        done, _ = await asyncio.wait({task}, timeout=patience)
        if not done:
            self._overdue.add(ref)
            _log(ref, "slow")

    async def _draw(self, ref: PictureRef) -> None:
        try:
            view = await self._view(ref)
            self._keep(ref, await self._pictures.draw(view, ref.look))
        except PictureError as error:
            self._fail(ref, error.reason)
        except StoreError:
            self._fail(ref, "store")
        except Exception:
            # Our own bug in a picture must never become one of a message.
            logger.exception("picture broke", extra={"action": "picture_broke"})
            self._fail(ref, "broke")
        finally:
            self._drawing.pop(ref, None)
            self._overdue.discard(ref)

    async def _view(self, ref: PictureRef) -> View:
        maker = self._makers.get(ref.kind)
        if maker is None:
            raise PictureError("nobody knows this kind", reason="unknown_kind")
        return await maker(ref)

    def _keep(self, ref: PictureRef, image: bytes) -> None:
        self._kept[ref] = image
        self._kept.move_to_end(ref)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def _fail(self, ref: PictureRef, reason: str) -> None:
        self._failed[ref] = self._steady()
        self._failed.move_to_end(ref)
        while len(self._failed) > KEPT_MAX:
            self._failed.popitem(last=False)
        _log(ref, reason)

    def _has_failed(self, ref: PictureRef) -> bool:
        """Whether it was tried in vain a moment ago."""
        at = self._failed.get(ref)
        if at is None:
            return False
        if self._steady() - at < FAILURE_KEPT.total_seconds():
            return True
        del self._failed[ref]
        return False


def _log(ref: PictureRef, reason: str) -> None:
    logger.warning(
        "a picture is left out",
        extra={
            "action": "picture_left_out",
            "kind": ref.kind.value,
            "asset": ref.asset_id,
            "reason": reason,
        },
    )
