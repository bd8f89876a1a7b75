"""When to try a delivery again, and when to give up. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import DeliveryError, TemporaryDeliveryError

FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=10)
#: a delay is made up to this much longer, so that many chats do not come back at once
JITTER = 0.25
#: how long an alert is worth delivering; waits the platform ordered do not count
MAX_AGE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again then.

    `is_ordered` says that the platform named the wait: it neither counts as a failed
    attempt nor towards the maximum age.
    """

    at: datetime
    is_ordered: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again; the reason is kept with the delivery."""

    reason: str


def delay(attempts: int, chance: float) -> timedelta:
    """Return the wait after so many failed attempts; `chance` is from 0 to 1.

    Grows by doubling up to `LONGEST_DELAY`, then jitter is added.
    """
    doubled = FIRST_DELAY.total_seconds() * 2.0 ** min(max(0, attempts), 30)
    seconds = min(doubled, LONGEST_DELAY.total_seconds())
    return timedelta(seconds=seconds * (1 + JITTER * chance))


def decide(
    error: DeliveryError,
    *,
    attempts: int,
    owed_since: datetime,
    now: datetime,
    chance: float,
    max_age: timedelta = MAX_AGE,
) -> RetryAt | GiveUp:
    """Decide what follows a failed try; only temporary errors are tried again."""
    if not isinstance(error, TemporaryDeliveryError):
        return GiveUp(error.reason)
    if error.retry_after is not None:
        return RetryAt(now + max(error.retry_after, timedelta()), is_ordered=True)
    if now - owed_since >= max_age:
        return GiveUp("too_old")
    return RetryAt(now + delay(attempts, chance))
