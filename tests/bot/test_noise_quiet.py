"""Nights and digests by the recipient's own clock, over midnight and clock changes."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import ZONES, quiet_hours, wall_clocks

from bot.local_time import day_start, instant
from bot.noise_quiet import digest_due, quiet_from, quiet_until
from bot.preferences import Cadence, Digest, QuietHours

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(22), time(7))
MINUTE = timedelta(minutes=1)
zones = st.sampled_from([ZoneInfo(name) for name in ZONES if name])
#: around both clock changes of a year, on both halves of the earth, and a skipped day
moments = st.one_of(
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 4, 10), timezones=st.just(UTC)),
    st.datetimes(datetime(2026, 9, 1), datetime(2026, 11, 10), timezones=st.just(UTC)),
    st.datetimes(datetime(2011, 12, 27), datetime(2012, 1, 3), timezones=st.just(UTC)),
)


def berlin(day: int, hour: int, minute: int = 0, *, month: int = 1, fold: int = 0):
    shown = datetime(2026, month, day, hour, minute, tzinfo=BERLIN, fold=fold)
    return shown.astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (berlin(5, 21, 59), None),
        (berlin(5, 22), berlin(6, 7)),
        (berlin(6, 0), berlin(6, 7)),
        (berlin(6, 6, 59), berlin(6, 7)),
        (berlin(6, 7), None),
    ],
    ids=["before", "as it begins", "at midnight", "before its end", "at its end"],
)
def test_a_night_over_midnight(now, until):
    assert quiet_until(now, NIGHT, BERLIN) == until


def test_quiet_hours_within_a_day():
    lunch = QuietHours(time(12), time(13))

    assert quiet_until(berlin(5, 12, 30), lunch, BERLIN) == berlin(5, 13)
    assert quiet_until(berlin(5, 13), lunch, BERLIN) is None
    assert quiet_from(berlin(5, 12, 30), lunch, BERLIN) == berlin(6, 12)


def test_nobody_without_quiet_hours_is_quiet():
    assert quiet_until(berlin(5, 23), None, BERLIN) is None
    assert quiet_from(berlin(5, 23), None, BERLIN) is None


def test_a_start_in_the_skipped_hour_is_right_after_it():
    # on March 29 the clock jumps from 2 to 3
    quiet = QuietHours(time(2, 30), time(6))
    jump = berlin(29, 3, month=3)

    assert quiet_until(jump - MINUTE, quiet, BERLIN) is None
    assert quiet_until(jump, quiet, BERLIN) == berlin(29, 6, month=3)
    assert quiet_from(jump - MINUTE, quiet, BERLIN) == jump


def test_an_end_in_the_skipped_hour_is_the_jump():
    quiet = QuietHours(time(22), time(2, 30))

    end = quiet_until(berlin(29, 1, month=3), quiet, BERLIN)

    assert end == berlin(29, 3, month=3)


def test_an_end_in_the_repeated_hour_is_at_the_second_one():
    # on October 25 the hour from 2 to 3 comes twice
    quiet = QuietHours(time(22), time(2, 30))
    second = berlin(25, 2, 30, month=10, fold=1)

    assert quiet_until(berlin(25, 1, month=10), quiet, BERLIN) == second
    assert quiet_until(berlin(25, 2, 45, month=10), quiet, BERLIN) == second
    assert quiet_until(second, quiet, BERLIN) is None


def test_a_start_in_the_repeated_hour_is_at_the_first_one():
    quiet = QuietHours(time(2, 30), time(6))

    first = berlin(25, 2, 30, month=10, fold=0)
    assert quiet_until(first, quiet, BERLIN) == berlin(25, 6, month=10)
    assert quiet_until(first - MINUTE, quiet, BERLIN) is None


def test_quiet_hours_inside_the_skipped_hour_do_not_come_that_day():
    quiet = QuietHours(time(2, 10), time(2, 50))

    jump = berlin(29, 3, month=3)
    assert quiet_until(jump, quiet, BERLIN) is None
    assert quiet_from(jump - MINUTE, quiet, BERLIN) == berlin(30, 2, 10, month=3)


def is_ambiguous(now: datetime, zone: tzinfo) -> bool:
    shown = now.astimezone(zone)
    fold = shown.replace(fold=1 - shown.fold)
    return fold.utcoffset() != shown.utcoffset()


@given(now=moments, quiet=quiet_hours(), zone=zones)
def test_it_is_quiet_exactly_while_the_clock_says_so(now, quiet, zone):
    shown = now.astimezone(zone).time()
    if quiet.start < quiet.end:
        is_inside = quiet.start <= shown < quiet.end
    else:
        is_inside = shown >= quiet.start or shown < quiet.end

    is_quiet = quiet_until(now, quiet, zone) is not None

    assert is_quiet or not is_inside
    # where a time comes twice it goes on to the second one
    assert is_inside or not is_quiet or is_ambiguous(now, zone)


@given(now=moments, quiet=quiet_hours(), zone=zones)
def test_quiet_hours_end_and_are_over_then(now, quiet, zone):
    end = quiet_until(now, quiet, zone)

    if end is not None:
        assert now < end <= now + timedelta(hours=50)
        assert quiet_until(end, quiet, zone) is None
        assert quiet_until(end - timedelta(seconds=1), quiet, zone) == end


@given(now=moments, quiet=quiet_hours(), zone=zones)
def test_nothing_is_quiet_until_the_next_start(now, quiet, zone):
    start = quiet_from(now, quiet, zone)

    assert start is not None
    assert start > now
    assert quiet_until(start, quiet, zone) is not None
    if quiet_until(now, quiet, zone) is None:
        just_before = start - timedelta(seconds=1)
        assert quiet_until(just_before, quiet, zone) is None


# ------------------------------------------------------------------------------ digests


def test_a_daily_digest_comes_at_its_time():
    daily = Digest(Cadence.DAILY, time(8))

    assert digest_due(berlin(5, 7, 59), daily, BERLIN) == berlin(5, 8)
    assert digest_due(berlin(5, 8), daily, BERLIN) == berlin(6, 8)


def test_a_weekly_digest_comes_on_its_day():
    # January 5, 2026 is a Monday
    fridays = Digest(Cadence.WEEKLY, time(8), weekday=4)

    assert digest_due(berlin(5, 12), fridays, BERLIN) == berlin(9, 8)
    assert digest_due(berlin(9, 8), fridays, BERLIN) == berlin(16, 8)


def test_what_came_just_before_a_digest_that_left_without_it_waits_a_day():
    daily = Digest(Cadence.DAILY, time(8))
    last_at = berlin(5, 8, 1)

    due = digest_due(berlin(5, 7, 59), daily, BERLIN, last_at=last_at)

    assert due == berlin(6, 8)


def test_after_a_move_to_the_west_the_same_day_has_no_second_digest():
    daily = Digest(Cadence.DAILY, time(8))
    new_york = ZoneInfo("America/New_York")

    due = digest_due(berlin(5, 9), daily, new_york, last_at=berlin(5, 8))

    assert due.astimezone(new_york).date() == date(2026, 1, 6)


@given(
    moves=st.lists(st.tuples(zones, st.integers(1, 60 * 40)), min_size=2, max_size=12),
    at=wall_clocks(),
    begin=moments,
)
@example(
    moves=[(ZoneInfo("Pacific/Apia"), 600)] * 9,
    at=time(0),
    begin=datetime(2011, 12, 29, 3, tzinfo=UTC),
)
def test_no_local_day_has_two_digests_whatever_the_zone_does(moves, at, begin):
    """Something waits all the time; every digest is sent the moment it is due."""
    daily = Digest(Cadence.DAILY, at)
    now, last_at = begin, None
    for zone, minutes in moves:
        end = now + timedelta(minutes=minutes)
        created = now
        while (due := digest_due(created, daily, zone, last_at=last_at)) <= end:
            day = due.astimezone(zone).date()
            assert due > created
            if last_at is not None:
                assert day > last_at.astimezone(zone).date()
            last_at = created = due
        assert due - created <= timedelta(days=3)
        now = end


@given(created=moments, at=wall_clocks(), zone=zones)
def test_a_daily_digest_is_never_much_more_than_a_day_away(created, at, zone):
    due = digest_due(created, Digest(Cadence.DAILY, at), zone)

    # the longest day is the one after which a zone skips the next
    assert timedelta() < due - created <= timedelta(hours=26 + 24)


def test_a_day_begins_when_its_clock_says_midnight():
    assert day_start(berlin(5, 15), BERLIN) == berlin(5, 0)


def test_a_day_whose_midnight_is_skipped_begins_after_it():
    santiago = ZoneInfo("America/Santiago")
    # in September 2026 the clock there jumps from midnight to one
    start = instant(date(2026, 9, 6), time(), santiago)

    assert start.astimezone(santiago).time() == time(1)
    assert day_start(start + timedelta(hours=5), santiago) == start
