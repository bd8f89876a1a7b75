"""Where messages are in the fake Discord: servers and their channels, and DMs."""

from typing import Any

from fake_discord_messages import Message, Seen

# permissions, docs.discord.com/developers/topics/permissions
MANAGE_GUILD = 1 << 5
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
EVERYBODY = (
    (1 << 6)  # add reactions
    | VIEW_CHANNEL
    | SEND_MESSAGES
    | (1 << 14)  # embed links
    | (1 << 15)  # attach files
    | (1 << 16)  # read history
    | (1 << 31)  # use application commands
    | (1 << 38)  # send in threads
)

# gateway intents, docs.discord.com/developers/events/gateway
GUILDS = 1 << 0
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12


class Server:
    """A Discord server ("guild" in the API)."""

    def __init__(self, world: Any, name: str, owner: Any) -> None:
        self.world = world
        self.id = world.new_id()
        self.name = name
        self.has_bot = True
        self.owner = owner
        #: user id -> permissions
        self.members = {self.owner.id: EVERYBODY | MANAGE_GUILD}
        self.members[world.bot.id] = EVERYBODY
        self.channels: dict[str, Channel] = {}
        world.servers[self.id] = self
        world.dispatch("GUILD_CREATE", self.payload, server=self, intent=GUILDS)

    def channel(
        self, name: str, bot_may_write: bool = True, is_announcement: bool = False
    ) -> "Channel":
        """Create a text channel (or an announcement channel)."""
        channel = Channel(self.world, self, name, kind=5 if is_announcement else 0)
        channel.may_bot_write = bot_may_write
        self.channels[channel.id] = channel
        channel.dispatch("CHANNEL_CREATE")
        return channel

    def adds(self, user: Any, may_manage: bool = False) -> None:
        """Let a user join; `may_manage` gives the permission "Manage Server"."""
        self.members[user.id] = EVERYBODY | (MANAGE_GUILD if may_manage else 0)

    def kicks_bot(self) -> None:
        self.has_bot = False
        self.members.pop(self.world.bot.id, None)
        gone = {"id": self.id}
        self.world.dispatch("GUILD_DELETE", gone, server=self, intent=GUILDS)

    def adds_bot(self) -> None:
        self.has_bot = True
        self.members[self.world.bot.id] = EVERYBODY
        self.world.dispatch("GUILD_CREATE", self.payload, server=self, intent=GUILDS)

    @property
    def payload(self) -> dict[str, Any]:
        bot = self.member(self.world.bot)
        return self.rest_payload | {
            "joined_at": self.world.now().isoformat(),
            "large": False,
            "member_count": len(self.members),
            "members": [bot],
            "channels": [c.payload for c in self.channels.values()],
            "threads": [],
            "presences": [],
            "voice_states": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    @property
    def rest_payload(self) -> dict[str, Any]:
        everyone = {
            "id": self.id,
            "name": "@everyone",
            "permissions": str(EVERYBODY),
            "position": 0,
            "color": 0,
            "colors": {
                "primary_color": 0,
                "secondary_color": None,
                "tertiary_color": None,
            },
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
        return {
            "id": self.id,
            "name": self.name,
            "icon": None,
            "owner_id": self.owner.id,
            "roles": [everyone],
            "emojis": [],
            "stickers": [],
            "features": [],
            "preferred_locale": "en-US",
            "verification_level": 0,
            "default_message_notifications": 1,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "premium_tier": 0,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "afk_channel_id": None,
            "afk_timeout": 300,
        }

    def member(self, user: Any) -> dict[str, Any]:
        return {
            "user": user.payload,
            "nick": None,
            "avatar": None,
            "roles": [],
            "joined_at": "2024-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
        }


class Channel:
    """A server's text channel, or the DM between the bot and a user."""

    def __init__(
        self,
        world: Any,
        server: Server | None,
        name: str,
        *,
        kind: int = 1,
        recipient: Any = None,
    ) -> None:
        self.world = world
        self.id = world.new_id()
        self.server = server
        self.name = name
        self.kind = kind
        self.recipient = recipient
        self.may_bot_write = True
        self.may_bot_attach = True
        self.is_hidden = False
        self.is_deleted = False
        self.history: list[Message] = []
        self._read = 0
        world.channels[self.id] = self

    def __repr__(self) -> str:
        return f"<Channel {self.name}>"

    def deletes(self) -> None:
        """Delete the channel: 404, code 10003, from now on."""
        self.is_deleted = True
        if self.server is not None:
            self.server.channels.pop(self.id, None)
        self.dispatch("CHANNEL_DELETE")

    def forbids_writing(self) -> None:
        """Take the bot's permission to write: 403, code 50013."""
        self.may_bot_write = False
        self.dispatch("CHANNEL_UPDATE")

    def forbids_files(self) -> None:
        """Take the bot's permission to attach files, and no other: 50013."""
        self.may_bot_attach = False
        self.dispatch("CHANNEL_UPDATE")

    def allows_writing(self) -> None:
        self.may_bot_write = True
        self.dispatch("CHANNEL_UPDATE")

    def hides(self) -> None:
        """Hide the channel from the bot: 403, code 50001."""
        self.is_hidden = True
        self.dispatch("CHANNEL_UPDATE")

    def shows(self) -> None:
        self.is_hidden = False
        self.dispatch("CHANNEL_UPDATE")

    @property
    def messages(self) -> tuple[Seen, ...]:
        """What the bot posted here unasked: answers to interactions are not in it."""
        return tuple(m.seen() for m in self._arrived if not m.is_deleted)

    async def receives(self, n: int = 1, timeout: float = 10) -> tuple[Seen, ...]:
        """Wait for the next `n` of `messages` and return them as they look now."""
        end = self._read + n
        if not await self.world.until(lambda: len(self._arrived) >= end, timeout):
            new = [m.seen() for m in self._arrived[self._read :]]
            raise AssertionError(f"{self} received {len(new)} of {n} messages: {new}")
        came = self._arrived[self._read : end]
        self._read = end
        return tuple(m.seen() for m in came)

    @property
    def _arrived(self) -> list[Message]:
        bot = self.world.bot
        return [m for m in self.history if m.author is bot and m.interaction is None]

    def denied_to(self, user: Any) -> int:
        """The permissions this channel takes from a user."""
        if user is not self.world.bot:
            return 0
        write = 0 if self.may_bot_write else SEND_MESSAGES
        return write | (VIEW_CHANNEL if self.is_hidden else 0)

    def dispatch(self, event: str) -> None:
        self.world.dispatch(event, self.payload, server=self.server, intent=GUILDS)

    @property
    def payload(self) -> dict[str, Any]:
        last = self.history[-1].id if self.history else None
        base = {"id": self.id, "type": self.kind, "last_message_id": last, "flags": 0}
        if self.recipient is not None:
            return base | {"recipients": [self.recipient.payload]}
        assert self.server is not None
        bot = self.world.bot
        denied = {"id": bot.id, "type": 1, "allow": "0", "deny": str(self._deny)}
        return base | {
            "guild_id": self.server.id,
            "name": self.name,
            "position": 0,
            "permission_overwrites": [denied] if self._deny else [],
            "parent_id": None,
            "topic": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
        }

    @property
    def _deny(self) -> int:
        return self.denied_to(self.world.bot)
