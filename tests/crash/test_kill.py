"""kill -9 at random moments of poll, commit, fan-out, claim, send and settle.

`KILLS=200 python -m pytest -rP tests/crash/test_kill.py` (`make crash`) kills so often
per platform and database; `SEED=...` plays the same plans again.
"""

import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_history import play_history
from kill_nursery import Nursery, open_nursery
from kill_verdict import judge
from postgres_server import PostgresServer

KILLS = int(os.environ.get("KILLS") or 5)
SEED = os.environ.get("SEED") or secrets.token_hex(4)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with open_nursery() as opened:
        yield opened


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Gives the address of an empty database, as it stands in a configuration."""
    if database == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'flipwatch.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create_empty().replace("postgresql://", "postgresql+asyncpg://")


@pytest.mark.timeout(180 + 15 * KILLS)
@pytest.mark.parametrize("platform", ["telegram", "discord"])
async def test_killed_at_any_moment_nothing_is_lost(
    platform: str,
    database: str,
    url: str,
    nursery: Nursery,
    tmp_path: Path,
) -> None:
    seed = f"{platform}-{database}-{SEED}"
    print(f"{platform} on {database}: {KILLS} kills, SEED={SEED}")
    async with play_history(
        platform,
        url,
        nursery=nursery,
        folder=tmp_path,
        chance=random.Random(seed),
        kills=KILLS,
    ) as history:
        verdict = await judge(history)

    points = ", ".join(f"{n} {p}" for p, n in sorted(history.points.items()))
    print(
        f"killed {len(history.kills)} times in {history.seconds:.0f} s ({points});\n"
        f"{verdict.events} flips for {len(history.places)} watchers, "
        f"{verdict.alerts} alerts seen;\n"
        f"{len(verdict.lost)} lost, {verdict.repeats} seen again, "
        f"{verdict.in_flight} in flight at {verdict.busy_kills} of the kills, "
        f"{verdict.unanswered} sends refused, {verdict.overdue} overdue, "
        f"{verdict.retold} told anew;\n"
        f"{len(verdict.wrong)} wrong otherwise"
    )
    print("\n".join([*verdict.lost, *verdict.wrong][:40]))
    assert verdict.lost == []
    assert verdict.wrong == []
    assert verdict.events > 0
    most = verdict.in_flight + verdict.unanswered + verdict.overdue
    assert verdict.repeats <= most
