"""What a remote engine's other pages tell of its assets, each with its age.

Sizes and categories hold for a day; a price or a volume older than a quarter of an hour
is not shown as if it were current.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.model import AssetInfo, Reading

FACTS_FOR = timedelta(days=1)
PRICES_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    info: AssetInfo
    priced_at: datetime | None = None
    volume_at: datetime | None = None


class Facts:
    """Collects `AssetInfo` from several pages; what one page lacks another keeps."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._asked_at: dict[str, datetime] = {}
        self._price_asked_at: dict[str, datetime] = {}

    def learn(self, infos: Iterable[AssetInfo], now: datetime) -> None:
        """Merge what a page told."""
        for info in infos:
            old = self._known.get(info.key)
            priced_at = now if info.price is not None else None
            volume_at = now if info.volume is not None else None
            if old is None:
                self._known[info.key] = _Known(
                    info=info, priced_at=priced_at, volume_at=volume_at
                )
                continue
            had = old.info
            merged = replace(
                info,
                symbol=had.symbol if info.symbol == info.key else info.symbol,
                name=info.name or had.name,
                market_cap=info.market_cap or had.market_cap,
                price=had.price if info.price is None else info.price,
                volume=had.volume if info.volume is None else info.volume,
                categories=info.categories or had.categories,
                link=info.link or had.link,
            )
            self._known[info.key] = _Known(
                info=merged,
                priced_at=priced_at or old.priced_at,
                volume_at=volume_at or old.volume_at,
            )

    def note_asked(self, keys: Iterable[str], now: datetime) -> None:
        """Remember that sizes and categories of these were asked for."""
        self._asked_at.update(dict.fromkeys(keys, now))

    def note_price_asked(self, keys: Iterable[str], now: datetime) -> None:
        """Remember that prices of these were asked for, whether any came or not."""
        self._price_asked_at.update(dict.fromkeys(keys, now))

    def due(self, keys: Iterable[str], now: datetime) -> list[str]:
        """List those whose sizes and categories are to be asked for again."""
        return sorted(
            k for k in keys if not _is_within(FACTS_FOR, self._asked_at.get(k), now)
        )

    def unpriced(self, keys: Iterable[str], now: datetime) -> list[str]:
        """List those without a current price that were not asked for just now."""
        return sorted(
            k
            for k in keys
            if not _is_within(PRICES_FOR, self._price_asked_at.get(k), now)
            and not self._is_priced(k, now)
        )

    def complete(self, reading: Reading, now: datetime) -> Reading:
        """Fill what a reading lacks; never change what it says."""
        known = self._known.get(reading.key)
        if known is None:
            return reading
        info = known.info
        has_symbol = reading.symbol not in {reading.key, reading.name}
        price = info.price if _is_within(PRICES_FOR, known.priced_at, now) else None
        volume = info.volume if _is_within(PRICES_FOR, known.volume_at, now) else None
        return replace(
            reading,
            symbol=(
                reading.symbol if has_symbol or info.symbol == info.key else info.symbol
            ),
            name=reading.name or info.name,
            market_cap=reading.market_cap or info.market_cap,
            categories=reading.categories or info.categories,
            link=reading.link or info.link,
            price=price if reading.price is None else reading.price,
            volume=volume if reading.volume is None else reading.volume,
        )

    def _is_priced(self, key: str, now: datetime) -> bool:
        known = self._known.get(key)
        return known is not None and _is_within(PRICES_FOR, known.priced_at, now)


def _is_within(age: timedelta, moment: datetime | None, now: datetime) -> bool:
    return moment is not None and timedelta(0) <= now - moment < age
