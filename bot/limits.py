"""A platform's limits, kept before they bite: its overall rate and each chat's own.

One `Limits` per bot token. It holds no messages: a chat that must wait long waits in
the database; only the turn at the platform's overall rate, at most about a second
away, is waited for here. Time is monotonic seconds, from the clock that is passed in.
"""

import asyncio
import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

from bot.errors import TemporaryDeliveryError

#: a platform counts what arrives, we count what leaves: so much of a window is spared
MARGIN = 0.015
#: what an answer takes longer than the quickest, its request may have taken longer; so
#: much is spared besides
LATE_MARGIN = 0.003
#: so many answers show how quick one can be; those before them still count
LEARN_FROM = 300
#: turns are given evenly over so much of a second: one that came late is made up for
SPREAD = 0.9
#: refusals of so many chats so close together mean the platform, not a chat
REFUSED_CHATS = 3
REFUSED_WITHIN = 10.0


#: a turn further away than this is waited for in the database
LONGEST_TURN = timedelta(seconds=2)


class Lane(IntEnum):
    """Who goes first when several wait for the platform's turn."""

    REPLY = 0
    ALERT = 1
    DIGEST = 2
    ANNOUNCEMENT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRule:
    """At most `count` messages in `window` seconds to one chat.

    `reply_share` of them at most may be replies, so that a chatty group does not use
    up what its alerts need; None means all. `reply_burst` answers may follow each other
    at once at the same average rate, since whoever types fast waits for each of them.
    """

    count: int
    window: float
    reply_share: int | None = None
    reply_burst: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The limits of one platform; `overall` messages per second over all chats."""

    overall: float
    private: ChatRule
    group: ChatRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy a platform's limits are, for metrics.

    Attributes:
        turns_waiting: requests that wait for the overall rate.
        chats_held: chats that must wait before their next message.
        refusals: waits the platform has ordered since the start.
    """

    turns_waiting: int
    chats_held: int
    refusals: int


@dataclass(slots=True)
class _Request:
    started: float
    ended: float | None = None


@dataclass(slots=True)
class _Chat:
    sent: deque[tuple[float, bool]] = field(default_factory=deque)
    free_at: float = 0.0


class _Turn(AbstractAsyncContextManager[None]):
    """One turn, from when it is asked for until its request has ended."""

    __slots__ = ("_chat", "_is_private", "_lane", "_limits", "_request")

    def __init__(
        self, limits: "Limits", chat: str, is_private: bool, lane: Lane
    ) -> None:
        self._limits, self._chat = limits, chat
        self._is_private, self._lane = is_private, lane

    async def __aenter__(self) -> None:
        self._request = await self._limits.begin(
            self._chat, is_private=self._is_private, lane=self._lane
        )

    async def __aexit__(self, *_error: object) -> None:
        self._limits.end(self._request)


class Limits:
    """Says when a chat is free, and gives turns at the platform's overall rate."""

    def __init__(
        self, rules: Rules, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rules = rules
        self._clock = clock
        self._chats: dict[str, _Chat] = {}
        self._recent: deque[_Request] = deque()
        self._quickest = math.inf
        #: the quickest answer of so many lately, and of the hundreds before them
        self._answers = (math.inf, math.inf, 0)
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        #: who has been woken and has not counted itself yet
        self._given: asyncio.Future[None] | None = None
        self._refusals: dict[str, tuple[float, float]] = {}
        self._paused_until = 0.0
        self._refused_count = 0

    def load(self) -> Load:
        """Say how busy the limits are; looks at every chat that is remembered."""
        now = self._clock()
        return Load(
            turns_waiting=sum(not turn.done() for _, _, turn in self._waiting),
            chats_held=sum(chat.free_at > now for chat in self._chats.values()),
            refusals=self._refused_count,
        )

    # ------------------------------------------------------------------------ chats

    def chat_wait(
        self, chat: str, *, is_private: bool, lane: Lane = Lane.ALERT
    ) -> timedelta:
        """Return how long this chat must wait for its next message; zero if free."""
        now = self._clock()
        known = self._chats.get(chat)
        wait = self._paused_until - now
        if known is not None:
            rule = self.rules.private if is_private else self.rules.group
            wait = max(wait, known.free_at - now, _rule_wait(known, rule, now, lane))
        return timedelta(seconds=max(0.0, wait))

    def hold(self, chat: str, length: timedelta) -> None:
        """Keep a chat waiting: the platform says that its bucket is empty."""
        known = self._chat(chat)
        known.free_at = max(known.free_at, self._clock() + length.total_seconds())

    def refused(self, chat: str, retry_after: timedelta, *, is_global: bool) -> None:
        """The platform ordered a wait (429) for this chat, or for everything.

        Refusals of three chats within ten seconds pause the platform until the
        shortest of their waits is over: the refusal names no scope.
        """
        now = self._clock()
        self._refused_count += 1
        until = now + retry_after.total_seconds()
        if is_global:
            self._paused_until = max(self._paused_until, until)
        else:
            self._chat(chat).free_at = until
            self._refusals[chat] = (now, until)
        recent = {
            c: r for c, r in self._refusals.items() if now - r[0] <= REFUSED_WITHIN
        }
        self._refusals = recent
        if len(recent) >= REFUSED_CHATS:
            shortest = min(until for _, until in recent.values())
            self._paused_until = max(self._paused_until, shortest)
            self._refusals = {}
        if self.pause_left() > LONGEST_TURN:
            # Nobody holds a claim that long: they are told now.
            for _, _, turn in self._waiting:
                if not turn.done():
                    turn.set_exception(self._is_paused())
        self._give_turns()

    def pause_left(self) -> timedelta:
        """Return how long the whole platform is paused; zero if it is not."""
        return timedelta(seconds=max(0.0, self._paused_until - self._clock()))

    # ------------------------------------------------------------------------ turns

    def turn(
        self, chat: str, *, is_private: bool, lane: Lane = Lane.ALERT
    ) -> AbstractAsyncContextManager[None]:
        """Wait for the platform's turn, then count what is sent inside the block.

        Lower lanes go first; within a lane first come, first served. Raises
        `TemporaryDeliveryError`, a clear no, while the platform is paused for long,
        and (but for replies) if the chat is not free when its turn has come.
        """
        return _Turn(self, chat, is_private, lane)

    def edit_turn(self, lane: Lane = Lane.ALERT) -> AbstractAsyncContextManager[None]:
        """Wait for the platform's turn alone: an edit is no new message in its chat."""
        return _Turn(self, "", True, lane)

    async def begin(self, chat: str, *, is_private: bool, lane: Lane) -> _Request:
        """Wait for a turn and count a request; see `turn`."""
        await self._wait_for_turn(lane)
        wait = timedelta()
        if chat:
            wait = self.chat_wait(chat, is_private=is_private, lane=lane)
        if wait > timedelta() and lane is not Lane.REPLY:
            # Somebody else wrote to this chat meanwhile, such as a reply did.
            self._give_turns()
            raise TemporaryDeliveryError(
                "the chat is not free now", reason="chat_busy", retry_after=wait
            )
        request = _Request(self._clock())
        self._recent.append(request)
        if chat:
            self._note(chat, is_private=is_private, lane=lane)
        if self._waiting:
            self._give_turns()
        return request

    def end(self, request: _Request) -> None:
        """Note that a request has its answer, or never will."""
        request.ended = self._clock()
        self._learn(request.ended - request.started)
        if self._waiting:
            self._give_turns()

    async def _wait_for_turn(self, lane: Lane) -> None:
        if self.pause_left() > LONGEST_TURN:
            raise self._is_paused()
        is_first = not self._waiting and self._given is None
        if is_first and self._next_at() <= self._clock():
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (lane, next(self._order), turn))
        self._give_turns()
        try:
            await turn
        except asyncio.CancelledError:
            turn.cancel()
            if self._given is turn:
                self._given = None
            self._give_turns()
            raise
        self._given = None

    def _is_paused(self) -> TemporaryDeliveryError:
        return TemporaryDeliveryError(
            "the platform told us to wait",
            reason="platform_paused",
            retry_after=self.pause_left(),
        )

    def _give_turns(self) -> None:
        """Wake the first that waits once its time has come; one at a time.

        The next one is woken when this one has been counted. Until then an answer, or
        the timer, must not take its turn for free.
        """
        if self._given is not None:
            return
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        wait = self._next_at() - self._clock()
        if wait > 0:
            if wait < math.inf:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait, self._give_turns)
            return
        _, _, turn = heapq.heappop(self._waiting)
        turn.set_result(None)
        self._given = turn

    def _next_at(self) -> float:
        """Return when the next request may start, `inf` if an answer settles that.

        Spread over the second, and never more than the limit in any second of the
        platform's own time. A request that took longer than the quickest may have
        arrived so much later, so it counts so much longer; one without an answer by
        then counts until it has one. It takes up its own place, the others go on.
        """
        now = self._clock()
        size = max(1, round(self.rules.overall))
        while self._recent and self._counts_until(self._recent[0], now) <= now:
            self._recent.popleft()
        at = self._paused_until
        if self._recent:
            at = max(at, self._recent[-1].started + SPREAD / self.rules.overall)
        if len(self._recent) < size:
            return at
        ends = sorted(self._counts_until(request, now) for request in self._recent)
        free = [end for end in ends if end > now]
        if len(free) >= size:
            at = max(at, free[len(free) - size])
        return at

    def _counts_until(self, request: _Request, now: float) -> float:
        """Return when the platform has forgotten a request; `inf` if nobody knows."""
        took = (now if request.ended is None else request.ended) - request.started
        late = max(0.0, took - self._quickest) + LATE_MARGIN
        if request.ended is None and late > MARGIN:
            return math.inf
        return request.started + 1.0 + max(MARGIN, late)

    def _learn(self, took: float) -> None:
        """Remember how quick an answer can be: the quickest of the last hundreds.

        Not an average: what an answer took longer than that, its request may have.
        """
        lately, before, count = self._answers
        lately, count = min(lately, took), count + 1
        self._quickest = min(lately, before)
        if count >= LEARN_FROM:
            lately, before, count = math.inf, lately, 0
        self._answers = (lately, before, count)

    # -------------------------------------------------------------------- bookkeeping

    def _chat(self, chat: str) -> _Chat:
        return self._chats.setdefault(chat, _Chat())

    def _note(self, chat: str, *, is_private: bool, lane: Lane) -> None:
        now = self._clock()
        known = self._chat(chat)
        rule = self.rules.private if is_private else self.rules.group
        known.sent.append((now, lane is Lane.REPLY))
        kept = rule.window * rule.reply_burst * (1.0 + MARGIN)
        while known.sent and now - known.sent[0][0] > kept:
            known.sent.popleft()
        if len(self._chats) > _CHATS_KEPT:
            self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop chats that are free anyway, so that memory does not grow with them."""
        longest = max(self.rules.private.window, self.rules.group.window)
        for chat, known in list(self._chats.items()):
            is_idle = not known.sent or now - known.sent[-1][0] > longest
            if is_idle and known.free_at <= now:
                del self._chats[chat]


#: chats remembered before idle ones are forgotten
_CHATS_KEPT = 10_000


def _rule_wait(known: _Chat, rule: ChatRule, now: float, lane: Lane) -> float:
    """Return for how long the rule of a chat refuses one more message."""
    window, count = rule.window * (1.0 + MARGIN), rule.count
    burst = rule.reply_burst if lane is Lane.REPLY else 1
    inside = [at for at, _ in known.sent if now - at < window * burst]
    wait = 0.0
    if len(inside) >= count * burst:
        wait = inside[-count * burst] + window * burst - now
    if lane is Lane.REPLY and rule.reply_share is not None:
        replies = [at for at, is_reply in known.sent if is_reply and now - at < window]
        if len(replies) >= rule.reply_share:
            wait = max(wait, replies[-rule.reply_share] + window - now)
    return wait
