"""The fake Discord's people, and the world that holds all there is."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from fake_discord_interactions import Interaction, command_interaction, press
from fake_discord_messages import Message, Seen, message_payload, pings, reply_to
from fake_discord_places import (
    DIRECT_MESSAGES,
    EVERYBODY,
    GUILD_MESSAGES,
    Channel,
    Server,
)

#: Discord's ids count milliseconds from the first moment of 2015
EPOCH_MS = 1_420_070_400_000


class User:
    """Somebody with an account; the DM with the bot is open until it is closed."""

    def __init__(self, world: "World", name: str, locale: str = "en-US") -> None:
        self.world = world
        self.id = world.new_id()
        self.name = name
        self.locale = locale
        self.has_installed = False
        self.is_dm_closed = False
        self.dm = Channel(world, None, name, recipient=self)
        world.users[self.id] = self

    def __repr__(self) -> str:
        return f"<User {self.name}>"

    # ---- what a person does

    def types(
        self, command: str, /, in_: Channel | None = None, **options: Any
    ) -> Interaction:
        """Type a slash command (`"watch"`, or `"watch add"` for a subcommand).

        Raises `AssertionError` if Discord would not offer it here: not registered,
        other context, unknown or missing or badly typed option, no permission.
        """
        place = in_ or self.dm
        return command_interaction(self, command, place, options)

    async def completes(
        self, command: str, /, in_: Channel | None = None, **options: Any
    ) -> list[tuple[str, Any]]:
        """Type the last option half way; return the proposals as (name, value)."""
        place = in_ or self.dm
        opened = command_interaction(self, command, place, options, is_typing=True)
        return await opened.choices()

    def presses(
        self, message: Seen | Message, label: str, in_: Channel | None = None
    ) -> Interaction:
        """Press the button with this label, as the message looks now."""
        known = self.world.messages[getattr(message, "message_id", None) or message.id]
        assert in_ in {None, known.channel}, f"the message is not in {in_}"
        return press(self, known, label)

    def writes(self, content: str, in_: Channel | None = None) -> Seen:
        """Write a plain message; bots hear of it only if their intents ask."""
        place = in_ or self.dm
        message = self.world.post(place, self, {"content": content})
        return message.seen()

    def closes_dms(self) -> None:
        self.is_dm_closed = True

    def opens_dms(self) -> None:
        self.is_dm_closed = False

    def leaves(self, server: Server) -> None:
        del server.members[self.id]

    def installs(self) -> None:
        """Install the app for oneself, so that it works without a common server."""
        self.has_installed = True

    def uninstalls(self) -> None:
        self.has_installed = False

    # ---- what a person sees

    @property
    def messages(self) -> tuple[Seen, ...]:
        """What the bot wrote into the DM unasked; see `Channel.messages`."""
        return self.dm.messages

    async def receives(self, n: int = 1, timeout: float = 10) -> tuple[Seen, ...]:
        """Wait for the DM's next `n` messages; see `Channel.receives`."""
        return await self.dm.receives(n, timeout)

    # ---- what Discord knows

    @property
    def has_mutual_server(self) -> bool:
        servers = self.world.servers.values()
        return any(s.has_bot and self.id in s.members for s in servers)

    def permissions_in(self, channel: "Channel") -> int:
        if channel.server is None:
            return EVERYBODY
        rights = channel.server.members.get(self.id, 0)
        return rights & ~channel.denied_to(self)

    @property
    def payload(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "username": self.name.lower(),
            "global_name": self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self is self.world.bot,
            "public_flags": 0,
        }


class World:
    """Everything there is, and a way to wait until it changes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.users: dict[str, User] = {}
        self.servers: dict[str, Server] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, Message] = {}
        #: slash commands by server id; None holds the global ones
        self.commands: dict[str | None, list[dict[str, Any]]] = {}
        #: interactions by token
        self.interactions: dict[str, Interaction] = {}
        self.ack_within = 3.0
        self._last_id = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self.tokens = (f"interaction-token-{n}" for n in count(1))
        self.send: Callable[..., None] = lambda *_args, **_more: None
        #: for how long the same nonce is the same message ("a few minutes")
        self.nonce_window = timedelta(seconds=120)
        #: messages that were not created because their nonce was known
        self.swallowed = 0
        self.bot = User(self, "Flipwatch")
        self.operator = User(self, "Operator")

    def new_id(self) -> str:
        """Return a fresh snowflake of the clock's time; ids only grow."""
        at = (int(self.now().timestamp() * 1000) - EPOCH_MS) << 22
        self._last_id = max(at, self._last_id + 1)
        return str(self._last_id)

    def dispatch(
        self,
        event: str,
        data: dict[str, Any],
        *,
        server: Server | None = None,
        intent: int = 0,
    ) -> None:
        """Send a gateway event to the sessions that asked for it."""
        self.send(event, data, server_id=server and server.id, intent=intent)

    @staticmethod
    def show(message: Message) -> dict[str, Any]:
        """Return a message as the API gives it."""
        return message_payload(message)

    def touch(self) -> None:
        """Wake everybody who waits in `until`."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, is_so: Callable[[], Any], timeout: float) -> bool:
        """Wait until something is so; False if it is not within the timeout."""
        try:
            async with asyncio.timeout(timeout):
                while not is_so():
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiting.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiting.discard(waiter)
        except TimeoutError:
            return bool(is_so())
        return True

    def post(
        self,
        channel: Channel,
        author: User,
        body: dict[str, Any],
        *,
        files: list[str] | None = None,
        interaction: Interaction | None = None,
    ) -> Message:
        """Create a message and tell whoever listens; ephemeral ones stay unlisted."""
        message = Message(
            id=self.new_id(),
            channel=channel,
            author=author,
            created_at=self.now(),
            nonce=body.get("nonce"),
            reply_to=reply_to(body),
            interaction=interaction,
        )
        message.fill(body, files or [])
        message.pings = pings(self, body, is_answer=interaction is not None)
        self.messages[message.id] = message
        if not message.is_ephemeral:
            channel.history.append(message)
            intent = GUILD_MESSAGES if channel.server else DIRECT_MESSAGES
            data = _without_words(message_payload(message), channel, author)
            self.dispatch("MESSAGE_CREATE", data, server=channel.server, intent=intent)
        self.touch()
        return message


def _without_words(
    payload: dict[str, Any], channel: Channel, author: User
) -> dict[str, Any]:
    """Hide what a bot without the message content intent does not get to read."""
    bot = channel.world.bot
    if author is bot or channel.server is None or f"<@{bot.id}>" in payload["content"]:
        return payload
    return payload | {"content": "", "embeds": [], "components": [], "attachments": []}
