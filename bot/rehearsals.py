"""Tries watches on what is stored, and keeps what came of it for whoever asks again.

One asset takes milliseconds. A hundred may take seconds: that is done beside the loop,
and whoever asked is not kept waiting for it.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import simulation
from bot.errors import StoreError
from bot.model import (
    Asset,
    PastReading,
    PlaceKind,
    Recipient,
    Scope,
    Watch,
)
from bot.ports import Clock, Store
from bot.rehearsal import Rehearsal
from bot.simulation import Plan

logger = logging.getLogger(__name__)

#: how far back is tried
WINDOW = timedelta(days=90)
#: before it, so that it is known what stood, and what was choppy
WARM_UP = timedelta(days=30)
#: with less history than this there is nothing to say
LEAST_HISTORY = timedelta(days=7)
#: an engine whose time is further away than this plays a recording
_LIVE = timedelta(days=7)
#: more assets than this are not tried; the largest ones are
ASSETS_MAX = 300
#: so many readings are gone through in the loop itself, some 20 ms; more beside it
_AT_ONCE = 600
#: assets read at a time: the loop belongs to others, too
_READ_TOGETHER = 3
_KEPT = 200
#: what is tried, and on readings up to when
_Key = tuple[object, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """Whose readings are gone through, and how its polls look at them."""

    source: str
    interval: timedelta
    update_every: timedelta
    band: float


class Rehearsals:
    """Says what watches would have sent in the last 90 days."""

    def __init__(self, store: Store, plan: RehearsalPlan, *, now: Clock) -> None:
        self._store = store
        self._plan = plan
        self._now = now
        self._kept: OrderedDict[_Key, Rehearsal | None] = OrderedDict()
        self._running: dict[_Key, asyncio.Task[Rehearsal | None]] = {}

    async def of(
        self,
        recipient: Recipient,
        watches: Sequence[Watch],
        *,
        patience: timedelta | None = None,
    ) -> Rehearsal | None:
        """Return what these watches would have sent; None where too little is known.

        None, too, when it takes longer than `patience`; it goes on all the same and
        is there for the next who asks.
        """
        stances = await self._store.list_stances(self._plan.source)
        newest = max((s.as_of for s in stances), default=None)
        if newest is None or not watches:
            return None
        key = (_key(recipient, watches), newest)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._running.get(key)
        if task is None:
            work = self._rehearse(recipient, tuple(watches), newest)
            task = asyncio.create_task(work, name="rehearsal")
            self._running[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        seconds = None if patience is None else patience.total_seconds()
        done, _ = await asyncio.wait({task}, timeout=seconds)
        return task.result() if done else None

    def is_at(self, recipient: Recipient, watches: Sequence[Watch]) -> bool:
        """Whether these watches are just being gone through."""
        wanted = _key(recipient, watches)
        return any(key[0] == wanted for key in self._running)

    async def close(self) -> None:
        """End what is still being gone through."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _keep(self, key: _Key, done: asyncio.Task[Rehearsal | None]) -> None:
        self._running.pop(key, None)
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            self._kept[key] = done.result()
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        elif not isinstance(error, StoreError):
            logger.error("rehearsal broke", exc_info=error, extra={"action": "broke"})

    async def _rehearse(
        self, recipient: Recipient, watches: tuple[Watch, ...], newest: datetime
    ) -> Rehearsal | None:
        now = self._now()
        until = now if abs(now - newest) <= _LIVE else newest
        since = until - WINDOW
        assets = await self._assets(watches)
        history: dict[str, Sequence[PastReading]] = {}
        keys = [asset.key for asset in assets]
        for start in range(0, len(keys), _READ_TOGETHER):
            found = await self._store.readings_between(
                self._plan.source,
                keys[start : start + _READ_TOGETHER],
                after=since - WARM_UP,
                until=until + WARM_UP,
            )
            history.update(found)
        begins = min((r[0].as_of for r in history.values()), default=until)
        since = max(since, begins)
        if until - since < LEAST_HISTORY:
            return None
        plan = Plan(
            recipient=recipient,
            watches=watches,
            assets=assets,
            interval=self._plan.interval,
            update_every=self._plan.update_every,
            band=self._plan.band,
            since=since,
            until=until,
        )
        if sum(map(len, history.values())) <= _AT_ONCE:
            sent = simulation.run(plan, history)
        else:
            sent = await asyncio.to_thread(simulation.run, plan, history)
        clock = recipient.preferences.clock
        return Rehearsal(sent=sent, since=since, until=until, clock=clock)

    async def _assets(self, watches: Sequence[Watch]) -> list[Asset]:
        found: dict[int, Asset] = {}
        for watch in watches:
            if watch.target.scope is Scope.ASSET:
                own = await self._store.get_assets([watch.target.asset_id or 0])
                found |= own
                continue
            listed = await self._store.list_assets(
                self._plan.source, target=watch.target, limit=ASSETS_MAX
            )
            found |= {asset.id: asset for asset in listed}
        return list(found.values())[:ASSETS_MAX]


def _key(recipient: Recipient, watches: Sequence[Watch]) -> object:
    """Name a rehearsal by all but the readings that its outcome depends on."""
    return (
        recipient.kind is PlaceKind.PRIVATE,
        recipient.thresholds,
        repr(recipient.preferences),
        tuple((w.target, w.conditions, w.is_exception) for w in watches),
    )
