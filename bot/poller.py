"""One poll, from claimed tick to committed events."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import detect, own_assets, plausible
from bot.detect import Detection, Habit
from bot.errors import (
    ConfigError,
    LeaseLostError,
    SourceEndedError,
    SourceError,
    StoreError,
)
from bot.model import MARKET_KEY, AssetState, Event, Snapshot, Tick, Wanted
from bot.observer import Observer, Seen
from bot.own_assets import Around
from bot.ports import Clock, GradeSource, PollResult, Store
from bot.source_health import SourceHealth

logger = logging.getLogger(__name__)

#: snapshots of a recording that one poll may take; it also ends when the next is due
CHAIN_MAX = 500
DAY = timedelta(hours=24)
#: failed polls after a downtime through which it is still seen
POLLS_LOOKED_AT = 10
#: reason of a source that skipped a poll to keep within its monthly credits
SAVING_CREDITS = "budget"
#: reasons of a source that was not asked, because it failed a moment ago
NOT_ASKED = frozenset({"refused", "backing_off"})
_TOP = re.compile(r"top(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPlan:
    """How often to poll, for which assets, and under which name.

    `is_paused` says whether an operator wants no polls now.
    `on_poll` is told of every poll: why it failed (empty: it worked) and its events.
    """

    interval: timedelta
    universe: str = "top100"
    band: float = detect.REARM_BAND
    worker: str = ""
    is_paused: Callable[[], bool] = lambda: False
    on_poll: Callable[[str, Sequence[Event]], None] = lambda _reason, _events: None


class Poller:
    """Polls one source; any number of processes may, the store lets one at a time."""

    def __init__(
        self,
        source: GradeSource,
        store: Store,
        plan: PollPlan,
        *,
        now: Clock,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._store = store
        self._plan = plan
        self._now = now
        self._wake = wake
        self._trouble = ""
        self._next_try: datetime | None = None
        self._has_resumed = False
        self._is_followed = False
        self._observer = Observer(store, source.name)
        self._health = SourceHealth(
            store,
            source,
            interval=plan.interval,
            is_whole=plan.universe == "all",
            now=now,
        )

    def trouble(self) -> str:
        """Say what kept the last poll from working, or return an empty string."""
        return self._trouble

    def next_try(self) -> datetime | None:
        """Say when the source is asked again after a failure; None if all is well."""
        return self._next_try

    async def poll(self) -> Sequence[Event]:
        """Poll once; return the new events. Nothing is raised but `StoreError`.

        A poll that fails changes no state. Losing the tick to another worker is a
        normal return.
        """
        if self._plan.is_paused():
            return ()
        tick = await self._store.claim_poll(
            self._source.name, self._now(), self._plan.interval, self._plan.worker
        )
        if tick is None:
            return ()
        try:
            events = await self._take_snapshots(tick)
        except SourceError as error:
            await self._failed(tick, error)
            self._plan.on_poll(error.reason, ())
            return ()
        except LeaseLostError:
            # Another worker began a later poll meanwhile; its result counts.
            logger.info("poll overtaken", extra={"action": "poll_overtaken"})
            self._has_resumed = False
            return ()
        except StoreError:
            self._trouble = "the database did not take the poll"
            # A recording has moved on; it must play what was not committed again.
            self._has_resumed = False
            raise
        self._next_try = None
        if self._trouble:
            logger.info("grades are back", extra={"action": "source_recovered"})
            self._trouble = ""
        self._plan.on_poll("", events)
        return events

    async def _take_snapshots(self, tick: Tick) -> list[Event]:
        if not self._has_resumed:
            self._source.resume(await self._store.bookmark(self._source.name))
            self._has_resumed = True
        wanted = await self._wanted()
        events: list[Event] = []
        for taken in range(1, CHAIN_MAX + 1):
            snapshot = await self._source.fetch(wanted)
            events += await self._take(tick, snapshot)
            is_late = self._now() - tick.started_at >= self._plan.interval
            if not snapshot.is_more or is_late or taken == CHAIN_MAX:
                _log_poll(tick, snapshot, taken, len(events))
                break
        return events

    async def _take(self, tick: Tick, snapshot: Snapshot) -> Sequence[Event]:
        """Detect and commit one snapshot; raise if it can't be true."""
        name, store = self._source.name, self._store
        keys = sorted({r.key for r in snapshot.readings} | set(own_assets.KEYS))
        states = await store.load_states(name, keys)
        states = await self._health.believed(snapshot, states)
        snapshot = plausible.in_time(snapshot, states)
        lines = await store.lines_wanted(name)
        around = Around(
            source=name,
            states=states,
            lines=lines,
            private=await store.private_lines(name, keys),
            habit=self._habit(tick, is_replay=snapshot.is_recorded),
        )
        detection = detect.detect_events(
            states,
            snapshot,
            lines={key: lines.of(key) for key in keys},
            private=[p for p in around.private if p.key not in own_assets.KEYS],
            habit=around.habit,
        )
        seen = await self._look(snapshot, detection, states)
        own = own_assets.detect_own(own_assets.market_reading(seen), around)
        silent: Sequence[Event] = ()
        if not snapshot.is_recorded:
            silent = own_assets.silent_assets(seen, detection, around)
            own = own_assets.merged(own, await self._health.after(detection, around))
        events = await self._with_day_ago(
            await self._with_downtime(tick, detection.events)
        )
        if seen is not None:
            events = await self._observer.explain(events, seen)
        found = own_assets.merged(detection, own)
        result = PollResult(
            tick=tick,
            snapshot=snapshot,
            finished_at=self._now(),
            states=found.states,
            seen=found.seen,
            readings=found.readings,
            events=(*events, *own.events, *silent),
            private_lines=found.private_lines,
            dropped_lines=found.dropped_lines,
            market=None if seen is None else seen.market,
        )
        events_written = await store.commit_poll(result)
        await self._follow(len(snapshot.readings))
        _log_events(snapshot, events_written)
        if events_written:
            self._wake()
        return events_written

    async def _follow(self, brought: int) -> None:
        """Let the watches follow to this source, if it is another than before."""
        if self._is_followed or not brought:
            return
        if await self._store.follow_source(self._source.name, now=self._now()):
            logger.warning("another engine", extra={"action": "engine_changed"})
            self._wake()
        self._is_followed = True

    def _habit(self, tick: Tick, *, is_replay: bool = False) -> Habit:
        return Habit(
            now=self._now(),
            tick=tick.number,
            interval=self._plan.interval,
            band=self._plan.band,
            is_replay=is_replay,
        )

    async def _look(
        self,
        snapshot: Snapshot,
        detection: Detection,
        states: Mapping[str, AssetState],
    ) -> Seen | None:
        """Measure the market, where readings or a revision of it ask for it."""
        market = states.get(MARKET_KEY)
        is_open = market is not None and market.pending_revision is not None
        if not (detection.readings or is_open):
            return None
        return await self._observer.look(snapshot, detection)

    async def _with_downtime(
        self, tick: Tick, events: Sequence[Event]
    ) -> Sequence[Event]:
        """Mark the events of a gap in which nobody polled, not even in vain."""
        if not any(event.gap_since for event in events):
            return events
        later = tick.started_at
        for poll in await self._store.last_polls(self._source.name, POLLS_LOOKED_AT):
            if later - poll.started_at > detect.GAP_INTERVALS * self._plan.interval:
                off_since = poll.finished_at or poll.started_at
                return [
                    e if e.gap_since is None else replace(e, off_since=off_since)
                    for e in events
                ]
            if poll.is_ok:
                break
            later = poll.started_at
        return events

    async def _with_day_ago(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Add the price of 24 hours earlier, where a reading has it."""
        prices: dict[tuple[str, object], float] = {}
        for as_of in {e.as_of for e in events}:
            keys = [e.asset_key for e in events if e.as_of == as_of]
            found = await self._store.prices_at(self._source.name, keys, as_of - DAY)
            prices |= {(key, as_of): price for key, price in found.items()}
        return tuple(
            replace(e, price_day_ago=prices.get((e.asset_key, e.as_of))) for e in events
        )

    async def _wanted(self) -> Wanted:
        keys = await self._store.watched_keys(self._source.name)
        universe = self._plan.universe
        if universe == "all":
            return Wanted(keys=keys, is_all=True)
        if universe == "watched":
            return Wanted(keys=keys)
        match = _TOP.fullmatch(universe)
        if match is None:
            msg = f"engine.universe is watched, topN or all, not {universe}"
            raise ConfigError(msg)
        return Wanted(keys=keys, top=int(match[1]))

    async def _failed(self, tick: Tick, error: SourceError) -> None:
        result = await self._health.trouble(tick, error, self._habit(tick))
        if result is None:
            await self._store.fail_poll(tick, error.reason, self._now())
        else:
            events = await self._store.commit_poll(result)
            _log_events(result.snapshot, events)
            self._wake()
        if error.reason == SAVING_CREDITS:
            # The source spreads its credits over the month: that is no trouble.
            return
        due = tick.started_at + self._plan.interval
        self._next_try = max(due, self._now() + (error.retry_after or timedelta()))
        if error.reason in NOT_ASKED and self._trouble:
            # What the engine itself said stays said.
            return
        text = str(error)
        if text != self._trouble:
            # One line per distinct error while it lasts, not one per poll.
            level = (
                logging.INFO if isinstance(error, SourceEndedError) else logging.WARNING
            )
            extra = {
                "action": "poll_failed",
                "reason": error.reason,
                "tick": tick.number,
            }
            logger.log(level, "poll failed: %s", text, extra=extra)
        self._trouble = text


def _log_poll(tick: Tick, snapshot: Snapshot, taken: int, events: int) -> None:
    if not snapshot.readings:
        return
    as_of = max(r.as_of for r in snapshot.readings)
    extra: dict[str, object] = {"action": "poll", "tick": tick.number}
    if taken > 1:
        extra["snapshots"] = taken
    extra |= {
        "as_of": as_of.isoformat(),
        "readings": len(snapshot.readings),
        "events": events,
    }
    logger.info("poll", extra=extra)


def _log_events(snapshot: Snapshot, events: Sequence[Event]) -> None:
    symbols = {r.key: r.symbol for r in snapshot.readings}
    for event in events:
        passed = " ".join(f"{p.threshold:g}{p.direction.value}" for p in event.passed)
        extra: dict[str, object] = {
            "action": "event",
            "kind": event.kind.value,
            "asset": symbols.get(event.asset_key, event.asset_key),
            "signal": event.to_signal.word,
            "grade": event.grade_to,
            "event_key": event.key,
        }
        if passed:
            extra["lines"] = passed
        logger.info("event", extra=extra)
