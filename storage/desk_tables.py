"""Tables of the operator's desk: who may use the bot, invites, announcements."""

from datetime import datetime

from sqlmodel import Field

from storage.columns import NEVER_AGAIN, Row, index, maybe_moment, moment, ref, row_id


class AccessRuleRow(Row, table=True):
    """A user or chat that was let in or blocked."""

    __tablename__ = "access_rules"

    subject: str = Field(primary_key=True)
    is_allowed: bool
    set_by: str
    set_at: datetime = moment()


class InviteRow(Row, table=True):
    """A code that lets people in."""

    __tablename__ = "invites"

    code: str = Field(primary_key=True)
    uses: int
    used: int
    expires_at: datetime = moment()
    created_by: str
    created_at: datetime = moment()


class AnnouncementRow(Row, table=True):
    """What an operator has to say to everybody; one is being sent at a time."""

    __tablename__ = "announcements"
    __table_args__ = (
        index(
            "uq_announcements_sending", "state", where="state = 'sending'", unique=True
        ),
        NEVER_AGAIN,
    )

    id: int = row_id()
    text: str
    state: str
    created_by: str
    created_at: datetime = moment()
    ended_at: datetime | None = maybe_moment()


class AnnouncementPostRow(Row, table=True):
    """What became of one announcement for one recipient; written before it is sent."""

    __tablename__ = "announcement_posts"

    announcement_id: int = ref("announcements.id", is_key=True)
    recipient_id: int = ref("recipients.id", is_key=True)
    state: str
    reason: str
    begun_at: datetime = moment()
