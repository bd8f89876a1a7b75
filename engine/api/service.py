"""The API as a service: served by uvicorn, fed by the engine."""

import asyncio
import contextlib
import errno
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import uvicorn

from bot.api_keys import ApiKeyStore
from bot.candles import CandleStore, moment_of
from bot.config import ApiConfig
from bot.errors import ConfigError, SourceError
from bot.model import Wanted
from bot.ports import Clock
from engine.api.access import REFRESH_SECONDS, Access
from engine.api.front import Front
from engine.api.routes import build_app
from engine.embedded.source import UPDATE_EVERY, EmbeddedSource, State

logger = logging.getLogger(__name__)

#: seconds running requests have to end when the service stops
_GRACE = 3
_BACKLOG = 1_024
#: how often it is seen whether new grades are due, and how long a poller has for them
_LOOK_SECONDS = 20.0
_PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Where the API's answers come from.

    Attributes:
        state: what the engine stands at; None before its first grades.
        trouble: what keeps newer grades away, in words; empty when nothing does.
        candles: the candles it grades, for long histories.
    """

    state: Callable[[], State | None]
    trouble: Callable[[], str]
    candles: CandleStore


def build_front(
    config: ApiConfig, feed: Feed, keys: ApiKeyStore, *, now: Clock
) -> tuple[Front, Access]:
    """Build the ASGI application, and what knows its keys."""
    access = Access(
        keys,
        per_minute=config.per_minute,
        is_open=config.access == "open",
        steady=time.monotonic,
    )
    front = Front(feed.state, access, now=now)
    app = build_app(
        front.edition, feed.trouble, feed.candles, front.counted.registry, now
    )
    front.serve(app, app.openapi()["paths"])
    return front, access


class ApiService:
    """Serves the API from `start` to `stop`; satisfies `bot.ports.Face`."""

    name = "api"

    def __init__(
        self, config: ApiConfig, feed: Feed, keys: ApiKeyStore, *, now: Clock
    ) -> None:
        self._config = config
        self._front, self._access = build_front(config, feed, keys, now=now)
        self._server: _Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._port = config.port

    @property
    def url(self) -> str:
        """Where it is, for a program at this machine; known after `start`."""
        host = self._config.host
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    async def start(self) -> None:
        """Listen; `ConfigError` names the option to change if that can't be."""
        if self._tasks:
            return
        await self._access.refresh()
        listener = _bind(self._config.host, self._config.port)
        self._port = int(listener.getsockname()[1])
        self._server = server = _Server(
            uvicorn.Config(
                self._front,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._tasks = [
            asyncio.create_task(server.serve([listener]), name="api"),
            asyncio.create_task(self._keep_keys(), name="api keys"),
        ]
        await server.is_up.wait()
        logger.info("api listens", extra={"url": self.url})

    async def stop(self) -> None:
        """Finish what is being answered, stop listening; may be called twice."""
        tasks, self._tasks = self._tasks, []
        if not tasks or self._server is None:
            return
        serving, keeping = tasks
        keeping.cancel()
        self._server.should_exit = True
        await serving
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    def trouble(self) -> str:
        """Say in a line what keeps it from working now, or return an empty string."""
        if not self._tasks:
            return "not started"
        return "the API ended by itself" if self._tasks[0].done() else ""

    async def _keep_keys(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._access.refresh()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a process leaves to the next one: the signals that stand, as a bookmark."""

    load: Callable[[], Awaitable[str | None]]
    keep: Callable[[str], Awaitable[None]] | None = None


class Grading:
    """Drives an engine that nobody polls, or that another process polls as well.

    A look costs a request only where an hour has closed that nobody has fetched.
    """

    def __init__(
        self,
        source: EmbeddedSource,
        wanted: Wanted,
        *,
        now: Clock,
        memory: Memory | None = None,
    ) -> None:
        self._source = source
        self._wanted = wanted
        self._now = now
        self._memory = memory
        self._has_resumed = memory is None
        self._kept: str | None = None
        self._trouble = ""

    def trouble(self) -> str:
        """Say what kept the last look from new grades, or return an empty string."""
        return self._trouble

    async def run(self) -> None:
        """Look for new grades until cancelled."""
        while True:
            is_more = self._is_due() and await self.look()
            await asyncio.sleep(0 if is_more else _LOOK_SECONDS)

    def _is_due(self) -> bool:
        """Whether an hour has closed that is not graded, and a poll had its chance."""
        state = self._source.state
        if state is None:
            return True
        closed = moment_of(state.book.closed_at)
        return self._now() - closed >= UPDATE_EVERY + _PATIENCE

    async def look(self) -> bool:
        """Look once; return whether there is more to fetch at once."""
        if self._memory is not None and not self._has_resumed:
            self._kept = await self._memory.load()
            self._source.resume(self._kept)
            self._has_resumed = True
        try:
            snapshot = await self._source.fetch(self._wanted)
        except SourceError as error:
            text = str(error)
            if text != self._trouble:
                logger.warning("no new grades: %s", text, extra={"action": "grading"})
            self._trouble = text
            return False
        self._trouble = ""
        mark, memory = snapshot.bookmark, self._memory
        if memory is not None and memory.keep and mark and mark != self._kept:
            await memory.keep(mark)
            self._kept = mark
        return snapshot.is_more


class _Server(uvicorn.Server):
    """Uvicorn as a part of a program: leaves signals alone and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


def _bind(host: str, port: int) -> socket.socket:
    """Take the port; `ConfigError` says which option to change if it can't be."""
    try:
        family, kind, proto, _, address = min(
            socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ),
            key=lambda info: info[0] != socket.AF_INET,
        )
    except socket.gaierror as error:
        raise ConfigError(
            f"api.host: “{host}” is no address of this machine ({error.strerror})"
        ) from error
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"api.port: port {port} on {host} is in use by another program; "
                "set api.port to a free one, or to 0 for any"
            ) from error
        raise ConfigError(
            f"api.host, api.port: can't listen on {host}:{port}: {error.strerror}"
        ) from error
    return listener
