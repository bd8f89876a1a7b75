"""What of a recipient's waiting deliveries is told now, held, or skipped.

Pure. Asked when a recipient is claimed, so the answer is about what is true at that
moment. The law it keeps: whatever held an alert back ends by comparing what was last
told with what stands; a difference is one net message, no difference is none.
"""

from collections.abc import Iterable, Mapping, Sequence
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


class Reason(StrEnum):
    """Why a delivery is held or skipped."""

    MUTED = "muted"
    FLIPPED_BACK = "flipped_back"
    ALREADY_TOLD = "already_told"
    MERGED = "merged"


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
) -> Decision:
    """Decide about all that waits for one recipient.

    `waiting` is in event order and each asset in it has its state as it stands now.
    """
    in_force = [m for m in mutes if m.until is None or m.until > now]
    verdicts = [
        _decide_asset(now, items, told.get(items[0].asset.id), in_force)
        for items in _by_asset(waiting)
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


def _decide_asset(
    now: datetime, items: list[Waiting], told: Told | None, mutes: Sequence[Mute]
) -> _Verdict:
    change = _standing_change(items, told)
    passed = _passed_lines(items, told)
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
    if _base(changes, told) is standing:
        return None
    leading = [i.event for i in changes if i.event.to_signal is standing]
    # What stands may be newer than anything that is fanned out yet: that event tells.
    return leading[-1] if leading else None


def _base(changes: list[Waiting], told: Told | None) -> Signal:
    """Return the signal to compare with: what the recipient believes.

    A watch with conditions hears only part of an asset's history, so what was told may
    be long over without a word; then the first waiting event says what was before.
    """
    first = changes[0]
    conditions = first.watch.conditions
    bounds = (
        conditions.direction,
        conditions.min_grade,
        conditions.max_grade,
        conditions.min_market_cap,
        conditions.max_market_cap,
        conditions.min_volume,
        conditions.max_volume,
    )
    is_partial = any(bound is not None for bound in bounds)
    is_flip = first.event.kind is EventKind.FLIP
    if told is None or told.signal is None or (is_partial and is_flip):
        return first.event.from_signal
    return told.signal


def _passed_lines(items: list[Waiting], told: Told | None) -> tuple[Passed, ...]:
    """Return the lines whose told side is not where the grade ended up."""
    first_side: dict[float, Side] = {}
    final: dict[float, Direction] = {}
    for item in items:
        wanted = item.watch.conditions.thresholds
        for passed in item.event.passed:
            if wanted is not None and passed.threshold not in wanted:
                continue
            came_from = Side.BELOW if passed.direction is Direction.UP else Side.ABOVE
            first_side.setdefault(passed.threshold, came_from)
            final[passed.threshold] = passed.direction
    known = told.lines if told is not None else {}
    return tuple(
        Passed(threshold, direction)
        for threshold, direction in sorted(final.items())
        if _side(direction) is not known.get(threshold, first_side[threshold])
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
    came_back = asset if turned_back and len(flips) > 1 else None
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
        flips=len(flips),
        held_for=next((i.reason for i in items if i.reason), ""),
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


def _told_since(asset: Asset, change: Event | None) -> datetime | None:
    if change is None:
        return None
    return asset.state.standing_since if asset.state is not None else change.as_of
