"""What is answered about the watchlist: its pages, and the menu of each watch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot import words, zones
from bot.language import joined, say, word
from bot.message import Block, Button, Line, Message, Moment, TimeStyle
from bot.model import Asset, Mute, PlaceKind, Signal, Watch
from bot.preferences import Preferences
from bot.texts.settings import quiet_text, until_text

#: rows of one page: a phone shows them without much scrolling, and with a button for
#: each and one row to turn pages they fit into Discord's 25 buttons
PAGE_SIZE = 12
#: buttons for broader watches on a page being edited
BROAD_MAX = 8
_ROW = 5
#: an engine whose time is further away than this is a recording
_LIVE = timedelta(days=7)
_TODAY = timedelta(hours=20)
#: what the menu of lines offers, as typed
LINES_OFFERS = ("80", "80 50", "80 60 50", "90 80 70 60 50")
ACTION_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One asset of a watchlist, with what concerns it.

    `silent_since` is when the engine last brought it, if that is too long ago.
    """

    asset: Asset
    watch: Watch | None = None
    thresholds: tuple[float, ...] = ()
    mute: Mute | None = None
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broad:
    """A watch on more than one asset: what it names, and how many that is now."""

    text: str
    assets: int = 0
    watch_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A whole watchlist, as one place sees it.

    `without` are the symbols taken out of the broader watches.
    """

    rows: Sequence[Row]
    broad: Sequence[Broad]
    kind: PlaceKind
    now: datetime
    source_title: str
    without: Sequence[str] = ()
    muted_all: Mute | None = None
    preferences: Preferences = field(default_factory=Preferences)

    @property
    def pages(self) -> int:
        """How many pages it has, at least one."""
        return max(1, -(-len(self.rows) // PAGE_SIZE))

    def page(self, number: int) -> tuple[int, Sequence[Row]]:
        """Return the nearest page there is, and its rows, freshest flip first."""
        number = min(max(1, number), self.pages)
        ordered = sorted(self.rows, key=_freshness)
        return number, ordered[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]


def page(listing: Listing, number: int) -> Message:
    """Answer /watchlist: what moved last comes first."""
    if not listing.rows and not listing.broad:
        return _empty(listing.kind)
    number, shown = listing.page(number)
    body: list[Block] = [Line(), *(row_line(r, listing.now) for r in shown)]
    if listing.rows and listing.broad:
        body.append(Line())
    body += [_broad_line(b, is_alone=not listing.rows) for b in listing.broad]
    if listing.without:
        body.append(say("Without {names}", names=words.names(list(listing.without))))
    if listing.muted_all is not None:
        body.append(say("🔕 All muted{until}", until=until_text(listing.muted_all)))
    edit = (
        [(Button(word("✏️ Edit"), f"v1:edit:{number}"),)]
        if listing.kind is PlaceKind.PRIVATE
        else []
    )
    return Message(
        title=_title(listing),
        body=tuple(body),
        footer=_footer(listing, number),
        buttons=(*_turns(listing, number, "list"), *edit),
        is_private=True,
    )


def edit_page(listing: Listing, number: int) -> Message:
    """Show the same page with a button for each watch."""
    if not listing.rows and not listing.broad:
        return _empty(listing.kind)
    number, shown = listing.page(number)
    shown_page = page(listing, number)
    buttons = [
        Button(r.asset.symbol[:40], f"v1:wl:a:{r.asset.id}:{number}") for r in shown
    ]
    buttons += [
        Button(words.unhashed(b.text)[:40], f"v1:wl:b:{b.watch_id}:{number}")
        for b in listing.broad[:BROAD_MAX]
    ]
    rows = [tuple(buttons[i : i + _ROW]) for i in range(0, len(buttons), _ROW)]
    done = Button(word("✓ Done"), f"v1:list:{number}")
    turns = _turns(listing, number, "edit")
    last = (*turns[0], done) if turns else (done,)
    return shown_page.evolve(
        title=say("✏️ **Which one?**"), buttons=(*rows, last), footer=shown_page.footer
    )


def _title(listing: Listing) -> Line:
    ups = sum(_standing(r) is Signal.BULLISH for r in listing.rows)
    downs = sum(_standing(r) is Signal.BEARISH for r in listing.rows)
    if listing.kind is not PlaceKind.PRIVATE:
        if not listing.rows:
            return say("📋 **This place gets**")
        return say(
            "📋 **This place gets {n} asset** · {ups} ▲ {downs} ▼|"
            "📋 **This place gets {n} assets** · {ups} ▲ {downs} ▼",
            n=len(listing.rows),
            ups=ups,
            downs=downs,
        )
    if not listing.rows:
        return say("📋 **Your broader watches**")
    return say(
        "📋 **Your {n} asset** · {ups} ▲ {downs} ▼|"
        "📋 **Your {n} assets** · {ups} ▲ {downs} ▼",
        n=len(listing.rows),
        ups=ups,
        downs=downs,
    )


def _footer(listing: Listing, number: int) -> Line:
    parts = []
    if listing.rows:
        parts.append(word("Freshest flip first"))
    if listing.pages > 1:
        parts.append(word("page {n} of {all}", n=number, all=listing.pages))
    quiet = listing.preferences.quiet
    if quiet is not None:
        parts.append(
            word(
                "quiet {hours} {place}",
                hours=quiet_text(quiet),
                place=zones.place_name(listing.preferences.zone),
            )
        )
    return say("{parts}", parts=joined([*parts, listing.source_title], " · "))


def _turns(listing: Listing, number: int, name: str) -> tuple[tuple[Button, ...], ...]:
    pages = listing.pages
    if pages == 1:
        return ()
    return (
        (
            Button("◀", f"v1:{name}:{(number - 2) % pages + 1}"),
            Button(f"{number}/{pages}", "v1:keep"),
            Button("▶", f"v1:{name}:{number % pages + 1}"),
        ),
    )


def _empty(kind: PlaceKind) -> Message:
    if kind is PlaceKind.PRIVATE:
        return Message(
            title=say("📋 **Your watchlist is empty**"),
            body=(say("Type `/watch BTC ETH` and I write when one flips."),),
            is_private=True,
        )
    return Message(
        title=say("📋 **This place gets nothing**"),
        body=(say("An admin can change that with `/broadcast top100`"),),
        is_private=True,
    )


# -------------------------------------------------------------------------- the rows


def _standing(row: Row) -> Signal:
    return row.asset.state.standing if row.asset.state else Signal.NEUTRAL


def _freshness(row: Row) -> tuple[bool, float, str]:
    state = row.asset.state
    since = state.standing_since if state is not None else None
    return (
        row.silent_since is not None,
        -since.timestamp() if since else 0.0,
        row.asset.symbol,
    )


def row_line(row: Row, now: datetime) -> Line:
    """Write one asset: dot and mark, grade, since when, price, lines, mute."""
    state = row.asset.state
    symbol = row.asset.symbol
    if state is None:
        return say("⚪ **{symbol}** no reading yet", symbol=symbol)
    if row.silent_since is not None:
        return say(
            "⚪ **{symbol}** no grade since {at}",
            symbol=symbol,
            at=Moment(row.silent_since, TimeStyle.DATE),
        )
    parts = [words.grade(state.last.grade)]
    if state.standing_since is not None:
        # A replay's own time has nothing to do with ours: ages count in it.
        is_live = abs(now - state.last.as_of) < _LIVE
        parts.append(
            words.age(state.standing_since, now if is_live else state.last.as_of)
        )
    if state.last.price is not None:
        parts.append(words.price(state.last.price))
    if row.thresholds:
        parts.append(word("lines {lines}", lines=lines_text(row.thresholds)))
    if row.watch is not None and row.watch.conditions.is_urgent:
        parts.append("⚡")
    tail: Line | str = "" if row.mute is None else _muted(row.mute, now)
    return say(
        "{dot} **{symbol}** {parts}{mute}",
        dot=words.dot_mark(state.standing),
        symbol=symbol,
        parts=joined(parts, " · "),
        mute=tail,
    )


def _muted(mute: Mute, now: datetime) -> Line:
    if mute.until is None:
        return say(" · 🔕 until the next flip")
    is_today = abs(mute.until - now) < _TODAY
    style = TimeStyle.TIME if is_today else TimeStyle.DATE
    return say(" · 🔕 until {at}", at=Moment(mute.until, style))


def _broad_line(broad: Broad, *, is_alone: bool) -> Line:
    name = words.unhashed(broad.text)
    if is_alone:
        return say(
            "**{name}** ({n} asset)|**{name}** ({n} assets)", name=name, n=broad.assets
        )
    return say(
        "Also: **{name}** ({n} asset)|Also: **{name}** ({n} assets)",
        name=name,
        n=broad.assets,
    )


def lines_text(thresholds: Sequence[float]) -> str:
    """Write lines as typed, highest first: `80 50`."""
    return " ".join(words.threshold(t) for t in sorted(thresholds, reverse=True))


# --------------------------------------------------------------- the menu of a watch


def item(row: Row, number: int, now: datetime) -> Message:
    """Show one asset's watch, and what can be changed about it."""
    asset = row.asset
    head = f"{asset.id}:{number}"
    is_urgent = row.watch is not None and row.watch.conditions.is_urgent
    mutes = (
        (
            Button(word("🔕 24 h"), f"v1:wl:mute:{head}:24h"),
            Button(word("🔕 Until next flip"), f"v1:wl:mute:{head}:flip"),
        )
        if row.mute is None
        else (Button(word("🔔 Unmute"), f"v1:wl:mute:{head}:off"),)
    )
    urgent = (
        Button(word("⚡ Not urgent"), f"v1:wl:urgent:{head}:off")
        if is_urgent
        else Button(word("⚡ Urgent"), f"v1:wl:urgent:{head}:on")
    )
    return Message(
        title=say("✏️ **{name}**", name=words.asset_name(asset)),
        body=(row_line(row, now), *_about(row)),
        buttons=(
            (Button(word("📏 Lines"), f"v1:wl:lines:{head}"), urgent),
            mutes,
            (
                Button(word("✖ Remove"), f"v1:wl:rm:{head}"),
                Button(word("◀ Back"), f"v1:edit:{number}"),
            ),
        ),
        is_private=True,
    )


def _about(row: Row) -> list[Block]:
    found: list[Block] = []
    if row.watch is not None:
        only = row.watch.text.split()[1:]
        kept = [
            w for w in only if not w.replace(".", "", 1).isdigit() and w != "urgent"
        ]
        if kept:
            found.append(say("I write only when: {only}", only=" ".join(kept)))
    if row.thresholds:
        lines = lines_text(row.thresholds)
        found.append(say("Lines: **{lines}**, either way", lines=lines))
    else:
        found.append(say("No lines: I write of flips only."))
    if row.watch is not None and row.watch.conditions.is_urgent:
        found.append(say("⚡ Urgent: it comes also while it is quiet."))
    return found


def lines_page(row: Row, number: int) -> Message:
    """Show the lines of one asset, with some to choose from."""
    asset = row.asset
    head = f"v1:wl:setlines:{asset.id}:{number}"
    now = lines_text(row.thresholds)
    buttons = [
        Button(
            word("✓ {label}", label=offer) if offer == now else offer, f"{head}:{offer}"
        )
        for offer in LINES_OFFERS
    ]
    none = word("✓ {label}", label=word("None")) if not now else word("None")
    return Message(
        title=say(
            "📏 **Lines for {symbol}: {lines}**",
            symbol=asset.symbol,
            lines=now or word("none"),
        ),
        body=(
            say("I write when the grade passes one, either way."),
            say("Any other: `/threshold {symbol} 75 40`", symbol=asset.symbol),
        ),
        buttons=(
            tuple(buttons),
            (
                Button(none, f"{head}:off"),
                Button(word("◀ Back"), f"v1:wl:a:{asset.id}:{number}"),
            ),
        ),
        is_private=True,
    )


def broad_item(broad: Broad, watch: Watch, number: int) -> Message:
    """Show a broader watch, and what can be changed about it."""
    head = f"{watch.id}:{number}"
    is_urgent = watch.conditions.is_urgent
    urgent = (
        Button(word("⚡ Not urgent"), f"v1:wl:urgentb:{head}:off")
        if is_urgent
        else Button(word("⚡ Urgent"), f"v1:wl:urgentb:{head}:on")
    )
    body: list[Block] = [say("{n} asset now|{n} assets now", n=broad.assets)]
    if is_urgent:
        body.append(say("⚡ Urgent: it comes also while it is quiet."))
    return Message(
        title=say("✏️ **{name}**", name=words.unhashed(broad.text)),
        body=tuple(body),
        buttons=(
            (urgent,),
            (
                Button(word("✖ Remove"), f"v1:wl:rmb:{head}"),
                Button(word("◀ Back"), f"v1:edit:{number}"),
            ),
        ),
        is_private=True,
    )


# ------------------------------------------------------------------ removed, and back


def removed(names: Sequence[str], undo_id: int, number: int | None = None) -> Message:
    """Say what is no longer watched; it can be brought back for ten minutes."""
    back = () if number is None else (Button(word("◀ Back"), f"v1:edit:{number}"),)
    return Message(
        title=say(
            "✖ **No longer watching {names}**",
            names=words.unhashed(words.names(list(names))),
        ),
        body=(say("Undo brings it back as it was, for ten minutes."),),
        buttons=((Button(word("↩ Undo"), f"v1:bring:{undo_id}"), *back),),
        is_private=True,
    )


def removed_all(count: int, undo_id: int) -> Message:
    """Say that the whole watchlist is gone; it can be brought back for ten minutes."""
    return Message(
        title=say("✖ **Your watchlist is empty now**"),
        body=(
            say(
                "{n} watch removed. Undo brings it back, for ten minutes.|"
                "{n} watches removed. Undo brings them back, for ten minutes.",
                n=count,
            ),
        ),
        buttons=((Button(word("↩ Undo"), f"v1:bring:{undo_id}"),),),
        is_private=True,
    )


def ask_remove_all(count: int) -> Message:
    """Ask before the whole watchlist goes."""
    return Message(
        title=say(
            "❓ **Remove your {n} watch?**|❓ **Remove all {n} watches?**", n=count
        ),
        body=(say("Nothing was changed yet."),),
        buttons=(
            (
                Button(word("Yes, remove all"), "v1:unwatchall"),
                Button(word("Keep them"), "v1:keep"),
            ),
        ),
        is_private=True,
    )
