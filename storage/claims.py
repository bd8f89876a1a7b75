"""Claims: who may be taken, the one statement that takes them, and lease rules."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLostError
from bot.model import (
    Claim,
    DeliveryState,
    FrozenMessage,
    Mute,
    Platform,
    Told,
    Waiting,
    Watch,
)
from storage.assets import load_assets, select_events
from storage.database import in_batches
from storage.rows import to_event, to_frozen, to_mute, to_recipient, to_watch
from storage.tables import (
    DELIVERIES,
    EVENTS,
    MESSAGES,
    MUTES,
    RECIPIENTS,
    WATCHES,
)
from storage.told import load_told

#: reason of a delivery whose watch is gone and that no other watch covers
UNWATCHED = "unwatched"

#: Of so many due rows per recipient wanted the recipients are picked. A chat with more
#: alerts than that just leaves fewer for this claim; the next one finds the others.
_ROWS_PER_CLAIM = 8

# literal, as the partial indexes spell them, else they are not used
_IS_PENDING: ColumnElement[bool] = literal_column("deliveries.state = 'pending'")
_IS_FROZEN: ColumnElement[bool] = literal_column("messages.state = 'frozen'")


def is_free(now: datetime, lease: timedelta) -> ColumnElement[bool]:
    """Whether nobody holds an unexpired lease on a recipient.

    A lease that ends later than any given now could (twice its length, for workers
    whose clocks differ a little) was given before the clock stepped back: expired.
    """
    until = RECIPIENTS.c.lease_until
    return or_(
        RECIPIENTS.c.lease_owner.is_(None), until <= now, until > now + 2 * lease
    )


async def claim_recipients(
    connection: AsyncConnection,
    platforms: Sequence[Platform],
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
) -> Sequence[Claim]:
    """Do what `Store.claim_due` says inside the caller's transaction."""
    is_claimable = and_(
        RECIPIENTS.c.platform.in_([platform.value for platform in platforms]),
        RECIPIENTS.c.parked_since.is_(None),
        is_free(now, lease),
    )
    # while a message's outcome is open, what came later waits for it
    has_frozen = exists().where(MESSAGES.c.recipient_id == RECIPIENTS.c.id, _IS_FROZEN)
    due_deliveries = (
        select(DELIVERIES.c.recipient_id, DELIVERIES.c.due_at)
        .join(RECIPIENTS, RECIPIENTS.c.id == DELIVERIES.c.recipient_id)
        .where(_IS_PENDING, DELIVERIES.c.due_at <= now, is_claimable, ~has_frozen)
        .order_by(DELIVERIES.c.due_at)
        .limit(limit * _ROWS_PER_CLAIM)
        .subquery()
    )
    due_messages = (
        select(MESSAGES.c.recipient_id, MESSAGES.c.due_at)
        .join(RECIPIENTS, RECIPIENTS.c.id == MESSAGES.c.recipient_id)
        .where(_IS_FROZEN, MESSAGES.c.due_at <= now, is_claimable)
        .order_by(MESSAGES.c.due_at)
        .limit(limit)
        .subquery()
    )
    due = union_all(select(due_deliveries), select(due_messages)).subquery()
    longest = (
        select(due.c.recipient_id, func.min(due.c.due_at).label("due_at"))
        .group_by(due.c.recipient_id)
        .subquery()
    )
    # One statement for both databases: SQLAlchemy leaves the lock out on SQLite, where
    # the writer is alone anyway. The condition is repeated on the locked row, because
    # PostgreSQL looks again only at rows it locks.
    taken = (
        select(RECIPIENTS.c.id)
        .join(longest, longest.c.recipient_id == RECIPIENTS.c.id)
        .where(is_claimable)
        .order_by(longest.c.due_at, RECIPIENTS.c.id)
        .limit(limit)
        .with_for_update(of=RECIPIENTS, key_share=True, skip_locked=True)
        .cte("taken")
    )
    rows = await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id.in_(select(taken.c.id)))
        .values(lease_owner=owner, lease_until=now + lease)
        .returning(RECIPIENTS)
    )
    return await _load_claims(connection, {row.id: row for row in rows}, now)


async def _load_claims(
    connection: AsyncConnection, rows: dict[int, Any], now: datetime
) -> Sequence[Claim]:
    """Load what waits for the recipients; those for whom nothing does go free again."""
    frozen = await _load_frozen(connection, rows)
    waiting, due = await _load_waiting(connection, rows.keys() - frozen.keys())
    due |= {recipient_id: message.due_at for recipient_id, message in frozen.items()}
    # A frozen message that is claimed again went out without an answer that we know.
    for batch in in_batches(message.id for message in frozen.values()):
        await connection.execute(
            update(MESSAGES).where(MESSAGES.c.id.in_(batch)).values(is_unsure=True)
        )
    messages = {
        recipient_id: await read_frozen(connection, row)
        for recipient_id, row in frozen.items()
    }
    mutes = await _load_mutes(connection, rows, now)
    told = await _load_told(connection, waiting)
    for batch in in_batches(rows.keys() - due.keys()):
        # all that was due was settled between the look and the lock
        await connection.execute(
            update(RECIPIENTS)
            .where(RECIPIENTS.c.id.in_(batch))
            .values(lease_owner=None, lease_until=None)
        )
    return [
        Claim(
            recipient=to_recipient(rows[recipient_id]),
            owner=rows[recipient_id].lease_owner,
            lease_until=rows[recipient_id].lease_until,
            mutes=tuple(mutes.get(recipient_id, ())),
            waiting=tuple(waiting.get(recipient_id, ())),
            told=told.get(recipient_id, {}),
            frozen=messages.get(recipient_id),
        )
        for recipient_id in sorted(due, key=lambda number: (due[number], number))
    ]


async def read_frozen(connection: AsyncConnection, row: Any) -> FrozenMessage:
    """Read a row of `messages`, with what its deliveries say of tries and patience."""
    attempts, owed_since = 0, None
    for batch in in_batches(row.delivery_ids):
        # by id: there is no index on the message, and none is needed
        found = await connection.execute(
            select(
                func.max(DELIVERIES.c.attempts).label("attempts"),
                func.min(DELIVERIES.c.owed_since).label("owed_since"),
            ).where(DELIVERIES.c.id.in_(batch), DELIVERIES.c.message_id == row.id)
        )
        known = found.one()
        if known.owed_since is not None:
            attempts = max(attempts, known.attempts)
            owed_since = min(owed_since or known.owed_since, known.owed_since)
    return replace(
        to_frozen(row), attempts=attempts, owed_since=owed_since or row.frozen_at
    )


async def _load_frozen(
    connection: AsyncConnection, ids: Collection[int]
) -> dict[int, Any]:
    frozen: dict[int, Any] = {}
    for batch in in_batches(ids):
        found = await connection.execute(
            select(MESSAGES).where(_IS_FROZEN, MESSAGES.c.recipient_id.in_(batch))
        )
        frozen |= {row.recipient_id: row for row in found}
    return frozen


async def _load_waiting(
    connection: AsyncConnection, ids: Collection[int]
) -> tuple[dict[int, list[Waiting]], dict[int, datetime]]:
    """Load pending deliveries in event order, and when each recipient's first is due.

    Deliveries whose watch went away while fan-out was at work are skipped here.
    """
    rows: list[Any] = []
    for batch in in_batches(ids):
        found = await connection.execute(
            select_events()
            .add_columns(
                DELIVERIES.c.id.label("delivery_id"),
                DELIVERIES.c.recipient_id,
                DELIVERIES.c.watch_id,
                DELIVERIES.c.created_at,
                DELIVERIES.c.attempts,
                DELIVERIES.c.reason.label("delivery_reason"),
                DELIVERIES.c.is_unsure,
                DELIVERIES.c.owed_since,
                DELIVERIES.c.due_at,
            )
            .join(DELIVERIES, DELIVERIES.c.event_id == EVENTS.c.id)
            .where(_IS_PENDING, DELIVERIES.c.recipient_id.in_(batch))
            .order_by(DELIVERIES.c.recipient_id, EVENTS.c.id)
        )
        rows += found
    assets = await load_assets(connection, {row.asset_id for row in rows})
    watches: dict[int, Watch] = {}
    for numbers in in_batches({row.watch_id for row in rows} - {None}):
        found = await connection.execute(
            select(WATCHES).where(WATCHES.c.id.in_(numbers))
        )
        watches |= {row.id: to_watch(row) for row in found}
    waiting: dict[int, list[Waiting]] = {}
    due: dict[int, datetime] = {}
    orphans = []
    events = {row.id: to_event(row, row.asset_key) for row in rows}
    for row in rows:
        if row.watch_id not in watches:
            orphans.append(row.delivery_id)
            continue
        first = due.setdefault(row.recipient_id, row.due_at)
        due[row.recipient_id] = min(first, row.due_at)
        waiting.setdefault(row.recipient_id, []).append(
            Waiting(
                delivery_id=row.delivery_id,
                event=events[row.id],
                asset=assets[row.asset_id],
                watch=watches[row.watch_id],
                created_at=row.created_at,
                attempts=row.attempts,
                reason=row.delivery_reason,
                is_unsure=bool(row.is_unsure),
                owed_since=row.owed_since,
            )
        )
    for batch in in_batches(orphans):
        await connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.id.in_(batch))
            .values(state=DeliveryState.SKIPPED.value, reason=UNWATCHED)
        )
    return waiting, due


async def _load_mutes(
    connection: AsyncConnection, ids: Collection[int], now: datetime
) -> dict[int, list[Mute]]:
    mutes: dict[int, list[Mute]] = {}
    for batch in in_batches(ids):
        found = await connection.execute(
            select(MUTES)
            .where(
                MUTES.c.recipient_id.in_(batch),
                or_(MUTES.c.until.is_(None), MUTES.c.until > now),
            )
            .order_by(MUTES.c.id)
        )
        for row in found:
            mutes.setdefault(row.recipient_id, []).append(to_mute(row))
    return mutes


async def _load_told(
    connection: AsyncConnection, waiting: dict[int, list[Waiting]]
) -> dict[int, dict[int, Told]]:
    """Load what was told of the assets that something waits for, and of no others."""
    assets = {one.asset.id for each in waiting.values() for one in each}
    told = await load_told(connection, waiting.keys(), assets)
    return {
        recipient_id: {
            one.asset.id: told[recipient_id, one.asset.id]
            for one in each
            if (recipient_id, one.asset.id) in told
        }
        for recipient_id, each in waiting.items()
    }


# ---------------------------------------------------------------- leases


async def hold_lease(connection: AsyncConnection, claim: Claim) -> None:
    """Lock the recipient's row; `LeaseLostError` if the claim is no longer ours.

    Owner and end together name one claim: the same worker may have lost a lease and
    taken the recipient again. A lease that merely expired is still ours.
    """
    if not await has_lease(connection, claim):
        raise LeaseLostError(
            f"the lease on recipient {claim.recipient.id} is not {claim.owner}'s now"
        )


async def has_lease(connection: AsyncConnection, claim: Claim) -> bool:
    """Lock the recipient's row and say whether the claim is still ours."""
    row = (
        await connection.execute(
            select(RECIPIENTS.c.lease_owner, RECIPIENTS.c.lease_until)
            .where(RECIPIENTS.c.id == claim.recipient.id)
            .with_for_update(key_share=True)
        )
    ).first()
    return (
        row is not None
        and row.lease_owner == claim.owner
        and row.lease_until == claim.lease_until
    )


async def end_lease(connection: AsyncConnection, recipient_id: int) -> None:
    """Let the recipient be claimed again."""
    await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id == recipient_id)
        .values(lease_owner=None, lease_until=None)
    )


async def undo_decision(connection: AsyncConnection, recipient_id: int) -> None:
    """Take a claim back that is not frozen yet, because its grounds have changed.

    Whoever just unwatched or muted must not get the alert that is being decided in
    that very moment: `freeze` then loses its lease, and the next claim decides anew.
    """
    await connection.execute(
        update(RECIPIENTS)
        .where(
            RECIPIENTS.c.id == recipient_id,
            ~exists().where(MESSAGES.c.recipient_id == recipient_id, _IS_FROZEN),
        )
        .values(lease_owner=None, lease_until=None)
    )
