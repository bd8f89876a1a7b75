"""What the operator does with deliveries from the command line: replay and drop.

Works beside a running bot, which finds in the store what is due now.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from bot.config import Config
from bot.errors import NotFoundError, StoreError
from bot.listings import opened
from bot.model import DeliveryRecord, DeliveryState
from bot.ports import Store

#: deliveries per transaction, so that a bot beside it never waits long
PAGE = 500

_FINAL = {
    DeliveryState.CLAIMED: "is being sent now",
    DeliveryState.SENT: "is sent already",
    DeliveryState.SKIPPED: "is skipped already",
}


async def replay(config: Config, ids: Collection[int]) -> int:
    """Make dead letters due again; return how many.

    Raises `NotFoundError` for an unknown id and `StoreError` for one that is not dead;
    nothing is changed then.
    """
    async with opened(config) as store:
        for record in await _known(store, ids):
            if record.state is not DeliveryState.DEAD:
                raise StoreError(
                    f"delivery {record.id} is {record.state}, not dead: "
                    "nothing was changed"
                )
        return len(await store.replay_deliveries(ids, now=_now()))


async def replay_all(config: Config, reason: str = "") -> int:
    """Make all dead letters due again, or those with a reason; return how many.

    One that dies again meanwhile is not tried a second time.
    """
    count = 0
    before: int | None = None
    async with opened(config) as store:
        while records := await store.list_deliveries(
            state=DeliveryState.DEAD, reason=reason, before=before, limit=PAGE
        ):
            ids = [record.id for record in records]
            count += len(await store.replay_deliveries(ids, now=_now()))
            before = ids[-1]
    return count


async def drop(config: Config, ids: Collection[int]) -> int:
    """Give up deliveries that wait, are parked or dead; return how many.

    Raises `NotFoundError` for an unknown id and `StoreError` for one that is on its
    way or settled; nothing is changed then.
    """
    async with opened(config) as store:
        for record in await _known(store, ids):
            if record.state in _FINAL:
                raise StoreError(
                    f"delivery {record.id} {_FINAL[record.state]}: nothing was changed"
                )
        return len(await store.drop_deliveries(ids, now=_now()))


async def _known(store: Store, ids: Collection[int]) -> Sequence[DeliveryRecord]:
    records = await store.list_deliveries(ids=ids, limit=len(ids))
    unknown = sorted(set(ids) - {record.id for record in records})
    if unknown:
        which = ", ".join(map(str, unknown))
        raise NotFoundError(f"there is no delivery {which}: nothing was changed")
    return records


def _now() -> datetime:
    from bot.app import utc_now

    return utc_now()
