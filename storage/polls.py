"""The store's polls: claim, commit, and what detection reads before."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import (
    OWN_KEYS,
    AssetState,
    Event,
    PollSummary,
    PrivateLine,
    Scope,
    Tick,
)
from bot.ports import LinesWanted, PollResult
from storage.assets import load_states
from storage.commit import asset_ids, commit_poll
from storage.database import in_batches, insert_into
from storage.part import StorePart
from storage.rows import poll_values, to_line, to_poll
from storage.tables import (
    ASSETS,
    CATEGORIES,
    POLLS,
    PRIVATE_LINES,
    READINGS,
    WATCH_LINES,
    WATCHES,
)

#: an unfinished poll of another worker holds the source for 2 intervals and this
_GRACE = timedelta(seconds=60)
#: how old the reading may be that answers for a price at a moment
_PRICE_REACH = timedelta(hours=12)
_SUPERSEDED = "superseded"


class PollStore(StorePart):
    """Everything the port says under "polls"."""

    async def claim_poll(
        self, source: str, now: datetime, interval: timedelta, worker: str
    ) -> Tick | None:
        """Take the next poll of this source, or return None if it is not ours.

        As the port says. Taking it over ends an older unfinished poll with reason
        `superseded`: its late result is refused.
        """
        return await self._database.write(
            partial(
                _claim_poll, source=source, now=now, interval=interval, worker=worker
            )
        )

    async def commit_poll(self, result: PollResult) -> Sequence[Event]:
        """Write a poll's whole outcome and return the events that were new.

        Idempotent. Raises `LeaseLostError` if a later poll of the source was claimed
        meanwhile: its result counts. What a reading leaves out (name, market cap,
        categories ...) stays as known: unknown is never a change.
        """
        return await self._database.write(partial(commit_poll, result=result))

    async def fail_poll(self, tick: Tick, reason: str, now: datetime) -> None:
        """Record that a poll gave nothing; no other state changes."""
        await self._database.write(
            partial(_fail_poll, tick=tick, reason=reason, now=now)
        )

    async def last_polls(self, source: str, limit: int = 1) -> Sequence[PollSummary]:
        """List finished polls, newest first."""
        return await self._finished_polls(source, limit, only_ok=False)

    async def last_good_poll(self, source: str) -> PollSummary | None:
        """Find the newest poll that gave a snapshot."""
        polls = await self._finished_polls(source, 1, only_ok=True)
        return polls[0] if polls else None

    async def _finished_polls(
        self, source: str, limit: int, *, only_ok: bool
    ) -> Sequence[PollSummary]:
        statement = (
            select(POLLS)
            .where(POLLS.c.source == source, POLLS.c.finished_at.is_not(None))
            .order_by(POLLS.c.number.desc())
            .limit(limit)
        )
        if only_ok:
            statement = statement.where(POLLS.c.is_ok.is_(True))

        async def work(connection: AsyncConnection) -> Sequence[PollSummary]:
            return [to_poll(row) for row in await connection.execute(statement)]

        return await self._database.read(work)

    async def bookmark(self, source: str) -> str | None:
        """Return the bookmark of the last committed snapshot, if it had one."""
        statement = (
            select(POLLS.c.bookmark)
            .where(POLLS.c.source == source, POLLS.c.is_ok.is_(True))
            .order_by(POLLS.c.number.desc())
            .limit(1)
        )

        async def work(connection: AsyncConnection) -> str | None:
            found: str | None = (await connection.execute(statement)).scalar()
            return found

        return await self._database.read(work)

    async def load_states(
        self, source: str, keys: Sequence[str]
    ) -> Mapping[str, AssetState]:
        """Return the states of those of the assets that have one."""

        async def work(connection: AsyncConnection) -> Mapping[str, AssetState]:
            ids = await asset_ids(connection, source, keys)
            by_id = {asset_id: key for key, asset_id in ids.items()}
            states = await load_states(connection, by_id)
            return {by_id[asset_id]: state for asset_id, state in states.items()}

        return await self._database.read(work)

    async def watched_keys(self, source: str) -> frozenset[str]:
        """Return keys of assets named by a watch of their own (not by top-n or all)."""
        statement = (
            select(ASSETS.c.key)
            .join(WATCHES, WATCHES.c.asset_id == ASSETS.c.id)
            .where(
                ASSETS.c.source == source,
                WATCHES.c.scope == Scope.ASSET.value,
                WATCHES.c.is_exception.is_(False),
                # no engine knows our own pseudo-assets
                ~ASSETS.c.key.startswith(OWN_KEYS),
            )
            .distinct()
        )

        async def work(connection: AsyncConnection) -> frozenset[str]:
            return frozenset((await connection.execute(statement)).scalars())

        return await self._database.read(work)

    async def lines_wanted(self, source: str) -> LinesWanted:
        """Return the lines of all watches, default lines included.

        Lines of a watch on a category count for its assets; those of a watch on
        top-n for every asset, because an asset may come into the top at any poll.
        """
        return await self._database.read(partial(_lines_wanted, source=source))

    async def private_lines(
        self, source: str, keys: Sequence[str]
    ) -> Sequence[PrivateLine]:
        """List the private lines on these assets, by recipient, asset and line."""
        return await self._database.read(
            partial(_private_lines, source=source, keys=keys)
        )

    async def prices_at(
        self, source: str, keys: Sequence[str], at: datetime
    ) -> Mapping[str, float]:
        """Return each asset's price from the newest reading in `[at - 12 h, at]`.

        Readings without a price are passed over.
        """
        return await self._database.read(
            partial(_prices_at, source=source, keys=keys, at=at)
        )


async def _claim_poll(
    connection: AsyncConnection,
    source: str,
    now: datetime,
    interval: timedelta,
    worker: str,
) -> Tick | None:
    # The number first: a poll claimed after this look takes the same number, one
    # claimed before it is seen below. So two workers can't both pass.
    last = await connection.execute(
        select(func.max(POLLS.c.number)).where(POLLS.c.source == source)
    )
    number = (last.scalar() or 0) + 1
    is_past = POLLS.c.started_at <= now
    is_recent = POLLS.c.started_at > now - interval / 2
    is_running_elsewhere = and_(
        POLLS.c.finished_at.is_(None),
        POLLS.c.worker != worker,
        POLLS.c.started_at > now - (2 * interval + _GRACE),
    )
    refusing = await connection.execute(
        select(POLLS.c.id)
        .where(POLLS.c.source == source, is_past, or_(is_recent, is_running_elsewhere))
        .limit(1)
    )
    if refusing.first() is not None:
        return None
    tick = Tick(source=source, number=number, started_at=now)
    taken = await connection.execute(
        insert_into(connection, POLLS)
        .values(poll_values(tick, worker))
        .on_conflict_do_nothing(index_elements=["source", "number"])
        .returning(POLLS.c.id)
    )
    if taken.first() is None:
        # another worker got there first
        return None
    await connection.execute(
        update(POLLS)
        .where(
            POLLS.c.source == source,
            POLLS.c.number < number,
            POLLS.c.finished_at.is_(None),
        )
        .values(finished_at=now, reason=_SUPERSEDED)
    )
    return tick


async def _fail_poll(
    connection: AsyncConnection, tick: Tick, reason: str, now: datetime
) -> None:
    await connection.execute(
        update(POLLS)
        .where(
            POLLS.c.source == tick.source,
            POLLS.c.number == tick.number,
            POLLS.c.finished_at.is_(None),
        )
        .values(finished_at=now, is_ok=False, reason=reason)
    )


async def _lines_wanted(connection: AsyncConnection, source: str) -> LinesWanted:
    lines = select(WATCH_LINES.c.threshold).join(
        WATCHES, WATCHES.c.id == WATCH_LINES.c.watch_id
    )
    everywhere = await connection.execute(
        lines.where(WATCHES.c.scope.in_([Scope.TOP.value, Scope.ALL.value])).distinct()
    )
    by_asset = (
        lines.add_columns(ASSETS.c.key)
        .join(ASSETS, ASSETS.c.id == WATCHES.c.asset_id)
        .where(WATCHES.c.scope == Scope.ASSET.value, ASSETS.c.source == source)
        .distinct()
    )
    by_category = (
        lines.add_columns(ASSETS.c.key)
        .join(CATEGORIES, CATEGORIES.c.category == WATCHES.c.category)
        .join(ASSETS, ASSETS.c.id == CATEGORIES.c.asset_id)
        .where(WATCHES.c.scope == Scope.CATEGORY.value, ASSETS.c.source == source)
        .distinct()
    )
    by_key: dict[str, set[float]] = {}
    for statement in (by_asset, by_category):
        for row in await connection.execute(statement):
            by_key.setdefault(row.key, set()).add(row.threshold)
    return LinesWanted(
        by_key={key: frozenset(lines) for key, lines in by_key.items()},
        everywhere=frozenset(everywhere.scalars()),
    )


async def _private_lines(
    connection: AsyncConnection, source: str, keys: Sequence[str]
) -> Sequence[PrivateLine]:
    wanted = frozenset(keys)
    rows = await connection.execute(
        select(PRIVATE_LINES, ASSETS.c.key)
        .join(ASSETS, ASSETS.c.id == PRIVATE_LINES.c.asset_id)
        .where(ASSETS.c.source == source)
        .order_by(
            PRIVATE_LINES.c.recipient_id,
            PRIVATE_LINES.c.asset_id,
            PRIVATE_LINES.c.threshold,
        )
    )
    # private lines are few and short-lived: all of the source, sifted here
    return [
        PrivateLine(
            recipient_id=row.recipient_id,
            key=row.key,
            threshold=row.threshold,
            line=to_line(row),
        )
        for row in rows
        if row.key in wanted
    ]


async def _prices_at(
    connection: AsyncConnection, source: str, keys: Sequence[str], at: datetime
) -> Mapping[str, float]:
    prices: dict[str, float] = {}
    for batch in in_batches(set(keys)):
        newest_first = (
            select(
                ASSETS.c.key,
                READINGS.c.price,
                func.row_number()
                .over(
                    partition_by=READINGS.c.asset_id,
                    order_by=(READINGS.c.as_of.desc(), READINGS.c.revision.desc()),
                )
                .label("place"),
            )
            .join(ASSETS, ASSETS.c.id == READINGS.c.asset_id)
            .where(
                ASSETS.c.source == source,
                ASSETS.c.key.in_(batch),
                READINGS.c.as_of <= at,
                READINGS.c.as_of >= at - _PRICE_REACH,
                READINGS.c.price.is_not(None),
            )
            .subquery()
        )
        rows = await connection.execute(
            select(newest_first).where(newest_first.c.place == 1)
        )
        prices |= {row.key: row.price for row in rows}
    return prices
