"""Broken input of every kind: no crash, nothing invented, nothing shown, memory flat.

A few hundred each here; `make fuzz N=10000` feeds as many as it is told and prints
what it saw. `FUZZ_SEED` repeats a run.
"""

import os
import random

import fuzzing
import pytest

from storage import database

COUNT = int(os.environ.get("FUZZ", "0"))
#: in the suite: as many as take two seconds or so
FEW = {"engine": 100, "telegram": 150, "discord": 300, "web": 400, "toml": 150}
SEED = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
#: what a process may grow by while it is fed, in MB: caches fill, and that ends
GROWTH_MAX = 25.0

FEEDS = {
    "engine": fuzzing.feed_engine,
    "telegram": fuzzing.feed_telegram,
    "discord": fuzzing.feed_discord,
    "web": fuzzing.feed_web,
    "toml": fuzzing.feed_toml,
    "imports": fuzzing.feed_imports,
}


@pytest.mark.timeout(120 + COUNT // 5)
@pytest.mark.parametrize("kind", FEEDS)
async def test_whatever_is_sent_breaks_nothing_and_shows_nothing(
    kind, template, tmp_path, monkeypatch
):
    # what the disk does is another test's subject
    monkeypatch.setattr(database, "SYNCHRONOUS", "OFF")
    where = tmp_path if kind == "toml" else template
    print(f"{kind}: FUZZ_SEED={SEED}")

    seen = await FEEDS[kind](SEED, COUNT or FEW.get(kind, 200), where)

    print(f"{kind}: {seen}")
    grown = float(seen.rpartition(", ")[2].removesuffix(" MB"))
    assert grown < GROWTH_MAX, seen
