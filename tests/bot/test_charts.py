"""/chart, the Chart button, and the picture on alerts."""

from dataclasses import replace
from datetime import timedelta

import pytest
from drawings import size_of
from factories import DAY
from world import open_world

from bot import chart_replies
from bot.chart_views import ChartViews
from bot.commands import charts
from bot.errors import UserError
from bot.gallery import Gallery
from bot.model import Address, Signal
from bot.pictures import WINDOW_DEFAULT, Look, PictureKind, PictureRef
from handlers.pictures.studio import Studio


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path) as opened:
        yield opened


async def history(world, *prices, symbol="BTC", hours=24.0):
    """Poll once per price, a day apart; the signal turns with the last one."""
    for i, price in enumerate(prices):
        is_last = i == len(prices) - 1 and i > 0
        world.source.set(
            symbol,
            price=price,
            grade=83.0 if is_last else 40.0,
            signal=1 if is_last else -1,
        )
        await world.poll(minutes=60 * hours)


# ------------------------------------------------------------------------ what is typed


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("BTC", ("BTC", WINDOW_DEFAULT, Look.DARK)),
        ("btc 24h", ("btc", DAY, Look.DARK)),
        ("BTC 2w light", ("BTC", 14 * DAY, Look.LIGHT)),
        ("30D Dark $BTC", ("$BTC", 30 * DAY, Look.DARK)),
        ("BTC 1y", ("BTC", 365 * DAY, Look.DARK)),
        # some assets are called so
        ("1d", ("1d", WINDOW_DEFAULT, Look.DARK)),
        ("LIGHT", ("LIGHT", WINDOW_DEFAULT, Look.DARK)),
    ],
)
def test_an_asset_and_a_window_in_any_order(typed, expected):
    asked = charts.parse(typed)

    assert (asked.word, asked.window, asked.look) == expected


@pytest.mark.parametrize(
    ("typed", "title", "marked"),
    [
        ("", "A chart of what?", ""),
        ("90d light", "A chart of what?", ""),
        ("BTC soon", "I don't know “soon” here", "BTC ▸soon◂"),
        ("BTC ETH 3d", "I don't know “ETH” here", "BTC ▸ETH◂ 3d"),
        ("BTC 3h", "A chart goes back from 6h to 2y", "BTC ▸3h◂"),
        ("BTC 9y", "A chart goes back from 6h to 2y", "BTC ▸9y◂"),
    ],
)
def test_the_word_that_is_wrong_is_shown(typed, title, marked):
    with pytest.raises(UserError) as wrong:
        charts.parse(typed)

    assert (wrong.value.title, wrong.value.marked) == (title, marked)


@pytest.mark.parametrize("word", ["", "d", "-3d", "3.5d", "٣d²", "99999d", "3x", "x3d"])
def test_what_is_no_window_is_none(word):
    assert chart_replies.window(word) is None


# ---------------------------------------------------------------- what is answered


async def test_a_chart_answers_with_words_and_the_name_of_its_picture(world):
    await history(world, 100.0, 80.0, 120.0)

    reply = await world.say("/chart BTC 30d light")

    asset = (await world.store.find_assets("fake", "BTC"))[0]
    end = asset.state.last.as_of
    assert reply.title.plain == "🟢 BTC bullish · grade 83"
    assert reply.plain.splitlines()[1:4] == [
        "Price $120.00, +20.0% in 48h",
        "Low $80.00 · high $120.00",
        f"1 flip in 48h, the last {end:%b} {end.day}",
    ]
    assert reply.picture == PictureRef(
        kind=PictureKind.CHART,
        until=end,
        asset_id=asset.id,
        window=30 * DAY,
        look=Look.LIGHT,
    )


async def test_a_chart_of_a_young_asset_begins_with_its_first_reading(world):
    """A move is told of the time that is known, not of the time that was asked for."""
    await history(world, 100.0, 110.0, 90.0, 120.0)

    reply = await world.say("/chart BTC 1y")

    assert reply.plain.splitlines()[1] == "Price $120.00, +20.0% in 3d"
    assert reply.plain.splitlines()[4].startswith("All I have begins Jan 5")
    assert reply.picture.window == 365 * DAY


async def test_the_words_alone_say_all_that_the_caption_would(world):
    """A message without its picture is the same words, so they must stand alone."""
    await history(world, 100.0, 80.0)

    reply = await world.say("/chart BTC")

    assert reply.evolve(picture=None).plain == reply.plain
    assert len(reply.plain) <= 1024


async def test_own_lines_are_in_the_picture(world):
    await history(world, 100.0, 120.0)
    await world.say("/watch BTC 80 50")

    reply = await world.say("/chart BTC")

    assert reply.picture.lines == (50.0, 80.0)


async def test_where_nothing_was_read_a_longer_time_is_offered(world):
    await history(world, 100.0)
    world.clock.advance(days=3)
    asset = (await world.store.find_assets("fake", "BTC"))[0]
    gone = replace(asset, id=asset.id + 1)

    reply = chart_replies.nothing(gone, DAY)
    unread = await charts.show_chart(
        world.room, world.call(""), replace(asset, state=None)
    )

    assert reply.title.plain == "⚪ BTC: no readings in 24h"
    assert unread.picture is None
    assert [b.label for b in reply.buttons[0]] == ["7d", "30d", "90d", "1y"]


async def test_buttons_offer_the_other_windows_and_work(world):
    await history(world, 100.0, 120.0)
    reply = await world.say("/chart BTC")
    (windows, _) = reply.buttons

    assert [b.label for b in windows] == ["7d", "30d", "1y"]
    pressed = await world.desk.press(world.call(""), windows[0].action)

    assert pressed.message.picture.window == 7 * DAY


@pytest.mark.parametrize("rest", ["", ":30d", ":nonsense", ":9y", ":1h"])
async def test_the_chart_button_answers_with_a_picture_whatever_is_in_it(world, rest):
    await history(world, 100.0, 120.0)
    asset = (await world.store.find_assets("fake", "BTC"))[0]

    reply = await world.desk.press(world.call(""), f"v1:chart:{asset.id}{rest}")

    assert reply.message.picture is not None


async def test_the_chart_button_of_an_asset_that_is_gone_says_so(world):
    reply = await world.desk.press(world.call(""), "v1:chart:999")

    assert "older message" in reply.toast


async def test_a_groups_chart_button_leads_to_the_picture_in_private(world):
    """Telegram opens the private chat with the button's words as a payload."""
    await history(world, 100.0, 120.0)
    asset = (await world.store.find_assets("fake", "BTC"))[0]

    reply = await world.say(f"/start chart_{asset.id}_30d")

    assert reply.picture.window == 30 * DAY


# -------------------------------------------------------------------------- on alerts


async def wants_pictures(world, place):
    recipient = await world.store.find_recipient(Address.parse(place))
    await world.store.set_preferences(
        recipient.id, replace(recipient.preferences, pictures=True), now=world.clock()
    )


async def test_an_alert_carries_a_chart_where_it_is_wanted(world):
    world.source.set("BTC", price=100.0, signal=Signal.BULLISH)
    await world.poll()
    await world.say("/watch BTC", place="web:alice")
    await world.say("/watch BTC", place="web:bob")
    await wants_pictures(world, "web:alice")
    world.source.flip("BTC")
    turned_at = world.clock()

    await world.poll()

    pictures = {to: part.get("picture") for to, part in world.sender.sent}
    assert pictures["web:bob"] is None
    ref = PictureRef.from_json(pictures["web:alice"])
    assert (ref.kind, ref.until) == (PictureKind.CHART, turned_at)
    assert [
        PictureRef.from_json(p["picture"])
        for p in world.sender.prepared
        if "picture" in p
    ] == [ref]


async def test_after_a_crash_the_same_message_names_the_same_picture(world):
    world.source.set("BTC", price=100.0, signal=Signal.BULLISH)
    await world.poll()
    await world.say("/watch BTC", place="telegram:5")
    await wants_pictures(world, "telegram:5")
    world.source.flip("BTC")
    world.telegram.crash_next(when="after")
    await world.poll()

    await world.restart()
    world.clock.advance(seconds=15)
    await world.deliver()

    first, again = [p for _, p in world.telegram.sent]
    assert first["picture"] == again["picture"]
    assert first["text"] == again["text"]


async def test_several_assets_in_one_message_have_no_picture(world):
    for symbol in ("BTC", "ETH"):
        world.source.set(symbol, price=100.0, signal=Signal.BULLISH)
    await world.poll()
    await world.say("/watch BTC ETH")
    await wants_pictures(world, "web:alice")
    world.source.flip("BTC")
    world.source.flip("ETH")

    await world.poll()

    assert [part.get("picture") for _, part in world.sender.sent] == [None]


async def test_all_who_are_told_at_once_share_one_picture(world):
    world.source.set("BTC", price=100.0, signal=Signal.BULLISH)
    await world.poll()
    for name in ("a", "b", "c"):
        await world.say("/watch BTC", place=f"web:{name}")
        await wants_pictures(world, f"web:{name}")
    world.source.flip("BTC")

    await world.poll()

    refs = {PictureRef.from_json(p["picture"]) for _, p in world.sender.sent}
    assert len(refs) == 1


async def test_what_an_alert_names_is_drawn_from_what_is_stored(world):
    """The whole way: readings in a real store, a real process that draws."""
    await history(world, *(100.0 + i for i in range(12)))
    asset = (await world.store.find_assets("fake", "BTC"))[0]
    ref = PictureRef(
        kind=PictureKind.CHART, until=asset.state.last.as_of, asset_id=asset.id
    )
    studio = Studio()
    views = ChartViews(world.store, source_title="Fake Engine")
    gallery = Gallery(
        studio, {PictureKind.CHART: views.make}, reply_patience=timedelta(minutes=1)
    )

    first = await gallery.picture(ref)
    await world.restart()
    again = await Gallery(
        studio,
        {PictureKind.CHART: ChartViews(world.store, source_title="Fake Engine").make},
        reply_patience=timedelta(minutes=1),
    ).picture(ref)

    assert size_of(first) == (1080, 1080)
    assert first == again
    await studio.close()


async def test_later_readings_change_no_picture_of_before(world):
    await history(world, 100.0, 110.0, 120.0)
    asset = (await world.store.find_assets("fake", "BTC"))[0]
    ref = PictureRef(
        kind=PictureKind.CHART, until=asset.state.last.as_of, asset_id=asset.id
    )
    views = ChartViews(world.store, source_title="Fake Engine")
    before = await views.make(ref)

    await history(world, 1.0, 2.0)

    assert await views.make(ref) == before
