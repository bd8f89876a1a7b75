"""Pings an address for as long as all is well: its silence is what raises the alarm."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from http import HTTPStatus

import aiohttp

logger = logging.getLogger(__name__)

TIMEOUT = timedelta(seconds=10)


class Heartbeat:
    """Calls one address; `beat` is called at its interval.

    Nothing is sent while a dependency is in trouble, so that one monitor outside hears
    of everything, a dead machine included.
    """

    def __init__(
        self, url: str, health: Callable[[], Awaitable[Mapping[str, str]]]
    ) -> None:
        self._url = url
        self._health = health
        self._failure = ""

    async def beat(self) -> None:
        """Ping once if all is well; a failure is logged once while it lasts."""
        if any((await self._health()).values()):
            return
        failure = await self._ping()
        if failure and failure != self._failure:
            logger.warning(
                "the heartbeat did not arrive: %s",
                failure,
                extra={"action": "heartbeat_failed"},
            )
        elif self._failure and not failure:
            logger.info("the heartbeat arrives", extra={"action": "heartbeat_back"})
        self._failure = failure

    async def _ping(self) -> str:
        """Return why it did not arrive, without the address, or an empty string."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT.total_seconds())
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.get(self._url) as answer,
            ):
                is_heard = answer.status < HTTPStatus.BAD_REQUEST
                return "" if is_heard else f"answer {answer.status}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__
