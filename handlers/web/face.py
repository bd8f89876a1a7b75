"""The HTTP side's life cycle: FastAPI on uvicorn in our own event loop."""

import asyncio
import errno
import logging
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import uvicorn

from bot.config import WebConfig
from bot.errors import ConfigError
from bot.ports import Desk, Hook, PictureShelf
from handlers.web.access import Access
from handlers.web.inbox import Inboxes
from handlers.web.probes import Probes
from handlers.web.routes import Routes

logger = logging.getLogger(__name__)

#: seconds running requests have to end when the face stops
GRACE = 3
#: connections that may wait to be accepted
BACKLOG = 1024


class WebFace:
    """Satisfies `bot.ports.Face`: serves the chat page, its API, health and metrics.

    `default_inbox` is the inbox of every browser that brings no cookie, for the demo
    and its starter watchlist; without it each browser gets an inbox of its own.
    """

    name = "web"

    def __init__(
        self,
        config: WebConfig,
        desk: Desk,
        inboxes: Inboxes,
        *,
        probes: Probes,
        default_inbox: str = "",
        shelf: PictureShelf | None = None,
    ) -> None:
        self._config = config
        self._hub = inboxes.hub
        self._routes = Routes(
            desk, inboxes, probes=probes, default_inbox=default_inbox, shelf=shelf
        )
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._port = config.port

    def serve(self, hooks: Iterable[Hook]) -> None:
        """Serve another face's hooks as well, from the next `start` on."""
        self._routes.hooks += tuple(hooks)

    @property
    def url(self) -> str:
        """Where the page is, for a person at this machine; known after `start`."""
        host = self._config.host
        if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1"
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self._port}"

    async def start(self) -> None:
        """Listen; return when the page answers.

        Raises `ConfigError` naming the option to change if the address is taken.
        """
        if self._serving is not None:
            return
        listener = await _bind(self._config.host, self._config.port)
        self._port = int(listener.getsockname()[1])
        key = self._config.access_key
        access = None if key is None else Access(key.get_secret_value())
        self._hub.admit()
        server = _Server(
            uvicorn.Config(
                self._routes.build(access),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._server = server
        self._serving = asyncio.create_task(server.serve([listener]), name="web face")
        up = asyncio.create_task(server.is_up.wait(), name="web face up")
        try:
            await asyncio.wait({up, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if self._serving.done():
            listener.close()
            serving, self._serving = self._serving, None
            serving.result()
            raise ConfigError("web: the server ended while it was starting")
        logger.info("web chat listens", extra={"url": self.url})

    async def stop(self) -> None:
        """End all streams at once, finish what is being answered, stop listening."""
        serving, self._serving = self._serving, None
        if serving is None or self._server is None:
            return
        self._hub.dismiss()
        self._server.should_exit = True
        await serving

    def trouble(self) -> str:
        """Say in a line what keeps it from working now, or return an empty string."""
        if self._serving is None:
            return "not started"
        if self._serving.done():
            return "the web server ended by itself"
        return ""


class _Server(uvicorn.Server):
    """Uvicorn as a part of a program: leaves signals alone and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


async def _bind(host: str, port: int) -> socket.socket:
    """Take the port; `ConfigError` says which option to change if it cannot be."""
    loop = asyncio.get_running_loop()
    listener = None
    try:
        found = await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        # of `localhost` the IPv4 one: every browser tries both
        family, kind, proto, _, address = min(
            found, key=lambda info: info[0] != socket.AF_INET
        )
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ConfigError(_refusal(host, port, error)) from error
    return listener


def _refusal(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"web.host: “{host}” is no address of this machine ({error.strerror})"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"web.port: port {port} on {host} is in use by another program; "
                "set web.port to a free one, or to 0 for any"
            )
        case errno.EADDRNOTAVAIL:
            return f"web.host: {host} is no address of this machine"
        case errno.EACCES:
            return f"web.port: this user may not listen on port {port}; try 8080"
        case _:
            return f"web.host, web.port: cannot listen on {host}:{port}: {error}"
