"""Version 2: the paths of Token Metrics that our own engine can answer."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, Security
from fastapi.security import APIKeyHeader

from bot.candles import Frame
from engine.api import models
from engine.api.asked import Asked
from engine.api.edition import Edition
from engine.api.handing import REFUSALS, Handed, edition_of
from engine.api.models import Envelope
from engine.api.params import (
    CandlesParams,
    CoinsParams,
    DaysParams,
    GradesParams,
    NamedParams,
    Paged,
    TokensParams,
)
from engine.api.prepared import Prepared

Answer = Callable[[Edition, Asked], Prepared]


def version2(key: APIKeyHeader) -> APIRouter:
    """Build the paths; `key` is how the document says that one is needed."""
    router = APIRouter(
        prefix="/v2",
        tags=["Version 2"],
        responses=REFUSALS,
        dependencies=[Security(key)],
    )

    def add(
        path: str, summary: str, params: type[Paged], form: type[Any], answer: Answer
    ) -> None:
        async def rows(request: Request, asked: Paged) -> Response:
            return Handed(answer(edition_of(request), asked.asked()))

        # FastAPI reads what it is to take from here
        rows.__annotations__["asked"] = Annotated[params, Query()]
        router.get(
            f"/{path}",
            summary=summary,
            response_model=form,
            operation_id=path.replace("-", "_"),
        )(rows)

    add(
        "tokens",
        "Coins that are graded, most traded first",
        TokensParams,
        Envelope[models.TokenRow],
        Edition.tokens,
    )
    add(
        "trading-signals",
        "Signals and grades: the newest of each coin, or those of days",
        GradesParams,
        Envelope[models.TradingSignalRow],
        Edition.trading_signals,
    )
    add(
        "hourly-trading-signals",
        "Signals of the last 30 days hour by hour, newest first",
        NamedParams,
        Envelope[models.HourlySignalRow],
        Edition.hourly_signals,
    )
    add(
        "trader-grades",
        "Grades with their technical and their statistical part",
        GradesParams,
        Envelope[models.TraderGradeRow],
        Edition.trader_grades,
    )
    add(
        "tm-grade",
        "The newest grade of each coin, with its change",
        CoinsParams,
        Envelope[models.TmGradeRow],
        Edition.tm_grades,
    )
    add(
        "market-metrics",
        "The whole market day by day, newest first",
        DaysParams,
        Envelope[models.MarketMetricsRow],
        Edition.market_metrics,
    )
    add(
        "price",
        "Prices at the close of the last hour",
        NamedParams,
        Envelope[models.PriceRow],
        Edition.prices,
    )
    add(
        "daily-ohlcv",
        "Candles of days, newest first",
        CandlesParams,
        Envelope[models.DailyCandleRow],
        lambda edition, asked: edition.candles(Frame.DAY, asked),
    )
    add(
        "hourly-ohlcv",
        "Candles of the hours of the last 30 days, newest first",
        CandlesParams,
        Envelope[models.HourlyCandleRow],
        lambda edition, asked: edition.candles(Frame.HOUR, asked),
    )
    return router
