"""The commit of one poll: everything it changes, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLostError, NotFoundError
from bot.model import AssetInfo, Event, EventKind, PrivateLine, Reading
from bot.ports import PollResult
from storage.database import in_batches, insert_into, upsert
from storage.held import wake_held
from storage.rows import (
    event_values,
    market_values,
    poll_values,
    state_values,
    to_signal,
)
from storage.tables import (
    ALIASES,
    ASSETS,
    CATEGORIES,
    EVENTS,
    LINES,
    MARKET,
    POLLS,
    PRIVATE_LINES,
    READINGS,
    STATES,
)


async def commit_poll(
    connection: AsyncConnection, result: PollResult
) -> Sequence[Event]:
    """Do what `Store.commit_poll` says inside the caller's transaction."""
    poll = await _hold_poll(connection, result)
    source = result.tick.source
    ids = await _refresh_assets(connection, result)
    await _add_readings(connection, result, ids)
    await _write_lines(connection, result, ids)
    await upsert(
        connection,
        STATES,
        [state_values(ids[key], state) for key, state in result.states.items()],
        keys=["asset_id"],
    )
    await _move_seen_at(connection, result, ids)
    await _write_private_lines(connection, result, ids)
    events = await add_events(connection, result.events, ids)
    await wake_held(connection, result.states, ids, result.finished_at)
    if result.market is not None:
        await upsert(
            connection,
            MARKET,
            [market_values(source, result.market)],
            keys=["source", "as_of"],
        )
    if any(r.market_cap is not None for r in result.snapshot.readings):
        await _rank(connection, source)
    await _finish_poll(connection, result, poll, len(events))
    return events


async def _finish_poll(
    connection: AsyncConnection, result: PollResult, poll: Any, events: int
) -> None:
    """Write what the poll came to; a further snapshot of it counts on.

    The same snapshot again changes nothing. Of a poll that brings several, the bookmark
    is that of the last: a restart goes on after it.
    """
    snapshot, tick = result.snapshot, result.tick
    if result.failure:
        await connection.execute(
            update(POLLS)
            .where(
                POLLS.c.source == tick.source,
                POLLS.c.number == tick.number,
                POLLS.c.is_ok.is_(False),
            )
            .values(
                finished_at=result.finished_at, reason=result.failure, events=events
            )
        )
        return
    is_further = bool(poll.is_ok)
    if is_further and snapshot.bookmark == poll.bookmark:
        return
    times = [reading.as_of for reading in snapshot.readings]
    if is_further and poll.as_of is not None:
        times.append(poll.as_of)
    await connection.execute(
        update(POLLS)
        .where(POLLS.c.source == tick.source, POLLS.c.number == tick.number)
        .values(
            finished_at=result.finished_at,
            is_ok=True,
            reason="",
            as_of=max(times, default=None),
            readings=len(snapshot.readings),
            events=(poll.events if is_further else 0) + events,
            bookmark=snapshot.bookmark,
        )
    )


async def asset_ids(
    connection: AsyncConnection, source: str, keys: Iterable[str]
) -> dict[str, int]:
    """Return the ids of those of the assets that the store knows."""
    ids: dict[str, int] = {}
    for batch in in_batches(set(keys)):
        rows = await connection.execute(
            select(ASSETS.c.key, ASSETS.c.id).where(
                ASSETS.c.source == source, ASSETS.c.key.in_(batch)
            )
        )
        ids |= {row.key: row.id for row in rows}
    return ids


async def _hold_poll(connection: AsyncConnection, result: PollResult) -> Any:
    """Lock the poll's row and return it as it was.

    Raises `LeaseLostError` if a later poll has the source by now: this one compared
    with states that are no longer the newest.
    """
    tick = result.tick
    newest = await connection.execute(
        select(func.max(POLLS.c.number)).where(POLLS.c.source == tick.source)
    )
    if (newest.scalar() or 0) > tick.number:
        raise LeaseLostError(f"poll {tick.number} was overtaken by a later one")
    # a tick that nobody claimed (an import, a test) gets its row here
    await connection.execute(
        insert_into(connection, POLLS)
        .values(poll_values(tick, ""))
        .on_conflict_do_nothing(index_elements=["source", "number"])
    )
    held = await connection.execute(
        select(POLLS.c.is_ok, POLLS.c.bookmark, POLLS.c.as_of, POLLS.c.events)
        .where(POLLS.c.source == tick.source, POLLS.c.number == tick.number)
        .with_for_update()
    )
    return held.one()


# ---------------------------------------------------------------- assets


async def _refresh_assets(
    connection: AsyncConnection, result: PollResult
) -> dict[str, int]:
    """Create and refresh the assets of a poll and return their ids by key.

    A reading older than the asset's state describes yesterday: it refreshes nothing.
    """
    source = result.tick.source
    brought: dict[str, Reading] = {key: s.last for key, s in result.states.items()}
    for reading in (*result.readings, *result.snapshot.readings):
        known = brought.get(reading.key)
        if known is None or known.as_of <= reading.as_of:
            brought[reading.key] = reading
    there = await _known_assets(connection, source, brought)
    rows = []
    categories: dict[str, tuple[str, ...]] = {}
    aliases: list[dict[str, Any]] = []
    for key, reading in brought.items():
        known_row = there.get(key)
        if known_row is not None and _is_outdated(reading, known_row.state_as_of):
            continue
        row = _asset_values(source, reading, known_row, result.finished_at)
        if known_row is None:
            categories[key] = reading.categories
            rows.append(row)
            continue
        if list(known_row.categories) != row["categories"]:
            categories[key] = reading.categories
        if known_row.symbol_folded != row["symbol_folded"]:
            aliases.append(
                {
                    "asset_id": known_row.id,
                    "alias": known_row.symbol,
                    "alias_folded": known_row.symbol_folded,
                }
            )
        if any(getattr(known_row, c) != v for c, v in row.items() if c in _REFRESHED):
            rows.append(row)
    await upsert(
        connection, ASSETS, rows, keys=["source", "key"], keep=["rank", "created_at"]
    )
    await upsert(connection, ALIASES, aliases, keys=["asset_id", "alias_folded"])
    named = {*brought, *result.seen, *(event.asset_key for event in result.events)}
    named |= {line.key for line in (*result.private_lines, *result.dropped_lines)}
    ids = await asset_ids(connection, source, named)
    for batch in in_batches(ids[key] for key in categories):
        await connection.execute(
            delete(CATEGORIES).where(CATEGORIES.c.asset_id.in_(batch))
        )
    await upsert(
        connection,
        CATEGORIES,
        [
            {"asset_id": ids[key], "category": category}
            for key, own in categories.items()
            for category in dict.fromkeys(own)
        ],
        keys=["asset_id", "category"],
    )
    return ids


_REFRESHED = frozenset({"symbol", "name", "link", "categories", "market_cap", "volume"})


async def _known_assets(
    connection: AsyncConnection, source: str, keys: Iterable[str]
) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for batch in in_batches(keys):
        rows = await connection.execute(
            select(ASSETS, STATES.c.as_of.label("state_as_of"))
            .outerjoin(STATES, STATES.c.asset_id == ASSETS.c.id)
            .where(ASSETS.c.source == source, ASSETS.c.key.in_(batch))
        )
        known |= {row.key: row for row in rows}
    return known


def _is_outdated(reading: Reading, known_as_of: datetime | None) -> bool:
    return known_as_of is not None and reading.as_of < known_as_of


def _asset_values(
    source: str, reading: Reading, known: Any | None, now: datetime
) -> dict[str, Any]:
    """Write a reading as an asset; what it leaves out stays as known."""
    name = reading.name or (known.name if known else "")
    link = reading.link or (known.link if known else "")
    categories = list(reading.categories) or (list(known.categories) if known else [])
    cap, volume = reading.market_cap, reading.volume
    if known is not None:
        cap = known.market_cap if cap is None else cap
        volume = known.volume if volume is None else volume
    return {
        "source": source,
        "key": reading.key,
        "symbol": reading.symbol,
        "symbol_folded": reading.symbol.casefold(),
        "name": name,
        "name_folded": name.casefold(),
        "link": link,
        "categories": categories,
        "market_cap": cap,
        "volume": volume,
        "rank": None,
        "created_at": now,
    }


async def add_assets(
    connection: AsyncConnection,
    *,
    source: str,
    infos: Sequence[AssetInfo],
    now: datetime,
) -> None:
    """Do what `Store.add_assets` says inside the caller's transaction."""
    for info in infos:
        values = {
            "source": source,
            "key": info.key,
            "symbol": info.symbol,
            "symbol_folded": info.symbol.casefold(),
            "name": info.name,
            "name_folded": info.name.casefold(),
            "link": info.link,
            "categories": list(info.categories),
            "market_cap": info.market_cap,
            "volume": info.volume,
            "rank": None,
            "created_at": now,
        }
        await connection.execute(
            insert_into(connection, ASSETS)
            .values(values)
            .on_conflict_do_nothing(index_elements=["source", "key"])
        )
    ids = await asset_ids(connection, source, [info.key for info in infos])
    await upsert(
        connection,
        CATEGORIES,
        [
            {"asset_id": ids[info.key], "category": category}
            for info in infos
            for category in dict.fromkeys(info.categories)
        ],
        keys=["asset_id", "category"],
    )
    await _rank(connection, source)


async def _rank(connection: AsyncConnection, source: str) -> None:
    """Number the source's assets by market cap; those without one have no rank."""
    ranked = (
        select(
            ASSETS.c.id,
            func.row_number()
            .over(order_by=(ASSETS.c.market_cap.desc(), ASSETS.c.id))
            .label("place"),
        )
        .where(ASSETS.c.source == source, ASSETS.c.market_cap.is_not(None))
        .subquery()
    )
    await connection.execute(
        update(ASSETS)
        .where(
            ASSETS.c.id == ranked.c.id, ASSETS.c.rank.is_distinct_from(ranked.c.place)
        )
        .values(rank=ranked.c.place)
    )


# ---------------------------------------------------------------- readings, states


async def _add_readings(
    connection: AsyncConnection, result: PollResult, ids: Mapping[str, int]
) -> None:
    """Keep readings: an equal verdict at an equal `as_of` replaces, another is added.

    So a refreshed price overwrites, and a revision stands beside what it revises. When
    a reading came and at what price its turn was told stay as they were.
    """
    turns = {
        (event.asset_key, event.as_of)
        for event in result.events
        if event.kind is EventKind.FLIP
    }
    latest: dict[tuple[int, datetime], Any] = {}
    for batch in in_batches({ids[reading.key] for reading in result.readings}):
        times = {r.as_of for r in result.readings}
        rows = await connection.execute(
            select(READINGS)
            .where(
                READINGS.c.asset_id.in_(batch),
                READINGS.c.as_of >= min(times),
                READINGS.c.as_of <= max(times),
            )
            .order_by(READINGS.c.revision)
        )
        latest |= {(row.asset_id, row.as_of): row for row in rows}
    values = []
    for reading in result.readings:
        asset_id = ids[reading.key]
        there = latest.get((asset_id, reading.as_of))
        revision = 0
        is_turn = (reading.key, reading.as_of) in turns
        turn_price = reading.price if is_turn else None
        if there is not None:
            verdict = (to_signal(there.signal), there.grade)
            is_same = verdict == (reading.signal, reading.grade)
            revision = there.revision + (0 if is_same else 1)
            if is_same:
                is_turn = bool(there.is_turn)
                turn_price = there.turn_price
        state = result.states.get(reading.key)
        values.append(
            {
                "asset_id": asset_id,
                "as_of": reading.as_of,
                "revision": revision,
                "signal": None if reading.signal is None else int(reading.signal),
                "grade": reading.grade,
                "price": reading.price,
                "volume": reading.volume,
                "market_cap": reading.market_cap,
                "categories": list(reading.categories),
                "standing": int(state.standing if state else reading.signal or 0),
                "is_turn": is_turn,
                "turn_price": turn_price,
                "is_filled": False,
                "recorded_at": result.finished_at,
            }
        )
    await upsert(
        connection,
        READINGS,
        values,
        keys=["asset_id", "as_of", "revision"],
        keep=["recorded_at"],
    )


async def _move_seen_at(
    connection: AsyncConnection, result: PollResult, ids: Mapping[str, int]
) -> None:
    """Move `seen_at` of assets that came without a change to the fetch's time."""
    unchanged = result.seen - result.states.keys()
    for batch in in_batches(ids[key] for key in unchanged if key in ids):
        await connection.execute(
            update(STATES)
            .where(STATES.c.asset_id.in_(batch))
            .values(seen_at=result.snapshot.fetched_at)
        )


async def _write_lines(
    connection: AsyncConnection, result: PollResult, ids: Mapping[str, int]
) -> None:
    """Write the shared lines of changed states; lines they no longer have go.

    A line that a new watch began while this poll was under way (`put_watch`, from the
    side its reply showed) is younger than the poll. It stays, and it keeps its side
    unless an event of this poll passed it: else the crossing between what was shown
    and the next poll would be lost.
    """
    began = result.tick.started_at
    passed = {(e.asset_key, p.threshold) for e in result.events for p in e.passed}
    changed = {ids[key]: state for key, state in result.states.items()}
    there: dict[tuple[int, float], Any] = {}
    for batch in in_batches(changed):
        rows = await connection.execute(
            select(LINES).where(LINES.c.asset_id.in_(batch))
        )
        there |= {(row.asset_id, row.threshold): row for row in rows}
    values = []
    for key, state in result.states.items():
        for threshold, line in state.lines.items():
            known = there.get((ids[key], threshold))
            if (
                known is not None
                and known.created_at > began
                and known.side != line.side.value
                and (key, threshold) not in passed
            ):
                continue
            values.append(
                {
                    "asset_id": ids[key],
                    "threshold": threshold,
                    "side": line.side.value,
                    "is_locked": line.is_locked,
                    "created_at": result.finished_at,
                }
            )
    await upsert(
        connection,
        LINES,
        values,
        keys=["asset_id", "threshold"],
        keep=["created_at"],
    )
    gone = [
        {"gone_asset": asset_id, "gone_threshold": threshold}
        for (asset_id, threshold), row in there.items()
        if threshold not in changed[asset_id].lines and row.created_at <= began
    ]
    if gone:
        await connection.execute(
            delete(LINES).where(
                LINES.c.asset_id == bindparam("gone_asset"),
                LINES.c.threshold == bindparam("gone_threshold"),
            ),
            gone,
        )


async def _write_private_lines(
    connection: AsyncConnection, result: PollResult, ids: Mapping[str, int]
) -> None:
    """Move private lines, and drop those that agree with the shared one.

    Moved, never added: one that its recipient gave up meanwhile stays away.
    """

    def key_of(line: PrivateLine) -> dict[str, Any]:
        return {
            "of_recipient": line.recipient_id,
            "of_asset": ids[line.key],
            "of_threshold": line.threshold,
        }

    same = and_(
        PRIVATE_LINES.c.recipient_id == bindparam("of_recipient"),
        PRIVATE_LINES.c.asset_id == bindparam("of_asset"),
        PRIVATE_LINES.c.threshold == bindparam("of_threshold"),
    )
    moved = [
        key_of(line) | {"side": line.line.side.value, "is_locked": line.line.is_locked}
        for line in result.private_lines
        if line.key in ids
    ]
    if moved:
        await connection.execute(
            update(PRIVATE_LINES)
            .where(same)
            .values(side=bindparam("side"), is_locked=bindparam("is_locked")),
            moved,
        )
    dropped = [key_of(line) for line in result.dropped_lines if line.key in ids]
    if dropped:
        await connection.execute(delete(PRIVATE_LINES).where(same), dropped)


# ---------------------------------------------------------------- events


async def add_events(
    connection: AsyncConnection, events: Sequence[Event], ids: Mapping[str, int]
) -> list[Event]:
    """Write events whose key is new and return them with their ids, in order."""
    fresh: dict[str, Event] = {}
    for event in events:
        fresh.setdefault(event.key, event)
    for batch in in_batches(fresh):
        known = await connection.execute(
            select(EVENTS.c.key).where(EVENTS.c.key.in_(batch))
        )
        for key in known.scalars().all():
            fresh.pop(key)
    added = list(fresh.values())
    if not added:
        return []
    if strangers := {event.asset_key for event in added} - ids.keys():
        raise NotFoundError(f"an event names an unknown asset: {min(strangers)}")
    await connection.execute(
        insert_into(connection, EVENTS).on_conflict_do_nothing(index_elements=["key"]),
        [event_values(event, ids[event.asset_key]) for event in added],
    )
    numbers: dict[str, int] = {}
    for batch in in_batches(event.key for event in added):
        rows = await connection.execute(
            select(EVENTS.c.key, EVENTS.c.id).where(EVENTS.c.key.in_(batch))
        )
        numbers |= {row.key: row.id for row in rows}
    return [
        replace(event, id=numbers[event.key], asset_id=ids[event.asset_key])
        for event in added
    ]
