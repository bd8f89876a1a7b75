"""Whether the API lives, whether it is ready, and its figures."""

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest

from bot.ports import Clock
from engine.api.edition import Edition
from engine.api.models import Health

#: grades older than this are no longer the engine's habit
STALE = timedelta(hours=2, minutes=30)
#: prometheus.io/docs/instrumenting/exposition_formats
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def probes(
    edition: Callable[[], Edition | None],
    trouble: Callable[[], str],
    registry: CollectorRegistry,
    now: Clock,
) -> APIRouter:
    """Build the paths that need no key."""
    router = APIRouter(tags=["Probes"])

    def health() -> Health:
        known = edition()
        if known is None:
            return Health(status="trouble", trouble=trouble() or "no grades yet")
        is_stale = now() - known.as_of > STALE
        said = (trouble() or "no newer grades") if is_stale else ""
        return Health(
            status="trouble" if said else "ok",
            as_of=known.as_of,
            coins=len(known.coins),
            trouble=said,
        )

    @router.get("/livez", operation_id="livez")
    async def livez() -> Health:
        """Say that the process answers."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        operation_id="readyz",
        responses={503: {"model": Health, "description": "Not ready."}},
    )
    async def readyz(response: Response) -> Health:
        """Say whether there are grades, and none too old."""
        found = health()
        if found.status != "ok":
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return found

    @router.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(generate_latest(registry), headers={"content-type": _TEXT})

    return router
