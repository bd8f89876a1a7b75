"""Opens what speaks to the platforms, apart from a running bot: checks, test messages.

Wiring: it knows the platforms' senders.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Protocol

from bot.config import Config
from bot.limits import Limits
from bot.model import Platform
from bot.ports import Keeper, Sender


class Speaker(Sender, Keeper, Protocol):
    """What sends and knocks; the senders of all platforms do both."""

    platform: Platform


@asynccontextmanager
async def open_speakers(
    config: Config, platforms: Collection[Platform]
) -> AsyncIterator[Mapping[Platform, Speaker]]:
    """Open the speakers of Telegram and Discord, as far as they are on and asked for.

    Raises `ConfigError` for one that has no token.
    """
    timeout = timedelta(seconds=config.delivery.send_timeout)
    found: dict[Platform, Speaker] = {}
    async with AsyncExitStack() as stack:
        if Platform.TELEGRAM in platforms:
            from handlers.telegram.sender import open_sender, telegram_rules

            limits = Limits(telegram_rules(config.telegram.messages_per_second))
            telegram = open_sender(config.telegram, send_timeout=timeout, limits=limits)
            stack.push_async_callback(telegram.close)
            found[Platform.TELEGRAM] = telegram
        if Platform.DISCORD in platforms:
            from handlers.discord.sender import DiscordSender

            discord = DiscordSender(config.discord, timeout=timeout)
            stack.push_async_callback(discord.close)
            found[Platform.DISCORD] = discord
        yield found
