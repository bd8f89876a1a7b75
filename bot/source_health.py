"""Whether a source can be believed, and what people should know of it.

Between the poller and the pure rules in `plausible` and `outages`: reads of the store
what those need, and gives back what is to be committed.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta

from bot import outages, own_assets, plausible
from bot.detect import Detection, Habit
from bot.errors import SourceError, SourceImplausibleError
from bot.model import AssetState, Snapshot, Tick
from bot.own_assets import Around
from bot.ports import Clock, GradeSource, LinesWanted, PollResult, Store

logger = logging.getLogger(__name__)

#: what is said of a snapshot that can't be true, by the code of the doubt
_DOUBTS: Mapping[str, str] = {
    plausible.GONE: "{count} assets are missing from the engine's answer",
    plausible.EQUAL: "the engine sent {count} equal grades",
    plausible.BACKWARDS: "{count} readings are older than what the engine sent before",
    plausible.AHEAD_OF_TIME: "{count} readings are from the future",
}


class SourceHealth:
    """Keeps watch over one source, poll by poll.

    `is_whole` says that every poll asks for all assets there are, so that one that
    brings far fewer than the last is odd.
    """

    def __init__(
        self,
        store: Store,
        source: GradeSource,
        *,
        interval: timedelta,
        is_whole: bool,
        now: Clock,
    ) -> None:
        self._store = store
        self._source = source
        self._interval = interval
        self._is_whole = is_whole
        self._now = now

    async def believed(
        self, snapshot: Snapshot, states: Mapping[str, AssetState]
    ) -> Mapping[str, AssetState]:
        """Return the states to compare with, if the snapshot can be true.

        Raises `SourceImplausibleError` if it can't, unless an operator said that it
        is so; that counts for one snapshot.
        """
        good = await self._store.last_good_poll(self._source.name)
        expected = good.readings if self._is_whole and good is not None else 0
        doubt = plausible.doubt(snapshot, states, expected=expected)
        if doubt is None:
            return states
        name = plausible.believe_name(self._source.name)
        said = await self._store.get_value(name)
        if plausible.is_believed(said, doubt, self._now()):
            await self._store.set_value(name, None)
            logger.warning(
                "believed because an operator says so",
                extra={"action": "believed", "reason": doubt.reason},
            )
            return plausible.believed(snapshot, states)
        raise SourceImplausibleError(
            _DOUBTS[doubt.code].format(count=doubt.count),
            reason=doubt.reason,
            count=doubt.count,
        )

    async def after(self, detection: Detection, around: Around) -> Detection:
        """Say what the engine's state is after a poll that worked."""
        states, habit = around.states, around.habit
        is_fresh = any(
            r.key not in states or r.as_of > states[r.key].last.as_of
            for r in detection.readings
        )
        fresh = habit.now
        if not is_fresh:
            fresh = await self._store.last_fresh(self._source.name) or habit.now
        trouble = outages.trouble(
            outages.Pulse(
                now=habit.now,
                interval=self._interval,
                update_every=self._source.update_every,
                last_good=habit.now,
                last_fresh=fresh,
            )
        )
        if trouble is not None:
            found = own_assets.source_in_trouble(states, trouble, around)
            return found or Detection()
        return own_assets.detect_own(own_assets.source_fine(states, habit), around)

    async def trouble(
        self, tick: Tick, error: SourceError, habit: Habit
    ) -> PollResult | None:
        """Return what a failed poll commits once people should know of it, else None.

        The event that the engine is in trouble; only where that is not known already.
        """
        name, store, now = self._source.name, self._store, self._now()
        good = await store.last_good_poll(name)
        found = outages.trouble(
            outages.Pulse(
                now=now,
                interval=self._interval,
                update_every=self._source.update_every,
                last_good=None if good is None else good.finished_at,
                reason=error.reason,
                count=getattr(error, "count", 0),
                until=None if error.retry_after is None else now + error.retry_after,
            )
        )
        if found is None:
            return None
        states = await store.load_states(name, own_assets.KEYS)
        around = Around(
            source=name, states=states, lines=LinesWanted(), private=(), habit=habit
        )
        detection = own_assets.source_in_trouble(states, found, around)
        if detection is None:
            return None
        return PollResult(
            tick=tick,
            snapshot=Snapshot(source=name, fetched_at=now),
            finished_at=now,
            states=detection.states,
            seen=detection.seen,
            readings=detection.readings,
            events=detection.events,
            failure=error.reason,
        )
