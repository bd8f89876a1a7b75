"""Keeping candles up to date: history once, then only what is new.

One exchange is home: its pairs are graded, its candles make the series. While it does
not answer, another exchange's hours stand in, without volume; once it is back, its own
candles take their place. What is missing in between is a gap, and is told as one.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.candles import Candle, CandleStore, Frame, Series, Span, moment_of
from bot.model import Wanted
from bot.ports import Clock
from engine.embedded import universe
from engine.embedded.exchange import Exchange, ExchangeError, Pair
from engine.embedded.roster import Roster

logger = logging.getLogger(__name__)

#: an exchange may still be writing an hour that has just ended
SETTLE = timedelta(seconds=15)
#: with no answer for so long after an hour has ended, another exchange stands in
STAND_IN_AFTER = timedelta(minutes=12)
#: one update takes about so long at most, and goes on with the next
BUDGET = timedelta(seconds=45)
#: requests under way at once; the exchange's pace holds all of them
_WORKERS = 4
#: an exchange that failed so many times in a row is not asked on
_FAILURES_MAX = 3
#: candles are written when so many have come
_BATCH = 5_000
#: days' candles serve only once their hours are forgotten: no need to hurry for them
_DAYS_LATER = timedelta(hours=2)
#: how far back a pair without any candle is looked at again
_YOUNG = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How far back candles are kept."""

    hours: timedelta = timedelta(days=180)
    days: timedelta = timedelta(days=1_100)

    def of(self, frame: Frame) -> timedelta:
        """Return the depth of one frame."""
        return self.hours if frame is Frame.HOUR else self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What an update came to.

    Attributes:
        home: name of the exchange whose candles these are.
        closed_at: the close of the last whole hour.
        graded: the series that are wanted, by base; those without any candle too.
        waiting: how many series still lack their history; grades wait for them.
        stand_in: the exchange that stands in for the home now, if one does.
        trouble: what keeps newer candles away, in words; empty when nothing does.
        revised_from: start of the oldest hour that was written with this update;
            None if none was.
    """

    home: str
    closed_at: datetime
    graded: Mapping[str, Series]
    waiting: int = 0
    stand_in: str = ""
    trouble: str = ""
    revised_from: int | None = None


@dataclass(slots=True)
class _Job:
    """Candles to fetch for one series. `is_history`: the series has none yet."""

    series: Series
    frame: Frame
    since: datetime
    until: datetime
    is_history: bool = False


@dataclass(slots=True)
class _Haul:
    """What workers have fetched and not yet written."""

    found: dict[Frame, dict[int, list[Candle]]] = field(default_factory=dict)
    asked: list[_Job] = field(default_factory=list)
    size: int = 0
    failures: int = 0
    error: ExchangeError | None = None
    oldest: int | None = None


class CandleKeeper:
    """Fetches what is missing into a store; one update at a time."""

    def __init__(
        self,
        store: CandleStore,
        exchanges: Sequence[Exchange],
        *,
        now: Clock,
        depth: Depth | None = None,
        budget: timedelta = BUDGET,
    ) -> None:
        self._store = store
        self._exchanges = exchanges
        self._now = now
        self._depth = depth or Depth()
        self._budget = budget.total_seconds()
        self._roster = Roster(store, exchanges, now=now)
        self._stands_in = ""
        self._others: dict[str, dict[str, Pair]] = {}
        self._pruned_at: datetime | None = None

    async def close(self) -> None:
        """Give back connections; may be called twice."""
        for exchange in self._exchanges:
            await exchange.close()

    def listed(self, base: str) -> Pair | None:
        """Return a coin that the home exchange trades, graded or not."""
        return self._roster.listed(base)

    async def update(self, wanted: Wanted) -> Kept:
        """Bring the wanted series up to date, as far as the budget goes.

        Raises `SourceUnavailableError` only where no exchange has ever answered.
        """
        roster = self._roster
        home = await roster.home()
        trouble = await roster.refresh(home, wanted)
        graded = roster.graded(wanted)
        closed_at = self._closed_at()
        jobs = await self._jobs(graded, closed_at)
        haul = await self._fetch(home, {}, jobs)
        trouble = str(haul.error) if haul.error else trouble
        if not trouble:
            self._stands_in = ""
        elif self._now() - closed_at >= STAND_IN_AFTER:
            await self._stand_in(home, graded, closed_at, haul)
        await self._prune()
        graded = {base: roster.now_of(one) for base, one in graded.items()}
        asked = {(job.series.id, job.frame) for job in haul.asked}
        history = {job.series.id for job in jobs if job.is_history}
        left = {
            job.series.id
            for job in jobs
            if job.is_history and (job.series.id, job.frame) not in asked
        }
        if history:
            logger.info(
                "fetching history",
                extra={
                    "action": "candles",
                    "exchange": home.name,
                    "coins": len(graded),
                    "left": len(left),
                },
            )
        return Kept(
            home=home.name,
            closed_at=closed_at,
            graded=graded,
            waiting=len(left),
            stand_in=self._stands_in,
            trouble=trouble,
            revised_from=haul.oldest,
        )

    def _closed_at(self) -> datetime:
        return moment_of(Frame.HOUR.floor(self._now() - SETTLE))

    # ---- what to fetch

    async def _jobs(
        self, graded: Mapping[str, Series], closed_at: datetime
    ) -> list[_Job]:
        ids = [one.id for one in graded.values()]
        jobs: list[_Job] = []
        for frame in (Frame.HOUR, Frame.DAY):
            spans = await self._store.candle_spans(frame, ids)
            later = _DAYS_LATER if frame is Frame.DAY else timedelta()
            until = moment_of(frame.floor(closed_at - later))
            oldest = moment_of(Frame.DAY.floor(until - self._depth.of(frame)))
            for one in graded.values():
                job = _job(one, frame, spans.get(one.id), oldest, until)
                if job is not None:
                    jobs.append(job)
        # the newest hour first, of the most traded first; history can wait for it
        jobs.sort(
            key=lambda job: (
                job.is_history,
                job.frame,
                -(job.series.turnover or 0.0),
            )
        )
        return jobs

    # ---- fetching

    async def _fetch(
        self, exchange: Exchange, names: Mapping[int, str], jobs: Sequence[_Job]
    ) -> _Haul:
        """Do jobs until they are done, the budget is spent or the exchange fails.

        `names` gives another exchange's pair by series id: its candles stand in.
        """
        haul = _Haul()
        waiting = list(reversed(jobs))
        try:
            async with asyncio.timeout(self._budget):
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(_WORKERS, len(jobs))):
                        group.create_task(self._work(exchange, names, waiting, haul))
        except TimeoutError:
            logger.debug(
                "candles go on with the next poll", extra={"left": len(waiting)}
            )
        await self._write(haul)
        return haul

    async def _work(
        self,
        exchange: Exchange,
        names: Mapping[int, str],
        waiting: list[_Job],
        haul: _Haul,
    ) -> None:
        while waiting and haul.failures < _FAILURES_MAX:
            job = waiting.pop()
            name = names.get(job.series.id, job.series.pair)
            try:
                candles = await exchange.fetch_candles(
                    name, job.frame, job.since, job.until
                )
            except ExchangeError as error:
                if error.is_gone:
                    if not names:
                        await self._roster.mark_gone(job.series)
                    haul.asked.append(job)
                    continue
                haul.error = error
                haul.failures += _FAILURES_MAX if error.retry_after else 1
                continue
            haul.failures = 0
            if names:
                candles = [candle._replace(volume=None) for candle in candles]
            haul.found.setdefault(job.frame, {})[job.series.id] = candles
            haul.asked.append(job)
            haul.size += len(candles)
            if haul.size >= _BATCH:
                await self._write(haul)

    async def _write(self, haul: _Haul) -> None:
        found, haul.found, haul.size = haul.found, {}, 0
        for frame, candles in found.items():
            await self._store.add_candles(frame, candles)
            starts = [c.start for own in candles.values() for c in own]
            if frame is Frame.HOUR and starts:
                oldest = min(starts)
                haul.oldest = (
                    oldest if haul.oldest is None else min(haul.oldest, oldest)
                )
        changed: dict[int, Series] = {}
        for job in haul.asked:
            if job.is_history:
                known = changed.get(job.series.id) or self._roster.now_of(job.series)
                changed[known.id] = (
                    replace(known, hours_from=job.since)
                    if job.frame is Frame.HOUR
                    else replace(known, days_from=job.since)
                )
        if changed:
            await self._roster.put(list(changed.values()))

    async def _stand_in(
        self,
        home: Exchange,
        graded: Mapping[str, Series],
        closed_at: datetime,
        haul: _Haul,
    ) -> None:
        """Fetch the missing hours elsewhere."""
        spans = await self._store.candle_spans(
            Frame.HOUR, [one.id for one in graded.values()]
        )
        last = closed_at.timestamp() - Frame.HOUR
        behind = [
            one
            for one in graded.values()
            if one.id in spans and spans[one.id].last < last
        ]
        for exchange in self._exchanges:
            if exchange is home or not behind:
                continue
            try:
                listed = await self._list_of(exchange)
            except ExchangeError:
                continue
            names = {
                one.id: listed[one.base].name for one in behind if one.base in listed
            }
            jobs = [
                _Job(one, Frame.HOUR, moment_of(spans[one.id].last), closed_at)
                for one in behind
                if one.id in names
            ]
            brought = await self._fetch(exchange, names, jobs)
            if brought.oldest is not None:
                haul.oldest = min(brought.oldest, haul.oldest or brought.oldest)
                if exchange.name != self._stands_in:
                    logger.warning(
                        "another exchange stands in",
                        extra={
                            "action": "candles",
                            "exchange": home.name,
                            "stands_in": exchange.name,
                        },
                    )
                self._stands_in = exchange.name
                return

    async def _list_of(self, exchange: Exchange) -> dict[str, Pair]:
        if exchange.name not in self._others:
            pairs = universe.coins(await exchange.list_pairs())
            self._others[exchange.name] = {pair.base: pair for pair in pairs}
        return self._others[exchange.name]

    async def _prune(self) -> None:
        """Forget what is older than what is used; once a day."""
        now = self._now()
        done = self._pruned_at
        if done is not None and timedelta() <= now - done < timedelta(days=1):
            return
        self._pruned_at = now
        for frame in Frame:
            kept_from = now - self._depth.of(frame) - timedelta(days=2)
            await self._store.prune_candles(frame, kept_from)


def _job(
    series: Series, frame: Frame, span: Span | None, oldest: datetime, until: datetime
) -> _Job | None:
    """Say what a series lacks of a frame; None if nothing.

    The last candle there is fetched again: it may have been written while the exchange
    was not done with it.
    """
    asked = series.asked_from(frame)
    if asked is None or asked - oldest > timedelta(days=1):
        return _Job(series, frame, oldest, until, is_history=True)
    if span is None:
        # too young for a whole candle when it was asked
        return _Job(series, frame, max(asked, until - _YOUNG), until)
    if span.last + frame >= until.timestamp() and span.last == span.last_own:
        return None
    start = span.first if span.last_own is None else span.last_own
    return _Job(series, frame, max(moment_of(start), oldest), until)
