"""The bot is let into a group or channel: a short post there, a guide in private."""

from bot import broadcasts, notices
from bot.commands import places, sites
from bot.commands.room import Room
from bot.commands.starting import first_greeting
from bot.model import Address, PlaceKind, Platform, Recipient
from bot.ports import Arrival, Welcome


async def welcome(room: Room, arrival: Arrival) -> Welcome:
    """Resume a known place, or greet a new one; guide who let the bot in, if known."""
    place, kind = arrival.place, arrival.kind
    if kind is PlaceKind.PRIVATE:
        await room.store.unpark(place, now=room.now())
        room.wake()
        return Welcome()
    # a forum may be known by its topics alone
    known = await room.store.find_places(chat=place)
    guide_to = await _private_chat(room, arrival.by)
    named = broadcasts.Named(
        address=place, kind=kind, title=arrival.title, is_here=False
    )
    if known:
        if arrival.can_post:
            await room.store.unpark(place, now=room.now())
            room.wake()
        texts = await _all_texts(room, place)
        if texts and arrival.can_post:
            guide = broadcasts.is_back(named, texts)
            return Welcome(guide=guide, guide_to=guide_to)
    else:
        await room.store.ensure_recipient(place, kind, now=room.now())
    choices = await places.choices(room)
    guide = broadcasts.guide(named, choices, can_post=arrival.can_post)
    is_greeted = (
        not known
        and kind is PlaceKind.GROUP
        and arrival.can_post
        and await first_greeting(room, place)
    )
    post = notices.greeting() if is_greeted else None
    return Welcome(post=post, guide=guide, guide_to=guide_to)


async def _private_chat(room: Room, user: str) -> Address | None:
    """Return where somebody can be written to, if they have ever started the bot.

    On Telegram a private chat has the id of its user; elsewhere nobody is known to
    have let the bot in.
    """
    if not user:
        return None
    address = Address.parse(user)
    if address.platform is not Platform.TELEGRAM:
        return None
    known: Recipient | None = await room.store.find_recipient(address)
    if known is None or known.parked_since is not None:
        return None
    return known.address


async def _all_texts(room: Room, place: Address) -> list[str]:
    """Return what a chat gets in all its topics."""
    texts: list[str] = []
    for recipient, _ in await room.store.find_places(chat=place):
        found = await sites.texts_of(room, recipient)
        texts += [text for text in found if text not in texts]
    return texts
