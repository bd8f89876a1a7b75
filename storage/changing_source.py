"""Another grading engine: watches go along to its assets of the same symbol."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import (
    ENGINE_KEY,
    OWN_KEYS,
    AssetInfo,
    Event,
    EventKind,
    Scope,
    Target,
)
from storage.commit import add_assets, add_events, asset_ids
from storage.database import upsert
from storage.part import StorePart
from storage.rows import target_key
from storage.tables import ASSETS, BOT_VALUES, MUTES, PRIVATE_LINES, STATES, WATCHES

#: bot value: the source whose assets the watches name
_SOURCE = "source"


class ChangingSourceStore(StorePart):
    """Everything the port says under "another engine"."""

    async def follow_source(self, source: str, *, now: datetime) -> bool:
        """Move watches and mutes to a new source's assets; True if it is another one.

        As the port says. Does nothing before the new source has graded anything.
        """
        return await self._database.write(partial(_follow, source=source, now=now))


async def _follow(connection: AsyncConnection, source: str, now: datetime) -> bool:
    last = await connection.execute(
        select(BOT_VALUES.c.value).where(BOT_VALUES.c.name == _SOURCE).with_for_update()
    )
    before = last.scalar()
    if before == source:
        return False
    graded = await connection.execute(
        select(func.count())
        .select_from(ASSETS)
        .join(STATES, STATES.c.asset_id == ASSETS.c.id)
        .where(ASSETS.c.source == source, ~ASSETS.c.key.startswith(OWN_KEYS))
    )
    if not graded.scalar_one():
        return False
    await upsert(
        connection, BOT_VALUES, [{"name": _SOURCE, "value": source}], keys=["name"]
    )
    if before is None:
        return False
    await _move(connection, await _twins(connection, before, source))
    await _announce(connection, source, before, now)
    return True


async def _twins(
    connection: AsyncConnection, before: str, source: str
) -> dict[int, int]:
    """Pair watched and muted assets with the new source's largest of the same symbol.

    Our own pseudo-assets are paired by their keys' symbols like all others.
    """
    named = select(WATCHES.c.asset_id).where(WATCHES.c.asset_id.is_not(None))
    muted = select(MUTES.c.asset_id).where(MUTES.c.asset_id.is_not(None))
    old = await connection.execute(
        select(ASSETS.c.id, ASSETS.c.symbol_folded).where(
            ASSETS.c.source == before, ASSETS.c.id.in_(named.union(muted))
        )
    )
    wanted = {row.id: row.symbol_folded for row in old}
    new = await connection.execute(
        select(ASSETS.c.id, ASSETS.c.symbol_folded)
        .where(
            ASSETS.c.source == source, ASSETS.c.symbol_folded.in_(set(wanted.values()))
        )
        # the last one stays: the largest
        .order_by(ASSETS.c.market_cap.asc().nulls_first(), ASSETS.c.id.desc())
    )
    by_symbol = {row.symbol_folded: row.id for row in new}
    return {
        asset_id: by_symbol[symbol]
        for asset_id, symbol in wanted.items()
        if symbol in by_symbol
    }


async def _move(connection: AsyncConnection, twins: Mapping[int, int]) -> None:
    """Let watches, exceptions and mutes name the twins."""
    for old, new in twins.items():
        key = target_key(Target(scope=Scope.ASSET, asset_id=new))
        there = select(WATCHES.c.recipient_id).where(WATCHES.c.target_key == key)
        # whoever has both keeps the one on the new asset
        await connection.execute(
            delete(WATCHES).where(
                WATCHES.c.asset_id == old, WATCHES.c.recipient_id.in_(there)
            )
        )
        await connection.execute(
            update(WATCHES)
            .where(WATCHES.c.asset_id == old)
            .values(asset_id=new, target_key=key)
        )
        await connection.execute(
            update(MUTES).where(MUTES.c.asset_id == old).values(asset_id=new)
        )
        # a side of a line was one of the other engine's grades
        await connection.execute(
            delete(PRIVATE_LINES).where(PRIVATE_LINES.c.asset_id == old)
        )


async def _announce(
    connection: AsyncConnection, source: str, before: str, now: datetime
) -> None:
    """Write the event that everybody hears once."""
    info = AssetInfo(key=ENGINE_KEY, symbol=ENGINE_KEY, name="Another engine")
    await add_assets(connection, source=source, infos=[info], now=now)
    event = Event(
        key=f"{source}|{ENGINE_KEY}|{EventKind.ENGINE}|{before}|{now.isoformat()}",
        kind=EventKind.ENGINE,
        source=source,
        asset_key=ENGINE_KEY,
        as_of=now,
        detected_at=now,
    )
    ids = await asset_ids(connection, source, [ENGINE_KEY])
    await add_events(connection, [event], ids)
