"""Takes away what is older than it is kept, a little at a time, by one process."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from bot.errors import StoreError
from bot.operating_config import KeepConfig
from bot.ports import Clock, Store
from bot.retention import Kept, cutoffs

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(hours=1)
#: rows in one transaction: well under 100 ms, so that nobody else waits for it
CHUNK = 500
#: between two chunks, so that others get their turn to write
PAUSE = timedelta(milliseconds=20)
_LEASE_NAME = "housekeeping"
_LEASE = timedelta(minutes=2)


class Housekeeper:
    """Prunes the store; `look` is called every `LOOK_EVERY`, by any process."""

    def __init__(
        self, store: Store, keep: KeepConfig, *, owner: str, now: Clock
    ) -> None:
        self._store = store
        #: read by every look; may be replaced
        self.keep = keep
        self._owner = owner
        self._now = now

    async def look(self) -> None:
        """Prune once; what fails is tried again by the next look."""
        try:
            await self.prune()
        except StoreError as error:
            logger.warning("nothing pruned: %s", error, extra={"action": "unpruned"})

    async def prune(self) -> Mapping[Kept, int]:
        """Take away all that is too old; return how many rows of each kind.

        Raises `StoreError`; what was done until then stays done. Nothing if another
        process is at it.
        """
        counts: dict[Kept, int] = {}
        for kind, before in cutoffs(self.keep, self._now()):
            while await self._take():
                gone = await self._store.prune(kind, before=before, limit=CHUNK)
                counts[kind] = counts.get(kind, 0) + gone
                if not gone:
                    break
                await asyncio.sleep(PAUSE.total_seconds())
        await self._store.drop_lease(_LEASE_NAME, self._owner)
        if any(counts.values()):
            said = {kind.value: count for kind, count in counts.items() if count}
            logger.info("pruned", extra={"action": "pruned", **said})
        return counts

    async def _take(self) -> bool:
        return await self._store.take_lease(
            _LEASE_NAME, self._owner, now=self._now(), length=_LEASE
        )
