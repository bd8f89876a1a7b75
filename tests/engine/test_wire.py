import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceProtocolError
from bot.model import Reading, Signal
from engine import wire

ANSWERS = json.loads(
    (Path(__file__).parents[1] / "data" / "engine_answers.json").read_text()
)


def page(*rows, **envelope):
    body = {"success": True, "message": "", "length": len(rows), "data": list(rows)}
    return json.dumps(body | envelope).encode()


def row(**fields):
    known = {
        "TOKEN_ID": 3375,
        "TOKEN_NAME": "Bitcoin",
        "TOKEN_SYMBOL": "BTC",
        "DATE": "2025-04-10",
        "TRADING_SIGNAL": 0,
        "TOKEN_TREND": 1,
        "TM_TRADER_GRADE": 71.5,
    }
    merged = known | fields
    return {k: v for k, v in merged.items() if v is not ...}


def only(*rows):
    (reading,) = wire.read_signals(page(*rows)).items
    return reading


def answer(name):
    return json.dumps(ANSWERS[name]).encode()


def test_the_documented_row_of_version_2_is_read_with_its_standing_signal():
    (reading,) = wire.read_signals(answer("signals_v2")).items

    assert reading == Reading(
        key="3375",
        symbol="BTC",
        name="Bitcoin",
        as_of=datetime(2025, 4, 10, tzinfo=UTC),
        signal=Signal.BEARISH,
        grade=26.48,
        link="https://app.tokenmetrics.com/en/bitcoin",
    )


def test_the_row_of_version_3_reads_the_same():
    (reading,) = wire.read_signals(answer("signals_v3")).items

    assert reading == Reading(
        key="3375",
        symbol="BTC",
        name="Bitcoin",
        as_of=datetime(2025, 11, 20, tzinfo=UTC),
        signal=Signal.BEARISH,
        grade=26.48,
        link="https://app.tokenmetrics.com/en/bitcoin",
    )


def test_an_hourly_row_gives_its_position_from_a_string():
    readings = wire.read_signals(answer("hourly_v2")).items

    newest = wire.newest(readings)["3375"]
    assert newest.signal is Signal.BULLISH
    assert newest.as_of == datetime(2025, 9, 27, 13, tzinfo=UTC)
    assert newest.price == 109500.12


def test_a_row_without_symbol_and_without_time_takes_its_name_and_midnight():
    (reading,) = wire.read_signals(answer("trader_grades_v2")).items

    assert (reading.symbol, reading.signal, reading.grade) == ("BTC", None, 18.41)
    assert reading.as_of == datetime(2023, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("trend", "day", "expected"),
    [
        pytest.param(-1, 1, Signal.BEARISH, id="standing signal wins over the day's"),
        pytest.param(0, 1, Signal.NEUTRAL, id="a standing 0 is a value"),
        pytest.param(None, 0, Signal.NEUTRAL, id="no standing one: the day's 0 counts"),
        pytest.param(..., -1, Signal.BEARISH, id="absent standing one"),
        pytest.param("1", 0, Signal.BULLISH, id="number in a string"),
        pytest.param(1.0, 0, Signal.BULLISH, id="float that is whole"),
        pytest.param("down", 0, Signal.BEARISH, id="word"),
        pytest.param(7, -1, Signal.BEARISH, id="impossible standing one falls back"),
        pytest.param(0.5, None, None, id="half a signal is unknown"),
        pytest.param(True, None, None, id="true is not 1"),
        pytest.param([1], {}, None, id="lists and objects are unknown"),
    ],
)
def test_signal_is_the_standing_one_else_the_days(trend, day, expected):
    assert only(row(TOKEN_TREND=trend, TRADING_SIGNAL=day)).signal == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(0, 0.0, id="0 is a value"),
        pytest.param(100, 100.0, id="top"),
        pytest.param("72.31", 72.31, id="string"),
        pytest.param(" 5e1 ", 50.0, id="exponent"),
        pytest.param(100.01, None, id="over the top"),
        pytest.param(-0.1, None, id="under the bottom"),
        pytest.param(float("nan"), None, id="NaN"),
        pytest.param(float("inf"), None, id="infinity"),
        pytest.param("nan", None, id="NaN in a string"),
        pytest.param("1_0", None, id="python's spelling only"),
        pytest.param("٧٠", None, id="digits of another script"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param(True, None, id="true"),
        pytest.param([70], None, id="list"),
        pytest.param(10**400, None, id="larger than a float"),
    ],
)
def test_a_grade_that_cannot_be_is_unknown(sent, expected):
    assert only(row(TM_TRADER_GRADE=sent)).grade == expected


def test_split_units_in_keys_are_joined():
    joined = wire._in_one_spelling(
        {"tm_grade_24_h_pct_change": 1, "PRICE_7_D": 2, "high_24_h": 3, "a_1_hx": 4}
    )

    assert set(joined) == {"tm_grade_24h_pct_change", "price_7d", "high_24h", "a_1_hx"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"TM_LINK": "https://app.tokenmetrics.com/undefined", "tm_link": "solana"},
            "https://app.tokenmetrics.com/en/solana",
            id="broken link is replaced by the slug's",
        ),
        pytest.param(
            {"TM_LINK": "https://app.tokenmetrics.com/en/bitcoin"},
            "https://app.tokenmetrics.com/en/bitcoin",
            id="good link stays",
        ),
        pytest.param({"TM_LINK": "javascript:alert(1)"}, "", id="not a web link"),
        pytest.param({"tm_link": "undefined"}, "", id="undefined is no slug"),
        pytest.param({"TM_LINK": None}, "", id="null"),
    ],
)
def test_links_are_good_or_absent(fields, expected):
    assert only(row(**fields)).link == expected


def test_of_keys_that_differ_in_case_the_first_usable_value_counts():
    assert only(row(TM_TRADER_GRADE=None, tm_trader_grade=44)).grade == 44.0


def test_newest_row_per_asset_is_kept_whatever_the_order():
    readings = wire.read_signals(
        page(
            row(DATE="2025-04-08", TOKEN_TREND=1),
            row(DATE="2025-04-10T00:00:00.000Z", TOKEN_TREND=-1),
            row(DATE="2025-04-09", TOKEN_TREND=1),
            row(TOKEN_ID=3306, DATE="2025-04-07"),
        )
    ).items

    newest = wire.newest(readings)
    assert newest["3375"].signal is Signal.BEARISH
    assert newest["3306"].as_of == datetime(2025, 4, 7, tzinfo=UTC)


def test_a_row_without_id_or_date_is_skipped_and_counted():
    got = wire.read_signals(
        page(row(), row(TOKEN_ID=None), row(DATE="soon"), "not a row", None)
    )

    assert (len(got.items), got.rows, got.skipped) == (1, 5, 4)


def test_an_id_in_a_string_is_the_same_id():
    assert only(row(TOKEN_ID="3375")).key == only(row(TOKEN_ID=3375)).key


def test_an_empty_page_has_no_readings_and_is_no_error():
    assert wire.read_signals(page()) == wire.Page()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>502 Bad Gateway</html>", id="html"),
        pytest.param(page(row())[:-40], id="half a page"),
        pytest.param(b"\xff\xfe\xfa", id="not text"),
        pytest.param(b"[" * 200_000, id="nested without end"),
        pytest.param(b'{"data":' + b"[" * 5000 + b"]" * 5000 + b"}", id="deep data"),
        pytest.param(b'{"data":[{"TOKEN_ID":' + b"9" * 9000 + b"}]}", id="huge number"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"success":true}', id="no data"),
        pytest.param(b'{"success":true,"data":null}', id="null data"),
        pytest.param(b'{"success":true,"data":{}}', id="data is an object"),
        pytest.param(page(row(), success=False, message="quota"), id="no success"),
        pytest.param(page("a", 1, None), id="no row is an object"),
        pytest.param(page(row(DATE=None), row(TOKEN_ID=True)), id="no usable row"),
        pytest.param(page(row(DATE="0001-01-01T00:00:00+14:00")), id="before time"),
    ],
)
def test_what_is_not_a_page_is_a_clear_error(body):
    with pytest.raises(SourceProtocolError) as caught:
        wire.read_signals(body)

    assert str(caught.value)
    assert caught.value.reason


def test_the_engines_own_words_are_in_the_error():
    with pytest.raises(SourceProtocolError, match="quota used up"):
        wire.read_signals(page(success=False, message="quota used up"))


def test_foreign_text_is_fit_for_a_line_and_for_a_database():
    name = only(row(TOKEN_NAME="A\n\u202eevil\ud800\x00 coin" + "x" * 500)).name

    assert name.startswith("A evil coin")
    assert len(name) <= 100
    name.encode()


def test_assets_bring_size_price_and_categories_in_one_spelling():
    (info,) = wire.read_assets(
        page(
            {
                "token_id": "3988",
                "token_symbol": "SOL",
                "token_name": "Solana",
                "market_cap": "58000000000",
                "current_price": 113,
                "total_volume": 0,
                "category_list": [
                    {"category_name": "Layer 2"},
                    "AI & Data",
                    {"CATEGORY_SLUG": "layer-2"},
                    7,
                ],
            }
        )
    ).items

    assert (info.market_cap, info.price, info.volume) == (5.8e10, 113.0, 0.0)
    assert info.categories == ("layer-2", "ai-data")


def test_largest_comes_first_and_a_known_id_wins_where_sizes_are_unknown():
    small = wire.AssetInfo(key="9", symbol="BTC", market_cap=1.0)
    real = wire.AssetInfo(key="3375", symbol="BTC")
    other = wire.AssetInfo(key="8", symbol="BTC")

    assert wire.largest_first([other, real, small]) == [small, real, other]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message": "no\\nplan"}', "no plan"),
        (b'{"message": 5}', ""),
        (b"<html>", ""),
        (b"[" * 100_000, ""),
        (b"[]", ""),
    ],
)
def test_an_error_bodys_message_is_found_or_empty(body, expected):
    assert wire.read_message(body) == expected


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["2025-04-10", "1", "-1", "bullish", "100.5", "1e999"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner)
    ),
    max_leaves=12,
)
field_names = st.sampled_from(
    [
        *("TOKEN_ID", "token_id", "DATE", "timestamp", "TOKEN_TREND", "position"),
        *("TM_TRADER_GRADE", "tm_grade", "TM_LINK", "tm_link", "CATEGORY_LIST"),
        *("TOKEN_SYMBOL", "TOKEN_NAME", "CURRENT_PRICE", "MARKET_CAP", "odd"),
    ]
)
rows = st.lists(st.dictionaries(field_names, json_values) | json_values, max_size=6)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda v: json.dumps(v).encode()),
    rows.map(lambda r: page(*r)),
    st.tuples(rows, st.integers(0, 400)).map(lambda rn: page(*rn[0])[: rn[1]]),
)


@settings(deadline=None)
@given(body=bodies)
def test_any_bytes_give_sound_readings_or_a_clear_error(body):
    for read in (wire.read_signals, wire.read_assets):
        try:
            got = read(body)
        except SourceProtocolError:
            continue
        assert len(got.items) + got.skipped == got.rows
        for item in got.items:
            assert 0 < len(item.key) <= 64
            assert item.symbol
            (item.key + item.symbol + item.name + item.link).encode()
            if isinstance(item, Reading):
                assert item.grade is None or 0 <= item.grade <= 100
                assert item.signal in {None, -1, 0, 1}
                assert item.as_of.tzinfo is UTC
    wire.read_message(body)
