"""The figures of /metrics: counted as they happen, or read from the store."""

from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.errors import StoreError
from bot.model import DeliveryState, Platform
from bot.ports import Clock, Store

_DELAYS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)


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

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(f"flipwatch_{name}", text, labels, registry=self.registry)

    def sent(self, platform: Platform, delay: timedelta) -> None:
        """Count one sent alert and its delay since detection."""
        self._sent.labels(platform.value).inc()
        self._delay.labels(platform.value).observe(max(0.0, delay.total_seconds()))

    async def refresh(self) -> None:
        """Read what is counted in the store; leaves old figures if it is down."""
        try:
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
        if last:
            self._poll_ok.set(int(last[0].is_ok))
