"""Messages that are not sent after all, and deliveries that wait no longer."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import DeliveryState, Scope
from bot.noise import HOLDS
from storage.claims import UNWATCHED
from storage.tables import DELIVERIES, EVENTS, MESSAGES, WATCHES

#: reason of a delivery that waited while its recipient was gone
AWAY = "away"


async def resume(connection: AsyncConnection, recipient_id: int, now: datetime) -> None:
    """Make a recipient's parked deliveries pending and due."""
    await connection.execute(
        update(DELIVERIES)
        .where(
            DELIVERIES.c.recipient_id == recipient_id,
            DELIVERIES.c.state == DeliveryState.PARKED.value,
        )
        .values(
            state=DeliveryState.PENDING.value,
            reason=AWAY,
            held_for=AWAY,
            due_at=now,
            owed_since=now,
        )
    )


async def thaw(connection: AsyncConnection, message: Any, now: datetime) -> None:
    """Give a frozen message's deliveries back, to be decided anew.

    Those that were unwatched while it was frozen are skipped. If it may have arrived,
    they remember that: what they tell must then be told whatever seems told.
    """
    await connection.execute(
        update(MESSAGES)
        .where(MESSAGES.c.id == message.id)
        .values(state="thawed", settled_at=now)
    )
    is_in_it = (DELIVERIES.c.state == DeliveryState.CLAIMED.value) & (
        DELIVERIES.c.message_id == message.id
    )
    is_theirs = DELIVERIES.c.recipient_id == message.recipient_id
    has_watch = exists().where(WATCHES.c.id == DELIVERIES.c.watch_id)
    is_excepted = exists().where(
        WATCHES.c.recipient_id == message.recipient_id,
        WATCHES.c.scope == Scope.ASSET.value,
        WATCHES.c.is_exception.is_(True),
        EVENTS.c.id == DELIVERIES.c.event_id,
        EVENTS.c.asset_id == WATCHES.c.asset_id,
    )
    await connection.execute(
        update(DELIVERIES)
        .where(is_theirs, is_in_it, or_(~has_watch, is_excepted))
        .values(state=DeliveryState.SKIPPED.value, reason=UNWATCHED, message_id=None)
    )
    await connection.execute(
        update(DELIVERIES)
        .where(is_theirs, is_in_it)
        .values(
            state=DeliveryState.PENDING.value,
            message_id=None,
            is_unsure=or_(
                DELIVERIES.c.is_unsure,
                exists().where(MESSAGES.c.id == message.id, MESSAGES.c.is_unsure),
            ),
        )
    )


async def thaw_all(
    connection: AsyncConnection,
    recipient_id: int,
    now: datetime,
    *,
    wait: timedelta = timedelta(0),
) -> None:
    """Thaw whatever is frozen of a recipient; due again after `wait`.

    With a wait the answer to a send that is under way has time to come: what has its
    yes by then is not decided anew.
    """
    frozen = await connection.execute(
        select(MESSAGES).where(
            MESSAGES.c.recipient_id == recipient_id, MESSAGES.c.state == "frozen"
        )
    )
    for message in frozen.all():
        taken = list(message.delivery_ids)
        await thaw(connection, message, now)
        if wait > timedelta(0):
            await connection.execute(
                update(DELIVERIES)
                .where(
                    DELIVERIES.c.recipient_id == recipient_id,
                    DELIVERIES.c.id.in_(taken),
                    DELIVERIES.c.state == DeliveryState.PENDING.value,
                )
                .values(due_at=now + wait)
            )


async def let_go(connection: AsyncConnection, recipient_id: int, now: datetime) -> None:
    """Make what a recipient's own choices hold due now; it is decided anew."""
    held = (
        DELIVERIES.c.recipient_id == recipient_id,
        DELIVERIES.c.state == DeliveryState.PENDING.value,
        DELIVERIES.c.reason.in_([reason.value for reason in HOLDS]),
    )
    await connection.execute(
        update(DELIVERIES).where(*held, DELIVERIES.c.due_at > now).values(due_at=now)
    )
    # time held was added to `owed_since` beforehand; what was not held after all goes
    await connection.execute(
        update(DELIVERIES)
        .where(*held, DELIVERIES.c.owed_since > now)
        .values(owed_since=now)
    )
