"""What can't be posted any more is kept, told, and noticed when it is mended."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from world import World, open_world

from bot.errands import PUBLISHED_MAX, TRIES_MAX
from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    TemporaryDeliveryError,
)
from bot.model import Address, Errand, ErrandKind, PlaceKind

ALERTS = "telegram:-100/7"
KOFI = "telegram:5"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=75, market_cap=1e9)
        await opened.poll()
        await opened.say("/start", place=KOFI)
        await opened.say(
            "/broadcast all",
            place=ALERTS,
            kind=PlaceKind.GROUP,
            user=KOFI,
            title="Traders",
            topic_title="Alerts",
        )
        yield opened


async def lose(world: World, reason: str) -> None:
    world.telegram.refuse(ALERTS, RecipientGoneError("no", reason=reason))
    world.source.flip("BTC")
    await world.poll()


async def test_the_admin_who_set_it_hears_once_and_nothing_is_lost(world):
    await lose(world, "topic_closed")

    for _ in range(3):
        await world.steward.look()
    await world.restart()
    await world.steward.look()

    (told,) = world.telegram.texts(KOFI)
    assert told == (
        "⚠️ I can't post in Traders · Alerts\n"
        "The topic is closed. Since Jan 5 12:10 UTC.\n"
        "Open it, or make me an admin who may manage topics.\n"
        "What it gets is kept: all."
    )
    assert world.telegram.texts(ALERTS) == []


async def test_a_second_loss_is_told_again(world):
    await lose(world, "kicked")
    await world.steward.look()
    await world.desk.on_back(Address.parse("telegram:-100"), PlaceKind.GROUP)
    await world.deliver()
    world.clock.advance(hours=1)
    await lose(world, "kicked")

    await world.steward.look()

    assert len(world.telegram.texts(KOFI)) == 2


async def test_an_admin_without_a_private_chat_is_not_tried_for_ever(world):
    await world.desk.on_gone(Address.parse(KOFI), "blocked")
    await lose(world, "kicked")

    await world.steward.look()

    assert world.telegram.texts(KOFI) == []
    ((_, note),) = await world.store.lost_places([Address.parse(ALERTS).platform])
    assert note.lost_told is not None


async def test_a_passing_failure_is_tried_again_at_the_next_look(world):
    await lose(world, "kicked")
    world.telegram.refuse(KOFI, TemporaryDeliveryError("later", reason="timeout"))

    await world.steward.look()
    assert world.telegram.texts(KOFI) == []
    await world.steward.look()

    assert len(world.telegram.texts(KOFI)) == 1


async def test_a_right_that_is_back_is_noticed_and_what_waited_comes(world):
    await lose(world, "no_rights")
    await world.steward.look()
    gone = RecipientGoneError("no", reason="no_rights")

    world.telegram.refuse(ALERTS, gone)
    world.clock.advance(minutes=15)
    await world.steward.look()
    assert world.telegram.kept == []
    world.clock.advance(minutes=14)
    await world.steward.look()
    assert world.telegram.kept == []
    world.clock.advance(minutes=1)
    await world.steward.look()
    await world.deliver()

    assert world.telegram.kept == [f"knock {ALERTS}"]
    (text,) = world.telegram.texts(ALERTS)
    assert "BTC bearish" in text


@pytest.mark.parametrize("reason", ["kicked", "topic_gone", "chat_deleted"])
async def test_what_is_gone_is_not_knocked_at(world, reason):
    await lose(world, reason)
    world.clock.advance(days=2)

    await world.steward.look()

    assert world.telegram.kept == []


async def test_setting_it_up_again_resumes_it(world):
    await lose(world, "no_rights")

    reply = await world.say(
        "/broadcast all", place=ALERTS, kind=PlaceKind.GROUP, user=KOFI
    )
    await world.deliver()

    assert reply.title.plain == "📣 This topic gets: all"
    assert len(world.telegram.texts(ALERTS)) == 1


# --------------------------------------------------------------------------- errands


def errand(world: World, number: int = 1, **more: object) -> Errand:
    values = {
        "address": Address.parse("discord:9"),
        "message_ref": f"m{number}",
        "kind": ErrandKind.DELETE,
        "due_at": world.clock(),
    }
    return Errand(**(values | more))


async def test_a_passing_failure_of_an_errand_is_tried_again_but_not_for_ever(world):
    await world.store.put_errand(errand(world))
    error = TemporaryDeliveryError("later", reason="timeout")
    world.discord.refuse("discord:9", *[error] * (TRIES_MAX + 1))

    for _ in range(TRIES_MAX + 2):
        await world.errands.run_due()
        world.clock.advance(minutes=1)

    assert len(world.discord._refusals["discord:9"]) == 1
    assert world.discord.kept == []


async def test_a_refused_errand_is_given_up_at_once(world):
    await world.store.put_errand(errand(world))
    world.discord.refuse("discord:9", MessageRejectedError("no", reason="rejected"))

    await world.errands.run_due()
    world.clock.advance(hours=1)
    await world.errands.run_due()

    assert world.discord.kept == []


async def test_a_long_wait_that_was_ordered_is_kept(world):
    await world.store.put_errand(errand(world))
    wait = TemporaryDeliveryError(
        "wait", reason="rate_limited", retry_after=timedelta(hours=1)
    )
    world.discord.refuse("discord:9", wait)

    await world.errands.run_due()
    world.clock.advance(minutes=59)
    await world.errands.run_due()
    assert world.discord.kept == []
    world.clock.advance(minutes=1)
    await world.errands.run_due()

    assert world.discord.kept == ["delete discord:9 m1"]


async def test_posts_of_an_announcement_channel_are_published(world):
    news = "discord:22"
    await world.say("/broadcast all", place=news, kind=PlaceKind.CHANNEL)
    await world.say("/broadcast all", place="discord:23", kind=PlaceKind.GROUP)
    world.source.flip("BTC")
    await world.poll()

    await world.errands.run_due()

    assert len(world.discord.texts(news)) == 1
    (kept,) = world.discord.kept
    assert kept.startswith(f"publish {news} m")


async def test_no_more_posts_are_published_than_discord_takes_in_an_hour(world):
    for number in range(PUBLISHED_MAX + 2):
        post = errand(world, number, kind=ErrandKind.PUBLISH)
        await world.store.put_errand(post)

    await world.errands.run_due()
    assert len(world.discord.kept) == PUBLISHED_MAX
    world.clock.advance(minutes=59)
    await world.errands.run_due()
    assert len(world.discord.kept) == PUBLISHED_MAX
    world.clock.advance(minutes=1)
    await world.errands.run_due()

    assert len(world.discord.kept) == PUBLISHED_MAX + 2
