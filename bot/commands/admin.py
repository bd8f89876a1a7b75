"""/admin: what operators do in chat. To everybody else it is an unknown command."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from bot import access_replies, admin_replies, pauses
from bot.access import (
    INVITE_AGE_MAX,
    INVITE_USES_MAX,
    Invite,
    Rule,
    new_code,
    read_code,
    subject_of,
)
from bot.announcing import AnnouncementState
from bot.commands.room import Room
from bot.comparisons import read_age
from bot.errors import UserError
from bot.message import Message
from bot.model import Address, DeliveryState, PlaceKind
from bot.ports import Call, PressReply

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = admin_replies.PAGE_SIZE
_INVITE_AGE = timedelta(days=7)
#: a delivery's number is a 64-bit integer
_ID_DIGITS = 18
#: so many dead letters are replayed or dropped by one `all`
_ALL_MAX = 10_000
_BLOCKED = "blocked_by_operator"

_Part = Callable[[Room, Call, str], Awaitable[Message]]


async def admin(room: Room, call: Call, arguments: str) -> Message:
    """Do what an operator asks; only operators get here."""
    if call.kind is not PlaceKind.PRIVATE:
        raise UserError(
            "/admin is for the private chat", hint="Here everybody would read it."
        )
    word, _, rest = arguments.strip().partition(" ")
    # the text of an announcement may begin on the next line
    first, _, below = word.partition("\n")
    part = _PARTS.get(first.lower())
    if not first:
        return await _overview(room)
    if part is None:
        raise UserError(
            f"/admin knows no “{first[:30]}”", hint=f"Known are {', '.join(_PARTS)}."
        )
    return await part(room, call, f"{below} {rest}".strip())


async def press(room: Room, call: Call, argument: str) -> PressReply:
    """Do what a button of an /admin answer says: the same as typing it."""
    if not await room.is_operator(call.user) or call.kind is not PlaceKind.PRIVATE:
        return PressReply(toast="This button is from an older message.")
    return PressReply(edited=await admin(room, call, argument))


# --------------------------------------------------------------------------- figures


async def _overview(room: Room) -> Message:
    return admin_replies.overview(
        await room.store.counts(room.now()),
        troubles=room.troubles(),
        current=await room.store.find_announcement(),
    )


async def _stats(room: Room, call: Call, rest: str) -> Message:
    del call, rest
    polls = await room.store.last_polls(room.source.name, 1)
    return admin_replies.stats(
        await room.store.counts(room.now()),
        crowds=await room.store.population(),
        last=polls[0] if polls else None,
        now=room.now(),
    )


async def _budget(room: Room, call: Call, rest: str) -> Message:
    del call, rest
    spending = None
    if room.spending is not None:
        spending = room.spending(await room.store.bookmark(room.source.name))
    return admin_replies.budget(spending, room.source.title)


async def _users(room: Room, call: Call, rest: str) -> Message:
    del call
    page = _page(rest)
    found = await room.store.list_recipients(offset=(page - 1) * _PAGE, limit=_PAGE)
    return admin_replies.users(
        found, crowds=await room.store.population(), page=page, now=room.now()
    )


def _page(text: str) -> int:
    word = text.strip().removeprefix("page")
    return max(1, int(word[:4])) if word.isdecimal() and word.isascii() else 1


# ---------------------------------------------------------------------- dead letters


async def _dead(room: Room, call: Call, rest: str) -> Message:
    del call
    word, *numbers = rest.lower().split() or [""]
    if word in {"replay", "drop"}:
        return await _settle_dead(room, word, numbers)
    if word and not word.removeprefix("page").isdecimal():
        raise UserError(
            f"/admin dead knows no “{word[:30]}”",
            hint="It knows replay and drop, each with numbers or all.",
        )
    page = _page(word)
    rows = await room.store.list_deliveries(
        state=DeliveryState.DEAD, limit=page * _PAGE
    )
    counts = await room.store.counts(room.now())
    reasons = await room.store.dead_letters(after=_LONG_AGO, until=room.now())
    return admin_replies.dead_letters(
        rows[(page - 1) * _PAGE :],
        total=counts.deliveries.get(DeliveryState.DEAD.value, 0),
        reasons=reasons,
        page=page,
        now=room.now(),
    )


async def _settle_dead(room: Room, word: str, numbers: list[str]) -> Message:
    if not numbers:
        raise UserError(
            f"Which ones to {word}?", hint=f"For example /admin dead {word} all."
        )
    if numbers == ["all"]:
        rows = await room.store.list_deliveries(
            state=DeliveryState.DEAD, limit=_ALL_MAX
        )
        ids = [row.id for row in rows]
    else:
        ids = [_number(number) for number in numbers]
        dead = await room.store.list_deliveries(
            ids=ids, state=DeliveryState.DEAD, limit=len(ids)
        )
        ids = [row.id for row in dead]
    if word == "replay":
        done = await room.store.replay_deliveries(ids, now=room.now())
        room.wake()
    else:
        done = await room.store.drop_deliveries(ids, now=room.now())
    return admin_replies.dead_settled(word, len(done))


def _number(text: str) -> int:
    word = text.strip("#,")
    if not word.isdecimal() or not word.isascii() or len(word) > _ID_DIGITS:
        raise UserError(f"“{text[:30]}” is no number", hint="/admin dead lists them.")
    return int(word)


# ---------------------------------------------------------------------------- pauses


async def _pause(room: Room, call: Call, rest: str) -> Message:
    if not rest:
        return admin_replies.pauses(await pauses.paused(room.store))
    name = _pausable(rest)
    await pauses.set_paused(room.store, name, by=call.user)
    await room.on_pause()
    return admin_replies.paused(name)


async def _resume(room: Room, call: Call, rest: str) -> Message:
    del call
    if not rest:
        return admin_replies.pauses(await pauses.paused(room.store))
    name = _pausable(rest)
    was_paused = name in await pauses.paused(room.store)
    await pauses.set_paused(room.store, name, by="")
    await room.on_pause()
    return admin_replies.resumed(name, was_paused=was_paused)


def _pausable(text: str) -> str:
    name = text.strip().lower()
    if name not in pauses.PAUSABLE:
        raise UserError(
            f"“{name[:30]}” can't be paused",
            hint=f"These can: {', '.join(pauses.PAUSABLE)}.",
        )
    return name


# --------------------------------------------------------------------- announcements


async def _announce(room: Room, call: Call, rest: str) -> Message:
    store = room.store
    word, _, number = rest.partition(" ")
    if word in {"send", "cancel", "status"} and number.isdecimal():
        return await _announce_step(room, word, _number(number))
    if not rest:
        return admin_replies.announcing(await store.find_announcement())
    drafted = await store.draft_announcement(rest, created_by=call.user, now=room.now())
    return admin_replies.announce_preview(drafted)


async def _announce_step(room: Room, word: str, number: int) -> Message:
    store, now = room.store, room.now()
    if word == "send" and not await store.start_announcement(number, now=now):
        current = await store.find_announcement()
        if current is not None and current.id != number:
            raise UserError(
                "Another announcement is being sent",
                hint=f"To stop it: /admin announce cancel {current.id}.",
            )
    if word == "cancel":
        await store.end_announcement(number, AnnouncementState.CANCELLED, now=now)
    found = await store.find_announcement(number)
    if found is None:
        raise UserError(f"There is no announcement {number}")
    return admin_replies.announcing(found)


# ---------------------------------------------------------------------------- access


async def _block(room: Room, call: Call, rest: str) -> Message:
    subject = _subject(rest, "block")
    if subject == call.user or await room.is_operator(subject):
        raise UserError(
            "An operator can't be blocked", hint="Take the person off the list first."
        )
    await room.store.set_access(_rule(room, call, subject, is_allowed=False))
    parked = 0
    for place in await _places(room, subject):
        await room.store.park(place, reason=_BLOCKED, now=room.now())
        parked += 1
    return access_replies.blocked(subject, places=parked)


async def _unblock(room: Room, call: Call, rest: str) -> Message:
    del call
    subject = _subject(rest, "unblock")
    known = await room.store.access_of([subject])
    was_blocked = known.get(subject) is False
    if was_blocked:
        await room.store.clear_access(subject)
        for place in await _places(room, subject):
            await room.store.unpark(place, now=room.now())
        room.wake()
    return access_replies.unblocked(subject, was_blocked=was_blocked)


async def _allow(room: Room, call: Call, rest: str) -> Message:
    if not rest:
        found = await room.store.list_access(is_allowed=True, limit=_PAGE)
        return access_replies.rules(found, is_allowed=True, access=room.access)
    subject = _subject(rest, "allow")
    await room.store.set_access(_rule(room, call, subject, is_allowed=True))
    return access_replies.allowed(subject, access=room.access)


async def _blocked(room: Room, call: Call, rest: str) -> Message:
    del call
    page = _page(rest)
    found = await room.store.list_access(
        is_allowed=False, offset=(page - 1) * _PAGE, limit=_PAGE
    )
    return access_replies.rules(found, is_allowed=False, access=room.access)


def _rule(room: Room, call: Call, subject: str, *, is_allowed: bool) -> Rule:
    return Rule(
        subject=subject, is_allowed=is_allowed, set_by=call.user, set_at=room.now()
    )


def _subject(text: str, word: str) -> str:
    try:
        return subject_of(Address.parse(text))
    except ValueError:
        raise UserError(
            f"Whom to {word}?", hint=f"For example /admin {word} telegram:123456789."
        ) from None


async def _places(room: Room, subject: str) -> list[Address]:
    """List the recipients of a chat, or the private ones of a user."""
    chat = Address.parse(subject)
    found = [chat] if await room.store.has_recipients(chat) else []
    private = await room.store.private_places(subject)
    return list(dict.fromkeys([*found, *private]))


# --------------------------------------------------------------------------- invites


async def _invite(room: Room, call: Call, rest: str) -> Message:
    words = rest.split()
    if words and words[0].lower() == "drop":
        code = read_code(words[1]) if len(words) > 1 else ""
        if not code or not await room.store.drop_invite(code):
            raise UserError(
                "No invite has that code", hint="/admin invites lists them."
            )
        return access_replies.invite_dropped()
    uses, age = 1, _INVITE_AGE
    for word in words:
        length = read_age(word)
        if length is not None and length <= INVITE_AGE_MAX:
            age = length
        elif word.isdecimal() and len(word) < 6 and 1 <= int(word) <= INVITE_USES_MAX:  # noqa: PLR2004 - longer ones are out of range anyway
            uses = int(word)
        else:
            raise UserError(
                f"I don't understand “{word[:30]}”",
                hint="Uses and time: /admin invite 5 30d.",
            )
    invite = Invite(
        code=new_code(),
        uses=uses,
        expires_at=room.now() + age,
        created_by=call.user,
        created_at=room.now(),
    )
    await room.store.put_invite(invite)
    link = call.private_link(invite.code) if call.private_link is not None else ""
    return access_replies.invited(invite, link=link, access=room.access)


async def _invites(room: Room, call: Call, rest: str) -> Message:
    del call, rest
    return access_replies.invites(await room.store.list_invites(room.now()))


_PARTS: Mapping[str, _Part] = {
    "stats": _stats,
    "budget": _budget,
    "dead": _dead,
    "pause": _pause,
    "resume": _resume,
    "announce": _announce,
    "users": _users,
    "block": _block,
    "unblock": _unblock,
    "blocked": _blocked,
    "allow": _allow,
    "invite": _invite,
    "invites": _invites,
}
