"""The command line: `flipwatch run|demo|check|assets|events`.

Results go to stdout, logs to stderr. Exit codes: 0 it worked, 1 it failed, 2 the call
or the configuration is wrong. `--json` gives listings as JSON, one array.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from bot import __version__, logs
from bot.config import Config
from bot.errors import ConfigError, FlipwatchError
from bot.ports import Store
from bot.settings_file import load_config

OK, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.action(options))
    except ConfigError as error:
        print(f"flipwatch: {error}", file=sys.stderr)
        return USAGE
    except FlipwatchError as error:
        print(f"flipwatch: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flipwatch",
        description="Tells people in chat when a grading engine's signal flips.",
    )
    parser.add_argument(
        "--version", action="version", version=f"flipwatch {__version__}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(
        name: str, text: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
        return command

    run = add("run", "run the bot until it is told to stop", _run)
    demo = add("demo", "run a demo: no keys, no network, a chat in the browser", _demo)
    demo.add_argument(
        "--port", type=_port, help="port of the page (default: 8080, or a free one)"
    )
    demo.add_argument(
        "--data", type=Path, default=Path("demo-data"), help="folder for the database"
    )
    check = add("check", "check the configuration and the database, then stop", _check)
    assets = add("assets", "list the assets with signal and grade", _assets)
    events = add("events", "list recent events, newest first", _events)
    events.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    for command in (assets, events, check):
        command.add_argument("--json", action="store_true", help="print JSON")
    for command in (run, check, assets, events):
        command.add_argument(
            "--config",
            type=Path,
            help="TOML file (default: $FLIPWATCH_CONFIG, else ./config.toml)",
        )
    return parser


def _port(text: str) -> int:
    if text.isdigit() and int(text) <= 65535:  # noqa: PLR2004 - the last TCP port
        return int(text)
    raise argparse.ArgumentTypeError(
        f"a port is a number from 0 to 65535, not “{text}”"
    )


def _load(options: argparse.Namespace) -> Config:
    config = load_config(options.config, os.environ)
    logs.set_up(config)
    return config


# ----------------------------------------------------------------------- long running


def _run(options: argparse.Namespace) -> int:
    from bot.app import App

    config = _load(options)

    async def run(stop: asyncio.Event) -> None:
        async with App(config) as app:
            await app.run(stop)

    return _until_stopped(run)


def _demo(options: argparse.Namespace) -> int:
    from bot.demo import run_demo

    logs.set_up(Config())
    return _until_stopped(lambda stop: run_demo(options.data, options.port, stop))


def _until_stopped(run: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run until SIGINT or SIGTERM, which stop cleanly; a second one stops at once."""

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def on_signal() -> None:
            if stop.is_set() and task is not None:
                task.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        try:
            await run(stop)
        except asyncio.CancelledError:
            if not stop.is_set():
                raise

    try:
        asyncio.run(body())
    except BaseExceptionGroup as group:
        # Task groups wrap what ended them; a single reason of ours is told as itself.
        known = group.subgroup(FlipwatchError)
        if known is None or len(known.exceptions) != len(group.exceptions):
            raise
        error: BaseException = known
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
    return OK


# --------------------------------------------------------------------------- listings


def _check(options: argparse.Namespace) -> int:
    config = _load(options)

    async def check() -> dict[str, str]:
        found = {"configuration": "ok"}
        async with _opened(config) as (source, store):
            await store.ping()
            found |= {"engine": f"{source}, not asked", "database": "ok"}
        found["telegram"] = "on" if config.telegram.is_on else "off: no token"
        found["discord"] = "on" if config.discord.is_on else "off: no token"
        return found

    found = asyncio.run(check())
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for name, text in found.items():
            print(f"{name}: {text}")
    return OK


def _assets(options: argparse.Namespace) -> int:
    rows = asyncio.run(_list_assets(_load(options)))
    _show(rows, is_json=options.json, empty="no assets yet: the first poll brings them")
    return OK


def _events(options: argparse.Namespace) -> int:
    rows = asyncio.run(_list_events(_load(options), options.limit))
    _show(rows, is_json=options.json, empty="no events yet")
    return OK


@asynccontextmanager
async def _opened(config: Config) -> AsyncIterator[tuple[str, Store]]:
    """Open the store for a listing, with the name of the source it is about."""
    from bot.app import utc_now
    from engine import open_source
    from storage import open_store

    source = open_source(config.engine, now=utc_now)
    try:
        store = await open_store(config.storage.url, now=utc_now)
        try:
            yield source.name, store
        finally:
            await store.close()
    finally:
        await source.close()


async def _list_assets(config: Config) -> list[dict[str, object]]:
    async with _opened(config) as (source, store):
        assets = await store.list_assets(source)
    return [
        {
            "id": a.key,
            "symbol": a.symbol,
            "name": a.name,
            "signal": a.state.standing.word if a.state else None,
            "since": _iso(a.state.standing_since if a.state else None),
            "grade": a.state.last.grade if a.state else None,
            "price": a.state.last.price if a.state else None,
            "as_of": _iso(a.state.last.as_of if a.state else None),
        }
        for a in assets
    ]


async def _list_events(config: Config, limit: int) -> list[dict[str, object]]:
    async with _opened(config) as (source, store):
        events = await store.recent_events(source, limit=limit)
        assets = await store.get_assets([e.asset_id for e in events])
    return [
        {
            "as_of": _iso(e.as_of),
            "kind": e.kind.value,
            "symbol": assets[e.asset_id].symbol if e.asset_id in assets else "",
            "from": e.from_signal.word,
            "to": e.to_signal.word,
            "grade_from": e.grade_from,
            "grade_to": e.grade_to,
            "lines": [f"{p.threshold:g} {p.direction.value}" for p in e.passed],
            "detected_at": _iso(e.detected_at),
            "key": e.key,
        }
        for e in events
    ]


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _show(rows: list[dict[str, object]], *, is_json: bool, empty: str) -> None:
    if is_json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if not rows:
        print(empty, file=sys.stderr)
        return
    columns = [c for c in rows[0] if c not in {"key", "detected_at", "id"}]
    table = [[_cell(row[c]) for c in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in table)) for i, c in enumerate(columns)]
    for cells in (columns, *table):
        print(
            "  ".join(x.ljust(w) for x, w in zip(cells, widths, strict=True)).rstrip()
        )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(str(v) for v in value)
    return str(value)
