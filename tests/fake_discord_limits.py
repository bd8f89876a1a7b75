"""Discord's request budgets on a clock that is passed in.

Sources: docs.discord.com/developers/topics/rate-limits for the global limit, the
headers and the invalid requests; five messages per five seconds and channel and ten
crossposts per hour are what clients observe; the pace of opening DMs is ours, since
Discord only says "too fast".
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

GLOBAL_MAX = 50
GLOBAL_PER = 1.0
INVALID_PER = 600.0
DMS_MAX = 10
DMS_PER = 60.0

#: route -> how many in how many seconds, for each channel
BUCKETS = {
    "POST /channels/{channel_id}/messages": (5, 5.0),
    "POST /channels/{channel_id}/messages/{message_id}/crosspost": (10, 3600.0),
}

#: what the headers say while the limits are lifted: enough that no client waits
LIFTED = 1_000_000


@dataclass(slots=True)
class Window:
    """A bucket: opens with its first request and is full again when it ends."""

    limit: int
    ends_at: float
    used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a bucket says of one request; `retry_after` is 0 if it may pass."""

    headers: dict[str, str]
    retry_after: float = 0.0


class Limits:
    """Counts requests; `invalid_max` may be lowered by a test."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.is_enforced = True
        self.invalid_max = 10_000
        self._all: deque[float] = deque()
        self._dms: deque[float] = deque()
        self._invalid: deque[float] = deque()
        self._windows: dict[str, Window] = {}

    def _time(self) -> float:
        return self._now().timestamp()

    def _sliding(self, seen: deque[float], most: int, per: float) -> float:
        """Count one now unless there are too many; return how long to wait."""
        now = self._time()
        while seen and seen[0] <= now - per:
            seen.popleft()
        if self.is_enforced and len(seen) >= most:
            return seen[0] + per - now
        seen.append(now)
        return 0.0

    def take_global(self) -> float:
        """Count a request of the bot; return the seconds to wait, 0 if it may pass."""
        return self._sliding(self._all, GLOBAL_MAX, GLOBAL_PER)

    def take_dm(self) -> bool:
        """Count the opening of a DM; False if it is too fast."""
        return not self._sliding(self._dms, DMS_MAX, DMS_PER)

    def take(self, route: str, channel_id: str) -> Verdict | None:
        """Count a request in its bucket; None if the route has none."""
        if route not in BUCKETS:
            return None
        limit, per = BUCKETS[route]
        now = self._time()
        key = f"{route} {channel_id}"
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            window = self._windows[key] = Window(limit, now + per)
        left = window.limit - window.used
        is_over = left <= 0 and self.is_enforced
        window.used += not is_over
        if not self.is_enforced:
            limit = left = LIFTED
        after = window.ends_at - now
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, left - 1)),
            "X-RateLimit-Reset": f"{window.ends_at:.3f}",
            "X-RateLimit-Reset-After": f"{after:.3f}",
            "X-RateLimit-Bucket": f"{crc32(route.encode()):032x}",
        }
        return Verdict(headers=headers, retry_after=after if is_over else 0.0)

    def count_invalid(self) -> None:
        """Count an answer of 401, 403 or 429 (other than of shared scope)."""
        self._invalid.append(self._time())

    @property
    def invalid_requests(self) -> int:
        """How many of the last ten minutes' requests were invalid."""
        while self._invalid and self._invalid[0] <= self._time() - INVALID_PER:
            self._invalid.popleft()
        return len(self._invalid)

    @property
    def is_banned(self) -> bool:
        """Whether Cloudflare answers in Discord's place."""
        return self.is_enforced and self.invalid_requests >= self.invalid_max
