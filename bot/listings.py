"""What the command line lists: rows out of the store, and how they are shown.

A row is a plain dictionary; `--json` prints it as it is.
"""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from bot.config import Config
from bot.model import DeliveryRecord, DeliveryState
from bot.ports import Store

Row = dict[str, object]


@asynccontextmanager
async def opened(config: Config) -> AsyncIterator[Store]:
    """Open the store beside a bot that may be running."""
    from bot.app import utc_now
    from storage import open_store

    # a bot of the older version may be running: its schema is not ours to change
    store = await open_store(config.storage.url, now=utc_now, may_migrate=False)
    try:
        yield store
    finally:
        await store.close()


async def source_name(config: Config) -> str:
    """Return the name of the configured source, which is asked nothing."""
    from bot.app import utc_now
    from engine import open_source

    source = open_source(config.engine, now=utc_now)
    await source.close()
    return source.name


async def list_assets(config: Config) -> list[Row]:
    """List the source's assets, largest first."""
    source = await source_name(config)
    async with opened(config) as store:
        assets = await store.list_assets(source)
    return [
        {
            "id": a.key,
            "symbol": a.symbol,
            "name": a.name,
            "signal": a.state.standing.word if a.state else None,
            "since": _iso(a.state.standing_since if a.state else None),
            "grade": a.state.last.grade if a.state else None,
            "price": a.state.last.price if a.state else None,
            "as_of": _iso(a.state.last.as_of if a.state else None),
        }
        for a in assets
    ]


async def list_events(config: Config, limit: int) -> list[Row]:
    """List the source's events, newest first."""
    source = await source_name(config)
    async with opened(config) as store:
        events = await store.recent_events(source, limit=limit)
        assets = await store.get_assets([e.asset_id for e in events])
    return [
        {
            "as_of": _iso(e.as_of),
            "kind": e.kind.value,
            "symbol": assets[e.asset_id].symbol if e.asset_id in assets else "",
            "from": e.from_signal.word,
            "to": e.to_signal.word,
            "grade_from": e.grade_from,
            "grade_to": e.grade_to,
            "lines": [f"{p.threshold:g} {p.direction.value}" for p in e.passed],
            "detected_at": _iso(e.detected_at),
            "key": e.key,
        }
        for e in events
    ]


async def list_deliveries(
    config: Config, state: DeliveryState | None, limit: int
) -> list[Row]:
    """List deliveries of all recipients, newest first."""
    async with opened(config) as store:
        records = await store.list_deliveries(state=state, limit=limit)
    return [_delivery(record) for record in records]


def _delivery(record: DeliveryRecord) -> Row:
    return {
        "id": record.id,
        "state": record.state.value,
        "reason": record.reason,
        "recipient": str(record.recipient),
        "symbol": record.symbol,
        "kind": record.kind.value,
        "as_of": _iso(record.as_of),
        "attempts": record.attempts,
        "created_at": _second(record.created_at),
        "due_at": _second(record.due_at),
        "sent_at": _second(record.sent_at),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _second(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


# ---------------------------------------------------------------------------- showing


def as_json(rows: Sequence[Row]) -> str:
    """Write rows as one JSON array."""
    return json.dumps(rows, ensure_ascii=False, indent=1)


def as_table(rows: Sequence[Row], *, hidden: Collection[str] = ()) -> list[str]:
    """Write rows as lines with aligned columns, the names first.

    `hidden` columns are left to `as_json`.
    """
    if not rows:
        return []
    columns = [name for name in rows[0] if name not in hidden]
    table = [columns, *([_cell(row[name]) for name in columns] for row in rows)]
    widths = [max(len(cells[i]) for cells in table) for i in range(len(columns))]
    return [
        "  ".join(x.ljust(w) for x, w in zip(cells, widths, strict=True)).rstrip()
        for cells in table
    ]


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list):
        return " ".join(str(v) for v in value)
    return str(value)
