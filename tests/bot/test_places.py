"""/broadcast and what goes with it: groups, topics, channels, and who sets them up."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from world import World, no, open_world, yes

from bot.errors import RecipientGoneError
from bot.message import Message
from bot.model import Address, PlaceKind
from bot.ports import Arrival, Spot

GROUP = "telegram:-100"
ALERTS, NEWS = "telegram:-100/7", "telegram:-100/9"
KOFI = "telegram:5"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for symbol in ("BTC", "ETH", "SOL"):
            opened.source.set(
                symbol, grade=75, market_cap=1e9, price=100.0, categories=("ai",)
            )
        await opened.poll()
        yield opened


async def say(world: World, text: str, place: str = ALERTS, **more: object) -> Message:
    more.setdefault("user", KOFI)
    more.setdefault("user_name", "@kofi")
    more.setdefault("title", "Traders")
    if place == ALERTS:
        more.setdefault("topic_title", "Alerts")
    return await world.say(text, place=place, kind=PlaceKind.GROUP, **more)


async def gets(world: World, place: str) -> list[str]:
    recipient = await world.store.find_recipient(Address.parse(place))
    if recipient is None:
        return []
    return [w.text for w in await world.store.list_watches(recipient.id)]


def actions(message: Message) -> list[str]:
    return [b.action for row in message.buttons for b in row]


# ------------------------------------------------------------------------- in the place


async def test_a_bare_broadcast_offers_before_it_switches(world):
    reply = await say(world, "/broadcast")

    assert reply.plain == (
        "📣 What shall this topic get?\n"
        "• top100 · 3 assets\n"
        "• top100 bullish grade>=80 · out of 3 assets\n"
        "• all · 3 assets\n"
        "Or type what you like: /broadcast #ai bullish grade>=80\n"
        "Posts come silent. Only admins can change this."
    )
    assert actions(reply) == [
        "v1:bc::top100",
        "v1:bc::top100 bullish grade>=80",
        "v1:bc::all",
        "v1:bc::test",
    ]
    assert await gets(world, ALERTS) == []


async def test_a_topics_name_is_kept_for_what_is_pressed_later(world):
    await say(world, "/broadcast")
    await world.press("v1:bc::top100", place=ALERTS, kind=PlaceKind.GROUP, user=KOFI)

    shown = await say(world, "/broadcast show", place=NEWS)

    assert shown.plain.splitlines()[-1] == "Alerts: top100"


async def test_an_engine_without_market_caps_offers_no_top_100(tmp_path):
    async with open_world(tmp_path) as world:
        world.source.set("BTC")
        await world.poll()

        reply = await say(world, "/broadcast")

        assert actions(reply)[:2] == ["v1:bc::all", "v1:bc::all bullish grade>=80"]


async def test_a_choice_sets_the_place_and_shows_it_in_the_menus_place(world):
    reply = await world.press(
        "v1:bc::top100 bullish grade>=80",
        place=ALERTS,
        kind=PlaceKind.GROUP,
        user=KOFI,
        user_name="@kofi",
    )

    assert reply.edited is not None
    assert reply.edited.plain == (
        "📣 This topic gets: top100 bullish grade>=80\n"
        "Out of 3 assets. Posts come silent.\n"
        "Whatever is posted as bullish is also posted when it ends.\n"
        "Set by @kofi · change: /broadcast"
    )
    assert await gets(world, ALERTS) == ["top100 bullish grade>=80"]


async def test_a_choice_pressed_twice_is_the_same_choice(world):
    for _ in range(2):
        await world.press("v1:bc::all", place=ALERTS, kind=PlaceKind.GROUP)

    assert await gets(world, ALERTS) == ["all"]


@pytest.mark.parametrize("what", ["all", "off", "menu", "test", "take-1"])
async def test_a_member_who_presses_is_told_and_changes_nothing(world, what):
    await say(world, "/broadcast top100")

    reply = await world.press(
        f"v1:bc::{what}", place=ALERTS, kind=PlaceKind.GROUP, is_admin=False
    )

    assert reply.toast == "Only admins of this topic can change that."
    assert (reply.edited, reply.message) == (None, None)
    assert await gets(world, ALERTS) == ["top100"]


@pytest.mark.parametrize("text", ["", " top100", " off", " test", " add #ai"])
async def test_a_member_who_types_is_told_how_to_look(world, text):
    reply = await say(world, f"/broadcast{text}", is_admin=False)

    assert reply.plain == (
        "✋ Only admins can change what this topic gets\n"
        "To see it: /broadcast show. Nothing was changed."
    )
    assert reply.fades is not None
    assert await gets(world, ALERTS) == []


async def test_everybody_may_look_who_set_what_and_when(world):
    await say(world, "/broadcast top100")
    await say(world, "/broadcast #ai", place=NEWS)
    world.clock.advance(days=3)

    shown = await say(world, "/broadcast show", is_admin=False, user="telegram:6")

    assert shown.plain == (
        "📣 This topic gets: top100\nSet by @kofi, Jan 5\nTopic 9: ai"
    )


async def test_each_topic_has_its_own_and_a_topic_several(world):
    await say(world, "/broadcast #ai bullish")
    await say(world, "/broadcast add top100 grade>=80")
    await say(world, "/broadcast BTC", place=NEWS)

    assert await gets(world, ALERTS) == ["#ai bullish", "top100 grade>=80"]
    assert await gets(world, NEWS) == ["BTC"]
    shown = await say(world, "/broadcast remove #ai")
    assert shown.title.plain == "📣 This topic gets: top100 grade>=80"
    await say(world, "/broadcast ETH")
    assert await gets(world, ALERTS) == ["ETH"]
    stopped = await say(world, "/broadcast off")
    assert stopped.plain == "📣 This topic gets nothing any more"
    assert await gets(world, ALERTS) == []
    assert await gets(world, NEWS) == ["BTC"]


async def test_an_asset_that_is_set_is_told_as_it_stands(world):
    reply = await say(world, "/broadcast BTC")

    assert "🟢 BTC bullish · 75" in reply.plain


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("/broadcast grad>=80", "I don't know the word “grad”"),
        ("/broadcast NOPE", "I don't know “NOPE”"),
        ("/broadcast add", "Add what?"),
        ("/broadcast remove", "Remove what?"),
        ("/broadcast remove ETH", "Nothing of that is set here"),
        ("/broadcast #nope", "#nope: no asset has this category."),
    ],
)
async def test_a_mistake_leaves_what_is_set(world, text, title):
    await say(world, "/broadcast top100")

    reply = await say(world, text)

    assert reply.title.plain == f"✋ {title}"
    assert "Nothing was changed" in reply.plain
    assert await gets(world, ALERTS) == ["top100"]


async def test_a_test_is_what_a_post_looks_like(world):
    reply = await say(world, "/broadcast test")

    assert reply.title.plain.startswith("TEST · 🟢 BTC turned bullish")
    assert reply.is_silent
    assert not reply.is_private


async def test_a_pressed_test_is_posted_for_all_to_see(world):
    posted: list[Message] = []

    async def post(message: Message) -> None:
        posted.append(message)

    reply = await world.press(
        "v1:bc::test", place=ALERTS, kind=PlaceKind.GROUP, post=post
    )

    assert posted[0].title.plain.startswith("TEST · ")
    assert "A test was posted" in reply.toast


async def test_a_test_that_can_not_be_posted_says_why(world):
    async def post(message: Message) -> None:
        raise RecipientGoneError("no", reason="no_rights")

    reply = await world.press(
        "v1:bc::test", place=ALERTS, kind=PlaceKind.GROUP, post=post
    )

    assert reply.toast == "⚠️ I can't post here"


async def test_the_engines_terms_are_told_to_who_sets_up_a_place(world):
    note = "Free for groups of up to 50 members."
    source = replace(world.room.source, public_note=note)
    world.desk._room = replace(world.room, source=source)

    assert note in (await say(world, "/broadcast top100")).plain


# --------------------------------------------------------------- from the private chat


def spot(place: str = "telegram:-200", **more: object) -> Spot:
    values = {
        "place": Address.parse(place),
        "kind": PlaceKind.CHANNEL,
        "title": "Signals",
        "is_admin": yes,
    }
    return Spot(**(values | more))


async def private(world: World, text: str) -> Message:
    return await world.say(text, place=KOFI, user=KOFI, user_name="@kofi")


@pytest.mark.parametrize("name", ["@signals", "t.me/signals", "https://t.me/signals"])
async def test_a_channel_is_set_from_the_private_chat(world, name):
    world.spots["@signals"] = spot()

    reply = await private(world, f"/broadcast {name} top100 bullish")

    assert reply.title.plain == "📣 Signals gets: top100 bullish"
    assert actions(reply) == ["v1:bc:-200:menu"]
    assert await gets(world, "telegram:-200") == ["top100 bullish"]


async def test_a_place_chosen_by_the_client_shows_its_menu(world):
    world.spots["-200"] = spot()
    world.spots["-2000000/7"] = spot("telegram:-2000000/7")

    chosen = await private(world, "/broadcast -2000000/7")

    assert chosen.title.plain == "📣 What shall Signals · topic 7 get?"
    assert actions(chosen)[0] == "v1:bc:-2000000/7:top100"
    pressed = await world.press("v1:bc:-200:top100", place=KOFI, user=KOFI)
    assert pressed.edited is not None
    assert pressed.edited.title.plain == "📣 Signals gets: top100"


async def test_who_is_no_admin_there_any_more_changes_nothing(world):
    world.spots["@signals"] = world.spots["-200"] = spot(is_admin=no)

    typed = await private(world, "/broadcast @signals top100")
    shown = await private(world, "/broadcast @signals show")
    pressed = await world.press("v1:bc:-200:top100", place=KOFI)

    assert typed.title.plain == "✋ Only admins of Signals can change what it gets"
    assert shown.title.plain == typed.title.plain
    assert pressed.toast == "Only admins of that channel can change that."
    assert await gets(world, "telegram:-200") == []


async def test_a_place_the_bot_can_not_see_or_write_in_is_said(world):
    world.spots["@signals"] = spot(can_post=False)

    unseen = await private(world, "/broadcast @nowhere top100")
    mute = await private(world, "/broadcast @signals top100")

    assert unseen.title.plain == "✋ I can't see @nowhere"
    assert mute.title.plain == "✋ I may not write in Signals"
    assert await gets(world, "telegram:-200") == []


async def test_bare_in_private_asks_which_place_and_then_knows_ones_own(world):
    asked = await private(world, "/broadcast")
    assert asked.asks_place
    assert asked.title.plain == "📣 Which group or channel?"
    await say(world, "/broadcast top100")
    world.spots["@signals"] = spot()
    await private(world, "/broadcast @signals #ai")

    own = await private(world, "/broadcast")

    assert own.plain == (
        "📣 What you have set up\nTraders · Alerts: top100\nSignals: ai"
    )
    assert actions(own) == [
        "v1:bc:-100/7:menu",
        "v1:bc:-200:menu",
        "v1:bc::pick",
    ]
    other = await world.press("v1:bc::pick", place=KOFI)
    assert other.message is not None
    assert other.message.asks_place


async def test_where_places_can_not_be_named_private_says_where_to_type(world):
    reply = await world.say("/broadcast", place="web:alice")

    assert reply.title.plain == "📣 Type /broadcast in the group or channel"
    assert not reply.asks_place


async def test_discords_option_names_another_channel_of_the_server(world):
    other = spot("discord:22", title="#alerts", kind=PlaceKind.GROUP)
    there = await world.say(
        "/broadcast top100", place="discord:11", kind=PlaceKind.GROUP, spot=other
    )
    refused = await world.say(
        "/broadcast off",
        place="discord:11",
        kind=PlaceKind.GROUP,
        spot=replace(other, is_admin=no),
    )

    assert there.title.plain == "📣 #alerts gets: top100"
    assert there.is_private
    assert refused.title.plain == "✋ Only admins of #alerts can change what it gets"
    assert await gets(world, "discord:22") == ["top100"]
    assert await gets(world, "discord:11") == []


# ----------------------------------------------------------------- personal in groups


async def test_a_watch_in_a_group_is_answered_once_a_minute_and_taken_away(world):
    call = world.call("/watch ETH", ALERTS, PlaceKind.GROUP, "telegram:6")

    reply = await world.desk.say(call)
    assert reply is not None
    assert reply.plain == "👁 ETH: I alert you privately, not here."
    assert reply.buttons[0][0].url == "https://t.me/TestBot?start=watch_ETH"
    assert reply.fades is not None
    assert reply.fades.total_seconds() == 60
    await world.desk.on_fading(call.place, ["31", "30"], reply.fades)
    world.clock.advance(seconds=59)
    assert await world.desk.say(call) is None
    # another topic is the same group, another group is another
    topic = world.call("/watch BTC", NEWS, PlaceKind.GROUP)
    assert await world.desk.say(topic) is None
    other = world.call("/watch BTC", "telegram:-300", PlaceKind.GROUP)
    assert await world.desk.say(other) is not None
    await world.errands.run_due()
    assert world.telegram.kept == []

    world.clock.advance(seconds=1)
    await world.restart()
    await world.errands.run_due()

    assert world.telegram.kept == [f"delete {ALERTS} 30", f"delete {ALERTS} 31"]
    assert await world.desk.say(call) is not None


async def test_what_a_channel_is_told_does_not_stay(world):
    reply = await world.say(
        "/broadcast top100", place="telegram:-200", kind=PlaceKind.CHANNEL
    )

    assert reply.title.plain == "📣 This channel gets: top100"
    assert reply.fades is not None
    assert reply.fades.total_seconds() == 300


async def test_a_closed_private_chat_is_said_with_try_again(world):
    opened: list[str] = []

    async def open_private(hello: Message) -> Address:
        opened.append(hello.title.plain)
        if len(opened) < 3:
            raise RecipientGoneError("closed", reason="dm_closed")
        return Address.parse("discord:77")

    asked = await world.say(
        "/watch ETH BTC 80",
        place="discord:11",
        kind=PlaceKind.GROUP,
        user="discord:6",
        open_private=open_private,
    )
    assert asked.title.plain == "⚠️ I cannot reach you, so nothing was changed"
    (again,) = actions(asked)
    assert again == "v1:again:ETH BTC 80"

    async def press():
        return await world.press(
            again,
            place="discord:11",
            kind=PlaceKind.GROUP,
            user="discord:6",
            open_private=open_private,
        )

    still = await press()
    assert still.edited is not None
    assert actions(still.edited) == [again]
    done = await press()
    assert done.edited is not None
    assert done.edited.title.plain.startswith("👁 Watching ETH, BTC · alerts come as")
    assert await gets(world, "discord:77") == ["ETH 80", "BTC 80"]


# ------------------------------------------------------------------------ coming, going


def arrival(place: str = GROUP, **more: object) -> Arrival:
    values = {
        "place": Address.parse(place),
        "kind": PlaceKind.GROUP,
        "by": KOFI,
        "title": "Traders",
    }
    return Arrival(**(values | more))


async def test_a_group_is_greeted_once_and_its_adder_guided_if_known(world):
    welcome = await world.desk.on_added(arrival())
    assert welcome.post is not None
    assert welcome.post.plain.startswith("👋 I post when a crypto signal flips")
    assert welcome.guide_to is None
    # the link into a group says /start there, too
    start = world.call("/start", GROUP, PlaceKind.GROUP)
    assert await world.desk.say(start) is None

    await private(world, "/start")
    other = await world.desk.on_added(arrival("telegram:-300", title="Others"))

    assert other.guide_to == Address.parse(KOFI)
    assert other.guide is not None
    assert other.guide.plain == (
        "👋 I am in Others now\n"
        "Nothing is posted there until an admin says what.\n"
        "Choose here, or type /broadcast there;\n"
        "in a group with topics, in the topic it is for."
    )
    assert actions(other.guide) == [
        "v1:bc:-300:top100",
        "v1:bc:-300:top100 bullish grade>=80",
        "v1:bc:-300:menu",
    ]


async def test_nothing_is_posted_into_a_channel_or_where_it_may_not(world):
    await private(world, "/start")

    channel = await world.desk.on_added(
        arrival("telegram:-200", kind=PlaceKind.CHANNEL, title="Signals")
    )
    silent = await world.desk.on_added(arrival("telegram:-300", can_post=False))

    assert (channel.post, silent.post) == (None, None)
    assert channel.guide is not None
    assert channel.guide.title.plain == "👋 I am in Signals now"
    assert silent.guide is not None
    assert "I may not write there yet" in silent.guide.plain


async def test_who_blocked_the_bot_is_not_written_to(world):
    await private(world, "/start")
    await world.desk.on_gone(Address.parse(KOFI), "blocked")

    assert (await world.desk.on_added(arrival())).guide_to is None


async def test_a_place_that_comes_back_goes_on_as_before(world):
    await private(world, "/start")
    await say(world, "/broadcast top100")
    await world.desk.on_gone(Address.parse(GROUP), "kicked")
    world.source.flip("BTC")
    await world.poll()
    assert world.telegram.sent == []

    welcome = await world.desk.on_added(arrival())
    await world.deliver()

    assert welcome.post is None
    assert welcome.guide is not None
    assert welcome.guide.plain == (
        "👋 I am back in Traders\nIt gets top100, as before."
    )
    ((target, _),) = world.telegram.sent
    assert target == ALERTS


async def test_a_deleted_topic_goes_on_in_another_one(world):
    await say(world, "/broadcast #ai bullish")
    await say(world, "/broadcast add BTC 80")
    world.telegram.refuse(ALERTS, RecipientGoneError("gone", reason="topic_gone"))
    world.source.flip("BTC")
    await world.poll()
    assert await gets(world, ALERTS) == ["#ai bullish", "BTC 80"]

    menu = await say(world, "/broadcast", place=NEWS)
    take = actions(menu)[0]
    assert take.startswith("v1:bc::take-")
    assert menu.buttons[0][0].label == "↪ Go on here: ai bullish, BTC 80"
    taken = await world.press(take, place=NEWS, kind=PlaceKind.GROUP, user=KOFI)

    assert taken.edited is not None
    assert taken.edited.title.plain == "📣 This topic gets: ai bullish, BTC 80"
    assert await gets(world, NEWS) == ["#ai bullish", "BTC 80"]
    assert await gets(world, ALERTS) == []
    again = await world.press(take, place=NEWS, kind=PlaceKind.GROUP)
    assert "taken over already" in again.toast


async def test_nobody_takes_what_another_group_has(world):
    await say(world, "/broadcast top100")
    recipient = await world.store.find_recipient(Address.parse(ALERTS))
    assert recipient is not None

    reply = await world.press(
        f"v1:bc::take-{recipient.id}", place="telegram:-300", kind=PlaceKind.GROUP
    )

    assert "taken over already" in reply.toast
    assert await gets(world, ALERTS) == ["top100"]
