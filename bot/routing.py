"""Who hears of an event: pure matching, nothing about noise.

The store fans out with SQL for speed; a test holds that SQL against `route` on random
watches. Mute, quiet hours and the like are decided later, by `noise.decide`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bot.model import (
    Asset,
    Event,
    EventKind,
    PlaceKind,
    Recipient,
    Scope,
    Signal,
    Told,
    Watch,
    is_own,
)

#: most specific first: of several matching watches the first of these decides
SPECIFICITY: Mapping[Scope, int] = {
    Scope.ASSET: 0,
    Scope.CATEGORY: 1,
    Scope.TOP: 2,
    Scope.ALL: 3,
}

#: a reading older than so many expected updates is no basis for a later watch's event
STALE_UPDATES = 2


class NoMatch(StrEnum):
    """Why an event is none of a recipient's business."""

    NOT_WATCHED = "not_watched"
    EXCEPTED = "excepted"
    OTHER_RECIPIENT = "other_recipient"
    OTHER_DIRECTION = "other_direction"
    CONDITION = "condition"
    NO_LINE = "no_line"
    STALE_BASIS = "stale_basis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """All that routing needs to know of one recipient.

    `lines` are the effective lines per watch id (its own, or the recipient's default).
    """

    recipient: Recipient
    watches: tuple[Watch, ...]
    told: Mapping[int, Told] = field(default_factory=dict)

    def lines(self, watch: Watch) -> frozenset[float]:
        """Return the lines that count for this watch."""
        own = watch.conditions.thresholds
        return frozenset(self.recipient.thresholds if own is None else own)


def route(
    event: Event, asset: Asset, interest: Interest, *, update_every: timedelta
) -> Watch | NoMatch:
    """Return the watch that decides, or why no watch matches.

    Of several that match the most specific decides (asset, category, top-n, all; then
    the newest). `update_every` is the source's expected time between updates.
    """
    if event.only_for not in {None, interest.recipient.id}:
        return NoMatch.OTHER_RECIPIENT
    followers = [w for w in interest.watches if not w.is_exception]
    if event.kind in {EventKind.SOURCE, EventKind.ENGINE}:
        # What the engine cannot say concerns whoever watches anything of it.
        return min(followers, key=_precedence, default=NoMatch.NOT_WATCHED)
    covering = [w for w in interest.watches if covers(w, asset)]
    if any(w.is_exception for w in covering):
        return NoMatch.EXCEPTED
    refusals: list[NoMatch] = []
    matching: list[Watch] = []
    for watch in followers:
        refusal = _refusal(event, asset, watch, interest, update_every)
        if refusal is None:
            matching.append(watch)
        elif watch in covering:
            refusals.append(refusal)
    if not matching:
        return refusals[0] if refusals else NoMatch.NOT_WATCHED
    return min(matching, key=_precedence)


def _precedence(watch: Watch) -> tuple[int, float, int]:
    return (
        SPECIFICITY[watch.target.scope],
        -watch.created_at.timestamp(),
        -watch.id,
    )


def covers(watch: Watch, asset: Asset) -> bool:
    """Whether a watch names this asset, whatever its conditions."""
    match watch.target.scope:
        case Scope.ASSET:
            return watch.target.asset_id == asset.id
        case Scope.CATEGORY:
            return watch.target.category in asset.categories
        case Scope.TOP:
            return asset.rank is not None and asset.rank <= watch.target.top
        case Scope.ALL:
            return not is_own(asset.key)


def _refusal(
    event: Event,
    asset: Asset,
    watch: Watch,
    interest: Interest,
    update_every: timedelta,
) -> NoMatch | None:
    """Say why this watch does not match, or None if it does."""
    if event.kind is EventKind.CROSSING:
        passed = {p.threshold for p in event.passed}
        if not passed & interest.lines(watch):
            return NoMatch.NO_LINE
    if _is_stale(event, watch, update_every):
        return NoMatch.STALE_BASIS
    if _must_hear_the_end(event, watch, interest):
        return None
    if not covers(watch, asset):
        return NoMatch.NOT_WATCHED
    return _unwanted(event, watch)


def _unwanted(event: Event, watch: Watch) -> NoMatch | None:
    """Say why an event of a covered asset is not wanted, or None if it is."""
    if event.kind is EventKind.SILENT:
        # Of an asset that somebody watches by name; in a top-n it is just not there.
        is_named = watch.target.scope is Scope.ASSET
        return None if is_named else NoMatch.NOT_WATCHED
    if event.kind is EventKind.CORRECTION:
        # Who was told the withdrawn flip is decided by what was told, at claim time.
        return None
    if event.kind is EventKind.FLIP:
        wanted = watch.conditions.direction
        if wanted is not None and wanted is not event.to_signal:
            return NoMatch.OTHER_DIRECTION
    if not _conditions_hold(event, watch):
        return NoMatch.CONDITION
    return None


def _must_hear_the_end(event: Event, watch: Watch, interest: Interest) -> bool:
    """Whoever was told bullish hears of bearish, whatever grade or size say by then.

    Only the word `bullish` in a private watch stops that.
    """
    told = interest.told.get(event.asset_id)
    if (
        event.kind in {EventKind.CROSSING, EventKind.SILENT}
        or event.to_signal is not Signal.BEARISH
        or told is None
        or told.signal is not Signal.BULLISH
        or told.watch_id != watch.id
    ):
        return False
    is_private = interest.recipient.kind is PlaceKind.PRIVATE
    return not (is_private and watch.conditions.direction is Signal.BULLISH)


def _is_stale(event: Event, watch: Watch, update_every: timedelta) -> bool:
    """A watch made after the compared reading had grown old hears nothing of it."""
    return (
        event.basis_seen_at is not None
        and watch.created_at > event.basis_seen_at + STALE_UPDATES * update_every
    )


def _conditions_hold(event: Event, watch: Watch) -> bool:
    """A condition on something the engine does not give never matches.

    For a crossing the grade bounds are the lines' own business and do not apply.
    """
    wanted = watch.conditions
    bounds: Iterable[tuple[float | None, float | None, float | None]] = (
        (wanted.min_market_cap, wanted.max_market_cap, event.market_cap),
        (wanted.min_volume, wanted.max_volume, event.volume),
    )
    if event.kind is EventKind.FLIP:
        grade = (wanted.min_grade, wanted.max_grade, event.grade_to)
        bounds = (*bounds, grade)
    for low, high, value in bounds:
        if low is None and high is None:
            continue
        if value is None:
            return False
        if (low is not None and value < low) or (high is not None and value >= high):
            return False
    return True
