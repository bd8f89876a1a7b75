"""The web's card: everything escaped, nothing cut off, times as elements."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_messages import AS_OF, BEARISH, BROAD, WATCHING

from bot.message import (
    Button,
    Line,
    Message,
    Moment,
    Style,
    Table,
    Text,
    TimeStyle,
    Tone,
    bold,
    line,
)
from handlers.web.render import buttons, plain, render

ALLOWED = {
    "p": {"class"},
    "div": {"class"},
    "pre": {"class", "tabindex"},
    "strong": set(),
    "em": set(),
    "code": set(),
    "time": {"datetime", "data-style"},
}


class Card(HTMLParser):
    """Reads a card; fails on whatever is not allowed in one."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.words = ""
        self.tags: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        assert {name for name, _ in attrs} <= ALLOWED[tag]
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def test_alert_becomes_one_part_with_all_its_words():
    (part,) = render(BEARISH)

    assert part["title"] == "🔴 ETH turned bearish · grade 38, was 71"
    assert part["text"] == (
        "🔴 ETH turned bearish · grade 38, was 71\n"
        "Price $3,412, −5.0% in 24 h\n"
        "\n"
        "Bullish 24 days from $2,880: +18.5%\n"
        "✓ grade below 50 · volume fading\n"
        "✗ BTC still bullish · no high nearby\n"
        "Price followed 5 of the last 9 ETH signals\n"
        "\n"
        "Watch ETH · Token Metrics · 14:00 UTC"
    )
    assert part["tone"] == "bearish"
    assert part["is_silent"] is False
    assert part["stamp"] == "2026-11-20T14:00:00+00:00"
    assert part["buttons"][1] == [
        {"label": "🔕 Mute 24 h", "action": "v1:mute24:17"},
        {"label": "✖ Unwatch", "action": "v1:unwatch:17"},
    ]


def test_a_moment_is_an_element_the_page_can_turn_into_local_time():
    (part,) = render(Message(title=line("Since ", Moment(AS_OF, TimeStyle.DATE))))

    assert (
        '<time datetime="2026-11-20T14:00:00+00:00" data-style="D">Nov 20</time>'
        in part["html"]
    )


def test_the_stamp_alone_makes_a_footer():
    (part,) = render(Message(title=line("x"), stamp=AS_OF))

    assert part["html"].endswith('data-style="t">14:00 UTC</time></p>')
    assert '<p class="footer"><time' in part["html"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</p></div><iframe>",
        "a & b &lt; 'c'",
        "<!-- x -->",
    ],
)
def test_markup_in_words_stays_words(text):
    message = Message(
        title=line(bold(text)),
        body=(line(text), Table((text,))),
        footer=line(text),
        buttons=((Button(text, "v1:x"),),),
    )

    (part,) = render(message)

    card = Card(part["html"])
    assert card.words == text * 4
    assert card.tags == ["p", "strong", "div", "div", "pre", "p"]
    assert part["buttons"][0][0]["label"] == text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "//example.org/x",
        "https:",
        "http://[",
        "",
    ],
)
def test_button_that_is_no_web_link_is_left_out(url):
    assert buttons([[Button("x", url=url)]]) == []


def test_web_link_is_kept():
    shown = buttons([[Button("Site", url="https://example.org/eth")]])

    assert shown == [[{"label": "Site", "url": "https://example.org/eth"}]]


def test_table_keeps_its_columns_and_can_be_scrolled_by_keyboard():
    (part,) = render(BROAD)

    assert '<pre class="table" tabindex="0">       grade      24 h\n' in part["html"]
    assert "BTC    71→44     −3.1%\n" in part["html"]


def test_an_empty_line_is_a_gap():
    (part,) = render(WATCHING)

    assert part["html"].count('<div class="line gap"></div>') == 2


def test_nothing_is_cut_off_however_long():
    rows = tuple(f"row {i}" for i in range(5000))

    (part,) = render(Message(title=line("x"), body=(Table(rows),)))

    assert part["text"].endswith("row 4999")
    assert "row 4999</pre>" in part["html"]


def test_plain_part_has_the_same_words_without_markup():
    (part,) = render(BEARISH)

    shown = plain(part)

    card = Card(shown["html"])
    assert "strong" not in card.tags and "time" not in card.tags
    assert card.words.startswith("🔴 ETH turned bearish")
    assert "Watch ETH · Token Metrics · 14:00 UTC" in card.words
    assert shown["buttons"] == part["buttons"]


words = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["<script>", "</p>", "&", '"', "'", "\ud800", "\x00", "<time", "]]>", "<!--"]
)
spans = st.builds(Text, words, st.sampled_from(Style)) | st.builds(
    Moment, st.just(AS_OF), st.sampled_from(TimeStyle)
)
lines = st.lists(spans, max_size=4).map(lambda found: Line(tuple(found)))
tables = st.lists(words, max_size=4).map(lambda rows: Table(tuple(rows)))
messages = st.builds(
    Message,
    title=lines,
    body=st.lists(lines | tables, max_size=5).map(tuple),
    footer=st.none() | lines,
    stamp=st.none() | st.just(AS_OF),
    tone=st.sampled_from(Tone),
    is_silent=st.booleans(),
    buttons=st.lists(
        st.lists(st.builds(Button, words, words, words), max_size=3).map(tuple),
        max_size=2,
    ).map(tuple),
)


@given(messages)
def test_whatever_is_said_gives_only_allowed_tags_and_plain_json(message):
    (part,) = render(message)

    Card(part["html"])
    Card(plain(part)["html"])
    json.dumps(part, ensure_ascii=False).encode()
    assert "\x00" not in part["text"]


@given(messages)
def test_the_card_says_every_word_that_was_said(message):
    (part,) = render(replace(message, stamp=None))

    shown = "".join(Card(part["html"]).words.split())
    assert shown == "".join(part["text"].split())
