"""Discord's face: one gateway connection, kept up, and what comes in over it."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import discord
from discord.http import Route

from bot.config import DiscordConfig
from bot.errors import (
    DeliveryError,
    SenderMisconfiguredError,
    TemporaryDeliveryError,
)
from bot.model import Address, PlaceKind, Platform
from bot.ports import Arrival, Desk
from handlers.discord.commands import definitions, fingerprint
from handlers.discord.errors import classify_error
from handlers.discord.gateway import GatewayClient
from handlers.discord.interactions import Interactions, Patience, without_words
from handlers.discord.sender import DiscordSender

logger = logging.getLogger(__name__)

_COMMANDS = "/applications/{application_id}/commands"

#: how long one attempt to log in, and leaving politely, may take
_LOGIN_SECONDS = 60.0
_LEAVE_SECONDS = 10.0
_AGAIN_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the face waits: for answers, and before it tries again.

    After a failure it tries again after `retry_first`, then twice as long each time up
    to `retry_at_most`; a token that Discord refuses is tried every `probe_every`.
    """

    patience: Patience = field(default_factory=Patience)
    retry_first: timedelta = timedelta(seconds=1)
    retry_at_most: timedelta = timedelta(seconds=60)
    probe_every: timedelta = timedelta(minutes=5)

    def retries(self) -> Iterator[float]:
        """Give the seconds to wait before each further try, without end."""
        wait = self.retry_first
        while True:
            yield wait.total_seconds()
            wait = min(2 * wait, self.retry_at_most)

    def until_next(self, failure: DeliveryError, waits: Iterator[float]) -> float:
        """Return the seconds to wait after this failure."""
        if isinstance(failure, SenderMisconfiguredError):
            return self.probe_every.total_seconds()
        ordered = getattr(failure, "retry_after", None) or timedelta()
        return max(ordered.total_seconds(), next(waits))


class DiscordFace:
    """Listens on Discord's gateway; slash commands and buttons go to the desk.

    An unreachable Discord or a refused token stops nothing else: `trouble` says it and
    the face keeps trying. discord.py keeps the address of the REST API for the whole
    process, so all faces of a process use the same one.
    """

    name = "discord"

    def __init__(
        self,
        config: DiscordConfig,
        desk: Desk,
        *,
        sender: DiscordSender | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Take the section and the desk; raise `ConfigError` without a token.

        A sender that is given stays the giver's to close.
        """
        self._config = config
        self._desk = desk
        self._pace = pace or Pace()
        self._sender = sender or DiscordSender(config)
        self._is_sender_mine = sender is None
        self._interactions = Interactions(desk, self._sender, self._pace.patience)
        self._listening: asyncio.Task[None] | None = None
        self._answering: set[asyncio.Task[object]] = set()
        self._retrying: set[asyncio.Task[object]] = set()
        self._trouble = ""
        self._is_up = False
        self._registering = asyncio.Lock()
        self._registered = ""
        self._register_trouble = ""

    async def start(self) -> None:
        """Start listening in the background; a second start changes nothing."""
        if self._listening is None:
            Route.BASE = self._config.api_url
            self._trouble = "connecting to Discord"
            self._listening = asyncio.create_task(self._listen(), name="discord face")

    async def stop(self) -> None:
        """Stop listening, then finish what is being answered; may be called twice."""
        listening, self._listening = self._listening, None
        while listening is not None and not listening.done():
            # On Python 3.11 asyncio.wait_for, with which discord.py connects, loses a
            # cancellation that comes at the moment the connection stands.
            listening.cancel()
            await asyncio.wait({listening}, timeout=_AGAIN_SECONDS)
        late = set(self._retrying)
        if self._answering:
            _, busy = await asyncio.wait(self._answering, timeout=_LEAVE_SECONDS)
            late |= busy
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        if self._is_sender_mine:
            await self._sender.close()

    def trouble(self) -> str:
        """Say in a line what keeps Discord from working now, or an empty string."""
        if self._listening is not None and self._listening.done():
            return "Discord's face has ended by mistake"
        return self._trouble or self._register_trouble

    # ---- staying connected

    async def _listen(self) -> None:
        """Connect, and again whenever discord.py gives up."""
        waits = self._pace.retries()
        while True:
            client = GatewayClient(self, self._config)
            try:
                failure = await self._connect(client)
            finally:
                await self._leave(client)
            if self._is_up:
                waits = self._pace.retries()
            self._is_up = False
            self._note(failure)
            await asyncio.sleep(self._pace.until_next(failure, waits))

    async def _connect(self, client: GatewayClient) -> DeliveryError:
        """Log in and stay until discord.py gives up; return why it did."""
        token = self._config.token
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                await client.login(token.get_secret_value() if token else "")
            await client.connect(reconnect=True)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            return classify_error(error)
        except Exception as error:
            # It also ends on whatever an event breaks inside it.
            logger.exception("discord gateway failed")
            return classify_error(error)
        return TemporaryDeliveryError("Discord closed the connection", reason="closed")

    async def _leave(self, client: GatewayClient) -> None:
        """Close the client in a task of its own: no cancellation cuts that off."""
        closing = asyncio.create_task(_close(client), name="discord face leaves")
        self._answering.add(closing)
        closing.add_done_callback(self._answering.discard)
        await asyncio.wait({closing})

    def _note(self, failure: DeliveryError) -> None:
        """Keep what is wrong, and log it once per distinct trouble."""
        if str(failure) != self._trouble:
            self._trouble = str(failure)
            logger.warning(
                "discord face is down",
                extra={"reason": failure.reason, "trouble": self._trouble},
            )

    async def _register(self, application_id: int) -> None:
        """Register the slash commands unless Discord has these from us already."""
        bodies = definitions()
        wanted = fingerprint(bodies)
        waits = self._pace.retries()
        async with self._registering:
            while self._registered != wanted and self._listening is not None:
                try:
                    await self._sender.rest.request(
                        "PUT", _COMMANDS, bodies, application_id=str(application_id)
                    )
                except DeliveryError as failure:
                    self._register_trouble = f"no slash commands: {failure}"
                    logger.warning(
                        "discord commands not registered",
                        extra={"reason": failure.reason},
                    )
                    await asyncio.sleep(self._pace.until_next(failure, waits))
                else:
                    self._registered, self._register_trouble = wanted, ""
                    logger.info("discord commands registered")

    # ---- what the gateway tells

    async def on_up(self, application_id: int) -> None:
        """Note that the connection stands, and see to the commands."""
        logger.info("discord face is up")
        self._is_up = True
        self._trouble = ""
        with _kept(self._retrying):
            await self._register(application_id)

    def on_down(self) -> None:
        """Note that discord.py is connecting again."""
        self._trouble = self._trouble or "the connection to Discord is lost"

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Answer a command, a press or half-typed words."""
        with _kept(self._answering):
            await self._interactions.handle(interaction)

    async def on_failed(
        self, interaction: discord.Interaction | None, error: BaseException
    ) -> None:
        """Answer what could not be answered, and log every failure."""
        with _kept(self._answering):
            if interaction is not None:
                await self._interactions.apologize(interaction, error)
            else:
                logger.error("discord event failed", exc_info=without_words(error))

    async def on_joined(self, guild: discord.Guild) -> None:
        """Resume what is parked there, and greet where the server wants it."""
        with _kept(self._answering):
            for place in _places(guild):
                await self._desk.on_back(place, PlaceKind.GROUP)
            lobby = guild.system_channel
            if lobby is None or not lobby.permissions_for(guild.me).send_messages:
                return
            place = _place(lobby.id)
            arrival = Arrival(place=place, kind=PlaceKind.GROUP, title=f"#{lobby.name}")
            welcome = await self._desk.on_added(arrival)
            if welcome.post is None:
                return
            try:
                for part in self._sender.render(welcome.post):
                    nonce = secrets.token_hex(10)
                    await self._sender.reply(place, part, nonce=nonce)
            except DeliveryError as failure:
                logger.info(
                    "discord greeting not sent", extra={"reason": failure.reason}
                )

    async def on_left(self, guild: discord.Guild) -> None:
        """Park all of a server."""
        with _kept(self._answering):
            for place in _places(guild):
                await self._desk.on_gone(place, "kicked")

    async def on_deleted(self, channel_id: int) -> None:
        """Park a deleted discord channel or thread."""
        with _kept(self._answering):
            await self._desk.on_gone(_place(channel_id), "channel_gone")


@contextmanager
def _kept(tasks: set[asyncio.Task[object]]) -> Iterator[None]:
    """Keep the task discord.py made for an event, so that `stop` can see to it."""
    task = asyncio.current_task()
    if task is None or task in tasks:
        yield
        return
    tasks.add(task)
    try:
        yield
    finally:
        tasks.discard(task)


async def _close(client: GatewayClient) -> None:
    """Close the client's connections, politely if Discord answers."""
    try:
        async with asyncio.timeout(_LEAVE_SECONDS):
            await client.close()
    except (aiohttp.ClientError, OSError):
        # Also our own TimeoutError: then without politeness.
        await client.http.close()


def _place(channel_id: int) -> Address:
    return Address(Platform.DISCORD, str(channel_id))


def _places(guild: discord.Guild) -> Iterator[Address]:
    """List all places of a server that can hold messages."""
    for channels in (
        guild.text_channels,
        guild.voice_channels,
        guild.stage_channels,
        guild.threads,
    ):
        for each in channels:
            yield _place(each.id)
