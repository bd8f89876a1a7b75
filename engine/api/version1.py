"""Version 1: what Token Metrics has no form for."""

from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response, Security
from fastapi.responses import StreamingResponse
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException

from bot.candles import Candle, CandleStore, Frame, Series, moment_of
from engine.api import models
from engine.api.asked import days
from engine.api.handing import REFUSALS, Handed, edition_of
from engine.api.params import HistoryParams
from engine.api.prepared import to_json

#: candles read from the store at once while a history is sent
_CHUNK = 500
_NDJSON = "application/x-ndjson"

Asset = Annotated[
    str, Path(min_length=1, max_length=30, description="A symbol or an id.")
]


def version1(candles: CandleStore, key: APIKeyHeader) -> APIRouter:
    """Build the paths; `key` is how the document says that one is needed."""
    router = APIRouter(
        prefix="/v1",
        tags=["Version 1"],
        responses=REFUSALS,
        dependencies=[Security(key)],
    )

    @router.get(
        "/explain/{asset}",
        summary="Why a coin's grade is what it is",
        response_model=models.Explanation,
        operation_id="explain",
    )
    async def explain(request: Request, asset: Asset) -> Response:
        edition = edition_of(request)
        coin = edition.find(asset)
        if coin is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "This coin is not graded.")
        return Handed(edition.explanation(coin))

    @router.get(
        "/history/{asset}",
        summary="All candles that are kept of a coin, a JSON object per line",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Lines, oldest first.",
                "content": {_NDJSON: {"schema": {"type": "string"}}},
            }
        },
        operation_id="history",
    )
    async def history(
        request: Request, asset: Asset, asked: Annotated[HistoryParams, Query()]
    ) -> Response:
        edition = edition_of(request)
        since, until = days(asked.startDate, asked.endDate)
        coin = edition.find(asset)
        series = None if coin is None else edition.state.kept.graded.get(coin.base)
        if series is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "This coin is not graded.")
        frame = Frame.HOUR if asked.hours else Frame.DAY
        lines = _lines(candles, series, frame, since or moment_of(0), until)
        # the first chunk now: after it there is no other status to give
        first = await anext(lines, b"")
        return StreamingResponse(_chain(first, lines), media_type=_NDJSON)

    return router


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _lines(
    candles: CandleStore,
    series: Series,
    frame: Frame,
    since: datetime,
    until: datetime | None,
) -> AsyncIterator[bytes]:
    """Give a series as lines, a chunk at a time: memory is that of a chunk."""
    end = None if until is None else until.timestamp()
    while True:
        found = await candles.load_candles(frame, [series.id], since, limit=_CHUNK)
        rows = [c for c in found.get(series.id, ()) if end is None or c.start < end]
        if rows:
            yield b"".join(map(_line, rows))
        if len(rows) < _CHUNK:
            return
        since = moment_of(rows[-1].start + frame)


def _line(candle: Candle) -> bytes:
    volume = None if candle.volume is None else round(candle.volume * candle.close, 2)
    row = {
        "start": f"{moment_of(candle.start):%Y-%m-%dT%H:%M:%SZ}",
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "volume": volume,
    }
    return to_json(row) + b"\n"
