"""From an interaction to the desk and back: commands, buttons, autocompletion.

Nothing is kept between interactions, so a button works after any restart.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import discord

from bot.errors import DeliveryError, FlipwatchError
from bot.message import Message, Tone, line
from bot.model import Address, JsonDict, PlaceKind, Platform
from bot.ports import Call, Desk, PressReply, Spot
from handlers.discord import files
from handlers.discord.answer import Answer
from handlers.discord.commands import (
    find_command,
    last_word,
    place_option,
    proposals,
    typed_line,
)
from handlers.discord.sender import DiscordSender

logger = logging.getLogger(__name__)

T = TypeVar("T")

_SORRY = Message(
    title=line("⚠️ That did not work here; nothing was changed. Try again in a minute."),
    tone=Tone.TROUBLE,
)


_NOTHING = Message(title=line("👌 I said so a moment ago."), is_private=True)
#: discord.com/developers/docs/topics/permissions: who may change what a channel gets
_MANAGERS = discord.Permissions(manage_guild=True).value
_OWNERS = discord.Permissions(administrator=True).value
_ANNOUNCEMENTS = discord.ChannelType.news.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for the desk.

    Discord shows an error after 3 s without a sign: after `sign_of_life_in` it gets
    one, after `at_most` the work is given up. Proposals have no second chance.
    """

    sign_of_life_in: timedelta = timedelta(seconds=1.5)
    at_most: timedelta = timedelta(seconds=60)
    for_proposals: timedelta = timedelta(seconds=2)


class Interactions:
    """Answers interactions; keeps nothing of them."""

    def __init__(self, desk: Desk, sender: DiscordSender, patience: Patience) -> None:
        self._desk = desk
        self._sender = sender
        self._patience = patience

    async def handle(self, interaction: discord.Interaction) -> None:
        """Answer one interaction of whatever kind."""
        answer = Answer(self._sender.rest, interaction)
        interaction.extras["answer"] = answer
        match interaction.type:
            case discord.InteractionType.application_command:
                await self._on_command(interaction, answer)
            case discord.InteractionType.autocomplete:
                await self._on_typing(interaction, answer)
            case discord.InteractionType.component:
                await self._on_press(interaction, answer)
            case _:
                logger.warning(
                    "discord interaction of no use",
                    extra={"kind": int(interaction.type.value)},
                )

    async def apologize(
        self, interaction: discord.Interaction, error: BaseException
    ) -> None:
        """Say that something went wrong, and log where, without anybody's words."""
        data = _data(interaction)
        name = str(data.get("name") or data.get("custom_id") or "")
        logger.error(
            "discord interaction failed",
            extra={
                "interaction": interaction.type.name,
                "command": name,
                "reason": getattr(error, "reason", ""),
            },
            exc_info=without_words(error),
        )
        answer = interaction.extras.get("answer")
        if not isinstance(answer, Answer):
            return
        with _told(interaction):
            if interaction.type is discord.InteractionType.autocomplete:
                await answer.propose([])
            else:
                await answer.say(_SORRY, is_private=interaction.guild_id is not None)

    async def _on_command(
        self, interaction: discord.Interaction, answer: Answer
    ) -> None:
        data = _data(interaction)
        name = str(data["name"])
        values = {str(o["name"]): str(o["value"]) for o in _options(data)}
        spot = self._spot(interaction, data, place_option(name, values))
        command = find_command(name)
        is_in_server = interaction.guild_id is not None
        is_personal = is_in_server and (command is None or command.is_personal)
        call = self._call(interaction, typed_line(name, values), spot)
        reply, image = await self._within(
            interaction,
            self._say(call, _file_of(data, values)),
            lambda: answer.wait_for_message(is_private=is_personal),
        )
        if reply is None:
            # Nothing to add; Discord wants an answer all the same.
            reply = _NOTHING
        is_private = is_personal or (is_in_server and reply.is_private)
        with _told(interaction):
            await answer.say(reply, is_private=is_private, image=image)

    async def _say(
        self, call: Call, file: JsonDict | None
    ) -> tuple[Message | None, bytes | None]:
        """Ask the desk, with the file that was given along, if it can be read."""
        if file is not None:
            call = replace(
                call, attachment=await files.read(file, self._sender.rest.origin)
            )
        reply = await self._desk.say(call)
        if reply is None:
            return None, None
        return reply, await self._sender.picture(reply)

    async def _press(self, call: Call, action: str) -> tuple[PressReply, bytes | None]:
        reply = await self._desk.press(call, action)
        if reply.message is None:
            return reply, None
        return reply, await self._sender.picture(reply.message)

    async def _on_typing(
        self, interaction: discord.Interaction, answer: Answer
    ) -> None:
        focused = [o for o in _options(_data(interaction)) if o.get("focused")]
        typed = str(focused[0]["value"]) if focused else ""
        async with asyncio.timeout(self._patience.for_proposals.total_seconds()):
            choices = await self._desk.complete(last_word(typed))
        with _told(interaction):
            await answer.propose(proposals(typed, choices))

    async def _on_press(self, interaction: discord.Interaction, answer: Answer) -> None:
        action = str(_data(interaction).get("custom_id", ""))
        reply, image = await self._within(
            interaction,
            self._press(self._call(interaction, ""), action),
            answer.wait_for_update,
        )
        is_in_server = interaction.guild_id is not None
        with _told(interaction):
            pressed = interaction.message
            await self._answer_press(
                reply, answer, pressed, image=image, is_in_server=is_in_server
            )

    async def _answer_press(
        self,
        reply: PressReply,
        answer: Answer,
        pressed: discord.Message | None,
        *,
        image: bytes | None,
        is_in_server: bool,
    ) -> None:
        """Change the message first: a first answer can do that, later ones can say."""
        if reply.edited is not None:
            await answer.edit(reply.edited)
        elif reply.note is not None and pressed is not None:
            await answer.note(pressed, reply.note, reply.buttons)
        elif reply.buttons is not None:
            await answer.replace_buttons(reply.buttons)
        if reply.toast:
            toast = Message(title=line(reply.toast))
            await answer.say(toast, is_private=True)
        if reply.message is not None:
            await answer.say(reply.message, is_private=is_in_server, image=image)
        await answer.wait_for_update()

    async def _within(
        self,
        interaction: discord.Interaction,
        work: Awaitable[T],
        sign_of_life: Callable[[], Awaitable[None]],
    ) -> T:
        """Return what the work gives; if it takes long, give the sign meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            async with asyncio.timeout(self._patience.at_most.total_seconds()):
                soon = self._patience.sign_of_life_in.total_seconds()
                done, _ = await asyncio.wait({task}, timeout=soon)
                if not done:
                    # Never cut off: half a first answer would leave us unable to say
                    # which kind the next one must be.
                    with _told(interaction):
                        await sign_of_life()
                return await task
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _spot(
        self, interaction: discord.Interaction, data: JsonDict, channel_id: str
    ) -> Spot | None:
        """Return the channel that was named in an option, as Discord describes it."""
        if not channel_id:
            return None
        known = _resolved(data, channel_id)
        rights = int(str(known.get("permissions") or 0))

        async def is_admin() -> bool:
            # Those of the one who asked, computed for this very interaction
            # (interactions/receiving-and-responding, resolved data).
            return bool(rights & (_MANAGERS | _OWNERS))

        place = Address(Platform.DISCORD, channel_id)
        name = str(known.get("name") or "")
        is_news = known.get("type") == _ANNOUNCEMENTS
        return Spot(
            place=place,
            kind=PlaceKind.CHANNEL if is_news else PlaceKind.GROUP,
            title=f"#{name}" if name else "",
            is_admin=is_admin,
            post=self._poster(interaction, place),
        )

    def _poster(
        self, interaction: discord.Interaction, place: Address
    ) -> Callable[[Message], Awaitable[None]]:
        async def post(message: Message) -> None:
            for number, part in enumerate(self._sender.render(message)):
                nonce = f"{interaction.id}.{number}"
                await self._sender.reply(place, part, nonce=nonce)

        return post

    def _call(
        self, interaction: discord.Interaction, text: str, spot: Spot | None = None
    ) -> Call:
        channel_id = interaction.channel_id
        if channel_id is None:
            raise FlipwatchError("an interaction without a channel")
        user_id = str(interaction.user.id)
        is_in_server = interaction.guild_id is not None
        rights = interaction.permissions

        async def is_admin() -> bool:
            # Discord computed them for this very interaction, overwrites included.
            return not is_in_server or rights.manage_guild or rights.administrator

        async def open_private(message: Message) -> Address:
            address = await self._sender.open_private(user_id)
            for number, part in enumerate(self._sender.render(message)):
                nonce = f"{interaction.id}.{number}"
                await self._sender.reply(address, part, nonce=nonce)
            return address

        place = Address(Platform.DISCORD, str(channel_id))
        return Call(
            place=place,
            kind=_kind(interaction),
            user=f"{Platform.DISCORD}:{user_id}",
            text=text,
            language=str(interaction.locale.value),
            is_admin=is_admin,
            open_private=open_private,
            message_ref=str(interaction.message.id) if interaction.message else "",
            user_name=interaction.user.display_name,
            title=_title(interaction),
            spot=spot,
            post=self._poster(interaction, place) if is_in_server else None,
        )


def without_words(error: BaseException) -> FlipwatchError:
    """Return an error for the log: its kind and place, not its text.

    The text may quote what somebody typed; the place in the code does not.
    """
    return FlipwatchError(type(error).__name__).with_traceback(error.__traceback__)


@contextmanager
def _told(interaction: discord.Interaction) -> Iterator[None]:
    """Let an answer that does not arrive change nothing: the work is done."""
    try:
        yield
    except DeliveryError as failure:
        logger.warning(
            "discord interaction not answered",
            extra={"interaction": interaction.type.name, "reason": failure.reason},
        )


def _kind(interaction: discord.Interaction) -> PlaceKind:
    if interaction.guild_id is None:
        return PlaceKind.PRIVATE
    channel = interaction.channel
    if channel is not None and channel.type is discord.ChannelType.news:
        return PlaceKind.CHANNEL
    return PlaceKind.GROUP


def _title(interaction: discord.Interaction) -> str:
    name = getattr(interaction.channel, "name", None)
    return f"#{name}" if interaction.guild_id is not None and name else ""


def _resolved(data: JsonDict, channel_id: str) -> JsonDict:
    """Return what came along of a channel that an option names."""
    resolved = data.get("resolved")
    channels = resolved.get("channels") if isinstance(resolved, dict) else None
    known = channels.get(channel_id) if isinstance(channels, dict) else None
    return dict(known) if isinstance(known, dict) else {}


def _data(interaction: discord.Interaction) -> JsonDict:
    data: object = interaction.data
    return dict(data) if isinstance(data, dict) else {}


def _file_of(data: JsonDict, values: Mapping[str, str]) -> JsonDict | None:
    """Return what Discord tells of the file that an option names."""
    resolved = data.get("resolved")
    given = resolved.get("attachments") if isinstance(resolved, dict) else None
    for value in values.values():
        if isinstance(given, dict) and isinstance(given.get(value), dict):
            return dict(given[value])
    return None


def _options(data: JsonDict) -> list[JsonDict]:
    options = data.get("options")
    return [dict(o) for o in options] if isinstance(options, list) else []
