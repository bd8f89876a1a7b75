"""Two recipients become one: a group moved to where another row was begun already."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import DeliveryState
from storage.database import in_batches
from storage.tables import (
    DELIVERIES,
    EVENTS,
    MESSAGES,
    MUTES,
    PLACE_NOTES,
    PRIVATE_LINES,
    RECIPIENTS,
    TOLD,
    TOLD_LINES,
    WATCHES,
)
from storage.watch_lines import write_default_lines

#: of two deliveries of one event the one that got further stays
_PROGRESS = {DeliveryState.SENT.value: 2, DeliveryState.CLAIMED.value: 1}


async def merge_recipients(connection: AsyncConnection, old: Any, into: Any) -> None:
    """Give everything of one locked recipient to another and delete the one.

    Where both have the same (a watch on one target, what was told of one asset, a
    mute), the other's stays. At most one of them may have a frozen message.
    """
    thresholds = list(into.thresholds) or list(old.thresholds)
    await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id == into.id)
        .values(
            thresholds=thresholds,
            settings=dict(into.settings) or dict(old.settings),
            language=into.language or old.language,
        )
    )
    replaced = await _move_watches(connection, old.id, into.id)
    for table in (DELIVERIES, TOLD):
        for gone, kept in replaced.items():
            await connection.execute(
                update(table)
                .where(table.c.recipient_id == old.id, table.c.watch_id == gone)
                .values(watch_id=kept)
            )
    await write_default_lines(connection, into.id, thresholds)
    await _move_rest(connection, TOLD_LINES, old.id, into.id, ("asset_id", "threshold"))
    await _move_rest(connection, TOLD, old.id, into.id, ("asset_id",))
    await _move_rest(
        connection, PRIVATE_LINES, old.id, into.id, ("asset_id", "threshold")
    )
    await _move_rest(connection, MUTES, old.id, into.id, ("asset_id",))
    await _move_rest(connection, PLACE_NOTES, old.id, into.id, ())
    await connection.execute(
        update(MESSAGES)
        .where(MESSAGES.c.recipient_id == old.id)
        .values(recipient_id=into.id)
    )
    await _move_deliveries(connection, old.id, into)
    await connection.execute(
        update(EVENTS).where(EVENTS.c.only_for == old.id).values(only_for=into.id)
    )
    await connection.execute(delete(RECIPIENTS).where(RECIPIENTS.c.id == old.id))


async def _move_watches(
    connection: AsyncConnection, old_id: int, into_id: int
) -> Mapping[int, int]:
    """Move watches and return, of those on a target both had, old id -> kept id."""
    mine = WATCHES.alias("mine")
    pairs = await connection.execute(
        select(WATCHES.c.id.label("gone"), mine.c.id.label("kept"))
        .join(mine, mine.c.target_key == WATCHES.c.target_key)
        .where(WATCHES.c.recipient_id == old_id, mine.c.recipient_id == into_id)
    )
    replaced = {row.gone: row.kept for row in pairs}
    for batch in in_batches(replaced):
        await connection.execute(delete(WATCHES).where(WATCHES.c.id.in_(batch)))
    await connection.execute(
        update(WATCHES)
        .where(WATCHES.c.recipient_id == old_id)
        .values(recipient_id=into_id)
    )
    return replaced


async def _move_rest(
    connection: AsyncConnection,
    table: Table,
    old_id: int,
    into_id: int,
    columns: tuple[str, ...],
) -> None:
    """Move rows whose columns the other has no row with; drop the others."""
    mine = table.alias("mine")
    same = [
        # a mute of everything names no asset: nothing is the same as nothing here
        mine.c[column].is_not_distinct_from(table.c[column])
        for column in columns
    ]
    await connection.execute(
        delete(table).where(
            table.c.recipient_id == old_id,
            select(mine.c.recipient_id)
            .where(mine.c.recipient_id == into_id, *same)
            .exists(),
        )
    )
    await connection.execute(
        update(table).where(table.c.recipient_id == old_id).values(recipient_id=into_id)
    )


async def _move_deliveries(connection: AsyncConnection, old_id: int, into: Any) -> None:
    """Move deliveries; what waits follows whether the other is parked or not."""
    mine = DELIVERIES.alias("mine")
    pairs = await connection.execute(
        select(
            DELIVERIES.c.id.label("old"),
            DELIVERIES.c.state.label("old_state"),
            mine.c.id.label("new"),
            mine.c.state.label("new_state"),
        )
        .join(mine, mine.c.event_id == DELIVERIES.c.event_id)
        .where(DELIVERIES.c.recipient_id == old_id, mine.c.recipient_id == into.id)
    )
    losers = [
        row.new
        if _PROGRESS.get(row.old_state, 0) > _PROGRESS.get(row.new_state, 0)
        else row.old
        for row in pairs
    ]
    for batch in in_batches(losers):
        await connection.execute(delete(DELIVERIES).where(DELIVERIES.c.id.in_(batch)))
    await connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.recipient_id == old_id)
        .values(recipient_id=into.id)
    )
    if into.parked_since is not None:
        await connection.execute(
            update(DELIVERIES)
            .where(
                DELIVERIES.c.recipient_id == into.id,
                DELIVERIES.c.state == DeliveryState.PENDING.value,
            )
            .values(state=DeliveryState.PARKED.value, reason=into.parked_reason)
        )
