"""Who may come in where the web face has an access key: sessions, keys, wrong guesses.

A browser shows the key once, to `/api/login`, and then a session in a cookie; a
program, such as Prometheus, shows it with every request as a bearer. A session is
signed with the key and remembered nowhere: it is good in every process, outlives a
restart, and a new key ends all.
"""

import hashlib
import hmac
import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from time import monotonic, time
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE: Final = "flipwatch_access"
#: a session is good for so many seconds: a month
SESSION_AGE: Final = 30 * 24 * 3600
#: so many wrong keys of one address within `WINDOW` seconds, and it has to wait
GUESSES_MAX: Final = 10
WINDOW: Final = 600.0
#: addresses remembered; the one that was quiet the longest goes first
_ADDRESSES_MAX: Final = 4096
#: longer than any key; what is longer is not even compared
_SHOWN_MAX: Final = 1024
_UNAUTHORIZED: Final = 401


class Access:
    """Checks keys and sessions; counts wrong keys by address.

    `clock` is wall time in seconds since 1970, `steady` one that never steps.
    """

    def __init__(
        self,
        key: str,
        *,
        clock: Callable[[], float] = time,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._key = key.encode()
        self._clock = clock
        self._steady = steady
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Return for how many seconds no key of this address is looked at."""
        guesses = self._wrong.get(_network(address))
        if guesses is None:
            return 0
        now = self._steady()
        while guesses and guesses[0] <= now - WINDOW:
            guesses.popleft()
        if len(guesses) < GUESSES_MAX:
            return 0
        return math.ceil(guesses[0] + WINDOW - now)

    def admits(self, headers: Headers, address: str) -> bool:
        """Whether a request brings a session, or the key as a bearer."""
        if self.is_session(cookie_of(headers)):
            return True
        kind, _, shown = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or self.wait(address):
            return False
        return self.is_key(shown.strip(), address)

    def is_key(self, shown: str, address: str) -> bool:
        """Whether this is the key; a wrong one counts against its address.

        Ask `wait` before: within the wait the right key is refused as well, or the
        answer would still tell who guesses.
        """
        given = shown.encode(errors="replace")
        # in constant time: how long a no takes must not say how much was right
        is_right = len(given) <= _SHOWN_MAX and hmac.compare_digest(given, self._key)
        if not is_right:
            self._count(_network(address))
        return is_right

    def _count(self, network: str) -> None:
        guesses = self._wrong.setdefault(network, deque(maxlen=GUESSES_MAX))
        guesses.append(self._steady())
        self._wrong.move_to_end(network)
        while len(self._wrong) > _ADDRESSES_MAX:
            self._wrong.popitem(last=False)

    def session(self) -> str:
        """Make a session that begins now."""
        until = str(int(self._clock()) + SESSION_AGE)
        return f"{until}.{self._signed(until)}"

    def is_session(self, shown: str) -> bool:
        """Whether this session was signed with the key and is not over."""
        until, _, signature = shown[:_SHOWN_MAX].partition(".")
        given = signature.encode(errors="replace")
        if not hmac.compare_digest(given, self._signed(until).encode()):
            return False
        return int(until) > self._clock()

    def _signed(self, until: str) -> str:
        words = b"flipwatch web session " + until.encode(errors="replace")
        return hmac.new(self._key, words, hashlib.sha256).hexdigest()


class Door:
    """ASGI middleware: what is not `open_paths` needs a session or the key.

    `entrance` answers, with 401, whoever asks for a page without either.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        *,
        open_paths: frozenset[str],
        entrance: Callable[[], Response],
    ) -> None:
        self._app = app
        self._access = access
        self._open = open_paths
        self._entrance = entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or answer why not."""
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, address = Headers(scope=scope), address_of(scope)
        if self._access.admits(headers, address):
            return None
        if headers.get("authorization"):
            if wait := self._access.wait(address):
                return too_many(wait)
        elif "text/html" in headers.get("accept", ""):
            return self._entrance()
        return JSONResponse(
            {"error": "This needs the access key. Load the page again to log in."},
            _UNAUTHORIZED,
            headers={"WWW-Authenticate": "Bearer"},
        )


def too_many(wait: int) -> Response:
    """Answer whoever showed too many wrong keys."""
    minutes = math.ceil(wait / 60)
    return JSONResponse(
        {"error": f"Too many wrong keys. Try again in {minutes} min."},
        429,
        headers={"Retry-After": str(wait)},
    )


def cookie_of(headers: Headers) -> str:
    """Return the session a browser shows, or an empty string."""
    try:
        cookies: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def address_of(scope: Scope) -> str:
    """Return from where a request comes."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _network(address: str) -> str:
    """Return what one guesser has: an IPv4 address, or 64 bits of IPv6."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return address
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
