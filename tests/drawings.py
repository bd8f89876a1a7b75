"""Views to draw, and what can be asked of a scene."""

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations

from factories import NOON
from hypothesis import strategies as st

from bot.pictures import (
    ChartView,
    FlipDot,
    MarketView,
    Outcome,
    Point,
    RecordView,
    Sector,
    SharePoint,
)
from handlers.pictures.scene import CANVAS, Scene, Words

DAY = timedelta(days=1)
PNG = b"\x89PNG\r\n\x1a\n"


def chart_view(days: int = 90, count: int = 91, **rest: object) -> ChartView:
    """A price that rises from 100 to 190 with one flip in the middle."""
    since = NOON - days * DAY
    step = (NOON - since) / max(1, count - 1)
    points = tuple(
        Point(since + i * step, 100.0 + i, 20.0 + (60.0 if i > count // 2 else 0.0))
        for i in range(count)
    )
    values: dict[str, object] = {
        "symbol": "BTC",
        "name": "Bitcoin",
        "since": since,
        "until": NOON,
        "points": points,
        "turns": (FlipDot(since + 45 * step, True, 145.0),),
        "standing": False,
        "is_bullish": True,
        "source": "Fake Engine",
    }
    return ChartView(**(values | rest))


RECORD = RecordView(
    title="ETH",
    verdict="price followed 5 of 9 signals",
    outcomes=tuple(
        Outcome(NOON - (700 - 75 * i) * DAY, i % 2 == 0, move, move + 0.1, move - 0.1)
        for i, move in enumerate((0.21, -0.17, 0.07, 0.05, -0.02, 0.04, -0.03))
    ),
    notes=("after bullish it rose 3 of 5",),
    until=NOON,
    source="Fake Engine",
)
MARKET = MarketView(
    since=NOON - 90 * DAY,
    until=NOON,
    history=tuple(SharePoint(NOON - i * DAY, 0.3 + i / 300) for i in range(90, -1, -1)),
    turns=(FlipDot(NOON - 20 * DAY, False),),
    share=0.31,
    week_ago=0.64,
    is_bullish=False,
    sectors=(Sector("ai", 0.6, 0.72), Sector("meme", 0.12, 0.12)),
    assets=100,
    source="Fake Engine",
)


def texts(scene: Scene) -> list[str]:
    """All words of a scene, in the order of painting."""
    return [shape.text for shape in scene.shapes if isinstance(shape, Words)]


def misplaced(scene: Scene) -> list[str]:
    """Words that leave the canvas or touch others, said in words."""
    words = [s for s in scene.shapes if isinstance(s, Words) and s.text]
    found = [f"outside: {w.text} {w.frame}" for w in words if not CANVAS.holds(w.frame)]
    found += [
        f"touching: {a.text} {b.text}"
        for a, b in combinations(words, 2)
        if a.frame.touches(b.frame)
    ]
    return found


def size_of(image: bytes) -> tuple[int, int]:
    """Width and height as a PNG says them."""
    assert image.startswith(PNG)
    wide, tall = struct.unpack(">II", image[16:24])
    return wide, tall


# ------------------------------------------------------------------------ any values

_gaps = st.none() | st.sampled_from([float("nan"), float("inf"), -1.0, 0.0])
_prices = st.floats(1e-12, 1e-6) | st.floats(0.01, 100.0) | st.floats(1e3, 1e15) | _gaps
_grades = st.floats(-5.0, 105.0) | _gaps
_moments = st.integers(0, 720).map(lambda hours: NOON - timedelta(hours=hours))
_names = st.text(max_size=60) | st.sampled_from(
    ["", "币安人生", "A" * 60, "<b>&\u202e"]
)
_signals = st.none() | st.booleans()


def _flips(prices: st.SearchStrategy[float | None]) -> st.SearchStrategy[object]:
    dots = st.builds(FlipDot, _moments, st.booleans(), prices)
    return st.lists(dots, max_size=30).map(
        lambda found: tuple(sorted(found, key=lambda dot: dot.at))
    )


def _in_order(points: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(points, max_size=40, unique_by=lambda p: p.at).map(
        lambda found: tuple(sorted(found, key=lambda p: p.at))
    )


@st.composite
def windows(draw: st.DrawFn) -> tuple[datetime, datetime]:
    """From six hours to two years, around the readings or not."""
    hours = draw(st.sampled_from([6, 24, 168, 720, 17520]))
    until = draw(_moments)
    return until - timedelta(hours=hours), until


@st.composite
def chart_views(draw: st.DrawFn) -> ChartView:
    """Any chart, sensible or not."""
    since, until = draw(windows())
    return ChartView(
        symbol=draw(_names),
        name=draw(_names),
        since=since,
        until=until,
        points=draw(_in_order(st.builds(Point, _moments, _prices, _grades))),
        turns=draw(_flips(_prices)),
        standing=draw(_signals),
        is_bullish=draw(_signals),
        lines=tuple(draw(st.lists(st.floats(0, 100), max_size=10))),
        source=draw(_names),
    )


@st.composite
def market_views(draw: st.DrawFn) -> MarketView:
    """Any market."""
    since, until = draw(windows())
    share = st.floats(0, 1) | _gaps
    sector = st.builds(Sector, _names, st.floats(-1, 2), share)
    return MarketView(
        since=since,
        until=until,
        history=draw(_in_order(st.builds(SharePoint, _moments, share))),
        turns=draw(_flips(share)),
        share=draw(share),
        week_ago=draw(share),
        is_bullish=draw(_signals),
        sectors=tuple(draw(st.lists(sector, max_size=9))),
        assets=draw(st.integers(0, 10**6)),
        source=draw(_names),
    )


@st.composite
def record_views(draw: st.DrawFn) -> RecordView:
    """Any record."""
    move = st.floats(-1, 100) | _gaps
    outcome = st.builds(Outcome, _moments, st.booleans(), move, move, move)
    return RecordView(
        title=draw(_names),
        verdict=draw(_names),
        outcomes=tuple(draw(st.lists(outcome, max_size=20))),
        notes=tuple(draw(st.lists(_names, max_size=5))),
        until=draw(_moments),
        source=draw(_names),
    )


def shapes_of(scene: Scene, kind: type) -> Iterator[object]:
    """The shapes of one kind."""
    return (shape for shape in scene.shapes if isinstance(shape, kind))
