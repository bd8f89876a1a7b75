"""What the pictures of the market and of records show, from what is stored."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from world import World, open_world

from bot.errors import PictureError
from bot.market_views import MarketViews
from bot.message import Message
from bot.model import Signal
from bot.pictures import Look, PictureKind, PictureRef
from bot.poller import DAY, Poller, PollPlan
from bot.record_views import RecordViews

SYMBOLS = ("BTC", "ETH", "SOL", "TAO", "FET", "NEAR")


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.poller = Poller(
            opened.source,
            opened.store,
            PollPlan(interval=DAY, universe="all", worker="w1"),
            now=opened.clock,
        )
        yield opened


async def live(world: World, *days: tuple[int, float]) -> None:
    """Let days pass: how many of the assets stand bullish, and every price."""
    for bullish, price in days:
        for number, symbol in enumerate(SYMBOLS):
            world.source.set(
                symbol,
                signal=1 if number < bullish else -1,
                price=price,
                market_cap=1e9,
                categories=("ai",) if number else (),
                as_of=world.clock() + DAY,
            )
        await world.poll(minutes=24 * 60)


#: the last asset turns with every day of these: ten flips of it
UP_AND_DOWN = tuple((6 - n % 2, 100.0 + 10 * (n % 2) + n) for n in range(11))


def markets(world: World) -> MarketViews:
    return MarketViews(world.store, source="fake", source_title="Fake Engine")


def records(world: World) -> RecordViews:
    return RecordViews(world.store, source="fake", source_title="Fake Engine")


def picture(message: Message, kind: PictureKind) -> PictureRef:
    assert message.picture is not None
    assert message.picture.kind is kind
    return message.picture


# ---------------------------------------------------------------------------- market


async def test_the_markets_picture_shows_what_its_words_say(world):
    await live(world, *[(6, 100.0)] * 8, (1, 90.0), (1, 90.0))

    reply = await world.say("/market")
    view = await markets(world).make(picture(reply, PictureKind.MARKET))

    assert reply.title.plain == "📊 Market 17% bullish, a week ago 100%"
    assert round(view.share * 100) == 17
    assert view.week_ago == 1.0
    assert [round(p.share * 100) for p in view.history] == [100] * 8 + [17] * 2
    assert [turn.is_bullish for turn in view.turns] == [False]
    assert view.is_bullish is False
    assert [(s.name, s.share, s.week_ago) for s in view.sectors] == [("ai", 0.0, 1.0)]
    assert view.assets == len(SYMBOLS)
    # a young market is drawn from its first point on
    assert view.since == view.history[0].at


async def test_later_points_change_no_picture_of_the_market_before(world):
    await live(world, (6, 100.0), (6, 100.0), (1, 90.0))
    ref = picture(await world.say("/market"), PictureKind.MARKET)
    before = await markets(world).make(ref)

    await live(world, (6, 100.0), (6, 100.0))

    assert await markets(world).make(ref) == before
    assert picture(await world.say("/market"), PictureKind.MARKET) != ref


async def test_a_long_history_is_thinned_and_ends_at_the_newest(world, monkeypatch):
    monkeypatch.setattr("bot.market_views.POINTS_MAX", 3)
    await live(world, *[(6 - n % 3, 100.0) for n in range(8)])
    ref = picture(await world.say("/market"), PictureKind.MARKET)

    view = await markets(world).make(ref)

    assert len(view.history) == 3
    assert view.history[-1].at == ref.until
    assert view.history[-1].share == view.share


async def test_before_there_is_a_market_there_is_no_picture(world):
    await live(world, (6, 100.0))
    reply = await world.say("/market")
    early = picture(reply, PictureKind.MARKET)
    long_ago = PictureRef(
        kind=PictureKind.MARKET, until=early.until - timedelta(days=900)
    )

    with pytest.raises(PictureError):
        await markets(world).make(long_ago)


async def test_the_looks_name_is_understood(world):
    await live(world, *UP_AND_DOWN)

    market = await world.say("/market light")
    near = await world.say("/record NEAR light")
    whole = await world.say("/record")

    assert picture(market, PictureKind.MARKET).look is Look.LIGHT
    assert picture(near, PictureKind.RECORD).look is Look.LIGHT
    assert picture(whole, PictureKind.RECORD).look is Look.DARK


async def test_whoever_asks_for_the_market_as_for_an_asset_is_shown_the_market(world):
    await live(world, (6, 100.0), (1, 90.0))
    asset = (await world.store.find_assets("fake", "MARKET"))[0]

    expected = (await world.say("/market")).plain

    for typed in ("/signal MARKET", "/chart MARKET", "/record MARKET"):
        assert (await world.say(typed)).plain == expected
    for action in ("chart", "why"):
        reply = await world.press(f"v1:{action}:{asset.id}")
        assert reply.message.plain == expected


# --------------------------------------------------------------------------- records


async def test_a_records_picture_shows_what_its_words_say(world):
    await live(world, *UP_AND_DOWN)

    reply = await world.say("/record NEAR")
    view = await records(world).make(picture(reply, PictureKind.RECORD))

    assert reply.title.plain == f"📒 {view.title}: {view.verdict}"
    assert view.verdict == "price followed 9 of 9 signals"
    assert [o.is_bullish for o in view.outcomes] == [n % 2 == 1 for n in range(9)]
    assert [o.move for o in view.outcomes[:2]] == pytest.approx(
        [102 / 111 - 1, 113 / 102 - 1]
    )
    assert all(
        o.lowest <= o.move <= o.highest and o.lowest <= 0 <= o.highest
        for o in view.outcomes
    )
    said = reply.plain
    assert all(note in said for note in view.notes)
    assert len(view.notes) == 3


async def test_records_of_a_category_and_of_the_engine_have_pictures(world):
    await live(world, *UP_AND_DOWN)

    for typed, title in (("/record #ai", "ai"), ("/record", "Fake Engine")):
        reply = await world.say(typed)
        view = await records(world).make(picture(reply, PictureKind.RECORD))
        assert reply.title.plain == f"📒 {title}: {view.verdict}"
        assert view.title == title


async def test_without_a_finished_signal_there_is_no_picture_of_a_record(world):
    await live(world, (6, 100.0), (5, 100.0))

    reply = await world.say("/record NEAR")

    assert reply.picture is None


async def test_later_prices_and_flips_change_no_picture_of_a_record_before(world):
    await live(world, *UP_AND_DOWN)
    ref = picture(await world.say("/record NEAR"), PictureKind.RECORD)
    before = await records(world).make(ref)

    await live(world, (5, 1.0), (6, 9999.0), (5, 3.0))

    assert await records(world).make(ref) == before


async def test_a_groups_record_button_leads_to_the_record_in_private(world):
    await live(world, *UP_AND_DOWN)
    near = (await world.store.find_assets("fake", "NEAR"))[0]

    every = await world.say(f"/start rec_{near.id}_all")
    whole = await world.say("/start rec_0_sum")

    assert every.title.plain.startswith("📒 NEAR: all 9")
    assert whole.title.plain.startswith("📒 Fake Engine: ")


# ---------------------------------------------------------------------------- alerts


async def test_an_alert_of_the_market_carries_the_markets_picture(world):
    await live(world, (6, 100.0))
    await world.say("/watch MARKET")
    await world.prefer(pictures=True)

    await live(world, (1, 90.0))

    ((_, part),) = world.sender.sent
    ref = PictureRef.from_json(part["picture"])
    assert ref.kind is PictureKind.MARKET
    view = await markets(world).make(ref)
    assert view.history[-1].at == ref.until
    assert round(view.share * 100) == 17
    assert Signal.BEARISH.word in part["text"]
