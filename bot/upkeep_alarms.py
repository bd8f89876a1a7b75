"""What operators are told of machine and plan: disk, credits, grades that age. Pure."""

from datetime import datetime

from bot import words
from bot.message import Message, Moment, TimeStyle, Tone, bold, code, line


def disk_low(free: str, where: str) -> Message:
    """Tell that space runs low where the database is."""
    return Message(
        title=line("⚠️ ", bold(f"Only {free} left on the disk")),
        body=(
            line("The database is at ", code(where), "."),
            line("Free some space; without any, nothing can be stored or sent."),
        ),
        tone=Tone.TROUBLE,
    )


def disk_fine(free: str) -> Message:
    """Tell that there is space again."""
    return Message(
        title=line("✅ ", bold("The disk has space again")),
        body=(line(f"{free} are free."),),
        tone=Tone.OVER,
    )


def credits_low(used: int, limit: int, next_month: datetime) -> Message:
    """Tell that an engine's calls of this month run low, or are used up."""
    is_out = used >= limit
    what = "used up" if is_out else "nearly used up"
    after = "No grades come until " if is_out else "I poll less often until "
    return Message(
        title=line("⚠️ ", bold(f"The engine's calls are {what}")),
        body=(
            line(f"{used:,} of {limit:,} this month."),
            line(after, Moment(next_month, TimeStyle.BOTH), "."),
            line(
                "More: a larger plan and ",
                code("engine.credits_per_month"),
                ", or a longer ",
                code("engine.poll_interval"),
                ".",
            ),
        ),
        tone=Tone.TROUBLE,
    )


def credits_fine(used: int, limit: int) -> Message:
    """Tell that there are calls again."""
    return Message(
        title=line("✅ ", bold("The engine's calls suffice again")),
        body=(line(f"{used:,} of {limit:,} this month."),),
        tone=Tone.OVER,
    )


def grades_stale(as_of: datetime, now: datetime) -> Message:
    """Tell that the engine answers, but its newest grades are old."""
    age = words.span(now - as_of)
    return Message(
        title=line("⚠️ ", bold(f"No new grades for {age}")),
        body=(
            line("The newest are of ", Moment(as_of, TimeStyle.BOTH), "."),
            line("The engine answers, but brings nothing new: see its status page."),
            line("No flip is made up from old grades."),
        ),
        tone=Tone.TROUBLE,
    )


def grades_fresh(as_of: datetime) -> Message:
    """Tell that there are new grades again."""
    return Message(
        title=line("✅ ", bold("The engine brings new grades again")),
        body=(line("The newest are of ", Moment(as_of, TimeStyle.BOTH), "."),),
        tone=Tone.OVER,
    )
