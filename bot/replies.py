"""What is answered about watches, lines and signals. Pure, one function per answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import words
from bot.language import say
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
    AssetState,
    Reading,
    Scope,
    Signal,
    Watch,
)

#: Telegram shows about this many lines on a phone before the list must be scrolled
PAGE_SIZE = 20
_SYMBOL_BUTTONS = 6
#: an engine whose time is further away than this is a recording
_LIVE = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ambiguous:
    """A word that more than one asset answers to."""

    word: str
    assets: tuple[Asset, ...]
    conditions: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A word no asset answers to, and what was probably meant."""

    word: str
    suggestion: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """How many messages watches would have sent in so many days, and at worst a day."""

    messages: int
    most: int
    days: int = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a /watch led to, asset by asset and word by word."""

    watches: tuple[Watch, ...] = ()
    assets: tuple[Asset, ...] = ()
    guessed: tuple[Asset, ...] = ()
    broad: tuple[tuple[Watch, int], ...] = ()
    ambiguous: tuple[Ambiguous, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    problems: tuple[str, ...] = field(default_factory=tuple)
    #: how often these watches would have led to a message
    past: Past | None = None
    thresholds: tuple[float, ...] = ()


def watching(result: Watched, now: datetime, *, elsewhere: str = "") -> Message:
    """Answer a /watch: state now, when I will write, questions last.

    `elsewhere` says where the alerts come when it is not this chat.
    """
    names = [a.symbol for a in result.assets]
    names += [words.unhashed(watch.text) for watch, _ in result.broad]
    if not names:
        return _nothing_watched(result)
    tail = f" · {elsewhere}" if elsewhere else ""
    body: list[Block] = [state_line(a, now) for a in result.assets[:PAGE_SIZE]]
    left = result.assets[PAGE_SIZE:]
    if left:
        body.append(line(f"and {words.count(len(left), 'asset')} more"))
    for watch, size in result.broad:
        # the only one stands in the title already
        name = f"{words.unhashed(watch.text)}: " if len(names) > 1 else ""
        body.append(line(f"{name}{words.count(size, 'asset')} now"))
    body += [Line(), *_promise(result), *_past(result)]
    buttons: list[tuple[Button, ...]] = []
    for asset in result.guessed:
        body.append(line(f"{asset.symbol} is {words.asset_name(asset)}, the largest"))
    questions, asked = _questions(result)
    if questions:
        body += [Line(), *questions]
        buttons += asked
    return Message(
        title=line("👁 ", bold(f"Watching {words.names(names)}"), tail),
        body=tuple(body),
        buttons=(*buttons, (Button("👀 Show a sample", "v1:sample"),)),
        is_private=True,
    )


def _nothing_watched(result: Watched) -> Message:
    questions, buttons = _questions(result)
    if len(result.ambiguous) == 1 and not result.unknown:
        title = line("❓ ", bold(f"Which {result.ambiguous[0].word}?"))
    else:
        title = line("❌ ", bold("Nothing new is watched"))
    body = [*questions, *([] if result.ambiguous else [line("Nothing was changed.")])]
    return Message(
        title=title,
        body=tuple(body),
        buttons=tuple(buttons),
        tone=Tone.TROUBLE,
        is_private=True,
    )


def _promise(result: Watched) -> list[Block]:
    """Say in words when I write."""
    example = (*result.watches, *(w for w, _ in result.broad))[0]
    wanted = example.conditions
    many = len(result.assets) + sum(n for _, n in result.broad) > 1
    subject = "one of them" if many else "it"
    if wanted.direction is None:
        flips = f"{subject} flips"
    else:
        flips = f"{subject} turns {wanted.direction.word}"
    limits = _limits_text(example)
    if limits:
        flips += f" while {limits}"
    elif wanted.direction is None:
        flips += ", either way"
    lines = [words.threshold(t) for t in sorted(result.thresholds, reverse=True)]
    if not lines:
        found: list[Block] = [line(f"I write when {flips}.")]
    else:
        verb = "a grade passes" if many else "its grade passes"
        found = [
            line("I write when"),
            line(f"• {flips}"),
            line(f"• {verb} {' or '.join(lines)}, either way"),
        ]
    if wanted.direction is Signal.BULLISH:
        found.append(line("Of the turn back to bearish I say nothing, as you asked."))
    elif limits or any(w.target.scope is not Scope.ASSET for w, _ in result.broad):
        found.append(
            line("Whatever I tell you is bullish, I also tell you when it ends.")
        )
    return found


def _past(result: Watched) -> list[Block]:
    """Say how often that was; nothing where nobody knows."""
    if result.past is None:
        return []
    past = result.past
    template = (
        "In the last {days} days that was {n} message.|"
        "In the last {days} days that was {n} messages, never more than {most} a day."
    )
    return [say(template, n=past.messages, most=past.most, days=past.days)]


def _limits_text(watch: Watch) -> str:
    """Write the bounds as typed; the words and lines around them are told apart."""
    parts = [p for p in watch.text.split() if "<" in p or ">" in p or "=" in p]
    return " and ".join(parts)


def _questions(
    result: Watched,
) -> tuple[list[Block], list[tuple[Button, ...]]]:
    found: list[Block] = []
    buttons: list[tuple[Button, ...]] = []
    is_only = len(result.ambiguous) == 1 and not result.assets and not result.unknown
    for item in result.ambiguous:
        if not is_only:
            count = words.count(len(item.assets), "asset")
            found.append(
                line(f"❓ {item.word}: {count} have this symbol, choose below")
            )
        row: list[Button] = []
        for number, asset in enumerate(item.assets[:_SYMBOL_BUTTONS], 1):
            found.append(line(f"{number}. {_described(asset)}"))
            action = f"v1:pick:{asset.id}:{item.conditions}"
            if len(action.encode()) > 64:  # noqa: PLR2004 - Telegram's callback_data
                action = f"v1:pick:{asset.id}:"
            row.append(Button(f"{number} {asset.name or asset.key}"[:40], action))
        buttons.append(tuple(row))
        left = len(item.assets) - len(row)
        if left:
            found.append(line(f"and {left} smaller ones"))
        if is_only:
            buttons.append((Button("Neither", "v1:keep"),))
            found.append(line("Nothing is watched until you choose."))
    for miss in result.unknown:
        text = f"❌ {miss.word}: not known."
        if miss.suggestion:
            text += f" Did you mean {miss.suggestion}?"
            action = f"v1:watch:{miss.suggestion}"
            buttons.append((Button(f"Add {miss.suggestion}", action),))
        found.append(line(text))
    found += [line(f"✋ {problem}") for problem in result.problems]
    return found, buttons


def _described(asset: Asset) -> str:
    parts = [asset.name or asset.key]
    if asset.market_cap is not None:
        parts.append(f"market cap {words.money(asset.market_cap)}")
    if asset.state is None or asset.state.last.grade is None:
        parts.append("no grade yet")
    else:
        parts.append(f"grade {words.grade(asset.state.last.grade)}")
    return " · ".join(parts)


def state_line(asset: Asset, now: datetime) -> Line:
    """Write one asset's state: `🟢 BTC bullish · 83 · since Oct 28`."""
    state = asset.state
    if state is None:
        return line("⚪ ", bold(asset.symbol), " no reading yet")
    grade = (
        f" · {words.grade(state.last.grade)}" if state.last.grade is not None else ""
    )
    if state.standing is Signal.NEUTRAL:
        return line("⚪ ", bold(asset.symbol), f" no signal yet{grade}")
    dot = words.DOT[state.standing]
    head = (f"{dot} ", bold(asset.symbol), f" {state.standing.word}{grade}")
    if state.standing_since is None:
        return line(*head)
    return line(*head, " · since ", _moment(state.standing_since, now))


def _moment(at: datetime, now: datetime) -> Moment:
    is_today = abs((now - at).total_seconds()) < 20 * 3600
    return Moment(at, TimeStyle.TIME if is_today else TimeStyle.DATE)


# -------------------------------------------------------------------------- unwatch


def unwatched(
    removed: Sequence[str],
    excepted: Sequence[str],
    missing: Sequence[str],
    undo_id: int = 0,
) -> Message:
    """Answer an /unwatch: what is gone, what is excepted, what was not there.

    `undo_id` names what the undo button brings back, 0 if there is nothing.
    """
    body: list[Block] = [
        *(line(f"{name} stays out of your broader watches.") for name in excepted),
        *(line(f"{name} was not on your watchlist.") for name in missing),
    ]
    gone = [*removed, *excepted]
    if not gone:
        return Message(
            title=line("✋ ", bold("Nothing to remove")),
            body=(*body, line("Your watchlist: /watchlist")),
            is_private=True,
        )
    buttons = ((Button("↩ Undo", f"v1:bring:{undo_id}"),),) if undo_id else ()
    return Message(
        title=line(
            "✖ ", bold(f"No longer watching {words.unhashed(words.names(gone))}")
        ),
        body=tuple(body),
        buttons=buttons,
        is_private=True,
    )


# --------------------------------------------------------------------------- signal


def signal(
    asset: Asset, *, is_watched: bool, now: datetime, source_title: str
) -> Message:
    """Answer /signal: signal, grade, since when and at what price."""
    state = asset.state
    if state is None:
        return Message(
            title=line("⚪ ", bold(asset.symbol), ": no reading yet"),
            body=(line("The grading engine has not graded it since I watch."),),
            is_private=True,
        )
    last = state.last
    grade = "" if last.grade is None else f" · grade {words.grade(last.grade)}"
    word = "no signal yet" if state.standing is Signal.NEUTRAL else state.standing.word
    body = [*_since(state, now), *_facts(asset, last)]
    watch = (Button(f"👁 Watch {asset.symbol}", f"v1:pick:{asset.id}:"),)
    return Message(
        title=line(
            f"{words.DOT[state.standing]} ",
            bold(f"{words.asset_name(asset)} {word}"),
            grade,
        ),
        body=tuple(body),
        footer=line(source_title),
        stamp=last.as_of,
        stamp_style=TimeStyle.BOTH,
        buttons=() if is_watched else (watch,),
        is_private=True,
    )


def _since(state: AssetState, now: datetime) -> list[Block]:
    if state.standing is Signal.NEUTRAL:
        return []
    if state.standing_since is None:
        return [line("It stood already when I began to watch.")]
    since: list[str | Moment] = ["Since ", _moment(state.standing_since, now)]
    if state.standing_price is not None:
        since.append(f" at {words.price(state.standing_price)}")
    move = words.move(state.standing_price, state.last.price)
    if move is not None:
        since.append(f", {words.percent(move)} since then")
    return [line(*since)]


def _facts(asset: Asset, last: Reading) -> list[Block]:
    found: list[Block] = []
    if last.price is not None:
        facts = [f"Price {words.price(last.price)}"]
        if last.volume is not None:
            facts.append(f"volume {words.money(last.volume)}")
        if last.market_cap is not None:
            facts.append(f"market cap {words.money(last.market_cap)}")
        found.append(line(" · ".join(facts)))
    if asset.categories:
        found.append(line(f"Categories: {words.names(list(asset.categories), 6)}"))
    if last.grade is not None:
        found.append(line(_band(last.grade)))
    return found


def _band(grade: float) -> str:
    if grade >= 80:  # noqa: PLR2004 - the engine's published bands
        return "80 and more is high conviction."
    if grade >= 60:  # noqa: PLR2004
        return "60 to 79: a trend is forming but may lack strength."
    if grade >= 50:  # noqa: PLR2004
        return "50 to 59 is neutral ground."
    return "Below 50 conviction deteriorates."
