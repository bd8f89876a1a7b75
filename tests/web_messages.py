"""A few messages as the bot words them, to look at on the page."""

from datetime import UTC, datetime

from bot.message import (
    Button,
    Message,
    Moment,
    Table,
    TimeStyle,
    Tone,
    bold,
    code,
    line,
)

AS_OF = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
ACTIONS = (
    (Button("📈 Chart", "v1:chart:17"), Button("🔍 Details", "v1:why:17")),
    (Button("🔕 Mute 24 h", "v1:mute24:17"), Button("✖ Unwatch", "v1:unwatch:17")),
)

BEARISH = Message(
    title=line("🔴 ", bold("ETH turned bearish"), " · grade 38, was 71"),
    body=(
        line("Price $3,412, −5.0% in 24 h"),
        line(),
        line("Bullish 24 days from $2,880: ", bold("+18.5%")),
        line("✓ grade below 50 · volume fading"),
        line("✗ BTC still bullish · no high nearby"),
        line("Price followed 5 of the last 9 ETH signals"),
    ),
    footer=line("Watch ETH · Token Metrics"),
    stamp=AS_OF,
    buttons=ACTIONS,
    tone=Tone.BEARISH,
)
BULLISH = Message(
    title=line("🟢 ", bold("SOL turned bullish"), " · grade 82, was 44"),
    body=(
        line("Passed your lines 50 · 80"),
        line("Price $142.10, +6.3% in 24 h"),
        line(),
        line("Bearish 33 days from $170.60: ", bold("−16.7%")),
        line("✓ grade 80 or more · volume rising"),
        line("✗ only 1 of 6 peers turned"),
    ),
    footer=line("SOL, layer-1 · Token Metrics"),
    stamp=AS_OF,
    buttons=ACTIONS,
    tone=Tone.BULLISH,
)
BROAD = Message(
    title=line("🔴 ", bold("9 of your 12 turned bearish")),
    body=(
        line("Market 31% bullish, before 68%"),
        line(),
        Table(
            (
                "       grade      24 h",
                "BTC    71→44     −3.1%",
                "ETH    71→38     −5.0%",
                "SOL    74→41     −6.2%",
                "TAO    83→47     −8.4%",
                "LINK   66→40     −5.5%",
                "ARB    61→35     −7.7%",
                "ONDO   70→42     −6.9%",
                "PEPE   64→31    −11.2%",
                "AVAX   68→39     −6.0%",
            )
        ),
        line("As before: TON, RENDER bullish · ENA bearish"),
    ),
    footer=line("One message instead of 9 · Token Metrics"),
    stamp=AS_OF,
    buttons=((Button("📊 Market", "v1:market"), Button("🔍 Details", "v1:why:18")),),
    tone=Tone.BEARISH,
)
TROUBLE = Message(
    title=line("⚠️ ", bold("No fresh grades"), " since ", Moment(AS_OF)),
    body=(
        line("The grading engine does not answer; I keep trying."),
        line("Until it does I cannot see flips."),
    ),
    tone=Tone.TROUBLE,
    is_silent=True,
)
WATCHING = Message(
    title=line("👁 ", bold("Watching BTC, ETH, SOL")),
    body=(
        line(
            "🟢 BTC bullish · 83 · since ",
            Moment(datetime(2026, 10, 28, tzinfo=UTC), TimeStyle.DATE),
        ),
        line("🔴 ETH bearish · 38 · since ", Moment(AS_OF)),
        line(
            "🟢 SOL bullish · 71 · since ",
            Moment(datetime(2026, 11, 12, tzinfo=UTC), TimeStyle.DATE),
        ),
        line(),
        line("I write when one of them flips."),
        line(),
        line("❓ PEPE: two assets have this symbol, choose below"),
        line("❌ FARTCOINN: not known. Did you mean FARTCOIN?"),
    ),
    buttons=(
        (
            Button("Pepe · $4.1b", "v1:pick:1"),
            Button("PepeCoin · $38m", "v1:pick:2"),
        ),
        (Button("Add FARTCOIN", "v1:add:3"),),
        (
            Button("🌙 Quiet hours", "v1:quiet"),
            Button("👀 Show a sample", "v1:sample"),
        ),
    ),
)
MISTAKE = Message(
    title=line("✋ ", bold("I don't know the word “grad”")),
    body=(
        line(code("#ai bullish ▸grad◂ >=80")),
        line("Did you mean ", code("grade>=80"), "? Nothing was changed."),
    ),
    buttons=((Button("Yes, grade>=80", "v1:fix:1"),),),
    tone=Tone.TROUBLE,
)
