"""The store's history: readings by day, turns, how all stand, the market's points."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import OWN_KEYS, MarketPoint, PastReading, Signal, Stance, Turn
from storage.columns import UtcTime
from storage.commit import asset_ids
from storage.packed import among, named
from storage.part import StorePart
from storage.rows import to_market, to_past
from storage.tables import ASSETS, MARKET, READINGS, STATES

# literal, as the partial index spells it, else it is not used
_IS_TURN: ColumnElement[bool] = literal_column("readings.is_turn")
_DAY_MICROSECONDS = 86_400_000_000


class HistoryStore(StorePart):
    """Everything the port says under "history"."""

    async def list_stances(self, source: str) -> Sequence[Stance]:
        """List how every asset of the source stands; our own pseudo-assets are not."""
        return await self._database.read(partial(_list_stances, source=source))

    async def daily_readings(
        self, source: str, keys: Sequence[str], *, after: datetime, before: datetime
    ) -> Mapping[str, Sequence[PastReading]]:
        """Return each asset's last reading of every day (UTC), oldest first."""

        async def work(
            connection: AsyncConnection,
        ) -> Mapping[str, Sequence[PastReading]]:
            statement = _daily(connection.dialect.name)
            return await _of_assets(
                connection, statement, source, keys, after=after, before=before
            )

        return await self._database.read(work)

    async def readings_between(
        self, source: str, keys: Sequence[str], *, after: datetime, until: datetime
    ) -> Mapping[str, Sequence[PastReading]]:
        """Return each asset's readings with `after < as_of <= until`, oldest first."""

        async def work(
            connection: AsyncConnection,
        ) -> Mapping[str, Sequence[PastReading]]:
            return await _of_assets(
                connection, _BETWEEN, source, keys, after=after, until=until
            )

        return await self._database.read(work)

    async def list_turns(
        self, source: str, keys: Sequence[str] | None = None
    ) -> Mapping[str, Sequence[Turn]]:
        """Return each asset's flips that were not taken back, oldest first."""
        return await self._database.read(partial(_list_turns, source=source, keys=keys))

    async def market_history(
        self, source: str, *, after: datetime
    ) -> Sequence[MarketPoint]:
        """List the bull-bear indicator's points with a later `as_of`, oldest first."""
        statement = (
            select(MARKET)
            .where(MARKET.c.source == source, MARKET.c.as_of > after)
            .order_by(MARKET.c.as_of)
        )

        async def work(connection: AsyncConnection) -> Sequence[MarketPoint]:
            return [to_market(row) for row in await connection.execute(statement)]

        return await self._database.read(work)

    async def last_fresh(self, source: str) -> datetime | None:
        """Return when a reading of the source last was new, by our clock."""
        statement = (
            select(READINGS.c.recorded_at)
            .join(ASSETS, ASSETS.c.id == READINGS.c.asset_id)
            .where(ASSETS.c.source == source, ~ASSETS.c.key.startswith(OWN_KEYS))
            # numbered as they came
            .order_by(READINGS.c.id.desc())
            .limit(1)
        )

        async def work(connection: AsyncConnection) -> datetime | None:
            found: datetime | None = (await connection.execute(statement)).scalar()
            return found

        return await self._database.read(work)


# ---------------------------------------------------------------- stances


async def _list_stances(connection: AsyncConnection, source: str) -> Sequence[Stance]:
    return await connection.run_sync(_read_stances, source)


def _read_stances(connection: Connection, source: str) -> Sequence[Stance]:
    rows = named(connection.execute(_STANCES, {"source": source}))
    return [
        Stance(
            key=row.key,
            symbol=row.symbol,
            standing=_SIGNALS[row.standing],
            as_of=row.as_of,
            since=row.standing_since,
            known_since=row.created_at,
            seen_at=row.seen_at,
            grade=row.grade,
            price=row.price,
            market_cap=row.market_cap,
            categories=tuple(row.categories),
        )
        for row in rows
    ]


_SIGNALS = {int(signal): signal for signal in Signal}
_STANCES = (
    select(
        ASSETS.c.key,
        ASSETS.c.symbol,
        ASSETS.c.created_at,
        ASSETS.c.market_cap,
        ASSETS.c.categories,
        STATES.c.standing,
        STATES.c.standing_since,
        STATES.c.as_of,
        STATES.c.seen_at,
        STATES.c.grade,
        STATES.c.price,
    )
    .join(STATES, STATES.c.asset_id == ASSETS.c.id)
    .where(ASSETS.c.source == bindparam("source"), ~ASSETS.c.key.startswith(OWN_KEYS))
    .order_by(ASSETS.c.key)
)


# ---------------------------------------------------------------- readings


_PAST = (
    READINGS.c.asset_id,
    READINGS.c.as_of,
    READINGS.c.revision,
    READINGS.c.recorded_at,
    READINGS.c.standing,
    READINGS.c.signal,
    READINGS.c.grade,
    READINGS.c.price,
    READINGS.c.volume,
    READINGS.c.market_cap,
    READINGS.c.categories,
)
_AFTER = READINGS.c.as_of > bindparam("after", type_=UtcTime())
_BETWEEN = (
    select(*_PAST)
    .where(
        among(READINGS.c.asset_id),
        _AFTER,
        READINGS.c.as_of <= bindparam("until", type_=UtcTime()),
    )
    .order_by(READINGS.c.asset_id, READINGS.c.as_of, READINGS.c.revision)
)


def _daily(dialect_name: str) -> Select[Any]:
    """Select the last reading of each asset and day (UTC)."""
    if dialect_name == "sqlite":
        day: ColumnElement[Any] = literal_column(
            f"readings.as_of / {_DAY_MICROSECONDS}"
        )
    else:
        day = literal_column("date_trunc('day', readings.as_of AT TIME ZONE 'UTC')")
    place = func.row_number().over(
        partition_by=(READINGS.c.asset_id, day),
        order_by=(READINGS.c.as_of.desc(), READINGS.c.revision.desc()),
    )
    last = (
        select(*_PAST, place.label("place"))
        .where(
            among(READINGS.c.asset_id),
            _AFTER,
            READINGS.c.as_of < bindparam("before", type_=UtcTime()),
        )
        .subquery()
    )
    return select(last).where(last.c.place == 1).order_by(last.c.asset_id, last.c.as_of)


async def _of_assets(
    connection: AsyncConnection,
    statement: Select[Any],
    source: str,
    keys: Iterable[str],
    **bounds: datetime,
) -> Mapping[str, Sequence[PastReading]]:
    ids = await asset_ids(connection, source, keys)
    by_id = {asset_id: key for key, asset_id in ids.items()}
    found: dict[str, list[PastReading]] = {}

    def work(connection: Connection) -> None:
        rows = named(connection.execute(statement, {"ids": list(by_id), **bounds}))
        for row in rows:
            key = by_id[row.asset_id]
            found.setdefault(key, []).append(to_past(row, key))

    await connection.run_sync(work)
    return found


# ---------------------------------------------------------------- turns


async def _list_turns(
    connection: AsyncConnection, source: str, keys: Sequence[str] | None
) -> Mapping[str, Sequence[Turn]]:
    later = READINGS.alias("later")
    # what a revision took back does not count, and of two the later one does
    is_latest = ~(
        select(later.c.id)
        .where(
            later.c.asset_id == READINGS.c.asset_id,
            later.c.as_of == READINGS.c.as_of,
            later.c.revision > READINGS.c.revision,
        )
        .exists()
    )
    statement = (
        select(
            ASSETS.c.key,
            READINGS.c.as_of,
            READINGS.c.standing,
            READINGS.c.grade,
            func.coalesce(READINGS.c.turn_price, READINGS.c.price).label("price"),
        )
        .join(ASSETS, ASSETS.c.id == READINGS.c.asset_id)
        .where(_IS_TURN, is_latest)
        .order_by(READINGS.c.asset_id, READINGS.c.as_of)
    )
    bounds: dict[str, Any] = {}
    if keys is None:
        statement = statement.where(
            ASSETS.c.source == source, ~ASSETS.c.key.startswith(OWN_KEYS)
        )
    else:
        statement = statement.where(among(READINGS.c.asset_id))
        bounds["ids"] = list((await asset_ids(connection, source, keys)).values())
    turns: dict[str, list[Turn]] = {}
    for row in await connection.execute(statement, bounds):
        turns.setdefault(row.key, []).append(
            Turn(
                as_of=row.as_of,
                signal=_SIGNALS[row.standing],
                price=row.price,
                grade=row.grade,
            )
        )
    return {key: _alternating(found) for key, found in turns.items()}


def _alternating(turns: Iterable[Turn]) -> Sequence[Turn]:
    """Leave out turns to what stood already: those between were taken back."""
    kept: list[Turn] = []
    for turn in turns:
        if not kept or kept[-1].signal is not turn.signal:
            kept.append(turn)
    return kept
