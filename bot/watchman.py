"""Tells operators of trouble: once per distinct trouble, and once when it is over.

What was told to whom is remembered in the store, so a restart repeats nothing. Several
processes may each keep a watchman: who is about to tell takes a lease first. Unknown
is never a change: a platform counts as working again only after a message got through.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import alarms
from bot.errors import StoreError
from bot.message import Message
from bot.model import Address, DeliveryState, Platform
from bot.operator_post import OperatorPost, Outcome
from bot.ports import Clock, Store
from bot.troubles import (
    Counted,
    Memory,
    Step,
    dead_window,
    decide,
    engine_trouble,
)

logger = logging.getLogger(__name__)

#: how often is looked for trouble
LOOK_EVERY = timedelta(seconds=10)
#: so far back a failure is looked for
POLLS = 50
_LEASE = timedelta(seconds=60)
_ENGINE, _DEAD = "engine", "dead_letters"
_ENGINE_NOTE = "watchman:engine_said"


async def _nothing_else() -> "Sequence[Watched]":
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPlan:
    """What a watchman looks at, and for whom.

    Attributes:
        source: the name of the source in the store.
        owner: this process's name on leases.
        said: gives the engine's own words about its last failure, where this process
            polls.
        next_try: when the engine is asked again.
        paused: platforms that this process has paused as misconfigured, and why.
        also: gives what else is watched, as far as this process knows it.
    """

    source: str
    owner: str
    said: Callable[[], str] = str
    next_try: Callable[[], datetime | None] = lambda: None
    paused: Callable[[], Mapping[Platform, str]] = dict
    also: "Callable[[], Awaitable[Sequence[Watched]]]" = _nothing_else


# ---------------------------------------------------------------------------- effects


class Watchman:
    """Looks for trouble and tells operators; `look` is called every `LOOK_EVERY`."""

    def __init__(
        self,
        store: Store,
        post: OperatorPost,
        plan: WatchPlan,
        *,
        now: Clock,
    ) -> None:
        self._store = store
        self._post = post
        self._plan = plan
        self._now = now
        self._paused_since: dict[Platform, datetime] = {}
        self._working: set[Platform] = set()
        self._store_failed = False
        self._engine_note: list[str] | None = None

    def worked(self, platform: Platform) -> None:
        """Hear that a platform took a message: whatever it had is over."""
        self._working.add(platform)

    async def look(self) -> None:
        """Look once and tell what is new; whatever fails is tried by the next look."""
        try:
            await self._note_engine()
            paused = self._plan.paused()
            places = [
                place
                for place in await self._post.places()
                if place.platform not in paused and self._post.is_due(place)
            ]
            await self._look_at_engine(places)
            for platform in self._post.platforms:
                await self._look_at_platform(platform, paused.get(platform), places)
            await self._look_at_dead_letters(places)
            for watched in await self._plan.also():
                await self._keep(watched, places)
        except StoreError as error:
            if not self._store_failed:
                logger.warning("nothing seen: %s", error, extra={"action": "unseen"})
            self._store_failed = True
        else:
            self._store_failed = False

    async def _note_engine(self) -> None:
        """Keep what the engine said for whoever tells it: that may be another process.

        Written only when it changed, so never while all is well.
        """
        said, next_try = self._plan.said(), self._plan.next_try()
        note = [said, next_try.isoformat() if next_try else ""] if said else None
        if note != self._engine_note:
            text = None if note is None else json.dumps(note)
            await self._store.set_value(_ENGINE_NOTE, text)
            self._engine_note = note

    async def _noted_of_engine(self) -> tuple[str, datetime | None]:
        text = await self._store.get_value(_ENGINE_NOTE)
        said, next_try = json.loads(text) if text else ("", "")
        return said, datetime.fromisoformat(next_try) if next_try else None

    async def _look_at_engine(self, places: Sequence[Address]) -> None:
        polls = await self._store.last_polls(self._plan.source, POLLS)
        if not polls:
            return
        trouble = engine_trouble(polls)

        async def word(memory: Memory | None) -> Message:
            if trouble is None:
                since = self._now() if memory is None else memory.since
                return alarms.engine_works(since, self._now())
            counts = await self._store.counts(self._now())
            said, next_try = await self._noted_of_engine()
            return alarms.engine_fails(
                trouble,
                said=said,
                waiting=counts.watchers,
                next_try=next_try,
                now=self._now(),
            )

        watched = Watched(
            subject=_ENGINE,
            kind=None if trouble is None else trouble.cause.value,
            since=self._now() if trouble is None else trouble.since,
            word=word,
        )
        await self._keep(watched, places)

    async def _look_at_platform(
        self, platform: Platform, said: str | None, places: Sequence[Address]
    ) -> None:
        now = self._now()
        if said is not None:
            self._paused_since.setdefault(platform, now)
            self._working.discard(platform)
        elif platform in self._paused_since:
            # The pause ends with a message that got through, with nothing else.
            self._working.add(platform)
        if said is None and platform not in self._working:
            return
        since = self._paused_since.get(platform, now)

        async def word(memory: Memory | None) -> Message:
            known = since if memory is None else memory.since
            if said is None:
                return alarms.platform_works(platform, known, now)
            return alarms.platform_paused(platform, said=said, since=known, now=now)

        watched = Watched(subject=platform.value, kind=said, since=since, word=word)
        await self._keep(watched, places)
        if said is None:
            self._paused_since.pop(platform, None)

    async def _keep(self, watched: "Watched", places: Sequence[Address]) -> None:
        """Tell what is to be told of one subject, and remember every yes at once."""
        name = f"watchman:{watched.subject}"
        _, step = await self._next_step(name, watched, places)
        if not step or not await self._take(name):
            return
        try:
            memory, step = await self._next_step(name, watched, places)
            message = await watched.word(memory)
            number = 0 if memory is None else memory.notices
            since = watched.since if memory is None else memory.since
            seed = f"{watched.subject} {watched.kind} {since.isoformat()} {number}"
            for address in step.tell:
                if not await self._take(name):
                    return
                if await self._post.tell(address, message, seed) is Outcome.TOLD:
                    memory = memory or Memory(since=watched.since)
                    memory = memory.with_told(watched.kind or "", address)
                    await self._store.set_value(name, memory.dump())
            for address in step.over:
                if not await self._take(name):
                    return
                if await self._post.tell(address, message, seed) is not Outcome.LATER:
                    memory = None if memory is None else memory.without(address)
                    text = None if memory is None else memory.dump()
                    await self._store.set_value(name, text)
        finally:
            await self._store.drop_lease(name, self._plan.owner)

    async def _next_step(
        self, name: str, watched: "Watched", places: Sequence[Address]
    ) -> tuple[Memory | None, Step]:
        text = await self._store.get_value(name)
        memory = None if text is None else Memory.load(text)
        step = decide(memory, watched.kind, places)
        return memory, replace(step, over=tuple(filter(self._post.is_due, step.over)))

    async def _take(self, name: str) -> bool:
        """Take or renew the lease on telling of one subject."""
        return await self._store.take_lease(
            name, self._plan.owner, now=self._now(), length=_LEASE
        )

    # --------------------------------------------------------------- dead letters

    async def _look_at_dead_letters(self, places: Sequence[Address]) -> None:
        """Tell each operator of what died since it was told last."""
        name, now = f"watchman:{_DEAD}", self._now()
        counted = await self._counted(name)
        for place in places:
            known = counted.get(place)
            window = None if known is None else dead_window(known, now)
            if known is not None and known.until <= now and window is None:
                continue
            if window is not None:
                after, until = window
                if not await self._store.dead_letters(after=after, until=until):
                    continue
            if not await self._take(name):
                return
            try:
                await self._tell_of_dead(name, place)
            finally:
                await self._store.drop_lease(name, self._plan.owner)

    async def _tell_of_dead(self, name: str, place: Address) -> None:
        counted, now = await self._counted(name), self._now()
        if place not in counted or counted[place].until > now:
            # Whoever becomes an operator now hears of what dies from now on; the same
            # where the clock has stepped back.
            counted[place] = Counted(until=now)
            await self._remember_counted(name, counted)
        window = dead_window(counted[place], now)
        if window is None:
            return
        after, until = window
        reasons = await self._store.dead_letters(after=after, until=until)
        if not reasons:
            return
        counts = await self._store.counts(now)
        total = counts.deliveries.get(DeliveryState.DEAD.value, 0)
        message = alarms.dead_letters(reasons, total=total)
        seed = f"{_DEAD} {after.isoformat()}"
        if await self._post.tell(place, message, seed) is Outcome.TOLD:
            counted[place] = Counted(until=until, told_at=now)
            await self._remember_counted(name, counted)

    async def _counted(self, name: str) -> dict[Address, Counted]:
        text = await self._store.get_value(name)
        return {
            Address.parse(address): Counted(
                until=datetime.fromisoformat(until),
                told_at=datetime.fromisoformat(told_at) if told_at else None,
            )
            for address, (until, told_at) in json.loads(text or "{}").items()
        }

    async def _remember_counted(
        self, name: str, counted: Mapping[Address, Counted]
    ) -> None:
        rows = {
            str(address): (
                c.until.isoformat(),
                c.told_at.isoformat() if c.told_at else "",
            )
            for address, c in counted.items()
        }
        await self._store.set_value(name, json.dumps(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One subject as it stands: `kind` names its trouble, None: it works."""

    subject: str
    kind: str | None
    since: datetime
    word: Callable[[Memory | None], Awaitable[Message]]
