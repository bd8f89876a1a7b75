"""Tables of what is graded: assets, readings, states, polls, events."""

from datetime import datetime
from typing import Any

from sqlalchemy import Float, SmallInteger, UniqueConstraint
from sqlmodel import Field

from storage.columns import (
    NEVER_AGAIN,
    Row,
    RowId,
    UtcTime,
    document,
    index,
    loose_ref,
    maybe_moment,
    moment,
    ref,
    row_id,
    signal_number,
)


class AssetRow(Row, table=True):
    """An asset as its source last described it."""

    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("source", "key"),
        index("ix_assets_symbol", "source", "symbol_folded"),
        index("ix_assets_name", "source", "name_folded"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    source: str
    key: str
    symbol: str
    symbol_folded: str
    name: str
    name_folded: str
    link: str
    categories: Any = document()
    market_cap: float | None
    volume: float | None
    rank: int | None
    created_at: datetime = moment()


class AssetAliasRow(Row, table=True):
    """Another word for an asset, such as the symbol it had before."""

    __tablename__ = "asset_aliases"
    __table_args__ = (index("ix_asset_aliases_folded", "alias_folded"),)

    asset_id: int = ref("assets.id", is_key=True)
    alias_folded: str = Field(primary_key=True)
    alias: str


class AssetCategoryRow(Row, table=True):
    """One category of one asset, for finding; their order is in `assets`."""

    __tablename__ = "asset_categories"
    __table_args__ = (index("ix_asset_categories_category", "category"),)

    asset_id: int = ref("assets.id", is_key=True)
    category: str = Field(primary_key=True)


class ReadingRow(Row, table=True):
    """One reading of history. `revision` counts changed verdicts at one `as_of`.

    `standing` is the standing signal after it. `turn_price` is the price at which the
    turn was told: `price` may be refreshed later.
    """

    __tablename__ = "readings"
    __table_args__ = (
        UniqueConstraint("asset_id", "as_of", "revision"),
        index("ix_readings_turns", "asset_id", "as_of", where="is_turn"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    asset_id: int = ref("assets.id")
    as_of: datetime = moment()
    revision: int
    signal: int | None = signal_number()
    grade: float | None
    price: float | None
    volume: float | None
    market_cap: float | None
    categories: Any = document()
    standing: int = Field(sa_type=SmallInteger)
    is_turn: bool
    turn_price: float | None
    #: from before we knew the asset: the engine's history
    is_filled: bool
    recorded_at: datetime = moment()


class MarketRow(Row, table=True):
    """The bull-bear indicator of a source at one `as_of`, whole and by category."""

    __tablename__ = "market_points"

    source: str = Field(primary_key=True)
    as_of: datetime = Field(sa_type=UtcTime, primary_key=True)
    bullish: int
    total: int
    sectors: Any = document()
    signal: int | None = signal_number()


class AssetStateRow(Row, table=True):
    """What detection knows of an asset: the newest reading that counted, and more."""

    __tablename__ = "asset_states"

    asset_id: int = ref("assets.id", is_key=True)
    as_of: datetime = moment()
    symbol: str
    name: str
    link: str
    signal: int | None = signal_number()
    grade: float | None
    price: float | None
    volume: float | None
    market_cap: float | None
    categories: Any = document()
    standing: int = Field(sa_type=SmallInteger)
    standing_since: datetime | None = maybe_moment()
    standing_price: float | None
    seen_at: datetime = moment()
    last_flip: Any = document(nullable=True)
    flips: Any = document()
    pending_revision: Any = document(nullable=True)


class AssetLineRow(Row, table=True):
    """The shared told side of one line of one asset."""

    __tablename__ = "asset_lines"

    asset_id: int = ref("assets.id", is_key=True)
    threshold: float = Field(sa_type=Float, primary_key=True)
    side: str
    is_locked: bool
    created_at: datetime = moment()


class PollRow(Row, table=True):
    """One poll of a source; unfinished while `finished_at` is empty."""

    __tablename__ = "polls"
    __table_args__ = (UniqueConstraint("source", "number"), NEVER_AGAIN)

    id: int = row_id()
    source: str
    number: int
    worker: str
    started_at: datetime = moment()
    finished_at: datetime | None = maybe_moment()
    is_ok: bool
    reason: str
    as_of: datetime | None = maybe_moment()
    readings: int
    events: int
    bookmark: str | None


class EventRow(Row, table=True):
    """An event, and how far its fan-out has come (`cursor`: last recipient done)."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("key"),
        index("ix_events_open", "id", where="fanned_out_at IS NULL"),
        index("ix_events_source", "source", "id"),
        index("ix_events_asset", "asset_id", "id"),
        index("ix_events_flips", "source", "as_of", where="kind = 'flip'"),
        index("ix_events_corrects", "corrects", where="corrects <> ''"),
        NEVER_AGAIN,
    )

    id: int = row_id()
    key: str
    kind: str
    source: str
    asset_id: int = ref("assets.id")
    as_of: datetime = moment()
    detected_at: datetime = moment()
    from_signal: int = Field(sa_type=SmallInteger)
    to_signal: int = Field(sa_type=SmallInteger)
    grade_from: float | None
    grade_to: float | None
    passed: Any = document()
    price: float | None
    price_day_ago: float | None
    volume: float | None
    market_cap: float | None
    since: datetime | None = maybe_moment()
    since_price: float | None
    gap_since: datetime | None = maybe_moment()
    off_since: datetime | None = maybe_moment()
    basis_seen_at: datetime | None = maybe_moment()
    is_revision: bool
    corrects: str
    only_for: int | None = loose_ref()
    context: Any = document(nullable=True)
    cursor: int = Field(sa_type=RowId)
    fanned_out_at: datetime | None = maybe_moment()
