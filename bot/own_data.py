"""A person's own data as a file: written as JSON, CSV or a list, and read back. Pure.

What is read comes from anybody: it is bounded in size, and of each entry that makes no
sense the rest is kept and the entry named.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from bot import grammar
from bot.errors import UserError
from bot.message import ATTACHMENT_MAX, Attachment
from bot.model import Conditions, as_utc
from bot.preferences import Preferences

#: of the JSON form; a file of a later version is read as far as it is understood
VERSION = 1
#: entries of one file; more than any list may hold
ENTRIES_MAX = 2000
#: a pasted list may be all on one line
_ENTRY_MAX = 20_000
_SHOWN_MAX = 40
_NO_LINES = "none"
#: what a spreadsheet takes for the start of a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: names of columns that hold a watch, in files of others too
_WATCH_COLUMNS = ("watch", "symbol", "ticker", "asset", "coin", "token")


class Form(StrEnum):
    """How own data is written."""

    JSON = "json"
    CSV = "csv"
    LIST = "txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One watch or exception, as it is written down.

    Attributes:
        text: the watch as typed, without lines: `BTC bullish`, `#ai grade>=80`.
        lines: its own lines; None takes the default ones.
        key: the engine's id of an asset, so that no symbol has to be guessed.
        source: which engine that is.
    """

    text: str
    lines: tuple[float, ...] | None = None
    key: str = ""
    source: str = ""
    is_exception: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMute:
    """A mute of one asset by its symbol, or of all where that is empty."""

    symbol: str = ""
    key: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """All that a person may take along; only JSON has the settings.

    `problems` are entries that could not be read, as they were written.
    """

    watches: tuple[Kept, ...] = ()
    thresholds: tuple[float, ...] | None = None
    preferences: Preferences | None = None
    language: str = ""
    mutes: tuple[KeptMute, ...] = ()
    problems: tuple[str, ...] = field(default=(), compare=False)


# -------------------------------------------------------------------------- writing


def write(data: OwnData, form: Form) -> Attachment:
    """Write the data as a file of this form."""
    match form:
        case Form.JSON:
            return Attachment("flipwatch.json", _json(data), "application/json")
        case Form.CSV:
            return Attachment("flipwatch.csv", _csv(data), "text/csv")
        case Form.LIST:
            return Attachment("flipwatch.txt", _list(data), "text/plain")


def _json(data: OwnData) -> str:
    document: dict[str, object] = {
        "flipwatch": VERSION,
        "watches": [_watch_document(kept) for kept in data.watches],
    }
    if data.thresholds is not None:
        document["lines"] = list(data.thresholds)
    if data.preferences is not None:
        document["settings"] = data.preferences.to_json()
    if data.language:
        document["language"] = data.language
    if data.mutes:
        document["mutes"] = [
            {
                "symbol": mute.symbol,
                "key": mute.key,
                "until": None if mute.until is None else mute.until.isoformat(),
            }
            for mute in data.mutes
        ]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _watch_document(kept: Kept) -> dict[str, object]:
    document: dict[str, object] = {"watch": kept.text}
    if kept.lines is not None:
        document["lines"] = list(kept.lines)
    if kept.key:
        document |= {"key": kept.key, "source": kept.source}
    if kept.is_exception:
        document["except"] = True
    return document


def _csv(data: OwnData) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["watch", "lines", "key", "source", "except"])
    for kept in data.watches:
        lines = "" if kept.lines is None else _lines_text(kept.lines) or _NO_LINES
        row = [kept.text, lines, kept.key, kept.source, "yes" * kept.is_exception]
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a cell for a formula."""
    return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell


def _list(data: OwnData) -> str:
    kept = [k for k in data.watches if not k.is_exception]
    return "".join(
        f"{f'{k.text} {_lines_text(k.lines or ())}'.strip()}\n" for k in kept
    )


def _lines_text(lines: Iterable[float]) -> str:
    return " ".join(f"{t:g}" for t in sorted(lines, reverse=True))


# -------------------------------------------------------------------------- reading


def read(text: str) -> OwnData:
    """Read a file of any form, ours or a plain list of symbols.

    Raises:
        UserError: it is too large, or nothing in it can be read.
    """
    if len(text.encode(errors="replace")) > ATTACHMENT_MAX:
        raise UserError(
            f"At most {ATTACHMENT_MAX // 1024} kB, please",
            hint="A watchlist is far smaller than that.",
        )
    bare = text.lstrip("\ufeff \t\r\n")
    if not bare.strip():
        raise UserError(
            "There is nothing in it", hint="For example /import BTC ETH SOL"
        )
    if bare[0] in "{[":
        return _from_json(bare)
    first = bare.partition("\n")[0]
    columns = [c.strip().strip("\"'").casefold() for c in _cells(first)]
    if len(columns) > 1 or columns[0] in _WATCH_COLUMNS:
        named = [c for c in _WATCH_COLUMNS if c in columns]
        if named:
            return _from_csv(bare, columns, named[0])
    return _from_list(bare)


def _from_json(text: str) -> OwnData:
    try:
        # JSON may spell halves of characters, which no database takes
        document = json.loads(text)
        whole = json.dumps(document, ensure_ascii=False).encode(errors="replace")
        document = json.loads(whole)
    except (ValueError, RecursionError):
        raise UserError(
            "That is not whole JSON", hint="Take the file as /export gave it."
        ) from None
    if isinstance(document, list):
        document = {"watches": document}
    entries = document.get("watches")
    if not isinstance(entries, list):
        raise UserError(
            "No watches are in this file", hint="Take the file as /export gave it."
        )
    _check_count(len(entries))
    reading = _Reading()
    for entry in entries:
        reading.take_entry(entry)
    return replace(
        reading.done(),
        thresholds=_maybe_lines(document.get("lines"), reading),
        preferences=_maybe_preferences(document.get("settings"), reading),
        language=_short(document.get("language"), 8),
        mutes=tuple(_mutes(document.get("mutes"))),
        problems=tuple(reading.problems),
    )


def _from_csv(text: str, columns: Sequence[str], watch_column: str) -> OwnData:
    reading = _Reading()
    try:
        dialect = csv.Sniffer().sniff(text.partition("\n")[0], ",;\t")
    except csv.Error:
        dialect = csv.excel
    rows = list(csv.reader(io.StringIO(text), dialect))[1:]
    _check_count(len(rows))
    for row in rows:
        cells = {
            c: x.strip().removeprefix("'") for c, x in zip(columns, row, strict=False)
        }
        if not cells.get(watch_column):
            continue
        lines = cells.get("lines", "")
        reading.take_entry(
            {
                "watch": cells[watch_column],
                "lines": [] if lines == _NO_LINES else lines.split() or None,
                "key": cells.get("key", ""),
                "source": cells.get("source", ""),
                "except": cells.get("except", "") == "yes",
            }
        )
    return reading.done()


def _from_list(text: str) -> OwnData:
    reading = _Reading()
    rows = [row for row in text.splitlines() if row.strip()]
    _check_count(len(rows))
    for row in rows:
        reading.take_row(row.strip())
    return reading.done()


def _check_count(count: int) -> None:
    if count > ENTRIES_MAX:
        raise UserError(
            f"At most {ENTRIES_MAX:,} entries, please",
            hint="/watch top100 or /watch all take many at once.",
        )


class _Reading:
    """Collects what can be read, and what cannot."""

    def __init__(self) -> None:
        self.watches: list[Kept] = []
        self.problems: list[str] = []

    def done(self) -> OwnData:
        if not self.watches and self.problems:
            raise UserError(
                "I can't read any of that",
                marked=f"▸{self.problems[0]}◂",
                hint="A list of symbols works, such as BTC ETH SOL.",
            )
        if not self.watches:
            raise UserError("No watches are in it", hint="For example BTC ETH SOL.")
        watches = tuple(dict.fromkeys(self.watches))
        return OwnData(watches=watches, problems=tuple(self.problems))

    def take_row(self, row: str) -> None:
        """Take a line of a list: several watches under one condition."""
        parsed = self._parse(row)
        if parsed is None:
            return
        wanted = _without_lines(parsed.condition_text)
        for named in parsed.named:
            self.watches.append(
                Kept(
                    text=grammar.print_watch(named, wanted),
                    lines=parsed.conditions.thresholds,
                )
            )

    def take_entry(self, entry: object) -> None:
        """Take an entry of JSON or CSV: one watch with what belongs to it."""
        if isinstance(entry, str):
            self.take_row(entry)
            return
        if not isinstance(entry, Mapping):
            self.problems.append(_shown(entry))
            return
        text = entry.get("watch")
        parsed = self._parse(text)
        if parsed is None:
            return
        if len(parsed.named) != 1:
            self.problems.append(_shown(text))
            return
        lines = _maybe_lines(entry.get("lines"), self)
        if lines is None:
            lines = parsed.conditions.thresholds
        wanted = _without_lines(parsed.condition_text)
        self.watches.append(
            Kept(
                text=grammar.print_watch(parsed.named[0], wanted),
                lines=lines,
                key=_short(entry.get("key"), 100),
                source=_short(entry.get("source"), 100),
                is_exception=entry.get("except") is True,
            )
        )

    def _parse(self, text: object) -> grammar.Parsed | None:
        if not isinstance(text, str) or not 0 < len(text) <= _ENTRY_MAX:
            self.problems.append(_shown(text))
            return None
        try:
            parsed = grammar.parse(text)
        except UserError:
            self.problems.append(_shown(text))
            return None
        if not parsed.named:
            self.problems.append(_shown(text))
            return None
        return parsed


def _without_lines(condition_text: str) -> str:
    """Leave the lines out of a condition's canonical text: they stand at its end."""
    words = condition_text.split()
    return " ".join(w for w in words if not w.replace(".", "", 1).isdigit())


def _maybe_lines(value: object, reading: _Reading) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > grammar.LINES_MAX:
        reading.problems.append(_shown(value))
        return None
    try:
        return grammar.parse_lines([str(x) for x in value])
    except UserError:
        reading.problems.append(_shown(value))
        return None


def _maybe_preferences(value: object, reading: _Reading) -> Preferences | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        try:
            return Preferences.from_json(value)
        except ValueError:
            pass
    reading.problems.append("settings")
    return None


def _mutes(value: object) -> Iterable[KeptMute]:
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, Mapping):
            continue
        until = entry.get("until")
        try:
            at = None if until is None else as_utc(datetime.fromisoformat(str(until)))
        except ValueError:
            continue
        yield KeptMute(
            symbol=_short(entry.get("symbol"), 30),
            key=_short(entry.get("key"), 100),
            until=at,
        )


def _cells(row: str) -> list[str]:
    for separator in (",", ";", "\t"):
        if separator in row:
            return row.split(separator)
    return [row]


def _short(value: object, most: int) -> str:
    return value if isinstance(value, str) and len(value) <= most else ""


def _shown(value: object) -> str:
    """Show an entry that could not be read, on one line and not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def conditions_of(kept: Kept) -> grammar.Parsed:
    """Return a kept watch as the grammar understands it, its own lines included."""
    parsed = grammar.parse(kept.text)
    if kept.lines is None:
        return parsed
    tail = _lines_text(kept.lines)
    wanted: Conditions = replace(parsed.conditions, thresholds=kept.lines)
    return replace(
        parsed,
        conditions=wanted,
        condition_text=f"{parsed.condition_text} {tail}".strip(),
    )


def text_without_lines(text: str) -> str:
    """Return a watch's text as it is kept: what it names and its conditions."""
    head, _, rest = text.partition(" ")
    return f"{head} {_without_lines(rest)}".strip()
