"""Times of day as people type them: `22:00-07:00`, `10pm-7am`, `weekly mon 8`. Pure.

Every error points at what cannot be read and shows a form that can.
"""

import re
from datetime import time, timedelta

from bot.errors import UserError
from bot.preferences import Cadence, Digest, QuietHours

_TIME = r"(\d{1,2})(?:[:.h]?(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?"
_RANGE = re.compile(rf"(?:from\s+)?{_TIME}\s*(?:-|–|—|to|until|till|bis)\s*{_TIME}(.*)")
_ONE = re.compile(rf"(?:at\s+)?{_TIME}(.*)")
_NOON = 12
_HOURS = 24
_SIXTY = 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LENGTH = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?)\s*(minutes?|mins?|m|hours?|h|days?|d|weeks?|w)"
)
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
DIGEST_AT = time(8)


def quiet_hours(text: str) -> tuple[QuietHours, str]:
    """Read quiet hours; return them and what follows, such as a place.

    Raises:
        UserError: with what cannot be read.
    """
    match = _RANGE.fullmatch(text.strip().lower())
    if match is None:
        raise UserError(
            "I can't read these quiet hours",
            marked=f"▸{text.strip()[:60]}◂",
            hint="For example 22:00-07:00 or 10pm-7am.",
        )
    start = _time(match[1], match[2], match[3])
    end = _time(match[4], match[5], match[6])
    if start == end:
        raise UserError(
            "Quiet hours end at another time than they start",
            hint="For silence around the clock there is /mute.",
        )
    return QuietHours(start, end), _rest(text, match[7])


def digest(text: str) -> tuple[Digest, str]:
    """Read a digest: `daily 08:00`, `weekly mon 08:00`, `fri 6pm`; and what follows.

    Raises:
        UserError: with what cannot be read.
    """
    words = text.strip().lower().replace(",", " ").split()
    cadence: Cadence | None = None
    weekday: int | None = None
    while words and not words[0][0].isdigit():
        word = words[0]
        if word in {"at", "on", "every", "each"}:
            pass
        elif word in {"daily", "day", "weekly", "week"}:
            cadence = Cadence.DAILY if word.startswith("da") else Cadence.WEEKLY
        elif word[:3] in DAYS and word.rstrip("s") in _day_names():
            weekday = DAYS.index(word[:3])
        else:
            break
        words.pop(0)
    if cadence is None and weekday is None and not (words and words[0][0].isdigit()):
        raise UserError(
            "I can't read this digest",
            marked=f"▸{text.strip()[:60]}◂",
            hint="For example daily 08:00, weekly mon 08:00, or off.",
        )
    if cadence is None:
        cadence = Cadence.DAILY if weekday is None else Cadence.WEEKLY
    at, rest = DIGEST_AT, " ".join(words)
    if match := _ONE.fullmatch(rest):
        at = _time(match[1], match[2], match[3])
        rest = match[4].strip()
    is_weekly = cadence is Cadence.WEEKLY
    return Digest(cadence, at, (weekday or 0) if is_weekly else 0), rest


def _day_names() -> frozenset[str]:
    full = (
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    )
    more = ("tues", "thur", "weds", "thurs")
    return frozenset({*DAYS, *full, *more, *(name.rstrip("s") for name in more)})


def length(text: str) -> timedelta | None:
    """Read a length of time such as `1h`, `90 min` or `7d`; None if it is none."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        return None
    return min(float(match[1]), 1e6) * _UNITS[match[2][0]]


def _time(hours: str, minutes: str | None, half: str | None) -> time:
    hour, minute = int(hours), int(minutes or 0)
    shown = f"{hours}:{minutes}" if minutes else hours
    if half:
        if not 1 <= hour <= _NOON:
            raise UserError(
                "There is no such time",
                marked=f"▸{shown} {half}◂",
                hint="Such as 10pm.",
            )
        hour = hour % _NOON + (_NOON if half.startswith("p") else 0)
    if (hour, minute) == (_HOURS, 0):
        hour = 0
    if hour >= _HOURS or minute >= _SIXTY:
        raise UserError(
            "There is no such time", marked=f"▸{shown}◂", hint="Such as 22:30 or 7am."
        )
    return time(hour, minute)


def _rest(text: str, lowered: str) -> str:
    """Return the end of what was typed, as it was typed."""
    tail = lowered.strip()
    return text.strip()[len(text.strip()) - len(tail) :] if tail else ""
