"""What every HTTP request passes: host and origin checks, security headers.

Without an access key the chat is on loopback only and belongs to whoever sits at the
machine. What must be kept out is other web pages in the same browser: by cross-site
requests, and by a foreign name that resolves to 127.0.0.1 (DNS rebinding).
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: everything from our own server, nothing inline, nobody frames us
CONTENT_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware; `is_local_only` turns the check of the Host header on.

    With an access key it is off: a session belongs to one name, and a proxy in front
    passes on a name of its own. Nor is it for the `public` paths, which check by
    themselves who asks.
    """

    def __init__(
        self, app: ASGIApp, *, is_local_only: bool, public: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._is_local_only = is_local_only
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on, and add the headers to whatever is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        app = self._app
        is_local = is_loopback_name(headers.get("host", ""))
        if self._is_local_only and not is_local and scope["path"] not in self._public:
            app = JSONResponse(
                {"error": "This server answers to localhost and 127.0.0.1 only."}, 421
            )
        elif scope["path"].startswith("/api/") and not is_same_origin(headers):
            app = JSONResponse(
                {"error": "Requests from other web pages are refused."}, 403
            )
        await app(scope, receive, send_guarded)


def is_loopback_name(host: str) -> bool:
    """Whether a host, with or without a port, names this machine's loopback."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_same_origin(headers: Headers) -> bool:
    """Whether a request comes from our own page or from no page at all.

    Browsers say where a request comes from in `Sec-Fetch-Site` and `Origin`, which
    scripts of a page cannot forge; programs such as curl send neither. `same-site`
    is not enough: every port of 127.0.0.1 is the same site.
    """
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == headers.get("host")
    except ValueError:
        return False
