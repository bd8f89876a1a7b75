"""/flips, /top, /screen: tables of what stands and of what has turned."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot import grammar, screen_replies
from bot.commands.room import Room
from bot.commands.watching import broad_problem, refuse_what_never_matches
from bot.errors import UserError
from bot.grammar import Parsed
from bot.grammar_table import FLIPS, GRAMMARS, SCREEN, TOP, Grammar
from bot.message import Message
from bot.model import Asset, Event, Scope, Signal, Target
from bot.ports import Call, PressReply
from bot.screen_replies import PAGE_SIZE, FlipRow, Paged
from bot.screening import Screen

WINDOW_DEFAULT = timedelta(days=3)
COUNT_DEFAULT = 10
#: an asset that no poll has brought for longer is not listed as if it stood
_SEEN_WITHIN = timedelta(days=7)


async def flips(room: Room, call: Call, arguments: str) -> Message:
    """List the flips of the last days."""
    del call
    return await _flips(room, grammar.parse(arguments, FLIPS))


async def top(room: Room, call: Call, arguments: str) -> Message:
    """List the highest grades."""
    del call
    return await _assets(room, grammar.parse(arguments, TOP), TOP)


async def screen(room: Room, call: Call, arguments: str) -> Message:
    """List the assets that meet conditions."""
    del call
    parsed = grammar.parse(arguments, SCREEN)
    if not str(parsed):
        raise UserError(
            "What shall I look for?", hint="For example /screen grade>80 flipped<3d."
        )
    return await _assets(room, parsed, SCREEN)


async def turn_page(
    room: Room, call: Call, argument: str, *, command: str
) -> PressReply:
    """Show another page of a table: `argument` is `<page>:<query>`.

    Raises:
        UserError: a button of another version, which may have had another grammar.
    """
    del call
    number, _, query = argument.partition(":")
    wanted = GRAMMARS[command]
    page = int(number[:4]) if number.isdecimal() else 1
    parsed = replace(grammar.parse(query, wanted), page=max(1, page))
    if wanted is FLIPS:
        return PressReply(edited=await _flips(room, parsed))
    return PressReply(edited=await _assets(room, parsed, wanted))


async def _flips(room: Room, parsed: Parsed) -> Message:
    window = parsed.window or WINDOW_DEFAULT
    now = await room.engine_now()
    wanted = Screen(
        targets=await _targets(room, parsed),
        conditions=parsed.conditions,
        after=now - window,
        offset=(parsed.page - 1) * PAGE_SIZE,
        limit=PAGE_SIZE,
    )
    source = room.source.name
    found = await room.store.list_flips(source, wanted)
    if found.total and not found.rows:
        wanted = replace(wanted, offset=_last_page(found.total) * PAGE_SIZE)
        found = await room.store.list_flips(source, wanted)
    paged = await _paged(room, parsed, "flips", found.total)
    if not found.total:
        everything = replace(wanted, after=None, offset=0, limit=1)
        last = await room.store.list_flips(source, everything)
        rows = await _flip_rows(room, last.rows)
        return screen_replies.no_flips(
            paged, window=window, last=rows[0] if rows else None
        )
    direction = parsed.conditions.direction
    rising = replace(
        wanted,
        conditions=replace(parsed.conditions, direction=Signal.BULLISH),
        offset=0,
        limit=0,
    )
    return screen_replies.flips(
        await _flip_rows(room, found.rows),
        replace(paged, as_of=max(e.as_of for e in found.rows)),
        window=window,
        direction=direction,
        bullish=(await room.store.list_flips(source, rising)).total,
    )


async def _flip_rows(room: Room, events: Sequence[Event]) -> list[FlipRow]:
    assets = await room.store.get_assets([e.asset_id for e in events])
    return [FlipRow(e, assets[e.asset_id]) for e in events]


async def _assets(room: Room, parsed: Parsed, wanted: Grammar) -> Message:
    now = await room.engine_now()
    asked = Screen(
        targets=await _targets(room, parsed),
        conditions=parsed.conditions,
        after=None if parsed.younger is None else now - parsed.younger,
        before=None if parsed.older is None else now - parsed.older,
        seen_after=room.now() - _SEEN_WITHIN,
        is_freshest_first=parsed.younger is not None and wanted is SCREEN,
        limit=0,
    )
    source = room.source.name
    total = (await room.store.list_screen(source, asked)).total
    if wanted is TOP:
        total = min(total, parsed.count or COUNT_DEFAULT)
    paged = await _paged(room, parsed, wanted.command, total)
    if not total:
        return screen_replies.nothing_matches(paged)
    offset = (paged.page - 1) * PAGE_SIZE
    shown = replace(asked, offset=offset, limit=min(PAGE_SIZE, total - offset))
    rows: Sequence[Asset] = (await room.store.list_screen(source, shown)).rows
    times = [a.state.last.as_of for a in rows if a.state is not None]
    paged = replace(paged, as_of=max(times, default=None))
    if wanted is TOP:
        return screen_replies.top(rows, paged)
    return screen_replies.screen(rows, paged)


async def _paged(room: Room, parsed: Parsed, command: str, total: int) -> Paged:
    return Paged(
        command=command,
        query=str(replace(parsed, page=1)),
        total=total,
        page=min(parsed.page, _last_page(total) + 1),
        now=await room.engine_now(),
        source_title=room.source.title,
    )


def _last_page(total: int) -> int:
    """Return the number of the last page, counted from zero."""
    return max(0, total - 1) // PAGE_SIZE


async def _targets(room: Room, parsed: Parsed) -> tuple[Target, ...]:
    """Return what is named, each known to the engine.

    Raises:
        UserError: one of them is not, or a condition could never match.
    """
    await refuse_what_never_matches(room, parsed.conditions)
    found = []
    for named in parsed.named:
        if named.scope is Scope.ASSET:
            asset = await room.one_asset(named.word)
            found.append(Target(scope=Scope.ASSET, asset_id=asset.id))
            continue
        problem = await broad_problem(room, named)
        if problem:
            raise UserError(problem)
        found.append(Target(scope=named.scope, category=named.word, top=named.top))
    return tuple(found)
