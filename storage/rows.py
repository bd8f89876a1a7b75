"""Rows into values of `bot.model`, and values into rows.

Reading takes plain rows (anything with the table's columns as attributes), because
the hot paths have no objects; writing gives plain dictionaries.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from bot.checks import Answer, Check, Context, Point, Tally, Trouble
from bot.errors import StoreError
from bot.model import (
    Address,
    Asset,
    AssetState,
    Conditions,
    Direction,
    Edit,
    Event,
    EventKind,
    FrozenMessage,
    JsonDict,
    LastFlip,
    Line,
    MarketPoint,
    Mute,
    Passed,
    PastReading,
    PlaceKind,
    Platform,
    PollSummary,
    Reading,
    Recipient,
    Scope,
    Share,
    Side,
    Signal,
    Target,
    Tell,
    Tick,
    Watch,
    as_utc,
)
from bot.preferences import Preferences
from bot.routing import SPECIFICITY


def to_signal(number: int | None) -> Signal | None:
    """Read a signal that may be unknown."""
    return None if number is None else _SIGNALS[number]


# Calling an enumeration is slow, and these are read for every delivery.
_SIGNALS = {int(signal): signal for signal in Signal}
_PLATFORMS = {platform.value: platform for platform in Platform}
_KINDS = {kind.value: kind for kind in PlaceKind}
_SCOPES = {scope.value: scope for scope in Scope}


# ---------------------------------------------------------------- documents


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else as_utc(moment).isoformat()


def reading_document(reading: Reading | None) -> JsonDict | None:
    """Write a reading as JSON."""
    if reading is None:
        return None
    return {
        "key": reading.key,
        "symbol": reading.symbol,
        "as_of": _iso(reading.as_of),
        "signal": None if reading.signal is None else int(reading.signal),
        "grade": reading.grade,
        "name": reading.name,
        "price": reading.price,
        "volume": reading.volume,
        "market_cap": reading.market_cap,
        "categories": list(reading.categories),
        "link": reading.link,
    }


def reading_from_document(document: Any) -> Reading | None:
    """Read what `reading_document` wrote."""
    if document is None:
        return None
    changes = {
        "as_of": datetime.fromisoformat(document["as_of"]),
        "signal": to_signal(document["signal"]),
        "categories": tuple(document["categories"]),
    }
    return Reading(**(document | changes))


def flip_document(flip: LastFlip | None) -> JsonDict | None:
    """Write a last flip as JSON."""
    if flip is None:
        return None
    return {
        "event_key": flip.event_key,
        "as_of": _iso(flip.as_of),
        "detected_at": _iso(flip.detected_at),
        "from_signal": int(flip.from_signal),
        "from_since": _iso(flip.from_since),
        "from_price": flip.from_price,
    }


def flip_from_document(document: Any) -> LastFlip | None:
    """Read what `flip_document` wrote."""
    if document is None:
        return None
    return LastFlip(
        event_key=document["event_key"],
        as_of=datetime.fromisoformat(document["as_of"]),
        detected_at=datetime.fromisoformat(document["detected_at"]),
        from_signal=Signal(document["from_signal"]),
        from_since=_moment(document["from_since"]),
        from_price=document["from_price"],
    )


def tell_document(tell: Tell) -> JsonDict:
    """Write a tell as JSON; lines are pairs because JSON's keys are strings."""
    return {
        "asset_id": tell.asset_id,
        "signal": None if tell.signal is None else int(tell.signal),
        "since": _iso(tell.since),
        "lines": [[threshold, side.value] for threshold, side in tell.lines.items()],
        "watch_id": tell.watch_id,
    }


def tell_from_document(document: Any) -> Tell:
    """Read what `tell_document` wrote."""
    return Tell(
        asset_id=document["asset_id"],
        signal=to_signal(document["signal"]),
        since=_moment(document["since"]),
        lines={float(t): Side(side) for t, side in document["lines"]},
        watch_id=document["watch_id"],
    )


def context_document(context: Context | None) -> JsonDict | None:
    """Write what was so around an event as JSON."""
    if context is None:
        return None
    tally = context.tally
    return {
        "checks": [
            [c.point.value, c.answer.value, c.code, [list(f) for f in c.figures]]
            for c in context.checks
        ],
        "tally": None if tally is None else [tally.followed, tally.finished],
        "market": context.market,
        "market_before": context.market_before,
        "trouble": _trouble_document(context.trouble),
    }


def _trouble_document(trouble: Trouble | None) -> JsonDict | None:
    if trouble is None:
        return None
    return {
        "code": trouble.code,
        "count": trouble.count,
        "last_good": _iso(trouble.last_good),
        "until": _iso(trouble.until),
    }


def _trouble_from_document(document: Any) -> Trouble | None:
    if document is None:
        return None
    return Trouble(
        code=document["code"],
        count=document["count"],
        last_good=_moment(document["last_good"]),
        until=_moment(document["until"]),
    )


def context_from_document(document: Any) -> Context | None:
    """Read what `context_document` wrote."""
    if document is None:
        return None
    return Context(
        checks=tuple(
            Check(
                point=Point(point),
                answer=Answer(answer),
                code=code,
                figures=tuple((name, value) for name, value in figures),
            )
            for point, answer, code, figures in document["checks"]
        ),
        tally=None if document["tally"] is None else Tally(*document["tally"]),
        market=document["market"],
        market_before=document["market_before"],
        trouble=_trouble_from_document(document["trouble"]),
    )


# ---------------------------------------------------------------- assets and events


def state_values(asset_id: int, state: AssetState) -> dict[str, Any]:
    """Write a state as a row of `asset_states`; its lines are rows of their own."""
    last = state.last
    return {
        "asset_id": asset_id,
        "as_of": last.as_of,
        "symbol": last.symbol,
        "name": last.name,
        "link": last.link,
        "signal": None if last.signal is None else int(last.signal),
        "grade": last.grade,
        "price": last.price,
        "volume": last.volume,
        "market_cap": last.market_cap,
        "categories": list(last.categories),
        "standing": int(state.standing),
        "standing_since": state.standing_since,
        "standing_price": state.standing_price,
        "seen_at": state.seen_at,
        "last_flip": flip_document(state.last_flip),
        "flips": [_iso(at) for at in state.flips],
        "pending_revision": reading_document(state.pending_revision),
    }


def to_state(row: Any, key: str, lines: Mapping[float, Line]) -> AssetState:
    """Read a row of `asset_states`."""
    return AssetState(
        last=Reading(
            key=key,
            symbol=row.symbol,
            as_of=row.as_of,
            signal=to_signal(row.signal),
            grade=row.grade,
            name=row.name,
            price=row.price,
            volume=row.volume,
            market_cap=row.market_cap,
            categories=tuple(row.categories),
            link=row.link,
        ),
        standing=Signal(row.standing),
        standing_since=row.standing_since,
        standing_price=row.standing_price,
        seen_at=row.seen_at,
        lines=lines,
        last_flip=flip_from_document(row.last_flip),
        flips=tuple(map(datetime.fromisoformat, row.flips)),
        pending_revision=reading_from_document(row.pending_revision),
    )


def to_line(row: Any) -> Line:
    """Read a row of `asset_lines` or `private_lines`."""
    return Line(Side(row.side), bool(row.is_locked))


def to_asset(row: Any, state: AssetState | None) -> Asset:
    """Read a row of `assets`."""
    return Asset(
        id=row.id,
        source=row.source,
        key=row.key,
        symbol=row.symbol,
        name=row.name,
        link=row.link,
        categories=tuple(row.categories),
        market_cap=row.market_cap,
        volume=row.volume,
        rank=row.rank,
        state=state,
    )


def event_values(event: Event, asset_id: int) -> dict[str, Any]:
    """Write an event as a row with an open fan-out cursor."""
    return {
        "key": event.key,
        "kind": event.kind.value,
        "source": event.source,
        "asset_id": asset_id,
        "as_of": event.as_of,
        "detected_at": event.detected_at,
        "from_signal": int(event.from_signal),
        "to_signal": int(event.to_signal),
        "grade_from": event.grade_from,
        "grade_to": event.grade_to,
        "passed": [[p.threshold, p.direction.value] for p in event.passed],
        "price": event.price,
        "price_day_ago": event.price_day_ago,
        "volume": event.volume,
        "market_cap": event.market_cap,
        "since": event.since,
        "since_price": event.since_price,
        "gap_since": event.gap_since,
        "off_since": event.off_since,
        "basis_seen_at": event.basis_seen_at,
        "is_revision": event.is_revision,
        "corrects": event.corrects,
        "only_for": event.only_for,
        "context": context_document(event.context),
        "cursor": 0,
        "fanned_out_at": None,
    }


def to_event(row: Any, asset_key: str) -> Event:
    """Read a row of `events`."""
    return Event(
        key=row.key,
        kind=EventKind(row.kind),
        source=row.source,
        asset_key=asset_key,
        as_of=row.as_of,
        detected_at=row.detected_at,
        from_signal=Signal(row.from_signal),
        to_signal=Signal(row.to_signal),
        grade_from=row.grade_from,
        grade_to=row.grade_to,
        passed=tuple(Passed(float(t), Direction(d)) for t, d in row.passed),
        price=row.price,
        price_day_ago=row.price_day_ago,
        volume=row.volume,
        market_cap=row.market_cap,
        since=row.since,
        since_price=row.since_price,
        gap_since=row.gap_since,
        off_since=row.off_since,
        basis_seen_at=row.basis_seen_at,
        is_revision=bool(row.is_revision),
        corrects=row.corrects,
        only_for=row.only_for,
        context=context_from_document(row.context),
        id=row.id,
        asset_id=row.asset_id,
    )


def market_values(source: str, point: MarketPoint) -> dict[str, Any]:
    """Write a point of the bull-bear indicator as a row."""
    return {
        "source": source,
        "as_of": point.as_of,
        "bullish": point.share.bullish,
        "total": point.share.total,
        "sectors": {
            name: [share.bullish, share.total] for name, share in point.sectors.items()
        },
        "signal": None if point.signal is None else int(point.signal),
    }


def to_market(row: Any) -> MarketPoint:
    """Read a row of `market_points`."""
    return MarketPoint(
        as_of=row.as_of,
        share=Share(bullish=row.bullish, total=row.total),
        sectors={
            name: Share(bullish=bullish, total=total)
            for name, (bullish, total) in row.sectors.items()
        },
        signal=to_signal(row.signal),
    )


def to_past(row: Any, key: str) -> PastReading:
    """Read a row of `readings`."""
    return PastReading(
        key=key,
        as_of=row.as_of,
        recorded_at=row.recorded_at,
        standing=_SIGNALS[row.standing],
        signal=to_signal(row.signal),
        grade=row.grade,
        price=row.price,
        volume=row.volume,
        market_cap=row.market_cap,
        categories=tuple(row.categories),
        is_revision=row.revision > 0,
    )


def poll_values(tick: Tick, worker: str) -> dict[str, Any]:
    """Write an unfinished poll as a row."""
    return {
        "source": tick.source,
        "number": tick.number,
        "worker": worker,
        "started_at": tick.started_at,
        "finished_at": None,
        "is_ok": False,
        "reason": "",
        "as_of": None,
        "readings": 0,
        "events": 0,
        "bookmark": None,
    }


def to_poll(row: Any) -> PollSummary:
    """Read a row of `polls`."""
    return PollSummary(
        number=row.number,
        started_at=row.started_at,
        finished_at=row.finished_at,
        is_ok=bool(row.is_ok),
        reason=row.reason,
        as_of=row.as_of,
        readings=row.readings,
        events=row.events,
    )


# ---------------------------------------------------------------- people and places


def to_recipient(row: Any) -> Recipient:
    """Read a row of `recipients`."""
    return Recipient(
        id=row.id,
        address=Address(_PLATFORMS[row.platform], row.chat, row.topic),
        kind=_KINDS[row.kind],
        thresholds=tuple(map(float, row.thresholds)),
        language=row.language,
        parked_since=row.parked_since,
        parked_reason=row.parked_reason,
        preferences=to_preferences(row.settings),
        created_at=row.created_at,
    )


#: where preferences stand in a recipient's settings
PREFERENCES = "preferences"
_USUAL = Preferences()


def to_preferences(settings: Any) -> Preferences:
    """Read the preferences in a recipient's settings; most chose nothing."""
    document = settings.get(PREFERENCES)
    return Preferences.from_json(document) if document else _USUAL


def to_mute(row: Any) -> Mute:
    """Read a row of `mutes`."""
    return Mute(asset_id=row.asset_id, until=row.until, created_at=row.created_at)


def target_key(target: Target) -> str:
    """Spell a target so that equal targets are equal strings.

    Raises `StoreError` for an asset target without an asset.
    """
    match target.scope:
        case Scope.ASSET:
            if target.asset_id is None:
                raise StoreError("a watch on an asset names no asset")
            return f"asset:{target.asset_id}"
        case Scope.CATEGORY:
            return f"category:{target.category}"
        case Scope.TOP:
            return f"top:{target.top}"
        case Scope.ALL:
            return "all"


def watch_values(target: Target, conditions: Conditions) -> dict[str, Any]:
    """Write what a watch is on and what it asks as columns."""
    is_asset = target.scope is Scope.ASSET
    direction, thresholds = conditions.direction, conditions.thresholds
    return {
        "target_key": target_key(target),
        "scope": target.scope.value,
        "asset_id": target.asset_id if is_asset else None,
        "category": target.category if target.scope is Scope.CATEGORY else "",
        "top": target.top if target.scope is Scope.TOP else 0,
        "direction": None if direction is None else int(direction),
        "min_grade": conditions.min_grade,
        "max_grade": conditions.max_grade,
        "min_market_cap": conditions.min_market_cap,
        "max_market_cap": conditions.max_market_cap,
        "min_volume": conditions.min_volume,
        "max_volume": conditions.max_volume,
        "thresholds": None if thresholds is None else list(thresholds),
        "is_urgent": conditions.is_urgent,
    }


# Most watches are alike in what they are on or ask for: these are built once.
@lru_cache(maxsize=4096)
def _target(scope: str, asset_id: int | None, category: str, top: int) -> Target:
    return Target(scope=_SCOPES[scope], asset_id=asset_id, category=category, top=top)


_Bounds = tuple[float | None, float | None]


@lru_cache(maxsize=4096)
def _conditions(
    direction: int | None,
    bounds: tuple[_Bounds, _Bounds, _Bounds],
    thresholds: tuple[float, ...] | None,
    is_urgent: bool,
) -> Conditions:
    grade, market_cap, volume = bounds
    return Conditions(
        direction=to_signal(direction),
        min_grade=grade[0],
        max_grade=grade[1],
        min_market_cap=market_cap[0],
        max_market_cap=market_cap[1],
        min_volume=volume[0],
        max_volume=volume[1],
        thresholds=thresholds,
        is_urgent=is_urgent,
    )


def to_watch(row: Any) -> Watch:
    """Read a row of `watches`."""
    own = row.thresholds
    return Watch(
        id=row.id,
        recipient_id=row.recipient_id,
        target=_target(row.scope, row.asset_id, row.category, row.top),
        conditions=_conditions(
            row.direction,
            (
                (row.min_grade, row.max_grade),
                (row.min_market_cap, row.max_market_cap),
                (row.min_volume, row.max_volume),
            ),
            None if own is None else tuple(map(float, own)),
            bool(row.is_urgent),
        ),
        text=row.text,
        is_exception=bool(row.is_exception),
        created_at=row.created_at,
        created_by=row.created_by,
    )


def to_frozen(row: Any) -> FrozenMessage:
    """Read a row of `messages`."""
    return FrozenMessage(
        id=row.id,
        parts=tuple(row.parts),
        sent_parts=row.sent_parts,
        delivery_ids=tuple(row.delivery_ids),
        tells=tuple(tell_from_document(tell) for tell in row.tells),
        frozen_at=row.frozen_at,
        is_plain=bool(row.is_plain),
        send_by=row.send_by,
        edit=None if row.edit is None else Edit(**row.edit),
    )


def covering(
    asset_id: int, categories: Iterable[str], rank: int | None, watches: Sequence[Watch]
) -> list[Watch]:
    """Return the watches that cover the asset, the one that decides first.

    None do if an exception takes the asset out. The order is `routing`'s: asset,
    category, top-n, all; then the newest.
    """
    own = frozenset(categories)

    def covers(target: Target) -> bool:
        match target.scope:
            case Scope.ASSET:
                return target.asset_id == asset_id
            case Scope.CATEGORY:
                return target.category in own
            case Scope.TOP:
                return rank is not None and rank <= target.top
            case Scope.ALL:
                return True

    found = [watch for watch in watches if covers(watch.target)]
    if any(watch.is_exception for watch in found):
        return []
    return sorted(
        found,
        key=lambda w: (SPECIFICITY[w.target.scope], -w.created_at.timestamp(), -w.id),
    )
