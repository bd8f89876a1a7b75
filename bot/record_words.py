"""/record: what past signals were worth, in words. Pure.

Moves are moves of the price, nobody's gains; a small count says what a coin would do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import phrases, words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    Table,
    TimeStyle,
    bold,
    line,
)
from bot.model import Signal
from bot.record import Finished, PricedFlip, Record, Tally, coin_toss

#: rows of the table of all signals: the newest ones
ROWS = 20
_EXTREMES = 3
#: of a coin that does as well no more often than this it is said how rarely
_RARE = 0.05
#: and of one that does as well at least so often, that it nearly always does
_SURE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOf:
    """Whose record is shown, and what it needs beside the figures.

    Attributes:
        name: `ETH`, `ai`, or the engine's title.
        asset_id: our id; 0 for a category or the engine as a whole.
        assets: how many assets the signals are of.
    """

    name: str
    now: datetime
    source_title: str
    asset_id: int = 0
    assets: int = 1


def record(found: Record, of: RecordOf) -> Message:
    """Say how often the price followed, and how holding compares."""
    if not found.is_enough:
        return _too_few(found, of)
    body: list[Block] = [
        line(coin(found.followed, found.count)),
        Line(),
        *_halves(found),
    ]
    if of.asset_id:
        bullish, always = (
            bold(words.percent(held))
            for held in (found.held_bullish, found.held_always)
        )
        body += [
            Line(),
            line("Held only while bullish: ", bullish),
            line("Held all the time: ", always),
            *_open(found.open, of),
        ]
    else:
        body.append(line(f"{words.count(of.assets, 'asset')} with finished signals."))
    begins = min(one.began_at for one in found.finished)
    span = f"{begins:%b %Y} to today"
    return Message(
        title=_title(of.name, verdict(found)),
        body=tuple(body),
        footer=line(f"From flip to flip, {span}, no fees · {of.source_title}"),
        buttons=_buttons(found.count, of),
        is_private=True,
    )


def _title(name: str, said: str) -> Line:
    return line("📒 ", bold(f"{name}: {said}"))


def verdict(found: Record) -> str:
    """Say in line 1 what a record comes to."""
    if not found.is_enough:
        return f"{words.count(found.count, 'signal')} so far, too few to say"
    return f"price followed {found.followed} of {found.count} signals"


def sums(found: Record, *, assets: int = 1) -> tuple[str, ...]:
    """Return what is worked out over a record, for its picture; nothing of too few.

    Of many assets the picture shows the newest signals, and this says so.
    """
    if not found.is_enough:
        return ()
    halves = (
        ("after bullish it rose", found.tally(Signal.BULLISH)),
        ("after bearish it fell", found.tally(Signal.BEARISH)),
    )
    return (
        *(text for head, tally in halves if (text := _half(head, tally))),
        coin(found.followed, found.count)
        if assets == 1
        else f"bars: the newest signals of {words.count(assets, 'asset')}",
    )


def _halves(found: Record) -> list[Block]:
    texts = (
        _half("🟢 after bullish it rose", found.tally(Signal.BULLISH)),
        _half("🔴 after bearish it fell", found.tally(Signal.BEARISH)),
    )
    return [line(text) for text in texts if text]


def _too_few(found: Record, of: RecordOf) -> Message:
    """Show the signals there are, with nothing worked out over them."""
    return Message(
        title=_title(of.name, verdict(found)),
        body=tuple(_row_line(one) for one in found.finished)
        or (line("A signal is finished with the next flip."),),
        footer=line(f"From flip to flip, no fees · {of.source_title}"),
        buttons=_buttons(0, of),
        is_private=True,
    )


def _row_line(one: Finished) -> Line:
    dot = words.DOT[one.signal]
    start, end = words.price(one.price), words.price(one.end_price)
    return line(
        f"{dot} ",
        Moment(one.began_at, TimeStyle.DATE),
        f" {start} → {end}, {words.percent(one.move)}",
    )


def _half(head: str, tally: Tally) -> str:
    if tally.median is None:
        return ""
    median = words.percent(tally.median)
    return f"{head} {tally.followed} of {tally.count} · median {median}"


def coin(followed: int, count: int) -> str:
    """Say how often a coin toss does as well."""
    chance = coin_toss(followed, count)
    if chance <= _RARE:
        return f"A coin toss does this well 1 time in {round(1 / chance):,}."
    if chance >= _SURE:
        return "A coin toss nearly always does as well."
    head = f"A coin toss gets {followed} or more of {count}"
    times = round(100 * chance)
    if times in range(48, 53):
        return f"{head} half of the time."
    return f"{head} {times} times in 100."


def _open(flip: PricedFlip | None, of: RecordOf) -> list[Block]:
    if flip is None:
        return []
    since = Moment(flip.at, phrases.style(flip.at, of.now))
    text = f"Open now: {words.DOT[flip.signal]} since "
    return [line(text, since, f" at {words.price(flip.price)}, not counted.")]


def _buttons(finished: int, of: RecordOf) -> tuple[tuple[Button, ...], ...]:
    if not of.asset_id:
        return ()
    whole = Button("Engine as a whole", "v1:rec:0:sum")
    if not finished:
        return ((whole,),)
    each = (
        Button(f"All {finished}", f"v1:rec:{of.asset_id}:all"),
        Button("Best and worst", f"v1:rec:{of.asset_id}:ext"),
    )
    return (each, (whole,))


# ------------------------------------------------------------------------ in detail


def every(found: Sequence[Finished], of: RecordOf) -> Message:
    """List every finished signal, with the furthest moves, marked as hindsight."""
    shown = list(found)[-ROWS:]
    body: list[Block] = [_table(shown)]
    left = len(found) - len(shown)
    if left:
        body.append(line(f"The newest {len(shown)}; {left} are older."))
    body.append(line("Best and worst are the furthest on the way: hindsight."))
    return Message(
        title=_title(of.name, f"all {len(found)} signals"),
        body=tuple(body),
        footer=line(f"From flip to flip, no fees · {of.source_title}"),
        is_private=True,
    )


def extremes(found: Sequence[Finished], of: RecordOf) -> Message:
    """Show the signals that went best and worst, by what the price did to the next."""
    ordered = sorted(found, key=lambda one: -one.move * one.signal)
    count = min(_EXTREMES, len(ordered) // 2)
    body: list[Block] = [
        line("Best"),
        *(_row_line(one) for one in ordered[:count]),
        Line(),
        line("Worst"),
        *(_row_line(one) for one in reversed(ordered[-count:])),
    ]
    return Message(
        title=_title(of.name, "best and worst signals"),
        body=tuple(body),
        footer=line(f"From flip to flip, no fees · {of.source_title}"),
        is_private=True,
    )


def _table(found: Sequence[Finished]) -> Table:
    """Lay out day, move to the next flip, furthest for and against: 30 columns."""
    rows = [f"{'':<9}{'move':>7}{'best':>7}{'worst':>7}"]
    for one in found:
        mark = words.MARK[one.signal]
        day = f"{mark} {one.began_at:%y-%m-%d}"[:10]
        figures = (one.move, one.best, one.worst)
        cells = "".join(f"{_whole(f):>7}" for f in figures)
        rows.append(f"{day:<9}{cells}"[:30])
    return Table(tuple(rows))


def _whole(ratio: float) -> str:
    """Write a move without decimals where they have no room."""
    text = words.percent(ratio)
    return text if len(text) <= 6 else f"{text.partition('.')[0]}%"  # noqa: PLR2004
