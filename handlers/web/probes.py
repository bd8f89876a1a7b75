"""Health and metrics: what /readyz and /metrics ask."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest

from bot.model import JsonDict

#: seconds all dependencies together have to answer
PROBE_TIMEOUT = 5.0


async def _all_well() -> Mapping[str, str]:
    return {}


async def _nothing_to_refresh() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the HTTP side may ask of the rest.

    Attributes:
        health: each dependency by name -> "" or its trouble in words.
        registry: the metrics to show.
        refresh: brings those metrics up to date that are counted in the store.
    """

    health: Callable[[], Awaitable[Mapping[str, str]]] = _all_well
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    refresh: Callable[[], Awaitable[None]] = _nothing_to_refresh


async def readiness(probes: Probes) -> tuple[bool, JsonDict]:
    """Ask every dependency; return whether all are well, and the answer as JSON."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            troubles = await probes.health()
    except TimeoutError:
        troubles = {"health": f"no answer within {PROBE_TIMEOUT:.0f} s"}
    is_ready = not any(troubles.values())
    checks = {name: trouble or "ok" for name, trouble in troubles.items()}
    return is_ready, {"status": "ok" if is_ready else "trouble", "checks": checks}


async def metrics(probes: Probes) -> bytes:
    """Return the metrics in Prometheus' text form; stale ones if a refresh hangs."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await probes.refresh()
    except TimeoutError:
        pass
    return generate_latest(probes.registry)
