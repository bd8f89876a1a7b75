"""What stands where in a picture, whatever the figures are."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from drawings import (
    DAY,
    MARKET,
    RECORD,
    chart_view,
    chart_views,
    market_views,
    misplaced,
    record_views,
    shapes_of,
    texts,
)
from factories import NOON
from hypothesis import given, settings

from bot.pictures import (
    FlipDot,
    Look,
    Outcome,
    Point,
)
from handlers.pictures import scales
from handlers.pictures.chart import chart
from handlers.pictures.market import market
from handlers.pictures.palette import PALETTES
from handlers.pictures.record import record
from handlers.pictures.scene import CANVAS, Area, Box, Curve, Frame, Mark, Rule, Sign

# ------------------------------------------------------------------- any values at all


@settings(max_examples=60)
@given(chart_views())
def test_no_words_of_any_chart_touch_or_leave_the_canvas(view):
    scene = chart(view, Look.DARK)

    assert misplaced(scene) == []
    assert outside(scene) == []


@settings(max_examples=40)
@given(market_views())
def test_no_words_of_any_market_touch_or_leave_the_canvas(view):
    scene = market(view, Look.LIGHT)

    assert misplaced(scene) == []
    assert outside(scene) == []


@settings(max_examples=40)
@given(record_views())
def test_no_words_of_any_record_touch_or_leave_the_canvas(view):
    scene = record(view, Look.DARK)

    assert misplaced(scene) == []
    assert outside(scene) == []


def outside(scene):
    """Shapes with a corner off the canvas, or none that can be painted."""
    found = []
    for shape in scene.shapes:
        match shape:
            case Curve() | Area():
                spots = shape.points
            case Rule():
                spots = (shape.start, shape.end)
            case Mark():
                (x, y), r = shape.centre, shape.radius
                spots = ((x - r, y - r), (x + r, y + r))
            case Box():
                frame = shape.frame
                spots = ((frame.left, frame.top), (frame.right, frame.bottom))
            case _:
                spots = ()
        for x, y in spots:
            is_inside = CANVAS.holds(Frame(x, y, x, y))
            if not (math.isfinite(x) and math.isfinite(y) and is_inside):
                found.append(shape)
    return found


# ----------------------------------------------------------------------------- charts


def test_a_chart_says_what_it_is_of_how_it_stands_and_as_of_when():
    found = texts(chart(chart_view(), Look.DARK))

    assert "BTC" in found
    assert "Bitcoin" in found
    assert "bullish · grade 80" in found
    # on top, and at the end of the curve
    assert found.count("$190.00") == 2
    assert "+90.0% in 90 d" in found
    assert "Fake Engine" in found
    assert "Nov 20 2026, 14:00 UTC" in found


def test_every_flip_has_a_mark_whose_shape_says_its_direction():
    view = chart_view(
        turns=(
            FlipDot(NOON - 60 * DAY, True, 130.0),
            FlipDot(NOON - 30 * DAY, False, 160.0),
        )
    )

    scene = chart(view, Look.DARK)

    palette = PALETTES[Look.DARK]
    _, *marks = shapes_of(scene, Mark)
    assert [(m.sign, m.colour) for m in marks] == [
        (Sign.UP, palette.bullish),
        (Sign.DOWN, palette.bearish),
    ]


def test_a_mark_stands_on_the_curve():
    scene = chart(chart_view(), Look.DARK)

    _, mark = shapes_of(scene, Mark)
    curve = next(shapes_of(scene, Curve))
    nearest = min(math.dist(mark.centre, spot) for spot in curve.points)
    assert nearest < 2


def test_time_under_each_signal_has_its_own_ground():
    scene = chart(chart_view(), Look.LIGHT)

    palette = PALETTES[Look.LIGHT]
    colours = [area.colour for area in shapes_of(scene, Area)]
    assert colours == [palette.bearish_tint, palette.bullish_tint]


def test_own_lines_are_marked_and_else_the_borders_of_the_bands():
    own = texts(chart(chart_view(lines=(65.0, 30.0)), Look.DARK))
    usual = texts(chart(chart_view(), Look.DARK))

    assert {"65", "30"} <= set(own)
    assert "50" in usual


def test_a_gap_of_days_is_a_gap_in_the_curve():
    whole = chart_view()
    points = [p for i, p in enumerate(whole.points) if not 40 <= i < 44]

    curves = list(
        shapes_of(chart(replace(whole, points=tuple(points)), Look.DARK), Curve)
    )

    assert len(curves) == 2 * len(list(shapes_of(chart(whole, Look.DARK), Curve)))


def test_an_unknown_price_is_a_gap_and_not_zero():
    whole = chart_view()
    points = list(whole.points)
    points[40] = replace(points[40], price=math.nan)

    scene = chart(replace(whole, points=tuple(points)), Look.DARK)

    upper = [c for c in shapes_of(scene, Curve) if c.points[0][1] < 700]
    assert len(upper) == 2


def test_one_point_is_a_dot():
    view = chart_view(points=(Point(NOON - DAY, 3412.0, 38.0),), turns=())

    scene = chart(view, Look.DARK)

    assert not list(shapes_of(scene, Curve))
    assert "$3,412" in texts(scene)


def test_nothing_known_is_said_in_words():
    found = texts(chart(chart_view(points=(), turns=()), Look.DARK))

    assert "no prices in this time" in found
    assert "no grades in this time" in found


def test_a_tiny_price_is_written_out_without_an_exponent():
    points = tuple(Point(NOON - i * DAY, 1.234e-8 * (1 + i / 50), 50.0) for i in (9, 0))

    found = texts(chart(chart_view(points=points, turns=()), Look.DARK))

    assert "$0.00000001234" in found
    assert not [text for text in found if "e-" in text]


def test_a_curve_that_multiplies_is_shown_by_its_logarithm():
    """From 0.29 to 2.49 and back, as one documented asset went."""
    assert scales.price_scale([0.29, 2.49]).is_log
    assert not scales.price_scale([2880.0, 3490.0]).is_log


def test_a_name_in_another_script_is_left_out_and_the_symbol_is_never_empty():
    found = texts(chart(chart_view(symbol="币安", name="人生 Life"), Look.DARK))

    assert found[1] == "?"
    assert "Life" in found


# ----------------------------------------------------------------------------- scales


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (53_000, 91_000, ["$60,000", "$70,000", "$80,000", "$90,000"]),
        (0.29, 0.31, ["$0.290", "$0.295", "$0.300", "$0.305", "$0.310"]),
        (9.9e5, 2.1e6, ["$1.00m", "$1.25m", "$1.50m"]),
        (1.1e-8, 1.9e-8, ["$0.000000012", "$0.000000014"]),
    ],
)
def test_marked_prices_are_round_and_told_apart(low, high, expected):
    ticks = scales.price_ticks(scales.Scale(low, high), 5)

    written = [scales.tick_price(tick, ticks) for tick in ticks]

    assert written[: len(expected)] == expected
    assert len(set(written)) == len(written)


def test_a_logarithmic_scale_marks_ones_twos_and_fives():
    ticks = scales.price_ticks(scales.Scale(0.25, 2.6, is_log=True), 5)

    written = [scales.tick_price(t, ticks) for t in ticks]

    assert written == ["$0.5", "$1", "$2"]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (timedelta(hours=24), ["18:00", "Nov 20", "06:00", "12:00"]),
        (timedelta(days=7), ["Nov 14", "Nov 16", "Nov 18", "Nov 20"]),
        (timedelta(days=90), ["Sep 1", "Oct 1", "Nov 1"]),
        (timedelta(days=730), ["2025", "Jul", "2026", "Jul"]),
    ],
    ids=["hours", "days", "months", "years"],
)
def test_dates_are_whole_hours_days_or_months(window, expected):
    found = scales.times(NOON - window, NOON, lambda shown: len(shown) <= 4)

    assert [text for _, text in found][: len(expected)] == expected
    assert all(NOON - window <= at <= NOON for at, _ in found)


def test_dates_of_a_window_over_new_year_name_the_year():
    until = datetime(2027, 2, 20, tzinfo=UTC)

    found = scales.times(until - 90 * DAY, until, lambda shown: len(shown) <= 4)

    assert [text for _, text in found] == ["Dec 1", "2027", "Feb 1"]


# ------------------------------------------------------------------ market and record


def test_a_market_says_its_share_its_signal_and_its_sectors():
    found = texts(market(MARKET, Look.DARK))

    assert "31% bullish" in found
    assert "bearish" in found
    assert "a week ago 64%" in found
    assert {"ai", "60%", "12", "meme", "12%", "same"} <= set(found)
    assert "100 assets · Fake Engine" in found


def test_a_sector_that_fell_has_a_mark_that_points_down():
    *_, mark = shapes_of(market(MARKET, Look.DARK), Mark)

    assert mark.sign is Sign.DOWN


def test_a_market_without_sectors_has_the_room_for_its_history():
    alone = market(replace(MARKET, sectors=()), Look.DARK)

    lowest = max(y for c in shapes_of(alone, Area) for _, y in c.points)
    assert lowest == 940


def test_a_record_shows_every_signal_with_its_move():
    scene = record(RECORD, Look.DARK)

    assert "price followed 5 of 9 signals" in texts(scene)
    assert "after bullish it rose 3 of 5" in texts(scene)
    assert {"+21%", "−17%", "+7%", "+5%", "−2%"} <= set(texts(scene))
    assert [m.sign for m in shapes_of(scene, Mark)] == [
        Sign.UP if o.is_bullish else Sign.DOWN for o in RECORD.outcomes
    ]


def test_only_a_bar_that_the_price_followed_is_filled():
    followed = record(replace(RECORD, outcomes=RECORD.outcomes[:1]), Look.DARK)
    not_followed = record(replace(RECORD, outcomes=RECORD.outcomes[3:4]), Look.DARK)

    assert len(list(shapes_of(followed, Box))) == 1
    assert len(list(shapes_of(not_followed, Box))) == 2


def test_doubling_and_halving_are_equally_far():
    scale_of = {
        move: next(
            shapes_of(
                record(
                    replace(RECORD, outcomes=(Outcome(NOON, True, move, 1.0, -0.5),)),
                    Look.DARK,
                ),
                Box,
            )
        ).frame.height
        for move in (1.0, -0.5)
    }

    assert scale_of[1.0] == pytest.approx(scale_of[-0.5], abs=1)


def test_an_open_signal_has_no_bar():
    opened = replace(RECORD, outcomes=(Outcome(NOON, True),))

    assert "no finished signal yet" in texts(record(opened, Look.DARK))


@pytest.mark.parametrize("look", list(Look))
def test_signs_can_be_read_on_their_ground(look):
    palette = PALETTES[look]

    for colour in (palette.ink, palette.muted, palette.bullish, palette.bearish):
        assert contrast(colour, palette.ground) >= 4.5
    for colour in (palette.bullish, palette.bearish, palette.curve, palette.grade):
        assert contrast(palette.on_signal, colour) >= 4.5


def contrast(one, other):
    """The ratio that the Web Content Accessibility Guidelines 2.2 define."""

    def light(colour):
        parts = [c / 255 for c in colour]
        lin = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        ]
        return 0.2126 * lin[0] + 0.7152 * lin[1] + 0.0722 * lin[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
