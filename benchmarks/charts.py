"""How many charts one core draws, and what that does to the loop."""

import asyncio
import io
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from benchmarks.figures import Figure
from bot.pictures import ChartView, FlipDot, Look, Point
from handlers.pictures.studio import Studio
from handlers.pictures.worker import render

UNTIL = datetime(2026, 11, 20, 14, tzinfo=UTC)
DAYS = 90
POINTS = 360
CHARTS = 40
ROUNDS = 5
#: the least that is wanted of one core
WANTED = 12.0
#: no loop of ours may stand still for longer, in milliseconds
STALL_MAX = 50.0


def view(seed: int) -> ChartView:
    """Make up ninety days of one asset: two panels, a few flips, own lines."""
    chance = random.Random(seed)
    since = UNTIL - timedelta(days=DAYS)
    price, grade, is_bullish = 60_000.0, 55.0, True
    points: list[Point] = []
    flips: list[FlipDot] = []
    for i in range(POINTS):
        at = since + timedelta(days=DAYS) * (i / (POINTS - 1))
        price *= 1 + chance.gauss(0.001 if is_bullish else -0.001, 0.02)
        if chance.random() < 0.1:
            grade = min(99.0, max(1.0, grade + chance.gauss(0, 15)))
        if chance.random() < 0.02:
            is_bullish = not is_bullish
            flips.append(FlipDot(at, is_bullish, price))
        points.append(Point(at, price, grade))
    return ChartView(
        symbol="BTC",
        name="Bitcoin",
        since=since,
        until=UNTIL,
        points=tuple(points),
        turns=tuple(flips),
        standing=True,
        is_bullish=is_bullish,
        lines=(50.0, 80.0),
        source="benchmark",
    )


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Draw made-up charts; seconds are those of one core, so others don't count."""
    found: dict[str, Figure] = {}
    views = [view(seed) for seed in range(CHARTS)]
    if "charts_per_s" in names:
        rate = _rate(lambda number: render(views[number], Look.DARK))
        bare = _rate(lambda number: _matplotlib(views[number]))
        found["charts_per_s"] = Figure.of(rate, "1/s", bare or WANTED)
    if "charts_stall_ms" in names:
        stall = asyncio.run(_longest_stall(views))
        found["charts_stall_ms"] = Figure.of(stall, "ms", STALL_MAX)
    return found


def _rate(draw: Callable[[int], bytes]) -> float:
    """Return how many a second of processor time; 0 where it can't be drawn so."""
    try:
        draw(0)
    except ImportError:
        return 0.0
    began = time.process_time()
    for number in range(CHARTS):
        draw(number)
    return CHARTS / (time.process_time() - began)


async def _longest_stall(views: Sequence[ChartView]) -> float:
    """Return for how many milliseconds a task of the loop had to wait at worst.

    Of a few rounds the middle one: in any single one the machine itself may pause.
    """
    studio = Studio()
    await studio.draw(views[0], Look.DARK)
    worst: list[float] = []
    size = len(views) // ROUNDS
    for number in range(ROUNDS):
        part = views[number * size : (number + 1) * size]
        worst.append(await _watched(studio, part))
    await studio.close()
    return median(worst) * 1000


async def _watched(studio: Studio, views: Sequence[ChartView]) -> float:
    """Draw, and return by how many seconds a short sleep was late at worst."""
    worst = 0.0
    is_over = asyncio.Event()

    async def watch() -> None:
        nonlocal worst
        while not is_over.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - began - 0.001)

    watching = asyncio.create_task(watch())
    for each in views:
        await studio.draw(each, Look.DARK)
    is_over.set()
    await watching
    return worst


def _matplotlib(shown: ChartView) -> bytes:
    """Draw the same two panels as most bots do; raises `ImportError` without it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Sheet

    sheet = Sheet(figsize=(10.8, 10.8), dpi=100)
    FigureCanvasAgg(sheet)
    upper, lower = sheet.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    times = [point.at for point in shown.points]
    upper.plot(times, [point.price for point in shown.points])
    for flip in shown.turns:
        colour, sign = ("green", "^") if flip.is_bullish else ("red", "v")
        upper.plot([flip.at], [flip.value], sign, color=colour)
    lower.step(times, [point.grade for point in shown.points], where="post")
    for line in shown.lines:
        lower.axhline(line, linestyle="--")
    upper.set_title(shown.symbol)
    file = io.BytesIO()
    sheet.savefig(file, format="png")
    return file.getvalue()
