"""What operators are told: the engine fails, a platform is paused, letters died. Pure.

Loud, since whoever runs the bot is the only one who can mend it. Line 1 says what and
since when, then come the other side's own words, what to check, and that nothing is
lost.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot import words
from bot.message import (
    Block,
    Button,
    Line,
    Message,
    Moment,
    TimeStyle,
    Tone,
    bold,
    code,
    line,
)
from bot.model import Platform
from bot.troubles import Cause, EngineTrouble

#: an engine's or platform's own words are cut here: the rest is in the log
WORDS_MAX = 300
_SAME_DAY = timedelta(hours=18)


_ADVICE: Mapping[Cause, Line] = {
    Cause.REFUSED: line("Check ", code("engine.api_key"), " and the plan behind it."),
    Cause.LIMITED: line(
        "Its calls are used up or come too fast: check ",
        code("engine.credits_per_month"),
        ".",
    ),
    Cause.UNAVAILABLE: line(
        "Check the network and ", code("engine.base_url"), "; else it is the engine's."
    ),
    Cause.IMPLAUSIBLE: line(
        "Nothing is detected on it. If it is so, say ", code("/believe"), "."
    ),
    Cause.UNREADABLE: line(
        "Check ", code("engine.base_url"), ": no engine I know answers like that."
    ),
}


def engine_fails(
    trouble: EngineTrouble,
    *,
    said: str,
    waiting: int,
    next_try: datetime | None,
    now: datetime,
) -> Message:
    """Tell that the engine has failed for several polls.

    `said` are the engine's own words, `waiting` counts those who watch something.
    """
    body: list[Block] = [line(f"“{_cut(said)}”")] if said else []
    body.append(_ADVICE[trouble.cause])
    if waiting:
        people = f"{waiting:,} people wait" if waiting > 1 else "1 person waits"
    else:
        people = "Nobody waits"
    parts: list[str | Moment] = [f"{people}; nothing is lost."]
    if next_try is not None:
        parts += [" Next try ", _moment(max(next_try, now), now), "."]
    body.append(line(*parts))
    return Message(
        title=line(
            "⚠️ ",
            bold(f"Engine: {trouble.short} since "),
            _moment(trouble.since, now),
            f" · 0 of {trouble.polls} polls worked",
        ),
        body=tuple(body),
        buttons=((Button("Believe it", "v1:believe"),),)
        if trouble.cause is Cause.IMPLAUSIBLE
        else (),
        tone=Tone.TROUBLE,
    )


def engine_works(since: datetime, now: datetime) -> Message:
    """Tell that the engine brings grades again."""
    return Message(
        title=line("✅ ", bold("The engine is back")),
        body=(
            _from_to("No grades", since, now),
            line("What flipped in between is told now, as late."),
        ),
        tone=Tone.OVER,
    )


def platform_paused(
    platform: Platform, *, said: str, since: datetime, now: datetime
) -> Message:
    """Tell that nothing can be sent on a platform until the operator mends it."""
    name = words.PLATFORM_NAMES[platform]
    return Message(
        title=line("⚠️ ", bold(f"{_upper(name)} paused since "), _moment(since, now)),
        body=(
            line(f"“{_cut(said)}”"),
            line("Check ", code(f"{platform.value}.token"), "."),
            line("Alerts there wait; nothing is lost. I keep trying."),
        ),
        tone=Tone.TROUBLE,
    )


def platform_works(platform: Platform, since: datetime, now: datetime) -> Message:
    """Tell that a platform takes messages again."""
    name = words.PLATFORM_NAMES[platform]
    return Message(
        title=line("✅ ", bold(f"{_upper(name)} works again")),
        body=(_from_to("Paused", since, now), line("What waited there is sent now.")),
        tone=Tone.OVER,
    )


def dead_letters(reasons: Mapping[str, int], *, total: int) -> Message:
    """Tell how many alerts were given up since the last notice, and why."""
    count = sum(reasons.values())
    often = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    why = " · ".join(f"{n:,} × {reason}" for reason, n in often)
    body: list[Block] = [line(why)]
    if total > count:
        body.append(line(f"{total:,} in all are kept."))
    body += [
        line("See them: ", code("flipwatch deliveries list --state dead")),
        line("Try again: ", code("flipwatch deliveries replay --all-dead")),
    ]
    return Message(
        title=line("⚠️ ", bold(f"{words.count(count, 'alert')} could not be delivered")),
        body=tuple(body),
        tone=Tone.TROUBLE,
    )


# ------------------------------------------------------------------------- small words


def _moment(at: datetime, now: datetime) -> Moment:
    is_near = abs(now - at) < _SAME_DAY
    return Moment(at, TimeStyle.TIME if is_near else TimeStyle.BOTH)


def _from_to(what: str, since: datetime, now: datetime) -> Block:
    length = words.span_exact(now - since)
    return line(
        f"{what} from ", _moment(since, now), " to ", _moment(now, now), f" ({length})."
    )


def _cut(said: str) -> str:
    text = " ".join(said.split())
    return text if len(text) <= WORDS_MAX else f"{text[: WORDS_MAX - 1]}…"


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]
