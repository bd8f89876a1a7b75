"""Who uses the bot, for its operators: numbers and a list without names. Values."""

from dataclasses import dataclass
from datetime import datetime

from bot.model import Address, PlaceKind, Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """How many places of one kind a platform has, and how many are gone."""

    platform: Platform
    kind: PlaceKind
    total: int
    parked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhabitant:
    """One recipient as it is listed to an operator."""

    address: Address
    kind: PlaceKind
    watches: int
    created_at: datetime
    parked_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a metered engine has cost this month, and how it goes on.

    Attributes:
        limit: credits of the month; None where they are not limited.
        every_seconds: the time between two polls that the credits allow.
        extra: the part of `used` that went into names, sizes and prices.
    """

    used: int
    extra: int
    limit: int | None
    per_poll: int
    every_seconds: float
    renews_at: datetime
