"""What is done to a whole database: backed up, restored, copied, migrated.

A backup is always a SQLite file with our schema, also of a PostgreSQL database: it can
be looked into, and be copied to either.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL

from bot.errors import StoreError
from bot.ports import Clock
from storage import open_store
from storage.copying import copy_rows
from storage.database import Database, check_file, parse_url
from storage.lockfile import LockFile
from storage.sqlite_file import SIDE_FILES, copy_file, faults, finish, schema_in


async def back_up(url: str, target: Path, *, now: Clock) -> None:
    """Write a backup of a database that may be in use; verified when this returns.

    The file is readable by its owner alone; until it is whole nothing stands at
    `target`. Raises `StoreError`.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        check_file(parsed)
        path = Path(parsed.database or "")
        if not await asyncio.to_thread(path.exists):
            raise StoreError(f"{path} does not exist: there is nothing to back up")
        await asyncio.to_thread(copy_file, path, target)
    else:
        await _dump(parsed, target, now)
    damage = await asyncio.to_thread(faults, target, is_quick=False)
    if damage:
        raise StoreError(f"the backup {target} is damaged ({damage[0]}): keep another")


async def _dump(source: URL, target: Path, now: Clock) -> None:
    """Copy a server's database into a file."""
    if await asyncio.to_thread(target.exists):
        raise StoreError(f"{target} is there already: give another name")
    part = target.with_name(f"{target.name}.part")
    await asyncio.to_thread(_make_private, part)
    try:
        await copy(_url(source), f"sqlite+aiosqlite:///{part}", now=now)
        await asyncio.to_thread(finish, part, target)
    except OSError as error:
        raise StoreError(f"{target} can't be written: {error.strerror}") from error
    finally:
        await asyncio.to_thread(_clear, part)


def _make_private(path: Path) -> None:
    _clear(path)
    try:
        path.touch(0o600, exist_ok=False)
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}") from error


def _clear(path: Path) -> None:
    for name in (path, *(Path(f"{path}{tail}") for tail in SIDE_FILES)):
        with contextlib.suppress(OSError):
            name.unlink()


async def restore(backup: Path, url: str, *, now: Clock) -> Path | None:
    """Put a backup in the place of a database that nobody uses.

    What was there is kept under another name, which is returned. Raises `StoreError`,
    and then nothing was changed: a backup that is damaged, another program's or a
    newer Flipwatch's; a database in use; a server's database that is not empty.
    """
    await asyncio.to_thread(_verify, backup)
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return await asyncio.to_thread(_put_back, backup, parsed, now())
    await copy(f"sqlite+aiosqlite:///{backup}", url, now=now)
    return None


def _verify(backup: Path) -> None:
    if not backup.is_file():
        raise StoreError(f"{backup} does not exist: give the name of a backup")
    damage = faults(backup, is_quick=False)
    if damage:
        raise StoreError(f"{backup} is damaged ({damage[0]}): use an older backup")
    if schema_in(backup).is_new:
        raise StoreError(f"{backup} is empty: use another backup")


def _put_back(backup: Path, parsed: URL, now: datetime) -> Path | None:
    path = Path(parsed.database or "")
    if path.exists() and path.resolve() == backup.resolve():
        raise StoreError(f"{backup} is the database itself: give the backup's name")
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} does not exist: create it")
    lock = LockFile(path)
    fresh = path.with_name(f"{path.name}.restored")
    try:
        _clear(fresh)
        copy_file(backup, fresh)
        aside = None
        if path.exists():
            aside = path.with_name(f"{path.name}.before-{now:%Y%m%d-%H%M%S}")
            # its log goes with it, under the name that belongs to it
            for tail in ("", *SIDE_FILES):
                if Path(f"{path}{tail}").exists():
                    Path(f"{path}{tail}").rename(f"{aside}{tail}")
        finish(fresh, path)
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}") from error
    finally:
        _clear(fresh)
        lock.release()
    return aside


async def copy(source: str, target: str, *, now: Clock) -> Mapping[str, int]:
    """Copy everything into an empty database; return how many rows of each table.

    All or nothing. The rows are counted on both sides before the end. Raises
    `StoreError`: a source in use, of another schema, a target that is not empty.
    """
    from_, to = parse_url(source), parse_url(target)
    if (from_.host, from_.port, from_.database) == (to.host, to.port, to.database):
        raise StoreError("source and target are the same database: name another one")
    # the target first: it makes the schema, and refuses what is not ours
    store = await open_store(target, now=now)
    await store.close()
    async with _alone(from_), _opened(from_) as reading, _opened(to) as writing:
        return await copy_rows(reading, writing)


@asynccontextmanager
async def _alone(url: URL) -> AsyncIterator[None]:
    """Keep the program away from a file meanwhile; what it writes would be missed."""
    if url.get_backend_name() != "sqlite":
        yield
        return
    check_file(url)
    path = Path(url.database or "")
    if not await asyncio.to_thread(path.exists):
        raise StoreError(f"{path} does not exist: there is nothing to copy")
    lock = await asyncio.to_thread(LockFile, path)
    try:
        yield
    finally:
        lock.release()


@asynccontextmanager
async def _opened(url: URL) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def migrate(url: str, *, now: Clock) -> None:
    """Bring the schema up to date while nobody uses it; a file is copied before."""
    store = await open_store(url, now=now, is_alone=True, may_migrate=True)
    await store.close()


def _url(parsed: URL) -> str:
    return parsed.render_as_string(hide_password=False)
