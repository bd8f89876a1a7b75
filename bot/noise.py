"""What of a recipient's waiting deliveries is told now, held, or skipped.

Pure. Asked when a recipient is claimed, so the answer is about what is true at that
moment. The law it keeps: whatever held an alert back ends by comparing what was last
told with what stands; a difference is one net message, no difference is none.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot import noise_quiet
from bot.model import (
    Asset,
    Event,
    EventKind,
    Mute,
    Passed,
    Tell,
    Told,
    Waiting,
)
from bot.news import (
    HOLDS,
    Decision,
    Hold,
    News,
    Note,
    Occasion,
    Reason,
)
from bot.noise_asset import AWAY, OPEN_HOLD, Terms, Turning, sift_lines, sift_turn
from bot.noise_net import (
    FANOUT_WAIT,
    heard_changes,
    passed_lines,
    side_of,
    standing_change,
    waits_for_its_event,
)
from bot.preferences import NewsKind, Preferences

__all__ = [
    "BROAD_FROM",
    "HOLDS",
    "OPEN_HOLD",
    "WAVE_FOR",
    "Decision",
    "News",
    "Note",
    "Occasion",
    "Reason",
    "decide",
]

_UNSURE = "outcome_unknown"
#: told as it happened, there is nothing to net
_ANNOUNCED = frozenset({EventKind.SILENT, EventKind.ENGINE})
_USUAL = Preferences()
#: from so many flips in one message they are rows of one table
BROAD_FROM = 4
#: for so long later flips belong to the same broad move
WAVE_FOR = timedelta(minutes=30)
#: after a shorter downtime an alert only says between when it happened
OFF_FROM = timedelta(hours=1)
#: of several causes the one that says most to the reader
_TELLING = (AWAY, Reason.QUIET_HOURS, Reason.MUTED, Reason.CHOPPY, Reason.UNCONFIRMED)


def decide(
    now: datetime,
    *,
    waiting: Sequence[Waiting],
    told: Mapping[int, Told],
    mutes: Sequence[Mute] = (),
    thresholds: Sequence[float] = (),
    overtaken: Collection[int] = (),
    preferences: Preferences = _USUAL,
    digest_at: datetime | None = None,
    has_wave: bool = False,
) -> Decision:
    """Decide about all that waits for one recipient.

    `waiting` is in event order and each asset in it has its state as it stands now.
    `thresholds` are the recipient's default lines, for watches that name none.
    `overtaken` is what the `Claim` says. `digest_at` is when the last digest was sent.
    `has_wave`: a broad move was told within `WAVE_FOR`.
    """
    clock = preferences.clock
    terms = Terms(
        now=now,
        preferences=preferences,
        mutes=tuple(m for m in mutes if m.until is None or m.until > now),
        quiet_until=noise_quiet.quiet_until(now, preferences.quiet, clock),
        digest_at=digest_at,
        has_wave=has_wave,
    )
    waits = [
        _Wait(
            items,
            told.get(items[0].asset.id),
            frozenset(thresholds),
            is_overtaken=items[0].asset.id in overtaken,
        )
        for items in _by_asset(waiting)
    ]
    verdicts = [_decide_asset(wait, terms) for wait in waits]
    if any(None in v.ended_mutes for v in verdicts):
        # The flip of one asset ends the mute of all: what it held is decided with it.
        left = tuple(
            m for m in terms.mutes if m.until is not None or m.asset_id is not None
        )
        unmuted = replace(terms, mutes=left)
        verdicts = [
            _decide_asset(wait, unmuted) if verdict.holds else verdict
            for wait, verdict in zip(waits, verdicts, strict=True)
        ]
    return _together(verdicts, terms)


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
    #: flips that came back: told in a summary, else skipped
    back: tuple[int, ...] = ()
    tell: Tell | None = None
    holds: Mapping[int, Hold] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)
    ended_mutes: tuple[int | None, ...] = ()
    held_for: str = ""
    is_muted: bool = False
    is_urgent: bool = False


def _together(verdicts: Sequence[_Verdict], terms: Terms) -> Decision:
    """Put the assets' verdicts together to one message."""
    news = tuple(v.news for v in verdicts if v.news is not None)
    came_back = tuple(v.came_back for v in verdicts if v.came_back is not None)
    occasion = _occasion(verdicts, terms)
    skips = {i: reason for v in verdicts for i, reason in v.skips.items()}
    back = tuple(i for v in verdicts if v.came_back is not None for i in v.back)
    send = tuple(i for v in verdicts for i in v.send)
    if occasion in {Occasion.QUIET, Occasion.DIGEST}:
        send = (*send, *back)
        back = ()
    skips |= {
        i: Reason.FLIPPED_BACK.value for v in verdicts for i in v.back if i not in send
    }
    is_limited = any(v.send and not v.is_urgent for v in verdicts) or (
        bool(send) and not news
    )
    preferences = terms.preferences
    send_by = (
        noise_quiet.quiet_from(terms.now, preferences.quiet, preferences.clock)
        if is_limited
        else None
    )
    return Decision(
        occasion=occasion,
        news=news,
        came_back=came_back,
        send=send,
        tells=tuple(v.tell for v in verdicts if v.tell is not None),
        holds={i: hold for v in verdicts for i, hold in v.holds.items()},
        skips=skips,
        ended_mutes=tuple(dict.fromkeys(m for v in verdicts for m in v.ended_mutes)),
        muted=sum(v.is_muted for v in verdicts),
        send_by=send_by,
    )


def _occasion(verdicts: Sequence[_Verdict], terms: Terms) -> Occasion:
    told = [v for v in verdicts if v.news is not None or v.came_back is not None]
    news = [v.news for v in told if v.news is not None]
    if any(n.held_for == AWAY for n in news):
        return Occasion.AWAY
    if terms.preferences.digest is not None and not all(v.is_urgent for v in told):
        return Occasion.DIGEST
    was_quiet = any(v.held_for == Reason.QUIET_HOURS for v in told)
    if was_quiet and (len(told) > 1 or not news):
        return Occasion.QUIET
    if news and all(_was_off(n.event) for n in news):
        return Occasion.OFF
    flips = [n for n in news if n.event.kind is EventKind.FLIP and not n.note]
    if terms.has_wave and news and len(flips) == len(news):
        return Occasion.MORE
    return Occasion.BROAD if len(flips) >= BROAD_FROM else Occasion.ALERT


def _was_off(event: Event) -> bool:
    """Whether it came of a downtime long enough to be the news itself."""
    off_since = event.off_since
    return off_since is not None and event.detected_at - off_since >= OFF_FROM


def _by_asset(waiting: Iterable[Waiting]) -> list[list[Waiting]]:
    groups: dict[int, list[Waiting]] = {}
    for item in waiting:
        groups.setdefault(item.asset.id, []).append(item)
    return list(groups.values())


# ------------------------------------------------------------------------ one asset


def _decide_asset(wait: _Wait, terms: Terms) -> _Verdict:
    items, told, now = wait.items, wait.told, terms.now
    said = [i for i in items if i.event.kind in _ANNOUNCED]
    if said:
        return _decide_announced(wait, said, terms)
    if any(i.is_unsure for i in items):
        # Nobody knows what of it was told: whatever stands must be told (again).
        told = None
    change = standing_change(items, told)
    passed = passed_lines(items, told, wait.thresholds)
    if change is None and wait.is_overtaken:
        # Were it skipped now, the next turn would be compared with one never told.
        return _held(items, (now + FANOUT_WAIT, Reason.OVERTAKEN.value))
    waits = waits_for_its_event(now, items, change)
    if waits is not None:
        return _held(items, (now + waits, _UNSURE))
    is_turn = change is not None
    holding, ended = _mute_on(items[0].asset.id, terms.mutes, is_turn=is_turn)
    if holding is not None:
        # Also what turned back by now: the release says that it did.
        until = holding.until or now + OPEN_HOLD
        muted = _held(items, (until, Reason.MUTED.value))
        return replace(muted, is_muted=is_turn)
    turn = sift_turn([i for i in items if _is_change(i)], change, terms)
    lines = sift_lines([i for i in items if not _is_change(i)], passed, terms)
    aside = _Verdict(
        holds={**turn.holds, **lines.holds}, skips={**turn.skips, **lines.skips}
    )
    left = [
        i
        for i in items
        if i.delivery_id not in aside.holds and i.delivery_id not in aside.skips
    ]
    if not left:
        return aside
    is_urgent = any(i.watch.conditions.is_urgent for i in left)
    night = None if is_urgent else _night_hold(left, terms)
    if night is not None:
        whole = _held(left, night)
        return replace(whole, holds={**aside.holds, **whole.holds}, skips=aside.skips)
    told_now = _tell(left, _known_again(turn, items[0].asset, told), lines.passed)
    news = told_now.news
    if news is not None and wait.told is not None:
        news = replace(news, knew=wait.told.signal)
    return replace(
        told_now,
        news=news,
        holds=aside.holds,
        skips={**aside.skips, **told_now.skips},
        ended_mutes=ended if turn.change is not None else (),
        held_for=_held_for(left),
        is_urgent=is_urgent,
    )


def _known_again(turn: Turning, asset: Asset, told: Told | None) -> Turning:
    """Say "again" only to somebody who was told of the flip before."""
    if turn.again_after is None:
        return turn
    flips = () if asset.state is None else asset.state.flips
    knows = told is not None and told.since is not None and told.since in flips[:-1]
    return turn if knows else replace(turn, again_after=None)


def _decide_announced(wait: _Wait, gone: list[Waiting], terms: Terms) -> _Verdict:
    """Decide about an asset that is no longer graded, or about another engine.

    Whatever else waits of an asset came later: it is graded again.
    """
    asset, latest = wait.items[0].asset, gone[-1]
    rest = [i for i in wait.items if i not in gone]
    seen_at = None if asset.state is None else asset.state.seen_at
    is_back = latest.event.kind is EventKind.SILENT and (
        bool(rest) or (seen_at is not None and seen_at > latest.event.as_of)
    )
    if is_back:
        reason = Reason.GRADED_AGAIN.value
        found = _decide_asset(replace(wait, items=rest), terms) if rest else _Verdict()
        skips = {i.delivery_id: reason for i in gone}
        return replace(found, skips={**found.skips, **skips})
    if terms.is_off(NewsKind.SOURCE):
        return _held(gone, (terms.now + OPEN_HOLD, Reason.TURNED_OFF.value))
    holding, _ = _mute_on(asset.id, terms.mutes, is_turn=False)
    if holding is not None:
        return _held(gone, (holding.until or terms.now + OPEN_HOLD, Reason.MUTED.value))
    night = _night_hold(gone, terms)
    if night is not None:
        return _held(gone, night)
    return _Verdict(
        news=News(asset=asset, watch=latest.watch, change=latest.event),
        send=tuple(i.delivery_id for i in gone),
        tell=Tell(asset_id=asset.id, signal=None, since=None, watch_id=latest.watch.id),
        held_for=_held_for(gone),
    )


def _is_change(item: Waiting) -> bool:
    return item.event.kind is not EventKind.CROSSING


def _held(items: Iterable[Waiting], hold: Hold) -> _Verdict:
    return _Verdict(holds={i.delivery_id: hold for i in items})


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


def _night_hold(items: Sequence[Waiting], terms: Terms) -> Hold | None:
    """Hold for quiet hours or the digest; an asset is released as a whole."""
    if terms.quiet_until is not None:
        return terms.quiet_until, Reason.QUIET_HOURS.value
    preferences = terms.preferences
    if preferences.digest is None:
        return None
    due = noise_quiet.digest_due(
        min(i.created_at for i in items),
        preferences.digest,
        preferences.clock,
        last_at=terms.digest_at,
    )
    return (due, Reason.DIGEST.value) if due > terms.now else None


# ---------------------------------------------------------------------------- telling


def _tell(
    items: Sequence[Waiting], turn: Turning, passed: tuple[Passed, ...]
) -> _Verdict:
    asset, change = items[0].asset, turn.change
    flips = [i for i in items if _is_change(i)]
    has_flips, has_lines = bool(flips), len(flips) < len(items)
    turned_back = has_flips and change is None
    skips: dict[int, str] = {}
    send: list[int] = []
    back: list[int] = []
    for item in items:
        is_line = not _is_change(item)
        if is_line and not passed:
            skips[item.delivery_id] = Reason.ALREADY_TOLD.value
        elif not is_line and turned_back:
            back.append(item.delivery_id)
        else:
            send.append(item.delivery_id)
    heard = sum(i.event.kind is EventKind.FLIP for i in heard_changes(flips))
    came_back = asset if turned_back and heard > 1 else None
    if not send:
        return _Verdict(skips=skips, back=tuple(back), came_back=came_back)
    decisive = next((i for i in reversed(items) if i.event is change), items[-1])
    crossings = [i.event for i in items if not _is_change(i)]
    news = News(
        asset=asset,
        watch=decisive.watch,
        change=change,
        crossing=crossings[-1] if has_lines and passed else None,
        passed=passed,
        flips=heard,
        held_for=_held_for(items),
        note=turn.note,
        again_after=turn.again_after,
        is_turn_held=bool(turn.holds),
    )
    tell = Tell(
        asset_id=asset.id,
        signal=None if change is None else change.to_signal,
        since=_told_since(asset, change),
        lines={p.threshold: side_of(p.direction) for p in passed},
        watch_id=decisive.watch.id,
    )
    return _Verdict(
        news=news,
        came_back=came_back,
        send=tuple(send),
        back=tuple(back),
        tell=tell,
        skips=skips,
    )


def _held_for(items: Iterable[Waiting]) -> str:
    """Return why these waited; being away or quiet hours say more than a retry."""
    reasons = [r for i in items for r in (i.held_for, i.reason) if r]
    for telling in _TELLING:
        if telling in reasons:
            return str(telling)
    return next(iter(reasons), "")


def _told_since(asset: Asset, change: Event | None) -> datetime | None:
    if change is None:
        return None
    return asset.state.standing_since if asset.state is not None else change.as_of
