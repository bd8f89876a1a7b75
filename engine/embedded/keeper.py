"""Keeping candles up to date: history once, then only what is new.

One exchange is home: its pairs are graded, its candles make the series. While it does
not answer, another exchange's hours stand in, without volume; once it is back, its own
candles take their place. What is missing in between is a gap, and is told as one.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.candles import Candle, CandleStore, Frame, Series, Span, moment_of
from bot.errors import SourceUnavailableError
from bot.model import Wanted
from bot.ports import Clock
from engine.embedded import universe
from engine.embedded.exchange import Exchange, ExchangeError, Pair

logger = logging.getLogger(__name__)

#: an exchange may still be writing an hour that has just ended
SETTLE = timedelta(seconds=15)
#: new listings join and delisted ones leave this often
LIST_EVERY = timedelta(hours=6)
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
#: a list that lacks more than this share of what was graded is not believed
_GONE_SHARE = 0.2


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
        self._home: Exchange | None = None
        self._series: dict[str, Series] = {}
        self._listed: dict[str, Pair] = {}
        self._listed_at: datetime | None = None
        self._size = 0
        self._stands_in = ""
        self._others: dict[str, dict[str, Pair]] = {}
        self._pruned_at: datetime | None = None

    async def close(self) -> None:
        """Give back connections; may be called twice."""
        for exchange in self._exchanges:
            await exchange.close()

    def listed(self, base: str) -> Pair | None:
        """Return a coin that the home exchange trades, graded or not."""
        return self._listed.get(base)

    async def update(self, wanted: Wanted) -> Kept:
        """Bring the wanted series up to date, as far as the budget goes.

        Raises `SourceUnavailableError` only where no exchange has ever answered.
        """
        home = await self._find_home()
        trouble = await self._refresh_list(home, wanted)
        graded = self._graded(wanted)
        closed_at = self._closed_at()
        jobs = await self._jobs(graded, closed_at)
        haul = await self._fetch(home, {}, jobs)
        trouble = str(haul.error) if haul.error else trouble
        if not trouble:
            self._stands_in = ""
        elif self._now() - closed_at >= STAND_IN_AFTER:
            await self._stand_in(home, graded, closed_at, haul)
        await self._prune()
        graded = {base: self._series[base] for base in graded}
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

    # ---- home and its list

    async def _find_home(self) -> Exchange:
        """Return the exchange that is home: it has series, or it answers first."""
        if self._home is not None:
            return self._home
        said = ""
        for exchange in self._exchanges:
            known = await self._store.list_series(exchange.name)
            if not known:
                try:
                    pairs = await exchange.list_pairs()
                except ExchangeError as error:
                    said = said or str(error)
                    continue
                if not universe.coins(pairs):
                    said = said or f"{exchange.name} lists no coin"
                    continue
                self._note_list(pairs)
            self._home = exchange
            self._series = {one.base: one for one in known}
            return exchange
        raise SourceUnavailableError(
            f"no exchange gives candles: {said}", reason="no_exchange"
        )

    def _note_list(self, pairs: Sequence[Pair]) -> None:
        self._listed = {pair.base: pair for pair in universe.coins(pairs)}
        self._listed_at = self._now()

    async def _refresh_list(self, home: Exchange, wanted: Wanted) -> str:
        """Let new listings join and delisted ones go; return the trouble, if any."""
        size = len(self._listed) if wanted.is_all else wanted.top
        is_new = not (self._listed and self._series) or size != self._size
        age = None if self._listed_at is None else self._now() - self._listed_at
        if age is None or not timedelta() <= age < LIST_EVERY:
            try:
                self._note_list(self._believed(await home.list_pairs()))
            except ExchangeError as error:
                if not self._listed:
                    # the series themselves say what was listed last
                    self._listed = {
                        one.base: Pair(
                            base=one.base, name=one.pair, turnover=one.turnover
                        )
                        for one in self._series.values()
                        if one.gone_at is None
                    }
                return str(error)
            is_new = True
            size = len(self._listed) if wanted.is_all else wanted.top
        wanted_now = self._wanted_bases(wanted) - self._series.keys()
        if is_new or wanted_now:
            self._size = size
            await self._put_list(home, size, wanted_now)
        return ""

    def _believed(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """Return the pairs; `ExchangeError` where half the market would be gone."""
        listed = {pair.base for pair in pairs}
        members = {base for base, one in self._series.items() if one.is_member}
        if len(members - listed) > max(3, _GONE_SHARE * len(members)):
            raise ExchangeError(
                f"the list of pairs lacks {len(members - listed)} of {len(members)}"
                " graded coins: it is not believed"
            )
        return pairs

    async def _put_list(
        self, home: Exchange, size: int, wanted: Collection[str]
    ) -> None:
        ranked = list(self._listed.values())
        before = {base for base, one in self._series.items() if one.is_member}
        chosen = set(universe.members(ranked, size, before))
        now = self._now()
        changed: list[Series] = []
        for base in sorted(chosen | self._series.keys() | set(wanted)):
            pair = self._listed.get(base)
            known = self._series.get(base)
            if known is None and pair is not None:
                known = Series(exchange=home.name, base=base, pair=pair.name)
            if known is None:
                continue
            if pair is None:
                if known.gone_at is None:
                    _log_gone(known)
                known = replace(known, gone_at=known.gone_at or now, is_member=False)
            else:
                known = replace(
                    known,
                    pair=pair.name,
                    turnover=pair.turnover,
                    gone_at=None,
                    is_member=base in chosen,
                )
            changed.append(known)
        joined = chosen - before
        if joined and before:
            logger.info(
                "coins joined",
                extra={"action": "candles", "coins": " ".join(sorted(joined))},
            )
        for one in await self._store.put_series(changed):
            self._series[one.base] = one

    def _wanted_bases(self, wanted: Wanted) -> set[str]:
        """Return the listed coins that are watched by their id."""
        keys = wanted.keys
        return {base for base in self._listed if universe.key_of(base) in keys}

    def _graded(self, wanted: Wanted) -> dict[str, Series]:
        watched = self._wanted_bases(wanted)
        chosen: dict[str, Series] = {}
        taken: dict[str, str] = {}
        ranked = sorted(
            self._series.values(), key=lambda one: (-(one.turnover or 0.0), one.base)
        )
        for one in ranked:
            if one.gone_at is not None or not (one.is_member or one.base in watched):
                continue
            other = taken.setdefault(universe.key_of(one.base), one.base)
            if other == one.base:
                chosen[one.base] = one
        return dict(sorted(chosen.items()))

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
                        await self._mark_gone(job.series)
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
                known = changed.get(job.series.id) or self._series[job.series.base]
                changed[known.id] = (
                    replace(known, hours_from=job.since)
                    if job.frame is Frame.HOUR
                    else replace(known, days_from=job.since)
                )
        if changed:
            for one in await self._store.put_series(list(changed.values())):
                self._series[one.base] = one

    async def _mark_gone(self, series: Series) -> None:
        known = self._series[series.base]
        if known.gone_at is None:
            _log_gone(known)
            gone = replace(known, gone_at=self._now(), is_member=False)
            (self._series[known.base],) = await self._store.put_series([gone])

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


def _log_gone(series: Series) -> None:
    logger.warning(
        "the exchange trades a coin no more",
        extra={"action": "candles", "exchange": series.exchange, "coin": series.base},
    )
