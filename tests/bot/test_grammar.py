"""The grammar of what is watched: understood, printed again, or a pointed error."""

import math

import pytest
from factories import BEARISH, BULLISH
from hypothesis import given
from hypothesis import strategies as st
from strategies import condition_texts, named

from bot.errors import UserError
from bot.grammar import Named, Parsed, parse, parse_lines, print_watch, suggest
from bot.model import Conditions, Scope


def asset(*symbols: str) -> tuple[Named, ...]:
    return tuple(Named(Scope.ASSET, s) for s in symbols)


def error_of(text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTC ETH", asset("BTC", "ETH")),
        ("btc, eth,$SOL", asset("BTC", "ETH", "SOL")),
        ("BTC btc", asset("BTC")),
        ("1INCH", asset("1INCH")),
        ("#AI", (Named(Scope.CATEGORY, "ai"),)),
        ("#layer-2", (Named(Scope.CATEGORY, "layer-2"),)),
        ("top100", (Named(Scope.TOP, top=100),)),
        ("ALL", (Named(Scope.ALL),)),
        ("币安人生", asset("币安人生")),
        ("", ()),
    ],
)
def test_assets_categories_top_and_all_are_named(
    text: str, expected: tuple[Named, ...]
) -> None:
    assert parse(text).named == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTC 80 50", Conditions(thresholds=(50, 80))),
        ("BTC 62.5 62.5", Conditions(thresholds=(62.5,))),
        ("80% BTC", Conditions(thresholds=(80,))),
        ("BTC bullish", Conditions(direction=BULLISH)),
        ("BTC urgent 80 URGENT", Conditions(thresholds=(80,), is_urgent=True)),
        ("Bearish BTC bearish", Conditions(direction=BEARISH)),
        ("BTC bullısh", Conditions(direction=BULLISH)),
        (
            "#ai bullish grade>=80 mcap<1b",
            Conditions(direction=BULLISH, min_grade=80, max_market_cap=1e9),
        ),
        ("#ai GRADE => 80", Conditions(min_grade=80)),
        ("all grade > 80", Conditions(min_grade=math.nextafter(80, 100))),
        ("all grade<=80", Conditions(max_grade=math.nextafter(80, 100))),
        ("all grade>=60 grade<80", Conditions(min_grade=60, max_grade=80)),
        (
            "all grade=80",
            Conditions(min_grade=80, max_grade=math.nextafter(80, 100)),
        ),
        ("all mcap>=$38m", Conditions(min_market_cap=38e6)),
        ("all cap<1.5t", Conditions(max_market_cap=1.5e12)),
        ("all volume>=250k vol<1B", Conditions(min_volume=250e3, max_volume=1e9)),
    ],
)
def test_conditions_are_an_inclusive_minimum_and_an_exclusive_maximum(
    text: str, expected: Conditions
) -> None:
    assert parse(text).conditions == expected


@pytest.mark.parametrize(
    ("text", "title", "marked", "hint", "suggestion"),
    [
        pytest.param(
            "#ai bullish grad>=80",
            "I don't know the word “grad”",
            "#ai bullish ▸grad◂ >=80",
            "Did you mean grade>=80?",
            "#ai bullish grade>=80",
            id="a typo in a condition",
        ),
        pytest.param(
            "BTC grade>=800",
            "A grade goes from 0 to 100",
            "BTC grade ▸>=800◂",
            "Did you mean grade>=80?",
            "BTC grade>=80",
            id="a grade out of range",
        ),
        pytest.param(
            "BTC bullish bearish",
            "Not “bullish” and “bearish” at once",
            "BTC bullish ▸bearish◂",
            "For both directions leave both words out.",
            "",
            id="both directions",
        ),
        pytest.param(
            "BTC 800 50",
            "A grade goes from 0 to 100",
            "BTC ▸800◂ 50",
            "Did you mean 80?",
            "BTC 80 50",
            id="a line out of range",
        ),
        pytest.param(
            "BTC -5",
            "A grade goes from 0 to 100",
            "BTC ▸-5◂",
            "Did you mean 20?",
            "BTC 20",
            id="a line below zero",
        ),
        pytest.param(
            "all mcap<",
            "A number is missing after “mcap<”",
            "all ▸mcap<◂",
            "Did you mean mcap<1b?",
            "all mcap<1b",
            id="a missing number",
        ),
        pytest.param(
            "all mcap<1b cap<2b",
            "“cap” has this condition already",
            "all mcap<1b ▸cap<2b◂",
            "Leave one out.",
            "",
            id="a condition twice",
        ),
        pytest.param(
            "all grade>=80 grade<60",
            "No grade is both",
            "all grade>=80 ▸grade<60◂",
            "The lower bound must be below the upper one.",
            "",
            id="bounds that leave nothing",
        ),
        pytest.param(
            "top0",
            "top goes from 1 to 10,000",
            "▸top0◂",
            "Did you mean top100?",
            "top100",
            id="an empty top",
        ),
        pytest.param(
            "BTC xyz>=8",
            "I don't know the word “xyz”",
            "BTC ▸xyz◂ >=8",
            "Known are grade, mcap and volume.",
            "",
            id="a word like none that is known",
        ),
        pytest.param(
            "# BTC",
            "A category is missing after #",
            "▸#◂ BTC",
            "For example: #ai.",
            "",
            id="a category without a name",
        ),
        pytest.param(
            "BTC flipped<3d",
            "“flipped” looks back, a watch looks ahead",
            "BTC ▸flipped<3d◂",
            "A watch tells you of every flip anyway.",
            "",
            id="a condition of the screens",
        ),
        pytest.param(
            "t.me/x BTC",
            "I don't know the word “t.me/x”",
            "▸t.me/x◂ BTC",
            "Name assets by their symbols: BTC ETH.",
            "",
            id="something that is no symbol",
        ),
    ],
)
def test_an_error_points_at_the_word_and_says_what_to_do(
    text: str, title: str, marked: str, hint: str, suggestion: str
) -> None:
    error = error_of(text)

    assert (error.title, error.marked, error.hint, error.suggestion) == (
        title,
        marked,
        hint,
        suggestion,
    )


def test_of_several_errors_the_first_from_the_left_is_told() -> None:
    assert "grad" in error_of("grad>=80 800 bullish bearish").title


def test_more_lines_than_anybody_reads_are_refused() -> None:
    assert "At most 10 lines" in error_of("BTC " + " ".join(map(str, range(11)))).title


@pytest.mark.parametrize("text", ["top" + "9" * 5000, "all mcap<" + "9" * 400])
def test_numbers_beyond_all_bounds_are_errors_like_others(text: str) -> None:
    assert error_of(text).title


def test_lines_alone_are_sorted_without_repeats() -> None:
    assert parse_lines(["80", "50", "80", "62.5"]) == (50, 62.5, 80)


def test_a_word_among_lines_is_pointed_at() -> None:
    with pytest.raises(UserError) as caught:
        parse_lines(["80", "high"])

    assert caught.value.marked == "80 ▸high◂"


def test_a_line_has_two_decimals_at_most_so_that_it_is_printed_as_it_is() -> None:
    parsed = parse("BTC 33.333333")

    assert parsed.conditions.thresholds == (33.33,)
    assert parsed.condition_text == "33.33"


@pytest.mark.parametrize(
    ("word", "printed"),
    [("ALL", "$ALL"), ("80", "$80"), ("TOP10", "$TOP10"), ("BULLISH", "$BULLISH")],
)
def test_a_symbol_that_reads_as_something_else_is_printed_with_a_dollar(
    word: str, printed: str
) -> None:
    assert str(Named(Scope.ASSET, word)) == printed
    assert parse(printed).named == asset(word)


@given(named(), condition_texts())
def test_what_is_printed_is_understood_as_the_same(one: Named, conditions: str) -> None:
    parsed = parse(f"{one} {conditions}")
    assert parsed.named == (one,)

    again = parse(print_watch(one, parsed.condition_text))

    assert again == parsed


def understand(text: str) -> Parsed | UserError:
    try:
        return parse(text)
    except UserError as error:
        return error


def check_any(text: str) -> None:
    found = understand(text)
    if isinstance(found, UserError):
        assert found.title
        assert "▸" in found.marked
        assert "◂" in found.marked
        return
    for one in found.named:
        again = parse(print_watch(one, found.condition_text))
        assert again.named == (one,)
        assert again.conditions == found.conditions
        assert again.condition_text == found.condition_text


@given(st.text())
def test_any_text_is_understood_or_a_user_error(text: str) -> None:
    check_any(text)


PIECES = [
    "bullish", "bearish", "all", "top", "top5", "grade", "mcap", "vol", ">=", "<", "=",
    ">", "80", "50.25", "1b", "#", "#ai", "$", ",", " ", "-", "%", ".", "BTC", "ß", "ſ",
    "ı", "İ", "ﬃ", "٨٠", "²", "K", "\u00a0", "\u200b",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_any_mix_of_its_own_words_is_understood_or_a_user_error(
    pieces: list[str],
) -> None:
    check_any("".join(pieces))
    check_any(" ".join(pieces))


def test_a_near_symbol_is_suggested_and_a_far_one_is_not() -> None:
    known = ["BTC", "FARTCOIN", "ETH"]

    assert suggest("fartcoinn", known) == "FARTCOIN"
    assert suggest("bulish", known) == "bullish"
    assert suggest("xyz", known) == ""


def test_a_symbol_has_room_for_thirty_signs() -> None:
    assert parse("A" * 30).named == asset("A" * 30)
    assert error_of("A" * 31).title
