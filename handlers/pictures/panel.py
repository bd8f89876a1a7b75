"""A panel: a field with a scale of time and one of values, and labels beside it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from bot.pictures import FlipDot
from handlers.pictures import lettering
from handlers.pictures.lettering import Weight
from handlers.pictures.palette import Palette
from handlers.pictures.scales import Scale, times
from handlers.pictures.scene import (
    SIDE,
    Anchor,
    Area,
    Box,
    Curve,
    Frame,
    Mark,
    Rule,
    Shape,
    Sign,
    Spot,
    Words,
)

#: left and right of everything
MARGIN: Final = 44
#: size of what stands at a scale
LABEL: Final = 32
#: between the field and its labels
_APART: Final = 14
_TAG_PAD: Final = 12
#: labels keep so much distance from each other
_CLEAR: Final = 3.0
#: and may stand out so far over the field and under it
_OVER: Final = 12.0
#: the scale of values takes at most this part of the width
_RAIL_MAX: Final = 250
#: readings further apart than so many of their usual distances have a gap between
_GAP: Final = 2.6
#: and further apart than this part of the window, so that jitter is no gap
_GAP_PART: Final = 1 / 60

#: a value at a moment; None is a gap
Sample = tuple[datetime, float | None]
#: a stretch of values without a gap
Stretch = list[tuple[datetime, float]]


@dataclass(frozen=True, slots=True)
class Label:
    """What stands beside a value; a tag is the one that is looked for."""

    value: float
    text: str
    is_tag: bool = False
    is_strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A field between moments and values."""

    field: Frame
    since: datetime
    until: datetime
    scale: Scale

    def x(self, at: datetime) -> float:
        """Return where a moment lies; one outside lies on the border."""
        span = (self.until - self.since).total_seconds()
        part = (at - self.since).total_seconds() / span if span > 0 else 0.5
        return self.field.left + self.field.width * min(1.0, max(0.0, part))

    def y(self, value: float) -> float:
        """Return where a value lies."""
        return self.field.bottom - self.field.height * self.scale.part(value)

    def spot(self, at: datetime, value: float) -> Spot:
        """Return where a value at a moment lies."""
        return self.x(at), self.y(value)


def is_known(value: float | None) -> bool:
    """Whether there is a figure that can be shown."""
    return value is not None and math.isfinite(value)


def stretches(
    samples: Iterable[Sample], since: datetime, until: datetime
) -> list[Stretch]:
    """Cut samples, oldest first, where there is a gap in values or in time."""
    known: Stretch = []
    broken: set[int] = set()
    for at, value in samples:
        if not since <= at <= until:
            continue
        if value is None or not math.isfinite(value):
            broken.add(len(known))
            continue
        known.append((at, value))
    if not known:
        return []
    apart = [b[0] - a[0] for a, b in pairwise(known)]
    longest = max(
        timedelta(seconds=_GAP * median(d.total_seconds() for d in apart))
        if apart
        else timedelta(),
        (until - since) * _GAP_PART,
    )
    found: list[Stretch] = [[known[0]]]
    for number, (before, after) in enumerate(pairwise(known), 1):
        if after[0] - before[0] > longest or number in broken:
            found.append([])
        found[-1].append(after)
    return found


def curves(
    panel: Panel, found: Sequence[Stretch], colour: tuple[int, int, int], width: float
) -> Iterator[Shape]:
    """Yield a line per stretch; a lone value becomes a dot."""
    for stretch in found:
        spots = [panel.spot(at, value) for at, value in stretch]
        if len(spots) == 1:
            (x, y), half = spots[0], width * 0.9
            yield Box(Frame(x - half, y - half, x + half, y + half), colour, half)
            continue
        yield Curve(_thinned(spots), colour, width)


def nothing(panel: Panel, text: str, palette: Palette) -> Words:
    """Return what stands in a field without values."""
    frame = panel.field
    return Words(
        x=(frame.left + frame.right) / 2,
        y=(frame.top + frame.bottom) / 2 + 12,
        text=text,
        size=LABEL,
        colour=palette.muted,
        anchor=Anchor.MIDDLE,
    )


def stepped(stretch: Stretch, until: datetime | None = None) -> Stretch:
    """Return a stretch whose values stand until the next one: grades jump."""
    found: Stretch = [stretch[0]]
    for (_, old), (at, value) in pairwise(stretch):
        if value != old:
            found.append((at, old))
        found.append((at, value))
    if until is not None and until > stretch[-1][0]:
        found.append((until, stretch[-1][1]))
    return found


def _thinned(spots: Sequence[Spot]) -> tuple[Spot, ...]:
    """Leave out what lies on the spot before, since a joint of no length is ugly."""
    kept = [spots[0]]
    for spot in spots[1:]:
        if math.dist(spot, kept[-1]) > 0.5:  # noqa: PLR2004 - half a pixel
            kept.append(spot)
    if len(kept) == 1:
        kept.append((spots[0][0] + 1, spots[0][1]))
    return tuple(kept)


def regimes(
    panel: Panel,
    found: Sequence[Stretch],
    turns: Sequence[FlipDot],
    standing: bool | None,
    palette: Palette,
) -> Iterator[Shape]:
    """Yield what lies under the curve, in the tint of the signal that stood."""
    for stretch in found:
        rest = list(stretch)
        stands = standing
        for turn in (*turns, None):
            if turn is not None and turn.at <= rest[0][0]:
                stands = turn.is_bullish
                continue
            part, rest = _split(rest, None if turn is None else turn.at)
            if len(part) > 1:
                yield _under(panel, part, palette.tint(stands))
            if turn is None or not rest:
                break
            stands = turn.is_bullish


def _split(stretch: Stretch, at: datetime | None) -> tuple[Stretch, Stretch]:
    """Cut a stretch at a moment; both ends have the value in between."""
    if at is None or at >= stretch[-1][0]:
        return stretch, []
    before = [sample for sample in stretch if sample[0] <= at]
    after = stretch[len(before) :]
    (t0, v0), (t1, v1) = before[-1], after[0]
    value = v0 + (v1 - v0) * ((at - t0) / (t1 - t0))
    return [*before, (at, value)], [(at, value), *after]


def _under(panel: Panel, part: Stretch, colour: tuple[int, int, int]) -> Area:
    spots = [panel.spot(at, value) for at, value in part]
    bottom = panel.field.bottom
    outline = ((spots[0][0], bottom), *spots, (spots[-1][0], bottom))
    return Area(outline, colour)


# ------------------------------------------------------------------------ marks


def marks(
    panel: Panel, turns: Sequence[FlipDot], found: Sequence[Stretch], palette: Palette
) -> Iterator[Shape]:
    """Yield a mark per turn, on the curve; smaller ones where there are many."""
    count = len(turns)
    radius = 21.0 if count <= 10 else 16.0 if count <= 24 else 11.0  # noqa: PLR2004 - by eye
    field = panel.field
    for turn in turns:
        value = turn.value if is_known(turn.value) else value_at(found, turn.at)
        x = panel.x(turn.at)
        y = panel.y(value) if value is not None else field.bottom - radius
        spare = radius + 4
        yield Mark(
            (
                min(max(x, field.left + spare), field.right - spare),
                min(max(y, field.top + spare), field.bottom - spare),
            ),
            radius,
            palette.signal(turn.is_bullish),
            Sign.UP if turn.is_bullish else Sign.DOWN,
            palette.on_signal,
            palette.ground,
        )


def value_at(found: Sequence[Stretch], at: datetime) -> float | None:
    """Return the value nearest to a moment; None without any."""
    samples = [sample for stretch in found for sample in stretch]
    if not samples:
        return None
    return min(samples, key=lambda sample: abs(sample[0] - at))[1]


# ----------------------------------------------------------------------- labels


def rail_width(labels: Sequence[Label]) -> tuple[float, int]:
    """Return how much room labels take at the right, and their size."""
    size = LABEL
    for label in labels:
        size = min(size, lettering.shrunk(label.text, size, _RAIL_MAX, _weight(label)))
    widest = max(
        (lettering.width(x.text, size, _weight(x)) for x in labels), default=0.0
    )
    return min(widest, _RAIL_MAX) + _APART + _TAG_PAD, size


def rail(
    panel: Panel,
    labels: Sequence[Label],
    palette: Palette,
    colour: tuple[int, int, int],
) -> Iterator[Shape]:
    """Yield rules and labels; of two that would touch the more important one stays.

    The tag goes first, then strong labels, then the scale from below.
    """
    _, size = rail_width(labels)
    tall = lettering.ascent(size) + lettering.descent(size)
    taken: list[Frame] = []
    left, right = panel.field.right + _APART, SIDE - MARGIN / 2
    for label in sorted(labels, key=lambda x: (not x.is_tag, not x.is_strong, x.value)):
        y = panel.y(label.value)
        half = tall / 2 + (6 if label.is_tag else 0)
        top = min(max(y - half, panel.field.top - 8), panel.field.bottom + 8 - 2 * half)
        placed = _placed(panel, Frame(left - 8, top, right, top + 2 * half), taken)
        if placed is None:
            continue
        taken.append(placed)
        top = placed.top
        base = top + half + (lettering.ascent(size) - lettering.descent(size)) / 2
        text = lettering.fitted(label.text, size, right - left, _weight(label))
        wide = lettering.width(text, size, _weight(label))
        if label.is_tag:
            tag = Frame(left - 8, top, left + wide + 10, top + 2 * half)
            yield Box(tag, colour, 10)
            ink = palette.on_signal
        else:
            ink = palette.ink if label.is_strong else palette.muted
        yield Words(
            x=left, y=base, text=text, size=size, colour=ink, weight=_weight(label)
        )


def _placed(panel: Panel, frame: Frame, taken: Sequence[Frame]) -> Frame | None:
    """Return where a label has room, a little aside if need be; None if nowhere."""
    for aside in (0, 4, -4, 8, -8, 12, -12, 16, -16, 20, -20):
        moved = Frame(frame.left, frame.top + aside, frame.right, frame.bottom + aside)
        clear = Frame(
            moved.left, moved.top - _CLEAR, moved.right, moved.bottom + _CLEAR
        )
        is_beside = (
            moved.top >= panel.field.top - _OVER
            and moved.bottom <= panel.field.bottom + _OVER
        )
        if is_beside and not any(clear.touches(other) for other in taken):
            return moved
    return None


def rules(panel: Panel, labels: Sequence[Label], palette: Palette) -> Iterator[Shape]:
    """Yield a line across the field at each label but the tag."""
    for label in labels:
        if label.is_tag:
            continue
        y = panel.y(label.value)
        colour = palette.muted if label.is_strong else palette.rule
        dash = 10 if label.is_strong else 0
        yield Rule((panel.field.left, y), (panel.field.right, y), colour, 2, dash)


def _weight(label: Label) -> Weight:
    return Weight.BOLD if label.is_tag or label.is_strong else Weight.MEDIUM


def dates(panel: Panel, y: float, palette: Palette) -> list[Words]:
    """Return moments to stand under a panel, on the base line `y`."""

    def fits(texts: Sequence[str]) -> bool:
        wide = sum(lettering.width(text, LABEL) for text in texts)
        return wide + 44 * len(texts) <= panel.field.width

    found: list[Words] = []
    border = Frame(MARGIN / 2, 0, SIDE - MARGIN / 2, SIDE)
    for at, text in times(panel.since, panel.until, fits):
        wide = lettering.width(text, LABEL)
        low, high = border.left + wide / 2, border.right - wide / 2
        words = Words(
            x=min(max(panel.x(at), low), high),
            y=y,
            text=text,
            size=LABEL,
            colour=palette.muted,
            anchor=Anchor.MIDDLE,
        )
        clear = Frame(words.frame.left - 16, 0, words.frame.right + 16, SIDE)
        if not any(clear.touches(other.frame) for other in found):
            found.append(words)
    return found


def uprights(panel: Panel, shown: Sequence[Words], palette: Palette) -> Iterator[Shape]:
    """Yield a faint upright line over each moment that is written underneath."""
    for words in shown:
        middle = (words.frame.left + words.frame.right) / 2
        if panel.field.left < middle < panel.field.right:
            start, end = (middle, panel.field.top), (middle, panel.field.bottom)
            yield Rule(start, end, palette.rule)
