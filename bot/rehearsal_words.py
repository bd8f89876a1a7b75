"""/simulate, and what /watch says of the last 90 days, in words. Pure."""

from collections.abc import Sequence

from bot import messages, words
from bot.message import Block, Line, Message, Moment, TimeStyle, bold, line
from bot.phrases import Setting
from bot.rehearsal import Rehearsal
from bot.simulation import SentThen

#: the latest messages shown
_SHOWN = 5
_MONTH = 30


def simulated(title: str, rehearsal: Rehearsal, setting: Setting) -> Message:
    """Answer /simulate: how many messages, how they spread, the latest ones."""
    count, worst = len(rehearsal.sent), rehearsal.worst_day
    body: list[Block] = []
    if worst is not None:
        day, most = worst
        parts = [f"At most {most} a day, on {day:%b} {day.day}"]
        if rehearsal.days > _MONTH:
            parts.append(f"{rehearsal.last_month} in the last 30 days")
        body.append(line(" · ".join(parts)))
        body += [Line(), *_latest(rehearsal.sent, setting)]
    else:
        body.append(line("Nothing would have been sent."))
    days = rehearsal.days
    what = words.count(count, "message")
    return Message(
        title=line("🧪 ", bold(f"{title}: {what} in {days} days")),
        body=tuple(body),
        footer=line(f"From stored readings, by today's rules · {setting.source_title}"),
        is_private=True,
    )


def _latest(sent: Sequence[SentThen], setting: Setting) -> list[Block]:
    found: list[Block] = []
    for message in reversed(sent[-_SHOWN:]):
        then = Setting(
            now=message.at, kind=setting.kind, source_title=setting.source_title
        )
        told = messages.alert(message.decision, then)
        found.append(line(Moment(message.at, TimeStyle.DATE), " ", told.title.plain))
    left = len(sent) - len(found)
    if left:
        found.append(line(f"and {left} before"))
    return found


def too_little(title: str) -> Message:
    """Answer /simulate while less than a week is known."""
    return Message(
        title=line("🧪 ", bold(f"{title}: too little history yet")),
        body=(
            line("I need a week of readings to say how often I would have written."),
        ),
        is_private=True,
    )


def still_at_it(title: str) -> Message:
    """Answer /simulate while it is being worked out."""
    return Message(
        title=line("🧪 ", bold(f"{title}: still counting")),
        body=(line("So many assets take a moment. Ask again in a few seconds."),),
        is_private=True,
    )
