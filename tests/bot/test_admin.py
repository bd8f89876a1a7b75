"""/admin: what operators do in chat; to everybody else an unknown command."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from world import World, open_world

from bot.commands import CommandDesk
from bot.errors import MessageRejectedError
from bot.message import Message
from bot.model import PlaceKind
from bot.population import Spending

BOSS = "telegram:1"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75)
        opened.source.set("ETH", grade=75)
        await opened.poll()
        yield opened


async def admin(world: World, text: str = "") -> Message:
    return await world.say(f"/admin {text}".strip(), place=BOSS)


def actions(message: Message) -> list[str]:
    return [b.action for row in message.buttons for b in row]


async def flip(world: World, *symbols: str) -> None:
    for symbol in symbols:
        world.source.flip(symbol)
    await world.poll()


async def test_for_others_it_does_not_exist(world: World):
    unknown = await world.say("/adminx")
    for text in ("/admin", "/admin stats", "/admin block web:bob"):
        reply = await world.say(text)
        assert reply.title.plain == "✋ I don't know /admin"
        assert "/admin" not in reply.body[0].plain
    assert unknown.title.plain == "✋ I don't know /adminx"
    assert [b.plain for b in unknown.body] == [b.plain for b in reply.body]
    assert not unknown.buttons
    pressed = await world.press("v1:admin:block web:bob")
    assert pressed.edited is None
    assert await world.store.access_of(["web:bob"]) == {}


async def test_in_a_group_nothing_is_told_even_to_an_operator(world: World):
    reply = await world.say(
        "/admin stats", place="telegram:-5", kind=PlaceKind.GROUP, user=BOSS
    )

    assert reply.title.plain == "✋ /admin is for the private chat"


async def test_the_overview_names_what_can_be_done(world: World):
    text = (await admin(world)).plain

    for word in ("stats", "budget", "dead", "pause", "announce", "block", "invite"):
        assert word in text


async def test_a_word_it_does_not_know_is_answered_with_those_it_does(world: World):
    reply = await admin(world, "shutdown now")

    assert reply.title.plain == "✋ /admin knows no “shutdown”"
    assert "stats, budget, dead" in reply.plain


async def test_stats_count_people_watches_and_deliveries(world: World):
    await world.say("/watch BTC")
    await world.say("/broadcast ETH", place="telegram:-5", kind=PlaceKind.GROUP)
    await flip(world, "BTC")

    text = (await admin(world, "stats")).plain

    assert text.startswith("📊 2 recipients")
    assert "2 watches of 2 watchers" in text
    assert "sent 1 · pending 0" in text
    assert "telegram: 1 group" in text
    assert "web: 1 private" in text
    assert "worked" in text


async def test_users_are_listed_by_address_a_page_at_a_time(world: World):
    for number in range(12):
        await world.say("BTC", place=f"web:u{number}")

    first = await admin(world, "users")
    pressed = await world.desk.press(world.call("", BOSS), "v1:admin:users 2")

    assert first.title.plain == "👥 12 recipients"
    assert "web:u11 · private · 1 watch · 1 min" in first.plain
    assert "web:u1 " not in first.plain
    assert pressed.edited is not None
    assert "web:u1 · private" in pressed.edited.plain


# ---------------------------------------------------------------------------- budget


async def test_a_metered_engine_shows_what_it_has_cost(world: World):
    spending = Spending(
        used=1200,
        extra=100,
        limit=20000,
        per_poll=2,
        every_seconds=420,
        renews_at=world.clock().replace(month=2, day=1),
    )
    room = replace(world.room, spending=lambda _bookmark: spending)
    world.desk = CommandDesk(room)

    assert (await admin(world, "budget")).plain.split("\n") == [
        "💳 1,200 of 20,000 credits used · 6%",
        "Of these 100 for names, sizes and prices",
        "A poll takes 2 calls; one each 7 min",
        "New ones come on Feb 1",
    ]


async def test_an_engine_that_counts_nothing_says_so(world: World):
    assert "counts no calls" in (await admin(world, "budget")).title.plain


# ---------------------------------------------------------------------- dead letters


async def kill(world: World, *symbols: str) -> None:
    """Let the platform refuse the alerts on these assets for good."""
    for symbol in symbols:
        error = MessageRejectedError("no", reason="too_long")
        world.sender.refuse("web:alice", error, error)
        await flip(world, symbol)
    world.sender.behave()


async def test_dead_letters_are_listed_with_why_and_whose(world: World):
    assert (await admin(world, "dead")).title.plain == "✅ No dead letters"
    await world.say("/watch BTC")
    await kill(world, "BTC")

    reply = await admin(world, "dead")

    assert reply.title.plain == "✉️ 1 dead letter"
    assert "BTC flip · web:alice · too long" in reply.plain
    assert "v1:admin:dead replay all" in actions(reply)
    assert "1 dead letter: /admin dead" in (await admin(world)).plain


async def test_replayed_ones_go_out_if_they_still_count(world: World):
    await world.say("/watch BTC ETH")
    await kill(world, "BTC")

    pressed = await world.desk.press(world.call("", BOSS), "v1:admin:dead replay all")
    await world.deliver()

    assert pressed.edited is not None
    assert pressed.edited.title.plain == "✉️ 1 dead letter sent on their way again"
    assert [t.split("\n")[0] for t in world.sender.texts()] == [
        "🔴 BTC turned bearish · grade 25, was 75"
    ]


async def test_dropped_ones_never_go_out(world: World):
    await world.say("/watch BTC")
    await kill(world, "BTC")
    (row,) = await world.store.list_deliveries()

    reply = await admin(world, f"dead drop {row.id} 999")
    await world.deliver()

    assert reply.title.plain == "✉️ 1 dead letter dropped"
    assert world.sender.texts() == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dead replay", "Which ones to replay?"),
        ("dead drop x", "“x” is no number"),
        ("dead drop " + "9" * 30, "is no number"),
        ("dead bury 1", "knows no “bury”"),
        ("dead replay 5", "0 dead letters"),
    ],
)
async def test_what_is_no_dead_letter_changes_nothing(
    world: World, text: str, says: str
):
    assert says in (await admin(world, text)).plain


async def test_drop_and_replay_leave_what_is_not_dead_alone(world: World):
    await world.say("/watch BTC")
    await world.say("/mute 24h")
    await flip(world, "BTC")
    (row,) = await world.store.list_deliveries()

    await admin(world, f"dead drop {row.id}")

    (after,) = await world.store.list_deliveries()
    assert after.state is row.state


# ---------------------------------------------------------------------------- pauses


async def test_a_paused_platform_sends_nothing_and_loses_nothing(world: World):
    await world.say("/watch BTC")
    reply = await admin(world, "pause web")
    assert reply.title.plain == "⏸ The web chat paused"
    await flip(world, "BTC")
    assert world.sender.texts() == []

    # it outlives a restart
    await world.restart()
    await world.pauses.look()
    await world.deliver()
    assert world.sender.texts() == []
    assert "by telegram:1" in (await admin(world, "pause")).plain

    assert "goes on" in (await admin(world, "resume web")).plain
    await world.deliver()
    assert len(world.sender.texts()) == 1


async def test_paused_polls_fetch_nothing(world: World):
    await admin(world, "pause polls")
    asked = len(world.source.wanted)
    await flip(world, "BTC")

    assert len(world.source.wanted) == asked
    assert "Polls go on" in (await admin(world, "resume polls")).plain
    await world.poll()
    assert len(world.source.wanted) == asked + 1


async def test_what_can_not_be_paused_says_what_can(world: World):
    assert "polls, telegram, discord, web" in (await admin(world, "pause all")).plain
    assert "were not paused" in (await admin(world, "resume polls")).plain
    assert "Nothing is paused" in (await admin(world, "resume")).plain


# ---------------------------------------------------------------------------- invites


async def test_invites_are_listed_and_ended(world: World):
    made = await admin(world, "invite 5 30d")
    code = made.title.plain.rpartition(" ")[2]

    assert f"https://t.me/TestBot?start={code}" in made.plain
    assert "Lets in 5 of them until Feb 4" in made.plain
    assert 'app.access = "invite"' in made.plain
    assert f"{code} · used 0 of 5" in (await admin(world, "invites")).plain
    assert "lets nobody in" in (await admin(world, f"invite drop {code}")).plain
    assert (
        "No invite has that code" in (await admin(world, f"invite drop {code}")).plain
    )
    assert "No open invites" in (await admin(world, "invites")).plain


@pytest.mark.parametrize("words", ["0", "x", "99999999", "9999d"])
async def test_an_invite_that_makes_no_sense_is_refused(world: World, words: str):
    assert "I don't understand" in (await admin(world, f"invite {words}")).plain


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("block", "Whom to block?"),
        ("block alice", "Whom to block?"),
        ("unblock web:alice", "web:alice was not blocked"),
        ("allow web:alice", "web:alice may use the bot"),
        ("allow", "0 let in by name"),
        ("blocked", "0 blocked"),
    ],
)
async def test_rules_are_answered_in_words(world: World, text: str, says: str):
    assert says in (await admin(world, text)).plain


async def test_blocking_a_discord_user_puts_the_direct_messages_to_rest(world: World):
    await world.say("BTC", place="discord:77", user="discord:9")

    reply = await admin(world, "block discord:9")

    assert "1 inbox put to rest" in reply.plain
    assert "discord:9" in (await admin(world, "blocked")).plain
    assert "v1:admin:unblock discord:9" in actions(reply)
