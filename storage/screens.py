"""The store's tables of assets and flips: filtered, ordered, a page at a time."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import OWN_KEYS, Asset, Conditions, Event
from bot.screening import Found, Screen
from storage.assets import is_named, load_states, select_events
from storage.part import StorePart
from storage.rows import to_asset, to_event
from storage.tables import ASSETS, EVENTS, STATES

# literal, as the partial indexes spell them, else they are not used
_IS_FLIP: ColumnElement[bool] = literal_column("events.kind = 'flip'")
_CORRECTS: ColumnElement[bool] = literal_column("corrections.corrects <> ''")


class ScreenStore(StorePart):
    """Everything the port says under "screens"."""

    async def list_screen(self, source: str, screen: Screen) -> Found[Asset]:
        """List assets with a grade, with their states, as the screen asks.

        Highest grade or freshest flip first; then the largest, then by symbol.
        """
        wanted = screen.conditions
        filters: list[ColumnElement[bool]] = [
            ASSETS.c.source == source,
            ~ASSETS.c.key.startswith(OWN_KEYS),
            STATES.c.grade.is_not(None),
            *_targets(screen),
            *_within(STATES.c.grade, wanted.min_grade, wanted.max_grade),
            *_sizes(ASSETS, wanted),
            *_times(STATES.c.standing_since, screen),
        ]
        if wanted.direction is not None:
            filters.append(STATES.c.standing == int(wanted.direction))
        if screen.seen_after is not None:
            filters.append(STATES.c.seen_at > screen.seen_after)
        first = STATES.c.standing_since if screen.is_freshest_first else STATES.c.grade
        statement = (
            select(ASSETS)
            .join(STATES, STATES.c.asset_id == ASSETS.c.id)
            .where(*filters)
            .order_by(
                first.desc().nulls_last(),
                ASSETS.c.market_cap.desc().nulls_last(),
                ASSETS.c.symbol_folded,
                ASSETS.c.id,
            )
        )
        return await self._database.read(
            partial(_list_screen, statement=statement, screen=screen)
        )

    async def list_flips(self, source: str, screen: Screen) -> Found[Event]:
        """List flips as the screen asks, newest first, of one moment largest first.

        What a correction has withdrawn is not among them.
        """
        wanted = screen.conditions
        corrections = EVENTS.alias("corrections")
        filters: list[ColumnElement[bool]] = [
            EVENTS.c.source == source,
            ~ASSETS.c.key.startswith(OWN_KEYS),
            _IS_FLIP,
            ~exists(
                select(corrections.c.id).where(
                    corrections.c.corrects == EVENTS.c.key, _CORRECTS
                )
            ),
            *_targets(screen),
            *_within(EVENTS.c.grade_to, wanted.min_grade, wanted.max_grade),
            *_sizes(EVENTS, wanted),
            *_times(EVENTS.c.as_of, screen),
        ]
        if wanted.direction is not None:
            filters.append(EVENTS.c.to_signal == int(wanted.direction))
        statement = (
            select_events()
            .where(*filters)
            .order_by(
                EVENTS.c.as_of.desc(),
                ASSETS.c.market_cap.desc().nulls_last(),
                EVENTS.c.id.desc(),
            )
        )
        return await self._database.read(
            partial(_list_flips, statement=statement, screen=screen)
        )


async def _list_screen(
    connection: AsyncConnection, statement: Select[Any], screen: Screen
) -> Found[Asset]:
    total = await _count(connection, statement)
    rows = (await connection.execute(_page(statement, screen))).all()
    states = await load_states(connection, {row.id: row.key for row in rows})
    return Found(total, [to_asset(row, states.get(row.id)) for row in rows])


async def _list_flips(
    connection: AsyncConnection, statement: Select[Any], screen: Screen
) -> Found[Event]:
    total = await _count(connection, statement)
    rows = await connection.execute(_page(statement, screen))
    return Found(total, [to_event(row, row.asset_key) for row in rows])


async def _count(connection: AsyncConnection, statement: Select[Any]) -> int:
    found = await connection.execute(
        statement.with_only_columns(func.count()).order_by(None)
    )
    return int(found.scalar_one())


def _page(statement: Select[Any], screen: Screen) -> Select[Any]:
    return statement.limit(screen.limit).offset(screen.offset)


def _targets(screen: Screen) -> Iterable[ColumnElement[bool]]:
    if screen.targets:
        yield or_(*map(is_named, screen.targets))


def _sizes(table: Any, wanted: Conditions) -> Iterable[ColumnElement[bool]]:
    yield from _within(table.c.market_cap, wanted.min_market_cap, wanted.max_market_cap)
    yield from _within(table.c.volume, wanted.min_volume, wanted.max_volume)


def _within(
    column: ColumnElement[Any], low: float | None, high: float | None
) -> Iterable[ColumnElement[bool]]:
    """Bound a column as `Conditions` does: inclusive below, exclusive above."""
    if low is not None:
        yield column >= low
    if high is not None:
        yield column < high


def _times(column: ColumnElement[Any], screen: Screen) -> Iterable[ColumnElement[bool]]:
    if screen.after is not None:
        yield column > screen.after
    if screen.before is not None:
        yield column <= screen.before
