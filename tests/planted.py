"""A pytest plugin: whatever a test run says or keeps is searched for planted secrets.

The tests' tokens and keys are recognisable. None of them may turn up in a log record
(before any redaction), in what a test or a program it runs prints, in the metrics, in
the text of one of our errors, or in a SQLite file: the test in which one does fails.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest

from bot.errors import FlipwatchError

#: what the tests' secrets have in common, or are
PLANTED = (
    "TESTTOKEN",
    "-that-is-not-a-secret",
    "tm-01234567-89ab-cdef-0123-456789abcdef",
    "tm-00000000-1111-2222-3333-444444444444",
    "open-sesame-and-do-not-guess",
    "planted-webhook-secret",
)
#: goes into every program that tests run
ENVIRONMENT = {"FLIPWATCH_TELEGRAM__WEBHOOK_SECRET": "planted-webhook-secret"}
#: files of a test's folder that are searched; its configuration holds secrets
SEARCHED = ("*.db", "*.db-wal", "*.db-journal", "*.log", "*.csv", "*.json", "*.html")

_BYTES = tuple(secret.encode() for secret in PLANTED)
_CHUNK = 1 << 20
_OVERLAP = 64

#: where secrets have turned up since the last test's phase
found: list[str] = []


def look(where: str, text: str) -> None:
    """Search a text; remember where, if one of the secrets is in it."""
    for secret in PLANTED:
        begin = text.find(secret)
        if begin >= 0:
            around = text[max(0, begin - 60) : begin + len(secret) + 20]
            found.append(f"{where}: …{around}…")


def look_into(path: Path) -> None:
    """Search a file."""
    tail = b""
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            held = [s.decode() for s in _BYTES if s in tail + part]
            found.extend(f"{path.name}: holds {secret}" for secret in held)
            tail = part[-_OVERLAP:]


class _Watch:
    """What is put in the way of log records, errors and metrics."""

    def __init__(self) -> None:
        self._handle = logging.Logger.handle
        self._generate = prometheus_client.generate_latest
        self._init = FlipwatchError.__init__
        self._words = logging.Formatter("%(message)s")

    def begin(self) -> None:
        watch = self

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            watch._look_at(record)
            watch._handle(logger, record)

        def generate(*args: Any, **kwargs: Any) -> bytes:
            text = watch._generate(*args, **kwargs)
            look("metrics", text.decode())
            return text

        def init(error: FlipwatchError, *args: Any, **kwargs: Any) -> None:
            watch._init(error, *args, **kwargs)
            look(f"the text of {type(error).__name__}", f"{error} {vars(error)}")

        logging.Logger.handle = handle
        prometheus_client.generate_latest = generate
        FlipwatchError.__init__ = init

    def end(self) -> None:
        logging.Logger.handle = self._handle
        prometheus_client.generate_latest = self._generate
        FlipwatchError.__init__ = self._init

    def _look_at(self, record: logging.LogRecord) -> None:
        if record.name == "asyncio" and record.levelno <= logging.DEBUG:
            return
        fields = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        # a copy: formatting keeps the traceback's text in the record
        words = self._words.format(logging.makeLogRecord(vars(record)))
        look(f"the log of {record.name}", f"{words} {fields}")


_STANDARD = frozenset(vars(logging.makeLogRecord({})))
_watch = _Watch()


def pytest_configure() -> None:
    """Begin before anything of ours is imported by a test."""
    _watch.begin()


def pytest_unconfigure() -> None:
    """Leave all as it was."""
    _watch.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fail the test whose setup, call or teardown let a secret out."""
    report = yield
    for title, text in report.sections:
        # later phases' reports repeat what the earlier ones caught
        if title.endswith(report.when):
            look(title, text)
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.when == "teardown" and isinstance(folder, Path):
        for pattern in SEARCHED:
            for path in folder.rglob(pattern):
                if path.is_file():
                    look_into(path)
    if found:
        leaks = "\n".join(dict.fromkeys(found))
        found.clear()
        if report.passed:
            report.outcome = "failed"
            report.longrepr = f"a planted secret came out:\n{leaks}"
    return report
