"""Fan-out: who hears of an event, as SQL over sets.

Many events go together: a broad move is one pass over the recipients, so that each of
them has all its deliveries at once and gets one message. `storage.fanout_sql` has the
statements; here is what they are run on, chunk by chunk.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import NotFoundError
from bot.model import EventKind, Signal
from bot.ports import FanOutStep
from bot.routing import STALE_UPDATES
from storage.fanout_sql import (
    END_ARMS,
    SCOPE_ARMS,
    Arm,
    Shape,
    count_candidates,
    insert_deliveries,
    move_cursor,
)
from storage.part import StorePart
from storage.tables import EVENTS, RECIPIENTS

#: events that go together at most: memory and the cost of a chunk grow with them
TOGETHER = 2000
#: recipients in a row that the first chunk looks at
_FIRST_REACH = 1000
#: how much further a chunk may reach than one that found too few
_GROWTH = 8
#: looking up what was told costs so much less than a candidate
_TOLD_PER_WATCH = 4

_OPEN = EVENTS.c.fanned_out_at.is_(None)


class FanOutStore(StorePart):
    """Everything the port says under "fan-out"."""

    #: how many recipients the last chunk went over: only where the next begins to look
    _reach = _FIRST_REACH

    async def open_fanouts(self, limit: int = 100) -> Sequence[int]:
        """List ids of events whose fan-out is not finished, oldest first."""
        statement = select(EVENTS.c.id).where(_OPEN).order_by(EVENTS.c.id).limit(limit)

        async def work(connection: AsyncConnection) -> Sequence[int]:
            return list((await connection.execute(statement)).scalars())

        return await self._database.read(work)

    async def fan_out_chunk(self, event_id: int, *, limit: int, now: datetime) -> bool:
        """Create deliveries for the next recipients; True when none are left.

        As `fan_out_step`, for one event alone.
        """
        step = await self._step(limit, now, event_id)
        return step.finished > 0 or step.is_over

    async def fan_out_step(self, *, limit: int, now: datetime) -> FanOutStep:
        """Create deliveries of the oldest open events for the next recipients.

        Events that stand at the same recipient go together. A recipient is looked at
        only if one of its watches covers an asset (found by index) or it has yet to
        hear the end of a bullish signal. A parked recipient's delivery is created
        parked, so that it is told on return. `update_every` of the store says which
        basis is stale.
        """
        return await self._step(limit, now, None)

    async def _step(
        self, limit: int, now: datetime, event_id: int | None
    ) -> FanOutStep:
        loop = asyncio.get_running_loop()
        began = loop.time()

        def work(connection: Connection) -> _Done:
            nonlocal began
            # from here on other writers wait
            began = loop.time()
            group = _lock_events(connection, event_id)
            if group is None:
                return _Done(reach=self._reach, is_over=True)
            chunk = _Chunk(group, limit, STALE_UPDATES * self.update_every)
            return chunk.fan_out(connection, self._reach, now)

        done = await self._database.write_at_once(work)
        self._reach = done.reach
        return FanOutStep(
            finished=done.finished,
            is_over=done.is_over,
            took=timedelta(seconds=loop.time() - began),
        )


@dataclass(frozen=True, slots=True)
class _Done:
    reach: int
    finished: int = 0
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Recipients of a chunk, up to `until`, and what is among them.

    `reach` is how far it was meant to go; `cost` is in candidates.
    """

    until: int
    reach: int
    cost: int
    arms: frozenset[Arm]
    has_exceptions: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """Events that go together: all of them stand at the same recipient."""

    ids: Sequence[int]
    cursor: int
    #: kind and new signal, each combination once
    kinds: frozenset[tuple[str, int]]


def _lock_events(connection: Connection, event_id: int | None) -> _Group | None:
    """Lock the events that go together next; None when there is nothing to do.

    Locked, so that of two workers the second goes on from where the first was. The
    oldest come first, and only those that stand at the same recipient. Two changes of
    one asset's signal never go together: who hears of the end depends on what the
    beginning became.
    """
    wanted = _OLDEST if event_id is None else _ONE
    rows = connection.execute(wanted, {"event_id": event_id}).all()
    if event_id is not None:
        if not rows:
            raise NotFoundError(f"there is no event {event_id}")
        if rows[0].fanned_out_at is not None:
            return None
    if not rows:
        return None
    first = rows[0].cursor
    ids: list[int] = []
    kinds: set[tuple[str, int]] = set()
    changed: set[int] = set()
    # a thousand rows in every chunk: taken apart at once, not name by name
    for number, cursor, kind, to_signal, asset_id, _ in rows:
        is_change = kind != _CROSSING
        if cursor != first or (is_change and asset_id in changed):
            break
        if is_change:
            changed.add(asset_id)
        ids.append(number)
        kinds.add((kind, to_signal))
    return _Group(ids, first, frozenset(kinds))


_WANTED = select(
    EVENTS.c.id,
    EVENTS.c.cursor,
    EVENTS.c.kind,
    EVENTS.c.to_signal,
    EVENTS.c.asset_id,
    EVENTS.c.fanned_out_at,
).with_for_update()
_OLDEST = _WANTED.where(_OPEN).order_by(EVENTS.c.id).limit(TOGETHER)
_ONE = _WANTED.where(EVENTS.c.id == bindparam("event_id"))
_CROSSING = EventKind.CROSSING.value
_FOR_EVERYBODY = frozenset({EventKind.SOURCE.value, EventKind.ENGINE.value})
_ENDLESS = frozenset({_CROSSING, EventKind.SILENT.value})


class _Chunk:
    """The next recipients of events that stand at the same one."""

    def __init__(self, group: _Group, limit: int, stale_after: timedelta) -> None:
        self._ids = json.dumps(group.ids)
        self._size = len(group.ids)
        self._limit = max(limit, 1)
        self._cursor = group.cursor
        self._stale = stale_after
        self._has_crossings = any(kind == _CROSSING for kind, _ in group.kinds)
        self._has_ends = any(
            kind not in _ENDLESS and to_signal == Signal.BEARISH
            for kind, to_signal in group.kinds
        )
        self._arms = SCOPE_ARMS | (END_ARMS if self._has_ends else frozenset())
        if any(kind in _FOR_EVERYBODY for kind, _ in group.kinds):
            self._arms |= {Arm.EVERY}

    def fan_out(self, connection: Connection, reach: int, now: datetime) -> _Done:
        """Write the deliveries and move the cursor."""
        ahead = select(RECIPIENTS.c.id).where(RECIPIENTS.c.id > self._cursor)
        # each alone is a step in the index, together SQLite would read all of it
        first = connection.scalar(ahead.order_by(RECIPIENTS.c.id).limit(1))
        last = connection.scalar(ahead.order_by(RECIPIENTS.c.id.desc()).limit(1))
        if first is None or last is None:
            return self._finish(connection, reach, now)
        span = self._choose(connection, first - 1, last, reach)
        self._insert(connection, span, now)
        if span.until == last:
            return self._finish(connection, span.reach, now)
        # the next chunk finds about as many, so this is where it begins to look
        reach = max(span.reach * self._limit // max(span.cost, self._limit // 2, 1), 1)
        move = move_cursor(connection.dialect.name, is_over=False)
        connection.execute(move, {"ids": self._ids, "until": span.until})
        return _Done(reach=reach)

    def _choose(
        self, connection: Connection, start: int, last: int, reach: int
    ) -> _Span:
        """Choose the last recipient of the chunk.

        So that there are about `limit` candidates, twice as many at most unless a
        single recipient has more: they are what a chunk costs.
        """
        limit = self._limit
        may_grow = True
        while True:
            span = self._count(connection, min(start + reach, last), reach)
            width = span.until - start
            if span.cost > 2 * limit and width > 1:
                reach = max(width * limit // span.cost, 1)
                may_grow = False
            elif 2 * span.cost < limit and may_grow and span.until < last:
                reach = width * min(limit // max(span.cost, 1) + 1, _GROWTH)
            else:
                return span

    def _count(self, connection: Connection, until: int, reach: int) -> _Span:
        arms = self._arms
        statement = count_candidates(connection.dialect.name, arms)
        # beyond what a chunk may have it does not matter how many more there are
        most = {"most": _TOLD_PER_WATCH * (2 * self._limit + 1)}
        row = connection.execute(
            statement, self._parameters(connection, until) | most
        ).one()
        found = {arm: int(getattr(row, f"n_{arm.value}")) for arm in arms}
        ends = sum(found[arm] for arm in arms & END_ARMS)
        return _Span(
            until=until,
            reach=reach,
            cost=sum(found[arm] for arm in arms - END_ARMS) + ends // _TOLD_PER_WATCH,
            arms=frozenset(arm for arm, count in found.items() if count),
            has_exceptions=bool(row.has_exceptions),
        )

    def _insert(self, connection: Connection, span: _Span, now: datetime) -> None:
        """Insert deliveries, first those through the most specific watches."""
        parameters = self._parameters(connection, span.until) | {"now": now}
        for arms in ({Arm.ASSET}, span.arms - {Arm.ASSET}):
            if arms and arms <= span.arms:
                shape = Shape(
                    arms=frozenset(arms),
                    has_ends=self._has_ends,
                    has_crossings=self._has_crossings,
                    has_exceptions=span.has_exceptions,
                )
                statement = insert_deliveries(connection.dialect.name, shape)
                connection.execute(statement, parameters)

    def _finish(self, connection: Connection, reach: int, now: datetime) -> _Done:
        move = move_cursor(connection.dialect.name, is_over=True)
        connection.execute(move, {"ids": self._ids, "now": now})
        return _Done(reach=reach, finished=self._size)

    def _parameters(self, connection: Connection, until: int) -> dict[str, Any]:
        is_sqlite = connection.dialect.name == "sqlite"
        microseconds = self._stale // timedelta(microseconds=1)
        return {
            "ids": self._ids,
            "cursor": self._cursor,
            "until": until,
            "stale": microseconds if is_sqlite else self._stale,
        }
