"""Message -> HTML card: pure, everything escaped.

A card is a fragment of `p`, `div`, `pre`, `strong`, `em`, `code` and `time`; the page
turns each `time` into the reader's own clock. Buttons travel beside it as values.
"""

from collections.abc import Iterable
from html import escape
from urllib.parse import urlsplit

from bot.message import Button, Line, Message, Moment, Span, Style, Table, Text, line
from bot.model import JsonDict

_STYLE_TAGS = {
    Style.PLAIN: "",
    Style.BOLD: "strong",
    Style.ITALIC: "em",
    Style.CODE: "code",
}


def render(message: Message) -> tuple[JsonDict, ...]:
    """Render into one part; the web has no size limit, so nothing is cut off."""
    message = _stamped(message)
    title = message.title
    blocks = [f'<p class="title">{_line(title)}</p>']
    if message.body:
        blocks.append(f'<div class="body">{"".join(map(_block, message.body))}</div>')
    if message.footer is not None:
        blocks.append(f'<p class="footer">{_line(message.footer)}</p>')
    part: JsonDict = {
        "title": clean(title.plain),
        "text": clean(message.plain),
        "html": "".join(blocks),
        "tone": message.tone.value,
        "buttons": buttons(message.buttons),
        "is_silent": message.is_silent,
        "stamp": message.stamp.isoformat() if message.stamp else None,
    }
    if message.attachment is not None:
        file = message.attachment
        part["file"] = {
            "name": clean(file.name),
            "type": file.media_type,
            "text": clean(file.text),
        }
    if message.picture is not None:
        part["picture"] = message.picture.to_json()
    return (part,)


def plain(part: JsonDict) -> JsonDict:
    """Return the part as words without markup, its buttons kept."""
    title = str(part.get("title", ""))
    rest = str(part.get("text", "")).removeprefix(title).removeprefix("\n")
    body = f'<div class="body"><pre class="words">{escape(rest)}</pre></div>'
    html = f'<p class="title">{escape(title)}</p>{body if rest else ""}'
    return {**part, "html": html}


def note(shown: Line) -> JsonDict:
    """Return what changes of a part when a note is put below it; empty takes it away.

    Kept apart from the card's own words, so that the next note replaces it.
    """
    return {"note": f'<p class="note">{_line(shown)}</p>' if shown.plain else ""}


def buttons(rows: Iterable[Iterable[Button]]) -> list[object]:
    """Return rows of buttons as values; those that lead nowhere are left out."""
    wanted = ([_button(button) for button in row] for row in rows)
    return [kept for row in wanted if (kept := [b for b in row if b is not None])]


def clean(text: str) -> str:
    """Return the text without what neither JSON in UTF-8 nor a page can carry.

    Control characters and halves of surrogate pairs become `U+FFFD`.
    """
    return "".join(
        "\ufffd" if (c < " " and c not in "\n\t") or "\ud800" <= c <= "\udfff" else c
        for c in text
    )


def _stamped(message: Message) -> Message:
    """Append the engine's time to the footer."""
    if message.stamp is None:
        return message
    moment = Moment(message.stamp, message.stamp_style)
    spans = message.footer.spans if message.footer is not None else ()
    footer = line(*spans, " · ", moment) if spans else line(moment)
    return message.evolve(footer=footer)


def _button(button: Button) -> JsonDict | None:
    label = clean(button.label)
    if button.action:
        return {"label": label, "action": clean(button.action)}
    if _is_web_link(button.url):
        return {"label": label, "url": clean(button.url)}
    return None


def _is_web_link(url: str) -> bool:
    """Whether it is a web address; a `javascript:` one would run in our page."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _block(block: Line | Table) -> str:
    if isinstance(block, Table):
        rows = "\n".join(escape(clean(row)) for row in block.rows)
        # focusable, so that a keyboard can scroll it inside the card
        return f'<pre class="table" tabindex="0">{rows}</pre>'
    if not block.spans:
        return '<div class="line gap"></div>'
    return f'<div class="line">{_line(block)}</div>'


def _line(shown: Line) -> str:
    return "".join(map(_span, shown.spans))


def _span(span: Span) -> str:
    if isinstance(span, Text):
        tag = _STYLE_TAGS[span.style]
        text = escape(clean(span.text))
        return f"<{tag}>{text}</{tag}>" if tag else text
    return (
        f'<time datetime="{span.at.isoformat()}" data-style="{span.style.value}">'
        f"{escape(span.fallback)}</time>"
    )
