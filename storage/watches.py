"""The store's watches."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import NotFoundError
from bot.model import (
    Conditions,
    DeliveryState,
    Scope,
    Target,
    Tell,
    Watch,
)
from storage.claims import UNWATCHED, undo_decision
from storage.database import in_batches
from storage.part import StorePart, lock_recipient
from storage.rows import (
    covering,
    target_key,
    to_watch,
    watch_values,
)
from storage.tables import (
    ASSETS,
    DELIVERIES,
    EVENTS,
    RECIPIENTS,
    TOLD,
    WATCHES,
)
from storage.told import forget_told, write_told
from storage.watch_lines import (
    drop_unwanted_lines,
    load_watches,
    start_lines,
    write_lines,
)

_WAITING = (DeliveryState.PENDING.value, DeliveryState.PARKED.value)
_OPEN = (*_WAITING, DeliveryState.CLAIMED.value)


class WatchStore(StorePart):
    """What the port says about watches."""

    async def put_watch(
        self,
        recipient_id: int,
        target: Target,
        conditions: Conditions,
        *,
        text: str,
        created_by: str,
        told: Tell | None,
        is_exception: bool = False,
        now: datetime,
    ) -> tuple[Watch, bool]:
        """Create the watch, or replace the one on the same target.

        As the port says. A replaced watch keeps its id; an exception put where a
        watch was, or the other way round, is new. An exception takes what waits of
        the asset along (`unwatched`), and what was told of it. Showing the signal
        that an alert told already changes nothing about that alert's watch. Raises
        `NotFoundError` for an unknown recipient or asset.
        """
        values = watch_values(target, conditions) | {
            "recipient_id": recipient_id,
            "text": text,
            "is_exception": is_exception,
            "created_at": now,
            "created_by": created_by,
        }

        async def work(connection: AsyncConnection) -> tuple[Watch, bool]:
            await lock_recipient(connection, recipient_id)
            await _check_asset(connection, target)
            watch, is_new = await _write_watch(connection, values)
            thresholds = await _write_effective_lines(connection, watch)
            if is_exception:
                await drop_uncovered(connection, recipient_id)
            elif told is not None:
                shown = replace(told, watch_id=watch.id)
                await write_told(
                    connection, recipient_id, [shown], now=now, is_reply=True
                )
                if told.asset_id == watch.target.asset_id:
                    await start_lines(connection, recipient_id, told, thresholds, now)
            await drop_unwanted_lines(connection, recipient_id)
            await undo_decision(connection, recipient_id)
            return watch, is_new

        return await self._database.write(work)

    async def remove_watch(
        self, recipient_id: int, target: Target, *, now: datetime
    ) -> Watch | None:
        """Remove the watch on exactly this target, if there is one.

        An exception is none: only a new watch on its asset ends it. What waits goes
        over to another watch that covers the asset, else it becomes skipped with
        reason `unwatched`; the same with what was told. A message on its way stays.
        """
        del now  # the port's word; nothing of it is timed

        async def work(connection: AsyncConnection) -> Watch | None:
            await lock_recipient(connection, recipient_id)
            row = (
                await connection.execute(
                    select(WATCHES).where(
                        WATCHES.c.recipient_id == recipient_id,
                        WATCHES.c.target_key == target_key(target),
                        WATCHES.c.is_exception.is_(False),
                    )
                )
            ).first()
            if row is None:
                return None
            await connection.execute(delete(WATCHES).where(WATCHES.c.id == row.id))
            await drop_uncovered(connection, recipient_id)
            await drop_unwanted_lines(connection, recipient_id)
            await undo_decision(connection, recipient_id)
            return to_watch(row)

        return await self._database.write(work)

    async def list_watches(self, recipient_id: int) -> Sequence[Watch]:
        """List a recipient's watches and exceptions, oldest first."""
        return await self._database.read(
            partial(load_watches, recipient_id=recipient_id)
        )


async def _check_asset(connection: AsyncConnection, target: Target) -> None:
    if target.scope is not Scope.ASSET:
        return
    found = await connection.execute(
        select(ASSETS.c.id).where(ASSETS.c.id == target.asset_id)
    )
    if found.first() is None:
        raise NotFoundError(f"there is no asset {target.asset_id}")


async def _write_watch(
    connection: AsyncConnection, values: Mapping[str, Any]
) -> tuple[Watch, bool]:
    known = (
        await connection.execute(
            select(WATCHES.c.id, WATCHES.c.is_exception).where(
                WATCHES.c.recipient_id == values["recipient_id"],
                WATCHES.c.target_key == values["target_key"],
            )
        )
    ).first()
    is_same_kind = (
        known is not None and bool(known.is_exception) == values["is_exception"]
    )
    if known is not None and is_same_kind:
        written = await connection.execute(
            update(WATCHES)
            .where(WATCHES.c.id == known.id)
            .values(values)
            .returning(WATCHES)
        )
        return to_watch(written.one()), False
    if known is not None:
        await connection.execute(delete(WATCHES).where(WATCHES.c.id == known.id))
    written = await connection.execute(
        insert(WATCHES).values(values).returning(WATCHES)
    )
    return to_watch(written.one()), True


async def _write_effective_lines(
    connection: AsyncConnection, watch: Watch
) -> Sequence[float]:
    """Write a watch's own lines, or the recipient's default, and return them."""
    if watch.is_exception:
        return ()
    thresholds: Sequence[float] | None = watch.conditions.thresholds
    if thresholds is None:
        found = await connection.execute(
            select(RECIPIENTS.c.thresholds).where(RECIPIENTS.c.id == watch.recipient_id)
        )
        thresholds = [float(threshold) for threshold in found.scalar_one()]
    await write_lines(connection, watch.id, thresholds)
    return thresholds


async def drop_uncovered(connection: AsyncConnection, recipient_id: int) -> None:
    """After a watch went or an exception came: see what is still covered.

    Looked at is whatever names a watch that is gone, or an asset that an exception
    takes out. Another watch that covers the asset takes it over (`routing`'s order);
    what none covers is skipped, and nothing of it counts as told. What names a watch
    that is there stays, even if the asset left its category or top-n since: the end
    of a bullish signal is still owed then.
    """
    watches = await load_watches(connection, recipient_id)
    alive = {watch.id for watch in watches if not watch.is_exception}
    excepted = {w.target.asset_id for w in watches if w.is_exception}
    waiting = (
        await connection.execute(
            select(
                DELIVERIES.c.id,
                DELIVERIES.c.state,
                DELIVERIES.c.watch_id,
                EVENTS.c.asset_id,
            )
            .join(EVENTS, EVENTS.c.id == DELIVERIES.c.event_id)
            .where(
                DELIVERIES.c.recipient_id == recipient_id,
                DELIVERIES.c.state.in_(_OPEN),
            )
        )
    ).all()
    told = (
        await connection.execute(
            select(TOLD.c.asset_id, TOLD.c.watch_id).where(
                TOLD.c.recipient_id == recipient_id
            )
        )
    ).all()

    def is_touched(row: Any) -> bool:
        return row.watch_id not in alive or row.asset_id in excepted

    touched = {row.asset_id for row in waiting if is_touched(row)}
    touched |= {row.asset_id for row in told if is_touched(row)}
    heirs = await _find_heirs(connection, touched, watches)
    skipped = [
        row.id
        for row in waiting
        if is_touched(row) and heirs[row.asset_id] is None and row.state in _WAITING
    ]
    for batch in in_batches(skipped):
        await connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.id.in_(batch))
            .values(state=DeliveryState.SKIPPED.value, reason=UNWATCHED)
        )
    for delivery in waiting:
        heir = heirs.get(delivery.asset_id)
        if is_touched(delivery) and heir is not None:
            await connection.execute(
                update(DELIVERIES)
                .where(DELIVERIES.c.id == delivery.id)
                .values(watch_id=heir.id)
            )
    forgotten = [
        row.asset_id for row in told if is_touched(row) and heirs[row.asset_id] is None
    ]
    await forget_told(connection, recipient_id, forgotten)
    for row in told:
        heir = heirs.get(row.asset_id)
        # what a reply told (no watch) stays without one
        if is_touched(row) and row.watch_id is not None and heir is not None:
            await connection.execute(
                update(TOLD)
                .where(
                    TOLD.c.recipient_id == recipient_id,
                    TOLD.c.asset_id == row.asset_id,
                )
                .values(watch_id=heir.id)
            )


async def _find_heirs(
    connection: AsyncConnection, asset_ids: Collection[int], watches: Sequence[Watch]
) -> dict[int, Watch | None]:
    """Find for each asset the watch that decides about it now."""
    heirs: dict[int, Watch | None] = {}
    for batch in in_batches(asset_ids):
        rows = await connection.execute(
            select(ASSETS.c.id, ASSETS.c.categories, ASSETS.c.rank).where(
                ASSETS.c.id.in_(batch)
            )
        )
        for row in rows:
            found = covering(row.id, row.categories, row.rank, watches)
            heirs[row.id] = found[0] if found else None
    return heirs
