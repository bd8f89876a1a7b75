"""The store's recipients as an operator sees them: counted and listed."""

from collections.abc import Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Address, PlaceKind, Platform
from bot.population import Crowd, Inhabitant
from bot.screening import Found
from storage.part import StorePart
from storage.tables import RECIPIENTS, WATCHES


class PopulationStore(StorePart):
    """Everything the port says under "population"."""

    async def population(self) -> Sequence[Crowd]:
        """Count recipients by platform and kind."""
        statement = (
            select(
                RECIPIENTS.c.platform,
                RECIPIENTS.c.kind,
                func.count().label("total"),
                func.count(RECIPIENTS.c.parked_since).label("parked"),
            )
            .group_by(RECIPIENTS.c.platform, RECIPIENTS.c.kind)
            .order_by(RECIPIENTS.c.platform, RECIPIENTS.c.kind)
        )

        async def work(connection: AsyncConnection) -> Sequence[Crowd]:
            return [
                Crowd(
                    platform=Platform(row.platform),
                    kind=PlaceKind(row.kind),
                    total=row.total,
                    parked=row.parked,
                )
                for row in await connection.execute(statement)
            ]

        return await self._database.read(work)

    async def has_recipients(self, chat: Address) -> bool:
        """Whether a chat, or any topic of it, is a recipient."""
        statement = select(
            exists().where(
                RECIPIENTS.c.platform == chat.platform.value,
                RECIPIENTS.c.chat == chat.chat,
            )
        )

        async def work(connection: AsyncConnection) -> bool:
            return bool((await connection.execute(statement)).scalar_one())

        return await self._database.read(work)

    async def list_recipients(
        self, *, offset: int = 0, limit: int = 20
    ) -> Found[Inhabitant]:
        """List recipients with their number of watches, newest first."""
        watches = (
            select(func.count())
            .where(
                WATCHES.c.recipient_id == RECIPIENTS.c.id,
                WATCHES.c.is_exception.is_(False),
            )
            .scalar_subquery()
        )
        statement = (
            select(RECIPIENTS, watches.label("watches"))
            .order_by(RECIPIENTS.c.id.desc())
            .offset(offset)
            .limit(limit)
        )
        counting = select(func.count()).select_from(RECIPIENTS)

        async def work(connection: AsyncConnection) -> Found[Inhabitant]:
            total = (await connection.execute(counting)).scalar_one()
            rows = await connection.execute(statement)
            return Found(
                total,
                [
                    Inhabitant(
                        address=Address(Platform(row.platform), row.chat, row.topic),
                        kind=PlaceKind(row.kind),
                        watches=row.watches,
                        created_at=row.created_at,
                        parked_reason=row.parked_reason,
                    )
                    for row in rows
                ],
            )

        return await self._database.read(work)
