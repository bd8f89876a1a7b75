"""A message as Telegram HTML, in as many parts as Telegram's limits ask for.

Lines are never cut where they fit: a part ends at a line's end. Only a line that is too
long on its own is cut, between words, then between characters. Nothing is left out.
"""

import html
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    Span,
    Style,
    Table,
    Text,
    TimeStyle,
)
from bot.model import JsonDict
from handlers.telegram import documents

logger = logging.getLogger(__name__)

#: UTF-16 units after entities parsing: core.telegram.org/bots/api#sendmessage
TEXT_MAX: Final = 4096
#: of a photo's caption, counted alike: core.telegram.org/bots/api#sendphoto
CAPTION_MAX: Final = 1024
#: further entities are dropped in silence: core.telegram.org/bots/api (MessageLimit)
ENTITIES_MAX: Final = 100
#: UTF-8 bytes of callback_data: core.telegram.org/bots/api#inlinekeyboardbutton
ACTION_MAX: Final = 64
#: observed limits of a keyboard: more of either is refused
BUTTONS_MAX: Final = 100
ROW_MAX: Final = 8

#: date_time_format letters: core.telegram.org/bots/api#date-time-entity-formatting
_TIME_FORMATS: Final = {
    TimeStyle.TIME: "t",
    TimeStyle.SECONDS: "T",
    TimeStyle.DATE: "D",
    TimeStyle.BOTH: "dt",
    TimeStyle.RELATIVE: "r",
}
_TAGS: Final = {Style.BOLD: "b", Style.ITALIC: "i", Style.CODE: "code"}
_TIME_TAG: Final = re.compile(r"</?tg-time\b[^>]*>")
#: control characters would break a line in two; a lone surrogate is no valid UTF-8
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
#: a word joiner after the at sign: an asset's name must not mention somebody
_MENTION: Final = re.compile(r"@(?=\w)")
_NO_MENTION: Final = "@\u2060"

#: rights must all be named: core.telegram.org/bots/api#chatadministratorrights
_RIGHTS: Final = dict.fromkeys(
    (
        "is_anonymous",
        "can_manage_chat",
        "can_delete_messages",
        "can_manage_video_chats",
        "can_restrict_members",
        "can_promote_members",
        "can_change_info",
        "can_invite_users",
        "can_post_stories",
        "can_edit_stories",
        "can_delete_stories",
    ),
    False,
)
_MANAGING: Final = {**_RIGHTS, "can_manage_chat": True}
_POSTING: Final = {**_MANAGING, "can_post_messages": True}
#: the client lists what the user manages; a channel gets the bot in by it, too
CHOOSING: Final[JsonDict] = {
    "keyboard": [
        [
            {
                "text": "📢 Choose a channel",
                "request_chat": {
                    "request_id": 1,
                    "chat_is_channel": True,
                    "user_administrator_rights": _POSTING,
                    "bot_administrator_rights": _POSTING,
                },
            }
        ],
        [
            {
                "text": "👥 Choose a group",
                "request_chat": {
                    "request_id": 2,
                    "chat_is_channel": False,
                    "user_administrator_rights": _MANAGING,
                    "bot_is_member": True,
                },
            }
        ],
    ],
    "resize_keyboard": True,
    "one_time_keyboard": True,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """One line on its way into a part; `table` tells the rows of a table apart."""

    spans: tuple[Span, ...]
    table: int | None = None
    is_footer: bool = False

    @property
    def plain(self) -> str:
        return Line(self.spans).plain

    @property
    def entities(self) -> int:
        """How many entities it costs; code in a footer interrupts the italics."""
        own = sum(isinstance(s, Moment) or s.style in _TAGS for s in self.spans)
        return 2 * own + 1 if self.is_footer else own


def render(
    message: Message, *, knows_time_entities: bool = True
) -> tuple[JsonDict, ...]:
    """Render into parts of `sendMessage`, as plain JSON.

    A part has `text`, `parse_mode`, `plain` (the same words without markup),
    `disable_notification`, `link_preview_options`, and where there are any
    `reply_markup` (the last part) and `reply_to` (the first). Only the first part may
    make a sound. Without time entities, times are written out in UTC.

    Words that fit under a photo have the name of their `picture`; longer ones go
    without it.
    """
    rows = [row for block in _blocks(message) for row in block]
    parts: list[JsonDict] = []
    for group in _pack(piece for row in rows for piece in _split(row)):
        text = "\n".join(_lines(group))
        if not knows_time_entities:
            text = without_time_entities(text)
        parts.append(
            {
                "text": text,
                "parse_mode": "HTML",
                "plain": "\n".join(row.plain for row in group),
                "disable_notification": message.is_silent or bool(parts),
                "link_preview_options": {"is_disabled": True},
            }
        )
    if message.reply_to:
        parts[0]["reply_to"] = message.reply_to
    if keyboard := render_buttons(message.buttons):
        parts[-1]["reply_markup"] = keyboard
    elif message.asks_place:
        parts[-1]["reply_markup"] = CHOOSING
    if message.picture is not None:
        if len(parts) == 1 and units(str(parts[0]["plain"])) <= CAPTION_MAX:
            parts[0]["picture"] = message.picture.to_json()
        else:
            _log_no_picture()
    if message.attachment is not None:
        parts.append(documents.part_of(message.attachment))
    return tuple(parts)


def time_format(style: TimeStyle) -> str:
    """Return how Telegram writes a style of time."""
    return _TIME_FORMATS[style]


def _log_no_picture() -> None:
    logger.warning(
        "a picture is left out",
        extra={"action": "picture_left_out", "reason": "caption_too_long"},
    )


def without_time_entities(text: str) -> str:
    """Return rendered HTML with each time entity replaced by its fallback text."""
    return _TIME_TAG.sub("", text)


def units(text: str) -> int:
    """Count UTF-16 units, Telegram's measure of length."""
    return len(text.encode("utf-16-le")) // 2


def render_buttons(rows: Sequence[Sequence[Button]]) -> JsonDict | None:
    """Render buttons into an inline keyboard, or None if there are none.

    A button that Telegram would refuse is left out and logged: the message matters
    more. Rows that are too wide continue in the next row.
    """
    keyboard: list[list[JsonDict]] = []
    count = 0
    for row in rows:
        buttons = [_button(button) for button in row if _is_valid(button)]
        buttons = buttons[: BUTTONS_MAX - count]
        count += len(buttons)
        starts = range(0, len(buttons), ROW_MAX)
        keyboard += [buttons[i : i + ROW_MAX] for i in starts]
    if sum(len(row) for row in rows) > count:
        logger.error("Buttons were left out", extra={"shown": count})
    return {"inline_keyboard": keyboard} if keyboard else None


def _is_valid(button: Button) -> bool:
    is_named = bool(_clean(button.label).strip())
    is_short = len(button.action.encode()) <= ACTION_MAX
    return is_named and bool(button.url or button.action) and is_short


def _button(button: Button) -> JsonDict:
    label = _clean(button.label)
    if button.url:
        return {"text": label, "url": button.url}
    return {"text": label, "callback_data": button.action}


# ------------------------------------------------------------------ message to rows


def _blocks(message: Message) -> Iterator[list[_Row]]:
    yield [_row(message.title)]
    yield from (_rows(block, number) for number, block in enumerate(message.body))
    if footer := _footer(message):
        yield [_Row(()), _Row(footer, is_footer=True)]


def _rows(block: Block, number: int) -> list[_Row]:
    if isinstance(block, Table):
        return [_Row((Text(_clean(row)),), table=number) for row in block.rows]
    return [_row(block)]


def _row(line: Line) -> _Row:
    return _Row(tuple(_clean_span(span) for span in line.spans))


def _footer(message: Message) -> tuple[Span, ...]:
    """Return the footer with the engine's time at its end."""
    spans = _row(message.footer or Line()).spans
    if message.stamp is None:
        return spans
    separator = (Text(" · "),) if spans else ()
    return (*spans, *separator, Moment(message.stamp, message.stamp_style))


def _clean_span(span: Span) -> Span:
    if isinstance(span, Moment):
        return span
    text = _clean(span.text)
    if span.style is not Style.CODE:
        text = _MENTION.sub(_NO_MENTION, text)
    return Text(text, span.style)


def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text))


# ------------------------------------------------------------------ rows to parts


def _split(row: _Row) -> Iterator[_Row]:
    """Cut a row that is over the limits on its own; any other comes back as it is."""
    if units(row.plain) <= TEXT_MAX and row.entities <= ENTITIES_MAX:
        yield row
        return
    taken: list[Span] = []
    size = entities = 0
    for span in _atoms(row.spans):
        length = units(Line((span,)).plain)
        cost = replace(row, spans=(span,)).entities
        if taken and (size + length > TEXT_MAX or entities + cost > ENTITIES_MAX):
            yield replace(row, spans=_joined(taken))
            taken, size, entities = [], 0, 0
        taken.append(span)
        size += length
        # words of one style next to each other become one entity again
        is_same = len(taken) > 1 and _is_alike(taken[-2], span)
        entities += 0 if is_same else cost
    yield replace(row, spans=_joined(taken))


def _atoms(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield words, and of a word that is too long, pieces that fit."""
    for span in spans:
        if isinstance(span, Moment):
            yield span
            continue
        for word in re.findall(r"\s+|\S+", span.text):
            # two units per character at most, so that half the limit always fits
            step = TEXT_MAX // 2 if units(word) > TEXT_MAX else len(word)
            for start in range(0, len(word), step):
                yield Text(word[start : start + step], span.style)


def _is_alike(left: Span, right: Span) -> bool:
    return (
        isinstance(left, Text) and isinstance(right, Text) and left.style is right.style
    )


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Put neighbours of one style together again."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if (
            isinstance(last, Text)
            and isinstance(span, Text)
            and last.style is span.style
        ):
            joined[-1] = Text(last.text + span.text, last.style)
        else:
            joined.append(span)
    return tuple(joined)


def _pack(rows: Iterable[_Row]) -> list[list[_Row]]:
    """Fill parts with whole rows; a part neither begins nor ends with a blank one.

    Telegram cuts blank borders off and refuses a text of nothing else.
    """
    groups: list[list[_Row]] = [[]]
    size = entities = 0
    for row in rows:
        # a table's row may open a new <pre>
        cost = row.entities + (row.table is not None)
        if size + units(row.plain) > TEXT_MAX or entities + cost > ENTITIES_MAX:
            groups.append([])
            size = entities = 0
        groups[-1].append(row)
        size += units(row.plain) + 1
        entities += cost
    trimmed = [_trimmed(group) for group in groups]
    return [group for group in trimmed if group] or [[_Row((Text("·"),))]]


def _trimmed(group: list[_Row]) -> list[_Row]:
    filled = [i for i, row in enumerate(group) if row.plain.strip()]
    return group[filled[0] : filled[-1] + 1] if filled else []


# ------------------------------------------------------------------ rows to HTML


def _lines(group: Sequence[_Row]) -> Iterator[str]:
    """Yield each row as HTML; the rows of one table share one <pre>."""
    for i, row in enumerate(group):
        if row.table is None:
            yield _footer_markup(row.spans) if row.is_footer else _markup(row.spans)
            continue
        is_first = i == 0 or group[i - 1].table != row.table
        is_last = i + 1 == len(group) or group[i + 1].table != row.table
        text = html.escape(row.plain, quote=False)
        yield f"{'<pre>' if is_first else ''}{text}{'</pre>' if is_last else ''}"


def _footer_markup(spans: Sequence[Span]) -> str:
    """Put everything in italics but code, which may be in no other entity."""
    pieces: list[str] = []
    for is_code, run in groupby(spans, key=_is_code):
        markup = _markup([_without_italics(span) for span in run])
        pieces.append(markup if is_code or not markup else f"<i>{markup}</i>")
    return "".join(pieces)


def _is_code(span: Span) -> bool:
    return isinstance(span, Text) and span.style is Style.CODE


def _without_italics(span: Span) -> Span:
    if isinstance(span, Text) and span.style is Style.ITALIC:
        return Text(span.text)
    return span


def _markup(spans: Iterable[Span]) -> str:
    return "".join(_span_markup(span) for span in spans)


def _span_markup(span: Span) -> str:
    if isinstance(span, Moment):
        unix = int(span.at.timestamp())
        style = _TIME_FORMATS[span.style]
        return f'<tg-time unix="{unix}" format="{style}">{span.fallback}</tg-time>'
    text = html.escape(span.text, quote=False)
    tag = _TAGS.get(span.style)
    return f"<{tag}>{text}</{tag}>" if tag and text else text
