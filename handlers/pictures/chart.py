"""One asset: price on top with a mark at every flip, grade below with its lines."""

from collections.abc import Iterator
from typing import Final

from bot import words
from bot.pictures import ChartView, Look
from handlers.pictures import lettering, panel
from handlers.pictures.heading import HEADING_ENDS, Heading, foot, heading
from handlers.pictures.palette import PALETTES, Palette
from handlers.pictures.panel import LABEL, MARGIN, Label, Panel, Stretch
from handlers.pictures.scales import Scale, price_scale, price_ticks, tick_price
from handlers.pictures.scene import SIDE, Frame, Scene, Shape, Words

_PRICE: Final = (HEADING_ENDS + 8.0, 652.0)
_GRADE: Final = (732.0, 952.0)
_DATES: Final = 998.0
_TICKS: Final = 5
#: up to two days are read as hours
_HOURS_MAX: Final = 48
#: the borders of the bands, marked where nobody asked for other lines
_BANDS: Final = (50.0, 80.0)
_GRADES: Final = Scale(0.0, 100.0)


def chart(view: ChartView, look: Look) -> Scene:
    """Lay out the picture of one asset."""
    palette = PALETTES[look]
    prices = panel.stretches(
        ((p.at, p.price if (p.price or 0) > 0 else None) for p in view.points),
        view.since,
        view.until,
    )
    grades = panel.stretches(
        ((p.at, _grade(p.grade)) for p in view.points), view.since, view.until
    )
    shapes = [
        *heading(_heading(view, prices, grades), palette),
        *_panels(view, prices, grades, palette),
        *foot(view.source, view.until, palette),
    ]
    return Scene(look, tuple(shapes))


def _grade(value: float | None) -> float | None:
    """Return a grade, None for what is none."""
    return value if value is not None and 0 <= value <= 100 else None  # noqa: PLR2004


def _heading(view: ChartView, prices: list[Stretch], grades: list[Stretch]) -> Heading:
    verdict = {True: "bullish", False: "bearish", None: "no signal yet"}
    text = verdict[view.is_bullish]
    if grades:
        text += f" · grade {words.grade(grades[-1][-1][1])}"
    figure = move = ""
    if prices:
        first, last = prices[0][0][1], prices[-1][-1][1]
        figure = words.price(last)
        change = words.move(first, last)
        if change is not None and len(prices) + len(prices[0]) > 2:  # noqa: PLR2004
            move = f"{words.percent_short(change)} in {span(view)}"
    return Heading(
        title=lettering.writable(view.symbol) or "?",
        name=lettering.writable(view.name),
        figure=figure,
        verdict=text,
        move=move,
        is_bullish=view.is_bullish,
    )


def span(view: ChartView) -> str:
    """Write how long the window is, as it is typed: `90d`, `24h`."""
    hours = max(1, round((view.until - view.since).total_seconds() / 3600))
    return f"{hours} h" if hours <= _HOURS_MAX else f"{round(hours / 24)} d"


def _panels(
    view: ChartView,
    prices: list[Stretch],
    grades: list[Stretch],
    palette: Palette,
) -> Iterator[Shape]:
    price_labels, price = _price_labels(prices)
    grade_labels = _grade_labels(view, grades)
    room = max(
        panel.rail_width(price_labels)[0], panel.rail_width(grade_labels)[0], 80.0
    )
    right = SIDE - MARGIN / 2 - room

    def field(top: float, bottom: float, scale: Scale) -> Panel:
        frame = Frame(MARGIN, top, right, bottom)
        return Panel(field=frame, since=view.since, until=view.until, scale=scale)

    upper, lower = field(*_PRICE, price), field(*_GRADE, _GRADES)
    dates = panel.dates(lower, _DATES, palette)
    yield from panel.uprights(upper, dates, palette)
    yield from panel.uprights(lower, dates, palette)
    yield from panel.rules(upper, price_labels, palette)
    yield from panel.regimes(upper, prices, view.turns, view.standing, palette)
    if prices:
        yield from panel.curves(upper, prices, palette.curve, 5.0)
    else:
        yield panel.nothing(upper, "no prices in this time", palette)
    yield from panel.marks(upper, view.turns, prices, palette)
    yield from panel.rail(upper, price_labels, palette, palette.curve)

    yield Words(
        x=MARGIN, y=_GRADE[0] - 18, text="grade", size=LABEL, colour=palette.muted
    )
    yield from panel.rules(lower, grade_labels, palette)
    if grades:
        stairs = [panel.stepped(stretch) for stretch in grades]
        yield from panel.curves(lower, stairs, palette.grade, 4.5)
    else:
        yield panel.nothing(lower, "no grades in this time", palette)
    yield from panel.rail(lower, grade_labels, palette, palette.grade)
    yield from dates


def _price_labels(prices: list[Stretch]) -> tuple[list[Label], Scale]:
    if not prices:
        return [], Scale(0.0, 1.0)
    scale = price_scale([price for stretch in prices for _, price in stretch])
    ticks = price_ticks(scale, _TICKS)
    labels = [Label(tick, tick_price(tick, ticks)) for tick in ticks]
    last = prices[-1][-1][1]
    return [*labels, Label(last, words.price(last), is_tag=True)], scale


def _grade_labels(view: ChartView, grades: list[Stretch]) -> list[Label]:
    lines = [x for x in view.lines if 0 <= x <= 100]  # noqa: PLR2004 - a grade
    labels = [Label(x, words.threshold(x), is_strong=True) for x in lines]
    if not lines:
        labels = [Label(x, words.threshold(x)) for x in _BANDS]
    if grades:
        last = grades[-1][-1][1]
        labels.append(Label(last, words.grade(last), is_tag=True))
    return labels
