"""How much one user or one chat may type: a bucket each, in memory.

Whoever types faster is told so once, and then not answered until the bucket has filled
up again. Alerts have nothing to do with it. Pure but for what it remembers.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: a chat of many may type so many times as much as one user
CHAT_FACTOR = 3
#: so many minutes' worth may come at once
_BURST_MINUTES = 0.5
#: whoever was told to wait is answered again when so much of the burst is free
_ENOUGH = 1 / 3
#: buckets remembered before full ones are forgotten
_KEPT = 10_000


class Verdict(StrEnum):
    """What to do with a line."""

    ANSWER = "answer"
    WARN = "warn"
    SILENT = "silent"


@dataclass(slots=True)
class _Bucket:
    level: float
    at: datetime
    is_told: bool = False


class Crowding:
    """Counts what users and chats type; `per_minute` lines of one user are fine."""

    def __init__(self, per_minute: float) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, _Bucket] = {}

    def look(self, user: str, chat: str, now: datetime) -> Verdict:
        """Count one line and say whether it is answered; "" stands for nobody."""
        buckets = [
            (self._filled(name, factor, now), factor)
            for name, factor in ((user, 1), (chat, CHAT_FACTOR))
            if name
        ]
        for bucket, factor in buckets:
            if bucket.is_told and bucket.level < self._enough(factor):
                return Verdict.SILENT
            bucket.is_told = False
            if bucket.level < 1:
                bucket.is_told = True
                return Verdict.WARN
        for bucket, _ in buckets:
            bucket.level -= 1
        return Verdict.ANSWER

    def wait(self, user: str, chat: str) -> timedelta:
        """Return how long until whoever was told to wait is answered again."""
        waits = [0.0]
        for name, factor in ((user, 1), (chat, CHAT_FACTOR)):
            bucket = self._buckets.get(name)
            if bucket is not None and bucket.is_told:
                missing = self._enough(factor) - bucket.level
                waits.append(60 * missing / (self._per_minute * factor))
        return timedelta(seconds=math.ceil(max(waits)))

    def _filled(self, name: str, factor: int, now: datetime) -> _Bucket:
        size = self._size(factor)
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= _KEPT:
                self._forget(now)
            bucket = self._buckets[name] = _Bucket(size, now)
            return bucket
        # a clock that stepped back fills nothing
        minutes = max(timedelta(), now - bucket.at) / timedelta(minutes=1)
        bucket.level = min(size, bucket.level + minutes * self._per_minute * factor)
        bucket.at = now
        return bucket

    def _size(self, factor: int) -> float:
        return max(2.0, self._per_minute * factor * _BURST_MINUTES)

    def _enough(self, factor: int) -> float:
        return max(1.0, self._size(factor) * _ENOUGH)

    def _forget(self, now: datetime) -> None:
        """Drop buckets that are full by now, so that memory does not grow with them."""
        full = timedelta(minutes=_BURST_MINUTES)
        self._buckets = {n: b for n, b in self._buckets.items() if now - b.at < full}
