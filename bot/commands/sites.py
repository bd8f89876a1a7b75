"""Which group, topic or channel a command is about, and who may change it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.broadcasts import Named, Setting, Shown
from bot.commands.room import Room
from bot.errors import UserError
from bot.message import Message
from bot.model import Address, PlaceKind, PlaceNote, Recipient, Watch
from bot.ports import Call, Spot

#: `@name`, a link to it, or an id of Telegram's with its topic
_NAME = re.compile(
    r"@\w{4,32}|(?:https?://)?t\.me/(?P<link>\w{4,32})|(?P<id>-\d{6,20}(?:/\d{1,12})?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that a command is about.

    Attributes:
        is_here: the command was typed or the button pressed in this very place.
        post: sends a message there; None where the reply is the way.
    """

    place: Address
    kind: PlaceKind
    title: str
    topic_title: str
    is_admin: Callable[[], Awaitable[bool]]
    is_here: bool
    can_post: bool = True
    post: Callable[[Message], Awaitable[None]] | None = None

    async def must_be_admin(self) -> None:
        """Let only its admins go on.

        Raises:
            UserError: worded for the member who asked.
        """
        if await self.is_admin():
            return
        if self.is_here:
            raise UserError(
                f"Only admins can change what this {self.noun} gets",
                hint="To see it: /broadcast show.",
            )
        name = self.title or f"that {self.noun}"
        raise UserError(f"Only admins of {name} can change what it gets")

    @property
    def noun(self) -> str:
        """What people call such a place."""
        return Named(address=self.place, kind=self.kind).noun


def here(call: Call) -> Site:
    """Return the place a call came from."""
    return Site(
        place=call.place,
        kind=call.kind,
        title=call.title,
        topic_title=call.topic_title,
        is_admin=call.is_admin,
        is_here=True,
        post=call.post,
    )


def elsewhere(spot: Spot) -> Site:
    """Return a place that was named."""
    return Site(
        place=spot.place,
        kind=spot.kind,
        title=spot.title,
        topic_title=spot.topic_title,
        is_admin=spot.is_admin,
        is_here=False,
        can_post=spot.can_post,
        post=spot.post,
    )


async def site_of(call: Call, words: Sequence[str]) -> tuple[Site | None, list[str]]:
    """Return the place a command is about and the words that are left.

    None in a private chat that names no place.

    Raises:
        UserError: there is no such place, or the bot can't see it.
    """
    if call.spot is not None:
        is_here = call.spot.place == call.place
        return (here(call) if is_here else elsewhere(call.spot)), list(words)
    if call.kind is not PlaceKind.PRIVATE:
        return here(call), list(words)
    match = _NAME.fullmatch(words[0]) if words else None
    if match is None or call.find_spot is None:
        return None, list(words)
    name = f"@{match['link']}" if match["link"] else words[0]
    return await find(call, name), list(words[1:])


async def find(call: Call, name: str) -> Site:
    """Return the place of this name or id, as it is seen from a private chat.

    Raises:
        UserError: there is no such place, or the bot can't see it.
    """
    spot = await call.find_spot(name) if call.find_spot is not None else None
    if spot is None:
        raise UserError(
            f"I can't see {name if name.startswith('@') else 'it'}",
            hint="Add me there first; in a channel as an admin who may post.",
        )
    return elsewhere(spot)


def named(room: Room, site: Site, note: PlaceNote | None = None) -> Named:
    """Return a place in words; what was noted of it fills in for what is not known."""
    note = note or PlaceNote()
    return Named(
        address=site.place,
        kind=site.kind,
        title=site.title or note.title,
        topic_title=site.topic_title or note.topic_title,
        is_here=site.is_here,
        note=room.source.public_note,
    )


def named_again(recipient: Recipient, note: PlaceNote) -> Named:
    """Return a place in words as it was noted."""
    return Named(
        address=recipient.address,
        kind=recipient.kind,
        title=note.title,
        topic_title=note.topic_title,
        is_here=False,
    )


async def known(room: Room, site: Site) -> tuple[Recipient | None, PlaceNote]:
    """Return what is remembered of a place."""
    recipient = await room.store.find_recipient(site.place)
    if recipient is None:
        return None, PlaceNote()
    found = await room.store.find_places(recipient_ids=[recipient.id])
    return found[0] if found else (recipient, PlaceNote())


async def shown(room: Room, site: Site) -> Shown:
    """Return what a place gets, and what the other topics of its group get."""
    beside: list[tuple[str, str]] = []
    settings: tuple[Setting, ...] = ()
    recipient: Recipient | None = None
    for each, note in await room.store.find_places(chat=site.place):
        watches = await _watches(room, each)
        if each.address == site.place:
            recipient = each
            settings = tuple(_setting(w, note) for w in watches)
        elif watches:
            title = named_again(each, note).topic_title
            topic = title or (
                f"Topic {each.address.topic}" if each.address.topic else "General"
            )
            beside.append((topic, ", ".join(w.text for w in watches)))
    return Shown(
        settings=settings,
        parked_since=None if recipient is None else recipient.parked_since,
        parked_reason="" if recipient is None else recipient.parked_reason,
        beside=tuple(beside),
    )


async def texts_of(room: Room, recipient: Recipient) -> list[str]:
    """Return what a place gets, in the words it was set with."""
    return [w.text for w in await _watches(room, recipient)]


async def _watches(room: Room, recipient: Recipient) -> list[Watch]:
    found = await room.store.list_watches(recipient.id)
    return [w for w in found if not w.is_exception]


def _setting(watch: Watch, note: PlaceNote) -> Setting:
    """Say who set it; anonymous admins and channel posts speak for the place."""
    is_last = watch.created_by == note.setter
    name = note.setter_name if is_last and note.setter_name else "an admin"
    return Setting(text=watch.text, by=name, at=watch.created_at)
