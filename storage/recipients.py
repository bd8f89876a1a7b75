"""The store's recipients: their settings, mutes, and what they were told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreError
from bot.model import (
    Address,
    DeliveryState,
    Mute,
    PlaceKind,
    Recipient,
    Told,
)
from bot.noise import HOLDS
from bot.preferences import Preferences
from storage.claims import undo_decision
from storage.database import insert_into
from storage.part import StorePart, lock_recipient
from storage.routes import find_row
from storage.rows import (
    PREFERENCES,
    to_mute,
    to_recipient,
)
from storage.tables import (
    DELIVERIES,
    EVENTS,
    MUTES,
    RECIPIENTS,
)
from storage.told import load_told
from storage.watch_lines import (
    drop_unwanted_lines,
    write_default_lines,
)

#: the reason `noise` gives a delivery that a mute holds
MUTED = "muted"


class RecipientStore(StorePart):
    """What the port says about recipients, their mutes and what they were told."""

    async def find_recipient(self, address: Address) -> Recipient | None:
        """Find a recipient by its address, or by that of any of its linked chats."""

        async def work(connection: AsyncConnection) -> Recipient | None:
            row = await find_row(connection, address)
            return None if row is None else to_recipient(row)

        return await self._database.read(work)

    async def ensure_recipient(
        self, address: Address, kind: PlaceKind, *, language: str = "", now: datetime
    ) -> Recipient:
        """Return the recipient, created if it is new; idempotent.

        One that is there stays as it is, but for a language where it had none.
        """
        values: dict[str, Any] = {
            "platform": address.platform.value,
            "chat": address.chat,
            "topic": address.topic,
            "kind": kind.value,
            "language": language,
            "thresholds": [],
            "settings": {},
            "parked_since": None,
            "parked_reason": "",
            "sent_at": None,
            "digest_at": None,
            "wave_at": None,
            "lease_owner": None,
            "lease_until": None,
            "created_at": now,
        }

        async def work(connection: AsyncConnection) -> Recipient:
            row = await find_row(connection, address)
            if row is None:
                await connection.execute(
                    insert_into(connection, RECIPIENTS)
                    .values(values)
                    .on_conflict_do_nothing(
                        index_elements=["platform", "chat", "topic"]
                    )
                )
                row = await find_row(connection, address)
            if row is None:
                raise StoreError(f"{address} was removed in this very moment")
            if language and not row.language:
                await connection.execute(
                    update(RECIPIENTS)
                    .where(RECIPIENTS.c.id == row.id)
                    .values(language=language)
                )
                row = await find_row(connection, address)
            return to_recipient(row)

        known = await self.find_recipient(address)
        if known is not None and (known.language or not language):
            # the usual case needs no write lock
            return known
        return await self._database.write(work)

    async def set_thresholds(
        self, recipient_id: int, thresholds: Sequence[float], *, now: datetime
    ) -> None:
        """Set the default lines, and with them those of watches without their own.

        Raises `NotFoundError` for an unknown recipient.
        """
        del now  # the port's word; lines begin with the next reading
        lines = [float(threshold) for threshold in thresholds]

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            await connection.execute(
                update(RECIPIENTS)
                .where(RECIPIENTS.c.id == recipient_id)
                .values(thresholds=lines)
            )
            await write_default_lines(connection, recipient_id, lines)
            await drop_unwanted_lines(connection, recipient_id)

        await self._database.write(work)

    async def set_preferences(
        self, recipient_id: int, preferences: Preferences, *, now: datetime
    ) -> None:
        """Set how a recipient wants to hear, as the port says.

        Raises `NotFoundError` for an unknown recipient.
        """

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            found = await connection.execute(
                select(RECIPIENTS.c.settings).where(RECIPIENTS.c.id == recipient_id)
            )
            settings = dict(found.scalar_one()) | {PREFERENCES: preferences.to_json()}
            await connection.execute(
                update(RECIPIENTS)
                .where(RECIPIENTS.c.id == recipient_id)
                .values(settings=settings)
            )
            await _let_go(
                connection,
                [
                    DELIVERIES.c.recipient_id == recipient_id,
                    DELIVERIES.c.state == DeliveryState.PENDING.value,
                    DELIVERIES.c.reason.in_([reason.value for reason in HOLDS]),
                ],
                now,
            )
            await undo_decision(connection, recipient_id)

        await self._database.write(work)

    async def set_language(self, recipient_id: int, language: str) -> None:
        """Set the language a recipient is written to in, such as `de`."""

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            await connection.execute(
                update(RECIPIENTS)
                .where(RECIPIENTS.c.id == recipient_id)
                .values(language=language)
            )

        await self._database.write(work)

    async def set_mute(self, recipient_id: int, mute: Mute) -> None:
        """Set or replace the mute of one asset or of all.

        Expired mutes are cleared away. What is being decided now is decided anew.
        """

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            asset = MUTES.c.asset_id
            is_same = (
                asset.is_(None) if mute.asset_id is None else asset == mute.asset_id
            )
            await connection.execute(
                delete(MUTES).where(
                    MUTES.c.recipient_id == recipient_id,
                    or_(is_same, MUTES.c.until <= mute.created_at),
                )
            )
            await connection.execute(
                insert(MUTES).values(
                    recipient_id=recipient_id,
                    asset_id=mute.asset_id,
                    until=mute.until,
                    created_at=mute.created_at,
                )
            )
            await undo_decision(connection, recipient_id)

        await self._database.write(work)

    async def clear_mutes(
        self, recipient_id: int, asset_id: int | None, *, now: datetime
    ) -> int:
        """Remove the mute of one asset, or with None every mute; return how many.

        Expired ones do not count. What they held becomes due now.
        """
        return await self._database.write(
            partial(_clear_mutes, recipient_id=recipient_id, asset_id=asset_id, now=now)
        )

    async def list_mutes(self, recipient_id: int, now: datetime) -> Sequence[Mute]:
        """List the mutes in force, oldest first."""
        statement = (
            select(MUTES)
            .where(
                MUTES.c.recipient_id == recipient_id,
                or_(MUTES.c.until.is_(None), MUTES.c.until > now),
            )
            .order_by(MUTES.c.id)
        )

        async def work(connection: AsyncConnection) -> Sequence[Mute]:
            return [to_mute(row) for row in await connection.execute(statement)]

        return await self._database.read(work)

    async def told(self, recipient_id: int) -> Mapping[int, Told]:
        """Return what the recipient was last told, by asset id."""

        async def work(connection: AsyncConnection) -> Mapping[int, Told]:
            told = await load_told(connection, recipient_id)
            return {asset_id: one for (_, asset_id), one in told.items()}

        return await self._database.read(work)


async def _clear_mutes(
    connection: AsyncConnection, recipient_id: int, asset_id: int | None, now: datetime
) -> int:
    await lock_recipient(connection, recipient_id)
    chosen = [MUTES.c.recipient_id == recipient_id]
    held = [
        DELIVERIES.c.recipient_id == recipient_id,
        DELIVERIES.c.state == DeliveryState.PENDING.value,
        DELIVERIES.c.reason == MUTED,
    ]
    if asset_id is not None:
        chosen.append(MUTES.c.asset_id == asset_id)
        events = select(EVENTS.c.id).where(EVENTS.c.asset_id == asset_id)
        held.append(DELIVERIES.c.event_id.in_(events))
    rows = await connection.execute(
        delete(MUTES).where(*chosen).returning(MUTES.c.until)
    )
    count = sum(1 for row in rows if row.until is None or row.until > now)
    await _let_go(connection, held, now)
    await undo_decision(connection, recipient_id)
    return count


async def _let_go(
    connection: AsyncConnection, held: Sequence[ColumnElement[bool]], now: datetime
) -> None:
    """Make what is held due now; it is decided anew."""
    await connection.execute(
        update(DELIVERIES).where(*held, DELIVERIES.c.due_at > now).values(due_at=now)
    )
    # time held was added to `owed_since` beforehand; what was not held after all goes
    await connection.execute(
        update(DELIVERIES)
        .where(*held, DELIVERIES.c.owed_since > now)
        .values(owed_since=now)
    )
