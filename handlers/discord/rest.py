"""Discord's REST API over a connection of our own: one try, one answer, no waiting.

discord.py's own requests sleep until a bucket refills, after the message has left, and
try again by themselves; whoever waits here would not know what has arrived.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from urllib.parse import quote, urlsplit

import orjson

import bot
from bot.errors import ConfigError, TemporaryDeliveryError
from bot.model import JsonDict
from handlers.discord import files
from handlers.discord.errors import classify, classify_error
from handlers.discord.photos import Upload
from handlers.poster import Poster

logger = logging.getLogger(__name__)

#: discord.com/developers/docs/reference#user-agent asks for this form
USER_AGENT = f"DiscordBot (flipwatch, {bot.__version__})"

_ERROR_STATUS = 300


def _ignore(_status: int, _headers: Mapping[str, str]) -> None:
    return


class Rest:
    """Asks Discord's REST API as the bot.

    Opens its connections at the first request, so it may be built without a loop;
    `close` gives them back.
    """

    def __init__(self, token: str, api_url: str, *, timeout: timedelta) -> None:
        if not token:
            raise ConfigError("discord.token is missing: there is no bot to speak as")
        self._token = token
        parts = urlsplit(api_url.rstrip("/"))
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._base = parts.path
        self._timeout = timeout
        self._poster: Poster | None = None
        #: told of every answer: its status and headers
        self.on_answer: Callable[[int, Mapping[str, str]], None] = _ignore

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        on_headers: Callable[[int, Mapping[str, str]], None] = _ignore,
        /,
        **parts: str,
    ) -> JsonDict:
        """Send one request and return the object that is answered, empty if none.

        `body` becomes JSON, an `Upload` a form with its file.
        `path` is the route with `{names}` filled from `parts`; `on_headers` sees
        status and headers of whatever is answered. Raises only `DeliveryError`; a yes
        that can't be read is temporary and unknown.
        """
        filled = path.format_map({k: quote(v, safe="") for k, v in parts.items()})
        data, kind = _encoded(body)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                answer = await self._open().request(
                    method, self._base + filled, data, content_type=kind
                )
        except (OSError, ValueError) as error:
            failure = classify_error(error)
            logger.debug(
                "discord request failed",
                extra={"route": f"{method} {path}", "reason": failure.reason},
            )
            raise failure from None
        status, headers = answer.status, answer.headers
        self.on_answer(status, headers)
        on_headers(status, headers)
        said = _read(answer.body)
        logger.debug(
            "discord request",
            extra={"route": f"{method} {path}", "status": status},
        )
        if status >= _ERROR_STATUS:
            raise classify(
                status,
                _code(said),
                detail=_detail(said),
                retry_after=_retry_after(said, headers),
                is_global=_is_global(said, headers),
            )
        if said is None:
            raise TemporaryDeliveryError(
                "Discord's yes can't be read", reason="bad_answer", is_unknown=True
            )
        return said

    async def close(self) -> None:
        """Give back the connections; may be called twice."""
        poster, self._poster = self._poster, None
        if poster is not None:
            await poster.close()

    def _open(self) -> Poster:
        if self._poster is None:
            self._poster = Poster(
                self.origin,
                headers={
                    "Authorization": f"Bot {self._token}",
                    "User-Agent": USER_AGENT,
                },
                # Our own timeout is for the whole; a connection that does not come
                # about sooner is known not to have carried anything.
                connect_timeout=self._timeout.total_seconds() / 2,
            )
        return self._poster


def _encoded(body: object) -> tuple[bytes, str]:
    """Return what is sent of a body, and what kind of content that is."""
    if isinstance(body, Upload):
        return body.form()
    return files.payload(body)


def _read(raw: bytes) -> JsonDict | None:
    """Return the JSON object, an empty one for no content or a list, else None."""
    if not raw:
        return {}
    try:
        said = orjson.loads(raw)
    except ValueError:
        return None
    return said if isinstance(said, dict) else {}


def _code(said: JsonDict | None) -> int:
    code = (said or {}).get("code")
    return code if isinstance(code, int) else 0


def _detail(said: JsonDict | None) -> str:
    """Return Discord's own text and where in the form it sees errors.

    Only names and codes of the form's errors: their texts may quote what was sent.
    """
    if said is None:
        return ""
    text = said.get("message")
    wrong = "; ".join(_form_errors(said.get("errors")))
    return ": ".join(x for x in (text if isinstance(text, str) else "", wrong) if x)


def _form_errors(node: object, path: str = "") -> Iterator[str]:
    if not isinstance(node, dict):
        return
    for name, below in node.items():
        if name == "_errors" and isinstance(below, list):
            codes = [str(x.get("code")) for x in below if isinstance(x, dict)]
            yield f"{path} {' '.join(codes)}"
        else:
            yield from _form_errors(below, f"{path}.{name}" if path else str(name))


def _retry_after(said: JsonDict | None, headers: Mapping[str, str]) -> timedelta | None:
    """Read the wait Discord orders, from the body (decimals) or else the header."""
    wanted = (said or {}).get("retry_after", headers.get("Retry-After"))
    if not isinstance(wanted, int | float | str):
        return None
    try:
        return timedelta(seconds=max(0.0, float(wanted)))
    except (ValueError, OverflowError):
        return None


def _is_global(said: JsonDict | None, headers: Mapping[str, str]) -> bool:
    """Whether the wait is for all; also when Cloudflare refuses the whole address.

    Discord's own 429 is JSON and carries `Via`; Cloudflare's ban has neither.
    """
    if said is None:
        return True
    return said.get("global") is True or headers.get("X-RateLimit-Scope") == "global"
