"""The bull-bear indicator: how many of the assets stand bullish, whole and by category.

Pure. Computed from how all assets stand after a snapshot, or taken from the engine
where it has its own word. The market itself is kept as a pseudo-asset, so that whoever
watches it is told of its flips as of any asset's.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.model import (
    MARKET_KEY,
    AssetState,
    MarketPoint,
    Reading,
    Share,
    Signal,
    Stance,
)

#: the market turns bullish at this share, and bearish at that one
TURNS_BULLISH = 0.55
TURNS_BEARISH = 0.45
#: so far beyond no second point need agree
SURELY_BULLISH = 0.60
SURELY_BEARISH = 0.40
#: fewer assets make no market, and no sector
LEAST = 5
#: sectors that are told
SECTORS_SHOWN = 6
#: an asset without a newer reading is no longer counted
STALE_AFTER = timedelta(days=7)
#: how far from a week ago a point may be that answers for it
_WEEK, _SLACK = timedelta(days=7), timedelta(days=3)


def measure(
    stances: Iterable[Stance], *, as_of: datetime, signal: Signal | None = None
) -> MarketPoint | None:
    """Count the bullish share at a time of the engine; None with too few assets.

    `signal` is the engine's own word on the market, if it says one.
    """
    whole = [0, 0]
    sectors: dict[str, list[int]] = {}
    for stance in stances:
        if stance.standing is Signal.NEUTRAL or stance.as_of < as_of - STALE_AFTER:
            continue
        is_bullish = stance.standing is Signal.BULLISH
        for counts in (
            whole,
            *(sectors.setdefault(name, [0, 0]) for name in stance.categories),
        ):
            counts[0] += is_bullish
            counts[1] += 1
    if whole[1] < LEAST:
        return None
    return MarketPoint(
        as_of=as_of,
        share=Share(bullish=whole[0], total=whole[1]),
        sectors={
            name: Share(bullish=counts[0], total=counts[1])
            for name, counts in sorted(sectors.items())
            if counts[1] >= LEAST
        },
        signal=signal,
    )


def after(
    stances: Iterable[Stance],
    states: Mapping[str, AssetState],
    readings: Mapping[str, Reading],
) -> dict[str, Stance]:
    """Return how all stand once these states are committed, by key."""
    found = {stance.key: stance for stance in stances}
    for key, state in states.items():
        known = found.get(key)
        last = readings.get(key, state.last)
        found[key] = Stance(
            key=key,
            symbol=state.last.symbol,
            standing=state.standing,
            as_of=state.last.as_of,
            since=state.standing_since,
            known_since=None if known is None else known.known_since,
            seen_at=state.seen_at,
            grade=state.last.grade,
            price=state.last.price,
            market_cap=last.market_cap
            if last.market_cap is not None or known is None
            else known.market_cap,
            categories=last.categories
            or (known.categories if known is not None else ()),
        )
    return found


def verdict(point: MarketPoint, before: MarketPoint | None) -> Signal:
    """Say what a point says of the market: NEUTRAL where it says nothing new.

    The engine's own word counts as it is. Else a share beyond 55 or 45 % turns the
    market when it is far beyond, or when the point before agreed.
    """
    if point.signal is not None:
        return point.signal
    lean = _lean(point)
    if lean is Signal.NEUTRAL:
        return lean
    ratio = point.share.ratio
    is_decisive = ratio >= SURELY_BULLISH or ratio <= SURELY_BEARISH
    is_agreed = before is not None and _lean(before) is lean
    return lean if is_decisive or is_agreed else Signal.NEUTRAL


def _lean(point: MarketPoint) -> Signal:
    if point.share.ratio >= TURNS_BULLISH:
        return Signal.BULLISH
    return Signal.BEARISH if point.share.ratio <= TURNS_BEARISH else Signal.NEUTRAL


def reading(point: MarketPoint, before: MarketPoint | None) -> Reading:
    """Return the market as a reading of its pseudo-asset: the share is its grade."""
    return Reading(
        key=MARKET_KEY,
        symbol="MARKET",
        name="Bull-bear indicator",
        as_of=point.as_of,
        signal=verdict(point, before),
        grade=100 * point.share.ratio,
    )


def largest_sectors(point: MarketPoint) -> Sequence[tuple[str, Share]]:
    """Return the categories with most assets, the most bullish first."""
    by_size = sorted(point.sectors.items(), key=lambda s: (-s[1].total, s[0]))
    return sorted(by_size[:SECTORS_SHOWN], key=lambda s: (-s[1].ratio, s[0]))


def week_before(history: Sequence[MarketPoint], at: datetime) -> MarketPoint | None:
    """Return the newest point that is a week old, if one is not much older."""
    old = [p for p in history if p.as_of <= at - _WEEK]
    if not old or old[-1].as_of < at - _WEEK - _SLACK:
        return None
    return old[-1]
