"""How wide words are in the fonts that come with us, and how to make them fit.

The fonts lie beside this file, so that a machine without any draws the same.
"""

import io
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Final

from PIL import ImageFont

#: nothing is written smaller: on a phone this is 9 points
SIZE_MIN: Final = 24
_ELLIPSIS: Final = "…"
#: what no font has, so that its shape is the one that stands for the unknown
_UNKNOWN: Final = "\U0010fffe"


class Weight(StrEnum):
    """A font that comes with us, by the name of its file."""

    MEDIUM = "Roboto-Medium.ttf"
    BOLD = "Roboto-Bold.ttf"


@lru_cache(maxsize=64)
def font(weight: Weight, size: int) -> ImageFont.FreeTypeFont:
    """Return a font at a size in pixels; of one thread only."""
    path = files("handlers.pictures").joinpath("fonts", weight.value)
    file = io.BytesIO(path.read_bytes())
    # without shaping: plain words need none, and it would be another library
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def width(text: str, size: int, weight: Weight = Weight.MEDIUM) -> float:
    """Return how wide a line is, in pixels."""
    return float(font(weight, size).getlength(text))


def ascent(size: int) -> float:
    """Return how far capitals and figures rise over the base line."""
    return 0.74 * size


def descent(size: int) -> float:
    """Return how far tails hang under the base line."""
    return 0.22 * size


def writable(text: str) -> str:
    """Return the text without the letters our fonts can't write.

    A symbol in another script is thereby left out; the message has it in full.
    """
    kept = "".join(c for c in " ".join(text.split()) if _is_known(c))
    return " ".join(kept.split())


def fitted(text: str, size: int, most: float, weight: Weight = Weight.MEDIUM) -> str:
    """Return the text, shortened with … if it is wider than `most` pixels.

    Empty if not even its first letter has room.
    """
    if width(text, size, weight) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        shortened = text[:middle].rstrip() + _ELLIPSIS
        if width(shortened, size, weight) <= most:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + _ELLIPSIS if low else ""


def shrunk(text: str, size: int, most: float, weight: Weight = Weight.MEDIUM) -> int:
    """Return the largest size up to `size` at which the text fits, or the smallest."""
    while size > SIZE_MIN and width(text, size, weight) > most:
        size -= 2
    return max(size, SIZE_MIN)


@lru_cache(maxsize=2048)
def _is_known(letter: str) -> bool:
    if letter == " ":
        return True
    if not letter.isprintable():
        return False
    face = font(Weight.MEDIUM, SIZE_MIN)
    shape = face.getmask(letter)
    unknown = face.getmask(_UNKNOWN)
    return (shape.size, bytes(shape)) != (unknown.size, bytes(unknown))
