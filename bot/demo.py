"""`flipwatch demo`: the main job without keys or network, in a folder of its own."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from bot import grammar
from bot.app import App
from bot.commands.watching import Adding, add_watches
from bot.config import AppConfig, Config, EngineConfig, StorageConfig, WebConfig
from bot.errors import ConfigError
from bot.model import Address, PlaceKind, Platform
from engine.scenario import starter_watchlist

logger = logging.getLogger(__name__)

#: the inbox of every browser that opens the demo's page
INBOX = "demo"
#: engine seconds per real second: two days a second bring an alert every few seconds
SPEED = 2 * 86400.0
DEFAULT_PORT = 8080


#: what can be played, and the database of each: what they grade has nothing in common
Scenario = Literal["candles", "record"]
DATABASES: Mapping[Scenario, str] = {"candles": "flipwatch.db", "record": "record.db"}


def demo_config(folder: Path, port: int, scenario: Scenario) -> Config:
    """Return the demo's configuration; no file and no environment changes it."""
    database = folder / DATABASES[scenario]
    return Config(
        storage=StorageConfig(url=f"sqlite+aiosqlite:///{database}"),
        engine=EngineConfig(
            kind="replay",
            poll_interval=1,
            universe="all",
            replay_speed=SPEED,
            replay_scenario=scenario,
        ),
        web=WebConfig(port=port),
        app=AppConfig(access="open"),
    )


async def run_demo(
    folder: Path, port: int | None, stop: asyncio.Event, scenario: Scenario = "candles"
) -> None:
    """Run the demo until told to stop; prints its address once the page answers.

    Without a port of its own it takes 8080, or any free one if that is taken.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    wanted = DEFAULT_PORT if port is None else port
    try:
        await _run(demo_config(folder, wanted, scenario), stop)
    except ConfigError:
        if port is not None:
            raise
        await _run(demo_config(folder, 0, scenario), stop)


async def _run(config: Config, stop: asyncio.Event) -> None:
    async with App(config, default_inbox=INBOX) as app:
        await _prepare(app)
        async with asyncio.TaskGroup() as group:
            announcing = group.create_task(_announce(app))
            try:
                await app.run(stop)
            finally:
                announcing.cancel()


async def _prepare(app: App) -> None:
    """Take the first grades and give the demo's inbox its starter watchlist, once."""
    address = Address(Platform.WEB, INBOX)
    is_known = await app.store.find_recipient(address) is not None
    if is_known and await app.store.bookmark(app.source.name) is not None:
        return
    await app.poller.poll()
    recipient = await app.store.ensure_recipient(
        address, PlaceKind.PRIVATE, now=app.now()
    )
    parsed = grammar.parse(" ".join(starter_watchlist))
    await add_watches(app.room, Adding(recipient, parsed, str(address)))


async def _announce(app: App) -> None:
    await app.serving.wait()
    print(f"Flipwatch demo: {app.web.url}", flush=True)  # noqa: T201 - the result
    logger.info(
        "watching",
        extra={"action": "demo", "starter": " ".join(starter_watchlist)},
    )
