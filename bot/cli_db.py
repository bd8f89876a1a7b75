"""`flipwatch db backup|restore|check|prune|copy|migrate`: care for the database."""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bot import cli_upkeep, findings
from bot.config import Config
from bot.findings import Standing
from bot.settings_file import load_config

OK, FAILED = 0, 1
_STAMP = re.compile(r"flipwatch-\d{8}-\d{6}\.db")


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> Sequence[argparse.ArgumentParser]:
    """Add `db` and its verbs; return those that read the configuration."""
    text = "back up, restore, check, prune, copy and migrate the database"
    group = commands.add_parser("db", help=text, description=text)
    verbs = group.add_subparsers(metavar="VERB", required=True)

    def add(
        name: str, text: str, action: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(action=action, verb=verb)
        return verb

    backup = add("backup", "write a backup; the bot may run meanwhile", _backup)
    backup.add_argument(
        "to",
        type=Path,
        nargs="?",
        default=Path(),
        help="file, or a folder for one named by the time (default: this folder)",
    )
    backup.add_argument(
        "--keep",
        type=cli_upkeep.count,
        metavar="N",
        help="with a folder: keep the newest N backups there, delete older ones",
    )
    restore = add("restore", "put a backup back; the bot must be stopped", _restore)
    restore.add_argument("file", type=Path, help="a backup")
    check = add("check", "look at every page and every reference", _check)
    prune = add("prune", "take away what is older than [keep] says, now", _prune)
    copy = add("copy", "copy everything into another, empty database", _copy)
    copy.add_argument(
        "target",
        help="configuration file whose storage.url is the target, or its address",
    )
    migrate = add("migrate", "bring an older database up to date", _migrate)
    return backup, restore, check, prune, copy, migrate


def _backup(options: argparse.Namespace) -> int:
    from bot.app import utc_now
    from storage.upkeep import back_up

    config = cli_upkeep.load(options)
    to: Path = options.to
    folder = to if to.is_dir() else None
    if options.keep and folder is None:
        options.verb.error("--keep goes with a folder")
    target = (
        to if folder is None else folder / f"flipwatch-{utc_now():%Y%m%d-%H%M%S}.db"
    )
    asyncio.run(back_up(config.storage.url, target, now=utc_now))
    print(f"backup: {target}, {target.stat().st_size / 2**20:.1f} MB, verified")
    if options.keep and folder is not None:
        for old in sorted(p for p in folder.iterdir() if _STAMP.fullmatch(p.name))[
            : -options.keep
        ]:
            with suppress(FileNotFoundError):
                old.unlink()
                print(f"deleted: {old}")
    return OK


def _restore(options: argparse.Namespace) -> int:
    from bot.app import utc_now
    from storage.upkeep import restore

    config = cli_upkeep.load(options)
    aside = asyncio.run(restore(options.file, config.storage.url, now=utc_now))
    print(f"restored: {options.file}")
    if aside is not None:
        print(f"what was there is kept: {aside}")
    print("What was told since that backup may be told once more.")
    return OK


def _check(options: argparse.Namespace) -> int:
    config = cli_upkeep.load(options)
    found = asyncio.run(_whole_check(config))
    cli_upkeep.show(found)
    return FAILED if any(f.standing is Standing.WRONG for f in found) else OK


async def _whole_check(config: Config) -> list[findings.Finding]:
    from storage.checkup import check

    return await check(
        config.storage.url, may_migrate=config.storage.may_migrate, is_whole=True
    )


def _prune(options: argparse.Namespace) -> int:
    config = cli_upkeep.load(options)
    counts = asyncio.run(_prune_all(config))
    for name, number in counts.items():
        print(f"{name}: {number}")
    if not counts:
        print("another process is at it", file=sys.stderr)
    return OK


async def _prune_all(config: Config) -> dict[str, int]:
    from bot.app import utc_now
    from bot.housekeeping import Housekeeper
    from bot.listings import opened

    async with opened(config) as store:
        keeper = Housekeeper(store, config.keep, owner="flipwatch db", now=utc_now)
        return {kind.value: number for kind, number in (await keeper.prune()).items()}


def _copy(options: argparse.Namespace) -> int:
    from bot.app import utc_now
    from storage.upkeep import copy

    config = cli_upkeep.load(options)
    target = str(options.target)
    if "://" not in target:
        target = load_config(Path(target), {}).storage.url
    counts = asyncio.run(copy(config.storage.url, target, now=utc_now))
    for name, number in counts.items():
        if number:
            print(f"{name}: {number}")
    print(f"copied: {sum(counts.values())} rows, counted on both sides")
    return OK


def _migrate(options: argparse.Namespace) -> int:
    from bot.app import utc_now
    from storage.upkeep import migrate

    config = cli_upkeep.load(options)
    asyncio.run(migrate(config.storage.url, now=utc_now))
    print("the database is up to date")
    return OK
