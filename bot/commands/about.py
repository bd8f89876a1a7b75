"""/help, /signal, /preview, /status: the bot and the assets themselves."""

from datetime import timedelta

from bot import grade_words, messages, notices, phrases, replies
from bot.commands import insight
from bot.commands.room import Room
from bot.message import Message
from bot.model import (
    MARKET_KEY,
    Asset,
    Event,
    EventKind,
    PlaceKind,
    Scope,
    Signal,
    Target,
    Watch,
)
from bot.ports import Call


async def help_(room: Room, call: Call, arguments: str) -> Message:
    """Say what can be typed."""
    del room, call, arguments
    return notices.help_text()


async def signal(room: Room, call: Call, arguments: str) -> Message:
    """Show one asset as it stands."""
    asset = await room.one_asset(arguments.strip() or "BTC")
    return await show_signal(room, call, asset)


async def show_signal(room: Room, call: Call, asset: Asset) -> Message:
    """Show one asset; the button to watch it only where it is not watched yet.

    The market is shown as /market does.
    """
    if asset.key == MARKET_KEY:
        return await insight.market(room, call, "")
    recipient = await room.store.find_recipient(call.place)
    watches = [] if recipient is None else await room.store.list_watches(recipient.id)
    is_watched = any(
        w.target.asset_id == asset.id and not w.is_exception for w in watches
    )
    message = replies.signal(
        asset,
        is_watched=is_watched or call.kind is not PlaceKind.PRIVATE,
        now=room.now(),
        source_title=room.source.title,
    )
    message = _with_reasons(room, asset, message)
    return await insight.with_checks(room, asset, message)


def _with_reasons(room: Room, asset: Asset, message: Message) -> Message:
    """Add what the grade is made of, where the engine says so."""
    explanation = room.explanation(asset)
    if explanation is None:
        return message
    rows = message.buttons
    if explanation.components:
        rows = (*rows, (grade_words.why_button(asset),))
    body = (*message.body, *grade_words.why(explanation))
    return message.evolve(body=body, buttons=rows)


async def why_grade(room: Room, call: Call, asset: Asset) -> Message:
    """Show all that an asset's grade is made of."""
    del call
    return grade_words.all_components(asset, room.explanation(asset))


async def preview(room: Room, call: Call, arguments: str) -> Message:
    """Show a sample alert here and now, as it would look."""
    asset = await _sample_asset(room, call, arguments.strip())
    if asset is None or asset.state is None:
        return notices.no_sample(room.source.title)
    setting = phrases.Setting(
        now=room.now(), kind=call.kind, source_title=room.source.title
    )
    return messages.sample(
        asset, _sample_event(room, asset), _watch_on(asset, room), setting
    )


async def _sample_asset(room: Room, call: Call, word: str) -> Asset | None:
    """Take the asset asked for, one that is watched here, or the largest."""
    if word:
        return await room.one_asset(word)
    recipient = await room.store.find_recipient(call.place)
    if recipient is not None:
        watches = await room.store.list_watches(recipient.id)
        ids = [w.target.asset_id for w in watches if w.target.asset_id is not None]
        for asset in (await room.store.get_assets(ids)).values():
            if asset.state is not None:
                return asset
    largest = await room.store.list_assets(room.source.name, limit=1)
    return largest[0] if largest else None


def _sample_event(room: Room, asset: Asset) -> Event:
    """Make up a flip from what stands: as if it had just turned to it."""
    state = asset.state
    if state is None:
        msg = "a sample needs a reading"
        raise ValueError(msg)
    to_signal = Signal.BEARISH if state.standing is Signal.NEUTRAL else state.standing
    from_signal = Signal(-to_signal)
    grade = state.last.grade
    before = None if grade is None else max(0.0, min(100.0, 100.0 - grade))
    return Event(
        key="sample",
        kind=EventKind.FLIP,
        source=asset.source,
        asset_key=asset.key,
        as_of=state.last.as_of,
        detected_at=room.now(),
        from_signal=from_signal,
        to_signal=to_signal,
        grade_from=before,
        grade_to=grade,
        price=state.last.price,
        since=state.last.as_of - timedelta(days=24),
        since_price=None if state.last.price is None else state.last.price * 0.9,
        asset_id=asset.id,
    )


def _watch_on(asset: Asset, room: Room) -> Watch:
    return Watch(
        id=0,
        recipient_id=0,
        target=Target(scope=Scope.ASSET, asset_id=asset.id),
        text=asset.symbol,
        created_at=room.now(),
    )


async def status(room: Room, call: Call, arguments: str) -> Message:
    """Tell how the bot is doing."""
    del call, arguments
    name = room.source.name
    polls = await room.store.last_polls(name, 1)
    counts = await room.store.counts(room.now())
    health = notices.Health(
        source_title=room.source.title,
        last=polls[0] if polls else None,
        last_good=await room.store.last_good_poll(name),
        troubles=room.troubles(),
        deliveries=counts.deliveries,
        watches=counts.watches,
        assets=counts.assets,
    )
    return notices.status(health, room.now())
