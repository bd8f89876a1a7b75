"""The limits of a platform, on a clock that only the test moves."""

import asyncio
from datetime import timedelta

import pytest

from bot.errors import TemporaryDeliveryError
from bot.limits import MARGIN, ChatRule, Lane, Limits, Rules

RULES = Rules(
    overall=30.0,
    private=ChatRule(count=1, window=1.0, reply_burst=3),
    group=ChatRule(count=20, window=60.0, reply_share=5),
)
ZERO = timedelta()


class Ticking:
    """A monotonic clock; `run` moves it and lets the loop do what became due."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def limits(clock: Ticking) -> Limits:
    return Limits(RULES, clock=clock)


async def send(
    limits: Limits, chat: str = "1", *, group: bool = False, lane: Lane = Lane.ALERT
) -> None:
    async with limits.turn(chat, is_private=not group, lane=lane):
        pass


async def test_a_private_chat_waits_a_second_and_others_do_not_notice(
    limits: Limits, clock: Ticking
) -> None:
    await send(limits, "1")

    assert limits.chat_wait("1", is_private=True) >= timedelta(seconds=1)
    assert limits.chat_wait("2", is_private=True) == ZERO
    clock.at += 1.0 + MARGIN
    assert limits.chat_wait("1", is_private=True) == ZERO


async def test_three_answers_may_follow_at_once_but_an_alert_keeps_its_second(
    limits: Limits, clock: Ticking
) -> None:
    for _ in range(3):
        assert limits.chat_wait("1", is_private=True, lane=Lane.REPLY) == ZERO
        await send(limits, "1", lane=Lane.REPLY)
        clock.at += 0.05

    assert limits.chat_wait("1", is_private=True, lane=Lane.REPLY) > ZERO
    assert limits.chat_wait("1", is_private=True) > ZERO
    clock.at += 1.0
    assert limits.chat_wait("1", is_private=True) == ZERO


async def test_a_group_takes_twenty_a_minute_of_which_five_are_replies(
    limits: Limits, clock: Ticking
) -> None:
    for _ in range(5):
        await send(limits, "-1", group=True, lane=Lane.REPLY)
        clock.at += 0.1
    assert limits.chat_wait("-1", is_private=False, lane=Lane.REPLY) > ZERO
    assert limits.chat_wait("-1", is_private=False) == ZERO

    for _ in range(15):
        await send(limits, "-1", group=True)
        clock.at += 0.1
    wait = limits.chat_wait("-1", is_private=False)
    assert timedelta(seconds=58) < wait < timedelta(seconds=61)


async def test_an_ordered_wait_holds_this_chat_alone_and_to_the_second(
    limits: Limits, clock: Ticking
) -> None:
    limits.refused("1", timedelta(seconds=43_838), is_global=False)

    assert limits.chat_wait("2", is_private=True) == ZERO
    clock.at += 43_837
    assert limits.chat_wait("1", is_private=True) == timedelta(seconds=1)
    clock.at += 1
    assert limits.chat_wait("1", is_private=True) == ZERO


async def test_refusals_of_three_chats_within_ten_seconds_pause_the_platform(
    limits: Limits, clock: Ticking
) -> None:
    limits.refused("1", timedelta(seconds=40), is_global=False)
    clock.at += 4
    limits.refused("2", timedelta(seconds=9), is_global=False)
    assert limits.pause_left() == ZERO
    clock.at += 4

    limits.refused("3", timedelta(seconds=60), is_global=False)

    # the shortest of the three is over in 5 seconds
    assert limits.pause_left() == timedelta(seconds=5)
    assert limits.chat_wait("9", is_private=True) == timedelta(seconds=5)


async def test_refusals_far_apart_pause_nothing(limits: Limits, clock: Ticking) -> None:
    for chat in "123":
        limits.refused(chat, timedelta(seconds=60), is_global=False)
        clock.at += 11

    assert limits.pause_left() == ZERO


async def test_a_paused_platform_says_no_clearly_instead_of_waiting(
    limits: Limits,
) -> None:
    limits.refused("1", timedelta(seconds=60), is_global=True)

    with pytest.raises(TemporaryDeliveryError) as caught:
        await send(limits, "2")

    assert not caught.value.is_unknown
    assert caught.value.retry_after == timedelta(seconds=60)


async def step() -> None:
    """Let the loop do what is due."""
    await asyncio.sleep(0)


async def starts(
    limits: Limits, clock: Ticking, count: int, took: float
) -> list[float]:
    """Send as fast as allowed, each taking so long; return when each started."""
    started: list[float] = []
    running: list[asyncio.Task[None]] = []

    async def one(number: int) -> None:
        async with limits.turn(str(number), is_private=True):
            started.append(clock.at)
            ends = clock.at + took
            while clock.at < ends:
                await step()

    running = [asyncio.ensure_future(one(number)) for number in range(count)]
    while not all(task.done() for task in running):
        clock.at += 0.001
        limits._give_turns()
        for _ in range(4):
            await asyncio.sleep(0)
    await asyncio.gather(*running)
    return started


@pytest.mark.parametrize("took", [0.0, 0.05, 0.3])
async def test_no_second_ever_sees_more_than_the_limit_and_little_is_given_away(
    limits: Limits, clock: Ticking, took: float
) -> None:
    started = await starts(limits, clock, 150, took)

    for first, over in zip(started, started[30:], strict=False):
        assert over - first > 1.0
    assert started[-1] - started[0] < 150 / 30 * 1.08


async def test_a_request_that_may_have_arrived_late_counts_late(
    limits: Limits, clock: Ticking
) -> None:
    # the usual answer takes 50 ms
    for number in range(40):
        async with limits.turn(str(number), is_private=True):
            clock.at += 0.05
    async with limits.turn("slow", is_private=True):
        clock.at += 0.9
    # the way back is no quicker than it ever was
    arrived = clock.at - 0.05

    started = await starts(limits, clock, 31, 0.05)

    inside = [at for at in started if at <= arrived + 1.0]
    assert len(inside) <= 29


async def test_replies_overtake_alerts_that_wait(
    limits: Limits, clock: Ticking
) -> None:
    order: list[str] = []

    async def one(name: str, lane: Lane) -> None:
        async with limits.turn(name, is_private=True, lane=lane):
            order.append(name)

    await send(limits, "first")
    tasks = [
        asyncio.ensure_future(one("announcement", Lane.ANNOUNCEMENT)),
        asyncio.ensure_future(one("alert", Lane.ALERT)),
        asyncio.ensure_future(one("reply", Lane.REPLY)),
    ]
    while len(order) < 3:
        clock.at += 0.001
        limits._give_turns()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)

    assert order == ["reply", "alert", "announcement"]


async def test_who_is_cancelled_while_waiting_takes_no_turn(
    limits: Limits, clock: Ticking
) -> None:
    await send(limits, "first")
    gone = asyncio.ensure_future(send(limits, "gone"))
    stays = asyncio.ensure_future(send(limits, "stays"))
    await asyncio.sleep(0)
    gone.cancel()

    while not stays.done():
        clock.at += 0.001
        limits._give_turns()
        await asyncio.sleep(0)

    assert gone.cancelled() or gone.done()
    assert limits.chat_wait("gone", is_private=True) == ZERO


async def test_an_answer_that_comes_while_somebody_is_woken_gives_no_second_turn(
    limits: Limits, clock: Ticking
) -> None:
    started: list[str] = []

    async def one(name: str) -> None:
        async with limits.turn(name, is_private=True):
            started.append(name)

    open_one = await limits.begin("first", is_private=True, lane=Lane.ALERT)
    waiting = [asyncio.ensure_future(one(name)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    clock.at += 0.04

    limits._give_turns()
    limits.end(open_one)
    limits._give_turns()
    for _ in range(5):
        await asyncio.sleep(0)

    assert started == ["a"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_whoever_is_cancelled_after_being_woken_leaves_its_turn_to_the_next(
    limits: Limits, clock: Ticking
) -> None:
    started: list[str] = []

    async def one(name: str) -> None:
        async with limits.turn(name, is_private=True):
            started.append(name)

    await limits.begin("first", is_private=True, lane=Lane.ALERT)
    gone, stays = (asyncio.ensure_future(one(name)) for name in ("a", "b"))
    await asyncio.sleep(0)
    clock.at += 0.04

    limits._give_turns()
    gone.cancel()
    for _ in range(5):
        await asyncio.sleep(0)

    assert started == ["b"]
    await stays
