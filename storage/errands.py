"""The store's errands: small things to be done later to messages that were sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Address, Errand, ErrandKind, Platform
from storage.database import upsert
from storage.part import StorePart
from storage.tables import ERRANDS

_KEYS = ["platform", "chat", "message_ref", "kind"]


class ErrandStore(StorePart):
    """What the port says about errands."""

    async def put_errand(self, errand: Errand) -> None:
        """Keep an errand, in place of the message's earlier one of this kind."""
        row = {
            "platform": errand.address.platform.value,
            "chat": errand.address.chat,
            "topic": errand.address.topic,
            "message_ref": errand.message_ref,
            "kind": errand.kind.value,
            "document": errand.document,
            "attempts": errand.attempts,
            "due_at": errand.due_at,
        }

        async def work(connection: AsyncConnection) -> None:
            await upsert(connection, ERRANDS, [row], keys=_KEYS)

        await self._database.write(work)

    async def find_errand(
        self, address: Address, message_ref: str, kind: ErrandKind
    ) -> Errand | None:
        """Find a message's errand of this kind."""
        statement = select(ERRANDS).where(_is(address, message_ref, kind))

        async def work(connection: AsyncConnection) -> Errand | None:
            row = (await connection.execute(statement)).first()
            return None if row is None else _to_errand(row)

        return await self._database.read(work)

    async def take_errand(
        self, address: Address, message_ref: str, kind: ErrandKind
    ) -> Errand | None:
        """Remove an errand and return it; of several callers one gets it."""
        statement = (
            delete(ERRANDS).where(_is(address, message_ref, kind)).returning(*ERRANDS.c)
        )

        async def work(connection: AsyncConnection) -> Errand | None:
            row = (await connection.execute(statement)).first()
            return None if row is None else _to_errand(row)

        return await self._database.write(work)

    async def due_errands(
        self,
        platforms: Sequence[Platform],
        *,
        now: datetime,
        lease: timedelta,
        limit: int = 50,
    ) -> Sequence[Errand]:
        """Take errands that are due, oldest first; nobody else does until the lease.

        An errand whose row another process holds at this moment is that process's.
        """
        due = (
            select(ERRANDS)
            .where(
                ERRANDS.c.platform.in_([p.value for p in platforms]),
                ERRANDS.c.due_at <= now,
            )
            .order_by(ERRANDS.c.due_at)
            .limit(limit)
        )

        async def look(connection: AsyncConnection) -> bool:
            return (await connection.execute(due.limit(1))).first() is not None

        async def take(connection: AsyncConnection) -> Sequence[Errand]:
            rows = await connection.execute(due.with_for_update(skip_locked=True))
            found = [_to_errand(row) for row in rows]
            for each in found:
                await connection.execute(
                    update(ERRANDS)
                    .where(_is(each.address, each.message_ref, each.kind))
                    .values(due_at=now + lease, attempts=ERRANDS.c.attempts + 1)
                )
            return found

        # the usual case needs no write lock
        if not await self._database.read(look):
            return []
        return await self._database.write(take)


def _is(address: Address, message_ref: str, kind: ErrandKind) -> ColumnElement[bool]:
    return and_(
        ERRANDS.c.platform == address.platform.value,
        ERRANDS.c.chat == address.chat,
        ERRANDS.c.message_ref == message_ref,
        ERRANDS.c.kind == kind.value,
    )


def _to_errand(row: Any) -> Errand:
    return Errand(
        address=Address(Platform(row.platform), row.chat, row.topic),
        message_ref=row.message_ref,
        kind=ErrandKind(row.kind),
        due_at=row.due_at,
        document=row.document,
        attempts=row.attempts,
    )
