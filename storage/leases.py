"""Named leases: what only one process does at a time, and which one that is."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import insert_into
from storage.part import StorePart
from storage.tables import LEASES


class LeaseStore(StorePart):
    """Everything the port says under "leases"."""

    async def take_lease(
        self, name: str, owner: str, *, now: datetime, length: timedelta
    ) -> bool:
        """Take a named lease or renew it until `now + length`; False if it is not free.

        One statement, so that of two who try at once one gets it. A lease that ends
        later than twice its length from now was given before the clock stepped back:
        free, as `claims.is_free` has it.
        """

        async def work(connection: AsyncConnection) -> bool:
            statement = insert_into(connection, LEASES).values(
                name=name, owner=owner, until=now + length
            )
            until = LEASES.c.until
            taken = await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={
                        "owner": statement.excluded.owner,
                        "until": statement.excluded.until,
                    },
                    where=or_(
                        LEASES.c.owner == owner, until <= now, until > now + 2 * length
                    ),
                ).returning(LEASES.c.name)
            )
            return taken.first() is not None

        return await self._database.write(work)

    async def drop_lease(self, name: str, owner: str) -> None:
        """Give a lease back at once; nothing happens if this owner does not have it."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(LEASES).where(LEASES.c.name == name, LEASES.c.owner == owner)
            )

        await self._database.write(work)
