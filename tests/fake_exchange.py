"""An exchange on a loopback port that speaks Binance's public REST as ccxt calls it.

    async with FakeExchange(clock) as exchange:
        exchange.trade("BTC", turnover=1e9)
        exchange.gap("BTC", hours_ago=3)
        exchange.refuse(429, times=1, headers={"Retry-After": "30"})

ccxt asks for three paths, read off its source (binance.py of 4.5.90): `exchangeInfo`,
`ticker/24hr` and `klines` below `/api/v3`. Prices are a wave of the hour's number, so
that any candle can be said again; the candle of now is half-written until its hour is
over. Binance US speaks the same, so a second one of these can be its own exchange.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Self

from aiohttp import web

HOUR = 3_600
DAY = 86_400
#: klines in one answer (Binance's documents: default 500, at most 1000)
LIMIT_MAX = 1_000
_TOO_MANY = '{"code":-1003,"msg":"Too many requests."}'
_SAID = {429: _TOO_MANY, 418: _TOO_MANY}


class Unpaced:
    """Stands in for the pace at which an exchange is asked: nobody waits."""

    loop = None

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    async def __call__(self, cost: float | None = None) -> None:
        return None


@dataclass(kw_only=True)
class Coin:
    """A pair against USDT and how its price goes."""

    base: str
    turnover: float
    listed_at: datetime
    status: str = "TRADING"
    price: float = 100.0
    swing: float = 0.3
    #: how long a wave of the price is, in hours
    period: float = 900.0
    #: hours without a candle, by their start
    gaps: set[int] = field(default_factory=set)
    #: closes that are not on the wave, by the start of their hour
    closes: dict[int, float] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Fault:
    path: str
    times: int
    status: int
    headers: dict[str, str]
    body: str


class FakeExchange:
    """One exchange; `clock` gives its time, `ahead` is what its Date header adds."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.coins: dict[str, Coin] = {}
        #: (path, query) of every request since the start
        self.requests: list[tuple[str, dict[str, str]]] = []
        #: what its clock is ahead of ours
        self.ahead = timedelta()
        self._faults: list[_Fault] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/api/v3/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    # ---- verbs

    def trade(self, base: str, *, turnover: float = 1e6, **more: Any) -> Coin:
        """List a pair; from the start of time unless `listed_at` says when."""
        more.setdefault("listed_at", datetime(2020, 1, 1, tzinfo=UTC))
        self.coins[base] = Coin(base=base, turnover=turnover, **more)
        return self.coins[base]

    def delist(self, base: str) -> None:
        """Take a pair off the exchange: asked for by name it is unknown."""
        del self.coins[base]

    def halt(self, base: str) -> None:
        """Stop trading in a pair that stays listed."""
        self.coins[base].status = "BREAK"

    def gap(self, base: str, *, hours_ago: int) -> int:
        """Have no candle for a whole hour of the past; return its start."""
        start = (int(self._clock().timestamp()) // HOUR - hours_ago) * HOUR
        self.coins[base].gaps.add(start)
        return start

    def refuse(
        self,
        status: int,
        *,
        path: str = "",
        times: int = 10_000,
        headers: dict[str, str] | None = None,
        body: str = "",
    ) -> None:
        """Answer the next requests with an error; `recover` ends it."""
        self._faults.append(
            _Fault(
                path=path, times=times, status=status, headers=headers or {}, body=body
            )
        )

    def recover(self) -> None:
        """Answer normally again."""
        self._faults.clear()

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the queries of all requests for a path."""
        return [query for name, query in self.requests if name == path]

    # ---- candles

    def close_of(self, base: str, start: int) -> float:
        """Return the price at which an hour ends."""
        coin = self.coins[base]
        wave = math.sin(2 * math.pi * (start / HOUR) / coin.period + len(base))
        return coin.closes.get(start, round(coin.price * (1 + coin.swing * wave), 6))

    def _hour(self, coin: Coin, start: int) -> list[Any] | None:
        now = self._clock().timestamp()
        if start in coin.gaps or start < coin.listed_at.timestamp() or start > now:
            return None
        opened = self.close_of(coin.base, start - HOUR)
        close = self.close_of(coin.base, start)
        volume = coin.turnover / 24 / coin.price
        part = min((now - start) / HOUR, 1.0)
        if part < 1.0:
            # half-written: it goes on until the hour ends
            close, volume = opened + (close - opened) * part * 0.5, volume * part
        high, low = max(opened, close) * 1.001, min(opened, close) * 0.999
        return [start, opened, high, low, close, volume]

    def _candle(self, coin: Coin, start: int, step: int) -> list[Any] | None:
        at_hours = range(start, start + step, HOUR)
        if step == DAY and start + DAY <= self._clock().timestamp() and not coin.gaps:
            # the whole day's shape shows in every third hour
            at_hours = [*at_hours[::3], at_hours[-1]]
        hours = [self._hour(coin, at) for at in at_hours]
        there = [hour for hour in hours if hour is not None]
        if not there:
            return None
        return [
            start,
            there[0][1],
            max(h[2] for h in there),
            min(h[3] for h in there),
            there[-1][4],
            sum(h[5] for h in there) / len(there) * len(range(0, step, HOUR)),
        ]

    # ---- answers

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        query = dict(request.query)
        self.requests.append((path, query))
        now = self._clock() + self.ahead
        date = {"Date": format_datetime(now.astimezone(UTC), usegmt=True)}
        for fault in self._faults:
            if fault.times and fault.path in {"", path}:
                fault.times -= 1
                return web.Response(
                    status=fault.status,
                    headers=date | fault.headers,
                    text=fault.body or _SAID.get(fault.status, ""),
                    content_type="application/json",
                )
        answers = {
            "exchangeInfo": self._exchange_info,
            "ticker/24hr": self._tickers,
            "klines": self._klines,
        }
        if path not in answers:
            return web.json_response({"code": -1, "msg": "no such path"}, status=404)
        status, body = answers[path](query)
        return web.json_response(body, status=status, headers=date)

    def _exchange_info(self, query: dict[str, str]) -> tuple[int, Any]:
        del query
        symbols = [
            {
                "symbol": f"{coin.base}USDT",
                "status": coin.status,
                "baseAsset": coin.base,
                "baseAssetPrecision": 8,
                "quoteAsset": "USDT",
                "quotePrecision": 8,
                "quoteAssetPrecision": 8,
                "orderTypes": ["LIMIT", "MARKET"],
                "isSpotTradingAllowed": coin.status == "TRADING",
                "isMarginTradingAllowed": False,
                "filters": [
                    {
                        "filterType": "PRICE_FILTER",
                        "minPrice": "0.000001",
                        "maxPrice": "1000000",
                        "tickSize": "0.000001",
                    },
                    {
                        "filterType": "LOT_SIZE",
                        "minQty": "0.0001",
                        "maxQty": "9000",
                        "stepSize": "0.0001",
                    },
                ],
                "permissions": [],
                "permissionSets": [["SPOT"]],
            }
            for coin in self.coins.values()
        ]
        return 200, {"timezone": "UTC", "rateLimits": [], "symbols": symbols}

    def _tickers(self, query: dict[str, str]) -> tuple[int, Any]:
        del query
        now = int(self._clock().timestamp())
        return 200, [
            {
                "symbol": f"{coin.base}USDT",
                "lastPrice": str(self.close_of(coin.base, now // HOUR * HOUR)),
                "volume": str(coin.turnover / coin.price),
                "quoteVolume": str(coin.turnover),
                "openTime": (now - DAY) * 1_000,
                "closeTime": now * 1_000,
            }
            for coin in self.coins.values()
        ]

    def _klines(self, query: dict[str, str]) -> tuple[int, Any]:
        coin = self.coins.get(query["symbol"].removesuffix("USDT"))
        if coin is None:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        step = {"1h": HOUR, "1d": DAY}[query["interval"]]
        limit = int(query.get("limit", 500))
        if not 0 < limit <= LIMIT_MAX:
            return 400, {"code": -1130, "msg": "Data sent for 'limit' is not valid."}
        first = -(-int(query["startTime"]) // 1_000 // step) * step
        first = max(first, int(coin.listed_at.timestamp()) // step * step)
        now = int(self._clock().timestamp())
        rows: list[list[Any]] = []
        start = first
        while start <= now and len(rows) < limit:
            if (found := self._candle(coin, start, step)) is not None:
                rows.append(_as_kline(found, step))
            start += step
        return 200, rows


def _as_kline(candle: list[Any], step: int) -> list[Any]:
    """Write a candle as Binance does: numbers as text, twelve columns."""
    start, opened, high, low, close, volume = candle
    return [
        start * 1_000,
        f"{opened:.8f}",
        f"{high:.8f}",
        f"{low:.8f}",
        f"{close:.8f}",
        f"{volume:.8f}",
        (start + step) * 1_000 - 1,
        f"{volume * close:.8f}",
        100,
        f"{volume / 2:.8f}",
        f"{volume * close / 2:.8f}",
        "0",
    ]
