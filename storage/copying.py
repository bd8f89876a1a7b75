"""Every row of one database into another, of whichever kind, ids and all."""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from storage import tables  # noqa: F401 - so that the metadata knows them
from storage.columns import Row
from storage.database import Database
from storage.migrations import schema_of

#: rows read and written at once
BATCH = 1000


async def copy_rows(source: Database, target: Database) -> Mapping[str, int]:
    """Copy all rows, count them on both sides; return the counts by table.

    One transaction on each side: what is read is one state, what is written is all or
    nothing. Raises `StoreError`.
    """

    async def read(reading: AsyncConnection) -> Mapping[str, int]:
        if not source.is_sqlite:
            # else each statement would see a later state
            await reading.execute(
                text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            )
        if (await reading.run_sync(schema_of)).pending:
            raise StoreError(
                "the source is of an older Flipwatch: flipwatch db migrate, then copy"
            )
        return await target.write(partial(_write, reading))

    return await source.read(read)


async def _write(
    reading: AsyncConnection, writing: AsyncConnection
) -> Mapping[str, int]:
    every = Row.metadata.sorted_tables
    for table in every:
        if await _count(writing, table):
            raise StoreError(
                f"the target is not empty ({table.name}): give an empty database"
            )
    counts: dict[str, int] = {}
    for table in every:
        copied = await _copy_table(reading, writing, table)
        there, here = await _count(reading, table), await _count(writing, table)
        if not copied == there == here:
            raise StoreError(
                f"{table.name}: {there} rows there, {here} here: nothing was copied"
            )
        counts[table.name] = copied
        await _go_on_counting(reading, writing, table)
    return counts


async def _copy_table(
    reading: AsyncConnection, writing: AsyncConnection, table: Table
) -> int:
    count = 0
    found = await reading.stream(select(table))
    async for rows in found.mappings().partitions(BATCH):
        await writing.execute(insert(table), [dict(row) for row in rows])
        count += len(rows)
    return count


async def _count(connection: AsyncConnection, table: Table) -> int:
    found = await connection.execute(select(func.count()).select_from(table))
    return int(found.scalar_one())


async def _go_on_counting(
    reading: AsyncConnection, writing: AsyncConnection, table: Table
) -> None:
    """Let the next id be the one the source would have given.

    Not the one after the highest: ids of rows that are gone are never given again.
    """
    is_lasting = table.dialect_options["sqlite"]["autoincrement"]
    if [column.name for column in table.primary_key] != ["id"]:
        return
    last = await _last_id(reading, table)
    if not last or (writing.dialect.name == "sqlite" and not is_lasting):
        return
    if writing.dialect.name == "sqlite":
        await writing.execute(
            text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
        )
        await writing.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
            {"name": table.name, "last": last},
        )
    else:
        await writing.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
            {"name": table.name, "last": last},
        )


async def _last_id(connection: AsyncConnection, table: Table) -> int:
    """Return the highest id that was ever given, as far as the database knows."""
    highest = (await connection.execute(select(func.max(table.c.id)))).scalar() or 0
    if connection.dialect.name == "sqlite":
        if not table.dialect_options["sqlite"]["autoincrement"]:
            return int(highest)
        given = await connection.execute(
            text("SELECT seq FROM sqlite_sequence WHERE name = :name"),
            {"name": table.name},
        )
        return max(int(highest), int(given.scalar() or 0))
    said = await connection.execute(
        text(
            "SELECT pg_sequence_last_value("
            "CAST(pg_get_serial_sequence(:name, 'id') AS regclass))"
        ),
        {"name": table.name},
    )
    return max(int(highest), int(said.scalar() or 0))
