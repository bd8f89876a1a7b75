"""A broad move goes on: its table is edited, and one line follows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, open_world

from bot.errors import TemporaryDeliveryError
from bot.preferences import Pace

ALICE = "web:alice"
SYMBOLS = ("BTC", "ETH", "SOL", "TAO", "ARB", "TON", "ENA", "KAS")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for number, symbol in enumerate(SYMBOLS):
            opened.source.set(symbol, grade=75, signal=1, market_cap=1e12 / 2**number)
        await opened.poll()
        await opened.say(f"/watch {' '.join(SYMBOLS)}")
        yield opened


async def turn(world: World, *symbols: str, minutes: float = 5) -> None:
    for symbol in symbols:
        world.source.flip(symbol)
    await world.poll(minutes=minutes)


async def test_later_flips_edit_the_table_and_add_one_line(world: World) -> None:
    await turn(world, *SYMBOLS[:5])
    await turn(world, "TON", "ENA", minutes=10)

    table, line = world.sender.texts(ALICE)
    assert table.splitlines()[:2] == [
        "🔴 7 of your 8 turned bearish",
        "Market 12% bullish, before 100%",
    ]
    assert "ENA    75→25" in table
    assert "As before: KAS bullish" in table
    assert line == (
        "🔴 2 more bearish: TON 25, ENA 25\n"
        "7 of your 8 since 12:10 UTC · market 12% bullish\n"
        "\n"
        "Fake Engine"
    )


async def test_a_third_batch_edits_the_same_table(world: World) -> None:
    await turn(world, *SYMBOLS[:5])
    await turn(world, "TON", minutes=10)
    await world.restart()
    await turn(world, "ENA", minutes=10)

    table, _, line = world.sender.texts(ALICE)
    assert table.startswith("🔴 7 of your 8 turned bearish")
    assert line.startswith("🔴 1 more bearish: ENA 25\n7 of your 8 since 12:10 UTC")
    assert {ref for ref, _ in world.sender.edits} == {"m1"}


async def test_what_turns_back_within_the_move_is_in_the_other_table(
    world: World,
) -> None:
    await world.prefer(pace=Pace.FAST)
    await turn(world, *SYMBOLS[:5])
    await turn(world, "BTC", "TON", minutes=10)

    table, line = world.sender.texts(ALICE)
    assert table.startswith("⚡ 6 of your 8 flipped: 5 bearish, 1 bullish")
    assert line.startswith("⚡ 2 more flipped: BTC bullish 75, TON bearish 25")


async def test_after_half_an_hour_it_is_another_move(world: World) -> None:
    await turn(world, *SYMBOLS[:5])
    await turn(world, "TON", minutes=31)

    table, alert = world.sender.texts(ALICE)
    assert table.startswith("🔴 5 of your 8")
    assert alert.startswith("🔴 TON turned bearish")
    assert world.sender.edits == []


async def test_a_table_that_cannot_be_edited_keeps_no_line_back(world: World) -> None:
    await turn(world, *SYMBOLS[:5])
    world.sender.refuse_edits(TemporaryDeliveryError("busy", reason="rate_limited"))
    await turn(world, "TON", minutes=10)

    table, line = world.sender.texts(ALICE)
    assert table.startswith("🔴 5 of your 8")
    assert line.startswith("🔴 1 more bearish: TON 25")


async def test_a_line_passed_meanwhile_is_an_alert_of_its_own(world: World) -> None:
    await world.say("/watch KAS 50")
    await turn(world, *SYMBOLS[:5])
    world.source.grade("KAS", 40)
    await world.poll(minutes=10)

    _, alert = world.sender.texts(ALICE)
    assert alert.startswith("📉 KAS grade 40")
