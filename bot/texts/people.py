"""What is answered about one's chats and one's own data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot import words
from bot.language import joined, say, word
from bot.message import Attachment, Block, Button, Message, Tone
from bot.model import Address, Platform, Recipient, Route

PLATFORMS = {
    Platform.TELEGRAM: word("Telegram"),
    Platform.DISCORD: word("Discord"),
    Platform.WEB: word("the web chat"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chats:
    """The chats of one person, seen from one of them."""

    here: Address
    routes: tuple[Route, ...]

    def name(self, route: Route) -> str:
        """Return what a chat is called in a sentence."""
        name = PLATFORMS[route.address.platform]
        if route.address == self.here:
            return word("here")
        alike = [r for r in self.routes if r.address.platform is route.address.platform]
        if len(alike) == 1:
            return name
        return word("{name} {n}", name=name, n=alike.index(route) + 1)

    @property
    def used(self) -> Route:
        """The chat in use."""
        return next(r for r in self.routes if r.is_in_use)


# -------------------------------------------------------------------------- linking


def code(shown: str, lasts: timedelta) -> Message:
    """Answer /link with a new code."""
    return Message(
        title=say("🔗 **Your code: {code}**", code=shown),
        body=(
            say("Type it in your other private chat with me:"),
            say("`/link {code}`", code=shown),
            say(
                "It works once, for {n} minutes. Then both chats share one watchlist,"
                " and alerts still come here.",
                n=int(lasts.total_seconds() // 60),
            ),
            say("Give it to nobody: whoever types it sees your watchlist."),
        ),
        is_private=True,
    )


def linked(chats: Chats) -> Message:
    """Answer /link of chats that share a watchlist: where alerts come, and else."""
    used = chats.used
    others = [chats.name(r) for r in chats.routes if r is not used]
    body: list[Block] = [_where(chats)]
    gone = [chats.name(r) for r in chats.routes if r.parked_since is not None]
    if gone:
        body.append(
            say("⚠️ I can't write {names}. Type /start there.", names=joined(gone))
        )
    names = joined([chats.name(used), *others])
    choose = tuple(
        Button(_route_label(chats, r), f"v1:link:use:{r.address}")
        for r in chats.routes
        if not r.is_preferred
    )
    return Message(
        title=say("🔗 **One watchlist: {names}**", names=names),
        body=tuple(body),
        buttons=(
            choose,
            (
                Button(word("🔗 Link another"), "v1:link:code"),
                Button(word("✂ Unlink this chat"), "v1:link:part"),
            ),
        ),
        is_private=True,
    )


def _route_label(chats: Chats, route: Route) -> str:
    if route.address == chats.here:
        return word("📍 Send alerts here")
    return word("📍 Send to {name}", name=chats.name(route))


def _where(chats: Chats) -> "Block":
    used = chats.used
    preferred = next((r for r in chats.routes if r.is_preferred), used)
    if preferred is not used:
        return say(
            "Alerts come {used} while I can't reach you {preferred}.",
            used=_at(chats, used),
            preferred=_at(chats, preferred),
        )
    others = [_at(chats, r) for r in chats.routes if r is not used]
    return say(
        "Alerts come {used}. If I can't reach you, {others}.",
        used=_at(chats, used),
        others=joined(others),
    )


def _at(chats: Chats, route: Route) -> str:
    if route.address == chats.here:
        return word("here")
    if route.address.platform is Platform.WEB:
        return word("in {name}", name=chats.name(route))
    return word("on {name}", name=chats.name(route))


def ask_join(home: Recipient, watches: int, typed: str) -> Message:
    """Ask before two chats become one."""
    return Message(
        title=say(
            "🔗 **Join {name}: {n} watch?**|🔗 **Join {name}: {n} watches?**",
            name=PLATFORMS[home.address.platform],
            n=watches,
        ),
        body=(
            say("Both chats then share one watchlist. Settings are those from there."),
            say("Only with a code you made yourself: that chat sees your watches."),
            say("Nothing was changed yet."),
        ),
        buttons=(
            (
                Button(word("Yes, join"), f"v1:link:join:{typed}"),
                Button(word("No"), "v1:keep"),
            ),
        ),
        is_private=True,
    )


def joined_now(chats: Chats, watches: int, differing: Sequence[str]) -> Message:
    """Answer a join: what is shared now, where alerts come."""
    body: list[Block] = [_where(chats)]
    if differing:
        body.append(
            say(
                "Both had a watch; the other chat's counts: {names}",
                names=words.names([words.unhashed(x) for x in differing]),
            )
        )
    here = next(r for r in chats.routes if r.address == chats.here)
    choose = (
        ()
        if here.is_in_use
        else (Button(_route_label(chats, here), f"v1:link:use:{here.address}"),)
    )
    return Message(
        title=say(
            "🔗 **One watchlist now: {n} watch**|🔗 **One watchlist now: {n} watches**",
            n=watches,
        ),
        body=tuple(body),
        buttons=((*choose, Button(word("📋 Watchlist"), "v1:list:1")),),
        is_private=True,
    )


def parted() -> Message:
    """Answer /unlink."""
    return Message(
        title=say("✂ **This chat is on its own again**"),
        body=(
            say("It keeps a copy of the watchlist and the settings."),
            say("From now on each chat gets its own alerts."),
        ),
        is_private=True,
    )


def not_linked() -> Message:
    """Answer /unlink of a chat that shares nothing."""
    return Message(
        title=say("✂ **This chat is not linked**"),
        body=(say("To share one watchlist with another chat: `/link`"),),
        is_private=True,
    )


# --------------------------------------------------------------------- taking along


def exported(attachment: Attachment, watches: int, form: str) -> Message:
    """Answer /export, with the file."""
    what = (
        say("Watches, lines, settings and mutes.")
        if form == "json"
        else say("The watches alone; `/export json` has the settings too.")
    )
    return Message(
        title=say(
            "📦 **Your {n} watch, as a file**|📦 **Your {n} watches, as a file**",
            n=watches,
        ),
        body=(what, say("`/import` takes it back, here or in another chat.")),
        is_private=True,
        attachment=attachment,
    )


def nothing_to_export() -> Message:
    """Answer /export of an empty list."""
    return Message(
        title=say("📦 **Nothing to take along yet**"),
        body=(say("Your watchlist is empty: `/watch BTC ETH`"),),
        is_private=True,
    )


def ask_file() -> Message:
    """Answer a bare /import: how to bring something."""
    return Message(
        title=say("📥 **Send me a file, or a list**"),
        body=(
            say("A file from `/export`, sent with the word `/import`"),
            say("or a list: `/import BTC ETH SOL 80`"),
            say("What you watch already stays."),
        ),
        is_private=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of an import.

    `left_out` are entries that found no room, `unknown` words no asset answers to,
    `problems` entries that could not be read.
    """

    added: int = 0
    replaced: int = 0
    has_settings: bool = False
    mutes: int = 0
    unknown: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    left_out: int = 0
    problems: tuple[str, ...] = ()


def imported(result: Imported, most: int) -> Message:
    """Answer /import: what is watched now, and what could not be taken."""
    total = result.added + result.replaced
    body: list[Block] = []
    if result.replaced:
        body.append(
            say(
                "{n} was there already and is as in the file now.|"
                "{n} were there already and are as in the file now.",
                n=result.replaced,
            )
        )
    if result.has_settings:
        body.append(say("Settings taken over: /settings"))
    if result.mutes:
        body.append(say("{n} mute set|{n} mutes set", n=result.mutes))
    if result.unknown:
        names = words.names(list(result.unknown), 8)
        body.append(say("❌ Not known here: {names}", names=names))
    if result.ambiguous:
        names = words.names(list(result.ambiguous), 8)
        body.append(
            say(
                "❓ Several assets are called so, watch them by hand: {names}",
                names=names,
            )
        )
    if result.problems:
        names = words.names(list(result.problems), 4)
        body.append(say("✋ Not understood: {names}", names=names))
    if result.left_out:
        body.append(
            say(
                "✋ Your list is full ({most}): {n} was left out|"
                "✋ Your list is full ({most}): {n} were left out",
                n=result.left_out,
                most=most,
            )
        )
    if not total:
        return Message(
            title=say("📥 **Nothing was taken over**"),
            body=tuple(body),
            tone=Tone.TROUBLE,
            is_private=True,
        )
    return Message(
        title=say("📥 **{n} watch taken over**|📥 **{n} watches taken over**", n=total),
        body=tuple(body),
        buttons=((Button(word("📋 Watchlist"), "v1:list:1"),),),
        is_private=True,
    )


# -------------------------------------------------------------------------- erasing


def ask_forget(watches: int, chats: Sequence[str], asked: int) -> Message:
    """Ask before everything about somebody is erased; `asked` is when, in seconds."""
    body: list[Block] = [
        say(
            "{n} watch, settings, mutes, what I told you and what waits.|"
            "{n} watches, settings, mutes, what I told you and what waits.",
            n=watches,
        ),
    ]
    if chats:
        body.append(say("In all your linked chats: {names}", names=joined(chats)))
    body += [
        say("It can't be undone. To keep a copy first: `/export`"),
        say("Nothing was changed yet."),
    ]
    return Message(
        title=say("🗑 **Erase everything about you?**"),
        body=tuple(body),
        buttons=(
            (
                Button(word("Yes, erase it"), f"v1:forget:{asked}"),
                Button(word("Keep it"), "v1:keep"),
            ),
        ),
        is_private=True,
    )


def forgotten() -> Message:
    """Say that nothing is left."""
    return Message(
        title=say("🗑 **Everything about you is erased**"),
        body=(
            say("No more alerts come. /start begins anew."),
            say("What stands in this chat is yours to delete."),
        ),
        is_private=True,
    )
