"""A remote engine's past: days of signals and closing prices, a window at a time.

The engine gives at most 29 days a request and 100 rows a page (the limits of its own
clients). A day's signal is put together with that day's close, which is never earlier
than the signal: a record made of it knows nothing too soon.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.model import Reading
from engine import wire
from engine.pages import SIGNALS, Ask
from engine.wire import PAGE_LIMIT

CANDLES = "daily-ohlcv"
#: days in one request, both ends included
WINDOW_DAYS = 29
#: assets whose window fits a page
TOGETHER = PAGE_LIMIT // WINDOW_DAYS
_PAGES_MAX = 3
#: how often a window is asked for: what it costs is for polls first
EVERY = timedelta(minutes=10)


async def fetch_days(
    ask: Ask, keys: Sequence[str], last: datetime, *, is_v3: bool
) -> list[Reading]:
    """Fetch up to `WINDOW_DAYS` days up to and with `last` of at most `TOGETHER` ids.

    Oldest first; empty where the engine has none. A day without a candle has no price.
    """
    first = last - timedelta(days=WINDOW_DAYS - 1)
    names = ("start_date", "end_date") if is_v3 else ("startDate", "endDate")
    dates = dict(zip(names, (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"), strict=True))
    signals = await _rows(ask, SIGNALS, keys, dates)
    if not signals:
        return []
    candles = await _rows(ask, CANDLES, keys, dates)
    closes = {(r.key, r.as_of.date()): r.price for r in candles}
    found: dict[tuple[str, datetime], Reading] = {}
    for reading in signals:
        close = closes.get((reading.key, reading.as_of.date()))
        # a price of the engine's own row is today's, whatever day the row is of
        found[reading.key, reading.as_of] = replace(
            reading, price=close, volume=None, market_cap=None
        )
    return sorted(found.values(), key=lambda r: (r.as_of, r.key))


async def _rows(
    ask: Ask, path: str, keys: Sequence[str], dates: dict[str, str]
) -> list[Reading]:
    asked = set(keys)
    found: list[Reading] = []
    for page in range(1, _PAGES_MAX + 1):
        query = {
            "limit": str(PAGE_LIMIT),
            "page": str(page),
            "token_id": ",".join(keys),
            **dates,
        }
        body = await ask(path, query)
        if body is None:
            break
        part = wire.read_signals(body)
        found += [r for r in part.items if r.key in asked]
        if part.rows < PAGE_LIMIT:
            break
    return found
