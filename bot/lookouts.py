"""What else operators hear of: a full disk, used-up credits, grades that stand still.

Each lookout gives what it knows as `Watched`; what it does not know it leaves out, so
that a process that knows less than another never says that a trouble is over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import upkeep_alarms as alarms
from bot.message import Message
from bot.ports import Clock, Store
from bot.troubles import Memory
from bot.watchman import Watched

#: of a month's credits; before that the budget spreads what is left
CREDITS_LOW = 0.9
#: a trouble of the disk is over when so much more than the limit is free
_RELIEF = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LookoutPlan:
    """What is looked at; whatever is None is not.

    Attributes:
        source: the name of the source in the store.
        stale_after: grades older than this when the engine gives them stand still.
        disk: gives the bytes that are free where the database is.
        disk_low: fewer than this are too few.
        where: the database, as it is told.
        credits: gives the engine's calls of this month; None: not known here.
        credits_limit: how many its plan allows.
    """

    source: str
    stale_after: timedelta | None = None
    disk: Callable[[], int] | None = None
    disk_low: int = 0
    where: str = ""
    credits: Callable[[], int | None] = lambda: None
    credits_limit: int | None = None


class Lookouts:
    """Looks at all of it; called by the watchman at each of its looks."""

    def __init__(self, store: Store, plan: LookoutPlan, *, now: Clock) -> None:
        self._store = store
        self._plan = plan
        self._now = now
        self._is_low = False

    async def __call__(self) -> Sequence[Watched]:
        """Say how each subject stands; raise `StoreError`."""
        found = [self._disk(), self._credits(), await self._grades()]
        return [watched for watched in found if watched is not None]

    def _disk(self) -> Watched | None:
        if self._plan.disk is None:
            return None
        try:
            free = self._plan.disk()
        except OSError:
            return None
        limit = self._plan.disk_low * (_RELIEF if self._is_low else 1.0)
        self._is_low = free < limit
        said = _size(free)

        def word(is_trouble: bool) -> Message:
            if is_trouble:
                return alarms.disk_low(said, self._plan.where)
            return alarms.disk_fine(said)

        return self._watched("disk", "low" if self._is_low else None, word)

    def _credits(self) -> Watched | None:
        used, limit = self._plan.credits(), self._plan.credits_limit
        if not used or not limit:
            return None
        kind = None
        if used >= CREDITS_LOW * limit:
            kind = "out" if used >= limit else "low"

        def word(is_trouble: bool) -> Message:
            if is_trouble:
                return alarms.credits_low(used, limit, _next_month(self._now()))
            return alarms.credits_fine(used, limit)

        return self._watched("credits", kind, word)

    async def _grades(self) -> Watched | None:
        if self._plan.stale_after is None:
            return None
        good = await self._store.last_good_poll(self._plan.source)
        if good is None or good.as_of is None or good.finished_at is None:
            return None
        as_of, now = good.as_of, self._now()
        # How old they were when the engine gave them: while it fails, or we are off,
        # they age without standing still, and of a failing engine is told anyway.
        is_stale = good.finished_at - as_of > self._plan.stale_after

        def word(is_trouble: bool) -> Message:
            if is_trouble:
                return alarms.grades_stale(as_of, now)
            return alarms.grades_fresh(as_of)

        return self._watched("grades", "stale" if is_stale else None, word)

    def _watched(
        self, subject: str, kind: str | None, word: Callable[[bool], Message]
    ) -> Watched:
        async def say(_memory: Memory | None) -> Message:
            return word(kind is not None)

        return Watched(subject=subject, kind=kind, since=self._now(), word=say)


def _size(free: int) -> str:
    return f"{free / 2**30:,.1f} GB" if free >= 2**30 else f"{free / 2**20:,.0f} MB"


def _next_month(now: datetime) -> datetime:
    """Return when the credits begin anew; months are counted in UTC."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
