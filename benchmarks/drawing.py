"""A picture by hand: curves on logarithmic axes, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 430, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 56, 44
COLOURS = ("#0b7d4b", "#8a8f98")


@dataclass(frozen=True, slots=True)
class Curve:
    """A named line through points, all of them above zero."""

    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, panels: Sequence[tuple[str, Sequence[Curve]]]) -> str:
    """Draw panels side by side; returns the SVG."""
    width = WIDTH * len(panels)
    body = [
        f'<text x="16" y="24" font-size="16" font-weight="600">{escape(title)}</text>'
    ]
    for number, (caption, curves) in enumerate(panels):
        body.append(f'<g transform="translate({number * WIDTH} 0)">')
        body += _panel(caption, curves)
        body.append("</g>")
    inside = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}"'
        f' font-family="system-ui, sans-serif" font-size="11" fill="#333">\n'
        f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>\n{inside}\n</svg>\n'
    )


def _panel(caption: str, curves: Sequence[Curve]) -> list[str]:
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    across, up = _decades(xs), _decades(ys)

    def place(x: float, y: float) -> tuple[float, float]:
        right, top = WIDTH - RIGHT, HEIGHT - BOTTOM
        return (
            LEFT + _part(x, across) * (right - LEFT),
            top - _part(y, up) * (top - TOP),
        )

    drawn = [
        f'<text x="{LEFT}" y="{TOP - 12}" fill="#666">seconds</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="#666">{escape(caption)}</text>',
    ]
    for power in range(up[0], up[1] + 1):
        _, y = place(1, 10.0**power)
        drawn.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e4e6ea"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{10.0**power:g}</text>"
        )
    for power in range(across[0], across[1] + 1):
        x, _ = place(10.0**power, 1)
        drawn.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{10**power:,}</text>"
        )
    for number, (curve, colour) in enumerate(zip(curves, COLOURS, strict=False)):
        spots = [place(x, y) for x, y in curve.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        drawn.append(
            f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        drawn += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            for x, y in spots
        ]
        drawn.append(
            f'<text x="{LEFT + 12}" y="{TOP + 8 + 16 * number}" fill="{colour}"'
            f' font-weight="600">{escape(curve.name)}</text>'
        )
    return drawn


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten around all values."""
    low = math.floor(math.log10(min(values)))
    return low, max(math.ceil(math.log10(max(values))), low + 1)


def _part(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(value) - decades[0]) / (decades[1] - decades[0])
