"""The store's places that go, come back and move."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from bot.model import Address, DeliveryState, Recipient
from storage.merging import merge_recipients
from storage.part import StorePart, lock_recipient
from storage.routes import close_route, fall_back, find_row, open_route
from storage.rows import to_recipient
from storage.tables import DELIVERIES, MESSAGES, RECIPIENTS, TOLD
from storage.thawing import resume, thaw, thaw_all

#: reasons that begin so concern one topic and not those beside it
OF_A_TOPIC = "topic_"


class ParkingStore(StorePart):
    """What the port says about recipients that are gone, back or elsewhere."""

    async def park(self, address: Address, *, reason: str, now: datetime) -> None:
        """Park a recipient and what waits for it; unknown addresses are ignored.

        A message on its way is thawed and waits too; should its yes still come,
        `settle_sent` records it. Parked once more, the first reason and time stay.
        One that is linked goes on over another of its chats.
        """

        async def work(connection: AsyncConnection) -> None:
            await close_route(connection, address, reason, now)
            rows = await _rows_of(connection, address)
            if reason.startswith(OF_A_TOPIC):
                # the topic of a chat as such is its first one, General
                rows = [row for row in rows if row.topic == address.topic]
            for row in rows:
                await lock_recipient(connection, row.id)
                await park_recipient(connection, row.id, reason, now)

        await self._database.write(work)

    async def unpark(self, address: Address, *, now: datetime) -> Recipient | None:
        """Resume a recipient: its parked deliveries are pending and due now.

        They keep `created_at` and carry the reason `away`. None for an unknown
        address; one that is not parked stays as it is. A linked one goes back to the
        chat that was chosen, if it is this one.
        """

        async def work(connection: AsyncConnection) -> Recipient | None:
            await open_route(connection, address, now)
            for row in await _rows_of(connection, address):
                await lock_recipient(connection, row.id)
                await connection.execute(
                    update(RECIPIENTS)
                    .where(RECIPIENTS.c.id == row.id)
                    .values(parked_since=None, parked_reason="")
                )
                await resume(connection, row.id, now)
            again = await find_row(connection, address)
            return None if again is None else to_recipient(again)

        return await self._database.write(work)

    async def move_recipient(self, old: Address, new: Address) -> None:
        """Give a recipient (and its topics' siblings) another chat; idempotent.

        Topics keep their numbers. Where the new address has a recipient already the
        two become one: watches, mutes, what was told and what waits are united, and
        where both have the same, the new one's counts; a delivery that was sent in
        either is sent. Raises `StoreError` for another platform.
        """
        if old.platform is not new.platform:
            raise StoreError(f"{old} can't move to another platform: {new}")
        if old.chat == new.chat:
            return
        await self._database.write(partial(_move, old=old, new=new, now=self._now()))


async def _rows_of(connection: AsyncConnection, address: Address) -> Sequence[Any]:
    """Find the recipients that come and go with an address.

    A chat takes its topics along; a topic is alone. In order of id, so that two
    workers never wait for each other.
    """
    of_chat = [
        RECIPIENTS.c.platform == address.platform.value,
        RECIPIENTS.c.chat == address.chat,
    ]
    if address.topic:
        of_chat.append(RECIPIENTS.c.topic == address.topic)
    found = await connection.execute(
        select(RECIPIENTS).where(*of_chat).order_by(RECIPIENTS.c.id)
    )
    return found.all()


async def park_recipient(
    connection: AsyncConnection, recipient_id: int, reason: str, now: datetime
) -> None:
    """Park a locked recipient and all that waits for it; ends any lease.

    A linked one is not parked while another of its chats can be written to.
    """
    if await fall_back(connection, recipient_id, reason, now):
        return
    await thaw_all(connection, recipient_id, now)
    is_parked = RECIPIENTS.c.parked_since.is_not(None)
    await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id == recipient_id, ~is_parked)
        .values(parked_since=now, parked_reason=reason)
    )
    await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id == recipient_id)
        .values(lease_owner=None, lease_until=None)
    )
    await connection.execute(
        update(DELIVERIES)
        .where(
            DELIVERIES.c.recipient_id == recipient_id,
            DELIVERIES.c.state == DeliveryState.PENDING.value,
        )
        .values(state=DeliveryState.PARKED.value, reason=reason)
    )


async def _move(
    connection: AsyncConnection, old: Address, new: Address, now: datetime
) -> None:
    rows = (
        await connection.execute(
            select(RECIPIENTS)
            .where(
                RECIPIENTS.c.platform == old.platform.value,
                RECIPIENTS.c.chat.in_([old.chat, new.chat]),
            )
            .order_by(RECIPIENTS.c.id)
            .with_for_update(key_share=True)
        )
    ).all()
    there = {row.topic: row for row in rows if row.chat == new.chat}
    for row in rows:
        if row.chat != old.chat:
            continue
        # Message ids begin anew there: an old one would be somebody else's words.
        await connection.execute(
            update(TOLD).where(TOLD.c.recipient_id == row.id).values(message_ref="")
        )
        if row.topic not in there:
            await connection.execute(
                update(RECIPIENTS)
                .where(RECIPIENTS.c.id == row.id)
                .values(chat=new.chat)
            )
            continue
        into = there[row.topic]
        both = await connection.execute(
            select(func.count())
            .select_from(MESSAGES)
            .where(
                MESSAGES.c.recipient_id.in_([row.id, into.id]),
                MESSAGES.c.state == "frozen",
            )
        )
        if both.scalar_one() > 1:
            frozen = await connection.execute(
                select(MESSAGES).where(
                    MESSAGES.c.recipient_id == row.id, MESSAGES.c.state == "frozen"
                )
            )
            await thaw(connection, frozen.one(), now)
        await merge_recipients(connection, row, into)
        if into.parked_since is None:
            await resume(connection, into.id, now)
