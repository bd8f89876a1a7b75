"""What a watch would have sent: stored readings through the real detection and noise.

Pure. No second set of rules: `detect`, `routing` and `noise` are asked as they are when
it really happens, with a clock that goes along the readings. What is not known of the
past (an asset's rank, downtimes) is taken as it is now, or as never having been.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot import detect, noise, routing
from bot.detect import Habit
from bot.model import (
    Asset,
    AssetState,
    Event,
    PastReading,
    Reading,
    Recipient,
    Side,
    Signal,
    Snapshot,
    Told,
    Waiting,
    Watch,
)
from bot.news import HOLDS, Decision, Occasion
from bot.routing import Interest
from bot.told_lines import side_of

#: a reading that we knew so much later than its time was filled in, or replayed: then
#: its own time is when it would have been told
_LIVE = timedelta(hours=36)
#: held things are looked at so often between two readings at most
_LOOKS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whose watches are tried, on which assets, from when on.

    Attributes:
        assets: those the watches may cover, as they are now.
        interval: the planned time between polls.
        since: readings before it are only remembered, as at the moment of a /watch.
        until: held alerts are let go up to here.
    """

    recipient: Recipient
    watches: tuple[Watch, ...]
    assets: Sequence[Asset]
    interval: timedelta
    update_every: timedelta
    band: float = detect.REARM_BAND
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class SentThen:
    """A message that would have been sent, and when."""

    at: datetime
    decision: Decision


def run(
    plan: Plan, history: Mapping[str, Sequence[PastReading]]
) -> tuple[SentThen, ...]:
    """Return the messages that the watches would have led to, oldest first.

    `history` has each asset's readings by key, oldest first, all revisions; those
    before `since` give what stood when the watches were made.
    """
    return _Run(plan).go(_ticks(history))


def told_at(reading: PastReading) -> datetime:
    """Return when a reading became known, or would have."""
    is_live = abs(reading.recorded_at - reading.as_of) <= _LIVE
    return reading.recorded_at if is_live else reading.as_of


def _ticks(
    history: Mapping[str, Sequence[PastReading]],
) -> list[tuple[datetime, list[PastReading]]]:
    """Group readings by when they became known; of an asset one at a time."""
    moments: dict[datetime, list[PastReading]] = {}
    for readings in history.values():
        for reading in readings:
            moments.setdefault(told_at(reading), []).append(reading)
    return sorted(moments.items(), key=lambda m: m[0])


@dataclass(slots=True)
class _Held:
    """A delivery that waits; `due_at` is when it is looked at again."""

    waiting: Waiting
    due_at: datetime


@dataclass(slots=True)
class _Run:
    plan: Plan
    states: dict[str, AssetState] = field(default_factory=dict)
    told: dict[int, Told] = field(default_factory=dict)
    queue: dict[int, _Held] = field(default_factory=dict)
    sent: list[SentThen] = field(default_factory=list)
    tick: int = 0
    number: int = 0
    digest_at: datetime | None = None
    is_watching: bool = False
    assets: dict[str, Asset] = field(default_factory=dict)
    lines: dict[str, frozenset[float]] = field(default_factory=dict)

    def go(
        self, ticks: Iterable[tuple[datetime, list[PastReading]]]
    ) -> tuple[SentThen, ...]:
        plan = self.plan
        self.assets = {a.key: replace(a, state=None) for a in plan.assets}
        self.lines = {a.key: self._lines_on(a) for a in plan.assets}
        for at, readings in ticks:
            if at > plan.until:
                break
            if at > plan.since and not self.is_watching:
                self._begin()
            self._let_go(before=at)
            self._take(at, readings)
        if not self.is_watching:
            self._begin()
        self._let_go(before=plan.until)
        return tuple(self.sent)

    def _lines_on(self, asset: Asset) -> frozenset[float]:
        interest = self._interest()
        return frozenset(
            threshold
            for watch in self.plan.watches
            if routing.covers(watch, asset)
            for threshold in interest.lines(watch)
        )

    def _interest(self) -> Interest:
        return Interest(
            recipient=self.plan.recipient, watches=self.plan.watches, told=self.told
        )

    def _begin(self) -> None:
        """Start the watches: what stands now is what their reply showed."""
        self.is_watching = True
        for key, state in self.states.items():
            asset = self.assets[key]
            named = [w for w in self.plan.watches if w.target.asset_id == asset.id]
            if not named:
                continue
            grade = state.last.grade
            self.told[asset.id] = Told(
                asset_id=asset.id,
                signal=None if state.standing is Signal.NEUTRAL else state.standing,
                since=state.standing_since,
                lines={}
                if grade is None
                else {t: side_of(grade, t) for t in self.lines[key]},
                watch_id=named[0].id,
            )

    # ------------------------------------------------------------------- detecting

    def _take(self, at: datetime, readings: list[PastReading]) -> None:
        """Detect on what became known at a moment, route it, and decide."""
        events: list[Event] = []
        for batch in _one_each(readings):
            # A revision counts once two polls have shown it.
            times = 2 if any(r.is_revision for r in batch) else 1
            for _ in range(times):
                events += self._detect(at, batch)
        if not self.is_watching:
            return
        for event in events:
            self._route(at, event)
        if self.queue:
            # new readings may confirm or settle what waits
            self._decide(at)

    def _detect(self, at: datetime, batch: Sequence[PastReading]) -> Sequence[Event]:
        self.tick += 1
        snapshot = Snapshot(
            source="",
            fetched_at=at,
            readings=tuple(self._reading(r) for r in batch if r.key in self.assets),
        )
        found = detect.detect_events(
            self.states,
            snapshot,
            lines=self.lines,
            habit=Habit(
                now=at,
                tick=self.tick,
                interval=self.plan.interval,
                band=self.plan.band,
                is_replay=True,
            ),
        )
        for key in found.seen & self.states.keys():
            self.states[key] = replace(self.states[key], seen_at=at)
        self.states |= found.states
        return found.events

    def _reading(self, past: PastReading) -> Reading:
        # the first one stands for all that was before it
        is_first = past.key not in self.states
        return Reading(
            key=past.key,
            symbol=self.assets[past.key].symbol,
            as_of=past.as_of,
            signal=past.standing if is_first else past.signal,
            grade=past.grade,
            price=past.price,
            volume=past.volume,
            market_cap=past.market_cap,
            categories=past.categories,
        )

    def _route(self, at: datetime, event: Event) -> None:
        known = self.assets[event.asset_key]
        state = self.states[event.asset_key]
        asset = replace(
            known,
            categories=state.last.categories or known.categories,
            market_cap=event.market_cap,
            volume=event.volume,
        )
        event = replace(event, id=self.tick, asset_id=asset.id)
        found = routing.route(
            event, asset, self._interest(), update_every=self.plan.update_every
        )
        if not isinstance(found, Watch):
            return
        self.number += 1
        number = self.number
        self.queue[number] = _Held(
            Waiting(
                delivery_id=number,
                event=event,
                asset=asset,
                watch=found,
                created_at=at,
                owed_since=at,
            ),
            due_at=at,
        )

    # -------------------------------------------------------------------- deciding

    def _let_go(self, *, before: datetime) -> None:
        """Decide at each moment before one at which something held is due."""
        for _ in range(_LOOKS):
            due = min((held.due_at for held in self.queue.values()), default=None)
            if due is None or due >= before:
                return
            self._decide(due)

    def _decide(self, now: datetime) -> None:
        recipient = self.plan.recipient
        waiting = [self._as_now(held.waiting) for held in self.queue.values()]
        decision = noise.decide(
            now,
            waiting=waiting,
            told=self.told,
            thresholds=recipient.thresholds,
            preferences=recipient.preferences,
            digest_at=self.digest_at,
        )
        for number, (until, reason) in decision.holds.items():
            held = self.queue[number]
            is_choice = reason in HOLDS
            held.waiting = replace(
                held.waiting,
                reason=reason,
                held_for=reason if is_choice else held.waiting.held_for,
            )
            held.due_at = max(until, now + timedelta(seconds=1))
        for number in (*decision.skips, *decision.send):
            del self.queue[number]
        if not decision.send:
            return
        self.sent.append(SentThen(now, decision))
        if decision.occasion is Occasion.DIGEST:
            self.digest_at = now
        for tell in decision.tells:
            known = self.told.get(tell.asset_id, Told(asset_id=tell.asset_id))
            lines: dict[float, Side] = {**known.lines, **tell.lines}
            if tell.signal is None:
                self.told[tell.asset_id] = replace(known, lines=lines)
                continue
            self.told[tell.asset_id] = replace(
                known,
                signal=tell.signal,
                since=tell.since,
                watch_id=tell.watch_id or known.watch_id,
                lines=lines,
            )

    def _as_now(self, waiting: Waiting) -> Waiting:
        state = self.states[waiting.event.asset_key]
        return replace(waiting, asset=replace(waiting.asset, state=state))


def _one_each(readings: Iterable[PastReading]) -> list[list[PastReading]]:
    """Divide readings of one moment so that each asset has one at a time."""
    batches: list[list[PastReading]] = []
    seen: dict[str, int] = {}
    for reading in readings:
        place = seen.get(reading.key, 0)
        seen[reading.key] = place + 1
        if place == len(batches):
            batches.append([])
        batches[place].append(reading)
    return batches
