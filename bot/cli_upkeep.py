"""The operator's commands: `flipwatch init|check|send-test`."""

import argparse
import asyncio
import getpass
import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path

from bot import first_file, listings, logs
from bot.config import Config
from bot.errors import ConfigError
from bot.findings import Finding, Standing
from bot.model import Address
from bot.settings_file import DEFAULT_FILE, load_config, secret_files

OK, FAILED = 0, 1


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> Sequence[argparse.ArgumentParser]:
    """Add the commands; return those that read the configuration."""

    def add(
        name: str, text: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
        return command

    init = add("init", "ask for what is needed and write config.toml", _init)
    init.add_argument(
        "--config", type=Path, default=DEFAULT_FILE, help="file (default: config.toml)"
    )
    init.add_argument(
        "--defaults", action="store_true", help="ask nothing: a commented file to edit"
    )
    init.add_argument("--force", action="store_true", help="write over a file")
    check = add("check", "check everything for real, and say what to do", _check)
    check.add_argument("--json", action="store_true", help="print JSON")
    check.add_argument(
        "--offline", action="store_true", help="ask nobody over the network"
    )
    check.add_argument(
        "--timeout",
        type=float,
        default=15.0,
        help="seconds each part has to answer (default: 15)",
    )
    test = add("send-test", "send one test message, such as to telegram:123", _send)
    test.add_argument("to", type=_address, metavar="PLATFORM:ID", help="to whom")
    return check, test


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def count(text: str) -> int:
    """Read a whole number from 1, for argparse."""
    if text.isdecimal() and 0 < int(text) < 2**63:
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number from 1 is needed, not “{text}”")


def load(options: argparse.Namespace) -> Config:
    """Load the configuration a command names, and set logging up by it."""
    config = load_config(options.config, os.environ)
    logs.set_up(config)
    return config


# -------------------------------------------------------------------------------- init


def _init(options: argparse.Namespace) -> int:
    path: Path = options.config
    if path.exists() and not options.force:
        raise ConfigError(
            f"{path} is there already: edit it, or write it anew with --force"
        )
    answers: dict[str, str] = {}
    if not options.defaults and sys.stdin.isatty():
        print(f"This writes {path}. Enter alone leaves an answer out.")
        answers = first_file.interview(input, getpass.getpass, print)
    first_file.write(path, first_file.first_file(answers), is_forced=options.force)
    where = "" if path == DEFAULT_FILE else f" --config {path}"
    print(f"Wrote {path}; only you can read it.")
    if not answers:
        print("Fill in what you have: a Telegram or Discord token, the engine's key.")
    call = _as_called()
    print(f"Next: {call} check{where}, then {call} run{where}")
    return OK


def _as_called() -> str:
    """Return how this program is called: by its path where it is not on PATH."""
    called = sys.argv[0]
    is_path = Path(called).name == "flipwatch" and not shutil.which("flipwatch")
    return called if is_path else "flipwatch"


# ------------------------------------------------------------------------------- check


def _check(options: argparse.Namespace) -> int:
    from bot.app import utc_now
    from bot.checkup import CheckPlan, check

    config = load(options)
    plan = CheckPlan(
        secret_files=secret_files(options.config, os.environ),
        patience=timedelta(seconds=options.timeout),
        is_offline=options.offline,
    )
    found = asyncio.run(check(config, plan, now=utc_now))
    show(found, as_json=options.json)
    return FAILED if any(f.standing is Standing.WRONG for f in found) else OK


def show(found: Sequence[Finding], *, as_json: bool = False) -> None:
    """Print what was found, a line each."""
    if as_json:
        rows = [
            {
                "subject": f.subject,
                "standing": f.standing.value,
                "said": f.said,
                "cure": f.cure,
            }
            for f in found
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for finding in found:
        print(finding)


# --------------------------------------------------------------------------- send-test


def _send(options: argparse.Namespace) -> int:
    from bot.app import utc_now
    from bot.send_test import send_test

    config = load(options)
    to: Address = options.to
    receipt = asyncio.run(send_test(config, to, now=utc_now))
    print(f"sent to {to}" + (f": message {receipt}" if receipt else ""))
    return OK


def show_rows(
    rows: Sequence[listings.Row],
    options: argparse.Namespace,
    *,
    hidden: Collection[str] = (),
    empty: str,
) -> int:
    """Print a listing as a table, or as JSON where that is asked for."""
    if options.json:
        print(listings.as_json(rows))
    elif rows:
        print("\n".join(listings.as_table(rows, hidden=hidden)))
    else:
        print(empty, file=sys.stderr)
    return OK
