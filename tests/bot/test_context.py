"""The checklist: three hand-made cases a point, and what must hold for all."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from factories import BEARISH, BULLISH, DAY, HOUR, NEUTRAL, NOON, flip
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import context
from bot.checks import Answer, Check, Point
from bot.context import Scene
from bot.model import (
    Event,
    MarketPoint,
    PastReading,
    Share,
    Signal,
    Stance,
    Turn,
)

YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def turned(to: Signal, **rest: object) -> Event:
    """A flip of BTC."""
    return replace(flip(to), asset_key="btc", **rest)


def past(
    prices: Sequence[float | None],
    volumes: Sequence[float | None] | None = None,
    *,
    key: str = "btc",
) -> list[PastReading]:
    """Daily readings up to the day before the flip."""
    sizes = volumes or [None] * len(prices)
    begin = NOON - len(prices) * DAY
    return [
        PastReading(
            key=key,
            as_of=begin + n * DAY,
            recorded_at=begin + n * DAY,
            standing=BULLISH,
            price=price,
            volume=volume,
        )
        for n, (price, volume) in enumerate(zip(prices, sizes, strict=True))
    ]


def stance(
    key: str,
    standing: Signal = BULLISH,
    *,
    since_days: float | None = 100,
    known_days: float | None = 200,
    **rest: object,
) -> Stance:
    """How an asset stands, and since how many days."""
    return Stance(
        key=key,
        symbol=key.upper(),
        standing=standing,
        as_of=NOON,
        since=None if since_days is None else NOON - since_days * DAY,
        known_since=None if known_days is None else NOON - known_days * DAY,
        **rest,
    )


def among(*stances: Stance, **rest: object) -> Scene:
    """A scene with these assets."""
    return Scene(stances={s.key: s for s in stances}, **rest)


def point(at: object = NOON, **sectors: tuple[int, int]) -> MarketPoint:
    """The market with some sectors."""
    return MarketPoint(
        as_of=at,
        share=Share(bullish=50, total=100),
        sectors={n: Share(bullish=b, total=t) for n, (b, t) in sectors.items()},
    )


def answers(check: Check) -> tuple[Answer, str]:
    return check.answer, check.code


# ---------------------------------------------------------------- conviction


@pytest.mark.parametrize(
    ("to", "grade", "expected"),
    [
        (BULLISH, 80.0, (YES, "high")),
        (BULLISH, 79.9, (NO, "below_high")),
        (BULLISH, None, (UNKNOWN, "no_grade")),
        (BEARISH, 49.9, (YES, "weak")),
        (BEARISH, 50.0, (NO, "not_weak")),
        (BEARISH, None, (UNKNOWN, "no_grade")),
    ],
)
def test_conviction_goes_by_the_grades_band(to, grade, expected):
    assert answers(context.conviction(turned(to, grade_to=grade))) == expected


# ---------------------------------------------------------------- volume


@pytest.mark.parametrize(
    ("to", "price", "volume", "expected"),
    [
        (BULLISH, 110.0, 150.0, (YES, "rising")),
        (BULLISH, 110.0, 100.0, (NO, "not_rising")),
        (BULLISH, 95.0, 150.0, (NO, "price_not_up")),
        (BULLISH, 110.0, None, (UNKNOWN, "no_volume")),
        (BULLISH, None, 150.0, (UNKNOWN, "no_price")),
        (BEARISH, 101.0, 70.0, (YES, "fading")),
        (BEARISH, 90.0, 150.0, (YES, "selling")),
        (BEARISH, 110.0, 70.0, (NO, "price_up")),
        (BEARISH, 99.0, 100.0, (NO, "steady")),
        (BEARISH, 99.0, None, (UNKNOWN, "no_volume")),
    ],
)
def test_volume_is_compared_with_its_own_week(to, price, volume, expected):
    usual = past([100.0] * 10, [100.0] * 10)

    check = context.volume(turned(to, price=price, volume=volume), usual)

    assert answers(check) == expected


def test_volume_needs_five_days_of_the_week():
    few = past([100.0] * 10, [None] * 6 + [100.0] * 4)

    check = context.volume(turned(BULLISH, price=110.0, volume=150.0), few)

    assert answers(check) == (UNKNOWN, "no_volume")


# ---------------------------------------------------------------- price


@pytest.mark.parametrize(
    ("to", "price", "expected"),
    [
        (BULLISH, 121.0, (YES, "breakout")),
        (BULLISH, 105.0, (YES, "near_low")),
        (BULLISH, 115.0, (NO, "no_breakout")),
        (BULLISH, 160.0, (NO, "late")),
        (BULLISH, None, (UNKNOWN, "no_price")),
        (BEARISH, 112.0, (YES, "near_high")),
        (BEARISH, 100.0, (NO, "no_high")),
        (BEARISH, None, (UNKNOWN, "no_price")),
    ],
)
def test_price_action_is_told_within_its_month(to, price, expected):
    month = past([100.0, *[110.0] * 18, 120.0])

    assert answers(context.price_action(turned(to, price=price), month)) == expected


def test_price_action_needs_two_weeks():
    check = context.price_action(turned(BULLISH, price=150.0), past([100.0] * 13))

    assert answers(check) == (UNKNOWN, "no_price")


# ---------------------------------------------------------------- narrative


@pytest.mark.parametrize(
    ("to", "now", "then", "expected"),
    [
        (BULLISH, (6, 10), (5, 10), (YES, "up")),
        (BULLISH, (6, 10), (7, 10), (NO, "down")),
        (BULLISH, (4, 10), (3, 10), (NO, "up")),
        (BEARISH, (3, 10), (5, 10), (YES, "down")),
        (BEARISH, (6, 10), (7, 10), (NO, "down")),
        (BEARISH, (3, 10), (2, 10), (NO, "up")),
    ],
)
def test_a_narrative_is_its_categorys_share_and_trend(to, now, then, expected):
    scene = among(
        stance("btc", categories=("ai",)),
        market=point(ai=now),
        week_ago=point(NOON - 7 * DAY, ai=then),
    )

    assert answers(context.narrative(turned(to), scene)) == expected


@pytest.mark.parametrize(
    ("categories", "now", "then", "code"),
    [
        ((), {"ai": (6, 10)}, {"ai": (5, 10)}, "no_categories"),
        (("ai",), {"ai": (6, 10)}, None, "no_history"),
        (("ai",), {}, {"ai": (5, 10)}, "too_few"),
    ],
)
def test_a_narrative_without_category_or_history_is_unknown(
    categories, now, then, code
):
    scene = among(
        stance("btc", categories=categories),
        market=point(**now),
        week_ago=None if then is None else point(NOON - 7 * DAY, **then),
    )

    assert answers(context.narrative(turned(BULLISH), scene)) == (UNKNOWN, code)


# ---------------------------------------------------------------- peers


def peers_scene(*turned_days: float | None, **rest: object) -> Scene:
    """BTC with peers of its category that turned bullish so many days ago."""
    return among(
        stance("btc", categories=("ai",)),
        *(
            stance(f"p{n}", since_days=days, categories=("ai",), **rest)
            for n, days in enumerate(turned_days)
        ),
    )


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((1, 2, 3, 90, 90, 90), (YES, "turned")),
        ((1, 2, 90, 90, 90, 90), (NO, "alone")),
        ((1, 2, 5.5, 90, 90, 90), (NO, "alone")),
        ((1, 2), (UNKNOWN, "no_peers")),
    ],
)
def test_three_peers_that_turned_within_days_are_a_rotation(days, expected):
    assert answers(context.peers(turned(BULLISH), peers_scene(*days))) == expected


def test_peers_that_stood_already_when_first_seen_count_once_they_are_known_long():
    old = peers_scene(1, 2, 3, None)
    new = peers_scene(None, None, None, None, known_days=1)

    assert dict(context.peers(turned(BULLISH), old).figures)["peers"] == 4
    assert answers(context.peers(turned(BULLISH), new)) == (UNKNOWN, "no_peers")


def test_without_categories_peers_are_those_whose_price_moves_alike():
    swings = [100 + 10 * (n % 3) for n in range(25)]
    other = [100 + 10 * (n % 2) for n in range(25)]
    scene = among(
        stance("btc"),
        *(stance(f"p{n}", since_days=1) for n in range(3)),
        stance("odd", since_days=1),
        past={
            "btc": past(swings),
            **{f"p{n}": past([2 * s for s in swings], key=f"p{n}") for n in range(3)},
            "odd": past(other, key="odd"),
        },
    )

    check = context.peers(turned(BULLISH), scene)

    assert answers(check) == (YES, "turned")
    assert dict(check.figures)["names"] == "P0, P1, P2"


# ---------------------------------------------------------------- repeat


@pytest.mark.parametrize(
    ("days_ago", "known_days", "expected"),
    [
        (6, 10, (YES, "second")),
        (8, 10, (NO, "first")),
        (None, 5, (UNKNOWN, "no_history")),
    ],
)
def test_a_repeat_is_a_second_flip_the_same_way_within_a_week(
    days_ago, known_days, expected
):
    known = past([100.0] * known_days)
    turns = {}
    if days_ago is not None:
        turns["btc"] = [Turn(as_of=NOON - days_ago * DAY, signal=BEARISH)]

    check = context.repeat(turned(BEARISH), Scene(turns=turns), known)

    assert answers(check) == expected


def test_a_flip_the_other_way_is_no_repeat():
    turns = {"btc": [Turn(as_of=NOON - DAY, signal=BULLISH)]}

    check = context.repeat(turned(BEARISH), Scene(turns=turns), past([100.0] * 10))

    assert check.answer is NO


# ---------------------------------------------------------------- majors


@pytest.mark.parametrize(
    ("to", "btc", "eth", "expected"),
    [
        (BEARISH, BULLISH, BEARISH, (YES, "same")),
        (BEARISH, BULLISH, BULLISH, (NO, "against")),
        (BEARISH, NEUTRAL, NEUTRAL, (UNKNOWN, "no_majors")),
        (BULLISH, BULLISH, BULLISH, (YES, "same")),
        (BULLISH, BULLISH, BEARISH, (NO, "against")),
        (BULLISH, NEUTRAL, NEUTRAL, (UNKNOWN, "no_majors")),
    ],
)
def test_bitcoin_and_ethereum_press_or_not(to, btc, eth, expected):
    event = replace(flip(to), asset_key="sol")
    scene = among(stance("btc", btc), stance("eth", eth), stance("sol", to))

    assert answers(context.majors(event, scene)) == expected


def test_bitcoin_is_no_pressure_on_itself():
    scene = among(stance("btc", BEARISH))

    assert context.majors(turned(BEARISH), scene).answer is UNKNOWN


# ---------------------------------------------------------------- all together


def test_every_point_is_answered_once_and_the_most_telling_comes_first():
    checks = context.checklist(turned(BULLISH, grade_to=90.0), Scene())

    assert {c.point for c in checks} == set(Point)
    assert len(checks) == len(Point)
    assert checks[0].point is Point.CONVICTION


def test_a_finished_signal_was_followed_or_not():
    prices = [2880, 3490, 2900, 3100, 3255, 3190, 3330, 3226, 2880]
    turns = [
        Turn(as_of=NOON - (20 - n) * DAY, signal=BEARISH if n % 2 else BULLISH, price=p)
        for n, p in enumerate(prices)
    ]

    tally = context.tally(turned(BEARISH, price=3412.0), turns)

    assert tally is not None
    assert (tally.followed, tally.finished) == (5, 9)


def test_a_signal_without_a_price_is_not_counted():
    turns = [Turn(as_of=NOON - DAY, signal=BULLISH)]

    assert context.tally(turned(BEARISH, price=3412.0), turns) is None


amounts = st.none() | st.floats(1e-6, 1e9)
readings = st.builds(
    PastReading,
    key=st.just("btc"),
    as_of=st.integers(-40 * 24, 40 * 24).map(lambda h: NOON + h * HOUR),
    recorded_at=st.just(NOON),
    standing=st.sampled_from(Signal),
    price=amounts,
    volume=amounts,
)
stances = st.builds(
    Stance,
    key=st.sampled_from(["btc", "eth", "a", "b", "c", "d", "e"]),
    symbol=st.sampled_from(["BTC", "ETH", "A"]),
    standing=st.sampled_from(Signal),
    as_of=st.just(NOON),
    since=st.none() | st.integers(0, 300).map(lambda h: NOON - h * HOUR),
    known_since=st.none() | st.just(NOON - 30 * DAY),
    market_cap=amounts,
    categories=st.sampled_from([(), ("ai",), ("ai", "meme")]),
)
points = st.none() | st.just(point(ai=(6, 10)))
scenes = st.builds(
    Scene,
    stances=st.lists(stances, max_size=7).map(lambda s: {x.key: x for x in s}),
    past=st.lists(readings, max_size=40).map(
        lambda r: {"btc": sorted(r, key=lambda x: x.as_of)}
    ),
    market=points,
    week_ago=points,
)
flips = st.builds(
    lambda to, price, volume, grade: turned(
        to, price=price, volume=volume, grade_to=grade
    ),
    st.sampled_from([BULLISH, BEARISH]),
    amounts,
    amounts,
    st.none() | st.floats(0, 100),
)


@given(flips, scenes)
@settings(max_examples=150, deadline=None)
def test_no_point_is_answered_without_its_data(event, scene):
    found = {c.point: c for c in context.checklist(event, scene)}
    before = [r for r in scene.past.get("btc", ()) if r.as_of < event.as_of]
    no_price = event.price is None or not any(r.price for r in before)

    missing = {
        Point.CONVICTION: event.grade_to is None,
        Point.VOLUME: event.volume is None
        or no_price
        or not any(r.volume for r in before),
        Point.PRICE: no_price,
        Point.NARRATIVE: scene.market is None or scene.week_ago is None,
        Point.PEERS: len(scene.stances) < 4,
        Point.REPEAT: not before,
        Point.MAJORS: not {"BTC", "ETH"} & {s.symbol for s in scene.stances.values()},
    }

    for asked, is_missing in missing.items():
        if is_missing:
            assert found[asked].answer is UNKNOWN, found[asked]
    assert all(
        c.answer is UNKNOWN or c.figures or c.point is Point.REPEAT
        for c in found.values()
    )


@given(flips, scenes, st.lists(readings, max_size=10))
@settings(max_examples=100, deadline=None)
def test_no_later_reading_changes_an_answer(event, scene, more):
    later = [
        replace(r, as_of=event.as_of + timedelta(hours=n)) for n, r in enumerate(more)
    ]
    known = list(scene.past.get("btc", ()))
    turns = {"btc": [Turn(as_of=r.as_of, signal=event.to_signal) for r in later]}

    changed = replace(scene, past={"btc": [*known, *later]}, turns=turns)

    assert context.checklist(event, changed) == context.checklist(event, scene)
