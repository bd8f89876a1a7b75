"""What was planned by a clock that stepped back since."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import upsert
from storage.part import StorePart
from storage.tables import BOT_VALUES, DELIVERIES, MESSAGES, POLLS

#: clocks of several workers differ by this much without any of them having stepped
TOLERANCE = timedelta(seconds=5)
#: bot value: the newest rows at the last mending, so that one step is mended once
_MENDED = "clock_mended"


class ClockStore(StorePart):
    """Keeps a backward step of the clock from delaying anything."""

    async def mend_clock(self, now: datetime) -> timedelta:
        """Move what is planned back by as much as the clock stepped back.

        The step shows in the newest rows: they were written later than now. Returns
        the step, zero if there was none. Idempotent: a step is mended once, so that
        a wait a platform ordered since keeps its length.
        """
        looked = await self._database.read(partial(_look, now=now))
        if looked is None:
            return timedelta()
        return await self._database.write(partial(_mend, now=now))


async def _look(
    connection: AsyncConnection, *, now: datetime
) -> tuple[timedelta, str] | None:
    """Return the step and what marks it, None if there is none to mend."""
    newest, ids = now, []
    for table, column in (
        (POLLS, "started_at"),
        (MESSAGES, "frozen_at"),
        (DELIVERIES, "created_at"),
    ):
        row = await _last(connection, table, column)
        ids.append("0" if row is None else str(row[0]))
        newest = newest if row is None else max(newest, row[1])
    mark = ",".join(ids)
    if newest - now <= TOLERANCE:
        return None
    known = await connection.execute(
        select(BOT_VALUES.c.value).where(BOT_VALUES.c.name == _MENDED)
    )
    return None if known.scalar() == mark else (newest - now, mark)


async def _mend(connection: AsyncConnection, *, now: datetime) -> timedelta:
    looked = await _look(connection, now=now)
    if looked is None:
        return timedelta()
    step, mark = looked
    for table, state in ((DELIVERIES, "pending"), (MESSAGES, "frozen")):
        await _move_back(connection, table, state, now, step)
    row = {"name": _MENDED, "value": mark}
    await upsert(connection, BOT_VALUES, [row], keys=["name"])
    return step


async def _last(
    connection: AsyncConnection, table: Table, column: str
) -> tuple[int, datetime] | None:
    rows = await connection.execute(
        select(table.c.id, table.c[column]).order_by(table.c.id.desc()).limit(1)
    )
    row = rows.first()
    return None if row is None else (row[0], row[1])


async def _move_back(
    connection: AsyncConnection,
    table: Table,
    state: str,
    now: datetime,
    step: timedelta,
) -> None:
    """Move every `due_at` that lies ahead; added up here, as databases differ."""
    rows = await connection.execute(
        select(table.c.id, table.c.due_at).where(
            table.c.state == state, table.c.due_at > now
        )
    )
    moved = [{"this": row.id, "moved": row.due_at - step} for row in rows]
    if moved:
        await connection.execute(
            update(table)
            .where(table.c.id == bindparam("this"))
            .values(due_at=bindparam("moved")),
            moved,
        )
