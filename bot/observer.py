"""Looks around a snapshot: the market after it, and what was so around its flips.

Asked once per snapshot, before it is committed: what it finds is kept with the events,
the same for all recipients, and nothing that comes later changes it. However many
assets flipped, it takes a handful of statements.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot import context, market
from bot.checks import Context
from bot.detect import Detection
from bot.model import (
    Event,
    EventKind,
    MarketPoint,
    Snapshot,
    Stance,
)
from bot.ports import Store

#: of assets without categories so many of the largest are compared by price
_ALIKE_MOST = 150


@dataclass(frozen=True, slots=True)
class Seen:
    """The market around a snapshot: after it, the point before, and all that stand."""

    stances: Mapping[str, Stance]
    market: MarketPoint | None = None
    before: MarketPoint | None = None
    week_ago: MarketPoint | None = None


class Observer:
    """Reads of the store what explains a source's flips."""

    def __init__(self, store: Store, source: str) -> None:
        self._store = store
        self._source = source

    async def look(self, snapshot: Snapshot, detection: Detection) -> Seen | None:
        """See how all stand after a snapshot, and measure the market of it.

        None before there is any asset.
        """
        known = await self._store.list_stances(self._source)
        stances = market.after(
            known, detection.states, {r.key: r for r in snapshot.readings}
        )
        if not stances:
            return None
        as_of = max(stance.as_of for stance in stances.values())
        history = await self._store.market_history(
            self._source, after=as_of - timedelta(days=11)
        )
        earlier = [point for point in history if point.as_of < as_of]
        return Seen(
            stances,
            market.measure(stances.values(), as_of=as_of, signal=snapshot.market),
            earlier[-1] if earlier else None,
            market.week_before(earlier, as_of),
        )

    async def explain(self, events: Sequence[Event], seen: Seen) -> tuple[Event, ...]:
        """Add to each flip what was so around it; other events stay as they are."""
        flips = [e for e in events if e.kind is EventKind.FLIP]
        if not flips:
            return tuple(events)
        keys = sorted({e.asset_key for e in flips})
        first, last = min(e.as_of for e in flips), max(e.as_of for e in flips)
        past = await self._store.daily_readings(
            self._source,
            self._alike(keys, seen),
            after=first - context.LOOK_BACK,
            before=last,
        )
        turns = await self._store.list_turns(self._source, keys)
        scene = context.Scene(
            stances=seen.stances,
            past=past,
            turns=turns,
            market=seen.market,
            week_ago=seen.week_ago,
        )
        ratio = None if seen.market is None else seen.market.share.ratio
        before = None if seen.before is None else seen.before.share.ratio
        explained: list[Event] = []
        for event in events:
            if event.kind is not EventKind.FLIP:
                explained.append(event)
                continue
            found = Context(
                checks=context.checklist(event, scene),
                tally=context.tally(event, turns.get(event.asset_key, ())),
                market=ratio,
                market_before=before,
            )
            explained.append(replace(event, context=found))
            # a few milliseconds each where peers go by price: the loop is for all
            await asyncio.sleep(0)
        return tuple(explained)

    def _alike(self, keys: Sequence[str], seen: Seen) -> list[str]:
        """Name the assets whose past is needed: more where peers go by price."""
        needed = set(keys)
        if any(not seen.stances[key].categories for key in keys if key in seen.stances):
            largest = sorted(
                seen.stances.values(), key=lambda s: (-(s.market_cap or 0), s.key)
            )
            needed |= {stance.key for stance in largest[:_ALIKE_MOST]}
        return sorted(needed)
