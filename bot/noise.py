"""What of a recipient's waiting deliveries is told now, held, or skipped.

Pure. Asked when a recipient is claimed, so the answer is about what is true at that
moment. The law it keeps: whatever held an alert back ends by comparing what was last
told with what stands; a difference is one net message, no difference is none.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model import (
    Asset,
    Direction,
    Event,
    EventKind,
    Mute,
    Passed,
    Side,
    Signal,
    Tell,
    Told,
    Waiting,
    Watch,
)

#: an "until the next flip" mute has no end of its own: looked at again this much later
OPEN_HOLD = timedelta(days=30)
#: a fan-out that is still at work is given this long before it is looked at again
FANOUT_WAIT = timedelta(seconds=2)
#: by then every fan-out is done: the event that is waited for concerns others
FANOUT_PATIENCE = timedelta(hours=48)
_UNSURE = "outcome_unknown"


class Reason(StrEnum):
    """Why a delivery is held or skipped."""

    MUTED = "muted"
    FLIPPED_BACK = "flipped_back"
    ALREADY_TOLD = "already_told"
    OVERTAKEN = "overtaken"
    QUIET_HOURS = "quiet_hours"
    DIGEST = "digest"
    CHOPPY = "choppy"
    UNCONFIRMED = "unconfirmed"
    NOT_CONFIRMED = "not_confirmed"
    TURNED_OFF = "turned_off"


#: why something is held that a recipient's own choice can let go
HOLDS = frozenset(
    {
        Reason.MUTED,
        Reason.QUIET_HOURS,
        Reason.DIGEST,
        Reason.CHOPPY,
        Reason.UNCONFIRMED,
        Reason.TURNED_OFF,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one message tells of one asset.

    Attributes:
        change: the flip or correction that led to what stands now, if that is news.
        crossing: the latest crossing, with only the lines that are news in `passed`.
        flips: how many flips were waiting; over 1, some in between are not told.
        held_for: why it waited, if something held it.
    """

    asset: Asset
    watch: Watch
    change: Event | None = None
    crossing: Event | None = None
    passed: tuple[Passed, ...] = ()
    flips: int = 0
    held_for: str = ""

    @property
    def event(self) -> Event:
        """The event that leads the wording."""
        found = self.change or self.crossing
        if found is None:
            msg = "news without an event"
            raise ValueError(msg)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Send this, hold that until, skip those because.

    Every waiting delivery is in exactly one of `send`, `holds` and `skips`.
    `came_back` names assets that flipped and came back while waiting.
    """

    news: tuple[News, ...] = ()
    came_back: tuple[Asset, ...] = ()
    send: tuple[int, ...] = ()
    tells: tuple[Tell, ...] = ()
    holds: Mapping[int, tuple[datetime, str]] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)
    ended_mutes: tuple[int | None, ...] = ()


def decide(
    now: datetime,
    *,
    waiting: Sequence[Waiting],
    told: Mapping[int, Told],
    mutes: Sequence[Mute] = (),
    thresholds: Sequence[float] = (),
    overtaken: Collection[int] = (),
) -> Decision:
    """Decide about all that waits for one recipient.

    `waiting` is in event order and each asset in it has its state as it stands now.
    `thresholds` are the recipient's default lines, for watches that name none.
    `overtaken` is what the `Claim` says.
    """
    in_force = [m for m in mutes if m.until is None or m.until > now]
    waits = [
        _Wait(
            items,
            told.get(items[0].asset.id),
            frozenset(thresholds),
            is_overtaken=items[0].asset.id in overtaken,
        )
        for items in _by_asset(waiting)
    ]
    verdicts = [_decide_asset(now, wait, in_force) for wait in waits]
    if any(None in v.ended_mutes for v in verdicts):
        # The flip of one asset ends the mute of all: what it held is decided with it.
        left = [m for m in in_force if m.until is not None or m.asset_id is not None]
        verdicts = [
            _decide_asset(now, wait, left) if verdict.holds else verdict
            for wait, verdict in zip(waits, verdicts, strict=True)
        ]
    return Decision(
        news=tuple(v.news for v in verdicts if v.news is not None),
        came_back=tuple(v.came_back for v in verdicts if v.came_back is not None),
        send=tuple(i for v in verdicts for i in v.send),
        tells=tuple(v.tell for v in verdicts if v.tell is not None),
        holds={i: hold for v in verdicts for i, hold in v.holds.items()},
        skips={i: reason for v in verdicts for i, reason in v.skips.items()},
        ended_mutes=tuple(dict.fromkeys(m for v in verdicts for m in v.ended_mutes)),
    )


@dataclass(frozen=True, slots=True)
class _Wait:
    """What waits of one asset, what was told of it, and the recipient's own lines."""

    items: list[Waiting]
    told: Told | None
    thresholds: frozenset[float]
    is_overtaken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    news: News | None = None
    came_back: Asset | None = None
    send: tuple[int, ...] = ()
    tell: Tell | None = None
    holds: Mapping[int, tuple[datetime, str]] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)
    ended_mutes: tuple[int | None, ...] = ()


def _by_asset(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    groups: dict[int, list[Waiting]] = {}
    for item in waiting:
        groups.setdefault(item.asset.id, []).append(item)
    return list(groups.values())


def _decide_asset(now: datetime, wait: _Wait, mutes: Sequence[Mute]) -> _Verdict:
    items, told = wait.items, wait.told
    if any(i.is_unsure for i in items):
        # Nobody knows what of it was told: whatever stands must be told (again).
        told = None
    change = _standing_change(items, told)
    passed = _passed_lines(items, told, wait.thresholds)
    if change is None and wait.is_overtaken:
        # Were it skipped now, the next turn would be compared with one never told.
        overtaken = (now + FANOUT_WAIT, Reason.OVERTAKEN.value)
        return _Verdict(holds={i.delivery_id: overtaken for i in items})
    waits = _waits_for_its_event(now, items, change)
    if waits is not None:
        return _Verdict(holds={i.delivery_id: (now + waits, _UNSURE) for i in items})
    is_turn = change is not None
    holding, ended = _mute_on(items[0].asset.id, mutes, is_turn=is_turn)
    if holding is not None:
        # Also what turned back by now: the release says that it did.
        until = holding.until or now + OPEN_HOLD
        held = (until, Reason.MUTED.value)
        return _Verdict(holds={i.delivery_id: held for i in items})
    return _tell(items, change, passed, ended)


def _mute_on(
    asset_id: int, mutes: Sequence[Mute], *, is_turn: bool
) -> tuple[Mute | None, tuple[int | None, ...]]:
    """Return the mute that holds this asset longest, and the mutes that a flip ends."""
    concerned = [m for m in mutes if m.asset_id in {None, asset_id}]
    ended = tuple(m.asset_id for m in concerned if m.until is None) if is_turn else ()
    holding = [m for m in concerned if m.until is not None or not is_turn]
    if not holding:
        return None, ended
    far = datetime.max.replace(tzinfo=holding[0].created_at.tzinfo)
    return max(holding, key=lambda m: m.until or far), ()


def _standing_change(items: list[Waiting], told: Told | None) -> Event | None:
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
    kept = _without_withdrawn(changes)
    is_unsure = any(i.is_unsure for i in changes)
    if not is_unsure and _base((kept or changes)[0], told) is standing:
        return None
    # What stands may be newer than anything that is fanned out yet: that event tells.
    leading = [i.event for i in (*changes, *kept) if i.event.to_signal is standing]
    return leading[-1] if leading else None


def _without_withdrawn(changes: list[Waiting]) -> list[Waiting]:
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


def _waits_for_its_event(
    now: datetime, items: list[Waiting], change: Event | None
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


def _passed_lines(
    items: list[Waiting], told: Told | None, thresholds: frozenset[float]
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
        or _side(direction) is not known.get(threshold, first_side[threshold])
    )


def _side(direction: Direction) -> Side:
    return Side.ABOVE if direction is Direction.UP else Side.BELOW


def _tell(
    items: list[Waiting],
    change: Event | None,
    passed: tuple[Passed, ...],
    ended: tuple[int | None, ...],
) -> _Verdict:
    asset = items[0].asset
    flips = [i for i in items if i.event.kind is not EventKind.CROSSING]
    has_flips, has_lines = bool(flips), len(flips) < len(items)
    turned_back = has_flips and change is None
    skips: dict[int, str] = {}
    send: list[int] = []
    for item in items:
        is_line = item.event.kind is EventKind.CROSSING
        if is_line and not passed:
            skips[item.delivery_id] = Reason.ALREADY_TOLD.value
        elif not is_line and turned_back:
            skips[item.delivery_id] = Reason.FLIPPED_BACK.value
        else:
            send.append(item.delivery_id)
    heard = sum(i.event.kind is EventKind.FLIP for i in _without_withdrawn(flips))
    came_back = asset if turned_back and heard > 1 else None
    if not send:
        return _Verdict(skips=skips, came_back=came_back)
    decisive = next((i for i in reversed(items) if i.event is change), items[-1])
    crossings = [i.event for i in items if i.event.kind is EventKind.CROSSING]
    news = News(
        asset=asset,
        watch=decisive.watch,
        change=change,
        crossing=crossings[-1] if has_lines and passed else None,
        passed=passed,
        flips=heard,
        held_for=_held_for(items),
    )
    tell = Tell(
        asset_id=asset.id,
        signal=None if change is None else change.to_signal,
        since=_told_since(asset, change),
        lines={p.threshold: _side(p.direction) for p in passed},
        watch_id=decisive.watch.id,
    )
    return _Verdict(
        news=news,
        came_back=came_back,
        send=tuple(send),
        tell=tell,
        skips=skips,
        ended_mutes=ended,
    )


def _held_for(items: list[Waiting]) -> str:
    """Return why these waited; being away or muted says more than a retry."""
    reasons = [i.reason for i in items if i.reason]
    telling = [r for r in reasons if r in {"away", Reason.MUTED.value}]
    return next(iter(telling or reasons), "")


def _told_since(asset: Asset, change: Event | None) -> datetime | None:
    if change is None:
        return None
    return asset.state.standing_since if asset.state is not None else change.as_of
