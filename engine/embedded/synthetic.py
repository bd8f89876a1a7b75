"""A market that never was: candles made from a seed, for a demo without a network.

Any hour's price can be said without those before it: it is a sum of waves of chance
with periods from half a year to hours, common to all coins and of each alone, the slow
ones the stronger, as in a walk. Names and categories are of real coins, the prices they
begin at are rough ones of late 2024; nothing else says anything about a real coin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from bot.candles import Frame
from bot.model import Explanation, Reading, Signal
from engine.chance import chances, seed_of
from engine.documented import ASSETS, Listed
from engine.embedded.book import Book, Bookmark
from engine.embedded.explaining import explained
from engine.embedded.grading import ENGINE_VERSION
from engine.embedded.grid import HOUR, CandleGrid, Floats
from engine.replay import Pace, ReplaySource

#: when the demo begins; there are candles before it, as history
STARTS = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(hours=6)
#: days of history that a start, or a later start, grades first
HISTORY_DAYS = 240

_SEED = "flipwatch candles 1"
_STEP_HOURS = STEP // timedelta(hours=1)
#: periods of the waves in hours, and how far each moves a price (as a logarithm)
_WAVES = (
    (180 * 24.0, 0.55),
    (70 * 24.0, 0.34),
    (30 * 24.0, 0.2),
    (12 * 24.0, 0.1),
    (5 * 24.0, 0.06),
    (36.0, 0.028),
    (9.0, 0.012),
    (2.0, 0.005),
)
#: how much of the market's waves a coin takes part in, at least and at most
_BETA = (0.35, 0.8)
#: small coins move more
_LIVELY = (0.7, 1.5)
_EIGHT = 8
#: hours whose prices are kept: two days and a bit, for at first each hour brings two
_REMEMBERED = 64
_BOOKMARK_MAX = 9


@dataclass(frozen=True, slots=True)
class _Coin:
    listed: Listed
    seed: bytes
    beta: float
    lively: float
    turnover: float
    supply: float


def _coin(listed: Listed) -> _Coin:
    seed = seed_of(f"{_SEED} {listed.symbol}")
    beta, turnover, *_ = chances(seed, 0, 0)
    smallness = min(max((3.2 - math.log10(listed.size)) / 3.2, 0.0), 1.0)
    return _Coin(
        listed=listed,
        seed=seed,
        beta=_BETA[0] + (_BETA[1] - _BETA[0]) * beta,
        lively=_LIVELY[0] + (_LIVELY[1] - _LIVELY[0]) * smallness,
        turnover=0.02 + 0.08 * turnover,
        supply=listed.size * 1e9 / listed.price,
    )


class SyntheticMarket:
    """Closes and volumes of all coins at any hour; hour 0 opens at `STARTS`."""

    def __init__(self, assets: Sequence[Listed] = ASSETS) -> None:
        self.coins = tuple(_coin(listed) for listed in assets)
        self.bases = tuple(listed.symbol for listed in assets)
        self._market = seed_of(f"{_SEED} market")
        self._closes: dict[int, list[float]] = {}

    def closes(self, hour: int) -> list[float]:
        """Return the price of each coin when an hour ends."""
        known = self._closes.get(hour)
        if known is None:
            common = _course(self._market, hour)
            known = [_price(coin, common, hour) for coin in self.coins]
            # volumes ask for the price of a day before
            if len(self._closes) >= _REMEMBERED:
                del self._closes[next(iter(self._closes))]
            self._closes[hour] = known
        return known

    def volumes(self, hour: int, closes: Sequence[float]) -> list[float]:
        """Return what is traded of each coin in an hour, in US dollars.

        A price that moves far in a day draws a crowd.
        """
        before = self.closes(hour - 24)
        found = []
        for coin, close, then in zip(self.coins, closes, before, strict=True):
            move = abs(math.log(close / then))
            chance = _lattice(coin.seed, len(_WAVES) + 1, hour)
            share = coin.turnover / 24 * (0.8 + 0.2 * chance) * (1 + 12 * move)
            found.append(float(round(close * coin.supply * share)))
        return found

    def grid(self, frame: Frame, start: int, count: int) -> CandleGrid:
        """Return `count` candles from the one that opens `start` hours on.

        Of days only the close and a day's worth of the last hour's volume.
        """
        length = frame // HOUR
        closes: list[list[float]] = []
        volumes: list[list[float]] = []
        for n in range(count):
            last = start + (n + 1) * length - 1
            closes.append(self.closes(last))
            traded = self.volumes(last, closes[-1])
            volumes.append([length * volume for volume in traded])
        return CandleGrid.of_closes(
            self.bases,
            _opened(start) + np.arange(count, dtype=np.int64) * int(frame),
            int(frame),
            _table(closes, len(self.bases)),
            _table(volumes, len(self.bases)),
        )


class CandleRecording:
    """Our own engine over the synthetic market, as a recording without an end."""

    def __init__(self, market: SyntheticMarket | None = None) -> None:
        self._market = market or SyntheticMarket()
        self._book: Book | None = None
        self._mark: Bookmark | None = None

    def offset(self, index: int) -> float:
        """Return the seconds from snapshot 0 to this one."""
        return index * STEP.total_seconds()

    def readings(self, index: int) -> tuple[Reading, ...]:
        """Grade up to a snapshot's hour; cheap for the one after the last."""
        book = self._book_at(index * _STEP_HOURS)
        last = book.last
        if last is None:
            return ()
        volumes = book.volumes()
        grades, signals = last.grade[0], last.signal[0]
        found = []
        for column, coin in enumerate(self._market.coins):
            price = float(book.grid.close[-1, column])
            found.append(
                Reading(
                    key=coin.listed.key,
                    symbol=coin.listed.symbol,
                    name=coin.listed.name,
                    as_of=STARTS + index * STEP,
                    signal=Signal(int(signals[column])),
                    grade=float(grades[column]),
                    price=price,
                    volume=float(volumes[column]),
                    market_cap=float(round(price * coin.supply)),
                    categories=tuple(coin.listed.categories.split("|")),
                )
            )
        return tuple(found)

    def explain(self, key: str) -> Explanation | None:
        """Say what a coin's newest grade is made of."""
        last = None if self._book is None else self._book.last
        if last is None:
            return None
        symbols = (c.listed.symbol for c in self._market.coins if c.listed.key == key)
        symbol = next(symbols, None)
        return None if symbol is None else explained(last, symbol)

    def bookmark(self, index: int) -> str:
        """Name a snapshot by its number, with the signals that stood at it."""
        mark = None
        if self._book is not None:
            mark = self._book.bookmark(_opened(index * _STEP_HOURS))
        return f"{index}:{mark.text() if mark else ''}"

    def after(self, bookmark: str) -> int:
        """Return the number that follows a bookmark; 0 for one that is not ours."""
        number, _, standing = bookmark.partition(":")
        if not (number.isascii() and number.isdigit()) or len(number) > _BOOKMARK_MAX:
            return 0
        self._mark = Bookmark.parse(standing)
        self._book = None
        return int(number) + 1

    def _book_at(self, hour: int) -> Book:
        """Return the book of all hours before this one."""
        book, end = self._book, _opened(hour)
        if book is not None and end - 24 * HOUR <= book.closed_at <= end:
            ahead = (end - book.closed_at) // HOUR
            if ahead:
                book.grow(self._market.grid(Frame.HOUR, hour - ahead, ahead))
            return book
        # the day before is graded by hours, so that a bookmark's hour is among them
        day = (hour // 24 - 1) * 24
        days = self._market.grid(Frame.DAY, day - HISTORY_DAYS * 24, HISTORY_DAYS)
        hours = self._market.grid(Frame.HOUR, day, hour - day)
        self._book = Book(days, hours, self._mark)
        return self._book


def open_candles(pace: Pace) -> ReplaySource:
    """Open our own engine over the synthetic market, played at this pace."""
    return ReplaySource(
        CandleRecording(),
        name=f"replay:candles:{ENGINE_VERSION}",
        title=f"Flipwatch's own engine {ENGINE_VERSION} (made-up candles)",
        update_every=STEP,
        pace=pace,
    )


def _opened(hour: int) -> int:
    return int(STARTS.timestamp()) + hour * HOUR


def _table(rows: list[list[float]], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def _price(coin: _Coin, common: float, hour: int) -> float:
    """Return a price with six digits, so that it is the same on every machine."""
    own = _course(coin.seed, hour)
    moved = coin.beta * common + (1 - coin.beta * coin.beta) ** 0.5 * own
    # a market that breathes around where it began
    return float(f"{coin.listed.price * math.exp(coin.lively * moved):.6g}")


def _course(seed: bytes, hour: int) -> float:
    return sum(
        height * _wave(seed, stream + 1, hour / period)
        for stream, (period, height) in enumerate(_WAVES)
    )


def _wave(seed: bytes, stream: int, at: float) -> float:
    """Go smoothly from one number between -1 and 1 to the next."""
    left = math.floor(at)
    part = at - left
    smooth = part * part * (3 - 2 * part)
    a, b = _lattice(seed, stream, left), _lattice(seed, stream, left + 1)
    return a + (b - a) * smooth


def _lattice(seed: bytes, stream: int, index: int) -> float:
    return 2 * _eight(seed, stream, index // _EIGHT)[index % _EIGHT] - 1


@lru_cache(maxsize=16_384)
def _eight(seed: bytes, stream: int, index: int) -> tuple[float, ...]:
    return chances(seed, stream, index)
