"""Which coins are followed: the home exchange, what it lists, what of it is graded."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.candles import CandleStore, Series
from bot.errors import SourceUnavailableError
from bot.model import Wanted
from bot.ports import Clock
from engine.embedded import universe
from engine.embedded.exchange import Exchange, ExchangeError, Pair

logger = logging.getLogger(__name__)

#: new listings join and delisted ones leave this often
LIST_EVERY = timedelta(hours=6)
#: a list that lacks more than this share of what was graded is not believed
_GONE_SHARE = 0.2


class Roster:
    """The series of the home exchange, kept in step with its list of pairs.

    Home is the first exchange, in the order of preference, that has series already or
    answers when it is asked for its list.
    """

    def __init__(
        self, store: CandleStore, exchanges: Sequence[Exchange], *, now: Clock
    ) -> None:
        self._store = store
        self._exchanges = exchanges
        self._now = now
        self._home: Exchange | None = None
        self._series: dict[str, Series] = {}
        self._listed: dict[str, Pair] = {}
        self._listed_at: datetime | None = None
        self._size = 0

    def listed(self, base: str) -> Pair | None:
        """Return a coin that the home exchange trades, graded or not."""
        return self._listed.get(base)

    def now_of(self, series: Series) -> Series:
        """Return what is known of a series by now."""
        return self._series[series.base]

    async def put(self, series: Sequence[Series]) -> None:
        """Remember what has become known of series."""
        for one in await self._store.put_series(series):
            self._series[one.base] = one

    async def mark_gone(self, series: Series) -> None:
        """Note that the exchange does not know a pair any more."""
        known = self._series[series.base]
        if known.gone_at is None:
            _log_gone(known)
            gone = replace(known, gone_at=self._now(), is_member=False)
            await self.put([gone])

    async def home(self) -> Exchange:
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

    async def refresh(self, home: Exchange, wanted: Wanted) -> str:
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
        await self.put(changed)

    def _wanted_bases(self, wanted: Wanted) -> set[str]:
        """Return the listed coins that are watched by their id."""
        keys = wanted.keys
        return {base for base in self._listed if universe.key_of(base) in keys}

    def graded(self, wanted: Wanted) -> Mapping[str, Series]:
        """Return the series to grade: the most traded ones, and those watched."""
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


def _log_gone(series: Series) -> None:
    logger.warning(
        "the exchange trades a coin no more",
        extra={"action": "candles", "exchange": series.exchange, "coin": series.base},
    )
