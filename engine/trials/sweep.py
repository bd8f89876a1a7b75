"""The engine's few parameters tried out: is the optimum flat, does choosing help?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.embedded.indicators import Mask
from engine.embedded.standing import Signals
from engine.embedded.tuning import DEFAULT, Tuning
from engine.trials.outcomes import Outcome, graded, outcome
from engine.trials.report import Study, percent, table

PACES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.4)
LINES = ((60.0, 50.0), (60.0, 45.0), (65.0, 45.0), (65.0, 40.0), (70.0, 40.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One tuning and its outcomes: by period, then by year."""

    tuning: Tuning
    periods: Sequence[Outcome]
    years: Mapping[int, Outcome]


def sweep(made: Study, say: Callable[[str], None] = lambda _: None) -> list[Tried]:
    """Try every pace with every pair of lines; takes minutes over a large market."""
    found = []
    for pace, (high, low) in product(PACES, LINES):
        tuning = Tuning(pace=pace, bullish_from=high, bearish_from=low)
        say(f"pace {pace}, lines {high:.0f}/{low:.0f}")
        _, signals = graded(made.market.grid, tuning)
        who = made.who & (signals != 0)

        def came(where: Mask, said: Signals = signals, who: Mask = who) -> Outcome:
            return outcome(made.market, said, where, who, made.costs)

        found.append(
            Tried(
                tuning=tuning,
                periods=[came(period.rows(made.market)) for period in made.periods],
                years={year: came(made.market.year == year) for year in made.years()},
            )
        )
    return found


def sweep_table(made: Study, tried: Sequence[Tried]) -> str:
    """Return the tables of all tunings: Sharpe and flips."""
    parts = []
    for n, period in enumerate(made.periods):
        rows = []
        for pace in PACES:
            of_pace = [one for one in tried if one.tuning.pace == pace]
            cells = [
                f"{one.periods[n].sharpe:.2f} ({one.periods[n].flips:.1f})".replace(
                    "-", "−"
                )
                for one in of_pace
            ]
            rows.append([f"pace {pace:g}", *cells])
        head = [
            f"{period.first}-{period.last}",
            *(f"{high:.0f}/{low:.0f}" for high, low in LINES),
        ]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def walk_forward(made: Study, tried: Sequence[Tried]) -> str:
    """Return the table of choosing each year by the years before it."""
    rows = []
    years = made.years()
    default = next(one for one in tried if one.tuning == DEFAULT)
    for n, year in enumerate(years[1:], start=1):
        past = years[:n]
        best = max(
            tried,
            key=lambda one: float(np.mean([one.years[y].sharpe for y in past])),
        )
        chosen = best.tuning
        lines = f"{chosen.bullish_from:.0f}/{chosen.bearish_from:.0f}"
        rows.append(
            [
                str(year),
                f"pace {chosen.pace:g}, {lines}",
                *(percent(one.years[year].a_year) for one in (best, default)),
                *(
                    f"{one.years[year].sharpe:.2f}".replace("-", "−")
                    for one in (best, default)
                ),
            ]
        )
    head = [
        "",
        "best of the years before",
        "its year",
        "the engine's",
        "its Sharpe",
        "the engine's",
    ]
    return table(head, rows)
