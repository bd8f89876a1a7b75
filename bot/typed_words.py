"""A typed line as words, and the error that points at one of them. Pure."""

import re
from collections.abc import Sequence

from bot.errors import UserError

_OPERATOR = re.compile(r"\s*(>=|<=|=>|=<|<|>|=)\s*")
_TURNED = {"=>": ">=", "=<": "<="}


def split_words(text: str) -> list[str]:
    """Split a line into words; commas separate, and a comparison is one word."""
    joined = _OPERATOR.sub(lambda m: _TURNED.get(m[1], m[1]), text.replace(",", " "))
    return joined.split()


def wrong(
    words: Sequence[str],
    position: int,
    title: str,
    hint: str = "",
    suggestion: str = "",
    *,
    marked_word: str = "",
) -> UserError:
    """Build the error that marks one word of what was typed.

    `suggestion` replaces that word; `marked_word` shows it when only a part of it is
    wrong.
    """
    shown = marked_word or f"▸{words[position]}◂"
    marked = [shown if i == position else word for i, word in enumerate(words)]
    fixed = ""
    if suggestion:
        fixed = " ".join(
            suggestion if i == position else word for i, word in enumerate(words)
        )
        hint = hint or f"Did you mean {suggestion}?"
    return UserError(title, hint=hint, marked=" ".join(marked), suggestion=fixed)
