"""What a table of assets or flips asks for, and what was found. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from bot.model import Conditions, Target

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Which assets or flips a table shows, and which page of it.

    Attributes:
        targets: any of these; empty means everything.
        conditions: on what stands now, or for flips on what stood then. A value the
            engine does not give meets none.
        after, before: when the standing signal began, or the flip happened, by the
            engine's time: later than one, not later than the other.
        seen_after: leaves out assets that no poll has brought since.
        is_freshest_first: latest flip first instead of highest grade.
    """

    targets: tuple[Target, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    after: datetime | None = None
    before: datetime | None = None
    seen_after: datetime | None = None
    is_freshest_first: bool = False
    offset: int = 0
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One page of a table, and how many rows the whole has."""

    total: int
    rows: Sequence[T]
