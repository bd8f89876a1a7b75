"""The noise budget: said once, with what would help."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, open_world

from bot.model import Today
from bot.noise_budget import Advice, Remedy, advise
from bot.preferences import Pace, Preferences

THREE = Preferences(daily_budget=3)
ALICE = "web:alice"


def today(messages: int = 3, **rest: int) -> Today:
    return Today(messages=messages, **({"flips": 3} | rest))


@pytest.mark.parametrize("messages", [0, 2, 4])
def test_only_the_first_message_over_the_budget_speaks_of_it(messages: int):
    assert advise(THREE, today(messages)) is None


def test_without_a_budget_nothing_is_too_much():
    assert advise(Preferences(), today(40)) is None


@pytest.mark.parametrize(
    ("sent", "chosen", "remedy"),
    [
        (today(flips=1, crossings=3), THREE, Remedy.FEWER_LINES),
        (today(repeated=1), THREE, Remedy.CALM),
        (
            today(repeated=1),
            Preferences(daily_budget=3, pace=Pace.CALM),
            Remedy.DIGEST,
        ),
        (today(), THREE, Remedy.DIGEST),
    ],
    ids=["lines", "the same asset again", "calm already", "many assets"],
)
def test_what_would_help_follows_from_the_day(sent, chosen, remedy):
    assert advise(chosen, sent) == Advice(4, 3, remedy)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for symbol in ("BTC", "ETH", "SOL", "TAO", "ARB"):
            opened.source.set(symbol, grade=75, signal=1, market_cap=1e9)
        await opened.poll()
        yield opened


async def test_the_fourth_message_of_a_day_says_what_would_help(world: World) -> None:
    await world.say("/watch BTC ETH SOL TAO ARB")
    await world.prefer(daily_budget=3)
    for symbol in ("BTC", "ETH", "SOL", "TAO", "ARB"):
        world.source.flip(symbol)
        await world.poll()

    texts = world.sender.texts(ALICE)
    over = [n for n, text in enumerate(texts, 1) if "you wanted" in text]
    assert over == [4]
    assert (
        "Message 4 today, you wanted at most 3.\n"
        "A digest makes one of them: /digest daily 08:00"
    ) in texts[3]


async def test_lines_are_named_as_what_is_loud(world: World) -> None:
    await world.say("/watch BTC 50")
    await world.prefer(daily_budget=2)
    for grade in (40, 60, 40):
        world.source.grade("BTC", grade)
        await world.poll()

    assert (
        "Most were grades passing your lines: /threshold off"
        in (world.sender.texts(ALICE)[2])
    )


async def test_a_new_local_day_has_its_own_budget(world: World) -> None:
    await world.say("/watch BTC ETH")
    await world.prefer(daily_budget=1, zone="Pacific/Auckland")
    world.source.flip("BTC")
    # in Auckland it is shortly after one at night
    await world.poll()
    world.clock.advance(hours=23)
    world.source.flip("ETH")
    await world.poll()

    assert not any("you wanted" in text for text in world.sender.texts(ALICE))
