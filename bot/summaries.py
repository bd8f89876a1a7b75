"""What is said of several assets at once: cards, one table, what was missed. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot import phrases, words
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
    EventKind,
    Signal,
)
from bot.noise import Decision, News
from bot.phrases import Setting

#: from so many flips in one message they are rows of a table
BROAD_FROM = 4
TABLE_ROWS = 12
#: a symbol in a table is cut here, so that no row is wider than 30 columns
_SYMBOL_COLUMNS = 13
#: buttons for so many of several assets, as many as a row holds on a phone
_DETAILS_MAX = 4


def several(decision: Decision, setting: Setting) -> Message:
    """Word a few flips, or crossings of several assets, card under card."""
    news = decision.news
    changed = [n for n in news if n.change is not None]
    title, tone = _several_title(news, changed)
    body: list[Block] = []
    for item in news:
        body += (
            [Line(), *_card(item, setting.now)] if body else _card(item, setting.now)
        )
    body += phrases.came_back(decision.came_back)
    as_of = max(n.event.as_of for n in news)
    return Message(
        title=title,
        body=tuple(body),
        footer=phrases.footer_of_many(news, setting),
        stamp=as_of,
        stamp_style=phrases.style(as_of, setting.now),
        buttons=(tuple(_details(n) for n in news[:_DETAILS_MAX]),),
        tone=tone,
        is_airy=True,
        is_silent=not (setting.is_private and changed),
    )


def _details(news: News) -> Button:
    """Return the button that tells more of one asset among several."""
    symbol = words.fit(news.asset.symbol, _SYMBOL_COLUMNS)
    return Button(f"🔍 {symbol}", f"v1:why:{news.asset.id}")


def _several_title(news: Sequence[News], changed: list[News]) -> tuple[Line, Tone]:
    if not changed:
        arrow = "📈" if any(phrases.is_up(n) for n in news) else "📉"
        count = words.count(len(news), "grade")
        return line(f"{arrow} ", bold(f"{count} passed your lines")), Tone.PLAIN
    signals = {n.event.to_signal for n in changed}
    kinds = {n.event.kind for n in changed}
    if len(signals) == 1 and kinds == {EventKind.FLIP}:
        signal = next(iter(signals))
        symbols = words.names([n.asset.symbol for n in changed])
        title = line(f"{words.DOT[signal]} ", bold(f"{symbols} turned {signal.word}"))
        return title, phrases.TONES.get(signal, Tone.PLAIN)
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
        arrow = "📈" if phrases.is_up(news) else "📉"
        head = line(f"{arrow} ", bold(symbol), f"{phrases.grade_move(event)}")
    elif event.kind is EventKind.CORRECTION:
        head = line("✏️ ", bold(symbol), f" is still {event.to_signal.word}")
    else:
        head = line(
            f"{words.DOT[event.to_signal]} ",
            bold(symbol),
            f" {event.to_signal.word}{phrases.grade_move(event)}",
        )
    card: list[Block] = [
        head,
        *phrases.lateness(news, now),
        *phrases.lines_passed(news),
    ]
    before = phrases.before(event) if event.kind is EventKind.FLIP else None
    price = phrases.price_line(event)
    if price is not None:
        card.append(price)
    if before is not None:
        card.append(before)
    return card


def broad(decision: Decision, changed: list[News], setting: Setting) -> Message:
    """Word a broad move: rows of one table, largest assets first."""
    ordered = sorted(changed, key=phrases.by_size)
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
        tone = phrases.TONES.get(signal, Tone.PLAIN)
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
    body += phrases.came_back(decision.came_back)
    as_of = max(n.event.as_of for n in changed)
    return Message(
        title=title,
        body=tuple(body),
        footer=line(f"One message instead of {len(changed)} · {setting.source_title}"),
        stamp=as_of,
        stamp_style=phrases.style(as_of, setting.now),
        tone=tone,
        is_silent=not setting.is_private,
    )


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
            passed = phrases.lines_passed(item)
            text = " · ".join(b.plain for b in passed if isinstance(b, Line))
            found.append(
                line(
                    bold(item.asset.symbol),
                    f"{phrases.grade_move(item.event)} · {text}",
                )
            )
    return found


def while_away(decision: Decision, setting: Setting) -> Message:
    """Word what changed while a recipient could not be reached."""
    news = decision.news
    changed = [n for n in news if n.change is not None]
    body: list[Block] = []
    for item in sorted(news, key=phrases.by_size):
        if item.change is not None:
            body.append(_stands(item))
            continue
        arrow = "📈" if phrases.is_up(item) else "📉"
        passed = " · ".join(
            b.plain for b in phrases.lines_passed(item) if isinstance(b, Line)
        )
        grade = phrases.grade_move(item.event)
        body.append(line(f"{arrow} ", bold(item.asset.symbol), f"{grade} · {passed}"))
    body += phrases.came_back(decision.came_back)
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
