"""The pictures of messages on Discord: attached to the embed that shows them."""

import logging
from dataclasses import dataclass
from typing import Final

import orjson

from bot.model import JsonDict
from bot.pictures import PictureRef
from handlers import forms

logger = logging.getLogger(__name__)

#: our own keys beside the body's, taken out before sending: which picture goes with it,
#: and what is read aloud in its place
PICTURE_KEY: Final = "picture"
ALT_KEY: Final = "picture_alt"
#: discord.com/developers/docs/resources/message#attachment-object
ALT_MAX: Final = 1024
_NAME: Final = "chart.png"


@dataclass(frozen=True, slots=True)
class Upload:
    """A body and the image that its attachment names."""

    body: JsonDict
    image: bytes

    def form(self) -> tuple[bytes, str]:
        """Return both as one form, and its content type.

        The fields are those of "Uploading Files" in
        discord.com/developers/docs/reference.
        """
        file = forms.File(
            field="files[0]",
            name=_NAME,
            content=self.image,
            content_type="image/png",
        )
        return forms.encode({"payload_json": orjson.dumps(self.body).decode()}, [file])


def picture_of(part: JsonDict) -> PictureRef | None:
    """Return the picture that a part names; None if it names none we understand."""
    document = part.get(PICTURE_KEY)
    if document is None:
        return None
    try:
        return PictureRef.from_json(document)
    except ValueError:
        # Frozen by another version: the words are what matters.
        return None


def showing(part: JsonDict, body: JsonDict) -> JsonDict:
    """Return a part's body with its picture in its first embed."""
    embeds = body.get("embeds")
    first, *rest = embeds if isinstance(embeds, list) and embeds else [{}]
    image = {"image": {"url": f"attachment://{_NAME}"}}
    alt = str(part.get(ALT_KEY, ""))[:ALT_MAX]
    attachment: JsonDict = {"id": 0, "filename": _NAME, "description": alt}
    return {**body, "embeds": [{**first, **image}, *rest], "attachments": [attachment]}


def log_left_out(reason: str) -> None:
    """Log that Discord refused a picture, and why."""
    logger.warning(
        "a picture is left out",
        extra={"action": "picture_left_out", "reason": reason},
    )
