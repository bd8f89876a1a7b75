"""HTTP calls to a remote engine: limits, error kinds, and no key in any text.

Everything that goes wrong becomes a `SourceError`. The engine's key travels in one
header only and is taken out of whatever an error repeats.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from bot.config import EngineConfig
from bot.errors import (
    SourceError,
    SourceProtocolError,
    SourceRefusedError,
    SourceUnavailableError,
)
from bot.ports import Clock
from engine import wire

logger = logging.getLogger(__name__)

#: a page of 100 rows is about 40 KB; anything near this is not a page
BODY_MAX = 16 * 1024 * 1024
#: the timeout of the engine's own clients
TIMEOUT = timedelta(seconds=30)
#: about 20 calls a minute; the real limit of a plan is not published
POLITE_SPACING = timedelta(seconds=3)

_POLITE_DOMAIN = "tokenmetrics.com"
_KEY = re.compile(r"tm-[0-9a-f-]{36}", re.IGNORECASE)
_HIDDEN = "[key]"
_CHUNK = 64 * 1024
_EPOCH_FROM = 1_000_000_000
_SHORTEST_KEY = 4
_REFUSALS = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
}
_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


class Meter(Protocol):
    """Asked before each call, so that none is made that the credits do not cover."""

    def __call__(self) -> None:
        """Count the call, or raise `SourceUnavailableError`."""
        ...


def is_token_metrics(base_url: str) -> bool:
    """Whether the address is of Token Metrics itself."""
    host = urlsplit(base_url).hostname or ""
    return host == _POLITE_DOMAIN or host.endswith("." + _POLITE_DOMAIN)


class Transport:
    """GET requests to one engine; opens its connections with the first one."""

    def __init__(
        self, config: EngineConfig, *, now: Clock, timeout: timedelta = TIMEOUT
    ) -> None:
        self._base_url = config.base_url.rstrip("/")
        self._now = now
        self._timeout = timeout.total_seconds()
        key = config.api_key.get_secret_value() if config.api_key else ""
        self._key = key
        self._headers = {"accept": "application/json", "user-agent": "flipwatch"}
        if key:
            self._headers[config.auth_header] = key
        is_polite = is_token_metrics(self._base_url)
        self._spacing = POLITE_SPACING.total_seconds() if is_polite else 0.0
        self._odd_paths: set[str] = set()
        self._turn = asyncio.Lock()
        self._last_call = float("-inf")
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Give back the connections; may be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(
        self, path: str, params: Mapping[str, str], *, meter: Meter
    ) -> bytes | None:
        """Return the body of a 200, or None for a 404: the engine has no rows.

        Redirects are not followed: the key is for this host. Raises only
        `SourceError`; nothing is tried twice here.
        """
        await self._wait_for_turn()
        meter()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._opened().get(
                    f"{self._base_url}/{path}", params=params, allow_redirects=False
                ) as response,
            ):
                body = await _read_limited(response)
        except TimeoutError:
            raise SourceUnavailableError(
                f"no answer from the engine within {self._timeout:g} s ({path})",
                reason="timeout",
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The cause is told as text: its own may repeat what was sent.
            what = self._redact(f"{type(error).__name__}: {error}")
            raise SourceUnavailableError(
                f"the engine cannot be reached ({path}): {what}", reason="connection"
            ) from None
        logger.debug(
            "engine answered",
            extra={"action": "engine_call", "path": path, "status": response.status},
        )
        if response.status == HTTPStatus.NOT_FOUND:
            self._note_no_rows(path, body)
            return None
        if response.status != HTTPStatus.OK:
            raise self._as_error(path, response, body)
        return body

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No cookies: an engine has no business with them.
            self._session = aiohttp.ClientSession(
                headers=self._headers, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def _wait_for_turn(self) -> None:
        if not self._spacing:
            return
        loop = asyncio.get_running_loop()
        async with self._turn:
            wait = self._last_call + self._spacing - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            self._last_call = loop.time()

    def _note_no_rows(self, path: str, body: bytes) -> None:
        """Tell the operator once per path where a 404 does not sound like "no rows"."""
        if wire.read_message(body) or path in self._odd_paths:
            return
        self._odd_paths.add(path)
        logger.warning(
            "404 without a message: is engine.base_url right?",
            extra={"action": "engine_call", "path": path},
        )

    def _as_error(
        self, path: str, response: aiohttp.ClientResponse, body: bytes
    ) -> SourceError:
        status = response.status
        said = self._redact(wire.read_message(body))
        text = f"the engine answered {status} ({path})" + (f": {said}" if said else "")
        reason = f"http_{status}"
        if status in _REFUSALS:
            return SourceRefusedError(text, reason=reason)
        if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers, self._now())
            return SourceUnavailableError(text, reason=reason, retry_after=wait)
        return SourceProtocolError(text, reason=reason)

    def _redact(self, text: str) -> str:
        if len(self._key) >= _SHORTEST_KEY:
            text = text.replace(self._key, _HIDDEN)
        return wire.clean_text(_KEY.sub(_HIDDEN, text), 300)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the wait that an answer orders, None if it names none.

    `Retry-After` in seconds or as an HTTP date, else `X-RateLimit-Reset` in seconds
    since 1970 (or, where it is too small for that, seconds from now).
    """
    ordered = headers.get("Retry-After", "").strip()
    seconds = _seconds(ordered)
    if seconds is None and ordered:
        seconds = _seconds_until(ordered, now)
    if seconds is None:
        seconds = _seconds(headers.get("X-RateLimit-Reset", "").strip())
        if seconds is not None and seconds >= _EPOCH_FROM:
            seconds -= now.timestamp()
    if seconds is None:
        return None
    longest = timedelta(days=365).total_seconds()
    return timedelta(seconds=min(max(seconds, 0.0), longest))


def _seconds(text: str) -> float | None:
    return (
        float(text) if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII) else None
    )


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - now).total_seconds()
    except (ValueError, OverflowError):
        return None


async def _read_limited(response: aiohttp.ClientResponse) -> bytes:
    """Read a body, but no more of it than a page can be."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(_CHUNK):
        size += len(part)
        if size > BODY_MAX:
            raise SourceProtocolError(
                f"the engine's answer is larger than {BODY_MAX} bytes",
                reason="too_large",
            )
        parts.append(part)
    return b"".join(parts)
