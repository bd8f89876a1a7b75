"""What is said when the usual wording broke: little, and hard to get wrong. Pure.

Reads nothing but the signal and the lines, so that a bug in a figure, a table or a
history does not keep anybody from hearing that something turned.
"""

from bot.message import Line, Message, bold, line
from bot.model import Direction
from bot.news import Decision, News


def message(decision: Decision, source_title: str) -> Message:
    """Say what stands, an asset a line."""
    lines = [_verdict(news) for news in decision.news]
    lines += [
        line(bold(asset.symbol), " flipped and came back")
        for asset in decision.came_back
    ]
    if len(lines) == 1:
        return Message(title=lines[0], footer=line(source_title), is_silent=True)
    return Message(
        title=line(bold(f"{len(lines)} assets changed")),
        body=tuple(lines),
        footer=line(source_title),
        is_silent=True,
    )


def _verdict(news: News) -> Line:
    symbol = bold(news.asset.symbol)
    if news.change is not None:
        return line(symbol, f" is {news.change.to_signal.word} now")
    sides = {Direction.UP: "above", Direction.DOWN: "below"}
    passed = ", ".join(f"{sides[p.direction]} {p.threshold:g}" for p in news.passed)
    return line(symbol, f" is {passed} now")
