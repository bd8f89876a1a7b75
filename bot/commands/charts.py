"""/chart: one asset in a picture."""

from dataclasses import dataclass
from datetime import timedelta

from bot import chart_replies
from bot.chart_views import ChartViews
from bot.commands import insight
from bot.commands.room import Room
from bot.errors import PictureError, UserError
from bot.message import Message
from bot.model import MARKET_KEY, Asset, Scope
from bot.pictures import (
    WINDOW_DEFAULT,
    WINDOW_MAX,
    WINDOW_MIN,
    Look,
    PictureKind,
    PictureRef,
)
from bot.ports import Call

_HINT = "For example /chart BTC 90d."


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see."""

    word: str
    window: timedelta = WINDOW_DEFAULT
    look: Look = Look.DARK


def parse(arguments: str) -> Asked:
    """Read `BTC 90d light`: an asset, and in any order how far back and which look.

    Raises `UserError` that marks the word that is wrong.
    """
    typed = arguments.split()
    if not typed:
        raise UserError("A chart of what?", hint=_HINT)
    asked = Asked("")
    for position, word in enumerate(typed):
        lower = word.lower()
        length = chart_replies.window(lower)
        is_asset = not asked.word and (len(typed) == 1 or length is None)
        if lower in set(Look) and len(typed) > 1:
            asked = Asked(asked.word, asked.window, Look(lower))
        elif is_asset:
            asked = Asked(word, asked.window, asked.look)
        elif length is None:
            raise UserError(
                f"I don't know “{word}” here",
                hint=_HINT,
                marked=_marked(typed, position),
            )
        elif not WINDOW_MIN <= length <= WINDOW_MAX:
            raise UserError(
                "A chart goes back from 6h to 2y",
                hint=_HINT,
                marked=_marked(typed, position),
            )
        else:
            asked = Asked(asked.word, length, asked.look)
    if not asked.word:
        raise UserError("A chart of what?", hint=_HINT)
    return asked


def _marked(typed: list[str], position: int) -> str:
    return " ".join(f"▸{w}◂" if i == position else w for i, w in enumerate(typed))


async def chart(room: Room, call: Call, arguments: str) -> Message:
    """Show one asset in a picture, with its words."""
    asked = parse(arguments)
    asset = await room.one_asset(asked.word)
    return await show_chart(room, call, asset, window=asked.window, look=asked.look)


async def show_chart(
    room: Room,
    call: Call,
    asset: Asset,
    *,
    window: timedelta = WINDOW_DEFAULT,
    look: Look = Look.DARK,
) -> Message:
    """Return the words of a chart, and the name of its picture.

    It ends at the newest reading, so that who asks next is shown the same picture.
    The market's picture is its own.
    """
    if asset.key == MARKET_KEY:
        return await insight.market(room, call, look.value)
    if asset.state is None:
        return chart_replies.nothing(asset, window)
    ref = PictureRef(
        kind=PictureKind.CHART,
        until=asset.state.last.as_of,
        asset_id=asset.id,
        window=window,
        lines=await _lines(room, call, asset),
        look=look,
    )
    views = ChartViews(room.store, source_title=room.source.title)
    try:
        view = await views.make(ref)
    except PictureError:
        return chart_replies.nothing(asset, window)
    return chart_replies.chart(asset, view, ref)


async def press(room: Room, call: Call, asset: Asset, window: str) -> Message:
    """Show the chart that a button asks for; an unknown window is the usual one."""
    length = chart_replies.window(window)
    if length is None or not WINDOW_MIN <= length <= WINDOW_MAX:
        length = WINDOW_DEFAULT
    return await show_chart(room, call, asset, window=length)


async def _lines(room: Room, call: Call, asset: Asset) -> tuple[float, ...]:
    """Return the lines that count here for an asset: its watch's own, or the usual."""
    recipient = await room.store.find_recipient(call.place)
    if recipient is None:
        return ()
    for watch in await room.store.list_watches(recipient.id):
        is_on_it = watch.target.scope is Scope.ASSET
        if is_on_it and watch.target.asset_id == asset.id and not watch.is_exception:
            own = watch.conditions.thresholds
            return recipient.thresholds if own is None else own
    return recipient.thresholds
