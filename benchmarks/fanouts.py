"""Fan-out at size, against a bare INSERT ... SELECT of the same rows.

Each round: the store fans out in a process of its own, on a copy of the seeded file;
then bare sqlite3 inserts the very same rows, in the same order, into an empty table
with the same keys and indexes, by one statement without conditions. The ratio is the
median over the rounds.
"""

import asyncio
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import psutil

from benchmarks.figures import Figure
from benchmarks.seeding import NOW, Size, connect, copy, seed
from bot.fanout import FanOut
from storage import open_store

ROUNDS = 3
MEMORY_LIMIT_MB = 100.0
CHUNK_LIMIT_MS = 100.0
COLUMNS = (
    "event_id, recipient_id, watch_id, bullish_asset_id, state, reason, due_at,"
    " owed_since, attempts, is_unsure, created_at"
)
#: one asset that everybody watches flips; every sixth of 6,000 assets flips
FLIP = Size(recipients=100_000)
BROAD = Size(recipients=100_000, watches=20)


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    figures: dict[str, Figure] = {}
    runs: list[dict[str, float]] = []
    # memory and chunks are looked at in both
    wants_all = bool({"fanout_memory_mb", "fanout_chunk_p95_ms"} & set(names))
    with tempfile.TemporaryDirectory(prefix="flipwatch-bench-") as folder:
        home = Path(folder)
        if wants_all or "fanout_flip_100k" in names:
            flip = seed(home / "flip.db", FLIP, every=FLIP.assets)
            figures["fanout_flip_100k"] = _compare(flip, runs)
        if wants_all or {"fanout_broad_100k", "fanout_broad_end_100k"} & set(names):
            broad = seed(home / "broad.db", BROAD, every=6)
            figures["fanout_broad_100k"] = _compare(broad, runs)
            if "fanout_broad_end_100k" in names:
                _tell_all(broad)
                figures["fanout_broad_end_100k"] = _compare(broad, runs)
    figures["fanout_memory_mb"] = Figure.of(
        max(run["memory_mb"] for run in runs), "MB", MEMORY_LIMIT_MB
    )
    figures["fanout_chunk_p95_ms"] = Figure.of(
        statistics.median(run["chunk_p95_ms"] for run in runs), "ms", CHUNK_LIMIT_MS
    )
    return figures


def _tell_all(path: Path) -> None:
    """Turn the move into its end: all were told bullish, each through the watch."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(
        "INSERT INTO told (recipient_id, asset_id, signal, watch_id, message_ref,"
        " told_at) SELECT w.recipient_id, w.asset_id, 1, w.id, '', e.detected_at"
        " FROM watches w JOIN events e ON e.asset_id = w.asset_id"
    )
    connection.execute("UPDATE events SET from_signal = 1, to_signal = -1")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _compare(path: Path, runs: list[dict[str, float]]) -> Figure:
    """Fan out and insert barely, in turns; collect what else was seen."""
    seconds, baselines = [], []
    for _ in range(ROUNDS):
        worked = copy(path, path.with_name("worked.db"))
        runs.append(_in_a_process(worked))
        seconds.append(runs[-1]["seconds"])
        baselines.append(insert_barely(path, worked))
        worked.unlink()
    ratios = [ours / bare for ours, bare in zip(seconds, baselines, strict=True)]
    return Figure(
        value=round(statistics.median(seconds), 4),
        unit="s",
        baseline=round(statistics.median(baselines), 4),
        ratio=round(statistics.median(ratios), 3),
    )


def insert_barely(path: Path, worked: Path) -> float:
    """Return how long the bare INSERT takes for the deliveries of a worked file."""
    bare = copy(path, path.with_name("bare.db"))
    connection = connect(bare)
    connection.execute("ATTACH ? AS worked", (str(worked),))
    connection.execute(
        f"CREATE TABLE ready AS SELECT {COLUMNS} FROM worked.deliveries ORDER BY id"
    )
    connection.execute("DETACH worked")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    began = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        f"INSERT INTO deliveries ({COLUMNS}) SELECT {COLUMNS} FROM ready"
    )
    connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    bare.unlink()
    return took


# ------------------------------------------------------------- in a process of its own


def _in_a_process(path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.fanouts", f"sqlite:///{path}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(output)
    return found


class Memory:
    """The most memory the process had beyond what it had at first, in MB."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._first = self._most = self._process.memory_info().rss
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._is_over.wait(0.005):
            self._most = max(self._most, self._process.memory_info().rss)

    def stop(self) -> float:
        self._is_over.set()
        self._thread.join()
        return (self._most - self._first) / 1e6


async def fan_out(url: str) -> dict[str, float]:
    """Fan out everything that is open; say how long it took, and its chunks."""

    def now() -> datetime:
        return NOW

    store = await open_store(url, now=now)
    chunks: list[float] = []
    whole = store.fan_out_step

    async def step(*, limit: int, now: datetime) -> object:
        done = await whole(limit=limit, now=now)
        chunks.append(done.took.total_seconds() * 1e3)
        return done

    store.fan_out_step = step
    fanout = FanOut(store, now=now)
    memory = Memory()
    began = time.perf_counter()
    await fanout.fan_out_open()
    seconds = time.perf_counter() - began
    grown = memory.stop()
    await store.close()
    chunks.sort()
    return {
        "seconds": seconds,
        "memory_mb": grown,
        "chunks": len(chunks),
        "chunk_p95_ms": chunks[int(len(chunks) * 0.95)],
        "chunk_max_ms": chunks[-1],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(fan_out(sys.argv[1]))))
