"""What recipients were told: load it, and write what became told."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Side, Tell, Told
from storage.database import in_batches, upsert
from storage.rows import to_signal
from storage.tables import TOLD, TOLD_LINES


async def load_told(
    connection: AsyncConnection,
    recipient_ids: Collection[int],
    asset_ids: Collection[int] | None = None,
) -> dict[tuple[int, int], Told]:
    """Load told rows by (recipient, asset); None for the assets means all."""
    wanted = None if asset_ids is None else frozenset(asset_ids)
    rows: list[Any] = []
    lines: dict[tuple[int, int], dict[float, Side]] = {}
    for batch in in_batches(recipient_ids):
        of_told = select(TOLD).where(TOLD.c.recipient_id.in_(batch))
        of_lines = (
            select(TOLD_LINES)
            .where(TOLD_LINES.c.recipient_id.in_(batch))
            .order_by(TOLD_LINES.c.threshold)
        )
        if wanted is not None and len(wanted) <= _FEW:
            of_told = of_told.where(TOLD.c.asset_id.in_(wanted))
            of_lines = of_lines.where(TOLD_LINES.c.asset_id.in_(wanted))
        rows += await connection.execute(of_told)
        for row in await connection.execute(of_lines):
            key = (row.recipient_id, row.asset_id)
            lines.setdefault(key, {})[row.threshold] = Side(row.side)
    return {
        (row.recipient_id, row.asset_id): Told(
            asset_id=row.asset_id,
            signal=to_signal(row.signal),
            since=row.since,
            lines=lines.get((row.recipient_id, row.asset_id), {}),
            watch_id=row.watch_id,
            message_ref=row.message_ref,
        )
        for row in rows
        if wanted is None or row.asset_id in wanted
    }


#: with more assets than this all of a recipient's are loaded and sifted
_FEW = 500


async def write_told(
    connection: AsyncConnection,
    recipient_id: int,
    tells: Iterable[Tell],
    *,
    message_ref: str = "",
    is_reply: bool = False,
) -> None:
    """Make tells told: merge each onto what the recipient was told before.

    A tell without a signal leaves signal, since and watch as they are; lines are
    added to those known; without `message_ref` the last alert's stays. A reply that
    shows the signal already told leaves since and the alert's watch too: whoever an
    alert told bullish still hears of its end after asking about it.
    """
    news = list(tells)
    told = await load_told(connection, [recipient_id], {t.asset_id for t in news})
    lines: dict[tuple[int, float], dict[str, Any]] = {}
    for tell in news:
        known = told.get((recipient_id, tell.asset_id), Told(asset_id=tell.asset_id))
        is_known = tell.signal is None or (is_reply and known.signal is tell.signal)
        kept = known if is_known else tell
        told[recipient_id, tell.asset_id] = Told(
            asset_id=tell.asset_id,
            signal=kept.signal,
            since=kept.since,
            watch_id=kept.watch_id or tell.watch_id,
            message_ref=message_ref or known.message_ref,
        )
        for threshold, side in tell.lines.items():
            lines[tell.asset_id, threshold] = {
                "recipient_id": recipient_id,
                "asset_id": tell.asset_id,
                "threshold": threshold,
                "side": side.value,
            }
    rows = [
        {
            "recipient_id": recipient_id,
            "asset_id": one.asset_id,
            "signal": None if one.signal is None else int(one.signal),
            "since": one.since,
            "watch_id": one.watch_id,
            "message_ref": one.message_ref,
        }
        for one in told.values()
    ]
    await upsert(connection, TOLD, rows, keys=["recipient_id", "asset_id"])
    await upsert(
        connection,
        TOLD_LINES,
        lines.values(),
        keys=["recipient_id", "asset_id", "threshold"],
    )


async def forget_told(
    connection: AsyncConnection, recipient_id: int, asset_ids: Iterable[int]
) -> None:
    """Delete what was told of these assets."""
    for batch in in_batches(asset_ids):
        for table in (TOLD, TOLD_LINES):
            await connection.execute(
                delete(table).where(
                    table.c.recipient_id == recipient_id, table.c.asset_id.in_(batch)
                )
            )
