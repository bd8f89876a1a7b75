"""A process dies at every single await between a poll and its last settled delivery.

In one process and on SQLite: each call on the store, the senders and the engine is cut
off once before and once after it took effect. Then a new process goes on over the same
file. Nothing is lost, and only what was on its way is seen twice.
"""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import iscoroutinefunction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import world as worlds
from fakes import FakeSender
from world import World, news_of

from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    TemporaryDeliveryError,
)
from bot.message import Message
from bot.model import Address, JsonDict, PlaceKind, Receipt
from bot.ports import Clock
from bot.preferences import Pace
from storage import open_store

SYMBOLS = ("BTC", "ETH")
ALICE, BOB = "web:alice", "telegram:5"
GROUPS = ("telegram:-100", "telegram:-200")
#: with trouble every third await; all of them where kills are counted (`make crash`)
STRIDE = 1 if os.environ.get("KILLS") else 3
#: what a dead process began is free after it: leases first, then its unfinished poll
LEASE, UNFINISHED = 11, 63


class Killed(BaseException):
    """The process is dead; nothing in it may catch that."""


class Life:
    """One process: lets awaits pass until the one it dies at."""

    def __init__(self, ends_at: int | None = None) -> None:
        self.ends_at = ends_at
        self.passed: list[str] = []
        self._is_dead = False

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        self._pass(f"before {name}")
        result = await work()
        self._pass(f"after {name}")
        return result

    def _pass(self, point: str) -> None:
        if not self._is_dead:
            self._is_dead = len(self.passed) == self.ends_at
            self.passed.append(point)
        if self._is_dead:
            raise Killed(self.passed[-1])


class Cut:
    """Stands before a store or a source and makes each of its calls a step."""

    def __init__(self, inner: Any, world: "MortalWorld") -> None:
        self._inner, self._world = inner, world

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not iscoroutinefunction(found):
            return found

        async def call(*args: Any, **more: Any) -> Any:
            if name == "close":
                return None
            return await self._world.life.step(name, lambda: found(*args, **more))

        return call


class CutSender(FakeSender):
    """A platform that takes messages of one or more parts; each send is a step."""

    world: "MortalWorld"
    parts = 1

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        (part,) = super().render(message)
        more = ({**part, "text": f"… {n}"} for n in range(2, self.parts + 1))
        return (part, *more)

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        send = super().send
        return await self.world.life.step(
            "send", lambda: send(address, part, nonce=nonce, is_plain=is_plain)
        )


class MortalWorld(World):
    """A world whose process may die; the platforms and the file survive."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.life = Life()
        self.market = self.source
        self.source = Cut(self.source, self)  # type: ignore[assignment]
        self.sender = _mortal(self.sender, self)
        self.telegram = _mortal(self.telegram, self)
        #: where the group is now; it moves in `moved`
        self.group = GROUPS[0]

    def chats(self) -> dict[str, CutSender]:
        """Return every place that watches, with its platform."""
        return {ALICE: self.sender, BOB: self.telegram, self.group: self.telegram}

    def flip(self, *symbols: str) -> None:
        for symbol in symbols:
            self.clock.advance(seconds=1)
            self.market.flip(symbol)

    async def work(self, *seconds: float) -> None:
        """Poll, fan out and deliver, each time after so many seconds."""
        for each in seconds:
            await self.poll(minutes=each / 60)

    async def live(self, ends_at: int | None) -> list[str]:
        """Be a process that tells of what has flipped, until its end; name its awaits.

        It polls once, and looks again twice for what a platform made it wait with.
        """
        self.life = life = Life(ends_at)
        try:
            await self.work(1)
            for _ in range(2):
                self.clock.advance(seconds=3)
                await self.deliver()
        except (Killed, BaseExceptionGroup) as error:
            if not _is_killed(error):
                raise
        self.life = Life()
        return life.passed


def _mortal(sender: FakeSender, world: MortalWorld) -> CutSender:
    mortal = CutSender(sender.platform, knows_nonces=sender.knows_nonces)
    mortal.world = world
    return mortal


def _is_killed(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_killed(e) for e in error.exceptions)
    return isinstance(error, Killed)


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MortalWorld]:
    """A world in which three places watch all, polled every second.

    The store's connections survive the process: a call on it happens or it does not,
    and new ones would only cost time.
    """
    monkeypatch.setattr("storage.database.SYNCHRONOUS", "OFF")
    monkeypatch.setattr(worlds, "INTERVAL", timedelta(seconds=1))
    new = MortalWorld(f"sqlite+aiosqlite:///{tmp_path / 'world.db'}")
    store = await open_store(new.url, now=new.clock)

    async def opened(_url: str, *, now: Clock) -> Cut:
        return Cut(store, new)

    monkeypatch.setattr(worlds, "open_store", opened)
    for symbol in SYMBOLS:
        new.source.set(symbol, grade=75, market_cap=1e9)
    await new.open()
    await new.poll()
    await new.say("/watch all", place=ALICE)
    await new.say("/watch BTC ETH", place=BOB)
    await new.say("/broadcast all", place=new.group, kind=PlaceKind.GROUP)
    for place in (ALICE, BOB, new.group):
        await new.prefer(place=place, pace=Pace.FAST)
    yield new
    await store.close()


# ---------------------------------------------------------------------- what goes wrong


def nothing(_world: MortalWorld) -> None:
    """All goes well."""


def two_parts(world: MortalWorld) -> None:
    world.sender.parts = world.telegram.parts = 2


def answers_are_lost(world: MortalWorld) -> None:
    error = TemporaryDeliveryError("late", reason="timeout", is_unknown=True)
    world.sender.lose_answer(error)
    world.telegram.lose_answer(error)


def too_fast(world: MortalWorld) -> None:
    wait = TemporaryDeliveryError(
        "429", reason="rate_limited", retry_after=timedelta(seconds=3)
    )
    for place in (ALICE, BOB):
        world.sender.refuse(place, wait)
        world.telegram.refuse(place, wait)


def blocked(world: MortalWorld) -> None:
    gone = [RecipientGoneError("blocked", reason="blocked")] * 9
    world.sender.refuse(ALICE, *gone)
    world.telegram.refuse(BOB, *gone)


def moved(world: MortalWorld) -> None:
    old = world.group
    world.group = next(g for g in GROUPS if g != old)
    chat = world.group.partition(":")[2]
    error = RecipientMovedError("moved", reason="migrated", new_chat=chat)
    world.telegram.refuse(old, *[error] * 9)


def bad_markup(world: MortalWorld) -> None:
    error = MessageRejectedError("markup", reason="bad_markup")
    world.sender.refuse(ALICE, error)
    world.telegram.refuse(BOB, error)


@dataclass(frozen=True)
class Trouble:
    """What a platform does, and how often a place may be told the same for it.

    `is_clear_no`: what a death left unknown is refused afterwards and decided anew; it
    may have been told, so what stands is told, whatever stood before.
    """

    cause: Callable[[MortalWorld], None]
    repeats: dict[str, int] = field(default_factory=dict)
    is_clear_no: bool = False


TROUBLES = {
    trouble.cause.__name__: trouble
    for trouble in (
        Trouble(nothing),
        Trouble(two_parts),
        # without nonces the lost answer alone repeats it
        Trouble(answers_are_lost, repeats={BOB: 1, GROUPS[0]: 1}),
        Trouble(too_fast, is_clear_no=True),
        Trouble(blocked, is_clear_no=True),
        Trouble(moved),
        Trouble(bad_markup),
    )
}


# ----------------------------------------------------------------------------- the test


async def play(world: MortalWorld, trouble: Trouble, ends_at: int | None) -> list[str]:
    """Let both assets flip, end a process at one await, start another; name the awaits.

    Every second time an asset turns back before the other process looks.
    """
    for sender in {world.sender, world.telegram}:
        sender.sent.clear()
    trouble.cause(world)
    world.flip(*SYMBOLS)
    passed = await world.live(ends_at)
    await world.restart()
    if ends_at is not None and ends_at % 2:
        world.flip("BTC")
    await world.work(1, LEASE, 3, UNFINISHED)
    world.sender.behave()
    world.telegram.behave()
    if trouble.cause is blocked:
        for place in (ALICE, BOB):
            await world.say("/start", place=place)
    await world.work(LEASE)
    return passed


def heard(texts: list[str]) -> dict[str, list[str]]:
    """Return what a place read of each asset's signal, in order."""
    found: dict[str, list[str]] = {symbol: [] for symbol in SYMBOLS}
    for text in texts:
        told: dict[str, str] = {}
        for line in news_of(text).splitlines():
            symbols = [s for s in SYMBOLS if re.search(rf"\b{s}\b", line)]
            news = line.split(" (you knew")[0]
            signals = re.findall(r"\b(bullish|bearish)\b", news)
            if "came back" in line:
                continue
            if len(signals) == 1:
                told |= dict.fromkeys(symbols, signals[0])
            elif len(signals) == len(symbols):
                told |= dict(zip(symbols, signals, strict=True))
        for symbol, signal in told.items():
            found[symbol].append(signal)
    return found


def check(
    world: MortalWorld, trouble: Trouble, before: dict[str, str], *, died: bool
) -> dict[str, str]:
    """Hold what each place read against what stands; return what stands."""
    stands = {r.symbol: r.signal.word for r in world.market.known.values() if r.signal}
    for place, sender in world.chats().items():
        texts = sender.texts(place)
        is_seen_twice = trouble.is_clear_no or not sender.knows_nonces
        allowed = trouble.repeats.get(place, 0) + (died and is_seen_twice)
        for symbol, told in heard(texts).items():
            believed = [before[symbol], *told]
            assert believed[-1] == stands[symbol], (place, "lost", texts)
            again = sum(a == b for a, b in pairwise(believed))
            assert again <= allowed, (place, "repeated", texts)
    return stands


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TROUBLES)
async def test_whichever_await_a_process_dies_at_nothing_is_lost(
    world: MortalWorld, name: str
) -> None:
    trouble = TROUBLES[name]
    stands = dict.fromkeys(SYMBOLS, "bullish")
    points = await play(world, trouble, None)
    stands = check(world, trouble, stands, died=False)
    assert {"after freeze", "before settle_sent", "after send"} <= set(points)

    ends = list(enumerate(points))
    if trouble.cause is not nothing:
        # up to the commit nothing knows of the trouble yet: once is enough
        ends = ends[points.index("after commit_poll") :: STRIDE]
    for ends_at, point in ends:
        passed = await play(world, trouble, ends_at)
        try:
            stands = check(world, trouble, stands, died=True)
        except AssertionError as error:
            raise AssertionError(f"killed {point} ({ends_at}): {passed}") from error
    print(f"{name}: killed at {len(ends)} awaits, nothing lost")
