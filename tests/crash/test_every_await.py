"""A process dies at every single await between a poll and its last settled delivery.

In one process and on SQLite: each call on the store, the senders and the engine is cut
off once before and once after it took effect. Then a new process goes on over the same
file. Nothing is lost, and only what was on its way is seen twice.
"""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import world as worlds
from fakes import FakeSender
from world import World, open_world

from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    TemporaryDeliveryError,
)
from bot.message import Message
from bot.model import Address, JsonDict, PlaceKind, Receipt
from storage import open_store

SYMBOLS = ("BTC", "ETH")
ALICE, BOB, GROUP, MOVED = "web:alice", "telegram:5", "telegram:-100", "telegram:-200"
QUICK = timedelta(seconds=1)
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
        if not iscoroutinefunction(found) or name == "close":
            return found

        async def call(*args: Any, **more: Any) -> Any:
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
        self.source = Cut(self.source, self)  # type: ignore[assignment]
        self.sender = _mortal(self.sender, self)
        self.telegram = _mortal(self.telegram, self)

    async def flip(self, symbol: str) -> None:
        self.clock.advance(seconds=1)
        self.source.flip(symbol)

    async def let_time_pass(self) -> None:
        """Poll and deliver as a process does, until everything had its time."""
        for seconds in (1, LEASE, UNFINISHED, LEASE, LEASE):
            await self.poll(minutes=seconds / 60)


def _mortal(sender: FakeSender, world: MortalWorld) -> CutSender:
    mortal = CutSender(sender.platform, knows_nonces=sender.knows_nonces)
    mortal.world = world
    return mortal


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
    error = RecipientMovedError("moved", reason="migrated", new_chat="-200")
    world.telegram.refuse(GROUP, *[error] * 9)


def bad_markup(world: MortalWorld) -> None:
    error = MessageRejectedError("markup", reason="bad_markup")
    world.sender.refuse(ALICE, error)
    world.telegram.refuse(BOB, error)


@dataclass(frozen=True)
class Trouble:
    """What a platform does, and how often a place may see a message twice for it."""

    cause: Callable[[MortalWorld], None]
    repeats: dict[str, int] = field(default_factory=dict)


TROUBLES = {
    trouble.cause.__name__: trouble
    for trouble in (
        Trouble(nothing),
        Trouble(two_parts),
        # without nonces the lost answer alone repeats it
        Trouble(answers_are_lost, repeats={BOB: 1, GROUP: 1}),
        Trouble(too_fast),
        Trouble(blocked),
        Trouble(moved),
        Trouble(bad_markup),
    )
}


# ----------------------------------------------------------------------------- the test


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A file in which three places watch all, and nothing has happened yet."""
    with TemporaryDirectory() as folder:

        async def prepare() -> None:
            async with open_world(Path(folder)) as world:
                for symbol in SYMBOLS:
                    world.source.set(symbol, grade=75, market_cap=1e9)
                await world.poll()
                await world.say("/watch all", place=ALICE)
                await world.say("/watch BTC ETH", place=BOB)
                await world.say("/broadcast all", place=GROUP, kind=PlaceKind.GROUP)

        asyncio.run(prepare())
        yield Path(folder) / "world.db"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll every second, with every call on the store a step; spare the disk."""
    monkeypatch.setattr("storage.database.SYNCHRONOUS", "OFF")
    monkeypatch.setattr(worlds, "INTERVAL", QUICK)


async def play(
    prepared: Path, folder: Path, trouble: Trouble, ends_at: int | None, *, turns: bool
) -> MortalWorld:
    """Let both assets flip, kill the process at one await, and start another."""
    shutil.copy(prepared, folder / "world.db")
    world = MortalWorld(f"sqlite+aiosqlite:///{folder / 'world.db'}")
    for symbol in SYMBOLS:
        world.source.set(symbol, grade=75, market_cap=1e9)
    with pytest.MonkeyPatch.context() as patch:

        async def opened(url: str, *, now: Any) -> Any:
            return Cut(await open_store(url, now=now), world)

        patch.setattr(worlds, "open_store", opened)
        await world.open()
        world.clock.advance(minutes=10)
        trouble.cause(world)
        for symbol in SYMBOLS:
            await world.flip(symbol)
        first = world.life = Life(ends_at)
        try:
            await world.let_time_pass()
        except (Killed, BaseExceptionGroup) as error:
            assert ends_at is not None and _is_killed(error), repr(error)
        world.life = Life()
        await world.restart()
        if turns:
            await world.flip("BTC")
        await world.let_time_pass()
        for sender in (world.sender, world.telegram):
            sender.behave()
        for place in (ALICE, BOB):
            await world.say("/start", place=place)
        await world.let_time_pass()
        await world.close()
    world.life = first
    return world


def _is_killed(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_killed(e) for e in error.exceptions)
    return isinstance(error, Killed)


def heard(texts: list[str]) -> dict[str, list[str]]:
    """Return what a place read of each asset's signal, in order."""
    found: dict[str, list[str]] = {symbol: [] for symbol in SYMBOLS}
    for text in texts:
        told: dict[str, str] = {}
        for line in text.splitlines():
            symbols = [s for s in SYMBOLS if re.search(rf"\b{s}\b", line)]
            signals = re.findall(r"\b(bullish|bearish)\b", line)
            if len(symbols) == 1 and len(signals) == 1:
                told[symbols[0]] = signals[0]
            elif len(signals) == 1:
                told |= dict.fromkeys(symbols, signals[0])
        for symbol, signal in told.items():
            found[symbol].append(signal)
    return found


def check(world: MortalWorld, trouble: Trouble) -> None:
    stands = {
        reading.symbol: reading.signal.word
        for reading in world.source.known.values()
        if reading.signal is not None
    }
    group = MOVED if trouble.cause is moved else GROUP
    for place, sender in (
        (ALICE, world.sender),
        (BOB, world.telegram),
        (group, world.telegram),
    ):
        texts = sender.texts(place)
        died = world.life.ends_at is not None
        most = trouble.repeats.get(place, 0) + (died and not sender.knows_nonces)
        told = heard(texts)
        again = {
            symbol: sum(a == b for a, b in zip(each, each[1:], strict=False))
            for symbol, each in told.items()
        }
        last = {symbol: each[-1] for symbol, each in told.items() if each}
        assert last == stands, (place, texts)
        assert max(again.values()) <= most, (place, texts)


@pytest.mark.parametrize("name", TROUBLES)
async def test_whichever_await_a_process_dies_at_nothing_is_lost(
    prepared: Path, tmp_path: Path, name: str
) -> None:
    trouble = TROUBLES[name]
    unharmed = await play(prepared, tmp_path, trouble, None, turns=False)
    check(unharmed, trouble)
    points = unharmed.life.passed
    assert {"after freeze", "before settle_sent", "after send"} <= set(points)
    failures = []
    for ends_at, point in enumerate(points):
        folder = tmp_path / str(ends_at)
        folder.mkdir()
        world = await play(prepared, folder, trouble, ends_at, turns=ends_at % 2 == 0)
        try:
            check(world, trouble)
        except AssertionError as error:
            failures.append(f"killed at {ends_at}, {point}: {error}"[:2000])
        shutil.rmtree(folder)
    print(f"{name}: killed at {len(points)} awaits, {len(failures)} failures")
    assert not failures, "\n\n".join(failures)
