"""The store's announcements: who has had which, so that each goes out once."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.announcing import Announcement, AnnouncementState, PostState
from bot.model import PlaceKind, Platform, Recipient
from storage.database import insert_into
from storage.part import StorePart
from storage.rows import to_recipient
from storage.tables import ANNOUNCEMENT_POSTS, ANNOUNCEMENTS, RECIPIENTS

# literal, as the partial index spells it, else it is not used
_IS_SENDING: ColumnElement[bool] = literal_column("announcements.state = 'sending'")


class AnnouncementStore(StorePart):
    """Everything the port says under "announcements"."""

    async def draft_announcement(
        self, text: str, *, created_by: str, now: datetime
    ) -> Announcement:
        """Keep what is to be announced; nothing is sent yet."""

        async def work(connection: AsyncConnection) -> Announcement:
            added = await connection.execute(
                insert_into(connection, ANNOUNCEMENTS)
                .values(
                    text=text,
                    state=AnnouncementState.DRAFT.value,
                    created_by=created_by,
                    created_at=now,
                    ended_at=None,
                )
                .returning(ANNOUNCEMENTS)
            )
            return await _with_figures(connection, added.one())

        return await self._database.write(work)

    async def find_announcement(
        self, announcement_id: int | None = None
    ) -> Announcement | None:
        """Find an announcement with its figures; without an id the one being sent."""
        chosen = (
            _IS_SENDING
            if announcement_id is None
            else ANNOUNCEMENTS.c.id == announcement_id
        )

        async def work(connection: AsyncConnection) -> Announcement | None:
            row = (
                await connection.execute(select(ANNOUNCEMENTS).where(chosen))
            ).first()
            return None if row is None else await _with_figures(connection, row)

        return await self._database.read(work)

    async def start_announcement(self, announcement_id: int, *, now: datetime) -> bool:
        """Begin to send a draft; False if it is none, or another one is being sent."""
        del now  # the port's word; what was drafted is for those who were there then

        async def work(connection: AsyncConnection) -> bool:
            other = await connection.execute(
                select(ANNOUNCEMENTS.c.id).where(_IS_SENDING)
            )
            if other.first() is not None:
                return False
            begun = await connection.execute(
                update(ANNOUNCEMENTS)
                .where(
                    ANNOUNCEMENTS.c.id == announcement_id,
                    ANNOUNCEMENTS.c.state == AnnouncementState.DRAFT.value,
                )
                .values(state=AnnouncementState.SENDING.value)
            )
            return bool(begun.rowcount)

        return await self._database.write(work)

    async def end_announcement(
        self, announcement_id: int, state: AnnouncementState, *, now: datetime
    ) -> bool:
        """Cancel a draft or what is being sent, or say that it is done."""
        open_states = [
            AnnouncementState.DRAFT.value,
            AnnouncementState.SENDING.value,
        ]

        async def work(connection: AsyncConnection) -> bool:
            ended = await connection.execute(
                update(ANNOUNCEMENTS)
                .where(
                    ANNOUNCEMENTS.c.id == announcement_id,
                    ANNOUNCEMENTS.c.state.in_(open_states),
                )
                .values(state=state.value, ended_at=now)
            )
            return bool(ended.rowcount)

        return await self._database.write(work)

    async def next_posts(
        self,
        announcement_id: int,
        platforms: Collection[Platform],
        *,
        after: int = 0,
        limit: int = 20,
    ) -> Sequence[Recipient]:
        """List private chats that have yet to get it, by id from `after` on.

        Those that are gone and those that came after it was drafted are left out.
        """
        statement = (
            select(RECIPIENTS)
            .join(ANNOUNCEMENTS, ANNOUNCEMENTS.c.id == announcement_id)
            .where(
                RECIPIENTS.c.id > after,
                RECIPIENTS.c.platform.in_([p.value for p in platforms]),
                _is_to_get(),
            )
            .order_by(RECIPIENTS.c.id)
            .limit(limit)
        )

        async def work(connection: AsyncConnection) -> Sequence[Recipient]:
            return [to_recipient(row) for row in await connection.execute(statement)]

        return await self._database.read(work)

    async def begin_post(
        self, announcement_id: int, recipient_id: int, *, now: datetime
    ) -> bool:
        """Note that one is about to be sent; False if it must not be (any more).

        It must not be where it was begun before, by whomever, or was cancelled.
        """
        return await self._database.write(
            partial(
                _begin,
                announcement_id=announcement_id,
                recipient_id=recipient_id,
                now=now,
            )
        )

    async def settle_post(
        self,
        announcement_id: int,
        recipient_id: int,
        state: PostState | None,
        *,
        reason: str = "",
    ) -> None:
        """Write what became of one; None: surely not sent, to be tried again."""
        chosen = (ANNOUNCEMENT_POSTS.c.announcement_id == announcement_id) & (
            ANNOUNCEMENT_POSTS.c.recipient_id == recipient_id
        )

        async def work(connection: AsyncConnection) -> None:
            if state is None:
                await connection.execute(delete(ANNOUNCEMENT_POSTS).where(chosen))
                return
            await connection.execute(
                update(ANNOUNCEMENT_POSTS)
                .where(chosen)
                .values(state=state.value, reason=reason)
            )

        await self._database.write(work)


async def _begin(
    connection: AsyncConnection,
    announcement_id: int,
    recipient_id: int,
    now: datetime,
) -> bool:
    # locked, so that a cancel comes before it or after it
    current = await connection.execute(
        select(ANNOUNCEMENTS.c.id)
        .where(ANNOUNCEMENTS.c.id == announcement_id, _IS_SENDING)
        .with_for_update(key_share=True)
    )
    if current.first() is None:
        return False
    begun = await connection.execute(
        insert_into(connection, ANNOUNCEMENT_POSTS)
        .values(
            announcement_id=announcement_id,
            recipient_id=recipient_id,
            state=PostState.SENDING.value,
            reason="",
            begun_at=now,
        )
        .on_conflict_do_nothing(index_elements=["announcement_id", "recipient_id"])
    )
    return bool(begun.rowcount)


def _is_to_get() -> ColumnElement[bool]:
    """Whether a recipient has yet to get the announcement that is joined."""
    return (
        (RECIPIENTS.c.kind == PlaceKind.PRIVATE.value)
        & RECIPIENTS.c.parked_since.is_(None)
        & (RECIPIENTS.c.created_at <= ANNOUNCEMENTS.c.created_at)
        & ~exists().where(
            ANNOUNCEMENT_POSTS.c.announcement_id == ANNOUNCEMENTS.c.id,
            ANNOUNCEMENT_POSTS.c.recipient_id == RECIPIENTS.c.id,
        )
    )


async def _with_figures(connection: AsyncConnection, row: Any) -> Announcement:
    posts = await connection.execute(
        select(ANNOUNCEMENT_POSTS.c.state, func.count().label("n"))
        .where(ANNOUNCEMENT_POSTS.c.announcement_id == row.id)
        .group_by(ANNOUNCEMENT_POSTS.c.state)
    )
    left = await connection.execute(
        select(func.count())
        .select_from(RECIPIENTS)
        .join(ANNOUNCEMENTS, ANNOUNCEMENTS.c.id == row.id)
        .where(_is_to_get())
    )
    return Announcement(
        id=row.id,
        text=row.text,
        state=AnnouncementState(row.state),
        created_by=row.created_by,
        created_at=row.created_at,
        posts={PostState(post.state): post.n for post in posts},
        left=left.scalar_one(),
    )
