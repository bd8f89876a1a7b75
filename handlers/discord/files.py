"""Small text files on Discord: sent with a message, read from a command's option.

A file travels beside the body as a form (discord.com/developers/docs/reference
#uploading-files); in a rendered part it is plain JSON under a key of ours.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from bot.message import ATTACHMENT_MAX, Attachment
from bot.model import JsonDict

logger = logging.getLogger(__name__)

#: our own key in a part: the name and the text of a file
KEY = "file"
FETCH_TIMEOUT = timedelta(seconds=10)
#: where Discord keeps what people upload
_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_OK = 200


def part_of(attachment: Attachment) -> JsonDict:
    """Return what a part holds of a file."""
    return {"name": attachment.name, "text": attachment.text}


def payload(body: object) -> tuple[bytes, str]:
    """Return a request's body and its content type: JSON, or a form with the file."""
    if not isinstance(body, dict):
        return (b"" if body is None else orjson.dumps(body)), "application/json"
    file = _file_of(body)
    if file is None:
        return orjson.dumps(body), "application/json"
    boundary = f"flipwatch-{secrets.token_hex(16)}"
    document = orjson.dumps(_without_file(body, file))
    name = str(file["name"]).replace('"', "")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="payload_json"\r\n'
        "Content-Type: application/json\r\n\r\n"
    ).encode()
    between = (
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="files[0]"; '
        f'filename="{name}"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n'
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    content = str(file["text"]).encode()
    form = head + document + between + content + tail
    return form, f"multipart/form-data; boundary={boundary}"


def _file_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find the file of a message, also of one inside an interaction's answer."""
    for holder in (body, body.get("data")):
        if isinstance(holder, Mapping) and isinstance(holder.get(KEY), Mapping):
            found: Mapping[str, Any] = holder[KEY]
            return found
    return None


def _without_file(body: Mapping[str, Any], file: Mapping[str, Any]) -> JsonDict:
    """Return the body as Discord knows it: the file is named, not held."""
    named = {"attachments": [{"id": 0, "filename": file["name"]}]}
    if KEY in body:
        return {k: v for k, v in body.items() if k != KEY} | named
    data = {k: v for k, v in body["data"].items() if k != KEY} | named
    return dict(body) | {"data": data}


async def read(resolved: Mapping[str, Any], api_url: str) -> Attachment | None:
    """Fetch the file that a command names; None if it is no text or too large.

    The address comes over the gateway, not from a person; all the same only Discord's
    own servers are asked, or the one that stands in for Discord's API.
    """
    url, size = str(resolved.get("url", "")), resolved.get("size")
    if not _is_discords(url, api_url):
        logger.warning(
            "a file is not where Discord's are", extra={"action": "discord_file"}
        )
        return None
    if isinstance(size, int) and size > ATTACHMENT_MAX:
        return None
    try:
        async with (
            asyncio.timeout(FETCH_TIMEOUT.total_seconds()),
            aiohttp.ClientSession() as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            raw = await _at_most(answer.content, ATTACHMENT_MAX + 1)
            status = answer.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        logger.warning(
            "a file could not be fetched",
            extra={"action": "discord_file", "error": type(error).__name__},
        )
        return None
    if status != _OK or len(raw) > ATTACHMENT_MAX:
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    kind = str(resolved.get("content_type") or "text/plain")
    return Attachment(str(resolved.get("filename") or ""), text, kind)


def _is_discords(url: str, api_url: str) -> bool:
    try:
        asked, api = urlsplit(url), urlsplit(api_url)
    except ValueError:
        return False
    if asked.scheme == "https" and asked.hostname in _HOSTS:
        return asked.port in {None, 443}
    stands_in = api.hostname is not None and api.hostname != "discord.com"
    return stands_in and (asked.scheme, asked.hostname) == (api.scheme, api.hostname)


async def _at_most(content: aiohttp.StreamReader, most: int) -> bytes:
    """Read to the end, or so many bytes; one `read` gives what has arrived so far."""
    raw = bytearray()
    while len(raw) < most and (part := await content.read(most - len(raw))):
        raw += part
    return bytes(raw)
