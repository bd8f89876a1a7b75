"""Removed watches come back as they were, for ten minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot import grammar, replies
from bot.commands import watching
from bot.commands.room import Room
from bot.commands.watching import Adding
from bot.grammar import Parsed
from bot.model import JsonDict, Recipient, Scope, Watch
from bot.ports import Call, PressReply

#: how long an undo works (the texts say so)
UNDO_LASTS = timedelta(minutes=10)


async def keep(room: Room, recipient: Recipient, gone: Sequence[Watch]) -> int:
    """Keep watches that are about to go; return the id for the undo button."""
    now = room.now()
    what: JsonDict = {"watches": [_document(watch) for watch in gone]}
    return await room.store.keep_undo(
        recipient.id, what, until=now + UNDO_LASTS, now=now
    )


def _document(watch: Watch) -> JsonDict:
    lines = watch.conditions.thresholds
    return {
        "text": watch.text,
        "asset_id": watch.target.asset_id,
        "lines": None if lines is None else list(lines),
        "is_exception": watch.is_exception,
        "created_by": watch.created_by,
    }


async def press(room: Room, call: Call, argument: str) -> PressReply:
    """Bring back what was removed; what stands now is shown, as by /watch."""
    recipient = await room.recipient(call)
    known = argument.isdecimal() and len(argument) <= 18  # noqa: PLR2004 - an id of ours
    what = None
    if known:
        what = await room.store.take_undo(recipient.id, int(argument), now=room.now())
    if what is None:
        return PressReply(
            toast="Too late to undo, or done already. /watchlist shows what is now.",
            buttons=(),
        )
    result = replies.Watched(thresholds=recipient.thresholds)
    entries = what.get("watches")
    for entry in entries if isinstance(entries, list) else []:
        result = await _bring(room, recipient, entry, result)
    room.wake()
    return PressReply(edited=replies.watching(result, room.now()))


async def _bring(
    room: Room,
    recipient: Recipient,
    entry: Mapping[str, object],
    result: replies.Watched,
) -> replies.Watched:
    parsed = _parsed(entry)
    adding = Adding(recipient, parsed, str(entry.get("created_by", "")))
    (named,) = parsed.named
    if named.scope is not Scope.ASSET:
        watch, size = await watching.put_broad_watch(room, adding, named)
        return replace(result, broad=(*result.broad, (watch, size)))
    asset = await room.asset_of(str(entry.get("asset_id")))
    if asset is None:
        return result
    if entry.get("is_exception"):
        await watching.except_asset(room, recipient, asset)
        return result
    is_shown = len(result.assets) < replies.PAGE_SIZE
    watch = await watching.put_asset_watch(room, adding, asset, is_shown=is_shown)
    return replace(
        result,
        watches=(*result.watches, watch),
        assets=(*result.assets, asset),
        thresholds=adding.lines,
    )


def _parsed(entry: Mapping[str, object]) -> Parsed:
    parsed = grammar.parse(str(entry["text"]))
    lines = entry.get("lines")
    if not isinstance(lines, list):
        return parsed
    conditions = replace(
        parsed.conditions, thresholds=tuple(float(str(x)) for x in lines)
    )
    return replace(parsed, conditions=conditions)
