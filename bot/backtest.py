"""`flipwatch backtest`: what signals of any source would have been worth.

A source is a file or folder of candles, which the embedded engine grades; a recording
of readings, as `engine.replay_file` takes it; or `record`, the documented record of a
real engine that comes with Flipwatch.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import ConfigError
from bot.model import Signal
from bot.record import Bar, flips_of, record_of
from bot.tried import (
    Tried,
    finished_rows,
    open_line,
    price_picture,
    record_line,
    write_csv,
)

if TYPE_CHECKING:
    from engine.embedded.grading import Grades
    from engine.embedded.grid import CandleGrid
    from engine.trials.report import Study

logger = logging.getLogger(__name__)

DOCUMENTED = "record"
#: more assets than this are a market: one report instead of a line each
FEW_ASSETS = 50
BEGIN, END = "<!-- backtest -->", "<!-- /backtest -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be tried, and how.

    Attributes:
        fee: share of a trade's value that each trade costs.
        is_next_bar: whether a signal is acted on a bar later than it was known.
        begins: only signals from then on count; `ends`: only until then.
        asset: only this one.
        split: the first year of the check, in a report on a market.
    """

    source: str
    fee: float = 0.001
    is_next_bar: bool = False
    begins: datetime | None = None
    ends: datetime | None = None
    asset: str = ""
    csv: Path | None = None
    picture: Path | None = None
    report: Path | None = None
    is_sweep: bool = False
    split: int = 2023

    def counts(self, moment: datetime) -> bool:
        """Whether what happened at this time counts."""
        is_early = self.begins is not None and moment < self.begins
        return not is_early and (self.ends is None or moment <= self.ends)


def run_backtest(order: Order, say: Callable[[str], None]) -> None:
    """Try a source out and say what came of it; write the files that were asked for.

    Raises `ConfigError` for a source that can't be read or asks for what it can't give.
    """
    path = Path(order.source).expanduser()
    if order.source == DOCUMENTED and not path.exists():
        _tell(_each(order, _documented()), order, say)
        return
    if not path.exists():
        raise ConfigError(
            f"{path}: there is no such file or folder; expected candles, a recording "
            f"or the word {DOCUMENTED}"
        )
    try:
        import numpy as np  # noqa: F401 - says early what is missing

        from engine.embedded.candle_files import is_candles
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is missing: pip install flipwatch[engine]"
        ) from None
    if is_candles(path):
        _candles(path, order, say)
    else:
        _tell(_each(order, _recorded(path)), order, say)


# --------------------------------------------------------------------------- sources


def _documented() -> Iterator[tuple[str, list[Bar]]]:
    from engine.documented import RECORD

    for symbol, eras in RECORD.items():
        bars = []
        for era in eras:
            said = era.signal
            for at, price in era.prices:
                bars.append(Bar(at=at, price=price, signal=said))
        yield symbol, bars


def _recorded(path: Path) -> Iterator[tuple[str, list[Bar]]]:
    from engine.recording import load_recording

    recording = load_recording(path)
    bars: dict[str, list[Bar]] = {}
    symbols: dict[str, str] = {}
    index = 0
    while recording.offset(index) is not None:
        for reading in recording.readings(index):
            symbols[reading.key] = reading.symbol
            bars.setdefault(reading.key, []).append(
                Bar(at=reading.as_of, price=reading.price, signal=reading.signal)
            )
        index += 1
    for key, of_asset in bars.items():
        yield symbols[key], of_asset


def _graded(grid: "CandleGrid", grades: "Grades") -> Iterator[tuple[str, list[Bar]]]:
    times = [datetime.fromtimestamp(int(at), UTC) for at in grid.closes_at]
    for column, symbol in enumerate(grid.symbols):
        rows = zip(
            times,
            grades.signal[:, column].tolist(),
            grid.open[:, column].tolist(),
            grid.high[:, column].tolist(),
            grid.low[:, column].tolist(),
            grid.close[:, column].tolist(),
            strict=True,
        )
        yield (
            symbol,
            [
                Bar(
                    at=at,
                    price=close,
                    signal=Signal(signal),
                    open=opened,
                    high=high,
                    low=low,
                )
                for at, signal, opened, high, low, close in rows
                if not math.isnan(close)
            ],
        )


def _candles(path: Path, order: Order, say: Callable[[str], None]) -> None:
    from engine.embedded.candle_files import load_candles
    from engine.embedded.grading import ENOUGH_DAYS, grade
    from engine.embedded.grid import DAY
    from engine.trials.outcomes import Costs, market_of
    from engine.trials.report import study

    files = load_candles(path)
    grid = files.grid
    count = len(grid.symbols)
    say(
        f"{count} assets, {len(grid.opens_at):,} candles of "
        f"{'a day' if grid.step_s == DAY else 'an hour'}; "
        f"an asset's first {ENOUGH_DAYS} days give no grade"
    )
    is_market = count > FEW_ASSETS and not order.asset
    if not is_market or order.csv is not None:
        tried = _each(order, _graded(grid, grade(grid)))
        _tell(tried, order, (lambda _: None) if is_market else say)
    if is_market:
        if grid.step_s != DAY:
            raise ConfigError(f"{path}: a report on a market needs candles of a day")
        costs = Costs(fee=order.fee, lag=int(order.is_next_bar))
        made = study(market_of(files), costs, order.split)
        _report(_cut(made, order), order, say)
    elif order.report is not None:
        raise ConfigError(f"--report needs more than {FEW_ASSETS} assets")


def _each(order: Order, sources: Iterator[tuple[str, list[Bar]]]) -> Iterator[Tried]:
    for asset, bars in sources:
        if order.asset and asset.lower() != order.asset.lower():
            continue
        flips = [
            flip
            for flip in flips_of(bars, is_next_bar=order.is_next_bar)
            if order.counts(flip.at)
        ]
        counted = [bar for bar in bars if order.counts(bar.at)]
        yield Tried(asset, counted, record_of(flips, counted, fee=order.fee))


# ------------------------------------------------------------------------ what is told


def _tell(tried: Iterator[Tried], order: Order, say: Callable[[str], None]) -> None:
    """Say each asset's record, and write the list and the picture of one asset."""
    rows: list[Sequence[object]] = []
    last: Tried | None = None
    count = 0
    for one in tried:
        count += 1
        last = one
        say(record_line(one.asset, one.record))
        if one.record.open is not None:
            say(f"  {open_line(one.record.open, one.bars)}")
        if order.csv is not None:
            rows += finished_rows(one)
    if last is None:
        raise ConfigError(f"there is no asset {order.asset or 'in it'}")
    say(_conditions(order))
    if order.csv is not None:
        write_csv(order.csv, rows)
        say(f"written: {order.csv}")
    if order.picture is not None and count == 1:
        order.picture.write_text(price_picture(last), "utf-8")
        say(f"written: {order.picture}")
    elif order.picture is not None and count <= FEW_ASSETS:
        raise ConfigError("--picture shows one asset: name it with --asset")


def _conditions(order: Order) -> str:
    fee = f"{order.fee:.2%} a trade" if order.fee else "no fees"
    when = "the bar after the signal" if order.is_next_bar else "the signal's close"
    return (
        f"From flip to flip, at {when}, {fee}. What was says nothing of what will be."
    )


# ------------------------------------------------------------------- report on a market


def _cut(made: "Study", order: Order) -> "Study":
    """Let only the time count that was asked for."""
    from dataclasses import replace

    times = made.market.grid.closes_at
    rows = [order.counts(datetime.fromtimestamp(int(at), UTC)) for at in times]
    who = made.who.copy()
    who[[not row for row in rows]] = False
    return replace(made, who=who)


def _report(made: "Study", order: Order, say: Callable[[str], None]) -> None:
    from engine.trials import report, report_pictures, sweep

    tables = [
        ("Against holding and two plain rules", report.against_others),
        ("Finished signals", report.words_kept),
        ("Bullish basket against bearish basket, next days", report.next_days),
        ("By year", report.by_year),
        ("By size of asset", report.by_size),
        ("What followed each band of grades", report.grade_bands),
        ("Flips of an asset in half a year", report.flip_rates),
    ]
    parts = []
    for title, make in tables:
        parts.append(f"### {title}\n\n{make(made)}")
        say(f"\n{parts[-1]}")
    pictures = {
        "growth": report_pictures.growth_picture(made),
        "grades": report_pictures.band_picture(made),
    }
    if order.is_sweep:
        tried = sweep.sweep(
            made, lambda text: logger.info("trying", extra={"tuning": text})
        )
        flat = sweep.sweep_table(made, tried)
        parts.append(f"### Other parameters: Sharpe (flips in half a year)\n\n{flat}")
        chosen = sweep.walk_forward(made, tried)
        parts.append(f"### Parameters chosen anew each year\n\n{chosen}")
        pictures["pace"] = report_pictures.sweep_picture(made, tried)
        say("\n" + "\n\n".join(parts[-2:]))
    if order.picture is not None:
        order.picture.write_text(pictures["growth"], "utf-8")
        say(f"written: {order.picture}")
    if order.report is not None:
        _write_report(order.report, parts, pictures)
        say(f"written: {order.report}")


def _write_report(path: Path, parts: Sequence[str], pictures: dict[str, str]) -> None:
    """Write tables between a file's two marks, or a new file; pictures beside it."""
    shown = []
    for name, picture in pictures.items():
        file = path.with_name(f"{path.stem}-{name}.svg")
        file.write_text(picture, "utf-8")
        shown.append(f"![{name}]({file.name})")
    text = path.read_text("utf-8") if path.exists() else f"{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ConfigError(f"{path}: expected the marks {BEGIN} and {END} in it")
    inside = "\n\n".join([*parts, *shown])
    path.write_text(f"{before}{BEGIN}\n\n{inside}\n\n{END}{after}", "utf-8")
