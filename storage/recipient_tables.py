"""Tables of people, places, watches, what was told, and the outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, UniqueConstraint
from sqlmodel import Field

from storage.columns import (
    NEVER_AGAIN,
    Row,
    RowId,
    document,
    index,
    loose_ref,
    maybe_moment,
    moment,
    ref,
    row_id,
    signal_number,
)

#: what waits for the asset's next reading, as the partial index spells it
AWAITS_READING = "state = 'pending' AND reason IN ('choppy', 'unconfirmed')"
#: states of a delivery that are not final, as the partial indexes spell them
OPEN_STATES = "state IN ('pending', 'claimed', 'parked')"


class RecipientRow(Row, table=True):
    """One inbox, its settings, and who works on it now (the lease)."""

    __tablename__ = "recipients"
    __table_args__ = (UniqueConstraint("platform", "chat", "topic"), NEVER_AGAIN)

    id: int = row_id()
    platform: str
    chat: str
    topic: str
    kind: str
    language: str
    thresholds: Any = document()
    settings: Any = document()
    parked_since: datetime | None = maybe_moment()
    parked_reason: str
    #: when a message, and when a digest, last had the platform's yes
    sent_at: datetime | None = maybe_moment()
    digest_at: datetime | None = maybe_moment()
    #: when the table of a broad move did
    wave_at: datetime | None = maybe_moment()
    lease_owner: str | None
    lease_until: datetime | None = maybe_moment()
    created_at: datetime = moment()


class RouteRow(Row, table=True):
    """One of several chats that share a recipient: one watchlist, one history.

    Only linked recipients have routes, then at least two, and the recipient's own
    address is one of them: the one in use. `account` is who linked it,
    `platform:id`.
    """

    __tablename__ = "routes"
    __table_args__ = (index("ix_routes_recipient", "recipient_id"),)

    platform: str = Field(primary_key=True)
    chat: str = Field(primary_key=True)
    recipient_id: int = ref("recipients.id")
    account: str
    is_preferred: bool
    parked_since: datetime | None = maybe_moment()
    parked_reason: str
    linked_at: datetime = moment()


class LinkCodeRow(Row, table=True):
    """The code by which another chat may join a recipient; one at a time."""

    __tablename__ = "link_codes"

    recipient_id: int = ref("recipients.id", is_key=True)
    digest: str
    account: str
    expires_at: datetime = moment()


class LinkTryRow(Row, table=True):
    """A wrong code that was typed."""

    __tablename__ = "link_tries"
    __table_args__ = (index("ix_link_tries_recipient", "recipient_id", "at"),)

    id: int = row_id()
    recipient_id: int = ref("recipients.id")
    at: datetime = moment()


class UndoRow(Row, table=True):
    """What a button may bring back, for a while."""

    __tablename__ = "undos"
    __table_args__ = (index("ix_undos_recipient", "recipient_id"), NEVER_AGAIN)

    id: int = row_id()
    recipient_id: int = ref("recipients.id")
    what: Any = document()
    until: datetime = moment()


class PlaceNoteRow(Row, table=True):
    """What is known of a group, topic or channel, and who set what it gets."""

    __tablename__ = "place_notes"
    __table_args__ = (index("ix_place_notes_setter", "setter"),)

    recipient_id: int = ref("recipients.id", is_key=True)
    title: str
    topic_title: str
    setter: str
    setter_name: str
    set_at: datetime | None = maybe_moment()
    lost_told: datetime | None = maybe_moment()
    probed_at: datetime | None = maybe_moment()


class ErrandRow(Row, table=True):
    """A small thing to be done later to a message that was sent."""

    __tablename__ = "errands"
    __table_args__ = (index("ix_errands_due", "due_at"),)

    platform: str = Field(primary_key=True)
    chat: str = Field(primary_key=True)
    message_ref: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    topic: str
    document: Any = document()
    attempts: int
    due_at: datetime = moment()


class MuteRow(Row, table=True):
    """Silence for one asset, or for all where `asset_id` is empty."""

    __tablename__ = "mutes"
    __table_args__ = (
        index("ix_mutes_recipient", "recipient_id", "asset_id"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    recipient_id: int = ref("recipients.id")
    asset_id: int | None = ref("assets.id", nullable=True)
    until: datetime | None = maybe_moment()
    created_at: datetime = moment()


class WatchRow(Row, table=True):
    """A watch or an exception. `target_key` spells the target for uniqueness."""

    __tablename__ = "watches"
    __table_args__ = (
        UniqueConstraint("recipient_id", "target_key"),
        # one index per way fan-out looks for watches, each in the cursor's order
        index("ix_watches_asset", "asset_id", "recipient_id", where="scope = 'asset'"),
        index(
            "ix_watches_category",
            "category",
            "recipient_id",
            where="scope = 'category'",
        ),
        index("ix_watches_top", "recipient_id", "top", where="scope = 'top'"),
        index("ix_watches_all", "recipient_id", where="scope = 'all'"),
        # few: most recipients have none, and that is to be seen at a glance
        index("ix_watches_exceptions", "recipient_id", where="is_exception"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    recipient_id: int = ref("recipients.id")
    target_key: str
    scope: str
    asset_id: int | None = ref("assets.id", nullable=True)
    category: str
    top: int
    direction: int | None = signal_number()
    min_grade: float | None
    max_grade: float | None
    min_market_cap: float | None
    max_market_cap: float | None
    min_volume: float | None
    max_volume: float | None
    thresholds: Any = document(nullable=True)
    is_urgent: bool
    text: str
    is_exception: bool
    created_at: datetime = moment()
    created_by: str


class WatchLineRow(Row, table=True):
    """An effective line of a watch: its own, or one of the recipient's defaults."""

    __tablename__ = "watch_lines"

    watch_id: int = ref("watches.id", is_key=True)
    threshold: float = Field(sa_type=Float, primary_key=True)


class PrivateLineRow(Row, table=True):
    """A recipient's own side of a line while it differs from the shared one."""

    __tablename__ = "private_lines"
    __table_args__ = (index("ix_private_lines_asset", "asset_id"),)

    recipient_id: int = ref("recipients.id", is_key=True)
    asset_id: int = ref("assets.id", is_key=True)
    threshold: float = Field(sa_type=Float, primary_key=True)
    side: str
    is_locked: bool


class ToldRow(Row, table=True):
    """What a recipient was last told of an asset; `told_at` is when, by our clock."""

    __tablename__ = "told"
    __table_args__ = (index("ix_told_asset", "asset_id", "recipient_id"),)

    recipient_id: int = ref("recipients.id", is_key=True)
    asset_id: int = ref("assets.id", is_key=True)
    signal: int | None = signal_number()
    since: datetime | None = maybe_moment()
    watch_id: int | None = loose_ref()
    message_ref: str
    told_at: datetime = moment()


class ToldLineRow(Row, table=True):
    """The side of one line that a recipient was last told."""

    __tablename__ = "told_lines"

    recipient_id: int = ref("recipients.id", is_key=True)
    asset_id: int = ref("assets.id", is_key=True)
    threshold: float = Field(sa_type=Float, primary_key=True)
    side: str
    told_at: datetime = moment()


# ---------------------------------------------------------------- the outbox


class MessageRow(Row, table=True):
    """A message as it was decided: `frozen`, `sent`, `thawed` or `dead`.

    `delivery_ids` stays when a thaw takes the deliveries away, so that a yes which
    arrives late still finds them.
    """

    __tablename__ = "messages"
    __table_args__ = (
        index(
            "uq_messages_frozen",
            "recipient_id",
            where="state = 'frozen'",
            unique=True,
        ),
        index("ix_messages_due", "due_at", where="state = 'frozen'"),
        index("ix_messages_recipient", "recipient_id", "id"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    recipient_id: int = ref("recipients.id")
    state: str
    reason: str
    kind: str
    parts: Any = document()
    sent_parts: int
    delivery_ids: Any = document()
    tells: Any = document()
    ended_mutes: Any = document()
    edit: Any = document(nullable=True)
    #: it may have arrived: a try ended without an answer, or in a crash
    is_unsure: bool
    is_plain: bool
    first_ref: str
    due_at: datetime = moment()
    send_by: datetime | None = maybe_moment()
    frozen_at: datetime = moment()
    settled_at: datetime | None = maybe_moment()


class DeliveryRow(Row, table=True):
    """The duty to bring one event to one recipient.

    `bullish_asset_id` is set where the event is a flip to bullish: fan-out looks here
    for those who have yet to be told bullish, and so must hear the end of it too.

    Every index begins with what grows along with the recipient: fan-out writes the
    deliveries of a thousand events for some recipients at a time, and beginning with
    the event it would change a page per event and index in each chunk. So `event_id`
    has no foreign key, which would need such an index: who deletes events deletes
    their deliveries first.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("recipient_id", "event_id"),
        index("ix_deliveries_due", "due_at", "recipient_id", where="state = 'pending'"),
        index("ix_deliveries_open", "recipient_id", "event_id", where=OPEN_STATES),
        index("ix_deliveries_dead", "id", where="state = 'dead'"),
        # almost nothing: what a reading lets go
        index("ix_deliveries_awaiting", "event_id", "due_at", where=AWAITS_READING),
        index(
            "ix_deliveries_bullish",
            "recipient_id",
            "bullish_asset_id",
            where=f"bullish_asset_id IS NOT NULL AND {OPEN_STATES}",
        ),
        NEVER_AGAIN,
    )

    id: int = row_id()
    event_id: int = Field(sa_type=RowId)
    recipient_id: int = ref("recipients.id")
    watch_id: int | None = loose_ref()
    bullish_asset_id: int | None = loose_ref()
    state: str
    reason: str
    due_at: datetime = moment()
    owed_since: datetime = moment()
    attempts: int
    #: it was in a message that may have arrived all the same
    is_unsure: bool
    #: what last held it; empty where nothing has
    held_for: str | None
    created_at: datetime = moment()
    sent_at: datetime | None = maybe_moment()
    message_id: int | None = loose_ref()


class InboxEntryRow(Row, table=True):
    """One entry of a web inbox."""

    __tablename__ = "inbox_entries"
    __table_args__ = (
        UniqueConstraint("inbox", "nonce"),
        index("ix_inbox_entries_inbox", "inbox", "id"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    inbox: str
    nonce: str
    entry: Any = document()
    created_at: datetime = moment()


class LeaseRow(Row, table=True):
    """Who does what only one process may do, and until when."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    until: datetime = moment()


class BotValueRow(Row, table=True):
    """A small setting of the bot itself."""

    __tablename__ = "bot_values"

    name: str = Field(primary_key=True)
    value: str
