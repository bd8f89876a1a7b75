"""The store's dead letters: list deliveries, try dead ones again, drop what waits."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import (
    Address,
    DeliveryRecord,
    DeliveryState,
    EventKind,
    Platform,
)
from storage.database import in_batches
from storage.part import StorePart
from storage.tables import ASSETS, DELIVERIES, EVENTS, MESSAGES, RECIPIENTS
from storage.watches import drop_uncovered

#: reason of a dead letter that the operator sent on its way again
REPLAYED = "replayed"
#: reason of a delivery that the operator gave up
DROPPED = "dropped"

_DEAD = DeliveryState.DEAD.value
_DROPPABLE = [
    state.value
    for state in (DeliveryState.PENDING, DeliveryState.PARKED, DeliveryState.DEAD)
]
#: told or decided: what is later than a dead letter and in such a state outdates it
_SETTLED = [DeliveryState.SENT.value, DeliveryState.SKIPPED.value]

# literal, as the partial index spells it, else it is not used
_IS_DEAD: ColumnElement[bool] = literal_column("deliveries.state = 'dead'")


class DeadLetterStore(StorePart):
    """Everything the port says under "dead letters"."""

    async def list_deliveries(
        self,
        *,
        ids: Collection[int] | None = None,
        state: DeliveryState | None = None,
        reason: str = "",
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[DeliveryRecord]:
        """List deliveries, newest first; those that pass every filter given.

        `before` takes only smaller ids, so that a long list can be read in pages.
        """
        filters: list[ColumnElement[bool]] = []
        if state is DeliveryState.DEAD:
            filters.append(_IS_DEAD)
        elif state is not None:
            filters.append(DELIVERIES.c.state == state.value)
        if reason:
            filters.append(DELIVERIES.c.reason == reason)
        if before is not None:
            filters.append(DELIVERIES.c.id < before)
        return await self._database.read(
            partial(_list, filters=filters, ids=ids, limit=limit)
        )

    async def dead_letters(
        self, *, after: datetime, until: datetime
    ) -> Mapping[str, int]:
        """Count by reason the dead deliveries that died in `(after, until]`.

        A delivery died when the message that carried it was given up.
        """
        statement = (
            select(DELIVERIES.c.reason, func.count().label("n"))
            .join(MESSAGES, MESSAGES.c.id == DELIVERIES.c.message_id)
            .where(
                _IS_DEAD, MESSAGES.c.settled_at > after, MESSAGES.c.settled_at <= until
            )
            .group_by(DELIVERIES.c.reason)
            .order_by(DELIVERIES.c.reason)
        )

        async def work(connection: AsyncConnection) -> Mapping[str, int]:
            return {row.reason: row.n for row in await connection.execute(statement)}

        return await self._database.read(work)

    async def replay_deliveries(
        self, ids: Collection[int], *, now: datetime
    ) -> Sequence[int]:
        """Make those of them that are dead pending and due now; return their ids.

        As the port says. One that may have arrived remembers that, unless something
        later about the same asset was told or decided: then that counts. What another
        watch covers by now goes over to it.
        """
        return await self._database.write(partial(_replay, ids=ids, now=now))

    async def drop_deliveries(
        self, ids: Collection[int], *, now: datetime
    ) -> Sequence[int]:
        """Skip those of them that wait, are parked or dead, with reason `dropped`.

        Returns their ids. What is on its way or settled stays as it is; a message that
        is being decided with them is decided anew.
        """
        del now  # the port's word; nothing of it is timed

        async def work(connection: AsyncConnection) -> Sequence[int]:
            dropped: list[int] = []
            for batch in in_batches(ids):
                await _lock_recipients(connection, batch)
                rows = await connection.execute(
                    update(DELIVERIES)
                    .where(
                        DELIVERIES.c.id.in_(batch),
                        DELIVERIES.c.state.in_(_DROPPABLE),
                    )
                    .values(state=DeliveryState.SKIPPED.value, reason=DROPPED)
                    .returning(DELIVERIES.c.id)
                )
                dropped += rows.scalars()
            return sorted(dropped)

        return await self._database.write(work)


async def _list(
    connection: AsyncConnection,
    filters: Sequence[ColumnElement[bool]],
    ids: Collection[int] | None,
    limit: int,
) -> Sequence[DeliveryRecord]:
    statement = (
        select(
            DELIVERIES.c.id,
            DELIVERIES.c.state,
            DELIVERIES.c.reason,
            DELIVERIES.c.attempts,
            DELIVERIES.c.created_at,
            DELIVERIES.c.due_at,
            DELIVERIES.c.sent_at,
            RECIPIENTS.c.platform,
            RECIPIENTS.c.chat,
            RECIPIENTS.c.topic,
            EVENTS.c.kind,
            EVENTS.c.as_of,
            ASSETS.c.symbol,
        )
        .join(RECIPIENTS, RECIPIENTS.c.id == DELIVERIES.c.recipient_id)
        .join(EVENTS, EVENTS.c.id == DELIVERIES.c.event_id)
        .join(ASSETS, ASSETS.c.id == EVENTS.c.asset_id)
        .where(*filters)
        .order_by(DELIVERIES.c.id.desc())
        .limit(limit)
    )
    if ids is None:
        rows = list(await connection.execute(statement))
    else:
        rows = []
        for batch in in_batches(sorted(ids, reverse=True)):
            left = statement.where(DELIVERIES.c.id.in_(batch)).limit(limit - len(rows))
            rows += await connection.execute(left)
    return [_record(row) for row in rows]


def _record(row: Any) -> DeliveryRecord:
    return DeliveryRecord(
        id=row.id,
        state=DeliveryState(row.state),
        reason=row.reason,
        recipient=Address(Platform(row.platform), row.chat, row.topic),
        symbol=row.symbol,
        kind=EventKind(row.kind),
        as_of=row.as_of,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        sent_at=row.sent_at,
    )


async def _replay(
    connection: AsyncConnection, ids: Collection[int], now: datetime
) -> Sequence[int]:
    replayed: list[int] = []
    for batch in in_batches(ids):
        recipients = await _lock_recipients(connection, batch)
        rows = await connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.id.in_(batch), DELIVERIES.c.state == _DEAD)
            .values(
                state=DeliveryState.PENDING.value,
                reason=REPLAYED,
                due_at=now,
                owed_since=now,
                attempts=0,
                message_id=None,
                is_unsure=and_(_may_have_arrived(), ~_is_outdated()),
            )
            .returning(DELIVERIES.c.id, DELIVERIES.c.recipient_id)
        )
        back = rows.all()
        for row in back:
            recipient = recipients[row.recipient_id]
            if recipient.parked_since is not None:
                await connection.execute(
                    update(DELIVERIES)
                    .where(DELIVERIES.c.id == row.id)
                    .values(
                        state=DeliveryState.PARKED.value, reason=recipient.parked_reason
                    )
                )
        for recipient_id in sorted({row.recipient_id for row in back}):
            await drop_uncovered(connection, recipient_id)
        replayed += [row.id for row in back]
    return sorted(replayed)


def _may_have_arrived() -> ColumnElement[bool]:
    """Whether nobody knows what of a dead letter's message was seen."""
    return or_(
        DELIVERIES.c.is_unsure,
        exists().where(
            MESSAGES.c.id == DELIVERIES.c.message_id,
            or_(MESSAGES.c.is_unsure, MESSAGES.c.sent_parts > 0),
        ),
    )


def _is_outdated() -> ColumnElement[bool]:
    """Whether a later event of the same asset was told or decided since."""
    event, later, newer = EVENTS.alias(), DELIVERIES.alias(), EVENTS.alias()
    return exists(
        select(later.c.id)
        .join(newer, newer.c.id == later.c.event_id)
        .join(event, event.c.asset_id == newer.c.asset_id)
        .where(
            event.c.id == DELIVERIES.c.event_id,
            later.c.recipient_id == DELIVERIES.c.recipient_id,
            later.c.event_id > DELIVERIES.c.event_id,
            later.c.state.in_(_SETTLED),
        )
        .correlate(DELIVERIES)
    )


async def _lock_recipients(
    connection: AsyncConnection, ids: Collection[int]
) -> Mapping[int, Any]:
    """Lock the recipients of these deliveries, in the order of their ids."""
    rows = await connection.execute(
        select(RECIPIENTS.c.id, RECIPIENTS.c.parked_since, RECIPIENTS.c.parked_reason)
        .where(
            RECIPIENTS.c.id.in_(
                select(DELIVERIES.c.recipient_id).where(DELIVERIES.c.id.in_(ids))
            )
        )
        .order_by(RECIPIENTS.c.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row for row in rows}
