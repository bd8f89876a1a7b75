"""Public market data of one exchange through ccxt: its pairs, and their candles.

No key and no account. Whatever ccxt or the exchange does, only `ExchangeError` comes
out of here. What an answer says of money is checked: a candle that cannot be is left
out, which makes a gap, and a gap is known.
"""

import asyncio
import importlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bot.candles import Candle, Frame
from bot.errors import FlipwatchError
from bot.ports import Clock
from engine.embedded.ccxt_loading import load_exchange
from engine.embedded.pace import Pace, Rest
from engine.transport import retry_after

logger = logging.getLogger(__name__)

#: for one answer; ccxt waits for its turn before this begins
TIMEOUT = timedelta(seconds=15)
#: for one answer with the wait for a turn; an exchange may allow one call a second
PATIENCE = timedelta(seconds=120)
#: candles asked for at once; every exchange takes fewer if it has to
PAGE = 1_000
#: all pairs are named against this; a US dollar in all but name
QUOTE = "USDT"

_FRAMES = {Frame.HOUR: "1h", Frame.DAY: "1d"}
#: a price or a volume beyond this is not one
_MOST = 1e15
#: what ccxt raises on an answer of a shape it does not expect
_UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError)
#: the header that tells an exchange's time has whole seconds
_CLOCK_SLACK = timedelta(seconds=2)
#: after an empty page so many candles are skipped: the least any exchange gives at once
_SKIP = 100
#: more than what any exchange needs for the history that is kept
_PAGES_MAX = 400


class ExchangeError(FlipwatchError):
    """An exchange gave no answer that is of use.

    Attributes:
        retry_after: how long it wants to be left alone, if it said so.
        is_gone: it does not trade this pair; nothing is wrong with the exchange.
    """

    def __init__(
        self,
        text: str,
        *,
        retry_after: timedelta | None = None,
        is_gone: bool = False,
    ) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        self.is_gone = is_gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A spot pair against `QUOTE`, as the exchange lists it now.

    `turnover` is of the last 24 h in US dollars; None if the exchange does not say.
    """

    base: str
    name: str
    turnover: float | None = None


class Exchange:
    """One exchange; loads ccxt and opens connections with the first call."""

    def __init__(self, name: str, *, now: Clock, url: str = "") -> None:
        self.name = name
        self._url = url
        self._now = now
        self._rest = Rest(now)
        self._ccxt: Any = None
        self._ahead = timedelta()

    async def close(self) -> None:
        """Give back connections; may be called twice."""
        ccxt, self._ccxt = self._ccxt, None
        if ccxt is not None:
            await ccxt.close()

    def rest_left(self) -> timedelta:
        """Return for how long the exchange wants no request."""
        return self._rest.left()

    def clock(self) -> datetime:
        """Return the time by our clock or, if it is behind ours, by the exchange's.

        By a clock that is ahead, half a candle would look like a whole one.
        """
        return self._now() - self._ahead

    def _note_clock(self, asked_at: datetime) -> None:
        """See from an answer's own time whether our clock is ahead."""
        headers = getattr(self._ccxt, "last_response_headers", None) or {}
        try:
            stamped = parsedate_to_datetime(headers.get("Date", ""))
            ahead = asked_at - stamped.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            return
        self._ahead = ahead if ahead > _CLOCK_SLACK else timedelta()

    async def list_pairs(self) -> list[Pair]:
        """List the pairs that are traded now, with their turnover."""
        ccxt = self._opened()
        markets = await self._ask(ccxt.load_markets(reload=True), "pairs")
        tickers = await self._ask(ccxt.fetch_tickers(), "turnover")
        try:
            pairs = [
                Pair(
                    base=market["base"],
                    name=market["symbol"],
                    turnover=_turnover(tickers.get(market["symbol"])),
                )
                for market in markets.values()
                if _is_traded(market)
            ]
        except _UNREADABLE as error:
            raise self._unreadable("pairs", error) from None
        if not pairs:
            raise ExchangeError(f"{self.name} lists no pair against {QUOTE}")
        return pairs

    async def fetch_candles(
        self, pair: str, frame: Frame, since: datetime, until: datetime
    ) -> list[Candle]:
        """Fetch the whole candles that start from `since` until before `until`.

        Oldest first. One that the exchange is still writing is left out.
        """
        ccxt = self._opened()
        if not ccxt.markets:
            await self.list_pairs()
        start, end = frame.floor(since), int(until.timestamp())
        found: dict[int, Candle] = {}
        for _ in range(_PAGES_MAX):
            if start >= end:
                break
            rows = await self._ask(
                ccxt.fetch_ohlcv(pair, _FRAMES[frame], since=start * 1_000, limit=PAGE),
                "candles",
            )
            try:
                page = [c for c in map(_to_candle, rows) if c is not None]
            except _UNREADABLE as error:
                raise self._unreadable("candles", error) from None
            now = self.clock().timestamp()
            whole = [
                c
                for c in page
                if c.start % frame == 0 and c.start + frame <= now and c.start < end
            ]
            found |= {c.start: c for c in whole}
            # an empty page may lie before the pair's first day, or in an outage
            newest = max((c.start for c in page), default=start + (_SKIP - 1) * frame)
            if newest < start:
                break
            start = newest + frame
        return [found[key] for key in sorted(found) if key >= frame.floor(since)]

    # ---- asking

    def _opened(self) -> Any:
        """Return ccxt's exchange; `ConfigError` where there can be none."""
        if self._ccxt is None:
            exchange = load_exchange(self.name)(
                {
                    "timeout": TIMEOUT.total_seconds() * 1_000,
                    "enableRateLimit": True,
                    "options": {
                        "defaultType": "spot",
                        "fetchMarkets": {"types": ["spot"]},
                        "warnOnFetchOpenOrdersWithoutSymbol": False,
                    },
                }
            )
            # it would cost calls and tells nothing that we use
            exchange.has["fetchCurrencies"] = False
            exchange.throttler = Pace(timedelta(milliseconds=exchange.rateLimit))
            exchange.timeout_on_exit = 0
            exchange.on_rest_response = _checked(exchange.on_rest_response)
            if self._url:
                exchange.urls["api"] = _moved(exchange.urls["api"], self._url)
            self._ccxt = exchange
        return self._ccxt

    async def _ask(self, call: Any, what: str) -> Any:
        """Wait for ccxt; turn whatever it raises into `ExchangeError`."""
        rest = self._rest.left()
        if rest > timedelta():
            call.close()
            raise ExchangeError(
                f"{self.name} wants no request for another"
                f" {rest.total_seconds():.0f} s",
                retry_after=rest,
            )
        errors = _errors()
        asked_at = self._now()
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                answer = await call
        except TimeoutError:
            raise ExchangeError(f"{self.name}: no answer in time ({what})") from None
        except (errors.RateLimitExceeded, errors.DDoSProtection):
            self._rest.order(self._ordered())
            raise ExchangeError(
                f"{self.name} says that it was asked too often ({what})",
                retry_after=self._rest.left(),
            ) from None
        except errors.BadSymbol:
            raise ExchangeError(
                f"{self.name} does not trade this pair", is_gone=True
            ) from None
        except errors.BaseError as error:
            kind = type(error).__name__
            raise ExchangeError(f"{self.name}: {kind} ({what})") from None
        except _UNREADABLE as error:
            raise self._unreadable(what, error) from None
        self._note_clock(asked_at)
        return answer

    def _ordered(self) -> timedelta | None:
        headers = getattr(self._ccxt, "last_response_headers", None) or {}
        lower = {str(key).lower(): str(value) for key, value in headers.items()}
        return retry_after({"Retry-After": lower.get("retry-after", "")}, self._now())

    def _unreadable(self, what: str, error: Exception) -> ExchangeError:
        logger.info(
            "an exchange's answer can't be read",
            extra={"exchange": self.name, "what": what, "kind": type(error).__name__},
        )
        return ExchangeError(f"{self.name}: an answer that can't be read ({what})")


def _errors() -> Any:
    """Return ccxt's errors; it is loaded by the time this is asked."""
    return importlib.import_module("ccxt.base.errors")


def _checked(passed_on: Any) -> Any:
    """Refuse a 200 that is no JSON: ccxt takes a gateway's page for "no candles"."""

    def check(status: int, *more: Any) -> Any:
        body = passed_on(status, *more)
        is_json = isinstance(body, str) and body.lstrip()[:1] in {"{", "["}
        if status == HTTPStatus.OK and not is_json:
            raise _errors().BadResponse("not JSON")
        return body

    return check


def _moved(addresses: Any, origin: str) -> Any:
    """Move every address of an exchange to another host; the paths stay."""
    if isinstance(addresses, str):
        there = urlsplit(origin)
        here = urlsplit(addresses)
        return urlunsplit((there.scheme, there.netloc, here.path, here.query, ""))
    if isinstance(addresses, Mapping):
        return {key: _moved(value, origin) for key, value in addresses.items()}
    return addresses


def _is_traded(market: Mapping[str, Any]) -> bool:
    return (
        market.get("spot") is True
        and market.get("active") is not False
        and market.get("quote") == QUOTE
        and isinstance(market.get("base"), str)
    )


def _turnover(ticker: Mapping[str, Any] | None) -> float | None:
    if not ticker:
        return None
    turnover = _amount(ticker.get("quoteVolume"))
    if turnover is None:
        volume, price = _amount(ticker.get("baseVolume")), _amount(ticker.get("last"))
        turnover = None if volume is None or price is None else volume * price
    return turnover


def _amount(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value)
    return number if math.isfinite(number) and 0 <= number < _MOST else None


def _to_candle(row: Sequence[Any]) -> Candle | None:
    """Read a candle; None for one that cannot be."""
    at, *values = row[:6]
    numbers = [_amount(value) for value in values]
    prices, volume = numbers[:4], numbers[4]
    if volume is None or any(not price for price in prices):
        return None
    opened, high, low, close = (float(price or 0.0) for price in prices)
    if not low <= min(opened, close) <= max(opened, close) <= high:
        # what the exchange closed at is what counts
        high, low = max(opened, high, close), min(opened, low, close)
    return Candle(int(at) // 1_000, opened, high, low, close, volume)
