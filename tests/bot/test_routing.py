"""Who hears of an event: pure matching."""

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NOON,
    asset,
    correction,
    crossing,
    flip,
    recipient,
    told,
    up,
    watch,
)
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Asset, Event, PlaceKind, Recipient, Told, Watch
from bot.routing import Interest, NoMatch, covers, route

BTC = asset("BTC", rank=1, categories=("layer-1", "store-of-value"), market_cap=2e12)


def ask(
    event: Event,
    *watches: Watch,
    about: Asset = BTC,
    known: Told | None = None,
    of: Recipient | None = None,
    update_every: timedelta = DAY,
) -> Watch | NoMatch:
    interest = Interest(
        recipient=of or recipient(),
        watches=watches,
        told={} if known is None else {known.asset_id: known},
    )
    return route(event, about, interest, update_every=update_every)


# ------------------------------------------------------------------ what a watch names


@pytest.mark.parametrize(
    ("one", "is_covered"),
    [
        (watch(asset_id=1), True),
        (watch(asset_id=2), False),
        (watch(category="layer-1"), True),
        (watch(category="ai"), False),
        (watch(top=1), True),
        (watch(is_all=True), True),
    ],
)
def test_a_watch_covers_what_it_names(one: Watch, is_covered: bool) -> None:
    assert covers(one, BTC) is is_covered
    assert ask(flip(), one) == (one if is_covered else NoMatch.NOT_WATCHED)


def test_the_hundred_largest_are_those_ranked_up_to_a_hundred() -> None:
    top = watch(top=100)

    assert ask(flip(), top, about=asset(rank=100)) == top
    assert ask(flip(), top, about=asset(rank=101)) is NoMatch.NOT_WATCHED
    assert ask(flip(), top, about=asset(rank=None)) is NoMatch.NOT_WATCHED


def test_nobody_without_a_watch_hears_anything() -> None:
    assert ask(flip()) is NoMatch.NOT_WATCHED


# ---------------------------------------------------------------- which watch decides

OWN = watch(id=1, asset_id=1)
CATEGORY = watch(id=2, category="layer-1")
TOP = watch(id=3, top=100)
ALL = watch(id=4, is_all=True)


@given(st.permutations([OWN, CATEGORY, TOP, ALL]))
def test_the_most_specific_decides_in_whatever_order_they_were_made(
    watches: list[Watch],
) -> None:
    assert ask(flip(), *watches) == OWN
    assert ask(flip(), *[w for w in watches if w is not OWN]) == CATEGORY
    assert ask(flip(), *[w for w in watches if w in {TOP, ALL}]) == TOP


def test_of_equally_specific_ones_the_newest_decides() -> None:
    old = watch(id=8, category="layer-1", created_at=NOON - 2 * DAY)
    new = watch(id=7, category="store-of-value", created_at=NOON - DAY)

    assert ask(flip(), old, new) == new
    assert ask(flip(), new, old) == new


def test_a_specific_watch_that_does_not_match_leaves_it_to_a_broader_one() -> None:
    picky = watch(id=1, min_grade=80.0)

    assert ask(flip(BULLISH, grade_to=60), picky, ALL) == ALL
    assert ask(flip(BULLISH, grade_to=60), picky) is NoMatch.CONDITION


# -------------------------------------------------------------------------- exceptions


@pytest.mark.parametrize("broad", [CATEGORY, TOP, ALL], ids=["category", "top", "all"])
def test_an_exception_takes_the_asset_out_of_broader_watches(broad: Watch) -> None:
    without = watch(id=9, asset_id=1, is_exception=True)

    assert ask(flip(), broad, without) is NoMatch.EXCEPTED


def test_an_exception_concerns_its_own_asset_only() -> None:
    without = watch(id=9, asset_id=2, is_exception=True)

    assert ask(flip(), ALL, without) == ALL


def test_an_exception_alone_is_no_watch() -> None:
    assert ask(flip(), watch(is_exception=True)) is NoMatch.EXCEPTED


# -------------------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("one", "event", "matches"),
    [
        pytest.param(
            watch(min_grade=80.0), flip(BULLISH, grade_to=80), True, id="from is met"
        ),
        pytest.param(
            watch(min_grade=80.0), flip(BULLISH, grade_to=79.99), False, id="just under"
        ),
        pytest.param(
            watch(max_grade=80.0), flip(BULLISH, grade_to=80), False, id="to excludes"
        ),
        pytest.param(
            watch(max_grade=80.0), flip(BULLISH, grade_to=79.99), True, id="just below"
        ),
        pytest.param(
            watch(max_market_cap=1e9), flip(market_cap=9e8), True, id="a small cap"
        ),
        pytest.param(
            watch(max_market_cap=1e9), flip(market_cap=1e9), False, id="not small"
        ),
        pytest.param(watch(min_volume=1e6), flip(volume=2e6), True, id="enough volume"),
        pytest.param(
            watch(min_volume=1e6), flip(volume=9e5), False, id="too little volume"
        ),
        pytest.param(
            watch(min_grade=80.0, min_volume=1e6),
            flip(BULLISH, grade_to=90, volume=1),
            False,
            id="all must hold",
        ),
    ],
)
def test_conditions_decide_at_their_bounds(
    one: Watch, event: Event, matches: bool
) -> None:
    assert ask(event, one) == (one if matches else NoMatch.CONDITION)


@pytest.mark.parametrize(
    "condition",
    [
        {"min_grade": 0.0},
        {"max_grade": 100.0},
        {"min_market_cap": 0.0},
        {"max_market_cap": 1e18},
        {"min_volume": 0.0},
        {"max_volume": 1e18},
    ],
)
def test_a_condition_on_something_unknown_never_matches(
    condition: dict[str, float],
) -> None:
    assert ask(flip(), watch(**condition)) is NoMatch.CONDITION


def test_a_direction_lets_only_that_turn_through() -> None:
    one = watch(direction=BULLISH)

    assert ask(flip(BULLISH), one) == one
    assert ask(flip(BEARISH), one) is NoMatch.OTHER_DIRECTION


# ------------------------------------------------------------------------------- lines


def test_a_crossing_is_heard_by_whoever_has_one_of_its_lines() -> None:
    one = watch(thresholds=(50.0, 80.0))

    assert ask(crossing(*up(30, 80)), one) == one
    assert ask(crossing(*up(30, 70)), one) is NoMatch.NO_LINE
    assert ask(crossing(*up(80)), watch()) is NoMatch.NO_LINE


def test_default_lines_count_for_watches_that_name_none() -> None:
    of = recipient(thresholds=(80.0,))

    assert ask(crossing(*up(80)), watch(), of=of) == watch()
    own = watch(thresholds=(50.0,))
    assert ask(crossing(*up(80)), own, of=of) is NoMatch.NO_LINE
    assert ask(crossing(*up(80)), watch(thresholds=()), of=of) is NoMatch.NO_LINE


def test_lines_are_heard_whatever_signal_and_grade_the_watch_asks_for() -> None:
    one = watch(thresholds=(50.0,), direction=BULLISH, min_grade=80.0)

    assert ask(crossing(*up(50), standing=BEARISH, grade_to=51), one) == one


def test_the_crossing_of_a_private_line_is_nobody_elses_business() -> None:
    one = watch(thresholds=(80.0,))
    event = crossing(*up(80), only_for=7)

    assert ask(event, one, of=recipient(id=7)) == one
    assert ask(event, one, of=recipient(id=8)) is NoMatch.OTHER_RECIPIENT


# -------------------------------------------------------------------- hearing the end


@pytest.mark.parametrize(
    ("one", "about"),
    [
        pytest.param(watch(min_grade=80.0), BTC, id="the grade is low by then"),
        pytest.param(watch(max_market_cap=1e9), BTC, id="it is no small cap now"),
        pytest.param(watch(min_volume=1e12), BTC, id="the volume has gone"),
        pytest.param(watch(category="ai"), BTC, id="the category is another"),
        pytest.param(watch(top=100), asset(rank=101), id="it fell out of the top"),
        pytest.param(watch(top=100), asset(rank=None), id="its rank is unknown"),
    ],
)
def test_whoever_was_told_bullish_hears_of_bearish(one: Watch, about: Asset) -> None:
    event = flip(BEARISH, grade_to=20)

    assert ask(event, one, about=about, known=told(BULLISH)) == one
    assert isinstance(ask(event, one, about=about), NoMatch)
    assert isinstance(ask(event, one, about=about, known=told(BEARISH)), NoMatch)


def test_only_the_word_bullish_in_a_private_watch_stops_that() -> None:
    one = watch(top=100, direction=BULLISH)
    event = flip(BEARISH)

    private = ask(event, one, known=told(BULLISH))
    group = ask(event, one, known=told(BULLISH), of=recipient(PlaceKind.GROUP))
    other = ask(event, one, known=told(BULLISH), of=recipient(PlaceKind.CHANNEL))

    assert private is NoMatch.OTHER_DIRECTION
    assert group == other == one


def test_the_word_bullish_in_one_watch_does_not_silence_another() -> None:
    picky = watch(id=1, direction=BULLISH)

    assert ask(flip(BEARISH), picky, ALL, known=told(BULLISH)) == ALL


def test_the_end_comes_by_the_watch_that_told_the_beginning() -> None:
    mine, other = watch(id=5, min_grade=80.0), watch(id=6, top=100, min_grade=80.0)
    known = told(BULLISH, watch_id=6)

    assert ask(flip(BEARISH, grade_to=20), mine, other, known=known) == other
    assert ask(flip(BEARISH, grade_to=20), mine, known=known) is NoMatch.CONDITION


def test_an_exception_ends_even_that() -> None:
    one = watch(id=5, top=100)
    without = watch(id=9, is_exception=True)

    found = ask(flip(BEARISH), one, without, known=told(BULLISH, watch_id=5))

    assert found is NoMatch.EXCEPTED


# ------------------------------------------------------------------------- corrections


def test_corrections_go_to_every_watch_of_the_asset_whatever_its_conditions() -> None:
    picky = watch(direction=BEARISH, min_grade=80.0, max_market_cap=1.0)

    assert ask(correction(flip(BEARISH)), picky) == picky
    assert ask(correction(flip(BEARISH)), watch(asset_id=2)) is NoMatch.NOT_WATCHED


# ------------------------------------------------------------------------- stale basis


@pytest.mark.parametrize("event", [flip(), crossing(*up(80))], ids=["flip", "line"])
def test_a_watch_made_on_an_old_reading_hears_nothing_of_it(event: Event) -> None:
    basis = NOON - 10 * DAY
    stale = replace(event, basis_seen_at=basis)
    late = watch(thresholds=(80.0,), created_at=basis + 2 * DAY + HOUR)
    in_time = watch(thresholds=(80.0,), created_at=basis + 2 * DAY)

    assert ask(stale, late) is NoMatch.STALE_BASIS
    assert ask(stale, in_time) == in_time
    assert ask(stale, late, update_every=5 * DAY) == late
    assert ask(event, late) == late
