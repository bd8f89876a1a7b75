"""Who is answered: invites, lists, the blocked, and those who flood."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, open_world

from bot.model import Address, PlaceKind
from bot.ports import Arrival, Welcome

BOSS = "telegram:1"
GROUP = {"place": "telegram:-5", "kind": PlaceKind.GROUP}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75)
        await opened.poll()
        yield opened


async def close_to(world: World, access: str) -> None:
    world.access = access
    await world.restart()


async def invite(world: World, words: str = "") -> str:
    """Let the operator make an invite; return its code."""
    reply = await world.say(f"/admin invite {words}", place=BOSS)
    return reply.title.plain.rpartition(" ")[2]


def is_shut_out(text: str) -> bool:
    return text.startswith("🔒 This bot is private")


@pytest.mark.parametrize("access", ["invite", "list"])
async def test_strangers_find_a_private_bot(world: World, access: str):
    await close_to(world, access)

    for text in ("/watch BTC", "BTC", "/start", "/start watch_BTC", "/help", "/foo"):
        assert is_shut_out((await world.say(text)).plain)
    pressed = await world.press("v1:watch:BTC")
    assert pressed.toast == "🔒 This bot is private"
    assert (await world.say("/status", place=BOSS)).title.plain


async def test_an_invite_lets_one_in_and_only_one(world: World):
    await close_to(world, "invite")
    code = await invite(world)

    welcome = await world.say(f"/start {code.lower()}")
    assert welcome.title.plain == "👋 I write when a crypto signal flips"
    assert (await world.say("BTC")).title.plain == "👁 Watching BTC"
    assert is_shut_out((await world.say(f"/start {code}", place="web:bob")).plain)
    # a second use by the same person costs nothing and opens as before
    assert not is_shut_out((await world.say(f"/start {code}")).plain)


async def test_an_invite_has_uses_and_an_end(world: World):
    await close_to(world, "invite")
    code = await invite(world, "2 1d")

    assert not is_shut_out((await world.say(f"/start {code}", place="web:b")).plain)
    world.clock.advance(days=1)
    assert is_shut_out((await world.say(f"/start {code}", place="web:c")).plain)


async def test_an_admin_brings_an_invite_to_a_group_a_member_can_not(world: World):
    await close_to(world, "invite")
    code = await invite(world)
    member = {"user": "telegram:8", "is_admin": False}

    assert is_shut_out((await world.say(f"/start {code}", **GROUP, **member)).plain)
    await world.say(f"/start {code}", user="telegram:9", **GROUP)
    reply = await world.say("/broadcast BTC", user="telegram:9", **GROUP)
    assert reply.title.plain == "📣 This group gets: BTC"
    # the group is let in, its members in private are not
    assert is_shut_out((await world.say("BTC", place="telegram:8")).plain)


async def test_a_code_counts_only_where_invites_do(world: World):
    code = await invite(world)
    await close_to(world, "list")

    assert is_shut_out((await world.say(f"/start {code}")).plain)


async def test_the_list_of_the_configuration_and_of_operators_lets_in(world: World):
    world.listed = frozenset({"web:listed"})
    await close_to(world, "list")
    await world.say("/admin allow web:allowed", place=BOSS)

    for place in ("web:listed", "web:allowed"):
        assert (await world.say("BTC", place=place)).title.plain == "👁 Watching BTC"
    assert is_shut_out((await world.say("BTC", place="web:other")).plain)


async def test_the_first_operator_gets_in_by_the_code_of_the_first_start(world: World):
    await close_to(world, "list")
    await world.store.set_value("claim_code", "ABC")

    reply = await world.say("/claim abc", place="web:owner")

    assert reply.title.plain == "🔑 You are an operator now"


# -------------------------------------------------------------------------- blocked


async def test_the_blocked_get_no_answers_and_no_alerts_until_they_are_let_in(
    world: World,
):
    await world.say("/watch BTC")
    await world.say("/admin block web:alice", place=BOSS)
    call = world.call("/status")

    assert await world.desk.say(call) is None
    assert (await world.desk.press(call, "v1:list")).toast == ""
    await world.desk.on_back(Address.parse("web:alice"), PlaceKind.PRIVATE)
    world.source.flip("BTC")
    await world.poll()
    assert world.sender.texts("web:alice") == []

    await world.say("/admin unblock web:alice", place=BOSS)
    await world.deliver()
    (text,) = world.sender.texts("web:alice")
    assert "You are back: 1 of your 1 changed" in text


async def test_a_blocked_user_is_silent_in_groups_too_and_a_blocked_group_everywhere(
    world: World,
):
    await world.say("/admin block telegram:8", place=BOSS)
    spoken = world.call("/status", "telegram:-5", PlaceKind.GROUP, "telegram:8")
    assert await world.desk.say(spoken) is None

    await world.say("/admin block telegram:-5", place=BOSS)
    spoken = world.call("/status", "telegram:-5/7", PlaceKind.GROUP, "telegram:9")
    assert await world.desk.say(spoken) is None
    arrival = Arrival(place=Address.parse("telegram:-5"), kind=PlaceKind.GROUP)
    assert await world.desk.on_added(arrival) == Welcome()


async def test_an_operator_can_not_be_locked_out(world: World):
    reply = await world.say("/admin block telegram:1", place=BOSS)
    assert reply.title.plain == "✋ An operator can't be blocked"
    await world.say("/admin block telegram:-5", place=BOSS)
    spoken = world.call("/status", "telegram:-5", PlaceKind.GROUP, BOSS)
    assert await world.desk.say(spoken) is not None


# ---------------------------------------------------------------------------- floods


async def test_a_flood_is_told_once_then_not_answered_and_alerts_still_come(
    world: World,
):
    world.lines_per_minute = 10
    await world.restart()
    await world.say("/watch BTC")
    found = [await world.desk.say(world.call("/status")) for _ in range(8)]
    said = [f and f.title.plain for f in found]

    assert said[3].startswith("✅")
    assert said[4] == "⏳ That was a lot at once"
    assert said[5:] == [None, None, None]
    assert found[4].body[0].plain == "I answer again in 10 s."
    # a code is not tried either while nobody is answered
    assert await world.desk.say(world.call("/claim 1")) is None
    world.source.flip("BTC")
    await world.poll()
    assert len(world.sender.texts("web:alice")) == 1
    assert await world.desk.say(world.call("/status")) is not None


async def test_an_operator_is_always_answered(world: World):
    world.lines_per_minute = 10
    await world.restart()

    for _ in range(20):
        assert await world.desk.say(world.call("/status", BOSS)) is not None


# -------------------------------------------------------------------- typing mistakes


@pytest.mark.parametrize(
    ("typed", "fixed"),
    [
        ("/wach BTC", "/watch BTC"),
        ("watch BTC 80", "/watch BTC 80"),
        ("/watch BTC grad>=80", "/watch BTC grade>=80"),
        ("BTC grad>=80 volume>5m", "/watch BTC grade>=80 volume>5m"),
        ("tell me grad>=80", ""),
        ("stop", "/mute"),
        ("/unsubscribe BTC", "/unwatch BTC"),
        ("/price BTC", "/signal BTC"),
        ("/screen 80", "/screen grade>=80"),
    ],
)
async def test_a_typing_error_gets_a_button_that_puts_it_right(
    world: World, typed: str, fixed: str
):
    reply = await world.say(typed)

    actions = [b.action for row in reply.buttons for b in row]
    assert actions == ([f"v1:say:{fixed}"] if fixed else [])
    if fixed:
        pressed = await world.press(actions[0])
        assert pressed.message == await world.say(fixed)


async def test_a_correction_that_fits_on_no_button_is_only_written(world: World):
    reply = await world.say("/watch BTC ETH SOL " + "A" * 30 + " grad>=80 mcap<1b")

    assert "Did you mean grade>=80?" in reply.plain
    assert not reply.buttons
