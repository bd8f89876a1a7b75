"""What the API costs per answer, against a bare FastAPI route with the same bytes.

Both are served by uvicorn in processes of their own, one core each, and asked over
kept-alive connections by this process: first `/v2/trading-signals?limit=100` in full,
then the same with the tag that is known, which is a 304. Percentiles are those of the
best round. What the asking itself costs is in both.
"""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import uvicorn

from benchmarks.figures import Figure
from bot.api_keys import ApiKey, digest_of
from bot.candles import Series
from bot.config import ApiConfig
from engine.api.front import Front
from engine.api.service import Feed, build_front
from engine.embedded.book import Book
from engine.embedded.grid import DAY, HOUR, CandleGrid
from engine.embedded.keeper import Kept
from engine.embedded.memory import MemoryCandles
from engine.embedded.source import State

KEY = "fw-bench"
PATH = "/v2/trading-signals?limit=100"
COINS = 100
CONNECTIONS = 8
#: rounds of each, in turns, so that a noisy moment hits both; the best counts
ROUNDS = 5
REQUESTS = 3_000
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    found = asyncio.run(_measure())
    bare, bare_p99 = found["bare"], found["bare_p99_ms"]
    figures = {
        "api_signals": Figure.of(found["signals"], "req/s", bare),
        "api_304": Figure.of(found["not_modified"], "req/s", bare),
        "api_signals_p99_ms": Figure.of(found["signals_p99_ms"], "ms", bare_p99),
        "api_304_p99_ms": Figure.of(found["not_modified_p99_ms"], "ms", bare_p99),
    }
    return {name: figures[name] for name in names}


# ---------------------------------------------------------------- asking


async def _measure() -> dict[str, float]:
    found: dict[str, float] = {}
    async with _served("ours") as ours, _served("bare") as bare:
        tag = await _tag(ours)
        jobs = {
            "signals": (ours, f"x-api-key: {KEY}\r\n"),
            "not_modified": (ours, f"x-api-key: {KEY}\r\nif-none-match: {tag}\r\n"),
            "bare": (bare, ""),
        }
        for port, headers in jobs.values():
            await _ask(port, headers, REQUESTS // 10)
        for _ in range(ROUNDS):
            for name, (port, headers) in jobs.items():
                rate, p99 = await _ask(port, headers, REQUESTS)
                if rate > found.get(name, 0.0):
                    found |= {name: round(rate, 1), f"{name}_p99_ms": round(p99, 3)}
    return found


@asynccontextmanager
async def _served(what: str) -> AsyncIterator[int]:
    """Serve one of the two in a process of its own; give its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.api", what), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def _tag(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(f"x-api-key: {KEY}\r\n"))
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    lines = head.decode().lower().split("\r\n")
    return next(x.partition(": ")[2] for x in lines if x.startswith("etag"))


def _request(headers: str) -> bytes:
    return f"GET {PATH} HTTP/1.1\r\nhost: bench\r\n{headers}\r\n".encode()


async def _ask(port: int, headers: str, count: int) -> tuple[float, float]:
    """Ask so many times; return answers a second and the 99th percentile in ms."""
    took: list[float] = []
    request = _request(headers)
    left = [count]
    began = time.perf_counter()
    await asyncio.gather(
        *(_connection(port, request, left, took) for _ in range(CONNECTIONS))
    )
    rate = count / (time.perf_counter() - began)
    return rate, sorted(took)[int(len(took) * 0.99)] * 1_000


async def _connection(
    port: int, request: bytes, left: list[int], took: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while left[0] > 0:
        left[0] -= 1
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " in head[:13]:
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            await reader.readexactly(length)
        elif b" 304 " not in head[:13]:
            raise AssertionError(head.decode())
        took.append(time.perf_counter() - began)
    writer.close()


# ---------------------------------------------------------------- serving


def state() -> State:
    """Grade 100 made-up coins over 120 days and two."""
    rng = np.random.default_rng(5)
    bases = tuple(f"C{n}" for n in range(COINS))
    end = int(NOW.timestamp())
    start = end // DAY * DAY - 2 * DAY

    def grid(first: int, count: int, step: int) -> CandleGrid:
        moves = rng.normal(0, 0.03 * (step / DAY) ** 0.5, (count, COINS))
        close = 100 * np.exp(np.cumsum(moves, axis=0))
        opens_at = first + np.arange(count, dtype=np.int64) * step
        return CandleGrid.of_closes(bases, opens_at, step, close, close * 1e4)

    book = Book(
        grid(start - 120 * DAY, 120, DAY),
        grid(start, (end - start) // HOUR, HOUR),
    )
    series = {
        base: Series(
            id=n, exchange="bench", base=base, pair=f"{base}/USDT", turnover=1e9 - n
        )
        for n, base in enumerate(bases)
    }
    return State(book=book, kept=Kept(home="bench", closed_at=NOW, graded=series))


class OneKey:
    """A key store with one key."""

    async def add_api_key(self, key: ApiKey) -> bool:
        raise NotImplementedError(key.name)

    async def list_api_keys(self) -> Sequence[ApiKey]:
        return [
            ApiKey(
                name="bench",
                digest=digest_of(KEY),
                per_minute=1_000_000_000,
                created_at=NOW,
            )
        ]

    async def revoke_api_key(self, name: str, now: datetime) -> bool:
        raise NotImplementedError(f"{name} at {now}")


async def front() -> Front:
    """Build what is measured, as `flipwatch engine serve` does."""
    known = state()
    feed = Feed(state=lambda: known, trouble=lambda: "", candles=MemoryCandles())
    found, access = build_front(
        ApiConfig(), feed, OneKey(), now=lambda: NOW + timedelta(minutes=5)
    )
    await access.refresh()
    return found


async def bare() -> object:
    """Build a route that returns the same bytes and does nothing else."""
    from fastapi import FastAPI, Response

    from engine.api.asked import Asked

    edition = (await front()).edition()
    assert edition is not None
    body = edition.trading_signals(Asked(limit=100)).body
    app = FastAPI(openapi_url=None)

    @app.get("/v2/trading-signals")
    async def signals() -> Response:
        return Response(body, media_type="application/json")

    return app


async def serve(what: str) -> None:
    """Serve until terminated; print the port."""
    app = await (front() if what == "ours" else bare())
    config = uvicorn.Config(
        app,  # type: ignore[arg-type] - any ASGI application
        port=0,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    # as in production: the access log is written, to nowhere here
    logging.basicConfig(level=logging.INFO, handlers=[logging.NullHandler()])
    asyncio.run(serve(sys.argv[1]))
