"""The pictures of messages on Telegram: uploaded once, named by Telegram's id after."""

import logging
from collections import OrderedDict
from typing import Any, Final

from bot.model import JsonDict
from bot.pictures import PictureRef
from bot.ports import PictureShelf

logger = logging.getLogger(__name__)

#: ids of uploaded pictures that are kept
_KNOWN_MAX: Final = 500


class Photos:
    """Where the sender of one bot's token gets its photos; nothing here raises."""

    def __init__(self, shelf: PictureShelf | None) -> None:
        self._shelf = shelf
        #: a file id is good for this bot alone, and for as long as Telegram likes
        self._uploaded: OrderedDict[PictureRef, str] = OrderedDict()

    async def prepare(self, part: JsonDict, *, is_reply: bool = False) -> None:
        """Have a part's picture drawn; somebody who asked for it waits longer."""
        ref = picture_of(part)
        if ref is None or self._shelf is None or ref in self._uploaded:
            return
        if is_reply:
            await self._shelf.picture(ref)
        else:
            await self._shelf.prepare(ref)

    def of(self, part: JsonDict) -> str | bytes | None:
        """Return the file id of a part's picture, or its bytes, if there is either."""
        ref = picture_of(part)
        if ref is None or self._shelf is None:
            return None
        return self._uploaded.get(ref) or self._shelf.ready(ref)

    def learn(self, part: JsonDict, said: Any) -> None:
        """Remember the file id in what Telegram says of a photo that was sent."""
        ref, file_id = picture_of(part), _file_id(said)
        if ref is None or not file_id:
            return
        self._uploaded[ref] = file_id
        self._uploaded.move_to_end(ref)
        while len(self._uploaded) > _KNOWN_MAX:
            self._uploaded.popitem(last=False)

    def refused(self, part: JsonDict, reason: str) -> None:
        """Forget a file id that Telegram did not take, and log that words go alone."""
        ref = picture_of(part)
        if ref is not None:
            self._uploaded.pop(ref, None)
        logger.warning(
            "a picture is left out",
            extra={"action": "picture_left_out", "reason": reason},
        )


def picture_of(part: JsonDict) -> PictureRef | None:
    """Return the picture that a part names; None if it names none we understand."""
    document = part.get("picture")
    if document is None:
        return None
    try:
        return PictureRef.from_json(document)
    except ValueError:
        # Frozen by another version: the words are what matters.
        return None


def _file_id(said: Any) -> str:
    """Return the id of the largest size, which comes last."""
    sizes = said.get("photo") if isinstance(said, dict) else None
    last = sizes[-1] if isinstance(sizes, list) and sizes else None
    file_id = last.get("file_id") if isinstance(last, dict) else None
    return file_id if isinstance(file_id, str) else ""
