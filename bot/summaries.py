"""What is said of a few assets at once: a card each, one under the other. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot import phrases, words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Tone,
    bold,
    line,
)
from bot.model import (
    EventKind,
)
from bot.noise import Decision, News
from bot.phrases import Setting

#: buttons for so many of several assets, as many as a row holds on a phone
_DETAILS_MAX = 4
#: a symbol on a button is cut here
_SYMBOL_COLUMNS = 13


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
        is_silent=phrases.is_silent(news, setting),
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
    each = words.names([phrases.verdict(n) for n in changed])
    sign = "⚡" if EventKind.FLIP in kinds else "✏️"
    return line(f"{sign} ", bold(each)), Tone.PLAIN


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
        *phrases.choppy(news),
        *phrases.lines_passed(news),
    ]
    before = phrases.before(event) if event.kind is EventKind.FLIP else None
    price = phrases.price_line(event)
    if price is not None:
        card.append(price)
    if before is not None:
        card.append(before)
    return card
