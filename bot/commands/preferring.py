"""/quiet, /timezone, /digest, /pace, /sound, /budget, /pictures and their like.

What is typed and what a button carries go through the same functions: a button is a
typed form somebody else wrote.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bot import time_words, zones
from bot.commands.room import Room
from bot.commands.settings import mute_until, private_only
from bot.errors import UserError
from bot.grammar import suggest
from bot.languages import LANGUAGES, choose
from bot.message import Message
from bot.model import Recipient
from bot.ports import Call
from bot.preferences import BUDGET_MAX, NewsKind, Pace, Preferences, Sound
from bot.texts import settings as texts

_OFF = frozenset({"off", "none", "no", "stop", "clear", "0"})
_ON = frozenset({"on", "yes"})
#: what people call the kinds of messages
_KINDS: Mapping[str, NewsKind] = {
    "flip": NewsKind.FLIP,
    "flips": NewsKind.FLIP,
    "line": NewsKind.CROSSING,
    "lines": NewsKind.CROSSING,
    "crossing": NewsKind.CROSSING,
    "crossings": NewsKind.CROSSING,
    "correction": NewsKind.CORRECTION,
    "corrections": NewsKind.CORRECTION,
    "summary": NewsKind.SUMMARY,
    "summaries": NewsKind.SUMMARY,
    "digest": NewsKind.DIGEST,
    "digests": NewsKind.DIGEST,
    "source": NewsKind.SOURCE,
    "engine": NewsKind.SOURCE,
    "trouble": NewsKind.SOURCE,
}
_SOUNDS: Mapping[str, Sound] = {
    "on": Sound.ON,
    "ring": Sound.ON,
    "loud": Sound.ON,
    "silent": Sound.SILENT,
    "quiet": Sound.SILENT,
    "off": Sound.OFF,
    "none": Sound.OFF,
}


class UnknownPlaceError(Exception):
    """A place that is no zone; carries the reply."""

    def __init__(self, reply: Message) -> None:
        super().__init__(reply.title.plain)
        self.reply = reply


_Change = Callable[[Room, Recipient, str], Awaitable[None]]
_Page = Callable[[texts.View], Message]


async def view(room: Room, recipient: Recipient) -> texts.View:
    """Load what the settings pages show."""
    found = await room.store.find_recipient(recipient.address) or recipient
    mutes = await room.store.list_mutes(found.id, room.now())
    ids = [m.asset_id for m in mutes if m.asset_id is not None]
    assets = await room.store.get_assets(ids)
    return texts.View(
        preferences=found.preferences,
        now=room.now(),
        muted=sorted(assets.values(), key=lambda a: a.symbol),
        muted_all=next((m for m in mutes if m.asset_id is None), None),
        language=choose(found.language).name,
    )


async def page(room: Room, recipient: Recipient, key: str) -> Message:
    """Return a page of the menu, the menu itself for an unknown one."""
    shown = await view(room, recipient)
    if key == "language":
        found = await room.store.find_recipient(recipient.address) or recipient
        offers = [(each.code, each.name) for each in LANGUAGES.values()]
        return texts.language_page(shown, offers, choose(found.language).code)
    kind = key.removeprefix("sound:")
    if kind != key and kind in {k.value for k in NewsKind}:
        return texts.kind_page(shown, NewsKind(kind))
    return _PAGES.get(key, texts.menu)(shown)


async def change(room: Room, recipient: Recipient, key: str, value: str) -> None:
    """Apply one setting; idempotent.

    Raises:
        UserError: with what cannot be read.
        UnknownPlaceError: with the reply.
    """
    await _CHANGES[key](room, recipient, value)
    room.wake()


async def _save(room: Room, recipient: Recipient, **changes: object) -> None:
    """Change some preferences, starting from what is stored now."""
    known = await room.store.find_recipient(recipient.address) or recipient
    wanted: Preferences = replace(known.preferences, **changes)  # type: ignore[arg-type]  # the callers name fields
    if wanted != known.preferences:
        await room.store.set_preferences(known.id, wanted, now=room.now())


# ----------------------------------------------------------------------- each setting


async def _quiet(room: Room, recipient: Recipient, value: str) -> None:
    if value.strip().lower() in _OFF:
        await _save(room, recipient, quiet=None)
        return
    quiet, place = time_words.quiet_hours(value)
    zone = {"zone": _zone(room, place)} if place else {}
    await _save(room, recipient, quiet=quiet, **zone)


async def _timezone(room: Room, recipient: Recipient, value: str) -> None:
    await _save(room, recipient, zone=_zone(room, value))


def _zone(room: Room, place: str) -> str:
    sought = zones.seek(place[:60])
    if not sought.zone:
        reply = texts.unknown_place(place, sought.suggestions, room.now())
        raise UnknownPlaceError(reply)
    return sought.zone


async def _digest(room: Room, recipient: Recipient, value: str) -> None:
    if value.strip().lower() in _OFF:
        await _save(room, recipient, digest=None)
        return
    digest, place = time_words.digest(value)
    zone = {"zone": _zone(room, place)} if place else {}
    await _save(room, recipient, digest=digest, **zone)


async def _pace(room: Room, recipient: Recipient, value: str) -> None:
    await _save(room, recipient, pace=_one_of(Pace, value, "pace"))


def _one_of(kind: type[Pace], value: str, what: str) -> Pace:
    word = value.strip().lower()
    for each in kind:
        if each.value == word:
            return each
    near = suggest(word, [each.value.upper() for each in kind]).lower()
    raise UserError(
        f"There is no {what} “{value.strip()[:20]}”",
        hint=f"Did you mean {near}?" if near else "There are calm, normal and fast.",
    )


async def _sound(room: Room, recipient: Recipient, value: str) -> None:
    words = value.lower().replace(":", " ").split()
    kinds = [_KINDS[w] for w in words if w in _KINDS]
    sounds = [_SOUNDS[w] for w in words if w in _SOUNDS]
    strange = [w for w in words if w not in {*_KINDS, *_SOUNDS, "all", "everything"}]
    if strange or len(sounds) != 1:
        marked = " ".join(f"▸{w}◂" if w in strange else w for w in words)
        raise UserError(
            "I can't read this sound",
            marked=f"/sound {marked}",
            hint="For example /sound lines on, or /sound silent for everything.",
        )
    if not kinds and sounds[0] is Sound.OFF:
        raise UserError(
            "To hear nothing at all, use /mute",
            hint="/sound silent lets everything come without a sound.",
        )
    known = await room.store.find_recipient(recipient.address) or recipient
    chosen = dict(known.preferences.sounds)
    chosen |= dict.fromkeys(kinds or NewsKind, sounds[0])
    await _save(room, recipient, sounds=chosen)


async def _budget(room: Room, recipient: Recipient, value: str) -> None:
    word = value.strip().lower()
    if word in _OFF:
        await _save(room, recipient, daily_budget=None)
        return
    number = word.split()[0] if word else ""
    if not number.isdecimal() or not 1 <= int(number[:9]) <= BUDGET_MAX:
        raise UserError(
            f"A number of messages from 1 to {BUDGET_MAX}, please",
            marked=f"/budget ▸{value.strip()[:20]}◂",
            hint="For example /budget 3, or /budget off.",
        )
    await _save(room, recipient, daily_budget=int(number))


async def _life(room: Room, recipient: Recipient, value: str) -> None:
    word = value.strip().lower()
    if word not in _ON | _OFF:
        raise UserError("On or off, please", hint="For example /signoflife off.")
    await _save(room, recipient, sign_of_life=word in _ON)


async def _pictures(room: Room, recipient: Recipient, value: str) -> None:
    word = value.strip().lower()
    if word not in _ON | _OFF:
        raise UserError("On or off, please", hint="For example /pictures on.")
    await _save(room, recipient, pictures=word in _ON)


async def _language(room: Room, recipient: Recipient, value: str) -> None:
    word = value.strip().casefold()
    for language in LANGUAGES.values():
        if word in {language.code, language.name.casefold()}:
            await room.store.set_language(recipient.id, language.code)
            return
    names = ", ".join(each.name for each in LANGUAGES.values())
    raise UserError(
        f"I don't speak “{value.strip()[:20]}” yet", hint=f"I speak {names}."
    )


async def _mutes(room: Room, recipient: Recipient, value: str) -> None:
    if value in _OFF:
        await room.store.clear_mutes(recipient.id, None, now=room.now())
        return
    await mute_until(room, recipient, None, value)


_CHANGES: Mapping[str, _Change] = {
    "zone": _timezone,
    "quiet": _quiet,
    "digest": _digest,
    "pace": _pace,
    "sound": _sound,
    "budget": _budget,
    "life": _life,
    "pictures": _pictures,
    "language": _language,
    "mutes": _mutes,
}
_PAGES: Mapping[str, _Page] = {
    "zone": texts.zone_page,
    "quiet": texts.quiet_page,
    "digest": texts.digest_page,
    "pace": texts.pace_page,
    "sound": texts.sound_page,
    "budget": texts.budget_page,
    "life": texts.life_page,
    "pictures": texts.pictures_page,
    "mutes": texts.mutes_page,
}


def has_setting(key: str) -> bool:
    """Whether there is a setting of this name."""
    return key in _CHANGES


# --------------------------------------------------------------------- what is typed


async def settings(room: Room, call: Call, arguments: str) -> Message:
    """Show the menu of all settings."""
    del arguments
    private_only(call, "/settings")
    return await page(room, await room.recipient(call), "")


def _typed(key: str, command: str) -> Callable[[Room, Call, str], Awaitable[Message]]:
    """Make the command of one setting: bare it shows its page, else it sets."""

    async def run(room: Room, call: Call, arguments: str) -> Message:
        private_only(call, command)
        recipient = await room.recipient(call)
        if arguments.strip():
            try:
                await change(room, recipient, key, arguments)
            except UnknownPlaceError as error:
                return error.reply
        return await page(room, recipient, key)

    return run


quiet = _typed("quiet", "/quiet")
timezone = _typed("zone", "/timezone")
digest = _typed("digest", "/digest")
pace = _typed("pace", "/pace")
sound = _typed("sound", "/sound")
budget = _typed("budget", "/budget")
signoflife = _typed("life", "/signoflife")
pictures = _typed("pictures", "/pictures")
language = _typed("language", "/language")
