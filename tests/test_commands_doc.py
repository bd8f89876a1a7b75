"""The manual of the commands is what the conversation table says, and complete."""

from pathlib import Path

import pytest
from commands_manual import MANUAL_FILE, manual
from conversation import mismatch, words_of
from conversation_table import SECTIONS

from bot.commands.desk import ADMIN, COMMANDS

ROOT = Path(__file__).parent.parent


def test_the_manual_is_what_the_table_says():
    assert (ROOT / MANUAL_FILE).read_text(encoding="utf-8") == manual(), "`make docs`"


def test_every_command_has_a_chapter_with_its_usage():
    with_usage = {s.command for s in SECTIONS if s.usage}

    assert with_usage == {*COMMANDS, ADMIN}


@pytest.mark.parametrize(
    ("patterns", "text", "fits"),
    [
        (("👁 Watching BTC…",), "👁 **Watching BTC** · as messages", True),
        (("👁 Watching BTC",), "👁 Watching BTC, ETH", False),
        (("a", "…c…"), "a\n\nb\nxcx", True),
        (("a", "c", "b"), "a\nb\nc", False),
        (("a b",), "a   b", True),
        (("at …", "grade>=80"), "at <t:1795183200:t>\n`grade\\>=80`", True),
        (("▼ ETH 71→38",), "```\n▼ ETH    71→38\n```", True),
        (("a",), "", False),
    ],
)
def test_a_pattern_is_a_line_with_gaps(patterns, text, fits):
    assert (mismatch(patterns, text) == "") is fits


def test_what_is_compared_has_neither_markup_nor_gaps():
    assert words_of("**a**  \\*b\n\n`c`") == ["a *b", "c"]
