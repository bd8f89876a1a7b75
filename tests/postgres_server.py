"""A PostgreSQL for tests: the one named by the environment, or a throw-away cluster."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

#: a server that is there already, with a user who may create databases
URL_VARIABLE = "FLIPWATCH_TEST_POSTGRES_URL"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "timezone": "Asia/Kathmandu",  # nothing may lean on the server's zone
}


class PostgresServer:
    """A running server on which every test gets a database of its own.

    The template is migrated once: copying it takes a tenth of migrating.
    """

    def __init__(self, admin_url: str) -> None:
        self._admin_url = make_url(admin_url)
        self._prefix = f"flipwatch_test_{os.getpid()}"
        self._count = 0
        self._names: list[str] = []
        self._template = ""

    def create_empty(self) -> str:
        """Create a database without tables and return its URL."""
        return self._create("template1")

    def create_migrated(self) -> str:
        """Create a database with today's schema and return its URL."""
        if not self._template:
            url = self.create_empty()
            run_apart(lambda: _migrate(url))
            self._template = make_url(url).database or ""
        return self._create(self._template)

    def drop_all(self) -> None:
        """Drop the databases of this session."""
        names = [f'DROP DATABASE IF EXISTS "{n}" WITH (FORCE)' for n in self._names]
        run_apart(lambda: self._execute(*names))

    def _create(self, template: str) -> str:
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        self._names.append(name)
        statement = f'CREATE DATABASE "{name}" TEMPLATE "{template}"'
        run_apart(lambda: self._execute(statement))
        url = self._admin_url.set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)

    async def _execute(self, *statements: str) -> None:
        import asyncpg

        url = self._admin_url.set(drivername="postgresql")
        connection = await asyncpg.connect(url.render_as_string(hide_password=False))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def run_apart(work: Callable[[], Coroutine[None, None, object]]) -> None:
    """Run a coroutine in a loop of its own, wherever this is called from."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()


async def _migrate(url: str) -> None:
    from datetime import UTC, datetime

    from storage import open_store

    store = await open_store(url, now=lambda: datetime.now(UTC))
    await store.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server; skips without PostgreSQL on the machine, but fails in CI."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        server = PostgresServer(given)
        yield server
        server.drop_all()
        return
    binaries = find_binaries()
    if binaries is None:
        why = f"no PostgreSQL: neither {URL_VARIABLE} nor initdb and postgres here"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(why)
        pytest.skip(why)
    with running_cluster(binaries) as cluster:
        yield PostgresServer(cluster.url)


def find_binaries() -> Path | None:
    """Find the folder with initdb and postgres, the newest version first."""
    in_path = shutil.which("initdb")
    folders = [Path(in_path).resolve().parent] if in_path else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(installed, key=lambda f: float(f.parts[-2]), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class Cluster:
    """A throw-away cluster in a temporary folder; may be stopped and started again."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._home = Path(tempfile.mkdtemp(prefix="flipwatch-postgres-"))
        user = _unprivileged_user()
        if user is not None:
            os.chown(self._home, user.pw_uid, user.pw_gid)
        self._as_user = {} if user is None else {"user": user.pw_uid}
        if user is not None:
            self._as_user["group"] = user.pw_gid
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                str(binaries / "initdb"),
                "--pgdata",
                str(self._home / "data"),
                "--username=flipwatch",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
                "--locale=C",
            ],
            check=True,
            capture_output=True,
            cwd=self._home,
            **self._as_user,
        )

    @property
    def url(self) -> str:
        return f"postgresql://flipwatch@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self._home / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    str(self._binaries / "postgres"),
                    "-D",
                    str(self._home / "data"),
                    f"-p{self._port}",
                    f"-k{self._home}",
                    *(f"-c{name}={value}" for name, value in _SETTINGS.items()),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home,
                **self._as_user,
            )
        _wait_until_ready(self._binaries, self._server, self._port, self._home / "log")

    def stop(self) -> None:
        """Shut down fast: open sessions are cut."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self._home, ignore_errors=True)


@contextmanager
def running_cluster(binaries: Path) -> Iterator[Cluster]:
    """Make a cluster, run it, and remove it afterwards."""
    cluster = Cluster(binaries)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A server of this test alone, which may be restarted; needs the binaries."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no initdb and postgres here to restart")
    with running_cluster(binaries) as cluster:
        yield cluster


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run the server as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL refuses to run as root, and there is no other user")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(
    binaries: Path, server: subprocess.Popen[bytes], port: int, log: Path
) -> None:
    ask = [str(binaries / "pg_isready"), "-q", "-h127.0.0.1", f"-p{port}", "-t1"]
    for _ in range(300):
        if server.poll() is not None:
            break
        if subprocess.run(ask, check=False).returncode == 0:
            return
        try:
            server.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")
