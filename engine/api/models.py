"""The rows of every answer, as the OpenAPI document shows them.

Names and types are those of Token Metrics' version 2, so that its clients read them;
what we don't know is null and never made up. Rows are written by `engine.api.edition`;
tests hold the two together.
"""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Row = TypeVar("Row", bound=BaseModel)
#: no name in these models has a meaning of its own: they are on the wire as they are
_STRICT = ConfigDict(extra="forbid")

Grade = Annotated[float, Field(ge=0, le=100)]
SignalNumber = Literal[-1, 0, 1]
SignalText = Literal["-1", "0", "1"]


class Envelope(BaseModel, Generic[Row]):
    """What every answer of version 2 is wrapped in."""

    model_config = _STRICT

    success: Literal[True]
    message: str
    length: Annotated[int, Field(ge=1, description="Rows in this answer.")]
    data: list[Row]


class Refusal(BaseModel):
    """What every refusal looks like; `message` says what to do."""

    model_config = _STRICT

    success: Literal[False]
    message: str
    length: Literal[0]
    data: Annotated[list[None], Field(max_length=0)]


class _Token(BaseModel):
    model_config = _STRICT

    TOKEN_ID: Annotated[int, Field(ge=0)]
    TOKEN_NAME: str
    TOKEN_SYMBOL: str


class NamedExchange(BaseModel):
    """An exchange that a coin is traded on."""

    model_config = _STRICT

    exchange_id: str
    exchange_name: str


class NamedCategory(BaseModel):
    """A category of a coin."""

    model_config = _STRICT

    category_name: str
    category_slug: str


class TokenRow(_Token):
    """A coin that is graded."""

    EXCHANGE_LIST: list[NamedExchange]
    CATEGORY_LIST: list[NamedCategory]
    TM_LINK: str | None
    CURRENT_PRICE: float | None
    MARKET_CAP: Annotated[None, Field(description="Candles do not tell it.")]
    TOTAL_VOLUME: Annotated[
        float | None, Field(description="Trailing 24 hours in US dollars.")
    ]


class TradingSignalRow(_Token):
    """A coin's signal and grade: the newest, or of one day of the past."""

    DATE: Annotated[datetime, Field(description="When it was known.")]
    TRADING_SIGNAL: Annotated[
        SignalNumber, Field(description="The signal that came in the last 24 hours.")
    ]
    TOKEN_TREND: Annotated[SignalNumber, Field(description="The signal that stands.")]
    TRADING_SIGNALS_RETURNS: Annotated[
        float | None,
        Field(
            description="What holding the coin only while its signal was bullish came"
            " to, since its first grade that is kept; 0.15 is 15 %. Without fees, each"
            " signal from the next day's candle on."
        ),
    ]
    HOLDING_RETURNS: Annotated[
        float | None, Field(description="What holding it all the time came to.")
    ]
    TM_TRADER_GRADE: Grade | None
    TM_INVESTOR_GRADE: Annotated[None, Field(description="This engine has none.")]
    TM_LINK: str | None
    CURRENT_PRICE: float | None
    VOLUME_24H: float | None
    CATEGORY_LIST: list[NamedCategory]


class HourlySignalRow(_Token):
    """A coin's signal at the close of an hour; numbers are text, as there."""

    TIMESTAMP: datetime
    CLOSE: float
    SIGNAL: Annotated[SignalText, Field(description="A signal that came in this hour.")]
    POSITION: Annotated[SignalText, Field(description="The signal that stands.")]


class TraderGradeRow(_Token):
    """A coin's grade, with its technical and its statistical part."""

    DATE: str
    TA_GRADE: Grade | None
    QUANT_GRADE: Grade | None
    TM_TRADER_GRADE: Grade | None
    TM_TRADER_GRADE_24H_PCT_CHANGE: float | None


class TmGradeRow(_Token):
    """A coin's grade in words and numbers that are text, as there."""

    FUNDAMENTAL_GRADE: Annotated[None, Field(description="This engine has none.")]
    TM_GRADE: str | None
    TM_GRADE_24h_PCT_CHANGE: str | None
    TM_TRADER_GRADE_24H_CHANGE: str | None
    FUNDAMENTAL_GRADE_CLASS: None
    TM_GRADE_SIGNAL: Annotated[
        Literal["Strong Buy", "Buy", "Neutral", "Sell", "Strong Sell"] | None,
        Field(description="Token Metrics' word for the grade's band; not advice."),
    ]
    MOMENTUM: str | None


class MarketMetricsRow(BaseModel):
    """The whole market on one day."""

    model_config = _STRICT

    DATE: datetime
    TOTAL_CRYPTO_MCAP: Annotated[None, Field(description="Candles do not tell it.")]
    TM_GRADE_PERC_HIGH_COINS: Annotated[
        float, Field(ge=0, le=100, description="Share of coins with a grade of 80 up.")
    ]
    TM_GRADE_SIGNAL: Annotated[
        SignalNumber,
        Field(description="1 from 55 % bullish coins on, -1 from 45 % down."),
    ]
    LAST_TM_GRADE_SIGNAL: Annotated[
        SignalNumber, Field(description="The signal that stood before this one.")
    ]


class PriceRow(_Token):
    """A coin's price at the close of the last hour."""

    CURRENT_PRICE: float


class DailyCandleRow(_Token):
    """A day's candle; `VOLUME` is in US dollars."""

    DATE: Annotated[datetime, Field(description="The start of the day.")]
    OPEN: float | None
    HIGH: float | None
    LOW: float | None
    CLOSE: float
    VOLUME: float | None


class HourlyCandleRow(_Token):
    """An hour's candle; `VOLUME` is in US dollars."""

    TIMESTAMP: Annotated[datetime, Field(description="The start of the hour.")]
    OPEN: float | None
    HIGH: float | None
    LOW: float | None
    CLOSE: float
    VOLUME: float | None


class ShareRow(BaseModel):
    """What one component adds to a grade of 50."""

    model_config = _STRICT

    name: str
    value: Grade
    weight: Annotated[float, Field(ge=0, le=1)]
    points: float


class Explanation(BaseModel):
    """Why a coin's grade is what it is."""

    model_config = _STRICT

    token_id: int
    symbol: str
    name: str
    engine: str
    as_of: datetime
    grade: Grade | None
    signal: Literal["bullish", "bearish", "neutral"]
    days: Annotated[int, Field(ge=0, description="Days of history that count.")]
    enough_history: bool
    missing_hours: Annotated[
        int, Field(ge=0, description="Of the last 24, those without a candle.")
    ]
    exchange: str
    stand_in: Annotated[
        str, Field(description="The exchange that stands in for it now; or empty.")
    ]
    components: Annotated[list[ShareRow], Field(description="Largest share first.")]


class HistoryRow(BaseModel):
    """One line of a history."""

    model_config = _STRICT

    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None


class Health(BaseModel):
    """Whether the service is well."""

    model_config = _STRICT

    status: Literal["ok", "trouble"]
    as_of: datetime | None = None
    coins: int = 0
    trouble: str = ""
