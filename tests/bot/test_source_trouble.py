"""What people hear of an engine that brings nothing, or nothing that can be true."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from fakes import START
from world import World, open_world

from bot.errors import SourceUnavailableError
from bot.model import Address
from bot.outages import Pulse, patience, trouble
from bot.preferences import NewsKind, Preferences, Sound

SYMBOLS = [f"A{n}" for n in range(12)]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for n, symbol in enumerate(SYMBOLS):
            opened.source.set(symbol, grade=60.0 + n, market_cap=1e9 - n)
        await opened.poll()
        await opened.say("/watch A0 A1")
        yield opened


def down() -> SourceUnavailableError:
    return SourceUnavailableError("connection refused", reason="connection")


async def fail(world: World, hours: float) -> None:
    """Let all polls of so many hours fail."""
    for _ in range(round(hours * 12)):
        world.source.fail_with(down())
        await world.poll()


# ---------------------------------------------------------------- when it is trouble


def pulse(**rest: object) -> Pulse:
    values: dict[str, object] = {
        "now": START,
        "interval": 5 * MINUTE,
        "update_every": DAY,
        "last_good": START,
    }
    return Pulse(**(values | rest))


def test_a_daily_engine_may_fail_for_two_hours_and_an_hourly_one_for_a_quarter():
    assert patience(5 * MINUTE, DAY) == 2 * HOUR
    assert patience(5 * MINUTE, HOUR) == 15 * MINUTE
    assert patience(HOUR, DAY) == 3 * HOUR


@pytest.mark.parametrize(
    ("reason", "age", "code"),
    [
        ("connection", 3 * HOUR, "unavailable"),
        ("connection", HOUR, None),
        ("implausible_equal", 3 * HOUR, "equal"),
        ("budget", 3 * HOUR, None),
        ("ended", 3 * HOUR, None),
        ("", 3 * HOUR, None),
    ],
)
def test_trouble_is_what_lasts_longer_than_usual(reason, age, code):
    found = trouble(pulse(reason=reason, last_good=START - age))

    assert (None if found is None else found.code) == code


def test_credits_are_trouble_once_the_months_are_used_up():
    late = pulse(reason="budget", last_good=START - 3 * HOUR)

    assert trouble(replace(late, until=START + 14 * HOUR)) is None
    assert trouble(replace(late, until=START + 27 * DAY)).code == "credits"


def test_an_engine_that_answers_with_nothing_new_is_stale_after_two_updates():
    assert trouble(pulse(last_fresh=START - 2 * DAY)) is None
    assert trouble(pulse(last_fresh=START - 3 * DAY)).code == "stale"


def test_before_anything_ever_worked_there_is_nothing_to_miss():
    assert trouble(pulse(reason="connection", last_good=None)) is None


# ---------------------------------------------------------------- what people hear


async def test_people_hear_once_that_silence_means_nothing_and_once_that_it_is_over(
    world,
):
    await fail(world, 5)
    assert len(world.sender.sent) == 1
    (text,) = world.sender.texts()
    assert text.splitlines()[:3] == [
        "⚠️ No fresh grades since 12:05 UTC",
        "The grading engine does not answer; I keep trying.",
        "Until it does I cannot see flips: silence from me now means nothing.",
    ]

    await world.poll()
    await world.poll()

    assert len(world.sender.sent) == 2
    assert world.sender.texts()[1].splitlines()[:2] == [
        "✅ Grades are back",
        "Blind from 12:05 UTC to 17:10 UTC.",
    ]


async def test_a_short_failure_is_nobodys_business(world):
    await fail(world, 1.5)
    await world.poll()

    assert world.sender.sent == []


async def test_what_turned_meanwhile_comes_with_the_recovery(world):
    await fail(world, 3)
    world.source.flip("A0")
    await world.poll()

    assert len(world.sender.sent) == 2
    lines = world.sender.texts()[1].splitlines()
    assert lines[0] == "✅ Grades are back · 1 change"
    assert lines[1].startswith("Blind from 12:05 UTC to ")
    assert any(line.startswith("🔴 A0 turned bearish") for line in lines)


async def test_trouble_that_is_over_before_it_could_be_told_is_not_told(world):
    person = await world.store.find_recipient(Address.parse("web:alice"))
    await world.store.park(person.address, reason="blocked", now=world.clock())
    await fail(world, 3)
    await world.poll()

    await world.store.unpark(person.address, now=world.clock())
    await world.deliver()

    assert world.sender.sent == []


async def test_who_does_not_want_it_hears_nothing(world):
    person = await world.store.find_recipient(Address.parse("web:alice"))
    quiet = Preferences(sounds={NewsKind.SOURCE: Sound.OFF})
    await world.store.set_preferences(person.id, quiet, now=world.clock())

    await fail(world, 3)
    await world.poll()

    assert world.sender.sent == []


async def test_who_watches_nothing_hears_nothing(world):
    await world.say("/watch A3", place="web:bob")
    await world.say("/unwatch A3", place="web:bob")

    await fail(world, 3)

    assert [to for to, _ in world.sender.sent] == ["web:alice"]


async def test_a_second_outage_is_told_again(world):
    await fail(world, 3)
    await world.poll()
    await fail(world, 3)

    titles = [text.splitlines()[0] for text in world.sender.texts()]
    assert [title[0] for title in titles] == ["⚠", "✅", "⚠"]


async def test_a_restart_in_the_middle_tells_nothing_twice(world):
    await fail(world, 3)
    await world.restart()
    await fail(world, 1)
    await world.poll()

    assert len(world.sender.sent) == 2


# ---------------------------------------------------------------- implausible snapshots


async def test_nothing_is_detected_on_a_snapshot_that_cant_be_true(world):
    for symbol in SYMBOLS:
        world.source.set(symbol, grade=50.0, signal=-1, market_cap=1e9)
    await world.poll()

    assert world.sender.sent == []
    (poll,) = await world.store.last_polls("fake")
    assert (poll.is_ok, poll.reason) == (False, "implausible_equal")
    assert world.poller.trouble() == "the engine sent 12 equal grades"


async def test_what_lasts_is_told_and_says_what_is_wrong(world):
    for symbol in SYMBOLS:
        world.source.set(symbol, grade=50.0, signal=-1, market_cap=1e9)
    for _ in range(30):
        await world.poll()

    (text,) = world.sender.texts()
    assert "The engine sent 12 equal grades; I do not believe them" in text


async def test_an_operators_word_lets_it_through_once(world):
    for symbol in SYMBOLS:
        world.source.set(symbol, grade=50.0, signal=-1, market_cap=1e9)
    await world.poll()

    stranger = await world.say("/believe")
    operator = await world.say("/believe", place="telegram:1", user="telegram:1")
    await world.poll()

    assert "Only operators" in stranger.plain
    assert operator.plain.startswith("👌 I believe it once")
    (text,) = world.sender.texts()
    assert "turned bearish" in text


async def test_with_nothing_held_there_is_nothing_to_believe(world):
    reply = await world.say("/believe", place="telegram:1", user="telegram:1")

    assert reply.plain.startswith("👌 Nothing is held")


# ---------------------------------------------------------------- silent assets


async def test_an_asset_that_is_no_longer_graded_is_told_once_to_its_watchers(world):
    await world.say("/watch all", place="web:bob")
    world.source.drop("A0")
    for _ in range(12):
        for n, symbol in enumerate(SYMBOLS[1:]):
            world.source.grade(symbol, 40.0 + n + world.clock().day)
        await world.poll(minutes=24 * 60)

    told = [(to, part["text"].splitlines()[0]) for to, part in world.sender.sent]
    assert told == [("web:alice", "⚪ No grades for A0 since Jan 5")]


async def test_an_asset_that_is_back_before_it_was_told_is_no_news(world):
    person = await world.store.find_recipient(Address.parse("web:alice"))
    known = world.source.known["a0"]
    await world.store.park(person.address, reason="blocked", now=world.clock())
    world.source.drop("A0")
    for n in range(9):
        world.source.set("A1", grade=50.0 + n, market_cap=1e9)
        await world.poll(minutes=24 * 60)
    world.source.set("A0", grade=known.grade, market_cap=1e9)
    await world.poll(minutes=24 * 60)

    await world.store.unpark(person.address, now=world.clock())
    await world.deliver()

    assert world.sender.sent == []


# ---------------------------------------------------------------- another engine


async def test_another_engine_takes_the_watches_along_and_flips_nothing(world):
    await world.say("/watch A2", place="web:bob")
    world.sender.sent.clear()
    world.source.name = "other"
    world.source.title = "Other Engine"
    for symbol in ("A0", "A2", "A3", "A4", "A5"):
        world.source.set(symbol, grade=20.0, signal=-1, key=f"x{symbol.lower()}")
    for symbol in SYMBOLS:
        world.source.drop(symbol)
    await world.restart()

    await world.poll()
    await world.poll()

    told = {to: part["text"].splitlines() for to, part in world.sender.sent}
    assert set(told) == {"web:alice", "web:bob"}
    assert len(world.sender.sent) == 2
    assert told["web:alice"][0] == "🔁 Another grading engine from today"
    assert told["web:alice"][1].startswith("Grades now come from Other Engine.")
    assert told["web:alice"][2] == "1 of your 2 are graded; not: A1."
    assert told["web:bob"][2] == "All of yours are graded."

    world.sender.sent.clear()
    world.source.set("A2", grade=90.0, signal=1, key="xa2")
    await world.poll()
    assert [to for to, _ in world.sender.sent] == ["web:bob"]
    assert world.sender.texts()[0].startswith("🟢 A2 turned bullish")


async def test_the_same_engine_after_a_restart_is_no_other(world):
    await world.restart()
    await world.poll()

    assert world.sender.sent == []
