"""/threshold, /mute, /unmute: how much one wants to hear."""

import re
from datetime import timedelta

from bot import grammar, notices, time_words
from bot.commands.room import Room
from bot.commands.watching import Adding, put_asset_watch
from bot.errors import UserError
from bot.grammar import Named, Parsed
from bot.message import Message
from bot.model import (
    Asset,
    Conditions,
    Mute,
    PlaceKind,
    Recipient,
    Scope,
    Target,
    Tell,
    Watch,
)
from bot.ports import Call
from bot.told_lines import side_of

MUTE_DEFAULT = timedelta(hours=24)
MUTE_MAX = timedelta(days=365)
#: `24 h` is one length, as `24h` is
_SPACED_LENGTH = re.compile(r"(\d)\s+(h|d|m|w|min|minute|hour|day|week)(?=\b|s\b)")
_OFF = frozenset({"off", "none", "clear"})


def private_only(call: Call, command: str) -> None:
    """Refuse a personal command in a group.

    Raises:
        UserError: with where to type it instead.
    """
    if call.kind is not PlaceKind.PRIVATE:
        raise UserError(
            f"{command} is for your private chat",
            hint="Admins change this place with /broadcast.",
        )


# ------------------------------------------------------------------------ threshold


async def threshold(room: Room, call: Call, arguments: str) -> Message:
    """Show or set the lines of one asset, or the default for all watches."""
    private_only(call, "/threshold")
    words = arguments.replace(",", " ").split()
    recipient = await room.recipient(call)
    if not words or _is_line(words[0]) or words[0].lower() in _OFF:
        return await _default_lines(room, recipient, words)
    asset = await room.one_asset(words[0])
    watch = await _own_watch(room, recipient, asset)
    if len(words) == 1:
        lines: tuple[float, ...] = ()
        if watch is not None:
            own = watch.conditions.thresholds
            lines = recipient.thresholds if own is None else own
        return notices.thresholds(
            asset.symbol, lines, was_changed=False, is_default=False
        )
    lines = _parse_lines(words[1:])
    await _set_lines(room, call, recipient, asset, lines)
    return notices.thresholds(asset.symbol, lines, was_changed=True, is_default=False)


def _is_line(word: str) -> bool:
    return word.replace(".", "", 1).lstrip("-").isdigit()


def _parse_lines(words: list[str]) -> tuple[float, ...]:
    if len(words) == 1 and words[0].lower() in _OFF:
        return ()
    return grammar.parse_lines(words)


async def _default_lines(room: Room, recipient: Recipient, words: list[str]) -> Message:
    if not words:
        return notices.thresholds(
            "", recipient.thresholds, was_changed=False, is_default=True
        )
    lines = _parse_lines(words)
    await room.store.set_thresholds(recipient.id, lines, now=room.now())
    return notices.thresholds("", lines, was_changed=True, is_default=True)


async def own_lines(room: Room, call: Call, asset: Asset, typed: str) -> None:
    """Give one asset the lines typed, `off` for none; idempotent.

    Raises:
        UserError: with what is no line.
    """
    recipient = await room.recipient(call)
    await _set_lines(room, call, recipient, asset, _parse_lines(typed.split()))


async def _own_watch(room: Room, recipient: Recipient, asset: Asset) -> Watch | None:
    for watch in await room.store.list_watches(recipient.id):
        if watch.target.asset_id == asset.id and not watch.is_exception:
            return watch
    return None


async def _set_lines(
    room: Room,
    call: Call,
    recipient: Recipient,
    asset: Asset,
    lines: tuple[float, ...],
) -> None:
    """Give the asset's watch other lines; its other conditions stay."""
    watch = await _own_watch(room, recipient, asset)
    others = "" if watch is None else _without_lines(watch)
    parsed = grammar.parse(f"{others} {' '.join(f'{x:g}' for x in lines)}")
    if not lines:
        parsed = _no_lines(parsed)
    if watch is None:
        await put_asset_watch(room, Adding(recipient, parsed, call.user), asset)
        return
    grade = asset.state.last.grade if asset.state is not None else None
    sides = {} if grade is None else {x: side_of(grade, x) for x in lines}
    # Only the lines' sides are told here: the reply shows no signal.
    tell = Tell(asset_id=asset.id, signal=None, since=None, lines=sides)
    named = Named(Scope.ASSET, asset.symbol)
    await room.store.put_watch(
        recipient.id,
        Target(scope=Scope.ASSET, asset_id=asset.id),
        parsed.conditions,
        text=grammar.print_watch(named, parsed.condition_text),
        created_by=watch.created_by,
        told=tell,
        now=room.now(),
    )


def _without_lines(watch: Watch) -> str:
    words = watch.text.split()[1:]
    return " ".join(w for w in words if not _is_line(w))


def _no_lines(parsed: Parsed) -> Parsed:
    """Return the same with lines explicitly none, instead of the default ones."""
    old = parsed.conditions
    conditions = Conditions(
        direction=old.direction,
        min_grade=old.min_grade,
        max_grade=old.max_grade,
        min_market_cap=old.min_market_cap,
        max_market_cap=old.max_market_cap,
        min_volume=old.min_volume,
        max_volume=old.max_volume,
        thresholds=(),
        is_urgent=old.is_urgent,
    )
    return Parsed(conditions=conditions, condition_text=parsed.condition_text)


# ----------------------------------------------------------------------------- mute


async def mute(room: Room, call: Call, arguments: str) -> Message:
    """Hold alerts of one asset or all, for a time or until the next flip."""
    private_only(call, "/mute")
    asset: Asset | None = None
    length = ""
    typed = _SPACED_LENGTH.sub(r"\1\2", arguments.lower())
    for word in typed.split():
        if word in {"flip", "next"} or time_words.length(word) is not None:
            length = word
        elif word in {"until", "all", "the", "everything", "for"}:
            continue
        elif asset is None:
            asset = await room.one_asset(word)
        elif word[0].isdigit():
            raise UserError(
                f"“{word[:20]}” is not a length of time", hint="Such as 1h, 24h or 7d."
            )
        elif await room.find_assets(word.lstrip("$")):
            raise UserError(
                "One asset at a time, please", hint="For example /mute BTC 24h."
            )
        else:
            raise UserError(
                f"“{word[:20]}” is not a length of time",
                hint="Such as 1h, 24h, 7d or until flip.",
            )
    recipient = await room.recipient(call)
    placed = await mute_until(room, recipient, asset, length)
    return notices.muted(asset.symbol if asset is not None else "", placed)


async def mute_until(
    room: Room, recipient: Recipient, asset: Asset | None, word: str
) -> Mute:
    """Mute for a time such as `1h`, until the next `flip`, or for a day.

    Raises:
        UserError: no time at all, or more than a year.
    """
    if word in {"flip", "next"}:
        return await place_mute(room, recipient, asset, None)
    length = time_words.length(word) if word else MUTE_DEFAULT
    if length is None or not timedelta() < length <= MUTE_MAX:
        raise UserError("A mute lasts up to a year", hint="For example /mute 24h.")
    return await place_mute(room, recipient, asset, length)


async def place_mute(
    room: Room, recipient: Recipient, asset: Asset | None, length: timedelta | None
) -> Mute:
    """Mute one asset or all; pressing it again starts the time anew."""
    now = room.now()
    placed = Mute(
        asset_id=None if asset is None else asset.id,
        until=None if length is None else now + length,
        created_at=now,
    )
    await room.store.set_mute(recipient.id, placed)
    return placed


async def unmute(room: Room, call: Call, arguments: str) -> Message:
    """Let alerts through again; what was held is decided now."""
    private_only(call, "/unmute")
    word = arguments.strip()
    recipient = await room.recipient(call)
    asset = await room.one_asset(word) if word and word.lower() != "all" else None
    count = await room.store.clear_mutes(
        recipient.id, None if asset is None else asset.id, now=room.now()
    )
    room.wake()
    return notices.unmuted("" if asset is None else asset.symbol, count)
