"""A note below a message that was sent: what a press on its button has done.

The message is kept as Telegram gives it back, its entities included, so that no time
entity loses its clock. The note is a quotation: nothing else of ours is one, so an
earlier note is found and replaced by what it is.
"""

from collections.abc import Sequence
from typing import Final

from telegram import Message, MessageEntity

from bot.message import Line, Moment, Style, Text
from handlers.telegram.render import CAPTION_MAX, TEXT_MAX, time_format, units

_STYLES: Final = {
    Style.BOLD: MessageEntity.BOLD,
    Style.ITALIC: MessageEntity.ITALIC,
    Style.CODE: MessageEntity.CODE,
}


def with_note(
    message: Message, note: Line, *, knows_time_entities: bool = True
) -> tuple[str, list[MessageEntity]] | None:
    """Return the message's text and entities with this note instead of an earlier one.

    Of a photo the text is the words under it. An empty note takes the earlier one away.
    None where there is no room for it.
    """
    text, entities = _without_note(message)
    words = note.plain
    if not words:
        return text, entities
    start = units(text) + 1
    added = [
        MessageEntity(MessageEntity.BLOCKQUOTE, offset=start, length=units(words)),
        *_entities(note, start, knows_time_entities=knows_time_entities),
    ]
    longer = f"{text}\n{words}"
    if units(longer) > (TEXT_MAX if message.text else CAPTION_MAX):
        return None
    return longer, [*entities, *added]


def _without_note(message: Message) -> tuple[str, list[MessageEntity]]:
    text = message.text or message.caption or ""
    entities = list(message.entities or message.caption_entities)
    notes = [e for e in entities if e.type == MessageEntity.BLOCKQUOTE]
    if not notes:
        return text, entities
    end = notes[-1].offset
    kept = text.encode("utf-16-le")[: 2 * end].decode("utf-16-le").rstrip("\n")
    return kept, [e for e in entities if e.offset + e.length <= units(kept)]


def _entities(
    note: Line, start: int, *, knows_time_entities: bool
) -> Sequence[MessageEntity]:
    found: list[MessageEntity] = []
    for span in note.spans:
        words = span.fallback if isinstance(span, Moment) else span.text
        length = units(words)
        if isinstance(span, Text):
            style = _STYLES.get(span.style)
            if style is not None and length:
                found.append(MessageEntity(style, offset=start, length=length))
        elif knows_time_entities:
            found.append(_time(span, start, length))
        start += length
    return found


def _time(moment: Moment, start: int, length: int) -> MessageEntity:
    """Build a time entity: core.telegram.org/bots/api#messageentity."""
    return MessageEntity(
        MessageEntity.DATE_TIME,
        offset=start,
        length=length,
        unix_time=moment.at,
        date_time_format=time_format(moment.style),
    )
