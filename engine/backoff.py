"""When to ask an engine again that failed: pure but for a few counters.

An ordered wait (Retry-After) is kept to the second. Otherwise the wait grows with each
failure in a row, with full jitter; the first one is over before the next poll, so that
one hiccup costs one poll. A refusal (401, 402, 403) is asked about once more with the
next poll, since gateways hiccup too, then after five minutes, then hourly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import SourceError, SourceRefusedError

FIRST_STEP = timedelta(seconds=5)
LONGEST_STEP = timedelta(minutes=15)
FIRST_PROBE = timedelta(minutes=5)
LATER_PROBES = timedelta(hours=1)
#: an engine that orders more than this is asked daily all the same
LONGEST_ORDER = timedelta(hours=24)

_SECOND = timedelta(seconds=1)
_DOUBLINGS_MAX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """No call from `since` until `until`, because of `reason`."""

    since: datetime
    until: datetime
    reason: str

    def holds(self, now: datetime) -> bool:
        """Whether it still holds; after a backward clock step it does not."""
        return self.since <= now < self.until


class Backoff:
    """Counts failures in a row and says until when to pause."""

    def __init__(
        self, poll_interval: timedelta, *, chance: Callable[[], float]
    ) -> None:
        self._interval = max(poll_interval, _SECOND)
        self._chance = chance
        self._failures = 0
        self._refusals = 0
        self._pause: Pause | None = None

    def succeeded(self) -> None:
        """Forget all failures."""
        self._failures = self._refusals = 0
        self._pause = None

    def failed(self, error: SourceError, *, started: datetime, now: datetime) -> None:
        """Count a failure of a fetch that began at `started` and pause for it."""
        if isinstance(error, SourceRefusedError):
            until = started + self._probe_in()
            self._refusals += 1
            reason = "refused"
        else:
            until = started + self._step()
            self._failures += 1
            reason = "backing_off"
        if error.retry_after is not None:
            until = max(until, now + min(error.retry_after, LONGEST_ORDER))
        self._pause = Pause(since=started, until=until, reason=reason)

    def pause(self, now: datetime) -> Pause | None:
        """Return the pause that holds now, if any."""
        return self._pause if self._pause and self._pause.holds(now) else None

    def _step(self) -> timedelta:
        base = min(FIRST_STEP, self._interval)
        if self._failures == 0:
            # Half a poll interval: the poll after a single failure always asks.
            base = min(base, self._interval / 2)
        doublings = min(self._failures, _DOUBLINGS_MAX)
        return min(base * (1 << doublings), LONGEST_STEP) * self._chance()

    def _probe_in(self) -> timedelta:
        if self._refusals == 0:
            return min(self._interval / 2, FIRST_PROBE)
        return FIRST_PROBE if self._refusals == 1 else LATER_PROBES
