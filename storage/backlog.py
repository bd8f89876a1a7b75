"""What is due and not sent yet, for metrics and for whoever watches the senders."""

from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import Backlog
from storage.part import StorePart
from storage.tables import DELIVERIES

#: spelled as the partial index spells it, else it is not used
_IS_PENDING = text("state = 'pending'")


class BacklogStore(StorePart):
    """What the port says about the backlog."""

    async def backlog(self, now: datetime) -> Backlog:
        """Count what is due at a moment."""
        statement = select(func.count(), func.min(DELIVERIES.c.due_at)).where(
            _IS_PENDING, DELIVERIES.c.due_at <= now
        )

        async def work(connection: AsyncConnection) -> Backlog:
            due, oldest = (await connection.execute(statement)).one()
            return Backlog(due=due, oldest=oldest)

        return await self._database.read(work)
