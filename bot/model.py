"""The values of the domain. Frozen, free of any platform, SQL or network.

Every `datetime` here is aware UTC; a naive one is refused with `ValueError`.
Ids named `_id` are ours (integers from the store); `key` is the engine's own id.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Self

from bot.checks import Context
from bot.preferences import Preferences


def as_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; refuse a naive one with `ValueError`."""
    if moment.tzinfo is None:
        msg = f"a time without a zone: {moment.isoformat()}"
        raise ValueError(msg)
    return moment.astimezone(UTC)


# ---------------------------------------------------------------- the engine's side


#: our own pseudo-assets have keys no engine uses; broad watches do not cover them
OWN_KEYS = "~"
#: the bull-bear indicator: its grade is the percentage of assets that stand bullish
MARKET_KEY = "~market"
#: the grading engine itself: bullish while it brings grades, bearish while it does not
SOURCE_KEY = "~source"
#: that another grading engine is asked from now on
ENGINE_KEY = "~engine"


def is_own(key: str) -> bool:
    """Whether this is the key of a pseudo-asset of ours."""
    return key.startswith(OWN_KEYS)


class Signal(IntEnum):
    """What an engine says of an asset: 1, 0 or -1 as on the wire."""

    BULLISH = 1
    NEUTRAL = 0
    BEARISH = -1

    @property
    def word(self) -> str:
        """The word people read."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One asset's signal and grade at one time of the engine.

    `signal` may be the standing signal or the day's (0 = nothing new); `None`, like a
    `None` grade, is unknown and never a change. Money is in US dollars; `volume` is
    the trailing 24 hours.
    """

    key: str
    symbol: str
    as_of: datetime
    signal: Signal | None = None
    grade: float | None = None
    name: str = ""
    price: float | None = None
    volume: float | None = None
    market_cap: float | None = None
    categories: tuple[str, ...] = ()
    link: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "as_of", as_utc(self.as_of))

    def same_verdict(self, other: "Reading") -> bool:
        """Whether signal and grade, all that events are made of, are the same."""
        return (self.signal, self.grade) == (other.signal, other.grade)


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of a grade: `value` 0-100 and the points it adds to 50 or takes away.

    `weight` is its share of the whole, 0 to 1.
    """

    name: str
    value: float
    weight: float
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the grade at `as_of` is made of, the largest share first.

    Without components there is no grade; `days` of history of `enough_days` tell
    whether that is for want of history.
    """

    as_of: datetime
    components: tuple[Component, ...] = ()
    days: int = 0
    enough_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one fetch brought: at most one reading per asset.

    `bookmark` is what the source needs to go on after this snapshot; it is committed
    with it. `is_recorded` says that the readings come from a recording that waits for
    us, so the time between our polls says nothing about when something happened.
    `is_more` says that the next snapshot is due already, so poll again at once.
    `absent` counts the assets that were asked for and did not come: unknown, never
    a change. `market` is the engine's own word on the market as a whole.
    """

    source: str
    fetched_at: datetime
    readings: tuple[Reading, ...] = ()
    absent: int = 0
    bookmark: str | None = None
    is_more: bool = False
    is_recorded: bool = False
    market: Signal | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fetched_at", as_utc(self.fetched_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which assets a fetch should bring.

    `keys` are those somebody watches; `top` asks for the n largest as well; `is_all`
    for every asset the engine has.
    """

    keys: frozenset[str] = frozenset()
    top: int = 0
    is_all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetInfo:
    """What an engine knows of an asset apart from its grade.

    `key` is the engine's id. Money is in US dollars, `volume` the trailing 24 hours;
    `None` is unknown.
    """

    key: str
    symbol: str
    name: str = ""
    market_cap: float | None = None
    price: float | None = None
    volume: float | None = None
    categories: tuple[str, ...] = ()
    link: str = ""


# ---------------------------------------------------------------- what we remember


class Side(StrEnum):
    """On which side of a line a grade was last told."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Line:
    """The told side of one line of one asset, and whether it is locked after firing."""

    side: Side
    is_locked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LastFlip:
    """The last flip of an asset: what a revision within 48 h would withdraw."""

    event_key: str
    as_of: datetime
    detected_at: datetime
    from_signal: Signal
    from_since: datetime | None
    from_price: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetState:
    """All that detection needs to know of an asset's past.

    Attributes:
        last: the newest reading that counted.
        standing: the last non-zero signal; NEUTRAL while there was none.
        standing_since: `as_of` of the reading that began it. None if it stood
            already at the baseline, so that nobody claims to know.
        standing_price: price at that reading.
        flips: the engine's times of the last flips, oldest first, each within a day
            of the one before; empty while there was none. Withdrawn ones are not in.
        seen_at: when a poll last brought this asset, by our clock.
        lines: told side of each line anybody cares about.
        pending_revision: an equal `as_of` with other values, seen by one poll so far.
    """

    last: Reading
    standing: Signal = Signal.NEUTRAL
    standing_since: datetime | None = None
    standing_price: float | None = None
    seen_at: datetime
    lines: Mapping[float, Line] = field(default_factory=dict)
    last_flip: LastFlip | None = None
    flips: tuple[datetime, ...] = ()
    pending_revision: Reading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastReading:
    """A reading as history keeps it, with the signal that stood after it.

    `recorded_at` is when it was first known, by our clock. `is_revision` says that it
    replaced an earlier verdict of the same `as_of`.
    """

    key: str
    as_of: datetime
    recorded_at: datetime
    standing: Signal
    signal: Signal | None = None
    grade: float | None = None
    price: float | None = None
    volume: float | None = None
    market_cap: float | None = None
    categories: tuple[str, ...] = ()
    is_revision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """How one asset stands, short: all that is asked of it when others turn.

    Attributes:
        since: when the standing signal began; None if it stood at the baseline.
        known_since: when we first heard of the asset, by our clock.
    """

    key: str
    symbol: str
    standing: Signal
    as_of: datetime
    since: datetime | None = None
    known_since: datetime | None = None
    seen_at: datetime | None = None
    grade: float | None = None
    price: float | None = None
    market_cap: float | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of some assets with a standing signal are bullish."""

    bullish: int
    total: int

    @property
    def ratio(self) -> float:
        """The bullish share, 0 to 1."""
        return self.bullish / self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketPoint:
    """The bull-bear indicator at one time of the engine.

    `sectors` has the categories with enough assets. `signal` is the engine's own
    word on the market, where it says one.
    """

    as_of: datetime
    share: Share
    sectors: Mapping[str, Share] = field(default_factory=dict)
    signal: Signal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A flip as history keeps it: the price is the one at which it was told."""

    as_of: datetime
    signal: Signal
    price: float | None = None
    grade: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateLine:
    """A recipient's own side of a line while it differs from the shared one.

    A watch starts on the side its reply showed; it follows the shared line as soon
    as both agree, and then this value goes.
    """

    recipient_id: int
    key: str
    threshold: float
    line: Line


# ---------------------------------------------------------------- events


class EventKind(StrEnum):
    """What happened."""

    FLIP = "flip"
    CROSSING = "crossing"
    CORRECTION = "correction"
    #: the grading engine brings nothing that counts, or does again
    SOURCE = "source"
    #: the engine no longer grades an asset
    SILENT = "silent"
    #: another grading engine is asked from now on
    ENGINE = "engine"


class Direction(StrEnum):
    """How a grade passed a line."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Passed:
    """One line passed by a move of the grade."""

    threshold: float
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to one asset, once and for everybody.

    `key` is stable: the same data again gives the same key. `id` and `asset_id` are
    0 until the store has written it.

    Attributes:
        from_signal, to_signal: for a flip or correction the standing signals before
            and after; for a crossing both are the standing signal.
        passed: the lines of a crossing, lowest first.
        since, since_price: when the signal that ended (flip) or stands (crossing)
            began, and the price then.
        gap_since: set when our polls had a gap of over three intervals before this:
            the event happened between `gap_since` and `detected_at`.
        off_since: set when that gap was ours: nobody polled from then on.
        basis_seen_at: when the compared state had last been seen.
        only_for: a crossing of a private line concerns this recipient alone.
        corrects: key of the flip that a correction withdraws.
        price_day_ago: price about 24 h before `as_of`, if a reading has it.
        context: what was so around it, worked out once when it was detected.
    """

    key: str
    kind: EventKind
    source: str
    asset_key: str
    as_of: datetime
    detected_at: datetime
    from_signal: Signal = Signal.NEUTRAL
    to_signal: Signal = Signal.NEUTRAL
    grade_from: float | None = None
    grade_to: float | None = None
    passed: tuple[Passed, ...] = ()
    price: float | None = None
    price_day_ago: float | None = None
    volume: float | None = None
    market_cap: float | None = None
    since: datetime | None = None
    since_price: float | None = None
    gap_since: datetime | None = None
    off_since: datetime | None = None
    basis_seen_at: datetime | None = None
    is_revision: bool = False
    corrects: str = ""
    only_for: int | None = None
    context: Context | None = None
    id: int = 0
    asset_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What is graded, with what is known of it now.

    `rank` is its place by market cap among the source's assets, 1 = largest;
    None where the engine gives no market caps.
    """

    id: int
    source: str
    key: str
    symbol: str
    name: str = ""
    link: str = ""
    categories: tuple[str, ...] = ()
    market_cap: float | None = None
    volume: float | None = None
    rank: int | None = None
    state: AssetState | None = None


# ---------------------------------------------------------------- people and places


class Platform(StrEnum):
    """Where a recipient lives."""

    TELEGRAM = "telegram"
    DISCORD = "discord"
    WEB = "web"


#: ids are 64-bit integers; those of Telegram's groups and channels are negative
_CHAT_ID = re.compile(r"-?[0-9]{1,19}")
_TOPIC_ID = re.compile(r"[0-9]{1,19}")


class PlaceKind(StrEnum):
    """What kind of place a recipient is; settles who may change it."""

    PRIVATE = "private"
    GROUP = "group"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to deliver.

    Written `telegram:<chat>[/<topic>]`, `discord:<channel>` or `web:<id>`.
    """

    platform: Platform
    chat: str
    topic: str = ""

    def __str__(self) -> str:
        tail = f"/{self.topic}" if self.topic else ""
        return f"{self.platform.value}:{self.chat}{tail}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the written form; raise `ValueError` that says what is wrong."""
        name, colon, rest = text.strip().partition(":")
        try:
            platform = Platform(name)
        except ValueError:
            known = ", ".join(Platform)
            msg = f"“{text}”: a recipient starts with one of {known} and a colon"
            raise ValueError(msg) from None
        chat, slash, topic = rest.partition("/")
        is_number = _CHAT_ID.fullmatch(chat) is not None
        if not colon or not chat or (platform is not Platform.WEB and not is_number):
            msg = f"“{text}”: after “{name}:” comes the id of the chat"
            raise ValueError(msg)
        is_topic = platform is Platform.TELEGRAM and _TOPIC_ID.fullmatch(topic)
        if slash and not is_topic:
            msg = f"“{text}”: only telegram:<chat>/<topic> has a topic, a number"
            raise ValueError(msg)
        return cls(platform, chat, topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Silence for all assets (`asset_id` None) or one, until a time or the next flip.

    `until` None means: until the next flip of that asset, which is told.
    """

    asset_id: int | None
    until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One inbox: a private chat, a group or topic, a channel, a web page's inbox.

    Attributes:
        thresholds: default lines for watches that name none.
        parked_since, parked_reason: set while the platform says the recipient is
            gone; its watchlist stays.
        preferences: how it wants to hear.
    """

    id: int
    address: Address
    kind: PlaceKind = PlaceKind.PRIVATE
    thresholds: tuple[float, ...] = ()
    language: str = ""
    parked_since: datetime | None = None
    parked_reason: str = ""
    preferences: Preferences = field(default_factory=Preferences)
    created_at: datetime

    @property
    def alias(self) -> str:
        """What logs call it: no address, so that who is erased is in no log either."""
        return f"{self.address.platform.value}#{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One of several chats that share a recipient, its watchlist and its history.

    Alerts go over the one in use: the preferred one, or another while that is gone.

    Attributes:
        account: who linked it, `platform:id`.
        parked_since: set while the platform says this chat is gone.
    """

    address: Address
    account: str
    is_preferred: bool
    is_in_use: bool
    parked_since: datetime | None = None


class Scope(StrEnum):
    """What a watch names, most specific first."""

    ASSET = "asset"
    CATEGORY = "category"
    TOP = "top"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a watch is on: exactly one of asset, category, top-n or everything."""

    scope: Scope
    asset_id: int | None = None
    category: str = ""
    top: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What else must hold for a watch to match; None and () mean no condition.

    `thresholds` None takes the recipient's default lines. Bounds are inclusive except
    `max_*`, which are exclusive, as the grammar writes them: `grade>=80 mcap<1b`.
    `is_urgent` is no condition on the event: what matches waits for no quiet hours and
    no digest.
    """

    direction: Signal | None = None
    min_grade: float | None = None
    max_grade: float | None = None
    min_market_cap: float | None = None
    max_market_cap: float | None = None
    min_volume: float | None = None
    max_volume: float | None = None
    thresholds: tuple[float, ...] | None = None
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One recipient's interest. An exception takes one asset out of broader watches."""

    id: int
    recipient_id: int
    target: Target
    conditions: Conditions = Conditions()
    text: str = ""
    is_exception: bool = False
    created_at: datetime
    created_by: str = ""


# ---------------------------------------------------------------- places and errands


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNote:
    """What is known of a group, topic or channel beside its watches.

    Attributes:
        title, topic_title: as people there read them; empty where unknown.
        setter: `platform:id` of the admin who last set what it gets; empty for an
            anonymous one.
        setter_name: that admin as people there know them.
        lost_told: the `parked_since` of which the setter has heard.
        probed_at: when writing there was last tried after a loss.
    """

    title: str = ""
    topic_title: str = ""
    setter: str = ""
    setter_name: str = ""
    set_at: datetime | None = None
    lost_told: datetime | None = None
    probed_at: datetime | None = None


class ErrandKind(StrEnum):
    """A small thing to be done later to a message that was sent."""

    #: take the message away
    DELETE = "delete"
    #: give its buttons back; until then what was pressed can be undone
    BUTTONS = "buttons"
    #: publish it to those who follow a Discord announcement channel
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One errand; a message has at most one of each kind.

    `document` is plain JSON that only its kind understands; `attempts` counts the
    tries so far.
    """

    address: Address
    message_ref: str
    kind: ErrandKind
    due_at: datetime
    document: "JsonDict" = field(default_factory=dict)
    attempts: int = 0


# ---------------------------------------------------------------- told and delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a recipient was last told of an asset: by an alert or by a reply.

    Attributes:
        signal: the standing signal told; None if only lines were told.
        since: when the told signal began to stand, by the engine's time; None if that
            was not known.
        lines: the told side per threshold.
        watch_id: the watch that led to it, or whose reply showed it.
        message_ref: the platform's id of the last alert on this asset.
    """

    asset_id: int
    signal: Signal | None = None
    since: datetime | None = None
    lines: Mapping[float, Side] = field(default_factory=dict)
    watch_id: int | None = None
    message_ref: str = ""


class DeliveryState(StrEnum):
    """Where a delivery stands; every state but `sent` carries a reason code."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    PARKED = "parked"
    DEAD = "dead"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One delivery that is due or held, with its event and the watch that matched."""

    delivery_id: int
    event: Event
    asset: Asset
    watch: Watch
    created_at: datetime
    attempts: int = 0
    #: why it has waited so far, such as `muted` or `away`; empty when it has not
    reason: str = ""
    #: what last held it, or that its recipient was away; a retry leaves that as it is
    held_for: str = ""
    #: it went out once without an answer: nobody knows whether it was told
    is_unsure: bool = False
    #: first moment it could have been sent: the maximum age counts from here
    owed_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """What a message tells of one asset; becomes `Told` after the platform's yes."""

    asset_id: int
    signal: Signal | None
    since: datetime | None
    lines: Mapping[float, Side] = field(default_factory=dict)
    watch_id: int | None = None


JsonDict = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenMessage:
    """A message as it is sent, and sent again while its outcome is unknown.

    `parts` are rendered for the platform and plain JSON; the first `sent_parts` of
    them have the platform's yes. `id` and the part's number make the nonce.
    """

    id: int
    parts: tuple[JsonDict, ...]
    sent_parts: int = 0
    delivery_ids: tuple[int, ...] = ()
    tells: tuple[Tell, ...] = ()
    frozen_at: datetime
    is_plain: bool = False
    #: failed tries so far, and since when the oldest delivery in it is owed
    attempts: int = 0
    owed_since: datetime | None = None
    #: not sent by then, and not begun, it is decided anew: quiet hours begin
    send_by: datetime | None = None
    edit: "Edit | None" = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What an earlier message of the chat says from now on, rendered."""

    message_ref: str
    part: JsonDict


class MessageKind(StrEnum):
    """What a message is, as far as somebody looks back at it.

    A LETTER carries no deliveries: a sign of life. A WAVE is a broad move's table, MORE
    a later line about it.
    """

    ALERT = "alert"
    WAVE = "wave"
    MORE = "more"
    DIGEST = "digest"
    LETTER = "letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A broad move that was told within the last half hour.

    `message_ref` is its table; `told` all flips told of it, in their order.
    """

    message_ref: str
    told: tuple[tuple[Asset, Event], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What a recipient was sent on its own day.

    `repeated` counts assets of which more than one flip was told.
    """

    messages: int = 0
    flips: int = 0
    crossings: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """How many assets stand bullish, of those with a signal, now and before."""

    bullish: int
    total: int
    bullish_before: int

    @property
    def share(self) -> float:
        """The bullish share now, from 0 to 1."""
        return self.bullish / self.total

    @property
    def share_before(self) -> float:
        """The bullish share before what is told."""
        return self.bullish_before / self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What is around the news of one recipient.

    Attributes:
        watched: how many assets it watches; None where that is not simple to say.
        title: what they are called, if not by their number: `the top 100`, `all 250`.
        own: assets with a watch of their own.
        others: these assets as they stand, unless there are very many.
        market: the bull-bear indicator, for news of many assets.
    """

    watched: int | None = None
    title: str = ""
    own: frozenset[int] = frozenset()
    others: tuple[Asset, ...] = ()
    market: Market | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A recipient taken by one worker, with all that is waiting for it.

    When `frozen` is set, exactly that message goes out and nothing else is decided.
    `overtaken` names assets in `waiting` that stand where a later event left them,
    which is still being fanned out and so may wait here, too, in a moment.
    `digest_at` is when the last digest was sent. `backdrop` is empty unless the message
    may be about several assets. `today` is there for those with a daily budget,
    `wave` for those who were told of a broad move a moment ago.
    """

    recipient: Recipient
    owner: str
    lease_until: datetime
    mutes: tuple[Mute, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    told: Mapping[int, Told] = field(default_factory=dict)
    overtaken: frozenset[int] = frozenset()
    digest_at: datetime | None = None
    backdrop: Backdrop = field(default_factory=Backdrop)
    today: Today | None = None
    wave: Wave | None = None
    frozen: FrozenMessage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """One delivery as it is listed to the operator.

    `reason` is empty once it is sent; `symbol`, `kind` and `as_of` are the event's.
    `attempts` counts failed tries.
    """

    id: int
    state: DeliveryState
    reason: str
    recipient: Address
    symbol: str
    kind: EventKind
    as_of: datetime
    attempts: int
    created_at: datetime
    due_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's yes, with its message id."""

    message_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A poll that this worker may run. `number` grows by one per poll of a source."""

    source: str
    number: int
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSummary:
    """How a poll went, for /status, metrics and the terminal."""

    number: int
    started_at: datetime
    finished_at: datetime | None = None
    is_ok: bool = False
    reason: str = ""
    as_of: datetime | None = None
    readings: int = 0
    events: int = 0


#: how often an engine is expected to have something new when nothing is known of it
DEFAULT_UPDATE_EVERY = timedelta(days=1)
