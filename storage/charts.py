"""The store's history of one asset, as a picture needs it: bounded and thinned out."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Signal
from bot.pictures import FlipDot, Point
from bot.ports import ChartHistory
from storage.part import StorePart
from storage.tables import READINGS

#: more flips than this in one window are the newest of them
FLIPS_MAX: Final = 200


class ChartStore(StorePart):
    """Everything the port says under "pictures"."""

    async def chart_history(
        self, asset_id: int, *, since: datetime, until: datetime, most: int
    ) -> ChartHistory:
        """Return what was said of an asset in `[since, until]`, thinned to `most`."""
        return await self._database.read(
            partial(
                _chart_history,
                asset_id=asset_id,
                since=since,
                until=until,
                most=most,
            )
        )


async def _chart_history(
    connection: AsyncConnection,
    asset_id: int,
    since: datetime,
    until: datetime,
    most: int,
) -> ChartHistory:
    inside = and_(
        READINGS.c.asset_id == asset_id,
        READINGS.c.as_of >= since,
        READINGS.c.as_of <= until,
    )
    valid = _valid(inside)
    rows = (await connection.execute(_thinned(valid, most))).all()
    changes = (await connection.execute(_changes(valid))).all()
    standing = await _standing(connection, asset_id, since)
    flips, at_start = _flips(list(reversed(changes)), standing)
    return ChartHistory(
        points=tuple(Point(r.as_of, r.price, r.grade) for r in reversed(rows)),
        flips=tuple(flips),
        standing=at_start,
    )


def _valid(condition: ColumnElement[bool]) -> FromClause:
    """Return readings as they were last revised: a later revision is the valid one."""
    order = (READINGS.c.as_of, READINGS.c.revision)
    following = func.lead(READINGS.c.as_of).over(order_by=order)
    rows = (
        select(
            READINGS.c.as_of,
            READINGS.c.price,
            READINGS.c.grade,
            READINGS.c.signal,
            following.label("following"),
        )
        .where(condition)
        .subquery()
    )
    is_last = or_(rows.c.following.is_(None), rows.c.following != rows.c.as_of)
    return select(rows).where(is_last).subquery()


def _thinned(valid: FromClause, most: int) -> Select[Any]:
    """Select every n-th reading, newest first, so that the newest is always there."""
    numbered = select(
        valid,
        (func.row_number().over(order_by=valid.c.as_of.desc()) - 1).label("number"),
        func.count().over().label("total"),
    ).subquery()
    stride = (numbered.c.total + (most - 1)) // most
    return (
        select(numbered)
        .where(numbered.c.number % stride == 0)
        .order_by(numbered.c.as_of.desc())
    )


def _changes(valid: FromClause) -> Select[Any]:
    """Select where the signal differs from the one before, newest first."""
    signalled = (
        select(
            valid,
            func.lag(valid.c.signal).over(order_by=valid.c.as_of).label("before"),
        )
        .where(valid.c.signal.in_((Signal.BULLISH.value, Signal.BEARISH.value)))
        .subquery()
    )
    return (
        select(signalled)
        .where(
            or_(
                signalled.c.before.is_(None),
                signalled.c.before != signalled.c.signal,
            )
        )
        .order_by(signalled.c.as_of.desc())
        .limit(FLIPS_MAX + 1)
    )


async def _standing(
    connection: AsyncConnection, asset_id: int, before: datetime
) -> bool | None:
    """Return whether the asset stood bullish just before a moment; None if unknown."""
    found = await connection.execute(
        select(READINGS.c.signal)
        .where(
            READINGS.c.asset_id == asset_id,
            READINGS.c.as_of < before,
            READINGS.c.signal.in_((Signal.BULLISH.value, Signal.BEARISH.value)),
        )
        .order_by(READINGS.c.as_of.desc(), READINGS.c.revision.desc())
        .limit(1)
    )
    signal = found.scalar()
    return None if signal is None else signal > 0


def _flips(
    changes: Sequence[Any], standing: bool | None
) -> tuple[list[FlipDot], bool | None]:
    """Tell flips from where the history only begins; oldest first.

    A first signal after none is a baseline and no flip, as for detection.
    """
    flips: list[FlipDot] = []
    stands, at_start = standing, standing
    for row in changes:
        is_bullish = row.signal > 0
        if stands is None:
            at_start = is_bullish
        elif stands is not is_bullish:
            flips.append(FlipDot(row.as_of, is_bullish, row.price))
        stands = is_bullish
    return flips[-FLIPS_MAX:], at_start
