"""What is kept how long, kind by kind, so that no table grows for ever. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from bot.operating_config import KeepConfig

#: what has run out is kept a little longer: a clock may step back
EXPIRED_FOR = timedelta(days=30)


class Kept(StrEnum):
    """A kind of rows that are taken away once they are old."""

    DELIVERIES = "deliveries"
    OVERTAKEN = "overtaken"
    DEAD = "dead"
    MESSAGES = "messages"
    EVENTS = "events"
    READINGS = "readings"
    MARKET = "market"
    ANNOUNCEMENTS = "announcements"
    POLLS = "polls"
    INBOX = "inbox"
    GONE = "gone"
    EXPIRED = "expired"


def cutoffs(keep: KeepConfig, now: datetime) -> Sequence[tuple[Kept, datetime]]:
    """List the kinds in the order they are to be pruned, each with its oldest moment.

    What is kept for ever (0 days) is not in it.
    Deliveries come before the events they name.
    """
    days = {
        Kept.GONE: keep.gone,
        Kept.DELIVERIES: keep.deliveries,
        Kept.OVERTAKEN: keep.deliveries,
        Kept.DEAD: keep.dead,
        Kept.MESSAGES: keep.deliveries,
        Kept.EVENTS: keep.events,
        Kept.READINGS: keep.readings,
        Kept.MARKET: keep.readings,
        Kept.ANNOUNCEMENTS: keep.deliveries,
        Kept.POLLS: keep.polls,
        Kept.INBOX: keep.inbox,
    }
    found = [
        (kind, now - timedelta(days=count)) for kind, count in days.items() if count
    ]
    return [*found, (Kept.EXPIRED, now - EXPIRED_FOR)]
