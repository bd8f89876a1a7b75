"""Words in the reader's language: English templates, and a table per other language.

Whoever words something writes English, once, with named fields:

    say("**{name} muted until** {until}", name="BTC", until=Moment(at))
    word("{n} watch|{n} watches", n=len(watches))

`say` gives a `Line`, `word` a piece of text for a field, a button or a toast. Both
remember the template, which is the key of the tables. `translated` puts a whole message
into another language, just before it leaves: no text function needs to know a language,
and a template that a table lacks stays English.

In a template `**bold**` and `` `code` `` are the only marks. A field is put in as it
is, never read as marks, so that an asset's name cannot style anything. Where a template
has forms divided by `|`, the field `n` chooses one by the language's plural rule.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Self

from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    Phrase,
    Span,
    Style,
    Table,
    Text,
)

#: what may fill a field
Filling = str | int | Text | Moment | Line

_TOKEN = re.compile(r"(\*\*|`|\{\w+\})")
_MARKS = {"**": Style.BOLD, "`": Style.CODE}


class Word(str):
    """A text that remembers what it was made of; to everybody else a plain string."""

    phrase: Phrase

    __slots__ = ("phrase",)

    def __new__(cls, text: str, phrase: Phrase) -> Self:
        """Take the English text and its phrase."""
        made = super().__new__(cls, text)
        made.phrase = phrase
        return made


def _one_or_many(n: int) -> int:
    return 0 if n == 1 else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language that replies can be put into.

    Attributes:
        code: the primary tag of BCP 47, such as `de`.
        name: what its speakers call it.
        words: English template -> template of this language, with the same fields. One
            with plural forms has as many as `plural` can tell apart.
        plural: which form a number takes, from 0.
    """

    code: str
    name: str
    words: Mapping[str, str] = field(default_factory=dict)
    plural: Callable[[int], int] = _one_or_many


ENGLISH = Language(code="en", name="English")


def say(template: str, /, **fields: Filling) -> Line:
    """Make a line in English that can be translated."""
    phrase = Phrase(template, fields)
    return Line(_merged(_spans(phrase, ENGLISH)), phrase)


def word(template: str, /, **fields: Filling) -> Word:
    """Make a piece of text in English that can be translated; styles are dropped."""
    phrase = Phrase(template, fields)
    return Word(_text(phrase, ENGLISH), phrase)


def joined(words: Sequence[str], separator: str = ", ") -> str:
    """Join pieces of text; each is translated on its own."""
    if not words:
        return ""
    fields = {f"w{i}": w for i, w in enumerate(words)}
    return word(separator.join(f"{{{name}}}" for name in fields), **fields)


def translated(message: Message, language: Language) -> Message:
    """Return the message in another language, as far as its table goes."""
    if language.code == ENGLISH.code:
        return message
    footer = message.footer
    return replace(
        message,
        title=_line(message.title, language),
        body=tuple(_block(block, language) for block in message.body),
        footer=None if footer is None else _line(footer, language),
        buttons=translated_buttons(message.buttons, language),
    )


def translated_line(line: Line, language: Language) -> Line:
    """Return one line in another language, as far as its table goes."""
    return line if language.code == ENGLISH.code else _line(line, language)


def translated_buttons(
    rows: tuple[tuple[Button, ...], ...], language: Language
) -> tuple[tuple[Button, ...], ...]:
    """Return buttons with their labels in another language."""
    return tuple(
        tuple(replace(b, label=translated_text(b.label, language)) for b in row)
        for row in rows
    )


def translated_text(text: str, language: Language) -> str:
    """Return a text in another language, itself if nothing is known of it."""
    if language.code == ENGLISH.code:
        return text
    if isinstance(text, Word):
        return _text(text.phrase, language)
    return language.words.get(text, text)


def _block(block: Block, language: Language) -> Block:
    if isinstance(block, Line):
        return _line(block, language)
    return Table(tuple(translated_text(row, language) for row in block.rows))


def _line(line: Line, language: Language) -> Line:
    if line.phrase is not None:
        return Line(_merged(_spans(line.phrase, language)), line.phrase)
    return Line(tuple(_span(span, language) for span in line.spans))


def _span(span: Span, language: Language) -> Span:
    if isinstance(span, Moment):
        return span
    return Text(translated_text(span.text, language), span.style)


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Put neighbours of one style together: platforms count each styled piece."""
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if (
            isinstance(last, Text)
            and isinstance(span, Text)
            and last.style is span.style
        ):
            merged[-1] = Text(last.text + span.text, span.style)
        else:
            merged.append(span)
    return tuple(merged)


def _text(phrase: Phrase, language: Language) -> str:
    return Line(tuple(_spans(phrase, language))).plain


def _spans(phrase: Phrase, language: Language) -> Iterator[Span]:
    style = Style.PLAIN
    for token in _tokens(_form(phrase, language)):
        if token in _MARKS:
            mark = _MARKS[token]
            style = Style.PLAIN if style is mark else mark
        elif token.startswith("{"):
            yield from _filled(phrase.fields[token[1:-1]], style, language)
        else:
            yield Text(token, style)


def _form(phrase: Phrase, language: Language) -> str:
    """Choose the template of the language, and its plural form."""
    template = language.words.get(phrase.template)
    spoken = ENGLISH if template is None else language
    template = phrase.template if template is None else template
    n = phrase.fields.get("n")
    if not isinstance(n, int) or "|" not in template:
        return template
    forms = template.split("|")
    return forms[min(spoken.plural(n), len(forms) - 1)]


@lru_cache(maxsize=1024)
def _tokens(template: str) -> tuple[str, ...]:
    return tuple(token for token in _TOKEN.split(template) if token)


def _filled(value: object, style: Style, language: Language) -> Iterator[Span]:
    match value:
        case Line():
            yield from _line(value, language).spans
        case Text() if style is Style.PLAIN:
            yield _span(value, language)
        case Text():
            yield Text(translated_text(value.text, language), style)
        case Moment():
            yield value
        case int():
            yield Text(f"{value:,}", style)
        case _:
            text = value if isinstance(value, str) else str(value)
            yield Text(translated_text(text, language), style)


def fields_of(template: str) -> frozenset[str]:
    """Return the names of the fields in a template, in all its forms."""
    return frozenset(t[1:-1] for t in _tokens(template) if t.startswith("{"))
