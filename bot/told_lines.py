"""The told side of each line, and how a move of the grade fires it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.model import AssetState, Direction, Line, Passed, PrivateLine, Side


def side_of(grade: float, threshold: float) -> Side:
    """Say on which side of a line a grade is; exactly on it is above."""
    return Side.ABOVE if grade >= threshold else Side.BELOW


def step_line(
    line: Line, grade: float, threshold: float, band: float
) -> tuple[Line, Direction | None]:
    """Move one line by one grade; return its new state and how it fired, if it did.

    An unlocked line fires as soon as the grade is on the other side; a locked one only
    when the grade is a whole band back on the old side. Firing locks, unless the grade
    is a band beyond the line already.
    """
    is_far_above = grade >= threshold + band
    is_far_below = grade <= threshold - band
    if line.side is Side.BELOW:
        fires = is_far_above if line.is_locked else grade >= threshold
        if fires:
            return Line(Side.ABOVE, not is_far_above), Direction.UP
        return Line(Side.BELOW, line.is_locked and not is_far_below), None
    fires = is_far_below if line.is_locked else grade < threshold
    if fires:
        return Line(Side.BELOW, not is_far_below), Direction.DOWN
    return Line(Side.ABOVE, line.is_locked and not is_far_above), None


def kept_lines(
    known: Mapping[float, Line], wanted: frozenset[float], grade: float | None
) -> dict[float, Line]:
    """Keep what is wanted; a new line silently takes the side of the grade."""
    kept = {t: known[t] for t in wanted if t in known}
    if grade is not None:
        for threshold in wanted - kept.keys():
            kept[threshold] = Line(side_of(grade, threshold))
    return kept


def step_lines(
    state: AssetState, grade: float | None, band: float
) -> tuple[AssetState, list[Passed]]:
    """Step every line of an asset; return what was passed, lowest line first."""
    if grade is None:
        return state, []
    stepped: dict[float, Line] = {}
    passed: list[Passed] = []
    for threshold, line in sorted(state.lines.items()):
        stepped[threshold], fired = step_line(line, grade, threshold, band)
        if fired is not None:
            passed.append(Passed(threshold, fired))
    return replace(state, lines=stepped), passed


@dataclass(frozen=True, slots=True)
class OwnLines:
    """What became of private lines: fired by recipient, moved, or gone."""

    fired: dict[int, list[Passed]]
    kept: list[PrivateLine]
    dropped: list[PrivateLine]


def step_private(
    private: Sequence[PrivateLine],
    shared: Mapping[float, Line],
    grade: float | None,
    band: float,
) -> OwnLines:
    """Step each private line; it goes when it agrees with the shared one again."""
    own = OwnLines({}, [], [])
    if grade is None:
        return own
    for item in sorted(private, key=lambda p: (p.recipient_id, p.threshold)):
        stepped, fired = step_line(item.line, grade, item.threshold, band)
        if fired is not None:
            passed = Passed(item.threshold, fired)
            own.fired.setdefault(item.recipient_id, []).append(passed)
        common = shared.get(item.threshold)
        if common is None or common.side is stepped.side:
            own.dropped.append(item)
        elif stepped != item.line:
            own.kept.append(replace(item, line=stepped))
    return own
