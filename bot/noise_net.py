"""What waits compared with what was told: the net that a recipient must hear. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.model import (
    Direction,
    Event,
    EventKind,
    Passed,
    Side,
    Signal,
    Told,
    Waiting,
    Watch,
)

#: a fan-out that is still at work is given this long before it is looked at again
FANOUT_WAIT = timedelta(seconds=2)
#: by then every fan-out is done: the event that is waited for concerns others
FANOUT_PATIENCE = timedelta(hours=48)


def standing_change(items: Sequence[Waiting], told: Told | None) -> Event | None:
    """Return the event that led to what stands now, if the recipient must hear it."""
    changes = [i for i in items if i.event.kind is not EventKind.CROSSING]
    if not changes:
        return None
    state = changes[-1].asset.state
    last = changes[-1].event
    standing = last.to_signal if state is None else state.standing
    since = last.as_of if state is None else state.standing_since
    if told is not None and told.signal is standing and told.since == since:
        return None
    kept = heard_changes(changes)
    is_unsure = any(i.is_unsure for i in changes)
    if not is_unsure and _base((kept or changes)[0], told) is standing:
        return None
    # What stands may be newer than anything that is fanned out yet: that event tells.
    leading = [i.event for i in (*changes, *kept) if i.event.to_signal is standing]
    return leading[-1] if leading else None


def heard_changes(changes: Sequence[Waiting]) -> list[Waiting]:
    """Leave out flips that were taken back while they waited, with their corrections.

    Nobody heard of such a flip, so there is nothing to correct either.
    """
    unheard = {
        i.event.key
        for i in changes
        if i.event.kind is EventKind.FLIP and not i.is_unsure
    }
    gone = unheard & {i.event.corrects for i in changes}
    return [
        i for i in changes if i.event.key not in gone and i.event.corrects not in gone
    ]


def waits_for_its_event(
    now: datetime, items: Sequence[Waiting], change: Event | None
) -> timedelta | None:
    """Return how long to wait for the event that tells what stands, if it must come.

    What may have been told has been overtaken, and the event that overtook it is not
    fanned out yet: skipping now would leave the old word as the last one.
    """
    if change is not None:
        return None
    is_open = any(
        i.is_unsure
        and i.event.kind is not EventKind.CROSSING
        # A watch in one direction never hears of the turn back.
        and i.watch.conditions.direction is None
        and now - i.created_at < FANOUT_PATIENCE
        for i in items
    )
    return FANOUT_WAIT if is_open else None


def _base(first: Waiting, told: Told | None) -> Signal:
    """Return the signal to compare with: what the recipient believes.

    A watch with conditions hears only part of an asset's history, so what was told may
    be long over without a word; then the first waiting event says what was before. A
    correction of a flip that was never told says that nothing changed.
    """
    event = first.event
    if event.kind is EventKind.SOURCE:
        # Nobody heard of trouble: to them the engine works.
        heard = None if told is None else told.signal
        return heard or Signal.BULLISH
    is_partial = _is_partial(first.watch)
    if event.kind is EventKind.FLIP:
        if told is None or told.signal is None or is_partial:
            return event.from_signal
        return told.signal
    if told is None or told.signal is None:
        return event.to_signal
    was_told = told.signal is event.from_signal and told.since == event.as_of
    return event.to_signal if is_partial and not was_told else told.signal


def _is_partial(watch: Watch) -> bool:
    """Whether some flips of what is watched are not heard of."""
    wanted = watch.conditions
    bounds = (
        wanted.direction,
        wanted.min_grade,
        wanted.max_grade,
        wanted.min_market_cap,
        wanted.max_market_cap,
        wanted.min_volume,
        wanted.max_volume,
    )
    return any(bound is not None for bound in bounds)


def passed_lines(
    items: Sequence[Waiting], told: Told | None, thresholds: frozenset[float]
) -> tuple[Passed, ...]:
    """Return the recipient's lines whose told side is not where the grade ended up."""
    first_side: dict[float, Side] = {}
    final: dict[float, Direction] = {}
    for item in items:
        named = item.watch.conditions.thresholds
        wanted = thresholds if named is None else named
        for passed in item.event.passed:
            if passed.threshold not in wanted:
                continue
            came_from = Side.BELOW if passed.direction is Direction.UP else Side.ABOVE
            first_side.setdefault(passed.threshold, came_from)
            final[passed.threshold] = passed.direction
    known = told.lines if told is not None else {}
    unsure = {p.threshold for i in items if i.is_unsure for p in i.event.passed}
    return tuple(
        Passed(threshold, direction)
        for threshold, direction in sorted(final.items())
        if threshold in unsure
        or side_of(direction) is not known.get(threshold, first_side[threshold])
    )


def side_of(direction: Direction) -> Side:
    """Return the side of a line on which a move in this direction ends."""
    return Side.ABOVE if direction is Direction.UP else Side.BELOW
