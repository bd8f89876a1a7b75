"""The store's rules of access: users and chats let in or blocked, invites."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.access import Invite, Rule
from bot.model import Address, PlaceKind, Platform
from bot.screening import Found
from storage.database import insert_into, upsert
from storage.part import StorePart
from storage.tables import ACCESS_RULES, INVITES, RECIPIENTS, WATCHES


class AccessStore(StorePart):
    """Everything the port says under "access"."""

    async def access_of(self, subjects: Sequence[str]) -> Mapping[str, bool]:
        """Return what was said of these subjects: True is let in, False blocked."""
        statement = select(ACCESS_RULES.c.subject, ACCESS_RULES.c.is_allowed).where(
            ACCESS_RULES.c.subject.in_(list(subjects))
        )

        async def work(connection: AsyncConnection) -> Mapping[str, bool]:
            rows = await connection.execute(statement)
            return {row.subject: bool(row.is_allowed) for row in rows}

        return await self._database.read(work)

    async def set_access(self, rule: Rule) -> None:
        """Let a subject in or block it; what was said of it before is replaced."""

        async def work(connection: AsyncConnection) -> None:
            row = {
                "subject": rule.subject,
                "is_allowed": rule.is_allowed,
                "set_by": rule.set_by,
                "set_at": rule.set_at,
            }
            await upsert(connection, ACCESS_RULES, [row], keys=["subject"])

        await self._database.write(work)

    async def clear_access(self, subject: str) -> bool:
        """Forget what was said of a subject; False if nothing was."""

        async def work(connection: AsyncConnection) -> bool:
            gone = await connection.execute(
                delete(ACCESS_RULES).where(ACCESS_RULES.c.subject == subject)
            )
            return bool(gone.rowcount)

        return await self._database.write(work)

    async def list_access(
        self, *, is_allowed: bool, offset: int = 0, limit: int = 20
    ) -> Found[Rule]:
        """List those let in, or those blocked, newest first."""
        chosen = ACCESS_RULES.c.is_allowed.is_(is_allowed)
        statement = (
            select(ACCESS_RULES)
            .where(chosen)
            .order_by(ACCESS_RULES.c.set_at.desc(), ACCESS_RULES.c.subject)
            .offset(offset)
            .limit(limit)
        )
        counting = select(func.count()).select_from(ACCESS_RULES).where(chosen)

        async def work(connection: AsyncConnection) -> Found[Rule]:
            total = (await connection.execute(counting)).scalar_one()
            rows = await connection.execute(statement)
            return Found(
                total,
                [
                    Rule(
                        subject=row.subject,
                        is_allowed=bool(row.is_allowed),
                        set_by=row.set_by,
                        set_at=row.set_at,
                    )
                    for row in rows
                ],
            )

        return await self._database.read(work)

    async def private_places(self, user: str) -> Sequence[Address]:
        """List the private chats that are known to be this user's.

        A chat with the user's own id, or one in which the user made a watch.
        """
        platform, _, account = user.partition(":")
        made = select(WATCHES.c.recipient_id).where(WATCHES.c.created_by == user)
        statement = (
            select(RECIPIENTS.c.platform, RECIPIENTS.c.chat, RECIPIENTS.c.topic)
            .where(
                RECIPIENTS.c.platform == platform,
                RECIPIENTS.c.kind == PlaceKind.PRIVATE.value,
                or_(RECIPIENTS.c.chat == account, RECIPIENTS.c.id.in_(made)),
            )
            .order_by(RECIPIENTS.c.id)
        )

        async def work(connection: AsyncConnection) -> Sequence[Address]:
            rows = await connection.execute(statement)
            return [Address(Platform(r.platform), r.chat, r.topic) for r in rows]

        return await self._database.read(work)

    # ---- invites

    async def put_invite(self, invite: Invite) -> None:
        """Keep a new invite; those that have expired are cleared away."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(INVITES).where(INVITES.c.expires_at <= invite.created_at)
            )
            await connection.execute(
                insert_into(connection, INVITES).values(
                    code=invite.code,
                    uses=invite.uses,
                    used=invite.used,
                    expires_at=invite.expires_at,
                    created_by=invite.created_by,
                    created_at=invite.created_at,
                )
            )

        await self._database.write(work)

    async def list_invites(self, now: datetime) -> Sequence[Invite]:
        """List the invites that still let somebody in, newest first."""
        statement = (
            select(INVITES)
            .where(INVITES.c.expires_at > now, INVITES.c.used < INVITES.c.uses)
            .order_by(INVITES.c.created_at.desc(), INVITES.c.code)
        )

        async def work(connection: AsyncConnection) -> Sequence[Invite]:
            return [
                Invite(
                    code=row.code,
                    uses=row.uses,
                    used=row.used,
                    expires_at=row.expires_at,
                    created_by=row.created_by,
                    created_at=row.created_at,
                )
                for row in await connection.execute(statement)
            ]

        return await self._database.read(work)

    async def drop_invite(self, code: str) -> bool:
        """End an invite; False if there is none with this code."""

        async def work(connection: AsyncConnection) -> bool:
            gone = await connection.execute(
                delete(INVITES).where(INVITES.c.code == code)
            )
            return bool(gone.rowcount)

        return await self._database.write(work)

    async def redeem_invite(self, code: str, subject: str, *, now: datetime) -> bool:
        """Let a subject in by an invite; False if the code lets nobody in (any more).

        Atomic: of n uses exactly n succeed. A subject that was let in already costs
        no use, and one that is blocked stays so.
        """
        return await self._database.write(
            partial(_redeem, code=code, subject=subject, now=now)
        )


async def _redeem(
    connection: AsyncConnection, code: str, subject: str, now: datetime
) -> bool:
    known = await connection.execute(
        select(ACCESS_RULES.c.is_allowed).where(ACCESS_RULES.c.subject == subject)
    )
    rule = known.first()
    if rule is not None:
        return bool(rule.is_allowed)
    taken = await connection.execute(
        update(INVITES)
        .where(
            INVITES.c.code == code,
            INVITES.c.used < INVITES.c.uses,
            INVITES.c.expires_at > now,
        )
        .values(used=INVITES.c.used + 1)
        .returning(INVITES.c.created_by)
    )
    invite = taken.first()
    if invite is None:
        return False
    row = {
        "subject": subject,
        "is_allowed": True,
        "set_by": invite.created_by,
        "set_at": now,
    }
    await connection.execute(insert_into(connection, ACCESS_RULES).values(row))
    return True
