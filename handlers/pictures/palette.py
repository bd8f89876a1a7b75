"""The colours of both looks.

The two signals differ in hue, in lightness and, wherever they are drawn, in shape:
colour alone is nothing to one man in twelve. Signs on the ground have a contrast of
at least 4.5, what is only there to be felt (rules, tints) has less.
"""

from dataclasses import dataclass, fields
from typing import Final

from bot.pictures import Look

Colour = tuple[int, int, int]

#: steps between two colours on the edges of what is drawn
STEPS: Final = 14
_COLOURS_MAX: Final = 256
#: colours of the table differ by so much in one of their parts
_APART: Final = 8


def rgb(code: str) -> Colour:
    """Read `#rrggbb`."""
    return (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """One look.

    Attributes:
        ground: behind everything.
        ink, muted: what is read first, and what is read if at all.
        rule: lines of the scale.
        curve: the line of prices or shares; `grade` that of grades.
        bullish, bearish: the signals; the tints lie under the curve while they stand,
            `idle` where none does.
        on_signal: the sign inside a mark of either signal.
    """

    ground: Colour
    ink: Colour
    muted: Colour
    rule: Colour
    curve: Colour
    grade: Colour
    bullish: Colour
    bearish: Colour
    bullish_tint: Colour
    bearish_tint: Colour
    idle: Colour
    on_signal: Colour

    def signal(self, is_bullish: bool | None) -> Colour:
        """Return a signal's colour; muted where there is none."""
        if is_bullish is None:
            return self.muted
        return self.bullish if is_bullish else self.bearish

    def tint(self, is_bullish: bool | None) -> Colour:
        """Return what lies under the curve while a signal stands."""
        if is_bullish is None:
            return self.idle
        return self.bullish_tint if is_bullish else self.bearish_tint

    def table(self) -> list[int]:
        """Return all colours a picture may have, as a flat table of at most 256.

        Every colour with its way to the ground, and the few that lie on others.
        """
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        ways = [(self.ground, colour) for colour in own.values()]
        tints = (self.bullish_tint, self.bearish_tint, self.idle)
        ways += [(tint, self.curve) for tint in tints]
        ways += [(self.bullish, self.on_signal), (self.bearish, self.on_signal)]
        ways += [(self.curve, self.on_signal), (self.grade, self.on_signal)]
        colours = list(dict.fromkeys(own.values()))
        for start, end in ways:
            # Two that are nearly the same are mistaken for each other when a picture is
            # brought to this table, and then the ground would not be the ground.
            colours += [c for c in _between(start, end) if _is_apart(c, colours)]
        return [part for colour in colours[:_COLOURS_MAX] for part in colour]


def _is_apart(colour: Colour, others: list[Colour]) -> bool:
    return all(
        max(abs(a - b) for a, b in zip(colour, other, strict=True)) >= _APART
        for other in others
    )


def _between(start: Colour, end: Colour) -> list[Colour]:
    return [
        (
            start[0] + (end[0] - start[0]) * step // STEPS,
            start[1] + (end[1] - start[1]) * step // STEPS,
            start[2] + (end[2] - start[2]) * step // STEPS,
        )
        for step in range(1, STEPS)
    ]


PALETTES: Final = {
    Look.DARK: Palette(
        ground=rgb("#11151c"),
        ink=rgb("#f2f5f9"),
        muted=rgb("#9aa6b5"),
        rule=rgb("#2a323d"),
        curve=rgb("#dfe7f1"),
        grade=rgb("#8fb8ff"),
        bullish=rgb("#35d39a"),
        bearish=rgb("#ff7a59"),
        bullish_tint=rgb("#15322f"),
        bearish_tint=rgb("#3a2326"),
        idle=rgb("#1c222b"),
        on_signal=rgb("#0b0e13"),
    ),
    Look.LIGHT: Palette(
        ground=rgb("#ffffff"),
        ink=rgb("#12171f"),
        muted=rgb("#5a6675"),
        rule=rgb("#dde3ea"),
        curve=rgb("#27313f"),
        grade=rgb("#1f5fd0"),
        bullish=rgb("#00794f"),
        bearish=rgb("#c8371b"),
        bullish_tint=rgb("#d9f1e6"),
        bearish_tint=rgb("#fbe3dc"),
        idle=rgb("#eef1f5"),
        on_signal=rgb("#ffffff"),
    ),
}
