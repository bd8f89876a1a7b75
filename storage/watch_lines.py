"""The lines of watches: effective ones, and private sides while they differ."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Tell, Watch
from storage.database import insert_into, upsert
from storage.rows import covering, to_watch
from storage.tables import ASSETS, LINES, PRIVATE_LINES, WATCH_LINES, WATCHES


async def write_lines(
    connection: AsyncConnection, watch_id: int, thresholds: Sequence[float]
) -> None:
    """Write the effective lines of one watch."""
    await connection.execute(
        delete(WATCH_LINES).where(WATCH_LINES.c.watch_id == watch_id)
    )
    rows = [
        {"watch_id": watch_id, "threshold": float(threshold)}
        for threshold in sorted(set(thresholds))
    ]
    if rows:
        await connection.execute(insert(WATCH_LINES), rows)


async def write_default_lines(
    connection: AsyncConnection, recipient_id: int, thresholds: Sequence[float]
) -> None:
    """Write a recipient's default lines on all its watches without their own."""
    for watch in await load_watches(connection, recipient_id):
        if watch.conditions.thresholds is None and not watch.is_exception:
            await write_lines(connection, watch.id, thresholds)


async def load_watches(
    connection: AsyncConnection, recipient_id: int
) -> Sequence[Watch]:
    """Load a recipient's watches and exceptions, oldest first."""
    rows = await connection.execute(
        select(WATCHES)
        .where(WATCHES.c.recipient_id == recipient_id)
        .order_by(WATCHES.c.created_at, WATCHES.c.id)
    )
    return [to_watch(row) for row in rows]


async def start_lines(
    connection: AsyncConnection,
    recipient_id: int,
    shown: Tell,
    thresholds: Sequence[float],
    now: datetime,
) -> None:
    """Let a new watch's lines start on the side its reply showed.

    A shared line that stands otherwise, or is locked after firing for others, gets a
    private one beside it. Where there is no shared line yet it begins here, so that
    a crossing between the reply and the next poll is not taken for the start.
    """
    rows = await connection.execute(
        select(LINES).where(LINES.c.asset_id == shown.asset_id)
    )
    shared = {row.threshold: row for row in rows}
    for threshold in sorted({float(threshold) for threshold in thresholds}):
        side = shown.lines.get(threshold)
        if side is None:
            continue
        own = {
            "asset_id": shown.asset_id,
            "threshold": threshold,
            "side": side.value,
            "is_locked": False,
        }
        line = shared.get(threshold)
        if line is None:
            await connection.execute(
                insert_into(connection, LINES)
                .values(own | {"created_at": now})
                .on_conflict_do_nothing(index_elements=["asset_id", "threshold"])
            )
        if line is None or (line.side == side.value and not line.is_locked):
            await _drop(connection, recipient_id, [(shown.asset_id, threshold)])
            continue
        await upsert(
            connection,
            PRIVATE_LINES,
            [own | {"recipient_id": recipient_id}],
            keys=["recipient_id", "asset_id", "threshold"],
        )


async def drop_unwanted_lines(connection: AsyncConnection, recipient_id: int) -> None:
    """Drop private lines that no watch of the recipient asks for any more."""
    rows = (
        await connection.execute(
            select(PRIVATE_LINES, ASSETS.c.categories, ASSETS.c.rank)
            .join(ASSETS, ASSETS.c.id == PRIVATE_LINES.c.asset_id)
            .where(PRIVATE_LINES.c.recipient_id == recipient_id)
        )
    ).all()
    if not rows:
        return
    watches = await load_watches(connection, recipient_id)
    lines: dict[int, set[float]] = {}
    for row in await connection.execute(
        select(WATCH_LINES)
        .join(WATCHES, WATCHES.c.id == WATCH_LINES.c.watch_id)
        .where(WATCHES.c.recipient_id == recipient_id)
    ):
        lines.setdefault(row.watch_id, set()).add(row.threshold)

    def is_wanted(row: Any) -> bool:
        found = covering(row.asset_id, row.categories, row.rank, watches)
        return any(row.threshold in lines.get(watch.id, ()) for watch in found)

    unwanted = [(r.asset_id, r.threshold) for r in rows if not is_wanted(r)]
    await _drop(connection, recipient_id, unwanted)


async def _drop(
    connection: AsyncConnection, recipient_id: int, lines: Sequence[tuple[int, float]]
) -> None:
    if not lines:
        return
    await connection.execute(
        delete(PRIVATE_LINES).where(
            and_(
                PRIVATE_LINES.c.recipient_id == recipient_id,
                PRIVATE_LINES.c.asset_id == bindparam("of_asset"),
                PRIVATE_LINES.c.threshold == bindparam("of_threshold"),
            )
        ),
        [{"of_asset": asset, "of_threshold": line} for asset, line in lines],
    )
