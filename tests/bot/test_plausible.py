"""Snapshots that can't be true, and those that only look odd."""

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import DAY, HOUR, NOON, reading, snapshot, state

from bot import plausible
from bot.model import Reading, Snapshot
from bot.plausible import Doubt

KEYS = [f"a{n}" for n in range(12)]


def grades(*values: float, **rest: object) -> list[Reading]:
    return [
        reading(value, key=key, **rest)
        for key, value in zip(KEYS, values, strict=False)
    ]


USUAL = [10.0 + 5 * n for n in range(12)]
BEFORE = {key: state(grade=g, key=key) for key, g in zip(KEYS, USUAL, strict=True)}


def doubt(taken: Snapshot, expected: int = 0) -> Doubt | None:
    return plausible.doubt(taken, BEFORE, expected=expected)


def test_a_usual_snapshot_is_believed():
    assert doubt(snapshot(*grades(*USUAL)), expected=12) is None


def test_half_the_assets_gone_is_not_believed():
    few = snapshot(*grades(*USUAL[:5]))

    assert doubt(few, expected=12) == Doubt("gone", 7)
    assert doubt(replace(few, absent=7)) == Doubt("gone", 7)
    assert doubt(snapshot(*grades(*USUAL[:6])), expected=12) is None


def test_of_a_handful_of_assets_half_gone_proves_nothing():
    assert doubt(replace(snapshot(*grades(*USUAL[:2])), absent=3)) is None


def test_all_grades_equal_is_not_believed():
    assert doubt(snapshot(*grades(*[50.0] * 12))) == Doubt("equal", 12)
    assert doubt(snapshot(*grades(*[50.0] * 11, 51.0))) is None
    assert doubt(snapshot(*grades(*[50.0] * 9))) is None


def test_an_engine_that_always_grades_alike_is_believed():
    same = {key: state(grade=50.0, key=key) for key in KEYS}

    assert plausible.doubt(snapshot(*grades(*[50.0] * 12)), same, expected=12) is None


def test_an_engine_without_grades_is_believed():
    assert doubt(snapshot(*[reading(None, key=key) for key in KEYS])) is None


def test_time_running_backwards_is_not_believed():
    old = snapshot(*grades(*USUAL, as_of=NOON - DAY))

    assert doubt(old) == Doubt("backwards", 12)


def test_a_few_old_rows_are_usual():
    mixed = [*grades(*USUAL)[:7], *grades(*USUAL, as_of=NOON - DAY)[7:]]

    assert doubt(snapshot(*mixed)) is None


def test_readings_from_the_future_are_not_believed():
    ahead = snapshot(*grades(*USUAL, as_of=NOON + 2 * DAY))

    assert doubt(ahead) == Doubt("ahead", 12)


def test_a_single_reading_from_the_future_is_left_out():
    taken = snapshot(*grades(*USUAL), reading(key="late", as_of=NOON + 3 * DAY))

    kept = plausible.in_time(taken, BEFORE)

    assert [r.key for r in kept.readings] == KEYS
    assert kept.absent == 1


def test_our_clock_set_back_does_not_make_a_future_of_the_next_day():
    taken = snapshot(*grades(*USUAL, as_of=NOON + DAY), at=NOON - timedelta(days=400))

    assert doubt(taken) is None
    assert plausible.in_time(taken, BEFORE) is taken


@pytest.mark.parametrize("odd", [[50.0] * 12, USUAL[:3]])
def test_a_recording_is_always_believed(odd):
    played = replace(snapshot(*grades(*odd)), is_recorded=True)

    assert doubt(played, expected=12) is None


def test_believing_an_older_time_sets_back_what_is_known():
    old = snapshot(*grades(*USUAL, as_of=NOON - DAY))

    found = plausible.believed(old, BEFORE)

    assert all(s.last.as_of < NOON - DAY for s in found.values())


def test_an_operators_word_counts_for_this_doubt_and_an_hour():
    this, other = Doubt("equal", 12), Doubt("gone", 12)
    word = plausible.belief(this.reason, NOON)

    assert plausible.is_believed(word, this, NOON + HOUR)
    assert not plausible.is_believed(word, this, NOON + 2 * HOUR)
    assert not plausible.is_believed(word, other, NOON)
    assert not plausible.is_believed(None, this, NOON)
