"""What operators are told, word for word."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from bot import alarms
from bot.message import Message, Moment, TimeStyle, Tone
from bot.model import Platform
from bot.troubles import EngineTrouble

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FORBIDDEN = re.compile(
    r"\b(buy|sell|enter|exit|should|recommend\w*|profit\w*|opportunity|guaranteed)\b|!",
    re.IGNORECASE,
)
REFUSED = EngineTrouble(reason="http_401", since=NOON - timedelta(minutes=10), polls=3)


def fails(trouble: EngineTrouble = REFUSED, **rest: object) -> Message:
    known = {
        "said": "not authorized … with your current plan",
        "waiting": 212,
        "next_try": NOON + HOUR,
        "now": NOON,
    }
    return alarms.engine_fails(trouble, **(known | rest))


ALL = [
    fails(),
    alarms.engine_works(NOON - HOUR, NOON),
    alarms.platform_paused(
        Platform.TELEGRAM,
        said="Telegram refuses the bot's token",
        since=NOON - HOUR,
        now=NOON,
    ),
    alarms.platform_works(Platform.DISCORD, NOON - HOUR, NOON),
    alarms.dead_letters({"bad_markup": 2, "too_old": 9}, total=12),
]


def test_an_engine_that_refuses_is_told_with_its_words_and_what_to_check():
    assert fails().plain.splitlines() == [
        "⚠️ Engine: 401 since 11:50 UTC · 0 of 3 polls worked",
        "“not authorized … with your current plan”",
        "Check engine.api_key and the plan behind it.",
        "212 people wait; nothing is lost. Next try 13:00 UTC.",
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("http_402", "engine.api_key"),
        ("http_429", "engine.credits_per_month"),
        ("timeout", "the network and engine.base_url"),
        ("not_json", "no engine I know answers like that"),
    ],
)
def test_each_cause_has_its_advice(reason: str, words: str):
    trouble = EngineTrouble(reason=reason, since=NOON, polls=4)

    assert words in fails(trouble).plain


@pytest.mark.parametrize(
    ("waiting", "words"),
    [(0, "Nobody waits"), (1, "1 person waits"), (12_000, "12,000 people wait")],
)
def test_it_says_how_many_wait(waiting: int, words: str):
    assert f"{words}; nothing is lost." in fails(waiting=waiting).plain


def test_what_is_not_known_is_left_out():
    message = fails(said="", next_try=None)

    assert "“" not in message.plain
    assert "Next try" not in message.plain


def test_a_try_that_was_due_is_due_now():
    assert fails(next_try=NOON - HOUR).plain.endswith("Next try 12:00 UTC.")


def test_an_old_trouble_shows_its_day():
    old = EngineTrouble(reason="timeout", since=NOON - timedelta(days=2), polls=50)
    (moment,) = [s for s in fails(old).title.spans if isinstance(s, Moment)]

    assert moment.style is TimeStyle.BOTH


def test_long_words_are_cut_and_stay_on_one_line():
    message = fails(said="sorry,\nsorry " * 200)

    line = message.plain.splitlines()[1]
    assert len(line) <= alarms.WORDS_MAX + 2
    assert line.startswith("“sorry, sorry sorry,")
    assert line.endswith("…”")


def test_the_end_says_from_when_to_when():
    assert alarms.engine_works(NOON - 2 * HOUR, NOON).plain.splitlines() == [
        "✅ The engine is back",
        "No grades from 10:00 UTC to 12:00 UTC (2 h).",
        "What flipped in between is told now, as late.",
    ]


def test_a_paused_platform_names_its_option():
    assert ALL[2].plain.splitlines() == [
        "⚠️ Telegram paused since 11:00 UTC",
        "“Telegram refuses the bot's token”",
        "Check telegram.token.",
        "Alerts there wait; nothing is lost. I keep trying.",
    ]


def test_a_platform_that_works_again_says_how_long_it_did_not():
    assert ALL[3].plain.splitlines() == [
        "✅ Discord works again",
        "Paused from 11:00 UTC to 12:00 UTC (1 h).",
        "What waited there is sent now.",
    ]


def test_dead_letters_are_counted_with_their_reasons_and_the_commands():
    assert ALL[4].plain.splitlines() == [
        "⚠️ 11 alerts could not be delivered",
        "9 × too_old · 2 × bad_markup",
        "12 in all are kept.",
        "See them: flipwatch deliveries list --state dead",
        "Try again: flipwatch deliveries replay --all-dead",
    ]


def test_a_first_dead_letter_is_not_counted_twice():
    message = alarms.dead_letters({"too_old": 1}, total=1)

    assert message.title.plain == "⚠️ 1 alert could not be delivered"
    assert "in all" not in message.plain


@pytest.mark.parametrize("message", ALL, ids=lambda m: m.title.plain[:20])
def test_every_notice_is_loud_short_and_sober(message: Message):
    assert not message.is_silent
    assert message.tone in {Tone.TROUBLE, Tone.OVER}
    assert len(message.title.plain) <= 55
    assert len(message.plain.splitlines()) <= 8
    assert not FORBIDDEN.search(message.plain)
