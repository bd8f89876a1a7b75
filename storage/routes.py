"""Chats that share one recipient: which is in use, and which comes next.

A recipient's own address is the chat in use: claims, limits and the order of alerts
know nothing of routes. Going over to another chat thaws what was frozen for the old
one, so that it is decided and rendered anew, and forgets the old chat's message ids.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.model import Address, Platform, Recipient, Route
from storage.claims import undo_decision
from storage.database import upsert
from storage.part import StorePart, lock_recipient
from storage.rows import to_recipient
from storage.tables import LINK_CODES, LINK_TRIES, RECIPIENTS, ROUTES, TOLD
from storage.thawing import thaw_all

#: a send that is under way when the chat changes has its answer by then
GRACE = timedelta(seconds=15)


class RouteStore(StorePart):
    """What the port says about the chats of linked recipients."""

    async def list_routes(self, recipient_id: int) -> Sequence[Route]:
        """List the chats of a linked recipient, oldest first; empty if it is not."""

        async def work(connection: AsyncConnection) -> Sequence[Route]:
            found = await connection.execute(
                select(RECIPIENTS.c.platform, RECIPIENTS.c.chat).where(
                    RECIPIENTS.c.id == recipient_id
                )
            )
            used = found.first()
            return [
                Route(
                    address=Address(Platform(row.platform), row.chat),
                    account=row.account,
                    is_preferred=bool(row.is_preferred),
                    is_in_use=used is not None and is_same_chat(row, used),
                    parked_since=row.parked_since,
                )
                for row in await routes_of(connection, recipient_id)
            ]

        return await self._database.read(work)

    async def choose_route(
        self, recipient_id: int, address: Address, *, now: datetime
    ) -> bool:
        """Prefer one of a recipient's chats and use it from now on, if it is open.

        False if it is none of them. What is on its way over another chat is decided
        anew unless its yes comes within `GRACE`. Raises `NotFoundError` for an
        unknown recipient.
        """

        async def work(connection: AsyncConnection) -> bool:
            await lock_recipient(connection, recipient_id)
            routes = await routes_of(connection, recipient_id)
            chosen = next((r for r in routes if is_at(r, address)), None)
            if chosen is None:
                return False
            await prefer(connection, recipient_id, address)
            found = await connection.execute(
                select(RECIPIENTS).where(RECIPIENTS.c.id == recipient_id)
            )
            row = found.one()
            if chosen.parked_since is None and not is_at(row, address):
                await thaw_all(connection, recipient_id, now, wait=GRACE)
                await use(connection, recipient_id, chosen)
            return True

        return await self._database.write(work)

    async def set_link_code(
        self, recipient_id: int, digest: str, *, account: str, expires_at: datetime
    ) -> None:
        """Keep the digest of a code that lets another chat join; the newest counts."""

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            row = {
                "recipient_id": recipient_id,
                "digest": digest,
                "account": account,
                "expires_at": expires_at,
            }
            await upsert(connection, LINK_CODES, [row], keys=["recipient_id"])

        await self._database.write(work)

    async def find_link(self, digest: str, *, now: datetime) -> Recipient | None:
        """Return the recipient whose code this is, None if it is nobody's now."""

        async def work(connection: AsyncConnection) -> Recipient | None:
            code = await find_code(connection, digest, now)
            if code is None:
                return None
            row = await connection.execute(
                select(RECIPIENTS).where(RECIPIENTS.c.id == code.recipient_id)
            )
            return to_recipient(row.one())

        return await self._database.read(work)

    async def note_link_try(self, recipient_id: int, *, now: datetime) -> None:
        """Remember that a wrong code was typed."""

        async def work(connection: AsyncConnection) -> None:
            await lock_recipient(connection, recipient_id)
            await connection.execute(
                insert(LINK_TRIES).values(recipient_id=recipient_id, at=now)
            )

        await self._database.write(work)

    async def count_link_tries(self, recipient_id: int, *, since: datetime) -> int:
        """Count the wrong codes typed by a recipient after a moment."""

        async def work(connection: AsyncConnection) -> int:
            found = await connection.execute(
                select(func.count())
                .select_from(LINK_TRIES)
                .where(LINK_TRIES.c.recipient_id == recipient_id)
                .where(LINK_TRIES.c.at > since)
            )
            return int(found.scalar_one())

        return await self._database.read(work)


async def find_row(connection: AsyncConnection, address: Address) -> Any | None:
    """Find a recipient's row by its address, or by that of any of its chats."""
    found = await connection.execute(
        select(RECIPIENTS).where(
            RECIPIENTS.c.platform == address.platform.value,
            RECIPIENTS.c.chat == address.chat,
            RECIPIENTS.c.topic == address.topic,
        )
    )
    row = found.first()
    if row is not None or address.topic:
        return row
    linked = await connection.execute(
        select(RECIPIENTS)
        .join(ROUTES, ROUTES.c.recipient_id == RECIPIENTS.c.id)
        .where(
            ROUTES.c.platform == address.platform.value, ROUTES.c.chat == address.chat
        )
    )
    return linked.first()


async def find_code(
    connection: AsyncConnection, digest: str, now: datetime
) -> Any | None:
    """Find a code that has not expired; compares with each in the same time."""
    rows = await connection.execute(
        select(LINK_CODES).where(LINK_CODES.c.expires_at > now)
    )
    wanted, match = digest.encode(), None
    for row in rows:
        if hmac.compare_digest(str(row.digest).encode(), wanted):
            match = row
    return match


async def routes_of(connection: AsyncConnection, recipient_id: int) -> Sequence[Any]:
    """Load the rows of a recipient's routes, oldest first."""
    rows = await connection.execute(
        select(ROUTES)
        .where(ROUTES.c.recipient_id == recipient_id)
        .order_by(ROUTES.c.linked_at, ROUTES.c.platform, ROUTES.c.chat)
    )
    return rows.all()


def is_same_chat(row: Any, other: Any) -> bool:
    """Whether two rows are about the same chat."""
    return bool((row.platform, row.chat) == (other.platform, other.chat))


def is_at(row: Any, address: Address) -> bool:
    """Whether a row is about this chat."""
    return bool((row.platform, row.chat) == (address.platform.value, address.chat))


async def prefer(
    connection: AsyncConnection, recipient_id: int, address: Address
) -> None:
    """Make one of the routes the one that is used whenever it is open."""
    await connection.execute(
        update(ROUTES)
        .where(ROUTES.c.recipient_id == recipient_id)
        .values(
            is_preferred=(ROUTES.c.platform == address.platform.value)
            & (ROUTES.c.chat == address.chat)
        )
    )


async def use(connection: AsyncConnection, recipient_id: int, route: Any) -> None:
    """Send over this route from now on; nothing may be frozen any more.

    What is being decided is decided anew, and alerts of the old chat are answered no
    more.
    """
    await connection.execute(
        update(RECIPIENTS)
        .where(RECIPIENTS.c.id == recipient_id)
        .values(platform=route.platform, chat=route.chat, topic="")
    )
    await connection.execute(
        update(TOLD).where(TOLD.c.recipient_id == recipient_id).values(message_ref="")
    )
    await undo_decision(connection, recipient_id)


async def fall_back(
    connection: AsyncConnection, recipient_id: int, reason: str, now: datetime
) -> bool:
    """Go over to another chat because the one in use is gone.

    False if there is none that can be written to. The recipient is locked.
    """
    routes = await routes_of(connection, recipient_id)
    if not routes:
        return False
    found = await connection.execute(
        select(RECIPIENTS).where(RECIPIENTS.c.id == recipient_id)
    )
    row = found.one()
    used = Address(Platform(row.platform), row.chat)
    await close_route(connection, used, reason, now)
    is_open = [r for r in routes if r.parked_since is None and not is_at(r, used)]
    if not is_open or row.parked_since is not None:
        return False
    await thaw_all(connection, recipient_id, now)
    await use(connection, recipient_id, max(is_open, key=lambda r: r.is_preferred))
    return True


async def close_route(
    connection: AsyncConnection, address: Address, reason: str, now: datetime
) -> None:
    """Remember that a linked chat can't be written to; the first reason stays."""
    await connection.execute(
        update(ROUTES)
        .where(
            ROUTES.c.platform == address.platform.value,
            ROUTES.c.chat == address.chat,
            ROUTES.c.parked_since.is_(None),
        )
        .values(parked_since=now, parked_reason=reason)
    )


async def open_route(
    connection: AsyncConnection, address: Address, now: datetime
) -> None:
    """Remember that a linked chat can be written to again.

    It is used from now on if it was chosen, or if there is no other.
    """
    found = await connection.execute(
        select(ROUTES).where(
            ROUTES.c.platform == address.platform.value, ROUTES.c.chat == address.chat
        )
    )
    route = found.first()
    if route is None:
        return
    await lock_recipient(connection, route.recipient_id)
    await connection.execute(
        update(ROUTES)
        .where(ROUTES.c.platform == route.platform, ROUTES.c.chat == route.chat)
        .values(parked_since=None, parked_reason="")
    )
    found = await connection.execute(
        select(RECIPIENTS).where(RECIPIENTS.c.id == route.recipient_id)
    )
    row = found.one()
    is_wanted = row.parked_since is not None or route.is_preferred
    if is_wanted and not is_at(row, address):
        await thaw_all(connection, row.id, now, wait=GRACE)
        await use(connection, row.id, route)


async def forget_codes(connection: AsyncConnection, recipient_id: int) -> None:
    """Drop a recipient's code, used or not."""
    await connection.execute(
        delete(LINK_CODES).where(LINK_CODES.c.recipient_id == recipient_id)
    )
