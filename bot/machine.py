"""The machine below: space on the disk, a right clock, private files, a free port."""

import errno
import shutil
import socket
import stat
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from sqlalchemy import make_url

from bot import findings
from bot.config import Config
from bot.findings import Finding
from bot.ports import Clock

#: below this Flipwatch goes on, but the operator is told
DISK_LOW = 500 * 2**20
#: below this a write may fail any moment
DISK_OUT = 50 * 2**20
#: leases and "late" need a clock that is about right; a header tells whole seconds
CLOCK_LOOK = timedelta(seconds=5)
CLOCK_WRONG = timedelta(seconds=60)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def free_space(path: Path) -> int:
    """Return the bytes that are free where a file is or will be."""
    folder = path if path.is_dir() else path.parent
    return shutil.disk_usage(folder).free


def open_to_others(paths: Iterable[Path]) -> Sequence[Path]:
    """Return those files that other users of this machine can read or write."""
    return [p for p in paths if p.exists() and p.stat().st_mode & _OTHERS]


def megabytes(size: int) -> str:
    """Write a size for eyes."""
    return f"{size / 2**30:,.1f} GB" if size >= 2**30 else f"{size / 2**20:,.0f} MB"


def origin(url: str) -> str:
    """Return the root of a server's address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


async def clock_error(
    urls: Sequence[str], *, now: Clock, timeout: timedelta, proxy: str = ""
) -> timedelta | None:
    """Return by how much our clock is ahead of the first of these servers' clocks.

    None where none of them says what time it is. Only their roots are asked.
    """
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=timeout.total_seconds()),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    async with session:
        for url in urls:
            try:
                before = now()
                async with session.head(
                    origin(url), allow_redirects=False, proxy=proxy or None
                ) as answer:
                    said = answer.headers.get("Date", "")
                middle = before + (now() - before) / 2
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
                continue
            if there := _read_date(said):
                return middle - there
    return None


def _read_date(said: str) -> datetime | None:
    try:
        there = parsedate_to_datetime(said)
    except (ValueError, TypeError):
        return None
    # the header has whole seconds: half of one is its mean error
    return there.astimezone(UTC) + timedelta(seconds=0.5)


# ------------------------------------------------------------------------- findings


def judge_clock(ahead: timedelta | None) -> Finding:
    """Say whether a clock that is so far ahead, None: unknown, is right enough."""
    if ahead is None:
        return findings.off("clock", "nobody to compare it with answered")
    seconds = abs(ahead).total_seconds()
    side = "ahead" if ahead > timedelta() else "behind"
    cure = "turn time synchronisation on: timedatectl set-ntp true"
    if abs(ahead) > CLOCK_WRONG:
        return findings.wrong("clock", f"{seconds:,.0f} s {side}", cure)
    if abs(ahead) > CLOCK_LOOK:
        return findings.look("clock", f"{seconds:.0f} s {side}", cure)
    return findings.ok("clock", "right within a few seconds")


def check_files(paths: Sequence[Path]) -> list[Finding]:
    """Check that nobody else on this machine can read what holds secrets."""
    said = "other users of this machine can read"
    return [
        findings.wrong("secrets", f"{said} {path}", f"chmod 600 {path}")
        for path in open_to_others(paths)
    ]


def check_disk(config: Config) -> list[Finding]:
    """Check that there is space where a SQLite file lies."""
    path = sqlite_path(config)
    if path is None or not path.parent.is_dir():
        return []
    free = free_space(path)
    said = f"{megabytes(free)} free where {path} is"
    cure = "free some space; flipwatch db prune gives back what is old"
    if free < DISK_OUT:
        return [findings.wrong("disk", said, cure)]
    if free < DISK_LOW:
        return [findings.look("disk", said, cure)]
    return [findings.ok("disk", said)]


def sqlite_path(config: Config) -> Path | None:
    """Return the SQLite file, None where the database is a server."""
    if config.storage.is_shared:
        return None
    return Path(make_url(config.storage.url).database or "")


def check_web(config: Config) -> Finding:
    """Check that the web chat's port can be had, or is a running Flipwatch's."""
    if "web" not in config.app.roles:
        return findings.off("web", "another process serves it")
    host, port = config.web.host, config.web.port
    where = f"{host}:{port or 'any port'}"
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        return _taken(where, port, error)
    return findings.ok("web", f"{where} is free")


def _taken(where: str, port: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        return findings.look(
            "web",
            f"{where} is in use",
            "that is well if Flipwatch runs already; else set web.port to a free one",
        )
    if error.errno == errno.EACCES:
        said = f"this user may not listen on port {port}"
        return findings.wrong("web", said, "set web.port to 1024 or above")
    said = f"{where} can't be listened on ({error.strerror})"
    return findings.wrong("web", said, "set web.host to 127.0.0.1")
