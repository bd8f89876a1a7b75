"""The market: the bull-bear indicator's history on top, sectors below."""

from collections.abc import Iterator, Sequence
from typing import Final

from bot.pictures import Look, MarketView, Sector
from handlers.pictures import lettering, panel
from handlers.pictures.heading import HEADING_ENDS, Heading, foot, heading
from handlers.pictures.lettering import Weight
from handlers.pictures.palette import PALETTES, Palette
from handlers.pictures.panel import LABEL, MARGIN, Label, Panel, Stretch
from handlers.pictures.scales import Scale
from handlers.pictures.scene import (
    SIDE,
    Anchor,
    Box,
    Frame,
    Mark,
    Scene,
    Shape,
    Sign,
    Words,
)

_TOP: Final = HEADING_ENDS + 8.0
#: where the history ends: with sectors below, and without
_HISTORY_ENDS: Final = 560.0
_HISTORY_ALONE: Final = 940.0
#: the indicator turns the market bullish and bearish here
_LINES: Final = (0.55, 0.45)
_SCALE: Final = Scale(0.0, 1.0)
_SECTORS_MAX: Final = 6
_SECTORS_FROM: Final = 664.0
_ROW: Final = 56.0
_NAME_WIDTH: Final = 250.0
_FIGURE_WIDTH: Final = 250.0
_BAR: Final = 26.0
#: a change that rounds to less is none
_STILL: Final = 0.005


def market(view: MarketView, look: Look) -> Scene:
    """Lay out the picture of the market."""
    palette = PALETTES[look]
    history = panel.stretches(
        ((s.at, _share(s.share)) for s in view.history), view.since, view.until
    )
    sectors = [s for s in view.sectors if _share(s.share) is not None][:_SECTORS_MAX]
    shapes = [
        *heading(_heading(view), palette),
        *_history(view, history, palette, has_sectors=bool(sectors)),
        *_sectors(sectors, palette),
        *foot(_foot(view), view.until, palette),
    ]
    return Scene(look, tuple(shapes))


def _share(value: float | None) -> float | None:
    return value if value is not None and 0 <= value <= 1 else None


def percent(share: float) -> str:
    """Write a share as whole percents."""
    return f"{round(share * 100)}%"


def _heading(view: MarketView) -> Heading:
    verdict = {True: "bullish", False: "bearish", None: "no signal yet"}
    share, before = _share(view.share), _share(view.week_ago)
    return Heading(
        title="Market",
        figure="" if share is None else f"{percent(share)} bullish",
        verdict=verdict[view.is_bullish],
        move="" if before is None else f"a week ago {percent(before)}",
        is_bullish=view.is_bullish,
    )


def _foot(view: MarketView) -> str:
    if not view.assets:
        return view.source
    return f"{view.assets:,} assets · {view.source}"


def _history(
    view: MarketView, history: list[Stretch], palette: Palette, *, has_sectors: bool
) -> Iterator[Shape]:
    labels = [Label(line, percent(line), is_strong=True) for line in _LINES]
    labels += [Label(0.0, "0%"), Label(1.0, "100%")]
    if history:
        last = history[-1][-1][1]
        labels.append(Label(last, percent(last), is_tag=True))
    right = SIDE - MARGIN / 2 - panel.rail_width(labels)[0]
    bottom = _HISTORY_ENDS if has_sectors else _HISTORY_ALONE
    upper = Panel(
        field=Frame(MARGIN, _TOP, right, bottom),
        since=view.since,
        until=view.until,
        scale=_SCALE,
    )
    dates = panel.dates(upper, bottom + 46, palette)
    yield from panel.uprights(upper, dates, palette)
    yield from panel.rules(upper, labels[2:], palette)
    yield from panel.regimes(upper, history, view.turns, _standing(view), palette)
    yield from panel.rules(upper, labels[:2], palette)
    yield from panel.curves(upper, history, palette.curve, 5.0)
    if not history:
        yield panel.nothing(upper, "no history in this time", palette)
    yield from panel.marks(upper, view.turns, history, palette)
    yield from panel.rail(upper, labels, palette, palette.curve)
    yield from dates


def _standing(view: MarketView) -> bool | None:
    """Return the market's signal before its first turn."""
    return not view.turns[0].is_bullish if view.turns else view.is_bullish


# ----------------------------------------------------------------------- sectors


def _sectors(sectors: Sequence[Sector], palette: Palette) -> Iterator[Shape]:
    if not sectors:
        return
    yield Words(
        x=MARGIN,
        y=_SECTORS_FROM - 6,
        text="bullish by sector, change in a week",
        size=LABEL,
        colour=palette.muted,
    )
    for number, sector in enumerate(sectors):
        yield from _sector(sector, _SECTORS_FROM + 18 + number * _ROW, palette)


def _sector(sector: Sector, top: float, palette: Palette) -> Iterator[Shape]:
    base = top + 35
    name = lettering.writable(sector.name) or "?"
    yield Words(
        x=MARGIN,
        y=base,
        text=lettering.fitted(name, LABEL, _NAME_WIDTH - 16),
        size=LABEL,
        colour=palette.ink,
    )
    left, right = MARGIN + _NAME_WIDTH, SIDE - MARGIN - _FIGURE_WIDTH
    middle = base - lettering.ascent(LABEL) / 2
    track = Frame(left, middle - _BAR / 2, right, middle + _BAR / 2)
    yield Box(track, palette.rule, _BAR / 2)
    filled = track.width * sector.share
    if filled >= 1:
        # Half and more of a sector is its bullish side.
        colour = palette.signal(sector.share >= 0.5)  # noqa: PLR2004
        end = track.left + max(filled, _BAR)
        yield Box(Frame(track.left, track.top, end, track.bottom), colour, _BAR / 2)
    yield Words(
        x=right + 110,
        y=base,
        text=percent(sector.share),
        size=LABEL,
        colour=palette.ink,
        weight=Weight.BOLD,
        anchor=Anchor.END,
    )
    before = _share(sector.week_ago)
    if before is not None:
        yield from _change(sector.share - before, right + 150, base, palette)


def _change(change: float, x: float, base: float, palette: Palette) -> Iterator[Shape]:
    """Yield a mark and by how many points a share has changed."""
    sign = Sign.NONE if abs(change) < _STILL else Sign.UP if change > 0 else Sign.DOWN
    if sign is Sign.NONE:
        yield Words(x=x - 12, y=base, text="same", size=LABEL, colour=palette.muted)
        return
    colour = palette.signal(change > 0)
    centre = (x, base - lettering.ascent(LABEL) / 2)
    yield Mark(centre, 15.0, colour, sign, palette.on_signal, palette.ground)
    yield Words(
        x=x + 26,
        y=base,
        text=f"{abs(round(change * 100))}",
        size=LABEL,
        colour=palette.muted,
    )
