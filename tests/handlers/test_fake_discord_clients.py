"""The fake Discord met by an unmodified discord.py and by a bare websocket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route
from fake_discord import FakeDiscord
from raw_discord import Clock, Raw


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


# ------------------------------------------------------------- a real discord.py

INTENTS = discord.Intents(guilds=True)


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let discord.py talk to a fake; what our program does in its configuration."""

    def patch(dc: FakeDiscord) -> None:
        url = yarl.URL(dc.gateway_url)
        monkeypatch.setattr(Route, "BASE", dc.api_url)
        monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", url)

    return patch


class Bot(discord.AutoShardedClient):
    """One command with proposals and a button, and a note of what it was told."""

    def __init__(self) -> None:
        super().__init__(
            intents=INTENTS,
            max_messages=None,
            chunk_guilds_at_startup=False,
            guild_ready_timeout=0.1,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.tree = discord.app_commands.CommandTree(self)
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def setup_hook(self) -> None:
        @self.tree.command(name="watch", description="Watch assets")
        @discord.app_commands.describe(assets="Which")
        async def watch(interaction: discord.Interaction, assets: str) -> None:
            await interaction.response.defer(ephemeral=interaction.guild is not None)
            view = discord.ui.View(timeout=None)
            view.add_item(discord.ui.Button(label="Mute", custom_id="v1:mute"))
            await interaction.followup.send(f"watching {assets}", view=view)
            dm = await interaction.user.create_dm()
            note = discord.Embed(title="BTC", description="turned bullish")
            await dm.send("hello", embed=note, nonce="m1", silent=True)

        @watch.autocomplete("assets")
        async def propose(_interaction: Any, typed: str) -> list[Any]:
            names = [n for n in ("BTC", "BTT", "ETH") if n.startswith(typed)]
            return [discord.app_commands.Choice(name=n, value=n.lower()) for n in names]

        await self.tree.sync()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            await interaction.response.edit_message(content="muted", view=None)

    async def before_identify_hook(self, *_shard: Any, **_more: Any) -> None:
        """Identify again without discord.py's five seconds of patience."""

    async def on_guild_join(self, guild: discord.Guild) -> None:
        self.heard.put_nowait(f"joined {guild.name}")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.heard.put_nowait(f"left {guild.name}")

    async def on_guild_channel_delete(self, channel: Any) -> None:
        self.heard.put_nowait(f"deleted {channel.name}")

    async def on_shard_resumed(self, _shard: int) -> None:
        self.heard.put_nowait("resumed")

    async def on_resumed(self) -> None:
        self.heard.put_nowait("resumed")

    async def hears(self, word: str) -> None:
        async with asyncio.timeout(15):
            while await self.heard.get() != word:
                pass


@pytest.fixture
async def live(patched: Any) -> AsyncIterator[tuple[FakeDiscord, Bot]]:
    """A fake with a running bot; nothing the bot did may be a violation."""
    async with FakeDiscord() as dc:
        dc.server("Traders").channel("alerts")
        patched(dc)
        bot = Bot()
        running = asyncio.create_task(bot.start(dc.token))
        try:
            await dc.ready()
            yield dc, bot
            assert dc.violations == []
        finally:
            await bot.close()
            await asyncio.gather(running, return_exceptions=True)


def a_place(dc: FakeDiscord) -> Any:
    server = next(iter(dc.world.servers.values()))
    return next(iter(server.channels.values()))


async def test_discord_py_takes_commands_proposes_and_writes_dms(live: Any):
    dc, _ = live
    place = a_place(dc)
    alice = dc.user("Alice", locale="de")
    place.server.adds(alice)

    choices = await alice.completes("watch", assets="BT", in_=place)
    reply = await alice.types("watch", assets="BTC ETH", in_=place).reply()
    (message,) = await alice.receives(1)

    assert choices == [("BTC", "btc"), ("BTT", "btt")]
    assert reply.content == "watching BTC ETH"
    assert reply.is_ephemeral
    assert message.content == "hello"
    assert message.embeds[0]["description"] == "turned bullish"
    assert (message.nonce, message.is_silent) == ("m1", True)
    assert place.messages == ()


async def test_discord_py_answers_in_a_dm_and_updates_on_a_press(live: Any):
    dc, _ = live
    alice = dc.user("Alice")
    a_place(dc).server.adds(alice)

    reply = await alice.types("watch", assets="BTC").reply()
    updated = await alice.presses(reply, "Mute").updated()

    assert not reply.is_ephemeral
    assert (updated.content, updated.buttons) == ("muted", [])


async def test_discord_py_hears_of_servers_and_channels(live: Any):
    dc, bot = live
    place = a_place(dc)
    # until then discord.py takes a server it joins for one it was in
    await bot.wait_until_ready()

    place.deletes()
    place.server.kicks_bot()
    place.server.adds_bot()

    await bot.hears("deleted alerts")
    await bot.hears("left Traders")
    await bot.hears("joined Traders")


async def test_discord_py_resumes_and_gets_what_it_missed(live: Any):
    dc, bot = live
    place = a_place(dc)

    await dc.drop_gateway()
    place.deletes()

    await bot.hears("deleted alerts")
    await bot.hears("resumed")
    assert dc.gateway.identifies == 1


async def test_discord_py_reconnects_when_asked(live: Any):
    dc, bot = live

    dc.gateway.ask_to_reconnect()

    await bot.hears("resumed")


async def test_discord_py_survives_a_restart_of_discord(live: Any):
    dc, _ = live
    alice = dc.user("Alice")
    a_place(dc).server.adds(alice)

    await dc.restart()
    came = await dc.world.until(lambda: dc.gateway.identifies == 2, 20)

    assert came
    assert (await alice.types("watch", assets="BTC").reply()).content == "watching BTC"


async def test_discord_py_sends_without_a_gateway(patched: Any):
    async with FakeDiscord() as dc, discord.Client(intents=INTENTS) as client:
        patched(dc)
        alice = dc.user("Alice")
        dc.server("Traders").adds(alice)
        await client.login(dc.token)
        alice.closes_dms()
        target = client.get_partial_messageable(int(alice.dm.id))

        with pytest.raises(discord.Forbidden) as refused:
            await target.send("hello", nonce="m1")
        alice.opens_dms()
        await target.send("hello", nonce="m1")
        await target.send("hello", nonce="m1")

        assert refused.value.code == 50007
        assert [m.content for m in await alice.receives(1)] == ["hello"]
        assert dc.swallowed == 1
        assert dc.violations == []


async def test_a_wrong_token_and_privileged_intents_are_told_apart(patched: Any):
    async with FakeDiscord() as dc:
        patched(dc)
        async with Bot() as bot:
            with pytest.raises(discord.LoginFailure):
                await bot.start("WRONG")

        async with discord.Client(
            intents=discord.Intents(message_content=True)
        ) as client:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await client.start(dc.token)

        assert dc.gateway.refusals == [4014]


# ------------------------------------------------------------- raw gateway


async def gateway_frame(socket: Any) -> dict[str, Any]:
    frame: dict[str, Any] = await socket.receive_json(timeout=5)
    return frame


def identify(**changes: Any) -> dict[str, Any]:
    data = {"token": "TESTTOKEN", "intents": 1, "properties": {}} | changes
    return {"op": 2, "d": data}


async def test_the_gateway_greets_and_answers_heartbeats(dc: FakeDiscord, raw: Raw):
    async with raw.session.ws_connect(dc.gateway_url) as socket:
        hello = await gateway_frame(socket)
        await socket.send_json({"op": 1, "d": None})
        ack = await gateway_frame(socket)

    assert (hello["op"], ack["op"]) == (10, 11)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([identify(token="x")], 4004, id="wrong token"),
        pytest.param([identify(intents=1 << 15)], 4014, id="privileged intents"),
        pytest.param([identify(), identify()], 4005, id="identified twice"),
        pytest.param([{"op": 3, "d": {}}], 4003, id="not identified"),
        pytest.param([{"op": 99}], 4001, id="unknown opcode"),
        pytest.param([{"op": 1, "d": "x" * 4096}], 4002, id="too large"),
        pytest.param([identify(shard=[2, 2])], 4010, id="no such shard"),
        pytest.param([{"op": 1}] * 121, 4008, id="too many events"),
    ],
)
async def test_the_gateway_closes_with_its_reason(
    dc: FakeDiscord, raw: Raw, frames: list[dict[str, Any]], code: int
):
    async with raw.session.ws_connect(dc.gateway_url) as socket:
        for frame in frames:
            await socket.send_json(frame)
        async with asyncio.timeout(5):
            async for _ in socket:
                pass

    assert socket.close_code == code
    assert dc.gateway.refusals == [code]


async def test_messages_are_told_only_to_intents_that_ask(
    dc: FakeDiscord, raw: Raw, alerts: Any, alice: Any
):
    async with (
        raw.session.ws_connect(dc.gateway_url) as deaf,
        raw.session.ws_connect(dc.gateway_url) as eager,
    ):
        await deaf.send_json(identify())
        await eager.send_json(identify(intents=1 | 1 << 9))
        await dc.world.until(lambda: len(dc.gateway.sessions) == 2, 5)

        alice.writes("psst", in_=alerts)
        alerts.deletes()

        heard = {}
        for name, socket in (("deaf", deaf), ("eager", eager)):
            heard[name] = seen = []
            while "CHANNEL_DELETE" not in [frame["t"] for frame in seen]:
                frame = await gateway_frame(socket)
                seen += [frame] if frame["op"] == 0 else []

    assert [f["t"] for f in heard["deaf"]] == [
        "READY",
        "GUILD_CREATE",
        "CHANNEL_DELETE",
    ]
    told = next(f for f in heard["eager"] if f["t"] == "MESSAGE_CREATE")
    assert told["d"]["author"]["username"] == "alice"
    assert told["d"]["content"] == ""


async def test_an_unknown_session_can_not_be_resumed(dc: FakeDiscord, raw: Raw):
    async with raw.session.ws_connect(dc.gateway_url) as socket:
        await gateway_frame(socket)
        data = {"token": dc.token, "session_id": "gone", "seq": 1}
        await socket.send_json({"op": 6, "d": data})

        assert await gateway_frame(socket) == {"op": 9, "d": False}


async def test_events_go_to_the_shard_of_their_server(dc: FakeDiscord, raw: Raw):
    server = dc.server("Traders")
    mine = (int(server.id) >> 22) % 2
    async with (
        raw.session.ws_connect(dc.gateway_url) as zero,
        raw.session.ws_connect(dc.gateway_url) as one,
    ):
        ready = []
        for number, socket in enumerate((zero, one)):
            await gateway_frame(socket)
            await socket.send_json(identify(shard=[number, 2]))
            ready.append(await gateway_frame(socket))

    assert [len(each["d"]["guilds"]) for each in ready] == [
        int(n == mine) for n in (0, 1)
    ]
