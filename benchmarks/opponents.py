"""What we are measured against: a bare loop, and the program people write first."""

import asyncio
import json
from collections.abc import Sequence

import aiohttp

from benchmarks.outbox import TOKEN
from benchmarks.platform_server import clock
from bot.model import Platform

#: as long as an alert with its buttons, emoji included
_TELEGRAM = {
    "text": "🔴 <b>BTC turned bearish</b> · grade 24, was 71\nPrice $57,120\n\n" * 3,
    "parse_mode": "HTML",
    "link_preview_options": {"is_disabled": True},
    "reply_markup": {
        "inline_keyboard": [
            [
                {"text": "🔎 Why", "callback_data": "v1:why:1"},
                {"text": "🔕 Mute 24 h", "callback_data": "v1:mute24:1"},
                {"text": "✖ Unwatch", "callback_data": "v1:unwatch:1"},
            ]
        ]
    },
}
_DISCORD = {
    "content": "🔴 **BTC turned bearish** · grade 24, was 71",
    "embeds": [{"description": "Price $57,120\n" * 6, "color": 14042437}],
    "components": [
        {
            "type": 1,
            "components": [
                {"type": 2, "label": f"Button {n}", "style": 2, "custom_id": f"v1:{n}"}
                for n in range(3)
            ],
        }
    ],
    "allowed_mentions": {"parse": []},
}


async def bare_loop(
    on: Platform, url: str, chats: Sequence[str], in_flight: int
) -> float:
    """Post one body to every chat by aiohttp alone; return posts per second."""
    left = iter(chats)
    headers = {"Content-Type": "application/json"}
    if on is Platform.DISCORD:
        headers["Authorization"] = "Bot " + TOKEN
    body = json.dumps(_TELEGRAM if on is Platform.TELEGRAM else _DISCORD).encode()

    def target(chat: str) -> str:
        if on is Platform.TELEGRAM:
            return f"{url}{TOKEN}/sendMessage"
        return f"{url}/channels/{chat}/messages"

    async def worker(session: aiohttp.ClientSession) -> None:
        for chat in left:
            async with session.post(target(chat), data=body, headers=headers) as answer:
                json.loads(await answer.read())

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        started = clock()
        await asyncio.gather(*(worker(session) for _ in range(in_flight)))
        return len(chats) / (clock() - started)


async def library_loop(url: str, chats: Sequence[str]) -> float:
    """Send with python-telegram-bot and its limiter, one after the other."""
    from telegram.ext import AIORateLimiter, ApplicationBuilder

    app = (
        ApplicationBuilder()
        .token(TOKEN)
        .base_url(url)
        .rate_limiter(AIORateLimiter(overall_max_rate=1_000_000, overall_time_period=1))
        .updater(None)
        .build()
    )
    limiter, request = app.bot.rate_limiter, app.bot.request
    assert limiter is not None
    await limiter.initialize()
    await request.initialize()
    started = clock()
    for chat in chats:
        await app.bot.send_message(int(chat), _TELEGRAM["text"], parse_mode="HTML")
    took = clock() - started
    await request.shutdown()
    await limiter.shutdown()
    return len(chats) / took
