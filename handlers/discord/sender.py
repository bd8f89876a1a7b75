"""Sends messages over Discord's REST API; needs no gateway and no face."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial

from bot.config import DiscordConfig
from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.limits import ChatRule, Lane, Limits, Rules
from bot.message import Button, Message
from bot.model import Address, JsonDict, Platform, Receipt
from bot.ports import PictureShelf
from handlers.discord import render
from handlers.discord.errors import ALREADY_PUBLISHED, SENT_AND_DELETED
from handlers.discord.photos import Upload, log_left_out, picture_of, showing
from handlers.discord.rest import Rest

#: discord.com/developers/docs/resources/message#create-message
NONCE_MAX = 25

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = f"{MESSAGES}/{{message_id}}"
PRIVATE_CHANNELS = "/users/@me/channels"


#: 401, 403 and 429 count as invalid; 10,000 in 10 minutes ban the address
#: (discord.com/developers/docs/topics/rate-limits#invalid-request-limit)
INVALID = frozenset({401, 403, 429})
INVALID_MAX = 9_000
INVALID_WINDOW = 600.0
#: Discord names no figure for opening direct messages; bots that opened some dozens in
#: a minute were stopped
OPENING_MAX = 8
OPENING_WINDOW = 60.0
DAY = 86_400.0


def discord_rules() -> Rules:
    """Return Discord's limits (discord.com/developers/docs/topics/rate-limits).

    50 requests a second over all; 5 messages in 5 seconds per channel, which the
    answers' headers correct.
    """
    channel = ChatRule(count=5, window=5.0)
    return Rules(overall=50.0, private=channel, group=channel)


class DiscordSender:
    """Sender over REST alone: works in a process that runs no face.

    Repeats of a part within Discord's nonce window ("a few minutes") are the same
    message to Discord; `repeat_window` stays well inside.
    """

    platform = Platform.DISCORD
    repeat_window = timedelta(seconds=90)

    def __init__(
        self,
        config: DiscordConfig,
        *,
        timeout: timedelta = timedelta(seconds=8),
        limits: Limits | None = None,
        shelf: PictureShelf | None = None,
    ) -> None:
        """Take the section and how long one request may take; raise `ConfigError`.

        `limits` are the token's own; the answers' headers correct them. Without a
        `shelf` all messages are words.
        """
        self._shelf = shelf
        self.limits = limits or Limits(discord_rules())
        self.rate = self.limits.rules.overall
        self._opened: deque[float] = deque()
        self._invalid: deque[float] = deque()
        token = config.token.get_secret_value() if config.token else ""
        self.rest = Rest(token, config.api_url, timeout=timeout)
        self.rest.on_answer = self._count_invalid

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        """Render into one or more bodies, each within Discord's limits; pure."""
        return render.render(message)

    def answering(
        self, parts: tuple[JsonDict, ...], message_ref: str
    ) -> tuple[JsonDict, ...]:
        """Return the parts as an answer: the first one says to what."""
        first, *rest = parts
        return ({**first, "message_reference": render.reference(message_ref)}, *rest)

    async def prepare(self, part: JsonDict) -> None:
        """Have a part's picture drawn; without one in time, words go alone."""
        ref = picture_of(part)
        if ref is not None and self._shelf is not None:
            await self._shelf.prepare(ref)

    async def picture(self, message: Message) -> bytes | None:
        """Return a reply's picture, which somebody waits for; None if it has none."""
        if message.picture is None or self._shelf is None:
            return None
        return await self._shelf.picture(message.picture)

    def free_in(self, address: Address) -> timedelta:
        """Return how long this channel must wait by Discord's limits; zero if free."""
        return self.limits.chat_wait(address.chat, is_private=True)

    def pause_left(self) -> timedelta:
        """Return for how long Discord wants nothing at all; zero if it does."""
        return self.limits.pause_left()

    def turn(
        self, address: Address, *, lane: Lane = Lane.ALERT
    ) -> AbstractAsyncContextManager[None]:
        """Wait for a turn at the token's overall rate."""
        return self.limits.turn(address.chat, is_private=True, lane=lane)

    async def reply(self, address: Address, part: JsonDict, *, nonce: str) -> Receipt:
        """Wait for a turn before alerts, then post one part."""
        async with self.limits.turn(address.chat, is_private=True, lane=Lane.REPLY):
            return await self.send(address, part, nonce=nonce)

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        """Post one part and return its message's id; raise only `DeliveryError`.

        The id is empty if an earlier try arrived and somebody deleted it since.
        """
        if not 0 < len(nonce) <= NONCE_MAX:
            raise MessageRejectedError("a nonce has 1 to 25 characters", reason="nonce")
        body = render.body_of(part, is_plain=is_plain)
        body |= {"nonce": nonce, "enforce_nonce": True}
        try:
            said = await self._post_shown(address.chat, part, body, is_plain=is_plain)
        except MessageRejectedError as error:
            if error.reason == SENT_AND_DELETED:
                return Receipt(message_ref="")
            raise
        message_id = said.get("id")
        if not isinstance(message_id, str):
            raise TemporaryDeliveryError(
                "Discord's yes names no message", reason="bad_answer", is_unknown=True
            )
        return Receipt(message_ref=message_id)

    async def _post_shown(
        self, channel: str, part: JsonDict, body: JsonDict, *, is_plain: bool
    ) -> JsonDict:
        """Post a part with its picture; where that is refused, the words alone.

        A clear no to a file is none to the words: a server may forbid files alone.
        """
        ref = None if is_plain else picture_of(part)
        image = None if ref is None or self._shelf is None else self._shelf.ready(ref)
        if image is not None:
            upload = Upload(showing(part, body), image)
            try:
                return await self._post(channel, upload)
            except (MessageRejectedError, RecipientGoneError) as error:
                if error.reason == SENT_AND_DELETED:
                    raise
                log_left_out(error.reason)
        return await self._post(channel, body)

    async def _post(self, channel: str, body: JsonDict | Upload) -> JsonDict:
        """Post a message, and learn from what is answered."""
        try:
            return await self.rest.request(
                "POST",
                MESSAGES,
                body,
                partial(self._learn, channel),
                channel_id=channel,
            )
        except TemporaryDeliveryError as error:
            self._heed(channel, error)
            raise

    def _heed(self, channel: str, error: TemporaryDeliveryError) -> None:
        """Keep waiting whom Discord told to wait."""
        if error.retry_after is not None:
            self.limits.refused(channel, error.retry_after, is_global=error.is_global)

    async def edit(self, address: Address, message_ref: str, part: JsonDict) -> None:
        """Replace a message; waits for a turn at the overall rate.

        Raises only `DeliveryError`. Flags and what it answered stay as they were.
        """
        body = render.body_of(part)
        for kept in ("flags", "message_reference"):
            body.pop(kept, None)
        try:
            async with self.limits.edit_turn():
                await self.rest.request(
                    "PATCH",
                    MESSAGE,
                    body,
                    channel_id=address.chat,
                    message_id=message_ref,
                )
        except TemporaryDeliveryError as error:
            self._heed(address.chat, error)
            raise

    def _learn(self, channel: str, _status: int, headers: Mapping[str, str]) -> None:
        """Keep a channel waiting whose bucket the answer says is empty."""
        if headers.get("X-RateLimit-Remaining") != "0":
            return
        try:
            seconds = float(headers.get("X-RateLimit-Reset-After", ""))
        except ValueError:
            return
        if 0 < seconds < DAY:
            self.limits.hold(channel, timedelta(seconds=seconds))

    def _count_invalid(self, status: int, headers: Mapping[str, str]) -> None:
        """Stop well before so many refusals that Discord bans the whole address."""
        if status not in INVALID or headers.get("X-RateLimit-Scope") == "shared":
            return
        now = time.monotonic()
        self._invalid.append(now)
        while now - self._invalid[0] > INVALID_WINDOW:
            self._invalid.popleft()
        if len(self._invalid) >= INVALID_MAX:
            left = timedelta(seconds=self._invalid[0] + INVALID_WINDOW - now)
            self.limits.refused("", left, is_global=True)

    def _may_open(self) -> None:
        """Refuse to open direct messages faster than Discord likes it."""
        now = time.monotonic()
        while self._opened and now - self._opened[0] > OPENING_WINDOW:
            self._opened.popleft()
        if len(self._opened) >= OPENING_MAX:
            left = timedelta(seconds=self._opened[0] + OPENING_WINDOW - now)
            raise TemporaryDeliveryError(
                "too many new direct messages", reason="dm_opening", retry_after=left
            )
        self._opened.append(now)

    async def open_private(self, user_id: str) -> Address:
        """Open a user's direct messages; the same channel each time.

        Only in answer to the user: Discord blocks bots that open many by themselves.
        A closed one is noticed by the first message. Raises only `DeliveryError`.
        """
        self._may_open()
        said = await self.rest.request(
            "POST", PRIVATE_CHANNELS, {"recipient_id": user_id}
        )
        channel_id = said.get("id")
        if not isinstance(channel_id, str):
            raise RecipientGoneError(
                "Discord opens no direct messages", reason="dm_closed"
            )
        return Address(Platform.DISCORD, channel_id)

    async def delete(self, address: Address, message_ref: str) -> None:
        """Take a message away; one that is gone already is fine."""
        try:
            await self.rest.request(
                "DELETE", MESSAGE, channel_id=address.chat, message_id=message_ref
            )
        except MessageRejectedError as error:
            if error.reason != SENT_AND_DELETED:
                raise

    async def edit_buttons(
        self, address: Address, message_ref: str, buttons: Sequence[Sequence[Button]]
    ) -> None:
        """Replace only a message's buttons; raise as `send` does."""
        await self.rest.request(
            "PATCH",
            MESSAGE,
            {"components": render.action_rows(buttons)},
            channel_id=address.chat,
            message_id=message_ref,
        )

    async def publish(self, address: Address, message_ref: str) -> None:
        """Publish a post of an announcement channel to those who follow it.

        One that is published, or a channel that is no such channel, is fine.
        """
        try:
            await self.rest.request(
                "POST",
                f"{MESSAGE}/crosspost",
                channel_id=address.chat,
                message_id=message_ref,
            )
        except MessageRejectedError as error:
            if error.reason != ALREADY_PUBLISHED:
                raise

    async def knock(self, address: Address) -> None:
        """Find out whether the bot may write there: as if it began to type."""
        await self.rest.request(
            "POST", "/channels/{channel_id}/typing", channel_id=address.chat
        )

    async def close(self) -> None:
        """Give back the connections; may be called twice."""
        await self.rest.close()
