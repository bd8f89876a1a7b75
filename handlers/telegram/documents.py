"""Small text files on Telegram: sent after a message's words, read with a command.

Telegram has no way to say that a message and a file belong together but a caption; the
file is a message of its own, without a sound.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any, Final

from telegram import Bot, Document, InputFile, Message
from telegram.error import TelegramError

from bot.message import ATTACHMENT_MAX, Attachment
from bot.model import Address, JsonDict, Receipt

logger = logging.getLogger(__name__)

#: asking where a file is, and fetching it
FETCH_TIMEOUT: Final = timedelta(seconds=10)
#: the key of a part that is a file
KEY: Final = "document"


def part_of(attachment: Attachment) -> JsonDict:
    """Return a part of its own for a file, as plain JSON."""
    return {
        KEY: {"name": attachment.name, "text": attachment.text},
        # what a reader without files would see
        "text": "",
        "plain": attachment.name,
        "disable_notification": True,
    }


async def post(bot: Bot, address: Address, part: JsonDict) -> Receipt:
    """Send a part that is a file; raise `TelegramError`."""
    document: Any = part[KEY]
    sent = await bot.send_document(
        int(address.chat),
        InputFile(str(document["text"]).encode(), filename=str(document["name"])),
        message_thread_id=int(address.topic) if address.topic else None,
        disable_notification=True,
        disable_content_type_detection=True,
    )
    return Receipt(str(sent.message_id))


async def read(bot: Bot, message: Message) -> Attachment | None:
    """Fetch the text file that came with a message; None if there is none to read.

    What is too large, no text or cannot be fetched is none: the reply then says what
    can be sent.
    """
    document: Document | None = message.document
    if document is None or (document.file_size or 0) > ATTACHMENT_MAX:
        return None
    try:
        async with asyncio.timeout(FETCH_TIMEOUT.total_seconds()):
            file = await bot.get_file(document.file_id)
            raw = bytes(await file.download_as_bytearray())
    except (TelegramError, TimeoutError) as error:
        logger.warning(
            "A file could not be fetched",
            extra={"action": "telegram_file", "error": type(error).__name__},
        )
        return None
    if len(raw) > ATTACHMENT_MAX:
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return Attachment(document.file_name or "", text, document.mime_type or "")
