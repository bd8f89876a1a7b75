"""How figures and names are written: one place, so that every message agrees."""

import math
import unicodedata
from datetime import datetime, timedelta

from bot.model import Asset, Platform, Signal

DOT = {Signal.BULLISH: "🟢", Signal.BEARISH: "🔴", Signal.NEUTRAL: "⚪"}
#: a mark beside the dot where no word follows: colour alone is nothing to one in twelve
MARK = {Signal.BULLISH: "▲", Signal.BEARISH: "▼", Signal.NEUTRAL: "·"}
MINUS = "−"

PLATFORM_NAMES = {
    Platform.TELEGRAM: "Telegram",
    Platform.DISCORD: "Discord",
    Platform.WEB: "the web chat",
}

_HOUR = 3600
_DAY = 24 * _HOUR


def dot_mark(signal: Signal) -> str:
    """Return dot and mark, for lists that have no room for the word."""
    return f"{DOT[signal]}{MARK[signal]}"


def grade(value: float | None) -> str:
    """Write a grade as a whole number, rounded down, so that a shown 80 is 80."""
    return "?" if value is None else str(math.floor(value))


def threshold(value: float) -> str:
    """Write a line as typed: `80`, `62.5`."""
    return f"{value:g}"


def price(value: float | None) -> str:
    """Write dollars with separators and at least 4 significant digits, no exponent."""
    if value is None or not math.isfinite(value):
        return "unknown"
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004 - whole dollars have four digits from here on
        return f"${value:,.0f}"
    if size >= 10:  # noqa: PLR2004 - two decimals make four digits from here on
        return f"${value:,.2f}"
    if size == 0:
        return "$0"
    decimals = 3 - math.floor(math.log10(size))
    return f"${value:.{decimals}f}"


def percent(ratio: float) -> str:
    """Write a move such as 0.185 as `+18.5%`, with a real minus sign."""
    figure = round(ratio * 100, 1)
    sign = MINUS if figure < 0 else "+"
    return f"{sign}{abs(figure):,.1f}%"


def percent_short(ratio: float) -> str:
    """Write a move in at most 7 columns, for tables; a huge one by its bound."""
    if ratio >= 100:  # noqa: PLR2004 - 10,000 % and more
        return ">9,999%"
    if ratio >= 9.9995:  # noqa: PLR2004 - from 1,000 % on no decimal has room
        return f"+{math.floor(ratio * 100):,}%"
    return percent(ratio)


def move(old: float | None, new: float | None) -> float | None:
    """Return the move from one price to another as a ratio, None if unknown."""
    if old is None or new is None or old <= 0:
        return None
    ratio = new / old - 1
    return ratio if math.isfinite(ratio) else None


def money(value: float | None) -> str:
    """Write a size of money short: `$4.1b`, `$38m`."""
    if value is None or not math.isfinite(value):
        return "unknown"
    for size, letter in ((1e12, "t"), (1e9, "b"), (1e6, "m"), (1e3, "k")):
        # What is rounded to 1,000 of one size is 1 of the next.
        if abs(value) >= size * 0.99995:
            figure = f"{value / size:.1f}".removesuffix(".0")
            return f"${figure}{letter}"
    return f"${value:.0f}"


def span(length: timedelta) -> str:
    """Write a length of time in its largest unit: `24 days`, `2 hours`, `5 min`."""
    seconds = max(0, int(length.total_seconds()))
    for size, one in ((_DAY, "day"), (_HOUR, "hour")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {one}" if count == 1 else f"{count} {one}s"
    return f"{max(1, seconds // 60)} min"


def span_exact(length: timedelta) -> str:
    """Write a length of time in its two largest units: `2 h 12 min`."""
    minutes = max(0, int(length.total_seconds())) // 60
    days, rest = divmod(minutes, 24 * 60)
    hours, mins = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {mins} min" if mins else f"{hours} h"
    return f"{mins} min"


def age(since: datetime, now: datetime) -> str:
    """Write an age short, for lists: `2 h`, `11 d`."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds >= _DAY:
        return f"{seconds // _DAY} d"
    if seconds >= _HOUR:
        return f"{seconds // _HOUR} h"
    return f"{max(1, seconds // 60)} min"


def columns(text: str) -> int:
    """Count the columns a text takes in a fixed-width face; wide signs take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, most: int) -> str:
    """Shorten a text to so many columns, with … where something was left out."""
    if columns(text) <= most:
        return text
    while text and columns(text) >= most:
        text = text[:-1]
    return f"{text}…"


def unhashed(text: str) -> str:
    """Write a watch for running text, where Telegram makes a search link of #ai."""
    return text.replace("#", "")


def names(words: list[str], most: int = 12) -> str:
    """Join names with commas; what is over `most` is named by count."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most} more"


def asset_name(asset: Asset) -> str:
    """Return symbol and name, `BTC (Bitcoin)`, or the symbol alone."""
    if not asset.name or asset.name.casefold() == asset.symbol.casefold():
        return asset.symbol
    return f"{asset.symbol} ({asset.name})"


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: `1 asset`, `1,204 assets`."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number:,} {noun}"
