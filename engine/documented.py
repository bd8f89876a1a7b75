"""What the built-in scenario starts from: its assets, and three documented records.

Documented of a real engine are, for Fartcoin, Bittensor and Ethereum: the signals, the
days they came on (where a day is known), the prices at the signals where given, the
furthest price before the next signal, and Fartcoin's grade of 2025-06-01. These lines
are marked "documented". Not documented, and chosen here so that a path leads through:
the day within "December 2024" (Bittensor) and within "May 2025" (Ethereum), when a
furthest price was reached, the prices marked "chosen", and what stood before the first
signal. Two prices follow from a documented percentage: Fartcoin's low is 74.76 % under
its high of 2.49, and Bittensor was bullish 25.4 % above the 327 it fell to.

Names and categories of the assets are facts; their prices and sizes are rough ones of
November 2024, where the scenario begins.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.model import Signal

BULLISH = Signal.BULLISH
BEARISH = Signal.BEARISH

#: from here on the generator goes on alone, for ever
RECORD_ENDS = datetime(2025, 6, 10, tzinfo=UTC)
#: documented: most of the market turned bearish at once
BROAD_MOVE = datetime(2025, 5, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """An asset of the scenario; `size` is its market cap in billions of dollars."""

    symbol: str
    name: str
    price: float
    size: float
    categories: str

    @property
    def key(self) -> str:
        """The scenario's own id of the asset."""
        return self.name.lower().replace(" ", "-")


ASSETS = (
    Listed("BTC", "Bitcoin", 69_000, 1_365, "layer-1|payments"),
    Listed("ETH", "Ethereum", 2_480, 298, "layer-1|smart-contracts"),
    Listed("BNB", "BNB", 565, 82, "layer-1|exchange"),
    Listed("SOL", "Solana", 161, 76, "layer-1|smart-contracts"),
    Listed("XRP", "XRP", 0.51, 29, "layer-1|payments"),
    Listed("DOGE", "Dogecoin", 0.155, 22.7, "meme|payments"),
    Listed("TRX", "TRON", 0.164, 14.2, "layer-1|smart-contracts"),
    Listed("TON", "Toncoin", 4.75, 12.1, "layer-1"),
    Listed("ADA", "Cardano", 0.34, 11.9, "layer-1|smart-contracts"),
    Listed("SHIB", "Shiba Inu", 0.0000174, 10.2, "meme"),
    Listed("AVAX", "Avalanche", 24, 9.8, "layer-1|smart-contracts"),
    Listed("LINK", "Chainlink", 10.6, 6.6, "oracle|rwa"),
    Listed("BCH", "Bitcoin Cash", 338, 6.7, "layer-1|payments"),
    Listed("DOT", "Polkadot", 3.85, 5.8, "layer-1"),
    Listed("SUI", "Sui", 1.93, 5.4, "layer-1|smart-contracts"),
    Listed("UNI", "Uniswap", 7.2, 4.3, "defi|exchange"),
    Listed("LTC", "Litecoin", 66, 5.0, "layer-1|payments"),
    Listed("NEAR", "NEAR Protocol", 3.85, 4.7, "layer-1|ai"),
    Listed("APT", "Aptos", 8.5, 4.5, "layer-1|smart-contracts"),
    Listed("ICP", "Internet Computer", 7.2, 3.4, "layer-1|depin"),
    Listed("TAO", "Bittensor", 480, 3.5, "ai|depin"),
    Listed("PEPE", "Pepe", 0.0000083, 3.5, "meme"),
    Listed("FET", "Artificial Superintelligence Alliance", 1.2, 3.1, "ai"),
    Listed("XMR", "Monero", 160, 2.95, "privacy|payments"),
    Listed("KAS", "Kaspa", 0.112, 2.8, "layer-1|payments"),
    Listed("RENDER", "Render", 4.7, 2.4, "ai|depin"),
    Listed("STX", "Stacks", 1.5, 2.25, "layer-2"),
    Listed("FIL", "Filecoin", 3.45, 2.0, "storage|depin"),
    Listed("AAVE", "Aave", 131, 1.96, "defi"),
    Listed("WIF", "dogwifhat", 2.05, 2.05, "meme"),
    Listed("ARB", "Arbitrum", 0.49, 1.9, "layer-2"),
    Listed("OP", "Optimism", 1.47, 1.85, "layer-2"),
    Listed("IMX", "Immutable", 1.12, 1.8, "gaming|layer-2"),
    Listed("INJ", "Injective", 17, 1.65, "defi|layer-1"),
    Listed("HBAR", "Hedera", 0.043, 1.6, "layer-1|rwa"),
    Listed("ATOM", "Cosmos", 4.0, 1.57, "layer-1"),
    Listed("BONK", "Bonk", 0.0000178, 1.3, "meme"),
    Listed("JUP", "Jupiter", 0.86, 1.15, "defi|exchange"),
    Listed("ENA", "Ethena", 0.36, 1.02, "defi|rwa"),
    Listed("ONDO", "Ondo", 0.62, 0.9, "rwa|defi"),
    Listed("FARTCOIN", "Fartcoin", 0.34, 0.34, "meme|ai"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Era:
    """A standing signal and the prices it leads through.

    The first price is the one at the signal. `low` and `high` are documented furthest
    prices: nothing generated goes beyond them.
    """

    signal: Signal
    prices: tuple[tuple[datetime, float], ...]
    low: float = 0.0
    high: float = float("inf")
    grade: float | None = None


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _just_before(text: str) -> datetime:
    """Return the last reading before a day, six hours earlier."""
    return _day(text) - timedelta(hours=6)


FARTCOIN_LOW = 2.49 * (1 - 0.7476)
BITTENSOR_TOP = 327 / (1 - 0.254)

RECORD: dict[str, tuple[Era, ...]] = {
    "FARTCOIN": (
        Era(
            signal=BEARISH,  # chosen
            prices=((_day("2024-11-04"), 0.34), (_day("2024-11-18"), 0.24)),
        ),
        Era(
            signal=BULLISH,  # documented: 0.29 -> 2.49
            prices=(
                (_day("2024-11-26"), 0.29),
                (_day("2025-01-18"), 2.49),
                (_day("2025-01-25"), 1.72),  # chosen
            ),
            high=2.49,
        ),
        Era(
            signal=BEARISH,  # documented: to 74.76 % under the high
            prices=(
                (_day("2025-01-26"), 1.55),  # chosen
                (_day("2025-03-04"), FARTCOIN_LOW),
                (_just_before("2025-03-25"), FARTCOIN_LOW * 1.01),  # chosen
            ),
            low=FARTCOIN_LOW,
        ),
        Era(
            signal=BULLISH,  # documented: 0.53 -> 1.58
            prices=(
                (_day("2025-03-25"), 0.53),
                (_day("2025-05-22"), 1.58),
                (_day("2025-05-31"), 1.12),  # chosen
            ),
            high=1.58,
        ),
        Era(
            signal=BEARISH,  # documented, with its grade
            prices=((_day("2025-06-01"), 1.05), (RECORD_ENDS, 0.97)),  # chosen
            grade=24.34,
        ),
    ),
    "TAO": (
        Era(
            signal=BULLISH,  # chosen
            prices=((_day("2024-11-04"), 480), (_day("2024-12-07"), 690)),
        ),
        Era(
            signal=BEARISH,  # documented: 510 -> 314, in December 2024
            prices=(
                (_day("2024-12-18"), 510),
                (_day("2025-02-03"), 314),
                (_day("2025-02-20"), 421),  # chosen
            ),
            low=314,
        ),
        Era(
            signal=BULLISH,  # documented: -25.4 %
            prices=(
                (_day("2025-02-21"), BITTENSOR_TOP),
                (_just_before("2025-02-26"), 327),
            ),
            low=327,
        ),
        Era(
            signal=BEARISH,  # documented: 327 -> 182.9
            prices=(
                (_day("2025-02-26"), 327),
                (_day("2025-04-08"), 182.9),
                (_day("2025-04-18"), 262),  # chosen
            ),
            low=182.9,
        ),
        Era(
            signal=BULLISH,  # documented: 281 -> 474
            prices=(
                (_day("2025-04-19"), 281),
                (_day("2025-05-23"), 474),
                (_day("2025-06-03"), 418),  # chosen
            ),
            high=474,
        ),
        Era(
            signal=BEARISH,  # documented
            prices=((_day("2025-06-04"), 402), (RECORD_ENDS, 391)),  # chosen
        ),
    ),
    "ETH": (
        Era(
            signal=BEARISH,  # chosen
            prices=((_day("2024-11-04"), 2_480), (_day("2024-11-05"), 2_410)),
        ),
        Era(
            signal=BULLISH,  # documented: 2,880 -> 4,030
            prices=(
                (_day("2024-11-07"), 2_880),
                (_day("2024-12-06"), 4_030),
                (_day("2024-12-23"), 3_420),  # chosen
            ),
            high=4_030,
        ),
        Era(
            signal=BEARISH,  # documented: 3,490 -> 1,540
            prices=(
                (_day("2024-12-24"), 3_490),
                (_day("2025-04-08"), 1_540),
                (_day("2025-05-07"), 1_805),  # chosen
            ),
            low=1_540,
        ),
        Era(
            signal=BULLISH,  # documented: 1,850 -> 2,800, in May 2025
            prices=((_day("2025-05-08"), 1_850), (RECORD_ENDS, 2_800)),
            high=2_800,
        ),
    ),
}
