"""Run all benchmarks, or those that are named: `python -m benchmarks [name ...]`."""

import importlib
import logging
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks.figures import Figure, keep, table

#: module -> the figures it measures. Its `measure(names)` gives those of them that are
#: wanted, and may give more; one that can't be measured here is left out.
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "benchmarks.fanouts": (
        "fanout_flip_100k",
        "fanout_broad_100k",
        "fanout_broad_end_100k",
        "fanout_memory_mb",
        "fanout_chunk_p95_ms",
    ),
    "benchmarks.fanouts_postgres": (
        "fanout_flip_100k_postgres",
        "fanout_broad_100k_postgres",
    ),
    "benchmarks.sending": (
        "sender_telegram",
        "sender_telegram_library",
        "sender_discord",
    ),
    "benchmarks.draining": (
        "drain_telegram",
        "drain_telegram_429s",
        "drain_discord",
        "drain_discord_429s",
    ),
    "benchmarks.stuck": ("stuck_chat_p99_s",),
    "benchmarks.commands": ("command_p99_s",),
    "benchmarks.charts": ("charts_per_s", "charts_stall_ms"),
    "benchmarks.growth": ("fanout_growth_watchers", "fanout_growth_assets"),
    "benchmarks.grading": ("grade_2000x3y_s", "grade_hour_500_s"),
    "benchmarks.api": (
        "api_signals",
        "api_304",
        "api_signals_p99_ms",
        "api_304_p99_ms",
    ),
}


def main(wanted: list[str]) -> int:
    """Measure, print and keep; return the exit code."""
    every = [name for names in BENCHMARKS.values() for name in names]
    if strangers := sorted(set(wanted) - set(every)):
        print(f"there is no benchmark {', '.join(strangers)}; there are:")
        print("\n".join(f"  {name}" for name in every))
        return 2
    logging.basicConfig(level=logging.ERROR)
    found: dict[str, Figure] = {}
    for module, names in BENCHMARKS.items():
        chosen = [name for name in names if name in wanted or not wanted]
        if not chosen:
            continue
        began = time.monotonic()
        measure: Callable[[list[str]], Mapping[str, Figure]] = importlib.import_module(
            module
        ).measure
        measured = measure(chosen)
        figures = {name: measured[name] for name in chosen if name in measured}
        keep(figures)
        found |= figures
        took = time.monotonic() - began
        print(f"{module} ({took:.0f} s)", file=sys.stderr, flush=True)
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
