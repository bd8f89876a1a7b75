"""How figures are written, so that every message agrees."""

import math
import re
from datetime import timedelta

import pytest
from factories import BEARISH, BULLISH, NEUTRAL, NOON, asset
from hypothesis import given
from hypothesis import strategies as st

from bot import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (97_120, "$97,120"),
        (3412, "$3,412"),
        (1_234_567.89, "$1,234,568"),
        (1000, "$1,000"),
        (999.99, "$999.99"),
        (999.999, "$1,000.00"),
        (142.1, "$142.10"),
        (10, "$10.00"),
        (9.5, "$9.500"),
        (1, "$1.000"),
        (0.712, "$0.7120"),
        (0.2914, "$0.2914"),
        (0.00001234, "$0.00001234"),
        (1e-10, "$0.0000000001000"),
        (0, "$0"),
        (None, "unknown"),
        (float("nan"), "unknown"),
        (float("inf"), "unknown"),
    ],
)
def test_prices_are_written_in_full(value: float | None, text: str) -> None:
    assert words.price(value) == text


@given(st.floats(1e-15, 1e15))
def test_a_price_has_four_significant_digits_and_no_exponent(value: float) -> None:
    text = words.price(value)

    assert re.fullmatch(r"\$\d{1,3}(,\d{3})*(\.\d+)?", text)
    digits = text.removeprefix("$").replace(",", "").replace(".", "").lstrip("0")
    assert len(digits) >= 4
    assert math.isclose(
        float(text.removeprefix("$").replace(",", "")), value, rel_tol=5.01e-4
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(79.999, "79"), (80.0, "80"), (0.0, "0"), (100.0, "100"), (None, "?")],
)
def test_grades_are_rounded_down(value: float | None, text: str) -> None:
    assert words.grade(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.1847, "+18.5%"),
        (-0.169, "−16.9%"),
        (0.0, "+0.0%"),
        (-0.0001, "+0.0%"),
        (12.5, "+1,250.0%"),
        (-1.0, "−100.0%"),
    ],
)
def test_moves_have_a_sign_and_one_decimal(ratio: float, text: str) -> None:
    assert words.percent(ratio) == text


@given(st.floats(-1, 1e300))
def test_a_move_in_a_table_takes_seven_columns_at_most(ratio: float) -> None:
    assert words.columns(words.percent_short(ratio)) <= 7


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (-0.112, "−11.2%"),
        (9.99, "+999.0%"),
        (9.9996, "+999%"),
        (10, "+1,000%"),
        (99.99, "+9,999%"),
        (100, ">9,999%"),
    ],
)
def test_large_moves_in_a_table_go_without_decimals(ratio: float, text: str) -> None:
    assert words.percent_short(ratio) == text


@pytest.mark.parametrize(
    ("old", "new", "ratio"),
    [
        (100, 150, 0.5),
        (100, 50, -0.5),
        (None, 50, None),
        (100, None, None),
        (0, 50, None),
        (5e-324, 1e300, None),
    ],
)
def test_a_move_needs_two_prices(
    old: float | None, new: float | None, ratio: float | None
) -> None:
    assert words.move(old, new) == ratio


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.1e9, "$4.1b"),
        (38e6, "$38m"),
        (2e12, "$2t"),
        (1500, "$1.5k"),
        (999_960, "$1m"),
        (999_940, "$999.9k"),
        (12, "$12"),
        (None, "unknown"),
    ],
)
def test_sizes_of_money_are_short(value: float | None, text: str) -> None:
    assert words.money(value) == text


@pytest.mark.parametrize(
    ("length", "long", "exact"),
    [
        (timedelta(days=24, hours=5), "24 days", "24 d 5 h"),
        (timedelta(days=1), "1 day", "1 d"),
        (timedelta(hours=2, minutes=12), "2 hours", "2 h 12 min"),
        (timedelta(hours=1), "1 hour", "1 h"),
        (timedelta(minutes=5, seconds=59), "5 min", "5 min"),
        (timedelta(seconds=20), "1 min", "0 min"),
        (timedelta(seconds=-5), "1 min", "0 min"),
    ],
)
def test_lengths_of_time_are_written_in_their_largest_units(
    length: timedelta, long: str, exact: str
) -> None:
    assert words.span(length) == long
    assert words.span_exact(length) == exact


def test_ages_are_short_for_lists() -> None:
    assert words.age(NOON - timedelta(days=11, hours=3), NOON) == "11 d"
    assert words.age(NOON - timedelta(hours=2), NOON) == "2 h"
    assert words.age(NOON + timedelta(hours=2), NOON) == "1 min"


def test_a_dot_never_comes_without_a_mark_or_a_word() -> None:
    assert [words.dot_mark(s) for s in (BULLISH, BEARISH, NEUTRAL)] == [
        "🟢▲",
        "🔴▼",
        "⚪·",
    ]


def test_long_lists_are_named_by_count() -> None:
    assert words.names(["A", "B"]) == "A, B"
    assert words.names(["A", "B", "C", "D"], 2) == "A, B and 2 more"


def test_counts_agree_with_their_noun() -> None:
    assert words.count(1, "asset") == "1 asset"
    assert words.count(1204, "asset") == "1,204 assets"
    assert words.count(2, "watch", "watches") == "2 watches"


def test_an_assets_name_stands_only_where_it_says_more_than_the_symbol() -> None:
    assert words.asset_name(asset("BTC", name="Bitcoin")) == "BTC (Bitcoin)"
    assert words.asset_name(asset("BTC", name="btc")) == "BTC"
    assert words.asset_name(asset("BTC")) == "BTC"


def test_columns_count_wide_signs_twice() -> None:
    assert words.columns("BTC") == 3
    assert words.columns("币安") == 4
    assert words.columns("🔴 BTC") == 6


@given(st.text(max_size=30), st.integers(1, 20))
def test_a_fitted_text_is_never_too_wide_and_says_when_it_was_cut(
    text: str, most: int
) -> None:
    fitted = words.fit(text, most)

    assert words.columns(fitted) <= most
    assert fitted == text or fitted.endswith("…")
    assert fitted.removesuffix("…") == text[: len(fitted.removesuffix("…"))]
