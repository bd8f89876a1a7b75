"""Words in another language: templates, fields, plural forms."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language import (
    ENGLISH,
    Language,
    fields_of,
    joined,
    say,
    translated,
    translated_text,
    word,
)
from bot.message import Button, Line, Message, Moment, Style, Table, Text, bold, line

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: a tongue with three plural forms, as Polish or Russian have them
TOY = Language(
    code="toy",
    name="Toy",
    words={
        "{n} watch|{n} watches": "{n} wa|{n} wi|{n} wu",
        "**{name} muted until** {until}": "{until} ~ **{name}**",
        "You have {what}.": "{what} habu.",
        "Keep": "Keepu",
        "bullish": "bullu",
    },
    plural=lambda n: 0 if n == 1 else 1 if n < 5 else 2,
)


def test_a_line_says_its_fields_in_their_styles() -> None:
    made = say("**{name} muted until** {until} with `/mute`", name="BTC", until=AT_SPAN)

    assert made.spans == (
        Text("BTC muted until", Style.BOLD),
        Text(" ", Style.PLAIN),
        AT_SPAN,
        Text(" with ", Style.PLAIN),
        Text("/mute", Style.CODE),
    )


AT_SPAN = Moment(AT)


def test_a_translation_may_turn_the_order_round() -> None:
    message = Message(
        title=say("**{name} muted until** {until}", name="BTC", until=AT_SPAN)
    )

    assert translated(message, TOY).title.spans == (
        AT_SPAN,
        Text(" ~ ", Style.PLAIN),
        Text("BTC", Style.BOLD),
    )


@pytest.mark.parametrize(
    ("n", "english", "toy"),
    [
        (0, "0 watches", "0 wi"),
        (1, "1 watch", "1 wa"),
        (2, "2 watches", "2 wi"),
        (1204, "1,204 watches", "1,204 wu"),
    ],
)
def test_a_number_chooses_the_plural_form(n: int, english: str, toy: str) -> None:
    text = word("{n} watch|{n} watches", n=n)

    assert (text, translated_text(text, TOY)) == (english, toy)


def test_a_phrase_within_a_phrase_is_translated_too() -> None:
    what = word("{n} watch|{n} watches", n=1)
    message = Message(title=say("You have {what}.", what=what))

    assert message.plain == "You have 1 watch."
    assert translated(message, TOY).plain == "1 wa habu."


def test_all_parts_of_a_message_are_translated() -> None:
    message = Message(
        title=line("· ", bold("Keep")),
        body=(say("Keep"), Table(("bullish",)), line(joined(["bullish", "x"]))),
        footer=say("Keep"),
        buttons=((Button("Keep", "v1:keep"), Button(word("Keep"), "v1:keep")),),
    )

    found = translated(message, TOY)

    assert found.plain == "· Keepu\nKeepu\nbullu\nbullu, x\n\nKeepu"
    assert [b.label for b in found.buttons[0]] == ["Keepu", "Keepu"]


def test_what_a_table_lacks_stays_english_with_english_plurals() -> None:
    message = Message(title=say("{n} line|{n} lines", n=1))

    assert translated(message, TOY).plain == "1 line"


def test_english_is_what_it_was() -> None:
    message = Message(title=say("Keep"))

    assert translated(message, ENGLISH) is message


def test_a_line_in_a_line_keeps_its_styles() -> None:
    inner = say("`{x}`!", x="a")

    assert say("<{inner}>", inner=inner).spans == (
        Text("<"),
        Text("a", Style.CODE),
        Text("!>"),
    )


@given(st.text())
def test_a_field_is_never_read_as_marks(name: str) -> None:
    made = say("a {name} b", name=name)

    assert made == Line((Text(f"a {name} b"),))
    assert (
        translated(
            Message(title=made), replace(TOY, words={"a {name} b": "{name}"})
        ).plain
        == name
    )


def test_fields_are_found_in_all_forms() -> None:
    assert fields_of("{n} of **{all}**|{n} `{what}`") == {"n", "all", "what"}
