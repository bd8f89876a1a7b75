"""The store's letters: messages without a delivery, to whoever heard nothing."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import JsonDict, MessageKind, PlaceKind, Platform, Recipient
from storage.part import StorePart, lock_recipient
from storage.recipient_tables import OPEN_STATES
from storage.rows import to_recipient
from storage.settling import SENDING
from storage.tables import DELIVERIES, MESSAGES, POLLS, RECIPIENTS, WATCHES


class LetterStore(StorePart):
    """What the port says about letters."""

    async def silent_recipients(
        self,
        platforms: Sequence[Platform],
        *,
        before: datetime,
        after: int = 0,
        limit: int = 500,
    ) -> Sequence[Recipient]:
        """List private recipients who watch something and were not written to since.

        As the port says.
        """
        statement = (
            select(RECIPIENTS)
            .where(
                RECIPIENTS.c.platform.in_([p.value for p in platforms]),
                RECIPIENTS.c.kind == PlaceKind.PRIVATE.value,
                RECIPIENTS.c.id > after,
                _is_silent(before),
                exists().where(
                    WATCHES.c.recipient_id == RECIPIENTS.c.id, ~WATCHES.c.is_exception
                ),
            )
            .order_by(RECIPIENTS.c.id)
            .limit(limit)
        )

        async def work(connection: AsyncConnection) -> Sequence[Recipient]:
            return [to_recipient(row) for row in await connection.execute(statement)]

        return await self._database.read(work)

    async def post_letter(
        self,
        recipient_id: int,
        parts: tuple[JsonDict, ...],
        *,
        now: datetime,
        send_by: datetime | None = None,
    ) -> bool:
        """Freeze a message without deliveries for a recipient; as the port says."""

        async def work(connection: AsyncConnection) -> bool:
            await lock_recipient(connection, recipient_id)
            found = await connection.execute(
                select(RECIPIENTS.c.id).where(
                    RECIPIENTS.c.id == recipient_id,
                    _has_nothing_open(),
                    RECIPIENTS.c.lease_owner.is_(None),
                )
            )
            if found.first() is None:
                return False
            await connection.execute(
                insert(MESSAGES).values(
                    recipient_id=recipient_id,
                    state="frozen",
                    reason=SENDING,
                    kind=MessageKind.LETTER.value,
                    parts=list(parts),
                    sent_parts=0,
                    delivery_ids=[],
                    tells=[],
                    ended_mutes=[],
                    is_unsure=False,
                    is_plain=False,
                    first_ref="",
                    due_at=now,
                    send_by=send_by,
                    frozen_at=now,
                )
            )
            await connection.execute(
                update(RECIPIENTS)
                .where(RECIPIENTS.c.id == recipient_id)
                .values(sent_at=now)
            )
            return True

        return await self._database.write(work)

    async def count_polls(self, source: str, *, since: datetime) -> tuple[int, int]:
        """Count the polls since then: those that worked, and all that are finished."""
        is_asked = and_(
            POLLS.c.source == source,
            POLLS.c.started_at >= since,
            POLLS.c.finished_at.is_not(None),
        )

        async def work(connection: AsyncConnection) -> tuple[int, int]:
            of_all = select(func.count()).select_from(POLLS).where(is_asked)
            tried = (await connection.execute(of_all)).scalar_one()
            of_good = of_all.where(POLLS.c.is_ok)
            return (await connection.execute(of_good)).scalar_one(), tried

        return await self._database.read(work)


def _is_silent(before: datetime) -> ColumnElement[bool]:
    """Whether a recipient can be reached, waits for nothing and heard nothing since."""
    return and_(
        func.coalesce(RECIPIENTS.c.sent_at, RECIPIENTS.c.created_at) <= before,
        _has_nothing_open(),
    )


def _has_nothing_open() -> ColumnElement[bool]:
    """Whether nothing waits, is held or on its way, and the recipient is there.

    Somebody who muted everything is not told that nothing happened.
    """
    is_open: ColumnElement[bool] = literal_column(f"deliveries.{OPEN_STATES}")
    return and_(
        RECIPIENTS.c.parked_since.is_(None),
        ~exists().where(DELIVERIES.c.recipient_id == RECIPIENTS.c.id, is_open),
        ~exists().where(
            MESSAGES.c.recipient_id == RECIPIENTS.c.id, MESSAGES.c.state == "frozen"
        ),
    )
