"""Reading requests: whatever is not as it should be is refused with 4xx in words."""

import json
import re

from fastapi import HTTPException, Request

from bot.message import ATTACHMENT_MAX, Attachment
from bot.model import JsonDict
from handlers.web import render

#: longest line a person may type, in characters
TEXT_MAX = 1000
#: longest request body in bytes: a line of escapes and room to spare
BODY_MAX = 64 * 1024
#: with a file: its text, of which JSON may escape every character
FILE_BODY_MAX = BODY_MAX + 6 * ATTACHMENT_MAX
#: as Telegram's callback_data, see `bot.message.Button`
ACTION_MAX_BYTES = 64
#: largest id a database can hold
ID_MAX = 2**63 - 1

_REF = re.compile(r"[A-Za-z0-9_-]{1,20}")


async def json_body(request: Request, limit: int = BODY_MAX) -> JsonDict:
    """Read a JSON object; anything else is refused with 4xx.

    Asking for the content type is part of the defence against other web pages: a
    plain form cannot send it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON with Content-Type: application/json.")
    raw = await body(request, limit)
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        raise HTTPException(400, "That is not JSON.") from None
    if not isinstance(said, dict):
        raise HTTPException(400, "Send a JSON object.")
    return said


async def body(request: Request, limit: int) -> bytes:
    """Read the whole body, at most so many bytes; refuse a longer one with 413."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise HTTPException(413, "That is too much at once.")
    return bytes(raw)


def text_of(body: JsonDict) -> str:
    """Read the line that was typed."""
    text = body.get("text")
    if not isinstance(text, str):
        raise HTTPException(400, 'Send {"text": "/watch ETH"}.')
    text = render.clean(text).strip()
    if not text:
        raise HTTPException(400, "Type something, such as /watch ETH.")
    if len(text) > TEXT_MAX:
        raise HTTPException(
            413, f"At most {TEXT_MAX:,} characters, these are {len(text):,}."
        )
    return text


def file_of(body: JsonDict) -> Attachment | None:
    """Read the file that was sent along, if one was; too large a one is refused."""
    file = body.get("file")
    if file is None:
        return None
    known = file if isinstance(file, dict) else {}
    name, text = known.get("name"), known.get("text")
    if not isinstance(name, str) or not isinstance(text, str):
        raise HTTPException(400, "`file` has a `name` and a `text`.")
    if len(text.encode(errors="replace")) > ATTACHMENT_MAX:
        raise HTTPException(413, f"A file has at most {ATTACHMENT_MAX // 1024} kB.")
    return Attachment(render.clean(name[:100]), render.clean(text))


def ref_of(body: JsonDict) -> str:
    """Read the page's own mark of a line; sent again, the line is not kept twice."""
    ref = body.get("ref", "")
    if ref != "" and not (isinstance(ref, str) and _REF.fullmatch(ref)):
        raise HTTPException(400, "`ref` is at most 20 letters, digits, _ and -.")
    return str(ref)


def pressed(body: JsonDict) -> tuple[int, str]:
    """Read which button of which entry was pressed."""
    entry, action = body.get("entry"), body.get("action")
    is_id = isinstance(entry, int) and not isinstance(entry, bool)
    if not is_id or not 0 < int(str(entry)) <= ID_MAX:
        raise HTTPException(400, "`entry` is the id of a message.")
    if (
        not isinstance(action, str)
        or not action
        or len(action.encode(errors="replace")) > ACTION_MAX_BYTES
    ):
        raise HTTPException(400, "`action` is what the button carries.")
    return int(str(entry)), render.clean(action)


def id_of(text: str) -> int:
    """Read an id; whatever is none means: from the start."""
    is_id = text.isascii() and text.isdigit() and len(text) <= len(str(ID_MAX))
    return min(int(text), ID_MAX) if is_id else 0


def language(request: Request) -> str:
    """Return the first language the browser asks for, such as `de`."""
    asked = request.headers.get("accept-language", "")
    found = re.match(r"[A-Za-z]{2,3}", asked)
    return found[0].lower() if found else ""
