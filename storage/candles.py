"""Candles in the store: satisfies `bot.candles.CandleStore`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.candles import Candle, Frame, Series, Span
from storage.database import in_batches, insert_into, upsert
from storage.part import StorePart
from storage.tables import CANDLES, SERIES

#: rows per statement when writing; a year of hours is some 9,000
_BATCH = 2_000
_COLUMNS = ("start", "open", "high", "low", "close", "volume")


class CandleStore(StorePart):
    """The candles of our own engine, a row each."""

    async def put_series(self, series: Sequence[Series]) -> Sequence[Series]:
        """Write series, told apart by exchange and base; return them with their ids."""
        rows = [_to_row(one) for one in series]

        async def work(connection: AsyncConnection) -> Sequence[Series]:
            await upsert(connection, SERIES, rows, keys=["exchange", "base"])
            wanted = {(one.exchange, one.base) for one in series}
            found = []
            for exchange in sorted({one.exchange for one in series}):
                found += await _list(connection, exchange)
            return [one for one in found if (one.exchange, one.base) in wanted]

        return await self._database.write(work)

    async def list_series(self, exchange: str) -> Sequence[Series]:
        """List an exchange's series by base."""
        return await self._database.read(lambda c: _list(c, exchange))

    async def add_candles(
        self, frame: Frame, candles: Mapping[int, Sequence[Candle]]
    ) -> None:
        """Add candles by series id; what has no volume replaces nothing that has."""
        rows = [
            {"series_id": series_id, "frame": int(frame), **candle._asdict()}
            for series_id, own in candles.items()
            for candle in own
        ]

        def work(connection: Connection) -> None:
            statement = insert_into(connection, CANDLES)
            new = statement.excluded
            statement = statement.on_conflict_do_update(
                index_elements=["series_id", "frame", "start"],
                set_={name: new[name] for name in _COLUMNS[1:]},
                where=new["volume"].is_not(None) | CANDLES.c.volume.is_(None),
            )
            for batch in in_batches(rows, _BATCH):
                connection.execute(statement, batch)

        if rows:
            # candles can be fetched again: a power cut may take the last ones
            await self._database.write_at_once(work, is_durable=False)

    async def load_candles(
        self,
        frame: Frame,
        series_ids: Sequence[int],
        since: datetime,
        *,
        limit: int | None = None,
    ) -> Mapping[int, Sequence[Candle]]:
        """Load the candles that start at `since` or later, oldest first."""
        statement = (
            select(*(CANDLES.c[name] for name in _COLUMNS))
            .where(CANDLES.c.frame == int(frame))
            .where(CANDLES.c.start >= since.timestamp())
            .order_by(CANDLES.c.start)
            .limit(limit)
        )

        async def work(connection: AsyncConnection) -> dict[int, Sequence[Candle]]:
            found: dict[int, Sequence[Candle]] = {}
            for series_id in series_ids:
                rows = await connection.execute(
                    statement.where(CANDLES.c.series_id == series_id)
                )
                if candles := [Candle._make(row) for row in rows]:
                    found[series_id] = candles
            return found

        return await self._database.read(work)

    async def candle_spans(
        self, frame: Frame, series_ids: Sequence[int]
    ) -> Mapping[int, Span]:
        """Say what each series has; those without candles are left out."""
        own = case((CANDLES.c.volume.is_not(None), CANDLES.c.start))
        statement = (
            select(
                CANDLES.c.series_id,
                func.min(CANDLES.c.start),
                func.max(CANDLES.c.start),
                func.max(own),
            )
            .where(CANDLES.c.frame == int(frame))
            .group_by(CANDLES.c.series_id)
        )

        async def work(connection: AsyncConnection) -> dict[int, Span]:
            found: dict[int, Span] = {}
            for batch in in_batches(series_ids):
                rows = await connection.execute(
                    statement.where(CANDLES.c.series_id.in_(batch))
                )
                found |= {row[0]: Span._make(row[1:]) for row in rows}
            return found

        return await self._database.read(work)

    async def count_candles(
        self, frame: Frame, series_ids: Sequence[int]
    ) -> Mapping[int, int]:
        """Count the candles of each series; those without any are left out."""
        statement = (
            select(CANDLES.c.series_id, func.count())
            .where(CANDLES.c.frame == int(frame))
            .group_by(CANDLES.c.series_id)
        )

        async def work(connection: AsyncConnection) -> dict[int, int]:
            found: dict[int, int] = {}
            for batch in in_batches(series_ids):
                rows = await connection.execute(
                    statement.where(CANDLES.c.series_id.in_(batch))
                )
                found |= {row[0]: row[1] for row in rows}
            return found

        return await self._database.read(work)

    async def prune_candles(self, frame: Frame, before: datetime) -> int:
        """Forget candles that start earlier; return how many."""
        statement = delete(CANDLES).where(
            CANDLES.c.frame == int(frame), CANDLES.c.start < before.timestamp()
        )

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(statement)).rowcount

        return await self._database.write(work)


async def _list(connection: AsyncConnection, exchange: str) -> list[Series]:
    rows = await connection.execute(
        select(SERIES).where(SERIES.c.exchange == exchange).order_by(SERIES.c.base)
    )
    return [Series(**row) for row in rows.mappings()]


def _to_row(series: Series) -> dict[str, Any]:
    row = asdict(series)
    del row["id"]
    return row
