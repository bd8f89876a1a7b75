"""Many hours at many recipients by a passed clock: memory and handles flat, 0 lost.

The real store, poller, fan-out and dispatcher between a fake engine and fake platforms
that fail at random: no answer, a late no, a wait, a blocked bot, and processes that
die. What each recipient heard last is compared with how its asset stands in the end.

    python -m benchmarks.soak [hours [recipients]]
"""

import asyncio
import gc
import logging
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
if str(ROOT / "tests") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests"))

from fakes import Crashed, FakeSender  # noqa: E402 - the path is set above
from world import World, open_world  # noqa: E402

from benchmarks.seeding import micros  # noqa: E402
from bot.errors import (  # noqa: E402
    RecipientGoneError,
    SourceUnavailableError,
    TemporaryDeliveryError,
)
from bot.model import Address, JsonDict, PlaceKind, Platform, Receipt  # noqa: E402

ASSETS = 40
POLL = timedelta(minutes=5)
#: the last hours bring no flips, so that what was held as choppy is told
CALM_HOURS = 8
PLATFORMS = (Platform.TELEGRAM, Platform.DISCORD, Platform.WEB)
_SIDE = re.compile(r"\b(bullish|bearish)\b")


@dataclass
class Weather:
    """How often what goes wrong, and what did."""

    chance: random.Random
    #: so many times as bad, where there are too few messages to be struck by chance
    scale: float = 1.0
    is_bad: bool = True
    seen: Counter[str] = field(default_factory=Counter)

    def strikes(self, what: str, share: float) -> bool:
        """Whether this happens now."""
        does = self.is_bad and self.chance.random() < share * self.scale
        self.seen[what] += does
        return does


class SoakSender(FakeSender):
    """Keeps of each chat what it was told last, and nothing else."""

    def __init__(self, platform: Platform, weather: Weather) -> None:
        super().__init__(platform)
        self._weather = weather
        self.told: dict[str, str] = {}
        self.gone: set[str] = set()
        self.count = 0
        self._last_nonce: dict[str, tuple[str, str]] = {}

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Take the message, or fail as the weather is."""
        del is_plain  # what counts is which way it says
        target, strikes = str(address), self._weather.strikes
        if target in self.gone:
            raise RecipientGoneError("blocked", reason="blocked")
        if strikes("gone", 0.001):
            self.gone.add(target)
            raise RecipientGoneError("blocked", reason="blocked")
        if strikes("no answer, not taken", 0.005):
            raise TemporaryDeliveryError("no", reason="timeout", is_unknown=True)
        if strikes("wait", 0.005):
            wait = timedelta(seconds=self._weather.chance.choice((1, 30, 900)))
            raise TemporaryDeliveryError("no", reason="chat_busy", retry_after=wait)
        if strikes("died before", 0.00005):
            raise Crashed
        known = self._last_nonce.get(target)
        if known is not None and known[0] == nonce:
            self.repeats += 1
            return Receipt(known[1])
        self.count += 1
        ref = f"m{self.count}"
        self._last_nonce[target] = (nonce, ref)
        if side := _SIDE.search(str(part["text"])):
            self.told[target] = side[1]
        if strikes("died after", 0.00005):
            raise Crashed
        if strikes("no answer, taken", 0.005):
            raise TemporaryDeliveryError("no", reason="timeout", is_unknown=True)
        return Receipt(ref)

    async def edit(self, address: Address, message_ref: str, part: JsonDict) -> None:
        """Change what is not kept."""


class SoakWorld(World):
    """A world whose senders outlive its processes and keep little."""

    def __init__(self, url: str, weather: Weather) -> None:
        super().__init__(url)
        self.weather = weather
        web, self.telegram, self.discord = (
            SoakSender(p, weather)
            for p in (Platform.WEB, Platform.TELEGRAM, Platform.DISCORD)
        )
        self.sender = web

    async def deliver(self) -> None:
        """Deliver all that is due, and go on after each death."""
        while True:
            try:
                await super().deliver()
            except BaseExceptionGroup as group:
                if group.subgroup(Crashed) is None:
                    raise
                await self.restart()
                # what the dead one had claimed is free when its lease is over
                self.clock.advance(seconds=15)
            else:
                return


@dataclass
class Found:
    """What a soak saw."""

    hours: float
    recipients: int
    seconds: float = 0.0
    messages: int = 0
    lost: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    weather: Counter[str] = field(default_factory=Counter)
    #: resident MB and open handles, once an hour
    memory: list[float] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)

    @property
    def grown(self) -> float:
        """MB between the first third, when all is warm, and the end."""
        warm = self.memory[len(self.memory) // 3 :]
        return min(warm[-3:]) - max(warm[:3])

    @property
    def more_handles(self) -> int:
        """How many more handles at the end than when all was warm."""
        return min(self.handles[-3:]) - max(self.handles[: len(self.handles) // 3 + 1])

    def __str__(self) -> str:
        return (
            f"{self.hours:g} h, {self.recipients:,} recipients: {self.messages:,}"
            f" messages, {len(self.lost)} lost, left over {self.left};"
            f" memory {self.memory[0]:.0f} -> {self.memory[-1]:.0f} MB"
            f" (warm to end {self.grown:+.1f}, most {max(self.memory):.0f});"
            f" handles {self.handles[0]} -> {self.handles[-1]}"
            f" ({self.more_handles:+d}); {dict(self.weather)};"
            f" {self.seconds:.0f} s"
        )


async def soak(
    hours: float,
    recipients: int,
    *,
    seed: int = 1,
    note: Callable[[str], None] = lambda _: None,
) -> Found:
    """Run it; hours are the clock's, not ours."""
    began, process = time.monotonic(), psutil.Process()
    weather = Weather(random.Random(seed), scale=max(1.0, 5_000 / recipients))
    found = Found(hours, recipients, weather=weather.seen)
    with tempfile.TemporaryDirectory(prefix="flipwatch-soak-") as folder:
        async with open_world(Path(folder)):
            pass
        path = Path(folder) / "world.db"
        world = SoakWorld(f"sqlite+aiosqlite:///{path}", weather)
        await world.open()
        try:
            await _play(world, path, found, lambda: _sample(process, found, note))
        finally:
            await world.close()
    found.seconds = time.monotonic() - began
    return found


async def _play(
    world: SoakWorld, path: Path, found: Found, look: Callable[[], None]
) -> None:
    chance = world.weather.chance
    symbols = [f"A{n:02}" for n in range(ASSETS)]
    for number, symbol in enumerate(symbols):
        world.source.set(symbol, grade=75, signal=1, market_cap=1e9 * (ASSETS - number))
    await world.poll()
    people(path, found.recipients, world.clock.at)
    polls = int(found.hours * 3600 / POLL.total_seconds())
    calm_from = polls - int(min(CALM_HOURS, found.hours / 2) * 12)
    for number in range(polls):
        if number < calm_from:
            # all of them twice, and one now and then
            is_broad = number in {calm_from // 3, calm_from * 2 // 3}
            if is_broad or chance.random() < 1 / 12:
                for symbol in symbols if is_broad else [chance.choice(symbols)]:
                    world.source.flip(symbol)
        else:
            world.weather.is_bad = number < polls - 24
            world.source.read_again()
        if world.weather.strikes("poll failed", 0.02):
            world.source.fail_with(SourceUnavailableError("no", reason="timeout"))
        await world.poll(minutes=5)
        if chance.random() < 0.3:
            await _return(world, share=0.5)
        if number % 12 == 11:
            look()
    world.weather.is_bad = False
    await _return(world, share=1.0)
    # what was held as choppy is told after six quiet hours
    for _ in range(24):
        world.source.read_again()
        await world.poll(minutes=20)
    look()
    found.messages = sum(s.count for s in _senders(world))
    counts = await world.store.counts(world.clock())
    found.left = {
        state: n
        for state, n in counts.deliveries.items()
        if n and state in {"pending", "claimed", "parked", "dead"}
    }
    found.lost = _lost(world, path)


async def _return(world: SoakWorld, *, share: float) -> None:
    """Let some of those who had blocked the bot come back."""
    for sender in _senders(world):
        for target in sorted(sender.gone):
            if world.weather.chance.random() < share:
                sender.gone.discard(target)
                await world.desk.on_back(Address.parse(target), PlaceKind.PRIVATE)


def _senders(world: SoakWorld) -> Iterator[SoakSender]:
    for sender in world.senders.values():
        assert isinstance(sender, SoakSender)
        yield sender


def people(path: Path, count: int, at: datetime) -> None:
    """Write recipients on all platforms, each with a watch that was told bullish."""
    with _connected(path) as connection:
        assets = [
            row[0]
            for row in connection.execute(
                "SELECT id FROM assets WHERE key NOT LIKE '~%' ORDER BY id"
            )
        ]
        told_at = micros(at)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO recipients (id, platform, chat, topic, kind, language,"
            " thresholds, settings, parked_reason, created_at)"
            " VALUES (?, ?, ?, '', 'private', 'en', '[]', '{}', '', ?)",
            [
                (n, PLATFORMS[n % len(PLATFORMS)].value, f"{n}", told_at)
                for n in range(1, count + 1)
            ],
        )
        pairs = [(n, assets[n % len(assets)], told_at) for n in range(1, count + 1)]
        connection.executemany(
            "INSERT INTO watches (recipient_id, target_key, scope, asset_id, category,"
            " top, text, is_exception, is_urgent, created_at, created_by)"
            " VALUES (?1, 'asset:' || ?2, 'asset', ?2, '', 0, '/watch A', 0, 0, ?3,"
            " '')",
            pairs,
        )
        connection.executemany(
            "INSERT INTO told (recipient_id, asset_id, signal, message_ref, told_at)"
            " VALUES (?1, ?2, 1, '', ?3)",
            pairs,
        )
        connection.execute("COMMIT")


def _lost(world: SoakWorld, path: Path) -> list[str]:
    """List who does not know how its asset stands."""
    stands = {
        reading.symbol: "bullish" if reading.signal == 1 else "bearish"
        for reading in world.source.known.values()
    }
    with _connected(path) as connection:
        rows = connection.execute(
            "SELECT r.platform, r.chat, a.symbol FROM watches w"
            " JOIN recipients r ON r.id = w.recipient_id"
            " JOIN assets a ON a.id = w.asset_id"
        ).fetchall()
    by_platform = {s.platform.value: s for s in _senders(world)}
    lost = []
    for platform, chat, symbol in rows:
        # who heard nothing knows what its watch began with
        heard = by_platform[platform].told.get(f"{platform}:{chat}", "bullish")
        if heard != stands[symbol]:
            lost.append(f"{platform}:{chat} heard {heard}, {symbol} {stands[symbol]}")
    return lost


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _sample(process: psutil.Process, found: Found, note: Callable[[str], None]) -> None:
    gc.collect()
    found.memory.append(process.memory_info().rss / 1e6)
    found.handles.append(process.num_fds())
    note(
        f"hour {len(found.memory)}: {found.memory[-1]:.0f} MB,"
        f" {found.handles[-1]} handles, {dict(found.weather)}"
    )


def main(arguments: list[str]) -> int:
    """Soak, print what was seen; 1 if anything was lost or grew."""
    logging.basicConfig(level=logging.CRITICAL)
    hours = float(arguments[0]) if arguments else 24.0
    recipients = int(arguments[1]) if len(arguments) > 1 else 50_000
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    found = asyncio.run(
        soak(hours, recipients, seed=seed, note=lambda x: print(x, flush=True))
    )
    print(found)
    is_fine = not (found.lost or found.left) and found.grown < 40
    return 0 if is_fine and found.more_handles <= 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
