"""What an alert says: decided news in, one message out. Pure, free of any platform.

Line 1 is the whole verdict. Moves are moves of the price, never somebody's gains, and
nothing here tells anybody to do anything.
"""

from collections.abc import Sequence
from datetime import timedelta

from bot import (
    broad_moves,
    checklist_words,
    own_words,
    phrases,
    releases,
    summaries,
    words,
)
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
from bot.model import (
    Asset,
    Event,
    EventKind,
    PlaceKind,
    Scope,
    Signal,
    Watch,
)
from bot.news import Decision, News, Note, Occasion
from bot.noise import BROAD_FROM
from bot.phrases import Setting

#: a phone's lock screen shows about so many columns of line 1
TITLE_COLUMNS = 40
#: so many flips of a choppy asset are told alone
ALONE = 2


def alert(decision: Decision, setting: Setting) -> Message:
    """Word everything one decision tells, as one message."""
    message = _alert(decision, setting)
    if setting.advice is None:
        return message
    return message.evolve(body=(*message.body, *phrases.over_budget(setting.advice)))


def _alert(decision: Decision, setting: Setting) -> Message:
    news = decision.news
    if any(n.event.kind in own_words.KINDS for n in news):
        return own_words.alert(decision, setting, alert)
    match decision.occasion:
        case Occasion.AWAY:
            return releases.while_away(decision, setting)
        case Occasion.QUIET | Occasion.DIGEST:
            return releases.night(decision, setting)
        case Occasion.OFF:
            return releases.we_were_off(decision, setting)
        case Occasion.MORE if setting.wave is not None:
            return broad_moves.more(decision, setting.wave, setting)
        case _:
            pass
    flips = [n for n in news if n.event.kind is EventKind.FLIP]
    if len(flips) >= BROAD_FROM:
        return broad_moves.broad(decision, flips, setting)
    if len(news) == 1:
        return _single(news[0], decision.came_back, setting)
    return summaries.several(decision, setting)


def sample(asset: Asset, event: Event, watch: Watch, setting: Setting) -> Message:
    """Word a made-up alert on a real asset, marked as a sample."""
    news = News(asset=asset, watch=watch, change=event, flips=1)
    message = _single(news, (), setting)
    return message.evolve(
        title=Line((line("SAMPLE · ").spans[0], *message.title.spans)),
        footer=line("A sample: nothing happened · ", setting.source_title),
        buttons=(),
    )


def _single(news: News, came_back: Sequence[Asset], setting: Setting) -> Message:
    event = news.event
    if event.kind is EventKind.CORRECTION:
        title, body, tone = _correction(news)
    elif news.note is Note.SETTLED:
        title, body, tone = _settled(news)
    elif event.kind is EventKind.FLIP and news.again_after is not None:
        title, body, tone = _again(news, setting)
    elif own_words.is_market(news):
        title, body, tone = own_words.market(news, setting)
    elif event.kind is EventKind.FLIP:
        title, body, tone = _flip(news, setting)
    else:
        title, body, tone = _crossing(news, setting)
    body += phrases.came_back(came_back)
    return Message(
        title=title,
        body=tuple(body),
        footer=_footer(news.watch, news.asset, setting),
        stamp=event.as_of,
        stamp_style=phrases.style(event.as_of, setting.now),
        buttons=alert_buttons(news.asset, setting.kind),
        tone=tone,
        is_silent=phrases.is_silent([news], setting),
        reply_to=setting.reply_to,
    )


def _flip(news: News, setting: Setting) -> tuple[Line, list[Block], Tone]:
    event, symbol = news.event, news.asset.symbol
    signal = event.to_signal
    title = _fitting_title(
        f"{words.DOT[signal]} ", f"{symbol} turned {signal.word}", event
    )
    body: list[Block] = [
        *phrases.lateness(news, setting.now),
        *phrases.choppy(news),
        *phrases.lines_passed(news),
    ]
    price = phrases.price_line(event)
    if price is not None:
        body.append(price)
    before = phrases.before(event)
    state = news.asset.state
    is_newest = state is None or state.last.as_of <= event.as_of
    around = checklist_words.lines(event, is_newest=is_newest)
    if event.context is not None and setting.is_private:
        around += checklist_words.record(symbol, event.context.tally)
    if before is not None or around:
        body += [Line(), *([] if before is None else [before]), *around]
    return title, body, phrases.TONES.get(signal, Tone.PLAIN)


def _again(news: News, setting: Setting) -> tuple[Line, list[Block], Tone]:
    """Word the second flip within a day, and that further ones are held."""
    event, signal = news.event, news.event.to_signal
    after = words.span_exact(news.again_after or timedelta())
    title = line(
        f"{words.DOT[signal]} ",
        bold(f"{news.asset.symbol} {signal.word} again"),
        f", after {after}",
    )
    body: list[Block] = []
    if event.grade_to is not None:
        grade = f"Grade {words.grade(event.grade_to)}{phrases.was(event)}"
        body.append(line(f"{grade}. {phrases.HOLDING}"))
    else:
        body.append(line(phrases.HOLDING))
    body += [*phrases.lateness(news, setting.now), *phrases.lines_passed(news)]
    return title, body, phrases.TONES.get(signal, Tone.PLAIN)


def _settled(news: News) -> tuple[Line, list[Block], Tone]:
    """Word the end of a choppy time: what stands, and how many flips there were."""
    event, state = news.event, news.asset.state
    signal = event.to_signal
    grade = event.grade_to if state is None else state.last.grade
    price = event.price if state is None else state.last.price
    title = line(
        "⚓ ",
        bold(f"{news.asset.symbol} settled: {words.DOT[signal]} {signal.word}"),
        "" if grade is None else f" · grade {words.grade(grade)}",
    )
    flips = news.flips if state is None else max(len(state.flips), news.flips)
    told = "; I told you the first two" if flips - news.flips == ALONE else ""
    since = event.as_of if state is None else state.standing_since
    parts: list[str | Moment] = [f"After {words.count(flips, 'flip')}{told}."]
    if since is not None:
        parts = [
            "Since ",
            Moment(since),
            f", after {words.count(flips, 'flip')}{told}.",
        ]
    if price is not None:
        parts.append(f" Price {words.price(price)}.")
    body: list[Block] = [line(*parts), *phrases.lines_passed(news)]
    return title, body, phrases.TONES.get(signal, Tone.PLAIN)


def _fitting_title(dot: str, verdict: str, event: Event) -> Line:
    """Build line 1; with a long symbol the grade goes without its word."""
    grade = phrases.grade_move(event)
    for tail in (grade, grade.replace("grade ", ""), grade.partition(",")[0]):
        title = line(dot, bold(verdict), tail)
        if words.columns(title.plain) <= TITLE_COLUMNS:
            return title
    return line(dot, bold(verdict))


def _crossing(news: News, setting: Setting) -> tuple[Line, list[Block], Tone]:
    event = news.event
    is_up = phrases.is_up(news)
    title = line(
        "📈 " if is_up else "📉 ",
        bold(f"{news.asset.symbol} grade {words.grade(event.grade_to)}"),
        phrases.was(event),
    )
    body: list[Block] = [
        *phrases.lateness(news, setting.now),
        *phrases.lines_passed(news),
    ]
    state = news.asset.state
    standing = event.to_signal if state is None else state.standing
    if standing is not Signal.NEUTRAL and not news.is_turn_held:
        since = event.since if state is None else state.standing_since
        text = f"Signal still {words.DOT[standing]} {standing.word}"
        body.append(
            line(text)
            if since is None
            else line(f"{text} since ", Moment(since, TimeStyle.DATE))
        )
    price = phrases.price_line(event)
    if price is not None:
        body.append(price)
    return title, body, Tone.PLAIN


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
            Moment(event.as_of, phrases.style(event.as_of, event.detected_at)),
            " at ",
            Moment(event.detected_at),
            "." if grade is None else f". Grade {words.grade(grade)}.",
        ),
        *phrases.lines_passed(news),
    ]
    return title, body, phrases.TONES.get(event.to_signal, Tone.PLAIN)


def alert_buttons(asset: Asset, kind: PlaceKind) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons under an alert; Mute and Unwatch only in private."""
    look = look_buttons(asset)
    if kind is PlaceKind.PRIVATE:
        change = (
            Button("🔕 Mute 24 h", f"v1:mute24:{asset.id}"),
            Button("✖ Unwatch", f"v1:unwatch:{asset.id}"),
        )
        return (look, change)
    return ((*look, Button("👁 Watch privately", f"v1:watchme:{asset.id}")),)


def look_buttons(asset: Asset) -> tuple[Button, ...]:
    """Return the buttons that change nothing, so that anybody may press them."""
    return (
        Button("📈 Chart", f"v1:chart:{asset.id}"),
        Button("🔍 Details", f"v1:why:{asset.id}"),
    )


def _footer(watch: Watch, asset: Asset, setting: Setting) -> Line:
    text = words.unhashed(watch.text) or asset.symbol
    if not setting.is_private:
        return line(f"This place gets: {text} · {setting.source_title}")
    if watch.target.scope is Scope.ASSET:
        return line(f"Watch {text} · {setting.source_title}")
    return line(f"{asset.symbol}, by your watch {text} · {setting.source_title}")
