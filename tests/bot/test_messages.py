"""What alerts say, word for word, and what no alert ever says."""

import re
import unicodedata
from datetime import timedelta

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NOON,
    asset,
    correction,
    crossing,
    down,
    flip,
    news,
    state,
    up,
    watch,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from strategies import SYMBOLS, any_news, decisions, sound_grades

from bot.message import Message, Table, Text, TimeStyle, Tone
from bot.messages import Setting, alert, alert_buttons, sample
from bot.model import Asset, Backdrop, Event, PlaceKind
from bot.news import Decision, News, Occasion

FORBIDDEN = re.compile(
    r"\b(buy|sell|enter|exit|should|must|recommend\w*|profit\w*|opportunity|guaranteed)"
    r"\b|!|🚀",
    re.IGNORECASE,
)
#: with eight signs the longest that a line 1 has room for
SHORT_SYMBOLS = ("A", "ETH", "DOGE", "RENDER", "1000SATS", "FARTCOIN")


def setting(kind: PlaceKind = PlaceKind.PRIVATE, **rest: object) -> Setting:
    values: dict[str, object] = {"now": NOON, "source_title": "Token Metrics"}
    return Setting(kind=kind, **(values | rest))


def say(
    *told: News,
    came_back: tuple[Asset, ...] = (),
    occasion: Occasion = Occasion.ALERT,
    muted: int = 0,
    **rest: object,
) -> Message:
    decision = Decision(occasion=occasion, news=told, came_back=came_back, muted=muted)
    return alert(decision, setting(**rest))


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


ETH = asset("ETH", state=state(BEARISH, grade=38, since=NOON))
SOL = asset("SOL", id=2, state=state(BULLISH, grade=82, since=NOON))
BTC = asset("BTC", id=3, state=state(BEARISH, grade=87, since=NOON - 48 * DAY))


def eth_flip(**rest: object) -> Event:
    values: dict[str, object] = {
        "grade_from": 71.9,
        "grade_to": 38.2,
        "price": 3412.0,
        "price_day_ago": 3412.0 / 0.95,
        "since": NOON - 24 * DAY,
        "since_price": 2880.0,
    }
    return flip(BEARISH, **(values | rest))


# --------------------------------------------------------------------- the golden texts


def test_a_bearish_flip() -> None:
    message = say(news(eth_flip(), ETH))

    assert message.plain == (
        "🔴 ETH turned bearish · grade 38, was 71\n"
        "Price $3,412, −5.0% in 24 h\n"
        "\n"
        "Bullish 24 days from $2,880: +18.5%\n"
        "\n"
        "Watch ETH · Token Metrics"
    )
    assert (message.stamp, message.stamp_style) == (NOON, TimeStyle.TIME)
    assert message.tone is Tone.BEARISH
    assert not message.is_silent


def test_a_bullish_flip_with_lines_passed_in_the_same_reading() -> None:
    event = flip(
        BULLISH,
        grade_from=44.6,
        grade_to=82.0,
        price=142.1,
        price_day_ago=142.1 / 1.063,
        since=NOON - 33 * DAY,
        since_price=170.6,
    )
    line = crossing(*up(50, 80))
    by = watch(category="layer-1", text="#layer-1")

    message = say(news(event, SOL, crossing=line, passed=line.passed, watch=by))

    assert message.plain == (
        "🟢 SOL turned bullish · grade 82, was 44\n"
        "Passed your lines 50 · 80\n"
        "Price $142.10, +6.3% in 24 h\n"
        "\n"
        "Bearish 33 days from $170.60: −16.7%\n"
        "\n"
        "SOL, by your watch layer-1 · Token Metrics"
    )
    assert message.tone is Tone.BULLISH


def test_a_late_alert_says_so_in_its_second_line() -> None:
    message = say(
        news(eth_flip(), ETH), now=NOON + timedelta(hours=2, minutes=12, seconds=30)
    )

    assert message.plain.splitlines()[:2] == [
        "🔴 ETH turned bearish · grade 38, was 71",
        "Told 2 h 12 min late",
    ]


def test_lateness_counts_from_the_moment_we_knew_not_from_the_engines_row() -> None:
    event = eth_flip(detected_at=NOON + 14 * HOUR)

    message = say(news(event, ETH), now=NOON + 14 * HOUR)

    assert "late" not in message.plain


def test_a_flip_found_after_a_gap_says_between_when() -> None:
    seen = NOON + timedelta(hours=2, minutes=20)
    event = eth_flip(gap_since=NOON, detected_at=seen)

    message = say(news(event, ETH), now=seen)

    assert message.plain.splitlines()[1] == (
        "At some moment between 14:00 UTC and 16:20 UTC: no data in between"
    )


def test_what_a_mute_held_says_that_it_was_muted() -> None:
    message = say(news(eth_flip(), ETH, held_for="muted"), now=NOON + 5 * HOUR)

    assert "Held since 14:00 UTC, it was muted" in message.plain
    assert "late" not in message.plain


def test_several_lines_crossed_upwards() -> None:
    event = crossing(
        *up(30, 50, 70, 80),
        standing=BEARISH,
        grade_from=18.7,
        grade_to=87.3,
        price=97_120,
        price_day_ago=97_120 / 1.021,
    )

    message = say(news(event, BTC))

    assert message.plain == (
        "📈 BTC grade 87, was 18\n"
        "Passed your lines 30 · 50 · 70 · 80\n"
        "Signal still 🔴 bearish since Oct 3\n"
        "Price $97,120, +2.1% in 24 h\n"
        "\n"
        "Watch BTC · Token Metrics"
    )
    assert message.is_silent


def test_several_lines_crossed_downwards() -> None:
    event = crossing(*down(30, 50, 80), grade_from=87.9, grade_to=23.9)

    lines = say(news(event, BTC)).plain.splitlines()

    assert lines[:2] == [
        "📉 BTC grade 23, was 87",
        "Fell below your lines 80 · 50 · 30",
    ]


def test_one_line_is_one_line() -> None:
    event = crossing(*up(62.5), grade_from=62.4, grade_to=62.6)

    lines = say(news(event, BTC)).plain.splitlines()

    assert lines[:2] == ["📈 BTC grade 62", "Passed your line 62.5"]


def test_a_correction_says_what_was_withdrawn_and_when() -> None:
    about = asset("ETH", state=state(BULLISH, grade=69, since=NOON - DAY))
    taken_back = NOON + timedelta(minutes=35)
    event = correction(
        flip(BEARISH), detected_at=taken_back, grade_from=38, grade_to=69.4
    )

    message = say(news(event, about), now=taken_back, reply_to="m7")

    assert message.plain == (
        "✏️ Correction: ETH is still bullish\n"
        "The engine withdrew the bearish signal of 14:00 UTC at 14:35 UTC. Grade 69.\n"
        "\n"
        "Watch ETH · Token Metrics"
    )
    assert message.reply_to == "m7"
    assert not message.is_silent


TABLE = (
    ("BTC", 71, 44, -0.031),
    ("ETH", 71, 38, -0.050),
    ("SOL", 74, 41, -0.062),
    ("TAO", 83, 47, -0.084),
    ("LINK", 66, 40, -0.055),
    ("ARB", 61, 35, -0.077),
    ("ONDO", 70, 42, -0.069),
    ("PEPE", 64, 31, -0.112),
    ("AVAX", 68, 39, -0.060),
)


def row(
    symbol: str,
    was: float,
    now: float,
    move: float,
    *,
    place: int = 0,
    to: object = BEARISH,
) -> News:
    about = asset(symbol, id=place, market_cap=1e12 - place, state=state(to))
    return news(
        flip(
            to,
            grade_from=was,
            grade_to=now,
            price=100 * (1 + move),
            price_day_ago=100,
            asset_id=place,
        ),
        about,
    )


def test_a_broad_move_is_one_table_largest_first() -> None:
    rows = [row(*r, place=n) for n, r in enumerate(TABLE, 1)]

    message = say(*reversed(rows))

    assert message.plain == (
        "🔴 9 assets turned bearish\n"
        "       grade      24 h\n"
        "BTC    71→44     −3.1%\n"
        "ETH    71→38     −5.0%\n"
        "SOL    74→41     −6.2%\n"
        "TAO    83→47     −8.4%\n"
        "LINK   66→40     −5.5%\n"
        "ARB    61→35     −7.7%\n"
        "ONDO   70→42     −6.9%\n"
        "PEPE   64→31    −11.2%\n"
        "AVAX   68→39     −6.0%\n"
        "\n"
        "One message instead of 9 · Token Metrics"
    )
    assert message.tone is Tone.BEARISH


def test_a_broad_move_both_ways_is_two_tables_the_longer_first() -> None:
    rows = [row(*r, place=n) for n, r in enumerate(TABLE[:5], 1)]
    rows += [row(*r, place=n, to=BULLISH) for n, r in enumerate(TABLE[5:7], 6)]

    message = say(*rows)

    assert message.plain.splitlines()[:2] == [
        "⚡ 7 assets flipped: 5 bearish, 2 bullish",
        "🔴 Bearish",
    ]
    assert "🟢 Bullish\n       grade      24 h\nARB    61→35" in message.plain


@pytest.mark.parametrize("bullish", [0, 1, 7, 20])
def test_a_broad_table_has_twelve_rows_and_names_every_other_asset(
    bullish: int,
) -> None:
    rows = [
        row(f"A{n}", 70, 30, -0.01, place=n, to=BULLISH if n < bullish else BEARISH)
        for n in range(20)
    ]

    message = say(*rows)

    tables = [b for b in message.body if isinstance(b, Table)]
    assert sum(len(t.rows) - 1 for t in tables) == 12
    for n in range(20):
        assert re.search(rf"\bA{n}\b", message.plain)


def test_three_flips_are_cards_not_a_table() -> None:
    rows = [row(*r, place=n) for n, r in enumerate(TABLE[:3], 1)]

    message = say(*rows)

    assert message.plain == (
        "🔴 BTC, ETH, SOL turned bearish\n"
        "🔴 BTC bearish · grade 44, was 71\n"
        "Price $96.90, −3.1% in 24 h\n"
        "\n"
        "🔴 ETH bearish · grade 38, was 71\n"
        "Price $95.00, −5.0% in 24 h\n"
        "\n"
        "🔴 SOL bearish · grade 41, was 74\n"
        "Price $93.80, −6.2% in 24 h\n"
        "\n"
        "Watches BTC, ETH, SOL · Token Metrics"
    )
    assert not message.is_silent


def test_two_flips_both_ways_say_both_in_line_1() -> None:
    message = say(news(eth_flip(), ETH), news(flip(BULLISH, asset_id=2), SOL))

    assert message.title.plain == "⚡ ETH bearish, SOL bullish"


def test_a_correction_beside_a_flip_is_not_called_a_turn() -> None:
    taken_back = news(correction(flip(BEARISH, asset_id=2)), SOL)

    message = say(news(flip(BULLISH, asset_id=3), BTC), taken_back)

    assert message.title.plain == "⚡ BTC bullish, SOL still bullish"
    assert "SOL is still bullish" in message.plain


def test_a_correction_is_no_row_of_a_table_of_flips() -> None:
    rows = [row(*r, place=n) for n, r in enumerate(TABLE[:4], 10)]
    taken_back = news(correction(flip(BEARISH, asset_id=2)), SOL)

    message = say(*rows, taken_back)

    assert message.title.plain == "🔴 4 assets turned bearish"
    assert "✏️ Correction: SOL still bullish" in message.plain


def test_three_flips_and_a_correction_are_no_broad_move() -> None:
    rows = [row(*r, place=n) for n, r in enumerate(TABLE[:3], 10)]
    taken_back = news(correction(flip(BULLISH, asset_id=1)), ETH)

    message = say(*rows, taken_back)

    assert not any(isinstance(b, Table) for b in message.body)


def test_lines_of_several_assets_are_silent_cards() -> None:
    one = crossing(*up(80), grade_from=79, grade_to=81)
    other = crossing(*down(50), asset_id=2, grade_from=51, grade_to=44)

    message = say(news(one, ETH), news(other, SOL))

    assert message.title.plain == "📈 2 grades passed your lines"
    assert "📉 SOL · grade 44, was 51\nFell below your line 50" in message.plain
    assert message.is_silent


def test_what_flipped_and_came_back_is_one_line() -> None:
    message = say(news(eth_flip(), ETH), came_back=(SOL,))

    assert "↩️ SOL flipped and came back: bullish" in message.plain


def test_whoever_was_away_reads_what_stands_now_in_one_message() -> None:
    weeks_ago = eth_flip(grade_to=12.0)
    about = asset("ETH", state=state(BEARISH, grade=38, since=NOON - 11 * DAY))
    line = crossing(*down(50), asset_id=2, grade_from=61, grade_to=47)

    message = say(
        news(weeks_ago, about, held_for="away"),
        news(line, SOL, held_for="away"),
        came_back=(BTC,),
        now=NOON + 20 * DAY,
        occasion=Occasion.AWAY,
        backdrop=Backdrop(watched=12),
    )

    assert message.title.plain == "👋 You are back: 1 of your 12 changed"
    assert message.plain.splitlines()[1:5] == [
        "🔴 ETH bearish since Nov 9 · grade 38",
        "📉 SOL · grade 47, was 61 · Fell below your line 50",
        "↩️ BTC flipped and came back: bearish",
        "",
    ]


def test_a_sample_says_that_it_is_one_and_rings() -> None:
    message = sample(ETH, eth_flip(), watch(text="ETH"), setting())

    assert message.title.plain == "SAMPLE · 🔴 ETH turned bearish · grade 38, was 71"
    assert "nothing happened" in message.plain
    assert message.buttons == ()
    assert not message.is_silent


# ----------------------------------------------------------------- what is left unsaid


def test_what_is_unknown_is_left_out_and_never_made_up() -> None:
    message = say(news(flip(BEARISH), ETH))

    assert message.plain == "🔴 ETH turned bearish\n\nWatch ETH · Token Metrics"


def test_a_grade_that_reads_the_same_is_not_told_twice() -> None:
    message = say(news(eth_flip(grade_from=38.9), ETH))

    assert message.title.plain == "🔴 ETH turned bearish · grade 38"


def test_an_older_time_of_the_engine_is_shown_with_its_date() -> None:
    message = say(news(eth_flip(), ETH), now=NOON + 2 * DAY)

    assert message.stamp_style is TimeStyle.BOTH


def test_a_signal_that_stood_at_the_baseline_claims_no_beginning() -> None:
    about = asset("BTC", state=state(BEARISH, since=None))
    event = crossing(*up(50), standing=BEARISH, grade_from=40, grade_to=60)

    assert "Signal still 🔴 bearish\n" in say(news(event, about)).plain


# ----------------------------------------------------------------------- private or not


def labels(message: Message) -> str:
    return " ".join(b.label for row_ in message.buttons for b in row_)


def test_a_private_alert_can_be_muted_and_unwatched_there_and_then() -> None:
    message = say(news(eth_flip(), ETH))

    assert labels(message) == "📈 Chart 🔍 Details 🔕 Mute 24 h ✖ Unwatch"


@pytest.mark.parametrize("kind", [PlaceKind.GROUP, PlaceKind.CHANNEL])
def test_a_post_is_silent_and_says_what_the_place_gets(kind: PlaceKind) -> None:
    by = watch(top=100, text="top100")

    message = say(news(eth_flip(), ETH, watch=by), kind=kind)

    assert message.is_silent
    assert message.plain.endswith("This place gets: top100 · Token Metrics")
    assert labels(message) == "📈 Chart 🔍 Details 👁 Watch privately"


def test_actions_fit_into_a_button_of_telegram() -> None:
    far = asset("ETH", id=2**63 - 1)

    for kind in PlaceKind:
        for line in alert_buttons(far, kind):
            assert all(len(b.action.encode()) <= 64 for b in line)


# --------------------------------------------------------------------------- properties

settings = st.builds(
    setting,
    st.sampled_from(PlaceKind),
    now=st.timedeltas(timedelta(0), timedelta(days=50)).map(lambda d: NOON + d),
)


@examples(max_examples=40)
@given(decisions(), settings)
def test_no_alert_ever_sounds_like_advice(decision: Decision, where: Setting) -> None:
    message = alert(decision, where)

    assert not FORBIDDEN.search(message.plain + labels(message))


@examples(max_examples=40)
@given(decisions(), settings)
def test_every_alert_names_every_asset_it_tells_of_and_the_engine(
    decision: Decision, where: Setting
) -> None:
    message = alert(decision, where)

    shown = message.plain
    for item in decision.news:
        symbol = item.asset.symbol
        assert symbol in shown or f"{symbol[:12]}…" in shown
    assert message.footer is not None
    assert message.footer.plain.endswith("Token Metrics")
    assert message.title.plain.strip()


@examples(max_examples=40)
@given(decisions(), settings)
def test_a_place_that_is_not_private_gets_no_sound_and_no_personal_button(
    decision: Decision, where: Setting
) -> None:
    message = alert(decision, where)

    if where.kind is not PlaceKind.PRIVATE:
        assert message.is_silent
        assert "Mute" not in labels(message)
        assert "Unwatch" not in labels(message)


@examples(max_examples=40)
@given(decisions(), settings)
def test_only_what_turned_makes_a_sound(decision: Decision, where: Setting) -> None:
    if all(n.change is None for n in decision.news):
        message = alert(decision, where)
        is_away = any(n.held_for == "away" for n in decision.news)
        assert message.is_silent or is_away


@examples(max_examples=40)
@given(decisions(), settings)
def test_no_table_is_wider_than_thirty_columns(
    decision: Decision, where: Setting
) -> None:
    for block in alert(decision, where).body:
        if isinstance(block, Table):
            assert len(block.rows) <= 13
            assert max(columns(r) for r in block.rows) <= 30


@examples(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(categories=["L", "N", "S"]), min_size=1, max_size=30),
            st.floats(0, 100),
            st.floats(0, 100),
            st.floats(-1, 1e12),
        ),
        min_size=4,
        max_size=14,
    )
)
def test_no_symbol_and_no_figure_makes_a_table_wider(
    rows: list[tuple[str, float, float, float]],
) -> None:
    message = say(*[row(*r, place=n) for n, r in enumerate(rows, 1)])

    (table,) = [b for b in message.body if isinstance(b, Table)]
    assert max(columns(r) for r in table.rows) <= 30


@given(any_news(), settings, st.sampled_from(SHORT_SYMBOLS))
def test_line_1_of_a_single_alert_has_forty_columns_at_most(
    item: News, where: Setting, symbol: str
) -> None:
    about = asset(symbol, state=item.asset.state)
    single = news(
        item.event,
        about,
        change=item.change,
        crossing=item.crossing,
        passed=item.passed,
        watch=item.watch,
    )

    title = alert(Decision(news=(single,)), where).title.plain

    assert columns(title) <= 40
    assert symbol in title


@given(sound_grades, sound_grades, st.sampled_from(SHORT_SYMBOLS))
def test_line_1_of_a_flip_says_turn_and_grade_whatever_they_are(
    was: float, now: float, symbol: str
) -> None:
    event = flip(BEARISH, grade_from=was, grade_to=now)

    title = say(news(event, asset(symbol))).title.plain

    assert f"{symbol} turned bearish · " in title
    assert re.search(rf"\b{int(now)}\b", title)


@examples(max_examples=40)
@given(decisions(), settings)
def test_no_line_holds_a_hash_word_that_telegram_would_link(
    decision: Decision, where: Setting
) -> None:
    message = alert(decision, where)

    for line in [message.title, message.footer, *message.body]:
        if line is None or isinstance(line, Table):
            continue
        for span in line.spans:
            assert not isinstance(span, Text) or not re.search(r"[#$][a-z]", span.text)


def test_the_symbols_of_these_tests_are_not_forbidden_themselves() -> None:
    assert not FORBIDDEN.search(" ".join(SYMBOLS))
