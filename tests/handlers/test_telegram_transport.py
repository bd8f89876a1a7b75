"""The transport speaks HTTP, tells whether a request left, and hides the token."""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from telegram import Bot, InputFile
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from bot.config import TelegramConfig
from bot.errors import ConfigError
from handlers.telegram.transport import AiohttpRequest, NotSentError, make_bot

TOKEN = "42:SECRET"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve every path on loopback; give the address with the token in it."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/bot{TOKEN}/sendMessage"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def requesting(**options: object) -> AsyncIterator[AiohttpRequest]:
    request = AiohttpRequest(**options)  # type: ignore[arg-type]
    try:
        yield request
    finally:
        await request.shutdown()


def parameters(**values: object) -> RequestData:
    return RequestData([RequestParameter.from_input(k, v) for k, v in values.items()])


async def hang(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def drop(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_parameters_arrive_as_json():
    got = {}

    async def handler(request: web.Request) -> web.Response:
        got.update(await request.json())
        return web.json_response({"ok": True, "result": 5})

    async with serving(handler) as url, requesting() as request:
        result = await request.post(url, parameters(text="a&b=ü", ids=[1, 2]))

    assert result == 5
    assert got == {"text": "a&b=ü", "ids": [1, 2]}


async def test_files_arrive_as_multipart():
    got = {}

    async def handler(request: web.Request) -> web.Response:
        form = await request.post()
        photo = form["photo"]
        got.update(name=photo.filename, content=photo.file.read(), chat=form["chat_id"])
        return web.json_response({"ok": True, "result": True})

    async with serving(handler) as url, requesting() as request:
        photo = InputFile(b"PNG", filename="chart.png")
        await request.post(url, parameters(chat_id=7, photo=photo))

    assert got == {"name": "chart.png", "content": b"PNG", "chat": "7"}


async def test_a_refused_connection_certainly_did_not_deliver():
    async with requesting() as request:
        with pytest.raises(NotSentError) as caught:
            await request.post(f"http://127.0.0.1:1/bot{TOKEN}/sendMessage")

    assert_hidden(caught.value)


async def test_an_unknown_host_certainly_did_not_deliver(
    monkeypatch: pytest.MonkeyPatch,
):
    async def no_address(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_address)
    async with requesting() as request:
        with pytest.raises(NotSentError) as caught:
            await request.post(f"https://nowhere.invalid/bot{TOKEN}/sendMessage")

    assert_hidden(caught.value)


async def test_a_full_pool_certainly_did_not_deliver():
    taken = asyncio.Event()

    async def hang_on(request: web.Request) -> web.Response:
        taken.set()
        return await hang(request)

    async with serving(hang_on) as url, requesting(connections=1) as request:
        first = asyncio.create_task(request.post(url))
        await asyncio.wait_for(taken.wait(), 10)
        with pytest.raises(NotSentError) as caught:
            await request.post(url, pool_timeout=0.05, connect_timeout=0.05)
        first.cancel()
        await asyncio.wait([first])

    assert_hidden(caught.value)


async def test_a_closed_pool_certainly_did_not_deliver():
    request = AiohttpRequest()
    await request.shutdown()

    with pytest.raises(NotSentError):
        await request.post("http://127.0.0.1:1/")


async def test_silence_after_sending_may_have_delivered():
    async with serving(hang) as url, requesting(read_timeout=0.1) as request:
        with pytest.raises(TimedOut) as caught:
            await request.post(url)

    assert_hidden(caught.value)


async def test_the_timeout_of_one_request_wins_over_the_default():
    async with serving(hang) as url, requesting(read_timeout=60) as request:
        with pytest.raises(TimedOut):
            await request.post(url, read_timeout=0.1)


async def test_a_broken_connection_may_have_delivered():
    async with serving(drop) as url, requesting() as request:
        with pytest.raises(NetworkError) as caught:
            await request.post(url)

    assert not isinstance(caught.value, NotSentError | TimedOut)
    assert_hidden(caught.value)


async def test_an_address_that_is_none_fails_without_showing_it():
    async with requesting() as request:
        with pytest.raises(NetworkError) as caught:
            await request.post(f"http://127.0.0.1:99999999/bot{TOKEN}/getMe")

    assert_hidden(caught.value)


async def test_an_answer_that_is_no_json_is_neither_logged_nor_quoted(
    caplog: pytest.LogCaptureFixture,
):
    async def portal(_: web.Request) -> web.Response:
        return web.Response(text="<html>hello bob</html>")

    caplog.set_level(logging.DEBUG, "telegram")
    async with serving(portal) as url, requesting() as request:
        with pytest.raises(TelegramError) as caught:
            await request.post(url)

    assert "bob" not in caplog.text + str(caught.value)


async def test_a_proxy_is_used_and_environment_proxies_are_not(
    monkeypatch: pytest.MonkeyPatch,
):
    seen = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append(str(request.url))
        return web.json_response({"ok": True, "result": True})

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with serving(proxy) as address:
        url = address.rpartition("/bot")[0]
        async with requesting(proxy=url) as request:
            await request.post("http://telegram.invalid/botX/getMe")
        async with requesting() as request:
            await request.post(address)

    assert seen == ["http://telegram.invalid/botX/getMe", address]


def test_a_proxy_that_aiohttp_cannot_use_is_a_configuration_error():
    with pytest.raises(ConfigError, match=r"telegram\.proxy"):
        AiohttpRequest(proxy="socks5://127.0.0.1:1080")


async def test_a_bot_needs_no_initialize_and_never_builds_an_httpx_client():
    async def handler(request: web.Request) -> web.Response:
        user = {"id": 42, "is_bot": True, "first_name": "F", "username": "f"}
        return web.json_response({"ok": True, "result": user})

    async with serving(handler) as url:
        config = TelegramConfig(token=TOKEN, base_url=url.rpartition(TOKEN)[0])
        bot = make_bot(config)
        try:
            assert (await bot.get_me()).username == "f"
        finally:
            await bot.request.shutdown()

    assert isinstance(bot, Bot)
    assert all(isinstance(r, AiohttpRequest) for r in bot._request)
    assert bot.base_file_url.endswith(f"/file/bot{TOKEN}")


def test_a_bot_without_a_token_is_a_configuration_error():
    with pytest.raises(ConfigError, match="token"):
        make_bot(TelegramConfig())


def assert_hidden(error: BaseException) -> None:
    """Neither the error nor what a traceback shows holds the token."""
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert TOKEN not in shown
    assert error.__context__ is None
    assert error.__cause__ is None
