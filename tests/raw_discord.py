"""The smallest client of the fake Discord's REST side, and bodies to send with it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from fake_discord import FakeDiscord

SEND = "POST /channels/{channel_id}/messages"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def moves(self, **by: float) -> None:
        self.now += timedelta(**by)


class Raw:
    """Asks as the bot, with its token."""

    def __init__(self, dc: FakeDiscord, session: aiohttp.ClientSession) -> None:
        self.dc = dc
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Return (status, answer, headers)."""
        headers = {"Authorization": f"Bot {self.dc.token}"} | more.pop("headers", {})
        async with asyncio.timeout(10):
            async with self.session.request(
                method, self.dc.api_url + path, json=body, headers=headers, **more
            ) as response:
                text = await response.text()
                is_json = response.headers.get("Content-Type") == "application/json"
                said = json.loads(text) if is_json else text
                return response.status, said, response.headers

    async def sends(self, channel: Any, **body: Any) -> tuple[int, Any]:
        path = f"/channels/{channel.id}/messages"
        status, said, _ = await self.ask("POST", path, body)
        return status, said

    async def registers(self, *commands: dict[str, Any]) -> tuple[int, Any]:
        path = f"/applications/{self.dc.bot.id}/commands"
        status, said, _ = await self.ask("PUT", path, list(commands))
        return status, said

    async def answers(self, opened: Any, kind: int, **data: Any) -> tuple[int, Any]:
        path = f"/interactions/{opened.id}/{opened.token}/callback?with_response=1"
        body = {"type": kind, "data": data} if data else {"type": kind}
        status, said, _ = await self.ask("POST", path, body)
        return status, said

    async def follows_up(self, opened: Any, **body: Any) -> tuple[int, Any]:
        path = f"/webhooks/{self.dc.bot.id}/{opened.token}"
        status, said, _ = await self.ask("POST", path, body)
        return status, said


def button(label: str = "Mute", custom_id: str = "mute") -> dict[str, Any]:
    return {"type": 2, "style": 2, "label": label, "custom_id": custom_id}


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(buttons or [button()])}


WATCH = {
    "name": "watch",
    "description": "Watch assets",
    "options": [
        {"type": 3, "name": "assets", "description": "Which", "required": True}
        | {"autocomplete": True},
        {"type": 4, "name": "line", "description": "A grade", "max_value": 100},
    ],
}


def command(**changes: Any) -> dict[str, Any]:
    return {"name": "watch", "description": "Watch"} | changes


def option(name: str = "assets", **changes: Any) -> dict[str, Any]:
    return {"type": 3, "name": name, "description": "Which"} | changes
