"""Words about the engine itself, the market, and assets that fell silent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NOON,
    asset,
    crossing,
    down,
    flip,
    news,
)

from bot import messages
from bot.checks import Context, Trouble
from bot.model import MARKET_KEY, SOURCE_KEY, Asset, Event, EventKind, PlaceKind
from bot.news import Decision
from bot.phrases import Setting

ENGINE = replace(asset("~source", id=9), key=SOURCE_KEY)
MARKET = replace(asset("MARKET", id=8), key=MARKET_KEY)
SETTING = Setting(now=NOON, kind=PlaceKind.PRIVATE, source_title="Token Metrics")


def trouble(code: str = "unavailable", **rest: object) -> Event:
    context = Context(trouble=Trouble(code=code, last_good=NOON - 2 * HOUR, **rest))
    return flip(BEARISH, asset_id=9, kind=EventKind.SOURCE, context=context)


def recovery() -> Event:
    return flip(BULLISH, asset_id=9, kind=EventKind.SOURCE, since=NOON - 2 * HOUR)


def say(*told: tuple[Event, Asset]) -> list[str]:
    decision = Decision(news=tuple(news(event, about) for event, about in told))
    return messages.alert(decision, SETTING).plain.splitlines()


def test_an_engine_that_does_not_answer_is_told_as_documented():
    assert say((trouble(), ENGINE)) == [
        "⚠️ No fresh grades since 12:00 UTC",
        "The grading engine does not answer; I keep trying.",
        "Until it does I cannot see flips: silence from me now means nothing.",
        "",
        "Token Metrics",
    ]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("equal", "The engine sent 100 equal grades; I do not believe them"),
        ("gone", "100 assets are missing from the engine's answers"),
        ("backwards", "The engine sent 100 grades older than before"),
        ("ahead", "The engine sent 100 grades from the future"),
        ("stale", "The grading engine answers, but with nothing new"),
        ("unheard_of", "The grading engine does not answer"),
    ],
)
def test_what_is_wrong_is_said_in_words(code, words):
    assert say((trouble(code, count=100), ENGINE))[1].startswith(words)


def test_credits_used_up_say_when_the_next_ones_come():
    lines = say((trouble("credits", until=NOON + 11 * DAY), ENGINE))

    assert lines[1] == (
        "This month's calls to the engine are used up. The next ones come on Dec 1."
    )


def test_the_end_says_for_how_long_nothing_was_seen():
    assert say((recovery(), ENGINE))[:3] == [
        "✅ Grades are back",
        "Blind from 12:00 UTC to 14:00 UTC.",
        "What you watch stands as before.",
    ]


def test_what_turned_meanwhile_is_told_with_the_end():
    eth = flip(BEARISH, grade_from=71.0, grade_to=38.0)

    assert say((eth, asset("ETH")), (recovery(), ENGINE))[:4] == [
        "✅ Grades are back · 1 change",
        "Blind from 12:00 UTC to 14:00 UTC.",
        "",
        "🔴 ETH turned bearish · grade 38, was 71",
    ]


def silent(asset_id: int = 1) -> Event:
    return flip(BULLISH, asset_id=asset_id, kind=EventKind.SILENT, at=NOON - 8 * DAY)


def test_a_silent_asset_is_told_as_documented():
    lines = say((silent(), asset("LAUNCHCOIN")))

    assert lines[:2] == [
        "⚪ No grades for LAUNCHCOIN since Nov 12",
        "The engine no longer lists it. I keep the watch in case it returns.",
    ]


def test_several_silent_assets_are_one_message():
    lines = say((silent(1), asset("A")), (silent(2), asset("B", id=2)))

    assert lines[0] == "⚪ No grades for A, B"
    assert len(lines) == 6


def test_a_silent_asset_beside_a_flip_is_a_line_under_it():
    lines = say((flip(BEARISH), asset("ETH")), (silent(2), asset("B", id=2)))

    assert lines[0] == "🔴 ETH turned bearish"
    assert "⚪ No grades for B since Nov 12" in lines


def test_the_market_turns_with_its_share():
    event = flip(
        BEARISH,
        asset_id=8,
        grade_from=68.2,
        grade_to=31.9,
        since=NOON - timedelta(days=24),
    )

    assert say((event, MARKET))[:2] == [
        "🔴 The market turned bearish · 31% bullish, was 68%",
        "Bullish 24 days before",
    ]


def test_a_line_of_the_market_is_passed_by_its_share():
    event = crossing(*down(50), asset_id=8, grade_from=52.0, grade_to=48.0)

    assert say((event, MARKET))[:2] == [
        "📉 Market 48% bullish, was 52%",
        "Fell below your line 50",
    ]
