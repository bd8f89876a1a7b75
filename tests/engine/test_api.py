"""The API as programs meet it: over a socket, in Token Metrics' form."""

import gzip
import json
import time
from datetime import timedelta

import pytest
import pytest_asyncio
from api_world import BASES, KEY, NOON, api_world
from pydantic import TypeAdapter

from bot.errors import ConfigError
from engine import wire
from engine.api import models
from engine.api.front import ANSWERS_MAX, QUERY_MAX
from engine.embedded.grading import ENGINE_VERSION

BTC, ETH = 3375, 3306
NOON_TEXT = "2025-03-01T12:00:00.000Z"
#: path -> the model of its rows, and what it needs
PATHS = {
    "tokens": (models.TokenRow, ""),
    "trading-signals": (models.TradingSignalRow, ""),
    "hourly-trading-signals": (models.HourlySignalRow, "token_id=3375"),
    "trader-grades": (models.TraderGradeRow, ""),
    "tm-grade": (models.TmGradeRow, ""),
    "market-metrics": (models.MarketMetricsRow, ""),
    "price": (models.PriceRow, "token_id=3375,3306"),
    "daily-ohlcv": (models.DailyCandleRow, ""),
    "hourly-ohlcv": (models.HourlyCandleRow, ""),
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared():
    """One world for all who only ask."""
    async with api_world() as world:
        yield world


@pytest.fixture
def world(shared):
    assert shared.clock() == NOON + timedelta(minutes=1)
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def fresh():
    """A world of one's own, for those who let time pass or keep count."""
    async with api_world() as world:
        yield world


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(("path", "row", "needs"), [(p, *x) for p, x in PATHS.items()])
async def test_every_row_is_what_the_document_says(world, path, row, needs):
    answer = await world.get(f"/v2/{path}?{needs}")

    assert answer.status == 200
    assert answer.json["success"] is True
    assert answer.json["message"] == "Data fetched successfully"
    assert answer.json["length"] == len(answer.data) >= 1
    # strict: a number that is text, or a key too many, fails
    TypeAdapter(list[row]).validate_json(json.dumps(answer.data))


async def test_a_signal_row_says_what_the_source_says(world):
    rows = {r["TOKEN_SYMBOL"]: r for r in (await world.get("/v2/trading-signals")).data}
    readings = {r.symbol: r for r in (await world.source.fetch(await_all())).readings}

    assert list(rows) == list(BASES)
    for symbol, reading in readings.items():
        row = rows[symbol]
        assert str(row["TOKEN_ID"]) == reading.key
        assert row["DATE"] == NOON_TEXT
        assert row["TOKEN_TREND"] == reading.signal
        assert row["TM_TRADER_GRADE"] == reading.grade
        assert row["CURRENT_PRICE"] == reading.price
        assert row["TRADING_SIGNAL"] in {0, reading.signal}


async def test_our_own_client_reads_every_page(world):
    signals = wire.read_signals((await world.get("/v2/trading-signals")).body)
    tokens = wire.read_assets((await world.get("/v2/tokens")).body)
    hourly = wire.read_signals(
        (await world.get("/v2/hourly-trading-signals?token_id=3375")).body
    )

    assert (signals.skipped, tokens.skipped, hourly.skipped) == (0, 0, 0)
    assert [r.as_of for r in signals.items] == [NOON] * len(BASES)
    assert tokens.items[0].categories == ("layer-1", "payments")
    assert tokens.items[0].volume == pytest.approx(1e9, rel=0.5)
    assert hourly.items[0].as_of == NOON


async def test_days_of_the_past_come_newest_first(world):
    query = "startDate=2025-02-10&endDate=2025-02-20&token_id=3375,3306&limit=100"
    rows = (await world.get(f"/v2/trading-signals?{query}")).data

    dates = [row["DATE"][:10] for row in rows]
    assert dates == sorted(dates, reverse=True)
    assert (dates[0], dates[-1]) == ("2025-02-20", "2025-02-10")
    assert len(rows) == 22
    assert [r["TOKEN_ID"] for r in rows[:2]] == [BTC, ETH]
    trends = [r["TOKEN_TREND"] for r in rows if r["TOKEN_ID"] == BTC][::-1]
    fresh = [r["TRADING_SIGNAL"] for r in rows if r["TOKEN_ID"] == BTC][::-1]
    for before, now, new in zip(trends, trends[1:], fresh[1:], strict=False):
        assert new == (now if now != before else 0)


async def test_the_last_day_named_includes_what_is_now(world):
    rows = (await world.get("/v2/trading-signals?startDate=2025-03-01&symbol=BTC")).data

    # midnight, and noon
    assert [row["DATE"] for row in rows] == [NOON_TEXT, "2025-03-01T00:00:00.000Z"]


async def test_pages_neither_repeat_nor_leave_out_a_row(world):
    seen = []
    for page in range(1, 10):
        answer = await world.get(f"/v2/daily-ohlcv?limit=7&page={page}&symbol=BTC,ETH")
        seen += [(r["TOKEN_ID"], r["DATE"]) for r in answer.data]

    whole = await world.get("/v2/daily-ohlcv?limit=63&symbol=BTC,ETH")
    assert seen == [(r["TOKEN_ID"], r["DATE"]) for r in whole.data]
    assert len(set(seen)) == 63
    beyond = await world.get("/v2/daily-ohlcv?limit=100&page=90")
    assert beyond.status == 404


async def test_candles_are_those_of_the_exchange(fresh):
    (hour,) = (await fresh.get("/v2/hourly-ohlcv?symbol=ETH&limit=1")).data
    start = int((NOON - timedelta(hours=1)).timestamp())
    assert hour["TIMESTAMP"] == "2025-03-01T11:00:00.000Z"
    assert hour["CLOSE"] == fresh.exchange.close_of("ETH", start)

    await fresh.hours(13)
    (day,) = (await fresh.get("/v2/daily-ohlcv?symbol=ETH&limit=1")).data
    last = int((NOON + timedelta(hours=11)).timestamp())
    assert day["DATE"] == "2025-03-01T00:00:00.000Z"
    assert day["CLOSE"] == fresh.exchange.close_of("ETH", last)
    assert day["LOW"] <= min(day["OPEN"], day["CLOSE"])


async def test_a_signal_that_came_today_is_told_as_new(fresh):
    flips = {}
    for _ in range(60):
        before = {
            r["TOKEN_SYMBOL"]: r["TOKEN_TREND"]
            for r in (await fresh.get("/v2/trading-signals")).data
        }
        await fresh.hours(6)
        for row in (await fresh.get("/v2/trading-signals")).data:
            if row["TOKEN_TREND"] != before[row["TOKEN_SYMBOL"]]:
                flips[row["TOKEN_SYMBOL"]] = row
        if flips:
            break

    assert flips
    for row in flips.values():
        assert row["TRADING_SIGNAL"] == row["TOKEN_TREND"]
        found = await fresh.get(f"/v2/trading-signals?signal={row['TOKEN_TREND']}")
        assert row["TOKEN_ID"] in [r["TOKEN_ID"] for r in found.data]


async def test_grades_are_four_fifths_technical_and_one_fifth_statistical(world):
    rows = (await world.get("/v2/trader-grades")).data
    assert any(0 < row["TA_GRADE"] < 100 for row in rows)
    for row in rows:
        blended = 0.8 * row["TA_GRADE"] + 0.2 * row["QUANT_GRADE"]
        if 0 < row["TA_GRADE"] < 100 and 0 < row["QUANT_GRADE"] < 100:
            assert blended == pytest.approx(row["TM_TRADER_GRADE"], abs=0.05)
    old = await world.get("/v2/trader-grades?startDate=2025-02-20&endDate=2025-02-20")
    assert {r["DATE"] for r in old.data} == {"2025-02-20"}


async def test_hourly_signals_are_text_and_agree_with_the_newest(world):
    (now,) = (await world.get("/v2/trading-signals?token_id=3375")).data
    rows = (await world.get("/v2/hourly-trading-signals?token_id=3375&limit=3")).data

    assert [r["TIMESTAMP"][11:13] for r in rows] == ["12", "11", "10"]
    assert rows[0]["POSITION"] == str(now["TOKEN_TREND"])
    assert rows[0]["CLOSE"] == now["CURRENT_PRICE"]


async def test_an_explanation_adds_up_to_the_grade(world):
    (now,) = (await world.get("/v2/trading-signals?token_id=3375")).data
    said = (await world.get("/v1/explain/btc")).json
    models.Explanation.model_validate_json(json.dumps(said))

    assert (said["symbol"], said["token_id"], said["name"]) == ("BTC", BTC, "Bitcoin")
    assert said["grade"] == now["TM_TRADER_GRADE"]
    total = 50 + sum(c["points"] for c in said["components"])
    assert min(max(total, 0), 100) == pytest.approx(said["grade"], abs=0.1)
    assert sum(c["weight"] for c in said["components"]) == pytest.approx(1, abs=0.001)
    assert said["engine"] == ENGINE_VERSION
    assert said["enough_history"] is True
    assert (await world.get("/v1/explain/3375")).json == said
    assert (await world.get("/v1/explain/NOPE")).status == 404


async def test_a_young_coin_says_so_instead_of_a_number(fresh):
    fresh.exchange.trade("NEW", turnover=1e12, listed_at=NOON - timedelta(days=20))
    await fresh.hours(7)

    (row,) = (await fresh.get("/v2/trading-signals?symbol=NEW")).data
    assert (row["TM_TRADER_GRADE"], row["TOKEN_TREND"]) == (None, 0)
    said = (await fresh.get("/v1/explain/NEW")).json
    assert said["enough_history"] is False
    assert said["components"] == []
    (grade,) = (await fresh.get("/v2/tm-grade?symbol=NEW")).data
    assert (grade["TM_GRADE"], grade["MOMENTUM"]) == (None, None)
    # what is unknown fits no condition
    high = await fresh.get("/v2/trading-signals?traderGrade=0&limit=100")
    assert "NEW" not in [r["TOKEN_SYMBOL"] for r in high.data]


async def test_the_market_has_a_row_for_each_day(world):
    rows = (await world.get("/v2/market-metrics?limit=100")).data

    dates = [row["DATE"] for row in rows]
    assert dates == sorted(dates, reverse=True)
    assert dates[0] == NOON_TEXT
    turns = [r["TM_GRADE_SIGNAL"] for r in rows][::-1]
    for row, before in zip(rows, turns[::-1][1:], strict=False):
        if row["TM_GRADE_SIGNAL"] != before:
            assert row["LAST_TM_GRADE_SIGNAL"] == before


async def test_a_history_is_sent_line_by_line(world):
    answer = await world.get("/v1/history/BTC?hours=true&endDate=2025-02-28")

    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = answer.body.decode().splitlines()
    rows = [models.HistoryRow.model_validate_json(line) for line in lines]
    # from the midnight four days back, until the end of February
    assert len(rows) == 4 * 24
    assert rows == sorted(rows, key=lambda row: row.start)
    days = await world.get("/v1/history/3375?startDate=2025-02-27&endDate=2025-02-28")
    assert len(days.body.splitlines()) == 2
    assert (await world.get("/v1/history/NOPE")).status == 404
    # chunked: nobody knew how long it would be
    assert "content-length" not in answer.headers


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ("token_id=3375", ["BTC"]),
        ("token_id=3306,3375", ["BTC", "ETH"]),
        ("symbol=eth", ["ETH"]),
        ("symbol=BTC, SOL", ["BTC", "SOL"]),
        ("token_id=3375&symbol=ETH", []),
        ("token_id=1", []),
        ("category=meme", ["DOGE", "PEPE"]),
        ("category=Layer 1,lending", ["BTC", "ETH", "SOL", "XRP", "ADA", "AAVE"]),
        ("exchange=Binance&symbol=BTC", ["BTC"]),
        ("exchange=gate", []),
        ("marketcap=1", []),
        ("fdv=1", []),
        ("marketcap=0&symbol=BTC", ["BTC"]),
        ("volume=400000000", ["BTC", "ETH"]),
        ("traderGrade=100.0&symbol=none", []),
        ("nobody=knows&symbol=BTC", ["BTC"]),
        ("symbol=&token_id=3375", ["BTC"]),
    ],
)
async def test_conditions_choose_the_coins(world, query, symbols):
    answer = await world.get(f"/v2/trading-signals?{query}")

    found = [row["TOKEN_SYMBOL"] for row in answer.data]
    assert found == symbols
    assert answer.status == (200 if symbols else 404)


async def test_no_rows_are_said_as_token_metrics_says_it(world):
    answer = await world.get("/v2/trading-signals?symbol=NOPE")

    assert answer.status == 404
    assert answer.json == {
        "success": False,
        "message": "Data not found",
        "length": 0,
        "data": [],
    }


async def test_coins_are_found_by_name_and_never_by_address(world):
    assert (await world.get("/v2/tokens?token_name=bitcoin")).data[0]["TOKEN_ID"] == BTC
    query = "blockchain_address=binance-smart-chain:0x1"
    assert (await world.get(f"/v2/tokens?{query}")).status == 404


async def test_a_grade_condition_is_a_least(world):
    everything = (await world.get("/v2/tm-grade")).data
    middle = sorted(float(r["TM_GRADE"]) for r in everything)[len(everything) // 2]

    found = (await world.get(f"/v2/trader-grades?traderGrade={middle}")).data

    assert len(found) == len(everything) - len(everything) // 2
    assert all(row["TM_TRADER_GRADE"] >= middle for row in found)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=1000&page=0", "limit"),
        ("limit=101", "limit"),
        ("limit=0", "limit"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("startDate=10-04-2025", "startDate is a day, written YYYY-MM-DD"),
        ("startDate=2025-02-30", "startDate"),
        ("endDate=0001-01-01", "endDate"),
        ("startDate=2025-03-02&endDate=2025-03-01", "startDate is after endDate"),
        ("token_id=BTC", "token_id is a list of numbers"),
        ("token_id=99999999999999999999", "token_id"),
        ("signal=2", "signal"),
        ("volume=nan", "volume"),
        ("volume=-1", "volume"),
        ("traderGrade=101", "traderGrade"),
    ],
)
async def test_a_parameter_that_cannot_be_is_a_400_that_names_it(world, query, said):
    answer = await world.get(f"/v2/trading-signals?{query}")

    assert answer.status == 400
    assert said in answer.json["message"]
    assert answer.json["success"] is False
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["hourly-trading-signals", "price"])
async def test_some_paths_want_to_know_the_coins(world, path):
    for query in ("", "?token_id=", "?token_id=%20"):
        answer = await world.get(f"/v2/{path}{query}")
        assert answer.status == 400
        assert "token_id" in answer.json["message"]


async def test_without_a_key_in_force_nothing_is_told(world):
    for key in (
        None,
        "",
        "wrong",
        "x" * 500,
        "tm-11111111-1111-1111-1111-111111111111",
    ):
        answer = await world.get("/v2/tokens", key=key)
        assert answer.status == 401
        assert answer.json["data"] == []
        assert "x-api-key" in answer.json["message"]
    assert (await world.get("/v2/tokens", header="api_key")).status == 200


async def test_a_revoked_key_works_no_more(fresh):
    assert (await fresh.get("/v2/tokens")).status == 200
    fresh.keys.give(KEY, "tests", revoked_at=NOON)

    await fresh.service._access.refresh()

    assert (await fresh.get("/v2/tokens")).status == 401


async def test_keys_stay_in_force_while_the_store_does_not_answer(fresh):
    fresh.keys.fails = True

    await fresh.service._access.refresh()

    assert (await fresh.get("/v2/tokens")).status == 200


async def test_each_key_has_a_pace_of_its_own(fresh, monkeypatch):
    start = time.monotonic()
    steady = [start]
    monkeypatch.setattr(fresh.service._access, "_steady", lambda: steady[0])
    fresh.keys.give("fw-slow", "slow", per_minute=2)
    await fresh.service._access.refresh()

    slow = [(await fresh.get("/v2/tokens", key="fw-slow")) for _ in range(3)]
    assert [a.status for a in slow] == [200, 200, 429]
    assert slow[2].headers["retry-after"] == "30"
    assert "2 requests a minute" in slow[2].json["message"]
    assert (await fresh.get("/v2/tokens")).status == 200

    steady[0] = start + 29
    assert (await fresh.get("/v2/tokens", key="fw-slow")).status == 429
    steady[0] = start + 30.1
    assert (await fresh.get("/v2/tokens", key="fw-slow")).status == 200
    # to read the keys anew is no way around it
    await fresh.service._access.refresh()
    assert (await fresh.get("/v2/tokens", key="fw-slow")).status == 429


async def test_where_no_key_is_needed_strangers_have_a_pace_too():
    async with api_world(access="open", per_minute=2) as world:
        answers = [await world.get("/v2/tokens", key=None) for _ in range(3)]

        assert [a.status for a in answers] == [200, 200, 429]
        assert (await world.get("/v2/tokens")).status == 200
        assert (await world.get("/v2/tokens", key="wrong")).status == 401


async def test_what_is_too_long_is_refused_before_it_is_read(world):
    long = await world.get(f"/v2/tokens?symbol={'A' * QUERY_MAX}")
    assert long.status == 413
    url = f"{world.service.url}/v2/tokens"
    headers = {"x-api-key": KEY}
    async with world.session.get(url, headers=headers, data=b"x" * 2_000) as answer:
        assert answer.status == 413
    async with world.session.post(url, headers=headers, data=b"x") as answer:
        assert answer.status == 405
        assert answer.headers["allow"] == "GET"
        assert (await answer.json())["success"] is False


async def test_an_unknown_path_is_a_404_in_the_same_form(world):
    answer = await world.get("/v2/indices")

    assert answer.status == 404
    assert answer.json["success"] is False


async def test_before_the_first_grades_it_says_so():
    async with api_world(is_ready=False) as world:
        answer = await world.get("/v2/trading-signals")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "60"
        assert (await world.get("/readyz", key=None)).status == 503
        assert (await world.get("/livez", key=None)).status == 200

        await world.grading.look()

        assert (await world.get("/v2/trading-signals")).status == 200
        ready = await world.get("/readyz", key=None)
        assert (ready.status, ready.json["coins"]) == (200, len(BASES))


# ---------------------------------------------------------------- caching


async def test_the_same_answer_is_not_sent_twice(fresh):
    first = await fresh.get("/v2/trading-signals?limit=100")
    tag = first.headers["etag"]

    again = await fresh.get("/v2/trading-signals?limit=100", if_none_match=tag)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == tag
    for known in ("*", f'"other", {tag}', tag.removeprefix("W/")):
        answer = await fresh.get("/v2/trading-signals?limit=100", if_none_match=known)
        assert answer.status == 304
    other = await fresh.get("/v2/trading-signals?limit=100", if_none_match='"other"')
    assert other.status == 200

    await fresh.hours(1)
    later = await fresh.get("/v2/trading-signals?limit=100", if_none_match=tag)
    assert later.status == 200
    assert later.headers["etag"] != tag


async def test_an_answer_is_good_until_the_next_hour_is_graded(fresh):
    first = await fresh.get("/v2/tokens")
    assert first.headers["cache-control"] == f"private, max-age={59 * 60 + 90}"
    assert "x-api-key" in first.headers["vary"]

    fresh.clock.advance(minutes=62)
    overdue = await fresh.get("/v2/tokens")
    assert overdue.headers["cache-control"] == "private, max-age=15"


async def test_a_large_answer_is_packed_for_who_can_unpack_it(world):
    plain = await world.get("/v2/trading-signals", accept_encoding="identity")
    packed = await world.get("/v2/trading-signals", accept_encoding="gzip")

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.body) / 3
    for refused in ("gzip;q=0", "br", "x-gzip, gzip; q=0.0"):
        answer = await world.get("/v2/trading-signals", accept_encoding=refused)
        assert "content-encoding" not in answer.headers
    # aiohttp has unpacked it
    assert packed.body == plain.body
    assert gzip.decompress(gzip.compress(plain.body)) == packed.body


async def test_answers_are_written_once_and_memory_is_bounded(fresh):
    front = fresh.service._front
    for n in range(ANSWERS_MAX + 30):
        await fresh.get(f"/v2/tokens?nothing={n}")

    assert len(front._answers) == ANSWERS_MAX
    edition = front.edition()
    await fresh.get("/v2/tokens")
    assert front.edition() is edition


# ---------------------------------------------------------------- around it


async def test_figures_are_counted_without_what_strangers_write(fresh):
    await fresh.get("/v2/tokens")
    await fresh.get("/v2/tokens", key="wrong")
    await fresh.get("/v1/explain/BTC")
    await fresh.get("/v1/explain/" + "Z" * 25)
    await fresh.get("/whatever/1")
    await fresh.get("/whatever/2")

    text = (await fresh.get("/metrics", key=None)).body.decode()

    assert 'flipwatch_api_requests_total{path="/v2/tokens",status="200"} 1.0' in text
    assert 'flipwatch_api_requests_total{path="/v2/tokens",status="401"} 1.0' in text
    assert 'path="/v1/explain",status="200"} 1.0' in text
    assert 'path="other",status="404"} 2.0' in text
    assert "flipwatch_api_as_of_seconds 1.7408304e+09" in text
    assert f"flipwatch_api_coins {len(BASES)}" in text
    assert "ZZZ" not in text


async def test_the_log_names_who_asked_and_never_the_key(world, caplog):
    caplog.set_level("INFO")
    await world.get("/v2/tokens")
    await world.get("/v2/tokens", key="fw-somebody-elses-key")

    lines = [r for r in caplog.records if r.getMessage() == "api"]
    assert [(r.path, r.status, r.key) for r in lines] == [
        ("/v2/tokens", 200, "tests"),
        ("/v2/tokens", 401, ""),
    ]
    for record in caplog.records:
        assert KEY not in str(record.__dict__)
        assert "somebody" not in str(record.__dict__)


async def test_old_grades_make_it_unready(fresh):
    assert (await fresh.get("/readyz", key=None)).status == 200
    fresh.exchange.refuse(503)
    fresh.clock.advance(hours=3)
    await fresh.grading.look()

    answer = await fresh.get("/readyz", key=None)

    assert answer.status == 503
    assert "binance" in answer.json["trouble"]
    # what is known is told all the same
    assert (await fresh.get("/v2/tokens")).status == 200


async def test_the_document_is_there_without_a_key(world):
    document = (await world.get("/openapi.json", key=None)).json

    assert {f"/v2/{path}" for path in PATHS} <= set(document["paths"])
    assert "/v1/explain/{asset}" in document["paths"]
    assert (await world.get("/docs", key=None)).status == 200
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "422" not in operation["responses"]


async def test_a_port_that_is_taken_names_the_option(world):
    port = int(world.service.url.rpartition(":")[2])

    with pytest.raises(ConfigError, match=r"api\.port"):
        async with api_world(port=port, is_ready=False):
            pass


async def test_it_stops_and_starts_again(fresh):
    await fresh.service.stop()
    await fresh.service.stop()
    assert fresh.service.trouble() == "not started"

    await fresh.service.start()

    assert (await fresh.get("/livez", key=None)).status == 200
    assert fresh.service.trouble() == ""


def await_all():
    from bot.model import Wanted

    return Wanted(top=50)
