"""What a watch would have sent in the past: the one place that knows the answer."""

from bot.broadcasts import Past
from bot.commands.room import Room
from bot.model import Conditions, Target


async def last_90_days(
    room: Room, target: Target, conditions: Conditions
) -> Past | None:
    """Return what a broadcast would have been in the last 90 days.

    None where that is not known: then nothing is said about it. Nothing replays
    history yet, so it never is.
    """
    del room, target, conditions
    return None
