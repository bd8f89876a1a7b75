"""Telegram's HTML markup as the Bot API server reads it, with its words for errors.

Offsets in errors count bytes of UTF-8, offsets of entities count UTF-16 units.
https://core.telegram.org/bots/api#html-style
"""

import re
from typing import Any

#: Tag -> type of the entity it makes.
ENTITY_OF_TAG = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
#: The only named entities; numeric ones are all known, others stay as typed.
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
#: core.telegram.org/bots/api#date-time-entity-formatting
TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")

_CHARACTER = re.compile(
    r"&(?:#[xX](?P<hex>[0-9a-fA-F]{1,6})|#(?P<dec>[0-9]{1,7})|(?P<name>[a-zA-Z]+));?"
)


class MarkupError(Exception):
    """The markup cannot be parsed; the words are the server's own."""


def utf16(text: str) -> int:
    """Count the UTF-16 units that Telegram counts in."""
    return len(text.encode("utf-16-le")) // 2


def _decoded(match: re.Match[str]) -> str:
    if match["name"]:
        return NAMED.get(match["name"], match[0])
    code = int(match["hex"], 16) if match["hex"] else int(match["dec"])
    return chr(code) if 0 < code < 0x10FFFF else match[0]


def _plain(text: str) -> str:
    return _CHARACTER.sub(_decoded, text)


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, source: str, *, knows_time: bool) -> None:
        self.source = source
        self.knows_time = knows_time
        self.at = 0
        self.text: list[str] = []
        self.length = 0
        self.open: list[tuple[str, dict[str, str], int]] = []
        self.entities: list[dict[str, Any]] = []

    def byte(self, position: int) -> int:
        return len(self.source[:position].encode())

    def peek(self) -> str:
        return self.source[self.at] if self.at < len(self.source) else ""

    def take_until(self, stops: str) -> str:
        begin = self.at
        while self.peek() and not self.peek().isspace() and self.peek() not in stops:
            self.at += 1
        return self.source[begin : self.at]

    def skip_space(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def read(self) -> tuple[str, list[dict[str, Any]]]:
        while self.at < len(self.source):
            tag = self.source.find("<", self.at)
            end = len(self.source) if tag < 0 else tag
            piece = _plain(self.source[self.at : end])
            self.text.append(piece)
            self.length += utf16(piece)
            self.at = end
            if tag < 0:
                break
            if self.source.startswith("</", tag):
                self.end_tag(tag)
            else:
                self.start_tag(tag)
        if self.open:
            msg = f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"'
            raise MarkupError(msg)
        return "".join(self.text), sorted(
            self.entities, key=lambda e: (e["offset"], -e["length"])
        )

    def start_tag(self, begin: int) -> None:
        where = f"at byte offset {self.byte(begin)}"
        self.at = begin + 1
        name = self.take_until(">").lower()
        if not self.peek():
            raise MarkupError(f"Unclosed start tag {where}")
        if name not in ENTITY_OF_TAG or (name == "tg-time" and not self.knows_time):
            raise MarkupError(f'Unsupported start tag "{name}" {where}')
        attributes = {}
        self.skip_space()
        while self.peek() != ">":
            key, value = self.attribute(name, where)
            attributes[key] = value
            self.skip_space()
        self.at += 1
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise MarkupError(f'Tag "span" must have class "tg-spoiler" {where}')
        if name == "tg-time":
            _check_time(attributes, where)
        self.open.append((name, attributes, self.length))

    def attribute(self, tag: str, where: str) -> tuple[str, str]:
        key = self.take_until("=>").lower()
        if not key:
            if not self.peek():
                raise MarkupError(f'Unclosed start tag "{tag}" {where}')
            raise MarkupError(f'Empty attribute name in the tag "{tag}" {where}')
        self.skip_space()
        if self.peek() != "=":
            if (tag, key) == ("blockquote", "expandable"):
                return key, ""
            raise MarkupError(
                "Expected equal sign in declaration of an attribute of the tag "
                f'"{tag}" {where}'
            )
        self.at += 1
        self.skip_space()
        quote = self.peek()
        if quote and quote in "'\"":
            end = self.source.find(quote, self.at + 1)
            if end < 0:
                raise MarkupError(f"Unclosed start tag {where}")
            value = _plain(self.source[self.at + 1 : end])
            self.at = end + 1
        else:
            begin = self.at
            value = self.take_until(">").lower()
            if not re.fullmatch(r"[a-z0-9.-]*", value):
                raise MarkupError(
                    f"Unexpected end of name token at byte offset {self.byte(begin)}"
                )
        if not self.peek():
            raise MarkupError(f"Unclosed start tag {where}")
        return key, value

    def end_tag(self, begin: int) -> None:
        where = f"at byte offset {self.byte(begin)}"
        if not self.open:
            raise MarkupError(f"Unexpected end tag {where}")
        self.at = begin + 2
        name = self.take_until(">").lower()
        self.skip_space()
        if self.peek() != ">":
            raise MarkupError(f"Unclosed end tag {where}")
        self.at += 1
        expected, attributes, offset = self.open[-1]
        if name and name != expected:
            raise MarkupError(
                f'Unmatched end tag {where}, expected "</{expected}>", '
                f'found "</{name}>"'
            )
        self.open.pop()
        if self.length > offset:
            self.entities.append(
                {
                    "type": ENTITY_OF_TAG[expected],
                    "offset": offset,
                    "length": self.length - offset,
                    **_details(expected, attributes),
                }
            )


def _check_time(attributes: dict[str, str], where: str) -> None:
    unix, style = attributes.get("unix", ""), attributes.get("format", "")
    if not unix.isdigit():
        raise MarkupError(f'Tag "tg-time" must have a valid unix time {where}')
    if not TIME_FORMAT.fullmatch(style):
        raise MarkupError(f'Tag "tg-time" has the invalid format "{style}" {where}')


def _details(tag: str, attributes: dict[str, str]) -> dict[str, Any]:
    match tag:
        case "a":
            return {"url": attributes.get("href", "")}
        case "tg-emoji":
            return {"custom_emoji_id": attributes.get("emoji-id", "")}
        case "tg-time":
            style = attributes.get("format", "")
            return {
                "unix_time": int(attributes["unix"]),
                **({"date_time_format": style} if style else {}),
            }
    return {}


def parse_html(
    source: str, *, knows_time: bool = True
) -> tuple[str, list[dict[str, Any]]]:
    """Return the text without markup and its entities; raise `MarkupError`.

    White space at both ends is cut off, as the server does.
    """
    text, entities = _Reader(source, knows_time=knows_time).read()
    lead = utf16(text) - utf16(text.lstrip())
    stripped = text.strip()
    size = utf16(stripped)
    kept = []
    for entity in entities:
        begin = max(0, entity["offset"] - lead)
        end = min(size, entity["offset"] - lead + entity["length"])
        if end > begin:
            kept.append({**entity, "offset": begin, "length": end - begin})
    return stripped, kept
