"""The law: once nothing holds an alert back, the last thing told is the state.

Random histories of readings, failed polls, downtimes, mutes, quiet hours, digests,
paces, sounds, blocks, backlogs, failures, crashes, restarts and replies on the real
store. What was told is read from the texts that arrived.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from world import World, news_of, open_copy

from bot.errors import (
    RecipientGoneError,
    SourceUnavailableError,
    TemporaryDeliveryError,
)
from bot.preferences import Cadence, Digest, NewsKind, Pace, QuietHours, Sound

ASSETS = ("BTC", "ETH", "SOL")
ALICE = "web:alice"


@dataclass(frozen=True)
class Step:
    """One thing that happens."""

    what: str
    asset: str = "BTC"
    length: float = 5.0
    choice: int = 0


steps = st.builds(
    Step,
    what=st.sampled_from(
        [
            *["flip"] * 6,
            *["poll"] * 6,
            "revise",
            "neutral",
            "mute",
            "mute_all",
            "mute_flip",
            "unmute",
            "failed_poll",
            "missing",
            "refused",
            "lost_answer",
            "blocked",
            "start",
            "crash_before",
            "crash_after",
            "restart",
            "unwatch",
            "watch",
            "wait",
            *["read_again"] * 3,
            "pace",
            "quiet",
            "digest",
            "no_night",
            "sounds",
            "urgent",
            "backlog",
            "downtime",
        ]
    ),
    asset=st.sampled_from(ASSETS),
    length=st.sampled_from([0.05, 0.5, 5.0, 90.0]),
    choice=st.integers(0, 2),
)


NIGHT, NOON = QuietHours(time(22), time(7)), QuietHours(time(11, 30), time(12, 30))
#: what a watcher may choose
CHOICES: dict[str, list[dict[str, object]]] = {
    "pace": [{"pace": pace} for pace in Pace],
    "quiet": [
        {"quiet": NOON, "zone": ""},
        {"quiet": NIGHT, "zone": "Asia/Tokyo"},
        {"quiet": NIGHT, "zone": "America/Los_Angeles"},
    ],
    "digest": [
        {"digest": Digest(Cadence.DAILY, time(13)), "zone": ""},
        {"digest": Digest(Cadence.WEEKLY, time(8), weekday=2)},
    ],
    "no_night": [{"quiet": None, "digest": None}],
    "sounds": [
        {"sounds": {NewsKind.FLIP: Sound.OFF}},
        {"sounds": {NewsKind.FLIP: Sound.SILENT, NewsKind.CORRECTION: Sound.OFF}},
        {"sounds": {}},
    ],
}


class History:
    """Plays steps on a world and knows what its one watcher heard last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.watched: set[str] = set()
        self.told: dict[str, str] = {}
        self._read = 0

    async def begin(self) -> None:
        for symbol in ASSETS:
            self.world.source.set(symbol, grade=70, signal=1, market_cap=1e9)
        await self.world.poll()
        for symbol in ASSETS:
            await self.watch(symbol)

    async def watch(self, symbol: str) -> None:
        self.hear_all()
        reply = await self.world.say(f"/watch {symbol}")
        self.watched.add(symbol)
        self.hear(reply.plain)

    async def play(self, step: Step) -> None:
        world, sender = self.world, self.world.sender
        actions: dict[str, Callable[[], object]] = {
            "flip": lambda: world.source.flip(step.asset),
            "neutral": lambda: world.source.set(
                step.asset, grade=50, signal=0, market_cap=1e9
            ),
            "failed_poll": lambda: world.source.fail_with(
                SourceUnavailableError("down", reason="http_500")
            ),
            "missing": lambda: world.source.drop(step.asset),
            "refused": lambda: sender.refuse(
                ALICE, TemporaryDeliveryError("busy", reason="rate_limited")
            ),
            "lost_answer": lambda: sender.lose_answer(
                TemporaryDeliveryError("late", reason="timeout", is_unknown=True)
            ),
            "blocked": lambda: sender.refuse(
                ALICE, RecipientGoneError("blocked", reason="blocked")
            ),
            "crash_before": lambda: sender.crash_next(when="before"),
            "crash_after": lambda: sender.crash_next(when="after"),
            "wait": lambda: world.clock.advance(minutes=step.length),
            "read_again": world.source.read_again,
        }
        says = {
            "mute": f"/mute {step.asset} 1h",
            "mute_all": "/mute 1h",
            "mute_flip": f"/mute {step.asset} flip",
            "unmute": "/unmute",
            "start": "/start",
        }
        if step.what in {"flip", "neutral", "missing"}:
            # a dropped asset comes back before it can turn
            await self._bring_back(step.asset)
        if step.what in actions:
            actions[step.what]()
        elif step.what in says:
            await world.say(says[step.what])
        elif step.what == "poll":
            await world.poll(minutes=step.length)
        elif step.what == "revise":
            await self._revise(step.asset)
        elif step.what == "restart":
            await world.restart()
        elif step.what == "watch":
            await self.watch(step.asset)
        elif step.what in CHOICES:
            choices = CHOICES[step.what]
            await world.prefer(**choices[step.choice % len(choices)])
        elif step.what == "urgent":
            self.hear_all()
            self.hear((await world.say(f"/watch {step.asset} urgent")).plain)
            self.watched.add(step.asset)
        elif step.what == "backlog":
            # nobody delivers while it turns and turns
            for _ in range(3):
                await self._bring_back(step.asset)
                world.source.flip(step.asset)
                world.clock.advance(minutes=step.length)
                await world.poller.poll()
            await world.fanout.fan_out_open()
        elif step.what == "downtime":
            world.clock.advance(hours=step.length)
            await world.restart()
            await world.poll()
        elif step.what == "unwatch":
            await world.say(f"/unwatch {step.asset}")
            self.watched.discard(step.asset)

    async def _bring_back(self, symbol: str) -> None:
        source = self.world.source
        if symbol.lower() not in source.known:
            source.set(symbol, grade=70, signal=1, market_cap=1e9)

    async def _revise(self, symbol: str) -> None:
        """Let the engine change its mind about the reading it gave last."""
        await self._bring_back(symbol)
        known = self.world.source.known[symbol.lower()]
        self.world.source.set(
            symbol,
            grade=40,
            signal=-(known.signal or 1),
            as_of=known.as_of,
            market_cap=1e9,
        )

    async def let_go(self) -> None:
        """End everything that holds an alert back."""
        world = self.world
        world.sender.behave()
        world.source.behave()
        await world.say("/start")
        await world.say("/unmute")
        await world.prefer(quiet=None, digest=None, sounds={})
        for symbol in ASSETS:
            await self._bring_back(symbol)
        for _ in range(4):
            world.clock.advance(minutes=20)
            await world.poll()
        # whatever is choppy settles within a day and a bit
        for _ in range(5):
            world.clock.advance(hours=7)
            world.source.read_again()
            await world.poll()
        self.hear_all()

    def hear_all(self) -> None:
        texts = self.world.sender.texts(ALICE)
        for text in texts[self._read :]:
            self.hear(text)
        self._read = len(texts)

    def hear(self, text: str) -> None:
        for line in news_of(text).splitlines():
            symbols = [s for s in ASSETS if re.search(rf"\b{s}\b", line)]
            signals = re.findall(r"\b(bullish|bearish)\b", line)
            if len(symbols) == 1 and len(signals) == 1:
                self.told[symbols[0]] = signals[0]

    async def standing(self) -> dict[str, str]:
        assets = await self.world.store.list_assets(self.world.source.name)
        return {
            a.symbol: a.state.standing.word
            for a in assets
            if a.state is not None and a.symbol in self.watched
        }


@pytest.mark.timeout(600)
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(steps, min_size=1, max_size=25))
@example(history=[Step("pace"), Step("flip"), Step("poll"), Step("flip")])
@example(history=[Step("quiet"), Step("flip"), Step("poll"), Step("poll")])
@example(history=[Step("backlog"), Step("read_again"), Step("poll"), Step("backlog")])
@example(history=[Step("digest"), Step("flip"), Step("poll"), Step("downtime")])
@example(history=[Step("flip"), Step("lost_answer"), Step("poll"), Step("flip")])
@example(history=[Step("blocked"), Step("flip"), Step("poll"), Step("flip")])
@example(history=[Step("mute"), Step("flip"), Step("poll"), Step("restart")])
@example(history=[Step("crash_after"), Step("flip"), Step("poll"), Step("restart")])
def test_once_nothing_holds_the_last_thing_told_is_the_state(
    template: Path, history: list[Step]
) -> None:
    async def play() -> tuple[dict[str, str], dict[str, str]]:
        async with open_copy(template) as world:
            played = History(world)
            await played.begin()
            for step in history:
                await played.play(step)
                played.hear_all()
            await played.let_go()
            standing = await played.standing()
            told = {s: played.told[s] for s in standing}
            return told, standing

    told, standing = asyncio.run(play())

    assert told == standing
