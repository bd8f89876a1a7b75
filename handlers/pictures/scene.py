"""What a picture consists of: a list of shapes in pixels, back to front. Plain values.

A layout makes a scene and decides everything; what paints it decides nothing. So a
test can look at a scene, and see whether two words touch, without any pixels.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.pictures import Look
from handlers.pictures import lettering
from handlers.pictures.lettering import Weight
from handlers.pictures.palette import Colour

#: a square fills a phone's width, and no app cuts it: three pixels to a point
SIDE: Final = 1080

Spot = tuple[float, float]


class Anchor(StrEnum):
    """Which end of the words a place names."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    def holds(self, other: "Frame") -> bool:
        """Whether another lies inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def touches(self, other: "Frame") -> bool:
        """Whether they share any area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


#: the whole picture
CANVAS: Final = Frame(0, 0, SIDE, SIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A line of text on a base line."""

    x: float
    y: float
    text: str
    size: int
    colour: Colour
    weight: Weight = Weight.MEDIUM
    anchor: Anchor = Anchor.START

    @property
    def frame(self) -> Frame:
        """What it covers."""
        wide = lettering.width(self.text, self.size, self.weight)
        shift = {Anchor.START: 0.0, Anchor.MIDDLE: wide / 2, Anchor.END: wide}
        left = self.x - shift[self.anchor]
        top = self.y - lettering.ascent(self.size)
        return Frame(left, top, left + wide, self.y + lettering.descent(self.size))


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points."""

    points: tuple[Spot, ...]
    colour: Colour
    width: float


@dataclass(frozen=True, slots=True)
class Area:
    """A filled outline; its edges are not smoothed, so something lies over them."""

    points: tuple[Spot, ...]
    colour: Colour


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line along an axis; `dash` is the length of its pieces, 0 for none."""

    start: Spot
    end: Spot
    colour: Colour
    width: int = 2
    dash: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle with round corners."""

    frame: Frame
    colour: Colour
    radius: float = 0.0


class Sign(StrEnum):
    """What stands inside a mark."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Mark:
    """A round mark with a triangle inside, and a rim that sets it off."""

    centre: Spot
    radius: float
    colour: Colour
    sign: Sign
    on: Colour
    rim: Colour


Shape = Words | Curve | Area | Rule | Box | Mark


@dataclass(frozen=True, slots=True)
class Scene:
    """All shapes of a picture, back to front."""

    look: Look
    shapes: tuple[Shape, ...]
