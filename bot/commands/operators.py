"""/claim: the one-time code of the first start makes an operator.

Where it is typed is remembered: there the operator is told of trouble.
"""

import json
import secrets
from collections.abc import Mapping

from bot import notices, plausible
from bot.commands.room import CLAIM_CODE, OPERATOR_PLACES, OPERATORS, Room
from bot.errors import UserError
from bot.message import Message
from bot.model import Address, PlaceKind
from bot.ports import Call, Store


async def claim(room: Room, call: Call, arguments: str) -> Message:
    """Make whoever types the code an operator; the code works once."""
    if call.kind is not PlaceKind.PRIVATE:
        raise UserError(
            "/claim is for the private chat", hint="Here everybody would read the code."
        )
    if await room.is_operator(call.user):
        await remember_place(room.store, call.user, call.place)
        return notices.claimed(is_new=False)
    code = arguments.strip().upper()
    if not code or not await room.store.take_value(CLAIM_CODE, code):
        raise UserError(
            "That is not the code",
            hint="It is printed in the log at the first start, and works once.",
        )
    known = await room.claimed_operators()
    await room.store.set_value(OPERATORS, json.dumps([*known, call.user]))
    await remember_place(room.store, call.user, call.place)
    return notices.claimed(is_new=True)


async def believe(room: Room, call: Call, arguments: str) -> Message:
    """Let an operator say that a snapshot that was held as implausible is so."""
    del arguments
    if not await room.is_operator(call.user):
        return notices.refused("Only operators can say that")
    return notices.believed(is_new=await say_so(room))


async def say_so(room: Room) -> bool:
    """Believe what is held now; False where nothing is."""
    polls = await room.store.last_polls(room.source.name, 1)
    if not polls or not polls[0].reason.startswith(plausible.PREFIX):
        return False
    name = plausible.believe_name(room.source.name)
    word = plausible.belief(polls[0].reason, room.now())
    await room.store.set_value(name, word)
    return True


async def remember_place(store: Store, user: str, place: Address) -> None:
    """Keep where an operator can be written to."""
    known = {u: str(a) for u, a in (await remembered_places(store)).items()}
    if known.get(user) != str(place):
        known[user] = str(place)
        await store.set_value(OPERATOR_PLACES, json.dumps(known))


async def remembered_places(store: Store) -> Mapping[str, Address]:
    """Return where operators can be written to, by `platform:id`, as far as known."""
    text = await store.get_value(OPERATOR_PLACES)
    known = json.loads(text) if text else {}
    return {str(user): Address.parse(str(place)) for user, place in known.items()}


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
