"""Erasing a person, and what a button may bring back for a while."""

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import JsonDict, Platform
from storage.part import StorePart, lock_recipient
from storage.routes import routes_of
from storage.tables import (
    BOT_VALUES,
    DELIVERIES,
    ERRANDS,
    EVENTS,
    INBOX,
    PLACE_NOTES,
    RECIPIENTS,
    UNDOS,
    WATCHES,
)


class ForgettingStore(StorePart):
    """What the port says about erasing and undoing."""

    async def forget(self, recipient_id: int, *, users: Collection[str]) -> None:
        """Erase a recipient with all its chats, and what names these users elsewhere.

        On SQLite the bytes are overwritten too, in the file and in its log. Nothing
        happens for an unknown recipient. A send under way may still arrive.
        """

        async def work(connection: AsyncConnection) -> None:
            row = (
                await connection.execute(
                    select(RECIPIENTS)
                    .where(RECIPIENTS.c.id == recipient_id)
                    .with_for_update()
                )
            ).first()
            if row is None:
                return
            routes = await routes_of(connection, recipient_id)
            names = {*users, *(route.account for route in routes)} - {""}
            inboxes = {
                one.chat for one in (row, *routes) if one.platform == Platform.WEB.value
            }
            await connection.execute(delete(INBOX).where(INBOX.c.inbox.in_(inboxes)))
            chats = [(one.platform, one.chat) for one in (row, *routes)]
            await connection.execute(
                delete(ERRANDS).where(
                    tuple_(ERRANDS.c.platform, ERRANDS.c.chat).in_(chats)
                )
            )
            await connection.execute(
                update(PLACE_NOTES)
                .where(PLACE_NOTES.c.setter.in_(names))
                .values(setter="", setter_name="")
            )
            # everything that hangs on the recipient goes with it
            await connection.execute(
                delete(RECIPIENTS).where(RECIPIENTS.c.id == recipient_id)
            )
            await _forget_events(connection, recipient_id)
            await connection.execute(
                update(WATCHES)
                .where(WATCHES.c.created_by.in_(names))
                .values(created_by="")
            )
            await _forget_values(connection, names)

        await self._database.write(work)
        await self._database.scrub()

    async def keep_undo(
        self, recipient_id: int, what: JsonDict, *, until: datetime, now: datetime
    ) -> int:
        """Keep what a button may bring back until then; return its id."""

        async def work(connection: AsyncConnection) -> int:
            await lock_recipient(connection, recipient_id)
            await connection.execute(
                delete(UNDOS).where(
                    UNDOS.c.recipient_id == recipient_id, UNDOS.c.until <= now
                )
            )
            made = await connection.execute(
                insert(UNDOS)
                .values(recipient_id=recipient_id, what=what, until=until)
                .returning(UNDOS.c.id)
            )
            return int(made.scalar_one())

        return await self._database.write(work)

    async def take_undo(
        self, recipient_id: int, undo_id: int, *, now: datetime
    ) -> JsonDict | None:
        """Take what was kept, once; None if it is gone, too old or another's."""

        async def work(connection: AsyncConnection) -> JsonDict | None:
            taken = await connection.execute(
                delete(UNDOS)
                .where(
                    UNDOS.c.id == undo_id,
                    UNDOS.c.recipient_id == recipient_id,
                    UNDOS.c.until > now,
                )
                .returning(UNDOS.c.what)
            )
            row = taken.first()
            return None if row is None else dict(row.what)

        return await self._database.write(work)


async def _forget_events(connection: AsyncConnection, recipient_id: int) -> None:
    """Delete the events of a recipient's own lines: they concern nobody else."""
    own = select(EVENTS.c.id).where(EVENTS.c.only_for == recipient_id)
    await connection.execute(delete(DELIVERIES).where(DELIVERIES.c.event_id.in_(own)))
    await connection.execute(delete(EVENTS).where(EVENTS.c.only_for == recipient_id))


async def _forget_values(connection: AsyncConnection, names: Collection[str]) -> None:
    """Take the users out of the bot's own lists, such as its operators."""
    mentioned = [BOT_VALUES.c.value.contains(name, autoescape=True) for name in names]
    rows = await connection.execute(select(BOT_VALUES).where(or_(False, *mentioned)))
    for row in rows.all():
        try:
            value = json.loads(row.value)
        except ValueError:
            continue
        if isinstance(value, dict):
            value = {k: v for k, v in value.items() if k not in names}
        elif isinstance(value, list):
            value = [v for v in value if v not in names]
        else:
            continue
        await connection.execute(
            update(BOT_VALUES)
            .where(BOT_VALUES.c.name == row.name)
            .values(value=json.dumps(value))
        )
