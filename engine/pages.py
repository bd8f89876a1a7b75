"""Walking through a remote engine's pages: newest signals, and the largest assets.

Pages are counted from 1, a short page or a 404 is the last one, and no walk is endless.
A page that fails ends the walk with its `SourceError`: what is returned is complete.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.errors import SourceProtocolError, SourceRefusedError
from bot.model import AssetInfo, Reading
from engine import wire
from engine.wire import PAGE_LIMIT, Page

SIGNALS = "trading-signals"
TOKENS = "tokens"
LARGEST = "top-market-cap-tokens"
PRICES = "price"

#: two days back from the newest known day: a token may lag by one
DAYS_BACK = timedelta(days=2)

#: about 6,000 assets are 60 pages; more than this is an engine that never ends
_PAGES_MAX = 200
#: for one batch of ids, each with the three newest days at most, and one to spare
_BATCH_PAGES_MAX = 4

#: gives the body of a page, None for "no rows" (404), or raises `SourceError`
Ask = Callable[[str, Mapping[str, str]], Awaitable[bytes | None]]


@dataclass(slots=True)
class SignalWalk:
    """Collects the newest signals, and remembers across walks whether there is history.

    Attributes:
        since_name: how this version of the engine calls its first day.
        has_history: pages hold many days of an asset, so days are asked for.
        newest_at: the newest day seen so far, by the engine's time.
    """

    since_name: str = "startDate"
    has_history: bool = False
    newest_at: datetime | None = None
    _seen: set[tuple[str, datetime]] = field(default_factory=set)

    async def fetch(self, ask: Ask, keys: Sequence[str] | None) -> dict[str, Reading]:
        """Return the newest reading per asset; of all assets if `keys` is None.

        At most `PAGE_LIMIT` keys. Assets the engine does not bring are left out.
        """
        missing = None if keys is None else set(keys)
        pages_max = _PAGES_MAX if keys is None else _BATCH_PAGES_MAX
        found: dict[str, Reading] = {}
        self._seen.clear()
        since = self._since()
        page = 1
        while page <= pages_max:
            body = await ask(SIGNALS, _query(page, keys, since))
            if body is None:
                return found
            part = wire.read_signals(body)
            is_new = self._note(part.items)
            found = wire.newest([*found.values(), *part.items])
            if missing is not None:
                missing -= found.keys()
            if (
                part.rows < PAGE_LIMIT
                or not is_new
                or (missing is not None and not missing)
            ):
                return found
            if self.has_history and not since:
                since = self._since()
                page = 1
                self._seen.clear()
            else:
                page += 1
        if keys is None:
            raise SourceProtocolError(
                f"the engine still has rows after {_PAGES_MAX} pages",
                reason="endless_pages",
            )
        return found

    def _since(self) -> dict[str, str]:
        if not self.has_history or self.newest_at is None:
            return {}
        return {self.since_name: f"{self.newest_at - DAYS_BACK:%Y-%m-%d}"}

    def _note(self, readings: Sequence[Reading]) -> bool:
        """Note the days of a page; whether there was any that is new.

        A page that repeats the one before is of an engine that knows no pages.
        """
        new = {(r.key, r.as_of) for r in readings} - self._seen
        self._seen |= new
        keys = {key for key, _ in self._seen}
        if len(keys) < len(self._seen):
            self.has_history = True
        for reading in readings:
            if self.newest_at is None or reading.as_of > self.newest_at:
                self.newest_at = reading.as_of
        return bool(new)


def _query(
    page: int, keys: Sequence[str] | None, more: Mapping[str, str]
) -> dict[str, str]:
    query = {"limit": str(PAGE_LIMIT), "page": str(page), **more}
    if keys is not None:
        query["token_id"] = ",".join(keys)
    return query


async def fetch_assets(ask: Ask, path: str, keys: Sequence[str]) -> list[AssetInfo]:
    """Fetch what a page of assets or prices says of at most `PAGE_LIMIT` ids."""
    asked = set(keys)
    body = await ask(path, _query(1, keys, {}))
    items = () if body is None else wire.read_assets(body).items
    return [info for info in items if info.key in asked]


async def fetch_largest(ask: Ask, count: int) -> list[AssetInfo]:
    """Fetch the `count` largest assets, largest first; fewer if there are no more.

    Where the engine or the plan has no such page, the largest of the first pages of
    all assets stand in, then the first assets that have a signal.
    """
    for fetch in (_by_size, _of_all_assets):
        try:
            found = await fetch(ask, count)
        except (SourceRefusedError, SourceProtocolError) as error:
            # A garbled answer is a failure; only a "no" means another way.
            if not error.reason.startswith("http_4"):
                raise
            continue
        if found:
            return found[:count]
    return (await _with_signal(ask, count))[:count]


async def _by_size(ask: Ask, count: int) -> list[AssetInfo]:
    found: dict[str, AssetInfo] = {}
    for page in range(1, _pages_for(count) + 1):
        query = {"top_k": str(min(count, PAGE_LIMIT)), "page": str(page)}
        body = await ask(LARGEST, query)
        part: Page[AssetInfo] = Page() if body is None else wire.read_assets(body)
        before = len(found)
        found |= {a.key: a for a in part.items if a.key not in found}
        if len(found) == before or part.rows < PAGE_LIMIT:
            break
    return wire.largest_first(found.values())


async def _of_all_assets(ask: Ask, count: int) -> list[AssetInfo]:
    found: dict[str, AssetInfo] = {}
    for page in range(1, _pages_for(count) + 3):
        body = await ask(TOKENS, _query(page, None, {}))
        part: Page[AssetInfo] = Page() if body is None else wire.read_assets(body)
        found |= {a.key: a for a in part.items if a.key not in found}
        if part.rows < PAGE_LIMIT:
            break
    return wire.largest_first(found.values())


async def _with_signal(ask: Ask, count: int) -> list[AssetInfo]:
    found: dict[str, AssetInfo] = {}
    for page in range(1, _pages_for(count) + 3):
        body = await ask(SIGNALS, _query(page, None, {}))
        part: Page[Reading] = Page() if body is None else wire.read_signals(body)
        for r in part.items:
            found.setdefault(
                r.key, AssetInfo(key=r.key, symbol=r.symbol, name=r.name, link=r.link)
            )
        if part.rows < PAGE_LIMIT or len(found) >= count:
            break
    return list(found.values())


def _pages_for(count: int) -> int:
    return -(-count // PAGE_LIMIT)
