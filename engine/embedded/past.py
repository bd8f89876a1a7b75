"""What our own engine said on days before anybody asked it, as readings."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from bot.candles import Frame, moment_of
from bot.model import Reading, Signal
from engine.embedded import universe
from engine.embedded.book import Book
from engine.embedded.known import known

#: a fetch brings so much at once: it is all there already
REACH = timedelta(days=366)
#: and of so many coins, whose readings are then written in some tenths of a second
TOGETHER = 20
#: there is nobody to be spared; only the database
EVERY = timedelta(minutes=1)


def past_days(book: Book, keys: Sequence[str], last: datetime) -> list[Reading]:
    """Return the readings of each day's end up to `last`, oldest first.

    A day is graded from its candle alone once that has closed, so that none knows of
    the next. Days before a coin's first grade are left out.
    """
    found = book.history(Frame.DAY)
    ends = {int(at): n for n, at in enumerate(book.day_grid.closes_at)}
    columns = {universe.key_of(base): n for n, base in enumerate(book.bases)}
    begin, end = (last - REACH).timestamp(), last.timestamp()
    readings: list[Reading] = []
    for row, closes_at in enumerate(found.closes_at):
        if not begin <= closes_at <= end:
            continue
        day = ends.get(int(closes_at))
        for key in keys:
            column = columns.get(key)
            if column is None or not found.signal[row, column]:
                continue
            base = book.bases[column]
            volume = None if day is None else _known(book.day_grid.volume[day, column])
            readings.append(
                Reading(
                    key=key,
                    symbol=base,
                    name=known(base).name,
                    as_of=moment_of(int(closes_at)),
                    signal=Signal(int(found.signal[row, column])),
                    grade=_known(found.grade[row, column]),
                    price=_known(found.close[row, column]),
                    volume=volume,
                    categories=known(base).categories,
                )
            )
    return readings


def _known(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
