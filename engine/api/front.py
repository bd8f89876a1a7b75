"""What stands before every route: keys, pace, sizes, tags, packing, counting.

Plain ASGI. An answer that was given at this `as_of` is sent again from memory, without
a route, parameters read anew or a byte written anew.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.ports import Clock
from engine.api.access import Access, Caller
from engine.api.edition import Edition
from engine.api.handing import EDITION, SLOT
from engine.api.prepared import Prepared, refusal
from engine.embedded.source import UPDATE_EVERY, State

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: nobody needs longer ones; 200 ids of 16 digits fit
QUERY_MAX = 4_096
BODY_MAX = 1_024
#: answers kept of one edition; more than all that ordinary clients ask
ANSWERS_MAX = 512
#: new grades are there so long after their hour
_SOON = timedelta(seconds=90)
#: how long an answer is good once new grades are overdue
_OVERDUE_SECONDS = 15
#: paths that need no key and are not prepared
OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/docs", "/openapi.json"})
#: how many kinds of path are counted apart; `/v1/explain/BTC` is `/v1/explain`
_PATH_PARTS = 3

_NOT_READY = refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "No grades yet: the engine is still fetching history. Try again in a minute.",
)
_NO_KEY = refusal(
    HTTPStatus.UNAUTHORIZED, "A key is needed: send it in the header x-api-key."
)
_TOO_LONG = refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    f"Too large: a query may have {QUERY_MAX} bytes, a body {BODY_MAX}.",
)


class Counted:
    """The figures of /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "flipwatch_api_requests",
            "Requests by path and status.",
            ["path", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "flipwatch_api_seconds",
            "Time from request to answer.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0),
            registry=self.registry,
        )
        self.as_of = Gauge(
            "flipwatch_api_as_of_seconds",
            "The hour that the grades are of, since 1970.",
            registry=self.registry,
        )
        self.coins = Gauge(
            "flipwatch_api_coins", "Coins that are graded.", registry=self.registry
        )
        # a child costs less to keep than to look up
        self._children: dict[tuple[str, int], Any] = {}

    def note(self, path: str, status: int, seconds: float) -> None:
        """Count one answer."""
        child = self._children.get((path, status))
        if child is None:
            child = self._requests.labels(path=path, status=str(status))
            self._children[path, status] = child
        child.inc()
        self._seconds.observe(seconds)


class Front:
    """The ASGI application: routes behind keys, limits and prepared answers.

    `state` says what the engine stands at; None before its first grades. `serve` says
    which routes, before the first request.
    """

    def __init__(
        self, state: Callable[[], State | None], access: Access, *, now: Clock
    ) -> None:
        self._state = state
        self._access = access
        self._now = now
        self._routes: App
        self.paths: frozenset[str] = frozenset()
        self._kinds: frozenset[str] = frozenset()
        self._edition: Edition | None = None
        self._answers: dict[tuple[str, bytes], Prepared] = {}
        self.counted = Counted()

    def serve(self, routes: App, paths: Iterable[str]) -> None:
        """Stand before these routes; `paths` as the document writes them."""
        self._routes = routes
        self.paths = frozenset(paths)
        #: those that are counted apart: what a stranger writes into one is not
        self._kinds = frozenset(path.partition("/{")[0] for path in self.paths)

    def edition(self) -> Edition | None:
        """Return the answers of now, made anew where the engine has moved on."""
        state = self._state()
        known = self._edition
        if state is None or (known is not None and known.state is state):
            return known
        edition = Edition(state)
        self._edition, self._answers = edition, {}
        self.counted.as_of.set(edition.as_of.timestamp())
        self.counted.coins.set(len(edition.coins))
        return edition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP is the routes' business."""
        if scope["type"] != "http":
            await self._routes(scope, receive, send)
            return
        began = time.perf_counter()
        path: str = scope["path"]
        if path in OPEN_PATHS:
            await self._routes(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        caller: Caller | None = None
        try:
            if _is_too_long(scope, headers):
                status = await _send(send, _TOO_LONG, headers)
                return
            key = headers.get(b"x-api-key") or headers.get(b"api_key")
            client = scope.get("client")
            caller = self._access.caller(
                None if key is None else key.decode("latin-1"),
                client[0] if client else "",
            )
            if caller is None:
                status = await _send(send, _NO_KEY, headers)
                return
            wait = self._access.wait(caller)
            if wait > 0:
                status = await _send_wait(send, caller, wait)
                return
            status = await self._answer(scope, receive, send, headers)
        finally:
            seconds = time.perf_counter() - began
            name = self._kind_of(path)
            self.counted.note(name, status, seconds)
            logger.info(
                "api",
                extra={
                    "action": "api",
                    "path": name,
                    "status": status,
                    "ms": round(seconds * 1_000, 2),
                    "key": "" if caller is None else caller.name,
                },
            )

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: dict[bytes, bytes],
    ) -> int:
        edition = self.edition()
        where = (scope["path"], scope["query_string"])
        is_read = scope["method"] == "GET"
        if edition is not None and is_read:
            known = self._answers.get(where)
            if known is not None:
                return await _send(send, known, headers, self._good_for(edition))
        if edition is None and scope["path"].startswith(("/v1/", "/v2/")) and is_read:
            return await _send(send, _NOT_READY, headers, retry="60")
        slot: list[Prepared] = []
        scope[SLOT] = slot
        scope[EDITION] = edition
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def noting(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._routes(scope, receive, noting)
        if not slot:
            return status
        prepared = slot[0]
        if edition is self._edition and edition is not None:
            if len(self._answers) >= ANSWERS_MAX:
                del self._answers[next(iter(self._answers))]
            self._answers[where] = prepared
        good_for = None if edition is None else self._good_for(edition)
        return await _send(send, prepared, headers, good_for)

    def _good_for(self, edition: Edition) -> int:
        """Return for how many seconds an answer is good: until the next hour's."""
        left = edition.as_of + UPDATE_EVERY + _SOON - self._now()
        longest = (UPDATE_EVERY + _SOON).total_seconds()
        return int(min(max(left.total_seconds(), _OVERDUE_SECONDS), longest))

    def _kind_of(self, path: str) -> str:
        """Return a path without what a stranger may put into it."""
        if path in self._kinds:
            return path
        kind = "/".join(path.split("/")[:_PATH_PARTS])
        return kind if kind in self._kinds else "other"


def _is_too_long(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    if len(scope["query_string"]) > QUERY_MAX or len(scope["path"]) > QUERY_MAX:
        return True
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or (
        not length.isdigit() or int(length[:9]) > BODY_MAX
    )


async def _send(
    send: Send,
    prepared: Prepared,
    headers: dict[bytes, bytes],
    good_for: int | None = None,
    *,
    retry: str = "",
) -> int:
    """Send an answer, or 304 where it is known already; return the status."""
    sent = [
        (b"content-type", b"application/json"),
        (b"vary", b"accept-encoding, x-api-key"),
    ]
    body, status = prepared.body, prepared.status
    if good_for is not None and status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        sent.append((b"etag", prepared.etag))
        sent.append((b"cache-control", b"private, max-age=%d" % good_for))
        known = headers.get(b"if-none-match", b"")
        if status == HTTPStatus.OK and known and _is_known(known, prepared.etag):
            await send({"type": "http.response.start", "status": 304, "headers": sent})
            await send({"type": "http.response.body", "body": b""})
            return HTTPStatus.NOT_MODIFIED.value
    else:
        sent.append((b"cache-control", b"no-store"))
    if retry:
        sent.append((b"retry-after", retry.encode()))
    if prepared.is_worth_packing and _takes_gzip(headers.get(b"accept-encoding", b"")):
        body = prepared.packed
        sent.append((b"content-encoding", b"gzip"))
    sent.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
    return status


@lru_cache(maxsize=64)
def _takes_gzip(accepted: bytes) -> bool:
    """Whether Accept-Encoding names gzip, or anything, and not with `q=0`."""
    for one in accepted.lower().split(b","):
        name, _, weight = one.partition(b";")
        is_refused = re.fullmatch(rb"\s*q\s*=\s*0(\.0*)?\s*", weight) is not None
        if name.strip() in {b"gzip", b"*"} and not is_refused:
            return True
    return False


def _is_known(known: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names this tag; weak and strong are compared alike."""
    plain = etag.removeprefix(b"W/")
    return known.strip() == b"*" or any(
        one.strip().removeprefix(b"W/") == plain for one in known.split(b",")
    )


async def _send_wait(send: Send, caller: Caller, wait: float) -> int:
    seconds = max(1, int(wait) + (wait > int(wait)))
    prepared = refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Too often: this key has {caller.per_minute} requests a minute."
        f" Try again in {seconds} s.",
    )
    return await _send(send, prepared, {}, retry=str(seconds))
