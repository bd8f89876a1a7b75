"""What is said when many assets turn at once: one table, and the market. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot import phrases, words
from bot.message import Block, Line, Message, Moment, Table, Tone, bold, code, line
from bot.model import EventKind, Signal, Wave
from bot.news import Decision, News, Occasion
from bot.phrases import Setting
from bot.preferences import NewsKind

#: from this share of what is watched on, the market's share is told
MARKET_FROM = 0.20
TABLE_ROWS = 12
#: what is below the table's rows is named up to here, then counted
NAMED_MOST = 12
#: a symbol in a table is cut here, so that no row is wider than 30 columns
_SYMBOL_COLUMNS = 13


def broad(decision: Decision, changed: Sequence[News], setting: Setting) -> Message:
    """Word a broad move: rows of one table, own and largest assets first."""
    ordered = sorted(changed, key=lambda n: _place(n, setting))
    groups = [
        (signal, [n for n in ordered if n.event.to_signal is signal])
        for signal in (Signal.BEARISH, Signal.BULLISH)
    ]
    groups = [(signal, rows) for signal, rows in groups if rows]
    groups.sort(key=lambda g: -len(g[1]))
    title, tone = _title(groups, len(changed), setting)
    body: list[Block] = _market(len(changed), setting)
    room = TABLE_ROWS
    for number, (signal, rows) in enumerate(groups, 1):
        # The groups after this one keep room for at least one row each.
        shown = rows[: room - (len(groups) - number)]
        room -= len(shown)
        if len(groups) > 1:
            body.append(line(f"{words.DOT[signal]} {signal.word.capitalize()}"))
        body += [_table(shown), *_below(shown, rows[len(shown) :], setting)]
    body += _beside(decision.news)
    body += phrases.came_back(decision.came_back)
    body += _as_before(decision, setting)
    if decision.muted:
        noun = "muted one" if decision.muted == 1 else "muted ones"
        body.append(line(f"{decision.muted} {noun} flipped too"))
    as_of = max(n.event.as_of for n in changed)
    return Message(
        title=title,
        body=tuple(body),
        footer=line(f"One message instead of {len(changed)} · {setting.source_title}"),
        stamp=as_of,
        stamp_style=phrases.style(as_of, setting.now),
        tone=tone,
        is_silent=setting.is_silent(NewsKind.FLIP),
    )


def more(decision: Decision, wave: Wave, setting: Setting) -> Message:
    """Word later flips of a broad move in a line; its table has them too by now."""
    ordered = sorted(decision.news, key=lambda n: _place(n, setting))
    signals = {n.event.to_signal for n in ordered}
    count = len(ordered)
    if len(signals) == 1:
        signal = ordered[0].event.to_signal
        names = [f"{n.asset.symbol} {words.grade(n.event.grade_to)}" for n in ordered]
        sign, verdict = words.DOT[signal], f"{count} more {signal.word}"
        tone = phrases.TONES.get(signal, Tone.PLAIN)
    else:
        names = [
            f"{n.asset.symbol} {n.event.to_signal.word} {words.grade(n.event.grade_to)}"
            for n in ordered
        ]
        sign, verdict, tone = "⚡", f"{count} more flipped", Tone.PLAIN
    total = phrases.out_of(len(wave_news(decision, wave)), setting)
    since = min(event.detected_at for _, event in wave.told)
    parts: list[str | Moment] = [f"{total} since ", Moment(since)]
    market = setting.backdrop.market
    if market is not None:
        parts.append(f" · market {market.share:.0%} bullish")
    as_of = max(n.event.as_of for n in ordered)
    return Message(
        title=line(f"{sign} ", bold(verdict), f": {words.names(names, NAMED_MOST)}"),
        body=(line(*parts),),
        footer=line(setting.source_title),
        stamp=as_of,
        stamp_style=phrases.style(as_of, setting.now),
        tone=tone,
        is_silent=phrases.is_silent(ordered, setting),
    )


def grown(decision: Decision, wave: Wave, setting: Setting) -> Message:
    """Word the table of a broad move anew, with the flips that came since."""
    news = wave_news(decision, wave)
    whole = replace(decision, news=tuple(news), occasion=Occasion.BROAD)
    return broad(whole, news, setting)


def wave_news(decision: Decision, wave: Wave) -> list[News]:
    """List a broad move's flips, the latest of each asset."""
    by = decision.news[0].watch
    latest = {
        asset.id: News(asset=asset, watch=by, change=event, flips=1)
        for asset, event in wave.told
    }
    latest |= {n.asset.id: n for n in decision.news if n.change is not None}
    return list(latest.values())


def _place(news: News, setting: Setting) -> tuple[bool, float, str]:
    return (news.asset.id not in setting.backdrop.own, *phrases.by_size(news))


def _title(
    groups: Sequence[tuple[Signal, Sequence[News]]], count: int, setting: Setting
) -> tuple[Line, Tone]:
    total = phrases.out_of(count, setting)
    if len(groups) == 1:
        signal = groups[0][0]
        title = line(f"{words.DOT[signal]} ", bold(f"{total} turned {signal.word}"))
        return title, phrases.TONES.get(signal, Tone.PLAIN)
    parts = ", ".join(f"{len(rows)} {signal.word}" for signal, rows in groups)
    return line("⚡ ", bold(f"{total} flipped"), f": {parts}"), Tone.PLAIN


def _market(count: int, setting: Setting) -> list[Block]:
    backdrop = setting.backdrop
    market = backdrop.market
    if market is None or not backdrop.watched:
        return []
    if count < MARKET_FROM * backdrop.watched:
        return []
    share, before = (f"{x:.0%}" for x in (market.share, market.share_before))
    return [line(f"Market {share} bullish, before {before}"), Line()]


def _below(
    shown: Sequence[News], rest: Sequence[News], setting: Setting
) -> list[Block]:
    """Say what has no row: by name, or by count and how to see it."""
    if not rest:
        return []
    # own assets come first, so that those shown are not simply the largest
    head = "" if setting.backdrop.own else f"The {len(shown)} largest; "
    if len(rest) > NAMED_MOST:
        return [line(f"{head}{len(rest)} more: ", code("/flips 1d"))]
    names = ", ".join(n.asset.symbol for n in rest)
    return [line(f"{head}also {names}" if head else f"Also {names}")]


def _as_before(decision: Decision, setting: Setting) -> list[Block]:
    """Name the other assets of a watchlist that have a fresh reading."""
    if not setting.is_private:
        return []
    fresh = phrases.fresh_others(decision, setting)
    if not 0 < len(fresh) <= NAMED_MOST:
        return []
    parts = []
    for signal in (Signal.BULLISH, Signal.BEARISH):
        names = [a.symbol for a in fresh if a.state and a.state.standing is signal]
        if names:
            parts.append(f"{', '.join(names)} {signal.word}")
    return [line(f"As before: {' · '.join(parts)}")]


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
            found.append(line("✏️ Correction: ", bold(phrases.verdict(item))))
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
