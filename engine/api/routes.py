"""The FastAPI application: paths, document, and errors in one form."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException

from bot import __version__
from bot.candles import CandleStore
from bot.ports import Clock
from engine.api.asked import BadRequestError
from engine.api.edition import Edition
from engine.api.prepared import refusal
from engine.api.probes import probes
from engine.api.version1 import version1
from engine.api.version2 import version2

_ABOUT = """\
Grades and signals of the most traded coins, hour by hour, computed from public candles.
Version 2 speaks the wire form of Token Metrics; version 1 is our own.
Information, not financial advice.
"""


def build_app(
    edition: Callable[[], Edition | None],
    trouble: Callable[[], str],
    candles: CandleStore,
    registry: CollectorRegistry,
    now: Clock,
) -> FastAPI:
    """Build the routes; `engine.api.front.Front` stands before them."""
    app = _App(
        title="Flipwatch's own engine",
        version=__version__,
        description=_ABOUT,
        redoc_url=None,
    )
    key = APIKeyHeader(name="x-api-key", auto_error=False)
    app.include_router(version2(key))
    app.include_router(version1(candles, key))
    app.include_router(probes(edition, trouble, registry, now))
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(BadRequestError, _on_bad)
    app.add_exception_handler(HTTPException, _on_http)
    return app


class _App(FastAPI):
    """Writes the document without the 422 that FastAPI adds: here it is a 400."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; written once."""
        if self._written is None:
            schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
            )
            for operations in schema["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            self._written = schema
        return self._written

    _written: dict[str, Any] | None = None


async def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered so
    first = error.errors()[0]
    return _refused(HTTPStatus.BAD_REQUEST, f"{first['loc'][-1]}: {first['msg']}")


async def _on_bad(_: Request, error: Exception) -> Response:
    return _refused(HTTPStatus.BAD_REQUEST, str(error))


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered so
    refused = _refused(error.status_code, str(error.detail))
    refused.headers.update(error.headers or {})
    return refused


def _refused(status: int, text: str) -> Response:
    return Response(
        refusal(status, text).body, status_code=status, media_type="application/json"
    )
