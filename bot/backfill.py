"""Fills in what an engine said before we knew it, a little at a time.

A record needs a past. Where the engine offers one it is fetched within the credits that
polls leave, those that are watched first. What is filled in is history only: it makes
no event, and no alert that was sent changes.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.errors import SourceError
from bot.model import Stance
from bot.ports import Clock, HistorySource, Store

logger = logging.getLogger(__name__)

#: so far back a past is asked for
REACH = timedelta(days=365)
#: of so many of the largest assets that nobody watches
LARGEST = 100


class Backfill:
    """Makes a step of filling in at each call; remembers in the store how far it is."""

    def __init__(self, source: HistorySource, store: Store, *, now: Clock) -> None:
        self._source = source
        self._store = store
        self._now = now

    @property
    def every(self) -> timedelta:
        """How often a step may be made."""
        return self._source.history_every

    @property
    def _name(self) -> str:
        return f"backfill:{self._source.name}"

    async def step(self) -> int:
        """Fill in one window of the next assets; return how many readings came.

        A source that has no credits to spare, or fails, is asked at a later step.
        """
        reached = await self._reached()
        stances = await self._store.list_stances(self._source.name)
        chosen = await self._choose(stances, reached)
        if not chosen:
            return 0
        last = min(reached.get(key, self._begin(stances, key)) for key in chosen)
        try:
            readings = await self._source.fetch_history(chosen, last)
        except SourceError as error:
            logger.info(
                "no history now", extra={"action": "backfill", "reason": error.reason}
            )
            return 0
        count = 0
        for key in chosen:
            own = [r for r in readings if r.key == key]
            count += await self._store.add_history(self._source.name, key, own)
            # nothing before this: the engine did not know the asset yet
            oldest = min((r.as_of for r in own), default=None)
            is_over = oldest is None or self._now() - oldest >= REACH
            ahead = _FINISHED if oldest is None or is_over else oldest
            reached[key] = ahead if ahead == _FINISHED else ahead - timedelta(days=1)
        await self._remember(reached)
        if count:
            extra = {"action": "backfill", "assets": len(chosen), "readings": count}
            logger.info("history filled in", extra=extra)
        return count

    async def _choose(
        self, stances: Sequence[Stance], reached: Mapping[str, datetime]
    ) -> list[str]:
        """Choose assets that stand at the same day: watched ones, then the largest."""
        known = {stance.key: stance for stance in stances}
        watched = await self._store.watched_keys(self._source.name)
        by_size = sorted(stances, key=lambda s: (-(s.market_cap or 0.0), s.key))
        order = [s.key for s in by_size if s.key in watched]
        order += [s.key for s in by_size[:LARGEST] if s.key not in watched]
        open_ones = [
            key for key in order if key in known and reached.get(key) != _FINISHED
        ]
        if not open_ones:
            return []
        first = reached.get(open_ones[0], self._begin(stances, open_ones[0]))
        same = [
            key
            for key in open_ones
            if reached.get(key, self._begin(stances, key)).date() == first.date()
        ]
        return same[: self._source.history_together]

    def _begin(self, stances: Sequence[Stance], key: str) -> datetime:
        """Return the first day to ask for: the one before we knew the asset."""
        stance = next(s for s in stances if s.key == key)
        known = stance.known_since or self._now()
        return min(known, stance.as_of) - timedelta(days=1)

    async def _reached(self) -> dict[str, datetime]:
        text = await self._store.get_value(self._name)
        return {
            key: datetime.fromisoformat(at)
            for key, at in json.loads(text or "{}").items()
        }

    async def _remember(self, reached: Mapping[str, datetime]) -> None:
        text = json.dumps({key: at.isoformat() for key, at in reached.items()})
        await self._store.set_value(self._name, text)


#: stands for an asset whose past is filled in
_FINISHED = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
