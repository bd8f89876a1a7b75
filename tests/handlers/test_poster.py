"""HTTP of our own, against servers that speak it well, badly, or not at all."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import trustme

from handlers.poster import (
    ANSWER_MAX,
    KEEP_ALIVE,
    AddressError,
    BrokenAnswerError,
    NotConnectedError,
    Poster,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TOO_MANY = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\nx"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NONSENSE = b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"
Say = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def uv_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


LOOPS = [asyncio.new_event_loop] + ([] if sys.platform == "win32" else [uv_loop])


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """Both loops that the program may run on."""
    with asyncio.Runner(loop_factory=request.param) as opened:
        yield opened


class Server:
    """A server that says what it is told to, and remembers what it heard."""

    def __init__(self, *answers: bytes | Say) -> None:
        self.answers = list(answers)
        self.heard: list[bytes] = []
        self.connections = 0

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split()[0])
                self.heard.append(head + await reader.readexactly(size))
                answer = self.answers.pop(0)
                if callable(answer):
                    await answer(reader, writer)
                else:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    server: Server, *, tls: ssl.SSLContext | None = None, connections: int = 4
) -> AsyncIterator[Poster]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
    poster = Poster(
        f"{scheme}://{host}:{port}",
        headers={"User-Agent": "test"},
        connections=connections,
    )
    try:
        async with asyncio.timeout(10):
            yield poster
    finally:
        await poster.close()
        listening.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def say_half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()
    writer.transport.abort()


async def say_nothing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


def test_a_request_arrives_as_it_was_meant_and_its_answer_whole(runner):
    server = Server(
        b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\nx"
    )

    async def go() -> None:
        async with serving(server) as poster:
            answer = await poster.request(
                "POST", "/bot1:A/send?x=1", b'{"a":1}', content_type="application/json"
            )
        assert (answer.status, answer.body) == (429, b"x")
        assert answer.headers.get("retry-after") == "7"

    runner.run(go())

    (heard,) = server.heard
    head, _, body = heard.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /bot1:A/send?x=1 HTTP/1.1"
    assert {"User-Agent: test", "Content-Type: application/json"} < set(lines)
    assert any(line.startswith("Host: 127.0.0.1:") for line in lines)
    assert body == b'{"a":1}'


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nok",
    ],
    ids=["in chunks", "after a continue", "with plain headers"],
)
def test_answers_come_in_several_forms(runner, answer):
    async def go() -> None:
        async with serving(Server(answer, OK)) as poster:
            assert (await poster.request("GET", "/")).body == b"ok"
            assert (await poster.request("GET", "/")).body == b"ok"

    runner.run(go())


def test_requests_one_after_the_other_share_a_connection(runner):
    server = Server(OK, b"HTTP/1.1 204 No Content\r\n\r\n", OK)

    async def go() -> None:
        async with serving(server) as poster:
            for _ in range(3):
                await poster.request("POST", "/", b"{}")

    runner.run(go())

    assert server.connections == 1


def test_requests_at_once_have_connections_of_their_own_up_to_the_limit(runner):
    release = asyncio.Event()
    inside = 0

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal inside
        inside += 1
        if inside == 2:
            release.set()
        await release.wait()
        writer.write(OK)

    server = Server(*[wait] * 5)

    async def go() -> None:
        async with serving(server, connections=2) as poster:
            await asyncio.gather(*(poster.request("GET", "/") for _ in range(5)))

    runner.run(go())

    assert server.connections == 2


def test_a_connection_that_the_server_closes_after_its_answer_is_not_used_again(runner):
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    server = Server(closing, OK)

    async def go() -> None:
        async with serving(server) as poster:
            await poster.request("GET", "/")
            await poster.request("GET", "/")

    runner.run(go())

    assert server.connections == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(runner, monkeypatch):
    server = Server(OK, OK)

    async def go() -> None:
        async with serving(server) as poster:
            await poster.request("GET", "/")
            poster._idle[0].idle_since -= KEEP_ALIVE
            await poster.request("GET", "/")

    runner.run(go())

    assert server.connections == 2


def test_what_was_not_asked_for_never_becomes_an_answer(runner):
    async def twice(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")

    server = Server(twice, OK)

    async def go() -> None:
        async with serving(server) as poster:
            answers = [(await poster.request("GET", "/")).body for _ in range(2)]
        assert answers == [b"ok", b"ok"]

    runner.run(go())

    assert server.connections == 2


def test_nothing_leaves_where_nobody_listens(runner):
    async def go() -> None:
        async with serving(Server()) as poster:
            pass
        with pytest.raises(NotConnectedError) as raised:
            await poster.request("POST", "/bot1:SECRET/send", b"{}")
        assert "SECRET" not in repr(raised.value)
        assert raised.value.__cause__ is raised.value.__context__ is None

    runner.run(go())


@pytest.mark.parametrize(
    "answer",
    [
        hang_up,
        say_half,
        b"SMTP ready\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["nothing", "half of it", "no HTTP", "nonsense"],
)
def test_what_may_have_arrived_is_told_apart(runner, answer):
    async def go() -> None:
        async with serving(Server(answer, OK)) as poster:
            with pytest.raises(BrokenAnswerError):
                await poster.request("POST", "/", b"{}")
            assert (await poster.request("GET", "/")).status == 200

    runner.run(go())


def test_an_answer_without_end_is_given_up(runner):
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        for _ in range(ANSWER_MAX // 65_536 + 2):
            writer.write(b"x" * 65_536)
            await writer.drain()

    async def go() -> None:
        async with serving(Server(flood)) as poster:
            with pytest.raises(BrokenAnswerError, match="too long"):
                await poster.request("GET", "/")

    runner.run(go())


def test_the_answer_to_a_cancelled_request_meets_no_other(runner):
    server = Server(say_nothing, OK)

    async def go() -> None:
        async with serving(server) as poster:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await poster.request("GET", "/slow")
            assert (await poster.request("GET", "/quick")).body == b"ok"

    runner.run(go())

    assert server.connections == 2


@pytest.mark.parametrize("path", ["/a b", "/a\r\nHost: evil", "none", "/ü"])
def test_a_path_that_would_end_the_line_is_refused(runner, path):
    async def go() -> None:
        async with serving(Server()) as poster:
            with pytest.raises(AddressError):
                await poster.request("GET", path)

    runner.run(go())


@pytest.mark.parametrize("origin", ["", "ftp://example.org", "https://", "example.org"])
def test_an_origin_that_is_none_is_refused(origin):
    with pytest.raises(AddressError):
        Poster(origin, headers={})


def test_over_tls_only_who_can_prove_the_name_is_spoken_to(runner, monkeypatch):
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    default = ssl.create_default_context
    server = Server(OK)

    async def go() -> None:
        async with serving(server, tls=tls) as stranger:
            with pytest.raises(NotConnectedError, match="SSLCertVerificationError"):
                await stranger.request("POST", "/", b"{}")
        assert server.heard == []

        def trusting() -> ssl.SSLContext:
            context = default()
            authority.configure_trust(context)
            return context

        monkeypatch.setattr(ssl, "create_default_context", trusting)
        async with serving(server, tls=tls) as known:
            assert (await known.request("POST", "/", b"{}")).body == b"ok"

    runner.run(go())
