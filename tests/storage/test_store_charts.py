"""The history of one asset as a picture needs it, on every backend."""

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.model import Signal
from bot.pictures import FlipDot, Point

HOUR = timedelta(hours=1)
UP, DOWN, NOTHING = Signal.BULLISH, Signal.BEARISH, Signal.NEUTRAL


async def tell(world, *rows, symbol="BTC"):
    """Read the asset once per row: hours from the start, signal, grade, price."""
    start = world.clock()
    for hours, signal, grade, price in rows:
        as_of = start + hours * HOUR
        await world.poll(
            world.reading(symbol, as_of=as_of, signal=signal, grade=grade, price=price)
        )
    return (await world.store.find_assets("engine", symbol))[0].id


async def history(world, asset_id, since, until, most=100):
    start = world.clock()
    return await world.store.chart_history(
        asset_id, since=start + since * HOUR, until=start + until * HOUR, most=most
    )


async def test_what_was_said_in_the_window_comes_oldest_first(world):
    start = world.clock()
    btc = await tell(
        world,
        (0, UP, 60.0, 1.0),
        (1, UP, 61.0, None),
        (2, UP, None, 3.0),
        (3, UP, 9, 9),
    )

    found = await history(world, btc, 1, 2)

    assert found.points == (
        Point(start + HOUR, None, 61.0),
        Point(start + 2 * HOUR, 3.0, None),
    )


async def test_flips_are_changes_of_the_standing_signal(world):
    start = world.clock()
    btc = await tell(
        world,
        (0, UP, 60.0, 1.0),
        (1, NOTHING, 60.0, 1.5),
        (2, UP, 60.0, 2.0),
        (3, DOWN, 30.0, 3.0),
        (4, None, 30.0, 4.0),
        (5, UP, 70.0, 5.0),
    )

    found = await history(world, btc, 0, 5)

    assert found.standing is True
    assert found.flips == (
        FlipDot(start + 3 * HOUR, False, 3.0),
        FlipDot(start + 5 * HOUR, True, 5.0),
    )


async def test_the_first_signal_of_all_is_no_flip_but_stands(world):
    btc = await tell(world, (0, DOWN, 60.0, 1.0), (1, DOWN, 60.0, 1.0))

    found = await history(world, btc, 0, 5)

    assert (found.standing, found.flips) == (False, ())


async def test_what_stood_before_the_window_tells_whether_its_first_is_a_flip(world):
    start = world.clock()
    btc = await tell(
        world, (0, DOWN, 60.0, 1.0), (5, UP, 60.0, 2.0), (6, UP, 60.0, 2.0)
    )

    assert (await history(world, btc, 4, 9)).flips == (
        FlipDot(start + 5 * HOUR, True, 2.0),
    )
    later = await history(world, btc, 6, 9)
    assert (later.standing, later.flips) == (True, ())


async def test_a_revision_replaces_and_takes_its_flip_along(world):
    btc = await tell(
        world, (0, UP, 60.0, 1.0), (1, DOWN, 30.0, 2.0), (1, UP, 65.0, 2.5)
    )

    found = await history(world, btc, 0, 5)

    assert [p.grade for p in found.points] == [60.0, 65.0]
    assert found.flips == ()


@pytest.mark.parametrize(("count", "most"), [(9, 10), (10, 10), (11, 10), (31, 10)])
async def test_a_long_history_is_thinned_out_evenly_and_ends_at_the_newest(
    world, count, most
):
    start = world.clock()
    btc = await tell(world, *((i, UP, 60.0, float(i)) for i in range(count)))

    points = (await history(world, btc, 0, count, most)).points

    assert len(points) <= most
    assert len(points) >= min(count, most) / 2
    assert points[-1].at == start + (count - 1) * HOUR
    assert len({b.at - a.at for a, b in pairwise(points)}) == 1


async def test_thinning_out_leaves_no_flip_out(world):
    rows = [(i, UP if i % 2 else DOWN, 60.0, 1.0) for i in range(21)]
    btc = await tell(world, *rows)

    found = await history(world, btc, 0, 30, most=3)

    assert len(found.flips) == 20


async def test_of_very_many_flips_the_newest_are_given(world, monkeypatch):
    monkeypatch.setattr("storage.charts.FLIPS_MAX", 5)
    count = 9
    btc = await tell(
        world, *((i, UP if i % 2 else DOWN, 60.0, 1.0) for i in range(count))
    )

    flips = (await history(world, btc, 0, count)).flips

    assert len(flips) == 5
    assert flips[-1].at == world.clock() + (count - 1) * HOUR


async def test_other_assets_are_left_out_and_unknown_ones_are_empty(world):
    btc = await tell(world, (0, UP, 60.0, 1.0))
    await tell(world, (0, DOWN, 30.0, 7.0), symbol="ETH")

    assert len((await history(world, btc, 0, 1)).points) == 1
    nobody = await history(world, 999_999, 0, 1)
    assert (nobody.points, nobody.flips, nobody.standing) == ((), (), None)
