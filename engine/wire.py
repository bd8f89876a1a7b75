"""What a Token Metrics engine says on the wire, as readings: pure and strict.

The only place that knows the remote field names. Both spellings are understood:
version 2 (`TOKEN_ID`, `TM_TRADER_GRADE`) and version 3 (`token_id`, `tm_grade`). Any
bytes give a page or `SourceProtocolError`, nothing else; a value that cannot be right
(NaN, a grade of 120, a signal of 7) is unknown, never a guess.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from bot.errors import SourceProtocolError
from bot.model import AssetInfo, Reading, Signal

#: Token Metrics refuses a larger `limit` with 400; pages are counted from 1
PAGE_LIMIT = 100

#: ids of the assets that share their symbol with bridged or fake namesakes, as seen in
#: real answers; a tie-break where an engine gives no market cap
KNOWN_KEYS: Mapping[str, str] = {
    "BTC": "3375",
    "ETH": "3306",
    "LTC": "3377",
    "XRP": "3369",
    "SOL": "3988",
}

_LINK_ROOT = "https://app.tokenmetrics.com/en/"
_SYMBOL_MAX = 32
_NAME_MAX = 100
_KEY_MAX = 64
_LINK_MAX = 300
_MESSAGE_MAX = 200
_CATEGORIES_MAX = 30
_GRADE_MAX = 100
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)
_SPLIT_UNIT = re.compile(r"_(\d+)_(h|d)(?=_|$)")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_YEARS = range(2009, 2201)
_WORDS: Mapping[str, Signal] = {
    "bullish": Signal.BULLISH,
    "up": Signal.BULLISH,
    "long": Signal.BULLISH,
    "bearish": Signal.BEARISH,
    "down": Signal.BEARISH,
    "short": Signal.BEARISH,
    "neutral": Signal.NEUTRAL,
    "sideways": Signal.NEUTRAL,
    "flat": Signal.NEUTRAL,
}
#: the standing signal first; the day's own signal only where there is no standing one
_SIGNAL_KEYS = (
    "token_trend",
    "position",
    "token_trend_str",
    "trading_signal",
    "signal",
    "token_signal_str",
)
_GRADE_KEYS = ("tm_trader_grade", "tm_grade", "trader_grade")
_DATE_KEYS = ("date", "timestamp", "datetime")
_SYMBOL_KEYS = ("token_symbol", "symbol")
_NAME_KEYS = ("token_name", "name")
_PRICE_KEYS = ("current_price", "price", "close")
_VOLUME_KEYS = ("total_volume", "volume_24h")
_LINK_KEYS = ("app_link", "tm_link", "slug", "token_slug")

_Item = TypeVar("_Item")
#: a row with its keys in one spelling; a key may have had several values
_Row = Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[_Item]):
    """One page: its usable rows in order, how many it had, how many fell out.

    `rows` against `PAGE_LIMIT` tells whether there may be a further page.
    """

    items: tuple[_Item, ...] = ()
    rows: int = 0
    skipped: int = 0


def read_signals(body: bytes) -> Page[Reading]:
    """Read a page of signals; an asset may have several days in it.

    A row without id or date is skipped. `SourceProtocolError` if the body is not a
    page, or has rows of which none is usable.
    """
    return _read_page(body, _to_reading)


def read_assets(body: bytes) -> Page[AssetInfo]:
    """Read a page of assets or prices; as `read_signals`, but without a date."""
    return _read_page(body, _to_asset)


def read_message(body: bytes) -> str:
    """Return what an error body says in its `message`, or an empty string."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(payload, dict):
        return ""
    return _text(payload.get("message"), _MESSAGE_MAX)


def newest(readings: Iterable[Reading]) -> dict[str, Reading]:
    """Keep the newest reading per asset; of equally new ones the first."""
    found: dict[str, Reading] = {}
    for reading in readings:
        kept = found.get(reading.key)
        if kept is None or reading.as_of > kept.as_of:
            found[reading.key] = reading
    return found


def largest_first(assets: Iterable[AssetInfo]) -> list[AssetInfo]:
    """Order by market cap, unknown ones last; a well-known id wins a tie."""
    return sorted(
        assets,
        key=lambda a: (
            -(a.market_cap or 0.0),
            KNOWN_KEYS.get(a.symbol.upper()) != a.key,
        ),
    )


def as_slug(text: str) -> str:
    """Spell a category as `layer-2`: lower case, words joined by a dash."""
    return _NOT_SLUG.sub("-", text.lower()).strip("-")


def clean_text(text: str, limit: int) -> str:
    """Make foreign text fit for a line: printable, single blanks, not too long."""
    # Not printable are also lone surrogates, which no database takes, and marks that
    # turn the direction of writing.
    spaced = "".join(c if c.isprintable() else " " for c in text[: limit * 4])
    return " ".join(spaced.split())[:limit].rstrip()


# ---------------------------------------------------------------- page and rows


def _read_page(body: bytes, convert: Callable[[_Row], _Item | None]) -> Page[_Item]:
    rows = _rows_of(body)
    items = []
    for raw in rows:
        item = convert(_in_one_spelling(raw)) if isinstance(raw, dict) else None
        if item is not None:
            items.append(item)
    if rows and not items:
        raise SourceProtocolError(
            f"none of the {len(rows)} rows of the engine's answer is usable",
            reason="no_usable_row",
        )
    return Page(items=tuple(items), rows=len(rows), skipped=len(rows) - len(items))


def _rows_of(body: bytes) -> list[Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        # ValueError also covers broken UTF-8 and integers of thousands of digits.
        raise SourceProtocolError(
            "the engine's answer is not JSON", reason="not_json"
        ) from None
    if not isinstance(payload, dict):
        raise SourceProtocolError(
            "the engine's answer is JSON, but not an object", reason="not_a_page"
        )
    top = {str(key).lower(): value for key, value in payload.items()}
    if top.get("success") is False:
        said = _text(top.get("message"), _MESSAGE_MAX) or "nothing more"
        raise SourceProtocolError(
            f"the engine says that it failed: {said}", reason="no_success"
        )
    rows = top.get("data")
    if not isinstance(rows, list):
        raise SourceProtocolError(
            "the engine's answer has no list named data", reason="not_a_page"
        )
    return rows


def _in_one_spelling(raw: Mapping[str, Any]) -> _Row:
    """Lower-case the keys and write `_24_h_` as `_24h_`.

    Version 2 has both `tm_link` and `TM_LINK`, so a key may have several values.
    """
    row: dict[str, list[Any]] = {}
    for key, value in raw.items():
        name = _SPLIT_UNIT.sub(r"_\1\2", key.lower())
        row.setdefault(name, []).append(value)
    return row


def _to_reading(row: _Row) -> Reading | None:
    key = _first(row, ("token_id",), _key)
    as_of = _first(row, _DATE_KEYS, _moment)
    if key is None or as_of is None:
        return None
    name = _first(row, _NAME_KEYS, _name) or ""
    return Reading(
        key=key,
        symbol=_first(row, _SYMBOL_KEYS, _symbol) or name or key,
        as_of=as_of,
        signal=_first(row, _SIGNAL_KEYS, _signal),
        grade=_first(row, _GRADE_KEYS, _grade),
        name=name,
        price=_first(row, _PRICE_KEYS, _money),
        volume=_first(row, _VOLUME_KEYS, _amount),
        market_cap=_first(row, ("market_cap",), _money),
        categories=_first(row, ("category_list",), _categories) or (),
        link=_first(row, _LINK_KEYS, _link) or "",
    )


def _to_asset(row: _Row) -> AssetInfo | None:
    key = _first(row, ("token_id",), _key)
    if key is None:
        return None
    name = _first(row, _NAME_KEYS, _name) or ""
    return AssetInfo(
        key=key,
        symbol=_first(row, _SYMBOL_KEYS, _symbol) or name or key,
        name=name,
        market_cap=_first(row, ("market_cap",), _money),
        price=_first(row, _PRICE_KEYS, _money),
        volume=_first(row, _VOLUME_KEYS, _amount),
        categories=_first(row, ("category_list",), _categories) or (),
        link=_first(row, _LINK_KEYS, _link) or "",
    )


def _first(
    row: _Row, names: Iterable[str], convert: Callable[[Any], _Item | None]
) -> _Item | None:
    """Return the first usable value among several names. 0 is a value."""
    for name in names:
        for value in row.get(name, ()):
            usable = convert(value)
            if usable is not None:
                return usable
    return None


# ---------------------------------------------------------------- single values


def _number(value: Any) -> float | None:
    """Read a number, also one in a string; anything else is unknown."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            return None
    elif not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _signal(value: Any) -> Signal | None:
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    number = _number(value)
    return Signal(int(number)) if number in {-1.0, 0.0, 1.0} else None


def _grade(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= _GRADE_MAX else None


def _money(value: Any) -> float | None:
    """A price or a size of nothing means that the engine does not know it."""
    number = _number(value)
    return number if number is not None and number > 0 else None


def _amount(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number >= 0 else None


def _key(value: Any) -> str | None:
    if isinstance(value, str):
        key = clean_text(value, _KEY_MAX + 1)
        return key if 0 < len(key) <= _KEY_MAX else None
    number = _number(value)
    if number is None or number != int(number) or not 0 <= number < 2**53:
        return None
    return str(int(number))


def _moment(value: Any) -> datetime | None:
    """Read a date with or without a time; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def _text(value: Any, limit: int) -> str:
    return clean_text(value, limit) if isinstance(value, str) else ""


def _symbol(value: Any) -> str | None:
    return _text(value, _SYMBOL_MAX) or None


def _name(value: Any) -> str | None:
    return _text(value, _NAME_MAX) or None


def _link(value: Any) -> str | None:
    """Take a link as it is, make one of a slug, refuse a broken one."""
    if not isinstance(value, str) or not 0 < len(value) <= _LINK_MAX:
        return None
    if _SLUG.fullmatch(value) and value not in {"undefined", "null", "none"}:
        return _LINK_ROOT + value
    parts = re.split(r"[/?#]", value)
    is_broken = (
        not value.startswith("https://")
        or not {"undefined", "null"}.isdisjoint(parts)
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    )
    return None if is_broken else value


def _categories(value: Any) -> tuple[str, ...] | None:
    """Read a list of names, or of objects that have one."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return None
    slugs: dict[str, None] = {}
    for entry in value:
        word = entry
        if isinstance(entry, dict):
            row = _in_one_spelling(entry)
            word = _first(
                row, ("category_slug", "category_name", "slug", "name"), _name
            )
        slug = as_slug(_text(word, _NAME_MAX))
        if slug:
            slugs[slug] = None
    return tuple(slugs)[:_CATEGORIES_MAX] or None
