"""The checklist on a flip: seven questions, each answered from stored readings. Pure.

Every answer stands on what was known when the flip was detected. Where something is
missing the answer is unknown, never a guess. No answer is advice: a check speaks for
the signal or against it, and people decide.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import TypeGuard

from bot import past_signals
from bot.checks import Answer, Check, Figure, Point, Tally
from bot.model import (
    Event,
    MarketPoint,
    PastReading,
    Signal,
    Stance,
    Turn,
)

#: the engine's published bands
HIGH_CONVICTION = 80.0
WEAK_CONVICTION = 50.0
#: how far back daily readings are looked at
LOOK_BACK = timedelta(days=31)
#: price and volume are compared with the median of so many days before
_USUAL_DAYS = 7
_USUAL_LEAST = 5
_RISING, _FADING = 1.2, 0.8
#: a price that moved less in three days is flat
_FLAT = 0.03
_MOVE_DAYS = 3
#: a local high or low is one of so many days, and near it is within a tenth
_RANGE_LEAST = 14
_NEAR = 0.10
#: a price that is so far above its low is late in the move
_LATE = 0.5
#: peers: so many closest ones, that must be at least so many to say anything
PEERS = 6
_PEERS_LEAST = 3
#: so many of them make a rotation
_ROTATION = 3
PEER_DAYS = timedelta(days=5)
_ALIKE = 0.5
_COMMON_LEAST = 20
REPEAT_WITHIN = timedelta(days=7)
WEEK = timedelta(days=7)
MAJORS = ("BTC", "ETH")

#: most telling first, as people read a flip of that direction
_ORDER: Mapping[Signal, tuple[Point, ...]] = {
    Signal.BULLISH: (
        Point.CONVICTION,
        Point.VOLUME,
        Point.PEERS,
        Point.NARRATIVE,
        Point.PRICE,
        Point.MAJORS,
        Point.REPEAT,
    ),
    Signal.BEARISH: (
        Point.CONVICTION,
        Point.VOLUME,
        Point.MAJORS,
        Point.PRICE,
        Point.REPEAT,
        Point.NARRATIVE,
        Point.PEERS,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that was known when a snapshot's flips were detected.

    Attributes:
        stances: how every asset stands after the snapshot, by key.
        past: daily readings before it, oldest first, by key; without categories to go
            by, of all assets that may be alike.
        turns: flips that were not taken back, oldest first, by key.
        market: the bull-bear indicator after the snapshot.
        week_ago: the indicator about a week before.
    """

    stances: Mapping[str, Stance] = field(default_factory=dict)
    past: Mapping[str, Sequence[PastReading]] = field(default_factory=dict)
    turns: Mapping[str, Sequence[Turn]] = field(default_factory=dict)
    market: MarketPoint | None = None
    week_ago: MarketPoint | None = None
    #: daily moves by key, worked out once for all flips
    _moves: dict[str, dict[date, float]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def moves(self, key: str) -> Mapping[date, float]:
        """Return an asset's daily moves by day, where one day follows the other."""
        found = self._moves.get(key)
        if found is None:
            found = self._moves[key] = _moves(self.past.get(key, ()))
        return found


def checklist(event: Event, scene: Scene) -> tuple[Check, ...]:
    """Answer every question about a flip, most telling first."""
    past = [r for r in scene.past.get(event.asset_key, ()) if r.as_of < event.as_of]
    found = {
        Point.CONVICTION: conviction(event),
        Point.VOLUME: volume(event, past),
        Point.PRICE: price_action(event, past),
        Point.NARRATIVE: narrative(event, scene),
        Point.PEERS: peers(event, scene),
        Point.REPEAT: repeat(event, scene, past),
        Point.MAJORS: majors(event, scene),
    }
    return tuple(found[point] for point in _ORDER[event.to_signal])


def tally(event: Event, turns: Sequence[Turn]) -> Tally | None:
    """Count how often the price followed the asset's signals up to this flip.

    A signal ends with the next one, so this flip ends the last that counts. None where
    no signal has ended with both prices known.
    """
    own = Turn(as_of=event.as_of, signal=event.to_signal, price=event.price)
    before = [turn for turn in turns if turn.as_of < event.as_of]
    if before and before[-1].signal is own.signal:
        # the flip between was taken back
        return None
    found = past_signals.finished([*before, own])
    followed = sum(one.is_followed for one in found)
    return Tally(followed, len(found)) if found else None


# ------------------------------------------------------------------------ conviction


def conviction(event: Event) -> Check:
    """Say whether the grade bears the signal out: 80 or more, or below 50."""
    grade = event.grade_to
    if grade is None:
        return _unknown(Point.CONVICTION, "no_grade")
    if event.to_signal is Signal.BULLISH:
        is_yes = grade >= HIGH_CONVICTION
        code = "high" if is_yes else "below_high"
    else:
        is_yes = grade < WEAK_CONVICTION
        code = "weak" if is_yes else "not_weak"
    return _check(Point.CONVICTION, code, is_yes=is_yes, grade=grade)


# ------------------------------------------------------------------ volume and price


def volume(event: Event, past: Sequence[PastReading]) -> Check:
    """Say whether volume bears the signal out, against its own week before.

    Bullish: the price up on rising volume confirms. Bearish: volume that fades while
    the price does not fall any more than flat, or falls on rising volume.
    """
    usual = _recent(event, past, _USUAL_DAYS)
    volumes = [r.volume for r in usual if _is_amount(r.volume)]
    now, price = event.volume, event.price
    then = _price_days_ago(event, past)
    if not _is_amount(now) or len(volumes) < _USUAL_LEAST or not median(volumes):
        return _unknown(Point.VOLUME, "no_volume")
    if not _is_amount(price) or then is None:
        return _unknown(Point.VOLUME, "no_price")
    ratio, move = now / median(volumes), price / then - 1
    if event.to_signal is Signal.BULLISH:
        is_yes = move > 0 and ratio >= _RISING
        code = "rising" if is_yes else "not_rising" if move > 0 else "price_not_up"
    else:
        is_fading, is_selling = ratio <= _FADING, move <= -_FLAT and ratio >= _RISING
        is_yes = (is_fading and move <= _FLAT) or is_selling
        if is_yes:
            code = "fading" if is_fading else "selling"
        else:
            code = "price_up" if move > _FLAT else "steady"
    return _check(Point.VOLUME, code, is_yes=is_yes, ratio=ratio, move=move)


def price_action(event: Event, past: Sequence[PastReading]) -> Check:
    """Say where the price is in its month.

    Bullish: a fresh breakout over the month's high, or near its low, speaks for it;
    late in the move, or in the middle of nowhere, against. Bearish: near the high.
    """
    price = event.price
    known = [r.price for r in past if _is_amount(r.price)]
    is_long = sum(_is_amount(r.price) for r in past) >= _RANGE_LEAST
    if not _is_amount(price) or not is_long:
        return _unknown(Point.PRICE, "no_price")
    high, low = max(known), min(known)
    rise, fall = price / low - 1, 1 - price / high
    if event.to_signal is Signal.BEARISH:
        is_yes = fall <= _NEAR
        code = "near_high" if is_yes else "no_high"
    elif rise >= _LATE:
        is_yes, code = False, "late"
    elif price > high:
        is_yes, code = True, "breakout"
    else:
        is_yes = rise <= _NEAR
        code = "near_low" if is_yes else "no_breakout"
    return _check(
        Point.PRICE, code, is_yes=is_yes, price=price, high=high, low=low, rise=rise
    )


def _recent(
    event: Event, past: Sequence[PastReading], days: int
) -> Sequence[PastReading]:
    """Return the readings of the days before an event."""
    begin = event.as_of - timedelta(days=days, hours=12)
    return [r for r in past if r.as_of >= begin]


def _price_days_ago(event: Event, past: Sequence[PastReading]) -> float | None:
    """Return the price three days before, half a day more or less."""
    wanted, slack = event.as_of - timedelta(days=_MOVE_DAYS), timedelta(hours=36)
    near = [
        (abs(r.as_of - wanted), r.price)
        for r in past
        if r.price is not None and _is_amount(r.price)
    ]
    if not near or min(near)[0] > slack:
        return None
    return min(near)[1]


# -------------------------------------------------------------------- the others


def narrative(event: Event, scene: Scene) -> Check:
    """Say whether one of its categories goes the same way: most of it, and more so.

    A category counts from five assets on, and only where its share a week ago is
    known.
    """
    stance = scene.stances.get(event.asset_key)
    if stance is None or not stance.categories:
        return _unknown(Point.NARRATIVE, "no_categories")
    if scene.market is None or scene.week_ago is None:
        return _unknown(Point.NARRATIVE, "no_history")
    now, then = scene.market.sectors, scene.week_ago.sectors
    known = [
        (now[name].ratio, then[name].ratio, name)
        for name in stance.categories
        if name in now and name in then
    ]
    if not known:
        return _unknown(Point.NARRATIVE, "too_few")
    is_bullish = event.to_signal is Signal.BULLISH
    share, before, name = max(known) if is_bullish else min(known)
    half = 0.5
    if is_bullish:
        is_yes = share >= half and share >= before
    else:
        is_yes = share < half and share <= before
    code = "up" if share > before else "down" if share < before else "same"
    return _check(
        Point.NARRATIVE, code, is_yes=is_yes, name=name, share=share, before=before
    )


def peers(event: Event, scene: Scene) -> Check:
    """Say whether its closest peers turned the same way within days.

    Peers share categories; where the engine gives none, their prices moved alike.
    """
    own = scene.stances.get(event.asset_key)
    if own is None:
        return _unknown(Point.PEERS, "no_peers")
    closest = _by_category(own, scene) if own.categories else _by_price(own, scene)
    earliest, turned, known = event.as_of - PEER_DAYS, [], 0
    for peer in closest[:PEERS]:
        is_old = (
            peer.known_since is not None
            and peer.known_since <= event.detected_at - PEER_DAYS
        )
        if peer.since is None and not is_old:
            # it stood already when we first saw it, a moment ago: who knows since when
            continue
        known += 1
        is_recent = peer.since is not None and earliest <= peer.since <= event.as_of
        if peer.standing is event.to_signal and is_recent:
            turned.append(peer.symbol)
    if known < _PEERS_LEAST:
        return _unknown(Point.PEERS, "no_peers")
    is_yes = len(turned) >= _ROTATION
    code = "turned" if is_yes else "alone"
    names = ", ".join(turned)
    return _check(
        Point.PEERS, code, is_yes=is_yes, turned=len(turned), peers=known, names=names
    )


def _by_category(own: Stance, scene: Scene) -> list[Stance]:
    """List the others by how many categories they share, then by how near in size."""
    mine = frozenset(own.categories)

    def distance(other: Stance) -> tuple[float, float, str]:
        theirs = frozenset(other.categories)
        overlap = len(mine & theirs) / len(mine | theirs)
        return -overlap, _size_gap(own, other), other.key

    return sorted(
        (s for s in _standing(own, scene) if mine & frozenset(s.categories)),
        key=distance,
    )


def _by_price(own: Stance, scene: Scene) -> list[Stance]:
    """List the others whose daily moves went with its own, most alike first."""
    mine = scene.moves(own.key)
    alike: list[tuple[float, str, Stance]] = []
    for other in _standing(own, scene):
        found = _correlation(mine, scene.moves(other.key))
        if found is not None and found >= _ALIKE:
            alike.append((-found, other.key, other))
    return [stance for _, _, stance in sorted(alike, key=lambda a: a[:2])]


def _standing(own: Stance, scene: Scene) -> Iterable[Stance]:
    return (
        s
        for s in scene.stances.values()
        if s.key != own.key and s.standing is not Signal.NEUTRAL
    )


def _size_gap(own: Stance, other: Stance) -> float:
    if not _is_amount(own.market_cap) or not _is_amount(other.market_cap):
        return math.inf
    return abs(math.log(own.market_cap / other.market_cap))


def _moves(past: Sequence[PastReading]) -> dict[date, float]:
    prices = {r.as_of.date(): r.price for r in past if _is_amount(r.price)}
    moves: dict[date, float] = {}
    for day, price in prices.items():
        before = prices.get(day - timedelta(days=1))
        if price is not None and before is not None:
            moves[day] = math.log(price / before)
    return moves


def _correlation(
    one: Mapping[date, float], other: Mapping[date, float]
) -> float | None:
    """Return how alike two series of moves are; None with too few days in common."""
    days = one.keys() & other.keys()
    if len(days) < _COMMON_LEAST:
        return None
    xs, ys = [one[d] for d in days], [other[d] for d in days]
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    spread = math.sqrt(
        math.fsum((x - mean_x) ** 2 for x in xs)
        * math.fsum((y - mean_y) ** 2 for y in ys)
    )
    if not spread:
        return None
    pairs = zip(xs, ys, strict=True)
    return math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread


def repeat(event: Event, scene: Scene, past: Sequence[PastReading]) -> Check:
    """Say whether it turned this way within the week before already."""
    begin = event.as_of - REPEAT_WITHIN
    before = [
        turn
        for turn in scene.turns.get(event.asset_key, ())
        if turn.signal is event.to_signal and begin <= turn.as_of < event.as_of
    ]
    if before:
        days = (event.as_of - before[-1].as_of) / timedelta(days=1)
        return _check(Point.REPEAT, "second", is_yes=True, days=days)
    if not past or past[0].as_of > begin:
        return _unknown(Point.REPEAT, "no_history")
    return _check(Point.REPEAT, "first", is_yes=False)


def majors(event: Event, scene: Scene) -> Check:
    """Say whether Bitcoin and Ethereum stand the same way.

    For a bearish flip one of them is pressure enough; a bullish one needs all.
    """
    found: dict[str, Stance] = {}
    for stance in scene.stances.values():
        if stance.symbol in MAJORS:
            known = found.get(stance.symbol)
            if known is None or (stance.market_cap or 0) > (known.market_cap or 0):
                found[stance.symbol] = stance
    standing = [
        found[symbol]
        for symbol in MAJORS
        if symbol in found
        and found[symbol].key != event.asset_key
        and found[symbol].standing is not Signal.NEUTRAL
    ]
    if not standing:
        return _unknown(Point.MAJORS, "no_majors")
    same = [s.symbol for s in standing if s.standing is event.to_signal]
    against = [s.symbol for s in standing if s.standing is not event.to_signal]
    is_yes = bool(same) if event.to_signal is Signal.BEARISH else not against
    names = " and ".join(same if is_yes else against)
    return _check(
        Point.MAJORS, "same" if is_yes else "against", is_yes=is_yes, names=names
    )


# -------------------------------------------------------------------- small words


def _is_amount(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value > 0


def _check(point: Point, code: str, *, is_yes: bool, **figures: Figure) -> Check:
    return Check(
        point=point,
        answer=Answer.YES if is_yes else Answer.NO,
        code=code,
        figures=tuple(figures.items()),
    )


def _unknown(point: Point, code: str) -> Check:
    return Check(point=point, answer=Answer.UNKNOWN, code=code)
