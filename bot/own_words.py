"""What is said of the grading engine, the market, and assets that fell silent. Pure.

"No message from me means that nothing changed" is true only while grades come; so
people are told when that ends, and when it is true again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bot import phrases, words
from bot.checks import Trouble
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    TimeStyle,
    Tone,
    bold,
    line,
)
from bot.model import MARKET_KEY, Event, EventKind, Signal, is_own
from bot.news import Decision, News
from bot.phrases import Setting
from bot.preferences import NewsKind

#: events that are worded here
KINDS = frozenset({EventKind.SOURCE, EventKind.SILENT, EventKind.ENGINE})
#: what is wrong with the engine, in a sentence, by the code of its trouble
_WRONG: Mapping[str, str] = {
    "unavailable": "The grading engine does not answer; I keep trying.",
    "stale": "The grading engine answers, but with nothing new; I keep looking.",
    "credits": "This month's calls to the engine are used up.",
    "gone": "{count} assets are missing from the engine's answers;"
    " I do not believe that and hold everything.",
    "equal": "The engine sent {count} equal grades; I do not believe them"
    " and hold everything.",
    "backwards": "The engine sent {count} grades older than before; I do not believe"
    " them and hold everything.",
    "ahead": "The engine sent {count} grades from the future; I do not believe them"
    " and hold everything.",
}


def alert(
    decision: Decision, setting: Setting, usual: Callable[[Decision, Setting], Message]
) -> Message:
    """Word a decision that has news of the engine, or of an asset that fell silent.

    `usual` words what else there is.
    """
    own = [n for n in decision.news if n.event.kind in KINDS]
    if any(n.event.kind is EventKind.ENGINE for n in own):
        # what else there is waits for the next message: it is of another engine
        return _another(own, decision, setting, usual)
    rest = tuple(n for n in decision.news if n.event.kind not in KINDS)
    source = [n for n in own if n.event.kind is EventKind.SOURCE]
    silent = [n for n in own if n.event.kind is EventKind.SILENT]
    if not rest and not decision.came_back:
        if not source and len(silent) == 1:
            return _silent(silent[0], setting)
        head = _source(source[-1], setting) if source else _silents(silent, setting)
        return head if not source else head.evolve(body=(*head.body, *_lines(silent)))
    told = usual(replace(decision, news=rest), setting)
    if not source:
        return told.evolve(body=(*told.body, *_lines(silent)))
    return _recovered_with(source[-1], told, len(rest), silent, setting)


def _source(news: News, setting: Setting) -> Message:
    event = news.event
    if event.to_signal is Signal.BEARISH:
        return _trouble(event, setting)
    return Message(
        title=line("✅ ", bold("Grades are back")),
        body=(_blind(event), line("What you watch stands as before.")),
        footer=line(setting.source_title),
        tone=Tone.OVER,
        is_silent=setting.is_silent(NewsKind.SOURCE),
    )


def _trouble(event: Event, setting: Setting) -> Message:
    """Say once that silence means nothing until grades come again."""
    known = event.context.trouble if event.context is not None else None
    trouble = known or Trouble(code="unavailable")
    since = trouble.last_good or event.as_of
    style = phrases.style(since, setting.now)
    wrong = _WRONG.get(trouble.code, _WRONG["unavailable"])
    parts: list[str | Moment] = [wrong.format(count=trouble.count)]
    if trouble.until is not None:
        next_ones = Moment(trouble.until, TimeStyle.DATE)
        parts += [" The next ones come on ", next_ones, "."]
    return Message(
        title=line("⚠️ ", bold("No fresh grades since "), Moment(since, style)),
        body=(
            line(*parts),
            line(
                "Until it does I cannot see flips: "
                if trouble.code == "unavailable"
                else "Until then I cannot see flips: ",
                bold("silence from me now means nothing."),
            ),
        ),
        footer=line(setting.source_title),
        tone=Tone.TROUBLE,
        is_silent=setting.is_silent(NewsKind.SOURCE),
    )


def _blind(event: Event) -> Line:
    since = event.since or event.as_of
    day = phrases.style(since, event.detected_at)
    return line(
        "Blind from ", Moment(since, day), " to ", Moment(event.detected_at), "."
    )


def _recovered_with(
    news: News, told: Message, count: int, silent: Sequence[News], setting: Setting
) -> Message:
    """Tell the end of trouble and what turned meanwhile as one message."""
    event = news.event
    title = _source(news, setting).title
    if event.to_signal is Signal.BEARISH:
        body: list[Block] = [*_trouble(event, setting).body, Line()]
    else:
        title = line(*title.spans, f" · {words.count(count, 'change')}")
        body = [_blind(event), Line()]
    return told.evolve(
        title=title,
        body=(*body, told.title, *told.body, *_lines(silent)),
        reply_to="",
        tone=Tone.OVER if event.to_signal is Signal.BULLISH else Tone.TROUBLE,
    )


# -------------------------------------------------------------------- another engine


def _another(
    own: Sequence[News],
    decision: Decision,
    setting: Setting,
    usual: Callable[[Decision, Setting], Message],
) -> Message:
    """Say that grades come from elsewhere now, and which assets have none there."""
    events = [n for n in own if n.event.kind is EventKind.ENGINE]
    rest = tuple(n for n in decision.news if n not in events)
    event = events[-1].event
    body: list[Block] = [
        line(
            f"Grades now come from {setting.source_title}. They are not comparable"
            " with those before, so the change itself is no flip."
        ),
        *_graded(event, setting),
    ]
    if rest:
        others = replace(decision, news=rest)
        has_own = any(n.event.kind in KINDS for n in rest)
        told = alert(others, setting, usual) if has_own else usual(others, setting)
        body += [Line(), told.title, *told.body]
    return Message(
        title=line("🔁 ", bold("Another grading engine from today")),
        body=tuple(body),
        footer=line(setting.source_title),
        is_silent=setting.is_silent(NewsKind.SOURCE),
    )


def _graded(event: Event, setting: Setting) -> list[Block]:
    """Count a watchlist's assets that the new engine grades, and name the others."""
    own = [a for a in setting.backdrop.others if not is_own(a.key)]
    if not own:
        return []
    missing = [a.symbol for a in own if a.source != event.source or a.state is None]
    if not missing:
        return [line("All of yours are graded.")]
    graded = len(own) - len(missing)
    names = words.names(missing)
    return [line(f"{graded} of your {len(own)} are graded; not: {names}.")]


# ------------------------------------------------------------------------ silent assets


def _silent(news: News, setting: Setting) -> Message:
    asset = news.asset
    return Message(
        title=_silent_line(news),
        body=(
            line("The engine no longer lists it. I keep the watch in case it returns."),
        ),
        footer=line(setting.source_title),
        buttons=(
            (Button("✖ Remove", f"v1:unwatch:{asset.id}"), Button("Keep", "v1:keep")),
        )
        if setting.is_private
        else (),
        is_silent=setting.is_silent(NewsKind.SOURCE),
    )


def _silents(news: Sequence[News], setting: Setting) -> Message:
    symbols = words.names([n.asset.symbol for n in news], 6)
    return Message(
        title=line("⚪ ", bold(f"No grades for {symbols}")),
        body=(
            *_lines(news),
            line("The engine no longer lists them. I keep the watches."),
        ),
        footer=line(setting.source_title),
        is_silent=setting.is_silent(NewsKind.SOURCE),
    )


def _lines(news: Sequence[News]) -> list[Block]:
    return [_silent_line(n) for n in news]


def _silent_line(news: News) -> Line:
    since = Moment(news.event.as_of, TimeStyle.DATE)
    return line("⚪ ", bold(f"No grades for {news.asset.symbol}"), " since ", since)


# -------------------------------------------------------------------------- the market


def is_market(news: News) -> bool:
    """Whether this is news of the bull-bear indicator."""
    return news.asset.key == MARKET_KEY


def market(news: News, setting: Setting) -> tuple[Line, list[Block], Tone]:
    """Word a flip of the market, or a line that its bullish share passed."""
    event = news.event
    share, before = words.grade(event.grade_to), words.grade(event.grade_from)
    was = f", was {before}%" if event.grade_from is not None and share != before else ""
    body = [*phrases.lateness(news, setting.now), *phrases.lines_passed(news)]
    if news.change is None:
        arrow = "📈 " if phrases.is_up(news) else "📉 "
        return line(arrow, bold(f"Market {share}% bullish"), was), body, Tone.PLAIN
    signal = event.to_signal
    title = line(
        f"{words.DOT[signal]} ",
        bold(f"The market turned {signal.word}"),
        f" · {share}% bullish{was}",
    )
    if event.since is not None:
        span = words.span(event.as_of - event.since)
        body.append(line(f"{event.from_signal.word.capitalize()} {span} before"))
    return title, body, phrases.TONES.get(signal, Tone.PLAIN)
