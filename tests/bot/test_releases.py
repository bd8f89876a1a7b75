"""What is told of a night, a digest, an absence, a choppy day and a broad move."""

from datetime import time, timedelta

import pytest
from factories import (
    BEARISH,
    BULLISH,
    DAY,
    HOUR,
    NOON,
    asset,
    crossing,
    down,
    flip,
    news,
    state,
    watch,
)

from bot.message import Message, Table, Tone
from bot.messages import Setting, alert
from bot.model import Asset, Backdrop, Market, PlaceKind, Signal
from bot.news import Decision, News, Note, Occasion
from bot.phrases import HOLDING
from bot.preferences import Cadence, Digest, NewsKind, Preferences, Sound
from handlers.discord import render as discord
from handlers.telegram import render as telegram
from handlers.web import render as web

# NOON is 14:00 UTC
MORNING = NOON + 17 * HOUR


def setting(kind: PlaceKind = PlaceKind.PRIVATE, **rest: object) -> Setting:
    values: dict[str, object] = {"now": MORNING, "source_title": "Token Metrics"}
    return Setting(kind=kind, **(values | rest))


def standing(symbol: str, id: int, signal: Signal, **rest: object) -> Asset:  # noqa: A002
    values: dict[str, object] = {"as_of": MORNING, "since": NOON}
    return asset(symbol, id=id, state=state(signal, **(values | rest)))


ETH = standing("ETH", 1, BEARISH, grade=38.9, since=NOON + 11 * HOUR)
SOL = standing("SOL", 2, BULLISH, grade=82, since=NOON + 14.5 * HOUR)
TAO = standing("TAO", 3, BULLISH, grade=47)
BTC = standing("BTC", 4, BULLISH)
OTHERS = tuple(standing(f"O{n}", 10 + n, BULLISH) for n in range(8))
NIGHT = (
    news(flip(BEARISH, at=NOON + 11 * HOUR, asset_id=1), ETH, held_for="quiet_hours"),
    news(flip(BULLISH, at=NOON + 14.5 * HOUR, asset_id=2), SOL),
    news(
        crossing(*down(50), asset_id=3, grade_from=61, grade_to=48),
        TAO,
        held_for="quiet_hours",
    ),
)
WATCHLIST = Backdrop(watched=12, own=frozenset(range(1, 20)), others=(BTC, *OTHERS))


def say(*told: News, around: Setting | None = None, **rest: object) -> Message:
    return alert(Decision(news=told, **rest), around or setting())


def lines(message: Message) -> list[str]:
    return message.plain.splitlines()


# ------------------------------------------------------------------ nights and digests


def test_a_night_says_what_stands_a_line_each():
    message = say(
        *NIGHT,
        occasion=Occasion.QUIET,
        came_back=(BTC,),
        around=setting(backdrop=WATCHLIST),
    )

    assert message.plain == (
        "🌙 Held while quiet: 2 flips stand\n"
        "🔴 ETH bearish since 01:00 UTC · grade 38\n"
        "🟢 SOL bullish since 04:30 UTC · grade 82\n"
        "📉 TAO grade 47, below your line 50\n"
        "↩️ BTC flipped and came back: bullish\n"
        "\n"
        "The other 8 are as they were · Token Metrics"
    )
    assert message.push.plain == " · ETH bearish, SOL bullish"
    assert message.is_silent


def test_a_night_in_which_all_came_back_is_one_line():
    message = say(occasion=Occasion.QUIET, came_back=(BTC,))

    assert lines(message)[0] == "↩️ Quiet night: BTC flipped and came back"
    assert message.is_silent


def test_what_no_poll_brought_of_late_is_not_called_as_before():
    gone = standing("O9", 30, BULLISH, seen_at=NOON)
    around = Backdrop(watched=4, own=frozenset({1, 2, 3, 30}), others=(gone,))

    message = say(*NIGHT, occasion=Occasion.QUIET, around=setting(backdrop=around))

    assert lines(message)[-1] == "Token Metrics"


def test_while_something_else_is_held_the_others_are_not_called_as_they_were():
    held = {9: (MORNING + HOUR, "choppy")}

    message = say(
        *NIGHT,
        occasion=Occasion.QUIET,
        holds=held,
        around=setting(backdrop=WATCHLIST),
    )

    assert lines(message)[-1] == "Token Metrics"


@pytest.mark.parametrize(
    ("cadence", "title"),
    [
        (Cadence.DAILY, "🗓 Your day: 2 flips stand"),
        (Cadence.WEEKLY, "🗓 Your week: 2 flips stand"),
    ],
)
def test_a_digest_names_its_time_and_says_the_same(cadence, title):
    chosen = Preferences(digest=Digest(cadence, time(8)))

    message = say(*NIGHT, occasion=Occasion.DIGEST, around=setting(preferences=chosen))

    assert lines(message)[0] == title
    assert message.is_silent


def test_a_digest_of_what_came_back_says_so():
    message = say(occasion=Occasion.DIGEST, came_back=(BTC,))

    assert lines(message)[:2] == [
        "🗓 Your day: all as before",
        "↩️ BTC flipped and came back: bullish",
    ]


# ------------------------------------------------------------------------- absences


def test_who_was_away_reads_what_was_known_before():
    back = news(
        flip(BEARISH, at=NOON - 11 * DAY, asset_id=1),
        standing("ETH", 1, BEARISH, grade=38, since=NOON - 11 * DAY),
        held_for="away",
        knew=BULLISH,
    )

    message = say(
        back,
        occasion=Occasion.AWAY,
        came_back=(BTC,),
        around=setting(backdrop=Backdrop(watched=12)),
    )

    assert lines(message)[:3] == [
        "👋 You are back: 1 of your 12 changed",
        "🔴 ETH bearish since Nov 9 · grade 38 (you knew: bullish)",
        "↩️ BTC flipped and came back: bullish",
    ]


def off(symbol: str, id: int) -> News:  # noqa: A002
    event = flip(
        BEARISH,
        asset_id=id,
        detected_at=NOON,
        off_since=NOON - 12 * HOUR,
        gap_since=NOON - 12 * HOUR,
        grade_to=41.0,
        price=92_300.0,
    )
    return news(event, standing(symbol, id, BEARISH))


def test_after_a_downtime_line_one_is_the_verdict():
    message = say(off("BTC", 4), occasion=Occasion.OFF, around=setting(now=NOON))

    assert message.plain == (
        "🔌 I was off: BTC turned bearish\n"
        "No polls from 02:00 UTC to 14:00 UTC.\n"
        "\n"
        "🔴 BTC bearish, grade 41, price $92,300\n"
        "Turned at some moment in between; what flipped and came back I cannot see.\n"
        "\n"
        "Token Metrics"
    )
    assert message.is_silent


def test_after_a_downtime_several_are_counted():
    message = say(
        off("BTC", 4),
        off("ETH", 1),
        occasion=Occasion.OFF,
        around=setting(now=NOON, backdrop=Backdrop(watched=12)),
    )

    assert lines(message)[0] == "🔌 I was off: 2 of your 12 changed"


# --------------------------------------------------------------------------- choppy


def test_the_second_flip_says_that_it_is_choppy():
    event = flip(BEARISH, asset_id=4, grade_from=55.0, grade_to=52.0)
    again = news(
        event,
        standing("BTC", 4, BEARISH, flips=(NOON - HOUR / 2, NOON)),
        note=Note.AGAIN,
        again_after=HOUR / 2,
    )

    message = say(again, around=setting(now=NOON))

    assert lines(message)[:2] == [
        "🔴 BTC bearish again, after 30 min",
        f"Grade 52, was 55. {HOLDING}",
    ]
    assert not message.is_silent
    assert message.tone is Tone.BEARISH


def test_who_did_not_hear_of_the_first_reads_no_again():
    note = news(flip(BEARISH, asset_id=1), ETH, note=Note.AGAIN)

    found = lines(say(note, around=setting(now=NOON)))

    assert found[0] == "🔴 ETH turned bearish"
    assert found[1] == HOLDING


def test_what_has_settled_says_since_when_and_after_how_many_flips():
    flips = tuple(NOON + n * HOUR / 10 for n in range(40))
    about = standing("BTC", 4, BEARISH, grade=48, since=NOON + 6 * HOUR, flips=flips)
    settled = news(
        flip(BEARISH, asset_id=4), about, flips=38, held_for="choppy", note=Note.SETTLED
    )

    message = say(settled)

    assert lines(message)[:2] == [
        "⚓ BTC settled: 🔴 bearish · grade 48",
        "Since 20:00 UTC, after 40 flips; I told you the first two.",
    ]
    assert message.is_silent


def test_who_heard_other_flips_is_told_no_wrong_number():
    about = standing("BTC", 4, BEARISH, flips=(NOON, NOON + HOUR, NOON + 2 * HOUR))
    settled = news(
        flip(BEARISH, asset_id=4), about, flips=3, held_for="choppy", note=Note.SETTLED
    )

    assert lines(say(settled))[1].endswith("after 3 flips.")


# ----------------------------------------------------------------------- broad moves

SYMBOLS = ("BTC", "ETH", "SOL", "TAO", "LINK", "ARB", "ONDO", "PEPE", "AVAX")


def turned(count: int, *, signal: Signal = BEARISH, first: int = 1) -> tuple[News, ...]:
    found = []
    for n in range(count):
        symbol = SYMBOLS[n] if n < len(SYMBOLS) else f"X{n}"
        about = asset(
            symbol,
            id=first + n,
            state=state(signal, as_of=NOON, since=NOON),
            market_cap=1e12 / (n + 1),
        )
        event = flip(
            signal,
            asset_id=first + n,
            grade_from=71.0,
            grade_to=38.0,
            price=95.0,
            price_day_ago=100.0,
        )
        found.append(news(event, about))
    return tuple(found)


MARKET = Market(bullish=31, total=100, bullish_before=68)


def test_nine_of_twelve_are_a_table_with_the_market_and_the_rest():
    rest = (
        standing("TON", 20, BULLISH, as_of=NOON),
        standing("RENDER", 21, BULLISH, as_of=NOON),
        standing("ENA", 22, BEARISH, as_of=NOON),
    )
    around = Backdrop(
        watched=12,
        own=frozenset([*range(1, 10), 20, 21, 22]),
        others=rest,
        market=MARKET,
    )

    message = say(*turned(9), around=setting(now=NOON, backdrop=around), muted=2)

    found = lines(message)
    assert found[:5] == [
        "🔴 9 of your 12 turned bearish",
        "Market 31% bullish, before 68%",
        "",
        "       grade      24 h",
        "BTC    71→38     −5.0%",
    ]
    assert found[-4:] == [
        "As before: TON, RENDER bullish · ENA bearish",
        "2 muted ones flipped too",
        "",
        "One message instead of 9 · Token Metrics",
    ]
    assert not message.is_silent


def test_few_of_many_have_no_headline_of_the_market():
    around = Backdrop(watched=250, title="all 250", market=MARKET)

    found = lines(say(*turned(5), around=setting(now=NOON, backdrop=around)))

    assert found[0] == "🔴 5 of all 250 turned bearish"
    assert not any("Market" in x for x in found)


def test_own_assets_come_first_then_the_largest():
    around = Backdrop(own=frozenset({6, 7}))

    message = say(*turned(7), around=setting(now=NOON, backdrop=around))

    (table,) = [b for b in message.body if isinstance(b, Table)]
    assert [row.split()[0] for row in table.rows[1:]] == [
        "ARB",
        "ONDO",
        "BTC",
        "ETH",
        "SOL",
        "TAO",
        "LINK",
    ]


def test_a_place_reads_of_its_top_and_how_to_see_the_rest():
    around = Backdrop(watched=100, title="the top 100", market=MARKET)

    message = say(
        *turned(41), around=setting(PlaceKind.GROUP, now=NOON, backdrop=around)
    )

    found = lines(message)
    assert found[:2] == [
        "🔴 41 of the top 100 turned bearish",
        "Market 31% bullish, before 68%",
    ]
    assert "The 12 largest; 29 more: /flips 1d" in found
    assert message.is_silent


def test_mixed_directions_are_two_tables():
    both = (*turned(3), *turned(2, signal=BULLISH, first=50))

    found = lines(say(*both, around=setting(now=NOON)))

    assert found[0] == "⚡ 5 assets flipped: 3 bearish, 2 bullish"


# ---------------------------------------------------------------------------- sounds


def test_sounds_are_as_chosen_per_kind():
    one = news(flip(BEARISH, asset_id=1), ETH)
    line = news(crossing(*down(50), asset_id=3, grade_to=47), TAO)
    silent = Preferences(sounds={NewsKind.FLIP: Sound.SILENT})
    ringing = Preferences(sounds={NewsKind.CROSSING: Sound.ON})

    assert not say(one).is_silent
    assert say(one, around=setting(preferences=silent)).is_silent
    assert say(line).is_silent
    assert not say(line, around=setting(preferences=ringing)).is_silent
    assert say(one, around=setting(PlaceKind.GROUP)).is_silent


# ------------------------------------------------------------------- on the platforms

BROAD = say(
    *turned(9),
    around=setting(now=NOON, backdrop=Backdrop(watched=12, market=MARKET)),
)
QUIET = say(
    *NIGHT,
    occasion=Occasion.QUIET,
    came_back=(BTC,),
    around=setting(backdrop=WATCHLIST),
)


def test_a_night_on_telegram():
    (part,) = telegram.render(QUIET)

    assert part["text"] == (
        "🌙 <b>Held while quiet: 2 flips stand</b>\n"
        '🔴 <b>ETH</b> bearish since <tg-time unix="1795222800" format="t">'
        "01:00 UTC</tg-time> · grade 38\n"
        '🟢 <b>SOL</b> bullish since <tg-time unix="1795235400" format="t">'
        "04:30 UTC</tg-time> · grade 82\n"
        "📉 <b>TAO</b> grade 47, below your line 50\n"
        "↩️ BTC flipped and came back: bullish\n"
        "\n"
        "<i>The other 8 are as they were · Token Metrics</i>"
    )


def test_a_night_on_discord_names_what_stands_where_the_push_shows_it():
    (part,) = discord.render(QUIET)

    assert part["content"] == (
        "🌙 **Held while quiet: 2 flips stand** · ETH bearish, SOL bullish"
    )
    assert part["flags"] == discord.SILENT_FLAG


def test_a_night_in_the_web_chat():
    (part,) = web.render(QUIET)

    assert "<strong>Held while quiet: 2 flips stand</strong>" in str(part["html"])
    assert part["title"] == "🌙 Held while quiet: 2 flips stand"


@pytest.mark.parametrize("render", [telegram.render, discord.render, web.render])
def test_a_broad_move_is_one_part_everywhere(render):
    (part,) = render(BROAD)

    assert "9 of your 12 turned bearish" in str(part)
    assert "Market 31% bullish, before 68%" in str(part)


def test_the_late_second_line_of_a_night_with_one_flip():
    one = news(flip(BEARISH, asset_id=1), ETH, held_for="quiet_hours")

    message = say(one, around=setting(now=NOON + timedelta(hours=3)))

    assert lines(message)[1] == "Held since 14:00 UTC, you were in quiet hours"
    assert message.is_silent


def test_a_flip_held_back_is_not_given_away_by_a_line():
    line = news(
        crossing(*down(50), asset_id=3, grade_from=61, grade_to=47),
        TAO,
        is_turn_held=True,
        watch=watch(asset_id=3, text="TAO 50"),
    )

    assert not any("Signal still" in x for x in lines(say(line)))
