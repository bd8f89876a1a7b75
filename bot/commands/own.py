"""/export, /import, /forgetme: own data taken along, brought, and erased."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot import own_data
from bot.commands.room import Room, obvious
from bot.commands.settings import private_only
from bot.commands.watching import (
    Adding,
    broad_problem,
    except_asset,
    put_asset_watch,
    put_broad_watch,
)
from bot.errors import UserError
from bot.grammar import Named
from bot.languages import LANGUAGES
from bot.message import Message
from bot.model import Asset, Mute, Recipient, Scope, Watch
from bot.own_data import Form, Kept, KeptMute, OwnData
from bot.ports import Call, PressReply
from bot.texts import people as texts

#: a question older than this is asked again before everything goes
ASKED_WITHIN = timedelta(hours=1)
_FORMS = {
    "": Form.JSON,
    "json": Form.JSON,
    "csv": Form.CSV,
    "txt": Form.LIST,
    "text": Form.LIST,
    "list": Form.LIST,
}


# -------------------------------------------------------------------------- export


async def export(room: Room, call: Call, arguments: str) -> Message:
    """Give everything that can be taken along, as a file."""
    private_only(call, "/export")
    form = _FORMS.get(arguments.strip().lower())
    if form is None:
        raise UserError(
            "There are json, csv and list",
            marked=f"/export ▸{arguments.strip()[:20]}◂",
            hint="/export alone gives JSON, which has the settings too.",
        )
    recipient = await room.recipient(call)
    data = await collect(room, recipient)
    watches = sum(not kept.is_exception for kept in data.watches)
    if not data.watches and data.preferences is None:
        return texts.nothing_to_export()
    return texts.exported(own_data.write(data, form), watches, form.value)


async def collect(room: Room, recipient: Recipient) -> OwnData:
    """Return all that a recipient may take along."""
    watches = await room.store.list_watches(recipient.id)
    mutes = await room.store.list_mutes(recipient.id, room.now())
    named = {w.target.asset_id for w in watches} | {m.asset_id for m in mutes}
    assets = await room.store.get_assets([i for i in named if i is not None])
    is_usual = not recipient.preferences.to_json()
    return OwnData(
        watches=tuple(_kept(w, assets.get(w.target.asset_id or 0)) for w in watches),
        thresholds=recipient.thresholds or None,
        preferences=None if is_usual else recipient.preferences,
        language=recipient.language,
        mutes=tuple(_kept_mute(m, assets.get(m.asset_id or 0)) for m in mutes),
    )


def _kept(watch: Watch, asset: Asset | None) -> Kept:
    text = own_data.text_without_lines(watch.text)
    if asset is not None:
        # the symbol of today: it may have changed since it was typed
        rest = text.partition(" ")[2]
        text = f"{Named(Scope.ASSET, asset.symbol)} {rest}".strip()
    return Kept(
        text=text,
        lines=None if watch.is_exception else watch.conditions.thresholds,
        key="" if asset is None else asset.key,
        source="" if asset is None else asset.source,
        is_exception=watch.is_exception,
    )


def _kept_mute(mute: Mute, asset: Asset | None) -> KeptMute:
    return KeptMute(
        symbol="" if asset is None else asset.symbol,
        key="" if asset is None else asset.key,
        until=mute.until,
    )


# -------------------------------------------------------------------------- import


async def import_(room: Room, call: Call, arguments: str) -> Message:
    """Take over what a file or a list names; what is there already stays."""
    private_only(call, "/import")
    text = arguments if call.attachment is None else call.attachment.text
    if not text.strip():
        return texts.ask_file()
    data = own_data.read(text)
    recipient = await room.recipient(call)
    return texts.imported(
        await _Import(room, call, recipient).take(data), room.watches_max
    )


class _Import:
    """One import: what it adds, and what it could not."""

    def __init__(self, room: Room, call: Call, recipient: Recipient) -> None:
        self._room = room
        self._call = call
        self._recipient = recipient
        self._done = texts.Imported()
        self._targets: set[object] = set()

    async def take(self, data: OwnData) -> texts.Imported:
        room, recipient = self._room, self._recipient
        self._done = texts.Imported(problems=data.problems)
        if data.thresholds is not None and not recipient.thresholds:
            await room.store.set_thresholds(
                recipient.id, data.thresholds, now=room.now()
            )
            self._recipient = replace(recipient, thresholds=data.thresholds)
        known = await room.store.list_watches(recipient.id)
        self._targets = {watch.target for watch in known}
        for kept in data.watches:
            await self._take_watch(kept)
        await self._take_settings(data)
        for mute in data.mutes:
            await self._take_mute(mute)
        room.wake()
        return self._done

    async def _take_watch(self, kept: Kept) -> None:
        parsed = own_data.conditions_of(kept)
        (named,) = parsed.named
        adding = Adding(self._recipient, replace(parsed, named=()), self._call.user)
        if named.scope is not Scope.ASSET:
            if await broad_problem(self._room, named):
                self._note(unknown=(*self._done.unknown, str(named)))
            elif self._has_room():
                watch, _ = await put_broad_watch(self._room, adding, named)
                self._count(watch)
            return
        asset = await self._find(kept.key, kept.source, named.word)
        if asset is None:
            return
        if kept.is_exception:
            await except_asset(self._room, self._recipient, asset)
        elif self._has_room():
            # the reply counts, it does not show how each stands: nothing is told by it
            added = await put_asset_watch(self._room, adding, asset, is_shown=False)
            self._count(added)

    def _has_room(self) -> bool:
        if len(self._targets) < self._room.watches_max:
            return True
        self._note(left_out=self._done.left_out + 1)
        return False

    def _count(self, watch: Watch) -> None:
        if watch.target in self._targets:
            self._note(replaced=self._done.replaced + 1)
        else:
            self._targets.add(watch.target)
            self._note(added=self._done.added + 1)

    def _note(self, **changes: object) -> None:
        self._done = replace(self._done, **changes)  # type: ignore[arg-type]  # the callers name fields

    async def _find(self, key: str, source: str, word: str) -> Asset | None:
        """Find the asset by the engine's id, or by its symbol if that is plain."""
        if key and source == self._room.source.name:
            for asset in await self._room.find_assets(key):
                if asset.key == key:
                    return asset
        found: Sequence[Asset] = await self._room.find_assets(word)
        chosen = obvious(found)
        if chosen is None and found:
            self._note(ambiguous=(*self._done.ambiguous, word))
        elif chosen is None:
            self._note(unknown=(*self._done.unknown, word))
        return chosen

    async def _take_settings(self, data: OwnData) -> None:
        room, recipient = self._room, self._recipient
        if data.preferences is not None:
            await room.store.set_preferences(
                recipient.id, data.preferences, now=room.now()
            )
            self._note(has_settings=True)
        if data.language in LANGUAGES:
            await room.store.set_language(recipient.id, data.language)

    async def _take_mute(self, kept: KeptMute) -> None:
        now = self._room.now()
        if kept.until is not None and kept.until <= now:
            return
        asset_id = None
        if kept.symbol or kept.key:
            found = await self._room.find_assets(kept.key or kept.symbol)
            asset = next((a for a in found if a.key == kept.key), obvious(found))
            if asset is None:
                return
            asset_id = asset.id
        mute = Mute(asset_id=asset_id, until=kept.until, created_at=now)
        await self._room.store.set_mute(self._recipient.id, mute)
        self._note(mutes=self._done.mutes + 1)


# -------------------------------------------------------------------------- erasing


async def forgetme(room: Room, call: Call, arguments: str) -> Message:
    """Ask before everything about somebody is erased."""
    del arguments
    private_only(call, "/forgetme")
    recipient = await room.recipient(call)
    watches = await room.store.list_watches(recipient.id)
    routes = await room.store.list_routes(recipient.id)
    chats = [texts.PLATFORMS[route.address.platform] for route in routes]
    return texts.ask_forget(len(watches), chats, int(room.now().timestamp()))


async def press_forget(room: Room, call: Call, argument: str) -> PressReply:
    """Erase everything, if the question is fresh; pressed again it is done already."""
    recipient = await room.store.find_recipient(call.place)
    if recipient is None:
        return PressReply(edited=texts.forgotten())
    asked = int(argument) if argument.isdecimal() and len(argument) <= 12 else 0  # noqa: PLR2004 - seconds since 1970 have ten digits
    if not 0 <= room.now().timestamp() - asked <= ASKED_WITHIN.total_seconds():
        return PressReply(
            toast="This question is old, so nothing was erased. Type /forgetme again.",
            buttons=(),
        )
    await room.store.forget(recipient.id, users={call.user, str(call.place)})
    return PressReply(edited=texts.forgotten())
