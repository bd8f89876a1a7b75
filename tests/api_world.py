"""An API with an engine behind it, on an exchange of our own: all on loopback.

`async with api_world() as world` has grades of noon; `world.hours(3)` lets hours pass.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from fake_exchange import FakeExchange, Unpaced
from fakes import FakeClock

from bot.api_keys import ApiKey, digest_of
from bot.config import ApiConfig
from bot.errors import StoreError
from bot.model import Wanted
from engine.api.service import ApiService, Feed, Grading
from engine.embedded.exchange import Exchange
from engine.embedded.keeper import CandleKeeper, Depth
from engine.embedded.memory import MemoryCandles
from engine.embedded.source import EmbeddedSource, source_name

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
DEPTH = Depth(hours=timedelta(days=4), days=timedelta(days=120))
KEY = "fw-test"
BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "PEPE", "AAVE")


class FakeKeys:
    """Keys in memory; `fail` makes reading them fail."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.fails = False

    def give(self, key: str, name: str, **more: Any) -> None:
        self.keys[name] = ApiKey(
            name=name, digest=digest_of(key), created_at=NOON, **more
        )

    async def add_api_key(self, key: ApiKey) -> bool:
        return self.keys.setdefault(key.name, key) is key

    async def list_api_keys(self) -> list[ApiKey]:
        if self.fails:
            raise StoreError("no disk")
        return list(self.keys.values())

    async def revoke_api_key(self, name: str, now: datetime) -> bool:
        return self.keys.pop(name, None) is not None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def data(self) -> list[dict[str, Any]]:
        return self.json["data"]


class ApiWorld:
    """The exchange, the engine, the API and somebody who asks."""

    def __init__(self, server: FakeExchange, clock: FakeClock) -> None:
        self.exchange = server
        self.clock = clock
        self.keys = FakeKeys()
        self.keys.give(KEY, "tests", per_minute=1_000_000)
        self.candles = MemoryCandles()
        self.source: EmbeddedSource
        self.grading: Grading
        self.service: ApiService
        self.session: aiohttp.ClientSession

    async def hours(self, count: int) -> None:
        """Let hours pass, each of them graded."""
        for _ in range(count):
            self.clock.advance(hours=1)
            await self.grading.look()

    async def get(
        self,
        path: str,
        *,
        key: str | None = KEY,
        header: str = "x-api-key",
        **more: str,
    ) -> Answer:
        """Ask for a path with its query; the answer as it came."""
        sent = {name.replace("_", "-"): value for name, value in more.items()}
        if key is not None:
            sent[header] = key
        async with self.session.get(f"{self.service.url}{path}", headers=sent) as said:
            body = await said.read()
            is_json = "json" in said.content_type and said.content_type.endswith("json")
            return Answer(
                status=said.status,
                headers=said.headers,
                body=body,
                json=await said.json()
                if body and is_json and "nd" not in said.content_type
                else None,
            )


@asynccontextmanager
async def api_world(*, is_ready: bool = True, **config: Any) -> AsyncIterator[ApiWorld]:
    """Open the world; with `is_ready` there are grades."""
    clock = FakeClock(NOON + timedelta(minutes=1))
    async with FakeExchange(clock) as server:
        # nobody waits for a turn at the exchange
        patch = pytest.MonkeyPatch()
        patch.setattr("engine.embedded.exchange.Pace", Unpaced)
        for n, base in enumerate(BASES):
            server.trade(base, turnover=1e9 / (n + 1), period=300.0 + 190 * n)
        world = ApiWorld(server, clock)
        exchange = Exchange("binance", now=clock, url=server.url)
        keeper = CandleKeeper(world.candles, [exchange], now=clock, depth=DEPTH)
        world.source = EmbeddedSource(
            keeper,
            world.candles,
            name=source_name("binance"),
            now=clock,
            depth=DEPTH,
        )
        world.grading = Grading(world.source, Wanted(top=50), now=clock)
        if is_ready:
            await world.grading.look()
        config.setdefault("port", 0)
        world.service = ApiService(
            ApiConfig(**config),
            Feed(
                state=lambda: world.source.state,
                trouble=world.grading.trouble,
                candles=world.candles,
            ),
            world.keys,
            now=clock,
        )
        await world.service.start()
        async with aiohttp.ClientSession(auto_decompress=True) as world.session:
            try:
                yield world
            finally:
                await world.service.stop()
                await world.source.close()
                patch.undo()
