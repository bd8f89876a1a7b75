"""What happened: previous states and a new snapshot in, events and new states out.

Pure. Everything about one asset depends on that asset alone, so neither the order of
readings nor other assets can change its events. What counts as an event is in
docs/adr/0004-what-counts-as-an-event.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot import noise_flap, told_lines
from bot.model import (
    AssetState,
    Event,
    EventKind,
    LastFlip,
    Passed,
    PrivateLine,
    Reading,
    Signal,
    Snapshot,
)

#: a grade must go so many points beyond a line before the line can fire again
REARM_BAND = 3.0
#: a flip that the engine takes back within this time is a correction, not a flip
CORRECTION_WINDOW = timedelta(hours=48)
#: after a gap of more than so many poll intervals an event is told as "between"
GAP_INTERVALS = 3
_GRADE_MAX = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How a poll looks at its readings.

    Attributes:
        now: when this poll detects, by our clock.
        tick: number of the poll; part of the key of what a revision brings.
        interval: planned time between polls.
        band: the re-arm band in grade points.
        is_replay: readings come from a recording that waits for us, so the time
            between our polls says nothing about when something happened.
    """

    now: datetime
    tick: int
    interval: timedelta
    band: float = REARM_BAND
    is_replay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a snapshot changes; see `ports.PollResult` for the fields."""

    states: Mapping[str, AssetState] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    readings: tuple[Reading, ...] = ()
    events: tuple[Event, ...] = ()
    private_lines: tuple[PrivateLine, ...] = ()
    dropped_lines: tuple[PrivateLine, ...] = ()


def detect_events(
    previous: Mapping[str, AssetState],
    snapshot: Snapshot,
    *,
    lines: Mapping[str, frozenset[float]],
    private: Sequence[PrivateLine] = (),
    habit: Habit,
) -> Detection:
    """Compare a snapshot with what was known; missing assets change nothing.

    `lines` names the lines to keep per asset key. Events come in the order of the
    assets' keys, so that the same snapshot always gives the same list.
    """
    own: dict[str, list[PrivateLine]] = {}
    for item in private:
        own.setdefault(item.key, []).append(item)
    newest = _newest_per_asset(snapshot.readings)
    fresh = {
        key: reading
        for key, reading in sorted(newest.items())
        if key not in previous or reading.as_of >= previous[key].last.as_of
    }
    observed = [
        _observe(
            previous.get(key),
            _sound(reading),
            source=snapshot.source,
            lines=lines.get(key, frozenset()),
            private=own.get(key, ()),
            habit=habit,
        )
        for key, reading in fresh.items()
    ]
    return Detection(
        states={o.state.last.key: o.state for o in observed if o.state is not None},
        seen=frozenset(fresh),
        readings=tuple(o.kept for o in observed if o.kept is not None),
        events=tuple(e for o in observed for e in o.events),
        private_lines=tuple(p for o in observed for p in o.private),
        dropped_lines=tuple(p for o in observed for p in o.dropped),
    )


# ------------------------------------------------------------------------ one asset


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed:
    state: AssetState | None = None
    kept: Reading | None = None
    events: tuple[Event, ...] = ()
    private: tuple[PrivateLine, ...] = ()
    dropped: tuple[PrivateLine, ...] = ()


def _newest_per_asset(readings: Iterable[Reading]) -> dict[str, Reading]:
    newest: dict[str, Reading] = {}
    for reading in readings:
        known = newest.get(reading.key)
        if known is None or reading.as_of > known.as_of:
            newest[reading.key] = reading
    return newest


def _sound(reading: Reading) -> Reading:
    """Turn an impossible grade into an unknown one."""
    grade = reading.grade
    if grade is not None and not (math.isfinite(grade) and 0 <= grade <= _GRADE_MAX):
        return replace(reading, grade=None)
    return reading


def _observe(
    state: AssetState | None,
    reading: Reading,
    *,
    source: str,
    lines: frozenset[float],
    private: Sequence[PrivateLine],
    habit: Habit,
) -> _Observed:
    if state is None:
        return _Observed(state=_baseline(reading, lines, habit.now), kept=reading)
    merged = _merge(state.last, reading)
    is_revision = reading.as_of == state.last.as_of
    if is_revision:
        if merged.same_verdict(state.last):
            return _same_time(state, merged, lines, habit.now)
        wanted = _outcome(state, merged, habit.band)
        pending = state.pending_revision
        is_news = wanted != _outcome(state, state.last, habit.band)
        if is_news and (
            pending is None or _outcome(state, pending, habit.band) != wanted
        ):
            # One poll is not enough: an engine in the middle of writing its row shows
            # values for seconds that it never meant. Two must agree on what follows,
            # not on every digit: an engine may refine a grade at each poll.
            return _Observed(state=replace(state, pending_revision=merged))
    return _apply(
        state,
        merged,
        _Context(source, is_revision, habit),
        lines=lines,
        private=private,
    )


def _outcome(
    state: AssetState, reading: Reading, band: float
) -> tuple[Signal | None, frozenset[float]]:
    """Return what a revision would lead to: its signal and the lines that fire."""
    if reading.grade is None:
        return reading.signal, frozenset()
    fired = (
        threshold
        for threshold, line in state.lines.items()
        if told_lines.step_line(line, reading.grade, threshold, band)[1] is not None
    )
    return reading.signal, frozenset(fired)


def _baseline(reading: Reading, lines: frozenset[float], now: datetime) -> AssetState:
    return AssetState(
        last=reading,
        standing=reading.signal or Signal.NEUTRAL,
        seen_at=now,
        lines=told_lines.kept_lines({}, lines, reading.grade),
    )


def _merge(last: Reading, reading: Reading) -> Reading:
    """Fill what is unknown with what is known: unknown is never a change.

    Prices and sizes are of one moment: only a reading of the same time gives them.
    """
    if reading.as_of == last.as_of:
        reading = replace(
            reading,
            price=last.price if reading.price is None else reading.price,
            volume=last.volume if reading.volume is None else reading.volume,
            market_cap=(
                last.market_cap if reading.market_cap is None else reading.market_cap
            ),
        )
    return replace(
        reading,
        signal=last.signal if reading.signal is None else reading.signal,
        grade=last.grade if reading.grade is None else reading.grade,
        name=reading.name or last.name,
        link=reading.link or last.link,
        categories=reading.categories or last.categories,
    )


def _same_time(
    state: AssetState, merged: Reading, lines: frozenset[float], now: datetime
) -> _Observed:
    """Handle the same reading again: no event can come of it.

    At most prices are fresher, a pending revision is forgotten, or somebody wants a
    line that is not kept yet.
    """
    kept_lines = told_lines.kept_lines(state.lines, lines, merged.grade)
    if merged == state.last and state.pending_revision is None:
        if kept_lines == state.lines:
            return _Observed()
        return _Observed(state=replace(state, lines=kept_lines, seen_at=now))
    new = replace(
        state, last=merged, pending_revision=None, lines=kept_lines, seen_at=now
    )
    return _Observed(state=new, kept=merged if merged != state.last else None)


@dataclass(frozen=True, slots=True)
class _Context:
    source: str
    is_revision: bool
    habit: Habit


def _apply(
    state: AssetState,
    merged: Reading,
    context: _Context,
    *,
    lines: frozenset[float],
    private: Sequence[PrivateLine],
) -> _Observed:
    """Apply a reading that counts: a newer one or a confirmed revision."""
    turned, flip = _turn(state, merged, context)
    moved = replace(
        turned,
        last=merged,
        seen_at=context.habit.now,
        pending_revision=None,
        lines=told_lines.kept_lines(state.lines, lines, state.last.grade),
    )
    grade, band = merged.grade, context.habit.band
    stepped, passed = told_lines.step_lines(moved, grade, band)
    # A line nobody has a side for yet (no grade before) starts at this grade.
    stepped = replace(
        stepped, lines=told_lines.kept_lines(stepped.lines, lines, merged.grade)
    )
    own = told_lines.step_private(
        private, stepped.lines, merged.grade, context.habit.band
    )
    events = [flip] if flip is not None else []
    if passed:
        events.append(_crossing(state, stepped, context, passed, None))
    events += [
        _crossing(state, stepped, context, own_passed, recipient)
        for recipient, own_passed in sorted(own.fired.items())
    ]
    return _Observed(
        state=stepped,
        kept=merged,
        events=tuple(events),
        private=tuple(own.kept),
        dropped=tuple(own.dropped),
    )


def _turn(
    state: AssetState, merged: Reading, context: _Context
) -> tuple[AssetState, Event | None]:
    """Work out the standing signal after this reading, and the flip if it changed."""
    signal = merged.signal or Signal.NEUTRAL
    withdrawn = _withdrawn_flip(state, merged, context)
    if withdrawn is not None:
        back = replace(
            state,
            standing=withdrawn.from_signal,
            standing_since=withdrawn.from_since,
            standing_price=withdrawn.from_price,
            last_flip=None,
            flips=state.flips[:-1],
        )
        event = _change(EventKind.CORRECTION, state, back, merged, context)
        return back, replace(event, corrects=withdrawn.event_key)
    if signal in {Signal.NEUTRAL, state.standing}:
        return state, None
    turned = replace(
        state,
        standing=signal,
        standing_since=merged.as_of,
        standing_price=merged.price,
        last_flip=None,
    )
    if state.standing is Signal.NEUTRAL:
        # The first signal after only zeros is a baseline: nothing turned.
        return turned, None
    flip = _change(EventKind.FLIP, state, turned, merged, context)
    remembered = LastFlip(
        event_key=flip.key,
        as_of=merged.as_of,
        detected_at=context.habit.now,
        from_signal=state.standing,
        from_since=state.standing_since,
        from_price=state.standing_price,
    )
    flips = noise_flap.with_flip(state.flips, merged.as_of)
    return replace(turned, last_flip=remembered, flips=flips), flip


def _withdrawn_flip(
    state: AssetState, merged: Reading, context: _Context
) -> LastFlip | None:
    """Find the flip of this very reading that its revision takes back."""
    flip = state.last_flip
    if flip is None or not context.is_revision or flip.as_of != merged.as_of:
        return None
    if merged.signal not in {flip.from_signal, Signal.NEUTRAL}:
        return None
    if context.habit.now - flip.detected_at > CORRECTION_WINDOW:
        return None
    return flip


def _change(
    kind: EventKind,
    before: AssetState,
    after: AssetState,
    merged: Reading,
    context: _Context,
) -> Event:
    event = _event(kind, before, merged, context)
    names = (before.standing.word, after.standing.word)
    return replace(
        event,
        key=_key(event, context, *names),
        from_signal=before.standing,
        to_signal=after.standing,
        since=before.standing_since,
        since_price=before.standing_price,
    )


def _crossing(
    before: AssetState,
    after: AssetState,
    context: _Context,
    passed: Sequence[Passed],
    recipient: int | None,
) -> Event:
    event = _event(EventKind.CROSSING, before, after.last, context)
    names = [repr(before.last.grade), repr(after.last.grade)]
    if recipient is not None:
        names.append(f"r{recipient}")
    return replace(
        event,
        key=_key(event, context, *names),
        from_signal=after.standing,
        to_signal=after.standing,
        since=after.standing_since,
        since_price=after.standing_price,
        passed=tuple(passed),
        only_for=recipient,
    )


def _event(
    kind: EventKind, before: AssetState, merged: Reading, context: _Context
) -> Event:
    habit = context.habit
    is_gap = habit.now - before.seen_at > GAP_INTERVALS * habit.interval
    return Event(
        key="",
        kind=kind,
        source=context.source,
        asset_key=merged.key,
        as_of=merged.as_of,
        detected_at=habit.now,
        grade_from=before.last.grade,
        grade_to=merged.grade,
        price=merged.price,
        volume=merged.volume,
        market_cap=merged.market_cap,
        gap_since=before.seen_at if is_gap and not habit.is_replay else None,
        basis_seen_at=None if habit.is_replay else before.seen_at,
        is_revision=context.is_revision,
    )


def _key(event: Event, context: _Context, *names: str) -> str:
    parts = [event.source, event.asset_key, event.kind.value, event.as_of.isoformat()]
    parts += names
    if context.is_revision:
        parts.append(f"t{context.habit.tick}")
    return "|".join(parts)
