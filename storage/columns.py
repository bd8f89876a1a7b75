"""What tables are made of: column types that mean the same on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    text,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from bot.model import as_utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


# Kept: rows that were written together carry the same few moments over and over.
@lru_cache(maxsize=4096)
def to_number(moment: datetime) -> int:
    """Return the microseconds since 1970; `ValueError` without a zone."""
    return (as_utc(moment) - _EPOCH) // _TICK


@lru_cache(maxsize=4096)
def _from_number(number: int) -> datetime:
    return _EPOCH + timedelta(microseconds=number)


def _maybe(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


_WRITERS = {True: _maybe(to_number), False: _maybe(as_utc)}
_READERS = {True: _maybe(_from_number), False: _maybe(as_utc)}


class UtcTime(TypeDecorator[datetime]):
    """An aware moment in UTC, to the microsecond; a naive one is refused.

    PostgreSQL has a type for it. SQLite has none, and text would sort wrongly as soon
    as one writer leaves out the fraction, so there it is microseconds since 1970: an
    integer sorts, compares and indexes right whoever wrote it.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the integer on SQLite, else the database's own type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a moment; `ValueError` without a zone."""
        return _WRITERS[dialect.name == "sqlite"](value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a moment back, aware."""
        found: datetime | None = _READERS[dialect.name == "sqlite"](value)
        return found

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Return what writes; straight, since it runs for every value of every row."""
        return _WRITERS[dialect.name == "sqlite"]

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], Any]:
        """Return what reads; straight, since it runs for every value of every row."""
        del coltype
        return _READERS[dialect.name == "sqlite"]


#: 64 bits; SQLite counts rows up by itself only in a column declared INTEGER
RowId = BigInteger().with_variant(Integer(), "sqlite")

#: a JSON document; None is SQL's NULL, and the serializer refuses NaN and infinity
Json = JSON(none_as_null=True)


class Row(SQLModel):
    """What all tables share: our own metadata, whose constraints all have names."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def row_id() -> Any:
    """Return a column that numbers the rows."""
    return Field(default=None, sa_column=Column(RowId, primary_key=True))


def moment() -> Any:
    """Return a column for a moment."""
    return Field(sa_type=UtcTime)


def maybe_moment() -> Any:
    """Return a column for a moment that may be missing."""
    return Field(default=None, sa_type=UtcTime)


def signal_number() -> Any:
    """Return a column for 1, 0, -1 or nothing."""
    return Field(default=None, sa_type=SmallInteger)


def document(*, nullable: bool = False) -> Any:
    """Return a column for JSON."""
    return Field(default=None, sa_column=Column(Json, nullable=nullable))


def ref(target: str, *, is_key: bool = False, nullable: bool = False) -> Any:
    """Return a foreign key column; what it names takes this row along when it goes."""
    key = ForeignKey(target, ondelete="CASCADE")
    column: Column[Any] = Column(
        RowId, key, primary_key=is_key, autoincrement=False, nullable=nullable
    )
    return Field(default=None, sa_column=column)


def loose_ref() -> Any:
    """Return an id without a foreign key: history outlives the row it names.

    Ids are never given again, so it can't come to mean another row; and a delete
    needs no index here to look for those who name it.
    """
    return Field(default=None, sa_type=RowId)


#: a deleted row's id is never given again: messages make nonces of theirs, the web
#: inbox is read by growing ids, and what was told names a watch
NEVER_AGAIN = {"sqlite_autoincrement": True}


def index(name: str, *columns: str, where: str = "", unique: bool = False) -> Index:
    """Return an index, partial if `where` says for which rows."""
    condition = text(where) if where else None
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )
