"""When a delivery is tried again, and when it is given up."""

from datetime import timedelta

import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from bot import retry
from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.retry import GiveUp, RetryAt

chances = st.floats(0, 1)


def temporary(**rest: object) -> TemporaryDeliveryError:
    return TemporaryDeliveryError("try later", reason="http_500", **rest)


def after(
    error: DeliveryError,
    *,
    attempts: int = 0,
    waited: timedelta = timedelta(),
    chance: float = 0.0,
) -> RetryAt | GiveUp:
    return retry.decide(
        error, attempts=attempts, owed_since=NOON - waited, now=NOON, chance=chance
    )


@given(st.integers(0, 10_000), chances)
def test_delays_grow_and_stay_within_bounds(attempts: int, chance: float) -> None:
    delay = retry.delay(attempts, chance)

    assert delay >= retry.FIRST_DELAY
    assert delay <= retry.LONGEST_DELAY * (1 + retry.JITTER)
    assert retry.delay(attempts + 1, chance) >= delay


def test_delays_double_from_two_seconds_to_ten_minutes() -> None:
    seconds = [retry.delay(n, 0).total_seconds() for n in range(10)]

    assert seconds == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600]


def test_chance_spreads_those_who_wait_as_long() -> None:
    assert retry.delay(3, 0) < retry.delay(3, 0.5) < retry.delay(3, 1)


def test_a_temporary_failure_is_tried_again_after_the_delay() -> None:
    assert after(temporary(), attempts=2) == RetryAt(NOON + timedelta(seconds=8))


@given(st.timedeltas(timedelta(0), timedelta(days=3)), st.integers(0, 100), chances)
def test_an_ordered_wait_is_kept_exactly(
    wait: timedelta, attempts: int, chance: float
) -> None:
    found = after(temporary(retry_after=wait), attempts=attempts, chance=chance)

    assert found == RetryAt(NOON + wait, is_ordered=True)


def test_an_ordered_wait_of_half_a_day_does_not_make_it_too_old() -> None:
    found = after(
        temporary(retry_after=timedelta(seconds=43_838)), waited=timedelta(hours=49)
    )

    assert isinstance(found, RetryAt)


def test_a_wait_ordered_into_the_past_is_no_wait() -> None:
    found = after(temporary(retry_after=timedelta(seconds=-5)))

    assert found == RetryAt(NOON, is_ordered=True)


@pytest.mark.parametrize(
    ("waited", "is_over"),
    [(timedelta(hours=48), True), (timedelta(hours=48, seconds=-1), False)],
    ids=["48 hours", "a second less"],
)
def test_after_48_hours_it_is_given_up(waited: timedelta, is_over: bool) -> None:
    found = after(temporary(), waited=waited)

    assert isinstance(found, GiveUp) is is_over
    assert found == GiveUp("too_old") or not is_over


@given(chances)
def test_trying_again_and_again_ends(chance: float) -> None:
    now, attempts = NOON, 0
    while True:
        found = retry.decide(
            temporary(), attempts=attempts, owed_since=NOON, now=now, chance=chance
        )
        if isinstance(found, GiveUp):
            break
        assert found.at > now
        now, attempts = found.at, attempts + 1

    assert attempts < 400
    assert now <= NOON + retry.MAX_AGE + retry.LONGEST_DELAY * 1.25


@pytest.mark.parametrize(
    "error",
    [
        RecipientGoneError("blocked", reason="blocked"),
        RecipientMovedError("moved", reason="migrated", new_chat="-5"),
        MessageRejectedError("markup", reason="bad_markup"),
        SenderMisconfiguredError("token", reason="unauthorized"),
        DeliveryError("other", reason="other"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_only_temporary_failures_are_tried_again(error: DeliveryError) -> None:
    assert after(error) == GiveUp(error.reason)
