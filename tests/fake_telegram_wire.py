"""How the fake Bot API server reads requests, writes answers and goes wrong."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from fake_telegram_rules import Upload

REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was understood; `at` is on the fake's clock."""

    method: str
    params: dict[str, Any]
    at: float


@dataclass(slots=True, kw_only=True)
class Fault:
    """Something that goes wrong the next times."""

    method: str
    kind: str
    times: int
    chat: int | None
    status: int = 0
    answer: bytes = b""
    retry_after: int = 0

    def concerns(self, request: Request) -> bool:
        is_chat = self.chat in {None, request.params.get("chat_id")}
        return self.times > 0 and is_chat and self.method in {"*", request.method}


async def read_request(http: web.Request) -> tuple[dict[str, Any], bool]:
    """Read the parameters from wherever they are; True if all values are texts."""
    raw: dict[str, Any] = dict(http.query)
    if http.content_type == "application/json":
        body = await http.text()
        try:
            sent = json.loads(body or "{}")
        except ValueError:
            sent = {"not JSON": body}
        return raw | (sent if isinstance(sent, dict) else {"not JSON": body}), False
    files = {}
    for name, value in (await http.post()).items():
        if isinstance(value, web.FileField):
            content = value.file.read()
            files[name] = Upload(value.filename, len(content), content)
            value.file.close()
        else:
            raw[name] = value
    used = set()
    for name, value in raw.items():
        attached = str(value).removeprefix("attach://")
        if attached != value and attached in files:
            raw[name] = files[attached]
            used.add(attached)
    return raw | {n: f for n, f in files.items() if n not in used}, True


def error_text(
    status: int, description: str, parameters: Mapping[str, int] | None = None
) -> str:
    error: dict[str, Any] = {
        "ok": False,
        "error_code": status,
        "description": description,
    }
    return json.dumps(error | ({"parameters": dict(parameters)} if parameters else {}))


def response(status: int, body: str, *, retry_after: int = 0) -> web.Response:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    kind = "application/json" if body.startswith("{") else "text/html"
    return web.Response(
        body=body.encode(), status=status, content_type=kind, headers=headers
    )
