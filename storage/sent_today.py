"""What recipients with a noise budget were sent on their own day."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from bot.local_time import day_start
from bot.model import EventKind, MessageKind, Recipient, Today
from storage.packed import among, named
from storage.tables import DELIVERIES, EVENTS, MESSAGES

#: no local day is longer
_LONGEST_DAY = timedelta(hours=26)


def load_today(
    connection: Connection, recipients: Collection[Recipient], now: datetime
) -> Mapping[int, Today]:
    """Load what those who have a daily budget were sent today; asks nothing else."""
    starts = {
        who.id: day_start(now, who.preferences.clock)
        for who in recipients
        if who.preferences.daily_budget is not None
    }
    if not starts:
        return {}
    statement = select(
        MESSAGES.c.recipient_id, MESSAGES.c.settled_at, MESSAGES.c.delivery_ids
    ).where(
        among(MESSAGES.c.recipient_id),
        MESSAGES.c.state == "sent",
        MESSAGES.c.kind == MessageKind.ALERT.value,
        MESSAGES.c.settled_at > now - _LONGEST_DAY,
    )
    rows = connection.execute(statement, {"ids": list(starts)}).all()
    sent = [row for row in rows if row.settled_at >= starts[row.recipient_id]]
    events = {
        row.id: row
        for row in named(
            connection.execute(
                select(DELIVERIES.c.id, EVENTS.c.kind, EVENTS.c.asset_id)
                .join(EVENTS, EVENTS.c.id == DELIVERIES.c.event_id)
                .where(among(DELIVERIES.c.id)),
                {"ids": [i for row in sent for i in row.delivery_ids]},
            )
        )
    }
    found: dict[int, Today] = {}
    for who in starts:
        messages = [row for row in sent if row.recipient_id == who]
        told = [events[i] for row in messages for i in row.delivery_ids if i in events]
        crossings = sum(e.kind == EventKind.CROSSING.value for e in told)
        turned = Counter(e.asset_id for e in told if e.kind != EventKind.CROSSING.value)
        found[who] = Today(
            messages=len(messages),
            flips=sum(turned.values()),
            crossings=crossings,
            repeated=sum(count > 1 for count in turned.values()),
        )
    return found
