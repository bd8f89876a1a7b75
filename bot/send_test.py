"""`flipwatch send-test telegram:123`: one message, for real, and what became of it."""

import asyncio
import secrets
from datetime import timedelta

from bot.config import Config
from bot.cures import delivery_cure
from bot.errors import ConfigError, DeliveryError, FlipwatchError
from bot.message import Message, bold, line
from bot.model import Address, Platform
from bot.ports import Clock, Sender
from bot.reach import open_speakers


class NotSentError(FlipwatchError):
    """The message did not arrive; says why and what to do."""


async def send_test(config: Config, to: Address, *, now: Clock) -> str:
    """Send one message and return the platform's id of it.

    Needs no running bot and disturbs none. Raises `ConfigError` where the platform is
    off, `NotSentError` where it refuses.
    """
    if to.platform is Platform.WEB:
        return await _send_to_inbox(config, to, now)
    section = config.telegram if to.platform is Platform.TELEGRAM else config.discord
    if not section.is_on:
        raise ConfigError(f"{to.platform.value}.token is missing: set it first")
    async with open_speakers(config, {to.platform}) as speakers:
        return await _send(config, speakers[to.platform], to)


async def _send_to_inbox(config: Config, to: Address, now: Clock) -> str:
    from handlers.web.inbox import Inboxes, InboxHub
    from handlers.web.sender import WebSender
    from storage import open_store

    store = await open_store(config.storage.url, now=now, may_migrate=False)
    try:
        sender = WebSender(Inboxes(store, InboxHub(), now=now))
        return await _send(config, sender, to)
    finally:
        await store.close()


async def _send(config: Config, sender: Sender, to: Address) -> str:
    seconds = timedelta(seconds=config.delivery.send_timeout).total_seconds()
    (part,) = sender.render(_message())
    try:
        async with asyncio.timeout(2 * seconds), sender.turn(to):
            receipt = await sender.send(to, part, nonce=secrets.token_hex(8))
    except TimeoutError:
        reason, said = "timeout", "no answer in time"
    except DeliveryError as error:
        reason, said = error.reason, str(error)
    else:
        return receipt.message_ref
    raise NotSentError(f"{to}: {said} -> {delivery_cure(to.platform, reason)}")


def _message() -> Message:
    return Message(
        title=line("✅ ", bold("Flipwatch can write here")),
        body=(line("A test by whoever runs this bot. Nothing else was changed."),),
    )
