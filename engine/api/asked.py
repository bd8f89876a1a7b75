"""What a request asks for: parameters in their checked form."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine import wire

#: as strict as Token Metrics itself; its clients know both numbers
LIMIT_MAX = 100
LIMIT_DEFAULT = 50
#: nobody has so many pages, and arithmetic stays small
PAGE_MAX = 100_000
#: names, symbols and ids in one list
LIST_MAX = 200
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(2009, 2201)


class BadRequestError(Exception):
    """A parameter that can't be; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which rows are wanted; what is None or empty is no condition.

    Attributes:
        since, until: moments, `until` excluded; from `startDate` and `endDate`, whose
            day is included.
    """

    token_ids: frozenset[int] | None = None
    symbols: frozenset[str] | None = None
    names: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    exchanges: frozenset[str] | None = None
    has_address: bool = False
    since: datetime | None = None
    until: datetime | None = None
    signal: int | None = None
    min_volume: float | None = None
    min_market_cap: float | None = None
    min_grade: float | None = None
    min_grade_change: float | None = None
    limit: int = LIMIT_DEFAULT
    page: int = 1

    @property
    def first(self) -> int:
        """The number of the first row of the page."""
        return (self.page - 1) * self.limit


def words(text: str | None, name: str) -> frozenset[str] | None:
    """Read a list of words, in small letters."""
    if text is None or not text.strip():
        return None
    found = frozenset(
        w for w in (part.strip().lower() for part in text.split(",")) if w
    )
    if len(found) > LIST_MAX:
        raise BadRequestError(f"{name} names more than {LIST_MAX}")
    return found


def slugs(text: str | None, name: str) -> frozenset[str] | None:
    """Read a list of categories, however they are spelled."""
    found = words(text, name)
    return None if found is None else frozenset(wire.as_slug(w) for w in found)


def numbers(text: str | None, name: str) -> frozenset[int] | None:
    """Read a list of ids."""
    found = words(text, name)
    if found is None:
        return None
    if not all(w.isascii() and w.isdigit() and len(w) < 16 for w in found):  # noqa: PLR2004 - below 2**53
        raise BadRequestError(f"{name} is a list of numbers, such as 3375,3306")
    return frozenset(map(int, found))


def days(
    first: str | None, last: str | None
) -> tuple[datetime | None, datetime | None]:
    """Read startDate and endDate as moments; the last day is included."""
    since, until = _day(first, "startDate"), _day(last, "endDate")
    if since is not None and until is not None and since > until:
        raise BadRequestError("startDate is after endDate")
    return since, None if until is None else until + timedelta(days=1)


def _day(text: str | None, name: str) -> datetime | None:
    if text is None or not text.strip():
        return None
    day = None
    if _DAY.fullmatch(text.strip()):
        with suppress(ValueError):
            day = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    if day is None:
        raise BadRequestError(f"{name} is a day, written YYYY-MM-DD")
    if day.year not in _YEARS:
        raise BadRequestError(f"{name} is out of range")
    return day
