"""A raw client of the fake Bot API server, for the tests of the server itself."""

import json
from typing import Any

import aiohttp
from fake_telegram import FakeTelegram


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bot:
    """A client that sends forms, as python-telegram-bot does."""

    def __init__(self, tg: FakeTelegram, http: aiohttp.ClientSession) -> None:
        self.tg, self.http = tg, http

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        form = {
            k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()
        }
        url = f"{self.tg.base_url}{self.tg.token}/{method}"
        async with self.http.post(url, data=form) as answer:
            return await answer.json()

    async def refused(self, method: str, **params: Any) -> tuple[int, str]:
        answer = await self.ask(method, **params)
        assert not answer["ok"], answer
        return answer["error_code"], answer["description"]

    async def send(self, chat: Any, text: str = "hello", **params: Any) -> int:
        answer = await self.ask("sendMessage", chat_id=chat.id, text=text, **params)
        assert answer["ok"], answer
        return answer["result"]["message_id"]

    async def updates(self, **params: Any) -> list[dict[str, Any]]:
        answer = await self.ask("getUpdates", **params)
        assert answer["ok"], answer
        return answer["result"]


def keyboard(*rows: list[dict[str, str]]) -> dict[str, Any]:
    return {"inline_keyboard": list(rows)}


MUTE = {"text": "🔕 Mute 24 h", "callback_data": "v1:mute24:1"}
