"""One platform's messages on their way: how many may be claimed, how many in flight."""

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model import Claim
from bot.ports import Sender
from bot.waker import Waker


@dataclass(frozen=True, slots=True)
class Pause:
    """A platform that is left alone until a time, and why.

    `is_fault` says that our own set-up is wrong; else the platform ordered the wait.
    """

    until: datetime
    reason: str
    is_fault: bool = False


class Flow:
    """What is ahead on a platform (claimed, without its turn yet) and what in flight.

    Attributes:
        slots: one each from before a send until its outcome is written.
        pause: set while our own set-up or the platform's word keeps us from sending.
        is_barred: another process sends.
        is_held: an operator paused the platform.
        progressed_at: when something was last done, or nothing was to be done, in
            monotonic seconds.
    """

    def __init__(self, sender: Sender, *, concurrency: int, spare: timedelta) -> None:
        """Take the sender; a lease is `spare` longer than a send may take."""
        self.sender = sender
        self.waker = Waker()
        self.pause: Pause | None = None
        self.is_barred = False
        self.is_held = False
        self.slots = asyncio.Semaphore(concurrency)
        self.most_ahead = most_ahead(concurrency, sender.rate, spare)
        self._ahead: set[int] = set()
        self.progressed_at = time.monotonic()

    def progress(self) -> None:
        """Note that this platform's sending does not hang."""
        self.progressed_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether any claim waits for its turn."""
        return bool(self._ahead)

    def room(self) -> int:
        """Return how many more recipients may be claimed; zero unless it is worth it.

        A claim costs much the same for one as for many.
        """
        room = self.most_ahead - len(self._ahead)
        return room if 2 * room >= self.most_ahead else 0

    def enter(self, claim: Claim) -> None:
        """Count a claim that waits for its turn."""
        self._ahead.add(claim.recipient.id)

    def leave(self, claim: Claim) -> None:
        """Count it no longer; idempotent."""
        if claim.recipient.id in self._ahead:
            self._ahead.discard(claim.recipient.id)
            if self.room():
                self.waker.wake()


def most_ahead(concurrency: int, rate: float, spare: timedelta) -> int:
    """Return how many recipients may be claimed that have not had their turn.

    At the platform's overall rate they must all have it while their lease is still
    longer than a send may take, else another process would send the same. Half of that
    time is planned for: replies go first, and claiming and freezing take time, too.
    """
    return max(1, math.floor(min(concurrency, rate * spare.total_seconds() / 2)))
