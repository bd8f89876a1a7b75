"""/market: the bull-bear indicator, who moved, and the sectors, in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import phrases, words
from bot.market import largest_sectors
from bot.message import Block, Line, Message, Moment, Tone, bold, line
from bot.model import AssetState, MarketPoint, Signal, Stance

#: so many movers each way, and from so many points on
_MOVERS = 2
_MOVE_LEAST = 5.0
_DAY = timedelta(hours=24)
_MAJORS = ("BTC", "ETH")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketNow:
    """Everything /market tells.

    Attributes:
        point: the newest point; `week_ago` is one of about a week before.
        state: the market's own state, with its signal and since when it stands.
        grades_before: the grade of about a day before, by key.
    """

    point: MarketPoint
    week_ago: MarketPoint | None = None
    state: AssetState | None = None
    stances: Sequence[Stance] = ()
    grades_before: Mapping[str, float] = field(default_factory=dict)


def market(found: MarketNow, *, now: datetime, source_title: str) -> Message:
    """Say how many assets stand bullish, and who turned."""
    point, week = found.point, found.week_ago
    was = "" if week is None else f", a week ago {_percent(week.share.ratio)}"
    body: list[Block] = [
        *_signal(found, now),
        *_majors(found),
        Line(),
        *_turned(found),
        *_movers(found),
        *_sectors(found),
    ]
    standing = found.state.standing if found.state is not None else Signal.NEUTRAL
    return Message(
        title=line("📊 ", bold(f"Market {_percent(point.share.ratio)} bullish"), was),
        body=tuple(body),
        footer=line(
            f"{words.count(point.share.total, 'asset')} with a signal · {source_title}"
        ),
        stamp=point.as_of,
        stamp_style=phrases.style(point.as_of, now),
        tone=phrases.TONES.get(standing, Tone.PLAIN),
        is_private=True,
    )


def no_market(source_title: str) -> Message:
    """Answer /market before enough assets have a signal."""
    return Message(
        title=line("📊 ", bold("No market yet")),
        body=(line("Fewer than 5 assets have a signal."),),
        footer=line(source_title),
        is_private=True,
    )


def day(found: MarketNow) -> list[Block]:
    """Return the market of the day in two lines, for digests and channels."""
    week = found.week_ago
    was = "" if week is None else f", a week ago {_percent(week.share.ratio)}"
    head = line("📊 ", bold(f"Market {_percent(found.point.share.ratio)} bullish"), was)
    return [head, *_turned(found)]


def _percent(ratio: float) -> str:
    return f"{round(ratio * 100)}%"


def _signal(found: MarketNow, now: datetime) -> list[Block]:
    state = found.state
    if state is None or state.standing is Signal.NEUTRAL:
        return [line("Market signal: none yet")]
    text = f"Market signal {words.DOT[state.standing]} {state.standing.word}"
    since = state.standing_since
    if since is None:
        return [line(text)]
    return [line(f"{text} since ", Moment(since, phrases.style(since, now)))]


def _majors(found: MarketNow) -> list[Block]:
    largest: dict[str, Stance] = {}
    for stance in found.stances:
        known = largest.get(stance.symbol)
        if known is None or (stance.market_cap or 0) > (known.market_cap or 0):
            largest[stance.symbol] = stance
    texts = [
        f"{symbol} {words.dot_mark(largest[symbol].standing)}"
        f" {words.grade(largest[symbol].grade)}"
        for symbol in _MAJORS
        if symbol in largest
    ]
    return [line(" · ".join(texts))] if texts else []


def _turned(found: MarketNow) -> list[Block]:
    begin = found.point.as_of - _DAY
    recent = [s for s in found.stances if s.since is not None and s.since > begin]
    up = sum(s.standing is Signal.BULLISH for s in recent)
    down = sum(s.standing is Signal.BEARISH for s in recent)
    if not recent:
        return [line("Last 24 h: nothing turned")]
    return [line(f"Last 24 h: {up} turned bullish, {down} bearish")]


def _movers(found: MarketNow) -> list[Block]:
    moves = [
        (stance.grade - before, stance, before)
        for stance in found.stances
        if stance.grade is not None
        and (before := found.grades_before.get(stance.key)) is not None
        and abs(stance.grade - before) >= _MOVE_LEAST
    ]
    blocks: list[Block] = []
    for name, sign in (("Up", 1), ("Down", -1)):
        those = sorted(
            (m for m in moves if m[0] * sign > 0),
            key=lambda m: (-abs(m[0]), m[1].symbol),
        )
        texts = [
            f"{s.symbol} {words.grade(before)}→{words.grade(s.grade)}"
            for _, s, before in those[:_MOVERS]
        ]
        if texts:
            blocks.append(line(f"{name}: {' · '.join(texts)}"))
    return blocks


def _sectors(found: MarketNow) -> list[Block]:
    """Write the largest sectors, most bullish first, each against a week ago."""
    before = {} if found.week_ago is None else found.week_ago.sectors
    texts = []
    for name, share in largest_sectors(found.point):
        was = before.get(name)
        arrow = ""
        if was is not None and was.ratio != share.ratio:
            arrow = " ↑" if share.ratio > was.ratio else " ↓"
        texts.append(f"{name} {_percent(share.ratio)}{arrow}")
    return [line(" · ".join(texts))] if texts else []
