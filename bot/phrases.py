"""The pieces an alert is put together from: grades, prices, lines, lateness. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import words
from bot.message import (
    Block,
    Line,
    Moment,
    TimeStyle,
    Tone,
    bold,
    line,
)
from bot.model import (
    Asset,
    Direction,
    Event,
    PlaceKind,
    Signal,
)
from bot.noise import News

#: later than this after detection an alert says how late it is
LATE_AFTER = timedelta(minutes=1)
#: an engine's time further away than this is shown with its date
_SAME_DAY = timedelta(hours=20)
TONES = {Signal.BULLISH: Tone.BULLISH, Signal.BEARISH: Tone.BEARISH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where and when an alert is read.

    Attributes:
        kind: private chats get sound and personal buttons, other places neither.
        source_title: the engine's name as people know it.
        reply_to: the platform's id of the asset's previous alert, for a single alert.
    """

    now: datetime
    kind: PlaceKind
    source_title: str
    reply_to: str = ""

    @property
    def is_private(self) -> bool:
        """Whether one person reads it."""
        return self.kind is PlaceKind.PRIVATE


def grade_move(event: Event) -> str:
    """Write where the grade went: ` · grade 38, was 71`; empty if unknown."""
    if event.grade_to is None:
        return ""
    return f" · grade {words.grade(event.grade_to)}{was(event)}"


def was(event: Event) -> str:
    """Write the grade before, unless it reads the same."""
    before = words.grade(event.grade_from)
    if event.grade_from is None or before == words.grade(event.grade_to):
        return ""
    return f", was {before}"


def price_line(event: Event) -> Line | None:
    """Write the price and its move in 24 h; None if the price is unknown."""
    if event.price is None:
        return None
    move = words.move(event.price_day_ago, event.price)
    tail = "" if move is None else f", {words.percent(move)} in 24 h"
    return line(f"Price {words.price(event.price)}{tail}")


def before(event: Event) -> Line | None:
    """Tell of the signal that ended: how long it stood and how the price moved."""
    if event.from_signal is Signal.NEUTRAL or event.since is None:
        return None
    text = (
        f"{event.from_signal.word.capitalize()} {words.span(event.as_of - event.since)}"
    )
    move = words.move(event.since_price, event.price)
    if move is None:
        return line(text)
    start = words.price(event.since_price)
    return line(f"{text} from {start}: ", bold(words.percent(move)))


def is_up(news: News) -> bool:
    """Whether the grade went up."""
    event = news.event
    if event.grade_from is None or event.grade_to is None:
        return news.passed[-1].direction is Direction.UP
    return event.grade_to >= event.grade_from


def lines_passed(news: News) -> list[Block]:
    """Write which lines were passed, up and down apart."""
    up = [p.threshold for p in news.passed if p.direction is Direction.UP]
    down = [p.threshold for p in news.passed if p.direction is Direction.DOWN]
    found: list[Block] = []
    if up:
        found.append(line(f"Passed your {_lines_text(sorted(up))}"))
    if down:
        found.append(line(f"Fell below your {_lines_text(sorted(down, reverse=True))}"))
    return found


def _lines_text(thresholds: Sequence[float]) -> str:
    noun = "line" if len(thresholds) == 1 else "lines"
    return f"{noun} {' · '.join(words.threshold(t) for t in thresholds)}"


def lateness(news: News, now: datetime) -> list[Block]:
    """Write how late the news is told, if it is, and why."""
    event = news.event
    found: list[Block] = []
    if event.gap_since is not None:
        found.append(
            line(
                "At some moment between ",
                Moment(event.gap_since),
                " and ",
                Moment(event.detected_at),
                ": no data in between",
            )
        )
    late = now - event.detected_at
    if late > LATE_AFTER:
        if news.held_for == "muted":
            found.append(
                line("Held since ", Moment(event.detected_at), ", it was muted")
            )
        else:
            found.append(line(f"Told {words.span_exact(late)} late"))
    return found


def by_size(news: News) -> tuple[float, str]:
    """Sort the largest asset first, then by symbol."""
    return (-(news.asset.market_cap or 0.0), news.asset.symbol)


def came_back(assets: Sequence[Asset]) -> list[Block]:
    """Write which assets flipped and came back, a line each."""
    return [
        line(
            f"↩️ {a.symbol} flipped and came back"
            + (f": {a.state.standing.word}" if a.state is not None else "")
        )
        for a in assets
    ]


def style(as_of: datetime, now: datetime) -> TimeStyle:
    """Return how an engine's time is shown: with its date unless it is near."""
    return TimeStyle.TIME if abs(now - as_of) < _SAME_DAY else TimeStyle.BOTH


def footer_of_many(news: Sequence[News], setting: Setting) -> Line:
    """Write whose watches led to a message of several assets."""
    texts = list(
        dict.fromkeys(words.unhashed(n.watch.text) or n.asset.symbol for n in news)
    )
    head = "Watches" if setting.is_private else "This place gets:"
    return line(f"{head} {words.names(texts, 3)} · {setting.source_title}")
