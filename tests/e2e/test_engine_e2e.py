"""Our own engine in the real program: without any key, and as a service."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from fake_exchange import FakeExchange
from running import listing, running, start

from bot import cli

BASES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE")


@pytest.fixture
async def exchange() -> AsyncIterator[FakeExchange]:
    async with FakeExchange(lambda: datetime.now(UTC)) as server:
        # old enough to be graded, and no older: history takes time
        listed_at = datetime.now(UTC) - timedelta(days=80)
        for n, base in enumerate(BASES):
            server.trade(
                base,
                turnover=1e9 / (n + 1),
                period=400.0 + 90 * n,
                listed_at=listed_at,
            )
        yield server


def config_for(folder: Path, exchange: FakeExchange, more: str = "") -> str:
    return f"""
[storage]
url = "sqlite+aiosqlite:///{folder / "flipwatch.db"}"

[engine]
exchange_urls = ["binance={exchange.url}"]
fallback_exchanges = []
poll_interval = 2
{more}
"""


@pytest.fixture
def typed(tmp_path: Path, capsys, monkeypatch):
    """Runs a command in a thread, which spares a process; returns code and stdout."""
    monkeypatch.setattr("bot.logs.set_up", lambda _: None)

    def run(*words: str) -> tuple[int, str]:
        code = cli.main([*words, "--config", str(tmp_path / "config.toml")])
        return code, capsys.readouterr().out

    async def go(*words: str) -> tuple[int, str]:
        return await asyncio.to_thread(run, *words)

    return go


@pytest.mark.timeout(240)
async def test_run_without_a_key_grades_live_candles(
    tmp_path: Path, exchange: FakeExchange, typed
) -> None:
    async with running(tmp_path, config_for(tmp_path, exchange)) as program:
        await program.line(r"graded +coins=6", timeout=120)
        await program.line(r" poll +tick=\d+ as_of=\S+ readings=6", timeout=60)

    code, out = await typed("assets", "--json")
    assert code == 0
    rows = {row["symbol"]: row for row in listing(out)}
    assert set(rows) == set(BASES)
    assert all(0 <= float(str(row["grade"])) <= 100 for row in rows.values())
    assert {row["signal"] for row in rows.values()} <= {"bullish", "bearish"}
    code, out = await typed("engine", "candles", "--json")
    kept = {row["coin"]: row for row in listing(out)}
    assert {row["state"] for row in kept.values()} == {"graded"}
    assert {row["missing"] for row in kept.values()} == {0}

    # and again, serving others as well
    exchange.requests.clear()
    api = '\n[api]\nserve = true\nport = 0\naccess = "open"'
    async with running(tmp_path, config_for(tmp_path, exchange, api)) as program:
        url = (await program.line(r"api listens +url=(\S+)"))[1]
        await program.line(r" poll +tick=\d+ as_of=\S+ readings=6", timeout=120)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/v1/explain/BTC") as answer:
                explained = json.loads(await answer.read())
            async with session.get(f"{url}/readyz") as answer:
                assert answer.status == 200
        assert " event " not in program.output
    # the list, and at most the hour that may have closed meanwhile
    assert len(exchange.requests) <= 2 + len(BASES)
    if explained["as_of"].startswith(str(rows["BTC"]["as_of"])[:19]):
        assert explained["grade"] == rows["BTC"]["grade"]


@pytest.mark.timeout(240)
async def test_the_engine_is_served_to_who_has_a_key(
    tmp_path: Path, exchange: FakeExchange, typed
) -> None:
    (tmp_path / "config.toml").write_text(
        config_for(tmp_path, exchange, "\n[api]\nport = 0")
    )
    code, key = await typed("engine", "keys", "add", "friend")
    assert (code, key[:3]) == (0, "fw-")

    program = await start("engine", "serve", cwd=tmp_path)
    url = (await program.line(r"^Flipwatch engine: (http://\S+)$"))[1]
    await program.line(r"graded +coins=6", timeout=120)
    async with aiohttp.ClientSession() as session:
        headers = {"x-api-key": key.strip()}
        path = f"{url}/v2/trading-signals"
        async with session.get(path, headers=headers) as answer:
            assert answer.status == 200
            rows = (await answer.json())["data"]
        async with session.get(path) as answer:
            assert answer.status == 401
    assert [row["TOKEN_SYMBOL"] for row in rows] == list(BASES)
    assert await program.stop() == 0, program.output
    assert key.strip() not in program.output
    assert "Traceback" not in program.output
