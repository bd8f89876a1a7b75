"""/broadcast: what a group, topic or channel gets. Only its admins change it."""

from bot import grammar, notices
from bot.commands.room import Room, must_be_admin
from bot.commands.watching import (
    Adding,
    broad_problem,
    put_asset_watch,
    put_broad_watch,
    unwatch_all,
)
from bot.errors import UserError
from bot.grammar import Named, Parsed
from bot.message import Message
from bot.model import PlaceKind, Recipient, Scope
from bot.ports import Call

_OFF = frozenset({"off", "stop", "none"})
_TOP_DEFAULT = 100


async def broadcast(room: Room, call: Call, arguments: str) -> Message:
    """Show, set or stop what this place gets.

    Bare, it means the hundred largest assets, or all where the engine has no market
    caps. What is set replaces what was set before.
    """
    words = arguments.lower().split()
    if call.kind is PlaceKind.PRIVATE:
        return notices.broadcast_needs_place()
    if words == ["show"]:
        return await _show(room, call)
    await must_be_admin(call, "what this place gets. To see it: /broadcast show")
    recipient = await room.recipient(call)
    if words and words[0] in _OFF:
        return notices.broadcast_off(await unwatch_all(room, recipient))
    parsed = grammar.parse(arguments)
    named = parsed.named or (await _everything_that_counts(room),)
    for item in named:
        problem = "" if item.scope is Scope.ASSET else await broad_problem(room, item)
        if problem:
            raise UserError(problem)
    return await _replace(room, call, recipient, parsed, named)


async def _everything_that_counts(room: Room) -> Named:
    if await room.store.has_market_caps(room.source.name):
        return Named(Scope.TOP, top=_TOP_DEFAULT)
    return Named(Scope.ALL)


async def _replace(
    room: Room,
    call: Call,
    recipient: Recipient,
    parsed: Parsed,
    named: tuple[Named, ...],
) -> Message:
    # Assets first: an unknown one must leave the old broadcast as it is.
    assets = {n: await room.one_asset(n.word) for n in named if n.scope is Scope.ASSET}
    before = await room.store.list_watches(recipient.id)
    adding = Adding(recipient, parsed, call.user)
    kept, size = [], 0
    for item in named:
        if item in assets:
            kept.append(await put_asset_watch(room, adding, assets[item]))
            size += 1
        else:
            watch, count = await put_broad_watch(room, adding, item)
            kept.append(watch)
            size += count
    targets = {watch.target for watch in kept}
    for old in before:
        if old.target not in targets:
            await room.store.remove_watch(recipient.id, old.target, now=room.now())
    return notices.broadcast_set([watch.text for watch in kept], size)


async def _show(room: Room, call: Call) -> Message:
    recipient = await room.store.find_recipient(call.place)
    if recipient is None:
        return notices.broadcast_shown([])
    watches = await room.store.list_watches(recipient.id)
    return notices.broadcast_shown(
        [(w.text, _who(w.created_by), w.created_at) for w in watches]
    )


def _who(user: str) -> str:
    """Say who set it; anonymous admins and channel posts speak for the place."""
    return user or "an admin"
