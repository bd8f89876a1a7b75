"""A message as whole request bodies for `POST /channels/{id}/messages`.

`content` is line 1, since a push shows nothing else; the rest is one embed. A message
that is too long becomes several parts, cut between lines; nothing is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Self

from bot.message import Block, Button, Line, Message, Text, Tone, line
from bot.model import JsonDict
from handlers.discord import files
from handlers.discord.markdown import (
    fence,
    split,
    split_table,
    to_markdown,
    to_plain,
    width,
)
from handlers.discord.photos import ALT_KEY, PICTURE_KEY

#: discord.com/developers/docs/resources/message#create-message
CONTENT_MAX = 2000
#: discord.com/developers/docs/resources/message#embed-object-embed-limits; a footer is
#: put beside a description only if both fit the latter, far below the 6000 of a message
DESCRIPTION_MAX = 4096
FOOTER_MAX = 2048
#: discord.com/developers/docs/components/reference: buttons and action rows
LABEL_MAX = 80
CUSTOM_ID_MAX = 100
URL_MAX = 512
ROW_MAX = 5
ROWS_MAX = 5

#: resources/message#message-object-message-flags: SUPPRESS_NOTIFICATIONS
SILENT_FLAG = 1 << 12

#: nobody is ever mentioned, whatever the words are
NO_MENTIONS: Mapping[str, object] = {"parse": []}

COLORS: Mapping[Tone, int] = {
    Tone.BULLISH: 3055195,
    Tone.BEARISH: 14042437,
    Tone.PLAIN: 9082022,
    Tone.TROUBLE: 14721280,
    Tone.OVER: 3055195,
}

#: no message has this colour: so a note is known again, to be replaced
NOTE_COLOR = 9082023

_ACTION_ROW = 1
_BUTTON = 2
_SECONDARY = 2
_LINK = 5

#: our own key beside the body's: the words for `is_plain`, taken out before sending
PLAIN_KEY = "plain"
_OUR_KEYS = frozenset({PLAIN_KEY, PICTURE_KEY, ALT_KEY})


@dataclass(frozen=True, slots=True)
class _Unit:
    """Lines that stay together, with styles and without."""

    text: str
    plain: str

    @property
    def extent(self) -> int:
        return max(width(self.text), width(self.plain))

    def __add__(self, other: Self) -> "_Unit":
        return _Unit(f"{self.text}\n{other.text}", f"{self.plain}\n{other.plain}")


_NOTHING = _Unit("", "")


def render(message: Message) -> tuple[JsonDict, ...]:
    """Render into parts, each within Discord's limits; footer and buttons come last.

    Besides the body a part holds its words without styles under `plain`; the first one
    names the message's picture, if it has one.
    Raises `ValueError` for a button that Discord can't hold.
    """
    first = Line((*message.title.spans, *message.push.spans))
    title, *overflow = split(first, CONTENT_MAX)
    units = [_unit(x) for x in overflow]
    units += _units(message.body, is_airy=message.is_airy)
    footer = _unit(message.footer) if message.footer else _NOTHING
    if footer.extent > FOOTER_MAX and message.footer:
        units += [_unit(x) for x in split(message.footer, DESCRIPTION_MAX)]
        footer = _NOTHING
    chunks = list(_packed(units))
    if chunks and (chunks[-1] + footer).extent > DESCRIPTION_MAX:
        chunks.append(_NOTHING)
    rows = action_rows(message.buttons)
    row_groups = [rows[i : i + ROWS_MAX] for i in range(0, len(rows), ROWS_MAX)]
    chunks += [_NOTHING] * (max(1, len(row_groups)) - len(chunks))

    parts: list[JsonDict] = []
    for i, chunk in enumerate(chunks):
        is_last = i == len(chunks) - 1
        # An embed without content is a blank push.
        head = title if i == 0 else line(f"… {i + 1} of {len(chunks)}")
        head_unit = _unit(head if head.plain.strip() else line("…"))
        part: JsonDict = {"content": head_unit.text}
        embed = _embed(chunk, message, is_last=is_last, has_footer=bool(footer.text))
        if embed:
            part["embeds"] = [embed]
        group = i - len(chunks) + len(row_groups)
        if group >= 0:
            part["components"] = row_groups[group]
        part["allowed_mentions"] = dict(NO_MENTIONS)
        if message.is_silent or i > 0:
            part["flags"] = SILENT_FLAG
        if message.reply_to and i == 0:
            part["message_reference"] = reference(message.reply_to)
        words = (head_unit.plain, chunk.plain, footer.plain if is_last else "")
        part[PLAIN_KEY] = "\n".join(x for x in words if x)
        parts.append(part)
    if message.attachment is not None:
        parts[-1][files.KEY] = files.part_of(message.attachment)
    if message.picture is not None:
        parts[0][PICTURE_KEY] = message.picture.to_json()
        parts[0][ALT_KEY] = message.title.plain
    return tuple(parts)


def reference(message_ref: str) -> JsonDict:
    """Return how a message says which one it answers; it may be gone."""
    return {"message_id": message_ref, "fail_if_not_exists": False}


def body_of(part: JsonDict, *, is_plain: bool = False) -> JsonDict:
    """Return what goes over the wire of a rendered part.

    Plain: only words, as `content`; the lines that do not fit there are an embed's.
    """
    if not is_plain:
        return {k: v for k, v in part.items() if k not in _OUR_KEYS}
    words = str(part[PLAIN_KEY])
    body: JsonDict = {"content": words, "allowed_mentions": dict(NO_MENTIONS)}
    if files.KEY in part:
        body[files.KEY] = part[files.KEY]
    if width(words) > CONTENT_MAX:
        title, _, rest = words.partition("\n")
        body |= {"content": title, "embeds": [{"description": rest}]}
    if "flags" in part:
        body["flags"] = part["flags"]
    return body


def note_embed(note: Line) -> JsonDict:
    """Return a note below a message as an embed of its own."""
    return {"description": to_markdown(note), "color": NOTE_COLOR}


def action_rows(buttons: Sequence[Sequence[Button]]) -> list[JsonDict]:
    """Return buttons as action rows: one row if all fit, else theirs, cut at five.

    Raises `ValueError` for a label or an action that Discord can't hold.
    """
    everything = [b for row in buttons for b in row]
    rows = [everything] if len(everything) <= ROW_MAX else buttons
    return [
        {"type": _ACTION_ROW, "components": [_button(b) for b in row[i : i + ROW_MAX]]}
        for row in rows
        for i in range(0, len(row), ROW_MAX)
    ]


def _button(button: Button) -> JsonDict:
    if not 0 < width(button.label) <= LABEL_MAX:
        raise ValueError(f"a button's label has 1 to {LABEL_MAX} characters")
    common: JsonDict = {"type": _BUTTON, "label": button.label}
    if button.url:
        if width(button.url) > URL_MAX:
            raise ValueError(f"a button's link has at most {URL_MAX} characters")
        return {**common, "style": _LINK, "url": button.url}
    if not 0 < width(button.action) <= CUSTOM_ID_MAX:
        raise ValueError(f"a button's action has 1 to {CUSTOM_ID_MAX} characters")
    return {**common, "style": _SECONDARY, "custom_id": button.action}


def _unit(line: Line) -> _Unit:
    return _Unit(to_markdown(line), to_plain(line))


def _units(blocks: Sequence[Block], *, is_airy: bool = False) -> Iterator[_Unit]:
    """Give the body's lines; an embed is airy enough without the empty ones.

    Only those between cards stay: they say where one ends. None begins or ends a
    description, where Discord would cut it off.
    """
    is_parted = has_words = False
    for block in blocks:
        if isinstance(block, Line) and not block.plain.strip():
            is_parted = is_airy and has_words
            continue
        if is_parted:
            yield _NOTHING
        is_parted, has_words = False, True
        if isinstance(block, Line):
            yield from (_unit(x) for x in split(block, DESCRIPTION_MAX))
            continue
        for rows in split_table(block, DESCRIPTION_MAX):
            lines = (to_plain(Line((Text(row),))) for row in rows)
            yield _Unit(fence(rows), "\n".join(lines))


def _packed(units: Sequence[_Unit]) -> Iterator[_Unit]:
    """Put as many units into one description as it holds."""
    packed: _Unit | None = None
    for unit in units:
        longer = unit if packed is None else packed + unit
        if packed is not None and longer.extent > DESCRIPTION_MAX:
            yield packed
            packed, longer = None, unit
        # a description does not begin with a blank line
        packed = longer if packed is not None or unit.text else None
    if packed is not None:
        yield packed


def _embed(
    chunk: _Unit, message: Message, *, is_last: bool, has_footer: bool
) -> JsonDict:
    embed: JsonDict = {}
    if chunk.text:
        embed["description"] = chunk.text
    if is_last and has_footer and message.footer:
        embed["footer"] = {"text": message.footer.plain}
    if is_last and message.stamp:
        stamp = message.stamp.astimezone(UTC).replace(microsecond=0, tzinfo=None)
        embed["timestamp"] = f"{stamp.isoformat()}Z"
    return {**embed, "color": COLORS[message.tone]} if embed else {}
