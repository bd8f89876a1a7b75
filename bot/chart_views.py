"""Makes the view of an asset's chart from what is stored."""

from bot.errors import PictureError
from bot.pictures import ChartView, PictureRef
from bot.ports import Store

#: a phone is not so wide that more could be seen
POINTS_MAX = 360


class ChartViews:
    """Knows what is in the chart of an asset at a moment."""

    def __init__(self, store: Store, *, source_title: str) -> None:
        self._store = store
        self._source_title = source_title

    async def make(self, ref: PictureRef) -> ChartView:
        """Return the view; raise `PictureError` where there is nothing to see.

        Of what is named `ref` nothing later than its end is in it, so that it comes
        out the same whenever it is asked for.
        """
        found = await self._store.get_assets([ref.asset_id])
        asset = found.get(ref.asset_id)
        if asset is None:
            raise PictureError("no such asset", reason="no_asset")
        history = await self._store.chart_history(
            ref.asset_id, since=ref.since, until=ref.until, most=POINTS_MAX
        )
        if not history.points:
            raise PictureError("no readings in this time", reason="no_readings")
        stands = history.flips[-1].is_bullish if history.flips else history.standing
        return ChartView(
            symbol=asset.symbol,
            name="" if asset.name.casefold() == asset.symbol.casefold() else asset.name,
            since=ref.begin(history.points[0].at),
            until=ref.until,
            points=history.points,
            turns=history.flips,
            standing=history.standing,
            is_bullish=stands,
            lines=ref.lines,
            source=self._source_title,
        )
