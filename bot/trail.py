"""What became of one event for one recipient, from what is stored. Values."""

from dataclasses import dataclass
from datetime import datetime

from bot.model import Asset, DeliveryState, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailDelivery:
    """One delivery and how far it has come.

    Attributes:
        reason: why it waits, was skipped or died; empty once it is sent.
        held_for: what held it last; empty where nothing has.
        created_at: when it was matched with the watch.
        together: how many deliveries the message that carries it has; 0 without one.
    """

    id: int
    state: DeliveryState
    reason: str
    held_for: str
    created_at: datetime
    due_at: datetime
    attempts: int
    watch_id: int | None
    sent_at: datetime | None = None
    together: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """An event, its asset as it stands now, and its delivery if there is one."""

    event: Event
    asset: Asset
    delivery: TrailDelivery | None = None
