"""Every failure has its end, and whoever comes back hears once what was missed."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes import FakeSender
from world import World, open_world

from bot.dispatcher import Dispatcher, DispatchPlan
from bot.errors import (
    DeliveryError,
    MessageRejectedError,
    RecipientGoneError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.message import Message
from bot.model import (
    Address,
    DeliveryRecord,
    DeliveryState,
    JsonDict,
    Platform,
    Receipt,
)
from bot.preferences import Pace

ALICE = "web:alice"
#: what `delivery.max_age` is set to here, so that a test need not play two days
MAX_AGE = timedelta(hours=3)
STEP = timedelta(minutes=10)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=70, market_cap=2e12)
        opened.source.set("ETH", grade=60, market_cap=4e11)
        await opened.poll()
        impatient(opened)
        yield opened


def impatient(world: World) -> None:
    """Give the world a dispatcher that gives up after `MAX_AGE`."""
    world.dispatcher = Dispatcher(
        world.store,
        {Platform.WEB: world.sender, Platform.TELEGRAM: world.telegram},
        DispatchPlan(owner="impatient", max_age=MAX_AGE),
        now=world.clock,
        chance=lambda: 0.0,
    )


def no(*, is_unknown: bool = False, wait: timedelta | None = None) -> DeliveryError:
    return TemporaryDeliveryError(
        "no", reason="http_500", is_unknown=is_unknown, retry_after=wait
    )


async def only(world: World) -> DeliveryRecord:
    """The only delivery there is."""
    (record,) = await world.store.list_deliveries()
    return record


async def wait(world: World, length: timedelta) -> None:
    """Let time pass and deliver whatever is due on the way."""
    end = world.clock() + length
    while world.clock() < end:
        world.clock.advance(seconds=min(STEP, end - world.clock()).total_seconds())
        await world.deliver()


async def flip_for(
    world: World, address: str = ALICE, *errors: DeliveryError
) -> datetime:
    """Watch BTC there, flip it, and let the sends fail; return when it was owed."""
    await world.say("/watch BTC", place=address)
    sender = world.telegram if address.startswith("telegram") else world.sender
    sender.refuse(address, *errors)
    world.source.flip("BTC")
    await world.poll()
    return world.clock()


# ---------------------------------------------------------------- given up in the end


async def test_what_fails_for_longer_than_the_maximum_age_is_dead_as_too_old(
    world: World,
) -> None:
    owed = await flip_for(world, ALICE, *[no()] * 2000)

    await wait(world, MAX_AGE - STEP)
    assert (await only(world)).state is DeliveryState.PENDING
    await wait(world, 4 * STEP)

    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.DEAD, "too_old")
    assert record.created_at == owed
    assert record.attempts < 40
    assert world.sender.sent == []


async def test_a_chat_with_a_dead_letter_gets_the_next_alert(world: World) -> None:
    await flip_for(world, ALICE, *[no()] * 2000)
    await wait(world, MAX_AGE + 4 * STEP)
    world.sender.behave()
    world.source.flip("ETH")
    await world.say("/watch ETH")
    world.source.flip("ETH")

    await world.poll()
    world.source.flip("ETH")
    await world.poll()

    assert len(world.sender.texts(ALICE)) == 1


async def test_waits_that_the_platform_ordered_do_not_count(world: World) -> None:
    waits = [no(wait=2 * MAX_AGE) for _ in range(3)]
    await flip_for(world, ALICE, *waits, no())

    world.clock.advance(seconds=1)
    for _ in range(3):
        await wait(world, 2 * MAX_AGE)

    record = await only(world)
    assert (record.state, record.attempts) == (DeliveryState.PENDING, 1)
    await wait(world, STEP)
    assert len(world.sender.sent) == 1


async def test_the_time_between_ordered_waits_does_count(world: World) -> None:
    ordered = no(wait=timedelta(hours=1))
    await flip_for(world, ALICE, *([*[no()] * 6, ordered] * 20))

    await wait(world, 3 * MAX_AGE)

    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.DEAD, "too_old")


async def test_time_muted_does_not_count(world: World) -> None:
    await world.say("/watch BTC")
    await world.say("/mute 24h")
    await flip_for(world, ALICE, no())
    world.clock.advance(hours=24)
    await world.deliver()
    record = await only(world)
    assert (record.state, record.attempts) == (DeliveryState.PENDING, 1)

    await wait(world, STEP)

    assert len(world.sender.sent) == 1


async def test_time_parked_does_not_count(world: World) -> None:
    await flip_for(world, ALICE, RecipientGoneError("blocked", reason="blocked"))
    world.clock.advance(days=30)
    await world.deliver()
    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.PARKED, "blocked")
    world.sender.refuse(ALICE, no())

    await world.say("/start")
    await wait(world, 2 * STEP)

    assert len(world.sender.sent) == 1


async def test_a_wrong_token_loses_nothing_however_long_it_lasts(world: World) -> None:
    wrong = SenderMisconfiguredError("wrong token", reason="unauthorized")
    await flip_for(world, ALICE, *[wrong] * 5000)
    await wait(world, 4 * MAX_AGE)
    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.PENDING, "unauthorized")
    assert record.attempts == 0

    world.sender.behave()
    await wait(world, STEP)

    assert len(world.sender.sent) == 1


@pytest.mark.parametrize("address", [ALICE, "telegram:5"], ids=["nonces", "none"])
async def test_a_message_whose_outcome_stays_unknown_ends_too(
    world: World, address: str
) -> None:
    await flip_for(world, address, *[no(is_unknown=True)] * 2000)

    await wait(world, MAX_AGE + 4 * STEP)

    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.DEAD, "too_old")
    assert record.attempts < 40


async def test_one_that_crashes_every_time_around_the_send_is_still_sent_in_the_end(
    world: World,
) -> None:
    await flip_for(world, ALICE)
    await world.prefer(pace=Pace.FAST)
    for _ in range(3):
        world.sender.crash_next(when="before")
        world.source.flip("BTC")
        await world.poll()
        await world.restart()
        await wait(world, STEP)

    assert world.sender.texts(ALICE)
    states = {r.state for r in await world.store.list_deliveries()}
    assert states <= {DeliveryState.SENT, DeliveryState.SKIPPED}


class LongSender(FakeSender):
    """Sends every message in two parts; the second never gets an answer."""

    def render(self, message: Message) -> tuple[JsonDict, ...]:
        (part,) = super().render(message)
        return part, {**part, "text": "the rest"}

    async def send(
        self, address: Address, part: JsonDict, *, nonce: str, is_plain: bool = False
    ) -> Receipt:
        if nonce.endswith(".1"):
            raise no(is_unknown=True)
        return await super().send(address, part, nonce=nonce, is_plain=is_plain)


async def test_a_long_message_whose_rest_stays_unknown_ends_and_begins_only_once(
    world: World,
) -> None:
    world.telegram = LongSender(Platform.TELEGRAM, knows_nonces=False)
    impatient(world)
    await flip_for(world, "telegram:5")

    await wait(world, MAX_AGE + 4 * STEP)

    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.DEAD, "too_old")
    assert len(world.telegram.sent) == 1


@pytest.mark.parametrize(
    "error",
    [
        MessageRejectedError("too long", reason="too_long"),
        DeliveryError("something else", reason="other"),
    ],
    ids=lambda error: error.reason,
)
async def test_what_is_refused_for_good_is_dead_with_its_reason(
    world: World, error: DeliveryError
) -> None:
    await flip_for(world, ALICE, error, error)
    await wait(world, STEP)

    record = await only(world)
    assert (record.state, record.reason) == (DeliveryState.DEAD, error.reason)


# ---------------------------------------------------------------- while you were away


async def block(world: World, *symbols: str) -> None:
    """Let Alice watch these, block the bot, and miss a flip of SOL."""
    world.source.set("SOL", grade=70, market_cap=1e11)
    await world.poll()
    await world.say(f"/watch {' '.join(symbols)} SOL")
    world.sender.refuse(ALICE, RecipientGoneError("blocked", reason="blocked"))
    world.source.flip("SOL")
    await world.poll()
    world.source.flip("SOL")
    await world.poll()
    assert world.sender.sent == []


async def come_back(world: World) -> list[str]:
    """Return what Alice is sent after two /start."""
    for _ in range(2):
        await world.say("/start")
        await world.deliver()
    await wait(world, 3 * STEP)
    return world.sender.texts(ALICE)


async def test_several_events_of_an_asset_are_one_line_of_one_summary(
    world: World,
) -> None:
    await block(world, "BTC", "ETH")
    for symbol in ("BTC", "ETH", "BTC", "BTC"):
        world.source.flip(symbol)
        await world.poll()

    (text,) = await come_back(world)

    lines = text.splitlines()
    assert lines[0] == "👋 You are back: 2 of your 3 changed"
    assert [w for w in ("BTC", "ETH", "SOL") for x in lines if f"{w} bearish" in x] == [
        "BTC",
        "ETH",
    ]
    assert "SOL flipped and came back: bullish" in text


async def test_what_flipped_and_came_back_while_away_is_no_message(
    world: World,
) -> None:
    await block(world, "BTC")
    for _ in range(2):
        world.source.flip("BTC")
        await world.poll()

    assert await come_back(world) == []
    states = {r.state for r in await world.store.list_deliveries()}
    assert states == {DeliveryState.SKIPPED}


async def test_lines_passed_while_away_are_in_the_summary(world: World) -> None:
    await block(world, "BTC", "80", "50")
    world.source.grade("BTC", 85)
    await world.poll()
    world.source.grade("BTC", 30)
    await world.poll()

    (text,) = await come_back(world)

    assert text.splitlines()[0] == "👋 You are back: 1 of your 2 passed your lines"
    (row,) = [x for x in text.splitlines() if "BTC" in x]
    assert "50" in row
    assert "80" not in row


async def test_a_line_passed_there_and_back_while_away_is_no_message(
    world: World,
) -> None:
    await block(world, "BTC", "80")
    for grade in (85, 60):
        world.source.grade("BTC", grade)
        await world.poll()

    assert await come_back(world) == []


async def test_a_flip_and_a_line_of_one_asset_while_away_are_one_line(
    world: World,
) -> None:
    await block(world, "BTC", "50")
    world.source.flip("BTC")
    await world.poll()

    (text,) = await come_back(world)

    assert "1 of your 2 changed" in text
    assert sum("BTC" in x for x in text.splitlines()) == 1


async def test_after_the_summary_alerts_are_as_always(world: World) -> None:
    await block(world, "BTC")
    world.source.flip("BTC")
    await world.poll()
    await come_back(world)

    world.source.flip("BTC")
    await world.poll()

    assert world.sender.texts(ALICE)[1].startswith("🟢 BTC bullish again")


async def test_blocked_again_and_back_again_is_one_summary_each(world: World) -> None:
    await block(world, "BTC")
    for _ in range(2):
        world.source.flip("BTC")
        world.sender.refuse(ALICE, RecipientGoneError("blocked", reason="blocked"))
        await world.poll()
        world.sender.behave()
        await world.say("/start")
        await world.deliver()

    texts = world.sender.texts(ALICE)
    assert [t.splitlines()[0] for t in texts] == [
        "👋 You are back: 1 of your 2 changed"
    ] * 2
    assert "BTC bearish" in texts[0]
    assert "BTC bullish" in texts[1]
