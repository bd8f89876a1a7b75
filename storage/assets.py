"""The store's assets and events: find, list, load with states."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    exists,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import OWN_KEYS, Asset, AssetInfo, AssetState, Event, Line, Scope, Target
from storage.commit import add_assets
from storage.packed import among
from storage.part import StorePart
from storage.rows import to_asset, to_event, to_line, to_state
from storage.tables import ALIASES, ASSETS, CATEGORIES, EVENTS, LINES, STATES

_LARGEST_FIRST: tuple[ColumnElement[Any], ...] = (
    ASSETS.c.market_cap.desc().nulls_last(),
    ASSETS.c.symbol_folded,
    ASSETS.c.id,
)


class AssetStore(StorePart):
    """Everything the port says under "assets"."""

    async def find_assets(self, source: str, word: str) -> Sequence[Asset]:
        """List assets whose symbol, alias, key or name is the word, largest first.

        Case does not matter. Symbols come first, then aliases, keys and names; an
        asset is listed once.
        """
        return await self._database.read(
            partial(_find_assets, source=source, word=word)
        )

    async def add_assets(
        self, source: str, infos: Sequence[AssetInfo], *, now: datetime
    ) -> None:
        """Remember assets that no poll has brought yet; known ones stay as they are."""
        await self._database.write(
            partial(add_assets, source=source, infos=infos, now=now)
        )

    async def get_assets(self, ids: Sequence[int]) -> Mapping[int, Asset]:
        """Return assets with their states, by id; unknown ids are left out."""
        return await self._database.read(partial(load_assets, ids=ids))

    async def list_assets(
        self, source: str, *, target: Target | None = None, limit: int = 0
    ) -> Sequence[Asset]:
        """List assets with states: all of the source, or those a target names.

        Largest market cap first (unknown last), then by symbol. 0 = no limit.
        """
        statement = (
            select(ASSETS).where(ASSETS.c.source == source).order_by(*_LARGEST_FIRST)
        )
        if target is None or target.scope is not Scope.ASSET:
            # our own pseudo-assets are there by name only
            statement = statement.where(~ASSETS.c.key.startswith(OWN_KEYS))
        if target is not None:
            statement = statement.where(is_named(target))
        if limit:
            statement = statement.limit(limit)
        return await self._database.read(partial(_list_assets, statement=statement))

    async def symbols(self, source: str) -> Sequence[tuple[str, str]]:
        """List (symbol, name) of every asset, largest first, for suggestions."""
        statement = (
            select(ASSETS.c.symbol, ASSETS.c.name)
            .where(ASSETS.c.source == source, ~ASSETS.c.symbol.startswith(OWN_KEYS))
            .order_by(*_LARGEST_FIRST)
        )

        async def work(connection: AsyncConnection) -> Sequence[tuple[str, str]]:
            rows = await connection.execute(statement)
            return [(row.symbol, row.name) for row in rows]

        return await self._database.read(work)

    async def categories(self, source: str) -> Sequence[str]:
        """List the categories of the assets, alphabetically."""
        statement = (
            select(CATEGORIES.c.category)
            .join(ASSETS, ASSETS.c.id == CATEGORIES.c.asset_id)
            .where(ASSETS.c.source == source)
            .distinct()
        )

        async def work(connection: AsyncConnection) -> Sequence[str]:
            # sorted here: databases disagree on the order of letters
            return sorted((await connection.execute(statement)).scalars())

        return await self._database.read(work)

    async def has_market_caps(self, source: str) -> bool:
        """Whether any asset of the source has a market cap."""
        statement = select(
            exists().where(ASSETS.c.source == source, ASSETS.c.market_cap.is_not(None))
        )

        async def work(connection: AsyncConnection) -> bool:
            return bool((await connection.execute(statement)).scalar_one())

        return await self._database.read(work)

    async def recent_events(
        self, source: str, *, asset_id: int | None = None, limit: int = 20
    ) -> Sequence[Event]:
        """List events, newest first; crossings of private lines are among them."""
        statement = (
            select_events()
            .where(EVENTS.c.source == source)
            .order_by(EVENTS.c.id.desc())
            .limit(limit)
        )
        if asset_id is not None:
            statement = statement.where(EVENTS.c.asset_id == asset_id)

        async def work(connection: AsyncConnection) -> Sequence[Event]:
            rows = await connection.execute(statement)
            return [to_event(row, row.asset_key) for row in rows]

        return await self._database.read(work)


def select_events() -> Select[Any]:
    """Select events with the key of their asset, as `to_event` reads them."""
    return select(EVENTS, ASSETS.c.key.label("asset_key")).join(
        ASSETS, ASSETS.c.id == EVENTS.c.asset_id
    )


async def load_assets(
    connection: AsyncConnection, ids: Collection[int]
) -> dict[int, Asset]:
    """Load assets with their states, by id."""
    return await connection.run_sync(read_assets, ids)


def read_assets(connection: Connection, ids: Collection[int]) -> dict[int, Asset]:
    """Load assets with their states, by id."""
    rows = connection.execute(_ASSETS, {"ids": list(ids)}).all()
    states = _read_states(connection, {row.id: row.key for row in rows})
    return {row.id: to_asset(row, states.get(row.id)) for row in rows}


async def load_states(
    connection: AsyncConnection, keys: Mapping[int, str]
) -> dict[int, AssetState]:
    """Load the states of assets, by asset id; `keys` gives the key of each id."""
    return await connection.run_sync(_read_states, keys)


def _read_states(
    connection: Connection, keys: Mapping[int, str]
) -> dict[int, AssetState]:
    ids = {"ids": list(keys)}
    lines: dict[int, dict[float, Line]] = {}
    for row in connection.execute(_LINES, ids).all():
        lines.setdefault(row.asset_id, {})[row.threshold] = to_line(row)
    return {
        row.asset_id: to_state(row, keys[row.asset_id], lines.get(row.asset_id, {}))
        for row in connection.execute(_STATES, ids).all()
    }


_ASSETS = select(ASSETS).where(among(ASSETS.c.id))
_STATES = select(STATES).where(among(STATES.c.asset_id))
_LINES = (
    select(LINES)
    .where(among(LINES.c.asset_id))
    .order_by(LINES.c.asset_id, LINES.c.threshold)
)


async def _list_assets(
    connection: AsyncConnection, statement: Select[Any]
) -> Sequence[Asset]:
    rows = (await connection.execute(statement)).all()
    states = await load_states(connection, {row.id: row.key for row in rows})
    return [to_asset(row, states.get(row.id)) for row in rows]


async def _find_assets(
    connection: AsyncConnection, source: str, word: str
) -> Sequence[Asset]:
    # PostgreSQL has no NUL in text, so no asset can have one either
    typed = word.replace("\x00", "").strip()
    folded = typed.casefold()

    def hits(place: int, condition: ColumnElement[bool]) -> Select[Any]:
        return select(ASSETS.c.id, literal(place).label("place")).where(
            ASSETS.c.source == source, condition
        )

    has_alias = ASSETS.c.id.in_(
        select(ALIASES.c.asset_id).where(ALIASES.c.alias_folded == folded)
    )
    # keys are the engine's own ids, in which case may matter; but nobody types the
    # case right, so the three spellings somebody may mean are tried
    is_key = ASSETS.c.key.in_({typed, typed.lower(), typed.upper()})
    found = union_all(
        hits(0, ASSETS.c.symbol_folded == folded),
        hits(1, has_alias),
        hits(2, is_key),
        hits(3, ASSETS.c.name_folded == folded),
    ).subquery()
    best = (
        select(found.c.id, func.min(found.c.place).label("place"))
        .group_by(found.c.id)
        .subquery()
    )
    statement = (
        select(ASSETS)
        .join(best, best.c.id == ASSETS.c.id)
        .order_by(best.c.place, *_LARGEST_FIRST)
    )
    return await _list_assets(connection, statement) if folded else []


def is_named(target: Target) -> ColumnElement[bool]:
    """Whether a target names an asset, whatever the conditions."""
    match target.scope:
        case Scope.ASSET:
            return ASSETS.c.id == target.asset_id
        case Scope.CATEGORY:
            return ASSETS.c.id.in_(
                select(CATEGORIES.c.asset_id).where(
                    CATEGORIES.c.category == target.category
                )
            )
        case Scope.TOP:
            return ASSETS.c.rank <= target.top
        case Scope.ALL:
            return literal(value=True)
