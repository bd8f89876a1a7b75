"""The fan-outs on PostgreSQL, against INSERT ... SELECT of the same rows there.

On the server that the tests would use; without one there are no figures.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from benchmarks.fanouts import BROAD, COLUMNS, FLIP, fan_out
from benchmarks.figures import Figure
from benchmarks.seeding import START, Size, flips, migrate, rows_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import (
    URL_VARIABLE,
    PostgresServer,
    find_binaries,
    running_cluster,
)

_MOMENT = f"CAST('{START.isoformat()}' AS TIMESTAMPTZ)"


@contextmanager
def server() -> Iterator[PostgresServer | None]:
    """Give a server if there can be one."""
    given, binaries = os.environ.get(URL_VARIABLE), find_binaries()
    if given:
        found = PostgresServer(given)
        yield found
        found.drop_all()
    elif binaries is not None:
        with running_cluster(binaries) as cluster:
            yield PostgresServer(cluster.url)
    else:
        print("no PostgreSQL here: its figures are left out", file=sys.stderr)
        yield None


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    figures: dict[str, Figure] = {}
    with server() as postgres:
        if postgres is None:
            return figures
        for name, size, every in (
            ("fanout_flip_100k_postgres", FLIP, FLIP.assets),
            ("fanout_broad_100k_postgres", BROAD, 6),
        ):
            if name in names:
                url = postgres.create_empty()
                migrate(url)
                asyncio.run(_seed(url, size, every))
                run = asyncio.run(fan_out(url))
                print(f"  {name}: {run}", file=sys.stderr)
                bare = asyncio.run(_insert_barely(url))
                figures[name] = Figure.of(run["seconds"], "s", bare)
    return figures


async def _seed(url: str, size: Size, every: int) -> None:
    connection = await asyncpg.connect(url)
    for statement in (*rows_of(size, _MOMENT), flips(every)):
        # text does not become JSON by itself here
        await connection.execute(
            re.sub(r"'(\[\]|\{\})'", r"CAST('\1' AS JSON)", statement)
        )
    await connection.execute("ANALYZE")
    await connection.close()


async def _insert_barely(url: str) -> float:
    """Return how long the same rows take in an emptied table, by one statement."""
    connection = await asyncpg.connect(url, timeout=60)
    await connection.execute(
        f"CREATE TABLE ready AS SELECT {COLUMNS} FROM deliveries ORDER BY id"
    )
    await connection.execute("TRUNCATE deliveries")
    await connection.execute("CHECKPOINT")
    began = time.perf_counter()
    await connection.execute(
        f"INSERT INTO deliveries ({COLUMNS}) SELECT {COLUMNS} FROM ready"
    )
    took = time.perf_counter() - began
    await connection.close()
    return took
