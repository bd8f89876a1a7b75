"""Seven windows of real Bitcoin grades, with the crossings worked out by hand.

Lines 30, 50, 70 and 80, re-arm band 3. One reading a day; the first of each window is
the baseline and silent.
"""

from datetime import UTC, datetime, timedelta

import pytest
from factories import Polls, reading

from bot.model import Direction

LINES = (30.0, 50.0, 70.0, 80.0)

Crossing = tuple[str, Direction, tuple[float, ...]]

# ---- start: steady high grades, a first dip, and back

START = (
    ("2021-01-01", 87.17),
    ("2021-01-02", 87.38),
    ("2021-01-03", 87.57),
    ("2021-01-04", 76.71),
    ("2021-01-05", 77.48),
    ("2021-01-06", 88.08),
    ("2021-01-07", 88.05),
    ("2021-01-08", 88.15),
)
START_CROSSINGS: tuple[Crossing, ...] = (
    # 87.57 -> 76.71: under 80; and 76.71 <= 77, so the line is armed again at once
    ("2021-01-04", Direction.DOWN, (80.0,)),
    # nothing on the 5th: 77.48 is still under 80
    # 77.48 -> 88.08: at 80 or more again
    ("2021-01-06", Direction.UP, (80.0,)),
    # nothing after that: 88 stays above all lines
)

# ---- whipsaw: one-day excursions over 50

WHIPSAW_JULY = (
    ("2021-07-02", 25.09),
    ("2021-07-03", 41.97),
    ("2021-07-04", 56.56),
    ("2021-07-05", 41.39),
    ("2021-07-06", 40.84),
    ("2021-07-07", 40.04),
    ("2021-07-08", 40.09),
    ("2021-07-09", 40.77),
    ("2021-07-10", 40.15),
    ("2021-07-11", 40.13),
    ("2021-07-12", 40.92),
    ("2021-07-13", 37.77),
    ("2021-07-14", 38.24),
    ("2021-07-15", 37.28),
    ("2021-07-16", 37.36),
    ("2021-07-17", 53.02),
    ("2021-07-18", 37.18),
    ("2021-07-19", 26.50),
)
WHIPSAW_JULY_CROSSINGS: tuple[Crossing, ...] = (
    # 25.09 -> 41.97: over 30; 50 is not reached
    ("2021-07-03", Direction.UP, (30.0,)),
    # 41.97 -> 56.56: over 50; 56.56 >= 53 arms it for the way down
    ("2021-07-04", Direction.UP, (50.0,)),
    # 56.56 -> 41.39: under 50 again
    ("2021-07-05", Direction.DOWN, (50.0,)),
    # nothing from the 6th to the 16th: 37 to 41 lies between 30 and 50
    # 37.36 -> 53.02: over 50, and by 0.02 far enough to arm it
    ("2021-07-17", Direction.UP, (50.0,)),
    # 53.02 -> 37.18: under 50
    ("2021-07-18", Direction.DOWN, (50.0,)),
    # 37.18 -> 26.50: under 30
    ("2021-07-19", Direction.DOWN, (30.0,)),
)

# ---- whipsaw: a one-day dip under 50

WHIPSAW_SEPTEMBER = (
    ("2021-09-10", 57.51),
    ("2021-09-11", 57.80),
    ("2021-09-12", 41.72),
    ("2021-09-13", 57.70),
    ("2021-09-14", 57.72),
    ("2021-09-15", 41.77),
    ("2021-09-16", 42.15),
)
WHIPSAW_SEPTEMBER_CROSSINGS: tuple[Crossing, ...] = (
    # 57.80 -> 41.72: under 50, more than a band
    ("2021-09-12", Direction.DOWN, (50.0,)),
    # 41.72 -> 57.70: over 50, more than a band
    ("2021-09-13", Direction.UP, (50.0,)),
    # nothing on the 14th: 57.72 stays above
    # 57.72 -> 41.77: under 50
    ("2021-09-15", Direction.DOWN, (50.0,)),
    # nothing on the 16th: 42.15 stays below
)

# ---- jump: the largest move of one day in two years

JUMP = (
    ("2022-10-23", 38.47),
    ("2022-10-24", 42.61),
    ("2022-10-25", 18.66),
    ("2022-10-26", 87.34),
    ("2022-10-27", 87.46),
    ("2022-10-28", 87.44),
)
JUMP_CROSSINGS: tuple[Crossing, ...] = (
    # nothing on the 24th: 42.61 lies between 30 and 50 like 38.47
    # 42.61 -> 18.66: under 30
    ("2022-10-25", Direction.DOWN, (30.0,)),
    # 18.66 -> 87.34: over all four at once, one event
    ("2022-10-26", Direction.UP, (30.0, 50.0, 70.0, 80.0)),
    # nothing after that: 87 stays above all lines
)

# ---- gap: three days are missing, and the grade fell somewhere in them

GAP = (
    ("2022-11-06", 87.55),
    ("2022-11-07", 87.70),
    ("2022-11-08", 87.47),
    ("2022-11-12", 23.86),
    ("2022-11-13", 23.87),
)
GAP_CROSSINGS: tuple[Crossing, ...] = (
    # 87.47 -> 23.86 across the gap: under all four at once, one event
    ("2022-11-12", Direction.DOWN, (30.0, 50.0, 70.0, 80.0)),
    # nothing on the 13th: 23.87 stays below all lines
)

# ---- noise: 50 is crossed on five days in a row

NOISE = (
    ("2022-12-03", 24.23),
    ("2022-12-04", 27.69),
    ("2022-12-05", 75.56),
    ("2022-12-06", 41.77),
    ("2022-12-07", 55.68),
    ("2022-12-08", 46.24),
    ("2022-12-09", 55.42),
    ("2022-12-10", 55.42),
    ("2022-12-11", 64.97),
    ("2022-12-12", 64.89),
    ("2022-12-13", 65.39),
    ("2022-12-14", 65.63),
    ("2022-12-15", 86.49),
    ("2022-12-16", 65.82),
    ("2022-12-17", 46.72),
    ("2022-12-18", 46.04),
)
NOISE_CROSSINGS: tuple[Crossing, ...] = (
    # nothing on the 4th: 27.69 is under 30 still
    # 27.69 -> 75.56: over 30, 50 and 70; 80 is not reached
    ("2022-12-05", Direction.UP, (30.0, 50.0, 70.0)),
    # 75.56 -> 41.77: 75.56 was a band over 70, so 70 and 50 fire; 30 does not
    ("2022-12-06", Direction.DOWN, (50.0, 70.0)),
    # 41.77 -> 55.68: over 50
    ("2022-12-07", Direction.UP, (50.0,)),
    # 55.68 -> 46.24: under 50, and 46.24 <= 47 arms it
    ("2022-12-08", Direction.DOWN, (50.0,)),
    # 46.24 -> 55.42: over 50
    ("2022-12-09", Direction.UP, (50.0,)),
    # nothing from the 10th to the 14th: 55 to 66 lies between 50 and 70
    # 65.63 -> 86.49: over 70 and 80
    ("2022-12-15", Direction.UP, (70.0, 80.0)),
    # 86.49 -> 65.82: under both again, each by more than a band
    ("2022-12-16", Direction.DOWN, (70.0, 80.0)),
    # 65.82 -> 46.72: under 50
    ("2022-12-17", Direction.DOWN, (50.0,)),
    # nothing on the 18th: 46.04 stays below
)

# ---- end: a plateau with tiny changes

END = (
    ("2023-01-20", 88.25),
    ("2023-01-21", 88.01),
    ("2023-01-22", 88.04),
    ("2023-01-23", 88.11),
    ("2023-01-24", 88.03),
    ("2023-01-25", 88.14),
    ("2023-01-26", 88.21),
    ("2023-01-27", 87.93),
)
END_CROSSINGS: tuple[Crossing, ...] = (
    # nothing at all: 88 stays above every line
)


def as_of(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        pytest.param(START, START_CROSSINGS, id="start"),
        pytest.param(WHIPSAW_JULY, WHIPSAW_JULY_CROSSINGS, id="whipsaw in July"),
        pytest.param(
            WHIPSAW_SEPTEMBER, WHIPSAW_SEPTEMBER_CROSSINGS, id="whipsaw in September"
        ),
        pytest.param(JUMP, JUMP_CROSSINGS, id="jump"),
        pytest.param(GAP, GAP_CROSSINGS, id="gap"),
        pytest.param(NOISE, NOISE_CROSSINGS, id="noise"),
        pytest.param(END, END_CROSSINGS, id="end"),
    ],
)
def test_a_real_window_gives_exactly_the_crossings_found_by_hand(
    grades: tuple[tuple[str, float], ...], expected: tuple[Crossing, ...]
) -> None:
    polls = Polls(*LINES)

    for day, grade in grades:
        polls.poll(reading(grade, as_of=as_of(day)), after=timedelta(days=1))

    found = [
        (
            f"{event.as_of:%Y-%m-%d}",
            event.passed[0].direction,
            tuple(p.threshold for p in event.passed),
        )
        for event in polls.events
    ]
    assert found == list(expected)


def test_a_daily_engine_polled_every_five_minutes_gives_the_same_crossings() -> None:
    polls = Polls(*LINES)

    for day, grade in NOISE:
        for _ in range(3):
            polls.poll(reading(grade, as_of=as_of(day)))

    assert [f"{e.as_of:%Y-%m-%d}" for e in polls.events] == [
        day for day, _, _ in NOISE_CROSSINGS
    ]


def test_what_moved_across_days_without_data_is_told_as_between() -> None:
    polls = Polls(*LINES)
    for day, grade in GAP[:3]:
        polls.poll(reading(grade, as_of=as_of(day)))
    last_seen = polls.now

    polls.poll(reading(23.86, as_of=as_of("2022-11-12")), after=timedelta(days=4))

    (event,) = polls.events
    assert event.gap_since == last_seen
