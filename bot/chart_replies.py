"""What is said with a chart. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from bot import words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    TimeStyle,
    Tone,
    bold,
    line,
)
from bot.model import MARKET_KEY, Asset, Signal, is_own
from bot.news import News
from bot.phrases import TONES
from bot.pictures import ChartView, PictureKind, PictureRef

#: windows that buttons offer, as they are typed
OFFERED = ("7d", "30d", "90d", "1y")
#: up to two days are read as hours
_HOURS_MAX = 48
_UNITS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(days=7),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}


def window(word: str) -> timedelta | None:
    """Read a window such as `90d`; None for anything else."""
    number, unit = word[:-1], word[-1:].lower()
    if unit not in _UNITS or not number.isdecimal() or len(number) > 4:  # noqa: PLR2004 - years enough
        return None
    return int(number) * _UNITS[unit]


def written(length: timedelta) -> str:
    """Write a window as it is typed: `24h`, `90d`."""
    hours = max(1, round(length / timedelta(hours=1)))
    return f"{hours}h" if hours <= _HOURS_MAX else f"{round(hours / 24)}d"


def chart(asset: Asset, view: ChartView, ref: PictureRef) -> Message:
    """Answer /chart: the words under the picture, or alone without it."""
    signal = {True: Signal.BULLISH, False: Signal.BEARISH, None: Signal.NEUTRAL}[
        view.is_bullish
    ]
    word = "no signal yet" if signal is Signal.NEUTRAL else signal.word
    grades = [p.grade for p in view.points if p.grade is not None]
    grade = f" · grade {words.grade(grades[-1])}" if grades else ""
    return Message(
        title=line(f"{words.DOT[signal]} ", bold(f"{asset.symbol} {word}"), grade),
        body=tuple(_body(view, ref)),
        footer=line(view.source),
        stamp=view.until,
        stamp_style=TimeStyle.BOTH,
        buttons=chart_buttons(asset, ref),
        tone=TONES.get(signal, Tone.PLAIN),
        is_private=True,
        picture=ref,
    )


def chart_buttons(asset: Asset, ref: PictureRef) -> tuple[tuple[Button, ...], ...]:
    """Return the other windows, and what stands behind the picture."""
    others = [w for w in OFFERED if window(w) != ref.window]
    windows = [Button(w, f"v1:chart:{asset.id}:{w}") for w in others]
    return (tuple(windows), (Button("🔍 Details", f"v1:signal:{asset.id}"),))


def of_alert(news: Sequence[News]) -> PictureRef | None:
    """Return the picture that goes with an alert; None where it is not of one asset.

    It ends at the newest reading, so that all who are told at once share one picture.
    """
    if len(news) != 1:
        return None
    (told,) = news
    state = told.asset.state
    if is_own(told.asset.key):
        if told.asset.key != MARKET_KEY:
            return None
        return PictureRef(kind=PictureKind.MARKET, until=told.event.as_of)
    return PictureRef(
        kind=PictureKind.CHART,
        until=told.event.as_of if state is None else state.last.as_of,
        asset_id=told.asset.id,
        lines=told.watch.conditions.thresholds or (),
    )


def _body(view: ChartView, ref: PictureRef) -> list[Block]:
    span = written(view.until - view.since)
    found: list[Block] = []
    prices = [p.price for p in view.points if p.price is not None and p.price > 0]
    if prices:
        move = words.move(prices[0], prices[-1]) if len(prices) > 1 else None
        tail = "" if move is None else f", {words.percent(move)} in {span}"
        found.append(line(f"Price {words.price(prices[-1])}{tail}"))
    if len(prices) > 1:
        low, high = words.price(min(prices)), words.price(max(prices))
        found.append(line(f"Low {low} · high {high}"))
    found.append(_turned(view, span))
    if view.since > ref.since:
        found.append(line("All I have begins ", Moment(view.since, TimeStyle.DATE)))
    return found


def _turned(view: ChartView, span: str) -> Line:
    count = len(view.turns)
    if not count:
        return line(f"No flip in {span}")
    last = view.turns[-1]
    head = f"{words.count(count, 'flip')} in {span}, the last "
    return line(head, Moment(last.at, TimeStyle.DATE))


def nothing(asset: Asset, length: timedelta) -> Message:
    """Answer where there is nothing to draw."""
    buttons = [
        Button(w, f"v1:chart:{asset.id}:{w}") for w in OFFERED if window(w) != length
    ]
    return Message(
        title=line("⚪ ", bold(f"{asset.symbol}: no readings in {written(length)}")),
        body=(line("A longer time may have some."),),
        buttons=(tuple(buttons),),
        is_private=True,
    )
