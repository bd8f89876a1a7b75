"""Claims: who may be taken, the one statement that takes them, and lease rules."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from bot.errors import LeaseLostError
from bot.model import (
    Backdrop,
    Claim,
    DeliveryState,
    Event,
    FrozenMessage,
    Mute,
    Platform,
    Told,
    Waiting,
)
from storage.assets import read_assets, select_events
from storage.backdrop import load_backdrops
from storage.columns import UtcTime
from storage.database import in_batches
from storage.overtaken import load_overtaken
from storage.packed import among, named
from storage.recipient_tables import OPEN_STATES
from storage.rows import to_event, to_frozen, to_mute, to_recipient, to_watch
from storage.sent_today import load_today
from storage.tables import (
    DELIVERIES,
    EVENTS,
    MESSAGES,
    MUTES,
    RECIPIENTS,
    WATCHES,
)
from storage.told import read_told
from storage.waves import load_waves

#: reason of a delivery whose watch is gone and that no other watch covers
UNWATCHED = "unwatched"

_NO_BACKDROP = Backdrop()

#: Of so many due rows per recipient wanted the recipients are picked. A chat with more
#: alerts than that just leaves fewer for this claim; the next one finds the others.
_ROWS_PER_CLAIM = 2

# literal, as the partial indexes spell them, else they are not used
_IS_PENDING: ColumnElement[bool] = literal_column("deliveries.state = 'pending'")
_IS_FROZEN: ColumnElement[bool] = literal_column("messages.state = 'frozen'")


def _is_free(
    now: ColumnElement[datetime], far: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Whether nobody holds an unexpired lease on a recipient.

    A lease that ends later than any given now could (`far`: twice its length, for
    workers whose clocks differ a little) was given before the clock stepped back.
    """
    until = RECIPIENTS.c.lease_until
    return or_(RECIPIENTS.c.lease_owner.is_(None), until <= now, until > far)


def claim_recipients(
    connection: Connection,
    platforms: Sequence[Platform],
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    limit: int,
) -> Sequence[Claim]:
    """Do what `Store.claim_due` says inside the caller's transaction."""
    rows = connection.execute(
        _CLAIM,
        {
            "platforms": [platform.value for platform in platforms],
            "now": now,
            "far": now + 2 * lease,
            "most": limit,
            "most_rows": limit * _ROWS_PER_CLAIM,
            "owner": owner,
            "until": now + lease,
        },
    )
    return _load_claims(connection, {row.id: row for row in named(rows)}, now)


def _claim_statement() -> ReturningUpdate[Any]:
    """Build the one statement that takes recipients, longest due first."""
    now, most = bindparam("now", type_=UtcTime()), bindparam("most", type_=Integer())
    is_claimable = and_(
        RECIPIENTS.c.platform.in_(bindparam("platforms", expanding=True)),
        RECIPIENTS.c.parked_since.is_(None),
        _is_free(now, bindparam("far", type_=UtcTime())),
    )
    # Looked up row by row (`.scalar_subquery()`), not joined: PostgreSQL must walk what
    # is due along its index. Before the tables' first ANALYZE it takes them for tiny
    # and would join 20,000 recipients with 40,000 deliveries pair by pair, for minutes.
    of_delivery = (
        select(RECIPIENTS.c.id)
        .where(RECIPIENTS.c.id == DELIVERIES.c.recipient_id, is_claimable)
        .scalar_subquery()
    )
    of_message = (
        select(RECIPIENTS.c.id)
        .where(RECIPIENTS.c.id == MESSAGES.c.recipient_id, is_claimable)
        .scalar_subquery()
    )
    # while a message's outcome is open, what came later waits for it
    frozen = (
        select(MESSAGES.c.id)
        .where(MESSAGES.c.recipient_id == DELIVERIES.c.recipient_id, _IS_FROZEN)
        .scalar_subquery()
    )
    due_deliveries = (
        select(DELIVERIES.c.recipient_id, DELIVERIES.c.due_at)
        .where(
            _IS_PENDING,
            DELIVERIES.c.due_at <= now,
            of_delivery.is_not(None),
            frozen.is_(None),
        )
        .order_by(DELIVERIES.c.due_at)
        .limit(bindparam("most_rows", type_=Integer()))
        .subquery()
    )
    due_messages = (
        select(MESSAGES.c.recipient_id, MESSAGES.c.due_at)
        .where(_IS_FROZEN, MESSAGES.c.due_at <= now, of_message.is_not(None))
        .order_by(MESSAGES.c.due_at)
        .limit(most)
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
        .limit(most)
        .with_for_update(of=RECIPIENTS, key_share=True, skip_locked=True)
        .cte("taken")
    )
    return (
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id.in_(select(taken.c.id)))
        .values(
            lease_owner=bindparam("owner"),
            lease_until=bindparam("until", type_=UtcTime()),
        )
        .returning(RECIPIENTS)
    )


#: built once: building it takes longer than running it
_CLAIM = _claim_statement()


def _load_claims(
    connection: Connection, rows: dict[int, Any], now: datetime
) -> Sequence[Claim]:
    """Load what waits for the recipients; those for whom nothing does go free again."""
    if not rows:
        return []
    frozen = _load_frozen(connection, rows)
    waiting, due, orphans = _load_waiting(connection, rows.keys() - frozen.keys())
    for batch in in_batches(orphans):
        connection.execute(
            update(DELIVERIES)
            .where(DELIVERIES.c.id.in_(batch))
            .values(state=DeliveryState.SKIPPED.value, reason=UNWATCHED)
        )
    due |= {recipient_id: message.due_at for recipient_id, message in frozen.items()}
    # A frozen message that is claimed again went out without an answer that we know.
    for batch in in_batches(message.id for message in frozen.values()):
        connection.execute(
            update(MESSAGES).where(MESSAGES.c.id.in_(batch)).values(is_unsure=True)
        )
    messages = {
        recipient_id: _read_frozen(connection, row)
        for recipient_id, row in frozen.items()
    }
    mutes = _load_mutes(connection, rows, now)
    told = _load_told(connection, waiting)
    overtaken = load_overtaken(connection, waiting, now)
    waves = load_waves(connection, {number: rows[number] for number in waiting}, now)
    backdrops = load_backdrops(connection, waiting, waves)
    recipients = {number: to_recipient(row) for number, row in rows.items()}
    today = load_today(connection, recipients.values(), now)
    # all that was due was settled between the look and the lock
    end_leases(connection, rows.keys() - due.keys())
    return [
        Claim(
            recipient=recipients[recipient_id],
            owner=rows[recipient_id].lease_owner,
            lease_until=rows[recipient_id].lease_until,
            mutes=tuple(mutes.get(recipient_id, ())),
            waiting=tuple(waiting.get(recipient_id, ())),
            told=told.get(recipient_id, {}),
            overtaken=overtaken.get(recipient_id, frozenset()),
            digest_at=rows[recipient_id].digest_at,
            backdrop=backdrops.get(recipient_id, _NO_BACKDROP),
            today=today.get(recipient_id),
            wave=waves.get(recipient_id),
            frozen=messages.get(recipient_id),
        )
        for recipient_id in sorted(due, key=lambda number: (due[number], number))
    ]


def look_at(connection: Connection, recipient_id: int, now: datetime) -> Claim | None:
    """Load what waits for one recipient as a claim, without taking anything."""
    row = connection.execute(
        select(RECIPIENTS).where(RECIPIENTS.c.id == recipient_id)
    ).first()
    if row is None:
        return None
    waiting, _, _ = _load_waiting(connection, [recipient_id])
    mutes = _load_mutes(connection, [recipient_id], now)
    told = _load_told(connection, waiting)
    overtaken = load_overtaken(connection, waiting, now)
    waves = load_waves(connection, {recipient_id: row} if waiting else {}, now)
    backdrops = load_backdrops(connection, waiting, waves)
    recipient = to_recipient(row)
    return Claim(
        recipient=recipient,
        owner="",
        lease_until=now,
        mutes=tuple(mutes.get(recipient_id, ())),
        waiting=tuple(waiting.get(recipient_id, ())),
        told=told.get(recipient_id, {}),
        overtaken=overtaken.get(recipient_id, frozenset()),
        digest_at=row.digest_at,
        backdrop=backdrops.get(recipient_id, _NO_BACKDROP),
        today=load_today(connection, [recipient], now).get(recipient_id),
        wave=waves.get(recipient_id),
    )


def _read_frozen(connection: Connection, row: Any) -> FrozenMessage:
    """Read a row of `messages`, with what its deliveries say of tries and patience."""
    attempts, owed_since = 0, None
    for batch in in_batches(row.delivery_ids):
        # by id: there is no index on the message, and none is needed
        found = connection.execute(
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


def _load_frozen(connection: Connection, ids: Collection[int]) -> dict[int, Any]:
    found = named(connection.execute(_FROZEN, {"ids": list(ids)}))
    return {row.recipient_id: row for row in found}


_FROZEN = select(MESSAGES).where(_IS_FROZEN, among(MESSAGES.c.recipient_id))


def _load_waiting(
    connection: Connection, ids: Collection[int]
) -> tuple[dict[int, list[Waiting]], dict[int, datetime], list[int]]:
    """Load pending deliveries in event order, and when each recipient's first is due.

    Deliveries whose watch went away while fan-out was at work come apart, by id: they
    are to be skipped.
    """
    rows = named(connection.execute(_WAITING, {"ids": list(ids)}))
    # many wait for the same few events: each is read once, and is one value
    events = _load_events(connection, {row.event_id for row in rows})
    assets = read_assets(connection, {event.asset_id for event in events.values()})
    watch_ids = {row.watch_id for row in rows} - {None}
    found = named(connection.execute(_WATCHES, {"ids": list(watch_ids)}))
    watches = {row.id: to_watch(row) for row in found}
    waiting: dict[int, list[Waiting]] = {}
    due: dict[int, datetime] = {}
    orphans = []
    for row in rows:
        if row.watch_id not in watches:
            orphans.append(row.id)
            continue
        first = due.setdefault(row.recipient_id, row.due_at)
        due[row.recipient_id] = min(first, row.due_at)
        event = events[row.event_id]
        waiting.setdefault(row.recipient_id, []).append(
            Waiting(
                delivery_id=row.id,
                event=event,
                asset=assets[event.asset_id],
                watch=watches[row.watch_id],
                created_at=row.created_at,
                attempts=row.attempts,
                reason=row.reason,
                is_unsure=bool(row.is_unsure),
                held_for=row.held_for or "",
                owed_since=row.owed_since,
            )
        )
    return waiting, due, orphans


_WAITING = (
    select(
        DELIVERIES.c.id,
        DELIVERIES.c.event_id,
        DELIVERIES.c.recipient_id,
        DELIVERIES.c.watch_id,
        DELIVERIES.c.created_at,
        DELIVERIES.c.attempts,
        DELIVERIES.c.reason,
        DELIVERIES.c.is_unsure,
        DELIVERIES.c.held_for,
        DELIVERIES.c.owed_since,
        DELIVERIES.c.due_at,
    )
    .where(
        # as well as the index spells it: SQLite sees no other way that it is usable
        literal_column(f"deliveries.{OPEN_STATES}"),
        _IS_PENDING,
        among(DELIVERIES.c.recipient_id),
    )
    .order_by(DELIVERIES.c.recipient_id, DELIVERIES.c.event_id)
)
_WATCHES = select(WATCHES).where(among(WATCHES.c.id))


def _load_events(connection: Connection, ids: Collection[int]) -> dict[int, Event]:
    found = named(connection.execute(_EVENTS, {"ids": list(ids)}))
    return {row.id: to_event(row, row.asset_key) for row in found}


_EVENTS = select_events().where(among(EVENTS.c.id))


def _load_mutes(
    connection: Connection, ids: Collection[int], now: datetime
) -> dict[int, list[Mute]]:
    mutes: dict[int, list[Mute]] = {}
    for row in named(connection.execute(_MUTES, {"ids": list(ids), "now": now})):
        mutes.setdefault(row.recipient_id, []).append(to_mute(row))
    return mutes


_MUTES = (
    select(MUTES)
    .where(
        among(MUTES.c.recipient_id),
        or_(MUTES.c.until.is_(None), MUTES.c.until > bindparam("now", type_=UtcTime())),
    )
    .order_by(MUTES.c.id)
)


def _load_told(
    connection: Connection, waiting: dict[int, list[Waiting]]
) -> dict[int, dict[int, Told]]:
    """Load what was told of the assets that something waits for, and of no others."""
    told = read_told(
        connection,
        {(who, one.asset.id) for who, each in waiting.items() for one in each},
    )
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
        raise lease_lost(claim)


def lease_lost(claim: Claim) -> LeaseLostError:
    """Return the error that says so."""
    return LeaseLostError(
        f"the lease on recipient {claim.recipient.id} is not {claim.owner}'s now"
    )


async def has_lease(connection: AsyncConnection, claim: Claim) -> bool:
    """Lock the recipient's row and say whether the claim is still ours."""
    return bool(await connection.run_sync(held_leases, [claim]))


def held_leases(connection: Connection, claims: Iterable[Claim]) -> frozenset[int]:
    """Lock the recipients' rows; return the ids of those whose claim is still ours."""
    mine = {claim.recipient.id: (claim.owner, claim.lease_until) for claim in claims}
    rows = named(connection.execute(_LEASES, {"ids": list(mine)}))
    return frozenset(
        row.id for row in rows if mine[row.id] == (row.lease_owner, row.lease_until)
    )


# in order of id, so that two workers never wait for each other
_LEASES = (
    select(RECIPIENTS.c.id, RECIPIENTS.c.lease_owner, RECIPIENTS.c.lease_until)
    .where(among(RECIPIENTS.c.id))
    .order_by(RECIPIENTS.c.id)
    .with_for_update(key_share=True)
)


async def end_lease(connection: AsyncConnection, recipient_id: int) -> None:
    """Let the recipient be claimed again."""
    await connection.run_sync(end_leases, [recipient_id])


def end_leases(connection: Connection, recipient_ids: Iterable[int]) -> None:
    """Let the recipients be claimed again."""
    if ids := list(recipient_ids):
        connection.execute(_END_LEASES, {"ids": ids})


_END_LEASES = (
    update(RECIPIENTS)
    .where(among(RECIPIENTS.c.id))
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
