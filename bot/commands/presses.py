"""What buttons do. Every action is `v1:<name>[:<id>[:<rest>]]` and idempotent."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from bot import grammar, replies
from bot.commands import (
    about,
    admin,
    alert_presses,
    charts,
    insight,
    menus,
    operators,
    place_presses,
    screens,
    watching,
)
from bot.commands.room import Room
from bot.commands.watching import Adding
from bot.message import Message
from bot.model import Asset, PlaceKind, Recipient
from bot.ports import Call, PressReply

_OLD = "This button is from an older message. /watchlist shows what is now."

#: what is said when a button is pressed as when it is typed
_SAID: Mapping[str, Callable[[Room, Call, str], Awaitable[Message]]] = {
    "sample": about.preview,
    "believe": operators.believe,
}

#: what an alert's buttons change, in private chats only
_CHANGES: Mapping[str, Callable[[Room, Call, Asset], Awaitable[PressReply]]] = {
    "mute24": alert_presses.mute,
    "hear": alert_presses.hear,
    "unwatch": alert_presses.unwatch,
    "undo": alert_presses.undo,
    "rewatch": alert_presses.watch_again,
}


_Press = Callable[[Room, Call, str], Awaitable[PressReply]]
#: buttons that anybody may press anywhere, or that ask themselves who may
_MENUS: Mapping[str, _Press] = {
    **menus.MENUS,
    "admin": admin.press,
    **{
        table: partial(screens.turn_page, command=table)
        for table in ("flips", "top", "screen")
    },
}


async def press(room: Room, call: Call, action: str) -> PressReply:
    """Do what a button says; unknown ones are answered kindly."""
    version, _, rest = action.partition(":")
    name, _, argument = rest.partition(":")
    if version != "v1":
        return PressReply(toast=_OLD)
    menu = _MENUS.get(name)
    if menu is not None:
        return await menu(room, call, argument)
    match name:
        case "chart" | "why" | "signal" | "watchme" | "parts":
            return await _anybody(room, call, name, argument)
        case "sample" | "believe":
            return PressReply(message=await _SAID[name](room, call, ""))
        case "rec":
            found = await insight.press_record(room, argument)
            return found or PressReply(toast=_OLD)
        case "keep":
            return PressReply(toast="Nothing was changed.")
        case "bc":
            return await place_presses.press(room, call, argument)
        case "again" if call.open_private is not None:
            # Typed once more for the presser alone, who had closed the private chat.
            return PressReply(edited=await watching.watch(room, call, argument))
    if call.kind is not PlaceKind.PRIVATE:
        return PressReply(toast="That button works in your private chat only.")
    return await _personal(room, call, name, argument)


async def _anybody(room: Room, call: Call, name: str, argument: str) -> PressReply:
    """Answer the presser alone; nothing here changes the place it is pressed in."""
    head, _, rest = argument.partition(":")
    asset = await room.asset_of(head)
    if asset is None:
        return PressReply(toast=_OLD)
    if name == "watchme":
        return await alert_presses.watch_me(room, call, asset)
    if name == "parts":
        return PressReply(message=await about.why_grade(room, call, asset))
    if name == "chart":
        return PressReply(message=await charts.press(room, call, asset, rest))
    return PressReply(message=await alert_presses.details(room, call, asset))


async def _personal(room: Room, call: Call, name: str, argument: str) -> PressReply:
    recipient = await room.recipient(call)
    if name == "watch":
        message = await watching.watch(room, call, argument)
        return PressReply(message=message)
    head, _, rest = argument.partition(":")
    if name == "unmute":
        await room.store.clear_mutes(recipient.id, int(head) or None, now=room.now())
        room.wake()
        return PressReply(toast="Heard again.", buttons=())
    asset = await room.asset_of(head)
    if asset is None:
        return PressReply(toast=_OLD)
    if name == "pick":
        return await _pick(room, call, recipient, asset, rest)
    change = _CHANGES.get(name)
    if change is None:
        return PressReply(toast=_OLD)
    return await change(room, call, asset)


async def _pick(
    room: Room, call: Call, recipient: Recipient, asset: Asset, conditions: str
) -> PressReply:
    """Take one of several assets with the same symbol, under the typed conditions."""
    parsed = grammar.parse(conditions)
    adding = Adding(recipient, parsed, call.user)
    added = await watching.put_asset_watch(room, adding, asset)
    result = replies.Watched(watches=(added,), assets=(asset,), thresholds=adding.lines)
    return PressReply(edited=replies.watching(result, room.now()))
