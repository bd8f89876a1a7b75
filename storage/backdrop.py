"""What is around a recipient's news: its other assets, and the market."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from bot.model import (
    OWN_KEYS,
    Backdrop,
    Event,
    EventKind,
    Market,
    Scope,
    Signal,
    Waiting,
    Wave,
)
from bot.news import Reason
from storage.assets import read_assets
from storage.packed import among, named
from storage.tables import ASSETS, CATEGORIES, EVENTS, STATES, WATCHES

#: from so many assets at once the market is worth a line
_BROAD_FROM = 4
#: the rest of a watchlist up to this long is named, so its assets are read
_NAMED_MOST = 30


def load_backdrops(
    connection: Connection,
    waiting: Mapping[int, Sequence[Waiting]],
    waves: Mapping[int, Wave],
) -> Mapping[int, Backdrop]:
    """Load the backdrop of recipients whose message will be about more than one alert.

    That is those with many assets, those for whom something was held, and those who
    were told of a broad move a moment ago. Most claims have none of it, and for them
    nothing is asked.
    """
    wide = {
        who: each for who, each in waiting.items() if who in waves or _is_wide(each)
    }
    if not wide:
        return {}
    watches: dict[int, list[Any]] = {who: [] for who in wide}
    for row in named(connection.execute(_WATCHES, {"ids": list(wide)})):
        watches[row.recipient_id].append(row)
    own = {who: _own_assets(rows) for who, rows in watches.items()}
    listed = {i for ids in own.values() if len(ids) <= _NAMED_MOST for i in ids}
    assets = read_assets(connection, listed)
    began = {
        who: min(e.id for e in _events(each, waves.get(who)))
        for who, each in wide.items()
    }
    counter = _Counter(connection)
    markets = _Markets(connection, min(began.values()))
    found: dict[int, Backdrop] = {}
    for who, each in wide.items():
        source = each[0].event.source
        watched, title = _extent(watches[who], own[who], source, counter)
        found[who] = Backdrop(
            watched=watched,
            title=title,
            own=frozenset(own[who]),
            others=tuple(assets[i] for i in sorted(own[who]) if i in assets),
            market=(
                markets.around(source, began[who])
                if who in waves or _tells_market(each)
                else None
            ),
        )
    return found


def _events(waiting: Sequence[Waiting], wave: Wave | None) -> list[Event]:
    told = [] if wave is None else [event for _, event in wave.told]
    return [*told, *(w.event for w in waiting)]


def _is_broad(waiting: Sequence[Waiting]) -> bool:
    assets = {w.asset.id for w in waiting if w.event.kind is not EventKind.CROSSING}
    return len(assets) >= _BROAD_FROM


def _tells_market(waiting: Sequence[Waiting]) -> bool:
    return _is_broad(waiting) or any(w.held_for == Reason.DIGEST for w in waiting)


def _is_wide(waiting: Sequence[Waiting]) -> bool:
    return _is_broad(waiting) or any(
        w.held_for or w.event.off_since is not None or w.event.kind is EventKind.ENGINE
        for w in waiting
    )


_WATCHES = select(
    WATCHES.c.recipient_id,
    WATCHES.c.scope,
    WATCHES.c.asset_id,
    WATCHES.c.category,
    WATCHES.c.top,
    WATCHES.c.is_exception,
).where(among(WATCHES.c.recipient_id))


def _own_assets(watches: Collection[Any]) -> set[int]:
    return {
        row.asset_id
        for row in watches
        if row.scope == Scope.ASSET.value and not row.is_exception
    }


def _extent(
    watches: Sequence[Any], own: set[int], source: str, counter: "_Counter"
) -> tuple[int | None, str]:
    """Return how many assets are watched, where that is simple, and their name."""
    broader = [row for row in watches if row.scope != Scope.ASSET.value]
    if not broader:
        return len(own), ""
    has_exceptions = any(row.is_exception for row in watches)
    if len(broader) > 1 or own or has_exceptions:
        return None, ""
    (row,) = broader
    count = counter.count(source, row.scope, row.category)
    if row.scope == Scope.TOP.value:
        return min(row.top, count), f"the top {row.top}"
    if row.scope == Scope.CATEGORY.value:
        return count, f"the {count:,} {row.category} assets"
    return count, f"all {count:,}"


class _Counter:
    """Counts assets, each kind once per batch of claims."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str, str], int] = {}

    def count(self, source: str, scope: str, category: str) -> int:
        key = (source, scope, category)
        if key not in self._known:
            statement = (
                select(func.count())
                .select_from(ASSETS)
                .where(ASSETS.c.source == source, ~ASSETS.c.key.startswith(OWN_KEYS))
            )
            if scope == Scope.TOP.value:
                statement = statement.where(ASSETS.c.rank.is_not(None))
            else:
                statement = statement.join(STATES, STATES.c.asset_id == ASSETS.c.id)
            if scope == Scope.CATEGORY.value:
                statement = statement.join(
                    CATEGORIES, CATEGORIES.c.asset_id == ASSETS.c.id
                ).where(CATEGORIES.c.category == category)
            self._known[key] = self._connection.execute(statement).scalar_one()
        return self._known[key]


class _Markets:
    """The bull-bear indicator now and before each claim's first event."""

    def __init__(self, connection: Connection, first: int) -> None:
        self._connection = connection
        self._first = first
        self._now: dict[str, tuple[int, int]] = {}
        self._flips: dict[str, Sequence[Any]] = {}
        self._known: dict[tuple[str, int], Market | None] = {}

    def around(self, source: str, first: int) -> Market | None:
        """Return the market now, and as it was before an event."""
        key = (source, first)
        if key not in self._known:
            self._known[key] = self._market(source, first)
        return self._known[key]

    def _market(self, source: str, first: int) -> Market | None:
        if source not in self._now:
            self._load(source)
        bullish, total = self._now[source]
        if not total:
            return None
        before: dict[int, int] = {}
        after: dict[int, int] = {}
        for row in self._flips[source]:
            if row.id >= first:
                before.setdefault(row.asset_id, row.from_signal)
                after[row.asset_id] = row.to_signal
        gained = sum(s == Signal.BULLISH for s in after.values())
        lost = sum(s == Signal.BULLISH for s in before.values())
        return Market(
            bullish=bullish, total=total, bullish_before=bullish - gained + lost
        )

    def _load(self, source: str) -> None:
        counts = self._connection.execute(
            select(STATES.c.standing, func.count().label("n"))
            .join(ASSETS, ASSETS.c.id == STATES.c.asset_id)
            .where(
                ASSETS.c.source == source,
                ~ASSETS.c.key.startswith(OWN_KEYS),
                STATES.c.standing != int(Signal.NEUTRAL),
            )
            .group_by(STATES.c.standing)
        )
        by_signal = {row.standing: row.n for row in counts}
        self._now[source] = (
            by_signal.get(int(Signal.BULLISH), 0),
            sum(by_signal.values()),
        )
        self._flips[source] = named(
            self._connection.execute(
                select(
                    EVENTS.c.id,
                    EVENTS.c.asset_id,
                    EVENTS.c.from_signal,
                    EVENTS.c.to_signal,
                )
                .join(ASSETS, ASSETS.c.id == EVENTS.c.asset_id)
                .where(
                    EVENTS.c.source == source,
                    EVENTS.c.id >= self._first,
                    EVENTS.c.kind.in_([EventKind.FLIP, EventKind.CORRECTION]),
                    ~ASSETS.c.key.startswith(OWN_KEYS),
                )
                .order_by(EVENTS.c.id)
            )
        )
