"""discord.py's client, told what we want of it: few events, no caches, one address."""

import sys
from typing import Protocol

import discord
from aiohttp import ClientWebSocketResponse
from yarl import URL


class Listener(Protocol):
    """What the gateway tells; every method may raise, `on_failed` hears of it."""

    async def on_up(self, application_id: int) -> None:
        """The gateway is connected, or connected again."""
        ...

    def on_down(self) -> None:
        """The connection is lost; discord.py tries again by itself."""
        ...

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Somebody used a command or a button."""
        ...

    async def on_joined(self, guild: discord.Guild) -> None:
        """The bot was added to a server."""
        ...

    async def on_left(self, guild: discord.Guild) -> None:
        """The bot was removed from a server."""
        ...

    async def on_deleted(self, channel_id: int) -> None:
        """A channel or thread is no more."""
        ...

    async def on_failed(
        self, interaction: discord.Interaction | None, error: BaseException
    ) -> None:
        """One of the others raised this; the interaction, if it was about one."""
        ...


class GatewayClient(discord.AutoShardedClient):
    """A client with slash commands, joins and deletions, and no memory of messages.

    Our own requests do not go through it; those it makes itself never sleep longer
    than half a minute for a rate limit.
    """

    def __init__(self, listener: Listener, gateway_url: str) -> None:
        """`gateway_url`, if not empty, is used instead of what Discord names."""
        super().__init__(
            intents=discord.Intents(guilds=True),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            # By default a join within two seconds of connecting passes for an old
            # server; we have no use for the event all that waiting is for.
            guild_ready_timeout=0.0,
            allowed_mentions=discord.AllowedMentions.none(),
            max_ratelimit_timeout=30.0,
            shard_connect_timeout=30.0,
        )
        self._listener = listener
        if gateway_url:
            self._always_connect_to(URL(gateway_url))

    def _always_connect_to(self, gateway: URL) -> None:
        """Use this address for every connection, also where READY names another."""
        connect = self.http.ws_connect

        async def ws_connect(url: str, *, compress: int = 0) -> ClientWebSocketResponse:
            # The query says which encoding and compression discord.py expects.
            asked = gateway.with_query(URL(url).query)
            return await connect(str(asked), compress=compress)

        # The one place all of discord.py's connections pass; it has no option for it.
        self.http.ws_connect = ws_connect  # type: ignore[method-assign]

    async def on_connect(self) -> None:
        """Hear of a fresh session."""
        await self._up()

    async def on_resumed(self) -> None:
        """Hear of a session that goes on."""
        await self._up()

    async def _up(self) -> None:
        if self.application_id is not None:
            await self._listener.on_up(self.application_id)

    async def on_disconnect(self) -> None:
        """Hear of a lost connection."""
        self._listener.on_down()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Hear of a command, a press or half-typed words."""
        await self._listener.on_interaction(interaction)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Hear of a new server."""
        await self._listener.on_joined(guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Hear of a server that removed the bot."""
        await self._listener.on_left(guild)

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Hear of a deleted channel."""
        await self._listener.on_deleted(channel.id)

    async def on_raw_thread_delete(self, thread: discord.RawThreadDeleteEvent) -> None:
        """Hear of a deleted thread, cached or not."""
        await self._listener.on_deleted(thread.thread_id)

    async def on_error(self, _event_method: str, /, *args: object, **_: object) -> None:
        """Hand on what an event raised; discord.py calls this while handling it."""
        error = sys.exception()
        about = args[0] if args and isinstance(args[0], discord.Interaction) else None
        if error is not None:
            await self._listener.on_failed(about, error)
