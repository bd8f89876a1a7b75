"""Which parts of the one grammar each command takes: a table, and what it is made of.

Pure. `bot.grammar` reads by it, and the manual is printed from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """One kind of word; its value is how the manual shows it."""

    ASSET = "BTC"
    CATEGORY = "#ai"
    TOP = "top100"
    ALL = "all"
    DIRECTION = "bullish"
    GRADE = "grade>=80"
    MARKET_CAP = "mcap<1b"
    VOLUME = "volume>5m"
    FLIPPED = "flipped<3d"
    LINE = "80"
    COUNT = "10"
    WINDOW = "3d"
    URGENT = "urgent"
    PAGE = "page2"


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a command takes."""

    command: str
    parts: frozenset[Part]


_EVERY = {
    Part.CATEGORY,
    Part.TOP,
    Part.ALL,
    Part.DIRECTION,
    Part.GRADE,
    Part.MARKET_CAP,
    Part.VOLUME,
}
_WATCH = _EVERY | {Part.ASSET, Part.LINE, Part.URGENT}

WATCH = Grammar("watch", frozenset(_WATCH))
BROADCAST = Grammar("broadcast", frozenset(_WATCH))
SIMULATE = Grammar("simulate", frozenset(_WATCH | {Part.WINDOW}))
FLIPS = Grammar("flips", frozenset(_EVERY | {Part.ASSET, Part.WINDOW, Part.PAGE}))
TOP = Grammar("top", frozenset(_EVERY | {Part.FLIPPED, Part.COUNT, Part.PAGE}))
SCREEN = Grammar("screen", frozenset(_EVERY | {Part.FLIPPED, Part.PAGE}))

GRAMMARS: Mapping[str, Grammar] = {
    g.command: g for g in (WATCH, BROADCAST, SIMULATE, FLIPS, TOP, SCREEN)
}
