"""The buttons under an alert: once, twice, late, after a restart, in a group."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, open_world

from bot.model import PlaceKind
from bot.ports import PressReply

ALICE = "telegram:5"
GROUP = "telegram:-100"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for symbol in ("BTC", "ETH", "SOL"):
            opened.source.set(symbol, grade=75, market_cap=1e9, price=100.0)
        await opened.poll()
        yield opened


async def asset_id(world: World, symbol: str) -> int:
    (found,) = await world.store.find_assets("fake", symbol)
    return found.id


async def press(world: World, what: str, symbol: str, **more: object) -> PressReply:
    number = await asset_id(world, symbol)
    return await world.press(f"v1:{what}:{number}", place=ALICE, **more)


def labels(reply: PressReply) -> list[list[str]]:
    assert reply.buttons is not None
    return [[b.label for b in row] for row in reply.buttons]


async def watched(world: World) -> list[str]:
    recipient = await world.store.find_recipient(world.call("", ALICE).place)
    assert recipient is not None
    watches = await world.store.list_watches(recipient.id)
    return [f"{'-' if w.is_exception else ''}{w.text}" for w in watches]


async def mutes(world: World) -> int:
    recipient = await world.store.find_recipient(world.call("", ALICE).place)
    assert recipient is not None
    return len(await world.store.list_mutes(recipient.id, world.clock()))


async def test_an_alert_has_looks_in_the_first_row_and_changes_in_the_second(world):
    await world.say("/watch ETH", place=ALICE)
    world.source.flip("ETH")
    await world.poll()

    ((_, part),) = world.telegram.sent

    number = await asset_id(world, "ETH")
    whats = ("chart", "why", "mute24", "unwatch")
    assert part["actions"] == [f"v1:{what}:{number}" for what in whats]


async def test_mute_says_until_when_and_offers_undo(world):
    await world.say("/watch ETH", place=ALICE)

    reply = await press(world, "mute24", "ETH")

    assert reply.toast == "ETH is muted for 24 hours."
    assert reply.note is not None
    assert reply.note.plain == "🔕 Muted until Jan 6 12:05 UTC"
    assert labels(reply) == [["📈 Chart", "🔍 Details"], ["↩ Undo"]]
    assert await mutes(world) == 1


async def test_mute_pressed_twice_is_said_and_changes_nothing(world):
    await world.say("/watch ETH", place=ALICE)
    await press(world, "mute24", "ETH")
    world.clock.advance(minutes=3)

    reply = await press(world, "mute24", "ETH")

    assert reply.toast == "Already muted until Jan 6 12:05 UTC."
    assert (reply.buttons, reply.note) == (None, None)


async def test_an_undo_lets_the_asset_be_heard_and_gives_the_buttons_back(world):
    await world.say("/watch ETH", place=ALICE)
    await press(world, "mute24", "ETH")
    await world.restart()

    reply = await press(world, "undo", "ETH")

    assert reply.toast == "ETH is heard again."
    assert labels(reply)[1] == ["🔕 Mute 24 h", "✖ Unwatch"]
    assert reply.note is not None
    assert reply.note.plain == ""
    assert await mutes(world) == 0
    again = await press(world, "undo", "ETH")
    assert "10 minutes" in again.toast


async def test_undoing_a_mute_gives_an_earlier_one_back(world):
    await world.say("/watch ETH", place=ALICE)
    await world.say("/mute ETH 2h", place=ALICE)
    await press(world, "mute24", "ETH")

    reply = await press(world, "undo", "ETH")

    assert reply.toast == "Muted until Jan 5 14:05 UTC, as before."
    recipient = await world.store.find_recipient(world.call("", ALICE).place)
    (mute,) = await world.store.list_mutes(recipient.id, world.clock())
    assert mute.until == world.clock().replace(hour=14)


async def test_after_ten_minutes_the_buttons_come_back_by_themselves(world):
    await world.say("/watch ETH", place=ALICE)
    await press(world, "mute24", "ETH", message_ref="m7")
    world.clock.advance(minutes=9, seconds=59)
    await world.errands.run_due()
    assert world.telegram.kept == []

    world.clock.advance(seconds=1)
    await world.restart()
    await world.errands.run_due()
    await world.errands.run_due()

    assert world.telegram.kept == [
        f"buttons {ALICE} m7 📈 Chart 🔍 Details 🔔 Unmute ✖ Unwatch"
    ]
    late = await press(world, "undo", "ETH", message_ref="m7")
    assert late.toast == "Undo works for 10 minutes; these buttons work now."
    assert await mutes(world) == 1
    heard = await press(world, "hear", "ETH", message_ref="m7")
    assert heard.toast == "ETH is heard again."
    assert await mutes(world) == 0


async def test_an_undo_that_comes_too_late_undoes_nothing(world):
    await world.say("/watch ETH", place=ALICE)
    await press(world, "unwatch", "ETH")
    world.clock.advance(minutes=10)

    reply = await press(world, "undo", "ETH")

    assert "10 minutes" in reply.toast
    assert labels(reply)[1] == ["👁 Watch ETH again"]
    assert await watched(world) == []


async def test_unwatch_and_undo_keep_lines_and_conditions(world):
    await world.say("/watch ETH bullish 80 50", place=ALICE)
    before = await watched(world)

    reply = await press(world, "unwatch", "ETH")
    assert reply.toast == "No longer watching ETH."
    assert reply.note is not None
    assert reply.note.plain == "✖ No longer watching ETH"
    assert await watched(world) == []
    undone = await press(world, "undo", "ETH")

    assert await watched(world) == before == ["ETH bullish 80 50"]
    assert undone.note is not None
    assert undone.note.plain.startswith("👁 Watching again: 🟢 ETH bullish · 75")
    recipient = await world.store.find_recipient(world.call("", ALICE).place)
    (watch,) = await world.store.list_watches(recipient.id)
    assert watch.conditions.thresholds == (50.0, 80.0)


async def test_unwatch_under_a_broader_watch_takes_one_asset_out_and_back(world):
    await world.say("/watch all", place=ALICE)

    await press(world, "unwatch", "ETH")
    assert await watched(world) == ["all", "-ETH"]
    await press(world, "undo", "ETH")

    assert await watched(world) == ["all"]


async def test_an_undone_unwatch_tells_what_changed_meanwhile(world):
    await world.say("/watch ETH", place=ALICE)
    await press(world, "unwatch", "ETH")
    world.source.flip("ETH")
    await world.poll()
    assert world.telegram.sent == []

    reply = await press(world, "undo", "ETH")
    await world.poll()

    assert reply.note is not None
    assert "🔴 ETH bearish" in reply.note.plain
    # the note told it, so no alert does
    assert world.telegram.sent == []
    world.source.flip("ETH")
    await world.poll()
    assert len(world.telegram.sent) == 1


@pytest.mark.parametrize("what", ["mute24", "unwatch"])
async def test_a_button_of_an_unwatched_asset_asks_whether_to_watch_again(world, what):
    await world.say("/watch ETH BTC", place=ALICE)
    await world.say("/unwatch ETH", place=ALICE)

    reply = await press(world, what, "ETH", message_ref="last-month")

    assert reply.toast == "You no longer watch ETH. Watch it again?"
    assert labels(reply)[1] == ["👁 Watch ETH again"]
    again = await press(world, "rewatch", "ETH", message_ref="last-month")
    assert again.toast == "Watching ETH again."
    assert labels(again)[1] == ["🔕 Mute 24 h", "✖ Unwatch"]
    assert await watched(world) == ["BTC", "ETH"]


async def test_unwatch_pressed_twice_keeps_its_undo(world):
    await world.say("/watch ETH", place=ALICE)
    await press(world, "unwatch", "ETH")

    reply = await press(world, "unwatch", "ETH")

    assert "no longer watch ETH" in reply.toast
    assert reply.buttons is None
    await press(world, "undo", "ETH")
    assert await watched(world) == ["ETH"]


@pytest.mark.parametrize("what", ["mute24", "unwatch", "undo", "rewatch", "hear"])
async def test_nothing_personal_works_in_a_group(world, what):
    await world.say("/broadcast ETH", place=GROUP, kind=PlaceKind.GROUP)
    number = await asset_id(world, "ETH")

    reply = await world.press(f"v1:{what}:{number}", place=GROUP, kind=PlaceKind.GROUP)

    assert reply == PressReply(toast="That button works in your private chat only.")


@pytest.mark.parametrize("what", ["chart", "why", "signal"])
async def test_anybody_may_look_in_a_group(world, what):
    number = await asset_id(world, "ETH")

    reply = await world.press(
        f"v1:{what}:{number}", place=GROUP, kind=PlaceKind.GROUP, is_admin=False
    )

    assert reply.message is not None
    assert reply.message.is_private
    assert reply.message.title.plain == "🟢 ETH bullish · grade 75"


async def test_what_a_group_button_shows_opens_in_the_private_chat(world):
    number = await asset_id(world, "ETH")

    for what in ("chart", "why", "signal"):
        reply = await world.say(f"/start {what}_{number}", place=ALICE)
        assert reply.title.plain == "🟢 ETH bullish · grade 75"
    assert await watched(world) == []


async def test_watch_privately_leads_to_the_private_chat(world):
    number = await asset_id(world, "ETH")

    reply = await world.press(
        f"v1:watchme:{number}", place=GROUP, kind=PlaceKind.GROUP, is_admin=False
    )

    assert reply.url == "https://t.me/TestBot?start=watch_ETH"
    opened = await world.say("/start watch_ETH", place=ALICE)
    assert opened.title.plain == "👁 Watching ETH"


async def test_of_two_assets_with_one_symbol_exactly_the_posts_own_is_watched(world):
    for key, cap in (("pepe-1", 5e8), ("pepe-2", 4e8)):
        world.source.set("PEPE", key=key, market_cap=cap)
    await world.poll()
    _, smaller = await world.store.find_assets("fake", "PEPE")

    reply = await world.press(
        f"v1:watchme:{smaller.id}", place=GROUP, kind=PlaceKind.GROUP
    )

    payload = reply.url.partition("=")[2]
    assert payload == f"add_{smaller.id}"
    await world.say(f"/start {payload}", place=ALICE)
    recipient = await world.store.find_recipient(world.call("", ALICE).place)
    (watch,) = await world.store.list_watches(recipient.id)
    assert watch.target.asset_id == smaller.id


async def test_several_assets_have_a_details_button_each(world):
    await world.say("/watch ETH BTC", place=ALICE)
    for symbol in ("ETH", "BTC"):
        world.source.flip(symbol)
    await world.poll()

    ((_, part),) = world.telegram.sent

    numbers = {await asset_id(world, s) for s in ("ETH", "BTC")}
    assert set(part["actions"]) == {f"v1:why:{n}" for n in numbers}


@pytest.mark.parametrize(
    "action",
    ["v0:mute24:1", "v1:mute24:999", "v1:mute24:x", "v1:nonsense:1", "v1:", "junk"],
)
async def test_a_button_nobody_knows_any_more_is_answered_kindly(world, action):
    reply = await world.press(action, place=ALICE)

    assert reply.toast
    assert (reply.buttons, reply.edited, reply.message) == (None, None, None)
