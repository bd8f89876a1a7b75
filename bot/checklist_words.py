"""The checklist and the record of an alert, in words. Pure.

Neutral: a check speaks for the signal or against it, and says on what evidence. What
has no data is left out of alerts and counted in the details.
"""

from collections.abc import Mapping, Sequence

from bot import words
from bot.checks import Answer, Check, Context, Point, Tally
from bot.message import Block, Line, line
from bot.model import Event, Signal

#: never more points a line
POINTS = 3
#: under so many finished signals a record says nothing
LEAST_SIGNALS = 8

FOR, AGAINST, NO_DATA = "✓", "✗", "·"

#: what an alert says, by point and code; what is not here is for the details alone
_SHORT: Mapping[tuple[Point, str], str] = {
    (Point.CONVICTION, "high"): "grade 80 or more",
    (Point.CONVICTION, "below_high"): "grade below 80",
    (Point.CONVICTION, "weak"): "grade below 50",
    (Point.CONVICTION, "not_weak"): "grade 50 or more",
    (Point.VOLUME, "rising"): "volume rising",
    (Point.VOLUME, "not_rising"): "volume not rising",
    (Point.VOLUME, "price_not_up"): "price not up",
    (Point.VOLUME, "fading"): "volume fading",
    (Point.VOLUME, "selling"): "falls on rising volume",
    (Point.VOLUME, "price_up"): "price rising",
    (Point.VOLUME, "steady"): "volume steady",
    (Point.PRICE, "near_high"): "near its high",
    (Point.PRICE, "no_high"): "no high nearby",
    (Point.PRICE, "late"): "late, {rise} from its low",
    (Point.PRICE, "breakout"): "fresh breakout",
    (Point.PRICE, "near_low"): "near its low",
    (Point.PRICE, "no_breakout"): "no breakout",
    (Point.NARRATIVE, "up"): "{name} {share} bullish ↑",
    (Point.NARRATIVE, "down"): "{name} {share} bullish ↓",
    (Point.NARRATIVE, "same"): "{name} {share} bullish",
    (Point.PEERS, "turned"): "{turned} of {peers} peers turned",
    (Point.PEERS, "alone"): "only {turned} of {peers} peers turned",
    (Point.REPEAT, "second"): "second time in a week",
    (Point.MAJORS, "same"): "{names} {signal} too",
    (Point.MAJORS, "against"): "{names} still {other}",
}
#: the evidence, as the details say it
_LONG: Mapping[tuple[Point, str], str] = {
    (Point.CONVICTION, "high"): "Grade {grade}: 80 and more is high conviction",
    (Point.CONVICTION, "below_high"): "Grade {grade}: below 80, no high conviction",
    (Point.CONVICTION, "weak"): "Grade {grade}: below 50 conviction deteriorates",
    (Point.CONVICTION, "not_weak"): "Grade {grade}: not below 50",
    (Point.CONVICTION, "no_grade"): "Conviction: the engine gave no grade",
    (Point.VOLUME, "no_volume"): "Volume: too few days are known",
    (Point.VOLUME, "no_price"): "Volume: no price of three days before",
    (Point.PRICE, "near_high"): "Price {price}, near its high of a month, {high}",
    (Point.PRICE, "no_high"): "Price {price}, its high of a month is {high}",
    (Point.PRICE, "late"): "Price {price}, {rise} from its low of a month",
    (Point.PRICE, "breakout"): "Price {price}, over its high of a month, {high}",
    (Point.PRICE, "near_low"): "Price {price}, near its low of a month, {low}",
    (Point.PRICE, "no_breakout"): "Price {price}, under its high of a month, {high}",
    (Point.PRICE, "no_price"): "Price action: less than two weeks are known",
    (Point.NARRATIVE, "up"): "{name}: {share} bullish, {before} a week ago",
    (Point.NARRATIVE, "down"): "{name}: {share} bullish, {before} a week ago",
    (Point.NARRATIVE, "same"): "{name}: {share} bullish, as a week ago",
    (Point.NARRATIVE, "no_categories"): "Narrative: the engine names no categories",
    (Point.NARRATIVE, "no_history"): "Narrative: less than a week is known",
    (Point.NARRATIVE, "too_few"): "Narrative: its categories are too small",
    (Point.PEERS, "turned"): "{turned} of {peers} closest peers turned, too: {list}",
    (Point.PEERS, "alone"): "{turned} of {peers} closest peers turned within 5 days",
    (Point.PEERS, "no_peers"): "Peers: too few are known",
    (Point.REPEAT, "second"): "The second {signal} signal within a week",
    (Point.REPEAT, "first"): "The first {signal} signal in a week",
    (Point.REPEAT, "no_history"): "Repeat: less than a week is known",
    (Point.MAJORS, "same"): "{names} {signal} too",
    (Point.MAJORS, "against"): "{names} still {other}",
    (Point.MAJORS, "no_majors"): "BTC and ETH: no signal is known",
}
_VOLUME = "Volume {ratio} times its week, price {move} in 3 days"


def lines(event: Event, *, is_newest: bool = True) -> list[Block]:
    """Write what speaks for a flip and against it, a line each.

    Where there are newer readings (not `is_newest`), how BTC and ETH stood is left out:
    what they do now may be another thing, and has perhaps been told.
    """
    context = event.context
    if context is None:
        return []
    found: list[Block] = []
    for mark, answer in ((FOR, Answer.YES), (AGAINST, Answer.NO)):
        checks = [
            check
            for check in context.answered(answer)
            if is_newest or check.point is not Point.MAJORS
        ]
        texts = _shorts(checks, event.to_signal)
        if texts:
            found.append(line(f"{mark} {' · '.join(texts)}"))
    return found


def record(symbol: str, tally: Tally | None) -> list[Block]:
    """Write the record line of an alert."""
    if tally is None:
        return []
    if tally.finished < LEAST_SIGNALS:
        count = words.count(tally.finished, f"{symbol} signal")
        return [line(f"{count} so far, too few to say")]
    text = f"Price followed {tally.followed} of the last {tally.finished}"
    return [line(f"{text} {symbol} signals")]


def section(symbol: str, event: Event) -> list[Block]:
    """Write the whole checklist of a flip, and the record before it."""
    context = event.context
    if context is None:
        return []
    head = f"When it turned {event.to_signal.word}: {summary(context)}"
    return [
        Line(),
        line(head),
        *details(context, event.to_signal),
        *record(symbol, context.tally),
    ]


def details(context: Context, signal: Signal) -> list[Block]:
    """Write every check with its evidence; what has no data is counted."""
    found: list[Block] = []
    for mark, answer in ((FOR, Answer.YES), (AGAINST, Answer.NO)):
        found += [
            line(f"{mark} {_long(check, signal)}") for check in context.answered(answer)
        ]
    unknown = context.answered(Answer.UNKNOWN)
    if unknown:
        count = words.count(len(unknown), "check has", "checks have")
        names = ", ".join(_long(c, signal).partition(":")[0].lower() for c in unknown)
        found.append(line(f"{NO_DATA} {count} no data: {names}"))
    return found


def summary(context: Context) -> str:
    """Count the checks: `2 for, 2 against, 1 without data`."""
    unknown = len(context.answered(Answer.UNKNOWN))
    yes, no = len(context.answered(Answer.YES)), len(context.answered(Answer.NO))
    tail = f", {unknown} without data" if unknown else ""
    return f"{yes} for, {no} against{tail}"


def _shorts(checks: Sequence[Check], signal: Signal) -> list[str]:
    texts = [
        template.format_map(_figures(check, signal))
        for check in checks
        if (template := _SHORT.get((check.point, check.code)))
    ]
    return texts[:POINTS]


def _long(check: Check, signal: Signal) -> str:
    template = _LONG.get((check.point, check.code), _VOLUME)
    return template.format_map(_figures(check, signal))


def _figures(check: Check, signal: Signal) -> Mapping[str, str]:
    """Write a check's figures, each by its name."""
    found = {"signal": signal.word, "other": Signal(-signal).word}
    for name, value in check.figures:
        found[name] = value if isinstance(value, str) else _figure(name, value)
    if check.point is Point.PEERS:
        found["list"] = found.get("names", "")
    return found


def _figure(name: str, value: float) -> str:
    match name:
        case "grade":
            return words.grade(value)
        case "price" | "high" | "low":
            return words.price(value)
        case "share" | "before":
            return f"{round(value * 100)}%"
        case "rise" | "move":
            return words.percent(value)
        case "ratio":
            return f"{value:.1f}"
        case _:
            return f"{value:.0f}"
