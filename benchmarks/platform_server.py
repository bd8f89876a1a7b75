"""Platforms in a process of their own, so that what is measured has its core alone.

`python -m benchmarks.platform_server quick 0.05` answers every send after 50 ms and
checks nothing: the tests' fakes check so much that they would be what is measured.
`... telegram 3000` and `... discord 3000` are those fakes, with so many people who may
be written to; they keep the real limits. Each prints one line of JSON when it listens,
and tells at `/count` what it saw.
"""

import asyncio
import json
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.loops import run

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))


class Quick:
    """Says yes to everything, a latency later."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.inside = self.most = self.total = 0
        #: chats that must wait, with for how long; and when each chat's first came
        self.waits: dict[str, int] = {}
        self.refused = 0
        self.first: dict[str, float] = {}
        self.came = asyncio.Condition()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/count", self.count)
        app.router.add_get("/refuse/{chat}/{seconds}", self.refuse)
        app.router.add_get("/arrivals/{chats}", self.arrivals)
        app.router.add_post("/bot{token}/{method}", self.telegram)
        app.router.add_post("/api/v10/channels/{channel}/messages", self.discord)
        return app

    async def _wait(self, request: web.Request) -> None:
        self.inside += 1
        self.total += 1
        self.most = max(self.most, self.inside)
        await request.read()
        await asyncio.sleep(self.latency)
        self.inside -= 1

    async def telegram(self, request: web.Request) -> web.Response:
        if self.waits:
            chat = str((await request.json())["chat_id"])
            if chat in self.waits:
                self.refused += 1
                return self._too_many(self.waits[chat])
            self.first.setdefault(chat, clock())
            async with self.came:
                self.came.notify_all()
        await self._wait(request)
        body = (
            b'{"ok":true,"result":{"message_id":%d,"date":1763800000,'
            b'"chat":{"id":7,"type":"private","first_name":"A"},"text":"hello"}}'
        )
        return web.Response(body=body % self.total, content_type="application/json")

    @staticmethod
    def _too_many(seconds: int) -> web.Response:
        said = {
            "ok": False,
            "error_code": 429,
            "description": f"Too Many Requests: retry after {seconds}",
            "parameters": {"retry_after": seconds},
        }
        return web.json_response(said, status=429)

    async def discord(self, request: web.Request) -> web.Response:
        await self._wait(request)
        body = b'{"id":"%d","channel_id":"7","content":"hello","embeds":[]}'
        return web.Response(
            body=body % self.total,
            content_type="application/json",
            headers={
                "X-RateLimit-Limit": "1000000",
                "X-RateLimit-Remaining": "999999",
                "X-RateLimit-Reset-After": "5.0",
            },
        )

    async def refuse(self, request: web.Request) -> web.Response:
        """From now on refuse a chat, and note when the others' first messages come."""
        self.waits[request.match_info["chat"]] = int(request.match_info["seconds"])
        return web.json_response({})

    async def arrivals(self, request: web.Request) -> web.Response:
        """Wait until so many chats had a message; say when each had its first."""
        wanted = int(request.match_info["chats"])
        async with self.came:
            await self.came.wait_for(lambda: len(self.first) >= wanted)
        said = {
            "chats": len(self.first),
            "first": self.first,
            "refused": self.refused,
        }
        return web.json_response(said)

    async def count(self, _: web.Request) -> web.Response:
        said = {"total": self.total, "most": self.most}
        self.most = self.inside
        self.total = 0
        return web.json_response(said)


async def _serve_quick(latency: float, done: asyncio.Event) -> None:
    runner = web.AppRunner(Quick(latency).app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    port = runner.addresses[0][1]
    _say(url=f"http://127.0.0.1:{port}")
    await done.wait()
    await runner.cleanup()


async def _serve_telegram(people: int, done: asyncio.Event) -> None:
    from fake_telegram import FakeTelegram

    async with FakeTelegram() as tg:
        users = [tg.user(f"P{n}") for n in range(people)]
        for user in users:
            user.has_started = True
        arrived = _Arrivals()

        def count() -> dict[str, Any]:
            return {
                "refused": tg.too_many,
                "violations": tg.violations[:3],
                **arrived.of(sorted(m.sent_at for m in tg.sent)),
            }

        async with _counting(count) as url:
            _say(
                url=tg.base_url,
                token=tg.token,
                count=url,
                chats=[str(u.id) for u in users],
            )
            await done.wait()


async def _serve_discord(people: int, done: asyncio.Event) -> None:
    from fake_discord import FakeDiscord

    async with FakeDiscord() as dc:
        server = dc.server("Everybody")
        users = [dc.user(f"P{n}") for n in range(people)]
        for user in users:
            server.adds(user)
        arrived = _Arrivals()

        def count() -> dict[str, Any]:
            moments = [r.at.timestamp() for r in dc.requests]
            return {
                "refused": dc.invalid_requests,
                "violations": dc.violations[:3],
                **arrived.of(moments),
            }

        async with _counting(count) as url:
            _say(
                url=dc.api_url,
                token=dc.token,
                count=url,
                chats=[u.dm.id for u in users],
            )
            await done.wait()


class _Arrivals:
    """What the moments of arrival say: how many, how long, the fullest second."""

    @staticmethod
    def of(moments: list[float]) -> dict[str, Any]:
        window: deque[float] = deque()
        fullest = 0
        for at in moments:
            window.append(at)
            while window[0] <= at - 1.0:
                window.popleft()
            fullest = max(fullest, len(window))
        took = moments[-1] - moments[0] if moments else 0.0
        return {"total": len(moments), "took": took, "fullest": fullest}


@asynccontextmanager
async def _counting(count: Any) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(count())

    app = web.Application()
    app.router.add_get("/count", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/count"
    finally:
        await runner.cleanup()


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def _main(kind: str, argument: str) -> None:
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    match kind:
        case "quick":
            await _serve_quick(float(argument), done)
        case "telegram":
            await _serve_telegram(int(argument), done)
        case "discord":
            await _serve_discord(int(argument), done)


# ---------------------------------------------------------------- for who measures


@asynccontextmanager
async def platform(kind: str, argument: object) -> AsyncIterator[dict[str, Any]]:
    """Run one of them until the block ends; gives what it said of itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.platform_server",
        kind,
        str(argument),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            said = await process.stdout.readline()
        yield json.loads(said)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def ask(url: str) -> dict[str, Any]:
    """Ask a platform what it saw."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        found: dict[str, Any] = await answer.json()
        return found


def clock() -> float:
    return time.perf_counter()


if __name__ == "__main__":
    run(_main(*sys.argv[1:3]))
