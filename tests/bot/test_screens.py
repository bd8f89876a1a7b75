"""/flips, /top and /screen over the real store: what they list, word and page."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from factories import BULLISH, DAY, NOON, asset, flip, state
from hypothesis import given
from hypothesis import strategies as st
from strategies import SYMBOLS
from world import World, open_world

from bot import screen_replies, words
from bot.message import Message, Table
from bot.model import PlaceKind
from bot.screen_replies import TABLE_COLUMNS, FlipRow, Paged


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


def rows_of(message: Message) -> list[str]:
    """The rows of the message's table, without its head and its gaps."""
    (table,) = [b for b in message.body if isinstance(b, Table)]
    return [" ".join(row.split()) for row in table.rows[1:]]


def actions(message: Message) -> list[str]:
    return [b.action for row in message.buttons for b in row]


async def market(world: World, count: int = 3) -> None:
    """Poll some assets: A0 with grade 90, A1 with 89 and so on, all bullish."""
    for number in range(count):
        world.source.set(
            f"A{number}",
            grade=90.0 - number,
            price=100.0 + number,
            market_cap=1e9 * (count - number),
            categories=("ai",) if number % 2 else ("meme",),
        )
    await world.poll()


async def turn(world: World, *symbols: str) -> None:
    for symbol in symbols:
        world.source.flip(symbol)
    await world.poll()


async def test_flips_are_told_with_grades_age_and_what_the_price_did(world: World):
    await market(world)
    await turn(world, "A0")
    world.clock.advance(hours=5)
    known = world.source.known["a0"]
    world.source.set("A0", grade=25, signal=-1, price=90, market_cap=known.market_cap)
    await world.poll()

    message = await world.say("/flips")

    assert message.title.plain == "⚡ 1 flip in 3 days · 0 ▲ 1 ▼"
    assert rows_of(message) == ["▼ A0 90→25 5 h −10.0%"]
    assert message.footer is not None
    assert message.footer.plain == "Fake Engine"


async def test_flips_of_one_direction_say_so_in_the_first_line(world: World):
    await market(world)
    await turn(world, "A0", "A1")
    await turn(world, "A1")

    message = await world.say("/flips 36h bullish #ai")

    assert message.title.plain == "🟢 1 turned bullish in 1 day"
    assert message.body[0].plain == "#ai 36h bullish"
    assert [r.split()[1] for r in rows_of(message)] == ["A1"]


async def test_without_flips_the_last_one_is_named(world: World):
    await market(world)
    assert "I have seen none" in (await world.say("/flips")).plain
    await turn(world, "A2")
    for _ in range(4):
        world.clock.advance(days=1)
        await world.poll()

    message = await world.say("/flips 2d")

    assert message.title.plain == "⚡ No flips in 2 days"
    assert "The last one: 🔴 A2 bearish, Jan 5" in message.plain


async def test_the_top_lists_as_many_rows_as_were_asked_for(world: World):
    await market(world, 5)

    message = await world.say("/top 2 #ai")

    assert message.title.plain == "📶 Top 2 by grade"
    assert rows_of(message) == ["▲ A1 89 $101.00", "▲ A3 87 $103.00"]
    assert rows_of(await world.say("/top 50 #ai")) == rows_of(message)


async def test_a_screen_shows_what_was_asked_beside_what_was_found(world: World):
    await market(world, 5)
    await turn(world, "A4")
    await turn(world, "A4")

    message = await world.say("/screen Grade >= 70  mcap<2b flipped<3d")

    assert message.title.plain == "🔎 1 asset matches"
    assert message.body[0].plain == "grade>=70 mcap<2b flipped<3d"
    assert rows_of(message) == ["▲ A4 75 5 min $104.00"]


async def test_pages_are_turned_by_buttons_and_by_typing(world: World):
    await market(world, 30)

    first = await world.say("/screen all")
    assert first.footer is not None
    assert first.footer.plain == "Page 1 of 3 · Fake Engine"
    assert actions(first) == ["v1:screen:3:all", "v1:keep", "v1:screen:2:all"]

    pressed = await world.desk.press(world.call(""), "v1:screen:2:all")
    assert pressed.edited is not None
    assert pressed.edited == await world.say("/screen all page2")
    assert rows_of(pressed.edited)[0].startswith("▲ A12 78")
    last = await world.say("/screen all page9999")
    assert len(rows_of(last)) == 6
    assert last == await world.say("/screen all page3")


async def test_flips_have_pages_too_and_a_page_that_is_gone_is_the_last(world: World):
    await market(world, 16)
    for number in range(15):
        # one at a time and never all, or the engine would not be believed
        await turn(world, f"A{number}")

    message = await world.say("/flips page7")

    assert message.title.plain == "⚡ 15 flips in 3 days · 0 ▲ 15 ▼"
    assert len(rows_of(message)) == 3
    assert "v1:flips:1:" in actions(message)


async def test_the_top_ends_where_its_number_ends(world: World):
    await market(world, 30)

    message = await world.say("/top 20 page2")

    assert len(rows_of(message)) == 8
    assert rows_of(message)[-1].startswith("▲ A19 71")


async def test_words_that_fit_on_no_button_are_typed_instead(world: World):
    await market(world, 30)

    message = await world.say(
        "/screen #ai #meme bullish grade>=10.25 mcap>1.25k mcap<100.5t grade<=99.75"
    )

    assert not message.buttons
    assert "The next page: add page2" in message.plain


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/screen", "What shall I look for?"),
        ("/screen #ay", "no asset has this category"),
        ("/screen grad>80", "I don't know the word “grad”"),
        ("/flips XYZ", "I don't know “XYZ”"),
        ("/top bearish", "Nothing matches now"),
        ("/screen grade>80 flipped<3d", "Nothing matches now"),
    ],
)
async def test_what_can_not_be_listed_says_why(world: World, typed: str, says: str):
    await market(world)

    assert says in (await world.say(typed)).plain


async def test_a_size_the_engine_does_not_give_is_refused(world: World):
    world.source.set("BTC")
    await world.poll()

    assert "mcap would never match" in (await world.say("/screen mcap<1b")).plain


async def test_an_asset_that_no_poll_brings_any_more_is_not_listed(world: World):
    await market(world, 2)
    world.source.drop("A0")
    world.clock.advance(days=8)
    await world.poll()

    assert [r.split()[1] for r in rows_of(await world.say("/top"))] == ["A1"]


async def test_members_of_a_group_may_look_and_turn_pages(world: World):
    await market(world, 30)
    place = {"place": "telegram:-5", "kind": PlaceKind.GROUP, "is_admin": False}

    message = await world.say("/top 30", user="telegram:9", **place)

    assert message.title.plain == "📶 Top 30 by grade"
    call = world.call("", "telegram:-5", PlaceKind.GROUP, "telegram:9", False)
    pressed = await world.desk.press(call, actions(message)[-1])
    assert pressed.edited is not None


async def test_an_old_button_with_words_we_no_longer_know_is_answered(world: World):
    pressed = await world.desk.press(world.call(""), "v1:top:2:shiny")

    assert "lists many assets" in pressed.toast


def paged(**more: object) -> Paged:
    values: dict[str, object] = {
        "command": "top",
        "query": "",
        "total": 1,
        "page": 1,
        "now": NOON,
        "source_title": "Fake",
    }
    return Paged(**(values | more))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SYMBOLS),
            st.floats(0, 100),
            st.floats(1e-12, 1e12),
            st.floats(1e-9, 1e9),
            st.integers(0, 4000),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_row_is_wider_than_a_phone(
    facts: list[tuple[str, float, float, float, int]],
) -> None:
    assets, flipped = [], []
    for symbol, grade, price, factor, days in facts:
        stands = state(BULLISH, grade=grade, since=NOON - days * DAY)
        last = replace(stands.last, price=price * factor)
        one = asset(symbol, state=replace(stands, last=last))
        assets.append(one)
        turned = flip(
            BULLISH,
            at=NOON - days * DAY,
            price=price,
            grade_from=0.0,
            grade_to=grade,
        )
        flipped.append(FlipRow(turned, one))
    messages = [
        screen_replies.top(assets, paged()),
        screen_replies.screen(assets, paged()),
        screen_replies.flips(
            flipped, paged(), window=DAY, direction=None, bullish=len(facts)
        ),
    ]

    for message in messages:
        assert len(rows_of(message)) == len(facts)
        for block in message.body:
            if isinstance(block, Table):
                assert max(map(words.columns, block.rows)) <= TABLE_COLUMNS


async def test_a_page_button_of_another_table_is_no_way_around_its_grammar(
    world: World,
):
    pressed = await world.press("v1:flips:1:flipped<3d")

    assert pressed.edited is None
    assert pressed.toast.startswith("Flips need no “flipped”")
