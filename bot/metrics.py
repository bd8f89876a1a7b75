"""The figures of /metrics: counted as they happen, or read when they are asked for.

`docs/alerts.yml` and `docs/operations.md` name them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.errors import StoreError
from bot.limits import Limits
from bot.model import DeliveryState, Event, Platform
from bot.ports import Clock, Store

_DELAYS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
#: engines grade daily: what is fresh there is hours old
_AGES = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 2 * 86400)
_ANSWERS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_POLLS = (0.1, 0.3, 1, 3, 10, 30, 60)


class Metrics:
    """Flipwatch's metrics in a registry of their own; nothing global."""

    def __init__(self, store: Store, source: str, *, now: Clock) -> None:
        self._store = store
        self._source = source
        self._now = now
        self.registry = CollectorRegistry()
        self._delay = Histogram(
            "flipwatch_delivery_delay_seconds",
            "From detection of an event to the platform's yes",
            ["platform"],
            buckets=_DELAYS,
            registry=self.registry,
        )
        self._age = Histogram(
            "flipwatch_delivery_age_seconds",
            "From the engine's own time of a reading to the platform's yes",
            ["platform"],
            buckets=_AGES,
            registry=self.registry,
        )
        self._polls = self._counter("polls", "Polls of the engine", ["result"])
        self._poll_time = Histogram(
            "flipwatch_poll_seconds",
            "From a poll's beginning to its committed events",
            buckets=_POLLS,
            registry=self.registry,
        )
        self._new_events = self._counter("detected_events", "Events", ["kind"])
        self._commands = Histogram(
            "flipwatch_command_seconds",
            "From a command or press to its reply",
            ["command"],
            buckets=_ANSWERS,
            registry=self.registry,
        )
        self._sent = Counter(
            "flipwatch_alerts_sent",
            "Alerts a platform said yes to, since this process started",
            ["platform"],
            registry=self.registry,
        )
        self._deliveries = self._gauge(
            "deliveries", "Deliveries in the store by state", ["state"]
        )
        self._reasons = self._gauge(
            "delivery_reasons", "Deliveries not sent, by reason", ["reason"]
        )
        self._watches = self._gauge("watches", "Watches in the store", [])
        self._recipients = self._gauge("recipients", "Recipients in the store", [])
        self._events = self._gauge("events", "Events in the store", [])
        self._poll_age = self._gauge(
            "last_good_poll_age_seconds", "Since a poll last brought grades", []
        )
        self._poll_ok = self._gauge("last_poll_ok", "Whether the last poll worked", [])
        self._data_age = self._gauge(
            "data_age_seconds", "Since the engine's own time of its newest grades", []
        )
        self._due = self._gauge("due_deliveries", "Deliveries that are due now", [])
        self._oldest_due = self._gauge(
            "oldest_due_seconds", "For how long the oldest of them has been due", []
        )
        self._limits: dict[Platform, Limits] = {}
        self._turns = self._gauge(
            "turns_waiting", "Sends that wait for the platform's rate", ["platform"]
        )
        self._held = self._gauge(
            "chats_held", "Chats that must wait by the platform's limits", ["platform"]
        )
        self._paused = self._gauge(
            "platform_pause_seconds",
            "For how long a platform wants nothing",
            ["platform"],
        )
        self._refusals = self._counter(
            "rate_limited", "Waits that a platform ordered (429)", ["platform"]
        )
        self._counted_refusals: dict[Platform, int] = {}
        self._credits: Callable[[], int | None] = lambda: None
        self._credits_used = self._gauge(
            "engine_credits_used", "Calls of the engine in this calendar month", []
        )
        self._credits_limit = self._gauge(
            "engine_credits_limit", "Calls its plan allows; 0: not limited", []
        )
        self._disk: Callable[[], int] | None = None
        self._disk_free = self._gauge(
            "disk_free_bytes", "Free where the SQLite file is", []
        )
        self._ready = self._gauge(
            "ready", "Whether a dependency works, as /readyz names it", ["dependency"]
        )

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(f"flipwatch_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(f"flipwatch_{name}", text, labels, registry=self.registry)

    def sent(self, platform: Platform, delay: timedelta) -> None:
        """Count one sent alert and its delay since detection."""
        self._sent.labels(platform.value).inc()
        self._delay.labels(platform.value).observe(max(0.0, delay.total_seconds()))

    def aged(self, platform: Platform, age: timedelta) -> None:
        """Count how old a sent alert's reading was by the engine's own time."""
        self._age.labels(platform.value).observe(max(0.0, age.total_seconds()))

    def polled(self, reason: str, took: timedelta, events: Sequence[Event]) -> None:
        """Count a poll: why it failed (empty: it worked), its length, its events."""
        self._polls.labels(reason or "ok").inc()
        self._poll_time.observe(max(0.0, took.total_seconds()))
        for event in events:
            self._new_events.labels(event.kind.value).inc()

    def answered(self, command: str, took: timedelta) -> None:
        """Count a command or press that had its reply."""
        self._commands.labels(command).observe(max(0.0, took.total_seconds()))

    def watch_limits(self, platform: Platform, limits: Limits) -> None:
        """Show a platform's limits from now on."""
        self._limits[platform] = limits

    def watch_credits(self, used: Callable[[], int | None], limit: int | None) -> None:
        """Show an engine's credits from now on; None: it has none."""
        self._credits = used
        self._credits_limit.set(limit or 0)

    def watch_disk(self, free: Callable[[], int]) -> None:
        """Show the space that is free from now on."""
        self._disk = free

    def note_health(self, health: Mapping[str, str]) -> None:
        """Show what /readyz says."""
        for dependency, trouble in health.items():
            self._ready.labels(dependency).set(int(not trouble))

    async def refresh(self) -> None:
        """Read what is counted elsewhere; of a store that is down old figures stay."""
        self._refresh_limits()
        if self._disk is not None:
            with suppress(OSError):
                self._disk_free.set(self._disk())
        used = self._credits()
        if used is not None:
            self._credits_used.set(used)
        try:
            backlog = await self._store.backlog(self._now())
            counts = await self._store.counts(self._now())
            good = await self._store.last_good_poll(self._source)
            last = await self._store.last_polls(self._source, 1)
        except StoreError:
            return
        for state in DeliveryState:
            self._deliveries.labels(state.value).set(
                counts.deliveries.get(state.value, 0)
            )
        self._reasons.clear()
        for reason, count in counts.reasons.items():
            self._reasons.labels(reason or "none").set(count)
        self._watches.set(counts.watches)
        self._recipients.set(counts.recipients)
        self._events.set(counts.events)
        if good is not None:
            at = good.finished_at or good.started_at
            self._poll_age.set((self._now() - at).total_seconds())
            if good.as_of is not None:
                self._data_age.set((self._now() - good.as_of).total_seconds())
        self._due.set(backlog.due)
        waited = timedelta() if backlog.oldest is None else self._now() - backlog.oldest
        self._oldest_due.set(max(0.0, waited.total_seconds()))
        if last:
            self._poll_ok.set(int(last[0].is_ok))

    def _refresh_limits(self) -> None:
        for platform, limits in self._limits.items():
            load = limits.load()
            self._turns.labels(platform.value).set(load.turns_waiting)
            self._held.labels(platform.value).set(load.chats_held)
            self._paused.labels(platform.value).set(limits.pause_left().total_seconds())
            known = self._counted_refusals.get(platform, 0)
            self._refusals.labels(platform.value).inc(load.refusals - known)
            self._counted_refusals[platform] = load.refusals
