"""What the parts of the store stand on."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import NotFoundError
from bot.model import DEFAULT_UPDATE_EVERY
from bot.ports import Clock
from storage.database import Database
from storage.tables import RECIPIENTS


class StorePart:
    """A part of `SqlStore`, one per subject.

    Attributes:
        update_every: how often the source usually has something new; fan-out needs
            it to tell a reading that is too old (`routing.STALE_UPDATES`).
    """

    def __init__(self, database: Database, *, now: Clock) -> None:
        self._database = database
        self._now = now
        self.update_every: timedelta = DEFAULT_UPDATE_EVERY


async def lock_recipient(connection: AsyncConnection, recipient_id: int) -> None:
    """Let nobody else change this recipient until the transaction ends.

    Every method that changes something of a recipient does this first: one order of
    locks, hence no deadlock. NO KEY, so that fan-out may go on adding deliveries.
    Raises `NotFoundError` for an unknown recipient.
    """
    found = await connection.execute(
        select(RECIPIENTS.c.id)
        .where(RECIPIENTS.c.id == recipient_id)
        .with_for_update(key_share=True)
    )
    if found.first() is None:
        raise NotFoundError(f"there is no recipient {recipient_id}")
