"""The monitor outside is called while all is well, and only then."""

import pytest
from aiohttp import web

from bot.heartbeat import Heartbeat


class Monitor:
    """A monitor on loopback that counts its calls."""

    def __init__(self):
        self.calls = []
        self.status = 200
        self.health = {"engine": "", "database": ""}

    async def hear(self, request):
        self.calls.append(request.path)
        return web.Response(status=self.status)

    async def ask(self):
        return self.health


@pytest.fixture
async def monitor():
    monitor = Monitor()
    app = web.Application()
    app.router.add_get("/{rest:.*}", monitor.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    monitor.url = f"http://127.0.0.1:{port}/ping/s3cret"
    yield monitor
    await runner.cleanup()


async def test_it_is_called_while_all_is_well(monitor):
    heart = Heartbeat(monitor.url, monitor.ask)

    await heart.beat()
    await heart.beat()

    assert monitor.calls == ["/ping/s3cret"] * 2


async def test_it_is_not_called_while_something_is_in_trouble(monitor):
    heart = Heartbeat(monitor.url, monitor.ask)
    monitor.health["engine"] = "no grades for 900 s"

    await heart.beat()
    assert monitor.calls == []

    monitor.health["engine"] = ""
    await heart.beat()
    assert len(monitor.calls) == 1


async def test_a_failure_is_logged_once_and_its_end_once(monitor, caplog):
    caplog.set_level("INFO", "bot.heartbeat")
    heart = Heartbeat(monitor.url, monitor.ask)
    monitor.status = 500

    for _ in range(3):
        await heart.beat()
    monitor.status = 200
    for _ in range(2):
        await heart.beat()

    assert [r.action for r in caplog.records] == [
        "heartbeat_failed",
        "heartbeat_back",
    ]
    assert "s3cret" not in caplog.text


async def test_nobody_there_is_no_trouble_of_ours(caplog):
    heart = Heartbeat("http://127.0.0.1:9/s3cret", Monitor().ask)

    await heart.beat()

    assert "did not arrive" in caplog.text
    assert "s3cret" not in caplog.text
