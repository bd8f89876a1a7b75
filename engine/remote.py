"""A remote grading engine over HTTP: Token Metrics, or any that speaks its paths.

One fetch is whole or nothing: a page that fails fails the fetch. Names, sizes and
prices come from further pages; those may fail, and then are unknown.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from urllib.parse import urlsplit

from bot.config import EngineConfig
from bot.errors import SourceError, SourceRefusedError, SourceUnavailableError
from bot.model import AssetInfo, Reading, Signal, Snapshot, Wanted
from bot.population import Spending
from bot.ports import Clock
from engine import history, pages, wire
from engine.backoff import Backoff
from engine.budget import Budget, next_month
from engine.facts import FACTS_FOR, Facts
from engine.transport import TIMEOUT, Transport, is_token_metrics
from engine.wire import PAGE_LIMIT

logger = logging.getLogger(__name__)

#: grades and signals are made daily
UPDATE_EVERY = timedelta(days=1)

#: further pages per fetch, so that an alert does not wait for them
_EXTRA_CALLS_MAX = 3
_EXTRAS_WITHIN = timedelta(seconds=10)
_EXTRAS_REST = timedelta(minutes=15)
#: a window of history: a page of signals and a page of candles
_HISTORY_CALLS = 2
_HISTORY_WITHIN = timedelta(seconds=60)
_SYMBOL = re.compile(r"[A-Za-z0-9._$-]{1,32}", re.ASCII)

#: spreads the load of many bots on an engine that comes back
_CHANCE = SystemRandom().random

_Verdict = tuple[Signal | None, float | None, datetime]


class RemoteSource:
    """`GradeSource` over a remote engine; opens connections with the first fetch."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        now: Clock,
        chance: Callable[[], float] = _CHANCE,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        url = urlsplit(config.base_url)
        is_theirs = is_token_metrics(config.base_url)
        host = url.netloc.rpartition("@")[2]
        self.name = "tokenmetrics" if is_theirs else f"remote:{host}"
        self.title = "Token Metrics" if is_theirs else host
        self.update_every = UPDATE_EVERY
        self._now = now
        self._interval = timedelta(seconds=config.poll_interval)
        self._transport = Transport(config, now=now, timeout=timeout)
        self._budget = Budget(config.credits_per_month, now=now)
        self._backoff = Backoff(self._interval, chance=chance)
        self.history_together = history.TOGETHER
        self.history_every = history.EVERY
        self._is_v3 = url.path.rstrip("/").endswith("/v3")
        since_name = "start_date" if self._is_v3 else "startDate"
        self._walk = pages.SignalWalk(since_name)
        self._facts = Facts()
        self._largest: tuple[str, ...] = ()
        self._largest_of = 0
        self._largest_at: datetime | None = None
        self._verdicts: dict[str, _Verdict] = {}
        self._extras_from: datetime | None = None
        self._started_at: datetime | None = None
        self._poll_calls = 1

    @property
    def credits_used(self) -> int:
        """Calls made in this calendar month (UTC), as far as we know."""
        return self._budget.used

    def spending(self, bookmark: str | None) -> Spending:
        """Return what this month has cost, also by what another process wrote down."""
        self._budget.restore(bookmark)
        every = self._budget.interval(self._poll_calls, self._interval)
        return Spending(
            used=self._budget.used,
            extra=self._budget.extra,
            limit=self._budget.limit,
            per_poll=self._poll_calls,
            every_seconds=every.total_seconds(),
            renews_at=next_month(self._now()),
        )

    def next_fetch_at(self, now: datetime) -> datetime | None:
        """Return before when a fetch makes no call, None if it may be made now."""
        pause = self._backoff.pause(now)
        times = [pause.until if pause else None, self._budget_until(now)]
        return max((t for t in times if t is not None), default=None)

    def resume(self, bookmark: str | None) -> None:
        """Take over the count of this month's credits."""
        self._budget.restore(bookmark)

    async def close(self) -> None:
        """Give back connections; may be called twice."""
        await self._transport.close()

    async def fetch(self, wanted: Wanted) -> Snapshot:
        """Fetch what the engine says now; raise only `SourceError`.

        Before `next_fetch_at` no call is made and `SourceUnavailableError` is raised
        with reason `backing_off`, `refused` or `budget`.
        """
        started = self._now()
        self._refuse_early(started)
        if not (wanted.keys or wanted.top or wanted.is_all):
            return self._snapshot({}, absent=0)
        self._started_at = started
        try:
            asked = await self._asked(wanted)
            found = await self._fetch_signals(asked)
        except SourceError as error:
            if error.reason != "budget":
                self._backoff.failed(error, started=started, now=self._now())
            raise
        self._backoff.succeeded()
        await self._fetch_extras(found)
        return self._snapshot(
            found, absent=0 if asked is None else len(set(asked) - found.keys())
        )

    async def lookup(self, symbol: str) -> tuple[AssetInfo, ...]:
        """Return the assets with exactly this symbol, the obvious one first.

        Costs a call. Raises only `SourceError`; an unknown symbol is an empty tuple.
        """
        word = symbol.strip()
        if not _SYMBOL.fullmatch(word):
            return ()
        pause = self._backoff.pause(self._now())
        if pause is not None:
            raise _too_early(pause.reason, pause.until - self._now())
        query = {"symbol": word.upper(), "limit": str(PAGE_LIMIT), "page": "1"}
        body = await self._ask(pages.TOKENS, query)
        if body is None:
            return ()
        infos = [
            info
            for info in wire.read_assets(body).items
            if info.symbol.upper() == word.upper()
        ]
        self._facts.learn(infos, self._now())
        return tuple(wire.largest_first(infos))

    async def fetch_history(
        self, keys: Sequence[str], last: datetime
    ) -> Sequence[Reading]:
        """Fetch four weeks of days up to and with one, out of what extras may cost.

        Raises only `SourceError`, with reason `budget` where the share is used up.
        """
        pause = self._backoff.pause(self._now())
        if pause is not None:
            raise _too_early(pause.reason, pause.until - self._now())
        if not self._budget.allows_extra(_HISTORY_CALLS):
            raise _too_early("budget", _EXTRAS_REST)
        try:
            async with asyncio.timeout(_HISTORY_WITHIN.total_seconds()):
                return await history.fetch_days(
                    self._ask_extra, keys[: history.TOGETHER], last, is_v3=self._is_v3
                )
        except TimeoutError:
            raise SourceUnavailableError(
                "the engine took too long over its history", reason="timeout"
            ) from None

    # ---- what to ask for

    async def _asked(self, wanted: Wanted) -> list[str] | None:
        """List the ids to ask for; None means all the engine has."""
        if wanted.is_all:
            return None
        keys = set(wanted.keys)
        if wanted.top:
            keys.update(await self._fetch_largest(wanted.top))
        # Ids that we did not get from this engine could break the whole list.
        return sorted(k for k in keys if k and "," not in k)

    async def _fetch_largest(self, count: int) -> Sequence[str]:
        now = self._now()
        is_fresh = (
            self._largest_at is not None
            and self._largest_of >= count
            and timedelta(0) <= now - self._largest_at < FACTS_FOR
        )
        if not is_fresh:
            try:
                infos = await pages.fetch_largest(self._ask, count)
            except SourceError as error:
                if not self._largest or error.reason == "budget":
                    raise
                logger.warning(
                    "the list of the largest assets is older than a day",
                    extra={"action": "engine_largest", "reason": error.reason},
                )
                return self._largest[:count]
            self._facts.learn(infos, now)
            self._largest = tuple(info.key for info in infos)
            self._largest_of = count
            self._largest_at = now if infos else None
        return self._largest[:count]

    async def _fetch_signals(self, asked: Sequence[str] | None) -> dict[str, Reading]:
        before = self._budget.used
        if asked is None:
            found = await self._walk.fetch(self._ask, None)
        else:
            found = {}
            for batch in _batches(asked):
                part = await self._walk.fetch(self._ask, batch)
                found |= {key: part[key] for key in batch if key in part}
        self._poll_calls = max(self._budget.used - before, 1)
        return found

    # ---- what a poll can do without

    async def _fetch_extras(self, found: Mapping[str, Reading]) -> None:
        """Ask for names, sizes and prices where the credits allow it; never fail."""
        verdicts = {k: (r.signal, r.grade, r.as_of) for k, r in found.items()}
        moved = [k for k in found if self._verdicts.get(k, verdicts[k]) != verdicts[k]]
        self._verdicts |= verdicts
        now = self._now()
        if self._extras_from is not None and now < self._extras_from:
            return
        # What has just changed is what people will read about: it comes first.
        stale = self._facts.unpriced(
            (k for k, r in found.items() if r.price is None), now
        )
        unpriced = list(dict.fromkeys([*moved, *stale]))
        due = self._facts.due(
            (k for k, r in found.items() if not (r.market_cap and r.categories)), now
        )
        try:
            async with asyncio.timeout(_EXTRAS_WITHIN.total_seconds()):
                calls = await self._learn(pages.PRICES, unpriced, _EXTRA_CALLS_MAX)
                await self._learn(pages.TOKENS, due, _EXTRA_CALLS_MAX - calls)
        except TimeoutError:
            self._rest_from_extras(now, _EXTRAS_REST, "timeout")
        except SourceError as error:
            is_refused = isinstance(error, SourceRefusedError)
            rest = FACTS_FOR if is_refused else _EXTRAS_REST
            rest = max(rest, min(error.retry_after or rest, FACTS_FOR))
            self._rest_from_extras(now, rest, error.reason)

    def _rest_from_extras(self, now: datetime, rest: timedelta, reason: str) -> None:
        self._extras_from = now + rest
        logger.info(
            "names, sizes and prices are not to be had now",
            extra={"action": "engine_extras", "reason": reason},
        )

    async def _learn(self, path: str, keys: Sequence[str], calls_max: int) -> int:
        """Learn about these assets from further pages; return how many it took."""
        calls = 0
        for batch in _batches(keys)[:calls_max]:
            if not self._budget.allows_extra(1):
                break
            calls += 1
            infos = await pages.fetch_assets(self._ask_extra, path, batch)
            now = self._now()
            self._facts.learn(infos, now)
            if path == pages.TOKENS:
                self._facts.note_asked(batch, now)
            else:
                self._facts.note_price_asked(batch, now)
        return calls

    # ---- calls, credits and pauses

    async def _ask(self, path: str, query: Mapping[str, str]) -> bytes | None:
        return await self._transport.get(path, query, meter=self._spend)

    async def _ask_extra(self, path: str, query: Mapping[str, str]) -> bytes | None:
        return await self._transport.get(path, query, meter=self._spend_extra)

    def _spend(self) -> None:
        if self._budget.left == 0:
            raise _too_early("budget", next_month(self._now()) - self._now())
        self._budget.count()

    def _spend_extra(self) -> None:
        self._budget.count(is_extra=True)

    def _refuse_early(self, now: datetime) -> None:
        pause = self._backoff.pause(now)
        if pause is not None:
            raise _too_early(pause.reason, pause.until - now)
        until = self._budget_until(now)
        if until is not None:
            raise _too_early("budget", until - now)

    def _budget_until(self, now: datetime) -> datetime | None:
        """Return until when the credits forbid a fetch, None if they allow it.

        Ticks come at the poll interval's pace, so one that is less than half an
        interval early counts as due; what that costs is saved again later.
        """
        if self._budget.left == 0:
            return next_month(now)
        if self._started_at is None:
            return None
        every = self._budget.interval(self._poll_calls, self._interval)
        if every <= self._interval:
            return None
        until = self._started_at + every - self._interval / 2
        return until if self._started_at <= now < until else None

    def _snapshot(self, found: Mapping[str, Reading], *, absent: int) -> Snapshot:
        now = self._now()
        return Snapshot(
            source=self.name,
            fetched_at=now,
            readings=tuple(self._facts.complete(r, now) for r in found.values()),
            absent=absent,
            bookmark=self._budget.bookmark(),
        )


def _too_early(reason: str, wait: timedelta) -> SourceUnavailableError:
    words = {
        "refused": "the engine refused key or plan",
        "budget": "this month's credits are spread over the month",
        "backing_off": "the engine failed a moment ago",
    }
    seconds = wait.total_seconds()
    return SourceUnavailableError(
        f"{words[reason]}: not asked for another {seconds:.0f} s",
        reason=reason,
        retry_after=wait,
    )


def _batches(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[i : i + PAGE_LIMIT] for i in range(0, len(keys), PAGE_LIMIT)]
