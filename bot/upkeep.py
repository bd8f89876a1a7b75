"""Wires what keeps a process well: its watchdog, its heartbeat, its lookouts."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from functools import partial

from bot import machine, supervisor
from bot.config import Config
from bot.dispatcher import Dispatcher
from bot.fanout import FanOut
from bot.heartbeat import Heartbeat
from bot.lookouts import LookoutPlan, Lookouts
from bot.metrics import Metrics
from bot.model import Platform
from bot.ports import Clock, GradeSource, Store
from bot.schedule import Schedule
from bot.watchdog import Watchdog

#: grades that are this many updates old stand still
STALE_UPDATES = 3


def watchdog(
    config: Config,
    fanout: FanOut,
    dispatcher: Dispatcher,
    platforms: Collection[Platform],
    polled_at: Callable[[], float],
) -> Watchdog:
    """Watch the loops that this process's roles run."""
    dog = Watchdog(on_well=partial(supervisor.notify, supervisor.ALIVE))
    roles, within = config.app.roles, timedelta(seconds=config.health.stuck_after)
    if "poll" in roles:
        pause = timedelta(seconds=config.engine.poll_interval)
        dog.watch("polling", within + 2 * pause, polled_at)
    if "poll" in roles or "deliver" in roles:
        dog.watch("fan-out", within, lambda: fanout.progressed_at)
    for platform in platforms:
        at = partial(dispatcher.progressed_at, platform)
        dog.watch(f"sending to {platform.value}", within, at)
    return dog


def schedule_heartbeat(
    config: Config,
    schedule: Schedule,
    health: Callable[[], Awaitable[Mapping[str, str]]],
) -> None:
    """Call the monitor's address at its interval, if there is one."""
    url = config.health.heartbeat_url
    if url is None:
        return
    heart = Heartbeat(url.get_secret_value(), health)
    every = timedelta(seconds=config.health.heartbeat_interval)
    schedule.every(every, heart.beat, name="heartbeat")


def lookouts(
    config: Config, store: Store, source: GradeSource, *, now: Clock
) -> Lookouts:
    """Look at disk, credits and the age of grades, as far as this process can."""
    path = machine.sqlite_path(config)
    is_live = config.engine.chosen != "replay"
    plan = LookoutPlan(
        source=source.name,
        stale_after=STALE_UPDATES * source.update_every if is_live else None,
        disk=None if path is None else partial(machine.free_space, path),
        disk_low=machine.DISK_LOW,
        where=str(path or ""),
        credits=credits_of(source),
        credits_limit=config.engine.credits_per_month,
    )
    return Lookouts(store, plan, now=now)


def credits_of(source: GradeSource) -> Callable[[], int | None]:
    """Return what counts an engine's calls of this month; only a metered one does."""
    return lambda: getattr(source, "credits_used", None)


def watch_with(metrics: Metrics, config: Config, source: GradeSource) -> None:
    """Show disk and credits among the metrics."""
    metrics.watch_credits(credits_of(source), config.engine.credits_per_month)
    path = machine.sqlite_path(config)
    if path is not None:
        metrics.watch_disk(partial(machine.free_space, path))
