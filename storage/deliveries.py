"""The store's deliveries: claim, freeze, settle."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import LeaseLostError
from bot.model import Claim, DeliveryState, FrozenMessage, Platform, Receipt
from bot.ports import Freeze, Sent
from storage.claims import (
    claim_recipients,
    end_lease,
    has_lease,
)
from storage.database import in_batches
from storage.parking import park_recipient
from storage.part import StorePart
from storage.settling import freeze, hold_message, is_in, postpone, settle_sent
from storage.tables import (
    DELIVERIES,
    MESSAGES,
)
from storage.thawing import thaw

#: reason of a delivery whose frozen message is on its way
SENDING = "sending"

_PENDING = DeliveryState.PENDING.value
_CLAIMED = DeliveryState.CLAIMED.value


class DeliveryStore(StorePart):
    """Everything the port says under "deliveries", but moving and parking."""

    async def claim_due(
        self,
        platforms: Sequence[Platform],
        *,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
    ) -> Sequence[Claim]:
        """Take recipients that are due, each with all its waiting deliveries.

        As the port says. `told` holds the assets in `waiting` only. A lease that ends
        more than two lease times ahead was given before the clock stepped back and
        counts as expired.
        """
        return await self._database.write_at_once(
            partial(
                claim_recipients,
                platforms=platforms,
                owner=owner,
                now=now,
                lease=lease,
                limit=limit,
            ),
            # a lease that a power cut undoes has ended, and nothing was sent with it
            is_durable=False,
        )

    async def freeze(
        self, decided: Sequence[tuple[Claim, Freeze]], *, now: datetime
    ) -> Sequence[FrozenMessage | LeaseLostError | None]:
        """Write what was decided; return for each claim the message to send, if any.

        As the port says. A lease is lost also when the recipient unwatched or muted
        something meanwhile: what was decided then counts no more. Time held does not
        count as owed: `owed_since` moves on by the hold.
        """
        return await self._database.write_at_once(
            partial(freeze, decided=decided, now=now)
        )

    async def record_part(
        self, claim: Claim, message_id: int, receipt: Receipt, *, now: datetime
    ) -> None:
        """Count one more part as sent and remember the first part's message id.

        Raises `LeaseLostError` if the claim is no longer ours: two workers counting
        at once would skip a part.
        """
        del now  # the port's word; when a part went is nobody's question

        async def work(connection: AsyncConnection) -> None:
            message = await hold_message(connection, claim, message_id)
            await connection.execute(
                update(MESSAGES)
                .where(MESSAGES.c.id == message_id)
                .values(
                    sent_parts=min(message.sent_parts + 1, len(message.parts)),
                    first_ref=message.first_ref or receipt.message_ref,
                )
            )

        await self._database.write(work)

    async def settle_sent(self, sent: Sequence[Sent], *, now: datetime) -> None:
        """The platform said yes to all parts: deliveries `sent`, tells become told.

        Idempotent, and never refused: a yes is a fact even if the lease was lost.
        If a later message of the recipient was sent already, this one's tells are
        older news and change nothing.
        """
        await self._database.write_at_once(partial(settle_sent, sent=sent, now=now))

    async def settle_retry(
        self,
        claim: Claim,
        message_id: int,
        *,
        due_at: datetime,
        reason: str,
        is_unknown: bool,
        now: datetime,
        is_plain: bool = False,
        counts: bool = True,
    ) -> None:
        """Try again at `due_at`: frozen if the outcome is unknown, else thawed.

        As the port says. Raises `LeaseLostError` if the claim is no longer ours or
        the message is settled. Deliveries unwatched while the message was frozen are
        skipped when it thaws.
        """

        async def work(connection: AsyncConnection) -> None:
            message = await hold_message(connection, claim, message_id)
            stays = is_unknown or is_plain or message.sent_parts > 0
            await connection.execute(
                update(MESSAGES)
                .where(MESSAGES.c.id == message_id)
                .values(
                    due_at=due_at,
                    reason=reason,
                    is_plain=bool(message.is_plain) or is_plain,
                    is_unsure=bool(message.is_unsure) or is_unknown,
                )
            )
            wait = timedelta(0) if counts else due_at - now
            await postpone(
                connection,
                message.delivery_ids,
                {"due_at": due_at, "reason": reason},
                wait=wait,
                attempts=1 if counts else 0,
            )
            if not stays:
                await thaw(connection, message, now)
            await end_lease(connection, claim.recipient.id)

        await self._database.write(work)

    async def settle_parked(
        self, claim: Claim, message_id: int, *, reason: str, now: datetime
    ) -> None:
        """The recipient is gone: park it and all its waiting deliveries.

        Raises `LeaseLostError` if the claim is no longer ours. Ends the lease.
        """

        async def work(connection: AsyncConnection) -> None:
            await hold_message(connection, claim, message_id)
            await park_recipient(connection, claim.recipient.id, reason, now)

        await self._database.write(work)

    async def settle_dead(
        self, claim: Claim, message_id: int, *, reason: str, now: datetime
    ) -> None:
        """Give up on the message's deliveries, with the reason. Ends the lease.

        Raises `LeaseLostError` if the claim is no longer ours.
        """

        async def work(connection: AsyncConnection) -> None:
            message = await hold_message(connection, claim, message_id)
            await connection.execute(
                update(MESSAGES)
                .where(MESSAGES.c.id == message_id)
                .values(state="dead", reason=reason, settled_at=now)
            )
            for batch in in_batches(message.delivery_ids):
                await connection.execute(
                    update(DELIVERIES)
                    .where(DELIVERIES.c.id.in_(batch), is_in(message_id))
                    .values(state=DeliveryState.DEAD.value, reason=reason)
                )
            await end_lease(connection, claim.recipient.id)

        await self._database.write(work)

    async def release(self, claim: Claim, *, due_at: datetime | None = None) -> None:
        """End a lease without an outcome.

        Nothing else changes but, if given, `due_at` of a frozen message or of the
        waiting deliveries that are due. A lease that is no longer ours stays as it
        is, and nothing changes.
        """
        now = self._now()

        async def work(connection: AsyncConnection) -> None:
            if not await has_lease(connection, claim):
                return
            await end_lease(connection, claim.recipient.id)
            if due_at is None:
                return
            await connection.execute(
                update(MESSAGES)
                .where(
                    MESSAGES.c.recipient_id == claim.recipient.id,
                    MESSAGES.c.state == "frozen",
                )
                .values(due_at=due_at)
            )
            await connection.execute(
                update(DELIVERIES)
                .where(
                    DELIVERIES.c.recipient_id == claim.recipient.id,
                    DELIVERIES.c.state == _PENDING,
                    DELIVERIES.c.due_at <= now,
                )
                .values(due_at=due_at)
            )

        await self._database.write(work)
