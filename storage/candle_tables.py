"""Tables of our own engine: its candles, and the keys to its API."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, UniqueConstraint
from sqlmodel import Field

from storage.columns import NEVER_AGAIN, Row, maybe_moment, moment, ref, row_id

_WITHOUT_ROWID = {"sqlite_with_rowid": False}


class SeriesRow(Row, table=True):
    """One coin's candles on one exchange."""

    __tablename__ = "candle_series"
    __table_args__ = (UniqueConstraint("exchange", "base"), NEVER_AGAIN)

    id: int = row_id()
    exchange: str
    base: str
    pair: str
    turnover: float | None
    is_member: bool
    gone_at: datetime | None = maybe_moment()
    hours_from: datetime | None = maybe_moment()
    days_from: datetime | None = maybe_moment()


class CandleRow(Row, table=True):
    """One candle; times in seconds, because that is all that is ever done with them.

    SQLite keeps the rows in the order of their key and nothing beside them: half the
    size, and a series is read in one go.
    """

    __tablename__ = "candles"
    __table_args__ = _WITHOUT_ROWID

    series_id: int = ref("candle_series.id", is_key=True)
    frame: int = Field(sa_type=Integer, primary_key=True)
    start: int = Field(sa_type=BigInteger, primary_key=True)
    open: float
    high: float
    low: float
    close: float
    volume: float | None


class ApiKeyRow(Row, table=True):
    """A key to the API, as its hash."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("name"), NEVER_AGAIN)

    id: int = row_id()
    name: str
    digest: str
    per_minute: int | None
    created_at: datetime = moment()
    revoked_at: datetime | None = maybe_moment()
