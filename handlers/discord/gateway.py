"""discord.py's client, told what we want of it: few events, no caches, one address."""

import sys
from typing import Any, Protocol

import discord
from aiohttp import ClientWebSocketResponse
from yarl import URL

from bot.config import DiscordConfig


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

    def __init__(self, listener: Listener, config: DiscordConfig) -> None:
        """Take whom to tell, and the section for gateway address and shards."""
        shards: dict[str, Any] = {"shard_count": config.shard_count}
        if config.shard_ids:
            shards["shard_ids"] = list(config.shard_ids)
        super().__init__(
            **shards,
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
        self._lost_shards: set[int] = set()
        if config.gateway_url:
            self._always_connect_to(URL(config.gateway_url))

    def _always_connect_to(self, gateway: URL) -> None:
        """Use this address for every connection, also where READY names another."""
        connect = self.http.ws_connect

        async def ws_connect(url: str, *, compress: int = 0) -> ClientWebSocketResponse:
            # The query says which encoding and compression discord.py expects.
            asked = gateway.with_query(URL(url).query)
            return await connect(str(asked), compress=compress)

        # The one place all of discord.py's connections pass; it has no option for it.
        self.http.ws_connect = ws_connect  # type: ignore[method-assign]

    async def on_shard_connect(self, shard_id: int) -> None:
        """Hear of a fresh session."""
        await self._up(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Hear of a session that goes on."""
        await self._up(shard_id)

    async def _up(self, shard_id: int) -> None:
        self._lost_shards.discard(shard_id)
        if self.application_id is not None and not self._lost_shards:
            await self._listener.on_up(self.application_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """Hear of a lost connection; one shard of several is enough to be told."""
        self._lost_shards.add(shard_id)
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
