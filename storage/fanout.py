"""Fan-out: who hears of an event, as SQL over sets.

Says exactly what `bot.routing.route` says, which stands there readable; a test holds
the two together on random data. In SQL, because a thousand deliveries are one
statement here and a thousand round trips there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import NotFoundError
from bot.model import DeliveryState, EventKind, PlaceKind, Scope, Signal
from bot.routing import SPECIFICITY, STALE_UPDATES
from storage.columns import RowId, UtcTime
from storage.database import insert_into
from storage.part import StorePart
from storage.recipient_tables import OPEN_STATES
from storage.tables import (
    ASSETS,
    CATEGORIES,
    DELIVERIES,
    EVENTS,
    RECIPIENTS,
    TOLD,
    WATCH_LINES,
    WATCHES,
)

#: reason of a delivery that was just created
NEW = "new"

#: The partial indexes are used only if the query repeats their condition literally.
_IS_OPEN: ColumnElement[bool] = literal_column(f"deliveries.{OPEN_STATES}")
_OF_SCOPE: dict[Scope, ColumnElement[bool]] = {
    scope: literal_column(f"watches.scope = '{scope.value}'") for scope in Scope
}


class FanOutStore(StorePart):
    """Everything the port says under "fan-out"."""

    async def open_fanouts(self, limit: int = 100) -> Sequence[int]:
        """List ids of events whose fan-out is not finished, oldest first."""
        statement = (
            select(EVENTS.c.id)
            .where(EVENTS.c.fanned_out_at.is_(None))
            .order_by(EVENTS.c.id)
            .limit(limit)
        )

        async def work(connection: AsyncConnection) -> Sequence[int]:
            return list((await connection.execute(statement)).scalars())

        return await self._database.read(work)

    async def fan_out_chunk(self, event_id: int, *, limit: int, now: datetime) -> bool:
        """Create deliveries for the next recipients; True when none are left.

        A recipient is looked at only if one of its watches covers the asset (found by
        index) or it has yet to hear the end of a bullish signal. A parked recipient's
        delivery is created parked, so that it is told on return. `update_every` of
        the store says which basis is stale.
        """
        return await self._database.write(
            partial(
                _fan_out_chunk,
                event_id=event_id,
                limit=max(limit, 1),
                now=now,
                update_every=self.update_every,
            )
        )


async def _fan_out_chunk(
    connection: AsyncConnection,
    event_id: int,
    limit: int,
    now: datetime,
    update_every: timedelta,
) -> bool:
    event = (
        await connection.execute(
            # locked: of two workers at the same event the second goes on from here
            select(EVENTS, ASSETS.c.rank)
            .join(ASSETS, ASSETS.c.id == EVENTS.c.asset_id)
            .where(EVENTS.c.id == event_id)
            .with_for_update(of=EVENTS)
        )
    ).first()
    if event is None:
        raise NotFoundError(f"there is no event {event_id}")
    if event.fanned_out_at is not None:
        return True
    categories = (
        await connection.execute(
            select(CATEGORIES.c.category).where(CATEGORIES.c.asset_id == event.asset_id)
        )
    ).scalars()
    match = _Match(event, sorted(categories), update_every)
    count, last = await _next_recipients(connection, match, limit)
    if count:
        await _insert_deliveries(connection, match, last, now)
    is_done = count < limit
    await connection.execute(
        update(EVENTS)
        .where(EVENTS.c.id == event_id)
        .values(
            cursor=last if count else event.cursor,
            fanned_out_at=now if is_done else None,
        )
    )
    return is_done


class _Match:
    """The conditions of one event on watches, built from its row."""

    def __init__(
        self, event: Any, categories: Sequence[str], update_every: timedelta
    ) -> None:
        self.event = event
        self.categories = categories
        self.update_every = update_every
        self.is_flip = event.kind == EventKind.FLIP.value
        is_change = event.kind != EventKind.CROSSING.value
        self.ends_bullish = is_change and event.to_signal == int(Signal.BEARISH)

    def pairs(self, until: int | None) -> list[Select[Any]]:
        """Select (recipient, watch) that may match, each select along an index.

        Beyond the event's cursor, and up to a recipient if one is given.
        """
        asset_id = self.event.asset_id
        sources = [
            (WATCHES, and_(_OF_SCOPE[Scope.ASSET], WATCHES.c.asset_id == asset_id)),
            *(
                (WATCHES, and_(_OF_SCOPE[Scope.CATEGORY], WATCHES.c.category == name))
                for name in self.categories
            ),
            (WATCHES, _OF_SCOPE[Scope.ALL]),
        ]
        if self.event.rank is not None:
            is_top = and_(_OF_SCOPE[Scope.TOP], WATCHES.c.top >= self.event.rank)
            sources.append((WATCHES, is_top))
        pairs = [
            select(WATCHES.c.recipient_id, WATCHES.c.id.label("watch_id")).where(
                condition, self._is_ahead(WATCHES, until)
            )
            for _, condition in sources
        ]
        if self.ends_bullish:
            pairs += [
                select(TOLD.c.recipient_id, TOLD.c.watch_id).where(
                    TOLD.c.asset_id == asset_id,
                    TOLD.c.signal == int(Signal.BULLISH),
                    TOLD.c.watch_id.is_not(None),
                    self._is_ahead(TOLD, until),
                ),
                select(DELIVERIES.c.recipient_id, DELIVERIES.c.watch_id).where(
                    DELIVERIES.c.bullish_asset_id == asset_id,
                    DELIVERIES.c.bullish_asset_id.is_not(None),
                    _IS_OPEN,
                    DELIVERIES.c.watch_id.is_not(None),
                    self._is_ahead(DELIVERIES, until),
                ),
            ]
        return pairs

    def _is_ahead(self, table: FromClause, until: int | None) -> ColumnElement[bool]:
        recipient = table.c.recipient_id
        conditions = [recipient > self.event.cursor]
        if until is not None:
            conditions.append(recipient <= until)
        if self.event.only_for is not None:
            conditions.append(recipient == self.event.only_for)
        return and_(*conditions)

    def covers(self, watch: FromClause) -> ColumnElement[bool]:
        """Whether the watch's target has the asset in it."""
        scope = watch.c.scope
        named = [
            and_(scope == Scope.ASSET.value, watch.c.asset_id == self.event.asset_id),
            scope == Scope.ALL.value,
        ]
        if self.categories:
            is_in = watch.c.category.in_(self.categories)
            named.append(and_(scope == Scope.CATEGORY.value, is_in))
        if self.event.rank is not None:
            is_top = watch.c.top >= self.event.rank
            named.append(and_(scope == Scope.TOP.value, is_top))
        return or_(*named)

    def holds(self) -> ColumnElement[bool]:
        """Whether the event matches the watch (joined with recipient and told)."""
        conditions = [WATCHES.c.is_exception.is_(False), ~self._is_excepted()]
        event = self.event
        if event.kind == EventKind.CROSSING.value:
            conditions.append(self._has_line())
        if event.basis_seen_at is not None:
            stale_after = event.basis_seen_at + STALE_UPDATES * self.update_every
            conditions.append(WATCHES.c.created_at <= stale_after)
        follows = [self.covers(WATCHES)]
        if self.is_flip:
            wanted = WATCHES.c.direction
            follows.append(or_(wanted.is_(None), wanted == event.to_signal))
        if event.kind != EventKind.CORRECTION.value:
            follows += [
                _within(
                    WATCHES.c.min_market_cap, WATCHES.c.max_market_cap, event.market_cap
                ),
                _within(WATCHES.c.min_volume, WATCHES.c.max_volume, event.volume),
            ]
        if self.is_flip:
            grade = _within(WATCHES.c.min_grade, WATCHES.c.max_grade, event.grade_to)
            follows.append(grade)
        conditions.append(or_(self._must_hear_the_end(), and_(*follows)))
        return and_(*conditions)

    def _is_excepted(self) -> ColumnElement[bool]:
        other = WATCHES.alias("exceptions")
        return exists().where(
            other.c.recipient_id == WATCHES.c.recipient_id,
            other.c.is_exception.is_(True),
            self.covers(other),
        )

    def _has_line(self) -> ColumnElement[bool]:
        thresholds = [float(threshold) for threshold, _ in self.event.passed]
        if not thresholds:
            return false()
        return exists().where(
            WATCH_LINES.c.watch_id == WATCHES.c.id,
            WATCH_LINES.c.threshold.in_(thresholds),
        )

    def _must_hear_the_end(self) -> ColumnElement[bool]:
        """Told bullish through this watch, or about to be told so."""
        if not self.ends_bullish:
            return false()
        was_told = and_(
            TOLD.c.signal == int(Signal.BULLISH), TOLD.c.watch_id == WATCHES.c.id
        )
        will_be_told = exists().where(
            DELIVERIES.c.bullish_asset_id == self.event.asset_id,
            DELIVERIES.c.bullish_asset_id.is_not(None),
            _IS_OPEN,
            DELIVERIES.c.recipient_id == WATCHES.c.recipient_id,
            DELIVERIES.c.watch_id == WATCHES.c.id,
            DELIVERIES.c.event_id < self.event.id,
        )
        wants_only_bullish = and_(
            RECIPIENTS.c.kind == PlaceKind.PRIVATE.value,
            func.coalesce(WATCHES.c.direction, 0) == int(Signal.BULLISH),
        )
        return and_(
            func.coalesce(or_(was_told, will_be_told), false()), ~wants_only_bullish
        )


def _within(
    low: ColumnElement[Any], high: ColumnElement[Any], value: float | None
) -> ColumnElement[bool]:
    """Low inclusive, high exclusive; a bound on something unknown never holds."""
    if value is None:
        return and_(low.is_(None), high.is_(None))
    return and_(or_(low.is_(None), low <= value), or_(high.is_(None), high > value))


async def _next_recipients(
    connection: AsyncConnection, match: _Match, limit: int
) -> tuple[int, int]:
    """Return how many recipients come next, at most `limit`, and the last one's id."""
    heads = []
    for pairs in match.pairs(None):
        recipient = pairs.selected_columns.recipient_id
        head = pairs.with_only_columns(recipient).distinct().order_by(recipient)
        heads.append(select(head.limit(limit).subquery().c.recipient_id))
    merged = union(*heads).subquery()
    first = (
        select(merged.c.recipient_id)
        .order_by(merged.c.recipient_id)
        .limit(limit)
        .subquery()
    )
    row = (
        await connection.execute(
            select(
                func.count().label("n"), func.max(first.c.recipient_id).label("last")
            ).select_from(first)
        )
    ).one()
    return row.n, row.last or 0


async def _insert_deliveries(
    connection: AsyncConnection, match: _Match, last: int, now: datetime
) -> None:
    pairs = union(*match.pairs(last)).subquery()
    specificity = case(
        *(
            (WATCHES.c.scope == scope.value, place)
            for scope, place in SPECIFICITY.items()
        )
    )
    matching = (
        select(
            WATCHES.c.recipient_id,
            WATCHES.c.id.label("watch_id"),
            RECIPIENTS.c.parked_since,
            RECIPIENTS.c.parked_reason,
            func.row_number()
            .over(
                partition_by=WATCHES.c.recipient_id,
                order_by=(
                    specificity,
                    WATCHES.c.created_at.desc(),
                    WATCHES.c.id.desc(),
                ),
            )
            .label("place"),
        )
        .select_from(pairs)
        .join(
            WATCHES,
            and_(
                WATCHES.c.id == pairs.c.watch_id,
                # ids are the store's own, but a told row may name anything
                WATCHES.c.recipient_id == pairs.c.recipient_id,
            ),
        )
        .join(RECIPIENTS, RECIPIENTS.c.id == WATCHES.c.recipient_id)
        .outerjoin(
            TOLD,
            and_(
                TOLD.c.recipient_id == WATCHES.c.recipient_id,
                TOLD.c.asset_id == match.event.asset_id,
            ),
        )
        .where(match.holds())
        .subquery()
    )
    is_parked = matching.c.parked_since.is_not(None)
    turns_bullish = match.is_flip and match.event.to_signal == int(Signal.BULLISH)
    moment = literal(now, UtcTime())
    values: dict[str, ColumnElement[Any]] = {
        "event_id": literal(match.event.id, RowId),
        "recipient_id": matching.c.recipient_id,
        "watch_id": matching.c.watch_id,
        "bullish_asset_id": literal(match.event.asset_id, RowId)
        if turns_bullish
        else null(),
        "state": case(
            (is_parked, DeliveryState.PARKED.value), else_=DeliveryState.PENDING.value
        ),
        "reason": case((is_parked, matching.c.parked_reason), else_=NEW),
        "due_at": moment,
        "owed_since": moment,
        "attempts": literal(0),
        "is_unsure": literal(False),
        "created_at": moment,
    }
    statement = select(*values.values()).where(matching.c.place == 1)
    await connection.execute(
        insert_into(connection, DELIVERIES)
        .from_select(list(values), statement)
        .on_conflict_do_nothing(index_elements=["event_id", "recipient_id"])
    )
