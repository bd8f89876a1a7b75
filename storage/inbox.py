"""The store's web inbox, the bot's own values, and counts."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import OWN_KEYS, DeliveryState, JsonDict
from bot.ports import Clock, Counts
from storage.database import Database, insert_into, upsert
from storage.part import StorePart
from storage.tables import (
    ASSETS,
    BOT_VALUES,
    DELIVERIES,
    EVENTS,
    INBOX,
    RECIPIENTS,
    WATCHES,
)


class InboxStore(StorePart):
    """Everything the port says under "the web chat's inbox"."""

    async def append_inbox(
        self, inbox: str, entry: JsonDict, *, nonce: str, now: datetime
    ) -> tuple[int, bool]:
        """Keep an entry of a web inbox; return its id and whether it is new.

        Ids grow. The same nonce in the same inbox is the same entry, and the first
        one's content stays.
        """

        async def work(connection: AsyncConnection) -> tuple[int, bool]:
            added = await connection.execute(
                insert_into(connection, INBOX)
                .values(inbox=inbox, nonce=nonce, entry=entry, created_at=now)
                .on_conflict_do_nothing(index_elements=["inbox", "nonce"])
                .returning(INBOX.c.id)
            )
            number: int | None = added.scalar()
            if number is not None:
                return number, True
            known = await connection.execute(
                select(INBOX.c.id).where(INBOX.c.inbox == inbox, INBOX.c.nonce == nonce)
            )
            return int(known.scalar_one()), False

        return await self._database.write(work)

    async def read_inbox(
        self, inbox: str, *, after: int = 0, limit: int = 200
    ) -> Sequence[tuple[int, datetime, JsonDict]]:
        """List the newest `limit` entries after an id, oldest first."""
        statement = (
            select(INBOX)
            .where(INBOX.c.inbox == inbox, INBOX.c.id > after)
            .order_by(INBOX.c.id.desc())
            .limit(limit)
        )

        async def work(
            connection: AsyncConnection,
        ) -> Sequence[tuple[int, datetime, JsonDict]]:
            rows = (await connection.execute(statement)).all()
            return [(row.id, row.created_at, dict(row.entry)) for row in reversed(rows)]

        return await self._database.read(work)

    async def update_inbox(self, inbox: str, entry_id: int, entry: JsonDict) -> bool:
        """Replace an entry (a pressed button changed it); False if it is not there."""

        async def work(connection: AsyncConnection) -> bool:
            changed = await connection.execute(
                update(INBOX)
                .where(INBOX.c.inbox == inbox, INBOX.c.id == entry_id)
                .values(entry=entry)
            )
            return bool(changed.rowcount)

        return await self._database.write(work)


class ValueStore(StorePart):
    """Everything the port says under "odds and ends"."""

    def __init__(self, database: Database, *, now: Clock) -> None:
        super().__init__(database, now=now)
        #: one counts at a time, the others take what it found
        self._counting = asyncio.Lock()
        #: the counts of a large store, and until when they are good enough
        self._counted: tuple[Counts, float] | None = None

    async def get_value(self, name: str) -> str | None:
        """Return a small setting of the bot itself."""
        statement = select(BOT_VALUES.c.value).where(BOT_VALUES.c.name == name)

        async def work(connection: AsyncConnection) -> str | None:
            found: str | None = (await connection.execute(statement)).scalar()
            return found

        return await self._database.read(work)

    async def set_value(self, name: str, value: str | None) -> None:
        """Set a small setting, or with None remove it."""

        async def work(connection: AsyncConnection) -> None:
            if value is None:
                await connection.execute(
                    delete(BOT_VALUES).where(BOT_VALUES.c.name == name)
                )
                return
            row = {"name": name, "value": value}
            await upsert(connection, BOT_VALUES, [row], keys=["name"])

        await self._database.write(work)

    async def take_value(self, name: str, expected: str) -> bool:
        """Remove the setting if it is exactly this; True for one caller only."""

        async def work(connection: AsyncConnection) -> bool:
            taken = await connection.execute(
                delete(BOT_VALUES).where(
                    BOT_VALUES.c.name == name, BOT_VALUES.c.value == expected
                )
            )
            return bool(taken.rowcount)

        return await self._database.write(work)

    async def counts(self, now: datetime) -> Counts:
        """Count for /status and metrics; `reasons` leaves out what was sent.

        Of a large store the counts may be seconds old: counting reads all of it, and
        anybody may ask.
        """
        del now  # the port's word; nothing counted here depends on it
        loop = asyncio.get_running_loop()
        async with self._counting:
            if self._counted is not None and loop.time() < self._counted[1]:
                return self._counted[0]
            began = loop.time()
            found = await self._database.read(_count)
            took = loop.time() - began
            is_large = found.watches + sum(found.deliveries.values()) >= _LARGE
            good_until = loop.time() + _GOOD_FOR * took
            self._counted = (found, good_until) if is_large else None
            return found


#: the partial index is used only if the query repeats its condition literally
_IS_EXCEPTION: ColumnElement[bool] = literal_column("watches.is_exception")
#: a store with so many watches and deliveries is large
_LARGE = 100_000
#: its counts are good for so many times as long as counting took
_GOOD_FOR = 20


async def _count(connection: AsyncConnection) -> Counts:
    deliveries: dict[str, int] = {}
    reasons: dict[str, int] = {}
    rows = await connection.execute(
        select(
            DELIVERIES.c.state, DELIVERIES.c.reason, func.count().label("n")
        ).group_by(DELIVERIES.c.state, DELIVERIES.c.reason)
    )
    for row in rows:
        deliveries[row.state] = deliveries.get(row.state, 0) + row.n
        if row.state != DeliveryState.SENT.value:
            reasons[row.reason] = reasons.get(row.reason, 0) + row.n
    others = WATCHES.alias("others")
    # by way of the few exceptions: what all watches are is read from an index alone
    totals = await connection.execute(
        select(
            select(func.count())
            .select_from(WATCHES)
            .where(_IS_EXCEPTION)
            .scalar_subquery()
            .label("exceptions"),
            select(func.count())
            .select_from(RECIPIENTS)
            .where(exists().where(WATCHES.c.recipient_id == RECIPIENTS.c.id))
            .scalar_subquery()
            .label("watchers"),
            select(func.count(WATCHES.c.recipient_id.distinct()))
            .where(
                _IS_EXCEPTION,
                ~exists().where(
                    others.c.recipient_id == WATCHES.c.recipient_id,
                    others.c.is_exception.is_(False),
                ),
            )
            .scalar_subquery()
            .label("only_exceptions"),
            select(func.count())
            .select_from(ASSETS)
            .where(~ASSETS.c.key.startswith(OWN_KEYS))
            .scalar_subquery()
            .label("assets"),
            *(
                select(func.count()).select_from(table).scalar_subquery().label(name)
                for name, table in (
                    ("watches", WATCHES),
                    ("recipients", RECIPIENTS),
                    ("events", EVENTS),
                )
            ),
        )
    )
    total = totals.one()
    return Counts(
        deliveries=deliveries,
        reasons=reasons,
        watches=total.watches - total.exceptions,
        watchers=total.watchers - total.only_exceptions,
        recipients=total.recipients,
        assets=total.assets,
        events=total.events,
    )
