"""The same grammar for /flips, /top, /screen, /broadcast and /simulate."""

from datetime import timedelta

import pytest
from factories import BEARISH, BULLISH
from hypothesis import given
from hypothesis import strategies as st
from strategies import condition_texts, named

from bot.errors import UserError
from bot.grammar import Named, Parsed, parse
from bot.grammar_table import (
    FLIPS,
    GRAMMARS,
    SCREEN,
    SIMULATE,
    TOP,
    WATCH,
    Grammar,
    Part,
)
from bot.model import Conditions, Scope

DAY = timedelta(days=1)
AI = Named(Scope.CATEGORY, "ai")


def error_of(text: str, grammar: Grammar) -> UserError:
    with pytest.raises(UserError) as caught:
        parse(text, grammar)
    return caught.value


def test_flips_take_a_time_a_direction_and_a_category() -> None:
    parsed = parse("3d bullish #ai", FLIPS)

    assert parsed.window == 3 * DAY
    assert parsed.conditions == Conditions(direction=BULLISH)
    assert parsed.named == (AI,)


def test_the_top_takes_a_number_of_rows() -> None:
    parsed = parse("10 #ai bearish", TOP)

    assert parsed.count == 10
    assert parsed.conditions == Conditions(direction=BEARISH)


def test_a_screen_takes_how_long_ago_the_last_flip_was() -> None:
    parsed = parse("grade>80 flipped<3d flipped>=36h mcap<1b", SCREEN)

    assert (parsed.younger, parsed.older) == (3 * DAY, 1.5 * DAY)
    assert parsed.conditions.max_market_cap == 1e9


def test_a_simulation_takes_what_a_watch_takes_and_a_time() -> None:
    parsed = parse("BTC 80 grade>=60 90d urgent", SIMULATE)

    assert parsed.window == 90 * DAY
    assert parsed.conditions.thresholds == (80,)
    assert parsed.conditions.is_urgent


def test_a_watch_takes_a_time_for_a_symbol_and_prints_it_so_that_all_agree() -> None:
    (one,) = parse("3d", WATCH).named

    assert one == Named(Scope.ASSET, "3D")
    assert parse(str(one), SIMULATE).named == (one,)


@pytest.mark.parametrize(
    ("text", "grammar", "title", "marked", "hint", "suggestion"),
    [
        pytest.param(
            "80 bullish",
            SCREEN,
            "A bare 80 says too little here",
            "▸80◂ bullish",
            "Did you mean grade>=80?",
            "grade>=80 bullish",
            id="a bare number on a screen",
        ),
        pytest.param(
            "7 #ai",
            FLIPS,
            "A bare 7 says too little here",
            "▸7◂ #ai",
            "Did you mean 7d?",
            "7d #ai",
            id="days without their letter",
        ),
        pytest.param(
            "3d #ai",
            SCREEN,
            "What about 3d?",
            "▸3d◂ #ai",
            "Did you mean flipped<3d?",
            "flipped<3d #ai",
            id="a time without its word",
        ),
        pytest.param(
            "flipped<3d",
            FLIPS,
            "Flips need no “flipped”",
            "▸flipped<3d◂",
            "Did you mean 3d?",
            "3d",
            id="a word too many",
        ),
        pytest.param(
            "bullish flipped<3",
            SCREEN,
            "“flipped” needs a time, such as 36h, 3d or 2w",
            "bullish ▸flipped<3◂",
            "Did you mean flipped<3d?",
            "bullish flipped<3d",
            id="a time without its letter",
        ),
        pytest.param(
            "flipped=2d",
            SCREEN,
            "“flipped” needs a time, such as 36h, 3d or 2w",
            "▸flipped=2d◂",
            "Did you mean flipped<2d?",
            "flipped<2d",
            id="exactly two days ago is nothing",
        ),
        pytest.param(
            "flipped<1d flipped>3d",
            SCREEN,
            "No flipped is both",
            "flipped<1d ▸flipped>3d◂",
            "The lower bound must be below the upper one.",
            "",
            id="younger and older at once",
        ),
        pytest.param(
            "10 20",
            TOP,
            "Two numbers at once",
            "10 ▸20◂",
            "The first is how many rows; a grade is grade>=20.",
            "",
            id="two numbers",
        ),
        pytest.param(
            "500 #ai",
            TOP,
            "A list has 1 to 100 rows",
            "▸500◂ #ai",
            "Did you mean 100?",
            "100 #ai",
            id="more rows than anybody reads",
        ),
        pytest.param(
            "3d 7d",
            FLIPS,
            "Two times at once",
            "3d ▸7d◂",
            "Leave one of them out.",
            "",
            id="two times",
        ),
        pytest.param(
            "10 ai",
            TOP,
            "/top lists many assets, not one",
            "10 ▸ai◂",
            "A category is #ai; one asset is /signal AI.",
            "",
            id="a category without its sign",
        ),
        pytest.param(
            "bulish #ai",
            SCREEN,
            "I don't know the word “bulish”",
            "▸bulish◂ #ai",
            "Did you mean bullish?",
            "bullish #ai",
            id="a typo where no assets are taken",
        ),
        pytest.param(
            "urgent 3d",
            FLIPS,
            "“urgent” is for watches",
            "▸urgent◂ 3d",
            "It lets an alert through quiet hours. Leave it out here.",
            "",
            id="urgent where nothing is sent",
        ),
        pytest.param(
            "xyz<3",
            SCREEN,
            "I don't know the word “xyz”",
            "▸xyz◂ <3",
            "Known are grade, mcap, volume and flipped.",
            "",
            id="a word like none that is known",
        ),
        pytest.param(
            "fliped<3d",
            SCREEN,
            "I don't know the word “fliped”",
            "▸fliped◂ <3d",
            "Did you mean flipped<3d?",
            "flipped<3d",
            id="a typo in flipped",
        ),
    ],
)
def test_an_error_points_at_the_word_and_says_what_to_do(
    *, text: str, grammar: Grammar, title: str, marked: str, hint: str, suggestion: str
) -> None:
    error = error_of(text, grammar)

    found = (error.title, error.marked, error.hint, error.suggestion)
    assert found == (title, marked, hint, suggestion)


def test_the_watch_grammar_is_what_every_watch_is_made_with() -> None:
    assert GRAMMARS["watch"].parts == GRAMMARS["broadcast"].parts
    assert GRAMMARS["simulate"].parts - WATCH.parts == {Part.WINDOW}


@st.composite
def typed(draw: st.DrawFn) -> tuple[str, Grammar]:
    """A line that its command takes: names, conditions, and what is its own."""
    grammar = draw(st.sampled_from(list(GRAMMARS.values())))
    names = [
        str(one)
        for one in draw(st.lists(named(), max_size=3))
        if one.scope is not Scope.ASSET or Part.ASSET in grammar.parts
    ]
    words = draw(condition_texts()).split()
    if Part.LINE not in grammar.parts:
        words = [w for w in words if not w[0].isdigit()]
    if Part.URGENT not in grammar.parts:
        words = [w for w in words if w != "urgent"]
    own = {
        Part.WINDOW: st.sampled_from(["3d", "36h", "2w", "90D"]),
        Part.COUNT: st.integers(1, 100).map(str),
        Part.PAGE: st.integers(1, 999).map("page{}".format),
        Part.FLIPPED: st.sampled_from(["flipped<3d", "FLIPPED >= 2w", "flipped>1h"]),
    }
    for part, word in own.items():
        if part in grammar.parts and draw(st.booleans()):
            words.append(draw(word))
    return " ".join(draw(st.permutations([*names, *words]))), grammar


@given(typed())
def test_what_is_printed_is_understood_as_the_same(line: tuple[str, Grammar]) -> None:
    text, grammar = line
    parsed = parse(text, grammar)

    assert parse(str(parsed), grammar) == parsed


def understand(text: str, grammar: Grammar) -> Parsed | UserError:
    try:
        return parse(text, grammar)
    except UserError as error:
        return error


def check_any(text: str, grammar: Grammar) -> None:
    found = understand(text, grammar)
    if isinstance(found, UserError):
        assert found.title
        assert "▸" in found.marked
        assert "◂" in found.marked
    else:
        assert parse(str(found), grammar) == found


GRAMMAR = st.sampled_from(list(GRAMMARS.values()))


@given(st.text(), GRAMMAR)
def test_any_text_is_understood_or_a_user_error(text: str, grammar: Grammar) -> None:
    check_any(text, grammar)


PIECES = [
    "bullish", "all", "top5", "grade", "mcap", "flipped", ">=", "<", "=", "80", "3d",
    "36h", "1b", "#ai", "$", ",", " ", "page", "2", "0", "urgent", "BTC", "ı", "²",
    "٣d", "w", "99999d", "\u00a0",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12), GRAMMAR)
def test_any_mix_of_its_own_words_is_understood_or_a_user_error(
    pieces: list[str], grammar: Grammar
) -> None:
    check_any("".join(pieces), grammar)
    check_any(" ".join(pieces), grammar)
