"""Buttons of menus, by the name in their action: settings, watchlist, own data.

All of them are for private chats but the pages of a watchlist, which anybody may turn.
"""

from collections.abc import Awaitable, Callable, Mapping

from bot.commands import linking, listing, own, preferring, undoing, unwatching
from bot.commands.room import Room
from bot.commands.settings import private_only
from bot.ports import Call, PressReply

_Press = Callable[[Room, Call, str], Awaitable[PressReply]]


async def _settings(room: Room, call: Call, argument: str) -> PressReply:
    """Open a page of the settings, or set what the button carries."""
    recipient = await room.recipient(call)
    key, value = _setting_of(argument)
    if value:
        try:
            await preferring.change(room, recipient, key, value)
        except preferring.UnknownPlaceError as error:
            return PressReply(message=error.reply)
    kind = argument.split(":")[1] if argument.startswith("sound:") else ""
    page = f"sound:{kind}" if kind else key
    return PressReply(edited=await preferring.page(room, recipient, page))


def _setting_of(argument: str) -> tuple[str, str]:
    """Split `quiet:22:00-07:00` into setting and value; no value opens its page."""
    key, _, value = argument.partition(":")
    if not preferring.has_setting(key):
        return "", ""
    if key == "sound" and ":" not in value:
        # a kind alone opens the page of that kind
        return key, ""
    return key, value


def _private(press: _Press) -> _Press:
    async def guarded(room: Room, call: Call, argument: str) -> PressReply:
        private_only(call, "That button")
        return await press(room, call, argument)

    return guarded


MENUS: Mapping[str, _Press] = {
    "list": listing.press_list,
    "edit": _private(listing.press_edit),
    "wl": _private(listing.press_item),
    "unwatchall": _private(unwatching.press_all),
    "bring": _private(undoing.press),
    "set": _private(_settings),
    "link": _private(linking.press),
    "forget": _private(own.press_forget),
}
