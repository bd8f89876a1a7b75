"""/market and /record: what the whole market does, what past signals were worth."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot import checklist_words, market_words, past_signals, record_words
from bot.commands.room import Room
from bot.errors import UserError
from bot.market import week_before
from bot.market_words import MarketNow
from bot.message import Button, Message
from bot.model import MARKET_KEY, Asset, EventKind, Scope, Target, Turn
from bot.pictures import Look, PictureKind, PictureRef
from bot.ports import Call, PressReply
from bot.record_words import RecordOf

#: a point of the market is looked for so far back
_HISTORY = timedelta(days=11)
#: among so many of an asset's last events its last flip is looked for
_EVENTS = 50
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_FROM, _DAY_TO = timedelta(hours=48), timedelta(hours=20)


async def market(room: Room, call: Call, arguments: str) -> Message:
    """Tell how many assets stand bullish, and who moved; `light` chooses the look."""
    del call
    found = await market_now(room)
    if found is None:
        return market_words.no_market(room.source.title)
    message = market_words.market(found, now=room.now(), source_title=room.source.title)
    look = Look.LIGHT if arguments.strip().lower() == Look.LIGHT else Look.DARK
    ref = PictureRef(kind=PictureKind.MARKET, until=found.point.as_of, look=look)
    return message.evolve(picture=ref)


async def market_now(room: Room) -> MarketNow | None:
    """Gather the newest point of the market and what belongs to it."""
    store, name = room.store, room.source.name
    stances = await store.list_stances(name)
    if not stances:
        return None
    newest = max(s.as_of for s in stances)
    history = await store.market_history(name, after=newest - _HISTORY)
    if not history:
        return None
    point = history[-1]
    states = await store.load_states(name, [MARKET_KEY])
    past = await store.daily_readings(
        name,
        [s.key for s in stances],
        after=point.as_of - _DAY_FROM,
        before=point.as_of - _DAY_TO,
    )
    before = {key: readings[-1].grade for key, readings in past.items()}
    return MarketNow(
        point=point,
        week_ago=week_before(history, point.as_of),
        state=states.get(MARKET_KEY),
        stances=stances,
        grades_before={k: g for k, g in before.items() if g is not None},
    )


async def with_checks(room: Room, asset: Asset, message: Message) -> Message:
    """Add to what is said of an asset the checklist of its last flip, all of it."""
    events = await room.store.recent_events(
        room.source.name, asset_id=asset.id, limit=_EVENTS
    )
    flips = [e for e in events if e.kind is EventKind.FLIP and e.context is not None]
    if not flips or asset.state is None:
        return message
    event = flips[0]
    if event.to_signal is not asset.state.standing:
        # it was taken back: what was so around it explains nothing that stands
        return message
    button = Button("📒 Record", f"v1:rec:{asset.id}:sum")
    return message.evolve(
        body=(*message.body, *checklist_words.section(asset.symbol, event)),
        buttons=(*message.buttons, (button,)),
    )


async def record(room: Room, call: Call, arguments: str) -> Message:
    """Tell what past signals were worth: of an asset, a category, or the engine.

    A last word `light` or `dark` chooses the picture's look.
    """
    word, look = _parse(arguments)
    if not word or word.lower() in {"all", "engine"}:
        return await _whole(room, look)
    if word.startswith("#"):
        return await _of_category(room, word.removeprefix("#").lower(), look)
    asset = await room.one_asset(word)
    if asset.key == MARKET_KEY:
        # it has no price that could have followed
        return await market(room, call, look.value)
    return await _of_asset(room, asset, "sum", look)


def _parse(arguments: str) -> tuple[str, Look]:
    """Take the picture's look, if one is named, from what follows the command."""
    typed = arguments.split()
    if len(typed) > 1 and typed[-1].lower() in set(Look):
        return " ".join(typed[:-1]), Look(typed[-1].lower())
    return " ".join(typed), Look.DARK


async def press_record(room: Room, argument: str) -> PressReply | None:
    """Answer a button under a record; None for one that means nothing any more."""
    number, _, view = argument.partition(":")
    if number == "0":
        return PressReply(message=await _whole(room))
    asset = await room.asset_of(number)
    if asset is None:
        return None
    return PressReply(message=await _of_asset(room, asset, view))


async def _of_asset(
    room: Room, asset: Asset, view: str, look: Look = Look.DARK
) -> Message:
    store, name = room.store, room.source.name
    turns = (await store.list_turns(name, [asset.key])).get(asset.key, ())
    of = RecordOf(
        name=asset.symbol,
        now=room.now(),
        source_title=room.source.title,
        asset_id=asset.id,
    )
    if view not in _DETAILS:
        found = past_signals.record_of(turns)
        message = record_words.record(found, of)
        ref = _picture(turns, look, asset_id=asset.id)
        return message.evolve(picture=ref) if found.finished else message
    path = await store.readings_between(
        name,
        [asset.key],
        after=_LONG_AGO,
        until=turns[-1].as_of if turns else room.now(),
    )
    found = past_signals.record_of(turns, path.get(asset.key, ()))
    if not found.finished:
        return record_words.record(found, of)
    return _DETAILS[view](found.finished, of)


_DETAILS = {"all": record_words.every, "ext": record_words.extremes}


async def _whole(room: Room, look: Look = Look.DARK) -> Message:
    turns = await room.store.list_turns(room.source.name)
    return _of_many(room, "", turns, look)


async def _of_category(room: Room, category: str, look: Look) -> Message:
    target = Target(scope=Scope.CATEGORY, category=category)
    assets = await room.store.list_assets(room.source.name, target=target)
    if not assets:
        known = await room.store.categories(room.source.name)
        raise UserError(
            f"No asset has the category “{category[:30]}”",
            hint=f"Known are {', '.join(known[:8])}." if known else "",
        )
    keys = [asset.key for asset in assets]
    turns = await room.store.list_turns(room.source.name, keys)
    return _of_many(room, category, turns, look)


def _of_many(
    room: Room, category: str, turns: Mapping[str, Sequence[Turn]], look: Look
) -> Message:
    own = [past_signals.finished(each) for each in turns.values()]
    of = RecordOf(
        name=category or room.source.title,
        now=room.now(),
        source_title=room.source.title,
        assets=sum(bool(found) for found in own),
    )
    found = past_signals.together(own)
    message = record_words.record(found, of)
    if not found.finished:
        return message
    every = [turn for each in turns.values() for turn in each]
    return message.evolve(picture=_picture(every, look, category=category))


def _picture(
    turns: Sequence[Turn], look: Look, *, asset_id: int = 0, category: str = ""
) -> PictureRef | None:
    """Name a record's picture: it ends at the newest flip, and is kept until then."""
    newest = max((turn.as_of for turn in turns), default=None)
    if newest is None:
        return None
    return PictureRef(
        kind=PictureKind.RECORD,
        until=newest,
        asset_id=asset_id,
        look=look,
        category=category,
    )
