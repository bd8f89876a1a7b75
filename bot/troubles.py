"""What trouble there is, and who still has to hear of it. Pure.

A trouble is told once to each operator while it lasts, whatever restarts, and its end
to those who heard of it. A trouble that turns into one of another kind is told too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from bot import plausible
from bot.model import Address, PollSummary

#: so many polls in a row must fail before the engine is in trouble; what can't be
#: believed is trouble at once
FAILED_POLLS = 3
#: between two notices of dead letters
DEAD_EVERY = timedelta(minutes=10)
#: what died a moment ago may not be committed yet; it is counted by the next look
DEAD_GRACE = timedelta(seconds=5)

#: failed polls that are no trouble: credits saved, a recording's end, a takeover
_NO_TROUBLE = frozenset({"budget", "ended", "superseded"})
#: failed polls that asked nothing, since one before them had failed
_NOT_ASKED = frozenset({"refused", "backing_off"})


class Cause(StrEnum):
    """What kind of trouble an engine is in; each is told once while it lasts."""

    REFUSED = "refused"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    UNREADABLE = "unreadable"
    IMPLAUSIBLE = "implausible"


_REFUSED = frozenset({"http_401", "http_402", "http_403", "refused"})
_UNAVAILABLE = frozenset(
    {"timeout", "connection", "backing_off", "no_success", "http_408", "http_425"}
)
#: reason -> what stands in the first line where the reason is no HTTP status
_SHORT = {
    "timeout": "no answer",
    "connection": "unreachable",
    "backing_off": "no answer",
    "refused": "refused",
    "no_success": "failing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTrouble:
    """An engine that brought nothing in its last `polls`, the first of them at `since`.

    `reason` is that of the latest poll that asked it.
    """

    reason: str
    since: datetime
    polls: int

    @property
    def cause(self) -> Cause:
        """What kind of trouble it is."""
        if self.reason.startswith(plausible.PREFIX):
            return Cause.IMPLAUSIBLE
        if self.reason in _REFUSED:
            return Cause.REFUSED
        if self.reason == "http_429":
            return Cause.LIMITED
        if self.reason in _UNAVAILABLE or self.reason.startswith("http_5"):
            return Cause.UNAVAILABLE
        return Cause.UNREADABLE

    @property
    def short(self) -> str:
        """The trouble in a word or two."""
        if self.cause is Cause.IMPLAUSIBLE:
            return "not to be believed"
        status = self.reason.removeprefix("http_")
        if status != self.reason:
            return status
        return _SHORT.get(self.reason, "unreadable answer")


def engine_trouble(polls: Sequence[PollSummary]) -> EngineTrouble | None:
    """Say what trouble the engine is in, from finished polls, the newest first."""
    failed: list[PollSummary] = []
    for poll in polls:
        if poll.is_ok:
            break
        if poll.reason not in _NO_TROUBLE:
            failed.append(poll)
    is_doubtful = bool(failed) and failed[0].reason.startswith(plausible.PREFIX)
    if len(failed) < FAILED_POLLS and not is_doubtful:
        return None
    asked = [poll.reason for poll in failed if poll.reason not in _NOT_ASKED]
    return EngineTrouble(
        reason=asked[0] if asked else failed[0].reason,
        since=failed[-1].started_at,
        polls=len(failed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A trouble that lasts: since when, and which kinds of it were told to whom.

    `notices` counts what was told, so that each notice has a name of its own.
    """

    since: datetime
    told: Mapping[str, frozenset[Address]] = field(default_factory=dict)
    notices: int = 0

    @property
    def everybody(self) -> frozenset[Address]:
        """All who were told any of it."""
        return frozenset(a for addresses in self.told.values() for a in addresses)

    def with_told(self, kind: str, address: Address) -> Self:
        """Add that an address was told a kind."""
        addresses = self.told.get(kind, frozenset()) | {address}
        told = {**self.told, kind: addresses}
        return replace(self, told=told, notices=self.notices + 1)

    def without(self, address: Address) -> Self | None:
        """Forget an address; None when nobody is left."""
        left = {
            kind: addresses - {address}
            for kind, addresses in self.told.items()
            if addresses - {address}
        }
        if not left:
            return None
        return replace(self, told=left, notices=self.notices + 1)

    def dump(self) -> str:
        """Write it as the store keeps it."""
        told = {k: sorted(map(str, addresses)) for k, addresses in self.told.items()}
        return json.dumps(
            {"since": self.since.isoformat(), "told": told, "notices": self.notices}
        )

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote."""
        known = json.loads(text)
        return cls(
            since=datetime.fromisoformat(known["since"]),
            told={
                kind: frozenset(map(Address.parse, addresses))
                for kind, addresses in known["told"].items()
            },
            notices=known["notices"],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told of the trouble now, and who is told that it is over."""

    tell: tuple[Address, ...] = ()
    over: tuple[Address, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tell or self.over)


def decide(memory: Memory | None, kind: str | None, places: Sequence[Address]) -> Step:
    """Decide who is told what. `kind` names the trouble that lasts, None: it is over.

    Only those hear that it is over who heard of it.
    """
    if kind is not None:
        told = frozenset[Address]() if memory is None else memory.told.get(kind, ())
        return Step(tell=tuple(p for p in places if p not in told))
    return Step(over=() if memory is None else tuple(sorted(memory.everybody, key=str)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Up to when an operator knows of dead letters, and when the last notice went."""

    until: datetime
    told_at: datetime | None = None


def dead_window(counted: Counted, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from and to when dead letters are news; None while it is too early.

    After a backward step of the clock it begins anew from now.
    """
    until = now - DEAD_GRACE
    told_at = counted.told_at
    is_early = told_at is not None and timedelta() <= now - told_at < DEAD_EVERY
    if is_early or until <= counted.until:
        return None
    return counted.until, until
