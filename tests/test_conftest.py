"""The guard itself: a test that reaches out is refused and told on."""

import asyncio
import socket

import pytest


async def test_an_address_on_the_network_is_refused(outside_calls):
    with pytest.raises(OSError, match="tests reach no network"):
        await asyncio.open_connection("192.0.2.1", 80)

    assert outside_calls == ["192.0.2.1"]
    outside_calls.clear()


async def test_a_name_is_not_even_looked_up(outside_calls):
    with pytest.raises(OSError, match="tests reach no network"):
        await asyncio.open_connection("flipwatch.example", 80)

    assert outside_calls == ["flipwatch.example"]
    outside_calls.clear()


def test_a_datagram_is_refused(outside_calls):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        pytest.raises(OSError, match="tests reach no network"),
    ):
        sock.sendto(b"x", ("192.0.2.1", 53))

    outside_calls.clear()


async def test_loopback_is_open():
    async def greet(_, writer):
        writer.write(b"hello")
        writer.close()

    async with asyncio.timeout(10):
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(host, port)
            greeting = await reader.read()
            writer.close()
            await writer.wait_closed()

    assert greeting == b"hello"
