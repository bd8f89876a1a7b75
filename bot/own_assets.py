"""Readings of our own pseudo-assets: the market, and the grading engine itself.

They go through the same detection as any asset's, so flips of the market and the
engine's trouble are events like others: routed, held, told once, and netted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from bot import detect, market, outages
from bot.checks import Context, Trouble
from bot.detect import Detection, Habit
from bot.model import (
    MARKET_KEY,
    SOURCE_KEY,
    AssetState,
    Event,
    EventKind,
    PrivateLine,
    Reading,
    Signal,
    Snapshot,
)
from bot.observer import Seen
from bot.ports import LinesWanted

#: their states are loaded with every snapshot
KEYS = (MARKET_KEY, SOURCE_KEY)
#: an asset that was not graded for so long is told to those who watch it
SILENT_AFTER = timedelta(days=7)
#: after so long nobody is told any more
FORGOTTEN_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What detection of our own readings needs beside them."""

    source: str
    states: Mapping[str, AssetState]
    lines: LinesWanted
    private: Sequence[PrivateLine]
    habit: Habit


def detect_own(readings: Sequence[Reading], around: Around) -> Detection:
    """Detect events of our own readings.

    They have no rhythm of their own, so nothing of them is late or stale.
    """
    lines = around.lines.by_key
    found = detect.detect_events(
        around.states,
        Snapshot(
            source=around.source, fetched_at=around.habit.now, readings=tuple(readings)
        ),
        # lines on everything are meant for assets
        lines={r.key: lines.get(r.key, frozenset()) for r in readings},
        private=[p for p in around.private if p.key in KEYS],
        habit=replace(around.habit, is_replay=True),
    )
    return replace(found, events=tuple(map(_as_source, found.events)))


def market_reading(seen: Seen | None) -> list[Reading]:
    """Return the market as a reading, where it was measured."""
    if seen is None or seen.market is None:
        return []
    return [market.reading(seen.market, seen.before)]


def source_fine(states: Mapping[str, AssetState], habit: Habit) -> list[Reading]:
    """Return that the engine works, where that is news."""
    known = states.get(SOURCE_KEY)
    if known is not None and known.standing is Signal.BULLISH:
        return []
    return [outages.reading(habit.now, is_fine=True)]


def source_in_trouble(
    states: Mapping[str, AssetState], trouble: Trouble, around: Around
) -> Detection | None:
    """Detect that the engine is in trouble; None where that is known already.

    The event's time is when grades last came: from then on silence means nothing.
    """
    known = states.get(SOURCE_KEY)
    if known is None or known.standing is not Signal.BULLISH:
        return None
    since = trouble.last_good or around.habit.now
    if since <= known.last.as_of:
        since = known.last.as_of + known.last.as_of.resolution
    found = detect_own([outages.reading(since, is_fine=False)], around)
    context = Context(trouble=trouble)
    events = tuple(replace(event, context=context) for event in found.events)
    return replace(found, events=events)


def silent_assets(
    seen: Seen | None, detection: Detection, around: Around
) -> tuple[Event, ...]:
    """Return an event for each asset that the engine has not graded for a week.

    The key is the same at every poll, so it happens once. Not within a week of the
    engine's own trouble: who knows which of them is to blame.
    """
    source, now = around.states.get(SOURCE_KEY), around.habit.now
    if seen is None or source is None or source.standing is not Signal.BULLISH:
        return ()
    if source.standing_since is not None and now - source.standing_since < SILENT_AFTER:
        return ()
    return tuple(
        Event(
            key=f"{around.source}|{s.key}|{EventKind.SILENT}|{s.seen_at.isoformat()}",
            kind=EventKind.SILENT,
            source=around.source,
            asset_key=s.key,
            as_of=s.seen_at,
            detected_at=now,
        )
        for s in seen.stances.values()
        if s.seen_at is not None
        and s.key not in detection.seen
        and SILENT_AFTER <= now - s.seen_at <= FORGOTTEN_AFTER
    )


def merged(one: Detection, other: Detection) -> Detection:
    """Return two detections as one; their assets differ."""
    return Detection(
        states={**one.states, **other.states},
        seen=one.seen | other.seen,
        readings=(*one.readings, *other.readings),
        events=(*one.events, *other.events),
        private_lines=(*one.private_lines, *other.private_lines),
        dropped_lines=(*one.dropped_lines, *other.dropped_lines),
    )


def _as_source(event: Event) -> Event:
    """Return an event of the grading engine under its own kind."""
    if event.asset_key != SOURCE_KEY:
        return event
    kind = EventKind.SOURCE
    return replace(event, kind=kind, key=event.key.replace("|flip|", f"|{kind}|"))
