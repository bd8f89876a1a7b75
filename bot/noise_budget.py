"""The noise budget: which setting would keep a day within it, and why. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from bot.model import Today
from bot.preferences import Pace, Preferences


class Remedy(StrEnum):
    """What makes a day quieter."""

    FEWER_LINES = "fewer_lines"
    CALM = "calm"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Advice:
    """A message over the budget: the how manieth of the day, and what would help."""

    number: int
    budget: int
    remedy: Remedy


def advise(preferences: Preferences, today: Today) -> Advice | None:
    """Advise with the first message over the budget, and with no other of the day.

    `today` is what was sent before it.
    """
    budget = preferences.daily_budget
    if budget is None or today.messages != budget or preferences.digest is not None:
        return None
    return Advice(budget + 1, budget, _remedy(preferences, today))


def _remedy(preferences: Preferences, today: Today) -> Remedy:
    if today.crossings > today.flips:
        return Remedy.FEWER_LINES
    if today.repeated and preferences.pace is not Pace.CALM:
        return Remedy.CALM
    return Remedy.DIGEST
