"""From a scene to a PNG, with Pillow.

Edges are smoothed by painting shapes larger and scaling the mask down. The file has a
palette of our own making: a third of the bytes, a quarter of the time to write them.
"""

import io
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, assert_never

from PIL import Image, ImageDraw

from bot.errors import PictureError
from bot.pictures import Look
from handlers.pictures import lettering
from handlers.pictures.palette import PALETTES
from handlers.pictures.scene import (
    SIDE,
    Anchor,
    Area,
    Box,
    Curve,
    Mark,
    Rule,
    Scene,
    Sign,
    Spot,
    Words,
)

#: so many pixels of a mask make one of the picture, each way
SMOOTH: Final = 4
#: no picture is larger, so that a platform takes it quickly and a phone has it at once
BYTES_MAX: Final = 100_000
#: a little larger than with 6, in half the time
_LEVEL: Final = 4
_ANCHORS: Final = {Anchor.START: "ls", Anchor.MIDDLE: "ms", Anchor.END: "rs"}
_RIM: Final = 4.0
_INSIDE: Final = 0.62


def paint(scene: Scene) -> bytes:
    """Paint a scene; the same scene gives the same bytes.

    Of one thread at a time. Raises `PictureError` if it comes out too large.
    """
    image = Image.new("RGB", (SIDE, SIDE), PALETTES[scene.look].ground)
    draw = ImageDraw.Draw(image)
    for shape in scene.shapes:
        match shape:
            case Words():
                face = lettering.font(shape.weight, shape.size)
                draw.text(
                    (shape.x, shape.y),
                    shape.text,
                    fill=shape.colour,
                    font=face,
                    anchor=_ANCHORS[shape.anchor],
                )
            case Rule():
                _rule(draw, shape)
            case Box():
                _box(image, shape)
            case Curve():
                _curve(image, shape)
            case Area():
                # its edges lie under a curve, or upright
                draw.polygon([_whole(spot) for spot in shape.points], fill=shape.colour)
            case Mark():
                _mark(image, shape)
            case _:
                assert_never(shape)
    return _png(image, scene.look)


def _png(image: Image.Image, look: Look) -> bytes:
    indexed = image.quantize(palette=_table(look), dither=Image.Dither.NONE)
    file = io.BytesIO()
    indexed.save(file, "PNG", compress_level=_LEVEL)
    if file.tell() > BYTES_MAX:
        raise PictureError(f"a picture of {file.tell():,} bytes", reason="too_large")
    return file.getvalue()


@lru_cache(maxsize=len(Look))
def _table(look: Look) -> Image.Image:
    table = Image.new("P", (1, 1))
    table.putpalette(PALETTES[look].table())
    return table


# ------------------------------------------------------------------------- shapes


def _rule(draw: ImageDraw.ImageDraw, rule: Rule) -> None:
    """Paint a rule without smoothing: on an axis there are no edges to smooth."""
    (x0, y0), (x1, y1) = _whole(rule.start), _whole(rule.end)
    if not rule.dash:
        draw.line((x0, y0, x1, y1), fill=rule.colour, width=rule.width)
        return
    length = max(abs(x1 - x0), abs(y1 - y0))
    right, down = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    for at in range(0, length, 2 * rule.dash):
        end = min(at + rule.dash, length)
        piece = (x0 + right * at, y0 + down * at, x0 + right * end, y0 + down * end)
        draw.line(piece, fill=rule.colour, width=rule.width)


def _whole(spot: Spot) -> tuple[int, int]:
    return round(spot[0]), round(spot[1])


def _box(image: Image.Image, box: Box) -> None:
    left, top = round(box.frame.left), round(box.frame.top)
    size = (
        max(1, round(box.frame.right) - left),
        max(1, round(box.frame.bottom) - top),
    )
    image.paste(box.colour, (left, top), _box_mask(size, box.radius))


@lru_cache(maxsize=128)
def _box_mask(size: tuple[int, int], radius: float) -> Image.Image:
    large = Image.new("L", (size[0] * SMOOTH, size[1] * SMOOTH))
    corner = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(corner, radius * SMOOTH, fill=255)
    return large.reduce(SMOOTH)


def _curve(image: Image.Image, curve: Curve) -> None:
    points = curve.points
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return
    mask, corner, spots = _mask(points, curve.width)
    draw = ImageDraw.Draw(mask)
    thick = max(1, round(curve.width * SMOOTH))
    draw.line(spots, fill=255, width=thick, joint="curve")
    half = thick / 2
    for x, y in (spots[0], spots[-1]):
        draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
    image.paste(curve.colour, corner, mask.reduce(SMOOTH))


def _mask(
    points: Sequence[Spot], width: float
) -> tuple[Image.Image, tuple[int, int], list[Spot]]:
    """Return an empty mask around points, where it goes, and the points in it."""
    spare = math.ceil(width) + 1
    left = math.floor(min(x for x, _ in points)) - spare
    top = math.floor(min(y for _, y in points)) - spare
    right = math.ceil(max(x for x, _ in points)) + spare
    bottom = math.ceil(max(y for _, y in points)) + spare
    size = ((right - left) * SMOOTH, (bottom - top) * SMOOTH)
    spots = [((x - left) * SMOOTH, (y - top) * SMOOTH) for x, y in points]
    return Image.new("L", size), (left, top), spots


def _mark(image: Image.Image, mark: Mark) -> None:
    """Paint a mark: rim, disc, triangle."""
    x, y = mark.centre
    for radius, colour in ((mark.radius + _RIM, mark.rim), (mark.radius, mark.colour)):
        disc = _disc(round(2 * radius))
        image.paste(colour, (round(x - radius), round(y - radius)), disc)
    if mark.sign is Sign.NONE:
        return
    inside = mark.radius * _INSIDE
    sign = _triangle(round(2 * inside), mark.sign)
    image.paste(mark.on, (round(x - inside), round(y - inside)), sign)


@lru_cache(maxsize=128)
def _disc(size: int) -> Image.Image:
    large = Image.new("L", (size * SMOOTH, size * SMOOTH))
    end = size * SMOOTH - 1
    ImageDraw.Draw(large).ellipse((0, 0, end, end), fill=255)
    return large.reduce(SMOOTH)


@lru_cache(maxsize=128)
def _triangle(size: int, sign: Sign) -> Image.Image:
    """Return a triangle that points up or down, its weight in the middle."""
    side = size * SMOOTH
    tall = side * 0.80
    tip, base = side * 0.04, side * 0.04 + tall
    if sign is Sign.DOWN:
        tip, base = side - tip, side - base
    large = Image.new("L", (side, side))
    corners = ((side / 2, tip), (side, base), (0.0, base))
    ImageDraw.Draw(large).polygon(corners, fill=255)
    return large.reduce(SMOOTH)
