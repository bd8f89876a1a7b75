"""Messages per second with the platforms' limits lifted.

A server in a process of its own answers after 50 ms; 200 messages are in flight (sent,
not settled). The baseline posts bodies of the same length to the same server in the
same run by aiohttp alone, and remembers nothing. Beside it stands the program that
people write first: python-telegram-bot with its AIORateLimiter in a for loop.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import Figure
from benchmarks.opponents import bare_loop, library_loop
from benchmarks.outbox import IN_FLIGHT, apart, deliver_all, outbox, sender_for
from benchmarks.platform_server import ask, platform
from bot.collector import spare_the_lasting
from bot.limits import ChatRule, Limits, Rules
from bot.loops import run
from bot.model import Platform

COUNT = 10_000
#: a for loop sends one after the other: a few show how fast that is
FEW = 100
LATENCY = 0.05
_FREE = ChatRule(count=1_000_000, window=1.0)
LIFTED = Rules(overall=1_000_000.0, private=_FREE, group=_FREE)
_PATHS = {Platform.TELEGRAM: "/bot", Platform.DISCORD: "/api/v10"}


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    figures: dict[str, Figure] = {}
    for on in _PATHS:
        name = f"sender_{on.value}"
        if name in names or f"{name}_library" in names:
            found = apart(__name__, on.value, COUNT)
            assert found["most"] <= IN_FLIGHT, found
            bare = found["bare"]
            figures[name] = Figure.of(found["ours"], "msg/s", bare)
            if "library" in found:
                library = Figure.of(found["library"], "msg/s", bare)
                figures[f"{name}_library"] = library
    return figures


async def throughput(on: Platform, count: int) -> dict[str, Any]:
    """Return messages per second: ours, the bare loop's, the library's."""
    chats = [str(1_000_000 + n) for n in range(count)]
    async with platform("quick", LATENCY) as said, outbox(on, chats) as store:
        url = said["url"] + _PATHS[on]
        # ours would be spared the collector's looks, so the others are, too
        spare_the_lasting()
        before = await bare_loop(on, url, chats, IN_FLIGHT)
        await ask(said["url"] + "/count")
        sender = sender_for(on, url, limits=Limits(LIFTED))
        ours = count / await deliver_all(store, sender, count)
        seen = await ask(said["url"] + "/count")
        after = await bare_loop(on, url, chats, IN_FLIGHT)
        found = {"ours": ours, "bare": max(before, after), "most": seen["most"]}
        assert seen["total"] == count, seen
        if on is Platform.TELEGRAM:
            found["library"] = await library_loop(url, chats[:FEW])
    return found


if __name__ == "__main__":
    print(json.dumps(run(throughput(Platform(sys.argv[1]), int(sys.argv[2])))))
