"""The command line: `flipwatch run|demo|assets|events|backtest` and more.

The operator's commands (`init`, `check`, `send-test`, `db` ...) are in
`bot.cli_upkeep` and `bot.cli_db`, those of our own engine in `bot.cli_engine`.

Results go to stdout, logs to stderr. Exit codes: 0 it worked, 1 it failed, 2 the call
or the configuration is wrong. `--json` gives listings as JSON, one array.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot import (
    __version__,
    cli_db,
    cli_engine,
    cli_upkeep,
    listings,
    logs,
    loops,
    outbox,
)
from bot.collector import spare_the_lasting
from bot.config import Config
from bot.errors import ConfigError, FlipwatchError
from bot.model import DeliveryState
from bot.settings_file import load_config

if TYPE_CHECKING:
    from bot.app import App

logger = logging.getLogger(__name__)

OK, FAILED, USAGE = 0, 1, 2
#: a loop hung and could not be stopped (sysexits.h: EX_SOFTWARE)
STUCK = 70


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
    run.add_argument(
        "--once",
        action="store_true",
        help="poll once, send what is due and end, for cron; listens to nobody",
    )
    demo = add("demo", "run a demo: no keys, no network, a chat in the browser", _demo)
    demo.add_argument(
        "--port", type=_port, help="port of the page (default: 8080, or a free one)"
    )
    demo.add_argument(
        "--data", type=Path, default=Path("demo-data"), help="folder for the database"
    )
    demo.add_argument(
        "--scenario",
        choices=["candles", "record"],
        default="candles",
        help="our own engine over made-up candles, or a real engine's record",
    )
    upkeep = [*cli_upkeep.add_commands(commands), *cli_db.add_commands(commands)]
    assets = add("assets", "list the assets with signal and grade", _assets)
    events = add("events", "list recent events, newest first", _events)
    events.add_argument(
        "--limit", type=cli_upkeep.count, default=20, help="how many (default: 20)"
    )
    for command in (assets, events):
        command.add_argument("--json", action="store_true", help="print JSON")
    cli_engine.add_backtest(commands)
    deliveries = _add_deliveries(commands)
    engine = cli_engine.add_commands(commands)
    for command in (run, assets, events, *upkeep, *deliveries, *engine):
        command.add_argument(
            "--config",
            type=Path,
            help="TOML file (default: $FLIPWATCH_CONFIG, else ./config.toml)",
        )
    return parser


def _add_deliveries(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> Sequence[argparse.ArgumentParser]:
    """Add `deliveries list|replay|drop`; return the three."""
    text = "list deliveries, try dead ones again, drop what waits"
    group = commands.add_parser("deliveries", help=text, description=text)
    verbs = group.add_subparsers(metavar="VERB", required=True)

    def add(
        name: str, text: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(action=action, verb=verb)
        return verb

    listing = add("list", "list deliveries, newest first", _deliveries)
    listing.add_argument(
        "--state", choices=[state.value for state in DeliveryState], help="only these"
    )
    listing.add_argument(
        "--limit", type=cli_upkeep.count, default=50, help="how many (default: 50)"
    )
    listing.add_argument("--json", action="store_true", help="print JSON")
    replay = add("replay", "try dead deliveries again, decided anew", _replay)
    replay.add_argument("--all-dead", action="store_true", help="all dead ones")
    replay.add_argument("--reason", default="", help="of these only with this reason")
    drop = add("drop", "give deliveries up: they are never sent", _drop)
    drop.add_argument("--yes", action="store_true", help="needed: there is no way back")
    for verb, number in ((replay, "*"), (drop, "+")):
        verb.add_argument(
            "ids",
            nargs=number,
            type=cli_upkeep.count,
            metavar="ID",
            help="as `list` shows it",
        )
    return listing, replay, drop


def _port(text: str) -> int:
    if text.isdigit() and int(text) <= 65535:  # noqa: PLR2004 - the last TCP port
        return int(text)
    raise argparse.ArgumentTypeError(
        f"a port is a number from 0 to 65535, not “{text}”"
    )


# ----------------------------------------------------------------------- long running


def _run(options: argparse.Namespace) -> int:
    from bot.app import App

    config = cli_upkeep.load(options)

    async def run(stop: asyncio.Event) -> None:
        async with App(config) as app:
            app.exit_hard = partial(os._exit, STUCK)
            spare_the_lasting()
            hear = asyncio.get_running_loop().add_signal_handler
            hear(signal.SIGHUP, _reload, app, options)
            await app.run(stop)

    if options.once:
        return _run_once(config)
    loops.run_until_stopped(run)
    return OK


def _reload(app: "App", options: argparse.Namespace) -> None:
    """Read the configuration anew; one with a mistake changes nothing."""
    try:
        app.reload(load_config(options.config, os.environ))
    except ConfigError as error:
        said = "; ".join(str(error).splitlines())
        logger.warning("not reloaded: %s", said, extra={"action": "not_reloaded"})


def _run_once(config: Config) -> int:
    from bot.app import App

    async def once() -> str:
        async with App(config) as app:
            return await app.run_once()

    trouble = loops.run(once())
    if trouble:
        print(f"flipwatch: the engine: {trouble}", file=sys.stderr)
        return FAILED
    return OK


def _demo(options: argparse.Namespace) -> int:
    from bot.demo import run_demo

    logs.set_up(Config())
    loops.run_until_stopped(
        lambda stop: run_demo(options.data, options.port, stop, options.scenario)
    )
    return OK


# --------------------------------------------------------------------------- listings


def _assets(options: argparse.Namespace) -> int:
    rows = asyncio.run(listings.list_assets(cli_upkeep.load(options)))
    return cli_upkeep.show_rows(
        rows,
        options,
        hidden={"id"},
        empty="no assets yet: the first poll brings them",
    )


def _events(options: argparse.Namespace) -> int:
    rows = asyncio.run(listings.list_events(cli_upkeep.load(options), options.limit))
    return cli_upkeep.show_rows(
        rows, options, hidden={"key", "detected_at"}, empty="no events yet"
    )


# ------------------------------------------------------------------------- deliveries


def _deliveries(options: argparse.Namespace) -> int:
    state = DeliveryState(options.state) if options.state else None
    rows = asyncio.run(
        listings.list_deliveries(cli_upkeep.load(options), state, options.limit)
    )
    return cli_upkeep.show_rows(rows, options, empty="no such deliveries")


def _replay(options: argparse.Namespace) -> int:
    if bool(options.ids) == options.all_dead:
        options.verb.error("say which: some IDs, or --all-dead")
    if options.reason and not options.all_dead:
        options.verb.error("--reason goes with --all-dead")
    config = cli_upkeep.load(options)
    if options.all_dead:
        count = asyncio.run(outbox.replay_all(config, options.reason))
    else:
        count = asyncio.run(outbox.replay(config, options.ids))
    print(f"replayed: {count}")
    return OK


def _drop(options: argparse.Namespace) -> int:
    if not options.yes:
        options.verb.error("add --yes: what is dropped is never sent")
    print(f"dropped: {asyncio.run(outbox.drop(cli_upkeep.load(options), options.ids))}")
    return OK
