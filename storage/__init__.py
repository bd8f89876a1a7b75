"""What Flipwatch remembers: `open_store` opens it, on SQLite or PostgreSQL."""

import asyncio
import logging
import threading
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from bot.ports import Clock
from storage.database import Database, check_file, log_version, parse_url
from storage.lockfile import LockFile
from storage.sql_store import SqlStore

__all__ = ["SqlStore", "open_store"]

logger = logging.getLogger(__name__)

_TOO_OLD = (
    "the database is of an older Flipwatch (schema {}, this one needs {}): stop that"
    " one, make a backup (flipwatch db backup), then flipwatch db migrate"
)

#: Alembic keeps what it migrates in one global, so one upgrade at a time; a thread's
#: lock, because an asyncio lock belongs to one loop
_upgrading = threading.Lock()


async def open_store(
    url: str, *, now: Clock, is_alone: bool = False, may_migrate: bool = True
) -> SqlStore:
    """Open the store, its schema brought up to date first.

    An empty database gets its schema in any case. One of an older Flipwatch is brought
    up to date only if `may_migrate`; a SQLite file is copied before, beside itself.

    `url` is `sqlite:///file` or `postgresql://user:password@host/database`, with our
    driver named (`sqlite+aiosqlite`, `postgresql+asyncpg`) or not. `is_alone` is for
    the program itself: of a SQLite file it keeps every other such opening away, until
    the store is closed; short looks without it work meanwhile. Raises `StoreError`
    that says what to do: no such folder, not writable, not a database, another
    program's, in use, written by a newer Flipwatch, no server there.
    """
    parsed = parse_url(url)
    lock = None
    if parsed.get_backend_name() == "sqlite":
        check_file(parsed)
        if is_alone:
            lock = LockFile(Path(parsed.database or ""))
    try:
        database = await _open_database(parsed, may_migrate=may_migrate)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return SqlStore(database, now=now, lock=lock)


async def _open_database(parsed: URL, *, may_migrate: bool) -> Database:
    # SQLite alters a table by making a new one: no foreign key may act on that
    migrating = Database(parsed, foreign_keys=False)
    try:
        await _upgrade(migrating, may_migrate=may_migrate)
    finally:
        await migrating.close()
    database = Database(parsed)
    try:
        await database.read(log_version)
    except BaseException:
        await database.close()
        raise
    return database


async def _upgrade(database: Database, *, may_migrate: bool) -> None:
    # Alembic is heavy and of no use afterwards
    from storage.migrations import Schema, schema_of, upgrade

    async def look(connection: AsyncConnection) -> Schema:
        return await connection.run_sync(schema_of)

    async def work(connection: AsyncConnection) -> None:
        await connection.run_sync(upgrade)

    while not _upgrading.acquire(blocking=False):  # noqa: ASYNC110 - see above
        await asyncio.sleep(0.01)
    try:
        schema = await database.read(look)
        if not schema.pending:
            return
        if not schema.is_new:
            if not may_migrate:
                raise StoreError(_TOO_OLD.format(schema.at, schema.pending[-1]))
            await _keep_before(database, schema.at)
        await database.write(work)
    finally:
        _upgrading.release()


async def _keep_before(database: Database, at: str) -> None:
    """Copy a SQLite file before its schema is changed; a server has its own backups."""
    if not database.is_sqlite:
        return
    from storage.sqlite_file import copy_file

    path = Path(database.url.database or "")
    copy = path.with_name(f"{path.name}.before-{at}")
    if not copy.exists():
        await asyncio.to_thread(copy_file, path, copy)
        logger.info("database copied before its schema changes", extra={"to": copy})
