"""The buttons under an alert: look, mute, unwatch, undo, watch privately.

What was pressed can be undone for ten minutes. What an Undo needs is kept with the
errand that gives the buttons back afterwards: so the offer outlives a restart, and of
an Undo and the end of the offer only one happens.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from bot import grammar, messages, notices, replies, routing
from bot.commands import about, watching
from bot.commands.room import Room, obvious
from bot.commands.settings import place_mute
from bot.commands.watching import Adding
from bot.errors import RecipientGoneError
from bot.grammar import Parsed
from bot.message import Button, Line, Message, Moment, Text, TimeStyle, line
from bot.model import (
    Asset,
    Conditions,
    Errand,
    ErrandKind,
    JsonDict,
    Mute,
    PlaceKind,
    Recipient,
    Scope,
    Signal,
    Target,
    Watch,
)
from bot.ports import Call, PressReply

UNDO_FOR = timedelta(minutes=10)
_DAY = timedelta(hours=24)
#: a mute that has so long to go is what another press would ask for
_STILL_LONG = timedelta(hours=23)
#: a link's payload that names an asset by our id, where its symbol is not enough
ADD_PAYLOAD = "add_"

_Rows = tuple[tuple[Button, ...], ...]


# ---------------------------------------------------------------- looking, by anybody


async def details(room: Room, call: Call, asset: Asset) -> Message:
    """Answer Details."""
    return await about.show_signal(room, call, asset)


async def watch_one(room: Room, call: Call, asset: Asset) -> Message:
    """Watch exactly this asset, whatever else has its symbol."""
    recipient = await room.recipient(call)
    adding = Adding(recipient, grammar.parse(""), call.user)
    added = await watching.put_asset_watch(room, adding, asset)
    result = replies.Watched(watches=(added,), assets=(asset,), thresholds=adding.lines)
    return replies.watching(result, room.now())


async def watch_me(room: Room, call: Call, asset: Asset) -> PressReply:
    """Watch privately what a group's post is about."""
    if call.kind is PlaceKind.PRIVATE:
        return await watch_again(room, call, asset)
    if call.open_private is None:
        link = await _watch_link(room, call, asset)
        return PressReply(toast="" if link else f"Type /watch {asset.symbol}", url=link)
    try:
        address = await call.open_private(notices.private_chat_opened())
    except RecipientGoneError:
        again = f"v1:watchme:{asset.id}"
        return PressReply(message=notices.private_chat_closed(again_action=again))
    recipient = await room.store.ensure_recipient(
        address, PlaceKind.PRIVATE, language=call.language, now=room.now()
    )
    await _resume(room, recipient)
    adding = Adding(recipient, grammar.parse(""), call.user)
    await watching.put_asset_watch(room, adding, asset)
    state = replies.state_line(asset, room.now())
    return PressReply(
        message=Message(
            title=line(f"👁 Watching {asset.symbol}: alerts come as direct messages"),
            body=(state,),
            is_private=True,
        )
    )


async def _resume(room: Room, recipient: Recipient) -> None:
    """Take up again a private chat that has just been written to."""
    if recipient.parked_since is not None:
        await room.store.unpark(recipient.address, now=room.now())
        room.wake()


async def _watch_link(room: Room, call: Call, asset: Asset) -> str:
    """Return the link that watches exactly this asset; readable where it can be."""
    if call.private_link is None:
        return ""
    meant = obvious(await room.store.find_assets(room.source.name, asset.symbol))
    if meant is not None and meant.id == asset.id:
        link = call.private_link(f"watch_{asset.symbol}")
        # An underscore parts symbols there.
        if link and "_" not in asset.symbol:
            return link
    return call.private_link(f"{ADD_PAYLOAD}{asset.id}")


# ---------------------------------------------------------------- changing, in private


async def mute(room: Room, call: Call, asset: Asset) -> PressReply:
    """Mute an asset for 24 h; a second press changes nothing."""
    recipient = await room.recipient(call)
    if not await _is_watched(room, recipient, asset):
        return await _no_longer(room, call, asset)
    before = await _mute_of(room, recipient, asset)
    now = room.now()
    if before is not None and (
        before.until is None or before.until - now > _STILL_LONG
    ):
        return PressReply(toast=f"Already muted until {_end_text(before)}.")
    placed = await place_mute(room, recipient, asset, _DAY)
    undo: JsonDict = {"asset": asset.id, "what": "mute"}
    if before is not None:
        undo["before"] = _mute_document(before)
    unmute = Button("🔔 Unmute", f"v1:hear:{asset.id}")
    remove = Button("✖ Unwatch", f"v1:unwatch:{asset.id}")
    later: _Rows = (messages.look_buttons(asset), (unmute, remove))
    await _offer_undo(room, call, undo, later)
    return PressReply(
        toast=f"{asset.symbol} is muted for 24 hours.",
        buttons=_with_undo(asset),
        note=line("🔕 Muted until ", Moment(placed.until or now, TimeStyle.BOTH)),
    )


async def hear(room: Room, call: Call, asset: Asset) -> PressReply:
    """End the mute of an asset; what it held is decided now."""
    recipient = await room.recipient(call)
    await room.store.clear_mutes(recipient.id, asset.id, now=room.now())
    room.wake()
    return PressReply(
        toast=f"{asset.symbol} is heard again.",
        buttons=messages.alert_buttons(asset, call.kind),
        note=Line(),
    )


async def unwatch(room: Room, call: Call, asset: Asset) -> PressReply:
    """Stop watching an asset; a second press changes nothing."""
    recipient = await room.recipient(call)
    if not await _is_watched(room, recipient, asset):
        return await _no_longer(room, call, asset)
    own = await _own_watch(room, recipient, asset)
    await watching.remove_asset(room, recipient, asset)
    undo: JsonDict = {"asset": asset.id, "what": "unwatch"}
    if own is not None:
        undo["conditions"] = _conditions_document(own.conditions)
        undo["text"] = own.text
    await _offer_undo(room, call, undo, _watch_rows(asset))
    return PressReply(
        toast=f"No longer watching {asset.symbol}.",
        buttons=_with_undo(asset),
        note=line(f"✖ No longer watching {asset.symbol}"),
    )


async def watch_again(room: Room, call: Call, asset: Asset) -> PressReply:
    """Watch an asset again from an old alert; what is shown of it counts as told."""
    recipient = await room.recipient(call)
    if not await _is_watched(room, recipient, asset):
        adding = Adding(recipient, grammar.parse(""), call.user)
        await watching.put_asset_watch(room, adding, asset)
    return _watching(room, call, asset)


async def undo(room: Room, call: Call, asset: Asset) -> PressReply:
    """Take back what was pressed on this message within the last ten minutes."""
    errand = await room.store.take_errand(
        call.place, call.message_ref, ErrandKind.BUTTONS
    )
    # One that was tried already is over, whatever its time says.
    if errand is None or errand.attempts or errand.due_at <= room.now():
        return await _too_late(room, call, asset)
    what = _document(errand.document, "undo")
    recipient = await room.recipient(call)
    if what.get("what") == "mute":
        return await _undo_mute(room, call, recipient, asset, what)
    return await _undo_unwatch(room, call, recipient, asset, what)


async def _undo_mute(
    room: Room,
    call: Call,
    recipient: Recipient,
    asset: Asset,
    what: Mapping[str, object],
) -> PressReply:
    before = _mute_from(_document(what, "before"), asset)
    if before is None or (before.until is not None and before.until <= room.now()):
        return await hear(room, call, asset)
    await room.store.set_mute(recipient.id, before)
    return PressReply(
        toast=f"Muted until {_end_text(before)}, as before.",
        buttons=messages.alert_buttons(asset, call.kind),
        note=Line(),
    )


async def _undo_unwatch(
    room: Room,
    call: Call,
    recipient: Recipient,
    asset: Asset,
    what: Mapping[str, object],
) -> PressReply:
    own = _document(what, "conditions")
    conditions = _conditions_from(own) if own else Conditions()
    text = grammar.parse(str(what.get("text") or "")).condition_text
    parsed = Parsed(conditions=conditions, condition_text=text)
    await watching.put_asset_watch(room, Adding(recipient, parsed, call.user), asset)
    if not own:
        # A broader watch covered it: only the exception had to go.
        target = Target(scope=Scope.ASSET, asset_id=asset.id)
        await room.store.remove_watch(recipient.id, target, now=room.now())
    return _watching(room, call, asset)


def _watching(room: Room, call: Call, asset: Asset) -> PressReply:
    """Say that it is watched, and how it stands: that counts as told."""
    state = replies.state_line(asset, room.now())
    return PressReply(
        toast=f"Watching {asset.symbol} again.",
        buttons=messages.alert_buttons(asset, call.kind),
        note=line("👁 Watching again: ", *_plainly(state)),
    )


def _plainly(shown: Line) -> tuple[Text | Moment, ...]:
    return tuple(
        span if isinstance(span, Moment) else Text(span.text) for span in shown.spans
    )


async def _too_late(room: Room, call: Call, asset: Asset) -> PressReply:
    recipient = await room.recipient(call)
    is_watched = await _is_watched(room, recipient, asset)
    rows = messages.alert_buttons(asset, call.kind)
    return PressReply(
        toast="Undo works for 10 minutes; these buttons work now.",
        buttons=rows if is_watched else _watch_rows(asset),
    )


async def _no_longer(room: Room, call: Call, asset: Asset) -> PressReply:
    """Answer a button that is older than the end of its asset's watch."""
    known = await room.store.find_errand(
        call.place, call.message_ref, ErrandKind.BUTTONS
    )
    toast = f"You no longer watch {asset.symbol}. Watch it again?"
    # Pressed twice: the Undo that the first press brought stays.
    return PressReply(toast=toast, buttons=None if known else _watch_rows(asset))


# ----------------------------------------------------------------------------- details


def _with_undo(asset: Asset) -> _Rows:
    undo_button = Button("↩ Undo", f"v1:undo:{asset.id}")
    return (messages.look_buttons(asset), (undo_button,))


def _watch_rows(asset: Asset) -> _Rows:
    again = Button(f"👁 Watch {asset.symbol} again", f"v1:rewatch:{asset.id}")
    return (messages.look_buttons(asset), (again,))


async def _offer_undo(room: Room, call: Call, what: JsonDict, rows: _Rows) -> None:
    """Keep what an Undo needs until the message gets `rows`, ten minutes from now."""
    shown = [[{"label": b.label, "action": b.action} for b in row] for row in rows]
    await room.store.put_errand(
        Errand(
            address=call.place,
            message_ref=call.message_ref,
            kind=ErrandKind.BUTTONS,
            due_at=room.now() + UNDO_FOR,
            document={"rows": shown, "undo": what},
        )
    )


async def _is_watched(room: Room, recipient: Recipient, asset: Asset) -> bool:
    watches = await room.store.list_watches(recipient.id)
    if any(w.is_exception and w.target.asset_id == asset.id for w in watches):
        return False
    return any(routing.covers(w, asset) for w in watches)


async def _own_watch(room: Room, recipient: Recipient, asset: Asset) -> Watch | None:
    for each in await room.store.list_watches(recipient.id):
        if each.target.asset_id == asset.id and not each.is_exception:
            return each
    return None


async def _mute_of(room: Room, recipient: Recipient, asset: Asset) -> Mute | None:
    for each in await room.store.list_mutes(recipient.id, room.now()):
        if each.asset_id == asset.id:
            return each
    return None


def _end_text(known: Mute) -> str:
    if known.until is None:
        return "the next flip"
    return Moment(known.until, TimeStyle.BOTH).fallback


def _mute_document(known: Mute) -> JsonDict:
    until = None if known.until is None else known.until.isoformat()
    return {"until": until, "created_at": known.created_at.isoformat()}


def _mute_from(known: Mapping[str, object], asset: Asset) -> Mute | None:
    if not known:
        return None
    until = known.get("until")
    return Mute(
        asset_id=asset.id,
        until=None if until is None else datetime.fromisoformat(str(until)),
        created_at=datetime.fromisoformat(str(known["created_at"])),
    )


def _conditions_document(conditions: Conditions) -> JsonDict:
    found: JsonDict = asdict(conditions)
    if conditions.direction is not None:
        found["direction"] = int(conditions.direction)
    return found


def _conditions_from(known: Mapping[str, object]) -> Conditions:
    values: dict[str, Any] = dict(known)
    if values.get("direction") is not None:
        values["direction"] = Signal(values["direction"])
    if values.get("thresholds") is not None:
        values["thresholds"] = tuple(values["thresholds"])
    return Conditions(**values)


def _document(known: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = known.get(name)
    return found if isinstance(found, dict) else {}
