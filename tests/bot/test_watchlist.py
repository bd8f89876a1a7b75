"""The watchlist: its words, its pages, and what its buttons do on the real store."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NOON,
    asset,
    mute,
    reading,
    state,
    watch,
)
from world import World, open_world

from bot.commands.undoing import UNDO_LASTS
from bot.message import Message
from bot.model import Address, Asset, PlaceKind
from bot.ports import PressReply
from bot.preferences import Preferences
from bot.texts import watchlist as texts
from bot.texts.watchlist import Broad, Listing, Row

ALICE = "web:alice"
BTC = asset("BTC", state=state(BULLISH, grade=83.4, since=NOON - 23 * DAY))
ETH = asset("ETH", id=2, state=state(BEARISH, grade=38.9, since=NOON - 2 * HOUR))
SOL = asset("SOL", id=3, state=state(BULLISH, grade=71.0, since=NOON - 8 * DAY))


def labels(message: Message) -> list[str]:
    return [b.label for row in message.buttons for b in row]


def actions(message: Message | None) -> list[str]:
    assert message is not None
    return [b.action for row in message.buttons for b in row]


def listing(rows: Sequence[Row], *broad: Broad, **rest: object) -> Listing:
    values: dict[str, object] = {
        "kind": PlaceKind.PRIVATE,
        "now": NOON,
        "source_title": "Token Metrics",
    }
    return Listing(rows=rows, broad=broad, **(values | rest))


def priced(about: Asset, price: float) -> Asset:
    assert about.state is not None
    last = replace(about.state.last, price=price)
    return replace(about, state=replace(about.state, last=last))


# -------------------------------------------------------------------------- the words


def test_what_moved_last_comes_first() -> None:
    shown = listing(
        [
            Row(asset=priced(BTC, 97_120)),
            Row(asset=priced(SOL, 142.1), thresholds=(50, 80)),
            Row(asset=priced(ETH, 3412), mute=mute(2, until=NOON + HOUR)),
            Row(asset=asset("NEW", id=9)),
            Row(
                asset=asset(
                    "LAUNCHCOIN", id=8, state=state(BULLISH, since=NOON - HOUR)
                ),
                silent_since=NOON - 9 * DAY,
            ),
        ],
        Broad(text="#ai bullish grade>=80", assets=14),
        without=["PEPE"],
        preferences=Preferences.from_json(
            {"zone": "Europe/Berlin", "quiet": ["22:00", "07:00"]}
        ),
    )

    assert texts.page(shown, 1).plain == (
        "📋 Your 5 assets · 3 ▲ 1 ▼\n"
        "\n"
        "🔴▼ ETH 38 · 2 h · $3,412 · 🔕 until 15:00 UTC\n"
        "🟢▲ SOL 71 · 8 d · $142.10 · lines 80 50\n"
        "🟢▲ BTC 83 · 23 d · $97,120\n"
        "⚪ NEW no reading yet\n"
        "⚪ LAUNCHCOIN no grade since Nov 11\n"
        "\n"
        "Also: ai bullish grade>=80 (14 assets)\n"
        "Without PEPE\n"
        "\n"
        "Freshest flip first · quiet 22:00–07:00 Berlin · Token Metrics"
    )


def test_urgent_watches_and_open_mutes_are_marked() -> None:
    row = Row(asset=BTC, watch=watch(is_urgent=True), mute=mute(1))

    assert texts.row_line(row, NOON).plain == (
        "🟢▲ BTC 83 · 23 d · ⚡ · 🔕 until the next flip"
    )


def test_a_reading_without_a_grade_is_a_question_mark() -> None:
    about = replace(BTC, state=replace(state(BULLISH), last=reading(None)))

    assert texts.row_line(Row(asset=about), NOON).plain == "🟢▲ BTC ?"


def test_ages_of_a_recording_count_in_its_own_time() -> None:
    about = replace(
        BTC, state=state(BULLISH, as_of=NOON - 400 * DAY, since=NOON - 403 * DAY)
    )

    assert texts.row_line(Row(asset=about), NOON).plain == "🟢▲ BTC 50 · 3 d"


def test_an_empty_watchlist_says_how_to_begin() -> None:
    assert texts.page(listing([]), 1).plain == (
        "📋 Your watchlist is empty\nType /watch BTC ETH and I write when one flips."
    )
    group = texts.page(listing([], kind=PlaceKind.GROUP), 1)
    assert group.plain.startswith("📋 This place gets nothing\n")


def test_a_place_cannot_be_edited_by_whoever_looks() -> None:
    shown = texts.page(listing([Row(asset=BTC)], kind=PlaceKind.GROUP), 1)

    assert shown.title.plain == "📋 This place gets 1 asset · 1 ▲ 0 ▼"
    assert labels(shown) == []


def test_pages_go_round_and_every_asset_is_on_one() -> None:
    rows = [Row(asset=asset(f"A{n}", id=n)) for n in range(30)]
    shown = listing(rows)

    pages = [texts.page(shown, n) for n in (1, 2, 3)]

    lines = [line for page in pages for line in page.plain.splitlines()]
    assert sum("no reading yet" in line for line in lines) == 30
    assert actions(pages[2])[:3] == ["v1:list:2", "v1:keep", "v1:list:1"]
    assert "page 3 of 3" in pages[2].plain
    assert texts.page(shown, 99) == pages[2]
    assert texts.page(shown, -1) == pages[0]


def test_an_edited_page_has_a_button_for_each_and_fits_into_discords_rows() -> None:
    rows = [Row(asset=asset(f"A{n}", id=2**62 + n)) for n in range(30)]
    broad = [Broad(text=f"#c{n}", watch_id=2**62 + n) for n in range(20)]

    shown = texts.edit_page(listing(rows, *broad), 2)

    assert len(shown.buttons) <= 5
    assert all(len(row) <= 5 for row in shown.buttons)
    assert sum(a.startswith("v1:wl:a:") for a in actions(shown)) == texts.PAGE_SIZE
    assert all(len(a.encode()) <= 64 for a in actions(shown))


def test_every_action_of_a_menu_fits_into_a_button() -> None:
    row = Row(asset=replace(BTC, id=2**63 - 1), watch=watch())

    for message in (texts.item(row, 834, NOON), texts.lines_page(row, 834)):
        assert all(len(a.encode()) <= 64 for a in actions(message))


def test_a_menu_says_what_the_watch_means() -> None:
    row = Row(
        asset=BTC,
        watch=watch(text="BTC bullish grade>=80 urgent 80 50", is_urgent=True),
        thresholds=(50, 80),
    )

    assert texts.item(row, 1, NOON).plain.splitlines()[2:] == [
        "I write only when: bullish grade>=80",
        "Lines: 80 50, either way",
        "⚡ Urgent: it comes also while it is quiet.",
    ]


# ----------------------------------------------------------------- on the real store


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for number, symbol in enumerate(("BTC", "ETH", "SOL")):
            opened.source.set(
                symbol, grade=70 - number, market_cap=1e9, categories=("ai",)
            )
        await opened.poll()
        yield opened


async def press(world: World, action: str, **where: object) -> PressReply:
    return await world.desk.press(world.call("", **where), action)


async def asset_id(world: World, symbol: str) -> int:
    return (await world.store.find_assets(world.source.name, symbol))[0].id


async def watches(world: World) -> dict[str, tuple[float, ...] | None]:
    recipient = await world.store.find_recipient(Address.parse(ALICE))
    assert recipient is not None
    found = await world.store.list_watches(recipient.id)
    return {w.text: w.conditions.thresholds for w in found if not w.is_exception}


async def test_a_flip_brings_its_asset_to_the_top(world: World) -> None:
    await world.say("/watch BTC ETH SOL")
    world.source.flip("SOL")
    await world.poll()

    lines = (await world.say("/watchlist")).plain.splitlines()

    assert lines[2].startswith("🔴▼ SOL 25 · 5 min")


async def test_an_asset_the_engine_no_longer_brings_is_said_to_be_silent(
    world: World,
) -> None:
    await world.say("/watch BTC ETH")
    world.source.drop("ETH")
    for _ in range(4):
        await world.poll(minutes=24 * 60)

    text = (await world.say("/watchlist")).plain

    assert "⚪ ETH no grade since Jan 5" in text
    assert "🟢▲ BTC 70" in text


async def test_while_no_poll_works_no_asset_is_called_silent(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(days=30)

    assert "no grade" not in (await world.say("/watchlist")).plain


async def test_lines_are_set_by_a_button_and_pressing_again_changes_nothing(
    world: World,
) -> None:
    await world.say("/watch BTC")
    action = f"v1:wl:setlines:{await asset_id(world, 'BTC')}:1:80 50"

    first, second = await press(world, action), await press(world, action)

    assert first == second
    assert first.edited is not None
    assert "✓ 80 50" in labels(first.edited)
    assert await watches(world) == {"BTC 80 50": (50.0, 80.0)}


async def test_urgent_is_set_and_taken_away_and_printed(world: World) -> None:
    await world.say("/watch BTC bullish 80")
    item = f"v1:wl:urgent:{await asset_id(world, 'BTC')}:1"

    await press(world, f"{item}:on")
    assert await watches(world) == {"BTC urgent bullish 80": (80.0,)}

    await press(world, f"{item}:off")
    assert await watches(world) == {"BTC bullish 80": (80.0,)}


async def test_a_mute_is_set_and_ended_from_the_menu(world: World) -> None:
    await world.say("/watch BTC")
    item = f"v1:wl:mute:{await asset_id(world, 'BTC')}:1"

    muted = await press(world, f"{item}:flip")
    heard = await press(world, f"{item}:off")

    assert muted.edited is not None
    assert "until the next flip" in muted.edited.plain
    assert heard.edited is not None
    assert "🔕 24 h" in labels(heard.edited)


async def test_a_removed_watch_comes_back_as_it_was(world: World) -> None:
    await world.say("/watch BTC bullish urgent 80 50")
    before = await watches(world)
    number = await asset_id(world, "BTC")

    gone = await press(world, f"v1:wl:rm:{number}:1")
    assert await watches(world) == {}
    back = await press(world, actions(gone.edited)[0])

    assert await watches(world) == before
    assert back.edited is not None
    assert back.edited.plain.startswith("👁 Watching BTC\n🟢 BTC bullish · 70")
    again = await press(world, actions(gone.edited)[0])
    assert "done already" in again.toast


async def test_undo_works_for_ten_minutes(world: World) -> None:
    await world.say("/watch BTC")
    gone = await world.say("/unwatch BTC")
    world.clock.advance(minutes=10)

    late = await press(world, actions(gone)[0])

    assert "Too late" in late.toast
    assert await watches(world) == {}


async def test_undo_is_for_its_owner_alone(world: World) -> None:
    await world.say("/watch BTC")
    gone = await world.say("/unwatch BTC")

    await press(world, actions(gone)[0], place="web:bob")

    assert await watches(world) == {}


async def test_the_whole_list_goes_after_a_question_and_comes_back(
    world: World,
) -> None:
    await world.say("/watch BTC 80")
    await world.say("/watch ETH bearish")
    await world.say("/watch #ai grade>=80")
    before = await watches(world)

    asked = await world.say("/unwatch all")
    assert asked.title.plain == "❓ Remove all 3 watches?"
    assert await watches(world) == before
    gone = await press(world, "v1:unwatchall")
    assert await watches(world) == {}
    twice = await press(world, "v1:unwatchall")
    assert twice.toast == "Your watchlist is empty already."
    await press(world, actions(gone.edited)[0])

    assert await watches(world) == before


async def test_a_broad_watch_has_a_menu_too(world: World) -> None:
    await world.say("/watch #ai grade>=80")
    edit = await press(world, "v1:edit:1")
    (item,) = [a for a in actions(edit.edited) if a.startswith("v1:wl:b:")]

    shown = await press(world, item)
    assert shown.edited is not None
    assert shown.edited.plain.splitlines()[:2] == ["✏️ ai grade>=80", "3 assets now"]
    await press(world, item.replace(":b:", ":urgentb:") + ":on")
    assert list(await watches(world)) == ["#ai urgent grade>=80"]
    gone = await press(world, item.replace(":b:", ":rmb:"))
    assert await watches(world) == {}
    await press(world, actions(gone.edited)[0])

    assert list(await watches(world)) == ["#ai urgent grade>=80"]


async def test_a_button_for_what_is_no_longer_watched_is_answered_kindly(
    world: World,
) -> None:
    await world.say("/watch BTC ETH")
    number = await asset_id(world, "BTC")
    await world.say("/unwatch BTC")

    reply = await press(world, f"v1:wl:a:{number}:1")

    assert reply.toast == "You no longer watch it."
    assert reply.edited is not None
    assert "ETH" in labels(reply.edited)


@pytest.mark.parametrize(
    "action",
    [
        "v1:wl:",
        "v1:wl:a",
        "v1:wl:a:x:y",
        "v1:edit:x",
        "v1:list:",
        "v1:bring:x",
        "v1:wl:b:9:1",
    ],
)
async def test_broken_buttons_break_nothing(world: World, action: str) -> None:
    await world.say("/watch BTC")

    reply = await press(world, action)

    assert reply.toast or reply.edited
    assert await watches(world) == {"BTC": None}


async def test_in_a_group_pages_turn_but_nothing_is_edited(world: World) -> None:
    group = {"place": "telegram:-100", "kind": PlaceKind.GROUP}
    await world.say("/broadcast all", **group)

    turned = await press(world, "v1:list:1", **group)
    refused = await press(world, "v1:edit:1", **group)

    assert turned.edited is not None
    assert turned.edited.plain.startswith("📋 This place gets")
    assert "private chat" in refused.toast


async def test_a_full_list_says_so_and_what_is_on_it_can_be_changed(
    world: World,
) -> None:
    world.desk = type(world.desk)(replace(world.room, watches_max=2))
    reply = await world.say("/watch BTC ETH SOL #ai")

    assert (
        "Your list is full (2), left out: SOL, #ai. /unwatch makes room" in reply.plain
    )
    changed = await world.say("/watch BTC 80")
    assert changed.plain.startswith("👁 Watching BTC")
    assert await watches(world) == {"BTC 80": (80.0,), "ETH": None}


async def test_what_a_reply_does_not_show_does_not_count_as_told(world: World) -> None:
    symbols = [f"C{n}" for n in range(25)]
    for symbol in symbols:
        world.source.set(symbol, grade=50, market_cap=1e6)
    await world.poll()
    await world.say(f"/watch {' '.join(symbols)}")
    recipient = await world.store.find_recipient(Address.parse(ALICE))
    assert recipient is not None

    assert len(await world.store.told(recipient.id)) == 20


def test_ten_minutes_is_what_the_words_say() -> None:
    assert timedelta(minutes=10) == UNDO_LASTS
    assert "ten minutes" in texts.removed(["BTC"], 1).plain
