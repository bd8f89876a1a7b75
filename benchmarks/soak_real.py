"""Real minutes over real sockets: the program between an engine and a Bot API of ours.

Assets turn all the time, the platform fails now and then, and the program's memory and
file handles are looked at. In the end everybody must have heard of every turn.

    python -m benchmarks.soak_real [minutes]
"""

import asyncio
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent
if str(ROOT / "tests") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests"))

from fake_engine import FakeEngine  # noqa: E402 - the path is set above
from fake_telegram import FakeTelegram  # noqa: E402
from fake_telegram_people import User  # noqa: E402
from running import Running, running  # noqa: E402

TOKEN = "4242424242:AAsoak-test-token-that-is-not-a-secret"
PEOPLE = 20
ASSETS = 300
#: seconds between two turns, and between two looks
TURN_EVERY, LOOK_EVERY = 2.0, 10.0
#: how long all may take to arrive once nothing turns any more
ARRIVES_WITHIN = 180.0
#: an asset turns once: what flips back would be netted, and told by nobody
WARM_SECONDS = 60.0


async def soak(minutes: float) -> int:
    """Run it, print what was seen; return the exit code."""
    async with (
        FakeEngine(size=ASSETS) as engine,
        FakeTelegram(token=TOKEN) as telegram,
    ):
        config = f"""
[engine]
kind = "remote"
base_url = "{engine.base_url}"
poll_interval = 1
universe = "all"
[telegram]
token = "{TOKEN}"
base_url = "{telegram.base_url}"
[app]
watches_max = 500
"""
        with tempfile.TemporaryDirectory(prefix="flipwatch-soak-") as folder:
            async with running(Path(folder), config) as program:
                return await _play(minutes, engine, telegram, program, folder)


async def _play(
    minutes: float,
    engine: FakeEngine,
    telegram: FakeTelegram,
    program: Running,
    folder: str,
) -> int:
    chance = random.Random(1)
    people = [telegram.user(f"P{n}") for n in range(PEOPLE)]
    await engine.wait_for_polls(3, 60)
    for person in people:
        person.says("/watch all")
        await person.receives(1, timeout=60)
    process = psutil.Process(program.process.pid)
    memory, handles, weather = [], [], Counter[str]()
    symbols = [token.symbol for token in engine.tokens]
    turned: list[str] = []
    until = time.monotonic() + minutes * 60
    next_look = time.monotonic()
    while time.monotonic() < until:
        # spread over the whole time, and done a little before it ends
        gone_by = 1 - (until - time.monotonic()) / (minutes * 60)
        if len(turned) < min(len(symbols), int(gone_by * 1.05 * len(symbols)) + 1):
            engine.advance()
            turned.append(symbols[len(turned)])
            engine.flip(turned[-1])
        _strike(chance, engine, telegram, weather, people)
        await asyncio.sleep(TURN_EVERY)
        if time.monotonic() >= next_look:
            next_look += LOOK_EVERY
            memory.append(process.memory_info().rss / 1e6)
            handles.append(process.num_fds())
            if len(memory) % 6 == 0:
                print(
                    f"{len(memory) // 6} min: {memory[-1]:.0f} MB, {handles[-1]}"
                    f" handles, {len(turned)} turns, {len(telegram.sent)} messages,"
                    f" {dict(weather)}",
                    flush=True,
                )
    missing = await _missing(people, turned)
    left = _left(Path(folder) / "flipwatch.db")
    warm = memory[int(WARM_SECONDS / LOOK_EVERY) :] or memory
    grown = min(warm[-3:]) - max(warm[:3])
    for words in missing[:10]:
        became = _became(Path(folder) / "flipwatch.db", words)
        print(f"not heard of: {words}: {became}")
    print(
        f"{minutes:g} min: {len(turned)} turns to {PEOPLE} people,"
        f" {len(telegram.sent)} messages, {len(missing)} not heard of,"
        f" left over {left};"
        f" memory {warm[0]:.0f} -> {warm[-1]:.0f} MB (warm to end {grown:+.1f}),"
        f" handles {handles[0]} -> {handles[-1]} (most {max(handles)});"
        f" {telegram.too_many} over the limits; {dict(weather)}"
    )
    return 1 if missing or left or telegram.too_many else 0


def _strike(
    chance: random.Random,
    engine: FakeEngine,
    telegram: FakeTelegram,
    weather: Counter[str],
    people: list[User],
) -> None:
    """Let something go wrong, one time in five."""
    if chance.random() > 0.2:
        return
    send, one = "sendMessage", chance.choice(people)
    match chance.randrange(7):
        case 0:
            telegram.fail_next(send, status=500)
        case 1:
            telegram.fail_next(send, status=502, raw="<html>Bad Gateway</html>")
        case 2:
            telegram.lose_answer_next(send)
        case 3:
            wait = {"retry_after": chance.randint(1, 10)}
            telegram.fail_next(send, status=429, parameters=wait, chat=one)
        case 4:
            telegram.hang_next(send, is_delivered=True)
        case 5:
            engine.fail_next(status=503)
        case _:
            telegram.restart()
    weather["struck"] += 1


async def _missing(people: list[User], turned: list[str]) -> list[str]:
    """List who has not heard of which turn, once all had time to arrive."""
    async with asyncio.timeout(ARRIVES_WITHIN + 60):
        ends = time.monotonic() + ARRIVES_WITHIN
        while True:
            missing = []
            for person in people:
                # an edited table may name others than it did when it was sent
                texts = [m.text for m in person.messages]
                texts += [m.first.text for m in person.messages if m.first]
                words = set(re.findall(r"\w+", " ".join(texts)))
                missing += [f"{person}: {s}" for s in turned if s not in words]
            if not missing or time.monotonic() > ends:
                return missing
            await asyncio.sleep(2)


def _became(path: Path, words: str) -> list[tuple[object, ...]]:
    """Say what the program believes of somebody's delivery about an asset."""
    chat = words.partition("private ")[2].partition(")")[0]
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(
        "SELECT d.* FROM deliveries d JOIN events e ON e.id = d.event_id"
        " JOIN assets a ON a.id = e.asset_id"
        " JOIN recipients r ON r.id = d.recipient_id"
        " WHERE r.chat = ? AND a.symbol = ?",
        [chat, words.rsplit(maxsplit=1)[-1]],
    ).fetchall()
    connection.close()
    return rows


def _left(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = connection.execute(
        "SELECT state, count(*) FROM deliveries"
        " WHERE state IN ('pending', 'claimed', 'dead', 'parked') GROUP BY state"
    ).fetchall()
    connection.close()
    return dict(rows)


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else "20"
    sys.exit(asyncio.run(soak(float(given.removesuffix("m")))))
