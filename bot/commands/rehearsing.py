"""/simulate, and what /watch says of the past: watches tried on stored readings."""

from dataclasses import replace
from datetime import timedelta

from bot import grammar, phrases, rehearsal_words, replies
from bot.commands.room import Room
from bot.errors import UserError
from bot.grammar import Named
from bot.message import Message
from bot.model import Recipient, Scope, Target, Watch
from bot.ports import Call
from bot.rehearsal import Rehearsal

#: a reply waits no longer than that for a simulation
PATIENCE = timedelta(milliseconds=700)
_NAMED_MAX = 20


async def simulate(room: Room, call: Call, arguments: str) -> Message:
    """Say what a watch would have sent in the last 90 days."""
    parsed = grammar.parse(arguments)
    if not parsed.named:
        raise UserError("Simulate what?", hint="As in /watch: /simulate BTC grade>=80.")
    if len(parsed.named) > _NAMED_MAX:
        raise UserError(f"At most {_NAMED_MAX} at once", hint="Or /simulate top100.")
    recipient = await room.store.find_recipient(call.place)
    if recipient is None:
        recipient = Recipient(
            id=0, address=call.place, kind=call.kind, created_at=room.now()
        )
    watches = [
        Watch(
            id=number,
            recipient_id=recipient.id,
            target=await _target(room, named),
            conditions=parsed.conditions,
            text=grammar.print_watch(named, parsed.condition_text),
            created_at=room.now(),
        )
        for number, named in enumerate(parsed.named, 1)
    ]
    title = " ".join([*map(str, parsed.named), parsed.condition_text]).strip()
    if room.rehearsals is None:
        return rehearsal_words.too_little(title)
    found = await room.rehearsals.of(recipient, watches, patience=PATIENCE)
    if found is None:
        if room.rehearsals.is_at(recipient, watches):
            return rehearsal_words.still_at_it(title)
        return rehearsal_words.too_little(title)
    setting = phrases.Setting(
        now=room.now(), kind=call.kind, source_title=room.source.title
    )
    return rehearsal_words.simulated(title, found, setting)


async def _target(room: Room, named: Named) -> Target:
    if named.scope is Scope.ASSET:
        asset = await room.one_asset(named.word)
        return Target(scope=Scope.ASSET, asset_id=asset.id)
    return Target(scope=named.scope, category=named.word, top=named.top)


async def with_past(
    room: Room, recipient: Recipient, result: replies.Watched
) -> replies.Watched:
    """Add how often these watches would have led to a message."""
    watches = [*result.watches, *(watch for watch, _ in result.broad)]
    if room.rehearsals is None or not watches:
        return result
    found: Rehearsal | None = await room.rehearsals.of(
        recipient, watches, patience=PATIENCE
    )
    if found is None:
        return result
    worst = found.worst_day
    past = replies.Past(
        messages=len(found.sent),
        most=0 if worst is None else worst[1],
        days=found.days,
    )
    return replace(result, past=past)
