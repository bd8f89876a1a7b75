"""What an alert says: decided news in, one message out. Pure, free of any platform.

Line 1 is the whole verdict. Moves are moves of the price, never somebody's gains, and
nothing here tells anybody to do anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    Table,
    TimeStyle,
    Tone,
    bold,
    line,
)
from bot.model import (
    Asset,
    Direction,
    Event,
    EventKind,
    PlaceKind,
    Scope,
    Signal,
    Watch,
)
from bot.noise import Decision, News

#: later than this after detection an alert says how late it is
LATE_AFTER = timedelta(minutes=1)
#: from so many flips in one message they are rows of a table
BROAD_FROM = 4
TABLE_ROWS = 12
#: a phone's lock screen shows about so many columns of line 1
TITLE_COLUMNS = 40
#: a symbol in a table is cut here, so that no row is wider than 30 columns
_SYMBOL_COLUMNS = 13
#: an engine's time further away than this is shown with its date
_SAME_DAY = timedelta(hours=20)
_TONES = {Signal.BULLISH: Tone.BULLISH, Signal.BEARISH: Tone.BEARISH}


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


def alert(decision: Decision, setting: Setting) -> Message:
    """Word everything one decision tells, as one message."""
    news = decision.news
    if any(n.held_for == "away" for n in news):
        return _while_away(decision, setting)
    if len(news) == 1:
        return _single(news[0], decision.came_back, setting)
    flips = [n for n in news if n.event.kind is EventKind.FLIP]
    if len(flips) >= BROAD_FROM:
        return _broad(decision, flips, setting)
    return _several(decision, setting)


def sample(asset: Asset, event: Event, watch: Watch, setting: Setting) -> Message:
    """Word a made-up alert on a real asset, marked as a sample."""
    news = News(asset=asset, watch=watch, change=event, flips=1)
    message = _single(news, (), setting)
    return message.evolve(
        title=Line((line("SAMPLE · ").spans[0], *message.title.spans)),
        footer=line("A sample: nothing happened · ", setting.source_title),
        buttons=(),
    )


# ----------------------------------------------------------------------- one asset


def _single(news: News, came_back: Sequence[Asset], setting: Setting) -> Message:
    event = news.event
    if event.kind is EventKind.CORRECTION:
        title, body, tone = _correction(news)
    elif event.kind is EventKind.FLIP:
        title, body, tone = _flip(news, setting)
    else:
        title, body, tone = _crossing(news, setting)
    body += _came_back(came_back)
    is_loud = setting.is_private and news.change is not None
    return Message(
        title=title,
        body=tuple(body),
        footer=_footer(news.watch, news.asset, setting),
        stamp=event.as_of,
        stamp_style=_style(event.as_of, setting.now),
        buttons=alert_buttons(news.asset, setting.kind),
        tone=tone,
        is_silent=not is_loud,
        reply_to=setting.reply_to,
    )


def _flip(news: News, setting: Setting) -> tuple[Line, list[Block], Tone]:
    event, symbol = news.event, news.asset.symbol
    signal = event.to_signal
    title = _fitting_title(
        f"{words.DOT[signal]} ", f"{symbol} turned {signal.word}", event
    )
    body: list[Block] = [*_lateness(news, setting.now), *_lines_passed(news)]
    price = _price_line(event)
    if price is not None:
        body.append(price)
    before = _before(event)
    if before is not None:
        body += [Line(), before]
    return title, body, _TONES.get(signal, Tone.PLAIN)


def _fitting_title(dot: str, verdict: str, event: Event) -> Line:
    """Build line 1; with a long symbol the grade goes without its word."""
    grade = _grade_move(event)
    for tail in (grade, grade.replace("grade ", ""), grade.partition(",")[0]):
        title = line(dot, bold(verdict), tail)
        if words.columns(title.plain) <= TITLE_COLUMNS:
            return title
    return line(dot, bold(verdict))


def _grade_move(event: Event) -> str:
    if event.grade_to is None:
        return ""
    return f" · grade {words.grade(event.grade_to)}{_was(event)}"


def _was(event: Event) -> str:
    """Write the grade before, unless it reads the same."""
    before = words.grade(event.grade_from)
    if event.grade_from is None or before == words.grade(event.grade_to):
        return ""
    return f", was {before}"


def _price_line(event: Event) -> Line | None:
    if event.price is None:
        return None
    move = words.move(event.price_day_ago, event.price)
    tail = "" if move is None else f", {words.percent(move)} in 24 h"
    return line(f"Price {words.price(event.price)}{tail}")


def _before(event: Event) -> Line | None:
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


def _crossing(news: News, setting: Setting) -> tuple[Line, list[Block], Tone]:
    event = news.event
    is_up = _is_up(news)
    title = line(
        "📈 " if is_up else "📉 ",
        bold(f"{news.asset.symbol} grade {words.grade(event.grade_to)}"),
        _was(event),
    )
    body: list[Block] = [*_lateness(news, setting.now), *_lines_passed(news)]
    state = news.asset.state
    standing = event.to_signal if state is None else state.standing
    if standing is not Signal.NEUTRAL:
        since = event.since if state is None else state.standing_since
        text = f"Signal still {words.DOT[standing]} {standing.word}"
        body.append(
            line(text)
            if since is None
            else line(f"{text} since ", Moment(since, TimeStyle.DATE))
        )
    price = _price_line(event)
    if price is not None:
        body.append(price)
    return title, body, Tone.PLAIN


def _is_up(news: News) -> bool:
    event = news.event
    if event.grade_from is None or event.grade_to is None:
        return news.passed[-1].direction is Direction.UP
    return event.grade_to >= event.grade_from


def _lines_passed(news: News) -> list[Block]:
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


def _correction(news: News) -> tuple[Line, list[Block], Tone]:
    event = news.event
    title = line(
        "✏️ ",
        bold(f"Correction: {news.asset.symbol} is still {event.to_signal.word}"),
    )
    grade = event.grade_to
    body: list[Block] = [
        line(
            f"The engine withdrew the {event.from_signal.word} signal of ",
            Moment(event.as_of, _style(event.as_of, event.detected_at)),
            " at ",
            Moment(event.detected_at),
            "." if grade is None else f". Grade {words.grade(grade)}.",
        ),
        *_lines_passed(news),
    ]
    return title, body, _TONES.get(event.to_signal, Tone.PLAIN)


def _lateness(news: News, now: datetime) -> list[Block]:
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


# ------------------------------------------------------------------- several assets


def _several(decision: Decision, setting: Setting) -> Message:
    """Word a few flips, or crossings of several assets, card under card."""
    news = decision.news
    changed = [n for n in news if n.change is not None]
    title, tone = _several_title(news, changed)
    body: list[Block] = []
    for item in news:
        body += (
            [Line(), *_card(item, setting.now)] if body else _card(item, setting.now)
        )
    body += _came_back(decision.came_back)
    as_of = max(n.event.as_of for n in news)
    return Message(
        title=title,
        body=tuple(body),
        footer=_footer_of_many(news, setting),
        stamp=as_of,
        stamp_style=_style(as_of, setting.now),
        tone=tone,
        is_silent=not (setting.is_private and changed),
    )


def _several_title(news: Sequence[News], changed: list[News]) -> tuple[Line, Tone]:
    if not changed:
        arrow = "📈" if any(_is_up(n) for n in news) else "📉"
        count = words.count(len(news), "grade")
        return line(f"{arrow} ", bold(f"{count} passed your lines")), Tone.PLAIN
    signals = {n.event.to_signal for n in changed}
    kinds = {n.event.kind for n in changed}
    if len(signals) == 1 and kinds == {EventKind.FLIP}:
        signal = next(iter(signals))
        symbols = words.names([n.asset.symbol for n in changed])
        title = line(f"{words.DOT[signal]} ", bold(f"{symbols} turned {signal.word}"))
        return title, _TONES.get(signal, Tone.PLAIN)
    each = words.names([_verdict(n) for n in changed])
    sign = "⚡" if EventKind.FLIP in kinds else "✏️"
    return line(f"{sign} ", bold(each)), Tone.PLAIN


def _verdict(news: News) -> str:
    """Say what is so: `ETH bearish`, or `ETH still bullish` after a correction."""
    event = news.event
    still = "still " if event.kind is EventKind.CORRECTION else ""
    return f"{news.asset.symbol} {still}{event.to_signal.word}"


def _card(news: News, now: datetime) -> list[Block]:
    event, symbol = news.event, news.asset.symbol
    if news.change is None:
        arrow = "📈" if _is_up(news) else "📉"
        head = line(f"{arrow} ", bold(symbol), f"{_grade_move(event)}")
    elif event.kind is EventKind.CORRECTION:
        head = line("✏️ ", bold(symbol), f" is still {event.to_signal.word}")
    else:
        head = line(
            f"{words.DOT[event.to_signal]} ",
            bold(symbol),
            f" {event.to_signal.word}{_grade_move(event)}",
        )
    card: list[Block] = [head, *_lateness(news, now), *_lines_passed(news)]
    before = _before(event) if event.kind is EventKind.FLIP else None
    price = _price_line(event)
    if price is not None:
        card.append(price)
    if before is not None:
        card.append(before)
    return card


def _broad(decision: Decision, changed: list[News], setting: Setting) -> Message:
    """Word a broad move: rows of one table, largest assets first."""
    ordered = sorted(changed, key=_by_size)
    groups = [
        (signal, [n for n in ordered if n.event.to_signal is signal])
        for signal in (Signal.BEARISH, Signal.BULLISH)
    ]
    groups = [(signal, rows) for signal, rows in groups if rows]
    groups.sort(key=lambda g: -len(g[1]))
    total = words.count(len(changed), "asset")
    if len(groups) == 1:
        signal = groups[0][0]
        title = line(f"{words.DOT[signal]} ", bold(f"{total} turned {signal.word}"))
        tone = _TONES.get(signal, Tone.PLAIN)
    else:
        parts = ", ".join(f"{len(rows)} {signal.word}" for signal, rows in groups)
        title, tone = line("⚡ ", bold(f"{total} flipped"), f": {parts}"), Tone.PLAIN
    body: list[Block] = []
    room = TABLE_ROWS
    for number, (signal, rows) in enumerate(groups, 1):
        # The groups after this one keep room for at least one row each.
        shown = rows[: room - (len(groups) - number)]
        room -= len(shown)
        if len(groups) > 1:
            body.append(line(f"{words.DOT[signal]} {signal.word.capitalize()}"))
        body.append(_table(shown))
        rest = [n.asset.symbol for n in rows[len(shown) :]]
        if rest:
            body.append(line(f"The {len(shown)} largest; also {', '.join(rest)}"))
    body += _beside(decision.news)
    body += _came_back(decision.came_back)
    as_of = max(n.event.as_of for n in changed)
    return Message(
        title=title,
        body=tuple(body),
        footer=line(f"One message instead of {len(changed)} · {setting.source_title}"),
        stamp=as_of,
        stamp_style=_style(as_of, setting.now),
        tone=tone,
        is_silent=not setting.is_private,
    )


def _by_size(news: News) -> tuple[float, str]:
    return (-(news.asset.market_cap or 0.0), news.asset.symbol)


def _table(rows: Sequence[News]) -> Table:
    """Lay out symbol, grades and move: 13 + 1 + 7 + 8 columns at most."""
    symbols = [words.fit(n.asset.symbol, _SYMBOL_COLUMNS) for n in rows]
    width = max(6, *(words.columns(s) for s in symbols)) + 1
    texts = [f"{'':<{width}}{'grade':<7}{'24 h':>8}"]
    for news, symbol in zip(rows, symbols, strict=True):
        event = news.event
        grades = f"{words.grade(event.grade_from)}→{words.grade(event.grade_to)}"
        move = words.move(event.price_day_ago, event.price)
        percent = "" if move is None else words.percent_short(move)
        padding = " " * (width - words.columns(symbol))
        texts.append(f"{symbol}{padding}{grades:<7}{percent:>8}".rstrip())
    return Table(tuple(texts))


def _beside(news: Sequence[News]) -> list[Block]:
    """Tell in a line each of what is no flip, under a table of flips."""
    found: list[Block] = []
    for item in news:
        if item.event.kind is EventKind.CORRECTION:
            found.append(line("✏️ Correction: ", bold(_verdict(item))))
        elif item.change is None:
            passed = _lines_passed(item)
            text = " · ".join(b.plain for b in passed if isinstance(b, Line))
            found.append(
                line(bold(item.asset.symbol), f"{_grade_move(item.event)} · {text}")
            )
    return found


def _came_back(assets: Sequence[Asset]) -> list[Block]:
    return [
        line(
            f"↩️ {a.symbol} flipped and came back"
            + (f": {a.state.standing.word}" if a.state is not None else "")
        )
        for a in assets
    ]


def _while_away(decision: Decision, setting: Setting) -> Message:
    news = decision.news
    changed = [n for n in news if n.change is not None]
    body: list[Block] = []
    for item in sorted(news, key=_by_size):
        if item.change is not None:
            body.append(_stands(item))
            continue
        arrow = "📈" if _is_up(item) else "📉"
        passed = " · ".join(b.plain for b in _lines_passed(item) if isinstance(b, Line))
        grade = _grade_move(item.event)
        body.append(line(f"{arrow} ", bold(item.asset.symbol), f"{grade} · {passed}"))
    body += _came_back(decision.came_back)
    count = len(changed) or len(news)
    noun = "asset has" if count == 1 else "assets have"
    what = "changed" if changed else "passed your lines"
    return Message(
        title=line("👋 ", bold(f"While I could not reach you, {count} {noun} {what}")),
        body=(*body, Line(), line("Watchlist and settings are as you left them.")),
        footer=line(setting.source_title),
        is_silent=not setting.is_private,
    )


def _stands(news: News) -> Line:
    """Tell what stands now: `🔴 ETH bearish since Nov 9 · grade 38`."""
    event, state = news.event, news.asset.state
    signal = event.to_signal
    # The alert may be weeks old: its grade is not the one that counts now.
    grade = event.grade_to if state is None else state.last.grade
    since = event.as_of if state is None else state.standing_since
    parts: list[str | Moment] = [f" {signal.word}"]
    if since is not None:
        parts += [" since ", Moment(since, TimeStyle.DATE)]
    if grade is not None:
        parts.append(f" · grade {words.grade(grade)}")
    return line(f"{words.DOT[signal]} ", bold(news.asset.symbol), *parts)


# --------------------------------------------------------------- footer and buttons


def alert_buttons(asset: Asset, kind: PlaceKind) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons under an alert; Mute and Unwatch only in private."""
    details = Button("🔍 Details", f"v1:signal:{asset.id}")
    if kind is PlaceKind.PRIVATE:
        return (
            (
                details,
                Button("🔕 Mute 24 h", f"v1:mute24:{asset.id}"),
                Button("✖ Unwatch", f"v1:unwatch:{asset.id}"),
            ),
        )
    return ((details, Button("👁 Watch privately", f"v1:watchme:{asset.id}")),)


def _style(as_of: datetime, now: datetime) -> TimeStyle:
    return TimeStyle.TIME if abs(now - as_of) < _SAME_DAY else TimeStyle.BOTH


def _footer(watch: Watch, asset: Asset, setting: Setting) -> Line:
    text = words.unhashed(watch.text) or asset.symbol
    if not setting.is_private:
        return line(f"This place gets: {text} · {setting.source_title}")
    if watch.target.scope is Scope.ASSET:
        return line(f"Watch {text} · {setting.source_title}")
    return line(f"{asset.symbol}, by your watch {text} · {setting.source_title}")


def _footer_of_many(news: Sequence[News], setting: Setting) -> Line:
    texts = list(
        dict.fromkeys(words.unhashed(n.watch.text) or n.asset.symbol for n in news)
    )
    head = "Watches" if setting.is_private else "This place gets:"
    return line(f"{head} {words.names(texts, 3)} · {setting.source_title}")
