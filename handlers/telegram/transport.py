"""HTTP for python-telegram-bot on aiohttp, and the bots that use it.

The library's own transport (HTTPX) costs eleven times the CPU per message and gets
slower as concurrency rises. This one also keeps two promises the sender lives on: an
error tells whether the request can have reached Telegram, and no error or log line
holds the address, because the address holds the token.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson
from telegram import Bot
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData
from yarl import URL

from bot.config import TelegramConfig
from bot.errors import ConfigError
from handlers import forms
from handlers.poster import KEEP_ALIVE, AddressError, NotConnectedError, Poster

POOL_TIMEOUT: Final = 1.0
CONNECT_TIMEOUT: Final = 3.0
READ_TIMEOUT: Final = 8.0
WRITE_TIMEOUT: Final = 5.0
UPLOAD_TIMEOUT: Final = 20.0
_JSON_TYPE: Final = "application/json"
_JSON: Final = {"Content-Type": _JSON_TYPE}
_CALLERS_TIME: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT)


class NotSentError(NetworkError):
    """The request certainly did not leave: no connection was made."""


class AiohttpRequest(BaseRequest):
    """One pool of connections to the Bot API.

    Opens itself on the first request. After `shutdown` it stays closed until
    `initialize`. Timeouts are in seconds, None is no limit, as `BaseRequest` says; an
    upload may take longer to write (`UPLOAD_TIMEOUT`).
    """

    def __init__(
        self,
        *,
        connections: int = 256,
        read_timeout: float | None = READ_TIMEOUT,
        proxy: str = "",
    ) -> None:
        if proxy and URL(proxy).scheme not in {"http", "https"}:
            raise ConfigError(
                "telegram.proxy: only http:// and https:// proxies are understood"
            )
        self._connections = connections
        self._read_timeout = read_timeout
        self._proxy = URL(proxy) if proxy else None
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        #: by origin; there is but one
        self._posters: dict[str, Poster] = {}

    @property
    def read_timeout(self) -> float | None:
        """The default read timeout, in seconds."""
        return self._read_timeout

    async def initialize(self) -> None:
        """Allow requests; idempotent."""
        self._is_closed = False

    async def shutdown(self) -> None:
        """Close all connections; idempotent."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        for poster in self._posters.values():
            await poster.close()

    async def do_request(  # noqa: PLR0917 - the signature is BaseRequest's
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send one request and return status and body.

        Raises `NotSentError` when no connection was made, `TimedOut` when the answer
        did not come in time, `NetworkError` when the connection broke in between.
        """
        has_files = request_data is not None and request_data.contains_files
        timeout = _timeout(
            pool=_given(pool_timeout, POOL_TIMEOUT),
            connect=_given(connect_timeout, CONNECT_TIMEOUT),
            write=_given(write_timeout, UPLOAD_TIMEOUT if has_files else WRITE_TIMEOUT),
            read=_given(read_timeout, self._read_timeout),
        )
        headers = None if has_files or request_data is None else _JSON
        return await self._ask(method, url, _body(request_data), headers, timeout)

    async def call(self, url: str, parameters: Mapping[str, object]) -> Any:
        """Post parameters and return the result; raise what `post` raises.

        For what is sent by the thousand, past aiohttp, which costs more than all else.
        Only connecting has a time limit here; the caller has its own.
        """
        return await self._result(url, orjson.dumps(parameters), _JSON_TYPE)

    async def upload(
        self, url: str, parameters: Mapping[str, object], name: str, image: bytes
    ) -> Any:
        """Post parameters with a PNG as the one called `name`; as `call` does."""
        fields = {
            key: value if isinstance(value, str) else orjson.dumps(value).decode()
            for key, value in parameters.items()
        }
        file = forms.File(
            field=name, name=f"{name}.png", content=image, content_type="image/png"
        )
        return await self._result(url, *forms.encode(fields, [file]))

    async def _result(self, url: str, body: bytes, kind: str) -> Any:
        if self._proxy is None:
            status, payload = await self._post(url, body, kind)
        else:
            headers = {"Content-Type": kind}
            status, payload = await self._ask("POST", url, body, headers, _CALLERS_TIME)
        if status != HTTPStatus.OK:
            # the library knows which error that is
            return await _Answered(status, payload).post(url)
        return self.parse_json_payload(payload).get("result")

    async def _post(self, url: str, body: bytes, kind: str) -> tuple[int, bytes]:
        if self._is_closed:
            raise NotSentError("The connection pool is closed")
        origin, path = _parts(url)
        failure: TelegramError
        try:
            poster = self._posters.get(origin)
            if poster is None:
                poster = self._posters[origin] = Poster(
                    origin,
                    headers={"User-Agent": self.USER_AGENT},
                    connections=self._connections,
                    connect_timeout=CONNECT_TIMEOUT,
                )
            answer = await poster.request("POST", path, body, content_type=kind)
        except (OSError, ValueError) as error:
            failure = _translate(error)
        else:
            return answer.status, answer.body
        raise failure

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes | aiohttp.FormData | None,
        headers: Mapping[str, str] | None,
        timeout: aiohttp.ClientTimeout,
    ) -> tuple[int, bytes]:
        session = self._open()
        failure: TelegramError
        try:
            async with session.request(
                method,
                _address(url),
                data=body,
                headers=headers,
                proxy=self._proxy,
                timeout=timeout,
                # a redirected POST would come back as a GET without its parameters
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = _translate(error)
        # Raised out here: an exception raised inside the handler would carry aiohttp's
        # own, whose text holds the address and with it the token, into tracebacks.
        raise failure

    def _open(self) -> aiohttp.ClientSession:
        if self._is_closed:
            raise NotSentError("The connection pool is closed")
        if self._session is None:
            # trust_env stays off: aiohttp then asks netrc and the proxy settings in two
            # thread-pool hops per request, four times the CPU.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=KEEP_ALIVE
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": self.USER_AGENT},
            )
        return self._session

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read the answer; raise `TelegramError` without quoting it.

        The library's own version logs the whole payload, and with it what users wrote.
        """
        try:
            answer = orjson.loads(payload)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise TelegramError("Invalid server response")
        return answer


class _Answered(BaseRequest):
    """A request that was made already: only to raise what its answer means."""

    def __init__(self, status: int, payload: bytes) -> None:
        self._answer = status, payload

    @property
    def read_timeout(self) -> float | None:
        """Nothing is read any more."""
        return None

    async def initialize(self) -> None:
        """Do nothing."""

    async def shutdown(self) -> None:
        """Do nothing."""

    async def do_request(self, *_what: Any, **_more: Any) -> tuple[int, bytes]:
        """Return the answer that came."""
        return self._answer

    parse_json_payload = staticmethod(AiohttpRequest.parse_json_payload)


def make_bot(config: TelegramConfig, *, connections: int = 256) -> Bot:
    """Build a bot with a pool of its own, for sending; the token must be set.

    It needs no `initialize`: the pool opens with the first request. Close it with
    `TelegramSender.close`.
    """
    if config.token is None:
        raise ConfigError("telegram.token is missing")
    return Bot(
        config.token.get_secret_value(),
        base_url=config.base_url,
        base_file_url=file_url(config.base_url),
        request=AiohttpRequest(connections=connections, proxy=config.proxy),
        # A sender never polls; without this the library builds an HTTPX client.
        get_updates_request=AiohttpRequest(connections=1, proxy=config.proxy),
    )


def file_url(base_url: str) -> str:
    """Return where files are fetched for a base address that ends in `/bot`."""
    return base_url.removesuffix("/bot") + "/file/bot"


def _given(value: Any, default: float | None) -> float | None:
    """Return the value, or the default where the library was given none."""
    if value is BaseRequest.DEFAULT_NONE:
        return default
    return None if value is None else float(value)


#: reading one takes longer than all else that is done with it
_address = lru_cache(maxsize=64)(partial(URL, encoded=True))


@lru_cache(maxsize=64)
def _parts(url: str) -> tuple[str, str]:
    """Split an address into scheme, host and port, and the path."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return origin, url.removeprefix(origin)


@lru_cache(maxsize=64)
def _timeout(
    *,
    pool: float | None,
    connect: float | None,
    write: float | None,
    read: float | None,
) -> aiohttp.ClientTimeout:
    """Map the four phases; aiohttp knows no write timeout, so the total bounds it."""
    phases = (pool, connect, write, read)
    known = [x for x in phases if x is not None]
    return aiohttp.ClientTimeout(
        total=sum(known) if len(known) == len(phases) else None,
        connect=None if pool is None or connect is None else pool + connect,
        sock_connect=connect,
        sock_read=read,
    )


def _body(data: RequestData | None) -> bytes | aiohttp.FormData | None:
    if data is None:
        return None
    if not data.contains_files:
        return orjson.dumps(data.parameters)
    form = aiohttp.FormData()
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime_type) in data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=mime_type)
    return form


def _translate(error: Exception) -> TelegramError:
    """Say what happened in the library's terms, most specific first.

    The words are ours: aiohttp's own often hold the address.
    """
    kind = type(error).__name__
    match error:
        case NotConnectedError() | AddressError():
            return NotSentError(f"No connection: {error}")
        case aiohttp.ConnectionTimeoutError():
            return NotSentError(f"No connection in time ({kind})")
        case aiohttp.ClientConnectorError():
            return NotSentError(f"No connection ({kind}, errno {error.errno})")
        case aiohttp.ClientHttpProxyError():
            return NotSentError(f"The proxy refuses ({kind}, {error.status})")
        case aiohttp.ServerFingerprintMismatch() | aiohttp.InvalidURL():
            return NotSentError(f"No connection ({kind})")
        case asyncio.TimeoutError():
            return TimedOut(f"Timed out ({kind})")
        case _:
            return NetworkError(f"The connection broke ({kind})")
