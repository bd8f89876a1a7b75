"""History: days, turns, how all stand, the market's points, what was filled in."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.checks import Answer, Check, Context, Point, Tally, Trouble
from bot.model import (
    MARKET_KEY,
    EventKind,
    MarketPoint,
    Reading,
    Share,
    Signal,
    Snapshot,
    Tick,
)
from bot.ports import PollResult

BULLISH, BEARISH = Signal.BULLISH, Signal.BEARISH
START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONG_AGO = START - 1000 * DAY


@pytest.fixture
def world(store, clock):
    return World(store, clock)


class World:
    """Commits readings through the real detection, as polls do."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.states, self.tick = {}, 0

    async def poll(self, *readings, market=None):
        from bot.detect import Habit, detect_events

        self.tick += 1
        snapshot = Snapshot(
            source="tm", fetched_at=self.clock(), readings=tuple(readings)
        )
        habit = Habit(now=self.clock(), tick=self.tick, interval=HOUR)
        found = detect_events(self.states, snapshot, lines={}, habit=habit)
        self.states |= found.states
        return await self.store.commit_poll(
            PollResult(
                tick=Tick(source="tm", number=self.tick, started_at=self.clock()),
                snapshot=snapshot,
                finished_at=self.clock(),
                states=found.states,
                seen=found.seen,
                readings=found.readings,
                events=found.events,
                market=market,
            )
        )


def reading(days, signal, price=None, key="btc", **rest):
    return Reading(
        key=key,
        symbol=key.upper(),
        as_of=START + days * DAY,
        signal=Signal(signal),
        price=price,
        **{"grade": 50.0, **rest},
    )


async def turns_of(store, key="btc"):
    found = (await store.list_turns("tm", [key])).get(key, ())
    return [((t.as_of - START) / DAY, t.signal, t.price) for t in found]


async def test_turns_are_flips_at_the_price_at_which_they_were_told(world):
    await world.poll(reading(0, 1, 100.0))
    await world.poll(reading(1, -1, 90.0))
    await world.poll(reading(1, -1, 95.0))
    await world.poll(reading(2, 1, 80.0))

    assert await turns_of(world.store) == [(1, BEARISH, 90.0), (2, BULLISH, 80.0)]


async def test_a_turn_that_was_taken_back_is_none(world):
    await world.poll(reading(0, 1, 100.0))
    await world.poll(reading(1, -1, 90.0))
    await world.poll(reading(1, 1, 90.0))
    (corrected,) = await world.poll(reading(1, 1, 90.0))

    assert corrected.kind is EventKind.CORRECTION
    assert await turns_of(world.store) == []


async def test_turns_of_every_asset_leave_our_own_out(world):
    for days, signal in ((0, 1), (1, -1)):
        await world.poll(
            *(reading(days, signal, key=k) for k in ("btc", "eth", MARKET_KEY))
        )

    assert set(await world.store.list_turns("tm")) == {"btc", "eth"}
    assert set(await world.store.list_turns("tm", [MARKET_KEY])) == {MARKET_KEY}
    assert await world.store.list_turns("other") == {}


async def test_of_a_day_the_last_reading_counts_in_its_last_revision(world):
    for hours, price in ((0, 1.0), (5, 2.0), (11, 3.0), (13, 4.0)):
        await world.poll(reading(hours / 24, 1, price))

    found = await world.store.daily_readings(
        "tm", ["btc"], after=LONG_AGO, before=START + DAY
    )

    assert [r.price for r in found["btc"]] == [3.0, 4.0]
    assert [r.as_of for r in found["btc"]] == [START + 11 * HOUR, START + 13 * HOUR]


async def test_days_are_bounded_on_both_sides_and_strangers_left_out(world):
    for days in range(5):
        await world.poll(reading(days, 1, 1.0 + days))

    found = await world.store.daily_readings(
        "tm", ["btc", "nobody"], after=START, before=START + 3 * DAY
    )

    assert {k: [r.price for r in v] for k, v in found.items()} == {"btc": [2.0, 3.0]}


async def test_readings_between_come_with_every_revision_and_when_they_came(world):
    await world.poll(reading(0, 1))
    came = world.clock.tick(hours=1)
    await world.poll(reading(1, 1, 5.0))
    world.clock.tick(hours=1)
    await world.poll(reading(1, 1, 6.0))
    for _ in range(2):
        await world.poll(reading(1, -1, 6.0))

    found = await world.store.readings_between(
        "tm", ["btc"], after=START, until=START + DAY
    )

    rows = found["btc"]
    assert [(r.standing, r.price, r.is_revision) for r in rows] == [
        (BULLISH, 6.0, False),
        (BEARISH, 6.0, True),
    ]
    assert rows[0].recorded_at == came


async def test_stances_tell_how_all_stand_but_our_own(world):
    await world.poll(
        reading(0, 1, 7.0, key="btc", categories=("ai",), market_cap=9.0),
        reading(0, -1, key="eth"),
        reading(0, -1, key=MARKET_KEY),
    )
    await world.poll(reading(1, -1, 6.0, key="btc"))

    btc, eth = await world.store.list_stances("tm")

    assert (btc.symbol, btc.standing, btc.since) == ("BTC", BEARISH, START + DAY)
    assert (btc.price, btc.market_cap, btc.categories) == (6.0, 9.0, ("ai",))
    assert btc.known_since == START
    assert (eth.standing, eth.since) == (BEARISH, None)


async def test_the_market_has_a_point_a_time_and_the_later_word_counts(world):
    def point(days, bullish):
        return MarketPoint(
            as_of=START + days * DAY,
            share=Share(bullish=bullish, total=10),
            sectors={"ai": Share(bullish=1, total=5)},
            signal=BEARISH,
        )

    await world.poll(reading(0, 1), market=point(0, 5))
    await world.poll(reading(1, 1), market=point(1, 6))
    await world.poll(reading(1, -1), market=point(1, 7))

    assert await world.store.market_history("tm", after=LONG_AGO) == [
        point(0, 5),
        point(1, 7),
    ]
    assert await world.store.market_history("tm", after=START) == [point(1, 7)]
    assert await world.store.market_history("other", after=LONG_AGO) == []


async def test_fresh_is_what_was_new_not_what_was_asked_again(world):
    assert await world.store.last_fresh("tm") is None
    await world.poll(reading(0, 1, 1.0))
    fresh = world.clock()
    world.clock.tick(hours=3)
    await world.poll(reading(0, 1, 2.0))
    await world.poll(reading(0, 1, key=MARKET_KEY))

    assert await world.store.last_fresh("tm") == fresh


async def test_what_was_so_around_an_event_is_kept_with_it(world):
    from dataclasses import replace

    context = Context(
        checks=(
            Check(
                point=Point.PEERS,
                answer=Answer.NO,
                code="alone",
                figures=(("turned", 1), ("names", "SOL")),
            ),
            Check(point=Point.VOLUME, answer=Answer.UNKNOWN, code="no_volume"),
        ),
        tally=Tally(5, 9),
        market=0.31,
        market_before=0.68,
        trouble=Trouble(code="equal", count=100, last_good=START, until=None),
    )
    await world.poll(reading(0, 1))
    (flip,) = await world.poll(reading(1, -1))
    asked = replace(flip, key="again", context=context)
    await world.store.commit_poll(
        PollResult(
            tick=Tick(source="tm", number=99, started_at=START),
            snapshot=Snapshot(source="tm", fetched_at=START),
            finished_at=START,
            events=(asked,),
        )
    )

    newest, first = await world.store.recent_events("tm")

    assert newest.context == context
    assert first.context is None


async def test_a_failed_poll_may_bring_an_event(world):
    await world.poll(reading(0, 1))
    from bot.detect import Habit, detect_events

    snapshot = Snapshot(source="tm", fetched_at=START, readings=(reading(1, -1),))
    habit = Habit(now=START, tick=2, interval=HOUR)
    found = detect_events(world.states, snapshot, lines={}, habit=habit)
    events = await world.store.commit_poll(
        PollResult(
            tick=Tick(source="tm", number=2, started_at=START),
            snapshot=Snapshot(source="tm", fetched_at=START),
            finished_at=START,
            states=found.states,
            readings=found.readings,
            events=found.events,
            failure="timeout",
        )
    )

    (poll,) = await world.store.last_polls("tm")
    assert len(events) == 1
    assert (poll.is_ok, poll.reason, poll.events) == (False, "timeout", 1)
    assert (await world.store.last_good_poll("tm")).number == 1


# ---------------------------------------------------------------- filled in


async def test_what_is_filled_in_makes_turns_up_to_our_own_first_reading(world):
    await world.poll(reading(0, -1, 50.0))
    await world.poll(reading(1, 1, 60.0))
    past = [
        reading(-n, signal, 100.0 - n)
        for n, signal in ((5, -1), (4, 1), (3, 0), (2, 1), (1, 1))
    ]

    count = await world.store.add_history("tm", "btc", past)

    assert count == 5
    assert await turns_of(world.store) == [
        (-4, BULLISH, 96.0),
        (0, BEARISH, 50.0),
        (1, BULLISH, 60.0),
    ]
    found = await world.store.readings_between(
        "tm", ["btc"], after=LONG_AGO, until=START + DAY
    )
    assert [r.standing for r in found["btc"]] == [
        *(BEARISH, BULLISH, BULLISH, BULLISH, BULLISH),
        *(BEARISH, BULLISH),
    ]


async def test_older_windows_are_filled_in_after_newer_ones(world):
    await world.poll(reading(0, 1, 50.0))
    await world.store.add_history("tm", "btc", [reading(-1, 1, 5.0)])
    await world.store.add_history("tm", "btc", [reading(-2, -1, 4.0)])

    assert await turns_of(world.store) == [(-1, BULLISH, 5.0)]


async def test_filling_in_twice_or_what_we_have_changes_nothing(world):
    await world.poll(reading(0, 1, 50.0))
    past = [reading(-1, -1, 5.0)]
    await world.store.add_history("tm", "btc", past)
    events = await world.store.recent_events("tm")

    assert await world.store.add_history("tm", "btc", past) == 0
    assert await world.store.add_history("tm", "btc", [reading(0, -1, 1.0)]) == 0
    assert await world.store.add_history("tm", "nobody", past) == 0
    assert await turns_of(world.store) == [(0, BULLISH, 50.0)]
    assert await world.store.recent_events("tm") == events == []
