"""Everything the API can answer at one `as_of`, made from one state of the engine.

Pure: the same state gives the same bytes. What is asked for all the time is written
once; the past is written when asked for, a page at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from bot.candles import Frame, moment_of
from bot.model import Signal
from engine.api import measures
from engine.api.asked import Asked
from engine.api.prepared import Prepared, document, envelope, to_json
from engine.embedded import universe
from engine.embedded.book import History
from engine.embedded.grading import ENGINE_VERSION, ENOUGH_DAYS, explain
from engine.embedded.grid import CandleGrid, Floats
from engine.embedded.known import known
from engine.embedded.source import State

_HOURS_OF_DAY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """A graded coin: where it stands in the arrays, and what it is."""

    column: int
    token_id: int
    base: str
    name: str
    slugs: tuple[str, ...]

    def head(self) -> dict[str, object]:
        """Return what each of its rows begins with."""
        return {
            "TOKEN_ID": self.token_id,
            "TOKEN_NAME": self.name,
            "TOKEN_SYMBOL": self.base,
        }

    def categories(self) -> list[dict[str, str]]:
        """Return its categories as the wire has them."""
        return [
            {"category_name": slug.replace("-", " ").title(), "category_slug": slug}
            for slug in self.slugs
        ]


class Edition:
    """The answers at one `as_of`. Never changes; the next state makes the next one."""

    def __init__(self, state: State) -> None:
        book, kept = state.book, state.kept
        last = book.last
        assert last is not None  # noqa: S101 - a state has grades
        self.state = state
        self.as_of = moment_of(book.closed_at)
        self.exchange = kept.home
        self._stand_in = kept.stand_in
        self._last = last
        self._close = book.grid.close[-1]
        self._volumes = book.volumes()
        self._hour_grid, self._day_grid = book.grid, book.day_grid
        self._gaps = np.isnan(book.grid.close[-_HOURS_OF_DAY:]).sum(axis=0)
        self._hourly = book.history(Frame.HOUR)
        self._daily = book.history(Frame.DAY)
        self._day_parts = [grades for grades, _ in book.days]
        graded = sorted(
            (one for one in kept.graded.values() if one.base in book.bases),
            key=lambda one: (-(one.turnover or 0.0), one.base),
        )
        place = {base: n for n, base in enumerate(book.bases)}
        self.coins = tuple(_coin(one.base, place[one.base]) for one in graded)
        day = self._hourly.grade[-_HOURS_OF_DAY - 1 :]
        self._day_ago = (
            day[0] if len(day) > _HOURS_OF_DAY else np.full_like(day[0], np.nan)
        )
        self._change = measures.change_of(last.grade[0], self._day_ago)

    # ---- who is asked for

    def chosen(self, asked: Asked, *, is_now: bool = True) -> list[Coin]:
        """Return the coins that fit, most traded first.

        `is_now` applies the conditions on what a coin is now: grade, signal, volume.
        """
        if asked.has_address or asked.min_market_cap:
            # neither is known here, so nothing is known to fit
            return []
        if asked.exchanges is not None and self.exchange not in asked.exchanges:
            return []
        return [
            coin
            for coin in self.coins
            if _names(coin, asked) and (not is_now or self._fits(coin, asked))
        ]

    def _fits(self, coin: Coin, asked: Asked) -> bool:
        n = coin.column
        bounds = (
            (asked.min_volume, self._volumes[n]),
            (asked.min_grade, self._last.grade[0, n]),
            (asked.min_grade_change, self._change[n]),
        )
        # a comparison with NaN is false
        return all(low is None or bool(value >= low) for low, value in bounds) and (
            asked.signal is None or int(self._fresh[n]) == asked.signal
        )

    # ---- now

    @cached_property
    def _fresh(self) -> np.ndarray:
        """The signals that came in the last 24 hours, 0 for those that stand longer."""
        signal = self._hourly.signal
        now = signal[-1]
        if len(signal) <= _HOURS_OF_DAY:
            return np.zeros_like(now)
        return np.where(now != signal[-_HOURS_OF_DAY - 1], now, 0)

    def tokens(self, asked: Asked) -> Prepared:
        """Answer /tokens."""
        coins = self.chosen(asked, is_now=False)
        return envelope(self._token_rows[c.column] for c in _page(coins, asked))

    @cached_property
    def _token_rows(self) -> dict[int, bytes]:
        exchange = {"exchange_id": self.exchange, "exchange_name": self.exchange}
        return {
            coin.column: to_json(
                coin.head()
                | {
                    "EXCHANGE_LIST": [exchange],
                    "CATEGORY_LIST": coin.categories(),
                    "TM_LINK": None,
                    "CURRENT_PRICE": _number(self._close[coin.column]),
                    "MARKET_CAP": None,
                    "TOTAL_VOLUME": _number(self._volumes[coin.column]),
                }
            )
            for coin in self.coins
        }

    def prices(self, asked: Asked) -> Prepared:
        """Answer /price."""
        coins = [c for c in self.chosen(asked) if self._is_priced(c)]
        return envelope(
            to_json(c.head() | {"CURRENT_PRICE": float(self._close[c.column])})
            for c in _page(coins, asked)
        )

    def _is_priced(self, coin: Coin) -> bool:
        return not np.isnan(self._close[coin.column])

    def trading_signals(self, asked: Asked) -> Prepared:
        """Answer /trading-signals: of now, or with dates of days."""
        if asked.since is None and asked.until is None:
            coins = [c for c in self.chosen(asked) if self._is_priced(c)]
            return envelope(self._signal_rows[c.column] for c in _page(coins, asked))
        return envelope(
            self._signal_row(coin, row)
            for coin, row in self._cells(self.chosen(asked, is_now=False), asked)
        )

    @cached_property
    def _signal_rows(self) -> dict[int, bytes]:
        row = len(self._days.closes_at) - 1
        return {c.column: self._signal_row(c, row) for c in self.coins}

    def _signal_row(self, coin: Coin, row: int) -> bytes:
        n, days = coin.column, self._days
        followed, held = self._returns
        is_last = row == len(days.closes_at) - 1
        fresh = self._fresh[n] if is_last else self._day_signals[row, n]
        return to_json(
            coin.head()
            | {
                "DATE": _iso(days.closes_at[row]),
                "TRADING_SIGNAL": int(fresh),
                "TOKEN_TREND": int(days.signal[row, n]),
                "TRADING_SIGNALS_RETURNS": _number(followed[row, n]),
                "HOLDING_RETURNS": _number(held[row, n]),
                "TM_TRADER_GRADE": _number(days.grade[row, n]),
                "TM_INVESTOR_GRADE": None,
                "TM_LINK": None,
                "CURRENT_PRICE": _number(days.close[row, n]),
                "VOLUME_24H": _number(self._volumes[n]) if is_last else None,
                "CATEGORY_LIST": coin.categories(),
            }
        )

    def trader_grades(self, asked: Asked) -> Prepared:
        """Answer /trader-grades: of now, or with dates of days."""
        if asked.since is None and asked.until is None:
            last = len(self._days.closes_at) - 1
            coins = _page([c for c in self.chosen(asked) if self._is_priced(c)], asked)
            return envelope(self._grade_row(coin, last) for coin in coins)
        return envelope(
            self._grade_row(coin, row)
            for coin, row in self._cells(self.chosen(asked, is_now=False), asked)
        )

    def _grade_row(self, coin: Coin, row: int) -> bytes:
        n, days = coin.column, self._days
        is_last = row == len(days.closes_at) - 1
        grades = self._last if is_last else self._day_parts[row]
        parts = {name: c[0, n : n + 1] for name, c in grades.components.items()}
        if is_last:
            change = self._change[n]
        else:
            unknown = np.full(1, np.nan)
            before = days.grade[row - 1, n : n + 1] if row else unknown
            change = measures.change_of(days.grade[row, n : n + 1], before)[0]
        grade = _number(days.grade[row, n])
        return to_json(
            coin.head()
            | {
                "DATE": f"{moment_of(int(days.closes_at[row])):%Y-%m-%d}",
                "TA_GRADE": None
                if grade is None
                else _number(measures.part_of(parts, is_statistical=False)[0]),
                "QUANT_GRADE": None
                if grade is None
                else _number(measures.part_of(parts, is_statistical=True)[0]),
                "TM_TRADER_GRADE": grade,
                "TM_TRADER_GRADE_24H_PCT_CHANGE": _number(change),
            }
        )

    def tm_grades(self, asked: Asked) -> Prepared:
        """Answer /tm-grade."""
        coins = [c for c in self.chosen(asked) if self._is_priced(c)]
        return envelope(self._tm_grade_row(c) for c in _page(coins, asked))

    def _tm_grade_row(self, coin: Coin) -> bytes:
        n = coin.column
        grade = float(self._last.grade[0, n])
        signal, momentum = (None, None) if np.isnan(grade) else measures.words_of(grade)
        points = round(grade - float(self._day_ago[n]), 2)
        return to_json(
            coin.head()
            | {
                "FUNDAMENTAL_GRADE": None,
                "TM_GRADE": _text(grade),
                "TM_GRADE_24h_PCT_CHANGE": _text(self._change[n]),
                "TM_TRADER_GRADE_24H_CHANGE": _text(points),
                "FUNDAMENTAL_GRADE_CLASS": None,
                "TM_GRADE_SIGNAL": signal,
                "MOMENTUM": momentum,
            }
        )

    # ---- the past

    @cached_property
    def _days(self) -> History:
        """The end of each day, and at last what is now."""
        days, hours = self._daily, self._hourly
        if len(days.closes_at) and days.closes_at[-1] == hours.closes_at[-1]:
            return days
        return History(
            closes_at=np.append(days.closes_at, hours.closes_at[-1]),
            grade=np.vstack([days.grade, hours.grade[-1:]]),
            signal=np.vstack([days.signal, hours.signal[-1:]]),
            close=np.vstack([days.close, hours.close[-1:]]),
        )

    @cached_property
    def _day_signals(self) -> np.ndarray:
        return measures.new_signals(self._days.signal)

    @cached_property
    def _returns(self) -> tuple[Floats, Floats]:
        return measures.returns(self._days.close, self._days.signal)

    def _cells(self, coins: Sequence[Coin], asked: Asked) -> Iterator[tuple[Coin, int]]:
        """Give a page of (coin, day), newest first, of the days that have a grade."""
        mask = ~np.isnan(self._days.grade)
        rows = _between(self._days.closes_at, asked)
        yield from _newest(mask, rows, coins, asked)

    def hourly_signals(self, asked: Asked) -> Prepared:
        """Answer /hourly-trading-signals: the last 30 days, newest first."""
        hours = self._hourly
        fresh = self._hour_signals
        cells = _newest(
            ~np.isnan(hours.close),
            slice(0, len(hours.closes_at)),
            self.chosen(asked, is_now=False),
            asked,
        )
        return envelope(
            to_json(
                {"TIMESTAMP": _iso(hours.closes_at[row])}
                | coin.head()
                | {
                    "CLOSE": float(hours.close[row, coin.column]),
                    "SIGNAL": str(int(fresh[row, coin.column])),
                    "POSITION": str(int(hours.signal[row, coin.column])),
                }
            )
            for coin, row in cells
        )

    @cached_property
    def _hour_signals(self) -> np.ndarray:
        fresh = measures.new_signals(self._hourly.signal)
        # what stood before the first hour is not known: nothing came with it
        fresh[:1] = 0
        return fresh

    def market_metrics(self, asked: Asked) -> Prepared:
        """Answer /market-metrics: a row for each day, newest first."""
        columns = [coin.column for coin in self.coins]
        days = self._days
        signal, grade = days.signal[:, columns], days.grade[:, columns]
        rows = range(*_between(days.closes_at, asked).indices(len(signal)))
        now, last = self._market
        found = [row for row in reversed(rows) if signal[row].any()]
        return envelope(
            to_json(
                {
                    "DATE": _iso(days.closes_at[row]),
                    "TOTAL_CRYPTO_MCAP": None,
                    "TM_GRADE_PERC_HIGH_COINS": _share_high(grade[row]),
                    "TM_GRADE_SIGNAL": int(now[row]),
                    "LAST_TM_GRADE_SIGNAL": int(last[row]),
                }
            )
            for row in found[asked.first : asked.first + asked.limit]
        )

    @cached_property
    def _market(self) -> tuple[np.ndarray, np.ndarray]:
        columns = [coin.column for coin in self.coins]
        return measures.market(self._days.signal[:, columns])

    def candles(self, frame: Frame, asked: Asked) -> Prepared:
        """Answer /daily-ohlcv or /hourly-ohlcv, newest first."""
        grid = self._day_grid if frame is Frame.DAY else self._hour_grid
        name = "DATE" if frame is Frame.DAY else "TIMESTAMP"
        cells = _newest(
            ~np.isnan(grid.close),
            _between(grid.opens_at, asked),
            self.chosen(asked, is_now=False),
            asked,
        )
        return envelope(_candle_row(name, grid, coin, row) for coin, row in cells)

    # ---- one coin

    def find(self, asset: str) -> Coin | None:
        """Return a coin by its symbol or id."""
        word = asset.strip().upper()
        for coin in self.coins:
            if word in {coin.base.upper(), str(coin.token_id)}:
                return coin
        return None

    def explanation(self, coin: Coin) -> Prepared:
        """Answer /v1/explain."""
        n = coin.column
        days = int(self._last.days[0, n])
        return document(
            {
                "token_id": coin.token_id,
                "symbol": coin.base,
                "name": coin.name,
                "engine": ENGINE_VERSION,
                "as_of": _iso(int(self.as_of.timestamp())),
                "grade": _number(self._last.grade[0, n]),
                "signal": Signal(int(self._last.signal[0, n])).word,
                "days": days,
                "enough_history": days >= ENOUGH_DAYS,
                "missing_hours": int(self._gaps[n]),
                "exchange": self.exchange,
                "stand_in": self._stand_in,
                "components": [
                    {
                        "name": share.name,
                        "value": share.value,
                        "weight": round(share.weight, 4),
                        "points": share.points,
                    }
                    for share in explain(self._last, coin.base)
                ],
            }
        )


def _coin(base: str, column: int) -> Coin:
    about = known(base)
    return Coin(
        column=column,
        token_id=int(universe.key_of(base)),
        base=base,
        name=about.name,
        slugs=about.categories,
    )


def _names(coin: Coin, asked: Asked) -> bool:
    """Whether a request's lists have this coin in them."""
    ids, symbols, names = asked.token_ids, asked.symbols, asked.names
    return (
        (ids is None or coin.token_id in ids)
        and (symbols is None or coin.base.lower() in symbols)
        and (names is None or coin.name.lower() in names)
        and (asked.categories is None or not asked.categories.isdisjoint(coin.slugs))
    )


def _page(coins: Sequence[Coin], asked: Asked) -> Sequence[Coin]:
    return coins[asked.first : asked.first + asked.limit]


def _between(times: np.ndarray, asked: Asked) -> slice:
    """Return the steps of a request's days."""
    first, last = 0, len(times)
    if asked.since is not None:
        first = int(np.searchsorted(times, asked.since.timestamp()))
    if asked.until is not None:
        last = int(np.searchsorted(times, asked.until.timestamp()))
    return slice(first, last)


def _newest(
    mask: np.ndarray, rows: slice, coins: Sequence[Coin], asked: Asked
) -> Iterator[tuple[Coin, int]]:
    """Give a page of (coin, row) that the mask allows: newest first, coins in order."""
    columns = [coin.column for coin in coins]
    if not columns:
        return
    part = mask[rows][:, columns][::-1]
    flat = np.flatnonzero(part)[asked.first : asked.first + asked.limit]
    for place in flat.tolist():
        back, n = divmod(place, len(columns))
        yield coins[n], rows.start + len(part) - 1 - back


def _candle_row(name: str, grid: CandleGrid, coin: Coin, row: int) -> bytes:
    n = coin.column
    return to_json(
        coin.head()
        | {
            name: _iso(grid.opens_at[row]),
            "OPEN": _number(grid.open[row, n]),
            "HIGH": _number(grid.high[row, n]),
            "LOW": _number(grid.low[row, n]),
            "CLOSE": float(grid.close[row, n]),
            "VOLUME": _number(grid.volume[row, n]),
        }
    )


def _share_high(grade: Floats) -> float:
    known_grades = grade[~np.isnan(grade)]
    if not len(known_grades):
        return 0.0
    return round(float((known_grades >= measures.HIGH_FROM).mean()) * 100.0, 2)


def _number(value: float) -> float | None:
    number = float(value)
    return None if np.isnan(number) else number


def _text(value: float) -> str | None:
    number = float(value)
    return None if np.isnan(number) else f"{number:.2f}"


def _iso(moment: int | datetime) -> str:
    at = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
