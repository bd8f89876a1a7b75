"""How claims end: freeze what was decided, settle what became of it."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLostError, NotFoundError, StoreError
from bot.model import Claim, DeliveryState, FrozenMessage
from bot.ports import Freeze
from storage.claims import (
    end_lease,
    has_lease,
    hold_lease,
    read_frozen,
)
from storage.database import in_batches
from storage.rows import tell_document, tell_from_document
from storage.tables import (
    DELIVERIES,
    MESSAGES,
    MUTES,
    WATCHES,
)
from storage.told import write_told

#: reason of a delivery whose frozen message is on its way
SENDING = "sending"

_PENDING = DeliveryState.PENDING.value
_CLAIMED = DeliveryState.CLAIMED.value


def is_in(message_id: int) -> ColumnElement[bool]:
    """Whether a delivery is still on its way with this very message."""
    return (DELIVERIES.c.state == _CLAIMED) & (DELIVERIES.c.message_id == message_id)


async def freeze(
    connection: AsyncConnection, claim: Claim, decided: Freeze, now: datetime
) -> FrozenMessage | None:
    """Do what `Store.freeze` says inside the caller's transaction."""
    recipient_id = claim.recipient.id
    await hold_lease(connection, claim)
    if decided.delivery_ids and not decided.parts:
        raise StoreError("a message carries deliveries but has no parts")
    is_theirs = DELIVERIES.c.recipient_id == recipient_id
    holds: dict[tuple[datetime, str], list[int]] = {}
    for delivery_id, hold in decided.holds.items():
        holds.setdefault(hold, []).append(delivery_id)
    for (until, reason), ids in holds.items():
        values = {"due_at": until, "reason": reason}
        await postpone(connection, ids, values, wait=until - now, only=is_theirs)
    await _skip(connection, recipient_id, decided.skips)
    if not decided.parts:
        await end_lease(connection, recipient_id)
        return None
    frozen = await connection.execute(
        insert(MESSAGES)
        .values(
            recipient_id=recipient_id,
            state="frozen",
            reason=SENDING,
            parts=list(decided.parts),
            sent_parts=0,
            delivery_ids=list(decided.delivery_ids),
            tells=[tell_document(tell) for tell in decided.tells],
            ended_mutes=list(decided.ended_mutes),
            is_plain=False,
            is_unsure=False,
            first_ref="",
            due_at=now,
            frozen_at=now,
            settled_at=None,
        )
        .returning(MESSAGES)
    )
    message = frozen.one()
    taken = 0
    for batch in in_batches(decided.delivery_ids):
        rows = await connection.execute(
            update(DELIVERIES)
            .where(
                DELIVERIES.c.id.in_(batch),
                DELIVERIES.c.recipient_id == recipient_id,
                DELIVERIES.c.state == _PENDING,
            )
            .values(state=_CLAIMED, reason=SENDING, message_id=message.id)
        )
        taken += rows.rowcount
    if taken != len(set(decided.delivery_ids)):
        # nothing of this is kept; the next claim decides on what is there now
        raise LeaseLostError("what was decided about is no longer waiting")
    return await read_frozen(connection, message)


async def _skip(
    connection: AsyncConnection, recipient_id: int, skips: Mapping[int, str]
) -> None:
    by_reason: dict[str, list[int]] = {}
    for delivery_id, reason in skips.items():
        by_reason.setdefault(reason, []).append(delivery_id)
    for reason, ids in by_reason.items():
        for batch in in_batches(ids):
            await connection.execute(
                update(DELIVERIES)
                .where(
                    DELIVERIES.c.id.in_(batch),
                    DELIVERIES.c.recipient_id == recipient_id,
                    DELIVERIES.c.state == _PENDING,
                )
                .values(state=DeliveryState.SKIPPED.value, reason=reason)
            )


async def hold_message(
    connection: AsyncConnection, claim: Claim, message_id: int
) -> Any:
    """Lock the recipient and return the frozen message.

    Raises `LeaseLostError` if the claim is not ours or the message settled already.
    """
    await hold_lease(connection, claim)
    message = await _find_message(connection, message_id)
    if message.state != "frozen":
        raise LeaseLostError(f"message {message_id} is {message.state} already")
    return message


async def _find_message(connection: AsyncConnection, message_id: int) -> Any:
    row = (
        await connection.execute(select(MESSAGES).where(MESSAGES.c.id == message_id))
    ).first()
    if row is None:
        raise NotFoundError(f"there is no message {message_id}")
    return row


async def settle_sent(
    connection: AsyncConnection, claim: Claim, message_id: int, now: datetime
) -> None:
    """Do what `Store.settle_sent` says inside the caller's transaction."""
    is_ours = await has_lease(connection, claim)
    message = await _find_message(connection, message_id)
    # a move may have merged the recipient into another one meanwhile
    recipient_id = message.recipient_id
    if message.state != "sent":
        await connection.execute(
            update(MESSAGES)
            .where(MESSAGES.c.id == message_id)
            .values(
                state="sent",
                reason="",
                sent_parts=len(message.parts),
                settled_at=now,
            )
        )
        for batch in in_batches(message.delivery_ids):
            await connection.execute(
                update(DELIVERIES)
                .where(
                    DELIVERIES.c.id.in_(batch),
                    DELIVERIES.c.state != DeliveryState.SENT.value,
                )
                .values(
                    state=DeliveryState.SENT.value,
                    reason="",
                    sent_at=now,
                    message_id=message_id,
                )
            )
        later = await connection.execute(
            select(
                exists().where(
                    MESSAGES.c.recipient_id == recipient_id,
                    MESSAGES.c.id > message_id,
                    MESSAGES.c.state == "sent",
                )
            )
        )
        if not later.scalar_one():
            await _write_tells(connection, message)
        await _end_mutes(connection, message)
    if is_ours:
        await end_lease(connection, claim.recipient.id)


async def _write_tells(connection: AsyncConnection, message: Any) -> None:
    """Make the message's tells told.

    Those whose watch was removed while the message was on its way are left out, so
    that nothing told lingers of an asset that nobody watches.
    """
    tells = [tell_from_document(document) for document in message.tells]
    watch_ids = {tell.watch_id for tell in tells} - {None}
    alive: set[int | None] = {None}
    for batch in in_batches(watch_ids):
        rows = await connection.execute(
            select(WATCHES.c.id).where(WATCHES.c.id.in_(batch))
        )
        alive |= set(rows.scalars())
    await write_told(
        connection,
        message.recipient_id,
        [tell for tell in tells if tell.watch_id in alive],
        message_ref=message.first_ref,
    )


async def _end_mutes(connection: AsyncConnection, message: Any) -> None:
    """Remove the mutes "until the next flip" that this message ended.

    One that was set after the message was decided waits for a later flip.
    """
    for asset_id in message.ended_mutes:
        asset = MUTES.c.asset_id
        await connection.execute(
            delete(MUTES).where(
                MUTES.c.recipient_id == message.recipient_id,
                asset.is_(None) if asset_id is None else asset == asset_id,
                MUTES.c.until.is_(None),
                MUTES.c.created_at <= message.frozen_at,
            )
        )


async def postpone(
    connection: AsyncConnection,
    ids: Collection[int],
    values: Mapping[str, Any],
    *,
    wait: timedelta,
    attempts: int = 0,
    only: ColumnElement[bool] | None = None,
) -> None:
    """Write new values on open deliveries; `wait` does not count as owed time."""
    for batch in in_batches(ids):
        chosen = DELIVERIES.c.id.in_(batch) & DELIVERIES.c.state.in_(
            [_PENDING, _CLAIMED]
        )
        if only is not None:
            chosen &= only
        changed: dict[str, Any] = dict(values)
        if attempts:
            changed["attempts"] = DELIVERIES.c.attempts + attempts
        await connection.execute(update(DELIVERIES).where(chosen).values(changed))
        if wait <= timedelta(0):
            continue
        # moments are added up here: each database would do it in its own way
        rows = await connection.execute(
            select(DELIVERIES.c.id, DELIVERIES.c.owed_since).where(chosen)
        )
        moved = [{"this": row.id, "moved": row.owed_since + wait} for row in rows]
        if moved:
            await connection.execute(
                update(DELIVERIES)
                .where(DELIVERIES.c.id == bindparam("this"))
                .values(owed_since=bindparam("moved")),
                moved,
            )
