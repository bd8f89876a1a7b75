"""What is answered to /why: an event's way to one recipient, step by step. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot import reasons, words
from bot.message import Block, Line, Message, Moment, TimeStyle, bold, code, line
from bot.model import (
    SOURCE_KEY,
    Asset,
    DeliveryState,
    Direction,
    Event,
    EventKind,
    PlaceKind,
    Signal,
    Watch,
)
from bot.noise import OPEN_HOLD
from bot.routing import NoMatch
from bot.trail import Trail, TrailDelivery

#: what goes out within this was not late
_AT_ONCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What would be done with a delivery that still waits, asked this very moment.

    `until` and `reason` are set where it is held; `is_due` where it goes out next;
    `skip` is why it will never go out.
    """

    until: datetime | None = None
    reason: str = ""
    is_due: bool = False
    skip: str = ""


def why(
    trail: Trail,
    *,
    watch: Watch | None,
    no_match: NoMatch | None,
    then: Now | None,
    kind: PlaceKind,
) -> Message:
    """Tell what became of one event.

    Args:
        trail: the event, and its delivery if it had one.
        watch: the watch that matched, if it is still there; or, where there was no
            delivery, the one that nearly did.
        no_match: why no watch matches, where there was no delivery.
        then: what is decided now about a delivery that waits.
        kind: whose watches they are.
    """
    event, delivery = trail.event, trail.delivery
    body = [_seen(event)]
    if delivery is None:
        body += _unmatched(no_match, watch, kind)
        return _message(trail, ": not for this chat", body)
    subject = "your watch" if kind is PlaceKind.PRIVATE else "what this place gets"
    named = line(" ", bold(words.unhashed(watch.text))).spans if watch else ()
    body.append(
        line(
            Moment(delivery.created_at, TimeStyle.SECONDS),
            f" matched {subject}" + ("" if watch else ", gone since"),
            *named,
        )
    )
    ending, steps = _outcome(event, delivery, then)
    return _message(trail, ending, [*body, *steps])


def nothing_yet(asset: Asset | None, kind: PlaceKind) -> Message:
    """Answer where nothing has happened of which anything could be told."""
    if asset is None:
        who = "you" if kind is PlaceKind.PRIVATE else "this place"
        return Message(
            title=line("🔍 ", bold(f"I have sent {who} no alert yet")),
            body=(line("For one asset type ", code("/why BTC")),),
            is_private=True,
        )
    state = asset.state
    body: list[Block] = []
    if state is not None and state.standing is not Signal.NEUTRAL:
        body.append(line(f"It has been {state.standing.word} all the time I watch it."))
    return Message(
        title=line("🔍 ", bold(f"{asset.symbol} has not flipped since I watch")),
        body=tuple(body),
        is_private=True,
    )


def _message(trail: Trail, ending: str, body: Sequence[Block]) -> Message:
    event = trail.event
    style = TimeStyle.BOTH
    name = "Engine" if trail.asset.key == SOURCE_KEY else trail.asset.symbol
    return Message(
        title=line(
            "🔍 ",
            bold(f"{name} {_what(event)}, "),
            Moment(event.as_of, style),
            ending,
        ),
        body=tuple(body),
        is_private=True,
    )


def _what(event: Event) -> str:
    match event.kind:
        case EventKind.FLIP:
            return event.to_signal.word
        case EventKind.CORRECTION:
            return f"still {event.to_signal.word}"
        case EventKind.CROSSING:
            arrows = {Direction.UP: "above", Direction.DOWN: "below"}
            return " · ".join(
                f"{arrows[p.direction]} {words.threshold(p.threshold)}"
                for p in event.passed
            )
        case EventKind.SOURCE:
            return "in trouble, or out of it"
        case EventKind.SILENT:
            return "no longer graded"
        case EventKind.ENGINE:
            return "changed for another"


def _seen(event: Event) -> Line:
    gap = ""
    if event.gap_since is not None:
        gap = ", after a time without data"
    return line(
        Moment(event.detected_at, TimeStyle.SECONDS),
        " seen, engine time ",
        Moment(event.as_of, TimeStyle.BOTH),
        gap,
    )


def _outcome(
    event: Event, delivery: TrailDelivery, then: Now | None
) -> tuple[str, list[Line]]:
    match delivery.state:
        case DeliveryState.SENT:
            return _sent(event, delivery)
        case DeliveryState.SKIPPED:
            text = f"not sent: {reasons.skipped(delivery.reason)}"
            return ": not sent", [line(text)]
        case DeliveryState.DEAD:
            tries = words.count(delivery.attempts, "try", "tries")
            text = f"given up after {tries}: {reasons.held(delivery.reason)}"
            return ": could not be sent", [line(text)]
        case DeliveryState.PARKED:
            text = f"kept for you: {reasons.gone(delivery.reason)}"
            return ": waits for you", [line(text), line("/start brings it.")]
        case DeliveryState.CLAIMED:
            return ": on its way", [line("on its way at this moment")]
        case DeliveryState.PENDING:
            return _waits(delivery, then)


def _sent(event: Event, delivery: TrailDelivery) -> tuple[str, list[Line]]:
    steps: list[Line] = []
    if delivery.held_for:
        steps.append(line(f"waited: {reasons.held(delivery.held_for)}"))
    if delivery.attempts:
        steps.append(line(f"{words.count(delivery.attempts, 'try', 'tries')} failed"))
    sent_at = delivery.sent_at or delivery.created_at
    took = sent_at - event.detected_at
    late = " after it was seen" if took <= _AT_ONCE else " later"
    tail = ""
    if delivery.together > 1:
        tail = f", in one message with {delivery.together - 1} more"
    steps.append(
        line(
            Moment(sent_at, TimeStyle.SECONDS),
            " ",
            bold("sent"),
            f", {reasons.lateness(took)}{late}{tail}",
        )
    )
    return (": not sent alone" if delivery.together > 1 else ""), steps


def _waits(delivery: TrailDelivery, then: Now | None) -> tuple[str, list[Line]]:
    if then is not None and then.skip:
        text = f"will not be sent: {reasons.skipped(then.skip)}"
        return ": will not be sent", [line(text)]
    if then is not None and then.is_due:
        why_so_far = delivery.reason
        steps = []
        if why_so_far not in {"", "new"}:
            steps.append(line(f"waited: {reasons.held(why_so_far)}"))
        return ": goes out next", [*steps, line("goes out with the next message")]
    until = then.until if then is not None else delivery.due_at
    reason = then.reason if then is not None else delivery.reason
    if until is None or until - delivery.created_at >= OPEN_HOLD:
        return ": held", [line(f"held: {reasons.held(reason)}")]
    held = line(f"held: {reasons.held(reason)}, until ", Moment(until, TimeStyle.BOTH))
    return ": held", [held]


_NO_MATCH = {
    NoMatch.NOT_WATCHED: "no watch here covers it",
    NoMatch.EXCEPTED: "it was taken out with /unwatch",
    NoMatch.OTHER_RECIPIENT: "it was a line of somebody else's",
    NoMatch.OTHER_DIRECTION: "only the other direction is asked for",
    NoMatch.CONDITION: "it does not meet the conditions",
    NoMatch.NO_LINE: "none of the lines here was passed",
    NoMatch.STALE_BASIS: "the reading before it was too old to call it news",
}


def _unmatched(
    no_match: NoMatch | None, watch: Watch | None, kind: PlaceKind
) -> list[Line]:
    if no_match is None:
        text = "The watch that covers it was made after that."
        return [line(text)]
    found = [line(f"not matched: {_NO_MATCH[no_match]}")]
    if watch is not None:
        owner = "Your watch: " if kind is PlaceKind.PRIVATE else "This place gets: "
        found.append(line(owner, code(watch.text)))
    return found
