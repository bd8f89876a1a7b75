"""Noise control on the real store: whipsaws, nights, digests, calm, our own bugs."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes import FakeSender
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from strategies import quiet_hours
from world import World, news_of, open_copy, open_world

from bot import broad_moves, noise
from bot.errors import TemporaryDeliveryError
from bot.model import DeliveryState, Platform
from bot.preferences import Cadence, Digest, Pace, QuietHours

ALICE = "web:alice"
#: a world begins at noon, UTC
NOW_QUIET = QuietHours(time(11), time(14))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        for symbol in ("BTC", "ETH", "SOL", "TAO"):
            opened.source.set(symbol, grade=75, signal=1, market_cap=1e9)
        await opened.poll()
        yield opened


def firsts(world: World) -> list[str]:
    return [t.splitlines()[0] for t in world.sender.texts(ALICE)]


# ------------------------------------------------------------------------- whipsaws


@pytest.mark.parametrize("flips", [39, 40])
async def test_forty_flips_of_a_day_are_three_messages_and_the_last_is_true(
    world: World, flips: int
) -> None:
    await world.say("/watch BTC")
    for _ in range(flips):
        world.source.flip("BTC")
        await world.poll(minutes=36)
    for _ in range(12):
        world.source.read_again()
        await world.poll(minutes=36)

    signal = "bearish" if flips % 2 else "bullish"
    dot = "🔴" if flips % 2 else "🟢"
    grade = 25 if flips % 2 else 75
    assert firsts(world) == [
        "🔴 BTC turned bearish · grade 25, was 75",
        "🟢 BTC bullish again, after 36 min",
        f"⚓ BTC settled: {dot} {signal} · grade {grade}",
    ]
    _, again, settled = world.sender.texts(ALICE)
    assert "I hold further flips until it stays put for 6 hours" in again
    assert f"after {flips} flips; I told you the first two." in settled
    assert [p["silent"] for _, p in world.sender.sent] == [False, False, True]


async def test_the_reading_that_shows_it_settled_lets_it_go_at_once(
    world: World,
) -> None:
    await world.say("/watch BTC")
    for _ in range(3):
        world.source.flip("BTC")
        await world.poll()
    world.clock.advance(hours=5, minutes=50)
    world.source.read_again()
    await world.poll()
    assert len(firsts(world)) == 2

    world.source.read_again()
    await world.poll()

    assert firsts(world)[-1] == "⚓ BTC settled: 🔴 bearish · grade 25"


async def test_without_readings_nothing_has_settled(world: World) -> None:
    await world.say("/watch BTC")
    for _ in range(3):
        world.source.flip("BTC")
        await world.poll()

    for _ in range(30):
        await world.poll(minutes=60)

    assert len(firsts(world)) == 2


async def test_calm_hears_a_flip_with_the_second_reading(world: World) -> None:
    await world.say("/watch BTC ETH")
    await world.prefer(pace=Pace.CALM)
    world.source.flip("BTC")
    world.source.flip("ETH")
    await world.poll()
    await world.poll()
    assert firsts(world) == []

    world.source.flip("ETH")
    world.source.read_again()
    await world.poll()

    (text,) = world.sender.texts(ALICE)
    assert text.startswith("🔴 BTC turned bearish")
    assert "Seen at 12:10 UTC, confirmed by a second reading" in text
    records = await world.store.list_deliveries()
    reasons = sorted(r.reason for r in records if r.state is DeliveryState.SKIPPED)
    assert reasons == ["not_confirmed", "not_confirmed"]


# --------------------------------------------------------------------------- nights


async def test_a_night_is_one_silent_summary(world: World) -> None:
    await world.say("/watch BTC ETH SOL TAO 50")
    await world.prefer(quiet=NOW_QUIET)
    world.source.flip("ETH")
    await world.poll()
    world.source.flip("SOL")
    await world.poll()
    world.source.flip("SOL")
    world.source.grade("BTC", 40)
    await world.poll()
    await world.restart()
    assert firsts(world) == []

    world.clock.advance(hours=2)
    await world.poll()

    (text,) = world.sender.texts(ALICE)
    assert text == (
        "🌙 Held while quiet: 1 flip stands\n"
        "🔴 ETH bearish since 12:05 UTC · grade 25, below your line 50\n"
        "📉 BTC grade 40, below your line 50\n"
        "↩️ SOL flipped and came back: bullish\n"
        "\n"
        "The other one is as it was · Fake Engine"
    )
    assert world.sender.sent[0][1]["silent"]


async def test_a_single_flip_of_a_night_is_its_alert_and_says_why_late(
    world: World,
) -> None:
    await world.say("/watch BTC")
    await world.prefer(quiet=NOW_QUIET)
    world.source.flip("BTC")
    await world.poll()

    world.clock.advance(hours=2)
    await world.poll()

    (text,) = world.sender.texts(ALICE)
    assert text.splitlines()[:2] == [
        "🔴 BTC turned bearish · grade 25, was 75",
        "Held since 12:10 UTC, you were in quiet hours",
    ]


async def test_an_urgent_watch_rings_in_the_night(world: World) -> None:
    await world.say("/watch BTC urgent")
    await world.say("/watch ETH")
    await world.prefer(quiet=NOW_QUIET)
    for symbol in ("BTC", "ETH"):
        world.source.flip(symbol)

    await world.poll()

    assert firsts(world) == ["🔴 BTC turned bearish · grade 25, was 75"]
    assert not world.sender.sent[0][1]["silent"]


async def test_another_zone_decides_at_once(world: World) -> None:
    await world.say("/watch BTC")
    await world.prefer(quiet=NOW_QUIET)
    world.source.flip("BTC")
    await world.poll()
    assert firsts(world) == []

    # in Tokyo it is evening: the night is over
    await world.prefer(zone="Asia/Tokyo")
    await world.deliver()

    assert len(firsts(world)) == 1


async def test_a_message_that_missed_its_turn_before_the_night_is_decided_anew(
    world: World,
) -> None:
    """Its answer was lost at 12:09; quiet hours have begun when it may be repeated."""
    world.telegram.repeat_window = timedelta(hours=1)
    await world.say("/watch BTC", place="telegram:5")
    await world.prefer(place="telegram:5", quiet=QuietHours(time(12, 10, 0), time(14)))
    world.source.flip("BTC")
    late = TemporaryDeliveryError("late", reason="timeout", is_unknown=True)
    world.telegram.refuse("telegram:5", late)
    await world.poll(minutes=4)

    for _ in range(10):
        world.clock.advance(minutes=10)
        await world.deliver()
    assert world.telegram.texts() == []
    world.clock.advance(minutes=20)
    await world.deliver()

    (text,) = world.telegram.texts()
    assert text.startswith("🔴 BTC turned bearish")


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(data=st.data(), quiet=quiet_hours())
def test_nothing_is_sent_in_the_night_and_nothing_of_it_is_lost(
    template, data: st.DataObject, quiet: QuietHours
) -> None:
    """Random flips over days around the clock changes, in random zones."""
    # the worker of this test looks every 30 minutes: it must meet the open window
    opens, closes = (60 * at.hour + at.minute for at in (quiet.end, quiet.start))
    assume((closes - opens) % (24 * 60) > 60)
    zone = data.draw(
        st.sampled_from(
            [
                "Europe/Berlin",
                "America/New_York",
                "Australia/Lord_Howe",
                "America/St_Johns",
            ]
        )
    )
    begin = data.draw(
        st.sampled_from(
            [
                datetime(2026, 3, 7, 12, tzinfo=UTC),
                datetime(2026, 3, 28, 12, tzinfo=UTC),
                datetime(2026, 4, 4, 3, tzinfo=UTC),
                datetime(2026, 10, 24, 18, tzinfo=UTC),
                datetime(2026, 10, 31, 20, tzinfo=UTC),
            ]
        )
    )
    steps = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["BTC", "ETH", "", "restart"]),
                st.sampled_from([7, 45, 110, 300]),
            ),
            min_size=3,
            max_size=14,
        )
    )
    asyncio.run(_play_nights(template, zone, begin, quiet, steps))


async def _play_nights(template, zone, begin, quiet, steps) -> None:
    async with open_copy(template) as world:
        world.clock.at = begin
        sender = NightSender(world, ZoneInfo(zone), quiet)
        world.sender = sender
        await world.restart()
        for symbol in ("BTC", "ETH"):
            world.source.set(symbol, grade=75, signal=1, market_cap=1e9)
        await world.poll()
        await world.say("/watch BTC")
        await world.say("/watch ETH urgent")
        await world.prefer(zone=zone, quiet=quiet, pace=Pace.FAST)
        for what, minutes in steps:
            if what == "restart":
                await world.restart()
            elif what:
                world.source.flip(what)
            await world.poll(minutes=minutes)
            # a worker looks all the time, not only when a reading comes
            for _ in range(3):
                world.clock.advance(minutes=11)
                await world.deliver()
        for _ in range(60):
            world.clock.advance(minutes=30)
            await world.deliver()
        await _check_told(world)


async def _check_told(world: World) -> None:
    there = await world.store.list_assets(world.source.name)
    alice = await world.store.find_recipient(world.call("").place)
    assert alice is not None
    told = await world.store.told(alice.id)
    for asset in there:
        assert asset.state is not None
        assert told[asset.id].signal is asset.state.standing
    records = await world.store.list_deliveries()
    assert {r.state for r in records} <= {DeliveryState.SENT, DeliveryState.SKIPPED}


class NightSender(FakeSender):
    """Refuses nothing, but fails the test for a message inside the quiet hours."""

    def __init__(self, world: World, zone: ZoneInfo, quiet: QuietHours) -> None:
        super().__init__(Platform.WEB)
        self._world, self._zone, self._quiet = world, zone, quiet

    async def send(self, address, part, *, nonce, is_plain=False):
        shown = self._world.clock().astimezone(self._zone).time()
        quiet = self._quiet
        if quiet.start < quiet.end:
            is_night = quiet.start <= shown < quiet.end
        else:
            is_night = shown >= quiet.start or shown < quiet.end
        about = re.findall(r"\b(BTC|ETH)\b", news_of(str(part["text"])))
        assert not (is_night and "BTC" in about), (shown, part["text"])
        return await super().send(address, part, nonce=nonce, is_plain=is_plain)


# -------------------------------------------------------------------------- digests


async def test_a_digest_comes_once_a_day_with_the_net_of_it(world: World) -> None:
    await world.say("/watch BTC ETH")
    await world.prefer(digest=Digest(Cadence.DAILY, time(20)), pace=Pace.FAST)
    for symbol in ("BTC", "ETH", "ETH"):
        world.source.flip(symbol)
        await world.poll()
    for _ in range(48):
        world.clock.advance(minutes=15)
        await world.deliver()

    (text,) = world.sender.texts(ALICE)
    assert text == (
        "🗓 Your day: 1 flip stands\n"
        "🔴 BTC bearish since 12:05 UTC · grade 25\n"
        "↩️ ETH flipped and came back: bullish\n"
        "Market 75% bullish, before 100%\n"
        "\n"
        "Fake Engine"
    )

    world.source.flip("ETH")
    await world.poll()
    world.clock.advance(minutes=30)
    await world.deliver()
    assert len(firsts(world)) == 1


# -------------------------------------------------------------------------- our bugs


async def test_wording_that_breaks_is_said_in_the_barest_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(broad_moves, "broad", broken)
    await world.say("/watch all")
    for symbol in ("BTC", "ETH", "SOL", "TAO"):
        world.source.flip(symbol)

    await world.poll()

    (text,) = world.sender.texts(ALICE)
    assert text.splitlines()[:2] == ["4 assets changed", "BTC is bearish now"]
    world.source.flip("BTC")
    await world.poll()
    assert firsts(world)[1].startswith("🟢 BTC bullish again")


async def test_a_decision_that_breaks_is_a_dead_letter_and_the_operator_hears_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    await world.say("/watch BTC")
    world.source.flip("BTC")
    before = world.clock()
    with monkeypatch.context() as patch:
        patch.setattr(noise, "decide", broken)
        await world.poll()

    (record,) = await world.store.list_deliveries()
    assert (record.state, record.reason) == (DeliveryState.DEAD, "our_bug")
    died = await world.store.dead_letters(after=before, until=world.clock())
    assert died == {"our_bug": 1}

    # mended, it can be replayed
    await world.store.replay_deliveries([record.id], now=world.clock())
    await world.deliver()
    assert firsts(world) == ["🔴 BTC turned bearish · grade 25, was 75"]
