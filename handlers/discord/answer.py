"""One answer to one interaction: at once, or a sign of life and the words later.

Discord wants a first answer within 3 s and takes further ones for 15 minutes
(discord.com/developers/docs/interactions/receiving-and-responding).
"""

from collections.abc import Sequence
from enum import IntEnum

import discord

from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.message import Button, Line, Message
from bot.model import JsonDict
from handlers.discord.photos import Upload, log_left_out, showing
from handlers.discord.render import (
    NO_MENTIONS,
    NOTE_COLOR,
    action_rows,
    body_of,
    note_embed,
    render,
)
from handlers.discord.rest import Rest

#: resources/message#message-object-message-flags: seen by the one who asked alone
EPHEMERAL_FLAG = 1 << 6

_CALLBACK = "/interactions/{interaction_id}/{token}/callback"
_FOLLOW_UPS = "/webhooks/{application_id}/{token}"
_ORIGINAL = "/webhooks/{application_id}/{token}/messages/@original"


class _Callback(IntEnum):
    """How an interaction is answered first."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8


def _own(embed: discord.Embed) -> JsonDict:
    """Return an embed as it was sent: what Discord adds to it, it does not take."""
    known: JsonDict = dict(embed.to_dict())
    names = ("title", "description", "color", "timestamp")
    sent: JsonDict = {n: known[n] for n in names if n in known}
    if embed.footer.text:
        sent["footer"] = {"text": embed.footer.text}
    if embed.image.url:
        # Named as when it was sent: Discord keeps the file that an edit does not name.
        name = embed.image.url.partition("?")[0].rpartition("/")[2]
        sent["image"] = {"url": f"attachment://{name}"}
    return sent


class Answer:
    """What the bot says to one interaction; every method raises `DeliveryError`.

    Words that Discord refuses are sent once more without markup, since the person
    who asked is waiting.
    """

    def __init__(self, rest: Rest, interaction: discord.Interaction) -> None:
        self._rest = rest
        self._parts = {
            "interaction_id": str(interaction.id),
            "application_id": str(interaction.application_id),
            "token": interaction.token,
        }
        self._first: _Callback | None = None
        self._is_first_private = False

    async def wait_for_message(self, *, is_private: bool) -> None:
        """Show that a message will come; nothing if anything was answered already."""
        if self._first is None:
            self._is_first_private = is_private
            flags = EPHEMERAL_FLAG if is_private else 0
            await self._call_back(_Callback.DEFERRED_MESSAGE, {"flags": flags})

    async def wait_for_update(self) -> None:
        """Take note of a press; nothing if anything was answered already."""
        if self._first is None:
            await self._call_back(_Callback.DEFERRED_UPDATE)

    async def say(
        self, message: Message, *, is_private: bool, image: bytes | None = None
    ) -> None:
        """Answer with a message; further parts and messages follow it.

        `image` is the message's picture, shown with its first part.
        """
        for number, part in enumerate(render(message)):
            shown = image if number == 0 else None
            try:
                await self._say_part(part, shown, is_private=is_private)
            except MessageRejectedError:
                plain = body_of(part, is_plain=True)
                await self._say(plain, is_private=is_private)

    async def _say_part(
        self, part: JsonDict, image: bytes | None, *, is_private: bool
    ) -> None:
        body = body_of(part)
        if image is not None:
            try:
                await self._say(showing(part, body), is_private=is_private, image=image)
            except (MessageRejectedError, RecipientGoneError) as error:
                # Files may be forbidden here; words are not.
                log_left_out(error.reason)
            else:
                return
        await self._say(body, is_private=is_private)

    async def edit(self, message: Message) -> None:
        """Replace the message whose button was pressed; what is too long follows."""
        first, *more = render(message)
        blank: JsonDict = {"embeds": [], "components": []}
        try:
            await self._edit(blank | body_of(first))
        except MessageRejectedError:
            await self._edit(blank | body_of(first, is_plain=True))
        for part in more:
            await self._say(body_of(part), is_private=True)

    async def replace_buttons(self, buttons: Sequence[Sequence[Button]]) -> None:
        """Replace the buttons of the message that was pressed, and nothing else."""
        await self._edit({"components": action_rows(buttons)})

    async def note(
        self,
        pressed: discord.Message,
        note: Line,
        buttons: Sequence[Sequence[Button]] | None,
    ) -> None:
        """Put a note below the message that was pressed; an empty one takes it away.

        The message's own embeds go back as they came.
        """
        embeds = [
            _own(embed)
            for embed in pressed.embeds
            if embed.colour is None or embed.colour.value != NOTE_COLOR
        ]
        if note.plain:
            embeds.append(note_embed(note))
        body: JsonDict = {"embeds": embeds}
        if buttons is not None:
            body["components"] = action_rows(buttons)
        await self._edit(body)

    async def propose(self, choices: Sequence[JsonDict]) -> None:
        """Answer an autocompletion."""
        await self._call_back(_Callback.CHOICES, {"choices": list(choices)})

    async def _say(
        self, body: JsonDict, *, is_private: bool, image: bytes | None = None
    ) -> None:
        body.pop("message_reference", None)
        # An interaction's message makes no sound; what is left is who sees it.
        body["flags"] = EPHEMERAL_FLAG if is_private else 0
        body.setdefault("allowed_mentions", dict(NO_MENTIONS))
        if self._first is None:
            await self._call_back(_Callback.MESSAGE, body, image)
            return
        is_waiting = self._first is _Callback.DEFERRED_MESSAGE
        self._first = _Callback.MESSAGE
        if is_waiting and is_private and not self._is_first_private:
            # The waiting message is for all to see and can't become private. Filled
            # first, since Discord takes what follows an unfilled one for its filling.
            await self._request("PATCH", _ORIGINAL, {"content": "…"})
            await self._request("POST", _FOLLOW_UPS, body, image)
            await self._request("DELETE", _ORIGINAL)
        elif is_waiting:
            del body["flags"]
            await self._request("PATCH", _ORIGINAL, body, image)
        else:
            await self._request("POST", _FOLLOW_UPS, body, image)

    async def _edit(self, body: JsonDict) -> None:
        for word in ("flags", "message_reference"):
            body.pop(word, None)
        if self._first is None:
            await self._call_back(_Callback.UPDATE, body)
        else:
            await self._request("PATCH", _ORIGINAL, body)

    async def _call_back(
        self,
        kind: _Callback,
        data: JsonDict | None = None,
        image: bytes | None = None,
    ) -> None:
        body: JsonDict = {"type": int(kind)}
        if data is not None:
            body["data"] = data
        try:
            await self._request("POST", _CALLBACK, body, image)
        except TemporaryDeliveryError as error:
            if error.is_unknown:
                # It has probably arrived: what follows is not the first any more.
                self._first = kind
            raise
        self._first = kind

    async def _request(
        self,
        method: str,
        path: str,
        body: JsonDict | None = None,
        image: bytes | None = None,
    ) -> None:
        sent = body if body is None or image is None else Upload(body, image)
        await self._rest.request(method, path, sent, **self._parts)
