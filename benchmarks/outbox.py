"""An outbox full of alerts, and the program's own loop to deliver them.

Everything is included: claim, decide, word, render, freeze, send, settle, in a SQLite
file with the pragmas of production. Only fan-out is over when the clock starts.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.platform_server import ROOT, clock
from bot.collector import spare_the_lasting
from bot.config import DiscordConfig, TelegramConfig
from bot.dispatcher import Dispatcher, DispatchPlan
from bot.fanout import FanOut
from bot.limits import Limits
from bot.model import Platform, Signal
from bot.poller import Poller, PollPlan
from bot.ports import Sender
from storage import SqlStore, open_store

sys.path.insert(0, str(ROOT / "tests"))
from fakes import FakeSource

IN_FLIGHT = 200
TOKEN = "42:BENCH"


def apart(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module in a process of its own; return the JSON it printed last."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    print(f"  {module} {' '.join(map(str, arguments))}: {found}", file=sys.stderr)
    return found


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def outbox(
    on: Platform,
    chats: Sequence[str],
    *,
    symbols: Sequence[str] = ("BTC",),
    busy: Sequence[str] = (),
) -> AsyncIterator[SqlStore]:
    """A store in which every chat waits for an alert on the first of the assets.

    Those that are busy wait for an alert on each.
    """
    with tempfile.TemporaryDirectory(prefix="flipwatch-bench-") as folder:
        path = Path(folder) / "bench.db"
        store = await open_store(f"sqlite:///{path}", now=now)
        source = FakeSource(now)
        poller = Poller(
            source,
            store,
            PollPlan(interval=timedelta(0), universe="all", worker="bench"),
            now=now,
        )
        for symbol in symbols:
            source.set(symbol, grade=71.5, signal=1, price=61_234.5, market_cap=1e12)
        await poller.poll()
        assets = await store.list_assets(source.name)
        ids = {a.symbol: a.id for a in assets}
        all_of_them = [ids[symbol] for symbol in symbols]
        wanted = {
            chat: all_of_them if chat in busy else all_of_them[:1] for chat in chats
        }
        people(path, on, wanted)
        for symbol in symbols:
            source.set(
                symbol,
                grade=24.3,
                signal=Signal.BEARISH,
                price=57_120.0,
                market_cap=1e12,
            )
        await poller.poll()
        await FanOut(store, now=now).fan_out_open()
        waiting = (await store.counts(now())).deliveries.get("pending", 0)
        expected = sum(map(len, wanted.values()))
        assert waiting == expected, (waiting, expected)
        try:
            yield store
        finally:
            await store.close()


def people(path: Path, on: Platform, chats: Mapping[str, Sequence[int]]) -> None:
    """Write recipients with a watch on each of their assets, told as its reply did."""
    at = int(now().timestamp() * 1e6)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO recipients (id, platform, chat, topic, kind, language, thresholds,"
        " settings, parked_reason, created_at)"
        " VALUES (?, ?, ?, '', 'private', 'en', '[80.0, 50.0]', '{}', '', ?)",
        [(n, on.value, chat, at) for n, chat in enumerate(chats, 1)],
    )
    pairs = [(n, a, at) for n, ids in enumerate(chats.values(), 1) for a in ids]
    connection.executemany(
        "INSERT INTO watches (recipient_id, target_key, scope, asset_id, category, top,"
        " text, is_exception, is_urgent, created_at, created_by)"
        " VALUES (?1, 'asset:' || ?2, 'asset', ?2, '', 0, '/watch BTC', 0, 0, ?3,"
        " '')",
        pairs,
    )
    connection.executemany(
        "INSERT INTO told (recipient_id, asset_id, signal, message_ref, told_at)"
        " VALUES (?1, ?2, 1, '', ?3)",
        pairs,
    )
    connection.execute("COMMIT")
    connection.close()


def sender_for(
    on: Platform, url: str, token: str = TOKEN, *, limits: Limits | None = None
) -> Sender:
    if on is Platform.TELEGRAM:
        from handlers.telegram.sender import TelegramSender
        from handlers.telegram.transport import make_bot

        config = TelegramConfig(token=token, base_url=url)
        return TelegramSender(make_bot(config), limits=limits)
    from handlers.discord.sender import DiscordSender

    return DiscordSender(DiscordConfig(token=token, api_url=url), limits=limits)


async def deliver_all(store: SqlStore, sender: Sender, count: int) -> float:
    """Deliver with the program's own loop until so many are sent; return seconds."""
    done = asyncio.Event()
    left = count

    def note(_platform: Platform, _delay: timedelta) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    spare_the_lasting()
    started = clock()
    async with deliver(store, sender, on_sent=note):
        await done.wait()
        took = clock() - started
    sent = (await store.counts(now())).deliveries.get("sent", 0)
    assert sent == count, sent
    return took


@asynccontextmanager
async def deliver(
    store: SqlStore,
    sender: Sender,
    *,
    on_sent: Callable[[Platform, timedelta], None] = lambda _platform, _delay: None,
) -> AsyncIterator[None]:
    """Run the program's own delivery loop until the block ends; close the sender."""
    dispatcher = Dispatcher(
        store,
        {sender.platform: sender},
        DispatchPlan(
            owner="bench",
            concurrency=IN_FLIGHT,
            source_title="Bench",
            on_sent=on_sent,
        ),
        now=now,
    )
    running = asyncio.ensure_future(dispatcher.run())
    try:
        yield
    finally:
        dispatcher.stop()
        await running
        await sender.close()
