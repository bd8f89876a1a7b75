"""/link, /unlink, /export, /import, /forgetme on the real store."""

import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from world import World, open_world

from bot.errors import RecipientGoneError
from bot.message import ATTACHMENT_MAX, Attachment, Message
from bot.model import Address, PlaceKind
from bot.ports import PressReply
from storage.columns import Row

PHONE = "telegram:11"
DESK = "web:desk"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for symbol in ("BTC", "ETH", "SOL"):
            opened.source.set(symbol, grade=70, market_cap=1e9, categories=("ai",))
        await opened.poll()
        yield opened


async def press(world: World, action: str, place: str = PHONE) -> PressReply:
    return await world.desk.press(world.call("", place), action)


async def code(world: World, place: str = PHONE) -> str:
    said = await world.say("/link new", place=place)
    found = re.search(r"/link (\S+)", said.plain)
    assert found is not None, said.plain
    return found[1]


async def link(world: World, home: str = PHONE, guest: str = DESK) -> Message:
    asked = await world.say(f"/link {await code(world, home)}", place=guest)
    reply = await press(world, asked.buttons[0][0].action, guest)
    assert reply.edited is not None, reply.toast
    return reply.edited


async def symbols(world: World, place: str) -> list[str]:
    recipient = await world.store.find_recipient(Address.parse(place))
    if recipient is None:
        return []
    return sorted(w.text for w in await world.store.list_watches(recipient.id))


# -------------------------------------------------------------------------- linking


async def test_two_chats_become_one_after_a_question(world: World) -> None:
    await world.say("/watch BTC", place=PHONE)
    await world.say("/watch ETH", place=DESK)

    asked = await world.say(f"/link {await code(world)}", place=DESK)
    assert asked.title.plain == "🔗 Join Telegram: 1 watch?"
    assert await symbols(world, DESK) == ["ETH"]
    joined = (await press(world, asked.buttons[0][0].action, DESK)).edited

    assert joined is not None
    assert joined.plain == (
        "🔗 One watchlist now: 2 watches\n"
        "Alerts come on Telegram. If I can't reach you, here."
    )
    for place in (PHONE, DESK):
        assert await symbols(world, place) == ["BTC", "ETH"]


async def test_a_code_is_read_however_it_is_typed(world: World) -> None:
    made = await code(world)
    assert re.fullmatch(r"[A-Z2-9]{4}-[A-Z2-9]{4}", made)

    said = await world.say(f"/link {made.lower().replace('-', ' ')}", place=DESK)

    assert said.title.plain.startswith("🔗 Join")


async def test_a_code_works_once(world: World) -> None:
    made = await code(world)
    asked = await world.say(f"/link {made}", place=DESK)
    action = asked.buttons[0][0].action
    await press(world, action, DESK)

    third = await world.say(f"/link {made}", place="web:third")
    twice = await press(world, action, DESK)

    assert third.title.plain == "✋ That is no code of mine now"
    assert twice.edited is not None
    assert twice.edited.title.plain.startswith("🔗 One watchlist")


async def test_a_code_expires_also_between_question_and_answer(world: World) -> None:
    asked = await world.say(f"/link {await code(world)}", place=DESK)
    world.clock.advance(minutes=10)

    reply = await press(world, asked.buttons[0][0].action, DESK)

    assert "no code of mine" in reply.toast
    assert await world.store.list_routes(1) == []


async def test_a_new_code_ends_the_old_one(world: World) -> None:
    old = await code(world)
    new = await code(world)

    assert "no code" in (await world.say(f"/link {old}", place=DESK)).plain
    assert "Join" in (await world.say(f"/link {new}", place=DESK)).plain


async def test_ones_own_code_says_where_to_type_it(world: World) -> None:
    said = await world.say(f"/link {await code(world)}", place=PHONE)

    assert said.title.plain == "✋ That code was made here"


async def test_who_guesses_is_stopped_and_let_in_again_later(world: World) -> None:
    for n in range(5):
        said = await world.say(f"/link WRONG{n}AA", place=DESK)
        assert "no code of mine" in said.plain
    made = await code(world)

    stopped = await world.say(f"/link {made}", place=DESK)
    await world.restart()
    still = await world.say(f"/link {made}", place=DESK)
    other = await world.say(f"/link {made}", place="web:other")
    world.clock.advance(minutes=15)
    made = await code(world)
    again = await world.say(f"/link {made}", place=DESK)

    assert stopped.title.plain == "✋ Too many wrong codes"
    assert still.title.plain == "✋ Too many wrong codes"
    assert other.title.plain.startswith("🔗 Join")
    assert again.title.plain.startswith("🔗 Join")


async def test_no_code_stands_in_the_database(world: World) -> None:
    made = (await code(world)).replace("-", "")

    assert not [row for row in await everything(world) if made in row]


async def test_codes_differ(world: World) -> None:
    made = {await code(world) for _ in range(20)}

    assert len(made) == 20


async def test_the_homes_watch_counts_and_the_other_is_named(world: World) -> None:
    await world.say("/watch BTC 80", place=PHONE)
    await world.say("/watch BTC 50", place=DESK)

    said = await link(world)

    assert "Both had a watch; the other chat's counts: BTC 50" in said.plain
    assert await symbols(world, DESK) == ["BTC 80"]


async def test_at_most_five_chats_share_a_watchlist(world: World) -> None:
    for n in range(4):
        await link(world, PHONE, f"web:{n}")

    said = await world.say("/link", place=PHONE)
    more = await press(world, "v1:link:code", PHONE)

    assert said.title.plain.startswith("🔗 One watchlist: here")
    assert more.toast.startswith("At most 5 chats")


async def test_alerts_go_where_they_are_sent(world: World) -> None:
    await world.say("/watch BTC", place=PHONE)
    await link(world)
    world.source.flip("BTC")
    await world.poll()
    assert (len(world.telegram.sent), len(world.sender.sent)) == (1, 0)

    shown = await press(world, f"v1:link:use:{DESK}", PHONE)
    world.source.flip("BTC")
    await world.poll()

    assert (len(world.telegram.sent), len(world.sender.sent)) == (1, 1)
    assert shown.edited is not None
    assert (
        "Alerts come in the web chat. If I can't reach you, here." in shown.edited.plain
    )


async def test_a_blocked_chat_gives_way_and_says_so(world: World) -> None:
    await world.say("/watch BTC", place=PHONE)
    await link(world)
    world.telegram.refuse(PHONE, RecipientGoneError("blocked", reason="blocked"))
    world.source.flip("BTC")
    await world.poll()

    (text,) = world.sender.texts()
    assert "BTC turned bearish" in text
    said = await world.say("/link", place=DESK)
    assert "Alerts come here while I can't reach you on Telegram." in said.plain
    assert "⚠️ I can't write Telegram. Type /start there." in said.plain
    world.telegram.behave()
    await world.say("/start", place=PHONE)
    world.source.flip("BTC")
    await world.poll()
    assert len(world.telegram.sent) == 1
    assert len(world.sender.sent) == 1


async def test_a_parted_chat_has_a_copy_of_its_own(world: World) -> None:
    await world.say("/watch BTC", place=PHONE)
    await link(world)

    said = await world.say("/unlink", place=DESK)
    await world.say("/watch ETH", place=DESK)

    assert said.title.plain == "✂ This chat is on its own again"
    assert await symbols(world, PHONE) == ["BTC"]
    assert await symbols(world, DESK) == ["BTC", "ETH"]
    world.source.flip("BTC")
    await world.poll()
    assert (len(world.telegram.sent), len(world.sender.sent)) == (1, 1)
    again = await world.say("/unlink", place=DESK)
    assert again.title.plain == "✂ This chat is not linked"


@pytest.mark.parametrize("action", ["v1:link:", "v1:link:use:x", "v1:link:use:web:zz"])
async def test_broken_link_buttons_are_answered_kindly(
    world: World, action: str
) -> None:
    assert (await press(world, action)).toast


# ------------------------------------------------------------------- export, import


async def bring(world: World, text: str, place: str = DESK) -> Message:
    call = world.call("/import", place)
    return await world.desk.say(
        replace(call, attachment=Attachment("x.json", text, "application/json"))
    )


@pytest.mark.parametrize("form", ["json", "csv", "list"])
async def test_what_is_exported_is_imported_elsewhere(world: World, form: str) -> None:
    await world.say("/watch BTC bullish grade>=80 80 50", place=PHONE)
    await world.say("/watch #ai urgent", place=PHONE)
    await world.say("/watch all 70", place=PHONE)
    file = (await world.say(f"/export {form}", place=PHONE)).attachment
    assert file is not None

    said = await bring(world, file.text)

    assert said.title.plain == "📥 3 watches taken over"
    assert await symbols(world, DESK) == await symbols(world, PHONE)


async def test_json_takes_settings_lines_mutes_and_exceptions_along(
    world: World,
) -> None:
    for typed in (
        "/watch all",
        "/unwatch SOL",
        "/watch BTC",
        "/threshold 80 50",
        "/threshold BTC off",
        "/quiet 22:00-07:00 Berlin",
        "/mute ETH flip",
        "/mute 1h",
    ):
        await world.say(typed, place=PHONE)
    first = (await world.say("/export", place=PHONE)).attachment
    assert first is not None

    said = await bring(world, first.text)
    second = (await world.say("/export", place=DESK)).attachment

    assert "Settings taken over" in said.plain
    assert "2 mutes set" in said.plain
    assert second is not None
    assert json.loads(second.text) == json.loads(first.text)


async def test_an_import_adds_to_what_is_there(world: World) -> None:
    await world.say("/watch BTC 80", place=DESK)
    await world.say("/watch ETH", place=DESK)

    said = await world.say("/import BTC 50\nSOL NOPE", place=DESK)

    assert said.plain == (
        "📥 2 watches taken over\n"
        "1 was there already and is as in the file now.\n"
        "❌ Not known here: NOPE"
    )
    assert await symbols(world, DESK) == ["BTC 50", "ETH", "SOL"]


async def test_an_import_shows_nothing_and_so_tells_nothing(world: World) -> None:
    await world.say("/import BTC", place=DESK)
    recipient = await world.store.find_recipient(Address.parse(DESK))
    assert recipient is not None
    assert await world.store.told(recipient.id) == {}

    world.source.flip("BTC")
    await world.poll()

    assert len(world.sender.sent) == 1


async def test_an_import_leaves_out_what_finds_no_room(world: World) -> None:
    world.desk = type(world.desk)(replace(world.room, watches_max=2))

    said = await world.say("/import BTC ETH SOL", place=DESK)

    assert "✋ Your list is full (2): 1 was left out" in said.plain


@pytest.mark.parametrize(
    "text", ["{", "x" * (ATTACHMENT_MAX + 1), "grad>=80", '{"a":1}']
)
async def test_a_bad_file_changes_nothing(world: World, text: str) -> None:
    said = await bring(world, text)

    assert "Nothing was changed." in said.plain
    assert await symbols(world, DESK) == []


async def test_a_bare_import_says_how(world: World) -> None:
    assert (await world.say("/import")).title.plain == "📥 Send me a file, or a list"


async def test_nothing_to_export_says_so(world: World) -> None:
    said = await world.say("/export")

    assert said.title.plain == "📦 Nothing to take along yet"
    assert said.attachment is None


async def test_a_long_list_may_be_pasted(world: World) -> None:
    said = await world.say("/import " + "BTC " * 900, place=DESK)

    assert said.title.plain == "📥 1 watch taken over"


# -------------------------------------------------------------------------- erasing


async def everything(world: World) -> list[str]:
    """Every row of every table, as text."""

    async def work(connection):
        return [
            f"{table.name} {tuple(row)}"
            for table in Row.metadata.sorted_tables
            for row in await connection.execute(select(table))
        ]

    return await world.store._database.read(work)


def own_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What our own code logged, with all its fields."""
    ours = ("bot.", "storage.", "handlers.", "engine.")
    return [
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        if record.name.startswith(ours)
    ]


async def test_forgetting_asks_first_and_then_leaves_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    phone, desk = "telegram:987001", "web:inbox987002"
    for typed in (
        "/watch BTC 80 50",
        "/mute ETH 1h",
        "/quiet 22-7 Berlin",
        "/settings",
    ):
        await world.say(typed, place=phone)
    await world.say("/unwatch ETH", place=phone)
    await link(world, phone, desk)
    await world.say("/link WRONGAAA", place=desk)
    await world.say(
        "/broadcast all", place="telegram:-5", kind=PlaceKind.GROUP, user=phone
    )
    world.source.flip("BTC")
    world.clock.advance(minutes=5)
    await world.poller.poll()
    await world.fanout.fan_out_open()
    assert [row for row in await everything(world) if "98700" in row]
    caplog.clear()
    caplog.set_level(logging.DEBUG)

    asked = await world.say("/forgetme", place=phone)
    assert "In all your linked chats: Telegram, the web chat" in asked.plain
    assert [row for row in await everything(world) if "98700" in row]
    done = await press(world, asked.buttons[0][0].action, phone)
    again = await press(world, asked.buttons[0][0].action, phone)
    await world.deliver()
    await world.poll()

    assert done.edited is not None
    assert done.edited.title.plain == "🗑 Everything about you is erased"
    assert again.edited == done.edited
    assert not [row for row in await everything(world) if "98700" in row]
    assert [to for to, _ in (*world.telegram.sent, *world.sender.sent)] == [
        "telegram:-5"
    ]
    assert not [line for line in own_lines(caplog) if "98700" in line]


async def test_what_is_on_its_way_while_all_is_erased_leaves_no_trace(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    phone = "telegram:987001"
    await world.say("/watch BTC", place=phone)
    world.source.flip("BTC")
    world.clock.advance(minutes=5)
    await world.poller.poll()
    await world.fanout.fan_out_open()
    asked = await world.say("/forgetme", place=phone)
    caplog.set_level(logging.DEBUG)
    send = world.telegram.send

    async def erase_first(*arguments: object, **rest: object) -> object:
        await press(world, asked.buttons[0][0].action, phone)
        return await send(*arguments, **rest)

    world.telegram.send = erase_first
    await world.deliver()

    assert not [row for row in await everything(world) if "987001" in row]
    assert not [line for line in own_lines(caplog) if "987001" in line]


async def test_an_old_question_erases_nothing(world: World) -> None:
    await world.say("/watch BTC", place=PHONE)
    asked = await world.say("/forgetme", place=PHONE)
    world.clock.advance(hours=2)

    reply = await press(world, asked.buttons[0][0].action)
    broken = await press(world, "v1:forget:x")

    assert "nothing was erased" in reply.toast
    assert "nothing was erased" in broken.toast
    assert await symbols(world, PHONE) == ["BTC"]


async def test_after_all_is_erased_one_begins_anew(world: World) -> None:
    await world.say("/watch BTC", place=PHONE)
    asked = await world.say("/forgetme", place=PHONE)
    await press(world, asked.buttons[0][0].action)

    await world.say("/watch ETH", place=PHONE)

    assert await symbols(world, PHONE) == ["ETH"]
