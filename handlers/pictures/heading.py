"""The top and the bottom of a picture: verdict, figures, where they come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from handlers.pictures import lettering
from handlers.pictures.lettering import Weight
from handlers.pictures.palette import Palette
from handlers.pictures.panel import MARGIN
from handlers.pictures.scene import SIDE, Anchor, Mark, Shape, Sign, Words

#: under this line the panels begin
HEADING_ENDS: Final = 196
#: base line of the last line
FOOT: Final = SIDE - 30
_TITLE: Final = 64
_SECOND: Final = 40
_NAME: Final = 36
_FOOT_SIZE: Final = 28
_APART: Final = 28
_MARK: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands on top, in two lines.

    Attributes:
        title, name: whose picture it is; the name is smaller and may be cut.
        figure: the value that is looked for, at the right.
        verdict: the signal in words, behind its mark.
        move: what became of the figure, at the right.
    """

    title: str
    name: str = ""
    figure: str = ""
    verdict: str = ""
    move: str = ""
    is_bullish: bool | None = None
    has_mark: bool = True


def heading(top: Heading, palette: Palette) -> Iterator[Shape]:
    """Yield the two lines on top."""
    yield from _first_line(top, palette)
    y, room = 158.0, SIDE - 2.0 * MARGIN
    if top.move:
        size = lettering.shrunk(top.move, _SECOND, room / 2)
        move = Words(
            x=SIDE - MARGIN,
            y=y,
            text=lettering.fitted(top.move, size, room / 2),
            size=size,
            colour=palette.muted,
            anchor=Anchor.END,
        )
        room -= move.frame.width + _APART
        yield move
    x = float(MARGIN)
    if top.has_mark:
        sign = {True: Sign.UP, False: Sign.DOWN, None: Sign.NONE}[top.is_bullish]
        colour = palette.signal(top.is_bullish)
        centre = (x + _MARK, y - lettering.ascent(_SECOND) / 2)
        yield Mark(centre, _MARK, colour, sign, palette.on_signal, palette.ground)
        x += 2 * _MARK + 16
        room -= 2 * _MARK + 16
    size = lettering.shrunk(top.verdict, _SECOND, room, Weight.BOLD)
    yield Words(
        x=x,
        y=y,
        text=lettering.fitted(top.verdict, size, room, Weight.BOLD),
        size=size,
        colour=palette.signal(top.is_bullish) if top.has_mark else palette.ink,
        weight=Weight.BOLD,
    )


def _first_line(top: Heading, palette: Palette) -> Iterator[Shape]:
    y, room = 88.0, SIDE - 2.0 * MARGIN
    if top.figure:
        size = lettering.shrunk(top.figure, _TITLE, room * 0.6, Weight.BOLD)
        figure = Words(
            x=SIDE - MARGIN,
            y=y,
            text=lettering.fitted(top.figure, size, room * 0.6, Weight.BOLD),
            size=size,
            colour=palette.ink,
            weight=Weight.BOLD,
            anchor=Anchor.END,
        )
        room -= figure.frame.width + _APART
        yield figure
    size = lettering.shrunk(top.title, _TITLE, room, Weight.BOLD)
    title = Words(
        x=MARGIN,
        y=y,
        text=lettering.fitted(top.title, size, room, Weight.BOLD),
        size=size,
        colour=palette.ink,
        weight=Weight.BOLD,
    )
    yield title
    room -= title.frame.width + 20
    name = lettering.fitted(top.name, _NAME, room) if top.name and room > 0 else ""
    if len(name) > 3:  # noqa: PLR2004 - two letters and dots are no name
        yield Words(
            x=MARGIN + title.frame.width + 20,
            y=y,
            text=name,
            size=_NAME,
            colour=palette.muted,
        )


def foot(source: str, until: datetime, palette: Palette) -> Iterator[Shape]:
    """Yield which engine said so, and as of when."""
    at = f"{until:%b} {until.day} {until:%Y}, {until:%H:%M} UTC"
    moment = Words(
        x=SIDE - MARGIN,
        y=FOOT,
        text=at,
        size=_FOOT_SIZE,
        colour=palette.muted,
        anchor=Anchor.END,
    )
    yield moment
    room = SIDE - 2 * MARGIN - moment.frame.width - _APART
    yield Words(
        x=MARGIN,
        y=FOOT,
        text=lettering.fitted(lettering.writable(source), _FOOT_SIZE, room),
        size=_FOOT_SIZE,
        colour=palette.muted,
    )
