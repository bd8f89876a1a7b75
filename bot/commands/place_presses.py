"""The buttons of a place's menu; who presses is asked for at that moment."""

from bot import broadcasts
from bot.commands import places, sites
from bot.commands.room import Room
from bot.commands.sites import Site
from bot.errors import UserError
from bot.model import PlaceKind
from bot.ports import Call, PressReply

_TAKE = "take-"


async def press(room: Room, call: Call, argument: str) -> PressReply:
    """Do what `<place>:<what>` says; an empty place is the one the button is in.

    Raises:
        UserError: worded for the presser.
    """
    key, _, what = argument.partition(":")
    if what == "pick":
        return PressReply(message=broadcasts.needs_place(can_choose=True))
    if not key and call.kind is PlaceKind.PRIVATE:
        raise UserError("That button works in a group or channel only")
    site = await sites.find(call, key) if key else sites.here(call)
    if not await site.is_admin():
        where = f"this {site.noun}" if site.is_here else f"that {site.noun}"
        return PressReply(toast=f"Only admins of {where} can change that.")
    if what.startswith(_TAKE):
        return await _take_over(room, call, site, what.removeprefix(_TAKE))
    if what == "test":
        return await _test(room, call, site)
    reply = await places.carry_out(room, call, site, what.split())
    if what == "show":
        return PressReply(message=reply)
    return PressReply(toast="" if what == "menu" else "Done.", edited=reply)


async def _take_over(room: Room, call: Call, site: Site, number: str) -> PressReply:
    if not number.isdecimal():
        raise UserError("This button is from an older message")
    reply = await places.take_over(room, call, site, int(number))
    return PressReply(toast="Done.", edited=reply)


async def _test(room: Room, call: Call, site: Site) -> PressReply:
    """Post a test in the place itself, so that the admins see what members see."""
    reply = await places.post_test(room, call, site)
    return PressReply(toast=reply.title.plain[:200])
