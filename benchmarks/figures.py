"""A measured figure, the table of them, and the file they are kept in."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value beside what it is compared with in the same run.

    Machines differ and are noisy: the ratio is what counts. `baseline` is the bare
    tool doing the same, or the limit where the comparison is with one.
    """

    value: float
    unit: str
    baseline: float
    ratio: float

    @classmethod
    def of(cls, value: float, unit: str, baseline: float) -> "Figure":
        """Build a figure whose ratio is just that of the two."""
        return cls(
            value=round(value, 4),
            unit=unit,
            baseline=round(baseline, 4),
            ratio=round(value / baseline, 3) if baseline else 0.0,
        )


def table(figures: Mapping[str, Figure]) -> str:
    """Lay figures out for the terminal."""
    head = f"{'':34}{'value':>12} {'unit':<8}{'baseline':>12}{'ratio':>9}"
    lines = [
        f"{name:<34}{f.value:>12,.3f} {f.unit:<8}{f.baseline:>12,.3f}{f.ratio:>9.2f}"
        for name, f in figures.items()
    ]
    return "\n".join([head, *lines])


def keep(figures: Mapping[str, Figure]) -> None:
    """Write figures into the results; those of other benchmarks stay."""
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    known |= {name: asdict(figure) for name, figure in figures.items()}
    text = json.dumps(dict(sorted(known.items())), indent=2)
    RESULTS.write_text(text + "\n", "utf-8")
