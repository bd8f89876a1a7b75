"""Makes the view of a record's picture from what is stored."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot import past_signals, record_words
from bot.errors import PictureError
from bot.model import Scope, Signal, Target, Turn
from bot.pictures import Outcome, PictureRef, RecordView
from bot.ports import Store
from bot.record import Finished, Record

#: as many of the newest signals as could be told apart
OUTCOMES_MAX = 40
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class RecordViews:
    """Knows what is in the picture of a record at a moment."""

    def __init__(self, store: Store, *, source: str, source_title: str) -> None:
        self._store = store
        self._source = source
        self._source_title = source_title

    async def make(self, ref: PictureRef) -> RecordView:
        """Return the view; raise `PictureError` where there is nothing to see.

        Of one asset, of a category, or of the engine as a whole. Nothing later than
        the end that `ref` names is in it.
        """
        if ref.asset_id:
            title, found = await self._of_asset(ref)
            assets = 1
        else:
            title, found, assets = await self._of_many(ref)
        if not found.finished:
            raise PictureError("no finished signal", reason="no_signals")
        finished = sorted(found.finished, key=lambda one: one.began_at)
        return RecordView(
            title=title,
            verdict=record_words.verdict(found),
            outcomes=tuple(_outcome(one) for one in finished[-OUTCOMES_MAX:]),
            notes=record_words.sums(found, assets=assets),
            until=ref.until,
            source=self._source_title,
        )

    async def _of_asset(self, ref: PictureRef) -> tuple[str, Record]:
        asset = (await self._store.get_assets([ref.asset_id])).get(ref.asset_id)
        if asset is None:
            raise PictureError("no such asset", reason="no_asset")
        key = asset.key
        turns = await self._store.list_turns(self._source, [key])
        path = await self._store.readings_between(
            self._source, [key], after=_LONG_AGO, until=ref.until
        )
        found = past_signals.record_of(
            _until(turns.get(key, ()), ref.until), path.get(key, ())
        )
        return asset.symbol, found

    async def _of_many(self, ref: PictureRef) -> tuple[str, Record, int]:
        keys = None
        if ref.category:
            target = Target(scope=Scope.CATEGORY, category=ref.category)
            assets = await self._store.list_assets(self._source, target=target)
            keys = [asset.key for asset in assets]
        turns = await self._store.list_turns(self._source, keys)
        each = [past_signals.finished(_until(t, ref.until)) for t in turns.values()]
        count = sum(map(bool, each))
        return ref.category or self._source_title, past_signals.together(each), count


def _until(turns: Sequence[Turn], end: datetime) -> Sequence[Turn]:
    return [turn for turn in turns if turn.as_of <= end]


def _outcome(one: Finished) -> Outcome:
    is_bullish = one.signal is Signal.BULLISH
    return Outcome(
        at=one.began_at,
        is_bullish=is_bullish,
        move=one.move,
        highest=one.best if is_bullish else one.worst,
        lowest=one.worst if is_bullish else one.best,
    )
