"""The face against a Discord of our own: commands, buttons, joins, bad days."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import discord
import pytest
from fake_discord import FakeDiscord
from pydantic import SecretStr

from bot.config import DiscordConfig
from bot.errors import ConfigError, RecipientGoneError
from bot.message import Button, Message, bold, line
from bot.model import Address, PlaceKind, Platform
from bot.ports import Arrival, Call, Choice, PressReply, Welcome
from handlers.discord.face import DiscordFace, Pace
from handlers.discord.interactions import Patience

CALLBACK = "POST /interactions/{interaction_id}/{interaction_token}/callback"
REPLY = Message(title=line("👁 ", bold("Watching BTC")))
SAMPLE = Message(title=line("🔴 sample"))
ALERT = Message(
    title=line("🔴 ", bold("ETH turned bearish")),
    buttons=((Button("Mute 24 h", "v1:mute24:7"), Button("Unwatch", "v1:unwatch:7")),),
)
DONE = ((Button("Undo", "v1:undo:7"),),)

QUICK = Pace(
    patience=Patience(
        sign_of_life_in=timedelta(seconds=0.2), at_most=timedelta(seconds=5)
    ),
    retry_first=timedelta(seconds=0.05),
    retry_at_most=timedelta(seconds=0.2),
    probe_every=timedelta(seconds=0.2),
)


class FakeDesk:
    """Answers what a test tells it to; remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.pressed: list[tuple[Call, str]] = []
        self.typed: list[str] = []
        self.notes: list[tuple[str, str]] = []
        self.was_admin: list[bool] = []
        self.answers: Callable[[Call], Awaitable[Message]] = self.says(REPLY)
        self.press_reply = PressReply(toast="done")
        self.choices: Sequence[Choice] = [Choice("BTC · Bitcoin", "BTC")]
        self.greeting: Message | None = None
        self.released = asyncio.Event()
        self.noted = asyncio.Condition()

    @staticmethod
    def says(message: Message) -> Callable[[Call], Awaitable[Message]]:
        async def answer(_call: Call) -> Message:
            return message

        return answer

    async def say(self, call: Call) -> Message:
        self.calls.append(call)
        self.was_admin.append(await call.is_admin())
        return await self.answers(call)

    async def press(self, call: Call, action: str) -> PressReply:
        self.pressed.append((call, action))
        self.was_admin.append(await call.is_admin())
        if action.startswith("v1:slow"):
            await self.released.wait()
        return self.press_reply

    async def complete(self, typed: str) -> Sequence[Choice]:
        self.typed.append(typed)
        if typed == "broken":
            raise RuntimeError(f"my secret words: {typed}")
        return self.choices

    async def on_added(self, arrival: Arrival) -> Welcome:
        await self._note("added", str(arrival.place))
        return Welcome(post=self.greeting)

    async def on_fading(
        self, place: Address, message_refs: Sequence[str], after: timedelta
    ) -> None:
        raise AssertionError("nothing fades on Discord: it is ephemeral")

    async def on_gone(self, place: Address, reason: str) -> None:
        await self._note(reason, str(place))

    async def on_back(self, place: Address, kind: PlaceKind) -> None:
        await self._note("back", str(place))

    async def on_moved(self, old: Address, new: Address) -> None:
        raise AssertionError("nothing moves on Discord")

    async def _note(self, what: str, place: str) -> None:
        async with self.noted:
            self.notes.append((what, place))
            self.noted.notify_all()

    async def hears(self, *note: str) -> None:
        async with asyncio.timeout(10), self.noted:
            await self.noted.wait_for(lambda: note in self.notes)


@pytest.fixture
async def dc():
    async with FakeDiscord() as fake:
        yield fake


@pytest.fixture
def desk():
    return FakeDesk()


@asynccontextmanager
async def running(dc, desk, token="TESTTOKEN"):
    face = DiscordFace(section(dc, token), desk, pace=QUICK)
    await face.start()
    try:
        yield face
    finally:
        await face.stop()


@pytest.fixture
async def face(dc, desk, server):
    async with running(dc, desk) as opened:
        await dc.ready()
        yield opened


@pytest.fixture
def server(dc):
    return dc.server("Traders")


@pytest.fixture
def alerts(server):
    return server.channel("alerts")


@pytest.fixture
def alice(dc, server):
    user = dc.user("Alice", locale="de")
    server.adds(user)
    return user


def section(dc: FakeDiscord, token: str = "TESTTOKEN") -> DiscordConfig:
    return DiscordConfig(
        token=SecretStr(token), api_url=dc.api_url, gateway_url=dc.gateway_url
    )


async def until(holds: Callable[[], object], timeout: float = 10) -> None:
    async with asyncio.timeout(timeout):
        while not holds():  # noqa: ASYNC110 - what is waited for gives no signal
            await asyncio.sleep(0.01)


# -------------------------------------------------------------------------- commands


async def test_a_command_in_a_direct_message_reaches_the_desk(dc, desk, face, alice):
    reply = await alice.types("watch", assets="BTC ETH 80").reply()

    (call,) = desk.calls
    assert reply.content == "👁 **Watching BTC**"
    assert not reply.is_ephemeral
    assert call.text == "/watch BTC ETH 80"
    assert call.place == Address(Platform.DISCORD, alice.dm.id)
    assert call.kind is PlaceKind.PRIVATE
    assert call.user == f"discord:{alice.id}"
    assert call.language == "de"
    assert desk.was_admin == [True]
    assert dc.violations == []


async def test_a_personal_command_in_a_server_is_answered_to_one_alone(
    dc, desk, face, alice, alerts
):
    async def opens(call: Call) -> Message:
        place = await call.open_private(SAMPLE)
        assert place == Address(Platform.DISCORD, alice.dm.id)
        return REPLY

    desk.answers = opens

    reply = await alice.types("watch", assets="BTC", in_=alerts).reply()

    (call,) = desk.calls
    assert reply.is_ephemeral
    assert [m.content for m in alice.messages] == ["🔴 sample"]
    assert call.place == Address(Platform.DISCORD, alerts.id)
    assert call.kind is PlaceKind.GROUP
    assert dc.violations == []


async def test_closed_direct_messages_are_told_to_the_desk(
    dc, desk, face, alice, alerts
):
    async def opens(call: Call) -> Message:
        with pytest.raises(RecipientGoneError) as caught:
            await call.open_private(SAMPLE)
        return Message(title=line(f"I cannot reach you: {caught.value.reason}"))

    desk.answers = opens
    alice.closes_dms()

    reply = await alice.types("watch", assets="BTC", in_=alerts).reply()

    assert reply.content == r"I cannot reach you: dm\_closed"
    assert dc.violations == []


@pytest.mark.parametrize("may_manage", [True, False])
async def test_who_may_manage_the_server_is_an_admin(
    dc, desk, face, alerts, may_manage
):
    bob = dc.user("Bob")
    alerts.server.adds(bob, may_manage=may_manage)

    reply = await bob.types("broadcast", what="top100", in_=alerts).reply()

    assert desk.was_admin == [may_manage]
    assert desk.calls[0].text == "/broadcast top100"
    assert not reply.is_ephemeral
    assert dc.violations == []


async def test_a_private_answer_to_a_public_command_is_seen_by_one_alone(
    dc, desk, face, alice, alerts
):
    desk.answers = desk.says(REPLY.evolve(is_private=True))

    reply = await alice.types("broadcast", in_=alerts).reply()

    assert reply.is_ephemeral
    assert dc.violations == []


async def test_proposals_complete_the_last_word(dc, desk, face, alice, alerts):
    found = await alice.completes("watch", assets="ETH BT", in_=alerts)

    assert desk.typed == ["BT"]
    assert found == [("ETH BTC · Bitcoin", "ETH BTC")]
    assert dc.violations == []


async def test_broken_proposals_are_none_and_quote_nobody(
    dc, desk, face, alice, caplog
):
    found = await alice.completes("signal", asset="broken")

    assert found == []
    assert "words: broken" not in caplog.text
    assert dc.violations == []


async def test_a_slow_desk_gets_a_sign_of_life_first(dc, desk, face, alice, alerts):
    async def slow(_call: Call) -> Message:
        await desk.released.wait()
        return REPLY

    desk.answers = slow
    asked = alice.types("watch", assets="BTC", in_=alerts)
    assert await asked.acknowledged() == 5

    desk.released.set()
    reply = await asked.reply()

    assert reply.content == "👁 **Watching BTC**"
    assert reply.is_ephemeral
    assert dc.violations == []


async def test_a_slow_private_answer_stays_private(dc, desk, face, alice, alerts):
    async def slow(_call: Call) -> Message:
        await desk.released.wait()
        return REPLY.evolve(is_private=True)

    desk.answers = slow
    asked = alice.types("signal", asset="BTC", in_=alerts)
    await asked.acknowledged()

    desk.released.set()
    reply = (await asked.replies(2))[1]

    assert (reply.content, reply.is_ephemeral) == ("👁 **Watching BTC**", True)
    await until(lambda: all(m.is_deleted for m in alerts.history))
    assert dc.violations == []


async def test_a_long_answer_comes_in_parts(dc, desk, face, alice):
    long = Message(title=line("all"), body=tuple(line("x" * 1500) for _ in range(5)))
    desk.answers = desk.says(long)

    replies = await alice.types("watchlist").replies(3)

    assert [r.content for r in replies] == ["all", "… 2 of 3", "… 3 of 3"]
    assert dc.violations == []


async def test_words_discord_refuses_are_said_plainly(dc, desk, face, alice):
    twice = ((Button("A", "v1:same"), Button("B", "v1:same")),)
    desk.answers = desk.says(REPLY.evolve(buttons=twice))

    reply = await alice.types("watchlist").reply()

    assert reply.content == "👁 Watching BTC"
    assert len(dc.violations) == 1


@pytest.mark.usefixtures("face")
async def test_a_failure_is_told_and_logged_without_anybodys_words(
    dc, desk, alice, alerts, caplog
):
    async def breaks(call: Call) -> Message:
        raise RuntimeError(call.text)

    desk.answers = breaks

    reply = await alice.types("watch", assets="MYSECRET", in_=alerts).reply()

    assert "That did not work here; nothing was changed." in reply.content
    assert reply.is_ephemeral
    assert "MYSECRET" not in caplog.text
    assert "RuntimeError" in caplog.text
    assert dc.violations == []


async def test_a_failure_after_the_sign_of_life_is_told_as_well(
    dc, desk, face, alice, alerts
):
    async def breaks(_call: Call) -> Message:
        await desk.released.wait()
        raise RuntimeError

    desk.answers = breaks
    asked = alice.types("signal", asset="BTC", in_=alerts)
    await asked.acknowledged()

    desk.released.set()
    reply = (await asked.replies(2))[1]

    assert "That did not work here" in reply.content
    assert reply.is_ephemeral
    assert dc.violations == []


async def test_a_desk_that_never_answers_is_given_up(dc, desk, server, alice):
    async def hangs(_call: Call) -> Message:
        await asyncio.Event().wait()
        return REPLY

    desk.answers = hangs
    patience = Patience(
        sign_of_life_in=timedelta(seconds=0.05), at_most=timedelta(seconds=0.2)
    )
    face = DiscordFace(section(dc), desk, pace=Pace(patience=patience))
    await face.start()
    await dc.ready()

    reply = await alice.types("watchlist").reply()
    await face.stop()

    assert "That did not work here" in reply.content
    assert dc.violations == []


async def test_an_answer_that_does_not_arrive_stops_nothing(
    dc, desk, face, alice, caplog
):
    dc.fail_next(CALLBACK, status=404, body={"code": 10062, "message": "Unknown"})
    alice.types("watchlist")
    await until(lambda: "discord interaction not answered" in caplog.text)

    reply = await alice.types("watchlist").reply()

    assert reply.content == "👁 **Watching BTC**"
    assert dc.violations == []


# --------------------------------------------------------------------------- buttons


@pytest.fixture
async def alert(face, alice):
    """An alert in Alice's direct messages, with buttons."""
    address = await face._sender.open_private(alice.id)
    (part,) = face._sender.render(ALERT)
    await face._sender.send(address, part, nonce="alert")
    return alice.messages[0]


async def test_a_press_reaches_the_desk_and_a_toast_comes_back(
    dc, desk, face, alice, alert
):
    reply = await alice.presses(alert, "Mute 24 h").reply()

    ((call, action),) = desk.pressed
    assert action == "v1:mute24:7"
    assert call.message_ref == alert.message_id
    assert call.place == Address(Platform.DISCORD, alice.dm.id)
    assert call.user == f"discord:{alice.id}"
    assert (reply.content, reply.is_ephemeral) == ("done", True)
    assert dc.violations == []


async def test_a_press_changes_the_buttons_and_nothing_else(dc, desk, alice, alert):
    desk.press_reply = PressReply(buttons=DONE)

    changed = await alice.presses(alert, "Mute 24 h").updated()

    assert changed.buttons == ["Undo"]
    assert changed.content == alert.content
    assert dc.violations == []


async def test_a_press_replaces_the_message(dc, desk, alice, alert):
    desk.press_reply = PressReply(edited=Message(title=line("✖ unwatched")))

    changed = await alice.presses(alert, "Unwatch").updated()

    assert (changed.content, changed.buttons) == ("✖ unwatched", [])
    assert dc.violations == []


async def test_a_press_may_do_both(dc, desk, alice, alert):
    desk.press_reply = PressReply(toast="Muted", buttons=DONE)

    press = alice.presses(alert, "Mute 24 h")

    assert (await press.updated()).buttons == ["Undo"]
    assert (await press.reply()).content == "Muted"
    assert dc.violations == []


async def test_a_press_may_change_nothing(dc, desk, alice, alert):
    desk.press_reply = PressReply()

    assert await alice.presses(alert, "Mute 24 h").acknowledged() == 6
    assert dc.violations == []


async def test_details_in_a_server_are_seen_by_one_alone(dc, desk, face, alice, alerts):
    (part,) = face._sender.render(ALERT)
    await face._sender.send(Address(Platform.DISCORD, alerts.id), part, nonce="a")
    desk.press_reply = PressReply(message=SAMPLE)

    reply = await alice.presses(alerts.messages[0], "Unwatch").reply()

    assert reply.is_ephemeral
    assert desk.was_admin == [False]
    assert desk.pressed[0][0].kind is PlaceKind.GROUP
    assert dc.violations == []


async def test_a_slow_press_changes_the_message_later(dc, desk, face, alice):
    desk.answers = desk.says(REPLY.evolve(buttons=((Button("Slow", "v1:slow"),),)))
    desk.press_reply = PressReply(toast="Muted", buttons=DONE)
    message = await alice.types("watchlist").reply()

    press = alice.presses(message, "Slow")
    assert await press.acknowledged() == 6
    desk.released.set()

    assert (await press.updated()).buttons == ["Undo"]
    assert (await press.reply()).content == "Muted"
    assert dc.violations == []


async def test_a_toast_formats_and_mentions_nothing(dc, desk, alice, alert):
    desk.press_reply = PressReply(toast="**@everyone**")

    reply = await alice.presses(alert, "Mute 24 h").reply()

    assert (reply.content.count("\\*"), reply.pings) == (4, [])
    assert dc.violations == []


async def test_an_old_button_works_after_a_restart(dc, desk, server, alice):
    async with running(dc, desk) as face:
        await dc.ready()
        address = await face._sender.open_private(alice.id)
        (part,) = face._sender.render(ALERT)
        await face._sender.send(address, part, nonce="alert")
    identified = dc.gateway.identifies

    async with running(dc, desk):
        await until(lambda: dc.gateway.identifies > identified)
        await dc.ready()
        reply = await alice.presses(alice.messages[0], "Unwatch").reply()

    assert reply.content == "done"
    assert dc.violations == []


# ---------------------------------------------------------------------------- places


async def test_a_server_that_removes_the_bot_is_parked(dc, desk, face, server):
    alerts = server.channel("alerts")
    news = server.channel("news", is_announcement=True)

    server.kicks_bot()

    await desk.hears("kicked", f"discord:{alerts.id}")
    await desk.hears("kicked", f"discord:{news.id}")
    assert dc.violations == []


async def test_servers_known_before_are_no_news(dc, desk, face, alerts, alice):
    await dc.drop_gateway(code=1001)
    await until(lambda: face.trouble() == "" and dc.gateway.is_ready())
    await alice.types("watchlist").reply()

    assert desk.notes == []
    assert dc.violations == []


async def test_a_deleted_channel_is_parked(dc, desk, face, alerts):
    alerts.deletes()

    await desk.hears("channel_gone", f"discord:{alerts.id}")
    assert dc.violations == []


async def test_a_server_that_takes_the_bot_back_is_resumed(dc, desk, face, alerts):
    alerts.server.kicks_bot()
    await desk.hears("kicked", f"discord:{alerts.id}")

    alerts.server.adds_bot()

    await desk.hears("back", f"discord:{alerts.id}")
    assert dc.violations == []


@pytest.fixture
def lobby(alerts, monkeypatch):
    """The server's system channel, where it wants to be greeted."""
    plain = type(alerts.server).rest_payload.fget
    named = property(lambda self: plain(self) | {"system_channel_id": alerts.id})
    monkeypatch.setattr(type(alerts.server), "rest_payload", named)
    return alerts


async def test_a_new_server_is_greeted_where_it_wants_it(dc, desk, face, lobby):
    desk.greeting = Message(title=line("👋 I post when a signal flips"))
    lobby.server.kicks_bot()

    lobby.server.adds_bot()

    (greeting,) = await lobby.receives(1)
    assert greeting.content == "👋 I post when a signal flips"
    assert ("added", f"discord:{lobby.id}") in desk.notes
    assert dc.violations == []


async def test_a_server_is_not_greeted_where_the_bot_may_not_write(
    dc, desk, face, lobby
):
    lobby.forbids_writing()
    lobby.server.kicks_bot()

    lobby.server.adds_bot()

    await desk.hears("back", f"discord:{lobby.id}")
    await face.stop()
    assert ("added", f"discord:{lobby.id}") not in desk.notes
    assert dc.violations == []


# -------------------------------------------------------------------------- bad days


async def test_a_dropped_gateway_is_resumed(dc, desk, face, alice):
    await dc.drop_gateway()

    await until(lambda: face.trouble() == "" and dc.gateway.is_ready())
    reply = await alice.types("watchlist").reply()

    assert reply.content == "👁 **Watching BTC**"
    assert dc.violations == []


async def test_a_wrong_token_is_told_and_tried_again(dc, desk, server, alice, caplog):
    dc.gateway.token = "OTHER"
    async with running(dc, desk, token="WRONG") as face:
        await until(lambda: len(dc.requests) > 2)

        assert face.trouble() == "Discord refuses the token"

    assert caplog.text.count("discord face is down") == 1
    assert "WRONG" not in caplog.text


async def test_an_unreachable_discord_is_told_and_tried_again(dc, desk, server):
    await dc.stop()
    async with running(dc, desk) as face:
        await until(lambda: "unreachable" in face.trouble())

        await dc.start()
        await dc.ready()
        await until(lambda: face.trouble() == "")

    assert dc.violations == []


async def test_refused_commands_are_told_and_registered_later(dc, desk, server):
    dc.fail_next("PUT /applications/{application_id}/commands", status=503)

    async with running(dc, desk) as face:
        await dc.ready()
        await until(lambda: face.trouble() == "")

    registered = [r for r in dc.requests if r.method == "PUT"]
    assert len(registered) == 2
    assert dc.violations == []


async def test_commands_are_registered_once_however_often_it_reconnects(dc, desk, face):
    await dc.drop_gateway()
    await until(lambda: face.trouble() == "" and dc.gateway.is_ready())

    assert len([r for r in dc.requests if r.method == "PUT"]) == 1
    assert dc.violations == []


def _shard_of(lobby) -> int:
    return (int(lobby.server.id) >> 22) % 2


async def test_two_processes_share_the_servers_by_shards(dc, alice):
    desks = [FakeDesk(), FakeDesk()]
    lobbies = []
    while {_shard_of(lobby) for lobby in lobbies} != {0, 1}:
        lobbies.append(dc.server("Traders").channel("lobby"))
        # the millisecond a server was made in decides on its shard
        await asyncio.sleep(0.001)
    faces = [
        DiscordFace(
            section(dc).model_copy(update={"shard_count": 2, "shard_ids": (number,)}),
            desks[number],
            pace=QUICK,
        )
        for number in (0, 1)
    ]
    for face in faces:
        await face.start()
    await dc.ready()

    for lobby in lobbies:
        lobby.deletes()
    for lobby in lobbies:
        await desks[_shard_of(lobby)].hears("channel_gone", f"discord:{lobby.id}")
    # direct messages are always the first shard's
    await alice.types("watchlist").reply()
    for face in faces:
        await face.stop()

    assert {s.shard for s in dc.gateway.sessions.values()} == {0, 1}
    assert len(desks[0].notes) + len(desks[1].notes) == len(lobbies)
    assert all(desk.notes for desk in desks)
    assert (len(desks[0].calls), len(desks[1].calls)) == (1, 0)
    assert dc.violations == []


async def test_one_process_may_listen_to_several_shards(dc, desk, alice, monkeypatch):
    async def at_once(*_args: object, **_more: object) -> None:
        """Discord wants five seconds between two; this one does not."""

    monkeypatch.setattr(discord.AutoShardedClient, "before_identify_hook", at_once)
    config = section(dc).model_copy(update={"shard_count": 2})
    face = DiscordFace(config, desk, pace=QUICK)
    await face.start()
    await dc.ready()
    await until(lambda: face.trouble() == "")

    await dc.drop_gateway()
    await until(lambda: face.trouble() != "")
    await until(lambda: face.trouble() == "" and dc.gateway.is_ready())
    reply = await alice.types("watchlist").reply()
    await face.stop()

    assert reply.content == "👁 **Watching BTC**"
    assert {s.shard for s in dc.gateway.sessions.values()} == {0, 1}
    assert dc.violations == []


async def test_stopping_finishes_what_is_being_answered(dc, desk, server, alice):
    async def slow(_call: Call) -> Message:
        desk.notes.append(("asked", ""))
        await desk.released.wait()
        return REPLY

    desk.answers = slow
    async with running(dc, desk) as face:
        await dc.ready()
        asked = alice.types("watchlist")
        await until(lambda: desk.notes)

        stopping = asyncio.create_task(face.stop())
        await asyncio.sleep(0)
        desk.released.set()
        reply = await asked.reply()
        await stopping

    assert reply.content == "👁 **Watching BTC**"
    assert dc.violations == []


async def test_it_stops_before_it_ever_connected(dc, desk):
    face = DiscordFace(section(dc), desk, pace=QUICK)
    await face.start()
    await face.stop()
    await face.stop()

    assert face.trouble() != "Discord's face has ended by mistake"


@pytest.mark.parametrize("turns", [1, 5, 10, 20, 40, 60, 80, 100, 150])
async def test_it_stops_at_every_moment_of_connecting(dc, desk, server, turns):
    face = DiscordFace(section(dc), desk, pace=QUICK)
    await face.start()
    for _ in range(turns):
        await asyncio.sleep(0.0002)

    async with asyncio.timeout(5):
        await face.stop()

    assert dc.violations == []


async def test_a_face_without_a_token_is_refused(desk):
    with pytest.raises(ConfigError):
        DiscordFace(DiscordConfig(), desk)


async def test_starting_prints_no_warning_of_a_library():
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", "import handlers.discord.face"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await started.communicate()

    assert (started.returncode, said) == (0, b"")


async def test_a_token_is_never_logged(dc, desk, server, alice, caplog):
    caplog.set_level(logging.DEBUG, logger="handlers")
    async with running(dc, desk):
        await dc.ready()
        await alice.types("watchlist").reply()

    assert "TESTTOKEN" not in caplog.text
    assert "interaction-token" not in caplog.text
