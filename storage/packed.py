"""Many values in one parameter, so that a statement is one, however many it is about.

A parameter per value costs more than what is done with it: SQLAlchemy names and
converts each, and SQLite's driver hands Python's lock over with each row. Here the
database unpacks one JSON document (SQLite) or array (PostgreSQL) itself.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    Text,
    bindparam,
    literal_column,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Result
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeDecorator, TypeEngine

from bot.model import as_utc
from storage.columns import UtcTime, to_number
from storage.database import dumps


@lru_cache(maxsize=256)
def _row_maker(keys: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    # A class whose fields are known only now: nothing for a type checker or a linter.
    make: Any = namedtuple  # noqa: PYI024
    kind = make("Row", keys)
    maker: Callable[[Iterable[Any]], Any] = kind._make
    return maker


def named(result: Result[Any]) -> list[Any]:
    """Return all rows as named tuples: their attributes cost a tenth of a `Row`'s."""
    return list(map(_row_maker(tuple(result.keys())), result.all()))


class _Ids(TypeDecorator[list[int]]):
    """A list of ids: an array, or JSON where there are none."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the array on PostgreSQL."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(BigInteger()))

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        """Return what writes a collection of ids."""
        return dumps if dialect.name == "sqlite" else list


class _Rows(TypeDecorator[list[Any]]):
    """A list of rows, each a list of what JSON can hold, and of moments."""

    impl = JSON
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Return what writes the rows, moments as the database keeps them."""
        return _encoder(to_number if dialect.name == "sqlite" else _iso)


def _iso(moment: datetime) -> str:
    return as_utc(moment).isoformat()


def _encoder(write_moment: Callable[[datetime], int | str]) -> Callable[[Any], str]:
    def write(value: object) -> int | str:
        if isinstance(value, datetime):
            return write_moment(value)
        raise TypeError(f"{type(value).__name__} does not fit into a row")

    # quicker than `dumps`; NaN and infinity become null, which is unknown, too
    options = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS

    def encode(value: object) -> str:
        text: bytes = orjson.dumps(value, write, options)
        return text.decode()

    return encode


class _Among(FunctionElement[int]):
    """Whether a column's value is one of a parameter's ids.

    Not a Boolean: that would be compared with 1, and no index would serve.
    """

    type = Integer()
    inherit_cache = True


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, ids = (compiler.process(x, **more) for x in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 - no values


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, ids = (compiler.process(x, **more) for x in element.clauses)
    return f"{column} = ANY ({ids})"


def among(column: ColumnElement[Any], name: str = "ids") -> ColumnElement[Any]:
    """Whether the column's value is among the ids given as this parameter."""
    return _Among(column, bindparam(name, type_=_Ids()))


class _Unpacked(FunctionElement[Any]):
    """The rows of a parameter as a table of one column `value`."""

    inherit_cache = True


@compiles(_Unpacked, "sqlite")
def _unpacked_sqlite(element: _Unpacked, compiler: SQLCompiler, **more: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **more)})"


@compiles(_Unpacked)
def _unpacked(element: _Unpacked, compiler: SQLCompiler, **more: Any) -> str:
    return f"json_array_elements({compiler.process(element.clauses, **more)})"


def unpacked(name: str) -> TableValuedAlias:
    """Return the rows given as this parameter, to select from; see `item`."""
    rows: BindParameter[Any] = bindparam(name, type_=_Rows())
    return _Unpacked(rows).table_valued("value", name=name)


class _Item(FunctionElement[Any]):
    """One item of a row: the row, the item's place, and its type's name."""

    inherit_cache = True


@compiles(_Item, "sqlite")
def _item_sqlite(element: _Item, compiler: SQLCompiler, **more: Any) -> str:
    value, place, _ = (compiler.process(x, **more) for x in element.clauses)
    # what is nested comes as the text it is written in
    return f"json_extract({value}, '$[{place}]')"


@compiles(_Item)
def _item(element: _Item, compiler: SQLCompiler, **more: Any) -> str:
    value, place, kind = (compiler.process(x, **more) for x in element.clauses)
    return f"CAST({value} ->> {place} AS {kind})"


def number(rows: TableValuedAlias, place: int) -> ColumnElement[int]:
    """Return the whole number at this place of each row."""
    return _taken(rows, place, BigInteger())


def words(rows: TableValuedAlias, place: int) -> ColumnElement[str]:
    """Return the text at this place of each row."""
    return _taken(rows, place, Text())


def document(rows: TableValuedAlias, place: int) -> ColumnElement[Any]:
    """Return what is nested at this place of each row, as a document."""
    return _taken(rows, place, JSON())


def moment(rows: TableValuedAlias, place: int) -> ColumnElement[datetime]:
    """Return the moment at this place of each row."""
    return _taken(rows, place, UtcTime())


def _taken(
    rows: TableValuedAlias, place: int, type_: TypeEngine[Any]
) -> ColumnElement[Any]:
    name = "TIMESTAMPTZ" if isinstance(type_, UtcTime) else str(type_.compile())
    kind: ColumnElement[Any] = literal_column(name)
    found = _Item(rows.c.value, literal_column(str(place)), kind)
    found.type = type_
    return found
