"""What a backtest says of one asset: lines, rows, a picture."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.model import Signal
from bot.record import Bar, PricedFlip, Record, furthest_since

_GREEN, _RED = "#2da44e", "#cf222e"


@dataclass(frozen=True, slots=True)
class Tried:
    """One asset's bars in the time that counts, and the record of them."""

    asset: str
    bars: Sequence[Bar]
    record: Record


def record_line(asset: str, record: Record) -> str:
    """Say one asset's record; of under 8 signals only what each of them did."""
    if not record.count:
        return f"{asset}: no finished signal"
    if not record.is_enough:
        moves = [
            f"  {one.began_at:%Y-%m-%d} {one.signal.word} {one.price:g} to "
            f"{one.end_price:g} ({one.move:+.1%}, furthest {one.best:+.1%})"
            for one in record.finished
        ]
        said = f"{asset}: {record.count} signals so far, too few to say"
        return "\n".join([said, *moves])
    kinds = []
    for signal, verb in ((Signal.BULLISH, "rose"), (Signal.BEARISH, "fell")):
        tally = record.tally(signal)
        if tally.median is not None:
            kinds.append(
                f"after {signal.word} it {verb} {tally.followed} of {tally.count}, "
                f"median {tally.median:+.1%}"
            )
    return (
        f"{asset}: price followed {record.followed} of {record.count} signals "
        f"(a coin does as well {record.chance:.0%} of the time)\n"
        f"  {'; '.join(kinds)}\n"
        f"  held only while bullish {record.held_bullish:+.1%}, "
        f"all the time {record.held_always:+.1%}"
    )


def open_line(flip: PricedFlip, bars: Sequence[Bar]) -> str:
    """Say which signal stands, and how far the price has been since."""
    best, _ = furthest_since(flip, bars)
    return (
        f"{flip.at:%Y-%m-%d} {flip.signal.word} {flip.price:g}, open: not counted "
        f"(furthest {best:+.1%})"
    )


_COLUMNS = (
    "asset",
    "signal",
    "began_at",
    "ended_at",
    "price",
    "end_price",
    "move",
    "furthest_for",
    "furthest_against",
    "followed",
)


def finished_rows(tried: Tried) -> list[Sequence[object]]:
    """Return one row per finished signal, as the CSV file has them."""
    return [
        (
            tried.asset,
            one.signal.word,
            one.began_at.isoformat(),
            one.ended_at.isoformat(),
            one.price,
            one.end_price,
            round(one.move, 6),
            round(one.best, 6),
            round(one.worst, 6),
            int(one.is_followed),
        )
        for one in tried.record.finished
    ]


def write_csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Write rows of finished signals under their names."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)


def price_picture(tried: Tried) -> str:
    """Draw an asset's price with a dot at each flip that counts."""
    from engine.trials.pictures import Axes, line_picture

    points = [
        (bar.at.timestamp(), bar.price)
        for bar in tried.bars
        if bar.price is not None and bar.price > 0
    ]
    starts = [(one.began_at, one.signal, one.price) for one in tried.record.finished]
    if tried.record.open is not None:
        flip = tried.record.open
        starts.append((flip.at, flip.signal, flip.price))
    dots = {
        colour: [
            (at.timestamp(), price) for at, said, price in starts if said is signal
        ]
        for colour, signal in ((_GREEN, Signal.BULLISH), (_RED, Signal.BEARISH))
    }
    places = points[:: max(1, len(points) // 6)]
    labels = [
        (at, datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")) for at, _ in places
    ]
    axes = Axes(title=f"{tried.asset}: price and flips", is_log=True, labels=labels)
    return line_picture({"price": points}, axes, dots)
