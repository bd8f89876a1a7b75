"""What the fake Bot API server refuses, in the words of the real one."""

import copy
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from derive_telegram_facts import METHODS, derive
from fake_telegram import FakeTelegram, User
from fake_telegram_html import ENTITY_OF_TAG, MarkupError, parse_html
from fake_telegram_rules import FACTS, Checker
from raw_telegram_bot import MUTE, Bot, Clock, keyboard


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tg(clock: Clock) -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(clock=clock) as fake:
        yield fake


@pytest.fixture
async def bot(tg: FakeTelegram) -> AsyncIterator[Bot]:
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Bot(tg, http)


@pytest.fixture
async def alice(tg: FakeTelegram, bot: Bot) -> User:
    """Somebody who has started the bot and whose update is already fetched."""
    user = tg.user("Alice")
    user.says("/start")
    await bot.updates()
    await bot.updates(offset=-1)
    tg.world.updates.clear()
    return user


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("hi <foo>x</foo>", 'Unsupported start tag "foo" at byte offset 3'),
        ("é <foo>", 'Unsupported start tag "foo" at byte offset 3'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<a href>x</a>", "Expected equal sign in declaration of an attribute"),
        ('<a ="x">', 'Empty attribute name in the tag "a"'),
        ("<a href=x/y>z</a>", "Unexpected end of name token at byte offset 8"),
        ('<span class="x">y</span>', 'must have class "tg-spoiler"'),
        ('<tg-time unix="1" format="R">x</tg-time>', 'invalid format "R"'),
        ('<tg-time unix="noon">x</tg-time>', "valid unix time"),
    ],
)
def test_broken_markup_is_refused_in_the_servers_words(markup: str, words: str) -> None:
    with pytest.raises(MarkupError) as error:
        parse_html(markup)

    assert words in str(error.value)


def test_entities_are_counted_in_utf16_units() -> None:
    text, entities = parse_html(
        '\n😀<b>a<i>b</i></b> <a href="https://x.y/?a&amp;b">c</a> '
    )

    assert text == "😀ab c"
    assert entities == [
        {"type": "bold", "offset": 2, "length": 2},
        {"type": "italic", "offset": 3, "length": 1},
        {"type": "text_link", "offset": 5, "length": 1, "url": "https://x.y/?a&b"},
    ]


def test_only_four_named_entities_are_decoded() -> None:
    assert parse_html("&lt;&gt;&amp;&quot; &#8364;&#x41; &nbsp; & R&D")[0] == (
        '<>&" €A &nbsp; & R&D'
    )


def test_every_allowed_tag_is_parsed() -> None:
    tags = [t for t in ENTITY_OF_TAG if t not in {"span", "tg-emoji", "tg-time"}]
    source = "".join(f"<{t}>x</{t}>" for t in tags) + (
        '<span class="tg-spoiler">x</span><blockquote expandable>x</blockquote>'
        '<tg-emoji emoji-id="5368324170671202286">x</tg-emoji>'
        '<pre><code class="language-python">x</code></pre>'
        '<tg-time unix="1" format="wDT">x</tg-time>'
    )

    text, entities = parse_html(source)

    assert text == "x" * (len(tags) + 5)
    assert len(entities) == len(tags) + 6


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "<b> </b>", "parse_mode": "HTML"}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "can't parse entities: Can't find"),
        ({"text": "x", "parse_mode": "HTLM"}, "unsupported parse_mode"),
        ({"text": "<b>x</b>" * 101, "parse_mode": "HTML"}, "more than 100 entities"),
        ({"text": "x", "disable_web_page_preview": True}, "unknown parameter"),
        ({"text": "x", "disable_notification": "maybe"}, "must be Boolean"),
        ({"text": "x", "message_thread_id": "first"}, "must be Integer"),
        ({"text": "x", "reply_markup": "{"}, "can't parse reply_markup"),
        ({"text": "x", "reply_markup": {"buttons": []}}, "unknown parameter"),
        ({"text": "x", "reply_parameters": {}}, "field message_id is required"),
        ({"text": "x", "link_preview_options": {"is_disabled": "y"}}, "be Boolean"),
        (
            {"text": "x", "reply_markup": keyboard(*[[MUTE]] * 101)},
            "more than 100 buttons",
        ),
        ({"text": "x", "reply_markup": keyboard([MUTE] * 9)}, "8 buttons in a row"),
        (
            {"text": "x", "reply_markup": keyboard([{"text": "x"}])},
            "Text buttons are unallowed",
        ),
        (
            {"text": "x", "reply_markup": keyboard([MUTE | {"callback_data": ""}])},
            "callback_data must have 1-64 bytes, not 0",
        ),
        (
            {
                "text": "x",
                "reply_markup": keyboard([MUTE | {"callback_data": "é" * 33}]),
            },
            "callback_data must have 1-64 bytes, not 66",
        ),
        (
            {"text": "x", "reply_markup": keyboard([MUTE | {"style": "red"}])},
            "style must be one of danger, success, primary",
        ),
        (
            {
                "text": "x",
                "reply_markup": keyboard([{"text": "x", "url": "http://localhost/"}]),
            },
            "Wrong HTTP URL",
        ),
    ],
)
async def test_a_request_that_could_never_be_right_is_a_violation(
    alice: User, bot: Bot, tg: FakeTelegram, params: dict[str, Any], words: str
) -> None:
    status, description = await bot.refused("sendMessage", chat_id=alice.id, **params)

    assert status == 400
    assert words in description.replace("reply_parameters.", "")
    assert tg.violations[0].startswith("sendMessage: ")
    assert alice.messages == ()


async def test_the_longest_text_is_measured_without_its_markup(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    await bot.send(alice, f"<b>{'&lt;' * 4096}</b>", parse_mode="HTML")

    assert len(alice.messages[0].text) == 4096
    assert tg.violations == []


async def test_command_menus_are_checked_and_kept(bot: Bot, tg: FakeTelegram) -> None:
    good = [{"command": "watch", "description": "Add watches"}]
    scope = {"type": "all_private_chats"}

    await bot.ask("setMyCommands", commands=good, scope=scope, language_code="de")
    await bot.refused(
        "setMyCommands", commands=[{"command": "Watch", "description": "x"}]
    )
    await bot.refused("setMyCommands", commands=good * 101)
    await bot.refused("setMyCommands", commands=good, scope={"type": "everybody"})

    assert tg.commands == {("all_private_chats", "de"): good}
    assert len(tg.violations) == 3
    answer = await bot.ask("getMyCommands", scope=scope, language_code="de")
    assert answer["result"] == good


async def test_an_older_server_does_not_know_time_entities(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    tg.knows_time_entities = False

    status, words = await bot.refused(
        "sendMessage",
        chat_id=alice.id,
        text='at <tg-time unix="1" format="t">noon</tg-time>',
        parse_mode="HTML",
    )

    assert status == 400
    assert words.endswith('Unsupported start tag "tg-time" at byte offset 3')
    assert tg.violations == []


async def test_unknown_methods_and_wrong_tokens_are_refused(
    bot: Bot, tg: FakeTelegram
) -> None:
    assert await bot.refused("sendPigeon") == (404, "Not Found")
    async with bot.http.post(f"{tg.base_url}42:WRONG/getMe") as answer:
        assert (answer.status, (await answer.json())["description"]) == (
            401,
            "Unauthorized",
        )
    assert tg.violations == ["unknown method sendPigeon"]


def test_the_facts_decide_what_is_broken() -> None:
    """The same request is right or wrong as the facts file says."""
    request = {"chat_id": "1", "text": "x", "parse_mode": "HTML"}
    stricter = copy.deepcopy(FACTS)
    fields = stricter["methods"]["sendMessage"]
    del fields["parse_mode"]
    fields["text"] = {"types": ["Integer"]}
    fields["colour"] = {"types": ["String"], "required": True}

    _, as_published = Checker().read("sendMessage", request, is_form=True)
    _, by_stricter = Checker(stricter).read("sendMessage", request, is_form=True)

    assert as_published == []
    assert by_stricter == [
        "unknown parameter parse_mode",
        "text must be Integer, not 'x'",
        "parameter colour is required",
    ]


def test_the_facts_are_derived_from_what_the_description_says() -> None:
    def field(name: str, kind: str, says: str, *, required: bool) -> dict[str, Any]:
        return {
            "name": name,
            "types": [kind],
            "required": required,
            "description": says,
        }

    thing = field("thing", "Array of Array of Thing", "Optional", required=False)
    name = field("name", "String", "1-64 bytes", required=True)
    look = field("look", "String", 'Must be one of "a" or "b" (x). "c"', required=False)
    text = field(
        "text", "String", "1-9 characters after entities parsing", required=True
    )
    spec = {
        "version": "Bot API 99.9",
        "release_date": "tomorrow",
        "methods": {m: {"fields": [thing, text]} for m in METHODS}
        | {"sendPigeon": {"fields": []}},
        "types": {
            "Thing": {"fields": [name, look]},
            "Unused": {"fields": [name]},
            "Update": {"fields": [field("message", "Message", "", required=False)]},
        },
    }

    facts = derive(spec)

    assert set(facts["methods"]) == set(METHODS)
    assert facts["methods"]["sendMessage"]["text"] == {
        "types": ["String"],
        "required": True,
        "min": 1,
        "max": 9,
        "unit": "characters",
        "after_entities": True,
    }
    assert list(facts["types"]) == ["Thing"]
    assert facts["types"]["Thing"]["fields"]["name"]["unit"] == "bytes"
    assert facts["types"]["Thing"]["fields"]["look"]["enum"] == ["a", "b"]
    assert facts["updates"] == ["message"]


async def test_an_unknown_kind_of_update_cannot_be_wanted(
    bot: Bot, tg: FakeTelegram
) -> None:
    await bot.refused("getUpdates", allowed_updates=["message", "mesage"])

    assert tg.violations == ["getUpdates: unknown update mesage"]


async def test_a_private_chat_takes_a_short_burst_and_then_one_a_second(
    alice: User, bot: Bot, tg: FakeTelegram, clock: Clock
) -> None:
    for _ in range(3):
        await bot.send(alice)

    answer = await bot.ask("sendMessage", chat_id=alice.id, text="x")
    clock.now += 1
    await bot.send(alice)

    assert answer["error_code"] == 429
    assert answer["description"] == "Too Many Requests: retry after 1"
    assert answer["parameters"] == {"retry_after": 1}
    assert tg.too_many == 1
    assert tg.violations == []


async def test_a_group_takes_twenty_messages_a_minute(
    alice: User, bot: Bot, tg: FakeTelegram, clock: Clock
) -> None:
    group = tg.group("Traders", admins=[alice])
    for _ in range(20):
        await bot.send(group)
        clock.now += 1

    answer = await bot.ask("sendMessage", chat_id=group.id, text="x")
    await bot.send(alice)
    clock.now += 39
    early = await bot.ask("sendMessage", chat_id=group.id, text="x")
    clock.now += 1
    await bot.send(group)

    assert answer["parameters"] == {"retry_after": 40}
    assert early["parameters"] == {"retry_after": 1}
    assert tg.too_many == 2


async def test_all_chats_together_take_thirty_messages_a_second(
    bot: Bot, tg: FakeTelegram, clock: Clock
) -> None:
    people = [tg.user(f"User {n}") for n in range(31)]
    for person in people:
        person.says("/start")
    for person in people[:30]:
        await bot.send(person)

    status, _ = await bot.refused("sendMessage", chat_id=people[30].id, text="x")
    clock.now += 1
    await bot.send(people[30])

    assert status == 429


async def test_limits_can_be_lifted(alice: User, bot: Bot, tg: FakeTelegram) -> None:
    tg.lift_limits()
    for _ in range(40):
        await bot.send(alice)
    tg.enforce_limits()
    for _ in range(3):
        await bot.send(alice)

    assert (await bot.refused("sendMessage", chat_id=alice.id, text="x"))[0] == 429
