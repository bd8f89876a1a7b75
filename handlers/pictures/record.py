"""A record: what the price did after each of the past signals."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from bot import words
from bot.pictures import Look, Outcome, RecordView
from handlers.pictures import lettering, panel
from handlers.pictures.heading import HEADING_ENDS, Heading, foot, heading
from handlers.pictures.lettering import Weight
from handlers.pictures.palette import PALETTES, Palette
from handlers.pictures.panel import LABEL, MARGIN, Label, Panel
from handlers.pictures.scales import Scale
from handlers.pictures.scene import (
    SIDE,
    Anchor,
    Box,
    Frame,
    Mark,
    Rule,
    Scene,
    Shape,
    Sign,
    Words,
)

#: so many bars can still be told apart
OUTCOMES_MAX: Final = 12
_LEGEND: Final = HEADING_ENDS + 16.0
_LEGEND_SIZE: Final = 28
_TOP: Final = HEADING_ENDS + 52.0
_BOTTOM: Final = 706.0
_SIGNS: Final = 744.0
_FIGURES: Final = 804.0
_DATES: Final = 848.0
_NOTES: Final = (906.0, 952.0, 998.0)
_NOTE_SIZE: Final = 36
#: moves that may be marked at the scale; as far apart as they are for the money
_MOVES: Final = (-0.9, -0.75, -0.5, -0.25, 0.0, 0.5, 1.0, 3.0, 9.0, 29.0)
#: the scale reaches at least so far both ways
_LEAST: Final = 0.12
#: a price that all but vanished is shown so
_FALL_MAX: Final = -0.99
_WIDE: Final = 62.0


def record(view: RecordView, look: Look) -> Scene:
    """Lay out the picture of a record."""
    palette = PALETTES[look]
    top = Heading(
        title=lettering.writable(view.title) or "?",
        name="record",
        verdict=lettering.writable(view.verdict),
        has_mark=False,
    )
    shapes = [
        *heading(top, palette),
        *_bars(view, palette),
        *_notes(view, palette),
        *foot(view.source, view.until, palette),
    ]
    return Scene(look, tuple(shapes))


def _bent(move: float) -> float:
    """Return a move on a scale on which doubling is as far as halving."""
    return math.log1p(max(move, _FALL_MAX))


def _bars(view: RecordView, palette: Palette) -> Iterator[Shape]:
    shown = [o for o in view.outcomes if panel.is_known(o.move)][-OUTCOMES_MAX:]
    moves = [
        m for o in shown for m in (o.move, o.highest, o.lowest) if panel.is_known(m)
    ]
    high = max([_LEAST, *(_bent(m) for m in moves if m is not None)])
    low = min([-_LEAST, *(_bent(m) for m in moves if m is not None)])
    scale = Scale(low * 1.12, high * 1.12)
    labels = [
        Label(_bent(m), "0%" if m == 0 else _whole(m))
        for m in _MOVES
        if scale.low <= _bent(m) <= scale.high
    ]
    right = SIDE - MARGIN / 2 - panel.rail_width(labels)[0]
    field = Panel(
        field=Frame(MARGIN, _TOP, right, _BOTTOM),
        since=view.until,
        until=view.until,
        scale=scale,
    )
    yield from panel.rules(field, labels, palette)
    zero = field.y(0.0)
    yield Rule((MARGIN, zero), (right, zero), palette.muted, 3)
    yield from panel.rail(field, labels, palette, palette.curve)
    if not shown:
        yield panel.nothing(field, "no finished signal yet", palette)
        return
    place = field.field.width / len(shown)
    for number, outcome in enumerate(shown):
        middle = MARGIN + place * (number + 0.5)
        yield from _bar(field, outcome, middle, min(_WIDE, place * 0.66), palette)
        colour = palette.signal(outcome.is_bullish)
        sign = Sign.UP if outcome.is_bullish else Sign.DOWN
        radius = min(20.0, place * 0.36)
        yield Mark(
            (middle, _SIGNS), radius, colour, sign, palette.on_signal, palette.ground
        )
    yield _legend(palette)
    yield from _figures(shown, place, palette)
    yield from _dates(shown, place, palette)


def _legend(palette: Palette) -> Words:
    return Words(
        x=MARGIN,
        y=_LEGEND,
        text="to the next signal · filled: the price followed · thin: furthest",
        size=_LEGEND_SIZE,
        colour=palette.muted,
    )


def _bar(
    field: Panel, outcome: Outcome, middle: float, wide: float, palette: Palette
) -> Iterator[Shape]:
    """Yield a whisker for the furthest moves, the bar, and the move in figures."""
    move = outcome.move or 0.0
    zero, end = field.y(0.0), field.y(_bent(move))
    furthest = (outcome.highest, outcome.lowest)
    ends = [zero, end]
    ends += [field.y(_bent(f)) for f in furthest if f is not None and math.isfinite(f)]
    yield Rule((middle, min(ends)), (middle, max(ends)), palette.muted, 3)
    has_followed = (move > 0) is outcome.is_bullish and move != 0
    colour = palette.curve if has_followed else palette.muted
    left, right = middle - wide / 2, middle + wide / 2
    top, bottom = min(zero, end), max(zero, end)
    frame = Frame(left, top, right, max(bottom, top + 3))
    yield Box(frame, colour, 5)
    if not has_followed:
        inner = Frame(left + 4, top + 4, right - 4, bottom - 4)
        if inner.height > 0:
            yield Box(inner, palette.ground, 3)


def _figures(
    shown: Sequence[Outcome], place: float, palette: Palette
) -> Iterator[Shape]:
    """Yield the moves in a row of figures; one that has no room is left out."""
    texts = [_whole(outcome.move or 0.0) for outcome in shown]
    size = min(lettering.shrunk(text, LABEL, place - 6, Weight.BOLD) for text in texts)
    for number, text in enumerate(texts):
        middle = MARGIN + place * (number + 0.5)
        wide = lettering.width(text, size, Weight.BOLD)
        if wide <= place - 4:
            yield Words(
                x=max(middle, wide / 2 + MARGIN / 2),
                y=_FIGURES,
                text=text,
                size=size,
                colour=palette.ink,
                weight=Weight.BOLD,
                anchor=Anchor.MIDDLE,
            )


def _whole(move: float) -> str:
    """Write a move in whole percents."""
    figure = round(move * 100)
    sign = words.MINUS if figure < 0 else "+"
    return f"{sign}{abs(figure):,}%"


def _dates(shown: Sequence[Outcome], place: float, palette: Palette) -> Iterator[Shape]:
    """Yield the month of as many signals as have room, the last one first."""
    taken: list[Frame] = []
    for number, outcome in reversed(list(enumerate(shown))):
        text = f"{outcome.at:%b} ’{outcome.at:%y}"
        wide = lettering.width(text, LABEL)
        middle = MARGIN + place * (number + 0.5)
        label = Words(
            x=max(middle, MARGIN + wide / 2),
            y=_DATES,
            text=text,
            size=LABEL,
            colour=palette.muted,
            anchor=Anchor.MIDDLE,
        )
        clear = Frame(label.frame.left - 20, 0, label.frame.right + 20, SIDE)
        if not any(clear.touches(other) for other in taken):
            taken.append(label.frame)
            yield label


def _notes(view: RecordView, palette: Palette) -> Iterator[Shape]:
    room = SIDE - 2.0 * MARGIN
    for y, note in zip(_NOTES, view.notes, strict=False):
        text = lettering.writable(note)
        size = lettering.shrunk(text, _NOTE_SIZE, room)
        yield Words(
            x=MARGIN,
            y=y,
            text=lettering.fitted(text, size, room),
            size=size,
            colour=palette.ink,
        )
