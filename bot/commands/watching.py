"""/watch: what one wants to hear; and how watches go again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot import grammar, notices, replies, routing, words
from bot.commands import rehearsing
from bot.commands.room import Room, obvious
from bot.errors import RecipientGoneError, UserError
from bot.grammar import Named, Parsed
from bot.message import Message
from bot.model import (
    Asset,
    Conditions,
    PlaceKind,
    Recipient,
    Scope,
    Signal,
    Target,
    Tell,
    Watch,
)
from bot.ports import Call
from bot.told_lines import side_of

#: assets named in one line
NAMED_MAX = 50
#: Discord's custom_id, where a private chat can be opened and tried again
ACTION_MAX = 100


async def watch(room: Room, call: Call, arguments: str) -> Message:
    """Add watches; in a group it is personal and goes to the private chat."""
    parsed = grammar.parse(arguments)
    if not parsed.named:
        raise UserError(
            "What shall I watch?",
            hint="For example /watch BTC ETH, with lines /watch BTC 80 50.",
        )
    if len(parsed.named) > NAMED_MAX:
        raise UserError(
            f"At most {NAMED_MAX} at once", hint="/watch top100 takes the largest."
        )
    if call.kind is PlaceKind.PRIVATE:
        recipient = await room.recipient(call)
        result = await add_watches(room, Adding(recipient, parsed, call.user))
        return replies.watching(result, room.now())
    return await _watch_privately(room, call, parsed)


async def _watch_privately(room: Room, call: Call, parsed: Parsed) -> Message:
    symbols = [n.word for n in parsed.named if n.scope is Scope.ASSET]
    if call.open_private is None:
        payload = f"watch_{'_'.join(symbols[:5])}" if symbols else "watch"
        link = call.private_link(payload) if call.private_link is not None else ""
        return notices.go_private(symbols, link)
    typed = " ".join([*map(str, parsed.named), parsed.condition_text]).strip()
    try:
        address = await call.open_private(notices.private_chat_opened())
    except RecipientGoneError:
        again = f"v1:again:{typed}"
        return notices.private_chat_closed(
            again_action=again if len(again) <= ACTION_MAX else "",
            command=f"/watch {typed}",
        )
    recipient = await room.store.ensure_recipient(
        address, PlaceKind.PRIVATE, language=call.language, now=room.now()
    )
    if recipient.parked_since is not None:
        # It has just been written to, so what waits for it can come, too.
        await room.store.unpark(address, now=room.now())
        room.wake()
    result = await add_watches(room, Adding(recipient, parsed, call.user))
    return replies.watching(
        result, room.now(), elsewhere="alerts come as direct messages"
    )


@dataclass(frozen=True, slots=True)
class Adding:
    """Watches being added: for whom, what was typed, and by which user."""

    recipient: Recipient
    parsed: Parsed
    user: str

    @property
    def lines(self) -> tuple[float, ...]:
        """The lines that will count: those typed, else the recipient's default."""
        own = self.parsed.conditions.thresholds
        return self.recipient.thresholds if own is None else own


async def add_watches(room: Room, adding: Adding) -> replies.Watched:
    """Put every watch that is named and known; the rest becomes questions."""
    await refuse_what_never_matches(room, adding.parsed.conditions)
    result = replies.Watched(thresholds=adding.lines)
    left_out: list[str] = []
    for named in adding.parsed.named:
        if await _is_full(room, adding.recipient, named):
            left_out.append(str(named))
        elif named.scope is Scope.ASSET:
            result = await _add_asset(room, adding, named, result)
        else:
            result = await _add_broad(room, adding, named, result)
    if left_out:
        problem = (
            f"Your list is full ({room.watches_max}), left out: "
            f"{words.names(left_out)}. /unwatch makes room"
        )
        result = replace(result, problems=(*result.problems, problem))
    return await rehearsing.with_past(room, adding.recipient, result)


async def _is_full(room: Room, recipient: Recipient, named: Named) -> bool:
    """Whether there is no room for one more; what is there may be changed."""
    watches = await room.store.list_watches(recipient.id)
    if len(watches) < room.watches_max:
        return False
    if named.scope is not Scope.ASSET:
        return not has_watch(watches, named)
    own = {w.target.asset_id for w in watches}
    return not any(a.id in own for a in await room.find_assets(named.word))


async def _add_asset(
    room: Room, adding: Adding, named: Named, result: replies.Watched
) -> replies.Watched:
    found = await room.find_assets(named.word)
    chosen = obvious(found)
    if chosen is None and found:
        item = replies.Ambiguous(
            word=named.word,
            assets=tuple(found),
            conditions=adding.parsed.condition_text,
        )
        return replace(result, ambiguous=(*result.ambiguous, item))
    if chosen is None:
        suggestion = await room.suggestion(named.word)
        miss = replies.Unknown(word=named.word, suggestion=suggestion)
        return replace(result, unknown=(*result.unknown, miss))
    is_shown = len(result.assets) < replies.PAGE_SIZE
    added = await put_asset_watch(room, adding, chosen, is_shown=is_shown)
    guessed = (*result.guessed, chosen) if len(found) > 1 else result.guessed
    return replace(
        result,
        watches=(*result.watches, added),
        assets=(*result.assets, chosen),
        guessed=guessed,
    )


async def _add_broad(
    room: Room, adding: Adding, named: Named, result: replies.Watched
) -> replies.Watched:
    problem = await broad_problem(room, named)
    if problem:
        return replace(result, problems=(*result.problems, problem))
    added, size = await put_broad_watch(room, adding, named)
    return replace(result, broad=(*result.broad, (added, size)))


async def put_asset_watch(
    room: Room, adding: Adding, asset: Asset, *, is_shown: bool = True
) -> Watch:
    """Watch one asset; what the reply will show of it counts as told."""
    parsed = adding.parsed
    text = grammar.print_watch(Named(Scope.ASSET, asset.symbol), parsed.condition_text)
    added, _ = await room.store.put_watch(
        adding.recipient.id,
        Target(scope=Scope.ASSET, asset_id=asset.id),
        parsed.conditions,
        text=text,
        created_by=adding.user,
        told=_shown(asset, adding.lines) if is_shown else None,
        now=room.now(),
    )
    return added


def _shown(asset: Asset, lines: Sequence[float]) -> Tell | None:
    """Return what the reply shows: the standing signal and each line's side."""
    state = asset.state
    if state is None:
        return None
    grade = state.last.grade
    sides = {} if grade is None else {t: side_of(grade, t) for t in lines}
    signal = None if state.standing is Signal.NEUTRAL else state.standing
    return Tell(
        asset_id=asset.id, signal=signal, since=state.standing_since, lines=sides
    )


async def put_broad_watch(
    room: Room, adding: Adding, named: Named
) -> tuple[Watch, int]:
    """Watch a category, a top-n or everything; return how many assets that is now."""
    target = Target(scope=named.scope, category=named.word, top=named.top)
    added, _ = await room.store.put_watch(
        adding.recipient.id,
        target,
        adding.parsed.conditions,
        text=grammar.print_watch(named, adding.parsed.condition_text),
        created_by=adding.user,
        told=None,
        now=room.now(),
    )
    assets = await room.store.list_assets(room.source.name, target=target)
    return added, len(assets)


async def broad_problem(room: Room, named: Named) -> str:
    """Say why a broad watch could never match here, or return an empty string."""
    if named.scope is Scope.CATEGORY:
        known = await room.store.categories(room.source.name)
        if named.word in known:
            return ""
        if not known:
            return f"{named}: this engine gives no categories"
        near = grammar.suggest(named.word, [c.upper() for c in known]).lower()
        tail = f" Did you mean #{near}?" if near in known else ""
        return f"{named}: no asset has this category.{tail}"
    if named.scope is Scope.TOP and not await room.store.has_market_caps(
        room.source.name
    ):
        return f"{named}: this engine gives no market caps, so all is the choice here"
    return ""


async def refuse_what_never_matches(room: Room, wanted: Conditions) -> None:
    """Let no condition pass on what this engine does not give.

    Raises:
        UserError: one could never match here.
    """
    if wanted.min_market_cap is None and wanted.max_market_cap is None:
        return
    if not await room.store.has_market_caps(room.source.name):
        raise UserError(
            "Not possible here: market caps",
            hint="This engine gives none, so mcap would never match.",
        )


# ------------------------------------------------------------------------ removing


def has_watch(watches: Sequence[Watch], named: Named) -> bool:
    """Whether a broad watch on exactly this is among them."""
    return any(
        w.target.scope is named.scope
        and (w.target.category, w.target.top) == (named.word, named.top)
        for w in watches
    )


def is_broad(watch: Watch, asset: Asset) -> bool:
    """Whether a watch covers the asset without naming it."""
    return watch.target.scope is not Scope.ASSET and routing.covers(watch, asset)


async def remove_asset(room: Room, recipient: Recipient, asset: Asset) -> bool:
    """Remove an asset's own watch; where a broader one covers it, except it there."""
    target = Target(scope=Scope.ASSET, asset_id=asset.id)
    gone = await room.store.remove_watch(recipient.id, target, now=room.now())
    watches = await room.store.list_watches(recipient.id)
    if any(is_broad(w, asset) for w in watches):
        await except_asset(room, recipient, asset)
        return True
    return gone is not None


async def except_asset(room: Room, recipient: Recipient, asset: Asset) -> None:
    """Take one asset out of the broader watches; the exception is kept."""
    await room.store.put_watch(
        recipient.id,
        Target(scope=Scope.ASSET, asset_id=asset.id),
        Conditions(),
        text=asset.symbol,
        created_by="",
        told=None,
        is_exception=True,
        now=room.now(),
    )


async def unwatch_all(room: Room, recipient: Recipient) -> int:
    """Remove every watch and exception; return how many there were."""
    watches = await room.store.list_watches(recipient.id)
    for item in watches:
        await room.store.remove_watch(recipient.id, item.target, now=room.now())
    return len(watches)
