"""A message in words, free of any platform: what `messages` makes and senders render.

Line 1 (`title`) is the whole verdict and stands alone on a lock screen. Texts in spans
are plain: a renderer escapes them, so an asset's name can never be markup or a mention.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from bot.model import as_utc
from bot.pictures import PictureRef


class Style(StrEnum):
    """How a piece of text looks."""

    PLAIN = "plain"
    BOLD = "bold"
    ITALIC = "italic"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text in one style."""

    text: str
    style: Style = Style.PLAIN


class TimeStyle(StrEnum):
    """How a moment is shown; the letters are Telegram's and Discord's own."""

    TIME = "t"
    SECONDS = "T"
    DATE = "D"
    BOTH = "f"
    RELATIVE = "R"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment shown on the reader's own clock; `fallback` names its zone."""

    at: datetime
    style: TimeStyle = TimeStyle.TIME

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", as_utc(self.at))

    @property
    def fallback(self) -> str:
        """The moment in words for a platform or page without time entities."""
        day = f"{self.at:%b} {self.at.day}"
        match self.style:
            case TimeStyle.TIME:
                return f"{self.at:%H:%M} UTC"
            case TimeStyle.SECONDS:
                return f"{self.at:%H:%M:%S} UTC"
            case TimeStyle.DATE:
                return day
            case _:
                return f"{day} {self.at:%H:%M} UTC"


Span = Text | Moment


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words before they are put into a language: a template and what fills it.

    `bot.language` reads both; everybody else takes the English words as they are.
    """

    template: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of spans; `phrase` is what they were made of, where that is known."""

    spans: tuple[Span, ...] = ()
    phrase: Phrase | None = field(default=None, compare=False, repr=False)

    @property
    def plain(self) -> str:
        """The line without markup."""
        return "".join(
            s.text if isinstance(s, Text) else s.fallback for s in self.spans
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in a fixed-width block, no row wider than 30 columns."""

    rows: tuple[str, ...]


Block = Line | Table


@dataclass(frozen=True, slots=True)
class Button:
    """A button: either `action` (what comes back when pressed) or `url`.

    `action` is at most 64 bytes (Telegram's callback_data, core.telegram.org/bots/api
    #inlinekeyboardbutton) and looks like `v1:mute24:17`.
    """

    label: str
    action: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A small text file that comes with a message or with a command.

    `text` is its content, at most `ATTACHMENT_MAX` bytes in UTF-8; `media_type` such as
    `application/json`.
    """

    name: str
    text: str
    media_type: str = "text/plain"


#: far below what any platform takes, far above any watchlist
ATTACHMENT_MAX = 256 * 1024


class Tone(StrEnum):
    """What the message is about; a renderer picks the colour."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    PLAIN = "plain"
    TROUBLE = "trouble"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is said: verdict, lines, footer, buttons.

    Attributes:
        push: what a platform adds to line 1 if a push shows nothing else (Discord).
        stamp: the engine's time. Telegram and the web append it to the footer as a
            `Moment` in `stamp_style`; Discord shows it as the embed's timestamp.
        is_silent: arrives without a sound.
        is_private: in a group only the person who asked may see it (Discord
            ephemeral), where the platform can.
        is_airy: its blank lines part cards, so no renderer leaves them out.
        fades: taken away after so long, with what it answers, where the bot may.
        asks_place: the client offers to choose a group or channel, where it can.
        reply_to: the platform's id of the message this one answers, if any.
        attachment: a file that comes after the words.
        picture: what is shown with the words, where there is one in time.
    """

    title: Line
    push: Line = Line()
    body: tuple[Block, ...] = ()
    footer: Line | None = None
    stamp: datetime | None = None
    stamp_style: TimeStyle = TimeStyle.TIME
    buttons: tuple[tuple[Button, ...], ...] = ()
    tone: Tone = Tone.PLAIN
    is_silent: bool = False
    is_private: bool = False
    is_airy: bool = False
    fades: timedelta | None = None
    asks_place: bool = False
    reply_to: str = ""
    attachment: Attachment | None = None
    picture: PictureRef | None = None

    @property
    def plain(self) -> str:
        """The whole message without markup, a line each."""
        lines = [self.title.plain]
        for block in self.body:
            lines += [block.plain] if isinstance(block, Line) else list(block.rows)
        if self.footer is not None:
            lines += ["", self.footer.plain]
        return "\n".join(lines)

    def evolve(self, **changes: object) -> Self:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def line(*parts: str | Span) -> Line:
    """Build a line from strings and spans."""
    return Line(tuple(Text(p) if isinstance(p, str) else p for p in parts))


def bold(text: str) -> Text:
    """Return the text in bold."""
    return Text(text, Style.BOLD)


def italic(text: str) -> Text:
    """Return the text in italics."""
    return Text(text, Style.ITALIC)


def code(text: str) -> Text:
    """Return the text as typed, in a code face."""
    return Text(text, Style.CODE)
