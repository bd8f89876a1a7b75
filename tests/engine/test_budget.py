from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import SourceRefusedError, SourceUnavailableError
from engine.backoff import FIRST_PROBE, LATER_PROBES, LONGEST_STEP, Backoff
from engine.budget import Budget, next_month, plan

MONTH_START = datetime(2025, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UNAVAILABLE = SourceUnavailableError("x", reason="http_500")
REFUSED = SourceRefusedError("x", reason="http_401")


class SetClock:
    def __init__(self, at=MONTH_START):
        self.at = at

    def __call__(self):
        return self.at


@pytest.mark.parametrize(
    ("credits_per_month", "used", "calls", "expected"),
    [
        pytest.param(None, 0, 1, timedelta(minutes=5), id="no limit"),
        pytest.param(250_000, 0, 1, timedelta(minutes=5), id="more than enough"),
        pytest.param(720, 0, 1, timedelta(hours=1), id="one an hour"),
        pytest.param(720, 0, 2, timedelta(hours=2), id="two calls a poll"),
        pytest.param(1_440, 720, 1, timedelta(hours=1), id="half is used"),
        pytest.param(50, 50, 1, timedelta(days=30), id="nothing left: next month"),
        pytest.param(50, 49, 2, timedelta(days=30), id="not enough for a poll"),
    ],
)
def test_credits_are_spread_over_the_month(credits_per_month, used, calls, expected):
    assert (
        plan(
            credits_per_month=credits_per_month,
            used=used,
            calls=calls,
            poll_interval=timedelta(minutes=5),
            now=MONTH_START,
        )
        == expected
    )


def test_following_the_plan_never_spends_more_than_the_month_gives():
    clock = SetClock()
    budget = Budget(500, now=clock)

    most = 0
    while clock.at < next_month(MONTH_START):
        budget.count()
        most = max(most, budget.used)
        clock.at += budget.interval(1, MINUTE)

    assert 490 < most <= 500
    assert budget.used == 0  # July has begun


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
    ],
)
def test_months_end_where_the_calendar_says(at, expected):
    assert next_month(at) == expected


def test_a_new_month_begins_at_nothing_and_a_step_back_gives_nothing_back():
    clock = SetClock(datetime(2025, 6, 30, 23, tzinfo=UTC))
    budget = Budget(10, now=clock)
    budget.count()

    clock.at += timedelta(hours=2)
    budget.count()
    clock.at -= timedelta(hours=2)

    assert budget.used == 1
    assert budget.left == 9


def test_the_count_survives_a_restart_within_the_month_only():
    clock = SetClock()
    budget = Budget(500, now=clock)
    budget.count()
    budget.count(is_extra=True)
    bookmark = budget.bookmark()

    again = Budget(500, now=clock)
    again.restore(bookmark)
    later = Budget(500, now=SetClock(next_month(clock.at)))
    later.restore(bookmark)

    assert (again.used, later.used) == (2, 0)


@pytest.mark.parametrize(
    "bookmark", [None, "", "17", "2025-06:x:y", "2025-06:-1:0", ":"]
)
def test_a_strange_bookmark_is_void(bookmark):
    budget = Budget(500, now=SetClock())

    budget.restore(bookmark)

    assert budget.used == 0


def test_extras_take_a_tenth_at_most_and_not_all_of_it_on_the_first_day():
    clock = SetClock()
    budget = Budget(600, now=clock)

    taken = 0
    while budget.allows_extra(1):
        budget.count(is_extra=True)
        taken += 1
    clock.at = MONTH_START + timedelta(days=15)

    assert taken == 2  # a tenth of 600, of which a thirtieth
    assert budget.allows_extra(28)
    assert not budget.allows_extra(29)


def test_extras_are_free_where_nothing_is_counted():
    assert Budget(None, now=SetClock()).allows_extra(1_000)


def test_a_single_failure_is_over_before_the_next_poll():
    now = MONTH_START
    for interval in (timedelta(seconds=1), MINUTE):
        backoff = Backoff(interval, chance=lambda: 1.0)

        backoff.failed(UNAVAILABLE, started=now, now=now)

        assert backoff.pause(now) is not None
        assert backoff.pause(now + interval / 2) is None


def test_waits_double_with_each_failure_up_to_a_quarter_of_an_hour():
    backoff = Backoff(MINUTE, chance=lambda: 1.0)
    now = MONTH_START
    waits = []

    for _ in range(12):
        backoff.failed(UNAVAILABLE, started=now, now=now)
        waits.append((backoff.pause(now).until - now).total_seconds())

    assert waits[:5] == [5, 10, 20, 40, 80]
    assert waits[-1] == LONGEST_STEP.total_seconds()


def test_the_wait_is_drawn_from_the_whole_step():
    backoff = Backoff(MINUTE, chance=lambda: 0.25)

    backoff.failed(UNAVAILABLE, started=MONTH_START, now=MONTH_START)
    backoff.failed(UNAVAILABLE, started=MONTH_START, now=MONTH_START)

    assert backoff.pause(MONTH_START).until == MONTH_START + timedelta(seconds=2.5)


def test_success_forgets_all_failures():
    backoff = Backoff(MINUTE, chance=lambda: 1.0)
    for _ in range(5):
        backoff.failed(REFUSED, started=MONTH_START, now=MONTH_START)

    backoff.succeeded()

    assert backoff.pause(MONTH_START) is None


def test_an_ordered_wait_is_kept_but_never_for_more_than_a_day():
    now = MONTH_START
    backoff = Backoff(MINUTE, chance=lambda: 0.0)
    for ordered, expected in ((43_838, 43_838), (10**7, 86_400)):
        error = SourceUnavailableError(
            "x", reason="http_429", retry_after=timedelta(seconds=ordered)
        )

        backoff.failed(error, started=now, now=now)

        assert backoff.pause(now).until == now + timedelta(seconds=expected)


def test_a_refusal_is_probed_with_the_next_poll_then_in_five_minutes_then_hourly():
    backoff = Backoff(MINUTE, chance=lambda: 1.0)
    now = MONTH_START
    waits = []

    for _ in range(4):
        backoff.failed(REFUSED, started=now, now=now)
        pause = backoff.pause(now)
        waits.append(pause.until - now)

    assert pause.reason == "refused"
    assert waits == [MINUTE / 2, FIRST_PROBE, LATER_PROBES, LATER_PROBES]


def test_a_clock_that_steps_back_ends_the_pause():
    backoff = Backoff(MINUTE, chance=lambda: 1.0)

    backoff.failed(UNAVAILABLE, started=MONTH_START, now=MONTH_START)

    assert backoff.pause(MONTH_START - timedelta(hours=1)) is None
