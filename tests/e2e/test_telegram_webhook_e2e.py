"""Telegram by webhook, end to end: the real program behind a public address."""

from pathlib import Path

import pytest
from fake_telegram import FakeTelegram
from running import running

TOKEN = "4242424242:AAE2E-test-token-that-is-not-a-secret"
PUBLIC = "https://bot.example.org"
WAIT = 30.0


@pytest.mark.timeout(180)
async def test_commands_come_by_webhook_also_those_from_before_the_start(
    tmp_path: Path,
) -> None:
    async with FakeTelegram(token=TOKEN) as telegram:
        alice = telegram.user("Alice")
        alice.says("/help")
        text = f"""
[telegram]
token = "{TOKEN}"
base_url = "{telegram.base_url}"
mode = "webhook"
webhook_url = "{PUBLIC}"
"""
        async with running(tmp_path, text) as program:
            telegram.leads(PUBLIC, program.url)
            await alice.receives(1, timeout=WAIT)
            alice.says("/status")
            (reply,) = await alice.receives(1, timeout=WAIT)
            status, _ = await program.get("/telegram/webhook")
            output = program.output

        assert "telegram" not in reply.text.lower()
        assert status in {404, 405}
        assert telegram.webhook["url"] == f"{PUBLIC}/telegram/webhook"
        assert telegram.violations == []
        assert TOKEN not in output
        assert telegram.webhook["secret_token"] not in output
