"""The desk: every command and button of every platform comes here."""

import difflib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot import grammar, notices
from bot.access import read_code, subject_of
from bot.commands import (
    about,
    admin,
    arriving,
    charts,
    insight,
    linking,
    listing,
    operators,
    own,
    places,
    preferring,
    presses,
    rehearsing,
    screens,
    settings,
    starting,
    unwatching,
    watching,
    whys,
)
from bot.commands.gate import Gate
from bot.commands.room import Room
from bot.errors import StoreError, UserError
from bot.grammar import Parsed
from bot.language import (
    ENGLISH,
    Language,
    translated,
    translated_buttons,
    translated_line,
    translated_text,
)
from bot.languages import LANGUAGES, choose
from bot.message import Message
from bot.model import Address, Errand, ErrandKind, PlaceKind, Scope
from bot.ports import Arrival, Call, Choice, PressReply, Welcome

logger = logging.getLogger(__name__)

#: longer lines are nobody's command; Telegram's own limit is 4,096
TEXT_MAX = 1000
#: a pasted list may be as long as Telegram lets a message be
IMPORT_MAX = 4096
#: Discord shows at most so many proposals (docs: application commands, autocomplete)
CHOICES_MAX = 25
#: long enough for an admin to read and to choose
CHANNEL_FADES_AFTER = timedelta(minutes=5)

#: for operators only, and unknown to others
ADMIN = "admin"

_Command = Callable[[Room, Call, str], Awaitable[Message | None]]

COMMANDS: Mapping[str, _Command] = {
    "start": starting.start,
    "help": about.help_,
    "watch": watching.watch,
    "unwatch": unwatching.unwatch,
    "watchlist": listing.watchlist,
    "signal": about.signal,
    "flips": screens.flips,
    "top": screens.top,
    "screen": screens.screen,
    "why": whys.why,
    "chart": charts.chart,
    "threshold": settings.threshold,
    "mute": settings.mute,
    "unmute": settings.unmute,
    "settings": preferring.settings,
    "quiet": preferring.quiet,
    "timezone": preferring.timezone,
    "digest": preferring.digest,
    "pace": preferring.pace,
    "sound": preferring.sound,
    "budget": preferring.budget,
    "signoflife": preferring.signoflife,
    "pictures": preferring.pictures,
    "language": preferring.language,
    "link": linking.link,
    "unlink": linking.unlink,
    "export": own.export,
    "import": own.import_,
    "forgetme": own.forgetme,
    "broadcast": places.broadcast,
    "market": insight.market,
    "record": insight.record,
    "simulate": rehearsing.simulate,
    "preview": about.preview,
    "status": about.status,
    "believe": operators.believe,
    "claim": operators.claim,
}


#: what other bots call it, and what people say
_USUAL: Mapping[str, str] = {
    "stop": "mute",
    "pause": "mute",
    "quit": "unwatch all",
    "unsubscribe": "unwatch",
    "subscribe": "watch",
    "add": "watch",
    "track": "watch",
    "remove": "unwatch",
    "delete": "unwatch",
    "list": "watchlist",
    "price": "signal",
    "alerts": "watchlist",
    "hi": "help",
    "hello": "help",
    "commands": "help",
}


class CommandDesk:
    """Implements `ports.Desk` over a `Room`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._gate = Gate(room)

    async def say(self, call: Call) -> Message | None:
        """Do what was typed and return the one reply.

        None where silence is it: somebody blocked, a flood that was told so, or a
        group that was told the same a moment ago.
        """
        try:
            reply = await self._say(call)
            if reply is not None and reply.fades and not await self._may_say(call):
                return None
        except UserError as error:
            wrong = notices.wrong(error, command=_split(call.text.strip())[0])
            reply = _fading_in_group(call, wrong)
        except StoreError:
            logger.exception("command failed", extra={"action": "command"})
            reply = _fading_in_group(call, notices.failed())
        reply = _fading_in_channel(call, reply)
        if reply is None:
            return None
        return translated(reply, await self._language(call))

    async def _language(self, call: Call) -> Language:
        """Return the language of who is answered: chosen, or the client's."""
        if len(LANGUAGES) == 1:
            return ENGLISH
        try:
            known = await self._room.store.find_recipient(call.place)
        except StoreError:
            known = None
        chosen = "" if known is None else known.language
        return choose(chosen or call.language)

    async def _may_say(self, call: Call) -> bool:
        """Whether a place may get an answer that only one member has use for.

        One a minute and group; on Discord nobody else sees it, so there it may.
        """
        if call.open_private is not None or call.kind is PlaceKind.PRIVATE:
            return True
        return await self._room.store.take_lease(
            f"answered:{call.place.platform}:{call.place.chat}",
            secrets.token_hex(8),
            now=self._room.now(),
            length=notices.FADES_AFTER,
        )

    async def _say(self, call: Call) -> Message | None:
        text = call.text.strip()
        name, arguments = _split(text)
        admission = await self._gate.admit(call)
        if not admission.is_in and not await self._opens(call, name, arguments):
            return admission.refusal
        if len(text) > (IMPORT_MAX if name == "import" else TEXT_MAX):
            raise UserError(
                f"At most {TEXT_MAX:,} characters, please", hint="Try it in parts."
            )
        if name is None:
            return await self._say_plain(call, text)
        command = await self._command(call, name)
        if command is None:
            meant = _meant(name, 0.6)
            fixed = f"/{meant} {arguments}".strip() if meant else ""
            hint = "" if meant else "All commands: /help."
            raise UserError(f"I don't know /{name[:30]}", hint=hint, suggestion=fixed)
        return await command(self._room, call, arguments)

    async def _command(self, call: Call, name: str) -> _Command | None:
        """Find a command; what is for operators is unknown to everybody else."""
        if name == ADMIN and await self._room.is_operator(call.user):
            return admin.admin
        return COMMANDS.get(name)

    async def _opens(self, call: Call, name: str | None, arguments: str) -> bool:
        """Whether these are the words that open the door: a code, and no flood."""
        if name == "claim":
            return not await self._gate.is_shut(call)
        if name != "start" or self._room.access != "invite":
            return False
        code = read_code(arguments)
        if not code or await self._gate.is_shut(call):
            return False
        if call.kind is not PlaceKind.PRIVATE and not await call.is_admin():
            return False
        is_private = call.kind is PlaceKind.PRIVATE
        subject = call.user if is_private else subject_of(call.place)
        return await self._room.store.redeem_invite(code, subject, now=self._room.now())

    async def _say_plain(self, call: Call, text: str) -> Message:
        """Understand a private line of symbols only as a /watch."""
        first, _, rest = text.partition(" ")
        is_named = await self._is_known(first)
        meant = _meant(first.lower(), 0.8)
        if meant and not is_named:
            raise UserError(
                "A command begins with /", suggestion=f"/{meant} {rest}".strip()
            )
        try:
            parsed = grammar.parse(text)
        except UserError:
            if is_named:
                raise
            parsed = Parsed()
        if await self._are_known(parsed):
            return await watching.watch(self._room, call, text)
        if parsed.named:
            # before the first grades it says so; a symbol can't be told from a word
            await self._room.suggestion(text)
        raise UserError(
            "I understand commands and symbols",
            hint="For example BTC ETH, or /help.",
        )

    async def _is_known(self, word: str) -> bool:
        """Whether a first word names something that exists."""
        try:
            return await self._are_known(grammar.parse(word))
        except UserError:
            return False

    async def _are_known(self, parsed: Parsed) -> bool:
        """Whether a line names something that exists, so that it is meant for us."""
        if not parsed.named:
            return False
        for named in parsed.named:
            if named.scope is not Scope.ASSET:
                return True
            if await self._room.store.find_assets(self._room.source.name, named.word):
                return True
        return False

    async def press(self, call: Call, action: str) -> PressReply:
        """Do what a button says; idempotent; old buttons are answered kindly."""
        try:
            admission = await self._gate.admit(call)
            if not admission.is_in:
                said = admission.refusal
                toast = "" if said is None else said.title.plain
                return PressReply(toast=toast)
            if action.startswith(notices.SAY):
                # a corrected line: the same as typing it
                line = action.removeprefix(notices.SAY)
                return PressReply(message=await self.say(replace(call, text=line)))
            reply = await presses.press(self._room, call, action)
            return _translated(reply, await self._language(call))
        except UserError as error:
            return PressReply(toast=str(error)[:200])
        except StoreError:
            logger.exception("press failed", extra={"action": "press"})
            return PressReply(
                toast="That did not work here; nothing was changed. "
                "Try again in a minute."
            )

    async def complete(self, typed: str) -> Sequence[Choice]:
        """Propose assets whose symbol or name starts with the last word typed."""
        head, _, last = typed.rpartition(" ")
        known = await self._room.store.symbols(self._room.source.name)
        wanted = last.lstrip("$").casefold()
        starting = [
            (symbol, name)
            for symbol, name in known
            if symbol.casefold().startswith(wanted)
            or name.casefold().startswith(wanted)
        ]
        prefix = f"{head} " if head else ""
        return [
            Choice(_label(prefix, symbol, name), f"{prefix}{symbol}"[:100])
            for symbol, name in starting[:CHOICES_MAX]
        ]

    async def on_added(self, arrival: Arrival) -> Welcome:
        """Greet a new group once and guide who let the bot in; resume a known place."""
        if await self._gate.is_blocked(subject_of(arrival.place)):
            return Welcome()
        return await arriving.welcome(self._room, arrival)

    async def on_fading(
        self, place: Address, message_refs: Sequence[str], after: timedelta
    ) -> None:
        """Take these messages away after a while, where the bot may."""
        for ref in message_refs:
            errand = Errand(
                address=place,
                message_ref=ref,
                kind=ErrandKind.DELETE,
                due_at=self._room.now() + after,
            )
            await self._room.store.put_errand(errand)

    async def on_gone(self, place: Address, reason: str) -> None:
        """Park a recipient; its watchlist stays."""
        await self._room.store.park(place, reason=reason, now=self._room.now())

    async def on_back(self, place: Address, kind: PlaceKind) -> None:
        """Resume a parked recipient, unless an operator blocked it."""
        del kind
        if await self._gate.is_blocked(subject_of(place)):
            return
        await self._room.store.unpark(place, now=self._room.now())
        self._room.wake()

    async def on_moved(self, old: Address, new: Address) -> None:
        """Follow a group to its new address."""
        await self._room.store.move_recipient(old, new)


def _meant(word: str, cutoff: float) -> str:
    """Return the command that was most likely meant, or an empty string."""
    if word in _USUAL:
        return _USUAL[word]
    near = difflib.get_close_matches(word, COMMANDS, 1, cutoff)
    return near[0] if near else ""


def _translated(reply: PressReply, language: Language) -> PressReply:
    buttons, message, edited = reply.buttons, reply.message, reply.edited
    return replace(
        reply,
        toast=translated_text(reply.toast, language),
        message=None if message is None else translated(message, language),
        edited=None if edited is None else translated(edited, language),
        buttons=None if buttons is None else translated_buttons(buttons, language),
        note=None if reply.note is None else translated_line(reply.note, language),
    )


def _fading_in_group(call: Call, reply: Message) -> Message:
    """A mistake in a group is its author's: nobody else has to read it for long."""
    if call.kind is not PlaceKind.GROUP or call.open_private is not None:
        return reply
    return reply.evolve(fades=notices.FADES_AFTER)


def _fading_in_channel(call: Call, reply: Message | None) -> Message | None:
    """A channel's readers did not ask; what its admins are told does not stay."""
    if reply is None or call.kind is not PlaceKind.CHANNEL:
        return reply
    return reply.evolve(fades=CHANNEL_FADES_AFTER, is_private=True)


def _split(text: str) -> tuple[str | None, str]:
    """Split `/watch@Bot BTC` into name and arguments; None where there is no slash."""
    if not text.startswith("/"):
        return None, text
    head, _, arguments = text[1:].partition(" ")
    first, _, rest = head.partition("\n")
    return first.partition("@")[0].lower(), f"{rest} {arguments}".strip()


def _label(prefix: str, symbol: str, name: str) -> str:
    shown = symbol if not name or name == symbol else f"{symbol} · {name}"
    return f"{prefix}{shown}"[:100]
