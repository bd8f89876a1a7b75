"""The first schema.

Revision: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What the columns were when this step was written: it must not change with the tables.
TEXT = sa.String()
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "assets",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("symbol", TEXT, nullable=False),
        sa.Column("symbol_folded", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_folded", TEXT, nullable=False),
        sa.Column("link", TEXT, nullable=False),
        sa.Column("categories", JSON, nullable=False),
        sa.Column("market_cap", sa.Float(), nullable=True),
        sa.Column("volume", sa.Float(), nullable=True),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        sa.UniqueConstraint("source", "key", name=op.f("uq_assets_source_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_assets_name", "assets", ["source", "name_folded"])
    op.create_index("ix_assets_symbol", "assets", ["source", "symbol_folded"])
    op.create_table(
        "bot_values",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bot_values")),
    )
    op.create_table(
        "inbox_entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("inbox", TEXT, nullable=False),
        sa.Column("nonce", TEXT, nullable=False),
        sa.Column("entry", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_entries")),
        sa.UniqueConstraint(
            "inbox", "nonce", name=op.f("uq_inbox_entries_inbox_nonce")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_entries_inbox", "inbox_entries", ["inbox", "id"])
    op.create_table(
        "leases",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "market_points",
        sa.Column("source", TEXT, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("bullish", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("sectors", JSON, nullable=False),
        sa.Column("signal", sa.SmallInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "as_of", name=op.f("pk_market_points")),
    )
    op.create_table(
        "polls",
        sa.Column("id", ID, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("worker", TEXT, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("is_ok", sa.Boolean(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("as_of", TIME, nullable=True),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("bookmark", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_polls")),
        sa.UniqueConstraint("source", "number", name=op.f("uq_polls_source_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recipients",
        sa.Column("id", ID, nullable=False),
        sa.Column("platform", TEXT, nullable=False),
        sa.Column("chat", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("thresholds", JSON, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("parked_since", TIME, nullable=True),
        sa.Column("parked_reason", TEXT, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("digest_at", TIME, nullable=True),
        sa.Column("wave_at", TIME, nullable=True),
        sa.Column("lease_owner", TEXT, nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
        sa.UniqueConstraint(
            "platform", "chat", "topic", name=op.f("uq_recipients_platform_chat_topic")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "asset_aliases",
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("alias_folded", TEXT, nullable=False),
        sa.Column("alias", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_asset_aliases_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "asset_id", "alias_folded", name=op.f("pk_asset_aliases")
        ),
    )
    op.create_index("ix_asset_aliases_folded", "asset_aliases", ["alias_folded"])
    op.create_table(
        "asset_categories",
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_asset_categories_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "asset_id", "category", name=op.f("pk_asset_categories")
        ),
    )
    op.create_index("ix_asset_categories_category", "asset_categories", ["category"])
    op.create_table(
        "asset_lines",
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("side", TEXT, nullable=False),
        sa.Column("is_locked", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_asset_lines_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("asset_id", "threshold", name=op.f("pk_asset_lines")),
    )
    op.create_table(
        "asset_states",
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("symbol", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("link", TEXT, nullable=False),
        sa.Column("signal", sa.SmallInteger(), nullable=True),
        sa.Column("grade", sa.Float(), nullable=True),
        sa.Column("price", sa.Float(), nullable=True),
        sa.Column("volume", sa.Float(), nullable=True),
        sa.Column("market_cap", sa.Float(), nullable=True),
        sa.Column("categories", JSON, nullable=False),
        sa.Column("standing", sa.SmallInteger(), nullable=False),
        sa.Column("standing_since", TIME, nullable=True),
        sa.Column("standing_price", sa.Float(), nullable=True),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("last_flip", JSON, nullable=True),
        sa.Column("flips", JSON, nullable=False),
        sa.Column("pending_revision", JSON, nullable=True),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_asset_states_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("asset_id", name=op.f("pk_asset_states")),
    )
    op.create_table(
        "events",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("detected_at", TIME, nullable=False),
        sa.Column("from_signal", sa.SmallInteger(), nullable=False),
        sa.Column("to_signal", sa.SmallInteger(), nullable=False),
        sa.Column("grade_from", sa.Float(), nullable=True),
        sa.Column("grade_to", sa.Float(), nullable=True),
        sa.Column("passed", JSON, nullable=False),
        sa.Column("price", sa.Float(), nullable=True),
        sa.Column("price_day_ago", sa.Float(), nullable=True),
        sa.Column("volume", sa.Float(), nullable=True),
        sa.Column("market_cap", sa.Float(), nullable=True),
        sa.Column("since", TIME, nullable=True),
        sa.Column("since_price", sa.Float(), nullable=True),
        sa.Column("gap_since", TIME, nullable=True),
        sa.Column("off_since", TIME, nullable=True),
        sa.Column("basis_seen_at", TIME, nullable=True),
        sa.Column("is_revision", sa.Boolean(), nullable=False),
        sa.Column("corrects", TEXT, nullable=False),
        sa.Column("only_for", ID, nullable=True),
        sa.Column("context", JSON, nullable=True),
        sa.Column("cursor", ID, nullable=False),
        sa.Column("fanned_out_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_events_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("key", name=op.f("uq_events_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_asset", "events", ["asset_id", "id"])
    op.create_index(
        "ix_events_corrects",
        "events",
        ["corrects"],
        postgresql_where=sa.text("corrects <> ''"),
        sqlite_where=sa.text("corrects <> ''"),
    )
    op.create_index(
        "ix_events_flips",
        "events",
        ["source", "as_of"],
        postgresql_where=sa.text("kind = 'flip'"),
        sqlite_where=sa.text("kind = 'flip'"),
    )
    op.create_index(
        "ix_events_open",
        "events",
        ["id"],
        sqlite_where=sa.text("fanned_out_at IS NULL"),
        postgresql_where=sa.text("fanned_out_at IS NULL"),
    )
    op.create_index("ix_events_source", "events", ["source", "id"])
    op.create_table(
        "messages",
        sa.Column("id", ID, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("parts", JSON, nullable=False),
        sa.Column("sent_parts", sa.Integer(), nullable=False),
        sa.Column("delivery_ids", JSON, nullable=False),
        sa.Column("tells", JSON, nullable=False),
        sa.Column("ended_mutes", JSON, nullable=False),
        sa.Column("edit", JSON, nullable=True),
        sa.Column("is_unsure", sa.Boolean(), nullable=False),
        sa.Column("is_plain", sa.Boolean(), nullable=False),
        sa.Column("first_ref", TEXT, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("send_by", TIME, nullable=True),
        sa.Column("frozen_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_messages_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_messages_due",
        "messages",
        ["due_at"],
        sqlite_where=sa.text("state = 'frozen'"),
        postgresql_where=sa.text("state = 'frozen'"),
    )
    op.create_index("ix_messages_recipient", "messages", ["recipient_id", "id"])
    op.create_index(
        "uq_messages_frozen",
        "messages",
        ["recipient_id"],
        unique=True,
        sqlite_where=sa.text("state = 'frozen'"),
        postgresql_where=sa.text("state = 'frozen'"),
    )
    op.create_table(
        "mutes",
        sa.Column("id", ID, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=True),
        sa.Column("until", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_mutes_asset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_mutes_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mutes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mutes_recipient", "mutes", ["recipient_id", "asset_id"])
    op.create_table(
        "private_lines",
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("side", TEXT, nullable=False),
        sa.Column("is_locked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_private_lines_asset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_private_lines_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "recipient_id", "asset_id", "threshold", name=op.f("pk_private_lines")
        ),
    )
    op.create_index("ix_private_lines_asset", "private_lines", ["asset_id"])
    op.create_table(
        "readings",
        sa.Column("id", ID, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("signal", sa.SmallInteger(), nullable=True),
        sa.Column("grade", sa.Float(), nullable=True),
        sa.Column("price", sa.Float(), nullable=True),
        sa.Column("volume", sa.Float(), nullable=True),
        sa.Column("market_cap", sa.Float(), nullable=True),
        sa.Column("categories", JSON, nullable=False),
        sa.Column("standing", sa.SmallInteger(), nullable=False),
        sa.Column("is_turn", sa.Boolean(), nullable=False),
        sa.Column("turn_price", sa.Float(), nullable=True),
        sa.Column("is_filled", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_readings_asset_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readings")),
        sa.UniqueConstraint(
            "asset_id",
            "as_of",
            "revision",
            name=op.f("uq_readings_asset_id_as_of_revision"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_readings_turns",
        "readings",
        ["asset_id", "as_of"],
        sqlite_where=sa.text("is_turn"),
        postgresql_where=sa.text("is_turn"),
    )
    op.create_table(
        "told",
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("signal", sa.SmallInteger(), nullable=True),
        sa.Column("since", TIME, nullable=True),
        sa.Column("watch_id", ID, nullable=True),
        sa.Column("message_ref", TEXT, nullable=False),
        sa.Column("told_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_told_asset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_told_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recipient_id", "asset_id", name=op.f("pk_told")),
    )
    op.create_index("ix_told_asset", "told", ["asset_id", "recipient_id"])
    op.create_table(
        "told_lines",
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("side", TEXT, nullable=False),
        sa.Column("told_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_told_lines_asset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_told_lines_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "recipient_id", "asset_id", "threshold", name=op.f("pk_told_lines")
        ),
    )
    op.create_table(
        "watches",
        sa.Column("id", ID, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("target_key", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("asset_id", ID, autoincrement=False, nullable=True),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("top", sa.Integer(), nullable=False),
        sa.Column("direction", sa.SmallInteger(), nullable=True),
        sa.Column("min_grade", sa.Float(), nullable=True),
        sa.Column("max_grade", sa.Float(), nullable=True),
        sa.Column("min_market_cap", sa.Float(), nullable=True),
        sa.Column("max_market_cap", sa.Float(), nullable=True),
        sa.Column("min_volume", sa.Float(), nullable=True),
        sa.Column("max_volume", sa.Float(), nullable=True),
        sa.Column("thresholds", JSON, nullable=True),
        sa.Column("is_urgent", sa.Boolean(), nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("is_exception", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["assets.id"],
            name=op.f("fk_watches_asset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_watches_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint(
            "recipient_id",
            "target_key",
            name=op.f("uq_watches_recipient_id_target_key"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_watches_all",
        "watches",
        ["recipient_id"],
        sqlite_where=sa.text("scope = 'all'"),
        postgresql_where=sa.text("scope = 'all'"),
    )
    op.create_index(
        "ix_watches_exceptions",
        "watches",
        ["recipient_id"],
        sqlite_where=sa.text("is_exception"),
        postgresql_where=sa.text("is_exception"),
    )
    op.create_index(
        "ix_watches_asset",
        "watches",
        ["asset_id", "recipient_id"],
        sqlite_where=sa.text("scope = 'asset'"),
        postgresql_where=sa.text("scope = 'asset'"),
    )
    op.create_index(
        "ix_watches_category",
        "watches",
        ["category", "recipient_id"],
        sqlite_where=sa.text("scope = 'category'"),
        postgresql_where=sa.text("scope = 'category'"),
    )
    op.create_index(
        "ix_watches_top",
        "watches",
        ["recipient_id", "top"],
        sqlite_where=sa.text("scope = 'top'"),
        postgresql_where=sa.text("scope = 'top'"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("event_id", ID, autoincrement=False, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("watch_id", ID, nullable=True),
        sa.Column("bullish_asset_id", ID, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("owed_since", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("is_unsure", sa.Boolean(), nullable=False),
        sa.Column("held_for", TEXT, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_deliveries_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "recipient_id", "event_id", name=op.f("uq_deliveries_recipient_id_event_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_deliveries_bullish",
        "deliveries",
        ["recipient_id", "bullish_asset_id"],
        sqlite_where=sa.text(
            "bullish_asset_id IS NOT NULL AND state IN ('pending', 'claimed', 'parked')"
        ),
        postgresql_where=sa.text(
            "bullish_asset_id IS NOT NULL AND state IN ('pending', 'claimed', 'parked')"
        ),
    )
    op.create_index(
        "ix_deliveries_awaiting",
        "deliveries",
        ["event_id", "due_at"],
        sqlite_where=sa.text(
            "state = 'pending' AND reason IN ('choppy', 'unconfirmed')"
        ),
        postgresql_where=sa.text(
            "state = 'pending' AND reason IN ('choppy', 'unconfirmed')"
        ),
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["id"],
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["due_at", "recipient_id"],
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_open",
        "deliveries",
        ["recipient_id", "event_id"],
        sqlite_where=sa.text("state IN ('pending', 'claimed', 'parked')"),
        postgresql_where=sa.text("state IN ('pending', 'claimed', 'parked')"),
    )
    op.create_table(
        "watch_lines",
        sa.Column("watch_id", ID, autoincrement=False, nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["watch_id"],
            ["watches.id"],
            name=op.f("fk_watch_lines_watch_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("watch_id", "threshold", name=op.f("pk_watch_lines")),
    )
    for create in (_create_desk_tables, _create_places, _create_links, _create_engine):
        create()


def _create_links() -> None:
    """Create what links several chats of one person, and what can be undone."""
    op.create_table(
        "link_codes",
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_link_codes_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_link_codes")),
    )
    op.create_table(
        "link_tries",
        sa.Column("id", ID, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_link_tries_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_tries")),
    )
    op.create_index("ix_link_tries_recipient", "link_tries", ["recipient_id", "at"])
    op.create_table(
        "routes",
        sa.Column("platform", TEXT, nullable=False),
        sa.Column("chat", TEXT, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("is_preferred", sa.Boolean(), nullable=False),
        sa.Column("parked_since", TIME, nullable=True),
        sa.Column("parked_reason", TEXT, nullable=False),
        sa.Column("linked_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_routes_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("platform", "chat", name=op.f("pk_routes")),
    )
    op.create_index("ix_routes_recipient", "routes", ["recipient_id"])
    op.create_table(
        "undos",
        sa.Column("id", ID, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("what", JSON, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_undos_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_undos")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_undos_recipient", "undos", ["recipient_id"])


def _create_desk_tables() -> None:
    """Create who may use the bot, invites and announcements."""
    op.create_table(
        "access_rules",
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
        sa.Column("set_by", TEXT, nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_access_rules")),
    )
    op.create_table(
        "invites",
        sa.Column("code", TEXT, nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_invites")),
    )
    op.create_table(
        "announcements",
        sa.Column("id", ID, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_announcements_sending",
        "announcements",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_table(
        "announcement_posts",
        sa.Column("announcement_id", ID, autoincrement=False, nullable=False),
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"],
            ["announcements.id"],
            name=op.f("fk_announcement_posts_announcement_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_announcement_posts_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "announcement_id",
            "recipient_id",
            name=op.f("pk_announcement_posts"),
        ),
    )


def _create_places() -> None:
    """Create what is kept of places, and of errands to their messages."""
    op.create_table(
        "place_notes",
        sa.Column("recipient_id", ID, autoincrement=False, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("topic_title", TEXT, nullable=False),
        sa.Column("setter", TEXT, nullable=False),
        sa.Column("setter_name", TEXT, nullable=False),
        sa.Column("set_at", TIME, nullable=True),
        sa.Column("lost_told", TIME, nullable=True),
        sa.Column("probed_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.id"],
            name=op.f("fk_place_notes_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_place_notes")),
    )
    op.create_index("ix_place_notes_setter", "place_notes", ["setter"])
    op.create_table(
        "errands",
        sa.Column("platform", TEXT, nullable=False),
        sa.Column("chat", TEXT, nullable=False),
        sa.Column("message_ref", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            "platform", "chat", "message_ref", "kind", name=op.f("pk_errands")
        ),
    )
    op.create_index("ix_errands_due", "errands", ["due_at"])


def _create_engine() -> None:
    """Create what our own engine keeps: its candles, and the keys to its API."""
    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "candle_series",
        sa.Column("id", ID, nullable=False),
        sa.Column("exchange", TEXT, nullable=False),
        sa.Column("base", TEXT, nullable=False),
        sa.Column("pair", TEXT, nullable=False),
        sa.Column("turnover", sa.Float(), nullable=True),
        sa.Column("is_member", sa.Boolean(), nullable=False),
        sa.Column("gone_at", TIME, nullable=True),
        sa.Column("hours_from", TIME, nullable=True),
        sa.Column("days_from", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candle_series")),
        sa.UniqueConstraint(
            "exchange", "base", name=op.f("uq_candle_series_exchange_base")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "candles",
        sa.Column("series_id", ID, autoincrement=False, nullable=False),
        sa.Column("frame", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("open", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("close", sa.Float(), nullable=False),
        sa.Column("volume", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["candle_series.id"],
            name=op.f("fk_candles_series_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", "frame", "start", name=op.f("pk_candles")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop all tables."""
    for name in (
        "candles",
        "candle_series",
        "api_keys",
        "announcement_posts",
        "announcements",
        "invites",
        "access_rules",
        "watch_lines",
        "deliveries",
        "watches",
        "told_lines",
        "told",
        "readings",
        "private_lines",
        "routes",
        "undos",
        "link_tries",
        "link_codes",
        "place_notes",
        "mutes",
        "messages",
        "events",
        "asset_states",
        "asset_lines",
        "asset_categories",
        "asset_aliases",
        "recipients",
        "polls",
        "market_points",
        "leases",
        "errands",
        "inbox_entries",
        "bot_values",
        "assets",
    ):
        op.drop_table(name)
