"""Makes the view of the market's picture from what is stored."""

from collections.abc import Sequence
from datetime import timedelta

from bot.errors import PictureError
from bot.market import largest_sectors, week_before
from bot.model import MARKET_KEY, MarketPoint, Signal
from bot.pictures import FlipDot, MarketView, PictureRef, Sector, SharePoint
from bot.ports import Store

#: a phone is not so wide that more could be seen
POINTS_MAX = 360
#: a week before the end is looked for so far back, however short the window is
_WEEK_BEFORE = timedelta(days=11)
_MOMENT = timedelta(microseconds=1)


class MarketViews:
    """Knows what is in the market's picture at a moment."""

    def __init__(self, store: Store, *, source: str, source_title: str) -> None:
        self._store = store
        self._source = source
        self._source_title = source_title

    async def make(self, ref: PictureRef) -> MarketView:
        """Return the view; raise `PictureError` where there is nothing to see.

        Nothing later than the end that `ref` names is in it.
        """
        after = ref.until - max(ref.window, _WEEK_BEFORE) - _MOMENT
        known = await self._store.market_history(self._source, after=after)
        known = [point for point in known if point.as_of <= ref.until]
        shown = [point for point in known if point.as_of >= ref.since]
        if not shown:
            raise PictureError("no market in this time", reason="no_readings")
        turns = await self._turns(ref)
        since = ref.begin(shown[0].as_of)
        newest, week = shown[-1], week_before(known, shown[-1].as_of)
        return MarketView(
            since=since,
            until=ref.until,
            history=tuple(
                SharePoint(p.as_of, p.share.ratio) for p in _thinned(shown, POINTS_MAX)
            ),
            turns=tuple(turn for turn in turns if turn.at >= since),
            share=newest.share.ratio,
            week_ago=None if week is None else week.share.ratio,
            is_bullish=turns[-1].is_bullish if turns else None,
            sectors=_sectors(newest, week),
            assets=newest.share.total,
            source=self._source_title,
        )

    async def _turns(self, ref: PictureRef) -> Sequence[FlipDot]:
        """Return the market's own flips up to the end, oldest first."""
        found = await self._store.list_turns(self._source, [MARKET_KEY])
        return [
            FlipDot(turn.as_of, turn.signal is Signal.BULLISH)
            for turn in found.get(MARKET_KEY, ())
            if turn.as_of <= ref.until
        ]


def _sectors(point: MarketPoint, week: MarketPoint | None) -> tuple[Sector, ...]:
    before = {} if week is None else week.sectors
    return tuple(
        Sector(name, share.ratio, before[name].ratio if name in before else None)
        for name, share in largest_sectors(point)
    )


def _thinned(points: Sequence[MarketPoint], most: int) -> Sequence[MarketPoint]:
    """Return at most so many points, evenly spread, the newest among them."""
    step = -(-len(points) // most)
    return points[::-1][::step][::-1]
