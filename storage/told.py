"""What recipients were told: load it, and write what became told."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Side, Tell, Told
from storage.columns import UtcTime
from storage.database import in_batches, insert_into, upsert
from storage.packed import among, moment, named, number, unpacked, words
from storage.rows import to_signal
from storage.tables import TOLD, TOLD_LINES


async def load_told(
    connection: AsyncConnection, recipient_id: int
) -> dict[tuple[int, int], Told]:
    """Load all that a recipient was told, by (recipient, asset)."""
    return await connection.run_sync(_read, _OF_RECIPIENT, {"ids": [recipient_id]})


def read_told(
    connection: Connection, pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Told]:
    """Load what was told to each (recipient, asset); without those never told."""
    return _read(connection, _OF_PAIRS, {"rows": list(pairs)})


def _read(
    connection: Connection,
    statements: tuple[Select[Any], Select[Any]],
    values: Mapping[str, Any],
) -> dict[tuple[int, int], Told]:
    of_told, of_lines = statements
    rows = named(connection.execute(of_told, values))
    lines: dict[tuple[int, int], dict[float, Side]] = {}
    for row in named(connection.execute(of_lines, values)) if rows else ():
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
    }


_PAIRS = unpacked("rows")


def _is_pair(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.recipient_id == number(_PAIRS, 0), table.c.asset_id == number(_PAIRS, 1)
    )


_OF_RECIPIENT = (
    select(TOLD).where(among(TOLD.c.recipient_id)),
    select(TOLD_LINES)
    .where(among(TOLD_LINES.c.recipient_id))
    .order_by(TOLD_LINES.c.threshold),
)
_OF_PAIRS = (
    select(TOLD).join_from(_PAIRS, TOLD, _is_pair(TOLD)),
    select(TOLD_LINES)
    .join_from(_PAIRS, TOLD_LINES, _is_pair(TOLD_LINES))
    .order_by(TOLD_LINES.c.threshold),
)


async def write_told(
    connection: AsyncConnection,
    recipient_id: int,
    tells: Iterable[Tell],
    *,
    now: datetime,
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
    pairs = {(recipient_id, tell.asset_id) for tell in news}
    told = await connection.run_sync(read_told, pairs)
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
                "told_at": now,
            }
    rows = [
        {
            "recipient_id": recipient_id,
            "asset_id": one.asset_id,
            "signal": None if one.signal is None else int(one.signal),
            "since": one.since,
            "watch_id": one.watch_id,
            "message_ref": one.message_ref,
            "told_at": now,
        }
        for one in told.values()
    ]
    spoken = {tell.asset_id for tell in news if tell.signal is not None}
    for is_spoken in (True, False):
        await upsert(
            connection,
            TOLD,
            [row for row in rows if (row["asset_id"] in spoken) is is_spoken],
            keys=["recipient_id", "asset_id"],
            # when a signal was told is not when a line was
            keep=() if is_spoken else ("told_at",),
        )
    await upsert(
        connection,
        TOLD_LINES,
        lines.values(),
        keys=["recipient_id", "asset_id", "threshold"],
    )


def tell_recipients(
    connection: Connection, news: Iterable[tuple[int, str, Tell]], now: datetime
) -> None:
    """Make what alerts told told: recipient, the platform's id of the alert, tell.

    Says what `write_told` says of alerts, for many recipients at once; in their order.
    """
    rows, lines = [], []
    for recipient_id, ref, tell in news:
        signal = None if tell.signal is None else int(tell.signal)
        since = None if tell.signal is None else tell.since
        rows.append((recipient_id, tell.asset_id, signal, since, tell.watch_id, ref))
        lines += [
            {
                "recipient_id": recipient_id,
                "asset_id": tell.asset_id,
                "threshold": threshold,
                "side": side.value,
                "told_at": now,
            }
            for threshold, side in tell.lines.items()
        ]
    if rows:
        statement = _tell_statement(connection.dialect.name)
        for batch in _without_repeats(rows):
            connection.execute(statement, {"rows": batch, "now": now})
    if lines:
        # one by one: a float may lose its last digit on its way through JSON
        put = insert_into(connection, TOLD_LINES)
        connection.execute(
            put.on_conflict_do_update(
                index_elements=["recipient_id", "asset_id", "threshold"],
                set_={"side": put.excluded.side, "told_at": put.excluded.told_at},
            ),
            lines,
        )


def _without_repeats(
    rows: Sequence[tuple[Any, ...]],
) -> Iterable[Sequence[tuple[Any, ...]]]:
    """Cut rows so that no statement is about one row twice: PostgreSQL refuses that."""
    is_once = len({row[:2] for row in rows}) == len(rows)
    return [rows] if is_once else [[row] for row in rows]


@lru_cache
def _tell_statement(dialect: str) -> Any:
    rows = unpacked("rows")
    new: dict[str, ColumnElement[Any]] = {
        "recipient_id": number(rows, 0),
        "asset_id": number(rows, 1),
        "signal": number(rows, 2),
        "since": moment(rows, 3),
        "watch_id": number(rows, 4),
        "message_ref": words(rows, 5),
        "told_at": bindparam("now", type_=UtcTime()),
    }
    # WHERE, because SQLite would take ON for a join's
    selected = select(*new.values()).select_from(rows).where(true())
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    put = insert(TOLD).from_select(list(new), selected)
    has_signal = put.excluded.signal.is_not(None)
    known_watch = func.coalesce(TOLD.c.watch_id, put.excluded.watch_id)
    return put.on_conflict_do_update(
        index_elements=["recipient_id", "asset_id"],
        set_={
            "signal": case((has_signal, put.excluded.signal), else_=TOLD.c.signal),
            "since": case((has_signal, put.excluded.since), else_=TOLD.c.since),
            "watch_id": case((has_signal, put.excluded.watch_id), else_=known_watch),
            "told_at": case((has_signal, put.excluded.told_at), else_=TOLD.c.told_at),
            "message_ref": func.coalesce(
                func.nullif(put.excluded.message_ref, ""), TOLD.c.message_ref
            ),
        },
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
