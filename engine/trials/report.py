"""A report on the engine over a whole market: its tables, in Markdown.

The numbers as they came out, for years the engine was developed on and for later ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.embedded.grid import Floats
from engine.embedded.indicators import Mask
from engine.embedded.standing import Signals
from engine.trials.outcomes import (
    Costs,
    Market,
    Outcome,
    bands,
    flips_by_asset,
    graded,
    holding,
    kept_words,
    outcome,
    spread,
)
from engine.trials.rivals import breakout, crossing

OURS, HOLDING = "Flipwatch", "holding"
SIZES = ((0, 10), (10, 50), (50, 100), (100, 300))
EDGES = (0, 20, 40, 50, 60, 80, 90, 101)
_NEXT = (1, 7, 30)
#: rivals speak later than we do: they need so many days
_RIVAL_DAYS = 200
_LEAST_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Some years with a name."""

    name: str
    first: int
    last: int

    def rows(self, market: Market) -> Mask:
        """Return which rows are of this period."""
        is_later: Mask = market.year >= self.first
        return is_later & (market.year <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All that tables and pictures are made of."""

    market: Market
    grades: Floats
    signals: Mapping[str, Signals]
    who: Mask
    costs: Costs
    periods: Sequence[Period]

    def outcome(self, name: str, rows: Mask, who: Mask | None = None) -> Outcome:
        """Return what one of the signals came to."""
        where = self.who if who is None else who
        return outcome(self.market, self.signals[name], rows, where, self.costs)

    def years(self) -> list[int]:
        """Return the years with enough days that count."""
        days: Mask = np.logical_or.reduce(self.who, axis=1)
        found = np.unique(self.market.year[days])
        year = self.market.year
        return [int(y) for y in found if days[year == y].sum() >= _LEAST_DAYS]


def study(market: Market, costs: Costs, split: int) -> Study:
    """Grade a market and set ours beside the rivals.

    Years before `split` are those of development, the others those of the check. Only
    asset-days on which every signal says something count.
    """
    grades, ours = graded(market.grid)
    close = market.grid.close
    signals: dict[str, Signals] = {
        OURS: ours,
        "50/200 days": crossing(close),
        "20-day breakout": breakout(close),
    }
    who = market.is_traded & (np.cumsum(~np.isnan(close), axis=0) >= _RIVAL_DAYS)
    for said in signals.values():
        who = who & (said != 0)
    signals[HOLDING] = holding(ours)
    years = market.year[who.any(axis=1)]
    first, last = (int(years.min()), int(years.max())) if len(years) else (0, 0)
    periods = [
        Period(name="development", first=first, last=min(split - 1, last)),
        Period(name="check", first=max(split, first), last=last),
    ]
    return Study(
        market=market,
        grades=grades,
        signals=signals,
        who=who,
        costs=costs,
        periods=[p for p in periods if p.first <= p.last],
    )


# ---------------------------------------------------------------------------- tables


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; all but the first column to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def percent(part: float, digits: int = 0) -> str:
    """Write a share that is a gain or a loss."""
    return f"{100 * part:+.{digits}f} %".replace("-", "−")


def share(part: float) -> str:
    """Write a share of a whole."""
    return f"{100 * part:.0f} %"


_OUTCOME_HEAD = (
    "a year",
    "Sharpe",
    "deepest fall",
    "typical asset a year",
    "flips in half a year",
    "time in market",
)


def _outcome_row(found: Outcome) -> list[str]:
    return [
        percent(found.a_year),
        f"{found.sharpe:.2f}".replace("-", "−"),
        percent(found.drawdown),
        percent(found.typical),
        f"{found.flips:.1f}",
        share(found.in_market),
    ]


def against_others(made: Study) -> str:
    """Return the table of ours against the rivals and holding."""
    rows = []
    for period in made.periods:
        where = period.rows(made.market)
        for name in made.signals:
            span = f"{name}, {period.first}-{period.last}"
            rows.append([span, *_outcome_row(made.outcome(name, where))])
    return table(["", *_OUTCOME_HEAD], rows)


def by_year(made: Study) -> str:
    """Return the table of years."""
    rows = []
    names = list(made.signals)
    for year in made.years():
        where = made.market.year == year
        found = [made.outcome(name, where) for name in names]
        gap = spread(made.market, _ours(made), where, 7, made.costs.lag)
        said = kept_words(made.market, _ours(made), where, made.who, made.costs.lag)
        rows.append(
            [
                str(year),
                *(percent(one.a_year) for one in found),
                percent(found[0].drawdown),
                percent(found[-1].drawdown),
                percent(gap.bullish - gap.bearish, 1),
                f"{share(said[1].followed)} / {share(said[-1].followed)}",
            ]
        )
    head = [
        "",
        *names,
        "fall, ours",
        "fall, holding",
        "7 days: bullish − bearish",
        "followed: bullish / bearish",
    ]
    return table(head, rows)


def by_size(made: Study) -> str:
    """Return the table of sizes."""
    rows = []
    for period in made.periods:
        where = period.rows(made.market)
        for low, high in SIZES:
            rank = made.market.rank
            who = made.who & (rank >= low) & (rank < high)
            ours = made.outcome(OURS, where, who)
            held = made.outcome(HOLDING, where, who)
            said = kept_words(made.market, _ours(made), where, who, made.costs.lag)
            rows.append(
                [
                    f"{low + 1}-{high}, {period.first}-{period.last}",
                    percent(ours.a_year),
                    percent(held.a_year),
                    percent(ours.drawdown),
                    percent(held.drawdown),
                    percent(ours.typical),
                    percent(held.typical),
                    f"{ours.flips:.1f}",
                    f"{share(said[1].followed)} / {share(said[-1].followed)}",
                ]
            )
    head = [
        "by market cap",
        "ours",
        "holding",
        "fall, ours",
        "fall, holding",
        "typical, ours",
        "typical, holding",
        "flips",
        "followed: bullish / bearish",
    ]
    return table(head, rows)


def next_days(made: Study) -> str:
    """Return the table of baskets."""
    rows = []
    for period, days in product(made.periods, _NEXT):
        span = "1 day" if days == 1 else f"{days} days"
        where = period.rows(made.market)
        gap = spread(made.market, _ours(made), where, days, made.costs.lag)
        rows.append(
            [
                f"{span}, {period.first}-{period.last}",
                percent(gap.bullish, 2),
                percent(gap.bearish, 2),
                percent(gap.bullish - gap.bearish, 2),
                f"{gap.t:.1f}".replace("-", "−"),
                share(gap.share),
            ]
        )
    head = ["", "bullish", "bearish", "difference", "t", "dates above 0"]
    return table(head, rows)


def words_kept(made: Study) -> str:
    """Return the table of finished signals."""
    rows = []
    for period in made.periods:
        where = period.rows(made.market)
        said = kept_words(made.market, _ours(made), where, made.who, made.costs.lag)
        for signal, word in ((1, "bullish"), (-1, "bearish")):
            one = said[signal]
            rows.append(
                [
                    f"{word}, {period.first}-{period.last}",
                    f"{one.count:,}",
                    share(one.followed),
                    percent(one.median, 1),
                    percent(one.mean, 1),
                    f"{one.days:.0f}",
                ]
            )
    head = ["", "finished", "followed", "median move", "mean move", "median days"]
    return table(head, rows)


def grade_bands(made: Study) -> str:
    """Return the table of what followed grades."""
    rows = []
    for period in made.periods:
        found = bands(made.market, made.grades, period.rows(made.market), EDGES)
        rows += [
            [
                f"{band.low:.0f}-{band.high:.0f}, {period.first}-{period.last}",
                share(band.share),
                percent(band.week, 1),
                percent(band.month, 1),
                percent(band.month_median, 1),
            ]
            for band in found
        ]
    head = ["grade", "asset-days", "next 7 days", "next 30 days", "median of 30 days"]
    return table(head, rows)


def flip_rates(made: Study) -> str:
    """Return the table of how often assets flip."""
    rows = []
    for period in made.periods:
        where = period.rows(made.market)
        rates = flips_by_asset(_ours(made), where, made.who)
        if not len(rates):
            continue
        marks = np.quantile(rates, (0.05, 0.25, 0.5, 0.75, 0.95))
        usual = float(((rates >= 3) & (rates <= 8)).mean())  # noqa: PLR2004 - as promised
        rows.append(
            [
                f"{period.first}-{period.last}",
                str(len(rates)),
                *(f"{mark:.1f}" for mark in marks),
                share(usual),
            ]
        )
    head = ["", "assets", "5 %", "25 %", "median", "75 %", "95 %", "3 to 8"]
    return table(head, rows)


def _ours(made: Study) -> Signals:
    return made.signals[OURS]
