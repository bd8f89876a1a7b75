"""A sign of life after a silent week, to whoever wants one and waits for nothing."""

from collections.abc import AsyncIterator
from datetime import time, timedelta
from pathlib import Path

import pytest
from world import World, open_world

from bot.errors import MessageRejectedError, RecipientGoneError, SourceUnavailableError
from bot.letters import sign_of_life
from bot.life_signs import SILENT_FOR, LifePlan, LifeSigns
from bot.model import PlaceKind, Platform, Signal
from bot.preferences import QuietHours

ALICE = "web:alice"
WEEK = SILENT_FOR.total_seconds() / 60


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75, signal=1, market_cap=2e12)
        opened.source.set("ETH", grade=35, signal=-1, market_cap=1e12)
        opened.source.set("NEW", grade=35, signal=0, market_cap=1e9)
        await opened.poll()
        yield opened


def signs(world: World, owner: str = "w1") -> LifeSigns:
    senders = {Platform.WEB: world.sender, Platform.TELEGRAM: world.telegram}
    plan = LifePlan(
        source=world.source.name, source_title=world.source.title, owner=owner
    )
    return LifeSigns(world.store, senders, plan, now=world.clock)


async def look(world: World, owner: str = "w1") -> int:
    count = await signs(world, owner).look()
    await world.deliver()
    return count


async def test_after_a_silent_week_one_silent_line(world: World) -> None:
    await world.say("/watch BTC ETH NEW")
    world.clock.advance(days=6)
    world.source.read_again()
    await world.poll()
    world.source.fail_with(SourceUnavailableError("down", reason="http_500"))
    await world.poll()
    assert await look(world) == 0

    world.clock.advance(days=1)
    await look(world)

    (text,) = world.sender.texts(ALICE)
    assert text == (
        "🫧 A calm week: none of your 3 flipped\n"
        "1 bullish, 1 bearish, 1 without a signal.\n"
        "1 of 2 checks done.\n"
        "\n"
        "Fake Engine"
    )
    assert world.sender.sent[0][1]["silent"]


async def test_it_comes_once_a_week(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(minutes=WEEK)

    counts = [await look(world)]
    for _ in range(8):
        world.clock.advance(days=1)
        counts.append(await look(world))

    assert counts == [1, 0, 0, 0, 0, 0, 0, 1, 0]
    assert len(world.sender.sent) == 2


async def test_an_alert_is_a_sign_of_life(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(days=5)
    world.source.flip("BTC")
    await world.poll()

    world.clock.advance(days=5)

    assert await look(world) == 0


async def test_who_watches_all_but_one_is_told_of_the_others(world: World) -> None:
    await world.say("/watch all")
    await world.say("/unwatch BTC")
    world.clock.advance(minutes=WEEK)

    await look(world)

    (text,) = world.sender.texts(ALICE)
    assert text.startswith("🫧 A calm week: none of your 2 flipped")


@pytest.mark.parametrize("what", ["off", "quiet", "muted", "nothing watched", "parked"])
async def test_who_wants_none_or_waits_for_something_gets_none(
    world: World, what: str
) -> None:
    if what != "nothing watched":
        await world.say("/watch BTC")
    if what == "off":
        await world.prefer(sign_of_life=False)
    elif what == "quiet":
        await world.prefer(quiet=QuietHours(time(11), time(13)))
    elif what == "muted":
        await world.say("/mute 30d")
        world.source.flip("BTC")
        await world.poll()
    elif what == "parked":
        address = world.call("").place
        await world.store.park(address, reason="blocked", now=world.clock())
    world.clock.advance(minutes=WEEK)

    assert await look(world) == 0
    assert world.sender.sent == []


async def test_a_group_gets_none(world: World) -> None:
    await world.say("/broadcast all", place="telegram:-100", kind=PlaceKind.GROUP)
    world.clock.advance(minutes=WEEK)

    assert await look(world) == 0


async def test_many_who_want_none_do_not_hide_those_who_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.life_signs.PAGE", 2)
    for number in range(5):
        place = f"web:p{number}"
        await world.say("/watch BTC", place=place)
        await world.prefer(place=place, sign_of_life=number == 4)
    world.clock.advance(minutes=WEEK)

    assert await look(world) == 1
    assert world.sender.texts("web:p4")


async def test_of_two_processes_one_writes(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(minutes=WEEK)

    assert [await look(world, "w1"), await look(world, "w2")] == [1, 0]


async def test_whoever_is_gone_is_parked_by_it(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(minutes=WEEK)
    world.sender.refuse(ALICE, RecipientGoneError("blocked", reason="blocked"))

    await look(world)

    alice = await world.store.find_recipient(world.call("").place)
    assert alice is not None
    assert alice.parked_reason == "blocked"


async def test_what_the_platform_refuses_is_not_tried_for_ever(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(minutes=WEEK)
    refused = MessageRejectedError("no", reason="bad_markup")
    world.sender.refuse(ALICE, refused, refused)

    await look(world)
    world.clock.advance(hours=1)

    assert await look(world) == 0
    assert world.sender.sent == []


async def test_an_alert_that_comes_meanwhile_follows(world: World) -> None:
    await world.say("/watch BTC")
    world.clock.advance(minutes=WEEK)
    world.sender.repeat_window = timedelta(minutes=10)
    await signs(world).look()
    world.source.flip("BTC")

    await world.poll()

    titles = [t.splitlines()[0] for t in world.sender.texts(ALICE)]
    assert titles[0].startswith("🫧 A calm week")
    assert len(titles) == 2


def test_one_asset_is_yours():
    message = sign_of_life([Signal.BULLISH], (2_016, 2_016), "Token Metrics")

    assert message.plain.splitlines()[:3] == [
        "🫧 A calm week: yours did not flip",
        "1 bullish.",
        "2,016 of 2,016 checks done.",
    ]


async def test_a_letter_and_what_waits_are_not_posted_together(world: World) -> None:
    await world.say("/watch BTC")
    alice = await world.store.find_recipient(world.call("").place)
    assert alice is not None
    parts = ({"text": "hello"},)

    first = await world.store.post_letter(alice.id, parts, now=world.clock())
    second = await world.store.post_letter(alice.id, parts, now=world.clock())

    assert (first, second) == (True, False)
