"""Credits of a metered engine: one call is one credit, the month is a calendar month.

Slowing down instead of failing: what is left of the month's credits is spread over what
is left of the month. Months are counted in UTC.
"""

import re
from datetime import UTC, datetime, timedelta

from bot.ports import Clock

#: how much of the credits may go into names, sizes and prices, which no poll needs
EXTRA_SHARE = 0.1

_DECEMBER = 12
_COUNT = re.compile(r"\d{1,12}", re.ASCII)


def month_of(moment: datetime) -> str:
    """Name the calendar month in UTC, such as `2026-11`."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def month_start(moment: datetime) -> datetime:
    """Return the first moment of the calendar month in UTC."""
    return moment.astimezone(UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )


def next_month(moment: datetime) -> datetime:
    """Return the first moment of the following calendar month in UTC."""
    start = month_start(moment)
    if start.month == _DECEMBER:
        return start.replace(year=start.year + 1, month=1)
    return start.replace(month=start.month + 1)


def plan(
    *,
    credits_per_month: int | None,
    used: int,
    calls: int,
    poll_interval: timedelta,
    now: datetime,
) -> timedelta:
    """Return the time between two polls that the credits allow.

    Args:
        credits_per_month: what the engine's plan gives; None is unlimited.
        used: credits spent in this month so far.
        calls: how many calls one poll takes.
        poll_interval: what the operator wishes; never faster than this.
        now: decides how much of the month is left.
    """
    if credits_per_month is None:
        return poll_interval
    left_of_month = next_month(now) - now
    polls = (credits_per_month - used) // max(calls, 1)
    if polls <= 0:
        return max(poll_interval, left_of_month)
    return max(poll_interval, left_of_month / polls)


class Budget:
    """The count of one month's credits, kept across restarts by its bookmark."""

    def __init__(self, credits_per_month: int | None, *, now: Clock) -> None:
        self._credits = credits_per_month
        self._now = now
        self._month = month_of(now())
        self._used = 0
        self._extra = 0

    @property
    def used(self) -> int:
        """Credits spent in this calendar month."""
        self._turn_page()
        return self._used

    @property
    def extra(self) -> int:
        """Credits of these that went into names, sizes and prices."""
        self._turn_page()
        return self._extra

    @property
    def limit(self) -> int | None:
        """Credits of a month; None if they are not limited."""
        return self._credits

    @property
    def left(self) -> int | None:
        """Credits left in this calendar month; None if they are not limited."""
        return None if self._credits is None else max(self._credits - self.used, 0)

    def count(self, *, is_extra: bool = False) -> None:
        """Count one call."""
        self._turn_page()
        self._used += 1
        self._extra += is_extra

    def interval(self, calls: int, poll_interval: timedelta) -> timedelta:
        """Return the time between two polls of so many calls, as `plan` does."""
        return plan(
            credits_per_month=self._credits,
            used=self.used,
            calls=calls,
            poll_interval=poll_interval,
            now=self._now(),
        )

    def allows_extra(self, calls: int) -> bool:
        """Whether so many calls for names, sizes or prices fit into their share.

        The share grows with the month and begins with that of one day.
        """
        if self._credits is None:
            return True
        if (self.left or 0) < calls:
            return False
        now = self._now()
        begin, end = month_start(now), next_month(now)
        passed = max(now - begin, timedelta(days=1)) / (end - begin)
        return self._extra + calls <= self._credits * EXTRA_SHARE * passed

    def bookmark(self) -> str:
        """Return the count as text that `restore` understands."""
        self._turn_page()
        return f"{self._month}:{self._used}:{self._extra}"

    def restore(self, bookmark: str | None) -> None:
        """Take over a stored count; one of another month, or a strange one, is void."""
        month, _, counts = (bookmark or "").partition(":")
        used, _, extra = counts.partition(":")
        is_ours = month == month_of(self._now())
        if is_ours and _COUNT.fullmatch(used) and _COUNT.fullmatch(extra):
            self._month = month
            self._used = max(self._used, int(used))
            self._extra = max(self._extra, int(extra))

    def _turn_page(self) -> None:
        month = month_of(self._now())
        # A clock that stepped back must not give credits back.
        if month > self._month:
            self._month, self._used, self._extra = month, 0, 0
