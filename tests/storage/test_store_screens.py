"""The store's tables of assets and flips, the same on every database."""

from datetime import timedelta

import pytest

from bot.model import Conditions, EventKind, Scope, Signal, Target
from bot.screening import Screen

BULLISH, BEARISH = Signal.BULLISH, Signal.BEARISH


async def put(world, symbol: str, **more):
    """Make an asset known, with when and how it stands."""
    since = world.clock() - timedelta(days=more.pop("days", 10))
    standing = more.pop("standing", BULLISH)
    reading = world.reading(symbol, signal=standing, **more)
    state = world.state(reading, standing=standing, standing_since=since)
    await world.poll(reading, states={reading.key: state})
    return (await world.store.find_assets(world.source, symbol))[0]


async def seen(world, **screen) -> list[str]:
    found = await world.store.list_screen(world.source, Screen(**screen))
    assert found.total >= len(found.rows)
    return [a.symbol for a in found.rows]


async def test_a_screen_lists_the_highest_grade_first_then_the_largest(world):
    await put(world, "SMALL", grade=70.0, market_cap=1e6)
    await put(world, "LARGE", grade=70.0, market_cap=1e9)
    await put(world, "BEST", grade=90.0)
    await put(world, "BLANK", grade=None)

    assert await seen(world) == ["BEST", "LARGE", "SMALL"]


async def test_the_freshest_flip_comes_first_where_that_is_asked(world):
    await put(world, "OLD", grade=90.0, days=30)
    await put(world, "NEW", grade=60.0, days=1)

    assert await seen(world, is_freshest_first=True) == ["NEW", "OLD"]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(), ["A", "B", "C"]),
        (Conditions(min_grade=80), ["A", "B"]),
        (Conditions(max_grade=80), ["C"]),
        (Conditions(direction=BEARISH), ["B"]),
        (Conditions(min_market_cap=2e9), ["B"]),
        (Conditions(max_market_cap=2e9), ["A"]),
        (Conditions(min_volume=5e6), ["B"]),
        (Conditions(min_grade=80, max_volume=5e6), ["A"]),
    ],
)
async def test_bounds_are_inclusive_below_and_exclusive_above(
    world, conditions, expected
):
    await put(world, "A", grade=90.0, market_cap=1e9, volume=1e6)
    await put(world, "B", grade=80.0, market_cap=2e9, volume=5e6, standing=BEARISH)
    # what the engine does not give meets no condition
    await put(world, "C", grade=79.9)

    assert await seen(world, conditions=conditions) == expected


async def test_a_screen_looks_at_when_the_signal_began(world):
    await put(world, "FRESH", days=2)
    await put(world, "OLD", days=5)
    now = world.clock()

    assert await seen(world, after=now - timedelta(days=3)) == ["FRESH"]
    assert await seen(world, before=now - timedelta(days=3)) == ["OLD"]


async def test_a_screen_leaves_out_what_no_poll_brings_any_more(world):
    await put(world, "GONE")
    world.clock.tick(days=8)
    await put(world, "HERE")

    week = world.clock() - timedelta(days=7)
    assert await seen(world, seen_after=week) == ["HERE"]


async def test_several_targets_are_any_of_them(world):
    btc = await put(world, "BTC", grade=50.0, market_cap=3.0)
    await put(world, "TAO", grade=60.0, market_cap=2.0, categories=("ai",))
    await put(world, "DOGE", grade=70.0, market_cap=1.0, categories=("meme",))

    assert await seen(
        world,
        targets=(
            Target(scope=Scope.ASSET, asset_id=btc.id),
            Target(scope=Scope.CATEGORY, category="ai"),
        ),
    ) == ["TAO", "BTC"]
    assert await seen(world, targets=(Target(scope=Scope.TOP, top=1),)) == ["BTC"]
    assert len(await seen(world, targets=(Target(scope=Scope.ALL),))) == 3


async def test_a_page_has_its_rows_and_the_count_of_all(world):
    for number in range(7):
        await put(world, f"A{number}", grade=90.0 - number)

    screen = Screen(offset=3, limit=3)
    found = await world.store.list_screen(world.source, screen)

    assert found.total == 7
    assert [a.symbol for a in found.rows] == ["A3", "A4", "A5"]
    assert found.rows[0].state is not None
    assert found.rows[0].state.standing is BULLISH


async def test_another_source_is_not_listed(world):
    await put(world, "BTC")

    assert (await world.store.list_screen("other", Screen())).total == 0


# ---------------------------------------------------------------------------- flips


async def flips(world, **screen) -> list[str]:
    found = await world.store.list_flips(world.source, Screen(**screen))
    assert found.total >= len(found.rows)
    assets = await world.store.get_assets([e.asset_id for e in found.rows])
    return [assets[e.asset_id].symbol for e in found.rows]


async def test_flips_come_newest_first_and_of_one_moment_the_largest_first(world):
    small = await put(world, "SMALL", market_cap=1.0)
    large = await put(world, "LARGE", market_cap=2.0)
    await world.happen(world.end(large))
    world.clock.tick(days=1)
    await world.happen(world.event(small), world.event(large))

    assert await flips(world) == ["LARGE", "SMALL", "LARGE"]
    day = world.clock() - timedelta(hours=12)
    assert await flips(world, after=day) == ["LARGE", "SMALL"]
    assert await flips(world, before=day) == ["LARGE"]
    assert await flips(world, offset=1, limit=1) == ["SMALL"]


async def test_a_flip_is_listed_by_what_was_so_then(world):
    btc = await put(world, "BTC", grade=10.0, market_cap=1.0, categories=("layer-1",))
    await world.happen(
        world.event(btc, grade_to=81.0, market_cap=5e9, volume=2e6),
        world.end(btc, grade_to=30.0),
    )

    assert await flips(world, conditions=Conditions(min_grade=80)) == ["BTC"]
    assert await flips(world, conditions=Conditions(min_grade=82)) == []
    assert await flips(world, conditions=Conditions(direction=BEARISH)) == ["BTC"]
    assert await flips(world, conditions=Conditions(min_market_cap=2e9)) == ["BTC"]
    assert await flips(world, conditions=Conditions(max_volume=1e6)) == []
    layer = Target(scope=Scope.CATEGORY, category="layer-1")
    assert await flips(world, targets=(layer,)) == ["BTC", "BTC"]


async def test_what_was_withdrawn_and_what_is_no_flip_is_not_listed(world):
    btc = await put(world, "BTC")
    (wrong,) = await world.happen(world.event(btc))
    await world.happen(
        world.end(btc, kind=EventKind.CORRECTION, corrects=wrong.key),
        world.event(btc, kind=EventKind.CROSSING),
        world.end(btc),
    )

    found = await world.store.list_flips(world.source, Screen())

    assert found.total == 1
    assert found.rows[0].to_signal is BEARISH
