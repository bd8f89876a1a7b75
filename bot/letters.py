"""What is written to somebody although nothing happened. Pure."""

from collections import Counter
from collections.abc import Sequence

from bot import words
from bot.message import Message, bold, line
from bot.model import Signal

#: as people say it: two words, no list
_ORDER = (Signal.BULLISH, Signal.BEARISH)


def sign_of_life(
    signals: Sequence[Signal], checks: tuple[int, int], source_title: str
) -> Message:
    """Say that a week was calm, and that the checks were done all the same.

    `signals` are those of all watched assets, NEUTRAL where there is none; `checks`
    are the polls that worked and all of them.
    """
    counts = Counter(signals)
    parts = [f"{counts[s]:,} {s.word}" for s in _ORDER if counts[s]]
    without = counts[Signal.NEUTRAL]
    if without:
        parts.append(f"{without:,} without a signal")
    worked, tried = checks
    many = len(signals)
    whose = f"none of your {many:,} flipped" if many > 1 else "yours did not flip"
    return Message(
        title=line("🫧 ", bold(f"A calm week: {whose}")),
        body=(
            line(f"{', '.join(parts)}."),
            line(f"{worked:,} of {words.count(tried, 'check')} done."),
        ),
        footer=line(source_title),
        is_silent=True,
    )
