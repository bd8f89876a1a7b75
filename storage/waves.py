"""Broad moves that were told a moment ago, to be gone on with."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from bot.model import EventKind, MessageKind, Wave
from bot.noise import WAVE_FOR
from storage.assets import read_assets, select_events
from storage.packed import among, named
from storage.rows import to_event
from storage.tables import DELIVERIES, EVENTS, MESSAGES

_KINDS = (MessageKind.WAVE.value, MessageKind.MORE.value)


def load_waves(
    connection: Connection, rows: Mapping[int, Any], now: datetime
) -> Mapping[int, Wave]:
    """Load each recipient's broad move of the last half hour, with all told of it.

    `rows` are recipients'. Asks nothing unless one of them was told of a broad move.
    """
    recent = [
        number
        for number, row in rows.items()
        if row.wave_at is not None and now - row.wave_at < WAVE_FOR
    ]
    if not recent:
        return {}
    told: dict[int, list[Any]] = {}
    for message in named(connection.execute(_TOLD, {"ids": recent})):
        if message.settled_at < rows[message.recipient_id].wave_at:
            continue
        told.setdefault(message.recipient_id, []).append(message)
    wanted = [i for each in told.values() for m in each for i in m.delivery_ids]
    events = _load_flips(connection, wanted)
    assets = read_assets(connection, {event.asset_id for event in events.values()})
    return {
        number: Wave(
            message_ref=each[0].first_ref,
            told=tuple(
                (assets[events[i].asset_id], events[i])
                for message in each
                for i in sorted(message.delivery_ids)
                if i in events
            ),
        )
        for number, each in told.items()
        if each[0].kind == MessageKind.WAVE.value and each[0].first_ref
    }


_TOLD = (
    select(
        MESSAGES.c.id,
        MESSAGES.c.recipient_id,
        MESSAGES.c.kind,
        MESSAGES.c.first_ref,
        MESSAGES.c.delivery_ids,
        MESSAGES.c.settled_at,
    )
    .where(
        among(MESSAGES.c.recipient_id),
        MESSAGES.c.state == "sent",
        MESSAGES.c.kind.in_(_KINDS),
    )
    .order_by(MESSAGES.c.recipient_id, MESSAGES.c.id)
)


def _load_flips(connection: Connection, ids: Collection[int]) -> dict[int, Any]:
    """Load the flips among the events of deliveries, by delivery."""
    pairs = named(
        connection.execute(
            select(DELIVERIES.c.id, DELIVERIES.c.event_id).where(
                among(DELIVERIES.c.id)
            ),
            {"ids": list(ids)},
        )
    )
    rows = named(
        connection.execute(_FLIPS, {"ids": list({pair.event_id for pair in pairs})})
    )
    events = {row.id: to_event(row, row.asset_key) for row in rows}
    return {p.id: events[p.event_id] for p in pairs if p.event_id in events}


_FLIPS = select_events().where(
    among(EVENTS.c.id), EVENTS.c.kind == EventKind.FLIP.value
)
