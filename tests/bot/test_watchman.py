"""Operators hear of trouble once, and once of its end, wherever they are."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import FakeSender
from world import INTERVAL, World, open_world

from bot.errors import (
    MessageRejectedError,
    RecipientGoneError,
    SenderMisconfiguredError,
    SourceRefusedError,
    SourceUnavailableError,
    StoreError,
    TemporaryDeliveryError,
)
from bot.model import Address, PlaceKind, Platform
from bot.operator_post import OperatorPost, PostPlan
from bot.ports import Call
from bot.watchman import LOOK_EVERY, Watchman, WatchPlan

ALICE = "web:alice"
ANN = "telegram:1"
WEB = "web:operator"
REFUSED = "the engine answered 401 (trading-signals): not with your plan"


class Watched:
    """A world with a watchman, which `restart` gives another."""

    def __init__(self, world: World, *operators: str) -> None:
        self.world = world
        self.operators = frozenset(operators)
        self.discord = FakeSender(Platform.DISCORD)
        self.opened: list[str] = []
        self.open_errors: list[Exception] = []
        self.paused: dict[Platform, str] = {}
        self.build()

    def build(self, owner: str = "w1") -> Watchman:
        world = self.world
        post = OperatorPost(
            world.store,
            {
                Platform.WEB: world.sender,
                Platform.TELEGRAM: world.telegram,
                Platform.DISCORD: self.discord,
            },
            PostPlan(operators=self.operators, open_private=self._open),
            now=world.clock,
        )
        plan = WatchPlan(
            source=world.source.name,
            owner=owner,
            said=world.poller.trouble,
            next_try=world.poller.next_try,
            paused=self._paused,
        )
        self.watchman = Watchman(world.store, post, plan, now=world.clock)
        return self.watchman

    def _paused(self) -> Mapping[Platform, str]:
        return dict(self.paused)

    async def _open(self, user_id: str) -> Address:
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.opened.append(user_id)
        return Address(Platform.DISCORD, f"77{user_id}")

    async def restart(self) -> None:
        await self.world.restart()
        self.build(owner="w2")

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.world.clock.advance(seconds=LOOK_EVERY.total_seconds())
            await self.watchman.look()

    async def polls(self, count: int, error: Exception | None = None) -> None:
        """Poll so often with this failure; look after each."""
        for _ in range(count):
            if error is not None:
                self.world.source.fail_with(error)
            await self.world.poll()
            await self.watchman.look()

    def titles(self, platform: Platform = Platform.TELEGRAM) -> list[str]:
        sender = {
            Platform.TELEGRAM: self.world.telegram,
            Platform.WEB: self.world.sender,
            Platform.DISCORD: self.discord,
        }[platform]
        return [text.splitlines()[0] for text in sender.texts()]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        opened.source.set("BTC", grade=70)
        opened.source.set("ETH", grade=60)
        opened.source.set("SOL", grade=60)
        await opened.poll()
        yield opened


@pytest.fixture
def watched(world: World) -> Watched:
    return Watched(world, ANN)


def refused() -> SourceRefusedError:
    return SourceRefusedError(REFUSED, reason="http_401")


def down() -> SourceUnavailableError:
    return SourceUnavailableError("no answer", reason="timeout")


# ---------------------------------------------------------------- the engine


async def test_all_is_well_and_nobody_is_told_anything(watched: Watched) -> None:
    await watched.polls(5)

    assert watched.titles() == []


async def test_an_engine_that_fails_three_polls_is_told_once_and_loudly(
    watched: Watched,
) -> None:
    await watched.world.say("/watch BTC")
    await watched.polls(2, refused())
    assert watched.titles() == []

    await watched.polls(4, refused())
    await watched.look(3)

    ((target, part),) = watched.world.telegram.sent
    assert target == ANN
    assert part["silent"] is False
    assert str(part["text"]).splitlines() == [
        "⚠️ Engine: 401 since 12:10 UTC · 0 of 3 polls worked",
        f"“{REFUSED}”",
        "Check engine.api_key and the plan behind it.",
        "1 person waits; nothing is lost. Next try 12:25 UTC.",
    ]


async def test_its_end_is_told_once_too(watched: Watched) -> None:
    await watched.polls(3, refused())
    await watched.polls(3)
    await watched.look(3)

    assert watched.titles() == [
        "⚠️ Engine: 401 since 12:10 UTC · 0 of 3 polls worked",
        "✅ The engine is back",
    ]
    assert "from 12:10 UTC to 12:25 UTC" in watched.world.telegram.texts()[1]


async def test_the_next_trouble_is_told_again(watched: Watched) -> None:
    for _ in range(2):
        await watched.polls(3, down())
        await watched.polls(1)

    assert [t[:1] for t in watched.titles()] == ["⚠", "✅", "⚠", "✅"]


async def test_trouble_that_turns_into_another_is_told_and_its_end_once(
    watched: Watched,
) -> None:
    await watched.polls(3, down())
    await watched.polls(2, refused())
    await watched.polls(2, down())
    await watched.polls(1)

    assert [t.split(" since")[0] for t in watched.titles()] == [
        "⚠️ Engine: no answer",
        "⚠️ Engine: 401",
        "✅ The engine is back",
    ]


async def test_lasting_trouble_is_not_told_again_after_a_restart(
    watched: Watched,
) -> None:
    await watched.polls(3, down())
    await watched.restart()
    await watched.look(3)
    await watched.polls(2, down())
    assert len(watched.titles()) == 1

    await watched.restart()
    await watched.polls(1)
    assert watched.titles()[1:] == ["✅ The engine is back"]


async def test_polls_that_save_credits_are_no_trouble(watched: Watched) -> None:
    saving = SourceUnavailableError("spread over the month", reason="budget")
    await watched.polls(10, saving)

    assert watched.titles() == []


async def test_the_engines_own_words_stay_while_it_is_not_asked(
    watched: Watched,
) -> None:
    await watched.polls(1, refused())
    wait = timedelta(minutes=55)
    await watched.polls(
        2, SourceUnavailableError("not asked", reason="refused", retry_after=wait)
    )

    (text,) = watched.world.telegram.texts()
    assert text.startswith("⚠️ Engine: 401 since")
    assert REFUSED in text
    assert "Next try 13:15 UTC." in text


async def test_another_process_than_the_polling_one_tells_the_same_words(
    watched: Watched,
) -> None:
    world = watched.world
    operators = PostPlan(operators=frozenset({ANN}))

    def build(senders: Mapping[Platform, FakeSender], **more: object) -> Watchman:
        post = OperatorPost(world.store, senders, operators, now=world.clock)
        plan = WatchPlan(source=world.source.name, owner=str(len(senders)), **more)
        return Watchman(world.store, post, plan, now=world.clock)

    polling = build({}, said=world.poller.trouble, next_try=world.poller.next_try)
    sending = build({Platform.TELEGRAM: world.telegram})
    for _ in range(3):
        watched.world.source.fail_with(refused())
        await watched.world.poll()
        await polling.look()
    await sending.look()

    (text,) = watched.world.telegram.texts()
    assert REFUSED in text
    assert "Next try 12:25 UTC." in text


async def test_two_processes_that_look_at_once_tell_once(watched: Watched) -> None:
    first = watched.watchman
    await watched.polls(2, down())
    watched.world.source.fail_with(down())
    await watched.world.poll()
    taken = await watched.world.store.take_lease(
        "watchman:engine",
        "another",
        now=watched.world.clock(),
        length=timedelta(seconds=60),
    )
    assert taken

    await first.look()
    assert watched.titles() == []

    await watched.world.store.drop_lease("watchman:engine", "another")
    await first.look()
    await watched.build(owner="w2").look()
    assert len(watched.titles()) == 1


# ---------------------------------------------------------------- operators


async def test_every_operator_is_told_at_their_private_place(world: World) -> None:
    watched = Watched(world, ANN, WEB, "discord:5")
    await watched.polls(3, down())

    assert [to for to, _ in world.telegram.sent] == [ANN]
    assert [to for to, _ in world.sender.sent] == [WEB]
    assert [to for to, _ in watched.discord.sent] == ["discord:775"]


async def test_a_discord_operators_channel_is_opened_once(world: World) -> None:
    watched = Watched(world, "discord:5")
    await watched.polls(3, down())
    await watched.restart()
    await watched.polls(1)

    assert watched.opened == ["5"]
    assert len(watched.titles(Platform.DISCORD)) == 2


async def test_who_claims_in_a_discord_dm_is_told_there(world: World) -> None:
    watched = Watched(world)
    await world.store.set_value("claim_code", "ABCDE")
    await world.say("/claim abcde", place="discord:900", user="discord:5")
    await watched.polls(3, down())

    assert watched.opened == []
    assert [to for to, _ in watched.discord.sent] == ["discord:900"]


async def test_an_operator_of_the_configuration_may_choose_the_place_by_claim(
    world: World,
) -> None:
    watched = Watched(world, "telegram:1")
    reply = await world.say("/claim x", place="telegram:99", user="telegram:1")
    assert "already" in reply.plain

    await watched.polls(3, down())

    assert [to for to, _ in world.telegram.sent] == ["telegram:99"]


async def test_a_code_typed_in_a_group_claims_nothing_and_is_no_place(
    world: World,
) -> None:
    watched = Watched(world)
    await world.store.set_value("claim_code", "ABCDE")
    call = Call(
        place=Address.parse("telegram:-100"),
        kind=PlaceKind.GROUP,
        user="telegram:7",
        text="/claim ABCDE",
        is_admin=world.call("").is_admin,
    )
    await world.desk.say(call)
    await watched.polls(3, down())

    assert world.telegram.sent == []


async def test_who_becomes_operator_during_trouble_is_told_of_it(
    watched: Watched,
) -> None:
    await watched.polls(3, down())
    await watched.world.store.set_value("claim_code", "ABCDE")
    await watched.world.say("/claim abcde", place="telegram:8")

    await watched.look(2)
    assert [to for to, _ in watched.world.telegram.sent] == [ANN, "telegram:8"]

    await watched.polls(1)
    assert len(watched.world.telegram.texts("telegram:8")) == 2


async def test_who_heard_nothing_of_the_trouble_hears_nothing_of_its_end(
    watched: Watched,
) -> None:
    watched.world.telegram.refuse(
        ANN, *[TemporaryDeliveryError("no", reason="timeout")] * 50
    )
    await watched.polls(3, down())
    watched.world.telegram.behave()

    await watched.polls(2)

    assert watched.titles() == []


# ---------------------------------------------------------------- notices that fail


async def test_a_notice_that_cannot_be_sent_is_sent_by_the_next_look(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(world, ANN, WEB)
    world.telegram.refuse(ANN, *[TemporaryDeliveryError("no", reason="http_500")] * 2)
    await watched.polls(3, down())
    assert watched.titles(Platform.WEB)
    assert watched.titles() == []

    await watched.look(3)

    assert len(watched.titles()) == 1
    assert len(watched.titles(Platform.WEB)) == 1
    failures = [r for r in caplog.records if r.name == "bot.operator_post"]
    assert [r.levelname for r in failures if r.levelname != "INFO"] == ["WARNING"]


async def test_an_ordered_wait_is_kept(watched: Watched) -> None:
    wait = timedelta(seconds=95)
    watched.world.telegram.refuse(
        ANN, TemporaryDeliveryError("429", reason="rate_limited", retry_after=wait)
    )
    await watched.polls(3, down())

    await watched.look(9)
    assert watched.titles() == []
    await watched.look(1)
    assert len(watched.titles()) == 1


async def test_an_operator_who_blocked_the_bot_is_asked_once_an_hour(
    watched: Watched,
) -> None:
    refusals = [RecipientGoneError("blocked", reason="blocked") for _ in range(2)]
    watched.world.telegram.refuse(ANN, *refusals)
    await watched.polls(3, down())
    await watched.look(50)
    assert watched.titles() == []

    watched.world.clock.advance(hours=1)
    await watched.look()
    assert watched.titles() == []
    watched.world.clock.advance(hours=1)
    await watched.look()
    assert len(watched.titles()) == 1


async def test_the_end_is_not_kept_for_ever_for_who_is_gone(watched: Watched) -> None:
    await watched.polls(3, down())
    watched.world.telegram.refuse(ANN, RecipientGoneError("blocked", reason="blocked"))
    await watched.polls(1)

    assert await watched.world.store.get_value("watchman:engine") is None


async def test_a_notice_whose_markup_is_refused_goes_out_plain(
    watched: Watched,
) -> None:
    watched.world.telegram.refuse(
        ANN, MessageRejectedError("markup", reason="bad_markup")
    )
    await watched.polls(3, down())

    ((_, part),) = watched.world.telegram.sent
    assert part["is_plain"] is True


async def test_a_notice_without_an_answer_is_repeated_with_the_same_nonce(
    world: World,
) -> None:
    watched = Watched(world, WEB)
    world.sender.lose_answer(
        TemporaryDeliveryError("lost", reason="timeout", is_unknown=True)
    )
    await watched.polls(3, down())
    await watched.look(2)

    assert len(watched.titles(Platform.WEB)) == 1
    assert world.sender.repeats == 1


async def test_a_closed_dm_is_tried_later_and_others_are_told(world: World) -> None:
    watched = Watched(world, ANN, "discord:5")
    watched.open_errors = [
        RecipientGoneError("closed", reason="dm_closed"),
        TemporaryDeliveryError("no", reason="http_500"),
    ]
    await watched.polls(3, down())
    assert len(watched.titles()) == 1
    assert watched.titles(Platform.DISCORD) == []

    world.clock.advance(hours=1)
    await watched.look(2)
    assert len(watched.titles(Platform.DISCORD)) == 1


async def test_a_store_that_fails_is_logged_once_and_looked_at_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await watched.polls(3, down())
    with monkeypatch.context() as patch:

        async def broken(*_: object, **__: object) -> None:
            raise StoreError("disk full")

        patch.setattr(watched.world.store, "last_polls", broken)
        await watched.look(3)
    await watched.polls(1)

    assert watched.titles()[1:] == ["✅ The engine is back"]
    assert [
        r.getMessage() for r in caplog.records if "disk full" in r.getMessage()
    ] == ["nothing seen: disk full"]


# ---------------------------------------------------------------- platforms


async def test_a_paused_platform_is_told_on_the_others_and_its_end_everywhere(
    world: World,
) -> None:
    watched = Watched(world, ANN, WEB)
    watched.paused = {Platform.TELEGRAM: "Telegram refuses the bot's token"}
    await watched.look(3)
    assert watched.titles() == []
    assert watched.titles(Platform.WEB) == ["⚠️ Telegram paused since 12:05 UTC"]

    watched.paused = {}
    await watched.look(3)
    assert watched.titles(Platform.WEB)[1:] == ["✅ Telegram works again"]
    assert watched.titles() == []


async def test_the_dispatchers_pause_is_what_is_told(world: World) -> None:
    watched = Watched(world, WEB)
    await world.say("/watch BTC", place="telegram:5")
    world.source.flip("BTC")
    world.telegram.refuse(
        "telegram:5", SenderMisconfiguredError("wrong token", reason="unauthorized")
    )
    await world.poll()
    watched._paused = lambda: {  # type: ignore[method-assign]
        p: words for p in Platform if (words := world.dispatcher.trouble(p))
    }
    watched.build()
    await watched.look()
    world.clock.advance(minutes=1)
    await world.deliver()
    await watched.look()

    assert watched.titles(Platform.WEB) == [
        "⚠️ Telegram paused since 12:10 UTC",
        "✅ Telegram works again",
    ]


async def test_after_a_restart_a_platform_works_only_once_a_message_got_through(
    world: World,
) -> None:
    watched = Watched(world, WEB)
    watched.paused = {Platform.TELEGRAM: "wrong token"}
    await watched.look()
    watched.paused = {}
    await watched.restart()
    await watched.look(5)
    assert len(watched.titles(Platform.WEB)) == 1

    watched.watchman.worked(Platform.TELEGRAM)
    await watched.look(2)
    assert watched.titles(Platform.WEB)[1:] == ["✅ Telegram works again"]


async def test_a_pause_that_lasts_over_a_restart_is_not_told_again(
    world: World,
) -> None:
    watched = Watched(world, WEB)
    watched.paused = {Platform.TELEGRAM: "wrong token"}
    await watched.look()
    await watched.restart()
    await watched.look(3)

    assert len(watched.titles(Platform.WEB)) == 1


async def test_another_reason_of_a_pause_is_told_too(world: World) -> None:
    watched = Watched(world, WEB)
    for reason in ("wrong token", "another program uses it", "wrong token"):
        watched.paused = {Platform.TELEGRAM: reason}
        await watched.look()

    assert len(watched.titles(Platform.WEB)) == 2


# ---------------------------------------------------------------- dead letters


async def die(world: World, symbol: str = "BTC") -> None:
    """Let Alice's next alert of an asset die."""
    error = MessageRejectedError("markup", reason="bad_markup")
    world.sender.refuse(ALICE, error, error)
    world.source.flip(symbol)
    await world.poll(minutes=INTERVAL / timedelta(minutes=1))


async def test_dead_letters_are_told_with_count_and_reason(watched: Watched) -> None:
    await watched.world.say("/watch BTC ETH")
    await watched.look()
    await die(watched.world)
    await watched.look()

    (text,) = watched.world.telegram.texts()
    assert text.splitlines()[:2] == [
        "⚠️ 1 alert could not be delivered",
        "1 × bad_markup",
    ]


async def test_dead_letters_are_told_at_most_every_ten_minutes_and_none_is_left_out(
    watched: Watched,
) -> None:
    await watched.world.say("/watch BTC ETH SOL")
    await watched.look()
    await die(watched.world)
    await watched.look()
    await die(watched.world, "ETH")
    await watched.look()
    await die(watched.world, "SOL")
    assert len(watched.titles()) == 1

    await watched.look(20)

    assert watched.titles() == [
        "⚠️ 1 alert could not be delivered",
        "⚠️ 2 alerts could not be delivered",
    ]
    assert "3 in all are kept." in watched.world.telegram.texts()[1]


async def test_what_was_told_of_dead_letters_survives_a_restart(
    watched: Watched,
) -> None:
    await watched.world.say("/watch BTC ETH")
    await watched.look()
    await die(watched.world)
    await watched.look()
    await watched.restart()
    watched.world.clock.advance(hours=1)
    await watched.look(3)

    assert len(watched.titles()) == 1


async def test_a_new_operator_hears_only_of_what_dies_from_then_on(
    watched: Watched,
) -> None:
    await watched.world.say("/watch BTC ETH")
    await die(watched.world)
    watched.world.clock.advance(hours=1)

    await watched.look(3)
    assert watched.titles() == []

    await die(watched.world, "ETH")
    await watched.look()
    assert watched.titles() == ["⚠️ 1 alert could not be delivered"]


async def test_a_notice_of_dead_letters_that_fails_is_told_with_the_newer_ones(
    watched: Watched,
) -> None:
    await watched.world.say("/watch BTC ETH")
    await watched.look()
    watched.world.telegram.refuse(
        ANN,
        TemporaryDeliveryError(
            "429", reason="rate_limited", retry_after=timedelta(minutes=2)
        ),
    )
    await die(watched.world)
    await watched.look()
    await die(watched.world, "ETH")
    await watched.look()

    assert watched.titles() == ["⚠️ 2 alerts could not be delivered"]


async def test_a_clock_that_steps_back_does_not_silence_dead_letters(
    watched: Watched,
) -> None:
    await watched.world.say("/watch BTC ETH")
    watched.world.clock.advance(days=30)
    await watched.look()
    watched.world.clock.advance(days=-30)
    await watched.look()
    await die(watched.world)
    await watched.look()

    assert len(watched.titles()) == 1
