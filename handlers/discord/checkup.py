"""Asks Discord for real: does it take the token, and may the bot connect today.

Nothing is sent and no gateway is opened, so a bot that runs does not notice.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from bot import findings
from bot.config import DiscordConfig
from bot.cures import delivery_cure
from bot.errors import DeliveryError
from bot.findings import Finding
from bot.model import Platform
from handlers.discord.sender import DiscordSender

_SUBJECT = Platform.DISCORD.value


async def check(config: DiscordConfig, *, timeout: timedelta) -> Sequence[Finding]:
    """Check token and connections; the token must be set."""
    sender = DiscordSender(config, timeout=timeout)
    try:
        me = await sender.rest.request("GET", "/users/@me")
        gateway = await sender.rest.request("GET", "/gateway/bot")
    except DeliveryError as error:
        cure = delivery_cure(Platform.DISCORD, error.reason)
        return [findings.wrong(_SUBJECT, str(error), cure)]
    finally:
        await sender.close()
    name = str(me.get("username") or "?")
    found = [findings.ok(_SUBJECT, f"the token is that of {name}")]
    # discord.com/developers/docs/events/gateway#session-start-limit-object
    limit: Any = gateway.get("session_start_limit")
    left = limit.get("remaining") if isinstance(limit, dict) else None
    if left == 0:
        found.append(
            findings.wrong(
                _SUBJECT,
                "all of today's connections are used up",
                "find out what restarts the bot over and over; Discord allows more"
                " within a day",
            )
        )
    wanted = gateway.get("shards")
    if isinstance(wanted, int) and config.shard_count and config.shard_count < wanted:
        said = f"Discord recommends {wanted} shards, not {config.shard_count}"
        found.append(findings.look(_SUBJECT, said, "raise discord.shard_count"))
    return found
