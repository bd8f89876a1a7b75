"""What is answered, word for word."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NEUTRAL,
    NOON,
    asset,
    mute,
    state,
    watch,
)

from bot import notices, replies
from bot.errors import UserError
from bot.grammar import parse
from bot.message import Message, TimeStyle, Tone
from bot.model import Asset, PlaceKind, PollSummary, Watch
from bot.replies import Ambiguous, Unknown, Watched

FORBIDDEN = re.compile(
    r"\b(buy|sell|enter|exit|should|recommend\w*|profit\w*|opportunity|guaranteed)\b|!",
    re.IGNORECASE,
)

BTC = asset("BTC", state=state(BULLISH, grade=83.4, since=NOON - 23 * DAY))
ETH = asset("ETH", id=2, state=state(BEARISH, grade=38.9, since=NOON - 2 * HOUR))
SOL = asset("SOL", id=3, state=state(BULLISH, grade=71.0, since=NOON - 8 * DAY))
PEPE = asset("PEPE", id=4, name="Pepe", market_cap=4.1e9, state=state(grade=31.5))
PEPECOIN = asset("PEPE", id=5, name="PepeCoin", market_cap=38e6)


def watched(*assets: Asset, text: str = "", **rest: object) -> Watched:
    """The result of a /watch of some assets under one condition text."""
    conditions = parse(text).conditions
    watches: list[Watch] = [
        replace(
            watch(asset_id=a.id, text=f"{a.symbol} {text}".strip()),
            conditions=conditions,
        )
        for a in assets
    ]
    return Watched(
        assets=assets,
        watches=tuple(watches),
        thresholds=conditions.thresholds or (),
        **rest,
    )


def say(result: Watched, **rest: str) -> str:
    return replies.watching(result, NOON, **rest).plain


def labels(message: Message) -> list[str]:
    return [b.label for row in message.buttons for b in row]


# ---------------------------------------------------------------------------- /watch


def test_a_watch_answers_state_promise_and_questions_last() -> None:
    result = watched(
        BTC,
        ETH,
        SOL,
        ambiguous=(Ambiguous(word="PEPE", assets=(PEPE, PEPECOIN)),),
        unknown=(Unknown(word="FARTCOINN", suggestion="FARTCOIN"),),
    )

    message = replies.watching(result, NOON)

    assert message.plain == (
        "👁 Watching BTC, ETH, SOL\n"
        "🟢 BTC bullish · 83 · since Oct 28\n"
        "🔴 ETH bearish · 38 · since 12:00 UTC\n"
        "🟢 SOL bullish · 71 · since Nov 12\n"
        "\n"
        "I write when one of them flips, either way.\n"
        "\n"
        "❓ PEPE: 2 assets have this symbol, choose below\n"
        "1. Pepe · market cap $4.1b · grade 31\n"
        "2. PepeCoin · market cap $38m · no grade yet\n"
        "❌ FARTCOINN: not known. Did you mean FARTCOIN?"
    )
    assert labels(message) == [
        "1 Pepe",
        "2 PepeCoin",
        "Add FARTCOIN",
        "👀 Show a sample",
    ]


def test_lines_are_said_back_in_words() -> None:
    assert say(watched(BTC, text="80 50")).splitlines()[3:] == [
        "I write when",
        "• it flips, either way",
        "• its grade passes 80 or 50, either way",
    ]


def test_a_condition_is_said_back_and_that_the_end_is_told() -> None:
    broad = replace(
        watch(category="ai", text="#ai grade>=80"),
        conditions=parse("grade>=80").conditions,
    )

    assert say(Watched(broad=((broad, 14),))) == (
        "👁 Watching ai grade>=80\n"
        "14 assets now\n"
        "\n"
        "I write when one of them flips while grade>=80.\n"
        "Whatever I tell you is bullish, I also tell you when it ends."
    )


def test_the_word_bullish_is_answered_with_what_it_stops() -> None:
    text = say(watched(BTC, text="bullish"))

    assert "I write when it turns bullish." in text
    assert "Of the turn back to bearish I say nothing, as you asked." in text
    assert "when it ends" not in text


def test_a_guessed_asset_is_named_in_full() -> None:
    bitcoin = replace(BTC, name="Bitcoin")

    assert "BTC is BTC (Bitcoin), the largest" in say(
        watched(bitcoin, guessed=(bitcoin,))
    )


def test_where_alerts_come_is_said_when_it_is_not_here() -> None:
    text = say(watched(BTC), elsewhere="alerts come as direct messages")

    assert text.startswith("👁 Watching BTC · alerts come as direct messages\n")


def test_an_ambiguous_symbol_asks_and_changes_nothing() -> None:
    result = Watched(
        ambiguous=(
            Ambiguous(word="PEPE", assets=(PEPE, PEPECOIN), conditions="bullish"),
        )
    )

    message = replies.watching(result, NOON)

    assert message.plain == (
        "❓ Which PEPE?\n"
        "1. Pepe · market cap $4.1b · grade 31\n"
        "2. PepeCoin · market cap $38m · no grade yet\n"
        "Nothing is watched until you choose."
    )
    assert labels(message) == ["1 Pepe", "2 PepeCoin", "Neither"]
    assert message.buttons[0][0].action == "v1:pick:4:bullish"


def test_of_many_with_one_symbol_the_rest_is_counted() -> None:
    many = tuple(replace(PEPE, id=n) for n in range(9))

    text = say(Watched(ambiguous=(Ambiguous(word="PEPE", assets=many),)))

    assert "and 3 smaller ones" in text


def test_nothing_known_says_that_nothing_was_changed() -> None:
    text = say(Watched(unknown=(Unknown(word="FARTCOINN"),)))

    assert text == (
        "❌ Nothing new is watched\n❌ FARTCOINN: not known.\nNothing was changed."
    )


def test_a_long_list_is_named_by_count() -> None:
    many = [asset(f"A{n}", id=n) for n in range(30)]

    lines = say(watched(*many)).splitlines()

    assert lines[0].endswith("and 18 more")
    assert lines[20] == "⚪ A19 no reading yet"
    assert lines[21] == "and 10 assets more"


def test_every_action_fits_into_a_button() -> None:
    far = replace(PEPE, id=2**63 - 1)
    long = Ambiguous(word="P", assets=(far,), conditions="grade>=80 mcap<1b " * 4)
    miss = Unknown(word="X" * 30, suggestion="Y" * 30)

    for result in (
        Watched(ambiguous=(long,)),
        Watched(unknown=(miss,)),
    ):
        for row in replies.watching(result, NOON).buttons:
            assert all(len(b.action.encode()) <= 64 for b in row)


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (BTC, "🟢 BTC bullish · 83 · since Oct 28"),
        (ETH, "🔴 ETH bearish · 38 · since 12:00 UTC"),
        (asset("X", state=state(BULLISH, grade=79.99)), "🟢 X bullish · 79"),
        (asset("X", state=state(BULLISH, grade=None)), "🟢 X bullish"),
        (asset("X", state=state(NEUTRAL, grade=50)), "⚪ X no signal yet · 50"),
        (asset("X"), "⚪ X no reading yet"),
    ],
)
def test_a_state_is_a_dot_a_word_a_grade_and_since_when(
    about: Asset, text: str
) -> None:
    assert replies.state_line(about, NOON).plain == text


# -------------------------------------------------------------------------- /unwatch


def test_unwatch_says_what_is_gone_excepted_and_missing() -> None:
    message = replies.unwatched(["BTC"], ["ETH"], ["SOL"], 17)

    assert message.plain == (
        "✖ No longer watching BTC, ETH\n"
        "ETH stays out of your broader watches.\n"
        "SOL was not on your watchlist."
    )
    assert [b.action for row in message.buttons for b in row] == ["v1:bring:17"]


def test_unwatching_what_was_not_watched_points_at_the_list() -> None:
    assert replies.unwatched([], [], ["SOL"]).plain.startswith("✋ Nothing to remove")


def test_how_often_it_was_is_said_where_it_is_known() -> None:
    known = replace(watched(BTC), past=replies.Past(messages=8, most=2))

    assert "In the last 90 days that was 8 messages, never more than 2 a day." in say(
        known
    )
    assert "90 days" not in say(watched(BTC))


# --------------------------------------------------------------------------- /signal


def priced(about: Asset, price: float) -> Asset:
    assert about.state is not None
    last = replace(about.state.last, price=price)
    return replace(about, state=replace(about.state, last=last))


def test_a_signal_is_grade_since_and_price() -> None:
    about = asset(
        "BTC",
        name="Bitcoin",
        categories=("layer-1",),
        state=state(BULLISH, grade=83, since=NOON - 23 * DAY, since_price=90_000),
    )
    about = priced(about, 97_200)

    message = replies.signal(
        about, is_watched=False, now=NOON, source_title="Token Metrics"
    )

    assert message.plain == (
        "🟢 BTC (Bitcoin) bullish · grade 83\n"
        "Since Oct 28 at $90,000, +8.0% since then\n"
        "Price $97,200\n"
        "Categories: layer-1\n"
        "80 and more is high conviction.\n"
        "\n"
        "Token Metrics"
    )
    assert message.stamp_style is TimeStyle.BOTH
    assert labels(message) == ["👁 Watch BTC"]


@pytest.mark.parametrize(
    ("grade", "words"),
    [
        (80.0, "high conviction"),
        (79.99, "may lack strength"),
        (60.0, "may lack strength"),
        (59.99, "neutral ground"),
        (50.0, "neutral ground"),
        (49.99, "deteriorates"),
    ],
)
def test_bands_are_half_open(grade: float, words: str) -> None:
    about = asset(state=state(BULLISH, grade=grade))

    text = replies.signal(about, is_watched=True, now=NOON, source_title="TM").plain

    assert words in text


def test_a_signal_that_stood_before_us_claims_no_beginning() -> None:
    text = replies.signal(
        asset(state=state(BULLISH)), is_watched=True, now=NOON, source_title="TM"
    ).plain

    assert "It stood already when I began to watch." in text


# ----------------------------------------------------------------------------- notices


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (
            "#ai bullish grad>=80",
            (
                "✋ I don't know the word “grad”",
                "#ai bullish ▸grad◂ >=80",
                "Did you mean grade>=80? Nothing was changed.",
            ),
        ),
        (
            "BTC grade>=800",
            (
                "✋ A grade goes from 0 to 100",
                "BTC grade ▸>=800◂",
                "Did you mean grade>=80? Nothing was changed.",
            ),
        ),
        (
            "BTC bullish bearish",
            (
                "✋ Not “bullish” and “bearish” at once",
                "BTC bullish ▸bearish◂",
                "For both directions leave both words out. Nothing was changed.",
            ),
        ),
    ],
)
def test_a_bad_condition_is_answered_as_agreed(
    typed: str, expected: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as caught:
        parse(typed)

    message = notices.wrong(caught.value)

    assert tuple(message.plain.splitlines()) == expected
    assert message.tone is Tone.TROUBLE


def test_a_watch_in_a_group_is_answered_with_a_way_into_the_private_chat() -> None:
    message = notices.go_private(["BTC"], "https://t.me/bot?start=watch_BTC")

    assert message.plain == "👁 BTC: I alert you privately, not here."
    assert labels(message) == ["Watch BTC privately"]


def test_a_group_is_greeted_without_a_sound() -> None:
    message = notices.start(PlaceKind.GROUP, source_title="TM")

    assert message.plain == (
        "👋 I post when a crypto signal flips\n"
        "Silent until an admin says /broadcast\n"
        "Information, not financial advice."
    )
    assert message.is_silent


def test_help_says_that_it_is_no_advice() -> None:
    text = notices.help_text().plain

    assert "not financial advice" in text
    for name, _, _ in notices.COMMANDS:
        assert f"/{name}" in text


def test_a_mute_says_until_when_and_what_follows() -> None:
    timed = notices.muted("BTC", mute(1, until=NOON + DAY)).plain
    open_ = notices.muted("", mute(None)).plain

    assert timed == (
        "🔕 BTC muted until Nov 21 14:00 UTC\n"
        "What changed by then comes as one message."
    )
    assert open_ == (
        "🔕 Everything muted until the next flip\nThat flip is told; lines are not."
    )


@pytest.mark.parametrize(
    ("good", "is_ok", "troubles", "title"),
    [
        (True, True, {}, "✅ All is well"),
        (True, True, {"telegram": ""}, "✅ All is well"),
        (True, True, {"telegram": "token"}, "⚠️ Running with trouble"),
        (True, False, {}, "⚠️ Running with trouble"),
        (False, False, {}, "⚠️ No grades yet"),
    ],
)
def test_status_says_in_line_1_whether_it_watches(
    good: bool, is_ok: bool, troubles: dict[str, str], title: str
) -> None:
    def poll(*, ok: bool) -> PollSummary:
        return PollSummary(
            number=1, started_at=NOON, finished_at=NOON, is_ok=ok, reason="http_500"
        )

    health = notices.Health(
        source_title="TM",
        last=poll(ok=is_ok),
        last_good=poll(ok=True) if good else None,
        troubles=troubles,
    )

    message = notices.status(health, NOON + timedelta(minutes=5))

    assert message.title.plain == title
    assert ("http_500" in message.plain) is not is_ok


def every_answer() -> list[Message]:
    result = watched(BTC, ETH, text="bullish grade>=80 80 50")
    health = notices.Health(source_title="TM", last=None, last_good=None)
    return [
        replies.watching(result, NOON),
        replies.watching(Watched(unknown=(Unknown(word="X"),)), NOON),
        replies.unwatched(["BTC"], ["ETH"], ["SOL"]),
        replies.unwatched([], [], ["SOL"]),
        *(
            replies.signal(a, is_watched=False, now=NOON, source_title="TM")
            for a in (BTC, ETH, PEPECOIN)
        ),
        notices.start(PlaceKind.PRIVATE, source_title="TM"),
        notices.start(PlaceKind.GROUP, source_title="TM"),
        notices.welcome_back(3, was_parked=True),
        notices.greeting(),
        notices.help_text(),
        notices.failed(),
        notices.go_private([], ""),
        notices.private_chat_opened(),
        notices.private_chat_closed(command="/watch BTC"),
        notices.private_chat_closed(again_action="v1:again:BTC"),
        notices.thresholds("BTC", (80, 50), was_changed=True, is_default=False),
        notices.thresholds("", (), was_changed=False, is_default=True),
        notices.muted("BTC", mute(1)),
        notices.unmuted("BTC", 1),
        notices.unmuted("", 0),
        notices.status(health, NOON),
        notices.claimed(is_new=True),
        notices.no_sample("TM"),
    ]


def test_no_answer_sounds_like_advice_and_none_is_empty() -> None:
    for message in every_answer():
        assert not FORBIDDEN.search(" ".join([message.plain, *labels(message)]))
        assert message.title.plain.strip()


def test_line_1_of_an_answer_fits_on_a_lock_screen() -> None:
    for message in every_answer():
        assert len(message.title.plain) <= 50
