"""How close to a platform's limit a backlog drains, and whether it is ever exceeded.

3,000 messages to 3,000 chats, one each, through the tests' fakes, which count in a
sliding second (Telegram 30, Discord 50) and refuse what is too much. The value is the
time from the program's start to the last yes; the baseline is n / limit.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import Figure
from benchmarks.outbox import apart, deliver_all, outbox, sender_for
from benchmarks.platform_server import ask, platform
from bot.loops import run
from bot.model import Platform

COUNT = 3_000
LIMITS = {Platform.TELEGRAM: 30.0, Platform.DISCORD: 50.0}


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    figures: dict[str, Figure] = {}
    for on, limit in LIMITS.items():
        if not any(name.startswith(f"drain_{on.value}") for name in names):
            continue
        found = apart(__name__, on.value, COUNT)
        took = Figure.of(found["seconds"], "s", COUNT / limit)
        refused = Figure.of(found["refused"], "429s", 0.0)
        figures |= {f"drain_{on.value}": took, f"drain_{on.value}_429s": refused}
    return figures


async def drain(on: Platform, count: int) -> dict[str, Any]:
    """Deliver a backlog to the fake that keeps the limits; return what it saw."""
    async with platform(on.value, count) as said, outbox(on, said["chats"]) as store:
        sender = sender_for(on, said["url"], said["token"])
        seconds = await deliver_all(store, sender, count)
        seen = await ask(said["count"])
    assert seen["total"] >= count, seen
    assert not seen["violations"], seen
    return {"seconds": seconds, **seen}


if __name__ == "__main__":
    print(json.dumps(run(drain(Platform(sys.argv[1]), int(sys.argv[2])))))
