"""/watchlist: its pages, and the menu of each watch on it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import grammar
from bot.commands import undoing, watching
from bot.commands.room import Room
from bot.commands.settings import mute_until, own_lines, private_only
from bot.message import Message
from bot.model import Asset, Mute, Recipient, Scope, Watch
from bot.ports import Call, PressReply
from bot.texts import watchlist as texts

#: an asset that the engine has not brought for so many of its updates is silent
_SILENT_UPDATES = 2
_ID_DIGITS = 18


async def watchlist(room: Room, call: Call, arguments: str) -> Message:
    """Show the watchlist, from the page named."""
    word = arguments.strip()
    number = int(word[:4]) if word.isdecimal() else 1
    return texts.page(await load(room, call), number)


async def load(room: Room, call: Call) -> texts.Listing:
    """Load all of what a place hears of."""
    recipient = await room.store.find_recipient(call.place)
    watches: Sequence[Watch] = ()
    mutes: Mapping[int | None, Mute] = {}
    if recipient is not None:
        watches = await room.store.list_watches(recipient.id)
        found = await room.store.list_mutes(recipient.id, room.now())
        mutes = {mute.asset_id: mute for mute in found}
    ids = [w.target.asset_id for w in watches if w.target.asset_id is not None]
    assets = await room.store.get_assets(ids)
    silent_before = await _silent_before(room)
    rows = [
        texts.Row(
            asset=asset,
            watch=watch,
            thresholds=_lines_of(recipient, watch),
            mute=mutes.get(asset.id),
            silent_since=_silent_since(asset, silent_before),
        )
        for watch in watches
        if not watch.is_exception and (asset := _asset_of(watch, assets)) is not None
    ]
    listing = texts.Listing(
        rows=rows,
        broad=[
            await _broad(room, watch)
            for watch in watches
            if watch.target.scope is not Scope.ASSET
        ],
        kind=call.kind,
        now=room.now(),
        source_title=room.source.title,
        without=sorted(
            asset.symbol
            for watch in watches
            if watch.is_exception and (asset := _asset_of(watch, assets)) is not None
        ),
        muted_all=mutes.get(None),
    )
    if recipient is None:
        return listing
    return replace(listing, preferences=recipient.preferences)


async def _broad(room: Room, watch: Watch) -> texts.Broad:
    assets = await room.store.list_assets(room.source.name, target=watch.target)
    return texts.Broad(text=watch.text, assets=len(assets), watch_id=watch.id)


async def _silent_before(room: Room) -> datetime | None:
    """Return the moment before which an asset counts as no longer graded.

    By the last poll that worked: while none does, nothing says that one asset is gone.
    """
    good = await room.store.last_good_poll(room.source.name)
    if good is None:
        return None
    wait = max(_SILENT_UPDATES * room.source.update_every, timedelta(days=2))
    return (good.finished_at or good.started_at) - wait


def _silent_since(asset: Asset, before: datetime | None) -> datetime | None:
    if asset.state is None or before is None or asset.state.seen_at >= before:
        return None
    return asset.state.seen_at


def _asset_of(watch: Watch, assets: Mapping[int, Asset]) -> Asset | None:
    asset_id = watch.target.asset_id
    return None if asset_id is None else assets.get(asset_id)


def _lines_of(recipient: Recipient | None, watch: Watch) -> tuple[float, ...]:
    own = watch.conditions.thresholds
    if own is not None:
        return own
    return () if recipient is None else recipient.thresholds


# ---------------------------------------------------------------------------- presses


async def press_list(room: Room, call: Call, argument: str) -> PressReply:
    """Turn to a page."""
    return PressReply(edited=texts.page(await load(room, call), _number(argument)))


async def press_edit(room: Room, call: Call, argument: str) -> PressReply:
    """Turn to a page with a button for each watch."""
    private_only(call, "Editing a watchlist")
    return PressReply(edited=texts.edit_page(await load(room, call), _number(argument)))


async def press_item(room: Room, call: Call, argument: str) -> PressReply:
    """Do what the menu of a watch says; every button carries the whole change."""
    private_only(call, "Editing a watchlist")
    name, _, rest = argument.partition(":")
    identity, _, rest = rest.partition(":")
    page, _, value = rest.partition(":")
    listing = await load(room, call)
    number = _number(page)
    if name in {"b", "rmb", "urgentb"}:
        return await _press_broad(
            room, call, _Pressed(listing, name, number, value), identity
        )
    row = next((r for r in listing.rows if str(r.asset.id) == identity), None)
    if row is None:
        return PressReply(
            toast="You no longer watch it.", edited=texts.edit_page(listing, number)
        )
    return await _press_asset(room, call, _Pressed(listing, name, number, value), row)


class _Pressed:
    """A button of the menu: what it does, with which value, from which page."""

    __slots__ = ("listing", "name", "number", "value")

    def __init__(
        self, listing: texts.Listing, name: str, number: int, value: str
    ) -> None:
        self.listing = listing
        self.name = name
        self.number = number
        self.value = value


async def _press_asset(
    room: Room, call: Call, pressed: _Pressed, row: texts.Row
) -> PressReply:
    recipient = await room.recipient(call)
    asset = row.asset
    toast = ""
    match pressed.name:
        case "lines":
            return PressReply(edited=texts.lines_page(row, pressed.number))
        case "setlines":
            await own_lines(room, call, asset, pressed.value)
            again = await _row(room, call, asset)
            return PressReply(edited=texts.lines_page(again or row, pressed.number))
        case "rm":
            return await _remove(room, recipient, row, pressed.number)
        case "urgent" if row.watch is not None:
            await _set_urgent(room, recipient, row.watch, pressed.value == "on")
        case "mute" if pressed.value == "off":
            await room.store.clear_mutes(recipient.id, asset.id, now=room.now())
            room.wake()
            toast = f"{asset.symbol} is heard again."
        case "mute":
            await mute_until(room, recipient, asset, pressed.value)
            toast = f"{asset.symbol} is muted."
    again = await _row(room, call, asset)
    edited = texts.item(again or row, pressed.number, room.now())
    return PressReply(toast=toast, edited=edited)


async def _row(room: Room, call: Call, asset: Asset) -> texts.Row | None:
    rows = (await load(room, call)).rows
    return next((r for r in rows if r.asset.id == asset.id), None)


async def _remove(
    room: Room, recipient: Recipient, row: texts.Row, number: int
) -> PressReply:
    gone = [] if row.watch is None else [row.watch]
    undo_id = await undoing.keep(room, recipient, gone)
    await watching.remove_asset(room, recipient, row.asset)
    edited = texts.removed([row.asset.symbol], undo_id, number)
    return PressReply(edited=edited)


async def _press_broad(
    room: Room, call: Call, pressed: _Pressed, identity: str
) -> PressReply:
    recipient = await room.recipient(call)
    watches = await room.store.list_watches(recipient.id)
    watch = next((w for w in watches if str(w.id) == identity), None)
    if watch is None or watch.target.scope is Scope.ASSET:
        return PressReply(
            toast="You no longer watch it.",
            edited=texts.edit_page(pressed.listing, pressed.number),
        )
    if pressed.name == "rmb":
        undo_id = await undoing.keep(room, recipient, [watch])
        await room.store.remove_watch(recipient.id, watch.target, now=room.now())
        return PressReply(edited=texts.removed([watch.text], undo_id, pressed.number))
    if pressed.name == "urgentb":
        watch = await _set_urgent(room, recipient, watch, pressed.value == "on")
    broad = await _broad(room, watch)
    return PressReply(edited=texts.broad_item(broad, watch, pressed.number))


async def _set_urgent(
    room: Room, recipient: Recipient, watch: Watch, is_urgent: bool
) -> Watch:
    """Let a watch break through quiet hours and digests, or not; idempotent."""
    if watch.conditions.is_urgent is is_urgent:
        return watch
    words = [w for w in watch.text.split() if w.lower() != "urgent"]
    text = " ".join([words[0], "urgent", *words[1:]] if is_urgent else words)
    text = grammar.print_watch(
        grammar.parse(text).named[0], grammar.parse(text).condition_text
    )
    changed, _ = await room.store.put_watch(
        recipient.id,
        watch.target,
        replace(watch.conditions, is_urgent=is_urgent),
        text=text,
        created_by=watch.created_by,
        told=None,
        now=room.now(),
    )
    room.wake()
    return changed


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _ID_DIGITS else 1
