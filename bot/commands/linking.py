"""/link, /unlink: one watchlist for several chats of one person."""

import hashlib
import secrets
from datetime import timedelta

from bot.commands.room import Room
from bot.commands.settings import private_only
from bot.errors import UserError
from bot.message import Message
from bot.model import Address, Recipient
from bot.ports import Call, PressReply
from bot.texts import people as texts

#: what asks for a code though the chat is linked already
_NEW = frozenset({"new", "code", "another"})
#: letters and digits that are not mistaken for one another
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
#: 32 ** 8 is a million million codes, of which one is right for ten minutes
CODE_LENGTH = 8
CODE_LASTS = timedelta(minutes=10)
#: wrong codes that one chat may type in a while
TRIES_MAX = 5
TRIES_WITHIN = timedelta(minutes=15)
#: chats of one person
ROUTES_MAX = 5


async def link(room: Room, call: Call, arguments: str) -> Message:
    """Give a code, show what is linked, or take a code."""
    private_only(call, "/link")
    recipient = await room.recipient(call)
    if arguments.strip().lower() in _NEW:
        return await _new_code(room, call, recipient)
    typed = _bare(arguments)
    if typed:
        return await _take(room, recipient, typed)
    if await room.store.list_routes(recipient.id):
        return texts.linked(await _chats(room, recipient, call.place))
    return await _new_code(room, call, recipient)


async def unlink(room: Room, call: Call, arguments: str) -> Message:
    """Let this chat go its own way."""
    del arguments
    private_only(call, "/unlink")
    if not await room.store.part(call.place, now=room.now()):
        return texts.not_linked()
    room.wake()
    return texts.parted()


async def press(room: Room, call: Call, argument: str) -> PressReply:
    """Do what a button of /link says."""
    recipient = await room.recipient(call)
    name, _, value = argument.partition(":")
    match name:
        case "code":
            return PressReply(message=await _new_code(room, call, recipient))
        case "join":
            return await _join(room, call, recipient, _bare(value))
        case "use":
            return await _use(room, call, recipient, value)
        case "part":
            message = await unlink(room, call, "")
            return PressReply(edited=message)
        case _:
            return PressReply(toast="This button is from an older message.")


async def _new_code(room: Room, call: Call, recipient: Recipient) -> Message:
    if len(await room.store.list_routes(recipient.id)) >= ROUTES_MAX:
        raise UserError(
            f"At most {ROUTES_MAX} chats share a watchlist",
            hint="/unlink in one of them makes room.",
        )
    code = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
    await room.store.set_link_code(
        recipient.id,
        _digest(code),
        account=call.user,
        expires_at=room.now() + CODE_LASTS,
    )
    half = CODE_LENGTH // 2
    return texts.code(f"{code[:half]}-{code[half:]}", CODE_LASTS)


async def _take(room: Room, recipient: Recipient, typed: str) -> Message:
    """Look a code up and ask; nothing is joined yet."""
    home = await _home(room, recipient, typed)
    watches = await room.store.list_watches(home.id)
    return texts.ask_join(home, len(watches), typed)


async def _home(room: Room, recipient: Recipient, typed: str) -> Recipient:
    """Return whose code it is.

    Raises:
        UserError: it is nobody's, too many wrong ones were typed, or there is no room.
    """
    now = room.now()
    since = now - TRIES_WITHIN
    tries = await room.store.count_link_tries(recipient.id, since=since)
    if tries >= TRIES_MAX:
        raise UserError(
            "Too many wrong codes",
            hint=f"Try again in {TRIES_WITHIN.seconds // 60} minutes.",
        )
    home = await room.store.find_link(_digest(typed), now=now)
    if home is None:
        await room.store.note_link_try(recipient.id, now=now)
        raise UserError(
            "That is no code of mine now",
            hint="It works once, for 10 minutes. /link in the other chat makes one.",
        )
    if home.id == recipient.id:
        raise UserError(
            "That code was made here",
            hint="Type it in your other private chat with me.",
        )
    known = [
        max(len(await room.store.list_routes(each.id)), 1) for each in (home, recipient)
    ]
    if sum(known) > ROUTES_MAX:
        raise UserError(
            f"At most {ROUTES_MAX} chats share a watchlist",
            hint="/unlink in one of them makes room.",
        )
    return home


async def _join(room: Room, call: Call, recipient: Recipient, typed: str) -> PressReply:
    routes = await room.store.list_routes(recipient.id)
    if routes and await room.store.find_link(_digest(typed), now=room.now()) is None:
        # pressed twice: it is done already
        return PressReply(
            edited=texts.linked(await _chats(room, recipient, call.place))
        )
    await _home(room, recipient, typed)
    joined = await room.store.join(
        recipient.id, _digest(typed), account=call.user, now=room.now()
    )
    if joined is None:
        return PressReply(toast="The code was used in this very moment.")
    room.wake()
    watches = await room.store.list_watches(joined.recipient.id)
    chats = await _chats(room, joined.recipient, call.place)
    return PressReply(edited=texts.joined_now(chats, len(watches), joined.differing))


async def _use(room: Room, call: Call, recipient: Recipient, value: str) -> PressReply:
    try:
        address = Address.parse(value)
    except ValueError:
        return PressReply(toast="This button is from an older message.")
    if not await room.store.choose_route(recipient.id, address, now=room.now()):
        return PressReply(toast="That chat is not linked any more.")
    room.wake()
    found = await room.recipient(call)
    return PressReply(edited=texts.linked(await _chats(room, found, call.place)))


async def _chats(room: Room, recipient: Recipient, here: Address) -> texts.Chats:
    routes = await room.store.list_routes(recipient.id)
    return texts.Chats(here=here, routes=tuple(routes))


def _bare(typed: str) -> str:
    """Write a code as it was made, however it was typed."""
    return "".join(c for c in typed.upper() if c.isalnum())[: 2 * CODE_LENGTH]


def _digest(code: str) -> str:
    """Return what is stored of a code: nobody reads codes out of a backup."""
    return hashlib.sha256(f"link:{code}".encode()).hexdigest()
