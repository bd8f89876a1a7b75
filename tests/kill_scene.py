"""The stage for kills: a market that turns at every poll, platforms that hold a trap.

The fakes here answer as their parents do, a little slower, and tell the trap what they
have just seen of the program, so that it can die between a request and its answer.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from fake_discord import FakeDiscord
from fake_engine import FakeEngine
from fake_telegram import FakeTelegram

#: at most as many as one message's table has rows, so that each is told with its grade
SYMBOLS = tuple(f"K{number:02}" for number in range(1, 13))
BEGINS = datetime(2021, 1, 4, tzinfo=UTC)
SEND = "POST /channels/{channel_id}/messages"

#: where a life may end; "any" is a time after its start, whatever it does then
POINTS = (
    "any",
    "poll asked",
    "poll answered",
    "send arrived",
    "send taken",
    "send answered",
)


@dataclass(frozen=True)
class Plan:
    """The end of one life: `after` so many seconds from the `nth` time at a point."""

    point: str
    nth: int = 1
    after: float = 0.0


def make_plan(chance: random.Random) -> Plan:
    """Choose an end; half of them around a send."""
    point = chance.choices(POINTS, weights=(4, 1, 4, 2, 4, 4))[0]
    match point:
        case "any":
            return Plan(point, after=chance.uniform(0.0, 2.5))
        case "poll asked":
            return Plan(point, chance.randint(1, 2))
        case "poll answered":
            # commit, fan-out, claim, freeze: each takes some milliseconds
            return Plan(point, chance.randint(1, 2), chance.uniform(0.0, 0.12))
        case "send answered":
            return Plan(point, chance.randint(1, 8), chance.uniform(0.0, 0.03))
        case _:
            return Plan(point, chance.randint(1, 8))


class Trap:
    """Kills when the planned moment comes."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._plan = Plan("any", after=1e9)
        self._seen = 0
        self._kill: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, plan: Plan, kill: Callable[[], None]) -> None:
        """Wait for the moment, with the program having just been started."""
        self._plan, self._kill, self._seen = plan, kill, 0
        if plan.point == "any":
            self._spring()

    def unset(self) -> None:
        """Let it live."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._plan = None, Plan("none")

    def at(self, point: str) -> bool:
        """Note that the program is at a point; True if it was killed right there."""
        if point != self._plan.point:
            return False
        self._seen += 1
        if self._seen == self._plan.nth:
            self._spring()
        return self._seen >= self._plan.nth and not self._plan.after

    def _spring(self) -> None:
        if self._plan.after:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._plan.after, self._kill)
        else:
            self._kill()

    async def around(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Answer a send, slowly enough to be hit on the way."""
        await self._linger()
        if self.at("send arrived"):
            # never taken; ends with the connection of the one who is dead
            await asyncio.Event().wait()
        answer = await work()
        if not self.at("send taken"):
            await self._linger()
            self.at("send answered")
        return answer

    async def _linger(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.002, 0.03))


class Market(FakeEngine):
    """Some assets turn before every answer while it is open.

    How often an asset has turned is in its grade, so that an alert says which turn it
    tells of: `turns[symbol] % 100`. Even is bullish.
    """

    def __init__(self, trap: Trap, chance: random.Random) -> None:
        super().__init__(size=0)
        self.today = BEGINS
        self.is_open = False
        self.turns = {symbol: 14 * n for n, symbol in enumerate(SYMBOLS)}
        self._trap, self._chance = trap, chance
        for n, symbol in enumerate(SYMBOLS, 1):
            grade = float(self.turns[symbol] % 100)
            self.add(symbol, grade=grade, signal=1, market_cap=1e9 / n, price=1.0 + n)

    def stands(self, symbol: str) -> str:
        """Return the standing signal in a word."""
        return word_of(self.turns[symbol])

    def turn_some(self) -> None:
        """Let a day pass on which a few assets turn."""
        self.advance(1.1)
        for symbol in self._chance.sample(SYMBOLS, self._chance.randint(1, 5)):
            self.turns[symbol] += 1
            signal = 1 if self.stands(symbol) == "bullish" else -1
            self.set(symbol, signal=signal, grade=float(self.turns[symbol] % 100))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        is_poll = request.match_info["path"] == "trading-signals"
        if is_poll and self.is_open:
            self.turn_some()
            self._trap.at("poll asked")
        answer = await super()._handle(request)
        if is_poll and self.is_open:
            self._trap.at("poll answered")
        return answer


def word_of(turn: int) -> str:
    """Return the signal after so many turns in a word."""
    return "bearish" if turn % 2 else "bullish"


class TrappedTelegram(FakeTelegram):
    """A Telegram that may be the last thing a program speaks to."""

    trap: Trap

    async def _answer(self, http: web.Request, request: Any, fault: Any) -> Any:
        answer = super()._answer
        if request.method != "sendMessage":
            return await answer(http, request, fault)
        return await self.trap.around(lambda: answer(http, request, fault))


class TrappedDiscord(FakeDiscord):
    """A Discord that may be the last thing a program speaks to."""

    trap: Trap

    def __init__(self, token: str) -> None:
        # a process on a loaded machine may need longer than a person would wait
        super().__init__(token=token, ack_within=20.0)
        serve = self._serving._serve

        async def serve_slowly(route: str, request: web.Request) -> web.StreamResponse:
            if route != SEND:
                return await serve(route, request)
            answer = await self.trap.around(lambda: serve(route, request))
            assert isinstance(answer, web.StreamResponse)
            return answer

        self._serving._serve = serve_slowly  # type: ignore[method-assign]
