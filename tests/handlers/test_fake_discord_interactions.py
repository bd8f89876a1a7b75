"""Slash commands, replies and presses in the fake Discord, without a library."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fake_discord import FakeDiscord
from fake_discord_places import MANAGE_GUILD
from raw_discord import WATCH, Clock, Raw, button, command, option, row


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def dc(clock: Clock) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(now=clock) as running:
        yield running


@pytest.fixture
async def raw(dc: FakeDiscord) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as session:
        yield Raw(dc, session)


@pytest.fixture
def alerts(dc: FakeDiscord) -> Any:
    return dc.server("Traders").channel("alerts")


@pytest.fixture
def alice(dc: FakeDiscord, alerts: Any) -> Any:
    user = dc.user("Alice")
    alerts.server.adds(user)
    return user


# ------------------------------------------------------------- commands


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param([command(name="Watch")], id="a capital letter"),
        pytest.param([command(name="watch it")], id="a space"),
        pytest.param([command(name="w" * 33)], id="a long name"),
        pytest.param([command(description="")], id="no description"),
        pytest.param([command(description="d" * 101)], id="a long description"),
        pytest.param(
            [command(options=[option(f"o{n}") for n in range(26)])], id="26 options"
        ),
        pytest.param([command(options=[option(), option()])], id="an option twice"),
        pytest.param(
            [command(options=[option("a"), option("b", required=True)])],
            id="a required option at the end",
        ),
        pytest.param([command(contexts=[3])], id="an unknown context"),
        pytest.param([command(integration_types=[])], id="no way to install"),
        pytest.param([command(), command()], id="a command twice"),
        pytest.param([command(name=f"c{n}") for n in range(101)], id="101 commands"),
    ],
)
async def test_commands_that_discord_would_refuse_are_refused(
    dc: FakeDiscord, raw: Raw, commands: list[dict[str, Any]]
):
    status, said = await raw.registers(*commands)

    assert (status, said["code"]) == (400, 50035)
    assert dc.commands == {}
    assert len(dc.violations) == 1


async def test_overwriting_commands_replaces_them_and_keeps_their_ids(
    dc: FakeDiscord, raw: Raw
):
    _, first = await raw.registers(WATCH, command(name="help"))

    _, second = await raw.registers(WATCH)

    assert second[0]["id"] == first[0]["id"]
    assert list(dc.commands) == ["watch"]


async def test_only_what_discord_offers_can_be_typed(
    dc: FakeDiscord, raw: Raw, alerts: Any, alice: Any
):
    setup = command(name="setup", contexts=[0], default_member_permissions=MANAGE_GUILD)
    await raw.registers(WATCH, setup)
    boss = dc.user("Boss")
    alerts.server.adds(boss, may_manage=True)
    stranger = dc.user("Stranger")

    boss.types("setup", in_=alerts)
    for who, typed, options, place, why in (
        (alice, "wach", {}, alerts, "not registered"),
        (alice, "watch", {"assets": "BTC", "grade": 5}, alerts, "no option"),
        (alice, "watch", {}, alerts, "requires"),
        (alice, "watch", {"assets": "BTC", "line": 101}, alerts, "more than 100"),
        (alice, "watch", {"assets": 5}, alerts, "assets is no"),
        (alice, "setup", {}, alerts, "lacks the permissions"),
        (boss, "setup", {}, None, "context"),
        (stranger, "watch", {"assets": "BTC"}, alerts, "is not in"),
        (stranger, "watch", {"assets": "BTC"}, None, "has nothing with"),
    ):
        with pytest.raises(AssertionError, match=why):
            who.types(typed, in_=place, **options)


# ------------------------------------------------------------- interactions


@pytest.fixture
async def opened(raw: Raw, alerts: Any, alice: Any) -> Any:
    await raw.registers(WATCH)
    return alice.types("watch", assets="BTC", in_=alerts)


async def test_a_reply_is_seen_and_is_no_message_of_the_channel(
    raw: Raw, opened: Any, alerts: Any
):
    status, said = await raw.answers(opened, 4, content="ok", flags=64)

    reply = await opened.reply()
    assert (reply.content, reply.is_ephemeral) == ("ok", True)
    assert status == 200
    assert said["resource"]["message"]["id"] == reply.message_id
    assert alerts.messages == ()


async def test_a_deferred_reply_is_seen_once_it_is_filled(raw: Raw, opened: Any):
    await raw.answers(opened, 5, flags=64)
    with pytest.raises(AssertionError, match="0 of 1"):
        await opened.reply(timeout=0.01)

    _, filled = await raw.follows_up(opened, content="there", flags=0)
    _, second = await raw.follows_up(opened, content="more")

    seen = await opened.replies(2)
    assert [m.content for m in seen] == ["there", "more"]
    assert [m.is_ephemeral for m in seen] == [True, False]
    assert [m.message_id for m in seen] == [filled["id"], second["id"]]


async def test_the_original_can_be_edited_read_and_deleted(
    raw: Raw, opened: Any, dc: FakeDiscord
):
    await raw.answers(opened, 5)
    path = f"/webhooks/{dc.bot.id}/{opened.token}/messages/@original"

    await raw.ask("PATCH", path, {"content": "there"})

    assert (await opened.reply()).content == "there"
    assert (await raw.ask("GET", path))[1]["content"] == "there"
    assert (await raw.ask("DELETE", path))[0] == 204
    assert (await raw.ask("GET", path))[1]["code"] == 10008


async def test_an_interaction_is_acknowledged_once_and_known_by_its_token(
    raw: Raw, opened: Any, dc: FakeDiscord, clock: Clock
):
    assert (await raw.follows_up(opened, content="early"))[1]["code"] == 10015
    await raw.answers(opened, 4, content="ok")

    assert (await raw.answers(opened, 4, content="ok"))[1]["code"] == 40060
    opened.token = "another"
    assert (await raw.answers(opened, 4, content="ok"))[1]["code"] == 10062
    opened.token = next(iter(dc.world.interactions))
    clock.moves(minutes=15, seconds=1)
    assert (await raw.follows_up(opened, content="late"))[1]["code"] == 50027


async def test_an_answer_of_the_wrong_kind_is_refused(
    raw: Raw, opened: Any, dc: FakeDiscord
):
    status, said = await raw.answers(opened, 7, content="update of nothing")

    assert (status, said["code"]) == (400, 50035)
    assert len(dc.violations) == 1


async def test_an_interaction_without_acknowledgement_did_not_respond(clock: Clock):
    async with (
        FakeDiscord(now=clock, ack_within=0.05) as dc,
        aiohttp.ClientSession() as session,
    ):
        raw, alice = Raw(dc, session), dc.user("Alice")
        dc.server("Traders").adds(alice)
        await raw.registers(WATCH)
        opened = alice.types("watch", assets="BTC")

        with pytest.raises(AssertionError, match="did not respond"):
            await opened.reply()

        assert (await raw.answers(opened, 4, content="late"))[1]["code"] == 10062


async def test_a_user_install_alone_has_five_follow_ups(raw: Raw, dc: FakeDiscord):
    await raw.registers(WATCH | {"integration_types": [1], "contexts": [1]})
    loner = dc.user("Loner")
    loner.installs()
    opened = loner.types("watch", assets="BTC")
    await raw.answers(opened, 4, content="ok")

    asked = [await raw.follows_up(opened, content=str(n)) for n in range(6)]

    assert [status for status, _ in asked] == [200] * 5 + [400]
    assert asked[5][1]["code"] == 40094


async def test_a_pressed_button_updates_its_message_or_brings_a_new_one(
    raw: Raw, alerts: Any, alice: Any
):
    link = {"type": 2, "style": 5, "label": "Open", "url": "https://example.com"}
    await raw.sends(alerts, content="alert", components=[row(button(), link)])
    (alert,) = await alerts.receives(1)

    first = alice.presses(alert, "Mute", in_=alerts)
    await raw.answers(first, 7, content="muted", components=[])
    updated = await first.updated()

    assert (updated.content, updated.buttons) == ("muted", [])
    assert updated.message_id == alert.message_id
    with pytest.raises(AssertionError, match="no button 'Mute'"):
        alice.presses(alert, "Mute")


async def test_a_press_can_be_answered_later_and_privately(
    raw: Raw, alerts: Any, alice: Any, dc: FakeDiscord
):
    await raw.sends(alerts, content="alert", components=[row()])
    (alert,) = await alerts.receives(1)
    bob = dc.user("Bob")
    alerts.server.adds(bob)

    pressed = alice.presses(alert, "Mute")
    await raw.answers(pressed, 6)
    path = f"/webhooks/{dc.bot.id}/{pressed.token}/messages/@original"
    await raw.ask("PATCH", path, {"content": "edited"})
    await raw.follows_up(pressed, content="for you", flags=64, components=[row()])

    assert (await pressed.updated()).content == "edited"
    private = await pressed.reply()
    assert private.is_ephemeral
    with pytest.raises(AssertionError, match="can't see"):
        bob.presses(private, "Mute")
    await raw.answers(alice.presses(private, "Mute"), 4, content="again")
