"""What a grade is made of, in words. Pure.

An engine that says so counts each component's points from 50, the middle.
"""

from collections.abc import Sequence

from bot import words
from bot.language import say
from bot.message import Block, Button, Message, Table, bold, line
from bot.model import Asset, Component, Explanation

#: more than three points a line nobody reads
_POINTS_MAX = 3
#: less than this is no reason
_LEAST = 0.5


def why(explanation: Explanation) -> list[Block]:
    """Say in one line or two what lifts a grade and what holds it down.

    Of an asset too young to be graded, how much history it has and needs.
    """
    if not explanation.components:
        return _too_young(explanation)
    up = [c for c in explanation.components if c.points >= _LEAST]
    down = [c for c in explanation.components if c.points <= -_LEAST]
    found: list[Block] = []
    if up:
        found.append(say("Lifted by {points}", points=_points(up)))
    if down:
        found.append(say("Held down by {points}", points=_points(down)))
    return found


def why_button(asset: Asset) -> Button:
    """Return the button that shows all components."""
    return Button("🔍 Why this grade", f"v1:parts:{asset.id}")


def all_components(asset: Asset, explanation: Explanation | None) -> Message:
    """Show every component with its value, its weight and its points."""
    state = asset.state
    grade = None if state is None else state.last.grade
    name = words.asset_name(asset)
    if explanation is None or not explanation.components or grade is None:
        lacks = [] if explanation is None else _too_young(explanation)
        return Message(
            title=line("⚪ ", bold(name), ": nothing to explain now"),
            body=tuple(lacks),
            is_private=True,
        )
    rows = [f"{'':10}0-100 weight points", *map(_row, explanation.components)]
    return Message(
        title=line("🔍 ", bold(f"{name}: why the grade is {words.grade(grade)}")),
        body=(
            Table(tuple(rows)),
            say("A grade is 50 and these points, never under 0 or over 100."),
        ),
        stamp=explanation.as_of,
        is_private=True,
    )


def _row(component: Component) -> str:
    name = words.fit(component.name, 10)
    numbers = f"{component.value:5.0f}{component.weight:7.0%}"
    return f"{name:10}{numbers}{_signed(component.points, 1):>7}"


def _too_young(explanation: Explanation) -> list[Block]:
    if explanation.days >= explanation.enough_days:
        return []
    return [
        say(
            "Not enough history for a grade: {days} of {enough} days.",
            days=explanation.days,
            enough=explanation.enough_days,
        )
    ]


def _points(components: Sequence[Component]) -> str:
    first = sorted(components, key=lambda c: -abs(c.points))[:_POINTS_MAX]
    return " · ".join(f"{c.name} {_signed(c.points)}" for c in first)


def _signed(points: float, decimals: int = 0) -> str:
    size = f"{abs(points):.{decimals}f}"
    if not float(size):
        return size
    return f"{'−' if points < 0 else '+'}{size}"
