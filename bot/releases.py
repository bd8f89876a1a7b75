"""What is told at once of a time without alerts: a night, a digest, an absence. Pure.

All of these say what stands now, a line per asset, not what happened when.
"""

from collections.abc import Sequence
from datetime import datetime

from bot import phrases, words
from bot.message import Block, Line, Message, Moment, TimeStyle, bold, italic, line
from bot.model import Direction, EventKind
from bot.news import Decision, News, Occasion
from bot.phrases import Setting
from bot.preferences import Cadence, NewsKind


def night(decision: Decision, setting: Setting) -> Message:
    """Word what quiet hours or a digest held, as one net summary."""
    is_digest = decision.occasion is Occasion.DIGEST
    changed = [n for n in decision.news if n.change is not None]
    kind = NewsKind.DIGEST if is_digest else NewsKind.SUMMARY
    body = [*_standing(decision, setting.now), *phrases.came_back(decision.came_back)]
    market = setting.backdrop.market
    if is_digest and market is not None:
        body.append(line(phrases.market_share(market)))
    if not decision.news and not is_digest:
        return _calm_night(decision, setting)
    rest = _rest(decision, setting)
    return Message(
        title=line(_sign(is_digest=is_digest), bold(_night_title(decision, setting))),
        push=_verdicts(changed),
        body=tuple(body),
        footer=line(f"{rest}{setting.source_title}"),
        is_silent=setting.is_silent(kind),
    )


def _sign(*, is_digest: bool) -> str:
    return "🗓 " if is_digest else "🌙 "


def _night_title(decision: Decision, setting: Setting) -> str:
    changed = sum(n.change is not None for n in decision.news)
    crossed = len(decision.news) - changed
    if changed:
        what = f"{words.count(changed, 'flip')} stand{'s' if changed == 1 else ''}"
    elif crossed:
        what = f"{words.count(crossed, 'grade')} passed your lines"
    else:
        what = "all as before"
    if decision.occasion is not Occasion.DIGEST:
        return f"Held while quiet: {what}"
    digest = setting.preferences.digest
    is_weekly = digest is not None and digest.cadence is Cadence.WEEKLY
    return f"Your {'week' if is_weekly else 'day'}: {what}"


def _calm_night(decision: Decision, setting: Setting) -> Message:
    symbols = words.names([a.symbol for a in decision.came_back], 3)
    return Message(
        title=line("↩️ ", bold("Quiet night"), f": {symbols} flipped and came back"),
        body=(line("All as before."),),
        footer=line(setting.source_title),
        is_silent=setting.is_silent(NewsKind.SUMMARY),
    )


def _rest(decision: Decision, setting: Setting) -> str:
    """Say of how many others nothing is told, where that is known."""
    others = len(phrases.fresh_others(decision, setting))
    if not others or not setting.is_private:
        return ""
    if others == 1:
        return "The other one is as it was · "
    return f"The other {others} are as they were · "


def _verdicts(changed: Sequence[News]) -> Line:
    """Name what stands where a push shows line 1 alone."""
    named = [
        f"{n.asset.symbol} {n.event.to_signal.word}"
        for n in sorted(changed, key=phrases.by_size)
    ]
    return line(f" · {words.names(named, 3)}") if named else Line()


def _standing(decision: Decision, now: datetime) -> list[Block]:
    ordered = sorted(
        decision.news, key=lambda n: (n.change is None, phrases.by_size(n))
    )
    return [stands(n, now) if n.change is not None else _crossed(n) for n in ordered]


def stands(news: News, now: datetime) -> Line:
    """Tell what stands now: `🔴 ETH bearish since Nov 9 · grade 38`."""
    event, state = news.event, news.asset.state
    signal = event.to_signal
    still = "still " if event.kind is EventKind.CORRECTION else ""
    # The alert may be weeks old: its grade is not the one that counts now.
    grade = event.grade_to if state is None else state.last.grade
    since = event.as_of if state is None else state.standing_since
    parts: list[str | Moment] = [f" {still}{signal.word}"]
    if since is not None:
        parts += [" since ", Moment(since, phrases.day_or_time(since, now))]
    if grade is not None:
        parts.append(f" · grade {words.grade(grade)}")
    lines = _own_lines(news)
    if lines:
        parts.append(f", {lines}")
    return line(f"{words.DOT[signal]} ", bold(news.asset.symbol), *parts)


def _crossed(news: News) -> Line:
    """Tell where a grade is now: `📉 TAO grade 47, below your line 50`."""
    state = news.asset.state
    grade = news.event.grade_to if state is None else state.last.grade
    arrow = "📈" if phrases.is_up(news) else "📉"
    text = f" grade {words.grade(grade)}, {_own_lines(news)}"
    return line(f"{arrow} ", bold(news.asset.symbol), text)


def _own_lines(news: News) -> str:
    found = []
    for direction, word in ((Direction.UP, "above"), (Direction.DOWN, "below")):
        lines = [p.threshold for p in news.passed if p.direction is direction]
        if lines:
            noun = "line" if len(lines) == 1 else "lines"
            texts = " · ".join(words.threshold(t) for t in lines)
            found.append(f"{word} your {noun} {texts}")
    return ", ".join(found)


# ------------------------------------------------------------------- after an absence


def while_away(decision: Decision, setting: Setting) -> Message:
    """Word what changed while a recipient could not be reached."""
    news = decision.news
    changed = [n for n in news if n.change is not None]
    body: list[Block] = [
        _since_known(n) if n.change is not None else _passed(n)
        for n in sorted(news, key=phrases.by_size)
    ]
    body += phrases.came_back(decision.came_back)
    count = phrases.out_of(len(changed) or len(news), setting)
    what = "changed" if changed else "passed your lines"
    return Message(
        title=line("👋 ", bold(f"You are back: {count} {what}")),
        push=_verdicts(changed),
        body=(*body, Line(), line("Watchlist and settings are as you left them.")),
        footer=line(setting.source_title),
        is_silent=not setting.is_private,
    )


def _since_known(news: News) -> Line:
    """Tell what stands now, and what the reader believed: `(you knew: bullish)`."""
    event, state = news.event, news.asset.state
    signal = event.to_signal
    grade = event.grade_to if state is None else state.last.grade
    since = event.as_of if state is None else state.standing_since
    parts: list[str | Moment] = [f" {signal.word}"]
    if since is not None:
        parts += [" since ", Moment(since, TimeStyle.DATE)]
    if grade is not None:
        parts.append(f" · grade {words.grade(grade)}")
    known = []
    if news.knew is not None and news.knew is not signal:
        known = [italic(f" (you knew: {news.knew.word})")]
    return line(f"{words.DOT[signal]} ", bold(news.asset.symbol), *parts, *known)


def _passed(news: News) -> Line:
    arrow = "📈" if phrases.is_up(news) else "📉"
    passed = " · ".join(
        b.plain for b in phrases.lines_passed(news) if isinstance(b, Line)
    )
    grade = phrases.grade_move(news.event)
    return line(f"{arrow} ", bold(news.asset.symbol), f"{grade} · {passed}")


def we_were_off(decision: Decision, setting: Setting) -> Message:
    """Word what changed while the bot itself did not run."""
    news = sorted(decision.news, key=lambda n: (n.change is None, phrases.by_size(n)))
    off_since = min(n.event.off_since for n in news if n.event.off_since is not None)
    back_at = max(n.event.detected_at for n in news)
    day = phrases.style(off_since, back_at)
    body: list[Block] = [
        line("No polls from ", Moment(off_since, day), " to ", Moment(back_at), "."),
        Line(),
    ]
    body += [_found(n) if n.change is not None else _passed(n) for n in news]
    body.append(
        line(
            "Turned at some moment in between; what flipped and came back I cannot see."
        )
    )
    changed = [n for n in news if n.change is not None]
    if len(news) == 1 and changed:
        what = f"{news[0].asset.symbol} turned {news[0].event.to_signal.word}"
    else:
        count = phrases.out_of(len(changed) or len(news), setting)
        what = f"{count} {'changed' if changed else 'passed your lines'}"
    return Message(
        title=line("🔌 ", bold(f"I was off: {what}")),
        push=_verdicts(changed),
        body=tuple(body),
        footer=line(setting.source_title),
        is_silent=setting.is_silent(NewsKind.SUMMARY),
    )


def _found(news: News) -> Line:
    """Tell how an asset was found: `🔴 BTC bearish, grade 41, price $92,300`."""
    event = news.event
    text = f" {event.to_signal.word}"
    if event.grade_to is not None:
        text += f", grade {words.grade(event.grade_to)}"
    if event.price is not None:
        text += f", price {words.price(event.price)}"
    return line(f"{words.DOT[event.to_signal]} ", bold(news.asset.symbol), text)
