"""One request to the fake Discord's REST side: what it is about, how it is refused.

Error codes: docs.discord.com/developers/topics/opcodes-and-status-codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fake_discord_gateway import Gateway
from fake_discord_interactions import Interaction
from fake_discord_limits import Limits
from fake_discord_messages import Message
from fake_discord_places import Channel, Server
from fake_discord_rules import Fault, is_empty
from fake_discord_world import World

Answer = tuple[int, Any]


class ApiError(Exception):
    """An answer that is not a yes."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code}


class Invalid(Exception):  # noqa: N818 (faults found while answering, as data)
    """The body breaks a rule that only the endpoint can check."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(*faults)
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: what was asked, and the world it is about."""

    world: World
    gateway: Gateway
    limits: Limits
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    files: list[str]
    sizes: list[int] = field(default_factory=list)

    def channel(self) -> Channel:
        """The channel the bot may read; raises as Discord does."""
        channel = self.world.channels.get(self.params["channel_id"])
        if channel is None or channel.is_deleted:
            raise ApiError(404, 10003, "Unknown Channel")
        server = channel.server
        if server is not None and (channel.is_hidden or not server.has_bot):
            raise ApiError(403, 50001, "Missing Access")
        return channel

    def writable_channel(self) -> Channel:
        channel = self.channel()
        if not channel.may_bot_write or (self.files and not channel.may_bot_attach):
            raise ApiError(403, 50013, "Missing Permissions")
        user = channel.recipient
        if user is None or user.has_installed:
            return channel
        if not user.has_mutual_server:
            text = "Cannot send messages to this user due to having no mutual guilds"
            raise ApiError(403, 50278, text)
        if user.is_dm_closed:
            raise ApiError(403, 50007, "Cannot send messages to this user")
        return channel

    def message(self, channel: Channel | None = None) -> Message:
        place = channel or self.channel()
        message = self.world.messages.get(self.params["message_id"])
        if message is None or message.is_deleted or message.channel is not place:
            raise ApiError(404, 10008, "Unknown Message")
        if message.is_ephemeral:
            raise ApiError(404, 10008, "Unknown Message")
        return message

    def own_message(self) -> Message:
        message = self.message()
        if message.author is not self.world.bot:
            text = "Cannot edit a message authored by another user"
            raise ApiError(403, 50005, text)
        return message

    def files_there(self) -> list[str]:
        """The files of the message that is edited: an edit may show them again."""
        message = self.world.messages.get(self.params.get("message_id", ""))
        token = self.params.get("interaction_token") or self.params.get("webhook_token")
        opened = self.world.interactions.get(token or "")
        if message is None and opened is not None:
            message = opened.original or opened.message
        return [] if message is None else message.files

    def server(self) -> Server:
        server = self.world.servers.get(self.params["guild_id"])
        if server is None or not server.has_bot:
            raise ApiError(404, 10004, "Unknown Guild")
        return server

    def interaction(self) -> Interaction:
        """The acknowledged interaction a webhook token is for."""
        opened = self.world.interactions.get(self.params["webhook_token"])
        is_ours = self.params["webhook_id"] == self.world.bot.id
        if opened is None or not is_ours or opened.acknowledged_as is None:
            raise ApiError(404, 10015, "Unknown Webhook")
        if opened.is_expired:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return opened

    def show(self, message: Message) -> Answer:
        return 200, self.world.show(message)


def refuse_empty(body: Mapping[str, Any], files: list[str]) -> None:
    if is_empty(body) and not files:
        raise ApiError(400, 50006, "Cannot send an empty message")


def edit(message: Message, body: Mapping[str, Any], files: list[str]) -> None:
    after = {
        "content": body.get("content", message.content),
        "embeds": body.get("embeds", message.embeds),
        "components": body.get("components", message.components),
    }
    refuse_empty(after, files or ([] if "attachments" in body else message.files))
    message.edit(dict(body), files)
