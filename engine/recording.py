"""Recordings in a file: CSV, or JSONL (one JSON object per line).

Columns: `as_of` (ISO 8601; a date alone is midnight, a time without a zone is UTC),
`asset_id`, `symbol`, `signal` (1, 0, -1 or the word, or nothing), `grade` (0-100 or
nothing), and, where known, `name`, `price`, `volume`, `market_cap`, `categories` (`|`
between). Rows of one `as_of` are one snapshot, wherever they stand in the file; of two
rows of an asset in one snapshot the later one counts. Other columns are ignored.

A file that cannot be right is refused with `ConfigError` when it is opened, with line,
column, what is there and what should be.
"""

import csv
import difflib
import io
import json
import logging
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bot.errors import ConfigError
from bot.model import Reading, Signal
from engine import wire

logger = logging.getLogger(__name__)

REQUIRED = ("as_of", "asset_id", "symbol", "signal", "grade")
OPTIONAL = ("name", "price", "volume", "market_cap", "categories")

_SIGNALS: Mapping[str, Signal] = {
    "1": Signal.BULLISH,
    "0": Signal.NEUTRAL,
    "-1": Signal.BEARISH,
    "bullish": Signal.BULLISH,
    "neutral": Signal.NEUTRAL,
    "bearish": Signal.BEARISH,
}
#: how programs write "no value"
_NOTHING = {"", "nan", "null", "none"}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII)
_SHOWN_MAX = 40
_KEY_MAX = 64
_TEXT_MAX = 100
_GRADE_MAX = 100
_LONE_STEP = timedelta(days=1)


class FileRecording:
    """A recording that was read from a file; stays in memory as a whole."""

    def __init__(self, snapshots: Mapping[datetime, tuple[Reading, ...]]) -> None:
        self._times = sorted(snapshots)
        self._snapshots = [snapshots[t] for t in self._times]

    @property
    def step(self) -> timedelta:
        """The usual time between two snapshots, by the engine's clock."""
        steps = [
            (then - now).total_seconds()
            for now, then in zip(self._times, self._times[1:], strict=False)
        ]
        return timedelta(seconds=median(steps)) if steps else _LONE_STEP

    def offset(self, index: int) -> float | None:
        """Return the seconds from snapshot 0 to this one, None if there is none."""
        if index >= len(self._times):
            return None
        return (self._times[index] - self._times[0]).total_seconds()

    def readings(self, index: int) -> tuple[Reading, ...]:
        """Return the readings of a snapshot that exists."""
        return self._snapshots[index]

    def bookmark(self, index: int) -> str:
        """Name a snapshot by its `as_of`: rows may be added to the file later."""
        return self._times[index].isoformat()

    def after(self, bookmark: str) -> int:
        """Return the index of the first snapshot after the bookmark's."""
        try:
            return bisect_right(self._times, datetime.fromisoformat(bookmark))
        except (ValueError, TypeError):
            return 0


def load_recording(path: Path) -> FileRecording:
    """Read a recording; raise `ConfigError` that says where it cannot be right."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: byte {error.start + 1} is not UTF-8 text; "
            f"expected a CSV or JSONL file"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); "
            f"engine.replay_file names the recording to play"
        ) from None
    is_jsonl = path.suffix.lower() in {".jsonl", ".ndjson", ".json"} or (
        path.suffix.lower() != ".csv" and text.lstrip()[:1] == "{"
    )
    rows = _jsonl_rows if is_jsonl else _csv_rows
    snapshots: dict[datetime, dict[str, Reading]] = {}
    for line, columns, row in rows(path, text):
        reading = _Row(path, line, columns, row).reading()
        snapshots.setdefault(reading.as_of, {})[reading.key] = reading
    if not snapshots:
        raise ConfigError(f"{path}: has no rows; expected at least one reading")
    return FileRecording({t: tuple(of.values()) for t, of in snapshots.items()})


# ---------------------------------------------------------------- two formats


def _csv_rows(
    path: Path, text: str
) -> Iterator[tuple[int, Sequence[str], Mapping[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for fields in reader:
            line = reader.line_num
            if not any(field.strip() for field in fields):
                continue
            if not header:
                header = [field.strip().lower() for field in fields]
                _check_header(path, line, header)
                continue
            if len(fields) != len(header):
                raise ConfigError(
                    f"{path}, line {line}: {len(fields)} columns; "
                    f"expected {len(header)} as in the first line"
                )
            yield line, header, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise ConfigError(
            f"{path}, line {reader.line_num}: not CSV ({error}); "
            f"expected fields separated by commas"
        ) from None


def _check_header(path: Path, line: int, header: Sequence[str]) -> None:
    for name in REQUIRED:
        if name not in header:
            near = difflib.get_close_matches(name, header, n=1)
            hint = f" (is it {_shown(near[0])}?)" if near else ""
            raise ConfigError(
                f"{path}, line {line}: no column named {name}{hint}; "
                f"expected {', '.join(REQUIRED)} and perhaps {', '.join(OPTIONAL)}"
            )
    for number, name in enumerate(header, start=1):
        if name in header[: number - 1]:
            raise ConfigError(
                f"{path}, line {line}, column {number}: {_shown(name)} a second time; "
                f"expected each column once"
            )
    _tell_ignored(path, header)


def _jsonl_rows(
    path: Path, text: str
) -> Iterator[tuple[int, Sequence[str], Mapping[str, Any]]]:
    known = (*REQUIRED, *OPTIONAL)
    ignored: dict[str, None] = {}
    # Not splitlines: a JSON string may hold U+2028 as it is.
    for line, raw in enumerate(text.split("\n"), start=1):
        if not raw.strip():
            continue
        try:
            row = json.loads(raw)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise ConfigError(
                f"{path}, line {line}: {_shown(raw.strip())} is not a JSON object; "
                f"expected one per line"
            )
        ignored.update(dict.fromkeys(k for k in row if k not in known))
        yield line, (), row
    if ignored:
        _tell_ignored(path, list(ignored))


def _tell_ignored(path: Path, columns: Sequence[str]) -> None:
    ignored = [c for c in columns if c not in (*REQUIRED, *OPTIONAL)]
    if ignored:
        logger.warning(
            "columns of the replay file are ignored",
            extra={
                "action": "replay_open",
                "file": path.name,
                "columns": [wire.clean_text(c, _SHOWN_MAX) for c in ignored],
            },
        )


# ---------------------------------------------------------------- one row


class _Row:
    """One row, and where it stands, so that a complaint can say so."""

    def __init__(
        self, path: Path, line: int, columns: Sequence[str], row: Mapping[str, Any]
    ) -> None:
        self._path = path
        self._line = line
        self._columns = columns
        self._row = row

    def reading(self) -> Reading:
        return Reading(
            as_of=self._moment("as_of"),
            key=self._word("asset_id", _KEY_MAX),
            symbol=self._word("symbol", _KEY_MAX),
            signal=self._signal("signal"),
            grade=self._number("grade", "a number from 0 to 100", _GRADE_MAX),
            name=wire.clean_text(self._text("name"), _TEXT_MAX),
            price=self._number("price", "a price above 0", None) or None,
            volume=self._number("volume", "a number from 0", None),
            market_cap=self._number("market_cap", "a number above 0", None) or None,
            categories=self._categories("categories"),
        )

    def _bad(self, name: str, what: str, expected: str) -> ConfigError:
        number = f" {self._columns.index(name) + 1}" if name in self._columns else ""
        return ConfigError(
            f"{self._path}, line {self._line}, column{number} {name}: {what}; "
            f"expected {expected}"
        )

    def _text(self, name: str) -> str:
        """Return a value as text; nothing for JSON's null and for an absent column."""
        value = self._row.get(name)
        if value is None and name in REQUIRED and name not in self._row:
            raise self._bad(name, "is not there", "it in every row")
        if value is None:
            return ""
        if isinstance(value, bool | list | dict):
            raise self._bad(name, f"{_shown(value)} has no place here", "text")
        try:
            return str(value).strip()
        except ValueError:
            # An integer of thousands of digits.
            raise self._bad(name, "is too long", "a number") from None

    def _word(self, name: str, limit: int) -> str:
        text = self._text(name)
        word = wire.clean_text(text, limit)
        if not word or len(text) > limit:
            what = f"{_shown(text)} is too long" if text else "is empty"
            raise self._bad(name, what, f"1 to {limit} characters")
        return word

    def _moment(self, name: str) -> datetime:
        text = self._text(name)
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._bad(
                name,
                f"{_shown(text)} is not a time",
                "ISO 8601 such as 2025-06-01T00:00:00Z",
            ) from None

    def _signal(self, name: str) -> Signal | None:
        text = self._text(name).lower().removeprefix("+").removesuffix(".0")
        if text in _NOTHING:
            return None
        if text not in _SIGNALS:
            raise self._bad(
                name,
                f"{_shown(text)} is not a signal",
                "1, 0, -1, bullish, neutral, bearish or nothing",
            )
        return _SIGNALS[text]

    def _number(self, name: str, expected: str, most: float | None) -> float | None:
        text = self._text(name).lower()
        if text in _NOTHING:
            return None
        number = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(number):
            what = f"{_shown(text)} is not a number"
            raise self._bad(name, what, f"{expected} or nothing")
        if number < 0 or (most is not None and number > most):
            what = f"{_shown(text)} cannot be"
            raise self._bad(name, what, f"{expected} or nothing")
        return number

    def _categories(self, name: str) -> tuple[str, ...]:
        value = self._row.get(name)
        if isinstance(value, list):
            words = [str(word) for word in value]
        else:
            words = self._text(name).split("|")
        slugs = (wire.as_slug(wire.clean_text(word, _TEXT_MAX)) for word in words)
        return tuple(dict.fromkeys(slug for slug in slugs if slug))


def _shown(value: Any) -> str:
    """Quote what stands in the file, so that it fits a line."""
    return f'"{wire.clean_text(str(value)[:200], _SHOWN_MAX)}"'
