"""What noise control decides: the news of a message, what is held, what is skipped.

Values only. `noise.decide` makes them, wording and the store take them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model import Asset, Event, Passed, Signal, Tell, Watch

#: until when something waits, and why
Hold = tuple[datetime, str]


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
    GRADED_AGAIN = "graded_again"


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


class Occasion(StrEnum):
    """What a message is: an alert, or the net of a time in which none came.

    BROAD is a table of many flips, MORE a line about later ones of the same move.
    """

    ALERT = "alert"
    AWAY = "away"
    QUIET = "quiet"
    DIGEST = "digest"
    OFF = "off"
    BROAD = "broad"
    MORE = "more"


class Note(StrEnum):
    """What a flip of an asset that keeps turning is told with."""

    NONE = ""
    AGAIN = "again"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one message tells of one asset.

    Attributes:
        change: the flip or correction that led to what stands now, if that is news.
        crossing: the latest crossing, with only the lines that are news in `passed`.
        flips: how many flips were waiting; over 1, some in between are not told.
        held_for: why it waited, if something held it.
        note: whether the asset keeps turning, or did and has settled.
        again_after: how long after the flip told before, where that is known.
        knew: the signal that was told before, if any was.
        is_turn_held: a flip of it is held: what stands is not this news.
    """

    asset: Asset
    watch: Watch
    change: Event | None = None
    crossing: Event | None = None
    passed: tuple[Passed, ...] = ()
    flips: int = 0
    held_for: str = ""
    note: Note = Note.NONE
    again_after: timedelta | None = None
    knew: Signal | None = None
    is_turn_held: bool = False

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

    Attributes:
        came_back: assets that flipped and came back while waiting.
        muted: how many muted assets have a flip waiting.
        send_by: what is not sent by then is decided anew, for quiet hours begin.
    """

    occasion: Occasion = Occasion.ALERT
    news: tuple[News, ...] = ()
    came_back: tuple[Asset, ...] = ()
    send: tuple[int, ...] = ()
    tells: tuple[Tell, ...] = ()
    holds: Mapping[int, Hold] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)
    ended_mutes: tuple[int | None, ...] = ()
    muted: int = 0
    send_by: datetime | None = None
