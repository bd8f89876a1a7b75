"""Messages as Discord's request bodies: the agreed shapes, the limits, the escaping."""

import re
from datetime import UTC, datetime

import pytest
from fake_discord_rules import Facts, message_faults
from hypothesis import given
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
    Tone,
    bold,
    code,
    line,
)
from handlers.discord.markdown import ZERO_WIDTH, escape, to_markdown, to_plain, width
from handlers.discord.render import (
    CONTENT_MAX,
    DESCRIPTION_MAX,
    FOOTER_MAX,
    action_rows,
    body_of,
    render,
)

FACTS = Facts()
NOON = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def day(unix: int, style: TimeStyle = TimeStyle.DATE) -> Moment:
    return Moment(datetime.fromtimestamp(unix, UTC), style)


def actions(*pairs: tuple[str, str]) -> tuple[Button, ...]:
    return tuple(Button(label, action) for label, action in pairs)


def row(*pairs: tuple[str, str]) -> dict:
    return {
        "type": 1,
        "components": [
            {"type": 2, "style": 2, "label": label, "custom_id": action}
            for label, action in pairs
        ],
    }


def body(message: Message) -> dict:
    (part,) = render(message)
    return body_of(part)


def faults(part: dict) -> list[str]:
    sent = body_of(part) | {"nonce": "n1", "enforce_nonce": True}
    shape = FACTS.check("POST /channels/{channel_id}/messages", sent)
    return [str(f) for f in (*shape, *message_faults(sent, is_private_ok=False))]


# ----------------------------------------------------------------- the agreed shapes


def test_a_flip_in_a_direct_message_looks_as_agreed():
    message = Message(
        title=line("🔴 ", bold("ETH turned bearish"), " · grade 38, was 71"),
        body=(
            line("Price $3,412, −5.0% in 24 h"),
            line("Bullish 24 days from $2,880: ", bold("+18.5%")),
            line("✓ grade below 50 · volume fading"),
            line("✗ BTC still bullish · no high nearby"),
            line("Price followed 5 of the last 9 ETH signals"),
        ),
        footer=line("Your watch: ETH · Token Metrics"),
        stamp=NOON,
        buttons=(
            actions(("Chart", "v1:chart:k3f9"), ("Details", "v1:why:k3f9")),
            actions(("Mute 24 h", "v1:mute24:k3f9"), ("Unwatch", "v1:unwatch:k3f9")),
        ),
        tone=Tone.BEARISH,
    )

    assert body(message) == {
        "content": "🔴 **ETH turned bearish** · grade 38, was 71",
        "embeds": [
            {
                "description": "Price $3,412, −5.0% in 24 h\n"
                "Bullish 24 days from $2,880: **+18.5%**\n"
                "✓ grade below 50 · volume fading\n"
                "✗ BTC still bullish · no high nearby\n"
                "Price followed 5 of the last 9 ETH signals",
                "color": 14042437,
                "footer": {"text": "Your watch: ETH · Token Metrics"},
                "timestamp": "2026-11-20T14:00:00Z",
            }
        ],
        "components": [
            row(
                ("Chart", "v1:chart:k3f9"),
                ("Details", "v1:why:k3f9"),
                ("Mute 24 h", "v1:mute24:k3f9"),
                ("Unwatch", "v1:unwatch:k3f9"),
            )
        ],
        "allowed_mentions": {"parse": []},
    }


def test_several_crossed_lines_look_as_agreed_and_are_silent():
    message = Message(
        title=line(
            "📈 ", bold("BTC grade 87"), ", was 18 · passed your lines 30, 50, 70, 80"
        ),
        body=(
            line("Signal still 🔴 bearish since ", day(1790985600)),
            line("Price $97,120, +2.1% in 24 h"),
        ),
        footer=line("Your watch: BTC 30 50 70 80 · Token Metrics"),
        stamp=datetime(2026, 11, 20, tzinfo=UTC),
        buttons=(
            actions(("Chart", "v1:chart:k3fa"), ("Details", "v1:why:k3fa")),
            actions(("Change lines", "v1:lines:k3fa")),
        ),
        is_silent=True,
    )

    assert body(message) == {
        "content": "📈 **BTC grade 87**, was 18 · passed your lines 30, 50, 70, 80",
        "embeds": [
            {
                "description": "Signal still 🔴 bearish since <t:1790985600:D>\n"
                "Price $97,120, +2.1% in 24 h",
                "color": 9082022,
                "footer": {"text": "Your watch: BTC 30 50 70 80 · Token Metrics"},
                "timestamp": "2026-11-20T00:00:00Z",
            }
        ],
        "components": [
            row(
                ("Chart", "v1:chart:k3fa"),
                ("Details", "v1:why:k3fa"),
                ("Change lines", "v1:lines:k3fa"),
            )
        ],
        "allowed_mentions": {"parse": []},
        "flags": 4096,
    }


def test_a_broad_move_looks_as_agreed():
    rows = (
        "       grade      24 h",
        "BTC    71→44     −3.1%",
        "PEPE   64→31    −11.2%",
    )
    message = Message(
        title=line(
            "🔴 ",
            bold("9 of your 12 turned bearish"),
            " · market 31% bullish",
        ),
        body=(
            Table(rows),
            line(),
            line("As before: TON, RENDER bullish · ENA bearish"),
        ),
        footer=line("One message instead of 9 · Token Metrics"),
        stamp=NOON,
        buttons=(actions(("Market", "v1:market"), ("Details", "v1:why:k3fb")),),
        tone=Tone.BEARISH,
    )

    assert body(message) == {
        "content": "🔴 **9 of your 12 turned bearish** · market 31% bullish",
        "embeds": [
            {
                "description": "```\n       grade      24 h\nBTC    71→44     −3.1%\n"
                "PEPE   64→31    −11.2%\n```\n"
                "As before: TON, RENDER bullish · ENA bearish",
                "color": 14042437,
                "footer": {"text": "One message instead of 9 · Token Metrics"},
                "timestamp": "2026-11-20T14:00:00Z",
            }
        ],
        "components": [row(("Market", "v1:market"), ("Details", "v1:why:k3fb"))],
        "allowed_mentions": {"parse": []},
    }


def test_closed_direct_messages_are_told_as_agreed():
    message = Message(
        title=line("⚠️ ", bold("Watching BTC, ETH, SOL, but I cannot reach you")),
        body=(
            line(
                "Your direct messages from this server are closed,"
                " so no alert would arrive."
            ),
            line(
                "Open them (server name → Privacy settings → Direct messages),"
                " then press Try again."
            ),
        ),
        buttons=(
            actions(("Try again", "v1:dmtest"), ("Remove the watches", "v1:undo:k3fd")),
        ),
        tone=Tone.TROUBLE,
        is_private=True,
    )

    assert body(message) == {
        "content": "⚠️ **Watching BTC, ETH, SOL, but I cannot reach you**",
        "embeds": [
            {
                "description": "Your direct messages from this server are closed,"
                " so no alert would arrive.\n"
                "Open them (server name → Privacy settings → Direct messages),"
                " then press Try again.",
                "color": 14721280,
            }
        ],
        "components": [
            row(("Try again", "v1:dmtest"), ("Remove the watches", "v1:undo:k3fd"))
        ],
        "allowed_mentions": {"parse": []},
    }


def test_the_reply_to_watch_looks_as_agreed():
    message = Message(
        title=line(
            "👁 ", bold("Watching BTC, ETH, SOL"), " · alerts come as direct messages"
        ),
        body=(
            line("🟢 BTC bullish · 83 · since ", day(1793145600)),
            line("🔴 ETH bearish · 38 · since ", day(1795183200, TimeStyle.TIME)),
            line(),
            line("I write when one of them flips."),
        ),
        buttons=(actions(("Quiet hours", "v1:quiet")),),
    )

    assert body(message) == {
        "content": "👁 **Watching BTC, ETH, SOL** · alerts come as direct messages",
        "embeds": [
            {
                "description": "🟢 BTC bullish · 83 · since <t:1793145600:D>\n"
                "🔴 ETH bearish · 38 · since <t:1795183200:t>\n"
                "I write when one of them flips.",
                "color": 9082022,
            }
        ],
        "components": [row(("Quiet hours", "v1:quiet"))],
        "allowed_mentions": {"parse": []},
    }


def test_an_ambiguous_symbol_is_asked_as_agreed():
    message = Message(
        title=line("❓ ", bold("Which PEPE?")),
        body=(
            line("1. Pepe · market cap $4.1b · grade 31"),
            line("2. PepeCoin · market cap $38m · no grade yet"),
            line("Nothing is watched until you choose."),
        ),
        buttons=(
            actions(
                ("1 Pepe", "v1:pick:4102:k3fe"), ("2 PepeCoin", "v1:pick:9917:k3fe")
            ),
            actions(("Neither", "v1:pick:none:k3fe")),
        ),
    )

    assert body(message) == {
        "content": "❓ **Which PEPE?**",
        "embeds": [
            {
                "description": "1. Pepe · market cap $4.1b · grade 31\n"
                "2. PepeCoin · market cap $38m · no grade yet\n"
                "Nothing is watched until you choose.",
                "color": 9082022,
            }
        ],
        "components": [
            row(
                ("1 Pepe", "v1:pick:4102:k3fe"),
                ("2 PepeCoin", "v1:pick:9917:k3fe"),
                ("Neither", "v1:pick:none:k3fe"),
            )
        ],
        "allowed_mentions": {"parse": []},
    }


def test_a_bad_condition_is_pointed_at_as_agreed():
    message = Message(
        title=line("✋ ", bold("I don't know the word “grad”")),
        body=(
            line(code("#ai bullish ▸grad◂ >=80")),
            line("Did you mean ", code("grade>=80"), "? Nothing was changed."),
        ),
        buttons=(actions(("Yes, grade>=80", "v1:fix:k3ff")),),
        tone=Tone.TROUBLE,
    )

    assert body(message) == {
        "content": "✋ **I don't know the word “grad”**",
        "embeds": [
            {
                "description": "`#ai bullish ▸grad◂ >=80`\n"
                "Did you mean `grade>=80`? Nothing was changed.",
                "color": 14721280,
            }
        ],
        "components": [row(("Yes, grade>=80", "v1:fix:k3ff"))],
        "allowed_mentions": {"parse": []},
    }


def test_a_title_alone_needs_no_embed():
    assert body(Message(title=line("👋 hello"))) == {
        "content": "👋 hello",
        "allowed_mentions": {"parse": []},
    }


def test_the_end_of_trouble_is_green():
    message = Message(title=line("✅"), body=(line("back"),), tone=Tone.OVER)

    assert body(message)["embeds"][0]["color"] == 3055195


def test_an_answer_quotes_the_message_only_in_its_first_part():
    message = Message(
        title=line("answer"),
        body=tuple(line("x" * 1000) for _ in range(6)),
        reply_to="1234",
    )

    first, second = render(message)

    assert first["message_reference"] == {
        "message_id": "1234",
        "fail_if_not_exists": False,
    }
    assert "message_reference" not in second


# ------------------------------------------------------------------------- buttons


def test_more_than_five_buttons_keep_their_rows():
    pairs = [(f"b{i}", f"v1:{i}") for i in range(9)]

    rows = action_rows((actions(*pairs[:7]), actions(*pairs[7:])))

    assert rows == [row(*pairs[:5]), row(*pairs[5:7]), row(*pairs[7:])]


def test_a_link_is_a_link_button():
    rows = action_rows(((Button("Site", url="https://example.com/btc"),),))

    assert rows[0]["components"] == [
        {"type": 2, "style": 5, "label": "Site", "url": "https://example.com/btc"}
    ]


def test_more_buttons_than_a_message_holds_come_in_a_further_part():
    rows = tuple(actions((f"b{i}", f"v1:{i}")) for i in range(8))

    parts = render(Message(title=line("pick"), buttons=rows))

    assert [len(p["components"]) for p in parts] == [5, 3]
    assert [p["content"] for p in parts] == ["pick", "… 2 of 2"]


@pytest.mark.parametrize(
    "button",
    [
        pytest.param(Button("x" * 81, "v1:a"), id="label too long"),
        pytest.param(Button("", "v1:a"), id="no label"),
        pytest.param(Button("a", "v1:" + "x" * 98), id="action too long"),
        pytest.param(Button("a"), id="neither action nor link"),
        pytest.param(Button("a", url="https://e.com/" + "x" * 500), id="link too long"),
    ],
)
def test_a_button_discord_cannot_hold_is_refused(button):
    with pytest.raises(ValueError, match="a button's"):
        action_rows(((button,),))


# ------------------------------------------------------------------------ escaping


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "**bold** _it_ ~~no~~ ||spoil||",
            r"\*\*bold\*\* \_it\_ \~\~no\~\~ \|\|spoil\|\|",
        ),
        ("a`b`", r"a\`b\`"),
        ("[buy](https://evil.example)", r"\[buy](https\://evil.example)"),
        ("@everyone", f"@{ZERO_WIDTH}everyone"),
        ("<@1> <@&2> <#3>", rf"\<@{ZERO_WIDTH}1> \<@{ZERO_WIDTH}&2> \<{ZERO_WIDTH}#3>"),
        ("<t:1:R> :smile:", r"\<t\:1:R> \:smile:"),
        ("discord.gg/abc", r"discord\.gg/abc"),
        ("two\nlines", "two lines"),
        ("back\\slash", r"back\\slash"),
        ("$2,880: −5.0% · 14:00", "$2,880: −5.0% · 14:00"),
    ],
)
def test_words_are_shown_as_they_are(text, shown):
    assert escape(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("# big", r"\# big"), ("-# small", r"\-# small"), ("- item", r"\- item"),
     ("> quote", r"\> quote"), ("  # big", r"  \# big"), ("1. Pepe", "1. Pepe")],
)  # fmt: skip
def test_a_line_begins_no_heading_list_or_quotation(text, shown):
    assert to_markdown(line(text)) == shown


def test_words_side_by_side_in_one_style_share_its_marks():
    assert to_markdown(line(bold("a"), bold("b"))) == "**ab**"
    assert to_markdown(line("http:", "//x")) == r"http\://x"


def test_two_styles_side_by_side_stay_apart():
    spans = line(bold("a"), Text("b", Style.ITALIC))

    assert to_markdown(spans) == f"**a**{ZERO_WIDTH}*b*"


def test_marks_stand_at_the_words_and_not_at_spaces():
    assert to_markdown(line("x", bold(" a "), "y")) == "x **a** y"
    assert to_markdown(line(bold("  "), code(""))) == "  "


def test_a_backtick_ends_no_code():
    assert to_markdown(line(code("a`b"))) == "`aˋb`"
    message = Message(title=line("t"), body=(Table(("a```b",)),))
    assert body(message)["embeds"][0]["description"] == "```\naˋˋˋb\n```"


def test_the_footer_is_plain_since_discord_formats_nothing_there():
    message = Message(
        title=line("t"), footer=line(bold("a_b"), " ", Moment(NOON, TimeStyle.BOTH))
    )

    assert body(message)["embeds"][0]["footer"] == {"text": "a_b Nov 20 14:00 UTC"}


LIVE = re.compile(
    r"@(everyone|here|[!&]?\d)|<#\d|(?<!\\)://|discord\.gg", re.IGNORECASE
)
UNESCAPED = re.compile(r"(?<!\\)(?:\\\\)*[*_~`|\[<]")
ids = st.sampled_from(["@everyone", "@here", "<@123>", "<@!9>", "<#5>", "<@&7>"])
nasty = st.sampled_from(
    ["*", "_", "`", "```", "||", "~~", "\\", "<", ">", "[a](b)", "http://x.y",
     ":smile:", "@", "#", "# ", "- ", "> ", "-# ", "discord.gg/x", "\n", " ", "a", "🔴"]
)  # fmt: skip
texts = st.lists(st.one_of(ids, nasty, st.text(max_size=8)), max_size=12).map("".join)


@given(texts)
def test_no_text_formats_links_or_mentions(text):
    shown = escape(text)

    assert not UNESCAPED.search(shown)
    assert not LIVE.search(shown)
    cleaned = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)
    assert re.sub(r"\\(.)", r"\1", shown).replace(ZERO_WIDTH, "") == cleaned.replace(
        ZERO_WIDTH, ""
    )


styles = st.sampled_from(list(Style))
moments = st.integers(0, 4_000_000_000).map(day)
spans = st.one_of(st.builds(Text, texts, styles), moments)
lines = st.lists(spans, max_size=5).map(lambda s: Line(tuple(s)))


@given(lines)
def test_no_line_holds_a_mention_or_a_link(spans):
    for shown in (to_markdown(spans), to_plain(spans)):
        assert not re.search(r"@(everyone|here|[!&]?\d)|<#\d", shown)
        assert not re.match(r"\s*(#|>|-)", shown)
        # outside of code, where an address is no link
        assert not LIVE.search(re.sub(r"(?<!\\)`[^`]*`", "", shown))


# -------------------------------------------------------------------------- limits

longs = st.builds(
    lambda word, n: word * n,
    st.one_of(ids, nasty, st.text(max_size=9)),
    st.integers(0, 600),
)
long_lines = st.lists(st.builds(Text, longs, styles), max_size=3).map(
    lambda s: Line(tuple(s))
)
tables = st.lists(longs, max_size=4).map(lambda r: Table(tuple(r)))
messages = st.builds(
    Message,
    title=long_lines,
    body=st.lists(st.one_of(long_lines, tables), max_size=5).map(tuple),
    footer=st.none() | long_lines,
    stamp=st.none() | st.just(NOON),
    buttons=st.integers(0, 30).map(
        lambda n: tuple(actions((f"b{i}", f"v1:{i}")) for i in range(n))
    ),
    tone=st.sampled_from(list(Tone)),
    is_silent=st.booleans(),
)


@given(messages)
def test_every_part_is_within_discords_limits(message):
    parts = render(message)

    for part in parts:
        assert faults(part) == []
        assert 0 < width(part["content"]) <= CONTENT_MAX
        for embed in part.get("embeds", []):
            assert width(embed.get("description", "")) <= DESCRIPTION_MAX
            assert width(embed.get("footer", {}).get("text", "")) <= FOOTER_MAX
            assert embed.get("description", "").count("```") % 2 == 0
        plain = body_of(part, is_plain=True)
        assert 0 < width(plain["content"]) <= CONTENT_MAX
        for embed in plain.get("embeds", []):
            assert width(embed["description"]) <= DESCRIPTION_MAX


@given(messages)
def test_nothing_is_left_out_however_long_it_is(message):
    parts = render(message)

    shown = "".join(
        part["content"]
        + "".join(
            e.get("description", "") + e.get("footer", {}).get("text", "")
            for e in part.get("embeds", [])
        )
        for part in parts
    )
    for said in (message.plain, "".join(p["plain"] for p in parts)):
        letters = [c for c in said if c.isalpha() and c != "ˋ"]
        assert [c for c in letters if c not in shown] == []
    words = re.findall(r"[^\W\d_]", message.plain)
    told = re.findall(r"[^\W\d_]", "".join(p["plain"] for p in parts))
    assert len(told) >= len(words)
    buttons = [
        b["label"]
        for p in parts
        for r in p.get("components", [])
        for b in r["components"]
    ]
    assert buttons == [b.label for r in message.buttons for b in r]


def test_a_long_list_is_cut_between_its_lines():
    rows = [f"asset number {i} stands at {i}" for i in range(400)]
    message = Message(title=line("all"), body=tuple(line(r) for r in rows))

    parts = render(message)

    shown = [r for p in parts for r in p["embeds"][0]["description"].split("\n")]
    assert shown == rows
    assert len(parts) == 3
    assert [p.get("flags") for p in parts] == [None, 4096, 4096]


def test_footer_and_buttons_come_with_the_last_part():
    message = Message(
        title=line("all"),
        body=tuple(line("y" * 1000) for _ in range(5)),
        footer=line("from the engine"),
        buttons=(actions(("More", "v1:more")),),
    )

    first, last = render(message)

    assert "components" not in first
    assert "footer" not in first["embeds"][0]
    assert last["embeds"][0]["footer"] == {"text": "from the engine"}
    assert last["components"] == [row(("More", "v1:more"))]


def test_a_long_table_is_a_block_in_each_part():
    rows = tuple(f"{i:04d} {'x' * 25}" for i in range(300))

    parts = render(Message(title=line("t"), body=(Table(rows),)))

    blocks = [p["embeds"][0]["description"] for p in parts]
    assert all(b.startswith("```\n") and b.endswith("\n```") for b in blocks)
    assert [r for b in blocks for r in b.split("\n")[1:-1]] == list(rows)


# --------------------------------------------------------------------------- plain


def test_plain_words_are_content_alone():
    message = Message(
        title=line("🔴 ", bold("ETH turned bearish")),
        body=(line("since ", day(1790985600)), Table(("BTC  71",))),
        footer=line("Your watch: a_b"),
        buttons=(actions(("Chart", "v1:chart")),),
        is_silent=True,
    )

    (part,) = render(message)

    assert body_of(part, is_plain=True) == {
        "content": "🔴 ETH turned bearish\nsince Oct 3\nBTC  71\nYour watch: a\\_b",
        "allowed_mentions": {"parse": []},
        "flags": 4096,
    }


def test_a_part_is_plain_json_that_survives_being_stored():
    import json

    parts = render(Message(title=line("t"), body=(line("b"),), stamp=NOON))

    assert tuple(json.loads(json.dumps(parts))) == parts
