"""What waits for a reading, and is let go by the one that came."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import AssetState
from bot.noise import Reason
from bot.noise_flap import judge
from storage.database import in_batches
from storage.recipient_tables import AWAITS_READING
from storage.tables import DELIVERIES, EVENTS

_AWAITS: ColumnElement[bool] = literal_column(AWAITS_READING)


async def wake_held(
    connection: AsyncConnection,
    states: Mapping[str, AssetState],
    ids: Mapping[str, int],
    now: datetime,
) -> None:
    """Make due what new readings may confirm or settle: `noise` decides anew.

    Costs one look at a small index where nothing waits for a reading.
    """
    rows = await connection.execute(
        select(DELIVERIES.c.event_id, DELIVERIES.c.reason)
        .where(_AWAITS, DELIVERIES.c.due_at > now)
        .distinct()
    )
    waiting = rows.all()
    if not waiting:
        return
    assets: dict[int, int] = {}
    for batch in in_batches({row.event_id for row in waiting}):
        found = await connection.execute(
            select(EVENTS.c.id, EVENTS.c.asset_id).where(EVENTS.c.id.in_(batch))
        )
        assets |= {row.id: row.asset_id for row in found}
    came = {ids[key]: state for key, state in states.items() if key in ids}
    woken = {
        row.event_id
        for row in waiting
        if _may_go(row.reason, came.get(assets.get(row.event_id, 0)))
    }
    await _make_due(connection, woken, now)


def _may_go(reason: str, state: AssetState | None) -> bool:
    if state is None:
        return False
    return reason != Reason.CHOPPY or not judge(state.flips).is_held(state.last.as_of)


async def _make_due(
    connection: AsyncConnection, events: Collection[int], now: datetime
) -> None:
    """Make what waits of these events due; what it was not held for after all, too."""
    for batch in in_batches(events):
        is_theirs = DELIVERIES.c.event_id.in_(batch)
        await connection.execute(
            update(DELIVERIES)
            .where(_AWAITS, is_theirs, DELIVERIES.c.owed_since > now)
            .values(owed_since=now)
        )
        await connection.execute(
            update(DELIVERIES)
            .where(_AWAITS, is_theirs, DELIVERIES.c.due_at > now)
            .values(due_at=now)
        )
