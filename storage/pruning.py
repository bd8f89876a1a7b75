"""The store's old rows: found by their id, taken away a few at a time."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import (
    ColumnElement,
    Table,
    TextClause,
    and_,
    delete,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import DeliveryState, EventKind
from bot.retention import Kept
from storage.part import StorePart
from storage.recipient_tables import OPEN_STATES
from storage.tables import (
    ANNOUNCEMENT_POSTS,
    ANNOUNCEMENTS,
    DELIVERIES,
    EVENTS,
    INBOX,
    INVITES,
    LEASES,
    LINK_CODES,
    LINK_TRIES,
    MARKET,
    MESSAGES,
    MUTES,
    POLLS,
    READINGS,
    RECIPIENTS,
    UNDOS,
)

#: spelled as the partial indexes spell them, else they are not used
_IS_OPEN = text(OPEN_STATES)
_IS_DEAD = text("state = 'dead'")


class PruneStore(StorePart):
    """What the port says about pruning."""

    async def prune(self, kind: Kept, *, before: datetime, limit: int) -> int:
        """Take away up to `limit` rows of a kind from before a moment; count them."""
        return await self._database.write(
            partial(_PRUNERS[kind], before=before, limit=limit)
        )


def _is_over_event() -> ColumnElement[bool]:
    """An event that nobody waits for: handed out, and no delivery is open or dead.

    The deliveries that were sent or skipped are older than that and went before.
    """
    named = select(DELIVERIES.c.event_id)
    return and_(
        EVENTS.c.fanned_out_at.is_not(None),
        EVENTS.c.id.not_in(named.where(_IS_OPEN)),
        EVENTS.c.id.not_in(named.where(_IS_DEAD)),
    )


def _is_overtaken() -> ColumnElement[bool]:
    """A parked flip with a newer one of its asset parked for the same recipient.

    Who comes back is told the difference between what was told and what stands; the
    newest flip is enough to ask for that. What may have arrived stays: it must be told
    of whatever seems told.
    """
    its, later = EVENTS.alias(), EVENTS.alias()
    newer = DELIVERIES.alias()
    parked = DeliveryState.PARKED.value
    overtakes = (
        select(newer.c.id)
        .select_from(
            its.join(later, its.c.asset_id == later.c.asset_id).join(
                newer, newer.c.event_id == later.c.id
            )
        )
        .where(
            its.c.id == DELIVERIES.c.event_id,
            its.c.kind == EventKind.FLIP.value,
            later.c.kind == EventKind.FLIP.value,
            later.c.id > its.c.id,
            newer.c.recipient_id == DELIVERIES.c.recipient_id,
            newer.c.state == parked,
        )
    )
    return and_(
        DELIVERIES.c.state == parked,
        DELIVERIES.c.is_unsure.is_(False),
        overtakes.exists(),
    )


def _is_over_poll() -> ColumnElement[bool]:
    """Neither the newest poll of its source nor the newest that brought something.

    The one numbers the next, the other has the bookmark and says how old grades are.
    """
    newest = select(func.max(POLLS.c.id)).group_by(POLLS.c.source)
    return and_(
        POLLS.c.id.not_in(newest), POLLS.c.id.not_in(newest.where(POLLS.c.is_ok))
    )


async def _prune_by_id(
    connection: AsyncConnection,
    *,
    table: Table,
    written: str,
    also: ColumnElement[bool] | TextClause | None = None,
    before: datetime,
    limit: int,
) -> int:
    """Take away rows whose moment `written` is too old, the lowest ids first.

    Ids grow with that moment: so the first row to keep is found by halving, and no
    index on the moment is needed.
    """
    moment = table.c[written]
    bound = await _first_since(connection, table, written, before)
    wanted: list[ColumnElement[bool] | TextClause]
    wanted = [table.c.id < bound, moment < before]
    if also is not None:
        wanted.append(also)
    chosen = select(table.c.id).where(*wanted).order_by(table.c.id).limit(limit)
    gone = await connection.execute(delete(table).where(table.c.id.in_(chosen)))
    return gone.rowcount


async def _first_since(
    connection: AsyncConnection, table: Table, written: str, before: datetime
) -> int:
    """Return the lowest id whose row, and all after it, are to be kept."""
    ends = select(func.min(table.c.id), func.max(table.c.id))
    low, high = (await connection.execute(ends)).one()
    if low is None:
        return 0
    high += 1
    while low < high:
        middle = (low + high) // 2
        found = await connection.execute(
            select(table.c[written])
            .where(table.c.id >= middle, table.c[written].is_not(None))
            .order_by(table.c.id)
            .limit(1)
        )
        moment = found.scalar()
        if moment is None or moment >= before:
            high = middle
        else:
            low = middle + 1
    return int(low)


async def _prune_market(
    connection: AsyncConnection, *, before: datetime, limit: int
) -> int:
    """Take away the market's points; a source has one at each of its times."""
    chosen = (
        select(MARKET.c.source, MARKET.c.as_of)
        .where(MARKET.c.as_of < before)
        .order_by(MARKET.c.source, MARKET.c.as_of)
        .limit(limit)
    )
    gone = await connection.execute(
        delete(MARKET).where(tuple_(MARKET.c.source, MARKET.c.as_of).in_(chosen))
    )
    return gone.rowcount


async def _prune_announcements(
    connection: AsyncConnection, *, before: datetime, limit: int
) -> int:
    """Take away the oldest announcement: first what became of it, then itself."""
    oldest = await connection.execute(
        select(func.min(ANNOUNCEMENTS.c.id)).where(
            ANNOUNCEMENTS.c.created_at < before, ANNOUNCEMENTS.c.state != "sending"
        )
    )
    number = oldest.scalar()
    if number is None:
        return 0
    posts = ANNOUNCEMENT_POSTS.c
    chosen = (
        select(posts.recipient_id).where(posts.announcement_id == number).limit(limit)
    )
    gone = await connection.execute(
        delete(ANNOUNCEMENT_POSTS).where(
            posts.announcement_id == number, posts.recipient_id.in_(chosen)
        )
    )
    if gone.rowcount:
        return gone.rowcount
    gone = await connection.execute(
        delete(ANNOUNCEMENTS).where(ANNOUNCEMENTS.c.id == number)
    )
    return gone.rowcount


async def _prune_gone(
    connection: AsyncConnection, *, before: datetime, limit: int
) -> int:
    """Forget recipients out of reach for so long; all that is theirs goes along."""
    chosen = (
        select(RECIPIENTS.c.id)
        .where(RECIPIENTS.c.parked_since < before)
        .order_by(RECIPIENTS.c.parked_since)
        # each may have hundreds of rows that go along
        .limit(max(limit // 50, 1))
    )
    gone = await connection.execute(
        delete(RECIPIENTS).where(RECIPIENTS.c.id.in_(chosen))
    )
    return gone.rowcount


async def _prune_expired(
    connection: AsyncConnection, *, before: datetime, limit: int
) -> int:
    """Take away what has run out: codes, invites, leases, mutes. They are few."""
    del limit
    ends = (
        LINK_CODES.c.expires_at,
        LINK_TRIES.c.at,
        UNDOS.c.until,
        LEASES.c.until,
        MUTES.c.until,
        INVITES.c.expires_at,
    )
    count = 0
    for column in ends:
        statement = delete(column.table).where(column < before)
        count += (await connection.execute(statement)).rowcount
    return count


_PRUNERS: Mapping[Kept, Callable[..., Awaitable[int]]] = {
    Kept.DELIVERIES: partial(
        _prune_by_id,
        table=DELIVERIES,
        written="created_at",
        also=DELIVERIES.c.state.in_(
            (DeliveryState.SENT.value, DeliveryState.SKIPPED.value)
        ),
    ),
    Kept.OVERTAKEN: partial(
        _prune_by_id, table=DELIVERIES, written="created_at", also=_is_overtaken()
    ),
    Kept.DEAD: partial(
        _prune_by_id, table=DELIVERIES, written="created_at", also=_IS_DEAD
    ),
    Kept.MESSAGES: partial(
        _prune_by_id,
        table=MESSAGES,
        written="frozen_at",
        also=MESSAGES.c.state != "frozen",
    ),
    Kept.EVENTS: partial(
        _prune_by_id, table=EVENTS, written="detected_at", also=_is_over_event()
    ),
    Kept.READINGS: partial(_prune_by_id, table=READINGS, written="recorded_at"),
    Kept.MARKET: _prune_market,
    Kept.ANNOUNCEMENTS: _prune_announcements,
    Kept.POLLS: partial(
        _prune_by_id, table=POLLS, written="started_at", also=_is_over_poll()
    ),
    Kept.INBOX: partial(_prune_by_id, table=INBOX, written="created_at"),
    Kept.GONE: _prune_gone,
    Kept.EXPIRED: _prune_expired,
}
