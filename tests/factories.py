"""Builders of the domain's values: every field has a default, name what matters."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot import detect
from bot.detect import Detection, Habit
from bot.model import (
    Address,
    Asset,
    AssetState,
    Conditions,
    Direction,
    Event,
    EventKind,
    Line,
    Mute,
    Passed,
    PlaceKind,
    Platform,
    PrivateLine,
    Reading,
    Recipient,
    Scope,
    Side,
    Signal,
    Snapshot,
    Target,
    Told,
    Waiting,
    Watch,
)
from bot.noise import News

#: the moment most tests are about, by the engine's clock and by ours
NOON = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INTERVAL = timedelta(minutes=5)

BULLISH, BEARISH, NEUTRAL = Signal.BULLISH, Signal.BEARISH, Signal.NEUTRAL


def reading(
    grade: float | None = 50.0,
    signal: Signal | None = BULLISH,
    *,
    as_of: datetime = NOON,
    key: str = "btc",
    symbol: str = "",
    price: float | None = None,
    **rest: object,
) -> Reading:
    """One reading of BTC, unless another key is given."""
    return Reading(
        key=key,
        symbol=symbol or key.upper(),
        as_of=as_of,
        signal=signal,
        grade=grade,
        price=price,
        **rest,
    )


def snapshot(*readings: Reading, at: datetime = NOON, source: str = "tm") -> Snapshot:
    """A snapshot of some readings."""
    return Snapshot(source=source, fetched_at=at, readings=readings)


def habit(
    now: datetime = NOON, *, tick: int = 1, is_replay: bool = False, band: float = 3.0
) -> Habit:
    """How a poll looks at its readings."""
    return Habit(now=now, tick=tick, interval=INTERVAL, band=band, is_replay=is_replay)


def state(
    standing: Signal = BULLISH,
    *,
    grade: float | None = 50.0,
    as_of: datetime = NOON,
    since: datetime | None = None,
    since_price: float | None = None,
    seen_at: datetime | None = None,
    lines: Mapping[float, Line] | None = None,
    key: str = "btc",
    flips: tuple[datetime, ...] = (),
) -> AssetState:
    """What is remembered of an asset that was just read."""
    return AssetState(
        last=reading(grade, standing, as_of=as_of, key=key),
        standing=standing,
        standing_since=since,
        standing_price=since_price,
        seen_at=seen_at or as_of,
        lines=lines or {},
        flips=flips,
    )


def asset(
    symbol: str = "BTC",
    *,
    id: int = 1,  # noqa: A002 - the field's own name
    state: AssetState | None = None,
    name: str = "",
    categories: tuple[str, ...] = (),
    market_cap: float | None = None,
    rank: int | None = None,
) -> Asset:
    """An asset; its key is its symbol in small letters."""
    return Asset(
        id=id,
        source="tm",
        key=symbol.lower(),
        symbol=symbol,
        name=name,
        categories=categories,
        market_cap=market_cap,
        rank=rank,
        state=state,
    )


def flip(
    to: Signal = BEARISH,
    *,
    at: datetime = NOON,
    asset_id: int = 1,
    kind: EventKind = EventKind.FLIP,
    **rest: object,
) -> Event:
    """A flip to a signal, from the other one; seen when it happened."""
    values: dict[str, object] = {
        "key": f"{kind.value}|{asset_id}|{at.isoformat()}|{to.word}",
        "source": "tm",
        "asset_key": f"a{asset_id}",
        "as_of": at,
        "detected_at": at,
        "from_signal": Signal(-to),
        "to_signal": to,
        "asset_id": asset_id,
    }
    return Event(kind=kind, **(values | rest))


def correction(of: Event, **rest: object) -> Event:
    """The correction that withdraws a flip, at the flip's own time."""
    return flip(
        of.from_signal,
        at=of.as_of,
        asset_id=of.asset_id,
        kind=EventKind.CORRECTION,
        **({"corrects": of.key, "since": of.as_of, "is_revision": True} | rest),
    )


def crossing(
    *passed: tuple[float, Direction],
    at: datetime = NOON,
    standing: Signal = BULLISH,
    asset_id: int = 1,
    **rest: object,
) -> Event:
    """A crossing of some lines while a signal stands."""
    return flip(
        standing,
        at=at,
        asset_id=asset_id,
        kind=EventKind.CROSSING,
        **(
            {
                "from_signal": standing,
                "passed": tuple(Passed(t, d) for t, d in sorted(passed)),
            }
            | rest
        ),
    )


def up(*thresholds: float) -> tuple[tuple[float, Direction], ...]:
    """Lines passed upwards."""
    return tuple((t, Direction.UP) for t in thresholds)


def down(*thresholds: float) -> tuple[tuple[float, Direction], ...]:
    """Lines passed downwards."""
    return tuple((t, Direction.DOWN) for t in thresholds)


def recipient(
    kind: PlaceKind = PlaceKind.PRIVATE,
    *,
    id: int = 1,  # noqa: A002 - the field's own name
    thresholds: tuple[float, ...] = (),
) -> Recipient:
    """A recipient in the web chat."""
    return Recipient(
        id=id,
        address=Address(Platform.WEB, "alice"),
        kind=kind,
        thresholds=thresholds,
        created_at=NOON - DAY,
    )


def watch(
    *,
    id: int = 1,  # noqa: A002 - the field's own name
    asset_id: int = 1,
    category: str = "",
    top: int = 0,
    is_all: bool = False,
    is_exception: bool = False,
    created_at: datetime = NOON - DAY,
    text: str = "BTC",
    **conditions: object,
) -> Watch:
    """A watch on one asset, unless a category, a top or all is named."""
    if category:
        target = Target(scope=Scope.CATEGORY, category=category)
    elif top:
        target = Target(scope=Scope.TOP, top=top)
    elif is_all:
        target = Target(scope=Scope.ALL)
    else:
        target = Target(scope=Scope.ASSET, asset_id=asset_id)
    return Watch(
        id=id,
        recipient_id=1,
        target=target,
        conditions=Conditions(**conditions),
        text=text,
        is_exception=is_exception,
        created_at=created_at,
    )


def told(
    signal: Signal | None = BULLISH,
    *,
    since: datetime | None = None,
    lines: Mapping[float, Side] | None = None,
    asset_id: int = 1,
    watch_id: int | None = 1,
) -> Told:
    """What was last told of an asset."""
    return Told(
        asset_id=asset_id,
        signal=signal,
        since=since,
        lines=lines or {},
        watch_id=watch_id,
    )


def waiting(
    event: Event,
    asset: Asset,
    *,
    id: int = 1,  # noqa: A002 - the field's own name
    watch_: Watch | None = None,
    reason: str = "",
    held_for: str = "",
    is_unsure: bool = False,
) -> Waiting:
    """A delivery of an event that waits since it was detected."""
    return Waiting(
        delivery_id=id,
        event=event,
        asset=asset,
        watch=watch_ or watch(asset_id=asset.id, text=asset.symbol),
        created_at=event.detected_at,
        reason=reason or held_for,
        held_for=held_for,
        is_unsure=is_unsure,
        owed_since=event.detected_at,
    )


def mute(
    asset_id: int | None = None,
    *,
    until: datetime | None = None,
    created_at: datetime = NOON - HOUR,
) -> Mute:
    """A mute, until the next flip unless a time is given."""
    return Mute(asset_id=asset_id, until=until, created_at=created_at)


def news(event: Event, asset: Asset, **rest: object) -> News:
    """News of one flip, correction or crossing, by the asset's own watch."""
    is_line = event.kind is EventKind.CROSSING
    values: dict[str, object] = {
        "watch": watch(asset_id=asset.id, text=asset.symbol),
        "change": None if is_line else event,
        "crossing": event if is_line else None,
        "passed": event.passed,
        "flips": 0 if is_line else 1,
    }
    return News(asset=asset, **(values | rest))


class Polls:
    """Polls in a row: keeps what the store would keep between them.

    `poll` returns what one poll detected; `events` has all events so far.
    """

    def __init__(
        self,
        *lines: float,
        private: Sequence[PrivateLine] = (),
        is_replay: bool = False,
    ) -> None:
        self.lines = frozenset(lines)
        self.private = {_identity(p): p for p in private}
        self.is_replay = is_replay
        self.states: dict[str, AssetState] = {}
        self.events: list[Event] = []
        self.now = NOON
        self.tick = 0

    def poll(self, *readings: Reading, after: timedelta = INTERVAL) -> Detection:
        """Let time pass, detect, and remember."""
        self.now += after
        self.tick += 1
        found = detect.detect_events(
            self.states,
            snapshot(*readings, at=self.now),
            lines={r.key: self.lines for r in readings},
            private=tuple(self.private.values()),
            habit=habit(self.now, tick=self.tick, is_replay=self.is_replay),
        )
        for key in found.seen & self.states.keys():
            self.states[key] = replace(self.states[key], seen_at=self.now)
        self.states |= found.states
        for item in found.private_lines:
            self.private[_identity(item)] = item
        for item in found.dropped_lines:
            del self.private[_identity(item)]
        self.events += found.events
        return found

    def grades(self, *grades: float, start: datetime = NOON) -> list[Event]:
        """Poll one grade of BTC an hour; return the events."""
        events: list[Event] = []
        for grade in grades:
            known = self.states.get("btc")
            as_of = start if known is None else known.last.as_of + HOUR
            events += self.poll(reading(grade, as_of=as_of)).events
        return events


def _identity(line: PrivateLine) -> tuple[int, str, float]:
    return line.recipient_id, line.key, line.threshold
