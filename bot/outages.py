"""When a grading engine is in trouble, as the people who wait for it see it. Pure.

Short failures are the operator's business alone. People hear of it once silence has
come to mean nothing: when no data came for longer than is usual for this engine.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.checks import Trouble
from bot.model import SOURCE_KEY, Reading, Signal
from bot.plausible import PREFIX

#: so many planned polls may fail before anybody but the operator hears of it
PATIENT_POLLS = 3
#: and such a part of the time between two updates, up to two hours
PATIENT_PART = 12
PATIENT_MOST = timedelta(hours=2)
#: an engine that answers, but with nothing new for so many expected updates, is stale
STALE_UPDATES = 2
#: reason of a poll that was not made for the month's credits
_SAVING = "budget"
#: failed polls that say nothing of the engine
_NO_FAULT = frozenset({"ended", "superseded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What is known of a source's life.

    Attributes:
        last_good: when the last poll worked.
        last_fresh: when a reading last was new, by our clock; None if never.
        reason: why the latest poll failed; empty if it worked.
        count: how many readings it held back as implausible.
        until: from when on the source can be asked again, if it said so.
    """

    now: datetime
    interval: timedelta
    update_every: timedelta
    last_good: datetime | None
    last_fresh: datetime | None = None
    reason: str = ""
    count: int = 0
    until: datetime | None = None


def patience(interval: timedelta, update_every: timedelta) -> timedelta:
    """Return for how long an engine may fail before people hear of it."""
    usual = min(update_every / PATIENT_PART, PATIENT_MOST)
    return max(PATIENT_POLLS * interval, usual)


def trouble(pulse: Pulse) -> Trouble | None:
    """Say what people should know of the engine, None if all is as usual."""
    if pulse.last_good is None or pulse.reason in _NO_FAULT:
        return None
    if pulse.reason == _SAVING and not _is_used_up(pulse):
        # The credits are spread over the month: it is asked as often as they allow.
        return None
    limit = patience(pulse.interval, pulse.update_every)
    if pulse.reason and pulse.now - pulse.last_good > limit:
        return Trouble(
            code=_code(pulse.reason),
            count=pulse.count,
            last_good=pulse.last_good,
            until=pulse.until if _code(pulse.reason) == "credits" else None,
        )
    fresh = pulse.last_fresh
    stale = STALE_UPDATES * pulse.update_every + limit
    if not pulse.reason and fresh is not None and pulse.now - fresh > stale:
        return Trouble(code="stale", last_good=fresh)
    return None


def _is_used_up(pulse: Pulse) -> bool:
    """Whether the next call is for another month's credits."""
    until = pulse.until
    return until is not None and (until.year, until.month) != (
        pulse.now.year,
        pulse.now.month,
    )


def _code(reason: str) -> str:
    if reason.startswith(PREFIX):
        return reason.removeprefix(PREFIX)
    return "credits" if reason == _SAVING else "unavailable"


def reading(at: datetime, *, is_fine: bool) -> Reading:
    """Return the engine's own state as a reading of its pseudo-asset."""
    return Reading(
        key=SOURCE_KEY,
        symbol=SOURCE_KEY,
        name="Grading engine",
        as_of=at,
        signal=Signal.BULLISH if is_fine else Signal.BEARISH,
    )
