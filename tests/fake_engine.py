"""A Token Metrics engine of our own on a loopback port, for tests over real sockets.

    async with FakeEngine() as engine:
        engine.set("BTC", grade=71, signal=1)
        source = open_source(EngineConfig(kind="remote", base_url=engine.base_url), ...)
        engine.advance(days=1)
        engine.flip("BTC")

It speaks version 2 under `/v2` and version 3 under `/v3` at the same time, and is as
strict as the real one is known to be: at most 100 rows a page, pages from 1, a 404 with
"Data not found" where there are no rows, newest rows first, the key in a header. Verbs
take effect at once; several of them without an `await` in between are one change.

Facts: `engine/wire.py` and the documented answers; error bodies other than those of 401
and 404 are not published and are made up here.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from aiohttp import web

LIMIT_MAX = 100
#: what the real engine says to a wrong key and to a plan without the endpoint
REFUSED = "You are not authorized to access this endpoint with your current plan."
NO_ROWS = "Data not found"
STARTS = datetime(2025, 4, 10, tzinfo=UTC)

SEEDS = (
    # id, symbol, name, slug, grade, trend, price, market cap, categories
    (3375, "BTC", "Bitcoin", "bitcoin", 26.48, -1, 79_600.0, 1.58e12, ["layer-1"]),
    (3306, "ETH", "Ethereum", "ethereum", 13.35, -1, 1_520.0, 1.83e11, ["layer-1"]),
    (3369, "XRP", "XRP", "xrp", 41.2, 1, 2.0, 1.16e11, ["payments"]),
    (3988, "SOL", "Solana", "solana", 55.0, 1, 113.0, 5.8e10, ["layer-1"]),
    (3377, "LTC", "Litecoin", "litecoin", 38.0, -1, 75.0, 5.7e9, ["payments"]),
)


@dataclass(frozen=True, kw_only=True)
class Day:
    """One row of history."""

    as_of: datetime
    signal: int | None
    trend: int | None
    grade: Any


@dataclass(kw_only=True)
class Token:
    """An asset, its days oldest first; without days it is known but not graded."""

    id: int
    symbol: str
    name: str
    slug: str
    price: float | None = None
    market_cap: float | None = None
    categories: list[str] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(kw_only=True)
class _Fault:
    """What one of the next requests gets instead of its answer."""

    path: str | None
    times: int
    answer: Callable[[web.Request], Any]


class FakeEngine:
    """The engine: grades `size` assets, each with `history` days.

    `is_grouped` gives a page's rows asset by asset instead of day by day.
    """

    def __init__(
        self,
        *,
        size: int = 30,
        history: int = 1,
        is_grouped: bool = False,
        port: int = 0,
    ) -> None:
        self.history = history
        self.is_grouped = is_grouped
        self.today = STARTS
        #: every request since the start, oldest first
        self.requests: list[Asked] = []
        self.tokens: list[Token] = []
        #: paths that this engine's plan does not have: they answer 401
        self.refused_paths: set[str] = set()
        #: paths that do not exist here: they answer 404 with a page of HTML
        self.missing_paths: set[str] = set()
        self._port = port
        self._key: str | None = None
        self._key_header = "x-api-key"
        self._faults: list[_Fault] = []
        self._came = asyncio.Condition()
        self._is_closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._seed(size)

    # ---- life

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{version:v2|v3}/{path:.*}", self._handle)
        # access_log: a test that fails should not be buried under it
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_closing.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """The address of version 2, as it goes into the configuration."""
        return f"{self.root}/v2"

    @property
    def base_url_v3(self) -> str:
        return f"{self.root}/v3"

    # ---- what the market does

    def token(self, symbol: str) -> Token:
        """Find a graded asset by its symbol."""
        return next(t for t in self.tokens if t.symbol == symbol and t.days)

    def add(self, symbol: str, **facts: Any) -> Token:
        """Add an asset; without a grade and a signal it is known but not graded."""
        number = 90_000 + len(self.tokens)
        name = facts.pop("name", symbol.title())
        grade, trend = facts.pop("grade", None), facts.pop("signal", None)
        token = Token(
            **{"id": number, "symbol": symbol, "name": name, "slug": symbol.lower()}
            | facts
        )
        if grade is not None or trend is not None:
            token.days.append(
                Day(as_of=self.today, signal=trend, trend=trend, grade=grade)
            )
        self.tokens.append(token)
        return token

    def set(
        self,
        symbol: str,
        *,
        grade: Any = ...,
        signal: int | None = ...,  # type: ignore[assignment]  # ... is "unchanged"
        as_of: datetime | None = None,
        price: float | None = None,
    ) -> None:
        """Say something new about an asset, on the engine's current day.

        A row of the same day is replaced (a revision), a later `as_of` makes a new one.
        `signal=0` is "nothing new": the standing signal stays. `signal=None` and
        `grade=None` are sent as null, any other grade as it is.
        """
        token = self.token(symbol)
        last = token.days[-1]
        day = replace(last, as_of=as_of or max(self.today, last.as_of))
        if grade is not ...:
            day = replace(day, grade=grade)
        if signal is not ...:
            trend = last.trend if signal == 0 else signal
            day = replace(day, signal=signal, trend=trend)
        if day.as_of == last.as_of:
            token.days.pop()
        token.days.append(day)
        token.days.sort(key=lambda d: d.as_of)
        if price is not None:
            token.price = price

    def flip(self, symbol: str) -> None:
        """Turn the standing signal over, on the engine's current day."""
        self.set(symbol, signal=-1 if self.token(symbol).days[-1].trend == 1 else 1)

    def advance(self, days: float = 1) -> None:
        """Let time pass: each asset gets a row of the new day without news."""
        self.today += timedelta(days=days)
        for token in self.tokens:
            if token.days and token.days[-1].as_of < self.today:
                token.days.append(replace(token.days[-1], as_of=self.today, signal=0))

    def remove(self, symbol: str) -> None:
        """Stop grading an asset."""
        self.token(symbol).days.clear()

    # ---- what goes wrong

    def require_key(self, key: str, *, header: str = "x-api-key") -> None:
        """Answer 401 to whoever does not send this key in this header."""
        self._key, self._key_header = key, header

    def fail_next(
        self,
        *,
        status: int,
        retry_after: float | str | None = None,
        times: int = 1,
        message: str = "",
        path: str | None = "trading-signals",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer the next requests of a path (None: of any) with an error."""
        extra = dict(headers or {})
        if retry_after is not None:
            extra["Retry-After"] = str(retry_after)
        body = {
            "success": False,
            "message": message or "fault",
            "length": 0,
            "data": [],
        }

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status, headers=extra)

        self._faults.append(_Fault(path=path, times=times, answer=answer))

    def answer_next(
        self,
        body: bytes,
        *,
        status: int = 200,
        times: int = 1,
        path: str | None = "trading-signals",
    ) -> None:
        """Answer the next requests with these very bytes."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(
                body=body, status=status, content_type="application/json"
            )

        self._faults.append(_Fault(path=path, times=times, answer=answer))

    def half_page_next(
        self, *, times: int = 1, path: str | None = "trading-signals"
    ) -> None:
        """Cut the connection in the middle of the next answer's body."""

        async def answer(request: web.Request) -> web.StreamResponse:
            whole = self._answer(request).body
            assert isinstance(whole, bytes)
            response = web.StreamResponse(
                headers={
                    "Content-Type": "application/json",
                    "Content-Length": str(len(whole)),
                }
            )
            await response.prepare(request)
            await response.write(whole[: len(whole) // 2])
            assert request.transport is not None
            request.transport.close()
            return response

        self._faults.append(_Fault(path=path, times=times, answer=answer))

    def hang_next(
        self, *, times: int = 1, path: str | None = "trading-signals"
    ) -> None:
        """Take the next request and never answer it."""

        async def answer(_: web.Request) -> web.StreamResponse:
            await self._is_closing.wait()
            return web.Response(status=503)

        self._faults.append(_Fault(path=path, times=times, answer=answer))

    # ---- what was asked

    @property
    def pending_faults(self) -> int:
        """How many faults have not yet met their request."""
        return sum(fault.times for fault in self._faults)

    def polls(self) -> list[Asked]:
        """List the requests for signals."""
        return [asked for asked in self.requests if asked.path == "trading-signals"]

    def key_in_query(self, key: str) -> bool:
        """Whether the key ever travelled where logs keep it."""
        return any(key in f"{a.path} {a.query}" for a in self.requests)

    async def wait_for_polls(self, count: int, timeout: float = 20) -> None:
        """Wait until so many further requests for signals have come in."""
        goal = len(self.polls()) + count
        async with asyncio.timeout(timeout), self._came:
            await self._came.wait_for(lambda: len(self.polls()) >= goal)

    # ---- answering

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.requests.append(
            Asked(path=path, query=dict(request.query), headers=dict(request.headers))
        )
        async with self._came:
            self._came.notify_all()
        for fault in self._faults:
            if fault.path in {None, path}:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                return await fault.answer(request)
        return self._answer(request)

    def _answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        is_v3 = request.match_info["version"] == "v3"
        if path in self.missing_paths:
            return web.Response(
                text="<h1>Not found</h1>", status=404, content_type="text/html"
            )
        key_is_wrong = (
            self._key is not None and request.headers.get(self._key_header) != self._key
        )
        if key_is_wrong or path in self.refused_paths:
            return _error(401, REFUSED)
        makers = {
            "trading-signals": self._signals,
            "tokens": self._tokens,
            "top-market-cap-tokens": self._largest,
            "price": self._prices,
            "daily-ohlcv": self._candles,
        }
        if path not in makers:
            return web.Response(text="Cannot GET", status=404)
        size_name = "top_k" if path == "top-market-cap-tokens" else "limit"
        try:
            limit = int(request.query.get(size_name, "50"))
            page = int(request.query.get("page", "1"))
            rows = makers[path](dict(request.query), is_v3)
        except ValueError as error:
            return _error(400, f"Bad Request: {error}")
        if not 1 <= limit <= LIMIT_MAX or page < 1:
            return _error(400, "Bad Request: limit is at most 100, page starts at 1")
        shown = rows[(page - 1) * limit : page * limit]
        if not shown:
            return _error(404, NO_ROWS)
        body: dict[str, Any] = {
            "success": True,
            "message": "Data fetched successfully",
            "length": len(shown),
            "data": shown,
        }
        if is_v3:
            body["pagination"] = {
                "total": len(rows),
                "total_pages": -(-len(rows) // limit),
                "current_page": page,
                "limit": limit,
            }
        return web.json_response(body)

    def _signals(self, query: dict[str, str], is_v3: bool) -> list[dict[str, Any]]:
        since = query.get("start_date" if is_v3 else "startDate", "")
        until = query.get("end_date" if is_v3 else "endDate", "")
        first = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
        last = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
        if first and last and last - first >= timedelta(days=29):
            raise ValueError("at most 29 days")
        chosen = [
            (token, day)
            for token in _chosen(self.tokens, query)
            for day in token.days[-self.history :]
            if (first is None or day.as_of >= first)
            and (last is None or day.as_of <= last)
        ]
        # Sorting is stable: within a day the largest come first.
        chosen.sort(key=lambda pair: pair[1].as_of, reverse=True)
        if self.is_grouped:
            chosen.sort(key=lambda pair: -(pair[0].market_cap or 0))
        return [_signal_row(token, day, is_v3) for token, day in chosen]

    def _tokens(self, query: dict[str, str], is_v3: bool) -> list[dict[str, Any]]:
        return [_token_row(token, is_v3) for token in _chosen(self.tokens, query)]

    def _largest(self, _: dict[str, str], is_v3: bool) -> list[dict[str, Any]]:
        graded = [t for t in self.tokens if t.days]
        graded.sort(key=lambda t: -(t.market_cap or 0))
        return [_token_row(token, is_v3) for token in graded]

    def _prices(self, query: dict[str, str], is_v3: bool) -> list[dict[str, Any]]:
        if "token_id" not in query:
            raise ValueError("token_id is required")
        rows = [_token_row(token, is_v3) for token in _chosen(self.tokens, query)]
        kept = {"token_id", "token_name", "token_symbol", "current_price"}
        return [{k: v for k, v in row.items() if k.lower() in kept} for row in rows]

    def _candles(self, query: dict[str, str], is_v3: bool) -> list[dict[str, Any]]:
        """Closing prices: each day one dollar more than the day before."""
        rows = self._signals(query, is_v3)
        for row in rows:
            lower = {k.lower(): v for k, v in row.items()}
            day = datetime.fromisoformat(lower["date"])
            row["close" if is_v3 else "CLOSE"] = float(day.toordinal())
        kept = {"token_id", "token_symbol", "date", "close"}
        return [{k: v for k, v in row.items() if k.lower() in kept} for row in rows]

    def _seed(self, size: int) -> None:
        for id_, symbol, name, slug, grade, trend, price, cap, categories in SEEDS[
            :size
        ]:
            day = Day(as_of=STARTS, signal=0, trend=trend, grade=grade)
            self.tokens.append(
                Token(
                    id=id_,
                    symbol=symbol,
                    name=name,
                    slug=slug,
                    price=price,
                    market_cap=cap,
                    categories=list(categories),
                    days=[day],
                )
            )
        for number in range(len(SEEDS), size):
            trend = 1 if number % 2 else -1
            self.tokens.append(
                Token(
                    id=50_000 + number,
                    symbol=f"GEN{number}",
                    name=f"Generated {number}",
                    slug=f"generated-{number}",
                    price=1.0 + number,
                    market_cap=1e9 / (number + 1),
                    categories=["defi" if number % 3 else "ai"],
                    days=[
                        Day(
                            as_of=STARTS, signal=0, trend=trend, grade=50.0 + 20 * trend
                        )
                    ],
                )
            )
        # Symbols are not unique: bridged namesakes are known, but not graded.
        self.tokens.append(
            Token(
                id=70_001,
                symbol="BTC",
                name="Bitcoin (bridged)",
                slug="bitcoin-bridged",
                price=79_000.0,
                market_cap=2.0e6,
            )
        )
        for token in self.tokens:
            if token.days and self.history > 1:
                token.days = [
                    replace(token.days[0], as_of=STARTS - timedelta(days=n))
                    for n in range(self.history - 1, -1, -1)
                ]


def _chosen(tokens: list[Token], query: dict[str, str]) -> list[Token]:
    ids = (
        {int(i) for i in query["token_id"].split(",")} if "token_id" in query else None
    )
    symbols = set(query["symbol"].split(",")) if "symbol" in query else None
    return sorted(
        (
            t
            for t in tokens
            if (ids is None or t.id in ids) and (symbols is None or t.symbol in symbols)
        ),
        key=lambda t: -(t.market_cap or 0),
    )


def _signal_row(token: Token, day: Day, is_v3: bool) -> dict[str, Any]:
    date = day.as_of.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    words = {1: "bullish", -1: "bearish", 0: "neutral", None: None}
    trends = {1: "up", -1: "down", 0: "sideways", None: None}
    if is_v3:
        return {
            "token_id": token.id,
            "token_name": token.name,
            "token_symbol": token.symbol,
            "slug": token.slug,
            "date": date,
            "trading_signal": day.signal,
            "token_signal_str": words[day.signal],
            "token_trend": day.trend,
            "token_trend_str": trends[day.trend],
            "trading_signals_returns": 1.5,
            "holding_returns": 0.7,
            "app_link": f"https://app.tokenmetrics.com/en/{token.slug}",
            "tm_grade": day.grade,
            "fundamental_grade": 58.23,
        }
    return {
        "TOKEN_ID": token.id,
        "TOKEN_NAME": token.name,
        "TOKEN_SYMBOL": token.symbol,
        "DATE": date,
        "TRADING_SIGNAL": day.signal,
        "TOKEN_TREND": day.trend,
        "TRADING_SIGNALS_RETURNS": 1.5,
        "HOLDING_RETURNS": 0.7,
        "tm_link": token.slug,
        "TM_TRADER_GRADE": day.grade,
        "TM_INVESTOR_GRADE": 58.23,
        "TM_LINK": "https://app.tokenmetrics.com/undefined",
    }


def _token_row(token: Token, is_v3: bool) -> dict[str, Any]:
    row = {
        "TOKEN_ID": token.id,
        "TOKEN_NAME": token.name,
        "TOKEN_SYMBOL": token.symbol,
        "CURRENT_PRICE": token.price,
        "MARKET_CAP": token.market_cap,
        "TOTAL_VOLUME": None if token.market_cap is None else token.market_cap / 20,
        "EXCHANGE_LIST": [],
        "CATEGORY_LIST": [
            {"category_id": n, "category_name": c.title(), "category_slug": c}
            for n, c in enumerate(token.categories)
        ],
        "PRICE_CHANGE_PERCENTAGE_24H_IN_CURRENCY": None,
        "TM_LINK": f"https://app.tokenmetrics.com/en/{token.slug}",
    }
    return {k.lower(): v for k, v in row.items()} if is_v3 else row


def _error(status: int, message: str) -> web.Response:
    body = {"success": False, "message": message, "length": 0, "data": []}
    return web.Response(
        body=json.dumps(body).encode(), status=status, content_type="application/json"
    )
