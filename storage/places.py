"""The store's groups, topics and channels: what they are called, who set them up."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Address, PlaceKind, PlaceNote, Platform, Recipient
from storage.database import upsert
from storage.part import StorePart, lock_recipient
from storage.rows import to_recipient
from storage.tables import PLACE_NOTES, RECIPIENTS, WATCHES

_NOTED = [c for c in PLACE_NOTES.c if c.name != "recipient_id"]


class PlaceStore(StorePart):
    """What the port says about places, but for errands."""

    async def note_place(self, recipient_id: int, note: PlaceNote) -> None:
        """Write what is known of a place; empty titles leave those known.

        Raises `NotFoundError` for an unknown recipient.
        """

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            found = await connection.execute(
                select(PLACE_NOTES).where(PLACE_NOTES.c.recipient_id == recipient_id)
            )
            known = _to_note(found.first())
            row = {
                "recipient_id": recipient_id,
                "title": note.title or known.title,
                "topic_title": note.topic_title or known.topic_title,
                "setter": note.setter,
                "setter_name": note.setter_name,
                "set_at": note.set_at,
                "lost_told": note.lost_told,
                "probed_at": note.probed_at,
            }
            await upsert(connection, PLACE_NOTES, [row], keys=["recipient_id"])

        await self._database.write(work)

    async def find_places(
        self,
        *,
        recipient_ids: Collection[int] | None = None,
        chat: Address | None = None,
        setter: str = "",
    ) -> Sequence[tuple[Recipient, PlaceNote]]:
        """List groups, topics and channels that pass every filter given, by id."""
        wanted: list[ColumnElement[bool]] = []
        if recipient_ids is not None:
            wanted.append(RECIPIENTS.c.id.in_(list(recipient_ids)))
        if chat is not None:
            wanted += [
                RECIPIENTS.c.platform == chat.platform.value,
                RECIPIENTS.c.chat == chat.chat,
            ]
        if setter:
            wanted.append(PLACE_NOTES.c.setter == setter)
        return await self._list_places(*wanted, order=RECIPIENTS.c.id)

    async def lost_places(
        self, platforms: Sequence[Platform], *, limit: int = 100
    ) -> Sequence[tuple[Recipient, PlaceNote]]:
        """List parked groups, topics and channels that have a watch, longest first."""
        return await self._list_places(
            RECIPIENTS.c.parked_since.is_not(None),
            RECIPIENTS.c.platform.in_([p.value for p in platforms]),
            exists().where(WATCHES.c.recipient_id == RECIPIENTS.c.id),
            order=RECIPIENTS.c.parked_since,
            limit=limit,
        )

    async def _list_places(
        self, *wanted: ColumnElement[bool], order: Any, limit: int | None = None
    ) -> Sequence[tuple[Recipient, PlaceNote]]:
        statement = (
            select(RECIPIENTS, *_NOTED)
            .outerjoin(PLACE_NOTES, PLACE_NOTES.c.recipient_id == RECIPIENTS.c.id)
            .where(RECIPIENTS.c.kind != PlaceKind.PRIVATE.value, *wanted)
            .order_by(order, RECIPIENTS.c.id)
            .limit(limit)
        )

        async def work(
            connection: AsyncConnection,
        ) -> Sequence[tuple[Recipient, PlaceNote]]:
            rows = await connection.execute(statement)
            return [(to_recipient(row), _to_note(row)) for row in rows]

        return await self._database.read(work)


def _to_note(row: Any | None) -> PlaceNote:
    """Read a row of `place_notes`; one that is not there is an empty note."""
    if row is None:
        return PlaceNote()
    return PlaceNote(
        title=row.title or "",
        topic_title=row.topic_title or "",
        setter=row.setter or "",
        setter_name=row.setter_name or "",
        set_at=row.set_at,
        lost_told=row.lost_told,
        probed_at=row.probed_at,
    )
