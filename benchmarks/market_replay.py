"""A year of a real market through the whole program, with a simple engine.

`python -m benchmarks.market_replay FOLDER [--assets 100] [--chats 40] [--year 2024]`

FOLDER holds `assets.csv.gz` and `daily_market_<year>.csv.gz`: `coin_id, date,
price_usd, volume_usd, market_cap_usd`, a row being known at 00:00 UTC of its date. The
engine is as simple as can be: bullish above the mean of 20 days, and a grade for how
far. Everything behind it is the program: polls, detection, fan-out, noise, messages,
the store; only the platform takes every message at once.

Prints, per day on which many assets turned at once, how many messages each recipient
got; at the end how many single messages that saved.
"""

import argparse
import asyncio
import csv
import gzip
import logging
import math
import statistics
import sys
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.platform_server import ROOT
from bot.commands import CommandDesk, Room, SourceInfo
from bot.dispatcher import Dispatcher, DispatchPlan
from bot.fanout import FanOut
from bot.model import Address, PlaceKind, Platform, Reading, Signal, Snapshot, Wanted
from bot.poller import Poller, PollPlan
from bot.ports import Call
from storage import open_store

sys.path.insert(0, str(ROOT / "tests"))
from fakes import FakeClock, FakeSender

DAY = timedelta(days=1)
MEAN_OF = 20
#: a day on which so many of the assets turn is a broad move
BROAD = 0.20


class SimpleEngine:
    """Bullish above the mean of 20 days; the grade says how far from it."""

    name = "simple"
    title = "Simple engine"
    update_every = DAY

    def __init__(self, days: dict[datetime, list[Reading]], now: FakeClock) -> None:
        self._days = days
        self._now = now

    async def fetch(self, wanted: Wanted) -> Snapshot:
        del wanted
        at = self._now().replace(hour=0, minute=0)
        return Snapshot(
            source=self.name,
            fetched_at=self._now(),
            readings=tuple(self._days.get(at, ())),
        )

    async def lookup(self, symbol: str) -> tuple[()]:
        del symbol
        return ()

    def resume(self, bookmark: str | None) -> None:
        del bookmark

    async def close(self) -> None:
        pass


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def load(folder: Path, year: int, most: int) -> dict[datetime, list[Reading]]:
    """Grade the largest assets of the year's first day, day by day."""
    about = {
        row["coin_id"]: row
        for row in rows(folder / "assets.csv.gz")
        if row["is_stable"] != "1" and row["is_wrapped"] != "1"
    }
    table: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows(folder / f"daily_market_{year}.csv.gz"):
        if row["coin_id"] in about and row["price_usd"] and row["spike"] != "1":
            table[row["coin_id"]].append(row)
    sizes = {
        coin: float(days[0]["market_cap_usd"] or 0)
        for coin, days in table.items()
        if days[0]["date"].endswith("-01-01")
    }
    chosen = sorted(sizes, key=lambda coin: -sizes[coin])[:most]
    found: dict[datetime, list[Reading]] = defaultdict(list)
    for coin in chosen:
        recent: deque[float] = deque(maxlen=MEAN_OF)
        for row in sorted(table[coin], key=lambda r: r["date"]):
            price = float(row["price_usd"])
            recent.append(price)
            if len(recent) < MEAN_OF:
                continue
            mean, spread = statistics.fmean(recent), statistics.pstdev(recent)
            far = (price - mean) / spread if spread else 0.0
            at = datetime.fromisoformat(row["date"]).replace(tzinfo=UTC)
            found[at].append(
                Reading(
                    key=coin,
                    symbol=about[coin]["symbol"].upper()[:20] or coin,
                    name=about[coin]["name"],
                    as_of=at,
                    signal=Signal.BULLISH if price > mean else Signal.BEARISH,
                    grade=50 + 50 * math.tanh(far / 2),
                    price=price,
                    volume=float(row["volume_usd"] or 0) or None,
                    market_cap=float(row["market_cap_usd"] or 0) or None,
                    categories=tuple(about[coin]["sectors"].split("|"))
                    if about[coin]["sectors"]
                    else (),
                )
            )
    return dict(sorted(found.items()))


async def yes() -> bool:
    return True


async def replay(folder: Path, year: int, most: int, chats: int) -> int:
    """Play the year; return 1 if a recipient got two messages of one broad move."""
    days = load(folder, year, most)
    begin, end = min(days), max(days)
    clock = FakeClock(begin + timedelta(minutes=10))
    source, sender = SimpleEngine(days, clock), FakeSender(Platform.WEB)
    with tempfile.TemporaryDirectory(prefix="flipwatch-replay-") as temporary:
        store = await open_store(f"sqlite:///{Path(temporary) / 'x.db'}", now=clock)
        plan = PollPlan(interval=DAY, universe="all", worker="replay")
        poller = Poller(source, store, plan, now=clock)
        fanout = FanOut(store, now=clock)
        dispatcher = Dispatcher(
            store,
            {Platform.WEB: sender},
            DispatchPlan(owner="replay", source_title=source.title),
            now=clock,
        )
        info = SourceInfo(
            name=source.name, title=source.title, update_every=source.update_every
        )
        desk = CommandDesk(Room(store=store, source=info, now=clock))
        await poller.poll()
        symbols = [a.symbol for a in await store.list_assets(source.name)]
        for number in range(chats):
            wanted = (
                "top100",
                "all",
                f"{' '.join(symbols[number : number + 12])}",
            )[number % 3]
            place = Address.parse(f"web:chat{number}")
            call = Call(
                place=place,
                kind=PlaceKind.PRIVATE,
                user=str(place),
                text=f"/watch {wanted}",
                is_admin=yes,
            )
            await desk.say(call)
        flips = single = messages = broad_days = worst = 0
        seconds: list[float] = []
        at = begin
        while at < end:
            at += DAY
            clock.at = at + timedelta(minutes=10)
            began = asyncio.get_running_loop().time()
            events = await poller.poll()
            seconds.append(asyncio.get_running_loop().time() - began)
            await fanout.fan_out_open()
            before = len(sender.sent)
            while await dispatcher.deliver_due():
                pass
            sent = sender.sent[before:]
            turned = [e for e in events if e.kind.value == "flip"]
            flips += len(turned)
            messages += len(sent)
            each = Counter(to for to, _ in sent)
            counts = await store.list_deliveries(limit=20_000)
            alerts = sum(d.created_at == clock.at for d in counts)
            single += alerts
            if len(turned) >= BROAD * len(days[at]) and at in days:
                broad_days += 1
                worst = max(worst, *each.values())
                print(
                    f"{at:%Y-%m-%d}: {len(turned)} of {len(days[at])} turned, "
                    f"{len(sent)} messages to {len(each)} recipients "
                    f"(most to one: {max(each.values())}), "
                    f"{alerts - len(sent)} single messages saved"
                )
        await store.close()
    slowest = max(seconds)
    print(
        f"{year}: {flips:,} flips of {most} assets, {broad_days} broad days; "
        f"{messages:,} messages instead of {single:,} single ones, "
        f"{single - messages:,} saved; slowest poll {slowest * 1000:.0f} ms"
    )
    return int(worst > 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--assets", type=int, default=100)
    parser.add_argument("--chats", type=int, default=40)
    parser.add_argument("--year", type=int, default=2024)
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    return asyncio.run(replay(wanted.folder, wanted.year, wanted.assets, wanted.chats))


if __name__ == "__main__":
    sys.exit(main())
