"""A SQLite file as a file: looked into, verified and copied, with nothing changed.

Everything here blocks; async code calls it in a thread.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from bot.errors import StoreError
from storage.database import BUSY_SECONDS, SQLITE_MAGIC
from storage.migrations import Schema, schema_of

#: what SQLite keeps beside a file
SIDE_FILES = ("-wal", "-shm", "-journal")
#: so many faults are named; one is enough to know
FAULTS_SHOWN = 3


@contextlib.contextmanager
def looking_into(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that is there, for reading; `StoreError` if it can't be read."""
    try:
        with path.open("rb") as file:
            head = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise StoreError(f"{path} can't be read: {error.strerror}") from error
    if head != SQLITE_MAGIC:
        raise StoreError(f"{path} is not a SQLite database: give another file")
    try:
        # not mode=ro: that could not read the log of a database that nobody has open
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
        )
        with contextlib.closing(connection):
            connection.execute("PRAGMA query_only = ON")
            # who writes does the checkpoints, see `Database`
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            yield connection
    except sqlite3.Error as error:
        raise StoreError(_said(path, error)) from error


def schema_in(path: Path) -> Schema:
    """Say how far a file's schema is; raise `StoreError` as `schema_of` does."""
    with looking_into(path) as raw:
        # closing this one closes `raw`, which may be closed twice
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=NullPool)
        with engine.connect() as connection:
            return schema_of(connection)


def faults(path: Path, *, is_quick: bool) -> list[str]:
    """List what is damaged in a file, a few at most; empty is well.

    The quick way leaves out whether indexes agree with their tables, and whether
    every row that is named is there.
    """
    how = "quick_check" if is_quick else "integrity_check"
    try:
        with looking_into(path) as connection:
            said = connection.execute(f"PRAGMA {how}({FAULTS_SHOWN})").fetchall()
            found = [str(row[0]) for row in said if row[0] != "ok"]
            if not is_quick and not found:
                lost = connection.execute("PRAGMA foreign_key_check").fetchmany(
                    FAULTS_SHOWN
                )
                found = [f"a row of {row[0]} names one of {row[2]}" for row in lost]
            return found
    except StoreError as error:
        return [str(error)]


def copy_file(source: Path, target: Path) -> None:
    """Copy a database that may be in use, as it is at one moment, into one file.

    The copy is complete on the disk when this returns, readable by its owner alone;
    until then nothing stands at `target`. Raises `StoreError`; a target that is there
    is refused.
    """
    if target.exists():
        raise StoreError(f"{target} is there already: give another name")
    part = target.with_name(f"{target.name}.part")
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            looking_into(source) as from_,
            contextlib.closing(sqlite3.connect(part)) as to,
        ):
            from_.backup(to)
            # one file, without a log beside it
            to.execute("PRAGMA journal_mode = DELETE")
        finish(part, target)
    except OSError as error:
        raise StoreError(f"{target} can't be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(_said(target, error)) from error
    finally:
        for name in (part, *(Path(f"{part}{tail}") for tail in SIDE_FILES)):
            with contextlib.suppress(OSError):
                name.unlink()


def finish(part: Path, target: Path) -> None:
    """Bring a written file to the disk and give it its name."""
    _sync(part)
    part.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _said(path: Path, error: sqlite3.Error) -> str:
    said = str(error)
    lower = said.lower()
    if "not a database" in lower or "malformed" in lower:
        return f"{path} is damaged ({said}): restore a backup"
    if "full" in lower:
        return f"no space is left for {path}: free some"
    if "locked" in lower:
        return f"{path} is locked by another program: wait until that is done"
    return f"{path} can't be used ({said}): check its owner and mode"
