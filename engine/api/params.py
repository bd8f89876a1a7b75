"""The parameters of each path, as the document shows them, and what they ask for.

Names are the wire's. Parameters that a path does not know are ignored, as by Token
Metrics: clients send more than is needed.
"""

from typing import Annotated

from pydantic import BaseModel, Field

from engine.api.asked import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    PAGE_MAX,
    Asked,
    BadRequestError,
    days,
    numbers,
    slugs,
    words,
)

_TEXT_MAX = 3_000

Ids = Annotated[
    str | None,
    Field(default=None, max_length=_TEXT_MAX, description="Such as `3375,3306`."),
]
Words = Annotated[
    str | None,
    Field(default=None, max_length=_TEXT_MAX, description="One, or several by commas."),
]
Day = Annotated[
    str | None, Field(default=None, max_length=20, description="Such as `2025-03-01`.")
]
Least = Annotated[
    float | None,
    Field(default=None, ge=0, le=1e18, allow_inf_nan=False, description="At least."),
]


class Paged(BaseModel):
    """Every list comes in pages."""

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX, description="Rows on a page.")] = (
        LIMIT_DEFAULT
    )
    page: Annotated[
        int, Field(ge=1, le=PAGE_MAX, description="Pages begin with 1.")
    ] = 1

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        return Asked(limit=self.limit, page=self.page)


class TokensParams(Paged):
    """Which coins."""

    token_id: Ids
    token_name: Words
    symbol: Words
    category: Words
    exchange: Words
    blockchain_address: Words

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        return Asked(
            token_ids=numbers(self.token_id, "token_id"),
            names=words(self.token_name, "token_name"),
            symbols=words(self.symbol, "symbol"),
            categories=slugs(self.category, "category"),
            exchanges=words(self.exchange, "exchange"),
            has_address=bool((self.blockchain_address or "").strip()),
            limit=self.limit,
            page=self.page,
        )


class DaysParams(Paged):
    """Which days; the last one is included."""

    startDate: Day  # noqa: N815 - the wire's word
    endDate: Day  # noqa: N815 - the wire's word

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        since, until = days(self.startDate, self.endDate)
        return Asked(since=since, until=until, limit=self.limit, page=self.page)


class GradesParams(DaysParams):
    """Which coins, and what they must have. Conditions are on what is so now.

    They do not go with days: of the past every row comes.
    """

    token_id: Ids
    symbol: Words
    category: Words
    exchange: Words
    marketcap: Least
    fdv: Least
    volume: Least
    traderGrade: Annotated[  # noqa: N815 - the wire's word
        float | None, Field(default=None, ge=0, le=100, allow_inf_nan=False)
    ]
    traderGradePercentChange: Annotated[  # noqa: N815 - the wire's word
        float | None, Field(default=None, ge=-1e6, le=1e6, allow_inf_nan=False)
    ]
    signal: Annotated[
        int | None,
        Field(
            default=None,
            ge=-1,
            le=1,
            description="1 bullish, -1 bearish, 0 nothing new in 24 hours.",
        ),
    ]

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        since, until = days(self.startDate, self.endDate)
        return Asked(
            token_ids=numbers(self.token_id, "token_id"),
            symbols=words(self.symbol, "symbol"),
            categories=slugs(self.category, "category"),
            exchanges=words(self.exchange, "exchange"),
            since=since,
            until=until,
            min_market_cap=max(self.marketcap or 0.0, self.fdv or 0.0),
            min_volume=self.volume,
            min_grade=self.traderGrade,
            min_grade_change=self.traderGradePercentChange,
            signal=self.signal,
            limit=self.limit,
            page=self.page,
        )


class CoinsParams(Paged):
    """Which coins, by id, name or symbol."""

    token_id: Ids
    token_name: Words
    symbol: Words

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        return Asked(
            token_ids=numbers(self.token_id, "token_id"),
            names=words(self.token_name, "token_name"),
            symbols=words(self.symbol, "symbol"),
            limit=self.limit,
            page=self.page,
        )


class CandlesParams(DaysParams):
    """Which coins and days."""

    token_id: Ids
    token_name: Words
    symbol: Words

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        since, until = days(self.startDate, self.endDate)
        return Asked(
            token_ids=numbers(self.token_id, "token_id"),
            names=words(self.token_name, "token_name"),
            symbols=words(self.symbol, "symbol"),
            since=since,
            until=until,
            limit=self.limit,
            page=self.page,
        )


class NamedParams(Paged):
    """Which coins; these paths want to know it."""

    token_id: Annotated[
        str, Field(max_length=_TEXT_MAX, description="Such as `3375,3306`.")
    ]

    def asked(self) -> Asked:
        """Return what is asked for, checked."""
        ids = numbers(self.token_id, "token_id")
        if ids is None:
            raise BadRequestError("token_id is needed, such as 3375")
        return Asked(token_ids=ids, limit=self.limit, page=self.page)


class HistoryParams(BaseModel):
    """Which candles of a coin."""

    hours: Annotated[bool, Field(description="Of hours instead of days.")] = False
    startDate: Day  # noqa: N815 - the wire's word
    endDate: Day  # noqa: N815 - the wire's word
