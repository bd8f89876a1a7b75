"""/claim: the one-time code of the first start makes an operator."""

import json
import secrets

from bot import notices
from bot.commands.room import CLAIM_CODE, OPERATORS, Room
from bot.errors import UserError
from bot.message import Message
from bot.model import PlaceKind
from bot.ports import Call, Store


async def claim(room: Room, call: Call, arguments: str) -> Message:
    """Make whoever types the code an operator; the code works once."""
    if call.kind is not PlaceKind.PRIVATE:
        raise UserError(
            "/claim is for the private chat", hint="Here everybody would read the code."
        )
    if await room.is_operator(call.user):
        return notices.claimed(is_new=False)
    code = arguments.strip().upper()
    if not code or not await room.store.take_value(CLAIM_CODE, code):
        raise UserError(
            "That is not the code",
            hint="It is printed in the log at the first start, and works once.",
        )
    known = await room.claimed_operators()
    await room.store.set_value(OPERATORS, json.dumps([*known, call.user]))
    return notices.claimed(is_new=True)


async def first_start_code(store: Store, *, has_operators: bool) -> str | None:
    """Return the code to print while nobody operates the bot yet; made only once."""
    if has_operators or await store.get_value(OPERATORS):
        return None
    known = await store.get_value(CLAIM_CODE)
    if known is not None:
        return known
    code = secrets.token_hex(5).upper()
    await store.set_value(CLAIM_CODE, code)
    return code
