"""What a fan-out costs against the number of watchers, and of assets that move.

Draws both into `fanout_cost.svg`, beside the bare INSERT of the same rows. A figure is
the cost per delivery at the large end, compared with that in the middle: 1 is a
straight line.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.drawing import Curve, draw
from benchmarks.fanouts import fan_out, insert_barely
from benchmarks.figures import Figure
from benchmarks.seeding import Size, copy, seed

PICTURE = Path(__file__).with_name("fanout_cost.svg")
WATCHERS = (1_000, 10_000, 100_000, 1_000_000)
#: of 6,000 assets, over so many recipients with 20 watches each
MOVED = (1, 10, 100, 1_000, 6_000)
RECIPIENTS = 20_000


@dataclass(frozen=True, slots=True)
class Point:
    """So many deliveries, and how many seconds they took."""

    count: int
    deliveries: int
    seconds: float
    bare: float


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module and draw the picture, if all are wanted."""
    figures: dict[str, Figure] = {}
    watchers = [_point(n, Size(recipients=n), 6_000, n) for n in WATCHERS]
    moved = [
        _point(
            n,
            Size(recipients=RECIPIENTS, watches=20),
            6_000 // n,
            RECIPIENTS * 20 * n // 6_000,
        )
        for n in MOVED
    ]
    figures["fanout_growth_watchers"] = _slope(watchers)
    figures["fanout_growth_assets"] = _slope(moved)
    if set(figures) <= set(names):
        svg = draw(
            "Fan-out: seconds against size",
            (
                _curves("people who watch the one asset that flips", watchers),
                _curves("assets of 6,000 that flip, 20,000 × 20 watches", moved),
            ),
        )
        PICTURE.write_text(svg, "utf-8")
    return figures


def _point(count: int, size: Size, every: int, deliveries: int) -> Point:
    with tempfile.TemporaryDirectory(prefix="flipwatch-bench-") as folder:
        path = seed(Path(folder) / "seeded.db", size, every=every)
        worked = copy(path, path.with_name("worked.db"))
        run = asyncio.run(fan_out(f"sqlite:///{worked}"))
        bare = insert_barely(path, worked)
    return Point(count, deliveries, run["seconds"], bare)


def _slope(points: Sequence[Point]) -> Figure:
    """Compare the cost per delivery of the last with that of the one before."""
    before, last = (1e6 * p.seconds / p.deliveries for p in points[-2:])
    return Figure.of(last, "µs each", before)


def _curves(title: str, points: Sequence[Point]) -> tuple[str, list[Curve]]:
    ours = Curve("Flipwatch", [(p.count, p.seconds) for p in points])
    bare = Curve("bare INSERT", [(p.count, p.bare) for p in points])
    return title, [ours, bare]
