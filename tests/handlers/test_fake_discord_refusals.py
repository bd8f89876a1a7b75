"""How the fake Discord says no: places, rates, nonces, planned trouble."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from fake_discord import FakeDiscord
from raw_discord import SEND, WATCH, Clock, Raw


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def dc(clock: Clock) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord(now=clock) as running:
        yield running


@pytest.fixture
async def raw(dc: FakeDiscord) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as session:
        yield Raw(dc, session)


@pytest.fixture
def alerts(dc: FakeDiscord) -> Any:
    return dc.server("Traders").channel("alerts")


@pytest.fixture
def alice(dc: FakeDiscord, alerts: Any) -> Any:
    user = dc.user("Alice")
    alerts.server.adds(user)
    return user


# ------------------------------------------------------------- refusals


async def refusal(raw: Raw, channel: Any) -> tuple[int, int]:
    status, said = await raw.sends(channel, content="hello")
    return status, said["code"]


async def test_a_channel_says_why_it_takes_nothing(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    mute = alerts.server.channel("rules", bot_may_write=False)

    assert await refusal(raw, mute) == (403, 50013)
    alerts.forbids_writing()
    assert await refusal(raw, alerts) == (403, 50013)
    alerts.allows_writing()
    alerts.hides()
    assert await refusal(raw, alerts) == (403, 50001)
    alerts.shows()
    alerts.server.kicks_bot()
    assert await refusal(raw, alerts) == (403, 50001)
    alerts.server.adds_bot()
    assert (await raw.sends(alerts, content="back"))[0] == 200
    alerts.deletes()
    assert await refusal(raw, alerts) == (404, 10003)
    assert dc.violations == []
    assert dc.invalid_requests == 4


async def test_a_dm_opens_and_says_why_it_takes_nothing(
    dc: FakeDiscord, raw: Raw, alerts: Any, alice: Any
):
    _, opened, _ = await raw.ask(
        "POST", "/users/@me/channels", {"recipient_id": alice.id}
    )

    assert opened["id"] == alice.dm.id
    alice.closes_dms()
    assert await refusal(raw, alice.dm) == (403, 50007)
    alice.opens_dms()
    await raw.sends(alice.dm, content="hello")
    assert [m.content for m in await alice.receives(1)] == ["hello"]
    alice.leaves(alerts.server)
    assert await refusal(raw, alice.dm) == (403, 50278)
    alice.installs()
    assert (await raw.sends(alice.dm, content="again"))[0] == 200


async def test_opening_dms_too_fast_is_refused(dc: FakeDiscord, raw: Raw, clock: Clock):
    people = [dc.user(f"User {n}") for n in range(12)]

    async def opens(user: Any) -> int:
        body = {"recipient_id": user.id}
        status, said, _ = await raw.ask("POST", "/users/@me/channels", body)
        return said["code"] if status != 200 else status

    assert [await opens(user) for user in people[:10]] == [200] * 10
    assert await opens(people[10]) == 40003
    clock.moves(seconds=60)
    assert await opens(people[11]) == 200


async def test_a_wrong_token_is_a_401(dc: FakeDiscord, raw: Raw):
    headers = {"Authorization": "Bot WRONG"}

    status, _, _ = await raw.ask("GET", "/users/@me", headers=headers)

    assert status == 401
    assert dc.invalid_requests == 1
    assert "Authorization" not in dc.requests[0].headers


async def test_only_announcements_are_crossposted_and_only_once(raw: Raw, alerts: Any):
    news = alerts.server.channel("news", is_announcement=True)
    _, plain = await raw.sends(alerts, content="plain")
    _, sent = await raw.sends(news, content="news")

    async def publish(channel: Any, message_id: str) -> tuple[int, int | None]:
        path = f"/channels/{channel.id}/messages/{message_id}/crosspost"
        status, said, _ = await raw.ask("POST", path)
        return status, said.get("code")

    assert await publish(alerts, plain["id"]) == (400, 50024)
    assert await publish(news, sent["id"]) == (200, None)
    assert await publish(news, sent["id"]) == (400, 40033)
    assert news.messages[0].is_crossposted


# ------------------------------------------------------------- rates, nonces


async def test_five_messages_per_five_seconds_and_channel(
    raw: Raw, alerts: Any, clock: Clock
):
    path = f"/channels/{alerts.id}/messages"
    other = alerts.server.channel("other")

    asked = [await raw.ask("POST", path, {"content": str(n)}) for n in range(6)]

    left = [headers["X-RateLimit-Remaining"] for _, _, headers in asked]
    assert [status for status, _, _ in asked] == [200] * 5 + [429]
    assert left == ["4", "3", "2", "1", "0", "0"]
    _, said, headers = asked[5]
    assert (said["retry_after"], said["global"]) == (5.0, False)
    assert headers["Via"]
    assert headers["X-RateLimit-Limit"] == "5"
    assert headers["X-RateLimit-Reset-After"] == "5.000"
    assert headers["X-RateLimit-Bucket"]
    assert (await raw.sends(other, content="other"))[0] == 200
    clock.moves(seconds=5)
    assert (await raw.sends(alerts, content="later"))[0] == 200


async def test_fifty_requests_a_second_over_everything_but_interactions(
    dc: FakeDiscord, raw: Raw, alerts: Any, alice: Any, clock: Clock
):
    await raw.registers(WATCH)
    clock.moves(seconds=1)
    for _ in range(50):
        assert (await raw.ask("GET", "/users/@me"))[0] == 200

    status, said, headers = await raw.ask("GET", "/users/@me")

    assert (status, said["global"]) == (429, True)
    assert headers["X-RateLimit-Global"] == "true"
    opened = alice.types("watch", assets="BTC", in_=alerts)
    assert (await raw.answers(opened, 4, content="ok"))[0] == 200
    clock.moves(seconds=1)
    assert (await raw.ask("GET", "/users/@me"))[0] == 200


async def test_lifted_limits_let_everything_pass_until_enforced_again(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    dc.lift_limits()
    for _ in range(60):
        status, _, headers = await raw.ask(
            "POST", f"/channels/{alerts.id}/messages", {"content": "x"}
        )
        assert status == 200
    assert int(headers["X-RateLimit-Remaining"]) > 1000

    dc.enforce_limits()

    assert (await raw.sends(alerts, content="x"))[0] == 429


async def test_too_many_invalid_requests_get_the_bot_banned_for_a_while(
    dc: FakeDiscord, raw: Raw, alerts: Any, clock: Clock
):
    dc.limits.invalid_max = 3
    alerts.hides()
    for _ in range(3):
        await refusal(raw, alerts)

    status, said, headers = await raw.ask("GET", "/users/@me")

    assert (status, said) == (429, "error code: 1015")
    assert "Via" not in headers
    clock.moves(minutes=10)
    assert (await raw.ask("GET", "/users/@me"))[0] == 200


async def test_an_enforced_nonce_hides_a_repeat_within_the_window(
    dc: FakeDiscord, raw: Raw, alerts: Any, clock: Clock
):
    other = alerts.server.channel("other")

    async def send(channel: Any, **more: Any) -> str:
        _, said = await raw.sends(channel, content="x", nonce="m1", **more)
        return said["id"]

    first = await send(alerts, enforce_nonce=True)
    again = await send(alerts, enforce_nonce=True)
    elsewhere = await send(other, enforce_nonce=True)
    careless = await send(alerts)
    clock.moves(seconds=121)
    later = await send(alerts, enforce_nonce=True)

    assert again == first
    assert len({first, elsewhere, careless, later}) == 4
    assert dc.swallowed == 1
    assert [m.nonce for m in alerts.messages] == ["m1"] * 3


# ------------------------------------------------------------- trouble


async def test_planned_failures_hit_the_route_the_channel_and_as_often_as_said(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    other = alerts.server.channel("other")
    body = {"message": "slow down", "retry_after": 7.0, "global": False}
    dc.fail_next(SEND, status=429, body=body, times=2, channel=alerts)

    assert (await raw.sends(other, content="x"))[0] == 200
    assert (await raw.sends(alerts, content="x")) == (429, body)
    assert (await raw.sends(alerts, content="x"))[0] == 429
    assert dc.unmet_fates == []
    assert (await raw.sends(alerts, content="x"))[0] == 200
    assert len(alerts.messages) == 1
    assert dc.invalid_requests == 2


async def test_a_planned_429_has_via_unless_it_comes_from_cloudflare(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    path = f"/channels/{alerts.id}/messages"
    dc.fail_next(SEND, status=429)
    dc.fail_next(SEND, status=429, body="banned", headers={"Via": ""})
    dc.fail_next(SEND, status=429, headers={"X-RateLimit-Scope": "shared"})

    ours, cloud, shared = [await raw.ask("POST", path, {}) for _ in range(3)]

    assert ours[2]["Via"] and ours[2]["Retry-After"] == "1"
    assert cloud[1] == "banned" and "Via" not in cloud[2]
    assert shared[2]["X-RateLimit-Scope"] == "shared"
    assert dc.invalid_requests == 2


def test_trouble_on_a_route_that_does_not_exist_is_refused():
    with pytest.raises(AssertionError, match="no route"):
        FakeDiscord().fail_next("POST /channels/{channel_id}/mesages")


async def test_a_lost_answer_has_been_done_and_a_hanging_request_has_not(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    dc.lose_answer_next(SEND)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await raw.sends(alerts, content="lost")
    dc.hang_next(SEND)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await raw.sends(alerts, content="hung")

    assert [m.content for m in alerts.messages] == ["lost"]
    assert [r.body["content"] for r in dc.requests] == ["lost", "hung"]


async def test_a_restart_keeps_the_address_and_what_was_posted(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    await raw.sends(alerts, content="before")
    address = dc.api_url

    await dc.restart()

    assert dc.api_url == address
    assert (await raw.sends(alerts, content="after"))[0] == 200
    assert [m.content for m in alerts.messages] == ["before", "after"]


async def test_requests_are_kept_with_their_route(
    dc: FakeDiscord, raw: Raw, alerts: Any
):
    await raw.sends(alerts, content="x")

    (request,) = dc.requests
    assert (request.method, request.route) == ("POST", SEND)
    assert request.path == f"/channels/{alerts.id}/messages"
    assert request.body == {"content": "x"}
