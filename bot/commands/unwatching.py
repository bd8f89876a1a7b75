"""/unwatch: what one no longer wants to hear; it can be undone for ten minutes."""

from bot import grammar, replies
from bot.commands import undoing
from bot.commands.room import Room
from bot.commands.watching import (
    except_asset,
    has_watch,
    is_broad,
    remove_asset,
    unwatch_all,
)
from bot.errors import UserError
from bot.grammar import Named
from bot.message import Message
from bot.model import PlaceKind, Recipient, Scope, Target, Watch
from bot.ports import Call, PressReply
from bot.texts import watchlist as texts


async def unwatch(room: Room, call: Call, arguments: str) -> Message:
    """Remove watches; where only a broader one covers an asset, except it there."""
    if call.kind is not PlaceKind.PRIVATE:
        raise UserError(
            "/unwatch is for your private chat",
            hint="Admins change this place with /broadcast.",
        )
    parsed = grammar.parse(arguments)
    if not parsed.named:
        raise UserError("Unwatch what?", hint="For example /unwatch BTC.")
    recipient = await room.recipient(call)
    watches = await room.store.list_watches(recipient.id)
    if Named(Scope.ALL) in parsed.named and not has_watch(watches, Named(Scope.ALL)):
        return texts.ask_remove_all(len(watches))
    excepted: list[str] = []
    missing: list[str] = []
    gone: list[tuple[str, Watch | None]] = []
    for named in parsed.named:
        outcome, watch = await _remove(room, recipient, named)
        match outcome:
            case "removed":
                gone.append((str(named), watch))
            case "excepted":
                excepted.append(str(named))
            case _:
                missing.append(str(named))
    removed = [watch for _, watch in gone if watch is not None]
    undo_id = await undoing.keep(room, recipient, removed) if removed else 0
    return replies.unwatched([name for name, _ in gone], excepted, missing, undo_id)


async def _remove(
    room: Room, recipient: Recipient, named: Named
) -> tuple[str, Watch | None]:
    """Remove one thing named; return what that was, and the watch that is gone."""
    watches = await room.store.list_watches(recipient.id)
    if named.scope is not Scope.ASSET:
        target = Target(scope=named.scope, category=named.word, top=named.top)
        gone = await room.store.remove_watch(recipient.id, target, now=room.now())
        return ("missing" if gone is None else "removed"), gone
    own = {
        w.target.asset_id: w
        for w in watches
        if w.target.scope is Scope.ASSET and not w.is_exception
    }
    found = await room.store.find_assets(room.source.name, named.word)
    for asset in found:
        if asset.id in own:
            await remove_asset(room, recipient, asset)
            return "removed", own[asset.id]
    if found and any(is_broad(w, found[0]) for w in watches):
        await except_asset(room, recipient, found[0])
        return "excepted", None
    return "missing", None


async def press_all(room: Room, call: Call, argument: str) -> PressReply:
    """Remove the whole watchlist; pressed again there is nothing to remove."""
    del argument
    recipient = await room.recipient(call)
    watches = await room.store.list_watches(recipient.id)
    gone = [watch for watch in watches if not watch.is_exception]
    if not gone:
        return PressReply(toast="Your watchlist is empty already.", buttons=())
    undo_id = await undoing.keep(room, recipient, watches)
    await unwatch_all(room, recipient)
    return PressReply(edited=texts.removed_all(len(gone), undo_id))
