"""How one recipient wants to hear: its own clock, quiet hours, digest, pace, sounds.

A frozen value with a JSON form. Reading is lenient to words it does not know, which a
newer version may have written, and strict to values that make no sense.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, time, tzinfo
from enum import StrEnum
from typing import Self, cast
from zoneinfo import ZoneInfo

JsonObject = Mapping[str, object]

#: more messages a day than this are no budget
BUDGET_MAX = 50
_WEEKDAYS = 7


class Pace(StrEnum):
    """How soon a flip or crossing is believed.

    CALM waits until two readings agree; NORMAL tells at once and holds further flips
    of an asset that keeps turning; FAST tells every one.
    """

    CALM = "calm"
    NORMAL = "normal"
    FAST = "fast"


class Cadence(StrEnum):
    """How often a digest comes."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Sound(StrEnum):
    """Whether a kind of message rings, comes without a sound, or does not come."""

    ON = "on"
    SILENT = "silent"
    OFF = "off"


class NewsKind(StrEnum):
    """What a message is about, as sounds are set per kind.

    SUMMARY is what was held and is told at once: quiet hours, mutes, being away, our
    own downtime, an asset that settled. SOURCE is trouble with the engine.
    """

    FLIP = "flip"
    CROSSING = "crossing"
    CORRECTION = "correction"
    SUMMARY = "summary"
    DIGEST = "digest"
    SOURCE = "source"


#: a flip rings, and so does the word that takes one back; all else comes silent
_RINGING = frozenset({NewsKind.FLIP, NewsKind.CORRECTION})


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when to when nothing is sent, on the recipient's clock; may span midnight.

    The start is inside, the end is not. Raises `ValueError` where both are the same.
    """

    start: time
    end: time

    def __post_init__(self) -> None:
        _check_wall_clock(self.start)
        _check_wall_clock(self.end)
        if self.start == self.end:
            msg = "quiet hours that end when they start"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Digest:
    """One message at a local time in place of single alerts.

    `weekday` is 0 for Monday to 6 for Sunday and counts for a weekly one only.
    """

    cadence: Cadence
    at: time
    weekday: int = 0

    def __post_init__(self) -> None:
        _check_wall_clock(self.at)
        if not 0 <= self.weekday < _WEEKDAYS:
            msg = f"no day of the week: {self.weekday}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Everything a recipient chose about noise; the defaults are quiet.

    Attributes:
        zone: IANA name such as `Europe/Berlin`; empty while nobody said. Then times
            are read as UTC.
        sounds: what was chosen per kind; `sound_of` knows the rest.
        sign_of_life: one silent line after seven days without a message.
        daily_budget: at most so many messages a day are wanted; None if nobody said.
            Over it a message says which setting would help. Nothing is held for it.
        pictures: alerts carry a chart, where the platform and the bot can.
    """

    zone: str = ""
    quiet: QuietHours | None = None
    digest: Digest | None = None
    pace: Pace = Pace.NORMAL
    sounds: Mapping[NewsKind, Sound] = field(default_factory=dict)
    sign_of_life: bool = True
    daily_budget: int | None = None
    pictures: bool = False

    def __post_init__(self) -> None:
        _check_zone(self.zone)
        budget = self.daily_budget
        if budget is not None and not 1 <= budget <= BUDGET_MAX:
            msg = f"a daily budget goes from 1 to {BUDGET_MAX}, not {budget}"
            raise ValueError(msg)

    @property
    def clock(self) -> tzinfo:
        """The recipient's own zone; UTC while it is unknown."""
        return ZoneInfo(self.zone) if self.zone else UTC

    def sound_of(self, kind: NewsKind, *, is_private: bool) -> Sound:
        """Return how this kind arrives; unless chosen, only flips ring, in private."""
        chosen = self.sounds.get(kind)
        if chosen is not None:
            return chosen
        return Sound.ON if is_private and kind in _RINGING else Sound.SILENT

    def to_json(self) -> dict[str, object]:
        """Write what differs from the default, as plain JSON."""
        found: dict[str, object] = {}
        if self.zone:
            found["zone"] = self.zone
        if self.quiet is not None:
            found["quiet"] = [_written(self.quiet.start), _written(self.quiet.end)]
        if self.digest is not None:
            found["digest"] = {
                "cadence": self.digest.cadence.value,
                "at": _written(self.digest.at),
                "weekday": self.digest.weekday,
            }
        if self.pace is not Pace.NORMAL:
            found["pace"] = self.pace.value
        if self.sounds:
            found["sounds"] = {k.value: s.value for k, s in self.sounds.items()}
        if not self.sign_of_life:
            found["sign_of_life"] = False
        if self.daily_budget is not None:
            found["daily_budget"] = self.daily_budget
        if self.pictures:
            found["pictures"] = True
        return found

    @classmethod
    def from_json(cls, document: JsonObject) -> Self:
        """Read what `to_json` wrote; what is missing is the default.

        Unknown keys are left out. Raises `ValueError` for a value that makes no sense.
        """
        quiet = document.get("quiet")
        digest = document.get("digest")
        return cls(
            zone=_string(document.get("zone", ""), "zone"),
            quiet=None if quiet is None else _quiet(quiet),
            digest=None if digest is None else _digest(digest),
            pace=Pace(_string(document.get("pace", Pace.NORMAL), "pace")),
            sounds=_sounds(document.get("sounds", {})),
            sign_of_life=_flag(document.get("sign_of_life", True), "sign_of_life"),
            daily_budget=_maybe_number(document.get("daily_budget"), "daily_budget"),
            pictures=_flag(document.get("pictures", False), "pictures"),
        )


def is_zone(name: str) -> bool:
    """Whether this is the name of a time zone that we know, such as `Asia/Tokyo`."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # OSError: a folder of the zone database, or a name the file system refuses
        return False
    return bool(name)


def _check_zone(name: str) -> None:
    if name and not is_zone(name):
        msg = f"no time zone: {name!r}"
        raise ValueError(msg)


def _check_wall_clock(at: time) -> None:
    if at.tzinfo is not None or at.second or at.microsecond:
        msg = f"not a time of day in hours and minutes: {at.isoformat()}"
        raise ValueError(msg)


def _written(at: time) -> str:
    return f"{at:%H:%M}"


def _wall_clock(value: object) -> time:
    return time.fromisoformat(_string(value, "time of day"))


def _quiet(value: object) -> QuietHours:
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - a pair
        msg = f"quiet hours are a start and an end, not {value!r}"
        raise ValueError(msg)
    start, end = value
    return QuietHours(_wall_clock(start), _wall_clock(end))


def _digest(value: object) -> Digest:
    document = _object(value, "digest")
    weekday = _maybe_number(document.get("weekday"), "weekday")
    return Digest(
        Cadence(_string(document.get("cadence"), "cadence")),
        _wall_clock(document.get("at")),
        weekday or 0,
    )


def _sounds(value: object) -> dict[NewsKind, Sound]:
    known = {kind.value for kind in NewsKind}
    return {
        NewsKind(kind): Sound(_string(sound, kind))
        for kind, sound in _object(value, "sounds").items()
        if kind in known
    }


def _object(value: object, name: str) -> JsonObject:
    if not isinstance(value, Mapping):
        msg = f"{name}: no object but {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - a bad value, whatever its type
    return cast("JsonObject", value)


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        msg = f"{name}: no text but {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - a bad value, whatever its type
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        msg = f"{name}: neither true nor false but {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - a bad value, whatever its type
    return value


def _maybe_number(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"{name}: no whole number but {value!r}"
        raise ValueError(msg)  # noqa: TRY004 - a bad value, whatever its type
    return value
