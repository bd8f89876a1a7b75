"""Messages become Telegram's HTML, word for word, within every limit."""

import json
import re
from datetime import UTC, datetime

import pytest
from fake_telegram_html import parse_html, utf16
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.message import (
    Button,
    Line,
    Message,
    Moment,
    Style,
    Table,
    Text,
    TimeStyle,
    bold,
    code,
    italic,
    line,
)
from handlers.telegram.render import render, render_buttons

AT_14 = datetime(2026, 11, 20, 14, tzinfo=UTC)
TIME_14 = '<tg-time unix="1795183200" format="t">14:00 UTC</tg-time>'


def only(message: Message, **options: bool) -> dict:
    (part,) = render(message, **options)
    return part


def test_a_flip_looks_as_agreed():
    message = Message(
        title=line("🔴 ", bold("ETH turned bearish"), " · grade 38, was 71"),
        body=(
            line("Price $3,412, −5.0% in 24 h"),
            line(),
            line("Bullish 24 days from $2,880: ", bold("+18.5%")),
        ),
        footer=line("Watch ETH · Token Metrics"),
        stamp=AT_14,
        buttons=(
            (Button("🔍 Details", "v1:why:7"),),
            (Button("🔕 Mute 24 h", "v1:mute24:7"), Button("✖ Unwatch", "v1:un:7")),
        ),
        reply_to="41",
    )

    part = only(message)

    assert part == {
        "text": (
            "🔴 <b>ETH turned bearish</b> · grade 38, was 71\n"
            "Price $3,412, −5.0% in 24 h\n"
            "\n"
            "Bullish 24 days from $2,880: <b>+18.5%</b>\n"
            "\n"
            f"<i>Watch ETH · Token Metrics · {TIME_14}</i>"
        ),
        "parse_mode": "HTML",
        "plain": (
            "🔴 ETH turned bearish · grade 38, was 71\n"
            "Price $3,412, −5.0% in 24 h\n"
            "\n"
            "Bullish 24 days from $2,880: +18.5%\n"
            "\n"
            "Watch ETH · Token Metrics · 14:00 UTC"
        ),
        "disable_notification": False,
        "link_preview_options": {"is_disabled": True},
        "reply_to": "41",
        "reply_markup": {
            "inline_keyboard": [
                [{"text": "🔍 Details", "callback_data": "v1:why:7"}],
                [
                    {"text": "🔕 Mute 24 h", "callback_data": "v1:mute24:7"},
                    {"text": "✖ Unwatch", "callback_data": "v1:un:7"},
                ],
            ]
        },
    }


def test_a_crossing_is_silent_and_shows_dates_on_the_readers_clock():
    message = Message(
        title=line("📈 ", bold("BTC grade 87"), ", was 18"),
        body=(
            line("Passed your lines 30 · 50 · 70 · 80"),
            line(
                "Signal still 🔴 bearish since ",
                Moment(datetime(2026, 10, 3, tzinfo=UTC), TimeStyle.DATE),
            ),
        ),
        footer=line("Token Metrics"),
        stamp=AT_14,
        is_silent=True,
    )

    part = only(message)

    assert part["disable_notification"] is True
    assert part["text"] == (
        "📈 <b>BTC grade 87</b>, was 18\n"
        "Passed your lines 30 · 50 · 70 · 80\n"
        "Signal still 🔴 bearish since "
        '<tg-time unix="1790985600" format="D">Oct 3</tg-time>\n'
        "\n"
        f"<i>Token Metrics · {TIME_14}</i>"
    )


def test_a_broad_move_is_one_fixed_width_table():
    message = Message(
        title=line("🔴 ", bold("2 of your 12 turned bearish")),
        body=(
            line("Market 31% bullish, before 68%"),
            line(),
            Table(
                (
                    "       grade      24 h",
                    "BTC    71→44     −3.1%",
                    "ETH    71→38     −5.0%",
                )
            ),
            line("As before: TON, RENDER bullish · ENA bearish"),
        ),
        footer=line("One message instead of 2"),
        stamp=AT_14,
    )

    assert only(message)["text"] == (
        "🔴 <b>2 of your 12 turned bearish</b>\n"
        "Market 31% bullish, before 68%\n"
        "\n"
        "<pre>       grade      24 h\n"
        "BTC    71→44     −3.1%\n"
        "ETH    71→38     −5.0%</pre>\n"
        "As before: TON, RENDER bullish · ENA bearish\n"
        "\n"
        f"<i>One message instead of 2 · {TIME_14}</i>"
    )


def test_the_reply_to_a_first_watch_looks_as_agreed():
    message = Message(
        title=line("👁 ", bold("Watching BTC, ETH")),
        body=(
            line("🔴 ETH bearish · 38 · since ", Moment(AT_14)),
            line(),
            line("❌ FARTCOINN: not known. Did you mean FARTCOIN?"),
        ),
        buttons=((Button("Add FARTCOIN", "v1:add:9"),),),
    )

    part = only(message)

    assert part["text"] == (
        "👁 <b>Watching BTC, ETH</b>\n"
        f"🔴 ETH bearish · 38 · since {TIME_14}\n"
        "\n"
        "❌ FARTCOINN: not known. Did you mean FARTCOIN?"
    )
    assert "reply_to" not in part


def test_a_group_is_answered_with_a_link_into_the_private_chat():
    link = "https://t.me/FlipwatchBot?start=watch_BTC"
    message = Message(
        title=line("👁 BTC: I alert you privately, not here."),
        buttons=((Button("Watch BTC privately", url=link),),),
    )

    part = only(message)

    assert part["text"] == "👁 BTC: I alert you privately, not here."
    assert part["reply_markup"] == {
        "inline_keyboard": [[{"text": "Watch BTC privately", "url": link}]]
    }


def test_an_ambiguous_symbol_is_asked_about():
    message = Message(
        title=line("❓ ", bold("Which PEPE?")),
        body=(
            line("1. Pepe · market cap $4.1b · grade 31"),
            line("Nothing is watched until you choose."),
        ),
        buttons=((Button("1 Pepe", "v1:pick:1"), Button("Neither", "v1:pick:0")),),
    )

    assert only(message)["text"] == (
        "❓ <b>Which PEPE?</b>\n"
        "1. Pepe · market cap $4.1b · grade 31\n"
        "Nothing is watched until you choose."
    )


def test_names_are_never_markup_nor_a_mention():
    message = Message(
        title=line(bold("<b>&amp;"), " by @somebody "), body=(Table(("</pre>&",)),)
    )

    text = str(only(message)["text"])

    assert text == (
        "<b>&lt;b&gt;&amp;amp;</b> by @\u2060somebody \n<pre>&lt;/pre&gt;&amp;</pre>"
    )


def test_a_name_with_line_breaks_or_broken_characters_stays_on_its_line():
    message = Message(title=line("ETH\r\nturned\x00 \ud83d bearish"))

    assert only(message)["text"] == "ETH turned  \ufffd bearish"


def test_code_stands_outside_the_footers_italics():
    message = Message(title=line("x"), footer=line("say ", code("/mute"), " to end"))

    text = str(only(message)["text"])

    assert text == "x\n\n<i>say </i><code>/mute</code><i> to end</i>"


@pytest.mark.parametrize(
    ("style", "letters"),
    [
        (TimeStyle.TIME, "t"),
        (TimeStyle.DATE, "D"),
        (TimeStyle.BOTH, "dt"),
        (TimeStyle.RELATIVE, "r"),
    ],
)
def test_every_time_style_is_one_telegram_knows(style: TimeStyle, letters: str):
    text = str(only(Message(title=line(Moment(AT_14, style))))["text"])

    assert f'format="{letters}"' in text
    assert parse_html(text)[1][0]["date_time_format"] == letters


def test_an_old_server_gets_the_times_written_out():
    message = Message(title=line(bold("x")), stamp=AT_14)

    part = only(message, knows_time_entities=False)

    assert part["text"] == "<b>x</b>\n\n<i>14:00 UTC</i>"


def test_a_long_message_is_split_between_lines_and_rings_once():
    lines = tuple(line(f"line {n} ", bold("x" * 40)) for n in range(200))
    message = Message(
        title=line("title"),
        body=lines,
        buttons=((Button("More", "v1:more"),),),
        reply_to="7",
    )

    parts = render(message)

    assert len(parts) == 3
    assert [p["disable_notification"] for p in parts] == [False, True, True]
    assert [p.get("reply_to") for p in parts] == ["7", None, None]
    assert ["reply_markup" in p for p in parts] == [False, False, True]
    joined = "\n".join(str(p["plain"]) for p in parts)
    assert joined.split("\n") == [
        "title",
        *(f"line {n} {'x' * 40}" for n in range(200)),
    ]


def test_a_table_that_is_split_is_closed_and_opened_again():
    rows = tuple(f"ROW{n:04} {'·' * 22}" for n in range(200))

    parts = render(Message(title=line("t"), body=(Table(rows),)))

    assert len(parts) == 2
    assert all(str(p["text"]).count("<pre>") == 1 for p in parts)
    assert all(str(p["text"]).endswith("</pre>") for p in parts)


def test_a_single_endless_word_is_cut_between_characters():
    word = "𝛺" * 5000

    parts = render(Message(title=line(bold(word))))

    assert "".join(str(p["plain"]) for p in parts) == word
    assert all(utf16(str(p["plain"])) <= 4096 for p in parts)
    assert all(str(p["text"]).startswith("<b>") for p in parts)


def test_more_formatting_than_telegram_keeps_starts_a_new_part():
    parts = render(Message(title=line("t"), body=(line(bold("x"), "y"),) * 150))

    assert len(parts) == 2


def test_wide_rows_of_buttons_continue_below():
    buttons = tuple(Button(str(n), f"v1:{n}") for n in range(10))

    keyboard = render_buttons((buttons,))

    assert keyboard is not None
    assert [len(row) for row in keyboard["inline_keyboard"]] == [8, 2]


def test_buttons_that_telegram_refuses_are_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
):
    rows = ((Button("a", "x" * 65), Button("b"), Button(" ", "c"), Button("d", "e")),)

    keyboard = render_buttons(rows)

    assert keyboard == {"inline_keyboard": [[{"text": "d", "callback_data": "e"}]]}
    assert "Buttons were left out" in caplog.text


def test_a_message_without_a_visible_word_is_still_one_telegram_takes():
    assert only(Message(title=line(" "), body=(line(),)))["plain"] == "·"


# ---------------------------------------------------------------- whatever the texts

words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["<b>", "</pre>", "&lt;", '"', "@name", "\ud800", " ", "🔴" * 9]),
)
texts = st.builds(lambda w, n: w * n, words, st.sampled_from([1, 1, 1, 1, 5, 400]))
spans = st.one_of(
    st.builds(Text, texts, st.sampled_from(Style)),
    st.builds(
        Moment,
        st.datetimes(
            min_value=datetime(2001, 1, 1), max_value=datetime(2090, 1, 1)
        ).map(lambda d: d.replace(tzinfo=UTC)),
        st.sampled_from(TimeStyle),
    ),
)
lines = st.lists(spans, max_size=5).map(lambda s: Line(tuple(s)))
tables = st.lists(texts, max_size=9).map(lambda rows: Table(tuple(rows)))
buttons = st.builds(Button, st.text(max_size=9), st.text(max_size=70))
messages = st.builds(
    Message,
    title=lines,
    body=st.lists(lines | tables, max_size=8).map(tuple),
    footer=st.none() | lines,
    stamp=st.none() | st.just(AT_14),
    buttons=st.lists(st.lists(buttons, max_size=10), max_size=12),
    reply_to=st.sampled_from(["", "12"]),
)


def letters(text: str) -> str:
    """Everything but white space, what is replaced, and the guard against mentions."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2060\ufffd\ud800-\udfff]", "", text)


@given(messages)
def test_every_part_is_within_the_limits_and_valid_html(message: Message):
    for part in render(message):
        text, entities = parse_html(str(part["text"]))

        assert 1 <= utf16(text) <= 4096
        assert len(entities) <= 100
        assert text == str(part["plain"]).strip()
        assert not re.search(r"@\w", text) or {"code", "pre"} & {
            e["type"] for e in entities
        }
        json.dumps(part, allow_nan=False).encode()


@given(messages)
def test_nothing_is_cut_silently(message: Message):
    told = "".join(str(part["plain"]) for part in render(message))

    expected = letters(message.plain)
    if message.stamp:
        expected += letters(
            ("· " if message.footer and message.footer.plain else "") + "14:00 UTC"
        )
    assert letters(told).replace("·", "") == expected.replace("·", "")


@settings(max_examples=40)
@given(messages)
def test_keyboards_are_within_the_limits(message: Message):
    keyboard = render(message)[-1].get("reply_markup")

    rows = keyboard["inline_keyboard"] if isinstance(keyboard, dict) else []
    assert sum(len(row) for row in rows) <= 100
    assert all(1 <= len(row) <= 8 for row in rows)
    assert all(
        1 <= len(b["callback_data"].encode()) <= 64 and b["text"].strip()
        for row in rows
        for b in row
    )


@settings(max_examples=40)
@given(messages)
def test_rendering_without_time_entities_loses_only_the_tags(message: Message):
    new, old = render(message), render(message, knows_time_entities=False)

    assert [p["plain"] for p in new] == [p["plain"] for p in old]
    for part in old:
        parse_html(str(part["text"]), knows_time=False)


def test_italics_in_the_footer_do_not_nest():
    message = Message(title=line("x"), footer=line(italic("held"), " since noon"))

    assert only(message)["text"] == "x\n\n<i>held since noon</i>"
