"""Names and categories of well-known coins: what no exchange tells.

Facts, written down here by hand; a coin that is not in the list has its code for a name
and no category, for nothing is made up. Codes are those ccxt gives.
"""

from dataclasses import dataclass

_LIST = """
BTC Bitcoin|layer-1 payments
ETH Ethereum|layer-1 smart-contracts
BNB BNB|layer-1 exchange
SOL Solana|layer-1 smart-contracts
XRP XRP|layer-1 payments
DOGE Dogecoin|meme payments
TRX TRON|layer-1 smart-contracts
TON Toncoin|layer-1
ADA Cardano|layer-1 smart-contracts
SHIB Shiba Inu|meme
AVAX Avalanche|layer-1 smart-contracts
LINK Chainlink|oracle rwa
BCH Bitcoin Cash|layer-1 payments
DOT Polkadot|layer-1
SUI Sui|layer-1 smart-contracts
UNI Uniswap|defi dex
LTC Litecoin|layer-1 payments
NEAR NEAR Protocol|layer-1 ai
APT Aptos|layer-1 smart-contracts
ICP Internet Computer|layer-1 depin
TAO Bittensor|ai depin
PEPE Pepe|meme
FET Artificial Superintelligence Alliance|ai
XMR Monero|privacy payments
KAS Kaspa|layer-1 payments
RENDER Render|ai depin
STX Stacks|layer-2
FIL Filecoin|storage depin
AAVE Aave|defi lending
WIF dogwifhat|meme
ARB Arbitrum|layer-2
OP Optimism|layer-2
IMX Immutable|gaming layer-2
INJ Injective|defi layer-1
FARTCOIN Fartcoin|meme ai
HBAR Hedera|layer-1
VET VeChain|layer-1
ETC Ethereum Classic|layer-1
XLM Stellar|layer-1 payments
ATOM Cosmos|layer-1 interoperability
ALGO Algorand|layer-1
POL Polygon|layer-2
MATIC Polygon|layer-2
HYPE Hyperliquid|layer-1 dex
PUMP Pump.fun|meme
ENA Ethena|defi
WLD Worldcoin|ai identity
SEI Sei|layer-1
TIA Celestia|modular layer-1
ONDO Ondo|rwa defi
JUP Jupiter|dex defi
JTO Jito|defi liquid-staking
PYTH Pyth Network|oracle
BONK Bonk|meme
FLOKI FLOKI|meme
BOME BOOK OF MEME|meme
POPCAT Popcat|meme
PNUT Peanut the Squirrel|meme
TRUMP OFFICIAL TRUMP|meme
PENGU Pudgy Penguins|meme nft
TURBO Turbo|meme
MEW cat in a dogs world|meme
BRETT Brett|meme
NEIRO Neiro|meme
GOAT Goatseus Maximus|meme ai
SPX SPX6900|meme
MOG Mog Coin|meme
NOT Notcoin|gaming
DOGS Dogs|meme
LDO Lido DAO|defi liquid-staking
MKR Maker|defi rwa
SKY Sky|defi rwa
CRV Curve DAO|defi dex
COMP Compound|defi lending
SNX Synthetix|defi
SUSHI SushiSwap|defi dex
CAKE PancakeSwap|defi dex
1INCH 1inch|defi dex
DYDX dYdX|defi dex
GMX GMX|defi dex
RUNE THORChain|defi interoperability
PENDLE Pendle|defi
MORPHO Morpho|defi lending
EIGEN EigenLayer|restaking
ETHFI ether.fi|restaking liquid-staking
RPL Rocket Pool|liquid-staking
YFI yearn.finance|defi
BAL Balancer|defi dex
ZRX 0x|defi
RAY Raydium|dex defi
ORCA Orca|dex defi
KMNO Kamino|defi lending
AERO Aerodrome|dex defi
COW CoW Protocol|dex defi
ZRO LayerZero|interoperability
W Wormhole|interoperability
AXL Axelar|interoperability
STRK Starknet|layer-2 zero-knowledge
ZK ZKsync|layer-2 zero-knowledge
MANTA Manta Network|layer-2 zero-knowledge
MNT Mantle|layer-2
METIS Metis|layer-2
BLAST Blast|layer-2
SCR Scroll|layer-2 zero-knowledge
MINA Mina|layer-1 zero-knowledge
ALT AltLayer|modular restaking
DYM Dymension|modular
SAGA Saga|modular gaming
FTM Fantom|layer-1
S Sonic|layer-1
KAVA Kava|layer-1 defi
EGLD MultiversX|layer-1
FLOW Flow|layer-1 nft
XTZ Tezos|layer-1
EOS EOS|layer-1
A Vaulta|layer-1
NEO NEO|layer-1
IOTA IOTA|layer-1
QTUM Qtum|layer-1
ONT Ontology|layer-1
ZIL Zilliqa|layer-1
ICX ICON|layer-1
KSM Kusama|layer-1
CFX Conflux|layer-1
CKB Nervos Network|layer-1
ROSE Oasis|layer-1 privacy
CELO Celo|layer-2 payments
ONE Harmony|layer-1
WAVES Waves|layer-1
LUNA Terra|layer-1
LUNC Terra Classic|layer-1
BERA Berachain|layer-1 defi
MOVE Movement|layer-2
KAIA Kaia|layer-1
BSV Bitcoin SV|layer-1 payments
DASH Dash|payments privacy
ZEC Zcash|privacy payments
DCR Decred|layer-1 payments
RVN Ravencoin|layer-1
XEC eCash|payments
XVG Verge|privacy
DGB DigiByte|payments
SC Siacoin|storage
AR Arweave|storage depin
STORJ Storj|storage depin
HNT Helium|depin
IOTX IoTeX|depin
AKT Akash Network|ai depin
IO io.net|ai depin
ATH Aethir|ai depin
GRASS Grass|ai depin
THETA Theta Network|depin
LPT Livepeer|depin ai
GRT The Graph|ai infrastructure
OCEAN Ocean Protocol|ai
AGIX SingularityNET|ai
ARKM Arkham|ai
VIRTUAL Virtuals Protocol|ai
AI16Z ai16z|ai meme
KAITO KAITO|ai
BAND Band Protocol|oracle
API3 API3|oracle
TRB Tellor|oracle
UMA UMA|oracle defi
AXS Axie Infinity|gaming nft
SAND The Sandbox|gaming metaverse
MANA Decentraland|gaming metaverse
GALA Gala|gaming
ENJ Enjin Coin|gaming nft
BEAM Beam|gaming
RON Ronin|gaming
PIXEL Pixels|gaming
ILV Illuvium|gaming
YGG Yield Guild Games|gaming
MAGIC Treasure|gaming
SUPER SuperVerse|gaming nft
APE ApeCoin|nft metaverse
BLUR Blur|nft
ENS Ethereum Name Service|identity infrastructure
ID SPACE ID|identity
CHZ Chiliz|fan-token
BAT Basic Attention Token|payments
ANKR Ankr|infrastructure depin
SSV SSV Network|liquid-staking
OM MANTRA|rwa layer-1
POLYX Polymesh|rwa
CFG Centrifuge|rwa
CRO Cronos|exchange layer-1
OKB OKB|exchange
LEO UNUS SED LEO|exchange
KCS KuCoin Token|exchange
GT GateToken|exchange
BGB Bitget Token|exchange
HT Huobi Token|exchange
WOO WOO|exchange dex
ORDI ORDI|bitcoin-ecosystem
SATS SATS|bitcoin-ecosystem
1000SATS SATS|bitcoin-ecosystem
JASMY JasmyCoin|depin
QNT Quant|interoperability
TWT Trust Wallet Token|wallet
SFP SafePal|wallet
MASK Mask Network|identity
SYRUP Maple Finance|defi rwa lending
WAL Walrus|storage depin
IP Story|layer-1
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a coin apart from its prices."""

    name: str
    categories: tuple[str, ...] = ()


def _read() -> dict[str, Known]:
    found = {}
    for line in _LIST.strip().splitlines():
        about, _, categories = line.partition("|")
        base, _, name = about.partition(" ")
        found[base] = Known(name, tuple(categories.split()))
    return found


KNOWN = _read()


def known(base: str) -> Known:
    """Return what is known of a coin; its code for a name where that is nothing."""
    return KNOWN.get(base) or Known(base)
