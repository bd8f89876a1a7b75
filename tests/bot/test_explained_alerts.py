"""What an alert brings beside the flip; and that no future gets into it."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import event as sql_event
from world import World, open_world

from bot.checks import Answer, Point
from bot.model import Event, EventKind, Signal
from bot.poller import DAY, Poller, PollPlan

PEERS = ("BTC", "ETH", "SOL", "TAO", "FET", "NEAR", "RENDER")


def daily(world: World) -> None:
    """Let the world's polls be a day apart."""
    world.poller = Poller(
        world.source,
        world.store,
        PollPlan(interval=DAY, universe="all", worker="w1"),
        now=world.clock,
    )


async def live(world: World, days: int, seed: int = 1) -> None:
    """Let so many days pass with prices and turns at random."""
    chance = random.Random(seed)
    for _ in range(days):
        for number, symbol in enumerate(PEERS):
            known = world.source.known.get(symbol.lower())
            signal = Signal.BULLISH if known is None else known.signal
            price = 100.0 if known is None else known.price
            if known is not None and chance.random() < 0.15:
                signal = Signal(-(signal or 1))
            world.source.set(
                symbol,
                signal=signal,
                grade=chance.uniform(0, 100),
                price=(price or 100.0) * chance.uniform(0.9, 1.12),
                volume=1e6 * chance.uniform(0.5, 2),
                market_cap=1e9 / (number + 1),
                categories=("ai", "layer-1") if number else ("layer-1",),
                as_of=world.clock() + DAY,
            )
        await world.poll(minutes=24 * 60)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        daily(opened)
        yield opened


async def flips(world: World) -> list[Event]:
    events = await world.store.recent_events("fake", limit=1000)
    return [e for e in events if e.kind is EventKind.FLIP and "~" not in e.asset_key]


def turn_down(world: World, symbol: str, **values: float) -> None:
    known = world.source.known[symbol.lower()]
    world.source.set(
        symbol,
        signal=-1,
        market_cap=known.market_cap,
        categories=known.categories,
        as_of=world.clock() + DAY,
        **values,
    )


async def test_an_alert_brings_what_speaks_for_it_against_it_and_the_record(world):
    for symbol in PEERS:
        world.source.set(symbol, grade=70, price=100, volume=1e6, market_cap=1e9)
    for day in range(1, 24):
        await world.poll(minutes=24 * 60)
        for symbol in PEERS:
            signal = 1 if symbol != "ETH" or day % 4 < 2 else -1
            world.source.set(
                symbol,
                grade=70 if signal > 0 else 30,
                signal=signal,
                price=100 + (day % 4),
                volume=1e6,
                market_cap=1e9,
                as_of=world.clock() + DAY,
            )
    await world.poll(minutes=24 * 60)
    await world.say("/watch SOL ETH")
    turn_down(world, "SOL", grade=38, price=100, volume=4e5)

    await world.poll(minutes=24 * 60)

    (text,) = [t for t in world.sender.texts() if "SOL turned" in t]
    lines = text.splitlines()
    assert lines[0] == "🔴 SOL turned bearish · grade 38, was 70"
    assert any(
        x.startswith("✓ grade below 50 · volume fading · ETH bear") for x in lines
    )
    (events,) = [e for e in await flips(world) if e.asset_key == "sol"]
    assert events.context is not None
    assert {c.point for c in events.context.checks} == set(Point)

    signal = (await world.say("/signal SOL")).plain
    assert "When it turned bearish:" in signal
    assert "✓ Grade 38: below 50 conviction deteriorates" in signal
    record = (await world.say("/record ETH")).plain
    assert record.startswith("📒 ETH: price followed ")
    assert "not counted." in record


async def test_a_late_alert_does_not_say_how_others_stood_before(world):
    for symbol in PEERS:
        world.source.set(symbol, grade=70, signal=1, price=100, market_cap=1e9)
    await world.poll(minutes=24 * 60)
    await world.say("/watch SOL")
    await world.say("/mute SOL 100h")
    turn_down(world, "SOL", grade=38)
    await world.poll(minutes=24 * 60)
    for grade, symbol in enumerate(("BTC", "ETH"), 30):
        turn_down(world, symbol, grade=grade)
    world.source.set("SOL", grade=37, signal=-1, as_of=world.clock() + DAY)
    await world.poll(minutes=24 * 60)

    await world.say("/unmute")
    await world.deliver()

    (text,) = [t for t in world.sender.texts() if "SOL turned bearish" in t]
    assert "✓ grade below 50" in text
    assert "BTC" not in text


async def test_details_count_what_has_no_data(world):
    world.source.set("BTC", grade=70, price=None)
    await world.poll()
    world.source.set("BTC", grade=40, signal=-1, as_of=world.clock() + DAY)
    await world.poll(minutes=24 * 60)

    text = (await world.say("/signal BTC")).plain

    assert "When it turned bearish: 1 for, 0 against, 6 without data" in text
    assert "6 checks have no data" in text


async def test_records_are_told_of_one_asset_of_a_category_and_of_the_engine(world):
    await live(world, 40)
    asset = (await world.store.find_assets("fake", "ETH"))[0]

    whole = (await world.say("/record")).plain
    ai = (await world.say("/record #ai")).plain
    unknown = (await world.say("/record #nothing")).plain

    assert whole.startswith("📒 Fake Engine: price followed ")
    assert ai.startswith("📒 ai: price followed ")
    assert "assets with finished signals." in whole
    assert "No asset has the category" in unknown
    for view, title in (("all", "all "), ("ext", "best and worst")):
        reply = await world.press(f"v1:rec:{asset.id}:{view}")
        assert reply.message is not None
        assert reply.message.title.plain.startswith(f"📒 ETH: {title}")
    pressed = await world.press("v1:rec:0:sum")
    assert pressed.message.title.plain.startswith("📒 Fake Engine")
    assert (await world.press("v1:rec:999:all")).toast


async def test_nothing_that_comes_later_changes_an_alert_a_checklist_or_a_record_line(
    tmp_path,
):
    """Two worlds that part after some weeks agree on all that was before."""
    seed = 1
    known: list[dict[str, Event]] = []
    texts: list[list[str]] = []
    for number, later in enumerate((7, 99)):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with open_world(folder) as world:
            daily(world)
            await live(world, 1, seed)
            await world.say("/watch all")
            await live(world, 22, seed)
            before = {e.key: e for e in await flips(world)}
            sent = world.sender.texts()
            await live(world, 6, later)
            after = {e.key: e for e in await flips(world)}
            assert {key: after[key] for key in before} == before
            assert world.sender.texts()[: len(sent)] == sent
            known.append(before)
            texts.append(sent)

    assert known[0] == known[1]
    assert texts[0] == texts[1]
    assert any(
        check.answer is not Answer.UNKNOWN
        for event in known[0].values()
        for check in (event.context.checks if event.context else ())
    )


async def test_many_flips_take_no_more_statements_than_one(world):
    def grade_all(signals: list[int]) -> None:
        for n, signal in enumerate(signals):
            world.source.set(
                f"A{n}",
                grade=60.0 + n / 100 + signal,
                signal=signal,
                price=2.0,
                categories=("ai",),
                as_of=world.clock() + DAY,
            )

    async def selects() -> int:
        said: list[str] = []

        def note(_c, _cursor, statement, *_rest) -> None:
            said.append(statement)

        engine = world.store._database._reader.sync_engine
        sql_event.listen(engine, "before_cursor_execute", note)
        world.clock.advance(days=1)
        events = await world.poller.poll()
        sql_event.remove(engine, "before_cursor_execute", note)
        flipped.append(sum(e.kind is EventKind.FLIP for e in events))
        return len(said)

    flipped: list[int] = []
    grade_all([1] * 300)
    await selects()
    grade_all([-1] + [1] * 299)
    one = await selects()
    grade_all([-1] * 300)
    many = await selects()

    assert flipped[1] == 1
    # 299 assets, and the market with them
    assert flipped[2] == 300
    assert many <= one + 2
