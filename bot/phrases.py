"""The pieces an alert is put together from: grades, prices, lines, lateness. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import words
from bot.message import (
    Block,
    Line,
    Moment,
    TimeStyle,
    Tone,
    bold,
    code,
    line,
)
from bot.model import (
    Asset,
    Backdrop,
    Direction,
    Event,
    EventKind,
    Market,
    PlaceKind,
    Signal,
    Wave,
)
from bot.news import Decision, News, Note, Reason
from bot.noise_budget import Advice, Remedy
from bot.preferences import NewsKind, Preferences, Sound

#: later than this after detection an alert says how late it is
LATE_AFTER = timedelta(minutes=1)
HOLDING = "It is choppy: I hold further flips until it stays put for 6 hours."
#: an engine's time further away than this is shown with its date
_SAME_DAY = timedelta(hours=20)
#: an asset is as before if a poll brought it at most so long before the others
_FRESH = timedelta(minutes=5)
TONES = {Signal.BULLISH: Tone.BULLISH, Signal.BEARISH: Tone.BEARISH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where and when an alert is read.

    Attributes:
        kind: private chats get sound and personal buttons, other places neither.
        source_title: the engine's name as people know it.
        reply_to: the platform's id of the asset's previous alert, for a single alert.
        preferences: how the recipient wants to hear.
        backdrop: what is around the news.
        wave: the broad move that this message goes on with.
        advice: the message is over the daily budget, and this would help.
    """

    now: datetime
    kind: PlaceKind
    source_title: str
    reply_to: str = ""
    preferences: Preferences = field(default_factory=Preferences)
    backdrop: Backdrop = field(default_factory=Backdrop)
    advice: Advice | None = None
    wave: Wave | None = None

    def is_silent(self, kind: NewsKind) -> bool:
        """Whether what is of this kind arrives without a sound."""
        sound = self.preferences.sound_of(kind, is_private=self.is_private)
        return sound is not Sound.ON

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
    if late <= LATE_AFTER:
        return found
    seen = Moment(event.detected_at, style(event.detected_at, now))
    match news.held_for:
        case Reason.MUTED:
            found.append(line("Held since ", seen, ", it was muted"))
        case Reason.QUIET_HOURS:
            found.append(line("Held since ", seen, ", you were in quiet hours"))
        case Reason.UNCONFIRMED:
            found.append(line("Seen at ", seen, ", confirmed by a second reading"))
        case Reason.TURNED_OFF:
            found.append(line("Held since ", seen, ", you had flips off"))
        case _:
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


def verdict(news: News) -> str:
    """Say what is so: `ETH bearish`, or `ETH still bullish` after a correction."""
    event = news.event
    still = "still " if event.kind is EventKind.CORRECTION else ""
    return f"{news.asset.symbol} {still}{event.to_signal.word}"


def is_silent(news: Sequence[News], setting: Setting) -> bool:
    """Whether a message of these arrives without a sound: one that rings is enough."""
    return all(setting.is_silent(_kind(item)) for item in news)


def _kind(news: News) -> NewsKind:
    """Return as what one asset's news counts; what was held is a summary."""
    if news.note is Note.SETTLED or news.held_for in {Reason.QUIET_HOURS, Reason.MUTED}:
        return NewsKind.SUMMARY
    if news.change is None:
        return NewsKind.CROSSING
    if news.change.kind in {EventKind.SILENT, EventKind.ENGINE}:
        return NewsKind.SOURCE
    return NewsKind(news.change.kind.value)


def choppy(news: News) -> list[Block]:
    """Say that an asset keeps turning, and what follows from that."""
    if news.note is not Note.AGAIN:
        return []
    return [line(HOLDING)]


def day_or_time(at: datetime, now: datetime) -> TimeStyle:
    """Return how a moment of the past is shown short: the hour, or the day."""
    return TimeStyle.TIME if abs(now - at) < _SAME_DAY else TimeStyle.DATE


def fresh_others(decision: Decision, setting: Setting) -> list[Asset]:
    """List the watched assets of which nothing is told and a poll brought nothing new.

    Empty where that can't be said of all: something else is held, or the news are of
    more than a watchlist.
    """
    if decision.holds or not (decision.news or decision.came_back):
        return []
    told = {n.asset.id for n in decision.news} | {a.id for a in decision.came_back}
    newest = max(
        (
            a.state.seen_at
            for a in (*(n.asset for n in decision.news), *decision.came_back)
            if a.state is not None
        ),
        default=setting.now,
    )
    return [
        a
        for a in setting.backdrop.others
        if a.id not in told
        and a.state is not None
        and a.state.seen_at >= newest - _FRESH
        and a.state.standing is not Signal.NEUTRAL
    ]


def market_share(market: Market) -> str:
    """Write the market's bullish share, and what it was before."""
    share, before = f"{market.share:.0%}", f"{market.share_before:.0%}"
    was = "" if share == before else f", before {before}"
    return f"Market {share} bullish{was}"


def out_of(count: int, setting: Setting) -> str:
    """Write `9 of your 12`, `41 of the top 100`, or `9 assets`."""
    backdrop = setting.backdrop
    # the end of a bullish signal is told even of what is watched no longer
    if backdrop.watched is None or backdrop.watched < count:
        return words.count(count, "asset")
    if backdrop.title:
        return f"{count:,} of {backdrop.title}"
    if setting.is_private:
        return f"{count:,} of your {backdrop.watched:,}"
    return words.count(count, "asset")


def over_budget(advice: Advice) -> list[Block]:
    """Say that the day is louder than wanted, and what would make it quieter."""
    count = f"Message {advice.number} today, you wanted at most {advice.budget}."
    why, how = _REMEDIES[advice.remedy]
    return [Line(), line(count), line(why, code(how))]


_REMEDIES = {
    Remedy.FEWER_LINES: ("Most were grades passing your lines: ", "/threshold off"),
    Remedy.CALM: ("Calm waits until two readings agree: ", "/pace calm"),
    Remedy.DIGEST: ("A digest makes one of them: ", "/digest daily 08:00"),
}
