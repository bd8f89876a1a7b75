"""What watches would have sent: the messages, and how many they are a day. Values."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from bot.simulation import SentThen

_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The messages that watches would have led to between two moments.

    Attributes:
        clock: by which days are counted.
    """

    sent: tuple[SentThen, ...]
    since: datetime
    until: datetime
    clock: tzinfo = UTC

    @property
    def days(self) -> int:
        """How many days were gone through."""
        return max(1, round((self.until - self.since) / timedelta(days=1)))

    @property
    def last_month(self) -> int:
        """How many messages came in the last 30 days."""
        return sum(message.at > self.until - _MONTH for message in self.sent)

    @property
    def worst_day(self) -> tuple[date, int] | None:
        """The day with the most messages and how many; the latest of several."""
        days = Counter(
            message.at.astimezone(self.clock).date() for message in self.sent
        )
        if not days:
            return None
        return max(days.items(), key=lambda day: (day[1], day[0]))
