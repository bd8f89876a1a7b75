"""What signals would have been worth: many assets at once, by year and by size.

Nothing here looks at a price before its time: a signal known at a close earns what the
price does from the close after it (`lag`), each trade costs a fee, and who is traded is
decided by the volume known by then. A day's return is cut to -90 % and +100 %, for
histories hold wrong prices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.embedded.candle_files import CandleFiles
from engine.embedded.grading import Grader
from engine.embedded.grid import CandleGrid, Floats
from engine.embedded.indicators import Mask
from engine.embedded.standing import Signals
from engine.embedded.tuning import DEFAULT, Tuning

YEAR = 365
HALF_YEAR = 182
#: what is traded: so many of the largest volumes, if they are large enough (US dollars)
MOST_TRADED, LEAST_VOLUME = 300, 1e6
_VOLUME_DAYS = 30
_LEAST_RETURN, _MOST_RETURN = -0.9, 1.0
_MOST_MOVE = 3.0
#: a basket of fewer assets is no basket
_BASKET = 5
#: with fewer assets the whole file is traded
_FEW = 20

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A history ready for trials.

    Attributes:
        grid: days.
        returns: what each day's price did since the day before, cut.
        is_traded: who is among the traded, by what was known at that close.
        rank: by market cap among the traded, 0 the largest; by volume without one.
        year: of each row's close.
    """

    grid: CandleGrid
    returns: Floats
    is_traded: Mask
    rank: Ints
    year: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """How trades are made: at how many closes after the signal, for which fee."""

    fee: float = 0.001
    lag: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; shares, not per cent.

    Attributes:
        a_year: growth a year of equal parts in every traded asset, each while bullish.
        sharpe: mean through deviation of its days, a year.
        drawdown: its deepest fall from a high.
        typical: growth a year of the typical asset (mean of logarithms).
        flips: per asset in half a year.
        in_market: share of asset-days held.
    """

    a_year: float
    sharpe: float
    drawdown: float
    typical: float
    flips: float
    in_market: float


def market_of(files: CandleFiles) -> Market:
    """Prepare a history of days."""
    grid = files.grid
    with np.errstate(invalid="ignore", divide="ignore"):
        price = filled(grid.close)
        returns = np.zeros(grid.shape)
        returns[1:] = price[1:] / price[:-1] - 1.0
    returns = np.nan_to_num(np.clip(returns, _LEAST_RETURN, _MOST_RETURN))
    is_known = ~np.isnan(grid.close)
    volume = mean_of(np.nan_to_num(grid.volume), _VOLUME_DAYS)
    if grid.shape[1] < _FEW or not volume.any():
        is_traded = is_known
    else:
        size = np.where(is_known, volume, 0.0)
        is_traded = (_ranked(size) < MOST_TRADED) & (size >= LEAST_VOLUME)
    caps = np.nan_to_num(files.market_cap)
    rank = _ranked(np.where(is_traded, caps if caps.any() else volume, -1.0))
    days = grid.closes_at.astype("datetime64[s]").astype("datetime64[Y]")
    return Market(
        grid=grid,
        returns=returns,
        is_traded=is_traded,
        rank=rank,
        year=days.astype(np.int64) + 1970,
    )


def filled(values: Floats) -> Floats:
    """Carry the last known value over gaps."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    rows = np.maximum.accumulate(rows, axis=0)
    filled: Floats = np.take_along_axis(values, rows, axis=0)
    return filled


def mean_of(values: Floats, days: int) -> Floats:
    """Return the mean of the last days of each row, NaN counting as NaN."""
    total = np.cumsum(values, axis=0)
    total[days:] = total[days:] - total[:-days]
    mean: Floats = total / days
    return mean


def _ranked(values: Floats) -> Ints:
    order = np.argsort(-values, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(values.shape[1])[None], axis=1)
    return rank


# ------------------------------------------------------------------------- signals


def graded(grid: CandleGrid, tuning: Tuning = DEFAULT) -> tuple[Floats, Signals]:
    """Return grades and standing signals alone: components take much memory."""
    grader = Grader(grid.symbols, tuning)
    grades = np.empty(grid.shape)
    signals = np.empty(grid.shape, dtype=np.int8)
    for n, opens_at in enumerate(grid.opens_at):
        row = grader.push_day(int(opens_at), grid.close[n], grid.volume[n])
        grades[n], signals[n] = row.grade[0], row.signal[0]
    return grades, signals


# ------------------------------------------------------------------------ outcomes


def _held(signals: Signals, lag: int) -> Signals:
    """Return what is held during each row's return."""
    held = np.zeros_like(signals)
    held[1 + lag :] = signals[: -1 - lag]
    return held


def outcome(
    market: Market, signals: Signals, rows: Mask, who: Mask, costs: Costs
) -> Outcome:
    """Work out what signals came to on some rows, for who is traded there.

    `who` says, at the time of the signal, which assets count.
    """
    held = _held(signals, costs.lag)
    counts = _held(who.astype(np.int8), costs.lag).astype(bool) & (held != 0)
    is_long = held == 1
    trades = np.zeros_like(is_long)
    trades[1:] = is_long[1:] != is_long[:-1]
    earned = np.where(is_long, market.returns, 0.0) - costs.fee * trades
    flips = np.zeros_like(is_long)
    flips[1:] = (held[1:] != held[:-1]) & (held[:-1] != 0)
    here = counts & rows[:, None]
    number = int(here.sum())
    if not number:
        return Outcome(a_year=0, sharpe=0, drawdown=0, typical=0, flips=0, in_market=0)
    basket = basket_returns(earned, here)
    curve = np.cumprod(1.0 + basket).astype(np.float64)
    years = len(basket) / YEAR
    deviation = float(basket.std())
    return Outcome(
        a_year=float(curve[-1]) ** (1 / years) - 1.0,
        sharpe=float(basket.mean()) / deviation * YEAR**0.5 if deviation else 0.0,
        drawdown=fall_of(curve),
        typical=float(np.exp(np.log1p(earned[here]).mean() * YEAR) - 1.0),
        flips=float(flips[here].sum() / number * HALF_YEAR),
        in_market=float(is_long[here].sum() / number),
    )


def holding(signals: Signals) -> Signals:
    """Return signals that hold whatever these say something of."""
    held: Signals = (signals != 0).astype(np.int8)
    return held


def basket_returns(earned: Floats, here: Mask) -> Floats:
    """Return the daily mean of what counts, for the days on which something does."""
    number = here.sum(axis=1)
    total = np.where(here, earned, 0.0).sum(axis=1)
    means: Floats = (total / np.maximum(number, 1.0))[number >= _BASKET]
    return means if len(means) else np.zeros(1)


def fall_of(curve: Floats) -> float:
    """Return the deepest fall from a high, 0 or below."""
    whole = np.concatenate([[1.0], curve])
    return float((whole / np.maximum.accumulate(whole) - 1.0).min())


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Bullish basket minus bearish basket over the next days.

    `bullish` and `bearish` are mean moves, `t` is the difference's mean through its
    standard error over dates that don't overlap, `share` how often it was above 0.
    """

    days: int
    bullish: float
    bearish: float
    t: float
    share: float


def spread(
    market: Market, signals: Signals, rows: Mask, days: int, lag: int = 1
) -> Spread:
    """Compare what bullish and bearish assets did over the next days."""
    price = filled(market.grid.close)
    ups, downs = [], []
    for n in np.flatnonzero(rows)[::days]:
        if n + lag + days >= len(price):
            break
        with np.errstate(invalid="ignore"):
            move = price[n + lag + days] / price[n + lag] - 1.0
        move = np.minimum(move, _MOST_MOVE)
        counts = market.is_traded[n] & ~np.isnan(move)
        bull, bear = counts & (signals[n] == 1), counts & (signals[n] == -1)
        if bull.sum() >= _BASKET and bear.sum() >= _BASKET:
            ups.append(float(move[bull].mean()))
            downs.append(float(move[bear].mean()))
    gaps = np.array(ups) - np.array(downs)
    if len(gaps) < 3:  # noqa: PLR2004 - no deviation of fewer
        return Spread(days=days, bullish=0, bearish=0, t=0, share=0)
    error = float(gaps.std(ddof=1)) / len(gaps) ** 0.5
    return Spread(
        days=days,
        bullish=float(np.mean(ups)),
        bearish=float(np.mean(downs)),
        t=float(gaps.mean()) / error,
        share=float((gaps > 0).mean()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How often prices followed finished signals of one kind."""

    count: int
    followed: float
    median: float
    mean: float
    days: float


def kept_words(
    market: Market, signals: Signals, rows: Mask, who: Mask, lag: int = 1
) -> Mapping[int, Kept]:
    """Return, for 1 and -1, what finished signals that began on these rows did."""
    price = filled(market.grid.close)
    found: dict[int, list[tuple[float, int]]] = {1: [], -1: []}
    last = len(price) - 1
    for column in range(price.shape[1]):
        line = signals[:, column]
        flips = np.flatnonzero((line[1:] != line[:-1]) & (line[:-1] != 0)) + 1
        for begins, ends in pairwise(flips):
            if not (rows[begins] and who[begins, column]) or ends + lag > last:
                continue
            start, end = price[begins + lag, column], price[ends + lag, column]
            move = min(float(end / start - 1.0), _MOST_MOVE)
            if line[begins] and not np.isnan(move):
                found[int(line[begins])].append((move, int(ends - begins)))
    result = {}
    for signal, moves in found.items():
        went = np.array([move for move, _ in moves]) if moves else np.zeros(1)
        result[signal] = Kept(
            count=len(moves),
            followed=float((went * signal > 0).mean()),
            median=float(np.median(went)),
            mean=float(went.mean()),
            days=float(np.median([d for _, d in moves])) if moves else 0.0,
        )
    return result


def flips_by_asset(signals: Signals, rows: Mask, who: Mask, least: int = 300) -> Floats:
    """Return each asset's flips in half a year, of assets with so many days."""
    flips = np.zeros(signals.shape, dtype=bool)
    flips[1:] = (signals[1:] != signals[:-1]) & (signals[:-1] != 0)
    here = who & rows[:, None] & (signals != 0)
    days = here.sum(axis=0)
    enough = days >= least
    rates: Floats = (flips & here).sum(axis=0)[enough] / days[enough] * HALF_YEAR
    return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What followed grades from `low` to under `high`: moves of the next 30 days."""

    low: float
    high: float
    share: float
    week: float
    month: float
    month_median: float


def bands(
    market: Market, grades: Floats, rows: Mask, edges: Sequence[float]
) -> list[Band]:
    """Say how often grades were in each band and what the price did next."""
    price = filled(market.grid.close)

    def next_move(days: int) -> Floats:
        move = np.full(price.shape, np.nan)
        move[: -days - 1] = price[days + 1 :] / price[1:-days] - 1.0
        cut: Floats = np.minimum(move, _MOST_MOVE)
        return cut

    with np.errstate(invalid="ignore"):
        week, month = next_move(7), next_move(30)
    here = market.is_traded & rows[:, None] & ~np.isnan(grades)
    found = []
    for low, high in pairwise(edges):
        inside = here & (grades >= low) & (grades < high)
        found.append(
            Band(
                low=low,
                high=min(high, 100),
                share=float(inside.sum() / max(here.sum(), 1)),
                week=_average(week[inside]),
                month=_average(month[inside]),
                month_median=_average(month[inside], is_median=True),
            )
        )
    return found


def _average(values: Floats, *, is_median: bool = False) -> float:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    return float(np.median(known) if is_median else known.mean())
