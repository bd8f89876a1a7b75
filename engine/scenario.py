"""The built-in demo scenario: about 40 assets, endless, the same on every machine.

Documented: the signals of Fartcoin, Bittensor and Ethereum from November 2024 to June
2025 with the prices they led through (`engine.documented` marks each), and the broad
move of 2025-05-30, when most of the market turned bearish in one reading. Everything
else is generated from a seed and happened nowhere: the prices in between, all other
assets' signals, all grades but one, all volumes, and everything after 2025-06-10. It is
made to look like a real engine's output (plateaus and jumps of the grade, a new signal
every 25 days or so), not to say anything about a real asset.

It begins on 2024-11-04 with a reading each six hours. Any reading is computed from its
number; getting there only steps through the signals before it.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from bot.model import Reading, Signal
from engine.chance import chances, seed_of
from engine.documented import ASSETS, BROAD_MOVE, RECORD, RECORD_ENDS, Listed
from engine.replay import Pace, ReplaySource

STARTS = datetime(2024, 11, 4, tzinfo=UTC)
STEP = timedelta(hours=6)
#: what the demo watches from the start; ETH is left for the newcomer to type
starter_watchlist: tuple[str, ...] = ("BTC", "SOL", "TAO", "FARTCOIN")

_SEED = "flipwatch 1"
_PER_DAY = 4
#: of the assets without a record, those that take part in the broad move
_BROAD_COUNT = 28

# Streams of chance, one for each thing that is drawn.
_LEG, _PLATEAU, _DAY, _STEP_NOISE, _ASSET = range(5)

_SHORTEST_DAYS = 4
_LONGEST_DAYS = 90
_MEAN_DAYS = 25
_PLATEAUS_MAX = 1_000
_EVEN = 0.5
#: share of generated signals that lead where they point
_GOOD = 0.6
#: share of days, and of last days of a signal, on which the engine says 0
_RESTING = 0.03
_RESTING_LAST = 0.3
_ODD_PLATEAUS = 0.1
_FRESH_DAYS = 2
_BOOKMARK_MAX = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """One standing signal, from reading `start` until before reading `end`.

    `points` are (reading number, price) that the path leads through.
    """

    number: int
    start: int
    end: int
    signal: Signal
    points: tuple[tuple[int, float], ...]
    draw: tuple[float, ...]
    low: float = 0.0
    high: float = math.inf
    grade: float | None = None
    may_rest: bool = True


def _length(draw: tuple[float, ...]) -> int:
    """Return how many readings a leg lasts: whole days, 25 on average."""
    days = _SHORTEST_DAYS - (_MEAN_DAYS - _SHORTEST_DAYS) * math.log(1 - draw[0])
    return min(round(days), _LONGEST_DAYS) * _PER_DAY


class ScenarioRecording:
    """The scenario as a recording without an end; moves forward cheaply."""

    def __init__(self) -> None:
        others = [a for a in ASSETS if a.symbol not in RECORD]
        others.sort(key=lambda a: chances(_seed(a), _ASSET, 0)[0])
        broad = {a.symbol for a in others[:_BROAD_COUNT]}
        self._courses = [_Course(a, is_broad=a.symbol in broad) for a in ASSETS]

    def offset(self, index: int) -> float:
        """Return the seconds from snapshot 0 to this one."""
        return index * STEP.total_seconds()

    def readings(self, index: int) -> tuple[Reading, ...]:
        """Compute a snapshot."""
        return tuple(course.reading(index) for course in self._courses)

    def bookmark(self, index: int) -> str:
        """Name a snapshot by its number."""
        return str(index)

    def after(self, bookmark: str) -> int:
        """Return the number that follows a bookmark; 0 for one that is not ours."""
        is_number = bookmark.isascii() and bookmark.isdigit()
        if not is_number or len(bookmark) > _BOOKMARK_MAX:
            return 0
        return int(bookmark) + 1


def open_scenario(pace: Pace) -> ReplaySource:
    """Open the scenario as a source that plays at this pace."""
    return ReplaySource(
        ScenarioRecording(),
        name="replay:record",
        title="Demo scenario",
        update_every=STEP,
        pace=pace,
    )


def _seed(asset: Listed) -> bytes:
    return seed_of(f"{_SEED} {asset.symbol}")


def _number_of(moment: datetime) -> int:
    return (moment - STARTS) // STEP


class _Course:
    """One asset's way through the scenario."""

    def __init__(self, asset: Listed, *, is_broad: bool) -> None:
        self._asset = asset
        self._seed = _seed(asset)
        self._supply = asset.size * 1e9 / asset.price
        self._categories = tuple(asset.categories.split("|"))
        draw = chances(self._seed, _ASSET, 1)
        #: how far a good signal usually leads, as a logarithm; small assets move more
        self._swing = 0.12 + 0.06 * max(0.0, 4 - math.log10(asset.size * 10))
        self._turnover = 0.02 + 0.1 * draw[0]
        #: the logarithm of the price that it is pulled to in the long run
        self._anchor = math.log(asset.price)
        if asset.symbol in RECORD:
            self._first = self._recorded()
        elif is_broad:
            self._first = self._until_broad_move()
        else:
            signal = Signal.BULLISH if draw[1] < _EVEN else Signal.BEARISH
            self._first = [self._generated(0, 0, signal, asset.price)]
        if asset.symbol in RECORD:
            self._anchor = math.log(self._first[-1].points[-1][1])
        self._leg = self._first[0]

    def reading(self, index: int) -> Reading:
        """Compute the asset's reading in one snapshot."""
        leg = self._leg_at(index)
        price = self._price(leg, index)
        cap = price * self._supply
        day = index // _PER_DAY
        return Reading(
            key=self._asset.key,
            symbol=self._asset.symbol,
            name=self._asset.name,
            as_of=STARTS + index * STEP,
            signal=Signal.NEUTRAL if self._rests(leg, day) else leg.signal,
            grade=self._grade(leg, day),
            price=_rounded(price),
            volume=float(round(cap * self._share_traded(leg, index))),
            market_cap=float(round(cap)),
            categories=self._categories,
        )

    # ---- legs

    def _leg_at(self, index: int) -> _Leg:
        if index < self._leg.start:
            self._leg = self._first[0]
        while index >= self._leg.end:
            number = self._leg.number + 1
            if number < len(self._first):
                self._leg = self._first[number]
                continue
            at, price = self._leg.points[-1]
            signal = Signal(-self._leg.signal)
            self._leg = self._generated(number, at, signal, price)
        return self._leg

    def _generated(self, number: int, start: int, signal: Signal, price: float) -> _Leg:
        draw = chances(self._seed, _LEG, number)
        return self._leg_of(number, (start, start + _length(draw)), signal, price, draw)

    def _leg_of(
        self,
        number: int,
        span: tuple[int, int],
        signal: Signal,
        price: float,
        draw: tuple[float, ...],
    ) -> _Leg:
        """Draw how far a signal leads, when, and how much of it is given back.

        All prices are pulled a little towards
        where the asset began, so that none runs away in the long run.
        """
        start, end = span
        _, right, far, when, back, *_ = draw
        long = math.sqrt((end - start) / _PER_DAY / _MEAN_DAYS)
        reach = self._swing * (0.5 + 2 * far * far + far / 2) * long
        if right < _GOOD:
            furthest, final = reach, reach * (0.35 + 0.45 * back)
        else:
            furthest, final = reach * 0.15, -reach * (0.2 + 0.5 * back)
        begin = math.log(price)
        pull = 0.2 * (self._anchor - begin)
        middle = start + max(1, round((end - start) * (0.3 + 0.5 * when)))
        return _Leg(
            number=number,
            start=start,
            end=end,
            signal=signal,
            draw=draw,
            points=(
                (start, price),
                (min(middle, end - 1), math.exp(begin + signal * furthest + pull / 2)),
                (end, math.exp(begin + signal * final + pull)),
            ),
        )

    def _recorded(self) -> list[_Leg]:
        """Make legs of the documented record; the last one ends by chance."""
        eras = RECORD[self._asset.symbol]
        legs = []
        for number, era in enumerate(eras):
            points = [(_number_of(at), price) for at, price in era.prices]
            if number + 1 < len(eras):
                at, price = eras[number + 1].prices[0]
                points.append((_number_of(at), price))
            else:
                days = _SHORTEST_DAYS + round(16 * chances(self._seed, _ASSET, 2)[0])
                last = points[-1][1] * math.exp(-0.3 * self._swing)
                points.append((_number_of(RECORD_ENDS) + days * _PER_DAY, last))
            legs.append(
                _Leg(
                    number=number,
                    start=points[0][0],
                    end=points[-1][0],
                    signal=era.signal,
                    draw=chances(self._seed, _LEG, number),
                    points=tuple(points),
                    low=era.low,
                    high=era.high,
                    grade=era.grade,
                    may_rest=False,
                )
            )
        return legs

    def _until_broad_move(self) -> list[_Leg]:
        """Draw legs of which the last is bullish and ends with the broad move."""
        broad = _number_of(BROAD_MOVE)
        ends = [0]
        while ends[-1] < broad:
            draw = chances(self._seed, _LEG, len(ends) - 1)
            ends.append(ends[-1] + _length(draw))
        ends[-1] = broad
        is_stub = ends[-1] - ends[-2] < _SHORTEST_DAYS * _PER_DAY
        if is_stub and ends[-2] > 0:
            del ends[-2]
        legs: list[_Leg] = []
        price = self._asset.price
        for number, span in enumerate(pairwise(ends)):
            is_bullish = (len(ends) - 2 - number) % 2 == 0
            signal = Signal.BULLISH if is_bullish else Signal.BEARISH
            draw = chances(self._seed, _LEG, number)
            legs.append(self._leg_of(number, span, signal, price, draw))
            price = legs[-1].points[-1][1]
        legs[-1] = replace(legs[-1], may_rest=False)
        return legs

    # ---- values

    def _price(self, leg: _Leg, index: int) -> float:
        """Go from point to point, wobbling, but never past what is documented."""
        for (start, before), (end, after) in pairwise(leg.points):
            if index in (start, end):
                return before if index == start else after
            if index < end:
                done = (index - start) / (end - start)
                size = 0.35 * self._swing * 4 * done * (1 - done)
                wobble = math.exp(size * self._wobble(index))
                price = before * math.pow(after / before, done) * wobble
                if price > leg.high:
                    return leg.high * leg.high / price
                return leg.low * leg.low / price if price < leg.low else price
        return leg.points[-1][1]

    def _wobble(self, index: int) -> float:
        """Return a number from -1 to 1 that is near those of the readings around."""
        day, step = divmod(index, _PER_DAY)
        today = chances(self._seed, _DAY, day)[2]
        tomorrow = chances(self._seed, _DAY, day + 1)[2]
        slow = today + (tomorrow - today) * step / _PER_DAY
        fast = chances(self._seed, _STEP_NOISE, index)[0]
        return 1.5 * slow + 0.5 * fast - 1

    def _grade(self, leg: _Leg, day: int) -> float:
        """Stay on a plateau for days, then jump; daily changes are small."""
        day_of_leg = day - leg.start // _PER_DAY
        days_left = leg.end // _PER_DAY - day
        length = 3 + int(5 * leg.draw[5])
        plateau = day_of_leg // length
        where, odd, fading, *_ = chances(
            self._seed, _PLATEAU, leg.number * _PLATEAUS_MAX + plateau
        )
        is_odd = odd < _ODD_PLATEAUS and plateau > 0
        if leg.grade is not None and plateau == 0:
            level = leg.grade
        elif leg.signal is Signal.BULLISH:
            level = 46 + 15 * where if is_odd else 62 + 32 * where
        else:
            level = 43 + 11 * where if is_odd else 11 + 33 * where
        if plateau > 0 and days_left <= _FRESH_DAYS and fading < _EVEN:
            level = (level + 50) / 2
        if day_of_leg > 0:
            level += 1.2 * chances(self._seed, _DAY, day)[0] - 0.6
        return round(level, 2)

    def _rests(self, leg: _Leg, day: int) -> bool:
        """Whether the engine says "nothing new" all day instead of what stands."""
        if not leg.may_rest or day == leg.start // _PER_DAY:
            return False
        is_last = day == leg.end // _PER_DAY - 1
        chance = chances(self._seed, _DAY, day)[1]
        return chance < (_RESTING_LAST if is_last else _RESTING)

    def _share_traded(self, leg: _Leg, index: int) -> float:
        """Return the day's volume against the market cap; many new signals draw it."""
        draw = chances(self._seed, _STEP_NOISE, index)[1]
        is_fresh = index - leg.start < _FRESH_DAYS * _PER_DAY
        draws_crowd = leg.draw[6] < _GOOD
        return (
            self._turnover
            * (0.6 + 0.8 * draw)
            * (1.8 if is_fresh and draws_crowd else 1)
        )


def _rounded(price: float) -> float:
    """Keep six digits, however small the price."""
    return float(f"{price:.6g}")
