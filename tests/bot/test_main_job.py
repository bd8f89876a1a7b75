"""From a poll to an alert, through the real store, with fakes at the edges."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from world import World, open_world

from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    RecipientMovedError,
    SenderMisconfiguredError,
    SourceUnavailableError,
    TemporaryDeliveryError,
)
from bot.model import AssetInfo, DeliveryState, PlaceKind, Platform
from bot.poller import Poller, PollPlan

ALICE = "web:alice"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=70, market_cap=2e12, price=100.0)
        opened.source.set("ETH", grade=60, market_cap=4e11, price=10.0)
        await opened.poll()
        yield opened


async def test_a_baseline_is_silent(world: World) -> None:
    await world.say("/watch all")

    await world.poll()

    assert world.sender.sent == []


async def test_a_flip_reaches_its_watcher_once(world: World) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")

    await world.poll()
    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish · grade 25, was 70\n")
    assert "Watch BTC · Fake Engine" in text


async def test_a_restart_repeats_nothing_and_loses_nothing(world: World) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    await world.poll()

    await world.restart()
    await world.poll()
    assert len(world.sender.sent) == 1

    world.source.flip("BTC")
    await world.restart()
    await world.poll()
    assert len(world.sender.sent) == 2


async def test_what_happens_while_the_bot_is_off_is_told_as_that(
    world: World,
) -> None:
    await world.say("/watch BTC")
    await world.poll()
    await world.close()
    world.clock.advance(hours=3)
    world.source.flip("BTC")
    await world.open()

    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🔌 I was off: BTC turned bearish\nNo polls from 12:10 UTC")
    assert world.sender.sent[0][1]["silent"]


async def test_a_jump_over_several_lines_is_one_message(world: World) -> None:
    world.source.grade("BTC", 18.7)
    await world.poll()
    await world.say("/watch BTC 30 50 70 80")
    world.source.grade("BTC", 87.3)

    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith(
        "📈 BTC grade 87, was 18\nPassed your lines 30 · 50 · 70 · 80"
    )


async def test_a_flip_and_lines_of_one_reading_are_one_message(world: World) -> None:
    await world.say("/watch BTC 50")
    world.source.flip("BTC")

    await world.poll()

    (text,) = world.sender.texts()
    assert "turned bearish" in text
    assert "Fell below your line 50" in text


async def test_who_adds_a_line_at_79_hears_of_80_though_it_is_locked_for_others(
    world: World,
) -> None:
    await world.say("/watch BTC 80", place="web:first")
    world.source.grade("BTC", 81)
    await world.poll()
    world.source.grade("BTC", 79)
    await world.poll()
    await world.say("/watch BTC 80", place="web:second")

    world.source.grade("BTC", 80)
    await world.poll()

    assert len(world.sender.texts("web:first")) == 1
    assert len(world.sender.texts("web:second")) == 1


async def test_a_failed_poll_changes_nothing_and_the_next_one_works(
    world: World,
) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.source.fail_with(SourceUnavailableError("down", reason="http_500"))

    await world.poll()
    assert world.sender.sent == []
    assert world.poller.trouble() == "down"

    await world.poll()
    assert len(world.sender.sent) == 1
    assert world.poller.trouble() == ""


async def test_a_mute_holds_and_then_tells_the_net(world: World) -> None:
    await world.say("/watch BTC ETH")
    await world.say("/mute 1h")
    world.source.flip("BTC")
    world.source.flip("ETH")
    await world.poll()
    world.source.flip("ETH")
    await world.poll()
    assert world.sender.sent == []

    world.clock.advance(hours=1)
    await world.deliver()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish")
    assert "Held since" in text
    assert "ETH flipped and came back: bullish" in text


async def test_unmute_lets_what_was_held_through_at_once(world: World) -> None:
    await world.say("/watch BTC")
    await world.say("/mute BTC 24h")
    world.source.flip("BTC")
    await world.poll()
    assert world.sender.sent == []

    await world.say("/unmute BTC")
    await world.deliver()

    assert len(world.sender.sent) == 1


async def test_a_mute_until_the_next_flip_holds_lines_and_ends_with_the_flip(
    world: World,
) -> None:
    await world.say("/watch BTC 80")
    await world.say("/mute BTC flip")
    world.source.grade("BTC", 85)
    await world.poll()
    assert world.sender.sent == []

    world.source.flip("BTC")
    await world.poll()

    assert len(world.sender.sent) == 1
    recipient = await world.store.find_recipient(world.call("").place)
    assert recipient is not None
    assert not await world.store.list_mutes(recipient.id, world.clock())


async def test_unwatch_applies_to_what_is_waiting(world: World) -> None:
    await world.say("/watch BTC")
    await world.say("/mute 1h")
    world.source.flip("BTC")
    await world.poll()

    await world.say("/unwatch BTC")
    world.clock.advance(hours=2)
    await world.deliver()

    assert world.sender.sent == []
    counts = await world.store.counts(world.clock())
    assert counts.reasons["unwatched"] == 1


async def test_a_temporary_failure_waits_and_then_arrives(world: World) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.sender.refuse(ALICE, TemporaryDeliveryError("429", reason="rate_limited"))

    await world.poll()
    assert world.sender.sent == []

    world.clock.advance(seconds=5)
    await world.deliver()
    assert len(world.sender.sent) == 1


async def test_an_ordered_wait_is_kept_to_the_second_and_others_do_not_notice(
    world: World,
) -> None:
    await world.say("/watch BTC")
    await world.say("/watch BTC", place="web:bob")
    world.source.flip("BTC")
    wait = timedelta(seconds=43_838)
    world.sender.refuse(
        ALICE,
        TemporaryDeliveryError("429", reason="rate_limited", retry_after=wait),
    )

    await world.poll()
    assert len(world.sender.texts("web:bob")) == 1
    world.clock.advance(seconds=43_837)
    await world.deliver()
    assert world.sender.texts(ALICE) == []

    world.clock.advance(seconds=2)
    await world.deliver()
    (text,) = world.sender.texts(ALICE)
    assert "Told 12 h 10 min late" in text


async def test_what_reversed_while_a_chat_could_not_be_reached_is_not_sent(
    world: World,
) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.sender.refuse(
        ALICE,
        TemporaryDeliveryError(
            "429", reason="rate_limited", retry_after=timedelta(hours=1)
        ),
    )
    await world.poll()
    world.source.flip("BTC")
    await world.poll()

    world.clock.advance(hours=1)
    await world.deliver()

    assert world.sender.sent == []
    counts = await world.store.counts(world.clock())
    assert counts.reasons["flipped_back"] == 2


async def test_a_blocked_chat_is_parked_and_start_tells_what_was_missed(
    world: World,
) -> None:
    await world.say("/watch BTC ETH")
    world.source.flip("BTC")
    world.sender.refuse(ALICE, RecipientGoneError("blocked", reason="blocked"))
    await world.poll()
    world.source.flip("ETH")
    await world.poll()
    assert world.sender.sent == []
    counts = await world.store.counts(world.clock())
    assert counts.deliveries[DeliveryState.PARKED] == 2

    reply = await world.say("/start")
    await world.deliver()

    assert "You are back" in reply.plain
    (text,) = world.sender.texts()
    assert text.startswith("👋 You are back: 2 of your 2 changed")
    assert "BTC bearish since" in text
    assert "ETH bearish since" in text


async def test_a_moved_group_is_followed(world: World) -> None:
    group = "telegram:-100"
    await world.say("/broadcast all", place=group, kind=PlaceKind.GROUP)
    world.source.flip("BTC")
    world.telegram.refuse(
        group, RecipientMovedError("moved", reason="migrated", new_chat="-200")
    )

    await world.poll()

    assert len(world.telegram.texts("telegram:-200")) == 1


async def test_a_rejected_message_is_tried_plain_once_and_then_dead(
    world: World,
) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.sender.refuse(ALICE, MessageRejectedError("markup", reason="bad_markup"))
    await world.poll()
    ((_, part),) = world.sender.sent
    assert part["is_plain"] is True

    world.source.flip("BTC")
    error = MessageRejectedError("markup", reason="bad_markup")
    world.sender.refuse(ALICE, error, error)
    await world.poll()

    counts = await world.store.counts(world.clock())
    assert counts.deliveries[DeliveryState.DEAD] == 1
    assert counts.reasons["bad_markup"] == 1


async def test_a_misconfigured_platform_pauses_and_loses_nothing(world: World) -> None:
    await world.say("/watch BTC")
    await world.say("/watch BTC", place="telegram:5")
    world.source.flip("BTC")
    world.telegram.refuse(
        "telegram:5", SenderMisconfiguredError("wrong token", reason="unauthorized")
    )

    await world.poll()
    assert len(world.sender.sent) == 1
    assert world.dispatcher.trouble(Platform.TELEGRAM) == "wrong token"

    world.clock.advance(minutes=1)
    await world.deliver()
    assert len(world.telegram.sent) == 1
    assert world.dispatcher.trouble(Platform.TELEGRAM) == ""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_around_a_send_loses_nothing_and_repeats_the_same_message(
    world: World, when: str
) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.sender.crash_next(when=when)
    await world.poll()
    await world.restart()
    world.clock.advance(seconds=1)
    world.source.flip("BTC")
    quick = PollPlan(interval=timedelta(seconds=1), universe="all", worker="w2")
    await Poller(world.source, world.store, quick, now=world.clock).poll()
    await world.fanout.fan_out_open()

    world.clock.advance(seconds=11)
    await world.deliver()

    first, second = world.sender.texts()
    assert first.startswith("🔴 BTC turned bearish")
    assert second.startswith("🟢 BTC bullish again")
    assert world.sender.repeats == (1 if when == "after" else 0)


async def test_a_message_whose_window_is_over_is_decided_anew(world: World) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.sender.crash_next(when="before")
    await world.poll()
    world.source.flip("BTC")
    world.clock.advance(minutes=5)
    await world.poller.poll()
    await world.fanout.fan_out_open()

    await world.deliver()

    # Nobody knows whether the old one arrived: what stands is told, nothing old is.
    (text,) = world.sender.texts()
    assert text.startswith("🟢 BTC turned bullish")


async def test_four_flips_at_once_are_rows_of_one_table(world: World) -> None:
    for number in range(6):
        world.source.set(f"A{number}", grade=70, market_cap=1e9 - number)
    await world.poll()
    await world.say("/watch all")
    for number in range(6):
        world.source.flip(f"A{number}")

    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 6 of all 8 turned bearish\nMarket 25% bullish")
    assert "A0     70→25" in text


async def test_a_broadcast_posts_silently_without_personal_buttons(
    world: World,
) -> None:
    group = "telegram:-100/7"
    reply = await world.say("/broadcast top100", place=group, kind=PlaceKind.GROUP)
    assert reply.plain.startswith("📣 This topic gets: top100")
    world.source.flip("BTC")

    await world.poll()

    ((target, part),) = world.telegram.sent
    assert target == group
    assert part["silent"] is True
    assert part["actions"] == ["v1:chart:1", "v1:why:1", "v1:watchme:1"]


async def test_only_admins_change_a_broadcast(world: World) -> None:
    reply = await world.say(
        "/broadcast top100",
        place="telegram:-100",
        kind=PlaceKind.GROUP,
        is_admin=False,
    )

    assert "Only admins can change" in reply.plain
    shown = await world.say(
        "/broadcast show", place="telegram:-100", kind=PlaceKind.GROUP
    )
    assert "gets nothing" in shown.plain


async def test_a_later_alert_replies_to_the_assets_earlier_one(world: World) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    await world.poll()
    world.source.flip("BTC")

    await world.poll()

    assert [part["reply_to"] for _, part in world.sender.sent] == ["", "m1"]


async def test_a_correction_tells_only_those_who_were_told(world: World) -> None:
    await world.say("/watch BTC")
    as_of = world.clock.advance(minutes=1)
    world.source.set("BTC", grade=20, signal=-1, as_of=as_of, market_cap=2e12)
    await world.poll()
    await world.say("/watch BTC", place="web:late")
    world.source.set("BTC", grade=69, signal=1, as_of=as_of, market_cap=2e12)

    await world.poll()
    assert len(world.sender.texts(ALICE)) == 1
    await world.poll()

    assert world.sender.texts(ALICE)[1].startswith("✏️ Correction: BTC is still bullish")
    assert world.sender.texts("web:late")[0].startswith("✏️ Correction")


async def test_a_bullish_word_means_that_the_turn_back_is_not_told(
    world: World,
) -> None:
    await world.say("/watch BTC bullish")
    world.source.flip("BTC")
    await world.poll()
    assert world.sender.sent == []

    world.source.flip("BTC")
    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🟢 BTC turned bullish")


async def test_who_was_told_bullish_is_told_bearish_whatever_the_grade(
    world: World,
) -> None:
    world.source.set("SOL", grade=30, signal=-1, market_cap=1e10)
    await world.poll()
    await world.say("/watch all grade>=70")
    world.source.set("SOL", grade=80, signal=1, market_cap=1e10)
    await world.poll()

    world.source.set("SOL", grade=40, signal=-1, market_cap=1e10)
    await world.poll()

    first, second = world.sender.texts()
    assert first.startswith("🟢 SOL turned bullish")
    assert second.startswith("🔴 SOL bearish again, after 5 min")


async def test_an_asset_no_poll_brought_yet_is_looked_up_and_then_polled(
    world: World,
) -> None:
    world.source.elsewhere = [
        AssetInfo(key="99", symbol="NEW", name="Newcoin", market_cap=5e6)
    ]

    reply = await world.say("/watch NEW")

    assert reply.plain.startswith("👁 Watching NEW\n⚪ NEW no reading yet")
    assert "99" in await world.store.watched_keys(world.source.name)
    world.source.set("NEW", key="99", signal=1)
    await world.poll()
    world.source.set("NEW", key="99", signal=-1)
    await world.poll()
    (text,) = world.sender.texts()
    assert text.startswith("🔴 NEW turned bearish")


async def test_two_workers_poll_once(world: World) -> None:
    await world.say("/watch BTC")
    world.source.flip("BTC")
    world.clock.advance(minutes=5)

    first = await world.poller.poll()
    second = await world.poller.poll()

    assert len(first) == 1
    assert second == ()


async def test_who_was_shown_bullish_is_told_when_it_ends_whatever_the_grade(
    world: World,
) -> None:
    world.source.grade("BTC", 85)
    await world.poll()
    reply = await world.say("/watch BTC grade>=80")
    assert "🟢 BTC bullish" in reply.plain

    world.source.flip("BTC")
    await world.poll()

    (text,) = world.sender.texts()
    assert text.startswith("🔴 BTC turned bearish")
