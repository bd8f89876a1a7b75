"""Why a grade is what it is, as /signal and its button say it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from factories import NOON, asset, state
from world import World, open_world

from bot import grade_words
from bot.app_engine import explainer
from bot.commands.desk import CommandDesk
from bot.message import Table
from bot.model import Component, Explanation
from bot.words import columns

POINTS = {
    "trend": 12.4,
    "breakout": 13.0,
    "momentum": 5.2,
    "market": 4.1,
    "drawdown": 0.4,
    "volume": -3.6,
    "odds": -0.8,
}


def explanation(**changes: object) -> Explanation:
    components = tuple(
        Component(name=name, value=50 + 3 * points, weight=0.1, points=points)
        for name, points in POINTS.items()
    )
    return replace(Explanation(as_of=NOON, components=components), **changes)


def said(blocks: object) -> list[str]:
    return [block.plain for block in blocks]


def test_the_largest_shares_are_named_those_for_and_those_against() -> None:
    assert said(grade_words.why(explanation())) == [
        "Lifted by breakout +13 · trend +12 · momentum +5",
        "Held down by volume −4 · odds −1",
    ]


def test_a_side_without_a_reason_is_not_named() -> None:
    rising = tuple(c for c in explanation().components if c.points > 0)

    assert len(grade_words.why(explanation(components=rising))) == 1


def test_a_young_asset_is_told_how_much_history_it_has_and_needs() -> None:
    young = Explanation(as_of=NOON, days=31, enough_days=70)

    assert said(grade_words.why(young)) == [
        "Not enough history for a grade: 31 of 70 days."
    ]
    about = asset("NEW", state=state(grade=None))
    assert "31 of 70 days" in grade_words.all_components(about, young).plain


def test_without_a_candle_nothing_is_claimed() -> None:
    assert grade_words.why(Explanation(as_of=NOON, days=90, enough_days=70)) == []


def test_all_components_are_rows_that_a_phone_shows() -> None:
    message = grade_words.all_components(
        asset("BTC", state=state(grade=81.5)), explanation()
    )

    (table,) = (block for block in message.body if isinstance(block, Table))
    assert message.title.plain == "🔍 BTC: why the grade is 81"
    assert table.rows[:2] == (
        "          0-100 weight points",
        "trend        87    10%  +12.4",
    )
    assert len(table.rows) == 1 + len(POINTS)
    assert max(map(columns, table.rows)) <= 30


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=83, price=100.0)
        await opened.poll()
        yield opened


def explained_by(world: World, found: Explanation | None) -> None:
    """Let the engine explain every grade by the same."""
    world.room = replace(world.room, explain=lambda _key: found)
    world.desk = CommandDesk(world.room)


async def stored_as_of(world: World):
    (found,) = await world.store.find_assets("fake", "BTC")
    return found.id, found.state.last.as_of


async def test_a_signal_says_why_and_its_button_shows_all(world: World) -> None:
    number, as_of = await stored_as_of(world)
    explained_by(world, explanation(as_of=as_of))

    message = await world.say("/signal BTC")

    assert "Lifted by breakout +13" in message.plain
    (button,) = (b for row in message.buttons for b in row if "Why" in b.label)
    assert button.action == f"v1:parts:{number}"
    reply = await world.press(button.action)
    assert reply.message.title.plain.endswith("why the grade is 83")


async def test_another_hours_reasons_explain_nothing(world: World) -> None:
    _, as_of = await stored_as_of(world)
    explained_by(world, explanation(as_of=as_of + timedelta(hours=1)))

    message = await world.say("/signal BTC")

    assert "Lifted" not in message.plain


async def test_an_engine_that_does_not_explain_is_asked_for_nothing(
    world: World,
) -> None:
    assert explainer(world.source)("btc") is None

    message = await world.say("/signal BTC")

    assert not any("Why" in b.label for row in message.buttons for b in row)
