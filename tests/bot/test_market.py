"""The bull-bear indicator: shares, sectors, market flips, /market, and who hears."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from factories import BEARISH, BULLISH, DAY, NEUTRAL, NOON, state
from world import World, open_world

from bot import market, market_words
from bot.market_words import MarketNow
from bot.model import MarketPoint, Share, Signal, Stance


def stance(symbol: str, standing: Signal = BULLISH, **rest: object) -> Stance:
    values: dict[str, object] = {"as_of": NOON, "since": NOON - 30 * DAY}
    return Stance(key=symbol.lower(), symbol=symbol, standing=standing, **values | rest)


def many(bullish: int, bearish: int, **rest: object) -> list[Stance]:
    return [stance(f"U{n}", BULLISH, **rest) for n in range(bullish)] + [
        stance(f"D{n}", BEARISH, **rest) for n in range(bearish)
    ]


def point(bullish: int, total: int = 100, **rest: object) -> MarketPoint:
    values: dict[str, object] = {"as_of": NOON}
    return MarketPoint(share=Share(bullish=bullish, total=total), **values | rest)


# ---------------------------------------------------------------- measuring


def test_the_share_counts_assets_with_a_signal():
    found = market.measure([*many(3, 4), stance("N", NEUTRAL)], as_of=NOON)

    assert found.share == Share(bullish=3, total=7)


def test_an_asset_that_is_no_longer_graded_is_not_counted():
    old = stance("OLD", as_of=NOON - 8 * DAY)

    assert market.measure([*many(3, 4), old], as_of=NOON).share.total == 7


def test_under_five_assets_there_is_no_market():
    assert market.measure(many(2, 2), as_of=NOON) is None


def test_a_sector_needs_five_assets():
    stances = [
        *many(3, 2, categories=("ai",)),
        *(stance(f"M{n}", categories=("meme",)) for n in range(4)),
    ]

    found = market.measure(stances, as_of=NOON)

    assert found.sectors == {"ai": Share(bullish=3, total=5)}


# ---------------------------------------------------------------- market flips


@pytest.mark.parametrize(
    ("share", "before", "expected"),
    [
        (60, None, BULLISH),
        (40, None, BEARISH),
        (57, None, NEUTRAL),
        (57, 56, BULLISH),
        (57, 50, NEUTRAL),
        (55, 55, BULLISH),
        (54, 90, NEUTRAL),
        (45, 45, BEARISH),
        (46, 10, NEUTRAL),
        (43, 50, NEUTRAL),
    ],
)
def test_the_market_turns_beyond_55_and_45_once_it_is_sure(share, before, expected):
    earlier = None if before is None else point(before)

    assert market.verdict(point(share), earlier) is expected


def test_the_engines_own_word_counts_as_it_is():
    assert market.verdict(point(90, signal=BEARISH), None) is BEARISH


def test_a_week_ago_is_the_newest_point_a_week_old():
    history = [
        point(n, as_of=NOON - days * DAY) for n, days in enumerate((12, 9, 8, 6))
    ]

    assert market.week_before(history, NOON) == history[2]
    assert market.week_before(history[:1], NOON) is None
    assert market.week_before([], NOON) is None


# ---------------------------------------------------------------- /market


def test_market_is_worded_as_documented():
    now = NOON + timedelta(minutes=5)
    sectors = {
        "ai": Share(bullish=6, total=10),
        "rwa": Share(bullish=3, total=9),
        "meme": Share(bullish=1, total=8),
    }
    before = {
        "ai": Share(bullish=7, total=10),
        "rwa": Share(bullish=4, total=9),
        "meme": Share(bullish=2, total=8),
    }
    stances = [
        stance("BTC", BEARISH, grade=44.0, since=NOON - DAY / 2),
        stance("ETH", BEARISH, grade=38.0, since=NOON),
        stance("APT", BULLISH, grade=66.0, since=NOON),
        stance("KAS", BULLISH, grade=71.0),
        stance("TAO", BEARISH, grade=47.0),
    ]
    found = MarketNow(
        point=point(31, sectors=sectors),
        week_ago=point(64, as_of=NOON - 7 * DAY, sectors=before),
        state=state(BEARISH, since=NOON),
        stances=stances,
        grades_before={"apt": 47.0, "kas": 60.0, "tao": 83.0, "eth": 71.0, "btc": 45.0},
    )

    message = market_words.market(found, now=now, source_title="Token Metrics")

    assert message.plain.splitlines() == [
        "📊 Market 31% bullish, a week ago 64%",
        "Market signal 🔴 bearish since 14:00 UTC",
        "BTC 🔴▼ 44 · ETH 🔴▼ 38",
        "",
        "Last 24 h: 1 turned bullish, 2 bearish",
        "Up: APT 47→66 · KAS 60→71",
        "Down: TAO 83→47 · ETH 71→38",
        "ai 60% ↓ · rwa 33% ↓ · meme 12% ↓",
        "",
        "100 assets with a signal · Token Metrics",
    ]


# ---------------------------------------------------------------- in a whole world


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for n in range(10):
            opened.source.set(f"A{n}", grade=70, categories=("ai",))
        await opened.poll()
        yield opened


async def turn(world: World, count: int) -> None:
    for n in range(count):
        world.source.flip(f"A{n}")
    await world.poll()


async def test_whoever_watches_the_market_hears_of_its_flip(world):
    await world.say("/watch MARKET")

    await turn(world, 7)

    (text,) = world.sender.texts()
    assert text.startswith("🔴 The market turned bearish · 30% bullish, was 100%")


async def test_a_line_on_the_market_is_its_bullish_share(world):
    await world.say("/watch MARKET 75")

    await turn(world, 4)

    (text,) = world.sender.texts()
    assert text.startswith("📉 Market 60% bullish, was 100%\nFell below your line 75")


async def test_a_watch_on_everything_does_not_cover_the_market(world):
    await world.say("/watch all")

    await turn(world, 7)

    (text,) = world.sender.texts()
    assert "MARKET" not in text
    assert "7" in text.splitlines()[0]


async def test_market_tells_what_stands_now(world):
    await turn(world, 7)

    text = (await world.say("/market")).plain

    assert text.startswith("📊 Market 30% bullish\nMarket signal 🔴 bearish since")
    assert "Last 24 h: 0 turned bullish, 7 bearish" in text
    assert "ai 30%" in text
    assert "10 assets with a signal" in text


async def test_without_assets_there_is_no_market_yet(tmp_path):
    async with open_world(tmp_path) as empty:
        text = (await empty.say("/market")).plain

    assert text.startswith("📊 No market yet")


async def test_the_history_has_a_point_for_each_time_of_the_engine(world):
    await turn(world, 7)
    await world.poll()

    points = await world.store.market_history("fake", after=NOON - 9999 * DAY)

    assert [p.share.bullish for p in points] == [10, 3]
