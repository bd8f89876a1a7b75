"""Announcements: seen before, after all alerts, to each once, through any restart."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import Crashed
from world import World, open_world

from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.limits import Lane
from bot.message import Message
from bot.model import PlaceKind, Platform

BOSS = "telegram:1"
TEXT = "Maintenance tonight\nAlerts may come late between 2 and 3."


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75)
        await opened.poll()
        for place in ("web:ann", "web:bob", "telegram:7"):
            await opened.say("BTC", place=place)
        yield opened


def actions(message: Message) -> list[str]:
    return [b.action for row in message.buttons for b in row]


async def announce(world: World) -> str:
    """Draft and send; return the announcement's number."""
    preview = await world.say(f"/admin announce {TEXT}", place=BOSS)
    send = actions(preview)[0]
    await world.desk.press(world.call("", BOSS), send)
    return send.rpartition(" ")[2]


async def run(world: World, steps: int = 20) -> None:
    for _ in range(steps):
        await world.announcer.step()


def heard(world: World) -> list[str]:
    """Who got it, on both platforms."""
    sent = [*world.sender.sent, *world.telegram.sent]
    return sorted(to for to, part in sent if "Maintenance" in str(part["text"]))


async def test_the_operator_sees_it_first_and_nothing_is_sent(world: World):
    preview = await world.say(f"/admin announce {TEXT}", place=BOSS)
    await run(world)

    assert preview.plain.split("\n") == [
        "📣 Maintenance tonight",
        "Alerts may come late between 2 and 3.",
        "",
        "To 3 private chats, without a sound, in about 1 min. Alerts go first.",
        "Nothing was sent yet.",
    ]
    assert heard(world) == []


async def test_everybody_gets_it_once_and_then_it_is_done(world: World):
    await world.say("/broadcast BTC", place="telegram:-5", kind=PlaceKind.GROUP)
    number = await announce(world)
    await run(world)
    await world.restart()
    await run(world)

    assert heard(world) == ["telegram:7", "web:ann", "web:bob"]
    (text,) = world.sender.texts("web:ann")
    assert text.startswith("📣 Maintenance tonight\nAlerts may come late")
    assert text.endswith("From the operator of this bot")
    assert all(part["silent"] for _, part in world.sender.sent)
    assert set(world.sender.lanes) == {Lane.ANNOUNCEMENT}
    status = await world.say(f"/admin announce status {number}", place=BOSS)
    assert status.title.plain == "📣 Announced · 3 have it"
    assert (
        "Nothing is being announced"
        in (await world.say("/admin announce", place=BOSS)).plain
    )


async def test_a_cancelled_one_reaches_nobody_else(world: World):
    number = await announce(world)
    world.sender.waits = {"web:bob": timedelta(hours=1)}
    await run(world, 3)
    await world.say(f"/admin announce cancel {number}", place=BOSS)
    world.sender.waits = {}
    await run(world)

    assert heard(world) == ["telegram:7", "web:ann"]
    again = await world.say(f"/admin announce send {number}", place=BOSS)
    assert again.title.plain == "📣 Cancelled · 2 have it"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_in_the_middle_repeats_nothing(world: World, when: str):
    await announce(world)
    world.telegram.crash_next(when=when)
    with pytest.raises(Crashed):
        await run(world)
    await world.restart()
    await run(world)

    assert heard(world).count("telegram:7") == (1 if when == "after" else 0)
    assert [to for to in heard(world) if to.startswith("web")] == ["web:ann", "web:bob"]


async def test_whoever_is_not_free_comes_later_and_holds_up_nobody(world: World):
    await announce(world)
    world.sender.waits = {"web:ann": timedelta(hours=1)}
    await run(world)
    assert heard(world) == ["telegram:7", "web:bob"]

    world.sender.waits = {}
    await run(world)
    assert heard(world) == ["telegram:7", "web:ann", "web:bob"]


async def test_a_clear_no_is_tried_again_an_unknown_outcome_is_not(world: World):
    await announce(world)
    busy = TemporaryDeliveryError("no", reason="rate_limited")
    lost = TemporaryDeliveryError("?", reason="timeout", is_unknown=True)
    world.sender.refuse("web:ann", busy)
    world.sender.refuse("web:bob", lost)
    await run(world)

    assert heard(world) == ["telegram:7", "web:ann"]


async def test_who_is_gone_is_parked_and_who_refuses_it_is_counted(world: World):
    number = await announce(world)
    no = MessageRejectedError("no", reason="too_long")
    world.sender.refuse("web:bob", no, no)
    gone = RecipientGoneError("no", reason="blocked")
    world.telegram.refuse("telegram:7", gone)
    await run(world)

    status = await world.say(f"/admin announce status {number}", place=BOSS)
    assert status.plain.split("\n") == [
        "📣 Announced · 1 have it",
        "2 could not be reached",
    ]
    back = await world.say("/start", place="telegram:7")
    assert back.title.plain == "👋 You are back"


async def test_alerts_go_first_and_a_paused_platform_waits(world: World):
    await announce(world)
    await world.say("/admin pause web", place=BOSS)
    await run(world)
    assert heard(world) == ["telegram:7"]

    await world.say("/admin resume web", place=BOSS)
    await run(world)
    assert heard(world) == ["telegram:7", "web:ann", "web:bob"]


async def test_a_platform_on_which_alerts_wait_has_no_room(world: World):
    flow = world.dispatcher._flows[Platform.WEB]
    world.source.flip("BTC")
    world.clock.advance(minutes=5)
    await world.poller.poll()
    await world.fanout.fan_out_open()
    claims = await world.dispatcher._claim(Platform.WEB, flow, 10)

    assert not world.dispatcher.has_room(Platform.WEB)
    for claim in claims:
        flow.leave(claim)
    assert world.dispatcher.has_room(Platform.WEB)


async def test_a_second_one_waits_until_the_first_is_over(world: World):
    world.sender.waits = {"web:ann": timedelta(hours=1)}
    first = await announce(world)
    other = await world.say("/admin announce Something else", place=BOSS)

    refused = await world.say(
        actions(other)[0].removeprefix("v1:admin:").join(["/admin ", ""]), place=BOSS
    )

    assert refused.title.plain == "✋ Another announcement is being sent"
    assert f"/admin announce cancel {first}" in refused.plain


async def test_numbers_of_no_announcement_are_answered(world: World):
    reply = await world.say("/admin announce cancel 99", place=BOSS)

    assert reply.title.plain == "✋ There is no announcement 99"
