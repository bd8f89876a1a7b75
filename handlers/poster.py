"""HTTP for what is sent by the thousand: requests over connections that stay open.

A full client library spends more CPU on a request than all that Flipwatch does for the
message in it (`make bench ONLY=sender_telegram`), nearly all for what is not used here:
cookies, redirects, proxies, compression. This one knows bytes to one server and the
whole answer back; reading the answer is httptools' work. It also tells whether a
request can have left, which is what the promise to lose and to repeat nothing needs,
and its errors never name the path, which may hold a token.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

import httptools
from multidict import CIMultiDict

#: an idle connection is kept so long: a burst after a quiet minute needs no handshake
KEEP_ALIVE: Final = 60.0
#: no answer of a chat platform to a message comes near this
ANSWER_MAX: Final = 8 * 1024 * 1024
_PORTS: Final = {"http": 80, "https": 443}
_FINAL_STATUS: Final = 200


class AddressError(ValueError):
    """An address, path or header that no request can have."""


class NotConnectedError(ConnectionError):
    """The request certainly did not leave: there was no connection."""


class BrokenAnswerError(ConnectionError):
    """The connection ended, or talked nonsense, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; case does not matter in the names of its headers."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """Keeps connections to one server.

    `origin` is scheme, host and port, such as `https://discord.com`; `headers` go with
    every request. Opens connections as they are needed, at most `connections`; who
    asks for one more waits. `connect_timeout` is in seconds.

    Raises `AddressError` for an origin or header that can't be.
    """

    def __init__(
        self,
        origin: str,
        *,
        headers: Mapping[str, str],
        connections: int = 256,
        connect_timeout: float = 3.0,
    ) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in _PORTS or not parts.hostname:
            msg = "expected an address such as https://api.example.org"
            raise AddressError(msg)
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._is_secure = parts.scheme == "https"
        self._tls: ssl.SSLContext | None = None
        fixed = {"Host": parts.netloc.rpartition("@")[2], "Accept": "*/*", **headers}
        self._head = "".join(f"{k}: {_checked(v)}\r\n" for k, v in fixed.items())
        self._connect_timeout = connect_timeout
        self._room = asyncio.Semaphore(connections)
        self._idle: deque[_Line] = deque()
        self._open: set[_Line] = set()

    async def request(
        self, method: str, path: str, body: bytes = b"", *, content_type: str = ""
    ) -> Answer:
        """Send one request and return the whole answer, whatever its status.

        Has no time limit but for connecting; the caller has. A caller that is
        cancelled takes the connection along, so that no answer meets another request.

        Raises:
            NotConnectedError: nothing left.
            BrokenAnswerError: it may have arrived.
            AddressError: a path that can't be sent.
        """
        kind = f"Content-Type: {_checked(content_type)}\r\n" if content_type else ""
        head = (
            f"{method} {_checked(path, is_path=True)} HTTP/1.1\r\n{self._head}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        async with self._room:
            line = self._take() or await self._connect()
            try:
                answer = await line.ask(head.encode("latin-1") + body)
            except BaseException:
                line.abort()
                raise
            if line.is_usable:
                line.idle_since = line.loop.time()
                self._idle.append(line)
            else:
                line.abort()
            return answer

    def _take(self) -> "_Line | None":
        """Return the connection that was used last, if it can be used again."""
        while self._idle:
            line = self._idle.pop()
            is_fresh = line.loop.time() - line.idle_since < KEEP_ALIVE
            if line.is_usable and is_fresh:
                return line
            line.abort()
        return None

    async def _connect(self) -> "_Line":
        loop = asyncio.get_running_loop()
        if self._is_secure and self._tls is None:
            # reads the system's certificates: some 20 ms, once
            self._tls = ssl.create_default_context()
        failed = ""
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, line = await loop.create_connection(
                    lambda: _Line(self._open),
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._is_secure else None,
                )
        except (OSError, ValueError) as error:
            failed = type(error).__name__
        else:
            return line
        # Raised out here: the library's own error names the server.
        raise NotConnectedError(f"no connection ({failed})")

    async def close(self) -> None:
        """Close all connections; may be called twice, and used again after it."""
        self._idle.clear()
        lines = list(self._open)
        for line in lines:
            line.abort()
        for line in lines:
            with suppress(Exception):
                await line.closed


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, and then the next."""

    def __init__(self, lines: "set[_Line]") -> None:
        self.loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.idle_since = 0.0
        self._lines = lines
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._body: list[bytes] = []
        self._size = 0
        self._keeps = True

    @property
    def is_usable(self) -> bool:
        """Whether another request may go this way."""
        transport = self._transport
        return self._keeps and transport is not None and not transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Write a request and wait for its answer."""
        if self._transport is None or self._transport.is_closing():
            raise NotConnectedError("no connection (closed)")
        self._answering = self.loop.create_future()
        self._transport.write(request)
        return await self._answering

    def abort(self) -> None:
        """Close at once."""
        self._keeps = False
        if self._transport is not None:
            self._transport.abort()

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own is no `asyncio.Transport`, but does the same
        self._transport = cast("asyncio.Transport", transport)
        self._lines.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answering is None:
            # nobody asked: whatever it is, the next answer must not begin with it
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("the answer is not HTTP")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.discard(self)
        self._fail("the connection ended" if exc is None else type(exc).__name__)
        self._keeps = False
        if not self.closed.done():
            self.closed.set_result(None)

    def _fail(self, why: str) -> None:
        answering, self._answering = self._answering, None
        if answering is not None and not answering.done():
            answering.set_exception(BrokenAnswerError(f"no whole answer ({why})"))

    # ---- httptools' side

    def on_message_begin(self) -> None:
        if self._answering is None:
            # a second answer right behind the first; nobody asked for it
            self._keeps = False
        self._headers, self._body, self._size = CIMultiDict(), [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.add(name.decode("latin-1"), value.decode("latin-1"))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > ANSWER_MAX:
            self._fail("it is too long")
            self.abort()
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _FINAL_STATUS:
            # "continue" and its like: the answer is yet to come
            return
        self._keeps = self._keeps and self._parser.should_keep_alive()
        answering, self._answering = self._answering, None
        if answering is not None and not answering.done():
            answering.set_result(Answer(status, self._headers, b"".join(self._body)))


def _checked(text: str, *, is_path: bool = False) -> str:
    """Refuse what would end a line or a word of the request early."""
    is_fine = text.isascii() and text.isprintable()
    if not is_fine or (is_path and (" " in text or not text.startswith("/"))):
        msg = "a path or header with characters that it can't have"
        raise AddressError(msg)
    return text
