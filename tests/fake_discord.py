"""A Discord of our own on loopback: REST and gateway, good enough for discord.py.

    async with FakeDiscord() as dc:
        server = dc.server("Traders")
        alerts = server.channel("alerts")
        alice = dc.user("Alice")
        server.adds(alice, may_manage=True)
        ...  # start the bot with dc.api_url, dc.gateway_url and dc.token
        await dc.ready()
        reply = await alice.types("watch", assets="BTC", in_=alerts).reply()
        (alert,) = await alice.receives(1)
        assert dc.violations == []

A bot in any process talks to it over real sockets. Its discord.py needs
`discord.http.Route.BASE = api_url` and `DiscordWebSocket.DEFAULT_GATEWAY =
yarl.URL(gateway_url)` (where it goes after its session was declared invalid).

Requests are held against `discord_facts.json` and the documented limits; whatever
breaks them is answered as Discord does and noted in `violations`. Interactions must
be acknowledged within 3 s of real time; the other limits go by `now`.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from aiohttp import web
from fake_discord_gateway import Gateway
from fake_discord_interactions import Interaction
from fake_discord_limits import Limits
from fake_discord_messages import Seen
from fake_discord_places import Channel, Server
from fake_discord_rest import ROUTES
from fake_discord_rules import Facts
from fake_discord_serving import Fate, Request, Serving
from fake_discord_world import User, World

__all__ = [
    "Channel",
    "FakeDiscord",
    "Interaction",
    "Request",
    "Seen",
    "Server",
    "User",
]


def wall_clock() -> datetime:
    return datetime.now(UTC)


class FakeDiscord:
    """The server, and everything a test says to it.

    Attributes:
        ack_within: seconds of real time a bot has to acknowledge an interaction.
        nonce_window: for how long an enforced nonce swallows a repeat.
    """

    def __init__(
        self,
        token: str = "TESTTOKEN",
        *,
        now: Callable[[], datetime] = wall_clock,
        nonce_window: timedelta = timedelta(seconds=120),
        ack_within: float = 3.0,
        facts: Facts | None = None,
    ) -> None:
        self.token = token
        self.world = World(now)
        self.world.nonce_window = nonce_window
        self.world.ack_within = ack_within
        #: every request that broke the facts or the documented limits
        self.violations: list[str] = []
        self.gateway = Gateway(self.world, token, self.violations)
        self.limits = Limits(now)
        self._serving = Serving(
            self.world, self.gateway, self.limits, facts or Facts(), self.violations
        )
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stop()

    async def start(self) -> None:
        """Listen; after a `stop` on the same port as before."""
        self._serving.stopping = asyncio.Event()
        app = web.Application(client_max_size=32 << 20)
        app.router.add_get("/gateway", self.gateway.serve)
        self._serving.add_routes(app.router)
        # a client that hangs up ends what it asked for; stopping waits for nobody
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.5, access_log=None
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.gateway.url = self.gateway_url

    async def stop(self) -> None:
        """Go away: connections are refused until `start`; what is known stays."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        self._serving.stopping.set()
        for site in list(runner.sites):
            await site.stop()
        await self.gateway.close_all(code=1001)
        await runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}/gateway"

    # ---- the world

    @property
    def bot(self) -> User:
        """The bot's own account; its id is the application's id, too."""
        return self.world.bot

    def server(self, name: str) -> Server:
        """Create a server that the bot is in."""
        return Server(self.world, name, User(self.world, f"Owner of {name}"))

    def user(self, name: str, locale: str = "en-US") -> User:
        """Create somebody; without a common server the bot can't write to them."""
        return User(self.world, name, locale)

    @property
    def commands(self) -> dict[str, dict[str, Any]]:
        """The registered slash commands by name; a server's own come last."""
        found: dict[str, dict[str, Any]] = {}
        for each in self.world.commands.values():
            found |= {command["name"]: command for command in each}
        return found

    async def ready(self, timeout: float = 15) -> None:
        """Wait until all shards of a bot are connected and commands are synced."""
        gateway, world = self.gateway, self.world
        came = await world.until(
            lambda: gateway.is_ready() and any(world.commands.values()), timeout
        )
        assert came, (
            f"no bot in {timeout} s: {gateway.identifies} identified, refused with "
            f"{gateway.refusals}, commands {sorted(self.commands)}, "
            f"violations {self.violations}"
        )

    # ---- what was asked

    @property
    def requests(self) -> list[Request]:
        """Every REST request, in order of arrival."""
        return self._serving.requests

    @property
    def uploads(self) -> list[bytes]:
        """The content of every file that came, in order."""
        return self._serving.uploads

    @property
    def swallowed(self) -> int:
        """How many repeats an enforced nonce has hidden."""
        return self.world.swallowed

    @property
    def invalid_requests(self) -> int:
        """Answers of 401, 403 and 429 in the last ten minutes (budget: 10,000)."""
        return self.limits.invalid_requests

    # ---- trouble

    def fail_next(
        self,
        route: str,
        *,
        status: int = 500,
        body: Any = None,
        headers: dict[str, str] | None = None,
        times: int = 1,
        channel: Channel | User | None = None,
    ) -> None:
        """Answer the next requests of this route so, without doing anything.

        `route` is written as in Discord's documents, `POST /channels/{channel_id}/...`;
        the names in braces do not matter. A 429 gets `Via` and `Retry-After` unless
        `headers` names them; an empty value leaves a header out, and a `body` of text
        is sent as a web page, as Cloudflare does.
        """
        fate = Fate("fail", status=status, body=body, headers=headers or {})
        self._plan(route, fate, times, channel)

    def lose_answer_next(
        self, route: str, *, times: int = 1, channel: Channel | User | None = None
    ) -> None:
        """Do what the next requests ask, but cut the connection before the answer."""
        self._plan(route, Fate("lose"), times, channel)

    def hang_next(
        self, route: str, *, times: int = 1, channel: Channel | User | None = None
    ) -> None:
        """Take the next requests, do nothing, and never answer."""
        self._plan(route, Fate("hang"), times, channel)

    def _plan(
        self, route: str, fate: Fate, times: int, channel: Channel | User | None
    ) -> None:
        known = {_nameless(each): each for each in ROUTES}
        assert _nameless(route) in known, f"no route {route!r}"
        place = channel.dm if isinstance(channel, User) else channel
        fate.channel_id = place.id if place else None
        fate.route = known[_nameless(route)]
        fate.times = times
        self._serving.fates.append(fate)

    @property
    def unmet_fates(self) -> list[str]:
        """Routes whose planned trouble no request has met yet."""
        return [each.route for each in self._serving.fates]

    def lift_limits(self) -> None:
        """Stop counting requests against rates; limits of size stay."""
        self.limits.is_enforced = False
        self.gateway.is_paced = False

    def enforce_limits(self) -> None:
        self.limits.is_enforced = True
        self.gateway.is_paced = True

    def drop_gateway(self, code: int = 4000) -> asyncio.Task[None]:
        """Close all websockets; clients resume. Awaiting it is possible, not needed."""
        return self._do(self.gateway.close_all(code))

    def restart(self, *, keeps_sessions: bool = False) -> asyncio.Task[None]:
        """Go away and come back on the same port; clients identify anew, or resume.

        Awaiting it is possible, not needed.
        """
        return self._do(self._restart(keeps_sessions=keeps_sessions))

    async def _restart(self, *, keeps_sessions: bool) -> None:
        await self.stop()
        if not keeps_sessions:
            self.gateway.sessions.clear()
        await self.start()

    def _do(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _nameless(route: str) -> str:
    return re.sub(r"\{\w+\}", "{}", route)
