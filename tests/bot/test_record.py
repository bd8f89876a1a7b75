"""What past signals were worth."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Signal
from bot.record import Bar, PricedFlip, coin_toss, flips_of, record_of

START = datetime(2024, 11, 7, tzinfo=UTC)
UP, DOWN = Signal.BULLISH, Signal.BEARISH


def day(n):
    return START + timedelta(days=n)


def turns(*prices, first=UP):
    signals = (first, DOWN if first is UP else UP)
    return [
        PricedFlip(at=day(10 * n), signal=signals[n % 2], price=price)
        for n, price in enumerate(prices)
    ]


def bars(*prices, signals=()):
    said = [*signals, *[None] * (len(prices) - len(signals))]
    return [
        Bar(at=day(n), price=price, signal=said[n]) for n, price in enumerate(prices)
    ]


def test_the_ten_flips_of_the_golden_example():
    record = record_of(
        turns(2880, 3490, 2900, 3100, 3255, 3190, 3330, 3226, 2880, 3412)
    )
    assert (record.followed, record.count) == (5, 9)
    assert record.chance == 0.5
    bullish, bearish = record.tally(UP), record.tally(DOWN)
    assert (bullish.followed, bullish.count) == (3, 5)
    assert (bearish.followed, bearish.count) == (2, 4)
    assert f"{bullish.median:+.1%} {bearish.median:+.1%}" == "+6.9% -3.2%"
    assert f"{record.held_bullish:+.1%} {record.held_always:+.1%}" == "+45.7% +18.5%"
    assert record.open == PricedFlip(at=day(90), signal=DOWN, price=3412)
    assert record.is_enough


@pytest.mark.parametrize(
    ("signal", "price", "furthest", "documented"),
    [
        (UP, 0.29, 2.49, 7.58),
        (UP, 0.53, 1.58, 1.98),
        (DOWN, 2.49, 2.49 * (1 - 0.7476), -0.7476),
        (DOWN, 510, 314, -0.384),
        (DOWN, 327, 182.9, -0.44),
        (UP, 281, 474, 0.686),
        (UP, 2880, 4030, 0.40),
        (DOWN, 3490, 1540, -0.558),
        (UP, 1850, 2800, 0.51),
    ],
)
def test_furthest_moves_of_the_documented_record(signal, price, furthest, documented):
    other = DOWN if signal is UP else UP
    flips = [
        PricedFlip(at=day(0), signal=signal, price=price),
        PricedFlip(at=day(9), signal=other, price=price),
    ]
    seen = [Bar(at=day(0), price=price), Bar(at=day(5), price=furthest)]
    (one,) = record_of(flips, seen).finished
    assert one.best == pytest.approx(documented, abs=0.01)
    assert one.worst == 0


def test_a_move_against_the_signal_is_its_worst():
    flips = [
        PricedFlip(at=day(0), signal=UP, price=438.3),
        PricedFlip(at=day(5), signal=DOWN, price=327),
    ]
    (one,) = record_of(flips).finished
    assert one.worst == pytest.approx(-0.254, abs=0.001)
    assert (one.best, one.is_followed) == (0, False)


def test_wicks_count_for_the_furthest_move_and_the_flip_bar_itself_does_not():
    flips = turns(100, 110)
    seen = [
        Bar(at=day(0), price=100, high=500, low=1),
        Bar(at=day(3), price=105, high=130, low=90),
        Bar(at=day(10), price=110, high=120),
        Bar(at=day(11), price=900),
    ]
    (one,) = record_of(flips, seen).finished
    assert (one.best, one.worst) == (pytest.approx(0.3), pytest.approx(-0.1))


def test_the_first_signal_is_the_baseline_and_neutral_changes_nothing():
    seen = bars(10, 11, 12, 13, 14, signals=[UP, Signal.NEUTRAL, None, UP, DOWN])
    assert flips_of(seen) == [PricedFlip(at=day(4), signal=DOWN, price=14)]
    assert flips_of(bars(10, 11, signals=[Signal.NEUTRAL, UP])) == []


def test_at_the_next_bar_the_open_counts_and_without_one_its_price():
    seen = bars(10, 11, 12, 13, signals=[UP, DOWN, DOWN, UP])
    assert [f.price for f in flips_of(seen)] == [11, 13]
    assert [f.price for f in flips_of(seen, is_next_bar=True)] == [12]
    opened = [*seen[:2], Bar(at=day(2), price=12, open=11.2, signal=DOWN)]
    assert [f.price for f in flips_of(opened, is_next_bar=True)] == [11.2]


def test_a_flip_without_a_price_counts_from_the_next_that_is_known():
    seen = bars(10, None, float("nan"), 13, signals=[UP, DOWN, DOWN, DOWN])
    assert flips_of(seen) == [PricedFlip(at=day(3), signal=DOWN, price=13)]
    back = bars(10, 12, None, 14, 15, signals=[UP, DOWN, UP, DOWN, UP])
    assert [f.signal for f in flips_of(back)] == [DOWN, UP]
    assert flips_of(bars(10, None, 12, signals=[UP, DOWN, UP])) == []


def test_fees_are_paid_at_each_end_of_holding():
    record = record_of(turns(100, 200, 100, 200), fee=0.01)
    assert record.held_bullish == pytest.approx(2 * 2 * 0.99**4 - 1)
    assert record.held_always == pytest.approx(2 * 0.99**2 - 1)


def test_nothing_finished_is_no_record():
    for flips in ([], turns(5)):
        record = record_of(flips)
        assert (record.count, record.chance) == (0, 1)
        assert (record.held_bullish, record.held_always) == (0, 0)
        assert record.tally(UP).median is None
        assert not record.is_enough


def test_seven_are_too_few_and_eight_enough():
    assert not record_of(turns(*range(1, 9))).is_enough
    assert record_of(turns(*range(1, 10))).is_enough


def test_flips_that_do_not_take_turns_are_refused():
    twice = [PricedFlip(at=day(n), signal=UP, price=1) for n in range(2)]
    with pytest.raises(ValueError, match="turns"):
        record_of(twice)
    with pytest.raises(ValueError, match="price"):
        PricedFlip(at=day(0), signal=UP, price=0)


@pytest.mark.parametrize(
    ("followed", "count", "chance"),
    [(0, 0, 1), (0, 5, 1), (5, 5, 1 / 32), (5, 9, 0.5), (9, 10, 11 / 1024)],
)
def test_the_coin_toss_is_the_binomial_tail(followed, count, chance):
    assert coin_toss(followed, count) == chance


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, UP, DOWN, Signal.NEUTRAL]),
            st.one_of(st.none(), st.floats(0.01, 1e6)),
        ),
        max_size=40,
    ),
    st.booleans(),
)
def test_flips_take_turns_and_moves_multiply(said, is_next_bar):
    seen = [
        Bar(at=day(n), signal=signal, price=price)
        for n, (signal, price) in enumerate(said)
    ]
    flips = flips_of(seen, is_next_bar=is_next_bar)
    record = record_of(flips, seen)
    product = 1.0
    for one in record.finished:
        product *= 1 + one.move
        far = (one.worst, one.move, one.best)
        assert sorted(far) in ([*far], [*far[::-1]])
    assert product == pytest.approx(1 + record.held_always)
