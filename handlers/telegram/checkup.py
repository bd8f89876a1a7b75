"""Asks Telegram for real: does it take the token, and may the bot write where it is to.

Nothing is sent and no updates are fetched, so a bot that runs does not notice.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from telegram.error import TelegramError

from bot import findings
from bot.config import TelegramConfig
from bot.cures import delivery_cure
from bot.errors import DeliveryError
from bot.findings import Finding
from bot.model import Platform
from handlers.telegram.errors import classify
from handlers.telegram.transport import make_bot
from handlers.telegram.webhook import PATH

_SUBJECT = Platform.TELEGRAM.value
#: core.telegram.org/bots/api#getwebhookinfo keeps the last failure for ever; an old
#: one is over
RECENT = timedelta(hours=1)


async def check(config: TelegramConfig, *, timeout: timedelta) -> Sequence[Finding]:
    """Check token and webhook; the token must be set."""
    bot = make_bot(config, connections=2)
    failure: DeliveryError
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            me = await bot.get_me()
            webhook = await bot.get_webhook_info()
    except (TelegramError, TimeoutError) as error:
        failure = classify(error)
    else:
        found = [findings.ok(_SUBJECT, f"the token is that of @{me.username}")]
        if me.can_join_groups is False:
            cure = "for groups: @BotFather, /setjoingroups, Enable"
            found.append(findings.look(_SUBJECT, "the bot may not join groups", cure))
        expected = config.webhook_url + PATH if config.mode == "webhook" else ""
        if webhook.url and webhook.url != expected:
            found.append(_strange_webhook(config))
        elif expected and webhook.url and webhook.last_error_message:
            found.append(_failing_webhook(webhook.last_error_message))
        return found
    finally:
        await bot.request.shutdown()
    cure = delivery_cure(Platform.TELEGRAM, failure.reason)
    return [findings.wrong(_SUBJECT, str(failure), cure)]


def _strange_webhook(config: TelegramConfig) -> Finding:
    if config.mode == "polling":
        cure = (
            "stop the other program that uses this token; if there is none, the next"
            " start takes the webhook away"
        )
        return findings.look(_SUBJECT, "another program has set a webhook", cure)
    cure = "stop the other program that uses this token; the next start sets ours"
    return findings.look(_SUBJECT, "the webhook leads to another address", cure)


def _failing_webhook(said: str) -> Finding:
    return findings.look(
        _SUBJECT,
        f"Telegram could not post to the webhook: {' '.join(said.split())[:200]}",
        "check that telegram.webhook_url leads to the web chat's port from outside",
    )
