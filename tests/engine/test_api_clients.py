"""The calls that public clients of Token Metrics make, answered as they expect.

Each test follows one program that was written for the real service; what it sends and
what it reads is known from its source.
"""

from datetime import date, timedelta

import pytest
import pytest_asyncio
from api_world import NOON, api_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: all SDKs ask for at most so many days at once
CHUNK = timedelta(days=29)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world():
    async with api_world() as world:
        yield world


async def test_the_mcp_server_asks_for_page_one_of_fifty(world):
    answer = await world.get(
        "/v2/trading-signals?symbol=BTC,ETH&limit=50&page=1",
        accept="application/json",
        x_integration="mcp",
    )

    assert answer.json["success"] is True
    assert [row["TOKEN_SYMBOL"] for row in answer.data] == ["BTC", "ETH"]
    assert all(isinstance(row["TM_TRADER_GRADE"], float | int) for row in answer.data)


async def test_a_chainlink_function_takes_the_first_row_for_the_newest(world):
    newest = (await world.get("/v2/trading-signals?token_id=3375&limit=1&page=1")).data
    assert len(newest) == 1
    assert newest[0]["DATE"] == "2025-03-01T12:00:00.000Z"
    grades = (await world.get("/v2/trader-grades?token_id=3375&limit=1&page=1")).data
    assert grades[0]["TM_TRADER_GRADE"] == newest[0]["TM_TRADER_GRADE"]

    hourly = await world.get("/v2/hourly-trading-signals?token_id=3375&limit=1&page=1")
    # it asserts that this is text
    assert isinstance(hourly.data[0]["SIGNAL"], str)
    assert hourly.data[0]["POSITION"] in {"-1", "0", "1"}


async def test_an_sdk_walks_the_past_in_chunks_of_29_days(world):
    first, last = date(2025, 1, 20), NOON.date()
    found: dict[str, int] = {}
    while first <= last:
        end = min(first + CHUNK, last)
        query = f"symbol=BTC&startDate={first}&endDate={end}&limit=100&page=1"
        answer = await world.get(f"/v2/trading-signals?{query}")
        assert answer.status == 200
        found |= {row["DATE"]: row["TOKEN_TREND"] for row in answer.data}
        # its chunks overlap by a day
        first = end if end < last else last + timedelta(days=1)

    # 41 days and what is now
    assert len(found) == 42
    assert set(found.values()) <= {-1, 1}


async def test_the_old_python_package_is_told_what_is_wrong_with_its_call(world):
    answer = await world.get(
        "/v2/tokens?symbol=BTC&limit=1000&page=0", header="api_key"
    )

    assert answer.status == 400
    assert "limit" in answer.json["message"]


async def test_it_reads_tm_grades_as_text(world):
    (row,) = (await world.get("/v2/tm-grade?symbol=BTC&limit=10&page=1")).data

    assert 0 <= float(row["TM_GRADE"]) <= 100
    assert row["MOMENTUM"] in {
        "Momentum Surging",
        "Gaining Momentum",
        "Holding Steady",
        "Losing Momentum",
        "Momentum Crashing",
    }
    assert set(row) == {
        *("TOKEN_ID", "TOKEN_NAME", "TOKEN_SYMBOL", "FUNDAMENTAL_GRADE", "TM_GRADE"),
        *("TM_GRADE_24h_PCT_CHANGE", "TM_TRADER_GRADE_24H_CHANGE"),
        *("FUNDAMENTAL_GRADE_CLASS", "TM_GRADE_SIGNAL", "MOMENTUM"),
    }


async def test_a_price_bot_asks_by_id_and_a_chart_for_candles(world):
    prices = (await world.get("/v2/price?token_id=3375,3306")).data
    assert {row["TOKEN_SYMBOL"] for row in prices} == {"BTC", "ETH"}

    query = "token_id=3306&startDate=2025-02-01&endDate=2025-02-28&limit=100"
    days = (await world.get(f"/v2/daily-ohlcv?{query}")).data
    assert len(days) == 28
    assert list(days[0])[3:] == ["DATE", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"]
    hours = (await world.get("/v2/hourly-ohlcv?symbol=ETH&limit=24&page=1")).data
    assert "TIMESTAMP" in hours[0]


async def test_a_market_page_takes_one_row(world):
    (row,) = (await world.get("/v2/market-metrics?limit=1&page=1")).data

    assert row["TM_GRADE_SIGNAL"] in {-1, 0, 1}
    assert row["LAST_TM_GRADE_SIGNAL"] in {-1, 0, 1}
    assert 0 <= row["TM_GRADE_PERC_HIGH_COINS"] <= 100


async def test_a_walk_through_all_pages_ends_with_a_404(world):
    found = []
    page = 1
    while (answer := await world.get(f"/v2/tokens?limit=3&page={page}")).status == 200:
        found += [row["TOKEN_ID"] for row in answer.data]
        page += 1

    assert answer.status == 404
    assert answer.json["data"] == []
    assert len(found) == len(set(found)) == 8
