"""/why: what became of an event here, from what is stored."""

from collections.abc import Sequence

from bot import freezer, routing, why_replies
from bot.commands.room import Room
from bot.message import Message
from bot.model import Asset, DeliveryState, Recipient, Watch
from bot.ports import Call
from bot.routing import Interest, NoMatch
from bot.trail import Trail, TrailDelivery
from bot.why_replies import Now


async def why(room: Room, call: Call, arguments: str) -> Message:
    """Explain the last event of an asset, or bare the last alert in this chat."""
    word = arguments.strip()
    asset = await room.one_asset(word) if word else None
    return await explain(room, call, asset)


async def explain(room: Room, call: Call, asset: Asset | None) -> Message:
    """Explain the last event of this asset, or with None the last alert."""
    recipient = await room.store.find_recipient(call.place)
    if recipient is None:
        recipient = await room.recipient(call)
    trail = await room.store.find_trail(
        recipient.id, asset_id=None if asset is None else asset.id
    )
    if trail is None:
        return why_replies.nothing_yet(asset, call.kind)
    watches = await room.store.list_watches(recipient.id)
    if trail.delivery is None:
        watch, no_match = await _nearly(room, recipient, trail, watches)
        return why_replies.why(
            trail, watch=watch, no_match=no_match, then=None, kind=call.kind
        )
    found = [w for w in watches if w.id == trail.delivery.watch_id]
    then = None
    if trail.delivery.state is DeliveryState.PENDING:
        then = await _then(room, recipient, trail.delivery)
    return why_replies.why(
        trail,
        watch=found[0] if found else None,
        no_match=None,
        then=then,
        kind=call.kind,
    )


async def _nearly(
    room: Room, recipient: Recipient, trail: Trail, watches: Sequence[Watch]
) -> tuple[Watch | None, NoMatch | None]:
    """Ask routing why an event is none of this recipient's business.

    By the watches as they are now, but for those made after the event.
    """
    event = trail.event
    before = tuple(w for w in watches if w.created_at <= event.detected_at)
    interest = Interest(
        recipient=recipient,
        watches=before,
        told=await room.store.told(recipient.id),
    )
    routed = routing.route(
        event, trail.asset, interest, update_every=room.source.update_every
    )
    covering = [
        w for w in before if not w.is_exception and routing.covers(w, trail.asset)
    ]
    covering.sort(key=lambda w: routing.SPECIFICITY[w.target.scope])
    nearest = covering[0] if covering else None
    is_newer = any(routing.covers(w, trail.asset) for w in watches if w not in before)
    if isinstance(routed, Watch) or (nearest is None and is_newer):
        # what matches by now was changed since, or made later
        return None, None
    return nearest, routed


async def _then(
    room: Room, recipient: Recipient, delivery: TrailDelivery
) -> Now | None:
    """Ask what would be decided about a waiting delivery at this moment."""
    now = room.now()
    claim = await room.store.look_at(recipient.id, now=now)
    if claim is None:
        return None
    decision = freezer.decide(claim, now)
    if delivery.id in decision.holds:
        until, reason = decision.holds[delivery.id]
        return Now(until=until, reason=reason)
    if delivery.id in decision.skips:
        return Now(skip=decision.skips[delivery.id])
    if delivery.due_at > now:
        # Nothing holds it but the wait after a failed try.
        return Now(until=delivery.due_at, reason=delivery.reason)
    return Now(is_due=delivery.id in decision.send)
