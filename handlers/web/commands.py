"""Chat page input -> the platform-free use cases. No logic."""

from dataclasses import replace

from bot.message import Attachment, Message
from bot.model import Address, PlaceKind, Platform
from bot.ports import Call, Desk, PressReply


async def say(
    desk: Desk,
    inbox: str,
    text: str,
    *,
    language: str,
    file: Attachment | None = None,
) -> Message | None:
    """Do what was typed on a page and return the one reply, if there is one."""
    return await desk.say(replace(_call(inbox, text, language), attachment=file))


async def press(
    desk: Desk, inbox: str, entry_id: int, action: str, *, language: str
) -> PressReply:
    """Do what the button on an entry says."""
    return await desk.press(_call(inbox, "", language, str(entry_id)), action)


def address_of(inbox: str) -> Address:
    """Return the recipient address of an inbox."""
    return Address(Platform.WEB, inbox)


def _call(inbox: str, text: str, language: str, message_ref: str = "") -> Call:
    address = address_of(inbox)
    return Call(
        place=address,
        kind=PlaceKind.PRIVATE,
        user=str(address),
        text=text,
        language=language,
        is_admin=_always,
        message_ref=message_ref,
    )


async def _always() -> bool:
    """Whoever holds the cookie is at home in the inbox."""
    return True
