"""Sends messages over Discord's REST API; needs no gateway and no face."""

from datetime import timedelta

from bot.config import DiscordConfig
from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.message import Message
from bot.model import Address, JsonDict, Platform, Receipt
from handlers.discord import render
from handlers.discord.errors import SENT_AND_DELETED
from handlers.discord.rest import Rest

#: discord.com/developers/docs/resources/message#create-message
NONCE_MAX = 25

MESSAGES = "/channels/{channel_id}/messages"
PRIVATE_CHANNELS = "/users/@me/channels"


class DiscordSender:
    """Sender over REST alone: works in a process that runs no face.

    Repeats of a part within Discord's nonce window ("a few minutes") are the same
    message to Discord; `repeat_window` stays well inside.
    """

    platform = Platform.DISCORD
    repeat_window = timedelta(seconds=90)

    def __init__(
        self, config: DiscordConfig, *, timeout: timedelta = timedelta(seconds=8)
    ) -> None:
        """Take the section and how long one request may take; raise `ConfigError`."""
        token = config.token.get_secret_value() if config.token else ""
        self.rest = Rest(token, config.api_url, timeout=timeout)

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        """Render into one or more bodies, each within Discord's limits; pure."""
        return render.render(message)

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
            said = await self.rest.request(
                "POST", MESSAGES, body, channel_id=address.chat
            )
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

    async def open_private(self, user_id: str) -> Address:
        """Open a user's direct messages; the same channel each time.

        Only in answer to the user: Discord blocks bots that open many by themselves.
        A closed one is noticed by the first message. Raises only `DeliveryError`.
        """
        said = await self.rest.request(
            "POST", PRIVATE_CHANNELS, {"recipient_id": user_id}
        )
        channel_id = said.get("id")
        if not isinstance(channel_id, str):
            raise RecipientGoneError(
                "Discord opens no direct messages", reason="dm_closed"
            )
        return Address(Platform.DISCORD, channel_id)

    async def close(self) -> None:
        """Give back the connections; may be called twice."""
        await self.rest.close()
