"""Why a grade of our own engine is what it is, for people to read."""

from bot.candles import moment_of
from bot.model import Component, Explanation
from engine.embedded.grading import ENOUGH_DAYS, Grades, explain


def explained(grades: Grades, asset: str) -> Explanation:
    """Say what the newest grade of an asset is made of, or what it still lacks.

    Raises `KeyError` for an asset that is not graded.
    """
    column = grades.symbols.index(asset) if asset in grades.symbols else None
    if column is None:
        raise KeyError(asset)
    return Explanation(
        as_of=moment_of(int(grades.closes_at[-1])),
        components=tuple(
            Component(
                name=share.name,
                value=share.value,
                weight=share.weight,
                points=share.points,
            )
            for share in explain(grades, asset)
        ),
        days=int(grades.days[-1, column]),
        enough_days=ENOUGH_DAYS,
    )
