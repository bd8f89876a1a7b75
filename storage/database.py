"""The database below the store: connections, transactions, errors.

Everything in which SQLite and PostgreSQL differ is here (and in `columns`).
"""

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    exc,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    create_async_engine,
)

from bot.errors import StoreError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
#: work that awaits nothing in between, see `Database.write_at_once`
WorkAtOnce = Callable[[Connection], T]

#: how long SQLite waits for another process's write before it gives up
BUSY_SECONDS = 5.0
#: FULL: a commit survives a power cut. What is marked sent must not come undone, or it
#: is sent twice; at under a millisecond each that is still a thousand commits a second
SYNCHRONOUS = "FULL"
#: connections for reading; reads are short, and each costs a thread
SQLITE_READERS = 3
POSTGRES_CONNECTIONS = 10
#: a statement or a connection attempt that takes longer has failed
POSTGRES_TIMEOUT = 60.0
CONNECT_TIMEOUT = 10.0
#: seconds between two tries to empty SQLite's log
SCRUB_AGAIN = 0.05
#: how often a PostgreSQL transaction that lost against another one is done again
ATTEMPTS = 5
#: RETURNING came with 3.35 (sqlite.org/lang_returning.html)
OLDEST_SQLITE = (3, 35, 0)
#: first bytes of every SQLite file (sqlite.org/fileformat.html#magic_header_string)
SQLITE_MAGIC = b"SQLite format 3\x00"
#: PostgreSQL: serialization_failure, deadlock_detected, foreign_key_violation (what
#: was named went away meanwhile: the second look sees that), unique_violation of two
#: that created the same thing at once (postgresql.org/docs/current/errcodes-appendix)
_AGAIN = frozenset({"40001", "40P01", "23503", "23505"})


def _foreign_errors(*, is_sqlite: bool) -> tuple[type[BaseException], ...]:
    """List what may come out of a driver besides SQLAlchemy's own errors.

    `OSError`: no server there; `UnicodeError`: a lone surrogate; `OverflowError`: an
    integer beyond 64 bits; asyncpg raises its own errors while it connects.
    """
    ours = (exc.SQLAlchemyError, OSError, TimeoutError, UnicodeError, OverflowError)
    if is_sqlite:
        return ours
    asyncpg = importlib.import_module("asyncpg")
    return (*ours, asyncpg.PostgresError, asyncpg.InterfaceError)


class _AtOnce:
    """A second SQLite writer, in a thread of its own, for whole transactions."""

    def __init__(self, url: URL, *, foreign_keys: bool) -> None:
        self._engine = create_engine(
            url.set(drivername="sqlite+pysqlite"),
            # it is opened, used and closed in one thread, whichever asks
            connect_args={"timeout": BUSY_SECONDS},
            pool_size=1,
            max_overflow=0,
            pool_reset_on_return=None,
            json_serializer=dumps,
            json_deserializer=loads,
            hide_parameters=True,
        )
        _prepare(self._engine, foreign_keys=foreign_keys)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flipwatch-sqlite")
        self._is_used = False
        self._level = SYNCHRONOUS

    async def run(self, work: WorkAtOnce[T], *, is_durable: bool) -> T:
        self._is_used = True
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._run, work, is_durable)

    def _run(self, work: WorkAtOnce[T], is_durable: bool) -> T:
        with self._engine.connect() as connection:
            self._set_durable(connection, is_durable)
            with connection.begin():
                return work(connection)

    def _set_durable(self, connection: Connection, is_durable: bool) -> None:
        """Wait for the disk at the commit, or leave that to a later commit."""
        level = SYNCHRONOUS if is_durable or SYNCHRONOUS == "OFF" else "NORMAL"
        if level != self._level:
            raw = connection.connection.driver_connection
            assert raw is not None  # noqa: S101 - it is connected
            raw.execute(f"PRAGMA synchronous = {level}").close()
            self._level = level

    async def close(self) -> None:
        if self._is_used:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)


class Database:
    """An open database: short transactions for reading and for writing.

    On SQLite there is one writer at a time, with a lock around it. It never meets
    "database is locked" from its own process; and in SQLite before 3.51.3 one
    connection's checkpoint during another's write could lose commits
    (sqlite.org/wal.html#the_wal_reset_bug), so only who writes does checkpoints.
    """

    def __init__(self, url: URL, *, foreign_keys: bool = True) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._is_closed = False
        self._foreign = _foreign_errors(is_sqlite=self.is_sqlite)
        self._lock = asyncio.Lock()
        self._at_once: _AtOnce | None = None
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, foreign_keys=foreign_keys)
            self._reader = _sqlite_engine(url, is_reader=True)
            self._at_once = _AtOnce(url, foreign_keys=foreign_keys)
        else:
            self._writer = self._reader = _postgres_engine(url)

    async def close(self) -> None:
        """Close all connections; may be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        async with self._lock:
            # readers first: the last to leave does SQLite's final checkpoint, and
            # that must be the writer
            await self._reader.dispose()
            if self._at_once is not None:
                await self._at_once.close()
            if self._writer is not self._reader:
                await self._writer.dispose()

    async def read(self, work: Work[T]) -> T:
        """Run the work in a transaction that sees one state and changes nothing."""
        self._check_open()
        try:
            async with self._reader.begin() as connection:
                return await work(connection)
        except self._foreign as error:
            raise self._store_error(error) from error

    async def write(self, work: Work[T]) -> T:
        """Run the work in one transaction: all of it happens or nothing.

        The work may run several times (PostgreSQL: a deadlock), each time from the
        start. Once begun it is finished even if the caller is cancelled meanwhile.
        """
        self._check_open()
        if not self.is_sqlite:
            return await _finish(self._write(work))
        async with self._lock:
            self._check_open()
            return await _finish(self._write(work))

    async def write_at_once(self, work: WorkAtOnce[T], *, is_durable: bool = True) -> T:
        """Run synchronous work in one transaction, as `write` does.

        For the paths of many statements. On SQLite all of it runs in a thread: an
        await per statement would each time wait until the loop, busy with sending,
        comes round again, and keep the other writers waiting meanwhile.
        What is not durable may come undone by a power cut until the next commit that
        is; a crash of the program takes nothing.
        """
        self._check_open()
        if self._at_once is None:
            return await _finish(self._write(lambda c: c.run_sync(work)))
        async with self._lock:
            self._check_open()
            return await _finish(self._write_in_thread(self._at_once, work, is_durable))

    async def _write_in_thread(
        self, at_once: "_AtOnce", work: WorkAtOnce[T], is_durable: bool
    ) -> T:
        try:
            return await at_once.run(work, is_durable=is_durable)
        except self._foreign as error:
            raise self._store_error(error) from error

    async def _write(self, work: Work[T]) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._writer.begin() as connection:
                    return await work(connection)
            except self._foreign as error:
                if attempt == ATTEMPTS or not _is_worth_another(error):
                    raise self._store_error(error) from error
                logger.debug("transaction lost and done again", extra={"try": attempt})
                await asyncio.sleep(0.01 * attempt)
        raise AssertionError("the loop returns or raises")

    async def scrub(self) -> None:
        """Empty SQLite's log, where what was deleted still stands; else nothing.

        A reader at work keeps it from that, so it is tried a few times; the log is
        written over in time anyway.
        """
        if not self.is_sqlite:
            return
        for _ in range(ATTEMPTS):
            async with self._lock:
                self._check_open()
                if await asyncio.to_thread(_empty_log, self.url.database or ""):
                    return
            await asyncio.sleep(SCRUB_AGAIN)
        logger.info("the log could not be emptied now", extra={"action": "scrub"})

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError("the store is closed")

    def _store_error(self, error: BaseException) -> StoreError:
        """Say in words what went wrong, without parameters and passwords."""
        if isinstance(error, exc.TimeoutError):
            return StoreError("all database connections are busy for too long")
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        said = str(cause).partition("\n")[0]
        if self.is_sqlite:
            return StoreError(_sqlite_text(said, self.url.database or ""))
        kind = type(cause).__name__
        if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
            return StoreError(f"the connection to PostgreSQL was lost ({kind})")
        if isinstance(error, (OSError, TimeoutError)):
            where = f"{self.url.host or 'localhost'}:{self.url.port or 5432}"
            return StoreError(f"PostgreSQL does not answer at {where} ({kind})")
        if isinstance(error, exc.DataError | exc.StatementError) and not isinstance(
            error, exc.DBAPIError
        ):
            return StoreError(f"a value does not fit into the database ({kind})")
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if isinstance(error, exc.DataError) or state is None:
            # the driver's text would quote the value
            return StoreError(f"PostgreSQL refused ({kind})")
        return StoreError(f"PostgreSQL refused: {said.rpartition('>: ')[2]} ({state})")


def _empty_log(path: str) -> bool:
    """Move SQLite's log into the file and cut it off; False if it is being read."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            said = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    return not said[0]


async def _finish(work: Awaitable[T]) -> T:
    """Run the work to its end even if the caller is cancelled, then be cancelled.

    A transaction takes milliseconds; cut in the middle it would cost the connection.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            logger.debug("a transaction failed after its caller was cancelled")
        raise


def _is_worth_another(error: BaseException) -> bool:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in _AGAIN


def _sqlite_text(said: str, path: str) -> str:
    lower = said.lower()
    if "locked" in lower:
        return (
            f"{path} is locked by another program for over {BUSY_SECONDS:.0f} s: "
            "is a second Flipwatch or a backup tool using it?"
        )
    if "not a database" in lower or "malformed" in lower:
        return f"{path} is damaged or not a database ({said}): restore a backup"
    if "readonly" in lower or "unable to open" in lower:
        return f"{path} can't be opened for writing ({said}): check its owner and mode"
    if "full" in lower:
        return f"no space is left for {path}"
    return f"SQLite refused: {said}"


# ---------------------------------------------------------------- urls


def parse_url(url: str) -> URL:
    """Read a storage URL and choose our driver; raise `StoreError` if it is not one.

    `sqlite:///file` and `postgresql://...` may name the driver (`sqlite+aiosqlite`,
    `postgresql+asyncpg`) or leave it out.
    """
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise StoreError(
            "the storage URL can't be read: write sqlite:///flipwatch.db "
            "or postgresql://user:password@host/database"
        ) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise StoreError(
                    "SQLite needs a file, such as sqlite:///flipwatch.db: "
                    "what is only in memory would be forgotten at the next start"
                )
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres" | "postgresql+asyncpg":
            if importlib.util.find_spec("asyncpg") is None:
                raise StoreError(
                    "PostgreSQL needs the driver: pip install 'flipwatch[postgres]'"
                )
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise StoreError(
                f"“{other}” is no database we know: use sqlite:/// or postgresql://"
            )


def check_file(url: URL) -> None:
    """Raise `StoreError` if a SQLite file can't be used; never touches the file."""
    path = Path(url.database or "")
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(
            f"the folder {folder} does not exist: create it, or set storage.url"
        )
    if path.is_dir():
        raise StoreError(f"{path} is a folder: set storage.url to a file in it")
    if not path.exists():
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(
                f"the folder {folder} is not writable: check its owner and mode"
            )
        return
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(folder, os.W_OK):
        # SQLite writes its journal next to the file, so the folder counts too
        raise StoreError(f"{path} or its folder is not writable: check owner and mode")
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}") from error
    if head and head != SQLITE_MAGIC:
        raise StoreError(
            f"{path} is not a SQLite database: move it away, or set storage.url "
            "to another file"
        )


# ---------------------------------------------------------------- engines


def loads(text: str | bytes) -> Any:
    """Read JSON; most documents in the hot tables are empty."""
    return [] if text == "[]" else {} if text == "{}" else orjson.loads(text)


_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def dumps(value: object) -> str:
    """Write JSON; `ValueError` for NaN and infinity, which JSON does not have."""
    return _JSON.encode(value)


def _sqlite_engine(
    url: URL, *, foreign_keys: bool = True, is_reader: bool = False
) -> AsyncEngine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old: 3.35 is the oldest that works"
        )
    engine = create_async_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=SQLITE_READERS if is_reader else 1,
        max_overflow=0,
        # every transaction here ends by itself; a ROLLBACK more costs a thread switch
        pool_reset_on_return=None,
        json_serializer=dumps,
        json_deserializer=loads,
        hide_parameters=True,
    )
    _prepare(engine.sync_engine, foreign_keys=foreign_keys, is_reader=is_reader)
    return engine


def writer_pragmas(*, foreign_keys: bool = True) -> list[str]:
    """Return what a SQLite connection that writes is set to."""
    return [
        # readers see the last commit while a write is going on
        "journal_mode = WAL",
        f"synchronous = {SYNCHRONOUS}",
        f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        "temp_store = MEMORY",
        # what is deleted is overwritten: people who ask to be forgotten mean it
        "secure_delete = ON",
    ]


def _prepare(engine: Engine, *, foreign_keys: bool, is_reader: bool = False) -> None:
    """Set up every connection of a SQLite engine, and how its transactions begin."""
    pragmas = writer_pragmas(foreign_keys=foreign_keys)
    if is_reader:
        # the writer alone does checkpoints, see `Database`
        pragmas += ["wal_autocheckpoint = 0", "query_only = ON"]

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # sqlite3 would begin by itself, deferred and only before writes
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once: a deferred transaction that reads
        # and then writes fails with "database is locked" in spite of busy_timeout
        connection.exec_driver_sql("BEGIN" if is_reader else "BEGIN IMMEDIATE")


def _postgres_engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        connect_args={
            "timeout": CONNECT_TIMEOUT,
            "command_timeout": POSTGRES_TIMEOUT,
            # short statements: compiling them costs more than it gives
            "server_settings": {"application_name": "flipwatch", "jit": "off"},
        },
        pool_size=POSTGRES_CONNECTIONS,
        max_overflow=0,
        # a connection that died while idle is replaced before it is used
        pool_pre_ping=True,
        json_serializer=dumps,
        json_deserializer=loads,
        hide_parameters=True,
    )


async def log_version(connection: AsyncConnection) -> None:
    """Log which database this is: its version settles which bugs it has."""
    is_sqlite = connection.dialect.name == "sqlite"
    question = "SELECT sqlite_version()" if is_sqlite else "SHOW server_version"
    version = (await connection.execute(text(question))).scalar_one()
    logger.info(
        "database opened",
        extra={"database": connection.dialect.name, "version": str(version)},
    )


# ---------------------------------------------------------------- statements


def insert_into(
    connection: AsyncConnection | Connection, table: Table
) -> sqlite.Insert | postgresql.Insert:
    """Start an INSERT that knows ON CONFLICT, in this database's dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    keep: Sequence[str] = (),
) -> None:
    """Insert rows; where one with these keys is there, replace all but `keep`.

    All rows name the same columns. With nothing to replace the row there stays.
    """
    values = [dict(row) for row in rows]
    if not values:
        return
    statement = insert_into(connection, table)
    changed = [c for c in values[0] if c not in {*keys, *keep}]
    if changed:
        statement = statement.on_conflict_do_update(
            index_elements=list(keys),
            set_={column: statement.excluded[column] for column in changed},
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(keys))
    await connection.execute(statement, values)


def in_batches(items: Iterable[T], size: int = 500) -> Iterable[list[T]]:
    """Cut into lists short enough for one IN (a statement has 32,766 parameters)."""
    everything = list(items)
    for start in range(0, len(everything), size):
        yield everything[start : start + size]
