"""How the fake Bot API server posts updates to a bot's webhook.

As core.telegram.org/bots/api#setwebhook says: HTTPS POST with the secret in a header,
again and again until it is answered with 2xx. Addresses are public ones; `Way` says
where they lead on this machine, as a proxy in front of the bot would.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from fake_telegram_methods import Methods
from fake_telegram_world import World

#: Telegram's own waits are longer; a test has no time for them
RETRY_FIRST = 0.05
RETRY_MAX = 0.5
ANSWER_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Post:
    """An update that was posted, and what was answered (0: nothing)."""

    update_id: int
    status: int


class Poster:
    """Posts what waits, one update at a time, while a webhook is set."""

    def __init__(self, world: World, methods: Methods) -> None:
        self._world = world
        self._methods = methods
        self._task: asyncio.Task[None] | None = None
        self.ways: dict[str, str] = {}
        self.posts: list[Post] = []
        #: times that each update is posted although it was taken
        self.repeats = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="fake telegram posts")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        world, methods = self._world, self._methods
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            wait = RETRY_FIRST
            while True:
                await world.bell.until(lambda: methods.webhook and world.updates, 3600)
                if not methods.webhook or not world.updates:
                    continue
                update = world.updates[0]
                status = await self._post(session, update)
                if 200 <= status < 300:
                    for _ in range(self.repeats):
                        await self._post(session, update)
                    world.updates = [u for u in world.updates if u is not update]
                    world.bell.ring()
                    wait = RETRY_FIRST
                    continue
                await asyncio.sleep(wait)
                wait = min(2 * wait, RETRY_MAX)

    async def _post(
        self, session: aiohttp.ClientSession, update: dict[str, Any]
    ) -> int:
        webhook = dict(self._methods.webhook)
        if not webhook:
            return 0
        secret = webhook.get("secret_token")
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
        try:
            async with session.post(
                self._lead(webhook["url"]), json=update, headers=headers
            ) as answer:
                status = answer.status
                failure = f"Wrong response from the webhook: {status} {answer.reason}"
        except (aiohttp.ClientError, OSError, TimeoutError):
            status, failure = 0, "Connection refused"
        if not 200 <= status < 300:
            self._methods.webhook_error = (int(time.time()), failure)
        self.posts.append(Post(update["update_id"], status))
        self._world.bell.ring()
        return status

    def _lead(self, url: str) -> str:
        for public, local in self.ways.items():
            if url.startswith(public + "/"):
                return local + url.removeprefix(public)
        return url
