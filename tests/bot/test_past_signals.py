"""What past signals were worth: the golden series, the documented record, no future."""

from datetime import timedelta

import pytest
from factories import BEARISH, BULLISH, DAY, NOON
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import past_signals, record_words
from bot.model import PastReading, Signal, Turn
from bot.record import Finished
from bot.record_words import RecordOf
from engine.documented import RECORD

GOLDEN = [2880, 3490, 2900, 3100, 3255, 3190, 3330, 3226, 2880, 3412]


def turns(prices: list[float], first: Signal = BULLISH) -> list[Turn]:
    """Flips in turn at these prices, a month apart, the last one at NOON."""
    count = len(prices)
    return [
        Turn(
            as_of=NOON - (count - 1 - n) * 30 * DAY,
            signal=Signal(first * (-1) ** n),
            price=price,
        )
        for n, price in enumerate(prices)
    ]


def of(**rest: object) -> RecordOf:
    values: dict[str, object] = {
        "name": "ETH",
        "now": NOON,
        "source_title": "Token Metrics",
        "asset_id": 2,
    }
    return RecordOf(**(values | rest))


def test_the_golden_series_comes_out_as_it_is_documented():
    golden = turns(GOLDEN)

    message = record_words.record(past_signals.record_of(golden), of())

    assert message.plain.splitlines() == [
        "📒 ETH: price followed 5 of 9 signals",
        "A coin toss gets 5 or more of 9 half of the time.",
        "",
        "🟢 after bullish it rose 3 of 5 · median +6.9%",
        "🔴 after bearish it fell 2 of 4 · median −3.2%",
        "",
        "Held only while bullish: +45.7%",
        "Held all the time: +18.5%",
        "Open now: 🔴 since 14:00 UTC at $3,412, not counted.",
        "",
        "From flip to flip, Feb 2026 to today, no fees · Token Metrics",
    ]
    assert [b.label for row in message.buttons for b in row] == [
        "All 9",
        "Best and worst",
        "Engine as a whole",
    ]


def test_under_eight_signals_no_percentage_is_worked_out():
    message = record_words.record(past_signals.record_of(turns(GOLDEN[:4])), of())

    assert message.title.plain == "📒 ETH: 3 signals so far, too few to say"
    assert "median" not in message.plain
    assert "$2,880 → $3,490, +21.2%" in message.plain


def test_no_signal_at_all_is_said():
    message = record_words.record(past_signals.record_of([]), of())

    assert message.title.plain == "📒 ETH: 0 signals so far, too few to say"


@pytest.mark.parametrize(
    ("followed", "finished", "text"),
    [
        (5, 9, "A coin toss gets 5 or more of 9 half of the time."),
        (12, 12, "A coin toss does this well 1 time in 4,096."),
        (7, 12, "A coin toss gets 7 or more of 12 39 times in 100."),
        (0, 9, "A coin toss nearly always does as well."),
    ],
)
def test_the_coin_line_says_how_often_a_coin_does_as_well(followed, finished, text):
    assert record_words.coin(followed, finished) == text


# ---------------------------------------------------------------- the documented record


@pytest.mark.parametrize(
    ("symbol", "number", "signal", "prices", "published"),
    [
        ("FARTCOIN", 1, BULLISH, (0.29, 2.49), 7.58),
        ("FARTCOIN", 3, BULLISH, (0.53, 1.58), 1.98),
        ("TAO", 1, BEARISH, (510, 314), -0.384),
        ("TAO", 2, BULLISH, (438.3, 327), -0.254),
        ("TAO", 3, BEARISH, (327, 182.9), -0.44),
        ("TAO", 4, BULLISH, (281, 474), 0.686),
        ("ETH", 1, BULLISH, (2880, 4030), 0.40),
        ("ETH", 2, BEARISH, (3490, 1540), -0.558),
        ("ETH", 3, BULLISH, (1850, 2800), 0.51),
    ],
)
def test_the_documented_moves_are_the_arithmetic_of_their_prices(
    symbol, number, signal, prices, published
):
    start, furthest = prices
    one = documented(symbol)[number]
    # of Bittensor's false start the published figure is the way against it
    is_against = signal is BULLISH and published < 0
    reached = one.worst if is_against else one.best

    assert one.signal is signal
    assert one.price == pytest.approx(start, rel=1e-3)
    assert reached == pytest.approx(furthest / one.price - 1)
    assert reached == pytest.approx(published, abs=0.01)


def documented(symbol: str) -> tuple[Finished, ...]:
    """The finished signals of the documented record, as our arithmetic sees them."""
    eras = RECORD[symbol]
    flips = [
        Turn(as_of=era.prices[0][0], signal=era.signal, price=era.prices[0][1])
        for era in eras
    ]
    path = [
        PastReading(key="x", as_of=at, recorded_at=at, standing=era.signal, price=price)
        for era in eras
        for at, price in era.prices
    ]
    # what stands at the end is finished here, by the last price of its era
    last_at, last_price = eras[-1].prices[-1]
    end = Turn(as_of=last_at + DAY, signal=Signal(-eras[-1].signal), price=last_price)
    return past_signals.record_of([*flips, end], path).finished


# ---------------------------------------------------------------- properties

maybe_prices = st.none() | st.floats(1e-6, 1e6)
series = st.lists(maybe_prices, min_size=2, max_size=12)


@given(series, st.lists(st.floats(1e-6, 1e6), max_size=20), st.integers(1, 11))
@settings(max_examples=100, deadline=None)
def test_what_is_finished_does_not_change_with_what_comes_later(known, path, cut):
    found = turns([price or 1.0 for price in known])
    readings = [
        PastReading(
            key="x",
            as_of=found[0].as_of + n * timedelta(days=17),
            recorded_at=NOON,
            standing=BULLISH,
            price=price,
        )
        for n, price in enumerate(path)
    ]
    end = found[: cut + 1][-1].as_of

    before = past_signals.record_of(
        found[: cut + 1], [r for r in readings if r.as_of <= end]
    )
    after = past_signals.record_of(found, readings)

    assert after.finished[: before.count] == before.finished


@given(series)
@settings(max_examples=100, deadline=None)
def test_signals_without_a_price_are_left_out_and_the_rest_adds_up(known):
    found = past_signals.record_of(turns(known))
    up, down = found.tally(BULLISH), found.tally(BEARISH)

    assert found.count == up.count + down.count
    assert found.followed == up.followed + down.followed
    assert found.count <= max(0, sum(p is not None for p in known) - 1)


def test_of_many_assets_the_signals_are_counted_together():
    found = past_signals.finished(turns(GOLDEN))

    whole = past_signals.together([found, found, ()])
    message = record_words.record(whole, of(asset_id=0, name="ai", assets=2))

    assert message.title.plain == "📒 ai: price followed 10 of 18 signals"
    assert "2 assets with finished signals." in message.plain
    assert "Held" not in message.plain
    # their picture shows the newest of all, and says so
    assert record_words.sums(whole, assets=2) == (
        "after bullish it rose 6 of 10 · median +6.9%",
        "after bearish it fell 4 of 8 · median −3.2%",
        "bars: the newest signals of 2 assets",
    )
    assert record_words.sums(whole)[-1].startswith("A coin toss gets 10 or more")


def test_all_signals_are_rows_that_fit_a_phone():
    found = past_signals.finished(turns(GOLDEN))

    message = record_words.every(found, of())

    assert message.title.plain == "📒 ETH: all 9 signals"
    table = message.body[0]
    assert len(table.rows) == 10
    assert all(len(row) <= 30 for row in table.rows)
    assert "hindsight" in message.plain


def test_best_and_worst_go_by_what_the_price_did_to_the_next_flip():
    found = past_signals.finished(turns(GOLDEN))

    lines = record_words.extremes(found, of()).plain.splitlines()

    assert "$2,880 → $3,490, +21.2%" in lines[2]
    assert "$3,100 → $3,255, +5.0%" in lines[-5]
