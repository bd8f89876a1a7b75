"""Everything that was chosen about the grade, in one place; docs/engine.md says how."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.embedded.grid import DAY

#: another version of the engine is another engine: a new baseline, never an event
ENGINE_VERSION = "1"

#: what the components count: four fifths technical, one fifth statistical
WEIGHTS: Mapping[str, float] = {
    "trend": 0.20,
    "momentum": 0.10,
    "breakout": 0.20,
    "volume": 0.10,
    "drawdown": 0.05,
    "strength": 0.05,
    "market": 0.10,
    "steadiness": 0.10,
    "odds": 0.10,
}
STATISTICAL = frozenset({"steadiness", "odds"})
#: what counts besides candles where it is known. Mood is shown and counts nothing:
#: nobody could measure what it is worth on the history there was.
EXTRA_WEIGHTS: Mapping[str, float] = {"activity": 0.10, "mood": 0.0}
#: components of less weight than this make no grade
LEAST_WEIGHT = 0.6
#: how far a blend's distance from 50 is stretched into a grade
STRETCH = 1.3
#: decimals of a grade
DECIMALS = 2

#: days of the averages that price is compared with: 2, 5 and 10 weeks
TREND_DAYS = (14, 35, 70)
#: days over which momentum is measured: 1, 3 and 9 weeks
MOMENTUM_DAYS = (7, 21, 63)
#: days of the channels that price breaks out of: 2 and 6 weeks
CHANNEL_DAYS = (14, 42)
#: days of the usual daily move
VOLATILITY_DAYS = 30
#: days over which volume is added up by direction
VOLUME_DAYS = 21
#: days of the high that a drawdown is measured from
HIGH_DAYS = 63
#: days over which a move is called steady or not
STEADY_DAYS = 21
#: days over which risen and fallen days are counted
ODDS_DAYS = 30
#: so many days make a history; a younger asset gets no grade
ENOUGH_DAYS = 70
#: after so many days without a candle an asset begins anew
FORGET_DAYS = 30

#: a day's move counts at most so many times the usual one
MOST_MOVE = 4.0
#: nothing is taken to move less a day than this: stablecoins have no trend
LEAST_SIGMA = 0.005
#: a day's volume counts at most so many times its average
MOST_VOLUME = 5.0
#: with fewer assets there is no market to be stronger than
MARKET_SIZE = 5

#: a jump of less than this share of the price is never doubted
LEAST_JUMP = 0.15
#: nor is one of less than so many usual daily moves
SIGMA_JUMP = 4.0

#: of the trailing 24 hours so many must be known to know their volume
LEAST_HOURS = 18
#: within a day a close is good for so many hours when candles are missing
GOOD_HOURS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The few parameters that were tried out; the defaults are the engine.

    Attributes:
        pace: stretches every number of days above (but not what makes a history).
        smooth_days: days over which components are averaged, so that a grade is calm.
        bullish_from: a bearish asset turns bullish when its grade gets here and stays.
        bearish_from: a bullish one turns bearish when its grade falls here and stays.
        stays_s: for so many seconds: a second daily close, or every hour for a day.
    """

    pace: float = 1.0
    smooth_days: int = 3
    bullish_from: float = 65.0
    bearish_from: float = 45.0
    stays_s: int = DAY

    def paced(self, days: int) -> int:
        """Return a number of days at this pace."""
        return max(3, round(days * self.pace))


DEFAULT = Tuning()
