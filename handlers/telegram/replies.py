"""Sends replies: somebody waits for each, so one that failed is tried at once."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    TemporaryDeliveryError,
)
from bot.message import Message as Reply
from bot.model import Address, JsonDict, Platform
from bot.ports import Desk
from handlers.telegram.sender import TelegramSender

logger = logging.getLogger(__name__)

#: a reply is tried once more if Telegram asks for no longer a wait than this
PATIENCE: Final = timedelta(seconds=10)


class Replies:
    """Sends what the desk answers, over the replies' share of a chat's limits."""

    def __init__(self, desk: Desk, sender: TelegramSender) -> None:
        self._desk = desk
        self._sender = sender

    async def tell(self, place: Address, reply: Reply) -> list[str]:
        """Send a reply; where that fails tell the desk or the log, never raise.

        Returns the ids of what was sent, as far as it was.
        """
        refs: list[str] = []
        try:
            for part in self._sender.render(reply):
                place, ref = await self.tell_part(place, part)
                refs.append(ref)
        except RecipientGoneError as error:
            await self._desk.on_gone(place, error.reason)
        except DeliveryError as error:
            logger.warning(
                "A reply could not be sent",
                extra={"action": "telegram_reply_failed", "reason": error.reason},
            )
        return refs

    async def tell_part(self, place: Address, part: JsonDict) -> tuple[Address, str]:
        """Send one part, once more where that is safe; return where it went, its id.

        Raises `TemporaryDeliveryError` where the chat's limits leave no room for a
        reply: in a group its alerts come first.
        """
        is_plain = False
        await self._sender.prepare(part, is_reply=True)
        wait = self._sender.free_in(place)
        if wait > PATIENCE:
            raise TemporaryDeliveryError(
                "no room for a reply", reason="reply_share", retry_after=wait
            )
        await asyncio.sleep(wait.total_seconds())
        try:
            sent = await self._sender.reply(place, part, nonce="")
        except RecipientMovedError as error:
            moved = Address(Platform.TELEGRAM, error.new_chat, place.topic)
            await self._desk.on_moved(place, moved)
            place = moved
        except MessageRejectedError as error:
            logger.exception(
                "A reply was refused",
                extra={"action": "telegram_reply_refused", "reason": error.reason},
            )
            is_plain = True
        except TemporaryDeliveryError as error:
            wait = error.retry_after or timedelta(seconds=1)
            if error.is_unknown or wait > PATIENCE:
                raise
            await asyncio.sleep(wait.total_seconds())
        else:
            return place, sent.message_ref
        sent = await self._sender.reply(place, part, nonce="", is_plain=is_plain)
        return place, sent.message_ref
