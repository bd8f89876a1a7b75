"""Candles from files: one CSV, or a folder of them; `.gz` is unpacked.

Columns, by name and in any order: a time (`time`, `timestamp`, `opens_at` or `t`: when
the candle opens, ISO 8601 or epoch seconds or milliseconds) and `close`; where known
`open`, `high`, `low`, `volume` (US dollars) and `symbol` (without it the file's name).

Also understood is a history of closing values: `date` and `price_usd`, where a row
dated D is the value at 00:00 UTC of D, so the close of the day before; with it
`coin_id`, `volume_usd` and `market_cap_usd`. A file `assets.csv` beside it tells by
`is_stable` and `is_wrapped` what stays out.

A file that can't be right is refused with `ConfigError`, which says where.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bot.errors import ConfigError
from engine.embedded.grid import DAY, HOUR, CandleGrid, Floats

_TIMES = ("time", "timestamp", "opens_at", "t")
_NAMES = ("symbol", "coin_id", "perp", "asset_id")
_VALUES = (
    ("open",),
    ("high",),
    ("low",),
    ("close", "price_usd"),
    ("volume", "volume_usd"),
    ("market_cap", "market_cap_usd"),
)
_CLOSE, _VOLUME = 3, 4
#: a number this large is milliseconds, not seconds
_MILLISECONDS_FROM = 10_000_000_000
#: so large a share of times tells how long candles last
_USUAL = 0.9


@dataclass(frozen=True, slots=True)
class CandleFiles:
    """Candles and, where the files tell, how large the assets were (NaN = unknown)."""

    grid: CandleGrid
    market_cap: Floats


@dataclass(slots=True)
class _Rows:
    symbols: dict[str, int] = field(default_factory=dict)
    column: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)


def is_candles(path: Path) -> bool:
    """Whether a path holds candles rather than a recording of readings."""
    if path.is_dir():
        return True
    try:
        with _opened(path) as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError):
        return False
    return bool({"close", "price_usd"} & {_plain(name) for name in header})


def load_candles(path: Path) -> CandleFiles:
    """Read a file or a folder of files; raise `ConfigError` if it can't be right.

    Of a folder with files of several steps the daily ones are read.
    """
    files = _files_of(path)
    rows = _Rows()
    for file in files:
        _read(file, rows)
    if not rows.time:
        raise ConfigError(f"{path}: has no candles; expected CSV rows with a close")
    step = _step_of(path, rows)
    left_out = _left_out(path if path.is_dir() else path.parent)
    symbols = [symbol for symbol in rows.symbols if symbol not in left_out]
    place = {symbol: n for n, symbol in enumerate(symbols)}
    renumbered = np.array([place.get(symbol, -1) for symbol in rows.symbols])
    column = renumbered[np.array(rows.column, dtype=np.int64)]
    wanted = column >= 0
    column, time = column[wanted], np.array(rows.time, dtype=np.int64)[wanted]
    values = np.array(rows.values)[wanted]
    values[~(values >= 0) | np.isinf(values)] = np.nan
    values[:, :_VOLUME][values[:, :_VOLUME] == 0] = np.nan
    grid = CandleGrid.of_rows(symbols, step, column, time, values[:, :5])
    caps = np.full(grid.shape, np.nan)
    if len(time):
        caps[time // step - grid.opens_at[0] // step, column] = values[:, 5]
    return CandleFiles(grid, caps)


def _files_of(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        file
        for file in path.iterdir()
        if file.name.endswith((".csv", ".csv.gz")) and is_candles(file)
    )
    daily = [file for file in files if not file.name.startswith("hourly")]
    if not files:
        raise ConfigError(f"{path}: has no CSV file of candles")
    return daily or files


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _plain(name: str) -> str:
    return name.strip().lower()


def _read(path: Path, rows: _Rows) -> None:
    try:
        with _opened(path) as file:
            reader = csv.reader(file)
            header = [_plain(name) for name in next(reader, [])]
            _read_rows(path, header, reader, rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None


def _read_rows(
    path: Path, header: Sequence[str], reader: Iterator[list[str]], rows: _Rows
) -> None:
    at = {name: n for n, name in enumerate(header)}

    def find(names: Sequence[str]) -> int:
        return next((at[name] for name in names if name in at), -1)

    is_closing = "date" in at and "price_usd" in at
    time_at = at["date"] if is_closing else find((*_TIMES, "date"))
    name_at = find(_NAMES)
    value_at = [find(names) for names in _VALUES]
    if time_at < 0 or value_at[_CLOSE] < 0:
        raise ConfigError(
            f"{path}: expected columns time and close, found {', '.join(header)}"
        )
    alone = path.name.removesuffix(".gz").removesuffix(".csv")
    moments: dict[str, int] = {}
    for line, row in enumerate(reader, start=2):
        if not row:
            continue
        try:
            text = row[time_at]
            moment = moments.get(text)
            if moment is None:
                moment = moments[text] = _moment(text) - (DAY if is_closing else 0)
            values = [float(row[n] or "nan") if n >= 0 else _NAN for n in value_at]
            name = row[name_at] if name_at >= 0 else alone
        except (ValueError, IndexError) as error:
            raise ConfigError(f"{path}, line {line}: {error}") from None
        if not (values[_CLOSE] > 0) or values[_CLOSE] == float("inf"):
            continue
        rows.column.append(rows.symbols.setdefault(name, len(rows.symbols)))
        rows.time.append(moment)
        rows.values.append(values)


_NAN = float("nan")


def _moment(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp())
    return int(number / 1000 if number >= _MILLISECONDS_FROM else number)


def _step_of(path: Path, rows: _Rows) -> int:
    """Return the usual time between two candles of an asset: an hour or a day."""
    order = np.lexsort((rows.time, rows.column))
    columns, times = np.array(rows.column)[order], np.array(rows.time)[order]
    steps = np.diff(times)[(np.diff(columns) == 0) & (np.diff(times) > 0)]
    for step in (DAY, HOUR):
        # a few odd times, such as that of an unfinished candle, are floored
        if not len(steps) or np.mean(steps % step == 0) >= _USUAL:
            return step
    raise ConfigError(
        f"{path}: candles of {int(np.median(steps))} s; "
        f"expected candles of an hour or a day"
    )


def _left_out(folder: Path) -> frozenset[str]:
    """Return what an asset list beside the files calls stable or wrapped."""
    found: set[str] = set()
    for name in ("assets.csv", "assets.csv.gz"):
        if not (folder / name).is_file():
            continue
        with _opened(folder / name) as file:
            for row in csv.DictReader(file):
                if _is_out(row):
                    found.add(row.get("coin_id") or row.get("symbol") or "")
    return frozenset(found)


def _is_out(row: Mapping[str, str]) -> bool:
    return "1" in {row.get("is_stable"), row.get("is_wrapped")}
