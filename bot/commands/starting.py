"""/start: begin, come back after a block, or follow a link with a payload."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from bot import notices
from bot.commands import alert_presses, charts, insight, watching
from bot.commands.room import Room
from bot.message import Message
from bot.model import Address, Asset, PlaceKind
from bot.ports import Call

_WATCH_PAYLOAD = "watch_"
_Look = Callable[[Room, Call, Asset], Awaitable[Message]]
_CHART, _RECORD = "chart", "rec"
#: what a group's button opens in the private chat, by the word before our asset's id
_LOOKS: Mapping[str, _Look] = {
    "why": alert_presses.details,
    "signal": alert_presses.details,
    alert_presses.ADD_PAYLOAD.rstrip("_"): alert_presses.watch_one,
}
#: a group that was just greeted is not greeted again
GREETED_FOR = timedelta(seconds=60)


async def start(room: Room, call: Call, arguments: str) -> Message | None:
    """Begin, resume after a block, or follow a link such as `watch_BTC`."""
    known = await room.store.find_recipient(call.place)
    back = await room.store.unpark(call.place, now=room.now())
    room.wake()
    if call.kind is not PlaceKind.PRIVATE:
        await room.recipient(call)
        is_first = await first_greeting(room, call.place)
        return notices.greeting() if is_first else None
    # whoever came by a link has started the bot, and can be written to
    recipient = await room.recipient(call)
    linked = await _linked(room, call, arguments.strip())
    if linked is not None:
        return linked
    watches = await room.store.list_watches(recipient.id)
    if known is not None and watches:
        was_parked = back is not None and known.parked_since is not None
        return notices.welcome_back(len(watches), was_parked=was_parked)
    return notices.start(call.kind, source_title=room.source.title)


async def _linked(room: Room, call: Call, payload: str) -> Message | None:
    """Do what a link's payload says; None for one that says nothing."""
    if payload.startswith(_WATCH_PAYLOAD):
        symbols = payload.removeprefix(_WATCH_PAYLOAD).replace("_", " ")
        return await watching.watch(room, call, symbols)
    what, _, argument = payload.partition("_")
    if what == _RECORD:
        found = await insight.press_record(room, argument.replace("_", ":"))
        return None if found is None else found.message
    number, _, rest = argument.partition("_")
    asset = await room.asset_of(number)
    if what == _CHART and asset is not None:
        return await charts.press(room, call, asset, rest)
    look = _LOOKS.get(what)
    if asset is None or look is None:
        return None
    return await look(room, call, asset)


async def first_greeting(room: Room, place: Address) -> bool:
    """Whether a place was not greeted within the last minute; counts as a greeting."""
    return await room.store.take_lease(
        f"greeted:{place}", secrets.token_hex(8), now=room.now(), length=GREETED_FOR
    )
