"""Our own engine as a `GradeSource`: candles kept, graded, read."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from bot.candles import Candle, CandleStore, Frame, Series, moment_of
from bot.errors import SourceUnavailableError
from bot.model import AssetInfo, Explanation, Reading, Signal, Snapshot, Wanted
from bot.ports import Clock
from engine.embedded import past, universe
from engine.embedded.book import Book, Bookmark, build_grid
from engine.embedded.explaining import explained
from engine.embedded.grading import ENGINE_VERSION
from engine.embedded.grid import DAY, CandleGrid
from engine.embedded.keeper import CandleKeeper, Depth, Kept
from engine.embedded.known import known

logger = logging.getLogger(__name__)

UPDATE_EVERY = timedelta(hours=1)
TITLE = f"Flipwatch's own engine {ENGINE_VERSION}"

#: an hour is graded at once when it has come for so many of the coins
_MOST = 0.9
#: and after so long when it has come for so many, for some may never get it
_LATER = timedelta(minutes=20)
_HALF = 0.5
#: series that are read from the store at once, so that memory stays small
_CHUNK = 10


def source_name(exchange: str) -> str:
    """Name the engine: another version or exchange is another source, a baseline."""
    return f"embedded:{ENGINE_VERSION}:{exchange}"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the engine stands at: the newest grades and whose candles they are."""

    book: Book
    kept: Kept


class EmbeddedSource:
    """`GradeSource` over a keeper of candles; fetches with `fetch`, never by itself.

    A fetch brings every wanted coin of which the exchange has the last whole hour, at
    `as_of` its close. A coin with too little history has neither grade nor signal; one
    without the last hour is left out. While history is being fetched the first time,
    snapshots are empty and `is_more`.
    """

    def __init__(
        self,
        keeper: CandleKeeper,
        store: CandleStore,
        *,
        name: str,
        now: Clock,
        depth: Depth | None = None,
    ) -> None:
        self.name = name
        self.title = TITLE
        self.update_every = UPDATE_EVERY
        self.history_together = past.TOGETHER
        self.history_every = past.EVERY
        self._keeper = keeper
        self._store = store
        self._now = now
        self._depth = depth or Depth()
        # the poller and the API may both ask
        self._turn = asyncio.Lock()
        self._book: Book | None = None
        self._bookmark: Bookmark | None = None
        #: what the API serves from; None before the first grades
        self.state: State | None = None

    def resume(self, bookmark: str | None) -> None:
        """Take over the signals that stood when the last snapshot was committed."""
        self._bookmark = Bookmark.parse(bookmark)

    async def close(self) -> None:
        """Give back connections; may be called twice."""
        await self._keeper.close()

    async def fetch(self, wanted: Wanted) -> Snapshot:
        """Bring candles up to date and read the grades of the last whole hour.

        Raises `SourceUnavailableError` when that hour is not to be had.
        """
        async with self._turn:
            return await self._fetch(wanted)

    async def _fetch(self, wanted: Wanted) -> Snapshot:
        kept = await self._keeper.update(wanted)
        if kept.waiting:
            return self._snapshot((), is_more=True)
        is_current = await self._bring(kept)
        book = self._book
        if not is_current and kept.trouble:
            raise SourceUnavailableError(
                f"no candles for {kept.closed_at:%H:%M} UTC: {kept.trouble}",
                reason="no_candles",
            )
        if book is None or not is_current:
            return self._snapshot(())
        self._bookmark = book.bookmark()
        self.state = State(book=book, kept=kept)
        readings = tuple(read(book, kept))
        return self._snapshot(readings, absent=len(kept.graded) - len(readings))

    async def lookup(self, symbol: str) -> tuple[AssetInfo, ...]:
        """Return the coin with this code that the exchange trades; costs no call."""
        pair = self._keeper.listed(symbol.strip().upper())
        if pair is None:
            return ()
        about = known(pair.base)
        return (
            AssetInfo(
                key=universe.key_of(pair.base),
                symbol=pair.base,
                name=about.name,
                volume=pair.turnover,
                categories=about.categories,
            ),
        )

    async def fetch_history(
        self, keys: Sequence[str], last: datetime
    ) -> Sequence[Reading]:
        """Return a year of days' ends up to and with `last`; costs no call.

        Raises `SourceUnavailableError` before anything is graded.
        """
        book = self._book
        if book is None:
            raise SourceUnavailableError("nothing is graded yet", reason="no_candles")
        return past.past_days(book, keys, last)

    def explain(self, key: str) -> Explanation | None:
        """Say what a coin's newest grade is made of, or how young it is."""
        book = self._book
        if book is None or book.last is None:
            return None
        for base in book.bases:
            if universe.key_of(base) == key:
                return explained(book.last, base)
        return None

    def _snapshot(
        self, readings: tuple[Reading, ...], *, absent: int = 0, is_more: bool = False
    ) -> Snapshot:
        mark = self._bookmark
        return Snapshot(
            source=self.name,
            fetched_at=self._now(),
            readings=readings,
            absent=absent,
            bookmark=None if mark is None else mark.text(),
            is_more=is_more,
        )

    # ---- the book

    async def _bring(self, kept: Kept) -> bool:
        """Bring the book to the last whole hour; whether it is there."""
        end = int(kept.closed_at.timestamp())
        book = self._book
        if book is not None and kept.graded.keys() <= set(book.bases):
            if book.closed_at >= end and kept.revised_from is None:
                return True
            if await self._grow(book, kept, end):
                return book.closed_at >= end
        await self._rebuild(kept, end)
        return self._book is not None and self._book.closed_at >= end

    async def _grow(self, book: Book, kept: Kept, end: int) -> bool:
        """Add what is new; False where what was there has changed."""
        series = {b: one for b, one in kept.graded.items() if b in set(book.bases)}
        start = book.closed_at if kept.revised_from is None else kept.revised_from
        start = min(start, book.closed_at)
        hours = await self._load(series, book.bases, Frame.HOUR, start, end)
        column = [book.bases.index(base) for base in series]
        if start < book.closed_at:
            before = book.grid.since(start)
            after = hours.cut(book.closed_at)
            if len(before.opens_at) != len(after.opens_at) or not _same(
                before, after, column
            ):
                self._bookmark = book.bookmark(start)
                return False
        hours = self._trimmed(hours.since(book.closed_at), column)
        if len(hours.opens_at):
            book.grow(hours)
        return True

    async def _rebuild(self, kept: Kept, end: int) -> None:
        bases = tuple(kept.graded)
        if not bases:
            return
        start = (end - int(self._depth.hours.total_seconds())) // DAY * DAY
        first = (end - int(self._depth.days.total_seconds())) // DAY * DAY
        hours = await self._load(kept.graded, bases, Frame.HOUR, start, end)
        hours = self._trimmed(hours, list(range(len(bases))))
        if not len(hours.opens_at):
            return
        days = await self._load(kept.graded, bases, Frame.DAY, first, start)
        # seconds of arithmetic: the loop has people to answer
        self._book = await asyncio.to_thread(Book, days, hours, self._bookmark)
        logger.info(
            "graded",
            extra={
                "action": "graded",
                "coins": len(bases),
                "as_of": moment_of(self._book.closed_at).isoformat(),
            },
        )

    def _trimmed(self, hours: CandleGrid, column: Sequence[int]) -> CandleGrid:
        """Leave out last hours that have not come for enough of the coins yet."""
        count = len(hours.opens_at)
        while count:
            row = hours.close[count - 1][list(column)]
            share = 1.0 - float(np.isnan(row).mean())
            age = self._now() - moment_of(int(hours.closes_at[count - 1]))
            if share >= _MOST or (share >= _HALF and age >= _LATER):
                break
            count -= 1
        return hours.cut(int(hours.closes_at[count - 1]) if count else 0)

    async def _load(
        self,
        series: Mapping[str, Series],
        bases: Sequence[str],
        frame: Frame,
        start: int,
        end: int,
    ) -> CandleGrid:
        """Read candles as a grid, some coins at a time: as objects they are large."""
        names = {one.id: base for base, one in series.items()}
        ids = list(names)
        grid = build_grid({}, bases, frame, start, end)
        for n in range(0, len(ids), _CHUNK):
            found: Mapping[int, Sequence[Candle]] = await self._store.load_candles(
                frame, ids[n : n + _CHUNK], moment_of(start)
            )
            own = {names[i]: candles for i, candles in found.items()}
            part = build_grid(own, tuple(own), frame, start, end)
            column = [list(bases).index(base) for base in own]
            for name in ("open", "high", "low", "close", "volume"):
                getattr(grid, name)[:, column] = getattr(part, name)
        return grid


def _same(before: CandleGrid, after: CandleGrid, column: Sequence[int]) -> bool:
    """Whether closes and volumes, all that grades are made of, are the same."""
    return all(
        np.array_equal(one[:, list(column)], other[:, list(column)], equal_nan=True)
        for one, other in (
            (before.close, after.close),
            (before.volume, after.volume),
        )
    )


def read(book: Book, kept: Kept) -> list[Reading]:
    """Return the readings of the last hour, of the coins that have it."""
    last = book.last
    if last is None:
        return []
    as_of = moment_of(book.closed_at)
    volumes = book.volumes()
    readings = []
    for column, base in enumerate(book.bases):
        price = float(book.grid.close[-1, column])
        if base not in kept.graded or np.isnan(price):
            continue
        about = known(base)
        grade, volume = float(last.grade[0, column]), float(volumes[column])
        signal = int(last.signal[0, column])
        readings.append(
            Reading(
                key=universe.key_of(base),
                symbol=base,
                name=about.name,
                as_of=as_of,
                signal=Signal(signal) if signal else None,
                grade=None if np.isnan(grade) else grade,
                price=price,
                volume=None if np.isnan(volume) else volume,
                categories=about.categories,
            )
        )
    return readings
