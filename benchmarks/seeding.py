"""Quick, deterministic databases for measuring: plain SQL, no randomness.

A seeded database has assets, and recipients of whom each watches so many of them. With
one watch each, everybody watches the first asset; with more, the watches are spread
evenly, so that of any sixth of the assets everybody watches three or four in twenty.
"""

import asyncio
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage import database, open_store

#: when the seeded world was made; what is measured happens an hour later
START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
NOW = START + timedelta(hours=1)
SOURCE = "bench"
#: coprime to our numbers of assets, so that the watches of one recipient differ
_STRIDE = 1_117


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many there are of everything."""

    recipients: int
    watches: int = 1
    assets: int = 6_000


def micros(moment: datetime) -> int:
    """Spell a moment as SQLite rows do."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def connect(path: Path) -> sqlite3.Connection:
    """Open a file by bare sqlite3, with the pragmas the store's writer has."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in database.writer_pragmas():
        connection.execute(f"PRAGMA {pragma}")
    return connection


def copy(path: Path, to: Path) -> Path:
    """Copy a closed database."""
    shutil.copy(path, to)
    return to


def migrate(url: str) -> None:
    """Create an empty database with today's schema."""

    async def work() -> None:
        store = await open_store(url, now=lambda: START)
        await store.close()

    asyncio.run(work())


def seed(path: Path, size: Size, *, every: int) -> Path:
    """Make a new SQLite file in which every so-manieth asset has just flipped."""
    migrate(f"sqlite:///{path}")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    # filled first and indexed then: several times as fast
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master"
        " WHERE type = 'index' AND tbl_name = 'watches' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    for statement in (*rows_of(size), flips(every)):
        connection.execute(statement, {"now": micros(START)})
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def _numbers(count: int) -> str:
    return (
        "WITH RECURSIVE n(i) AS"
        f" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    )


def rows_of(size: Size, now: str = ":now") -> list[str]:
    """Write the statements that fill the tables, on either database."""
    asset = "1"
    if size.watches > 1:
        asset = f"1 + (r.id * 7 + n.i * {_STRIDE}) % {size.assets}"
    return [
        f"""{_numbers(size.assets)}
        INSERT INTO assets (id, source, key, symbol, symbol_folded, name, name_folded,
          link, categories, market_cap, volume, rank, created_at)
        SELECT i, '{SOURCE}', 'k' || i, 'C' || i, 'c' || i, 'Coin ' || i,
          'coin ' || i, '', '[]', 1e12 / i, 1e10 / i, i, {now} FROM n""",
        f"""{_numbers(size.recipients)}
        INSERT INTO recipients (id, platform, chat, topic, kind, language, thresholds,
          settings, parked_since, parked_reason, lease_owner, lease_until, created_at)
        SELECT i, CASE i % 2 WHEN 0 THEN 'discord' ELSE 'telegram' END,
          CAST(i AS TEXT), '', 'private', 'en', '[]', '{{}}', NULL, '', NULL, NULL,
          {now} FROM n""",
        f"""{_numbers(size.watches)}
        INSERT INTO watches (recipient_id, target_key, scope, asset_id, category, top,
          text, is_exception, is_urgent, created_at, created_by)
        SELECT recipient, 'asset:' || asset, 'asset', asset, '', 0,
          '/watch C' || asset, FALSE, FALSE, {now}, ''
        FROM (SELECT r.id AS recipient, {asset} AS asset FROM recipients r, n) w""",
    ]


def flips(every: int, *, again: int = 0) -> str:
    """Write the statement that commits a flip of every so-manieth asset."""
    return f"""
        INSERT INTO events (key, kind, source, asset_id, as_of, detected_at,
          from_signal, to_signal, grade_from, grade_to, passed, is_revision, corrects,
          cursor)
        SELECT 'flip:{again}:' || id, 'flip', '{SOURCE}', id, created_at, created_at,
          -1, 1, 40, 80, '[]', FALSE, '', 0
        FROM assets WHERE (id - 1) % {every} = 0 ORDER BY id"""
