"""Between routes and the front: a route hands over an answer, the front sends it."""

from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from engine.api.edition import Edition
from engine.api.models import Refusal
from engine.api.prepared import Prepared

#: keys of the ASGI scope
SLOT = "flipwatch.prepared"
EDITION = "flipwatch.edition"

#: what any path may answer besides its rows
REFUSALS: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing new since the `ETag` in `If-None-Match`."},
    400: {"model": Refusal, "description": "A parameter can't be."},
    401: {"model": Refusal, "description": "The key is missing or not in force."},
    404: {"model": Refusal, "description": "No rows: not an error."},
    413: {"model": Refusal, "description": "Query or body is too long."},
    429: {
        "model": Refusal,
        "description": "Too often; `Retry-After` says for how long.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    },
    503: {"model": Refusal, "description": "No grades yet."},
}


class Handed(Response):
    """A response that sends nothing: it leaves its answer for the front."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self._prepared = prepared

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Leave the answer."""
        del receive, send
        scope[SLOT].append(self._prepared)


def edition_of(request: Request) -> Edition:
    """Return the edition that the front chose for this request."""
    edition: Edition | None = request.scope.get(EDITION)
    if edition is None:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "No grades yet.")
    return edition
