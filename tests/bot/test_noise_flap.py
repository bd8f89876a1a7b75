"""The flap breaker: which flips of a restless asset are told, by the engine's time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from factories import HOUR, NOON
from hypothesis import given
from hypothesis import strategies as st

from bot.noise_flap import KEPT, RESTLESS, SETTLED_AFTER, Flap, Turn, judge, with_flip

MINUTE = timedelta(minutes=1)


def at(*hours: float) -> tuple[datetime, ...]:
    return tuple(NOON + hour * HOUR for hour in hours)


def test_a_flip_alone_is_the_first():
    assert judge(at(0)) == Flap(Turn.FIRST)


def test_the_second_within_a_day_is_told_as_again():
    assert judge(at(0, 23.9)) == Flap(Turn.AGAIN)


def test_the_next_flip_a_day_later_is_a_first_again():
    # as a daily engine gives them: exactly a day is not within a day
    assert judge(at(0, 24)) == Flap(Turn.FIRST)


def test_a_third_within_a_day_waits_until_readings_show_six_quiet_hours():
    flap = judge(at(0, 1, 2))

    assert flap == Flap(Turn.CHOPPY, NOON + 8 * HOUR)
    assert flap.is_held(NOON + 8 * HOUR - MINUTE)
    assert not flap.is_held(NOON + 8 * HOUR)


def test_each_further_flip_begins_the_wait_anew():
    assert judge(at(0, 1, 2, 7.9)).settles_at == NOON + 13.9 * HOUR
    assert judge(at(0, 1, 2, 7.9, 20)).settles_at == NOON + 26 * HOUR


def test_after_it_settled_once_it_does_not_settle_again_within_the_day():
    # told at 0, 1 and 8 o'clock: a fourth message waits until a day after the first
    assert judge(at(0, 1, 2, 9)).settles_at == NOON + 24 * HOUR


def test_flips_of_a_restless_time_are_kept_and_no_more():
    flips: tuple[datetime, ...] = ()
    for number in range(KEPT + 50):
        flips = with_flip(flips, NOON + number * MINUTE)

    assert len(flips) == KEPT
    assert with_flip(flips, flips[-1] + RESTLESS) == (flips[-1] + RESTLESS,)


@st.composite
def days(draw: st.DrawFn) -> list[datetime]:
    """Flips of some restless days, in the engine's time."""
    gaps = draw(st.lists(st.integers(1, 30 * 60), min_size=1, max_size=60))
    moments, now = [], NOON
    for gap in gaps:
        now += gap * MINUTE
        moments.append(now)
    return moments


def messages(moments: Sequence[datetime]) -> list[datetime]:
    """Tell of flips as a recipient with fresh readings hears of them."""
    flips: tuple[datetime, ...] = ()
    told: list[datetime] = []
    for number, moment in enumerate(moments):
        flips = with_flip(flips, moment)
        flap = judge(flips)
        if flap.settles_at is None:
            told.append(moment)
        elif number + 1 == len(moments) or flap.settles_at <= moments[number + 1]:
            told.append(flap.settles_at)
    return told


@given(moments=days())
def test_however_it_turns_no_day_has_more_than_three_messages(moments: list[datetime]):
    told = messages(moments)

    assert told == sorted(told)
    for moment in told:
        assert sum(moment <= other < moment + RESTLESS for other in told) <= 3


@given(moments=days())
def test_the_last_flip_is_always_told_at_last(moments: list[datetime]):
    assert moments[-1] <= messages(moments)[-1] <= moments[-1] + RESTLESS


@given(moments=days())
def test_what_is_held_stood_for_six_hours_when_it_is_told(moments: list[datetime]):
    flips: tuple[datetime, ...] = ()
    for moment in moments:
        flips = with_flip(flips, moment)
        settles_at = judge(flips).settles_at
        assert settles_at is None or settles_at >= moment + SETTLED_AFTER
