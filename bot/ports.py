"""The ports: what the core needs of engines, stores and platforms.

Adapters in `engine/`, `storage/` and `handlers/` satisfy them; tests satisfy them with
complete fakes. Nothing here imports a library of the outside world.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from bot.access import Invite, Rule
from bot.announcing import Announcement, AnnouncementState, PostState
from bot.errors import LeaseLostError
from bot.limits import Lane
from bot.message import Attachment, Button, Line, Message
from bot.model import (
    Address,
    Asset,
    AssetInfo,
    AssetState,
    Claim,
    Conditions,
    DeliveryRecord,
    DeliveryState,
    Edit,
    Errand,
    ErrandKind,
    Event,
    Explanation,
    FrozenMessage,
    JsonDict,
    MarketPoint,
    MessageKind,
    Mute,
    PastReading,
    PlaceKind,
    PlaceNote,
    Platform,
    PollSummary,
    PrivateLine,
    Reading,
    Receipt,
    Recipient,
    Route,
    Snapshot,
    Stance,
    Target,
    Tell,
    Tick,
    Told,
    Turn,
    Wanted,
    Watch,
)
from bot.pictures import FlipDot, Look, PictureRef, Point, View
from bot.population import Crowd, Inhabitant
from bot.preferences import Preferences
from bot.retention import Kept
from bot.screening import Found, Screen
from bot.trail import Trail

#: Gives the time now, aware and in UTC. Passed in everywhere, never imported.
Clock = Callable[[], datetime]


class GradeSource(Protocol):
    """A grading engine as we poll it.

    `name` identifies it in the store (another name is another source, hence a new
    baseline), `title` is what people read, `update_every` is how often it usually has
    something new.
    """

    name: str
    title: str
    update_every: timedelta

    async def fetch(self, wanted: Wanted) -> Snapshot:
        """Fetch what the engine says now; raise only `SourceError`."""
        ...

    async def lookup(self, symbol: str) -> Sequence[AssetInfo]:
        """Find assets with exactly this symbol that no poll has brought yet.

        The most obvious one first; empty where the source has no others. May cost a
        call; raises only `SourceError`.
        """
        ...

    def resume(self, bookmark: str | None) -> None:
        """Continue where a committed snapshot left off; called once before fetching."""
        ...

    async def close(self) -> None:
        """Give back connections; may be called twice."""
        ...


@runtime_checkable
class ExplainingSource(Protocol):
    """A grading engine that can say why its grades are what they are."""

    def explain(self, key: str) -> Explanation | None:
        """Explain the newest grade that a fetch of this process brought.

        None where it brought none of this asset.
        """
        ...


class HistorySource(Protocol):
    """A grading engine that also says what it said before.

    `history_together` is of how many assets one fetch may ask, `history_every` how
    often one may be made.
    """

    name: str
    history_together: int
    history_every: timedelta

    async def fetch_history(
        self, keys: Sequence[str], last: datetime
    ) -> Sequence[Reading]:
        """Fetch some weeks of days up to and with one, oldest first.

        Empty where nothing is known. Raises only `SourceError`; with reason `budget`
        where polls need the credits.
        """
        ...


# -------------------------------------------------------------------------- pictures


class Pictures(Protocol):
    """Draws pictures of plain values."""

    async def draw(self, view: View, look: Look) -> bytes:
        """Return a PNG of at most 100,000 bytes; raise only `PictureError`.

        The same view gives the same bytes. Works beside the loop, which it never
        holds up; cancelling the caller does not stop what is being drawn.
        """
        ...

    async def close(self) -> None:
        """Give back what draws; may be called twice."""
        ...


class PictureShelf(Protocol):
    """Where whoever sends a message gets its picture; nothing here ever raises.

    What fails or takes too long is logged with its reason, and the words go without.
    """

    async def prepare(self, ref: PictureRef) -> None:
        """Have a picture drawn for an alert, unless that takes too long."""
        ...

    def ready(self, ref: PictureRef) -> bytes | None:
        """Return the picture if it is there by now, a PNG."""
        ...

    async def picture(self, ref: PictureRef) -> bytes | None:
        """Return the picture for somebody who waits for it, a PNG."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartHistory:
    """What was said of an asset in a window of time.

    Attributes:
        points: oldest first; the newest one of the window is always among them.
        flips: changes of the standing signal, oldest first.
        standing: whether it stood bullish before the first flip; None if unknown.
    """

    points: tuple[Point, ...] = ()
    flips: tuple[FlipDot, ...] = ()
    standing: bool | None = None


# --------------------------------------------------------------------------- sending


class Sender(Protocol):
    """Sends one message to one recipient on one platform.

    `repeat_window` is for how long a message whose outcome is unknown is sent again
    exactly as it was; after it the message is decided and rendered anew. `rate` is how
    many messages a second may leave over all chats, `math.inf` where nobody counts.
    """

    platform: Platform
    repeat_window: timedelta
    rate: float

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        """Render into one or more parts, each within the platform's limits.

        Pure. A part is plain JSON: it is stored and may be sent by another process
        after a crash.
        """
        ...

    def answering(
        self, parts: tuple[JsonDict, ...], message_ref: str
    ) -> tuple[JsonDict, ...]:
        """Return the parts as an answer to an earlier message; pure.

        The same as rendering the message with that `reply_to`, without rendering.
        """
        ...

    async def prepare(self, part: JsonDict) -> None:
        """Get ready what a part needs beside its words, before its turn.

        Never raises and never takes long: what is not ready by then is left out.
        """
        ...

    def free_in(self, address: Address) -> timedelta:
        """Return how long the platform's limits keep this recipient waiting.

        Zero when a message may leave now. The overall rate is not in it: `turn` waits
        for that, about a second at most.
        """
        ...

    def pause_left(self) -> timedelta:
        """Return for how long the platform wants nothing at all; zero if it does."""
        ...

    def turn(
        self, address: Address, *, lane: Lane = Lane.ALERT
    ) -> AbstractAsyncContextManager[None]:
        """Wait for a turn at the platform's overall rate; send inside the block.

        Of those that wait, lower lanes go first.

        Raises `TemporaryDeliveryError`, a clear no with the wait, when the platform is
        paused or the recipient is not free by now.
        """
        ...

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Send one part and return the platform's yes; raise only `DeliveryError`.

        Inside a `turn`: it waits for nothing but the answer, and for that only as long
        as the send timeout says, then raises with `is_unknown`.
        `nonce` is at most 25 characters (Discord's limit) and the same for every
        repeat of this part, so that a platform that knows nonces hides a repeat.
        `is_plain` sends the words without markup, after the platform refused it.
        """
        ...

    async def edit(self, address: Address, message_ref: str, part: JsonDict) -> None:
        """Replace what a message says and its buttons; raise only `DeliveryError`.

        Not inside a `turn`: it waits for the platform's overall rate itself. A message
        that says the same already is fine.
        """
        ...


class Keeper(Protocol):
    """What can still be done about messages that were sent, on one platform.

    Every method raises only `DeliveryError`; none of them is a message, so none waits
    for a turn.
    """

    platform: Platform

    async def delete(self, address: Address, message_ref: str) -> None:
        """Take a message away; one that is gone already is fine."""
        ...

    async def edit_buttons(
        self, address: Address, message_ref: str, buttons: Sequence[Sequence[Button]]
    ) -> None:
        """Replace only a message's buttons; those it has already are fine."""
        ...

    async def publish(self, address: Address, message_ref: str) -> None:
        """Publish a post of an announcement channel; a published one is fine."""
        ...

    async def knock(self, address: Address) -> None:
        """Find out, unseen by anybody, whether the bot may write there."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A path that one face wants posted to it and another face serves.

    Attributes:
        path: such as `/telegram/webhook`; only POST is for it.
        max_bytes: a longer body is refused before it is read.
        allows: whether these headers (names in lower case) show the right to post.
        take: what is done with the body; returns the HTTP status to answer. Quick.
    """

    path: str
    max_bytes: int
    allows: Callable[[Mapping[str, str]], bool]
    take: Callable[[bytes], Awaitable[int]]


class Face(Protocol):
    """A side of the bot that listens: Telegram, Discord or HTTP."""

    name: str

    async def start(self) -> None:
        """Start listening; raise `ConfigError` if it can never work."""
        ...

    async def stop(self) -> None:
        """Stop listening; may be called twice."""
        ...

    def trouble(self) -> str:
        """Say in a line what keeps it from working now, or return an empty string."""
        ...


# ------------------------------------------------------------- what people type


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A group, topic or channel as the platform describes it now.

    Attributes:
        title: as people there read it, such as `Traders` or `#alerts`.
        topic_title: the name of the topic or thread, where it is known.
        is_admin: asks the platform now whether the caller may change it.
        can_post: whether the bot may write there, as far as the platform says.
        post: sends a message there; raises `DeliveryError`. None where that is not
            possible from here.
    """

    place: Address
    kind: PlaceKind
    title: str = ""
    topic_title: str = ""
    is_admin: Callable[[], Awaitable[bool]]
    can_post: bool = True
    post: Callable[[Message], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Something typed or pressed: by whom, where, and what the face can do about it.

    Attributes:
        place: where it was typed; the recipient that is changed, unless the command
            is personal and the place is not private.
        user: `platform:id` of who typed it; empty for an anonymous admin or a channel
            post, who speak for the place.
        text: the whole line with the leading slash: `/watch BTC 80`. Discord's face
            puts its options together to the same text.
        is_admin: asks the platform now whether this user may change the place. Always
            true in a private chat.
        open_private: opens the user's private chat by sending this message there, and
            gives its address; raises `RecipientGoneError` if it is closed. None where
            a bot can't write first (Telegram).
        private_link: a link into the private chat that carries a start payload such as
            `watch_BTC`; empty where there is none.
        message_ref: the platform's id of the message the pressed button is on.
        attachment: the file that was sent along, if it was a text of bearable size.
        user_name: the user as people there know them, `@kofi`; empty where unknown.
        title, topic_title: as in `Spot`, of the place it was typed in.
        spot: another place that was named beside the text (Discord's option).
        post: sends a message into the place it was typed in, beside the reply; raises
            `DeliveryError`. None where that is not possible.
        find_spot: finds a place by `@name` or id, None if there is none that the bot
            can see. None where places can't be named (no such platform).
    """

    place: Address
    kind: PlaceKind
    user: str
    text: str
    user_name: str = ""
    title: str = ""
    topic_title: str = ""
    spot: Spot | None = None
    post: Callable[[Message], Awaitable[None]] | None = None
    find_spot: Callable[[str], Awaitable[Spot | None]] | None = None
    language: str = ""
    is_admin: Callable[[], Awaitable[bool]]
    open_private: Callable[[Message], Awaitable[Address]] | None = None
    private_link: Callable[[str], str] | None = None
    message_ref: str = ""
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PressReply:
    """What follows a press: a short toast, a new message, or other buttons.

    Attributes:
        toast: at most 200 characters, for the presser alone.
        message: sent as a new message (private to the presser where the place is not).
        edited: replaces the message the button is on, when not None.
        buttons: replaces only that message's buttons, when not None.
        note: shown below the message the button is on, in place of an earlier note;
            an empty line takes that away.
        url: a link that the presser's client opens, where the platform can.
    """

    toast: str = ""
    message: Message | None = None
    edited: Message | None = None
    buttons: tuple[tuple[Button, ...], ...] | None = None
    note: Line | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The bot was let into a place.

    Attributes:
        by: `platform:id` of who did it; empty where the platform does not say.
        title: as in `Spot`.
        can_post: whether the bot may write there.
    """

    place: Address
    kind: PlaceKind
    by: str = ""
    title: str = ""
    can_post: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What follows an arrival: a post there, and a guide to who let the bot in."""

    post: Message | None = None
    guide: Message | None = None
    guide_to: Address | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One autocomplete proposal: what is shown and what is filled in."""

    label: str
    value: str


class Desk(Protocol):
    """The platform-free side of every command: faces parse, ask this, and render.

    Never raises a `UserError`: it is already worded as the reply.
    """

    async def say(self, call: Call) -> Message | None:
        """Do what was typed and return the one reply.

        None where silence is it: somebody blocked, a flood that was told so, or a
        group that was told the same a moment ago.
        """
        ...

    async def press(self, call: Call, action: str) -> PressReply:
        """Do what a button says; idempotent; old buttons are answered kindly."""
        ...

    async def complete(self, typed: str) -> Sequence[Choice]:
        """Propose assets for the last word typed; at most 25."""
        ...

    async def on_added(self, arrival: Arrival) -> Welcome:
        """The bot was let into a place: resume what is parked, say what to say."""
        ...

    async def on_fading(
        self, place: Address, message_refs: Sequence[str], after: timedelta
    ) -> None:
        """These messages are to be taken away after a while, where the bot may."""
        ...

    async def on_gone(self, place: Address, reason: str) -> None:
        """The bot was blocked or kicked: park, keep everything."""
        ...

    async def on_back(self, place: Address, kind: PlaceKind) -> None:
        """The bot was unblocked or added again: resume what is parked."""
        ...

    async def on_moved(self, old: Address, new: Address) -> None:
        """A group became a supergroup: follow."""
        ...


# --------------------------------------------------------------------------- storing


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesWanted:
    """Which lines somebody cares about: by asset key, and on every asset."""

    by_key: Mapping[str, frozenset[float]] = field(default_factory=dict)
    everywhere: frozenset[float] = frozenset()

    def of(self, key: str) -> frozenset[float]:
        """Return all lines to keep for one asset."""
        return self.by_key.get(key, frozenset()) | self.everywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """Everything one poll changes; committed in one transaction.

    Attributes:
        states: new state per asset key, only of assets that changed.
        seen: keys the poll brought, changed or not; their `seen_at` moves.
        readings: to be kept in history (a baseline, a newer `as_of`, an applied
            revision, or a refreshed price at an equal `as_of`, which replaces it).
        private_lines: their new sides; `dropped_lines` follow the shared line again.
        market: the bull-bear indicator after this poll; one of the same `as_of` is
            replaced.
        failure: the reason of a poll that gave no grades but has an event all the
            same: source trouble. The poll is recorded as failed.
    """

    tick: Tick
    snapshot: Snapshot
    finished_at: datetime
    states: Mapping[str, AssetState] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    readings: tuple[Reading, ...] = ()
    events: tuple[Event, ...] = ()
    private_lines: tuple[PrivateLine, ...] = ()
    dropped_lines: tuple[PrivateLine, ...] = ()
    market: MarketPoint | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """What was decided for a claim, before anything is sent.

    Attributes:
        parts: rendered parts of the message; empty when nothing is to be sent.
        delivery_ids: deliveries the message carries.
        tells: what becomes told after the yes.
        holds: delivery id -> (until, reason): back to pending with that `due_at`.
        skips: delivery id -> reason: final.
        ended_mutes: assets (None = all) whose "until the next flip" this message ends.
        kind: what the message is.
        send_by: not sent by then, the message is decided anew.
        edit: what an earlier message says once this one is sent.
        dead_reason: when set, nothing is sent: the deliveries are dead letters.
    """

    parts: tuple[JsonDict, ...] = ()
    delivery_ids: tuple[int, ...] = ()
    tells: tuple[Tell, ...] = ()
    holds: Mapping[int, tuple[datetime, str]] = field(default_factory=dict)
    skips: Mapping[int, str] = field(default_factory=dict)
    ended_mutes: tuple[int | None, ...] = ()
    kind: MessageKind = MessageKind.ALERT
    send_by: datetime | None = None
    edit: Edit | None = None
    dead_reason: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message with the platform's yes to all its parts; `receipt` is the last's."""

    claim: Claim
    message: FrozenMessage
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What /status, metrics and tests ask of the outbox and the rest."""

    deliveries: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    watches: int = 0
    #: recipients with at least one watch
    watchers: int = 0
    recipients: int = 0
    assets: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is due and not sent yet: how many deliveries, and since when the oldest."""

    due: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What came of two chats becoming one recipient.

    `differing` are the guest's watches that gave way to another one on the same target.
    """

    recipient: Recipient
    differing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutStep:
    """What one transaction of fan-out came to.

    Attributes:
        finished: how many events have no recipients left now.
        is_over: there was no open event.
        took: for how long other writers of this process had to wait.
    """

    finished: int = 0
    is_over: bool = False
    took: timedelta = timedelta()


class Store(Protocol):
    """What Flipwatch remembers.

    Holds for all methods: times are aware UTC; only `StoreError` is raised; one method
    is one transaction; safe from several tasks and, on PostgreSQL, several processes.
    Lists are ordered as documented and never lazily loaded.
    """

    async def close(self) -> None:
        """Close all connections; may be called twice."""
        ...

    async def ping(self) -> None:
        """Raise `StoreError` if the database does not answer."""
        ...

    # ---- polls

    async def claim_poll(
        self, source: str, now: datetime, interval: timedelta, worker: str
    ) -> Tick | None:
        """Take the next poll of this source, or return None if it is not ours.

        Refused while an unfinished poll of another worker is younger than
        2 x interval + 60 s, and while any poll of the source started less than half an
        interval ago. Ticks are numbered, and a last poll that lies in the future (the
        clock stepped back) never refuses: a clock step delays no poll.
        """
        ...

    async def commit_poll(self, result: PollResult) -> Sequence[Event]:
        """Write a poll's whole outcome and return the events that were new.

        One transaction: assets (created or refreshed), readings, states, lines,
        events with an open fan-out cursor, bookmark, poll row. An event whose key
        exists is left alone and not returned.
        """
        ...

    async def succeed_source(self, family: str, source: str) -> int:
        """Give the assets of an engine's last version to its new one; return how many.

        `family` is how the names of all its versions begin. Watches stay with the
        assets, while what detection knew of them is forgotten: the new version begins
        with a baseline. Nothing is done once the new one has assets.
        """
        ...

    async def fail_poll(self, tick: Tick, reason: str, now: datetime) -> None:
        """Record that a poll gave nothing; no other state changes."""
        ...

    async def last_polls(self, source: str, limit: int = 1) -> Sequence[PollSummary]:
        """List finished polls, newest first."""
        ...

    async def last_good_poll(self, source: str) -> PollSummary | None:
        """Find the newest poll that gave a snapshot."""
        ...

    async def bookmark(self, source: str) -> str | None:
        """Return the bookmark of the last committed snapshot, if it had one."""
        ...

    async def load_states(
        self, source: str, keys: Sequence[str]
    ) -> Mapping[str, AssetState]:
        """Return the states of those of the assets that have one."""
        ...

    async def watched_keys(self, source: str) -> frozenset[str]:
        """Return keys of assets named by a watch of their own (not by top-n or all)."""
        ...

    async def lines_wanted(self, source: str) -> LinesWanted:
        """Return the lines of all watches, default lines included."""
        ...

    async def private_lines(
        self, source: str, keys: Sequence[str]
    ) -> Sequence[PrivateLine]:
        """List the private lines on these assets."""
        ...

    async def prices_at(
        self, source: str, keys: Sequence[str], at: datetime
    ) -> Mapping[str, float]:
        """Return each asset's price from the newest reading in `[at - 12 h, at]`."""
        ...

    # ---- history

    async def list_stances(self, source: str) -> Sequence[Stance]:
        """List how every asset of the source stands; our own pseudo-assets are not."""
        ...

    async def daily_readings(
        self, source: str, keys: Sequence[str], *, after: datetime, before: datetime
    ) -> Mapping[str, Sequence[PastReading]]:
        """Return each asset's last reading of every day (UTC), oldest first.

        Of readings with `after < as_of < before`, each in its latest revision. Assets
        without any are left out.
        """
        ...

    async def readings_between(
        self, source: str, keys: Sequence[str], *, after: datetime, until: datetime
    ) -> Mapping[str, Sequence[PastReading]]:
        """Return each asset's readings with `after < as_of <= until`, oldest first.

        All revisions, in the order in which they came.
        """
        ...

    async def list_turns(
        self, source: str, keys: Sequence[str] | None = None
    ) -> Mapping[str, Sequence[Turn]]:
        """Return each asset's flips that were not taken back, oldest first.

        None asks for every asset.
        """
        ...

    async def market_history(
        self, source: str, *, after: datetime
    ) -> Sequence[MarketPoint]:
        """List the bull-bear indicator's points with a later `as_of`, oldest first."""
        ...

    async def add_history(
        self, source: str, key: str, readings: Sequence[Reading]
    ) -> int:
        """Keep readings that are older than all we have of an asset; return how many.

        For records alone: no state, line or event changes. Idempotent.
        """
        ...

    async def last_fresh(self, source: str) -> datetime | None:
        """Return when a reading of the source last was new, by our clock."""
        ...

    # ---- another engine

    async def follow_source(self, source: str, *, now: datetime) -> bool:
        """Move watches and mutes to a new source's assets; True if it is another one.

        Once per change, and not before the new source has graded anything. An asset's
        twin is the largest of the same symbol; without one a watch stays where it is.
        Whoever watches anything gets one event; the change itself is no flip, since
        the new source begins with a baseline.
        """
        ...

    # ---- fan-out

    async def open_fanouts(self, limit: int = 100) -> Sequence[int]:
        """List ids of events whose fan-out is not finished, oldest first."""
        ...

    async def fan_out_step(self, *, limit: int, now: datetime) -> FanOutStep:
        """Create deliveries of the oldest open events for the next recipients.

        Events that stand at the same recipient go together, so that of a broad move
        everybody has all deliveries at once. Goes by recipient id from the events'
        cursor, through about `limit` watches that cover an asset; deliveries and
        cursors are one transaction, so a crash repeats or loses nothing. Who matches
        is what `routing.route` says.
        """
        ...

    async def fan_out_chunk(self, event_id: int, *, limit: int, now: datetime) -> bool:
        """Do a step of one event alone; True when it has no recipients left."""
        ...

    # ---- deliveries

    async def claim_due(
        self,
        platforms: Sequence[Platform],
        *,
        owner: str,
        now: datetime,
        lease: timedelta,
        limit: int,
    ) -> Sequence[Claim]:
        """Take recipients that are due, each with all its waiting deliveries.

        A recipient may be claimed when it is not parked, no unexpired lease is on it
        (or the lease's owner is this worker's own name and lies in the past), and it
        has a pending delivery or a frozen message with `due_at <= now`. All its
        pending deliveries come along in event order, also those held until later, so
        that the net can be told. Longest due first. A frozen message comes back
        exactly as it was, with `waiting` empty.
        """
        ...

    async def freeze(
        self, decided: Sequence[tuple[Claim, Freeze]], *, now: datetime
    ) -> Sequence[FrozenMessage | LeaseLostError | None]:
        """Write what was decided for several claims, one transaction for all.

        Returns for each, in order, the message to send; None if there is none, and
        then the recipient's lease ends here; `LeaseLostError` (not raised) if the
        claim is no longer ours, and nothing of it was written. What is raised is
        about all of them, and nothing was written.
        """
        ...

    async def record_part(
        self, claim: Claim, message_id: int, receipt: Receipt, *, now: datetime
    ) -> None:
        """Count one more part as sent and remember the first part's message id.

        For all parts but the last, whose receipt `settle_sent` takes.
        """
        ...

    async def settle_sent(self, sent: Sequence[Sent], *, now: datetime) -> None:
        """The platform said yes to all parts: deliveries `sent`, tells become told.

        One transaction for all of them. Idempotent. Ends the leases.
        """
        ...

    async def settle_retry(
        self,
        claim: Claim,
        message_id: int,
        *,
        due_at: datetime,
        reason: str,
        is_unknown: bool,
        now: datetime,
        is_plain: bool = False,
        counts: bool = True,
    ) -> None:
        """Try again at `due_at`: frozen if the outcome is unknown, else thawed.

        Thawed deliveries become pending and are decided anew. A message of which a
        part has been sent already stays frozen. `is_plain` keeps it frozen for one
        more try without markup. `counts` False leaves `attempts` and ends no patience
        (the platform ordered the wait: then `owed_since` moves on by it).
        """
        ...

    async def settle_parked(
        self, claim: Claim, message_id: int, *, reason: str, now: datetime
    ) -> None:
        """The recipient is gone: park it and all its waiting deliveries.

        A linked one goes on over another of its chats instead, if one is open.
        """
        ...

    async def settle_dead(
        self, claim: Claim, message_id: int, *, reason: str, now: datetime
    ) -> None:
        """Give up on the message's deliveries, with the reason. Ends the lease."""
        ...

    async def move_recipient(self, old: Address, new: Address) -> None:
        """Give a recipient (and its topics' siblings) another chat; idempotent."""
        ...

    async def release(self, claim: Claim, *, due_at: datetime | None = None) -> None:
        """End a lease without an outcome.

        Nothing else changes but, if given, `due_at` of a frozen message or of the
        waiting deliveries that are due.
        """
        ...

    async def park(self, address: Address, *, reason: str, now: datetime) -> None:
        """Park a recipient and what waits for it; unknown addresses are ignored.

        A chat takes its topics along, also in `unpark`.
        """
        ...

    async def unpark(self, address: Address, *, now: datetime) -> Recipient | None:
        """Resume a recipient: its parked deliveries are pending and due now."""
        ...

    # ---- dead letters, for the operator

    async def list_deliveries(
        self,
        *,
        ids: Collection[int] | None = None,
        state: DeliveryState | None = None,
        reason: str = "",
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[DeliveryRecord]:
        """List deliveries, newest first; those that pass every filter given.

        `before` takes only smaller ids, so that a long list can be read in pages.
        """
        ...

    async def dead_letters(
        self, *, after: datetime, until: datetime
    ) -> Mapping[str, int]:
        """Count by reason the dead deliveries that died in `(after, until]`."""
        ...

    async def replay_deliveries(
        self, ids: Collection[int], *, now: datetime
    ) -> Sequence[int]:
        """Make those of them that are dead pending and due now; return their ids.

        They are decided anew: what came back meanwhile or is no longer watched is
        skipped, nothing old is told as if current. Patience and attempts start again.
        Of a parked recipient they are parked. Others stay as they are.
        """
        ...

    async def drop_deliveries(
        self, ids: Collection[int], *, now: datetime
    ) -> Sequence[int]:
        """Skip those of them that wait, are parked or dead, with reason `dropped`.

        Returns their ids. What is on its way or settled stays as it is.
        """
        ...

    # ---- letters, about nothing that happened

    async def silent_recipients(
        self,
        platforms: Sequence[Platform],
        *,
        before: datetime,
        after: int = 0,
        limit: int = 500,
    ) -> Sequence[Recipient]:
        """List private recipients who watch something and heard nothing since `before`.

        In order of id, those with a larger one than `after`. Without those who are
        parked or for whom something waits, is held or on its way.
        """
        ...

    async def post_letter(
        self,
        recipient_id: int,
        parts: tuple[JsonDict, ...],
        *,
        now: datetime,
        send_by: datetime | None = None,
    ) -> bool:
        """Freeze a rendered message that carries no deliveries; True if it was.

        It goes out as any other message does, in its turn and at the platform's pace,
        but what the platform refuses is not tried again later. Not while the recipient
        is parked, or something of it waits or is on its way. The recipient counts as
        written to from now on.
        """
        ...

    async def count_polls(self, source: str, *, since: datetime) -> tuple[int, int]:
        """Count the polls since then: those that worked, and all that are finished."""
        ...

    # ---- recipients and watches

    async def find_recipient(self, address: Address) -> Recipient | None:
        """Find a recipient by its address, or by that of any of its linked chats."""
        ...

    async def ensure_recipient(
        self, address: Address, kind: PlaceKind, *, language: str = "", now: datetime
    ) -> Recipient:
        """Return the recipient, created if it is new; idempotent."""
        ...

    async def set_thresholds(
        self, recipient_id: int, thresholds: Sequence[float], *, now: datetime
    ) -> None:
        """Set the default lines, and with them those of watches without their own."""
        ...

    async def set_preferences(
        self, recipient_id: int, preferences: Preferences, *, now: datetime
    ) -> None:
        """Set how a recipient wants to hear.

        What was held becomes due now and is decided anew by what is wanted from now
        on; what is being decided in this moment, too. A message on its way stays.
        """
        ...

    async def set_language(self, recipient_id: int, language: str) -> None:
        """Set the language a recipient is written to in, such as `de`."""
        ...

    # ---- several chats of one person

    async def list_routes(self, recipient_id: int) -> Sequence[Route]:
        """List the chats of a linked recipient, oldest first; empty if it is not."""
        ...

    async def choose_route(
        self, recipient_id: int, address: Address, *, now: datetime
    ) -> bool:
        """Prefer one of a recipient's chats and use it from now on, if it is open.

        False if it is none of them. Waiting deliveries go along. A chat that is gone
        gives way to another of them by itself (`park`, `settle_parked`), and takes
        over again when it is back, if it is the preferred one (`unpark`).
        """
        ...

    async def set_link_code(
        self, recipient_id: int, digest: str, *, account: str, expires_at: datetime
    ) -> None:
        """Keep the digest of a code that lets another chat join; the newest counts."""
        ...

    async def find_link(self, digest: str, *, now: datetime) -> Recipient | None:
        """Return the recipient whose code this is, None if it is nobody's now."""
        ...

    async def note_link_try(self, recipient_id: int, *, now: datetime) -> None:
        """Remember that a wrong code was typed."""
        ...

    async def count_link_tries(self, recipient_id: int, *, since: datetime) -> int:
        """Count the wrong codes typed by a recipient after a moment."""
        ...

    async def join(
        self, recipient_id: int, digest: str, *, account: str, now: datetime
    ) -> Joined | None:
        """Let a recipient join the one whose code this is; the code is used up.

        They are one from then on: what was told to either is told, by what was said
        last; what waits for either waits, once. Alerts keep going where the one with
        the code got them. None if no such code is live, or it is the recipient's own.
        """
        ...

    async def part(self, address: Address, *, now: datetime) -> bool:
        """Let one chat of a linked recipient go its own way, with a copy of everything.

        What waits then waits for both. False if the chat shares nothing.
        """
        ...

    # ---- erasing and undoing

    async def forget(self, recipient_id: int, *, users: Collection[str]) -> None:
        """Erase a recipient with all its chats, and what names these users elsewhere.

        Nothing happens for an unknown recipient. A send under way may still arrive.
        """
        ...

    async def keep_undo(
        self, recipient_id: int, what: JsonDict, *, until: datetime, now: datetime
    ) -> int:
        """Keep what a button may bring back until then; return its id."""
        ...

    async def take_undo(
        self, recipient_id: int, undo_id: int, *, now: datetime
    ) -> JsonDict | None:
        """Take what was kept, once; None if it is gone, too old or another's."""
        ...

    # ---- watches

    async def put_watch(
        self,
        recipient_id: int,
        target: Target,
        conditions: Conditions,
        *,
        text: str,
        created_by: str,
        told: Tell | None,
        is_exception: bool = False,
        now: datetime,
    ) -> tuple[Watch, bool]:
        """Create the watch, or replace the one on the same target.

        Returns it and whether it is new. Of a broadcast place there may be several on
        different targets. `told` is what the reply will show of a single asset: it
        becomes told now, and where a line's shown side differs from the shared one a
        private line is kept. Putting an asset watch removes an exception on the asset.
        """
        ...

    async def remove_watch(
        self, recipient_id: int, target: Target, *, now: datetime
    ) -> Watch | None:
        """Remove the watch on exactly this target, if there is one.

        Its waiting deliveries that no other watch of the recipient covers become
        skipped with reason `unwatched`.
        """
        ...

    async def list_watches(self, recipient_id: int) -> Sequence[Watch]:
        """List a recipient's watches and exceptions, oldest first."""
        ...

    async def set_mute(self, recipient_id: int, mute: Mute) -> None:
        """Set or replace the mute of one asset or of all."""
        ...

    async def clear_mutes(
        self, recipient_id: int, asset_id: int | None, *, now: datetime
    ) -> int:
        """Remove the mute of one asset, or with None every mute; return how many.

        What they held becomes due now.
        """
        ...

    async def list_mutes(self, recipient_id: int, now: datetime) -> Sequence[Mute]:
        """List the mutes in force."""
        ...

    async def told(self, recipient_id: int) -> Mapping[int, Told]:
        """Return what the recipient was last told, by asset id."""
        ...

    # ---- places and errands

    async def note_place(self, recipient_id: int, note: PlaceNote) -> None:
        """Write what is known of a place; empty titles leave those known."""
        ...

    async def find_places(
        self,
        *,
        recipient_ids: Collection[int] | None = None,
        chat: Address | None = None,
        setter: str = "",
    ) -> Sequence[tuple[Recipient, PlaceNote]]:
        """List groups, topics and channels that pass every filter given, by id.

        `chat` takes a chat with all its topics (its own topic does not count). One
        that nothing was noted of has an empty note.
        """
        ...

    async def lost_places(
        self, platforms: Sequence[Platform], *, limit: int = 100
    ) -> Sequence[tuple[Recipient, PlaceNote]]:
        """List parked groups, topics and channels that have a watch, longest first."""
        ...

    async def put_errand(self, errand: Errand) -> None:
        """Keep an errand, in place of the message's earlier one of this kind."""
        ...

    async def find_errand(
        self, address: Address, message_ref: str, kind: ErrandKind
    ) -> Errand | None:
        """Find a message's errand of this kind."""
        ...

    async def take_errand(
        self, address: Address, message_ref: str, kind: ErrandKind
    ) -> Errand | None:
        """Remove an errand and return it; of several callers one gets it."""
        ...

    async def due_errands(
        self,
        platforms: Sequence[Platform],
        *,
        now: datetime,
        lease: timedelta,
        limit: int = 50,
    ) -> Sequence[Errand]:
        """Take errands that are due, oldest first; nobody else does until the lease.

        Each counts an attempt more and is due again after the lease, unless it is
        taken for good by then.
        """
        ...

    # ---- assets

    async def find_assets(self, source: str, word: str) -> Sequence[Asset]:
        """List assets whose symbol, alias, key or name is the word, largest first.

        Case does not matter. Symbols come before aliases, aliases before names.
        """
        ...

    async def add_assets(
        self, source: str, infos: Sequence[AssetInfo], *, now: datetime
    ) -> None:
        """Remember assets that no poll has brought yet; known ones stay as they are."""
        ...

    async def get_assets(self, ids: Sequence[int]) -> Mapping[int, Asset]:
        """Return assets with their states, by id; unknown ids are left out."""
        ...

    async def list_assets(
        self,
        source: str,
        *,
        target: Target | None = None,
        limit: int = 0,
    ) -> Sequence[Asset]:
        """List assets with states: all of the source, or those a target names.

        Largest market cap first (unknown last), then by symbol. 0 = no limit.
        """
        ...

    async def symbols(self, source: str) -> Sequence[tuple[str, str]]:
        """List (symbol, name) of every asset, largest first, for suggestions."""
        ...

    async def categories(self, source: str) -> Sequence[str]:
        """List the categories of the assets, alphabetically."""
        ...

    async def has_market_caps(self, source: str) -> bool:
        """Whether any asset of the source has a market cap."""
        ...

    async def recent_events(
        self, source: str, *, asset_id: int | None = None, limit: int = 20
    ) -> Sequence[Event]:
        """List events, newest first."""
        ...

    # ---- screens

    async def list_screen(self, source: str, screen: Screen) -> Found[Asset]:
        """List assets that have a grade, with their states, as the screen asks.

        Highest grade or freshest flip first; then the largest, then by symbol.
        """
        ...

    async def list_flips(self, source: str, screen: Screen) -> Found[Event]:
        """List flips as the screen asks, newest first, of one moment largest first.

        What a correction has withdrawn is not among them.
        """
        ...

    # ---- trails

    async def find_trail(
        self, recipient_id: int, *, asset_id: int | None = None
    ) -> Trail | None:
        """Find what became of an asset's last event, or of the last alert here.

        With an asset: the newest event of it that had a delivery here, or a flip
        after that which had none. Without: what was sent here last, or if nothing
        was, what waits or was skipped last.
        """
        ...

    async def look_at(self, recipient_id: int, *, now: datetime) -> Claim | None:
        """Show what waits for a recipient as a claim would; nothing is taken.

        None for an unknown recipient. A message on its way is not shown.
        """
        ...

    # ---- access

    async def access_of(self, subjects: Sequence[str]) -> Mapping[str, bool]:
        """Return what was said of these subjects: True is let in, False blocked."""
        ...

    async def set_access(self, rule: Rule) -> None:
        """Let a subject in or block it; what was said of it before is replaced."""
        ...

    async def clear_access(self, subject: str) -> bool:
        """Forget what was said of a subject; False if nothing was."""
        ...

    async def list_access(
        self, *, is_allowed: bool, offset: int = 0, limit: int = 20
    ) -> Found[Rule]:
        """List those let in, or those blocked, newest first."""
        ...

    async def private_places(self, user: str) -> Sequence[Address]:
        """List the private chats that are known to be this user's.

        A chat with the user's own id, or one in which the user made a watch.
        """
        ...

    async def put_invite(self, invite: Invite) -> None:
        """Keep a new invite; those that have expired are cleared away."""
        ...

    async def list_invites(self, now: datetime) -> Sequence[Invite]:
        """List the invites that still let somebody in, newest first."""
        ...

    async def drop_invite(self, code: str) -> bool:
        """End an invite; False if there is none with this code."""
        ...

    async def redeem_invite(self, code: str, subject: str, *, now: datetime) -> bool:
        """Let a subject in by an invite; False if the code lets nobody in (any more).

        Atomic: of n uses exactly n succeed. A subject that was let in already costs
        no use, and one that is blocked stays so.
        """
        ...

    # ---- population

    async def population(self) -> Sequence[Crowd]:
        """Count recipients by platform and kind."""
        ...

    async def has_recipients(self, chat: Address) -> bool:
        """Whether a chat, or any topic of it, is a recipient."""
        ...

    async def list_recipients(
        self, *, offset: int = 0, limit: int = 20
    ) -> Found[Inhabitant]:
        """List recipients with their number of watches, newest first."""
        ...

    # ---- announcements

    async def draft_announcement(
        self, text: str, *, created_by: str, now: datetime
    ) -> Announcement:
        """Keep what is to be announced; nothing is sent yet."""
        ...

    async def find_announcement(
        self, announcement_id: int | None = None
    ) -> Announcement | None:
        """Find an announcement with its figures; without an id the one being sent."""
        ...

    async def start_announcement(self, announcement_id: int, *, now: datetime) -> bool:
        """Begin to send a draft; False if it is none, or another one is being sent."""
        ...

    async def end_announcement(
        self, announcement_id: int, state: AnnouncementState, *, now: datetime
    ) -> bool:
        """Cancel a draft or what is being sent, or say that it is done."""
        ...

    async def next_posts(
        self,
        announcement_id: int,
        platforms: Collection[Platform],
        *,
        after: int = 0,
        limit: int = 20,
    ) -> Sequence[Recipient]:
        """List private chats that have yet to get it, by id from `after` on.

        Those that are gone and those that came after it was drafted are left out.
        """
        ...

    async def begin_post(
        self, announcement_id: int, recipient_id: int, *, now: datetime
    ) -> bool:
        """Note that one is about to be sent; False if it must not be (any more)."""
        ...

    async def settle_post(
        self,
        announcement_id: int,
        recipient_id: int,
        state: PostState | None,
        *,
        reason: str = "",
    ) -> None:
        """Write what became of one; None: surely not sent, to be tried again."""
        ...

    # ---- pictures

    async def chart_history(
        self, asset_id: int, *, since: datetime, until: datetime, most: int
    ) -> ChartHistory:
        """Return what was said of an asset in `[since, until]`, thinned to `most`.

        Of each moment what was revised last. Empty for an unknown asset.
        """
        ...

    # ---- the web chat's inbox

    async def append_inbox(
        self, inbox: str, entry: JsonDict, *, nonce: str, now: datetime
    ) -> tuple[int, bool]:
        """Keep an entry of a web inbox; return its id and whether it is new.

        Ids grow. The same nonce in the same inbox is the same entry.
        """
        ...

    async def read_inbox(
        self, inbox: str, *, after: int = 0, limit: int = 200
    ) -> Sequence[tuple[int, datetime, JsonDict]]:
        """List the newest `limit` entries after an id, oldest first."""
        ...

    async def update_inbox(self, inbox: str, entry_id: int, entry: JsonDict) -> bool:
        """Replace an entry (a pressed button changed it); False if it is not there."""
        ...

    # ---- leases

    async def take_lease(
        self, name: str, owner: str, *, now: datetime, length: timedelta
    ) -> bool:
        """Take a named lease or renew it until `now + length`; False if it is not free.

        Free is what nobody has, what has run out, what this owner has already, and
        what ends later than any clock near ours would let it (ours was set back).
        """
        ...

    async def drop_lease(self, name: str, owner: str) -> None:
        """Give a lease back at once; nothing happens if this owner does not have it."""
        ...

    # ---- odds and ends

    async def mend_clock(self, now: datetime) -> timedelta:
        """Move what is planned back by as much as the clock stepped back.

        The step shows in the newest rows: they were written later than now. Returns
        the step, zero if there was none. Idempotent: a step is mended once.
        """
        ...

    async def get_value(self, name: str) -> str | None:
        """Return a small setting of the bot itself."""
        ...

    async def set_value(self, name: str, value: str | None) -> None:
        """Set a small setting, or with None remove it."""
        ...

    async def take_value(self, name: str, expected: str) -> bool:
        """Remove the setting if it is exactly this; True for one caller only."""
        ...

    async def backlog(self, now: datetime) -> Backlog:
        """Count what is due at a moment."""
        ...

    async def prune(self, kind: Kept, *, before: datetime, limit: int) -> int:
        """Take away some rows of a kind from before a moment; return how many.

        At most `limit` (of recipients, whose rows go along, fewer) in a transaction;
        0 says that none is left. What waits or still counts is never taken: open
        deliveries and their events, frozen messages, the newest polls.
        """
        ...

    async def counts(self, now: datetime) -> Counts:
        """Count for /status and metrics."""
        ...
