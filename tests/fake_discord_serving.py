"""What every REST request to the fake Discord goes through, in Discord's order.

Noted, planned trouble, token, rates, the facts and limits of the body, the endpoint.
"""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from fake_discord_call import ApiError, Call, Invalid
from fake_discord_gateway import Gateway
from fake_discord_limits import Limits
from fake_discord_rest import ROUTES, UNAUTHORIZED
from fake_discord_rules import (
    Facts,
    Fault,
    command_set_faults,
    file_faults,
    message_faults,
    nested,
)
from fake_discord_world import World

BASE = "/api/v10"
VIA = {"Via": "1.1 google"}
LIMITED = "You are being rate limited."

#: codes of answers that mean the request itself was wrong, not the moment
WRONG_CODES = {50006, 50035, 50109}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came; `path` and `route` without `/api/v10`.

    `route` is `POST /channels/{channel_id}/messages`; `headers` lack the token.
    """

    method: str
    path: str
    route: str
    body: Any
    headers: dict[str, str]
    at: datetime
    files: list[str]


@dataclass(slots=True)
class Fate:
    """Planned trouble: `fail`, `lose` or `hang`."""

    kind: str
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    route: str = ""
    channel_id: str | None = None
    times: int = 1


class Serving:
    """Answers requests and keeps what was asked."""

    def __init__(
        self,
        world: World,
        gateway: Gateway,
        limits: Limits,
        facts: Facts,
        violations: list[str],
    ) -> None:
        self.world = world
        self.gateway = gateway
        self.limits = limits
        self.facts = facts
        self.violations = violations
        self.requests: list[Request] = []
        #: the content of every file that came, in order
        self.uploads: list[bytes] = []
        self.fates: list[Fate] = []
        self.stopping = asyncio.Event()
        self.token = gateway.token

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for route in ROUTES:
            method, path = route.split()
            router.add_route(method, BASE + path, self._handler(route))
        router.add_route("*", BASE + "/{anything:.*}", self._unknown)

    def _handler(self, route: str) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(route, request)

        return handle

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        route = f"{request.method} {request.path.removeprefix(BASE)}"
        await self._note(route, request)
        self.violations.append(f"{route}: not in Discord's facts")
        return _json(404, {"message": "404: Not Found", "code": 0})

    async def _note(self, route: str, request: web.Request) -> tuple[Any, list[str]]:
        """Read the body and keep the request; raises `ApiError` for no JSON."""
        body: Any = None
        files: list[str] = []
        raw = b""
        is_form = request.content_type == "multipart/form-data"
        if is_form:
            async for part in await request.multipart():
                content = await part.read()
                if part.name == "payload_json":
                    raw = content
                else:
                    files.append(part.filename or part.name)
                    self.uploads.append(content)
        elif request.can_read_body:
            raw = await request.read()
        try:
            body = json.loads(raw) if raw else None
            is_broken = bool(raw) and not is_form and not _is_json(request)
        except ValueError:
            is_broken = True
        headers = {k: v for k, v in request.headers.items() if k != "Authorization"}
        noted = Request(
            method=request.method,
            path=request.path.removeprefix(BASE),
            route=route,
            body=body,
            headers=headers,
            at=self.world.now(),
            files=files,
        )
        self.requests.append(noted)
        self.world.touch()
        if is_broken:
            raise ApiError(400, 50109, "The request body contains invalid JSON.")
        return body, files

    async def _serve(self, route: str, request: web.Request) -> web.StreamResponse:
        try:
            body, files = await self._note(route, request)
        except ApiError as error:
            return self._refuse(request, error.status, error.body)
        fate = self._next_fate(route, request.match_info.get("channel_id"))
        if fate is not None and fate.kind == "hang":
            await self.stopping.wait()
            return _cut(request)
        if fate is not None and fate.kind == "fail":
            return self._planned(fate)
        answer = self._answer(route, request, body, files)
        if fate is not None:
            return _cut(request)
        return answer

    def _answer(
        self, route: str, request: web.Request, body: Any, files: list[str]
    ) -> web.Response:
        if self.limits.is_banned:
            # Cloudflare, not Discord: no Via, no JSON
            page = web.Response(status=429, text="error code: 1015")
            page.headers["Retry-After"] = "600"
            return page
        if route not in UNAUTHORIZED:
            if request.headers.get("Authorization") != f"Bot {self.token}":
                unknown = {"message": "401: Unauthorized", "code": 0}
                return self._refuse(request, 401, unknown)
            wait = self.limits.take_global()
            if wait:
                headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
                return self._limited(wait, headers, is_global=True)
        verdict = self.limits.take(route, request.match_info.get("channel_id", ""))
        headers = verdict.headers if verdict else {}
        if verdict is not None and verdict.retry_after:
            scope = {"X-RateLimit-Scope": "user"}
            return self._limited(verdict.retry_after, headers | scope)
        if body is None and request.method in {"POST", "PATCH"}:
            # Discord reads no body as an empty one
            body = {}
        call = Call(
            world=self.world,
            gateway=self.gateway,
            limits=self.limits,
            params=dict(request.match_info),
            query=request.query,
            body=body,
            files=files,
            sizes=[len(each) for each in self.uploads[-len(files) :] if files],
        )
        try:
            self._check(route, call)
            status, answer = ROUTES[route](call)
        except Invalid as invalid:
            errors = nested(invalid.faults)
            wrong = {"message": "Invalid Form Body", "code": 50035, "errors": errors}
            faults = [str(fault) for fault in invalid.faults]
            return self._refuse(request, 400, wrong, headers, faults)
        except ApiError as error:
            return self._refuse(request, error.status, error.body, headers)
        except Exception as bug:
            # ours, not the bot's: a 500 alone would be taken for planned trouble
            self.violations.append(f"the fake broke on {route}: {bug!r}")
            raise
        return _json(status, answer, headers)

    def _check(self, route: str, call: Call) -> None:
        if route not in self.facts.operations:
            raise Invalid(Fault((), "UNKNOWN_ROUTE", "not in Discord's facts"))
        body = call.body
        faults = self.facts.check(route, body)
        if faults:
            raise Invalid(*faults)
        if route.endswith("/commands") and not route.startswith("GET"):
            is_set = route.startswith("PUT")
            commands = (body or []) if is_set else [body]
            faults = list(command_set_faults(commands, is_set=is_set))
        elif route.endswith("/callback"):
            data = body.get("data") or {}
            faults = [
                Fault(("data", *fault.path), fault.code, fault.message)
                for fault in (
                    *message_faults(data, is_private_ok=True),
                    *file_faults(data, call.files, call.sizes, call.files_there()),
                )
            ]
        elif "messages" in route or "webhooks" in route:
            is_private_ok = "webhooks" in route
            faults = list(message_faults(body or {}, is_private_ok=is_private_ok))
            there = call.files_there() if route.startswith("PATCH") else []
            faults += file_faults(body or {}, call.files, call.sizes, there)
        if faults:
            raise Invalid(*faults)

    # ---- refusing

    def _refuse(
        self,
        request: web.Request,
        status: int,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
        faults: list[str] | None = None,
    ) -> web.Response:
        if status in {401, 403}:
            self.limits.count_invalid()
        if body["code"] in WRONG_CODES:
            what = "; ".join(faults or [body["message"]])
            path = request.path.removeprefix(BASE)
            self.violations.append(f"{request.method} {path}: {what}")
        return _json(status, body, headers)

    def _limited(
        self, wait: float, headers: dict[str, str], *, is_global: bool = False
    ) -> web.Response:
        self.limits.count_invalid()
        body = {"message": LIMITED, "retry_after": round(wait, 3), "global": is_global}
        return _json(429, body, headers | {"Retry-After": _whole(wait)})

    def _planned(self, fate: Fate) -> web.Response:
        body = fate.body
        if body is None and fate.status == 429:
            body = {"message": LIMITED, "retry_after": 1.0, "global": False}
        elif body is None:
            body = {"message": f"{fate.status}: planned trouble", "code": 0}
        headers = dict(fate.headers)
        if fate.status == 429 and isinstance(body, dict):
            wait = _whole(body.get("retry_after", 1.0))
            headers = {"Retry-After": wait, "X-RateLimit-Scope": "user"} | headers
        is_shared = headers.get("X-RateLimit-Scope") == "shared"
        if fate.status in {401, 403, 429} and not is_shared:
            self.limits.count_invalid()
        if isinstance(body, str):
            kept = {k: v for k, v in headers.items() if v}
            return web.Response(
                status=fate.status, text=body, content_type="text/html", headers=kept
            )
        return _json(fate.status, body, headers)

    def _next_fate(self, route: str, channel_id: str | None) -> Fate | None:
        for fate in self.fates:
            if fate.route == route and fate.channel_id in {None, channel_id}:
                fate.times -= 1
                if fate.times <= 0:
                    self.fates.remove(fate)
                return fate
        return None


def _is_json(request: web.Request) -> bool:
    return request.content_type == "application/json"


def _whole(seconds: float) -> str:
    return str(int(-(-seconds // 1)))


def _json(
    status: int, body: Any, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with exactly `application/json`: discord.py reads nothing else as JSON."""
    said = {name: value for name, value in (VIA | (headers or {})).items() if value}
    if status == 204:
        return web.Response(status=204, headers=said)
    return web.Response(
        status=status,
        body=json.dumps(body).encode(),
        content_type="application/json",
        headers=said,
    )


def _cut(request: web.Request) -> web.Response:
    """Close the connection so that no answer arrives."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()
