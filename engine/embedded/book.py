"""The grades of one universe, hour after hour: candles in, the newest grades out.

A book is made of all candles at once and then grows by an hour at a time; both ways
give the same. It also keeps what the API answers about the past.

Standing signals depend on the way a grade has come. So that neither a restart, nor a
coin that joins (strength is relative to the others), nor hours that were forgotten
change a signal by themselves, a book starts from the signals that stood last, a
`Bookmark`, where there is one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bot.candles import Candle, Frame
from engine.embedded.grading import Grader, Grades
from engine.embedded.grid import DAY, HOUR, CandleGrid, Floats

#: hours whose grades are kept for the API
HOURS_TOLD = 30 * 24
#: days whose grades are kept for the API
DAYS_TOLD = 1_100
#: of the trailing 24 hours all must be known to know the volume
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The signals that stood once the hour that closed at `at` was graded."""

    at: int
    standing: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """Write it in few characters: it is kept with every poll."""
        groups = [
            ",".join(sorted(b for b, s in self.standing.items() if s == signal))
            for signal in (1, -1)
        ]
        return ";".join([str(self.at), *groups])

    @classmethod
    def parse(cls, text: str | None) -> "Bookmark | None":
        """Read the written form; None for one that is not ours."""
        at, *groups = (text or "").split(";")
        if not (at.isascii() and at.isdigit()) or len(groups) != 2:  # noqa: PLR2004
            return None
        standing = {
            base: signal
            for signal, group in zip((1, -1), groups, strict=True)
            for base in group.split(",")
            if base
        }
        return cls(int(at), standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Grades of the past, one row per step, oldest first; shapes (T, N).

    Attributes:
        closes_at: when each row was known, epoch seconds.
        grade: NaN where there was none.
        signal: the standing signal.
        close: NaN where there was no candle.
    """

    closes_at: np.ndarray
    grade: Floats
    signal: np.ndarray
    close: Floats


class Book:
    """Grades of `bases` up to `closed_at`; feed it only forwards."""

    def __init__(
        self,
        days: CandleGrid,
        hours: CandleGrid,
        bookmark: Bookmark | None = None,
    ) -> None:
        """Grade all of it: takes some milliseconds a day, so not in the loop.

        `days` end where `hours` begin, at 00:00 UTC.
        """
        self.bases = hours.symbols
        self._grader = Grader(hours.symbols)
        self._bookmark = bookmark
        self.days: list[tuple[Grades, Floats]] = []
        self.hours: list[tuple[Grades, Floats]] = []
        self.grid = hours
        #: candles of days, for the API: history, and the days whose hours are whole
        self.day_grid = days.append(whole_days(hours))
        for n, opens_at in enumerate(days.opens_at):
            grades = self._grader.push_day(int(opens_at), days.close[n], days.volume[n])
            self.days.append((self._adopted(grades), days.close[n]))
        for n in range(len(hours.opens_at)):
            self._push(n)
        self._forget()

    @property
    def closed_at(self) -> int:
        """The close of the last hour, epoch seconds; 0 if there is none."""
        return int(self.grid.closes_at[-1]) if len(self.grid.opens_at) else 0

    @property
    def last(self) -> Grades | None:
        """The grades of the last hour."""
        return self.hours[-1][0] if self.hours else None

    def grow(self, hours: CandleGrid) -> None:
        """Add hours that follow the last one, of the same coins."""
        first = len(self.grid.opens_at)
        day = self.closed_at // DAY * DAY
        self.grid = self.grid.append(hours)
        self.day_grid = self.day_grid.append(whole_days(self.grid.since(day)))
        for n in range(first, len(self.grid.opens_at)):
            self._push(n)
        self._forget()

    def bookmark(self, at: int | None = None) -> Bookmark | None:
        """Return the signals that stood at a moment, or now; None if that is unknown.

        `at` is in epoch seconds; the last hour that had closed by then counts.
        """
        for grades, _ in reversed(self.hours):
            closed = int(grades.closes_at[0])
            if at is None or closed <= at:
                signals = zip(self.bases, grades.signal[0], strict=True)
                return Bookmark(closed, {b: int(s) for b, s in signals if s})
        return None

    def volumes(self) -> Floats:
        """Return each coin's trailing 24 hours in US dollars; NaN is unknown."""
        rows = self.grid.volume[-_DAY_HOURS:]
        if len(rows) < _DAY_HOURS:
            return np.full(len(self.bases), np.nan)
        total: Floats = rows.sum(axis=0)
        return total

    def history(self, frame: Frame) -> History:
        """Return the grades of the past: of each day's end, or of the last hours."""
        kept = self.days if frame is Frame.DAY else self.hours
        count = len(self.bases)
        if not kept:
            nothing = np.empty((0, count))
            return History(
                closes_at=np.empty(0, dtype=np.int64),
                grade=nothing,
                signal=np.empty((0, count), dtype=np.int8),
                close=nothing,
            )
        return History(
            closes_at=np.concatenate([g.closes_at for g, _ in kept]),
            grade=np.concatenate([g.grade for g, _ in kept]),
            signal=np.concatenate([g.signal for g, _ in kept]),
            close=np.array([close for _, close in kept]),
        )

    def _push(self, row: int) -> None:
        close = self.grid.close[row]
        opens_at = int(self.grid.opens_at[row])
        grades = self._grader.push_hour(opens_at, close, self.grid.volume[row])
        grades = self._adopted(grades)
        self.hours.append((grades, close))
        if (opens_at + HOUR) % DAY == 0:
            self.days.append((grades, close))

    def _adopted(self, grades: Grades) -> Grades:
        """Let the bookmark's signals stand, once its hour has come."""
        mark = self._bookmark
        if mark is None or self._grader.closed_at != mark.at:
            return grades
        # The grader has no door for this: what stood is not a matter of candles.
        standing = self._grader._standing  # noqa: SLF001 - see above
        signal = np.array(
            [
                mark.standing.get(base, int(now))
                for base, now in zip(self.bases, standing.signal, strict=True)
            ],
            dtype=np.int8,
        )
        standing.forget(signal != standing.signal)
        standing.signal = signal
        return replace(grades, signal=signal[None, :].copy())

    def _forget(self) -> None:
        del self.hours[:-HOURS_TOLD]
        del self.days[:-DAYS_TOLD]
        self.grid = self.grid.since(self.closed_at - HOURS_TOLD * HOUR)
        self.day_grid = self.day_grid.since(self.closed_at - DAYS_TOLD * DAY)


def build_grid(
    candles: Mapping[str, Sequence[Candle]],
    bases: Sequence[str],
    frame: Frame,
    start: int,
    end: int,
) -> CandleGrid:
    """Return candles as a grid from `start` until before `end`, whole multiples.

    Volumes become US dollars at the candle's close. Rows without any candle are there
    all the same.
    """
    size = max((end - start) // frame, 0)
    values = np.full((5, size, len(bases)), np.nan)
    for column, base in enumerate(bases):
        own = candles.get(base, ())
        if not own or not size:
            continue
        # None becomes NaN
        table = np.array(own, dtype=np.float64)
        rows = (table[:, 0].astype(np.int64) - start) // frame
        inside = (rows >= 0) & (rows < size)
        table, rows = table[inside], rows[inside]
        values[:4, rows, column] = table[:, 1:5].T
        values[4, rows, column] = table[:, 5] * table[:, 4]
    return CandleGrid(
        symbols=tuple(bases),
        opens_at=start + np.arange(size, dtype=np.int64) * int(frame),
        step_s=int(frame),
        open=values[0],
        high=values[1],
        low=values[2],
        close=values[3],
        volume=values[4],
    )


def whole_days(hours: CandleGrid) -> CandleGrid:
    """Return the days of which all hours are in the grid, known or not, as candles."""
    skipped = int(-hours.opens_at[0] % DAY) // HOUR if len(hours.opens_at) else 0
    count = max(len(hours.opens_at) - skipped, 0) // _DAY_HOURS
    rows = slice(skipped, skipped + count * _DAY_HOURS)

    def by_day(values: Floats) -> Floats:
        return values[rows].reshape(count, _DAY_HOURS, len(hours.symbols))

    close = by_day(hours.close)
    known = ~np.isnan(close)
    first = known.argmax(axis=1)[:, None, :]
    last = _DAY_HOURS - 1 - known[:, ::-1].argmax(axis=1)[:, None, :]
    volume = by_day(hours.volume)
    return CandleGrid(
        symbols=hours.symbols,
        opens_at=hours.opens_at[rows][::_DAY_HOURS],
        step_s=DAY,
        open=np.take_along_axis(by_day(hours.open), first, axis=1)[:, 0],
        high=np.fmax.reduce(by_day(hours.high), axis=1),
        low=np.fmin.reduce(by_day(hours.low), axis=1),
        close=np.take_along_axis(close, last, axis=1)[:, 0],
        volume=np.where(known.any(axis=1), np.nansum(volume, axis=1), np.nan),
    )
