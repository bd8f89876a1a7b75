"""Looks at the database as it is, and changes nothing: no file, no schema, no row."""

import asyncio
import stat
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import findings
from bot.errors import StoreError
from bot.findings import Finding
from storage.database import Database, check_file, parse_url
from storage.migrations import Schema, schema_of
from storage.sqlite_file import faults, schema_in

_SUBJECT = "database"
#: a whole look at a larger file takes more than a few seconds; `db check` takes them
QUICK_BYTES = 200 * 2**20
_POSTGRES_CURE = "check storage.url, and that the server runs and lets this user in"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def check(
    url: str, *, may_migrate: bool, is_whole: bool = False
) -> list[Finding]:
    """Check that the database can be used by this Flipwatch, and say how it stands.

    `is_whole` looks at every page and every reference of a SQLite file, however large.
    """
    try:
        parsed = parse_url(url)
        if parsed.get_backend_name() != "sqlite":
            return [await _check_server(parsed, may_migrate=may_migrate)]
        return await asyncio.to_thread(
            _check_file, parsed, may_migrate=may_migrate, is_whole=is_whole
        )
    except StoreError as error:
        return [_refused(error)]


async def is_current(url: str) -> bool:
    """Whether the store can be opened with no change to its schema."""
    try:
        parsed = parse_url(url)
        if parsed.get_backend_name() != "sqlite":
            schema = await _server_schema(parsed)
        else:
            check_file(parsed)
            schema = await asyncio.to_thread(schema_in, Path(parsed.database or ""))
    except StoreError:
        return False
    return not schema.pending


def _check_file(parsed: URL, *, may_migrate: bool, is_whole: bool) -> list[Finding]:
    check_file(parsed)
    path = Path(parsed.database or "")
    size = path.stat().st_size if path.exists() else 0
    if not size:
        return [findings.ok(_SUBJECT, f"{path} is made by the first start")]
    if is_whole or size <= QUICK_BYTES:
        damage = faults(path, is_quick=not is_whole)
        if damage:
            return [_damaged(path, damage[0])]
    where = f"{path}, {size / 2**20:.1f} MB"
    found = [_standing(schema_in(path), where, may_migrate=may_migrate)]
    if path.stat().st_mode & _OTHERS:
        said = f"other users of this machine can read {path}"
        found.append(findings.look(_SUBJECT, said, f"chmod 600 {path}"))
    return found


def _damaged(path: Path, what: str) -> Finding:
    said = " ".join(what.replace(str(path), "it").split())[:120]
    return findings.wrong(
        _SUBJECT,
        f"{path} is damaged ({said})",
        "stop the bot and restore a backup: flipwatch db restore FILE",
    )


async def _check_server(parsed: URL, *, may_migrate: bool) -> Finding:
    schema = await _server_schema(parsed)
    where = f"PostgreSQL at {parsed.host or 'localhost'}"
    return _standing(schema, where, may_migrate=may_migrate)


async def _server_schema(parsed: URL) -> Schema:
    database = Database(parsed)

    async def work(connection: AsyncConnection) -> Schema:
        return await connection.run_sync(schema_of)

    try:
        return await database.read(work)
    finally:
        await database.close()


def _standing(schema: Schema, where: str, *, may_migrate: bool) -> Finding:
    if schema.is_new:
        return findings.ok(_SUBJECT, f"{where}, empty: the first start fills it")
    if not schema.pending:
        return findings.ok(_SUBJECT, f"{where}, schema {schema.at}")
    count = len(schema.pending)
    said = f"{where}, schema {schema.at}: {count} step{'s'[: count > 1]} behind"
    if may_migrate:
        return findings.look(
            _SUBJECT, said, "the next start brings it up to date, after a backup"
        )
    cure = "flipwatch db backup, then flipwatch db migrate"
    return findings.wrong(_SUBJECT, said, cure)


def _refused(error: StoreError) -> Finding:
    """Tell the store's own words, which name the cure after their last colon."""
    cause, colon, cure = str(error).rpartition(": ")
    if not colon or cause.startswith("PostgreSQL"):
        return findings.wrong(_SUBJECT, str(error), _POSTGRES_CURE)
    return findings.wrong(_SUBJECT, cause, cure)
