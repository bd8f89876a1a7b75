"""/broadcast: what a group, topic or channel gets. Only its admins change it."""

import asyncio
from dataclasses import replace

from bot import broadcasts, grammar, replies
from bot.commands import about, sites
from bot.commands.foresight import last_90_days
from bot.commands.room import Room
from bot.commands.sites import Site
from bot.commands.watching import (
    Adding,
    broad_problem,
    put_asset_watch,
    put_broad_watch,
    unwatch_all,
)
from bot.errors import DeliveryError, UserError
from bot.grammar import Named, Parsed
from bot.message import Line, Message, line
from bot.model import Asset, PlaceNote, Recipient, Scope, Target
from bot.ports import Call

_OFF = frozenset({"off", "stop", "none"})
_VERBS = frozenset({"show", "menu", "test", "add", "remove"}) | _OFF
#: more than this in one place is noise that nobody meant
SETTINGS_MAX = 20


async def broadcast(room: Room, call: Call, arguments: str) -> Message:
    """Show, set, test or stop what a place gets; bare, offer what it could get.

    What is set replaces what was set before; `add` and `remove` change one of several.
    From a private chat the first word names the place.
    """
    site, words = await sites.site_of(call, arguments.split())
    if site is None:
        return await _choose_place(room, call, words)
    return await carry_out(room, call, site, words)


async def _choose_place(room: Room, call: Call, words: list[str]) -> Message:
    """Answer in a private chat that named no place: one's own, or which one?"""
    if call.find_spot is not None and call.user and not words:
        own = []
        for recipient, note in await room.store.find_places(setter=call.user):
            gets = await sites.texts_of(room, recipient)
            own.append((sites.named_again(recipient, note), ", ".join(gets)))
        own = [(place, gets) for place, gets in own if gets]
        if own:
            return broadcasts.own_places(own)
    return broadcasts.needs_place(can_choose=call.find_spot is not None)


async def carry_out(room: Room, call: Call, site: Site, words: list[str]) -> Message:
    """Do what the words say about a place; its admins are asked for here."""
    verb = words[0].lower() if words else "menu"
    if verb == "show" and site.is_here:
        # everybody may look
        return await _show(room, site)
    await site.must_be_admin()
    reply = await _carry_out(room, call, site, verb, words)
    return reply if site.is_here else reply.evolve(is_private=True)


async def _carry_out(
    room: Room, call: Call, site: Site, verb: str, words: list[str]
) -> Message:
    if verb not in _VERBS:
        return await _set(room, call, site, words, is_added=False)
    match verb:
        case "menu":
            return await menu(room, site)
        case "show":
            return await _show(room, site)
        case "test":
            return await _test(room, call, site)
        case "add":
            return await _set(room, call, site, words[1:], is_added=True)
        case "remove":
            return await _remove(room, call, site, words[1:])
        case _:
            return await _stop(room, call, site)


async def menu(room: Room, site: Site) -> Message:
    """Offer what a place could get, with its size and its past."""
    recipient, note = await sites.known(room, site)
    if site.is_here and site.topic_title:
        # A topic's name comes with what is typed in it, not with what is pressed.
        if recipient is None:
            recipient = await room.store.ensure_recipient(
                site.place, site.kind, now=room.now()
            )
        note = replace(note, title=site.title, topic_title=site.topic_title)
        await room.store.note_place(recipient.id, note)
    shown = await sites.shown(room, site)
    return broadcasts.menu(
        sites.named(room, site, note),
        shown,
        await choices(room),
        taking_over="" if shown.settings else await _orphan(room, site),
    )


async def choices(room: Room) -> list[broadcasts.Choice]:
    """Return the choices that can match here, each with its size and its past."""
    wanted: list[tuple[str, Parsed, Target]] = []
    has_caps = await room.store.has_market_caps(room.source.name)
    for text in broadcasts.CHOICES:
        parsed = grammar.parse(text)
        (what,) = parsed.named
        # Without market caps there is no top100, and with them all is a lot.
        if what.scope is Scope.TOP and not has_caps:
            continue
        if has_caps and what.scope is Scope.ALL and parsed.condition_text:
            continue
        target = Target(scope=what.scope, category=what.word, top=what.top)
        wanted.append((text, parsed, target))
    # At once: whoever asks waits as long as for one of them.
    return list(await asyncio.gather(*(_choice(room, *each) for each in wanted)))


async def _choice(
    room: Room, text: str, parsed: Parsed, target: Target
) -> broadcasts.Choice:
    assets = await room.store.list_assets(room.source.name, target=target)
    past = await last_90_days(room, target, parsed.conditions)
    return broadcasts.Choice(text=text, assets=len(assets), past=past)


async def _orphan(room: Room, site: Site) -> str:
    """Return what a deleted topic of this group got, as `<recipient>:<what>`."""
    for recipient, _ in await room.store.find_places(chat=site.place):
        is_gone = recipient.parked_reason == "topic_gone"
        if is_gone and recipient.address != site.place:
            gets = ", ".join(await sites.texts_of(room, recipient))
            if gets:
                return f"{recipient.id}:{gets}"
    return ""


async def take_over(room: Room, call: Call, site: Site, number: int) -> Message:
    """Give a place what a deleted topic of the same group got.

    Raises:
        UserError: nothing is left there to take.
    """
    await site.must_be_admin()
    orphans = await room.store.find_places(recipient_ids=[number], chat=site.place)
    watches = await room.store.list_watches(number) if orphans else []
    if not watches:
        raise UserError("That was taken over already", hint="See /broadcast show.")
    recipient = await _begin(room, call, site)
    for each in watches:
        await room.store.put_watch(
            recipient.id,
            each.target,
            each.conditions,
            text=each.text,
            created_by=call.user,
            told=None,
            is_exception=each.is_exception,
            now=room.now(),
        )
        await room.store.remove_watch(number, each.target, now=room.now())
    return await _show(room, site)


async def _show(room: Room, site: Site) -> Message:
    _, note = await sites.known(room, site)
    return broadcasts.shown(
        sites.named(room, site, note), await sites.shown(room, site)
    )


async def _stop(room: Room, call: Call, site: Site) -> Message:
    recipient, note = await sites.known(room, site)
    count = 0
    if recipient is not None:
        count = await unwatch_all(room, recipient)
        await room.store.note_place(recipient.id, _signed(room, call, site))
    return broadcasts.was_stopped(sites.named(room, site, note), count)


async def _test(room: Room, call: Call, site: Site) -> Message:
    """Post a sample as it would look there: in this place, that is the reply."""
    if site.is_here:
        return await _sample(room, call, site)
    return await post_test(room, call, site)


async def post_test(room: Room, call: Call, site: Site) -> Message:
    """Post a sample in a place and say so."""
    place = sites.named(room, site)
    sample = await _sample(room, call, site)
    if site.post is None:
        return sample
    try:
        await site.post(sample)
    except DeliveryError as error:
        return broadcasts.test_failed(place, error.reason, room.now())
    return broadcasts.test_posted(place)


async def _sample(room: Room, call: Call, site: Site) -> Message:
    there = replace(call, place=site.place, kind=site.kind)
    return _as_test(await about.preview(room, there, ""))


def _as_test(sample: Message) -> Message:
    spans = line("TEST · ").spans + tuple(
        s for s in sample.title.spans if getattr(s, "text", "") != "SAMPLE · "
    )
    return sample.evolve(title=Line(spans), is_silent=True, is_private=False)


# ----------------------------------------------------------------------------- setting


async def _set(
    room: Room, call: Call, site: Site, words: list[str], *, is_added: bool
) -> Message:
    """Set what a place gets, or add to it.

    Raises:
        UserError: with the wrong word marked; nothing was changed.
    """
    parsed = grammar.parse(" ".join(words))
    if not parsed.named and is_added:
        raise UserError("Add what?", hint="For example /broadcast add #ai.")
    wanted = parsed.named or (await _everything_that_counts(room),)
    for item in wanted:
        problem = "" if item.scope is Scope.ASSET else await broad_problem(room, item)
        if problem:
            raise UserError(problem)
    # Assets first: an unknown one must leave the old broadcast as it is.
    assets = {n: await room.one_asset(n.word) for n in wanted if n.scope is Scope.ASSET}
    if not site.can_post:
        name = site.title or f"that {site.noun}"
        raise UserError(
            f"I may not write in {name}",
            hint="Make me an admin who may post there, then try again.",
        )
    recipient = await _begin(room, call, site)
    before = await room.store.list_watches(recipient.id)
    if is_added and len(before) + len(wanted) > SETTINGS_MAX:
        raise UserError(f"At most {SETTINGS_MAX} in one place", hint="Or take all.")
    adding = Adding(recipient, parsed, call.user)
    kept, size = await _put(room, adding, wanted, assets)
    if not is_added:
        for old in before:
            if old.target not in kept:
                await room.store.remove_watch(recipient.id, old.target, now=room.now())
    _, note = await sites.known(room, site)
    return broadcasts.was_set(
        sites.named(room, site, note),
        list(kept.values()),
        size,
        parsed.conditions,
        by=call.user_name or "an admin",
        # what is shown here counts as told there
        states=[replies.state_line(a, room.now()) for a in assets.values()],
    )


async def _put(
    room: Room,
    adding: Adding,
    wanted: tuple[Named, ...],
    assets: dict[Named, Asset],
) -> tuple[dict[Target, str], int]:
    """Put the watches; return their words by target, and how many assets that is."""
    kept: dict[Target, str] = {}
    size = 0
    for item in wanted:
        if item in assets:
            watch, count = await put_asset_watch(room, adding, assets[item]), 1
        else:
            watch, count = await put_broad_watch(room, adding, item)
        kept[watch.target] = watch.text
        size += count
    return kept, size


async def _everything_that_counts(room: Room) -> Named:
    if await room.store.has_market_caps(room.source.name):
        return Named(Scope.TOP, top=100)
    return Named(Scope.ALL)


async def _begin(room: Room, call: Call, site: Site) -> Recipient:
    """Return the place as a recipient; an admin who sets it up resumes it, too."""
    recipient = await room.store.ensure_recipient(
        site.place,
        site.kind,
        language=call.language if site.is_here else "",
        now=room.now(),
    )
    if recipient.parked_since is not None:
        await room.store.unpark(site.place, now=room.now())
        room.wake()
    await room.store.note_place(recipient.id, _signed(room, call, site))
    return recipient


def _signed(room: Room, call: Call, site: Site) -> PlaceNote:
    return PlaceNote(
        title=site.title,
        topic_title=site.topic_title,
        setter=call.user,
        setter_name=call.user_name,
        set_at=room.now(),
    )


async def _remove(room: Room, call: Call, site: Site, words: list[str]) -> Message:
    """Take one of several away; the others stay.

    Raises:
        UserError: nothing was named, or none of it is set here.
    """
    parsed = grammar.parse(" ".join(words))
    recipient, note = await sites.known(room, site)
    if not parsed.named or recipient is None:
        raise UserError("Remove what?", hint="See /broadcast show.")
    removed = 0
    for item in parsed.named:
        if item.scope is Scope.ASSET:
            asset = await room.one_asset(item.word)
            target = Target(scope=Scope.ASSET, asset_id=asset.id)
        else:
            target = Target(scope=item.scope, category=item.word, top=item.top)
        gone = await room.store.remove_watch(recipient.id, target, now=room.now())
        removed += gone is not None
    if not removed:
        raise UserError("Nothing of that is set here", hint="See /broadcast show.")
    await room.store.note_place(recipient.id, _signed(room, call, site))
    shown = await sites.shown(room, site)
    if not shown.settings:
        return broadcasts.was_stopped(sites.named(room, site, note), removed)
    return broadcasts.shown(sites.named(room, site, note), shown)
