"""What becomes of one asset's flips and lines on a recipient's terms. Pure.

Here is decided what the readings themselves leave open: has a flip been confirmed, is
the asset choppy, has the grade really passed the line. Nights come later, in `noise`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import noise_flap
from bot.model import Event, EventKind, Mute, Passed, Waiting
from bot.news import Hold, Note, Reason
from bot.noise_flap import Turn
from bot.noise_net import side_of
from bot.preferences import NewsKind, Pace, Preferences, Sound
from bot.told_lines import side_of as side_of_grade

#: what has no end of its own is looked at again this much later
OPEN_HOLD = timedelta(days=30)
#: A reading that confirms or settles something lets it go at once
#: (`Store.commit_poll`); this is for one that came in the moment of the decision.
UNCONFIRMED_LOOK = timedelta(hours=1)
CHOPPY_LOOK = timedelta(minutes=5)
#: a grade that hovers at a line for so long has not confirmed that it passed it
HOVERING = timedelta(hours=24)
#: what waited while its recipient was gone
AWAY = "away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the recipient wants, as far as it matters now."""

    now: datetime
    preferences: Preferences
    mutes: tuple[Mute, ...]
    quiet_until: datetime | None
    digest_at: datetime | None
    has_wave: bool = False

    def is_off(self, kind: NewsKind) -> bool:
        """Whether the recipient wants nothing of this kind."""
        return self.preferences.sounds.get(kind) is Sound.OFF


# ----------------------------------------------------------------- flips of an asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Turning:
    """What becomes of an asset's flips: told by `change`, held, or skipped."""

    change: Event | None = None
    note: Note = Note.NONE
    again_after: timedelta | None = None
    holds: Mapping[int, Hold] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)


def sift_turn(items: Sequence[Waiting], change: Event | None, terms: Terms) -> Turning:
    """Decide about an asset's flips and corrections; `change` is their net, if any."""
    if not items:
        return Turning()
    if change is not None and terms.is_off(NewsKind(change.kind.value)):
        return _turn_held(items, terms.now + OPEN_HOLD, Reason.TURNED_OFF)
    if items[0].asset.state is None or items[-1].event.kind is EventKind.SOURCE:
        # The engine's own trouble has waited long enough before it became an event.
        return Turning(change=change)
    pace = terms.preferences.pace
    if pace is Pace.FAST:
        return Turning(change=change)
    unproven = _unproven(items, change, terms) if pace is Pace.CALM else None
    return unproven or _unsettled(items, change, terms) or Turning(change=change)


def _unproven(
    items: Sequence[Waiting], change: Event | None, terms: Terms
) -> Turning | None:
    """Hold a flip until a second reading agrees; skip it if that says otherwise."""
    state = items[0].asset.state
    if state is None or any(i.is_unsure for i in items):
        return None
    if change is None:
        if not all(_was_unproven(i) for i in items):
            return None
        reason = Reason.NOT_CONFIRMED.value
        return Turning(skips={i.delivery_id: reason for i in items})
    if change.kind is EventKind.FLIP and state.last.as_of <= change.as_of:
        return _turn_held(items, terms.now + UNCONFIRMED_LOOK, Reason.UNCONFIRMED)
    return None


def _unsettled(
    items: Sequence[Waiting], change: Event | None, terms: Terms
) -> Turning | None:
    """Hold the flips of an asset that keeps turning; mark what is told of one."""
    state = items[0].asset.state
    if state is None:
        return None
    flap = noise_flap.judge(state.flips)
    was_away = items[-1].held_for == AWAY
    if flap.settles_at is not None and flap.is_held(state.last.as_of) and not was_away:
        # Also what turned back by now: it may turn once more before it settles. But
        # whoever is back hears what stands, choppy or not.
        left = flap.settles_at - state.last.as_of
        return _turn_held(items, terms.now + max(left, CHOPPY_LOOK), Reason.CHOPPY)
    if any(i.held_for == Reason.CHOPPY for i in items):
        # Announced as choppy, it is told as settled even if it stands as told.
        ending = [i.event for i in items if i.event.to_signal is state.standing]
        last = change or (ending[-1] if ending else None)
        return Turning(change=last, note=Note.SETTLED)
    is_latest = change is not None and state.flips[-1:] == (change.as_of,)
    if flap.turn is not Turn.AGAIN or not is_latest:
        return None
    between = state.flips[-1] - state.flips[-2]
    return Turning(change=change, note=Note.AGAIN, again_after=between)


def _turn_held(items: Iterable[Waiting], until: datetime, reason: Reason) -> Turning:
    return Turning(holds={i.delivery_id: (until, reason.value) for i in items})


def _was_unproven(item: Waiting) -> bool:
    """Whether nothing else than the missing second reading ever held this."""
    return item.held_for in {"", Reason.UNCONFIRMED}


# ------------------------------------------------------------------- lines of an asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What becomes of an asset's crossings: the lines told, what is held or skipped."""

    passed: tuple[Passed, ...] = ()
    holds: Mapping[int, Hold] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)


def sift_lines(
    items: Sequence[Waiting], passed: tuple[Passed, ...], terms: Terms
) -> Lines:
    """Decide about an asset's crossings; `passed` are the lines that are news."""
    if not items:
        return Lines(passed=passed)
    if terms.is_off(NewsKind.CROSSING):
        reason = Reason.TURNED_OFF.value
        return Lines(skips={i.delivery_id: reason for i in items})
    state = items[0].asset.state
    is_unsure = any(i.is_unsure for i in items)
    if terms.preferences.pace is not Pace.CALM or state is None or is_unsure:
        return Lines(passed=passed)
    if not passed:
        reason = Reason.NOT_CONFIRMED.value
        unproven = [i.delivery_id for i in items if _was_unproven(i)]
        return Lines(skips=dict.fromkeys(unproven, reason))
    grade, since = state.last.grade, state.last.as_of - items[-1].event.as_of
    agreeing = tuple(
        p
        for p in passed
        if grade is not None
        and side_of_grade(grade, p.threshold) is side_of(p.direction)
    )
    is_proven = since > timedelta() and agreeing == passed
    if not is_proven and since < HOVERING:
        hold = (terms.now + UNCONFIRMED_LOOK, Reason.UNCONFIRMED.value)
        return Lines(holds={i.delivery_id: hold for i in items})
    if not agreeing:
        reason = Reason.NOT_CONFIRMED.value
        return Lines(skips={i.delivery_id: reason for i in items})
    return Lines(passed=agreeing)
