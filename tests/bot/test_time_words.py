"""Times of day as people type them."""

import contextlib
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import time_words
from bot.errors import UserError
from bot.preferences import Cadence, Digest, QuietHours


@pytest.mark.parametrize(
    ("typed", "start", "end", "rest"),
    [
        ("22:00-07:00", time(22), time(7), ""),
        ("22-7", time(22), time(7), ""),
        ("22:00 – 07:00", time(22), time(7), ""),
        ("2200-0700", time(22), time(7), ""),
        ("22.30-6.45", time(22, 30), time(6, 45), ""),
        ("10pm-7am", time(22), time(7), ""),
        ("10 PM to 7 AM", time(22), time(7), ""),
        ("from 10:30pm until 7am", time(22, 30), time(7), ""),
        ("12am-12pm", time(0), time(12), ""),
        ("24:00-06:00", time(0), time(6), ""),
        ("09:00-17:00", time(9), time(17), ""),
        ("22:00-07:00 Berlin", time(22), time(7), "Berlin"),
        ("10pm-7am New York", time(22), time(7), "New York"),
    ],
)
def test_quiet_hours_are_read(typed: str, start: time, end: time, rest: str) -> None:
    assert time_words.quiet_hours(typed) == (QuietHours(start, end), rest)


@pytest.mark.parametrize(
    "typed",
    ["", "22:00", "night", "25:00-07:00", "22:61-7", "13pm-7am", "7-7", "-", "0pm-3"],
)
def test_what_is_no_quiet_hours_says_so(typed: str) -> None:
    with pytest.raises(UserError) as caught:
        time_words.quiet_hours(typed)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("typed", "cadence", "at", "weekday", "rest"),
    [
        ("daily 08:00", Cadence.DAILY, time(8), 0, ""),
        ("daily", Cadence.DAILY, time(8), 0, ""),
        ("8", Cadence.DAILY, time(8), 0, ""),
        ("every day at 6pm", Cadence.DAILY, time(18), 0, ""),
        ("weekly mon 08:00", Cadence.WEEKLY, time(8), 0, ""),
        ("weekly", Cadence.WEEKLY, time(8), 0, ""),
        ("weekly Friday 18:30", Cadence.WEEKLY, time(18, 30), 4, ""),
        ("sun 9am", Cadence.WEEKLY, time(9), 6, ""),
        ("on sundays at 9", Cadence.WEEKLY, time(9), 6, ""),
        ("daily 08:00 berlin", Cadence.DAILY, time(8), 0, "berlin"),
    ],
)
def test_a_digest_is_read(
    typed: str, cadence: Cadence, at: time, weekday: int, rest: str
) -> None:
    assert time_words.digest(typed) == (Digest(cadence, at, weekday), rest)


@pytest.mark.parametrize(
    "typed", ["", "sometimes", "daily 25:00", "monthly 8:00", "mo"]
)
def test_what_is_no_digest_says_so(typed: str) -> None:
    with pytest.raises(UserError) as caught:
        time_words.digest(typed)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("typed", "length"),
    [
        ("1h", timedelta(hours=1)),
        ("24 hours", timedelta(days=1)),
        ("90min", timedelta(minutes=90)),
        ("1.5d", timedelta(hours=36)),
        ("2w", timedelta(weeks=2)),
        ("h", None),
        ("1y", None),
        ("", None),
    ],
)
def test_a_length_of_time_is_read(typed: str, length: timedelta | None) -> None:
    assert time_words.length(typed) == length


@given(st.text(alphabet="0123456789:-apmto .dailywekny", max_size=20))
def test_anything_typed_is_read_or_refused_in_words(typed: str) -> None:
    for read in (time_words.quiet_hours, time_words.digest):
        with contextlib.suppress(UserError):
            read(typed)


@given(st.times(), st.times())
def test_what_is_printed_is_read_again(start: time, end: time) -> None:
    start, end = (t.replace(second=0, microsecond=0, fold=0) for t in (start, end))
    if start != end:
        quiet = QuietHours(start, end)
        assert time_words.quiet_hours(str(quiet)) == (quiet, "")
