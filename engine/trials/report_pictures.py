"""The pictures of a report on the engine."""

from collections.abc import Sequence

import numpy as np

from engine.embedded.tuning import DEFAULT
from engine.trials.outcomes import bands, basket_returns
from engine.trials.pictures import Axes, bar_picture, line_picture
from engine.trials.report import EDGES, Study
from engine.trials.sweep import PACES, Tried


def growth_picture(made: Study) -> str:
    """Draw what equal parts in every asset grew to."""
    lines = {}
    rows = made.who.sum(axis=1) > 0
    for name, said in made.signals.items():
        held = np.zeros_like(said)
        lag = made.costs.lag
        held[1 + lag :] = said[: -1 - lag]
        here = np.zeros_like(made.who)
        here[1 + lag :] = made.who[: -1 - lag]
        is_long = held == 1
        trades = np.zeros_like(is_long)
        trades[1:] = is_long[1:] != is_long[:-1]
        earned = np.where(is_long, made.market.returns, 0.0) - made.costs.fee * trades
        curve = np.cumprod(1.0 + basket_returns(earned, here))
        lines[name] = [(float(n), float(value)) for n, value in enumerate(curve)]
    year = made.market.year[rows]
    first = [(float(np.argmax(year == y)), str(y)) for y in made.years()]
    split = made.periods[-1].first
    mark = next((place for place, word in first if word == str(split)), None)
    return line_picture(
        lines,
        Axes(
            title="1 in equal parts of every asset, each only while bullish",
            is_log=True,
            labels=first,
            mark=None if mark is None or split == int(year[0]) else (mark, "check"),
        ),
    )


def band_picture(made: Study) -> str:
    """Draw what followed each band of grades."""
    bars = {}
    labels: list[tuple[float, str]] = []
    for period in made.periods:
        found = bands(made.market, made.grades, period.rows(made.market), EDGES)
        bars[f"{period.first}-{period.last}"] = [100 * band.month for band in found]
        labels = [
            (float(n), f"{band.low:.0f}-{band.high:.0f}")
            for n, band in enumerate(found)
        ]
    return bar_picture(
        bars,
        Axes(title="Mean move of the next 30 days by grade", labels=labels, unit=" %"),
    )


def sweep_picture(made: Study, tried: Sequence[Tried]) -> str:
    """Draw Sharpe by pace at the engine's lines."""
    chosen = [
        one
        for one in tried
        if (one.tuning.bullish_from, one.tuning.bearish_from)
        == (DEFAULT.bullish_from, DEFAULT.bearish_from)
    ]
    lines = {
        f"{period.first}-{period.last}": [
            (one.tuning.pace, one.periods[n].sharpe) for one in chosen
        ]
        for n, period in enumerate(made.periods)
    }
    return line_picture(
        lines,
        Axes(
            title="Sharpe by pace: every number of days stretched",
            labels=[(pace, f"{pace:g}") for pace in PACES],
            mark=(1.0, "the engine"),
        ),
    )
