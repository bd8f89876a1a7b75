"""The store's trails: what became of an event for one recipient."""

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Claim, DeliveryState, EventKind
from bot.trail import Trail, TrailDelivery
from storage.assets import load_assets, select_events
from storage.claims import look_at
from storage.part import StorePart
from storage.rows import to_event
from storage.tables import DELIVERIES, EVENTS, MESSAGES

_TURNS = [EventKind.FLIP.value, EventKind.CORRECTION.value]


class TrailStore(StorePart):
    """Everything the port says under "trails"."""

    async def find_trail(
        self, recipient_id: int, *, asset_id: int | None = None
    ) -> Trail | None:
        """Find what became of an asset's last event, or of the last alert here.

        With an asset: the newest event of it that had a delivery here, or a flip
        after that which had none. Without: what was sent here last, or if nothing
        was, what waits or was skipped last.
        """
        return await self._database.read(
            partial(_find, recipient_id=recipient_id, asset_id=asset_id)
        )

    async def look_at(self, recipient_id: int, *, now: datetime) -> Claim | None:
        """Show what waits for a recipient as a claim would; nothing is taken.

        None for an unknown recipient. A message on its way is not shown.
        """

        def work(connection: Connection) -> Claim | None:
            return look_at(connection, recipient_id, now)

        async def read(connection: AsyncConnection) -> Claim | None:
            return await connection.run_sync(work)

        return await self._database.read(read)


async def _find(
    connection: AsyncConnection, recipient_id: int, asset_id: int | None
) -> Trail | None:
    delivery = await _newest_delivery(connection, recipient_id, asset_id)
    event_id = None if delivery is None else delivery.event_id
    if asset_id is not None:
        turn = await connection.execute(
            select(EVENTS.c.id)
            .where(EVENTS.c.asset_id == asset_id, EVENTS.c.kind.in_(_TURNS))
            .order_by(EVENTS.c.id.desc())
            .limit(1)
        )
        turn_id: int | None = turn.scalar()
        if turn_id is not None and (event_id is None or turn_id > event_id):
            event_id, delivery = turn_id, None
    if event_id is None:
        return None
    row = (
        await connection.execute(select_events().where(EVENTS.c.id == event_id))
    ).one()
    assets = await load_assets(connection, [row.asset_id])
    return Trail(
        event=to_event(row, row.asset_key),
        asset=assets[row.asset_id],
        delivery=None if delivery is None else await _read(connection, delivery),
    )


async def _newest_delivery(
    connection: AsyncConnection, recipient_id: int, asset_id: int | None
) -> Any | None:
    own = select(DELIVERIES).where(DELIVERIES.c.recipient_id == recipient_id)
    if asset_id is None:
        sent = own.where(DELIVERIES.c.state == DeliveryState.SENT.value).order_by(
            DELIVERIES.c.sent_at.desc(), DELIVERIES.c.event_id.desc()
        )
        found = (await connection.execute(sent.limit(1))).first()
        if found is not None:
            return found
    else:
        own = own.join(EVENTS, EVENTS.c.id == DELIVERIES.c.event_id).where(
            EVENTS.c.asset_id == asset_id
        )
    newest = own.order_by(DELIVERIES.c.event_id.desc()).limit(1)
    return (await connection.execute(newest)).first()


async def _read(connection: AsyncConnection, row: Any) -> TrailDelivery:
    together = 0
    if row.message_id is not None:
        carried = await connection.execute(
            select(MESSAGES.c.delivery_ids).where(MESSAGES.c.id == row.message_id)
        )
        together = len(carried.scalar() or ())
    return TrailDelivery(
        id=row.id,
        state=DeliveryState(row.state),
        reason=row.reason,
        held_for=row.held_for or "",
        created_at=row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        watch_id=row.watch_id,
        sent_at=row.sent_at,
        together=together,
    )
