"""The people, groups and channels of the fake Bot API server."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from fake_telegram import FakeTelegram, Group, User
from raw_telegram_bot import Bot, Clock


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


async def test_nobody_can_be_written_to_first(bot: Bot, tg: FakeTelegram) -> None:
    stranger = tg.user("Stranger")

    assert await bot.refused("sendMessage", chat_id=stranger.id, text="x") == (
        403,
        "Forbidden: bot can't initiate conversation with a user",
    )
    assert await bot.refused("sendMessage", chat_id=12345, text="x") == (
        400,
        "Bad Request: chat not found",
    )


async def test_a_block_is_told_and_start_ends_it(alice: User, bot: Bot) -> None:
    alice.blocks()
    refusal = await bot.refused("sendMessage", chat_id=alice.id, text="x")
    alice.says("/start")
    await bot.send(alice)

    updates = await bot.updates()
    states = [
        u["my_chat_member"]["new_chat_member"]["status"]
        for u in updates
        if "my_chat_member" in u
    ]
    assert refusal == (403, "Forbidden: bot was blocked by the user")
    assert states == ["kicked", "member"]
    assert updates[-1]["message"]["text"] == "/start"


async def test_a_deactivated_user_is_gone_silently(alice: User, bot: Bot) -> None:
    alice.deactivates()

    assert await bot.refused("sendMessage", chat_id=alice.id, text="x") == (
        403,
        "Forbidden: user is deactivated",
    )
    assert await bot.updates() == []


async def test_a_deep_link_says_start_with_its_payload(alice: User, bot: Bot) -> None:
    alice.opens_link("https://t.me/FlipwatchBot?start=watch_BTC")

    (update,) = await bot.updates()

    assert update["message"]["text"] == "/start watch_BTC"
    with pytest.raises(AssertionError, match="another bot"):
        alice.opens_link("https://t.me/OtherBot?start=x")


async def test_privacy_mode_hides_what_is_not_meant_for_the_bot(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    group = tg.group("Traders", admins=[alice])
    await bot.send(group)
    (post,) = await group.receives()

    alice.says("what do you think of BTC?", in_=group)
    alice.says("/watch@OtherBot BTC", in_=group)
    alice.says("/watch BTC", in_=group)
    alice.says("/watch@flipwatchbot ETH", in_=group)
    alice.says("why?", in_=group, reply_to=post)

    texts = [u["message"]["text"] for u in await bot.updates()]
    assert texts == ["/watch BTC", "/watch@flipwatchbot ETH", "why?"]


async def test_an_anonymous_admin_hides_behind_the_group(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    group = tg.group("Traders", admins=[alice])
    group.anonymous_admin_says("/broadcast top100")

    (update,) = await bot.updates()
    answer = await bot.ask("getChatMember", chat_id=group.id, user_id=1087968824)

    assert update["message"]["from"]["id"] == 1087968824
    assert update["message"]["sender_chat"]["id"] == group.id
    assert answer["result"]["status"] == "left"


async def test_members_have_their_status(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    bob, carol, dave = tg.user("Bob"), tg.user("Carol"), tg.user("Dave")
    group = tg.group("Traders", admins=[alice, bob], members=[carol])
    group.makes_bot_admin(by=alice)

    states = [
        (await bot.ask("getChatMember", chat_id=group.id, user_id=u.id))["result"]
        for u in (alice, bob, carol, dave)
    ]
    admins = await bot.ask("getChatAdministrators", chat_id=group.id)
    count = await bot.ask("getChatMemberCount", chat_id=group.id)

    assert [s["status"] for s in states] == [
        "creator",
        "administrator",
        "member",
        "left",
    ]
    assert [a["user"]["id"] for a in admins["result"]] == [alice.id, bob.id, 42]
    assert count["result"] == 4


@pytest.mark.parametrize(
    ("is_supergroup", "words"),
    [(True, "supergroup chat"), (False, "group chat")],
)
async def test_a_group_without_the_bot_refuses_it(
    alice: User, bot: Bot, tg: FakeTelegram, is_supergroup: bool, words: str
) -> None:
    group = tg.group(
        "Traders", admins=[alice], is_supergroup=is_supergroup, has_bot=False
    )
    never_in = await bot.refused("sendMessage", chat_id=group.id, text="x")
    group.adds_bot(by=alice)
    await bot.send(group)
    group.kicks_bot(by=alice)
    kicked = await bot.refused("sendMessage", chat_id=group.id, text="x")
    added, service, removed = await bot.updates()

    assert never_in == (403, f"Forbidden: bot is not a member of the {words}")
    assert kicked == (403, f"Forbidden: bot was kicked from the {words}")
    assert added["my_chat_member"]["from"]["id"] == alice.id
    assert added["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert service["message"]["new_chat_members"][0]["id"] == 42
    assert removed["my_chat_member"]["new_chat_member"]["status"] in {"kicked", "left"}


async def test_a_group_that_moved_says_where_to(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    group = tg.group("Traders", admins=[alice], is_supergroup=False)
    old = group.id
    new = group.migrates()

    answer = await bot.ask("sendMessage", chat_id=old, text="x")
    await bot.send(group)
    leaving, arriving = await bot.updates()

    assert answer["error_code"] == 400
    assert "group chat was upgraded to a supergroup chat" in answer["description"]
    assert answer["parameters"] == {"migrate_to_chat_id": new}
    assert leaving["message"]["chat"]["id"] == old
    assert leaving["message"]["migrate_to_chat_id"] == new
    assert arriving["message"]["chat"]["id"] == group.id == new
    assert arriving["message"]["migrate_from_chat_id"] == old


async def test_a_deleted_topic_is_not_found(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    group = tg.group("Traders", admins=[alice], is_forum=True)
    topic = group.topic("Alerts")
    alice.says("/broadcast top100", in_=group, topic=topic)
    await bot.send(group, message_thread_id=topic)
    (seen,) = await group.receives()
    group.deletes_topic(topic)

    refusal = await bot.refused(
        "sendMessage", chat_id=group.id, text="x", message_thread_id=topic
    )

    assert seen.thread == topic
    assert refusal == (400, "Bad Request: message thread not found")
    assert (await bot.updates())[-1]["message"]["message_thread_id"] == topic


async def test_a_group_that_forbids_writing_says_so(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    group = tg.group("Traders", admins=[alice])
    group.forbids_writing()
    rights = await bot.refused("sendMessage", chat_id=group.id, text="x")
    group.forbids_writing("CHAT_WRITE_FORBIDDEN")
    code = await bot.refused("sendMessage", chat_id=group.id, text="x")
    group.allows_writing()
    await bot.send(group)

    assert rights == (
        400,
        "Bad Request: not enough rights to send text messages to the chat",
    )
    assert code == (400, "Bad Request: CHAT_WRITE_FORBIDDEN")


async def test_a_channel_post_has_no_author(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    channel = tg.channel("Signals", admins=[alice], username="signals", has_bot=False)
    channel.adds_bot(by=alice)
    channel.posts("/broadcast top100")
    await bot.ask("sendMessage", chat_id="@signals", text="done")

    added, post = await bot.updates()

    assert added["my_chat_member"]["new_chat_member"]["status"] == "administrator"
    assert "from" not in post["channel_post"]
    assert post["channel_post"]["sender_chat"]["id"] == channel.id
    assert [m.text for m in channel.messages] == ["done"]


async def test_a_bot_that_left_is_no_member(
    alice: User, bot: Bot, tg: FakeTelegram
) -> None:
    group = tg.group("Traders", admins=[alice])

    await bot.ask("leaveChat", chat_id=group.id)

    assert (await bot.refused("getChat", chat_id=group.id))[0] == 403


def test_a_group_is_driven_only_by_its_members() -> None:
    tg = FakeTelegram()
    alice, mallory = tg.user("Alice"), tg.user("Mallory")
    group = tg.group("Traders", admins=[alice])

    assert isinstance(group, Group)
    with pytest.raises(AssertionError, match="Mallory"):
        mallory.says("/broadcast all", in_=group)
