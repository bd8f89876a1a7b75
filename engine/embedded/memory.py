"""Candles kept in memory alone: for the demo, for tests, for a look without a store."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.candles import Candle, Frame, Series, Span


class MemoryCandles:
    """A complete `CandleStore` that forgets everything with the process."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], Series] = {}
        self._candles: dict[tuple[Frame, int], dict[int, Candle]] = {}

    async def put_series(self, series: Sequence[Series]) -> Sequence[Series]:
        """Write series, told apart by exchange and base; return them with their ids."""
        for one in series:
            name = (one.exchange, one.base)
            known = self._series.get(name)
            number = known.id if known else len(self._series) + 1
            self._series[name] = replace(one, id=number)
        return sorted(
            {self._series[one.exchange, one.base] for one in series},
            key=lambda one: (one.exchange, one.base),
        )

    async def list_series(self, exchange: str) -> Sequence[Series]:
        """List an exchange's series by base."""
        return [
            one for (name, _), one in sorted(self._series.items()) if name == exchange
        ]

    async def add_candles(
        self, frame: Frame, candles: Mapping[int, Sequence[Candle]]
    ) -> None:
        """Add candles by series id; what has no volume replaces nothing that has."""
        for series_id, own in candles.items():
            kept = self._candles.setdefault((frame, series_id), {})
            for candle in own:
                known = kept.get(candle.start)
                is_stand_in = candle.volume is None
                if known is None or known.volume is None or not is_stand_in:
                    kept[candle.start] = candle

    async def load_candles(
        self,
        frame: Frame,
        series_ids: Sequence[int],
        since: datetime,
        *,
        limit: int | None = None,
    ) -> Mapping[int, Sequence[Candle]]:
        """Load the candles that start at `since` or later, oldest first."""
        found = {}
        for series_id in series_ids:
            kept = self._candles.get((frame, series_id), {})
            own = sorted(c for c in kept.values() if c.start >= since.timestamp())
            if own:
                found[series_id] = own[:limit]
        return found

    async def candle_spans(
        self, frame: Frame, series_ids: Sequence[int]
    ) -> Mapping[int, Span]:
        """Say what each series has; those without candles are left out."""
        found = {}
        for series_id in series_ids:
            if kept := self._candles.get((frame, series_id), {}):
                own = [s for s, c in kept.items() if c.volume is not None]
                found[series_id] = Span(min(kept), max(kept), max(own, default=None))
        return found

    async def count_candles(
        self, frame: Frame, series_ids: Sequence[int]
    ) -> Mapping[int, int]:
        """Count the candles of each series; those without any are left out."""
        kept = {n: self._candles.get((frame, n), {}) for n in series_ids}
        return {n: len(own) for n, own in kept.items() if own}

    async def prune_candles(self, frame: Frame, before: datetime) -> int:
        """Forget candles that start earlier; return how many."""
        count = 0
        for (of, _), kept in self._candles.items():
            if of is frame:
                old = [start for start in kept if start < before.timestamp()]
                count += len(old)
                for start in old:
                    del kept[start]
        return count
