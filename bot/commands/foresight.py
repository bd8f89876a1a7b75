"""What a broadcast would have been in the past: tried on stored readings."""

from bot.broadcasts import Past
from bot.commands.rehearsing import PATIENCE
from bot.commands.room import Room
from bot.model import (
    Address,
    Conditions,
    PlaceKind,
    Platform,
    Recipient,
    Target,
    Watch,
)

#: any group: how often it would have been is the same for all that are new
_SOMEWHERE = Address(Platform.WEB, "foresight")


async def last_90_days(
    room: Room, target: Target, conditions: Conditions
) -> Past | None:
    """Return what a new group would have been sent in the last 90 days.

    None where too little history is stored, or where that takes too long to find out
    for somebody who waits: then nothing is said about it.
    """
    if room.rehearsals is None:
        return None
    now = room.now()
    group = Recipient(id=0, address=_SOMEWHERE, kind=PlaceKind.GROUP, created_at=now)
    watch = Watch(
        id=1,
        recipient_id=0,
        target=target,
        conditions=conditions,
        text="",
        created_at=now,
    )
    found = await room.rehearsals.of(group, [watch], patience=PATIENCE)
    if found is None:
        return None
    worst = found.worst_day
    return Past(
        posts=len(found.sent),
        worst_day=0 if worst is None else worst[1],
        days=found.days,
    )
