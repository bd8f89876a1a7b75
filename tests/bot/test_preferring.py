"""Every setting, typed and pressed: the same state, the same answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from world import World, open_world

from bot.message import Message, Tone
from bot.model import Address, PlaceKind, Recipient
from bot.ports import PressReply
from bot.preferences import NewsKind, Preferences, Sound

ALICE = Address.parse("web:alice")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=70, market_cap=2e12)
        await opened.poll()
        yield opened


async def press(world: World, action: str) -> PressReply:
    return await world.desk.press(world.call(""), action)


async def person(world: World) -> Recipient:
    found = await world.store.find_recipient(ALICE)
    assert found is not None
    return found


async def chosen(world: World) -> dict[str, object]:
    return (await person(world)).preferences.to_json()


def labels(message: Message | None) -> list[str]:
    assert message is not None
    return [b.label for row in message.buttons for b in row]


QUIET = ["22:00", "07:00"]
SOUNDS = "silent"


@pytest.mark.parametrize(
    ("typed", "action", "stored", "title"),
    [
        (
            "/timezone Berlin",
            "v1:set:zone:Europe/Berlin",
            {"zone": "Europe/Berlin"},
            "🌍 Your clock: Berlin, now 13:05",
        ),
        (
            "/quiet 10pm-7am",
            "v1:set:quiet:22:00-07:00",
            {"quiet": QUIET},
            "🌙 Quiet 22:00–07:00 · UTC",
        ),
        ("/quiet off", "v1:set:quiet:off", {}, "🌙 No quiet hours"),
        (
            "/digest weekly mon 08:00",
            "v1:set:digest:weekly mon 08:00",
            {"digest": {"cadence": "weekly", "at": "08:00", "weekday": 0}},
            "🗞 Digest weekly, Mon 08:00 · UTC",
        ),
        (
            "/digest off",
            "v1:set:digest:off",
            {},
            "🗞 No digest: alerts come one by one",
        ),
        ("/pace calm", "v1:set:pace:calm", {"pace": "calm"}, "🎚 Pace: calm"),
        ("/pace normal", "v1:set:pace:normal", {}, "🎚 Pace: normal"),
        (
            "/budget 3",
            "v1:set:budget:3",
            {"daily_budget": 3},
            "🧮 3 messages a day are fine",
        ),
        ("/budget off", "v1:set:budget:off", {}, "🧮 No limit on messages a day"),
        (
            "/signoflife off",
            "v1:set:life:off",
            {"sign_of_life": False},
            "🫧 Sign of life: off",
        ),
        ("/signoflife on", "v1:set:life:on", {}, "🫧 Sign of life: on"),
        (
            "/pictures on",
            "v1:set:pictures:on",
            {"pictures": True},
            "🖼 Pictures: with alerts",
        ),
        ("/pictures off", "v1:set:pictures:off", {}, "🖼 Pictures: when I ask"),
    ],
)
async def test_a_setting_is_the_same_typed_and_pressed(
    world: World, typed: str, action: str, stored: dict[str, object], title: str
) -> None:
    said = await world.say(typed)
    by_word = await chosen(world)
    world.clock.advance(seconds=1)
    first = await press(world, action)
    second = await press(world, action)

    assert by_word == await chosen(world) == stored
    assert said.title.plain == title
    assert first.edited == second.edited == said


@pytest.mark.parametrize(
    ("typed", "changed"),
    [
        ("/sound lines on", {NewsKind.CROSSING: Sound.ON}),
        ("/sound flips silent", {NewsKind.FLIP: Sound.SILENT}),
        ("/sound off engine", {NewsKind.SOURCE: Sound.OFF}),
        ("/sound silent", dict.fromkeys(NewsKind, Sound.SILENT)),
        (
            "/sound digest summaries on",
            {NewsKind.DIGEST: Sound.ON, NewsKind.SUMMARY: Sound.ON},
        ),
    ],
)
async def test_sounds_are_set_by_kind(
    world: World, typed: str, changed: dict[NewsKind, Sound]
) -> None:
    await world.say(typed)

    assert (await person(world)).preferences.sounds == changed


async def test_a_kind_has_a_page_of_its_own(world: World) -> None:
    page = await press(world, "v1:set:sound:flip")
    changed = await press(world, "v1:set:sound:flip:silent")

    assert labels(page.edited)[:3] == ["✓ Ring", "Silent", "Off"]
    assert labels(changed.edited)[:3] == ["Ring", "✓ Silent", "Off"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/quiet 25-7", "There is no such time"),
        ("/quiet later", "I can't read these quiet hours"),
        ("/quiet 22-7 Berln", "I don't know the place “Berln”"),
        ("/timezone Berln", "I don't know the place “Berln”"),
        ("/timezone " + "x" * 200, "I don't know the place"),
        ("/digest sometimes", "I can't read this digest"),
        ("/pace norml", "There is no pace “norml”"),
        ("/sound", "What rings"),
        ("/sound off", "To hear nothing at all, use /mute"),
        ("/sound flops on", "I can't read this sound"),
        ("/sound flips", "I can't read this sound"),
        ("/budget 0.5", "A number of messages from 1 to 50"),
        ("/budget 51", "A number of messages from 1 to 50"),
        ("/budget many", "A number of messages from 1 to 50"),
        ("/signoflife maybe", "On or off, please"),
        ("/pictures maybe", "On or off, please"),
        ("/language klingon", "I don't speak “klingon” yet"),
        ("/mute BTC 2y", "“2y” is not a length of time"),
        ("/mute 400d", "A mute lasts up to a year"),
    ],
)
async def test_what_cannot_be_read_changes_nothing(
    world: World, typed: str, says: str
) -> None:
    await world.say("/start")

    said = await world.say(typed)

    assert says in said.plain
    assert len(said.title.plain) <= 50
    assert await chosen(world) == {}


async def test_a_typo_in_a_place_offers_places_as_buttons(world: World) -> None:
    said = await world.say("/timezone Berln")

    assert said.tone is Tone.TROUBLE
    assert "Did you mean Berlin" in said.plain
    await press(world, said.buttons[0][0].action)
    assert await chosen(world) == {"zone": "Europe/Berlin"}


async def test_quiet_hours_ask_whose_clock_and_keep_when_it_is_said(
    world: World,
) -> None:
    said = await world.say("/quiet 22:00-07:00")

    assert "❓ These are UTC times, now 12:05." in said.plain
    assert "13:05 Berlin" in labels(said)
    await press(world, "v1:set:zone:Europe/Berlin")
    assert await chosen(world) == {"zone": "Europe/Berlin", "quiet": QUIET}
    assert "UTC times" not in (await world.say("/quiet")).plain


async def test_hours_and_place_are_one_line(world: World) -> None:
    said = await world.say("/quiet 10pm-7am New York")

    assert said.title.plain == "🌙 Quiet 22:00–07:00 · New York"
    assert "I write at once, until it is quiet at 22:00." in said.plain


async def test_inside_quiet_hours_it_says_when_i_write_again(world: World) -> None:
    said = await world.say("/quiet 12:00-14:00 London")

    assert "It is quiet now: I write again at 14:00." in said.plain


async def test_an_offset_is_told_to_know_no_summer_time(world: World) -> None:
    said = await world.say("/timezone UTC+2")

    assert "UTC+2 knows no summer time" in said.plain


async def test_the_menu_shows_everything_and_leads_everywhere(world: World) -> None:
    await world.say("/quiet 22:00-07:00 Berlin")
    await world.say("/mute BTC 24h")

    menu = await world.say("/settings")

    assert menu.plain == (
        "⚙️ Your settings\n"
        "I write at once, until it is quiet at 22:00.\n"
        "\n"
        "🌍 Time zone: Berlin, now 13:05\n"
        "🌙 Quiet hours: 22:00–07:00\n"
        "🗞 Digest: off\n"
        "🎚 Pace: normal\n"
        "🔔 Sound: flips, corrections; the rest is silent\n"
        "🧮 At most: no limit\n"
        "🫧 Sign of life: a line after a week without news\n"
        "🖼 Pictures: when I ask\n"
        "🗣 Language: English\n"
        "🔕 Muted: BTC"
    )
    for row in menu.buttons:
        for button in row:
            page = (await press(world, button.action)).edited
            assert page is not None
            assert page != menu
            assert page.buttons[-1][0].action == "v1:set:"
            assert len(page.title.plain) <= 50
    assert (await press(world, "v1:set:")).edited == menu


async def test_all_mutes_are_set_and_ended_from_their_page(world: World) -> None:
    await press(world, "v1:set:mutes:1h")
    muted = await press(world, "v1:set:mutes")
    heard = await press(world, "v1:set:mutes:off")

    assert muted.edited is not None
    assert "🔕 All muted until Jan 5 13:05 UTC" in muted.edited.plain
    assert heard.edited is not None
    assert heard.edited.title.plain == "🔔 Nothing is muted"


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("/mute", "🔕 Everything muted until Jan 6 12:05 UTC"),
        ("/mute 1h", "🔕 Everything muted until Jan 5 13:05 UTC"),
        ("/mute btc", "🔕 BTC muted until Jan 6 12:05 UTC"),
        ("/mute BTC 24 h", "🔕 BTC muted until Jan 6 12:05 UTC"),
        ("/mute BTC for 3 days", "🔕 BTC muted until Jan 8 12:05 UTC"),
        ("/mute 90 minutes BTC", "🔕 BTC muted until Jan 5 13:35 UTC"),
        ("/mute BTC until the next flip", "🔕 BTC muted until the next flip"),
        ("/mute all flip", "🔕 Everything muted until the next flip"),
    ],
)
async def test_a_mute_is_for_one_or_all_and_until_a_time_or_the_next_flip(
    world: World, typed: str, title: str
) -> None:
    assert (await world.say(typed)).title.plain == title


@pytest.mark.parametrize(
    "action",
    [
        "v1:set:nothing:1",
        "v1:set:quiet:99",
        "v1:set:zone:Mars/Base",
        "v1:set:sound:flip:loudest",
        "v1:set:sound:nothing",
        "v1:set:budget:-1",
        "v1:set:pace:",
    ],
)
async def test_broken_buttons_change_nothing(world: World, action: str) -> None:
    await world.say("/start")

    reply = await press(world, action)

    assert reply.toast or reply.message or reply.edited
    assert await chosen(world) == {}


@pytest.mark.parametrize("command", ["settings", "quiet 22-7", "digest daily", "link"])
async def test_settings_are_for_the_private_chat(world: World, command: str) -> None:
    said = await world.say(f"/{command}", place="telegram:-100", kind=PlaceKind.GROUP)

    assert "is for your private chat" in said.plain


async def test_what_quiet_hours_hold_comes_when_they_are_switched_off(
    world: World,
) -> None:
    await world.say("/watch BTC")
    await world.say("/quiet 12:00-14:00 London")
    world.source.flip("BTC")
    await world.poll()
    assert world.sender.texts() == []

    await world.say("/quiet off")
    await world.deliver()

    (text,) = world.sender.texts()
    assert "BTC" in text
    assert (await person(world)).preferences == Preferences(zone="Europe/London")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("daily 13:00", "the next today at 13:00."),
        ("daily 11:00", "the next tomorrow at 11:00."),
        ("weekly fri 18:00", "the next Fri at 18:00."),
    ],
)
async def test_the_next_digest_is_told_as_people_call_days(world, typed, told):
    # a Monday at noon
    world.clock.at = datetime(2026, 1, 5, 12, tzinfo=UTC)

    reply = await world.say(f"/digest {typed}")

    assert f"Alerts come as one digest, {told}" in reply.plain
