"""Which of an exchange's pairs are graded: the most traded coins, and nothing else.

Pure. Left out are coins that stand for something else: US dollars and other money,
gold, another coin (wrapped, staked), a coin's price times three.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b

from engine.embedded.exchange import Pair
from engine.wire import KNOWN_KEYS

#: a member stays until it is beyond so many times the size: a coin at the border
#: should not come and go
STAYS_WITHIN = 1.5

# money of countries, and what is kept at the value of money or gold where its name does
# not say so
_MONEY_CODES = """
EUR GBP AUD TRY BRL JPY UAH RUB ARS COP MXN ZAR PLN RON CZK IDR NGN CHF CAD KRW
DAI FRAX PAX GYEN MIM EURI AEUR EURC EURT EURS XAUT PAXG KAG KAU UST USTC BIDR IDRT
BKRW BVND VAI FEI DOLA GHO RAI U
"""
_WRAPPED_CODES = """
WBTC BTCB CBBTC TBTC SOLVBTC LBTC BBTC RENBTC HBTC FBTC PUMPBTC UNIBTC
WETH STETH WSTETH WBETH BETH CBETH RETH METH CMETH WEETH EZETH RSETH SWETH
FRXETH SFRXETH ETH2 OSETH ANKRETH LSETH
BNSOL JITOSOL MSOL BBSOL JUPSOL INF STSOL BSOL DSOL
WBNB SLISBNB STKBNB WAVAX SAVAX STMATIC MATICX WMATIC WFTM STTRX WTRX
STKATOM STATOM WTAO WHYPE STHYPE KHYPE WBERA
"""
_MONEY = frozenset(_MONEY_CODES.split())
_WRAPPED = frozenset(_WRAPPED_CODES.split())
#: every dollar coin says so
_DOLLAR = re.compile(r"USD|^EUR|EUR$")
#: 3L, 5S as most exchanges write it; UP, DOWN, BULL, BEAR as some did
_LEVERAGED = re.compile(r"(?P<base>.+?)(?:[2-5]X?[LS]|UP|DOWN|BULL|BEAR|HEDGE|HALF)")
#: ids of our own are above all of Token Metrics' and below what any client can't hold
_FIRST_KEY = 100_000_000
_KEYS = 900_000_000


def is_coin(base: str, listed: Collection[str]) -> bool:
    """Whether a base is a coin in its own right; `listed` are all bases there."""
    if base in _MONEY or base in _WRAPPED or _DOLLAR.search(base):
        return False
    match = _LEVERAGED.fullmatch(base)
    # JUP and SYRUP end in UP as well, but J and SYR are no coins
    return match is None or match["base"] not in listed


def coins(pairs: Iterable[Pair]) -> list[Pair]:
    """Keep the coins, most traded first; a base that is there twice counts once."""
    everything = list(pairs)
    listed = {pair.base for pair in everything}
    found: dict[str, Pair] = {}
    for pair in sorted(everything, key=lambda p: (-(p.turnover or 0.0), p.name)):
        if is_coin(pair.base, listed):
            found.setdefault(pair.base, pair)
    return list(found.values())


def members(ranked: Sequence[Pair], size: int, now: Collection[str]) -> list[str]:
    """Choose the `size` most traded, and of those behind them some that are in `now`.

    `ranked` is what `coins` returns. So there are at times more than `size`.
    """
    behind = ranked[size : int(size * STAYS_WITHIN)]
    chosen = [*ranked[:size], *(pair for pair in behind if pair.base in now)]
    return [pair.base for pair in chosen]


def key_of(base: str) -> str:
    """Return the id of a coin: Token Metrics' own where it is known, else one of ours.

    A whole number, since programs written for Token Metrics take nothing else; the
    same on every machine. Two coins can have one id: once in some ten thousand
    universes of 500.
    """
    if base in KNOWN_KEYS:
        return KNOWN_KEYS[base]
    digest = blake2b(base.encode(), digest_size=8).digest()
    return str(_FIRST_KEY + int.from_bytes(digest, "big") % _KEYS)
