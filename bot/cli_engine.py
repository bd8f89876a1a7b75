"""The commands of our own engine: `flipwatch engine ...` and `flipwatch backtest`."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot import cli_upkeep, loops

OK, FAILED = 0, 1


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> Sequence[argparse.ArgumentParser]:
    """Add `engine serve|candles|keys ...`; return them all."""
    text = "our own grading engine: serve it, see its candles, give out keys"
    group = commands.add_parser("engine", help=text, description=text)
    verbs = group.add_subparsers(metavar="VERB", required=True)
    text = "keys to the API: add, list, revoke"
    keys = verbs.add_parser("keys", help=text, description=text)
    of_keys = keys.add_subparsers(metavar="VERB", required=True)

    def add(
        where: "argparse._SubParsersAction[argparse.ArgumentParser]",
        name: str,
        text: str,
        action: Callable[[argparse.Namespace], int],
    ) -> argparse.ArgumentParser:
        verb = where.add_parser(name, help=text, description=text)
        verb.set_defaults(action=action)
        return verb

    serve = add(verbs, "serve", "grade live candles and serve the API", _engine_serve)
    candles = add(verbs, "candles", "list the candles that are kept", _engine_candles)
    new = add(of_keys, "add", "make a key; it is shown once", _key_add)
    new.add_argument("name", help="who it is for")
    new.add_argument(
        "--per-minute",
        type=cli_upkeep.count,
        help="requests a minute (default: api.per_minute)",
    )
    listing = add(of_keys, "list", "list keys, without what they are", _key_list)
    revoke = add(of_keys, "revoke", "take a key out of force", _key_revoke)
    revoke.add_argument("name", help="as `list` shows it")
    for command in (candles, listing):
        command.add_argument("--json", action="store_true", help="print JSON")
    return serve, candles, new, listing, revoke


def add_backtest(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add `backtest`, which reads no configuration."""
    text = "try a source's signals out on the past"
    command = commands.add_parser("backtest", help=text, description=text)
    command.set_defaults(action=_backtest)
    command.add_argument(
        "source",
        help="candles (a CSV file, a folder of them), a recording of readings, or "
        "`record`: the documented record that comes with Flipwatch",
    )
    command.add_argument(
        "--fees",
        type=_percentage,
        default=0.1,
        metavar="PERCENT",
        help="what a trade costs, in per cent (default: 0.1)",
    )
    command.add_argument(
        "--next-bar", action="store_true", help="act on a signal one bar later"
    )
    command.add_argument(
        "--from", dest="begins", type=_moment, metavar="DATE", help="count from then on"
    )
    command.add_argument(
        "--to", dest="ends", type=_moment, metavar="DATE", help="count until then"
    )
    command.add_argument("--asset", default="", help="only this asset")
    command.add_argument(
        "--csv", type=Path, metavar="FILE", help="write every finished signal"
    )
    command.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw it as an SVG picture"
    )
    command.add_argument(
        "--report", type=Path, metavar="FILE", help="write tables and pictures"
    )
    command.add_argument(
        "--sweep", action="store_true", help="try other parameters, too: takes minutes"
    )
    command.add_argument(
        "--split",
        type=cli_upkeep.count,
        default=2023,
        metavar="YEAR",
        help="first year that the engine was not developed on (default: 2023)",
    )


def _percentage(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if 0 <= number < 100:  # noqa: PLR2004 - per cent
        return number
    raise argparse.ArgumentTypeError(f"per cent, from 0 to 100, not “{text}”")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"a date such as 2024-11-07 is needed, not “{text}”"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ------------------------------------------------------------- what the commands do


def _engine_serve(options: argparse.Namespace) -> int:
    from bot.serving import serve

    config = cli_upkeep.load(options)
    loops.run_until_stopped(lambda stop: serve(config, stop))
    return OK


def _engine_candles(options: argparse.Namespace) -> int:
    from bot.serving import list_candles

    rows = asyncio.run(list_candles(cli_upkeep.load(options)))
    return cli_upkeep.show_rows(
        rows, options, empty="no candles yet: the first start fetches them"
    )


def _key_add(options: argparse.Namespace) -> int:
    from bot.serving import add_key

    config = cli_upkeep.load(options)
    print(asyncio.run(add_key(config, options.name, options.per_minute)))
    print("Keep it: it is not shown again.", file=sys.stderr)
    return OK


def _key_list(options: argparse.Namespace) -> int:
    from bot.serving import list_keys

    rows = asyncio.run(list_keys(cli_upkeep.load(options)))
    return cli_upkeep.show_rows(
        rows, options, empty="no keys: flipwatch engine keys add NAME"
    )


def _key_revoke(options: argparse.Namespace) -> int:
    from bot.serving import revoke_key

    asyncio.run(revoke_key(cli_upkeep.load(options), options.name))
    print(f"revoked: {options.name}")
    return OK


def _backtest(options: argparse.Namespace) -> int:
    from bot.backtest import Order, run_backtest

    order = Order(
        source=options.source,
        fee=options.fees / 100,
        is_next_bar=options.next_bar,
        begins=options.begins,
        ends=options.ends,
        asset=options.asset,
        csv=options.csv,
        picture=options.picture,
        report=options.report,
        is_sweep=options.sweep,
        split=options.split,
    )
    try:
        run_backtest(order, lambda text: print(text, flush=True))
    except OSError as error:
        print(f"flipwatch: {error}", file=sys.stderr)
        return FAILED
    return OK
