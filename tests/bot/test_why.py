"""/why: an event's way to this chat, told from what is stored."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, open_world

from bot import noise, reasons
from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.model import PlaceKind


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75, market_cap=2e12, categories=("layer-1",))
        opened.source.set("ETH", grade=75, market_cap=1e12)
        await opened.poll()
        yield opened


async def turn(world: World, *symbols: str) -> None:
    for symbol in symbols:
        world.source.flip(symbol)
    await world.poll()


async def why(world: World, text: str = "/why BTC") -> list[str]:
    return (await world.say(text)).plain.split("\n")


async def test_an_alert_that_was_sent_has_its_steps(world: World):
    await world.say("/watch BTC")
    await turn(world, "BTC")

    assert await why(world) == [
        "🔍 BTC bearish, Jan 5 12:05 UTC",
        "12:10:00 UTC seen, engine time Jan 5 12:05 UTC",
        "12:10:00 UTC matched your watch BTC",
        "12:10:00 UTC sent, 0 s after it was seen",
    ]


async def test_bare_it_is_the_last_alert_in_this_chat(world: World):
    assert await why(world, "/why") == [
        "🔍 I have sent you no alert yet",
        "For one asset type /why BTC",
    ]
    await world.say("/watch BTC ETH")
    await turn(world, "BTC")
    await turn(world, "ETH")

    assert (await why(world, "/why"))[0].startswith("🔍 ETH bearish, ")


async def test_of_a_message_about_several_it_says_so(world: World):
    await world.say("/watch BTC ETH")
    await turn(world, "BTC", "ETH")

    found = await why(world)

    assert found[0].endswith(": not sent alone")
    assert found[-1].endswith("after it was seen, in one message with 1 more")


async def test_what_a_mute_holds_is_asked_of_the_decision_itself(world: World):
    await world.say("/watch BTC")
    await world.say("/mute 24h")
    await turn(world, "BTC")

    found = await why(world)
    assert found[0].endswith(": held")
    assert found[-1] == "held: it is muted, until Jan 6 12:05 UTC"

    await world.say("/unmute")
    assert (await why(world))[-2:] == [
        "waited: it is muted",
        "goes out with the next message",
    ]
    await turn(world, "BTC")
    assert (await why(world))[-1].startswith("not sent: it had come back by then")


async def test_a_mute_until_the_next_flip_has_no_end_to_show(world: World):
    await world.say("/watch BTC 50")
    await world.say("/mute BTC until flip")
    world.source.grade("BTC", 40)
    await world.poll()

    found = await why(world)

    assert "🔍 BTC below 50, " in found[0]
    assert found[-1] == "held: it is muted"


async def test_what_was_muted_says_so_also_after_it_was_sent(world: World):
    await world.say("/watch BTC")
    await world.say("/mute 1h")
    await turn(world, "BTC")
    world.clock.advance(hours=1)
    await world.deliver()

    found = await why(world)

    assert found[-2] == "waited: it is muted"
    assert found[-1].endswith("sent, 1 h later")


async def test_a_flip_that_is_nobodys_business_says_why(world: World):
    await world.say("/watch BTC bullish")
    await turn(world, "BTC")

    assert await why(world) == [
        "🔍 BTC bearish, Jan 5 12:05 UTC: not for this chat",
        "12:10:00 UTC seen, engine time Jan 5 12:05 UTC",
        "not matched: only the other direction is asked for",
        "Your watch: BTC bullish",
    ]
    await turn(world, "ETH")
    assert "not matched: no watch here covers it" in await why(world, "/why ETH")


async def test_a_watch_that_came_later_is_no_reason(world: World):
    await turn(world, "BTC")
    world.clock.advance(minutes=1)
    await world.say("/watch BTC")

    found = await why(world)

    assert found[-1] == "The watch that covers it was made after that."


async def test_an_asset_taken_out_of_a_broader_watch_says_so(world: World):
    await world.say("/watch #layer-1")
    await world.say("/unwatch BTC")
    await turn(world, "BTC")

    assert "not matched: it was taken out with /unwatch" in await why(world)


async def test_an_asset_that_never_flipped_says_how_it_stands(world: World):
    assert await why(world) == [
        "🔍 BTC has not flipped since I watch",
        "It has been bullish all the time I watch it.",
    ]


async def test_a_chat_that_could_not_be_reached_is_told_when_it_asks(world: World):
    await world.say("/watch BTC", place="telegram:7")
    world.telegram.refuse("telegram:7", RecipientGoneError("no", reason="blocked"))
    await turn(world, "BTC")

    found = await world.say("/why BTC", place="telegram:7")

    assert found.title.plain.endswith(": waits for you")
    assert "kept for you: you had blocked me" in found.plain


async def test_an_alert_the_platform_refused_says_after_how_many_tries(world: World):
    await world.say("/watch BTC")
    error = MessageRejectedError("no", reason="too_long")
    world.sender.refuse("web:alice", error, error)
    await turn(world, "BTC")

    found = await why(world)

    assert found[0].endswith(": could not be sent")
    assert "given up after" in found[-1]
    assert found[-1].endswith("too long")


async def test_an_alert_that_is_tried_again_says_when(world: World):
    await world.say("/watch BTC")
    error = TemporaryDeliveryError("no", reason="server_error")
    world.sender.refuse("web:alice", error)
    await turn(world, "BTC")

    found = await why(world)

    assert found[-1].startswith("held: the platform had trouble, until ")


async def test_a_group_asks_for_itself_and_everybody_may_look(world: World):
    group = {"place": "telegram:-5", "kind": PlaceKind.GROUP}
    await world.say("/broadcast BTC", **group)
    await turn(world, "BTC")

    found = await world.say("/why", is_admin=False, user="telegram:9", **group)

    assert "matched what this place gets BTC" in found.plain
    assert "sent, 0 s after it was seen" in found.plain


async def test_without_a_word_it_is_about_the_last_alert(world: World):
    await world.say("/watch BTC")
    await turn(world, "BTC")

    assert await world.say("/why") == await world.say("/why BTC")


@pytest.mark.parametrize("reason", noise.Reason)
def test_every_reason_of_the_decision_has_words(reason: noise.Reason):
    assert reason.value in reasons.HELD or reason.value in reasons.SKIPPED


def test_a_reason_without_words_is_shown_as_it_is():
    assert reasons.held("some_new_code") == "some new code"
    assert reasons.skipped("some_new_code") == "some new code"
    assert reasons.gone("some_new_code") == "some new code"
