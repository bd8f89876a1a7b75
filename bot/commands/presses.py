"""What buttons do. Every action is `v1:<name>[:<id>[:<rest>]]` and idempotent."""

from datetime import timedelta

from bot import grammar, notices, replies
from bot.commands import about, charts, menus, watching
from bot.commands.room import Room
from bot.commands.settings import place_mute
from bot.commands.watching import Adding
from bot.errors import RecipientGoneError
from bot.message import Button
from bot.model import Asset, PlaceKind, Recipient
from bot.ports import Call, PressReply

_OLD = "This button is from an older message. /watchlist shows what is now."
_DAY = timedelta(hours=24)
_Rows = tuple[tuple[Button, ...], ...]


async def press(room: Room, call: Call, action: str) -> PressReply:
    """Do what a button says; unknown ones are answered kindly."""
    version, _, rest = action.partition(":")
    name, _, argument = rest.partition(":")
    if version != "v1":
        return PressReply(toast=_OLD)
    menu = menus.MENUS.get(name)
    if menu is not None:
        return await menu(room, call, argument)
    match name:
        case "signal" | "watchme" | "chart":
            return await _anybody(room, call, name, argument)
        case "sample":
            return PressReply(message=await about.preview(room, call, ""))
        case "keep":
            return PressReply(toast="Nothing was changed.")
    if call.kind is not PlaceKind.PRIVATE:
        return PressReply(toast="That button works in your private chat only.")
    return await _personal(room, call, name, argument)


async def _anybody(room: Room, call: Call, name: str, argument: str) -> PressReply:
    head, _, rest = argument.partition(":")
    asset = await room.asset_of(head)
    if asset is None:
        return PressReply(toast=_OLD)
    if name == "chart":
        return PressReply(message=await charts.press(room, call, asset, rest))
    if name == "signal":
        return PressReply(message=await about.show_signal(room, call, asset))
    return await _watch_me(room, call, asset)


async def _watch_me(room: Room, call: Call, asset: Asset) -> PressReply:
    """Watch privately what a group's post is about."""
    if call.open_private is None:
        link = call.private_link(f"watch_{asset.symbol}") if call.private_link else ""
        return PressReply(toast="" if link else _OLD, url=link)
    try:
        address = await call.open_private(notices.private_chat_opened())
    except RecipientGoneError:
        return PressReply(message=notices.private_chat_closed("/watch"))
    recipient = await room.store.ensure_recipient(
        address, PlaceKind.PRIVATE, language=call.language, now=room.now()
    )
    adding = Adding(recipient, grammar.parse(""), call.user)
    await watching.put_asset_watch(room, adding, asset)
    return PressReply(toast=f"Watching {asset.symbol}: alerts come privately.")


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
    match name:
        case "pick":
            return await _pick(room, call, recipient, asset, rest)
        case "mute24":
            return await _mute(room, recipient, asset)
        case "unwatch":
            return await _unwatch(room, recipient, asset)
        case _:
            return PressReply(toast=_OLD)


async def _pick(
    room: Room, call: Call, recipient: Recipient, asset: Asset, conditions: str
) -> PressReply:
    """Take one of several assets with the same symbol, under the typed conditions."""
    parsed = grammar.parse(conditions)
    adding = Adding(recipient, parsed, call.user)
    added = await watching.put_asset_watch(room, adding, asset)
    result = replies.Watched(watches=(added,), assets=(asset,), thresholds=adding.lines)
    return PressReply(edited=replies.watching(result, room.now()))


async def _mute(room: Room, recipient: Recipient, asset: Asset) -> PressReply:
    for known in await room.store.list_mutes(recipient.id, room.now()):
        if known.asset_id == asset.id and known.until is not None:
            left = known.until - room.now()
            if left > _DAY - timedelta(minutes=1):
                return PressReply(toast=f"{asset.symbol} is muted already.")
    await place_mute(room, recipient, asset, _DAY)
    return PressReply(
        toast=f"{asset.symbol} is muted for 24 hours.",
        buttons=_undo(f"🔔 Unmute {asset.symbol}", f"v1:unmute:{asset.id}"),
    )


async def _unwatch(room: Room, recipient: Recipient, asset: Asset) -> PressReply:
    if not await watching.remove_asset(room, recipient, asset):
        return PressReply(toast=f"You no longer watch {asset.symbol}.", buttons=())
    return PressReply(
        toast=f"No longer watching {asset.symbol}.",
        buttons=_undo(f"↩ Watch {asset.symbol} again", f"v1:pick:{asset.id}:"),
    )


def _undo(label: str, action: str) -> _Rows:
    return ((Button(label, action),),)
