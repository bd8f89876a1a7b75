"""A new version of our own engine takes over what people watch of the old one."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.part import StorePart
from storage.tables import ASSETS, LINES, STATES


class SuccessionStore(StorePart):
    """Assets that change their source."""

    async def succeed_source(self, family: str, source: str) -> int:
        """Give the assets of the family's last source to this one; return how many."""

        async def work(connection: AsyncConnection) -> int:
            last = (
                select(ASSETS.c.source)
                .where(ASSETS.c.source.startswith(family, autoescape=True))
                .group_by(ASSETS.c.source)
                .order_by(func.max(ASSETS.c.id).desc())
                .limit(1)
            )
            known = await connection.scalar(
                select(ASSETS.c.id).where(ASSETS.c.source == source).limit(1)
            )
            old = (await connection.execute(last)).scalar()
            if known is not None or old is None:
                return 0
            theirs = select(ASSETS.c.id).where(ASSETS.c.source == old)
            for table in (STATES, LINES):
                # what it says first is a baseline: another engine is no event
                await connection.execute(
                    delete(table).where(table.c.asset_id.in_(theirs))
                )
            moved = await connection.execute(
                update(ASSETS).where(ASSETS.c.source == old).values(source=source)
            )
            return moved.rowcount

        return await self._database.write(work)
