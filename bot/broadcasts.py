"""What is said of groups, topics and channels: what they get, and who set it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot import words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    TimeStyle,
    Tone,
    bold,
    code,
    line,
)
from bot.model import Address, Conditions, PlaceKind, Platform, Signal

#: what the menu offers, the first that suits the engine first
CHOICES: Mapping[str, str] = {
    "top100": "top100",
    "top100 bullish grade>=80": "top100, 80 up",
    "all": "all",
    "all bullish grade>=80": "all, 80 up",
}
#: places listed to the admin who set them up
_PLACES_MAX = 8
_LABEL_COLUMNS = 36

#: reason of a loss -> what it is, and what helps
_LOST: Mapping[str, tuple[str, str]] = {
    "kicked": ("I was removed from it.", "Add me again and it goes on."),
    "not_member": ("I am no longer in it.", "Add me again and it goes on."),
    "banned": ("I was banned there.", "Let me in again and it goes on."),
    "chat_deleted": ("It was deleted.", "Set up another place for it."),
    "chat_not_found": ("It is not there any more.", "Set up another place for it."),
    "channel_gone": ("It was deleted.", "Set up another channel for it."),
    "server_gone": ("The server is gone.", "Set up another channel for it."),
    "topic_gone": (
        "The topic was deleted.",
        "Type /broadcast in another topic there, and I offer to go on in that one.",
    ),
    "topic_closed": (
        "The topic is closed.",
        "Open it, or make me an admin who may manage topics.",
    ),
    "thread_locked": ("The thread is locked.", "Unlock it and it goes on."),
    "thread_archived": ("The thread is archived.", "Open it again and it goes on."),
}
_NO_RIGHT = ("I have no right to write there.", "Give it back and it goes on.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A place in words.

    Attributes:
        is_here: the message is read in this very place.
        note: what the engine's terms ask to be said of showing its grades to others.
    """

    address: Address
    kind: PlaceKind
    title: str = ""
    topic_title: str = ""
    is_here: bool = True
    note: str = ""

    @property
    def noun(self) -> str:
        """What people call such a place."""
        if self.address.platform is Platform.DISCORD or self.kind is PlaceKind.CHANNEL:
            return "channel"
        return "topic" if self.address.topic else "group"

    @property
    def full_title(self) -> str:
        """Title and topic, or a noun where neither is known."""
        if not self.title:
            return f"the {self.noun}"
        if self.address.topic:
            return f"{self.title} · {self.topic_title or f'topic {self.address.topic}'}"
        return self.title

    @property
    def subject(self) -> str:
        """How a sentence about it begins: `This topic`, or its title elsewhere."""
        return f"This {self.noun}" if self.is_here else self.full_title

    @property
    def key(self) -> str:
        """How a button names it: empty for the place the button is in."""
        if self.is_here:
            return ""
        return str(self.address).partition(":")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a broadcast would have been in so many days, and on the worst of them."""

    posts: int
    worst_day: int
    days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One line of the menu: the words to type, how many assets that is, its past."""

    text: str
    assets: int
    past: Past | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing a place gets, and who set it when."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a place gets, and the places beside it.

    Attributes:
        parked_since, parked_reason: set while nothing can be posted there.
        beside: other topics of the same group: title and what they get.
    """

    settings: tuple[Setting, ...] = ()
    parked_since: datetime | None = None
    parked_reason: str = ""
    beside: tuple[tuple[str, str], ...] = field(default_factory=tuple)


def needs_place(*, can_choose: bool) -> Message:
    """Answer /broadcast in a private chat: which group or channel?"""
    body: tuple[Block, ...]
    if can_choose:
        body = (
            line("Choose it below, or name it: ", code("/broadcast @channel")),
            line("I must be in it; in a channel as an admin who may post."),
        )
        title = "Which group or channel?"
    else:
        body = (line("There it sets what is posted. Here you /watch for yourself."),)
        title = "Type /broadcast in the group or channel"
    return Message(
        title=line("📣 ", bold(title)),
        body=body,
        asks_place=can_choose,
        is_private=True,
    )


def own_places(places: Sequence[tuple[Named, str]]) -> Message:
    """List the places that somebody has set up, with a button each."""
    body = [
        line(bold(place.full_title), f": {words.unhashed(gets)}")
        for place, gets in places[:_PLACES_MAX]
    ]
    left = len(places) - len(body)
    if left > 0:
        body.append(line(f"and {left} more: ", code("/broadcast @name")))
    buttons = [
        (Button(words.fit(place.full_title, _LABEL_COLUMNS), _action(place, "menu")),)
        for place, _ in places[:_PLACES_MAX]
    ]
    return Message(
        title=line("📣 ", bold("What you have set up")),
        body=tuple(body),
        buttons=(*buttons, (Button("➕ Another group or channel", "v1:bc::pick"),)),
        is_private=True,
    )


def menu(
    place: Named, shown: Shown, choices: Sequence[Choice], *, taking_over: str = ""
) -> Message:
    """Answer a bare /broadcast by an admin: numbers before the switch.

    `taking_over` names what a deleted topic got; its action moves that here.
    """
    gets = [each.text for each in shown.settings]
    if gets:
        title = f"{place.subject} gets: {words.unhashed(words.names(gets))}"
    else:
        where = f"this {place.noun}" if place.is_here else place.full_title
        title = f"What shall {where} get?"
    body: list[Block] = [*_set_lines(shown.settings)]
    if shown.parked_since is not None:
        body.append(_lost_line(shown.parked_reason, shown.parked_since))
    days = [each.past.days for each in choices if each.past is not None]
    if days:
        body.append(line(f"In the last {min(days)} days it would have been"))
    body += [line("• ", code(each.text), _size(each)) for each in choices]
    body += [
        line("Or type what you like: ", code("/broadcast #ai bullish grade>=80")),
        line("Posts come silent. Only admins can change this."),
    ]
    picks = tuple(
        Button(CHOICES[each.text], _action(place, each.text)) for each in choices
    )
    buttons = [
        picks[:2],
        (*picks[2:], Button("👀 Post a test", _action(place, "test"))),
    ]
    if gets:
        buttons.append((Button("⏹ Stop", _action(place, "off")),))
    if taking_over:
        name, text = taking_over.split(":", 1)
        label = words.fit(f"↪ Go on here: {words.unhashed(text)}", _LABEL_COLUMNS)
        buttons.insert(0, (Button(label, _action(place, f"take-{name}")),))
    return Message(
        title=line("📣 ", bold(title)), body=tuple(body), buttons=tuple(buttons)
    )


def _action(place: Named, what: str) -> str:
    return f"v1:bc:{place.key}:{what}"


def _size(choice: Choice) -> str:
    if choice.past is None:
        # What a condition lets through changes by the hour: it is no count to show.
        among = "out of " if " " in choice.text else ""
        return f" · {among}{words.count(choice.assets, 'asset')}"
    posts = words.count(choice.past.posts, "post")
    if choice.past.worst_day > 1:
        return f" · {posts}, at most {choice.past.worst_day} a day"
    return f" · {posts}"


def _set_lines(settings: Sequence[Setting]) -> list[Block]:
    """Write who set what; one line where one person set all of it at once."""
    if not settings:
        return []
    if len({(x.by, x.at.date()) for x in settings}) == 1:
        first = settings[0]
        return [line(f"Set by {first.by}, ", Moment(first.at, TimeStyle.DATE))]
    return [
        line(code(x.text), f" set by {x.by}, ", Moment(x.at, TimeStyle.DATE))
        for x in settings
    ]


def was_set(
    place: Named,
    texts: Sequence[str],
    assets: int,
    conditions: Conditions,
    *,
    by: str,
    states: Sequence[Line] = (),
) -> Message:
    """Answer a /broadcast that changed what a place gets.

    `states` tells how the assets stand that are named one by one.
    """
    counted = words.count(assets, "asset")
    size = f"{counted} now" if conditions == Conditions() else f"Out of {counted}"
    body: list[Block] = [
        *states[:_PLACES_MAX],
        line(f"{size}. Posts come silent."),
    ]
    if conditions.direction is Signal.BULLISH or conditions.min_grade is not None:
        body.append(line("Whatever is posted as bullish is also posted when it ends."))
    if place.note:
        body.append(line(place.note))
    if place.is_here:
        body.append(line(f"Set by {by} · change: ", code("/broadcast")))
        return Message(title=_gets(place, texts), body=tuple(body))
    button = Button("⚙ Change", _action(place, "menu"))
    return Message(title=_gets(place, texts), body=tuple(body), buttons=((button,),))


def _gets(place: Named, texts: Sequence[str]) -> Line:
    gets = words.unhashed(words.names(list(texts)))
    return line("📣 ", bold(f"{place.subject} gets: {gets}"))


def shown(place: Named, what: Shown) -> Message:
    """Answer /broadcast show: what a place gets, and who set it."""
    body: list[Block] = [*_set_lines(what.settings)]
    if what.parked_since is not None:
        body.append(_lost_line(what.parked_reason, what.parked_since))
    for title, gets in what.beside:
        body.append(line(f"{title}: {words.unhashed(gets)}"))
    if what.settings:
        return Message(
            title=_gets(place, [each.text for each in what.settings]), body=tuple(body)
        )
    body.insert(0, line("An admin can change that: ", code("/broadcast")))
    return Message(
        title=line("📣 ", bold(f"{place.subject} gets nothing")), body=tuple(body)
    )


def was_stopped(place: Named, count: int) -> Message:
    """Answer /broadcast off."""
    subject = place.subject
    title = f"{subject} gets nothing any more" if count else f"{subject} got nothing"
    return Message(title=line("📣 ", bold(title)))


def test_posted(place: Named) -> Message:
    """Answer a test that was posted, here or elsewhere."""
    where = "" if place.is_here else f" in {place.full_title}"
    return Message(
        title=line("👀 ", bold(f"A test was posted{where}")), is_private=True
    )


def test_failed(place: Named, reason: str, now: datetime) -> Message:
    """Answer a test that could not be posted."""
    where = "here" if place.is_here else f"in {place.full_title}"
    return Message(
        title=line("⚠️ ", bold(f"I can't post {where}")),
        body=(_lost_line(reason, now),),
        tone=Tone.TROUBLE,
        is_private=True,
    )


def guide(place: Named, choices: Sequence[Choice], *, can_post: bool) -> Message:
    """Tell who let the bot into a place what comes next."""
    if not can_post:
        return Message(
            title=line("👋 ", bold(f"I am in {place.full_title} now")),
            body=(line("I may not write there yet: make me an admin who may post."),),
            is_private=True,
        )
    body: list[Block] = [
        line("Nothing is posted there until an admin says what."),
        line("Choose here, or type ", code("/broadcast"), " there;"),
        line("in a group with topics, in the topic it is for."),
    ]
    if place.kind is PlaceKind.CHANNEL:
        body = [line("Nothing is posted there until an admin says what. Choose here:")]
    picks = tuple(
        Button(CHOICES[each.text], _action(place, each.text)) for each in choices[:2]
    )
    return Message(
        title=line("👋 ", bold(f"I am in {place.full_title} now")),
        body=tuple(body),
        buttons=(picks, (Button("More choices", _action(place, "menu")),)),
        is_private=True,
    )


def is_back(place: Named, texts: Sequence[str]) -> Message:
    """Tell who let the bot in again that it goes on."""
    gets = words.unhashed(words.names(list(texts)))
    return Message(
        title=line("👋 ", bold(f"I am back in {place.full_title}")),
        body=(
            line(f"It gets {gets}, as before." if texts else "It gets nothing yet."),
        ),
        is_private=True,
    )


def lost(place: Named, texts: Sequence[str], reason: str, since: datetime) -> Message:
    """Tell the admin who set up a place that nothing can be posted there."""
    gets = words.unhashed(words.names(list(texts)))
    what, helps = _LOST.get(reason, _NO_RIGHT)
    return Message(
        title=line("⚠️ ", bold(f"I can't post in {place.full_title}")),
        body=(
            line(f"{what} Since ", Moment(since, TimeStyle.BOTH), "."),
            line(helps),
            line(f"What it gets is kept: {gets}."),
        ),
        tone=Tone.TROUBLE,
        is_silent=True,
        is_private=True,
    )


def _lost_line(reason: str, since: datetime) -> Line:
    what, helps = _LOST.get(reason, _NO_RIGHT)
    return line(f"⚠️ {what} {helps} (", Moment(since, TimeStyle.BOTH), ")")
