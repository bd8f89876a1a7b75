"""Lines and tables as Discord's markdown, so that no text can format, link or mention.

A backslash takes its meaning from a punctuation mark; a zero-width space breaks up what
Discord's servers find in the raw text (mentions), whatever stands before it. Rules:
support.discord.com/hc/articles/210298617 (markdown), discord.com/developers/docs
/reference#message-formatting (mentions and times).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from bot.message import Line, Moment, Span, Style, Table, Text

#: invisible; parts what would otherwise be read as one thing
ZERO_WIDTH = "\u200b"

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_EVERYONE = re.compile(r"@(?=everyone|here|[!&]?\d)", re.IGNORECASE)
_CHANNEL = re.compile(r"<(?=#)")
_MARKS = re.compile(r"([\\*_~`|\[<])")
#: a colon that makes a link (http://) or an emoji (:name:)
_COLON = re.compile(r":(?=/|[^\s:]+:)")
#: an invitation is shown as a card even without a scheme
_INVITE = re.compile(r"(discord(?:app)?)\.(?=gg|com)", re.IGNORECASE)
#: a heading, a small print, a quotation or a list; `1.` looks the same as a list
_LEADING = re.compile(r"^(\s*)([#>-])")

#: no character of a text becomes more than so many (backslash, itself, zero-width)
_GROWTH = 3
#: two words side by side become at most so much more than each alone
_SEAM = 4

_WRAPS = {Style.BOLD: "**", Style.ITALIC: "*"}
_FENCE = "```"


def width(text: str) -> int:
    """Count as Discord's clients do, in UTF-16 units: never less than characters."""
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)  # noqa: PLR2004 - the end of the plane that takes one unit


def escape(text: str) -> str:
    """Return the text so that Discord shows exactly it: no format, link or mention."""
    text = _CONTROL.sub(" ", text)
    text = _EVERYONE.sub("@" + ZERO_WIDTH, text)
    text = _CHANNEL.sub("<" + ZERO_WIDTH, text)
    text = _MARKS.sub(r"\\\1", text)
    text = _COLON.sub(r"\\:", text)
    return _INVITE.sub(r"\1\\.", text)


def to_markdown(line: Line) -> str:
    """Return one line with its styles."""
    pieces: list[str] = []
    for style, text in _runs(line.spans):
        piece = _styled(style, text)
        if pieces and pieces[-1].endswith("*") and piece.startswith("*"):
            piece = ZERO_WIDTH + piece
        pieces.append(piece)
    return _LEADING.sub(r"\1\\\2", "".join(pieces))


def to_plain(line: Line) -> str:
    """Return one line without styles; its words still neither format nor mention."""
    return _LEADING.sub(r"\1\\\2", escape(line.plain))


def split(line: Line, limit: int) -> list[Line]:
    """Part a line until each piece is within the limit, with styles and without.

    Parted between words, and within one only if it is too long by itself.
    """
    if _extent(line) <= limit:
        return [line]
    pieces: list[list[Span]] = [[]]
    used = 0
    for span in _words(line.spans, limit // (2 * _GROWTH)):
        # An upper bound: measuring the joined words each time would take minutes.
        cost = _extent(Line((span,))) + _SEAM
        if pieces[-1] and used + cost > limit:
            pieces.append([])
            used = 0
        pieces[-1].append(span)
        used += cost
    return [Line(tuple(spans)) for spans in pieces]


def _extent(line: Line) -> int:
    return max(width(to_markdown(line)), width(to_plain(line)))


def fence(rows: Iterable[str]) -> str:
    """Return the rows as a fixed-width block."""
    return "\n".join((_FENCE, *(_literal(row) for row in rows), _FENCE))


def split_table(table: Table, limit: int) -> list[tuple[str, ...]]:
    """Group the rows so that each group's block is within the limit."""
    room = limit - 2 * (len(_FENCE) + 1)
    groups: list[list[str]] = [[]]
    used = 0
    for row in _rows(table, room):
        cost = _row_extent(row) + 1
        if groups[-1] and used + cost > room:
            groups.append([])
            used = 0
        groups[-1].append(row)
        used += cost
    return [tuple(rows) for rows in groups if rows]


def _rows(table: Table, room: int) -> Iterator[str]:
    step = max(1, room // (2 * _GROWTH))
    for row in table.rows:
        if _row_extent(row) < room:
            yield row
        else:
            yield from (row[i : i + step] for i in range(0, len(row), step))


def _row_extent(row: str) -> int:
    return max(width(_literal(row)), width(to_plain(Line((Text(row),)))))


def _literal(text: str) -> str:
    """Return text for a code block, where a backtick can't be escaped but replaced."""
    text = _CONTROL.sub(" ", text).replace("`", "ˋ")
    return _EVERYONE.sub("@" + ZERO_WIDTH, _CHANNEL.sub("<" + ZERO_WIDTH, text))


def _runs(spans: Iterable[Span]) -> Iterator[tuple[Style, str]]:
    """Join neighbours of one style before escaping.

    Two bold words side by side would be four stars, and `http:` and `//` a link.
    """
    for style, group in groupby(spans, key=_style):
        if style is None:
            yield from ((Style.PLAIN, _time(s)) for s in group if isinstance(s, Moment))
            continue
        text = "".join(s.text for s in group if isinstance(s, Text))
        if text:
            yield style, _literal(text) if style is Style.CODE else escape(text)


def _style(span: Span) -> Style | None:
    return span.style if isinstance(span, Text) else None


def _time(moment: Moment) -> str:
    return f"<t:{int(moment.at.timestamp())}:{moment.style}>"


def _styled(style: Style, text: str) -> str:
    """Put the marks around the words, not around spaces, where they would not count."""
    core = text.strip()
    if style is Style.PLAIN or not core:
        return text
    before, after = text[: text.index(core)], text[text.index(core) + len(core) :]
    if style is Style.CODE:
        return f"{before}`{core}`{after}"
    wrap = _WRAPS[style]
    return f"{before}{wrap}{core}{wrap}{after}"


def _words(spans: Iterable[Span], longest: int) -> Iterator[Span]:
    """Take the texts apart into words that keep the spaces after them."""
    for span in spans:
        if isinstance(span, Moment):
            yield span
            continue
        for word in re.findall(r"\s*\S+\s*|\s+", span.text):
            for start in range(0, len(word), longest):
                yield Text(word[start : start + longest], span.style)
