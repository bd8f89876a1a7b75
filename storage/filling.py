"""The store's past that was filled in: readings from before we knew an asset."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Reading, Signal
from storage.commit import asset_ids
from storage.database import insert_into
from storage.part import StorePart
from storage.tables import READINGS


class FillingStore(StorePart):
    """Fills in history; no state, line or event changes."""

    async def add_history(
        self, source: str, key: str, readings: Sequence[Reading]
    ) -> int:
        """Keep readings that are older than all we have of an asset; return how many.

        What stood after each, and which are turns, is worked out anew up to the first
        reading of our own. Idempotent.
        """

        async def work(connection: AsyncConnection) -> int:
            ids = await asset_ids(connection, source, [key])
            if key not in ids or not readings:
                return 0
            asset_id = ids[key]
            first = await _first_own(connection, asset_id)
            added = await _add(connection, asset_id, readings, first, self._now())
            if added:
                await _stand(connection, asset_id, first)
            return added

        return await self._database.write(work)


async def _first_own(connection: AsyncConnection, asset_id: int) -> datetime | None:
    found = await connection.execute(
        select(func.min(READINGS.c.as_of)).where(
            READINGS.c.asset_id == asset_id, READINGS.c.is_filled.is_(False)
        )
    )
    first: datetime | None = found.scalar()
    return first


async def _add(
    connection: AsyncConnection,
    asset_id: int,
    readings: Sequence[Reading],
    first: datetime | None,
    now: datetime,
) -> int:
    values = [
        {
            "asset_id": asset_id,
            "as_of": reading.as_of,
            "revision": 0,
            "signal": None if reading.signal is None else int(reading.signal),
            "grade": reading.grade,
            "price": reading.price,
            "volume": reading.volume,
            "market_cap": reading.market_cap,
            "categories": list(reading.categories),
            "standing": int(Signal.NEUTRAL),
            "is_turn": False,
            "turn_price": None,
            "is_filled": True,
            "recorded_at": now,
        }
        for reading in readings
        if first is None or reading.as_of < first
    ]
    if not values:
        return 0
    count = select(func.count()).where(READINGS.c.asset_id == asset_id)
    before = (await connection.execute(count)).scalar_one()
    statement = insert_into(connection, READINGS).on_conflict_do_nothing(
        index_elements=["asset_id", "as_of", "revision"]
    )
    await connection.execute(statement, values)
    after = (await connection.execute(count)).scalar_one()
    return int(after - before)


async def _stand(
    connection: AsyncConnection, asset_id: int, first: datetime | None
) -> None:
    """Work out what stood, through the past up to our own first reading."""
    past = select(
        READINGS.c.id,
        READINGS.c.signal,
        READINGS.c.price,
        READINGS.c.standing,
        READINGS.c.is_turn,
        READINGS.c.is_filled,
    ).where(READINGS.c.asset_id == asset_id)
    if first is not None:
        past = past.where(READINGS.c.as_of <= first)
    rows = await connection.execute(
        past.order_by(READINGS.c.as_of, READINGS.c.revision)
    )
    changes = _stood(rows.all())
    if changes:
        await connection.execute(
            update(READINGS)
            .where(READINGS.c.id == bindparam("of"))
            .values(
                standing=bindparam("stood"),
                is_turn=bindparam("turned"),
                turn_price=bindparam("at_price"),
            ),
            changes,
        )


def _stood(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what changes: after each row its standing signal, and the turns."""
    standing = int(Signal.NEUTRAL)
    changes: list[dict[str, Any]] = []
    for row in rows:
        # our own first reading stands as it was taken, whatever was before
        said = (row.signal or 0) if row.is_filled else row.standing
        is_turn = bool(said and standing and said != standing)
        standing = said or standing
        after = standing if row.is_filled else row.standing
        if (after, is_turn) != (row.standing, bool(row.is_turn)):
            price = row.price if is_turn else None
            changes.append(
                {
                    "of": row.id,
                    "stood": after,
                    "turned": is_turn,
                    "at_price": price,
                }
            )
    return changes
