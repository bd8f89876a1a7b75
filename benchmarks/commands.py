"""How long commands take while a fan-out runs: reading ones and writing ones.

Five people type one command after the other, a quarter of a second after each reply,
through the same desk as the faces; fan-outs follow each other in the same process. The
baseline is the same without a fan-out.
"""

import asyncio
import itertools
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from benchmarks.fanouts import BROAD, FLIP
from benchmarks.figures import Figure
from benchmarks.seeding import NOW, SOURCE, flips, seed
from bot.commands import CommandDesk, Room, SourceInfo
from bot.fanout import FanOut
from bot.model import Address, PlaceKind
from bot.ports import Call, Store
from storage import open_store

PEOPLE = 5
PAUSE = 0.25
#: how long they type, without fan-outs and with
SECONDS = 15.0
#: what everybody types, over and over; the first four write
LINES = (
    "/watch C{n} 80",
    "/mute C{n} 1h",
    "/unmute C{n}",
    "/unwatch C{n}",
    "/watchlist",
    "/status",
)


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    del names
    worst, quiet = 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="flipwatch-bench-") as folder:
        home = Path(folder)
        for name, size, every in (("flip", FLIP, FLIP.assets), ("broad", BROAD, 6)):
            path = seed(home / f"{name}.db", size, every=every)
            command = [sys.executable, "-m", "benchmarks.commands", str(path)]
            command.append(str(every))
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(run.stdout)
            worst, quiet = max(worst, found["p99"]), max(quiet, found["quiet_p99"])
            print(f"  {name}: {found}", file=sys.stderr)
    return {"command_p99_s": Figure.of(worst, "s", quiet)}


async def admin() -> bool:
    return True


async def type_on(desk: CommandDesk, number: int, took: list[float]) -> None:
    """Type for ever as one person."""
    place = Address.parse(f"telegram:{number}")
    for count in itertools.count(number):
        text = LINES[count % len(LINES)].format(n=1 + (count // len(LINES)) % 6_000)
        call = Call(
            place=place,
            kind=PlaceKind.PRIVATE,
            user=f"telegram:{number}",
            text=text,
            is_admin=admin,
        )
        began = time.perf_counter()
        await desk.say(call)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE)


async def typing(store: Store, until: asyncio.Task[object]) -> list[float]:
    """Let everybody type until the task is over; return what the replies took."""
    room = Room(
        store=store,
        source=SourceInfo(name=SOURCE, title="Bench", update_every=timedelta(days=1)),
        now=lambda: NOW,
    )
    desk = CommandDesk(room)
    took: list[float] = []
    typists = [
        asyncio.create_task(type_on(desk, number, took))
        for number in range(1, 2 * PEOPLE, 2)
    ]
    await asyncio.wait({until, *typists}, return_when=asyncio.FIRST_COMPLETED)
    for typist in typists:
        typist.cancel()
    await asyncio.gather(*typists, return_exceptions=True)
    await until
    return took


def p99(took: list[float]) -> float:
    return sorted(took)[int(len(took) * 0.99)]


async def fan_out_for(store: Store, path: Path, every: int) -> int:
    """Fan out one move after the other; return how many."""
    fanout = FanOut(store, now=lambda: NOW)
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < SECONDS:
        if count:
            await asyncio.to_thread(flip_again, path, every, count)
        await fanout.fan_out_open()
        count += 1
    return count


def flip_again(path: Path, every: int, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute(flips(every, again=count))
    connection.close()


async def main(path: str, every: int) -> dict[str, float]:
    store = await open_store(f"sqlite:///{path}", now=lambda: NOW)
    quiet = await typing(store, asyncio.create_task(asyncio.sleep(SECONDS)))
    fanouts = asyncio.create_task(fan_out_for(store, Path(path), every))
    took = await typing(store, fanouts)
    await store.close()
    return {
        "p99": p99(took),
        "worst": max(took),
        "commands": len(took),
        "fanouts": fanouts.result(),
        "quiet_p99": p99(quiet),
        "quiet_commands": len(quiet),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2])))))
