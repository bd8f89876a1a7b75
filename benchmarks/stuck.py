"""One stuck chat and one chatty chat among 5,000 others: does anybody else notice?

The server tells one chat to wait 43,838 s, as a recorded case did, and another chat has
300 alerts waiting. 5,000 chats wait for one alert each, at a paid bot's 500 messages a
second. The value is the 99th percentile of the others' delays, from the program's start
to the arrival at the server; the baseline is the same without those two.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import Figure
from benchmarks.outbox import apart, deliver, outbox, sender_for
from benchmarks.platform_server import ask, clock, platform
from bot.limits import ChatRule, Limits, Rules
from bot.loops import run
from bot.model import Platform

OTHERS = 5_000
ALERTS = 300
RATE = 500.0
LATENCY = 0.05
STUCK, CHATTY = "1", "2"


def measure(names: Sequence[str]) -> Mapping[str, Figure]:
    """Measure the figures of this module."""
    del names
    troubled = apart(__name__, "troubled")
    calm = apart(__name__, "calm")
    assert troubled["refused"] == 1, troubled
    return {"stuck_chat_p99_s": Figure.of(troubled["p99"], "s", calm["p99"])}


async def delays(*, is_troubled: bool) -> dict[str, Any]:
    """Deliver to everybody; return the others' delays and what was refused."""
    others = [str(1_000_000 + n) for n in range(OTHERS)]
    # first in line, so that whoever comes after them would notice
    before = [STUCK, CHATTY] if is_troubled else []
    symbols = [f"C{n}" for n in range(ALERTS)]
    async with (
        platform("quick", LATENCY) as said,
        outbox(
            Platform.TELEGRAM, before + others, symbols=symbols, busy=(CHATTY,)
        ) as store,
    ):
        await ask(f"{said['url']}/refuse/{STUCK}/43838")
        a_second = ChatRule(count=1, window=1.0)
        rules = Rules(overall=RATE, private=a_second, group=a_second)
        limits = Limits(rules)
        sender = sender_for(Platform.TELEGRAM, said["url"] + "/bot", limits=limits)
        started = clock()
        async with deliver(store, sender):
            expected = OTHERS + (CHATTY in before)
            seen = await ask(f"{said['url']}/arrivals/{expected}")
        seen["first"].pop(CHATTY, None)
        waits = sorted(at - started for at in seen["first"].values())
    return {
        "p50": waits[len(waits) // 2],
        "p99": waits[int(len(waits) * 0.99)],
        "refused": seen["refused"],
    }


if __name__ == "__main__":
    print(json.dumps(run(delays(is_troubled=sys.argv[1] == "troubled"))))
