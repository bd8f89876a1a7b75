"""Candles: the prices our own grading engine works from, and the port that keeps them.

Apart from `bot.ports`, because nothing else in Flipwatch knows of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple, Protocol

from bot.model import as_utc


class Frame(IntEnum):
    """How long a candle lasts, in seconds; days begin at 00:00 UTC."""

    HOUR = 3_600
    DAY = 86_400

    def floor(self, moment: datetime) -> int:
        """Return the start of the candle that a moment lies in, in seconds."""
        return int(moment.timestamp()) // self * self


class Candle(NamedTuple):
    """One candle. A plain tuple, because there are hundreds of thousands of them.

    `start` is in seconds since 1970 (UTC); prices are in US dollars or what stands for
    them. `volume` is counted in coins; None means that the price is known, but from
    another exchange than the rest of the series, whose volume would not compare.
    """

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One coin's candles on one exchange, with what is known of them.

    Attributes:
        id: ours; 0 until the store has written it.
        base: the coin's code, such as `BTC`.
        pair: the exchange's pair in its unified spelling, such as `BTC/USDT`.
        turnover: what was traded of it in the last 24 h, in US dollars, when the
            exchange's list was last read; None if it did not say.
        is_member: it belongs to the most traded ones that are graded.
        gone_at: since when the exchange trades it no more; its candles stay.
        hours_from, days_from: from when on the exchange was asked for candles: what is
            older and not there does not exist.
    """

    id: int = 0
    exchange: str
    base: str
    pair: str
    turnover: float | None = None
    is_member: bool = False
    gone_at: datetime | None = None
    hours_from: datetime | None = None
    days_from: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("gone_at", "hours_from", "days_from"):
            moment = getattr(self, name)
            if moment is not None:
                object.__setattr__(self, name, as_utc(moment))

    def asked_from(self, frame: Frame) -> datetime | None:
        """Return from when on the exchange was asked, None if never."""
        return self.hours_from if frame is Frame.HOUR else self.days_from


class Span(NamedTuple):
    """What a series has: its first and last candle, and the last with a volume.

    All in seconds; `last_own` is None while all candles are another exchange's.
    """

    first: int
    last: int
    last_own: int | None


class CandleStore(Protocol):
    """What is remembered of candles.

    Holds for all methods: times are aware UTC; only `StoreError` is raised; one method
    is one transaction.
    """

    async def put_series(self, series: Sequence[Series]) -> Sequence[Series]:
        """Write series, told apart by exchange and base; return them with their ids."""
        ...

    async def list_series(self, exchange: str) -> Sequence[Series]:
        """List an exchange's series by base."""
        ...

    async def add_candles(
        self, frame: Frame, candles: Mapping[int, Sequence[Candle]]
    ) -> None:
        """Add candles by series id; one with the same start is replaced.

        What has no volume never replaces what has one.
        """
        ...

    async def load_candles(
        self,
        frame: Frame,
        series_ids: Sequence[int],
        since: datetime,
        *,
        limit: int | None = None,
    ) -> Mapping[int, Sequence[Candle]]:
        """Load the candles that start at `since` or later, oldest first.

        At most `limit` of each series. Series without any are left out.
        """
        ...

    async def candle_spans(
        self, frame: Frame, series_ids: Sequence[int]
    ) -> Mapping[int, Span]:
        """Say what each series has; those without candles are left out."""
        ...

    async def count_candles(
        self, frame: Frame, series_ids: Sequence[int]
    ) -> Mapping[int, int]:
        """Count the candles of each series; those without any are left out."""
        ...

    async def prune_candles(self, frame: Frame, before: datetime) -> int:
        """Forget candles that start earlier; return how many."""
        ...


def moment_of(start: int) -> datetime:
    """Return a candle's start as an aware moment."""
    return datetime.fromtimestamp(start, UTC)
