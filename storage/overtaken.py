"""Which waiting news a later event has overtaken that is still being fanned out."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from bot.model import EventKind, Waiting
from storage.database import in_batches
from storage.tables import EVENTS

#: a fan-out may end between two reads of one claim, and on another worker's clock
_JUST_ENDED = timedelta(seconds=5)


def load_overtaken(
    connection: Connection, waiting: Mapping[int, Sequence[Waiting]], now: datetime
) -> Mapping[int, frozenset[int]]:
    """Return, per recipient, the assets as `Claim.overtaken` says.

    Asks nothing unless an asset stands where no event that waits here has left it.
    """
    last: dict[tuple[int, int], Waiting] = {}
    for recipient_id, each in waiting.items():
        for one in each:
            if one.event.kind is not EventKind.CROSSING:
                last[recipient_id, one.asset.id] = one
    unled = {
        key: one.event.id
        for key, one in last.items()
        if one.asset.state is not None
        and one.asset.state.standing is not one.event.to_signal
    }
    if not unled:
        return {}
    newest = _newest_open(
        connection, {asset_id for _, asset_id in unled}, min(unled.values()), now
    )
    found: dict[int, set[int]] = {}
    for (recipient_id, asset_id), event_id in unled.items():
        if newest.get(asset_id, 0) > event_id:
            found.setdefault(recipient_id, set()).add(asset_id)
    return {recipient_id: frozenset(ids) for recipient_id, ids in found.items()}


def _newest_open(
    connection: Connection, asset_ids: set[int], after: int, now: datetime
) -> dict[int, int]:
    """Return each asset's newest event after one that is, or just was, fanned out."""
    newest: dict[int, int] = {}
    for batch in in_batches(asset_ids):
        rows = connection.execute(
            select(EVENTS.c.asset_id, func.max(EVENTS.c.id).label("id"))
            .where(
                EVENTS.c.asset_id.in_(batch),
                EVENTS.c.id > after,
                EVENTS.c.kind != EventKind.CROSSING.value,
                or_(
                    EVENTS.c.fanned_out_at.is_(None),
                    EVENTS.c.fanned_out_at > now - _JUST_ENDED,
                ),
            )
            .group_by(EVENTS.c.asset_id)
        )
        newest |= {row.asset_id: row.id for row in rows}
    return newest
