"""What holds for every test: no network but loopback, Hypothesis without a deadline."""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

_HERE = Path(__file__).parent

#: the helpers that bring fixtures of their own
pytest_plugins = [
    name
    for name in ("planted", "postgres_server", "browser")
    if (_HERE / f"{name}.py").exists()
]

# A deadline measures how busy the machine is. CI repeats the same examples every time,
# a developer's runs look for new ones.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("local", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def outside_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Refuse every socket but loopback and unix ones, and fail the test that tried.

    Failing at the end as well as refusing catches code that forgives a lost network.
    """
    tried: list[str] = []
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    sendto, getaddrinfo = socket.socket.sendto, socket.getaddrinfo

    def check(host: object) -> None:
        if not _is_local(host):
            tried.append(str(host))
            raise OSError(errno.ENETUNREACH, f"tests reach no network: {host}")

    def check_address(sock: socket.socket, address: object) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            check(address[0] if isinstance(address, tuple) else address)

    def guarded_connect(self: socket.socket, address: object) -> None:
        check_address(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        check_address(self, address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, data: bytes, *rest: object) -> int:
        check_address(self, rest[-1])
        return sendto(self, data, *rest)

    def guarded_getaddrinfo(host: object, *args: object, **kwargs: object) -> object:
        check(host)
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket.socket, "sendto", guarded_sendto)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield tried
    if tried:
        pytest.fail(f"the test tried to reach {', '.join(tried)}", pytrace=False)


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one empty database; `world.open_copy` begins from a copy of it."""
    from world import open_world

    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        async with open_world(folder):
            pass

    asyncio.run(make())
    return folder / "world.db"
