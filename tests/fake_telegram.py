"""A Bot API server of our own, for a client in this or another process.

`async with FakeTelegram() as tg` listens on a loopback port and speaks HTTP like
api.telegram.org; people, groups and channels are driven from the test:

    alice = tg.user("Alice")
    alice.says("/watch BTC")
    (reply,) = await alice.receives(1)
    callback = alice.presses(reply, "Mute")
    assert "muted" in await alice.toast(callback)
    assert tg.violations == []

Verbs are synchronous and take effect at once; what has to wait is awaited. Updates are
posted to a webhook that is set; `tg.leads(public, local)` says where its address leads.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from fake_telegram_methods import Methods
from fake_telegram_people import Channel, Group, User
from fake_telegram_rules import Checker, Limits, RefusedError
from fake_telegram_webhook import Post, Poster
from fake_telegram_wire import (
    REASONS,
    Fault,
    Request,
    error_text,
    read_request,
    response,
)
from fake_telegram_world import Button, Callback, Chat, Seen, World

__all__ = ["Button", "Channel", "FakeTelegram", "Group", "Request", "Seen", "User"]

#: core.telegram.org/bots/api#getupdates; longer waits are cut by the server
POLL_SECONDS_MAX = 50


class FakeTelegram:
    """The server, its world and what it noticed."""

    def __init__(
        self,
        token: str = "42:TESTTOKEN",
        *,
        username: str = "FlipwatchBot",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self.clock = clock
        self.world = World(token=token, username=username, clock=clock)
        self.world.explain = self._explain
        self.requests: list[Request] = []
        #: requests that could never be right; a good bot leaves this empty
        self.violations: list[str] = []
        #: seconds that every answer takes
        self.latency = 0.0
        self.base_url = ""
        self._checker = Checker()
        self._limits = Limits(clock)
        self._methods = Methods(self.world, self._limits)
        self._faults: list[Fault] = []
        self._poll = 0
        self._poster = Poster(self.world, self._methods)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=60 * 2**20)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_get("/file/bot{token}/documents/{file_id}", self._give_file)
        app.router.add_route("*", "/{rest:.*}", self._not_found)
        # a handler that hangs ends with the connection of its client
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/bot"
        self._poster.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._poster.stop()
        self.restart()
        if self._runner:
            await self._runner.cleanup()

    # ------------------------------------------------------------- who is there

    def user(self, name: str, *, language: str = "en", username: str = "") -> User:
        """Add somebody who never wrote to the bot so far."""
        user = User(self.world, name, language)
        user.username = username
        return user

    def group(
        self,
        title: str,
        *,
        admins: Sequence[User],
        members: Sequence[User] = (),
        is_forum: bool = False,
        is_supergroup: bool = True,
        has_bot: bool = True,
    ) -> Group:
        """Add a group; the first admin is its creator.

        The bot is a plain member from the beginning without having been told;
        `has_bot=False` leaves it out until `adds_bot`.
        """
        group = Group(
            self.world, title, admins, is_supergroup=is_supergroup, is_forum=is_forum
        )
        group.members += members
        group.bot_status = "member" if has_bot else "left"
        return group

    def channel(
        self,
        title: str,
        *,
        admins: Sequence[User],
        username: str = "",
        has_bot: bool = True,
    ) -> Channel:
        """Add a channel; the bot is one of its admins unless `has_bot=False`."""
        channel = Channel(self.world, title, admins)
        channel.username = username
        channel.bot_status = "administrator" if has_bot else "left"
        return channel

    # ------------------------------------------------------------ what goes wrong

    def fail_next(
        self,
        method: str,
        *,
        status: int,
        description: str = "",
        parameters: Mapping[str, int] | None = None,
        times: int = 1,
        chat: Chat | int | None = None,
        raw: str = "",
    ) -> None:
        """Answer the next requests with an error; nothing is delivered.

        `method` may be `*`; `raw` is sent instead of JSON, as gateways do.
        """
        answer = raw or error_text(status, description or REASONS[status], parameters)
        self._faults.append(
            Fault(
                method=method,
                kind="fail",
                times=times,
                chat=_id(chat),
                status=status,
                answer=answer.encode(),
                retry_after=(parameters or {}).get("retry_after", 0),
            )
        )

    def lose_answer_next(
        self, method: str, *, times: int = 1, chat: Chat | int | None = None
    ) -> None:
        """Do what the next requests ask, but close the connection unanswered."""
        self._faults.append(
            Fault(method=method, kind="lose", times=times, chat=_id(chat))
        )

    def hang_next(
        self,
        method: str,
        *,
        times: int = 1,
        chat: Chat | int | None = None,
        is_delivered: bool = False,
    ) -> None:
        """Leave the next requests unanswered until the client gives up."""
        kind = "hang after" if is_delivered else "hang"
        self._faults.append(
            Fault(method=method, kind=kind, times=times, chat=_id(chat))
        )

    def restart(self) -> None:
        """Drop all connections and keep the world, the port and the faults."""
        server = self._runner.server if self._runner else None
        for connection in server.connections if server else ():
            if connection.transport:
                connection.transport.abort()

    def forbid_photos(self, chat: Chat) -> None:
        """Let a chat take words but no photos."""
        self._methods.photo_error[chat.id] = (
            "not enough rights to send photos to the chat"
        )

    def lift_limits(self) -> None:
        self._methods.are_limits_on = False

    def enforce_limits(self) -> None:
        """Enforce the limits, counting from now."""
        self._limits.forget()
        self._methods.are_limits_on = True

    def leads(self, public: str, local: str) -> None:
        """Let a public address lead to a local one, as a proxy there would."""
        self._poster.ways[public] = local

    def post_again(self, times: int) -> None:
        """Post each update so many times more although it was taken."""
        self._poster.repeats = times

    # ------------------------------------------------------------ what was noticed

    @property
    def webhook(self) -> Mapping[str, Any]:
        """The webhook as it was set; empty if none is."""
        return self._methods.webhook

    @property
    def posts(self) -> tuple[Post, ...]:
        """What was posted to the webhook, and the answers."""
        return tuple(self._poster.posts)

    @property
    def too_many(self) -> int:
        """How often the bot was told to wait because it sent too fast."""
        return self._methods.too_many

    @property
    def sent(self) -> tuple[Seen, ...]:
        """All messages of the bot in the order they arrived, as they look now."""
        return tuple(post.seen() for post in self.world.arrived)

    @property
    def callbacks(self) -> dict[str, Callback]:
        return self.world.callbacks

    @property
    def commands(self) -> dict[tuple[str, str], list[dict[str, str]]]:
        """The command menus by scope (`default`, `chat:123`) and language."""
        return self._methods.commands

    @property
    def profile(self) -> dict[tuple[str, str], str]:
        """`name`, `description` and `short_description` by language."""
        return self._methods.profile

    @property
    def pending_updates(self) -> int:
        return len(self.world.updates)

    @property
    def knows_time_entities(self) -> bool:
        """Whether `tg-time` is known; a server before Bot API 9.5 refuses it."""
        return self._methods.knows_time_entities

    @knows_time_entities.setter
    def knows_time_entities(self, value: bool) -> None:
        self._methods.knows_time_entities = value

    @property
    def callback_lifetime(self) -> float:
        """For how many seconds a press can be answered."""
        return self._methods.callback_lifetime

    @callback_lifetime.setter
    def callback_lifetime(self, value: float) -> None:
        self._methods.callback_lifetime = value

    async def quiet(self, seconds: float) -> None:
        """Return once nothing was sent or edited for so long, from now on."""
        before, sent = self.world.changes, len(self.world.arrived)
        if await self.world.bell.until(lambda: self.world.changes > before, seconds):
            raise AssertionError(f"not quiet: {self.sent[sent:] or 'an edit'}")

    async def requested(
        self, method: str, n: int = 1, timeout: float = 10
    ) -> tuple[Request, ...]:
        """Wait until a method was requested `n` times in all; return these."""
        found = [r for r in self.requests if r.method == method]

        def is_enough() -> bool:
            found[:] = [r for r in self.requests if r.method == method]
            return len(found) >= n

        if not await self.world.bell.until(is_enough, timeout):
            raise AssertionError(
                f"{method} was requested {len(found)} of {n} times in {timeout} s"
            )
        return tuple(found)

    def _explain(self) -> str:
        last = [f"  {r.method} {r.params}" for r in self.requests[-8:]]
        broken = [f"  {v}" for v in self.violations]
        return "\n".join(
            ["Last requests:", *last, "Broken rules:", *(broken or ["  none"])]
        )

    # ------------------------------------------------------------------- serving

    async def _not_found(self, _: web.Request) -> web.Response:
        return response(404, error_text(404, "Not Found"))

    async def _give_file(self, http: web.Request) -> web.Response:
        content = self.world.file(http.match_info["file_id"])
        if http.match_info["token"] != self.token or content is None:
            return response(404, error_text(404, "Not Found"))
        return web.Response(body=content)

    async def _handle(self, http: web.Request) -> web.Response:
        if http.match_info["token"] != self.token:
            return response(401, error_text(401, "Unauthorized"))
        method = self._checker.name_of(http.match_info["method"])
        if method is None:
            self.violations.append(f"unknown method {http.match_info['method']}")
            return response(404, error_text(404, "Not Found"))
        raw, is_form = await read_request(http)
        params, problems = self._checker.read(method, raw, is_form=is_form)
        request = Request(method, params, self.clock())
        self.requests.append(request)
        self.world.bell.ring()
        if problems:
            self.violations += [f"{method}: {problem}" for problem in problems]
            return response(400, error_text(400, f"Bad Request: {problems[0]}"))
        fault = next((f for f in self._faults if f.concerns(request)), None)
        if fault:
            fault.times -= 1
        if self.latency:
            await asyncio.sleep(self.latency)
        return await self._answer(http, request, fault)

    async def _answer(
        self, http: web.Request, request: Request, fault: Fault | None
    ) -> web.Response:
        kind = fault.kind if fault else ""
        if fault and kind == "fail":
            return response(
                fault.status, fault.answer.decode(), retry_after=fault.retry_after
            )
        if kind == "hang":
            await asyncio.Event().wait()
        try:
            result = await self._result(request)
            answer = response(200, json.dumps({"ok": True, "result": result}))
        except RefusedError as refused:
            if refused.is_violation:
                self.violations.append(f"{request.method}: {refused.description}")
            answer = response(
                refused.status,
                error_text(refused.status, refused.description, refused.parameters),
                retry_after=refused.parameters.get("retry_after", 0),
            )
        if kind == "lose" and http.transport:
            http.transport.abort()
        if kind in {"lose", "hang after"}:
            await asyncio.Event().wait()
        return answer

    async def _result(self, request: Request) -> Any:
        if request.method == "getUpdates":
            return await self._get_updates(request.params)
        return self._methods.call(request.method, request.params)

    async def _get_updates(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        world = self.world
        self._check_no_webhook()
        self._poll += 1
        me = self._poll
        world.bell.ring()
        if "allowed_updates" in params:
            world.allowed_updates = params["allowed_updates"]
        offset = params.get("offset", 0)
        if offset < 0:
            world.updates = world.updates[offset:]
        elif offset:
            world.updates = [u for u in world.updates if u["update_id"] >= offset]
        await world.bell.until(
            lambda: world.updates or me != self._poll or self._methods.webhook,
            min(max(params.get("timeout", 0), 0), POLL_SECONDS_MAX),
        )
        if me != self._poll:
            raise RefusedError(
                409,
                "Conflict: terminated by other getUpdates request; make sure that "
                "only one bot instance is running",
            )
        self._check_no_webhook()
        return world.updates[: params.get("limit", 100)]

    def _check_no_webhook(self) -> None:
        if self._methods.webhook:
            raise RefusedError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use "
                "deleteWebhook to delete the webhook first",
            )


def _id(chat: Chat | int | None) -> int | None:
    return chat.id if isinstance(chat, Chat) else chat
