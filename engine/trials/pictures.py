"""Small SVG pictures of results: lines and bars, without a library."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 56, 34
_COLOURS = ("#1f6feb", "#8b949e", "#d29922", "#a371f7", "#2da44e", "#cf222e")
_MOST_POINTS = 700
_TICKS = 6

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """How a picture is read.

    Attributes:
        title: what it shows.
        is_log: whether the vertical axis is one of ratios.
        labels: horizontal places and the words under them.
        unit: what follows a number on the vertical axis.
        mark: a place with a dashed line through it, and its word.
    """

    title: str
    is_log: bool = False
    labels: Sequence[tuple[float, str]] = ()
    unit: str = ""
    mark: tuple[float, str] | None = None


def line_picture(
    lines: Mapping[str, Points],
    axes: Axes,
    dots: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> str:
    """Draw lines by name; `dots` are coloured places (colour: places)."""
    points = [point for line in lines.values() for point in line]
    frame = _Frame.of(points, axes)
    parts = frame.grid(axes)
    for n, (name, line) in enumerate(lines.items()):
        every = max(1, len(line) // _MOST_POINTS)
        shown = [*line[::every], *line[-1:]]
        path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in shown)
        colour = _COLOURS[n % len(_COLOURS)]
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}"'
            f' stroke-width="1.6"/>'
        )
        parts.append(_legend(n, name, colour))
    for colour, places in (dots or {}).items():
        parts += [
            f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="4"'
            f' fill="{colour}"/>'
            for x, y in places
        ]
    return _svg(axes.title, parts)


def bar_picture(bars: Mapping[str, Sequence[float]], axes: Axes) -> str:
    """Draw groups of bars: each name's values, one per label."""
    count = len(axes.labels)
    values = [value for line in bars.values() for value in line]
    points = [(-0.5, 0.0), (count - 0.5, 0.0), *((0.0, value) for value in values)]
    frame = _Frame.of(points, axes)
    parts = frame.grid(axes)
    width = 0.8 / len(bars)
    for n, (name, line) in enumerate(bars.items()):
        colour = _COLOURS[n % len(_COLOURS)]
        for place, value in enumerate(line):
            left = frame.x(place - 0.4 + n * width)
            right = frame.x(place - 0.4 + (n + 1) * width)
            top, bottom = sorted((frame.y(value), frame.y(0.0)))
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left - 1:.1f}"'
                f' height="{max(bottom - top, 0.5):.1f}" fill="{colour}"/>'
            )
        parts.append(_legend(n, name, colour))
    return _svg(axes.title, parts)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values lie on the paper."""

    left: float
    right: float
    low: float
    high: float
    is_log: bool

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]], axes: Axes) -> "_Frame":
        xs = [x for x, _ in points] or [0.0]
        ys = [y for _, y in points] or [0.0]
        low, high = min(ys), max(ys)
        if axes.is_log:
            low, high = math.log10(low), math.log10(high)
        if high - low < 1e-9:  # noqa: PLR2004 - a flat line needs some room
            low, high = low - 0.5, high + 0.5
        room = (high - low) * 0.05
        right = max(xs) if max(xs) > min(xs) else min(xs) + 1.0
        return cls(min(xs), right, low - room, high + room, axes.is_log)

    def x(self, value: float) -> float:
        share = (value - self.left) / (self.right - self.left)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        level = math.log10(value) if self.is_log else value
        share = (level - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def ticks(self) -> list[float]:
        rough = (self.high - self.low) / _TICKS
        size = 10 ** math.floor(math.log10(rough))
        step = next(size * n for n in (1, 2, 5, 10) if size * n >= rough)
        if self.is_log and step < 1:
            step = next((n for n in (0.25, 0.5) if n >= rough), 1.0)
        first = math.ceil(self.low / step)
        levels = [n * step for n in range(first, math.floor(self.high / step) + 1)]
        return [10**level if self.is_log else level for level in levels]

    def grid(self, axes: Axes) -> list[str]:
        parts = []
        for value in self.ticks():
            y = self.y(value)
            parts.append(
                f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
                f' stroke="#d0d7de" stroke-width="0.7"/>'
            )
            parts.append(_words(_LEFT - 6, y + 4, f"{value:.3g}{axes.unit}", "end"))
        parts += [
            _words(self.x(place), _HEIGHT - _BOTTOM + 18, word, "middle")
            for place, word in axes.labels
        ]
        if axes.mark is not None:
            x = self.x(axes.mark[0])
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"'
                f' stroke="#57606a" stroke-dasharray="4 3"/>'
            )
            parts.append(_words(x + 5, _TOP + 10, axes.mark[1], "start"))
        return parts


def _legend(place: int, name: str, colour: str) -> str:
    x = _LEFT + place * 165
    return f'<rect x="{x}" y="34" width="14" height="4" fill="{colour}"/>' + _words(
        x + 19, 40, name, "start"
    )


def _words(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif"'
        f' font-size="12" fill="#24292f">'
    )
    name = (
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">'
        f"{escape(title)}</text>"
    )
    paper = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    lines = [head, f"<title>{escape(title)}</title>", paper, name, *parts]
    return "\n".join([*lines, "</svg>\n"])
