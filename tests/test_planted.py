"""The search for planted secrets finds them, and nothing else."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

LEAKY = """
import asyncio
import logging
import sqlite3
import sys

import pytest
from prometheus_client import CollectorRegistry, Counter

from bot.errors import ConfigError, StoreError

URL = "http://x/bot42:TESTTOKEN/getMe"

def test_clean(tmp_path, caplog):
    logging.getLogger("bot").warning("all is well", extra={"url": "http://x/bot***"})
    (tmp_path / "config.toml").write_text(URL)
    print("nothing to see")

def test_log_words():
    logging.getLogger("bot").error("asked %s", URL)

def test_log_field():
    logging.getLogger("bot").error("asked", extra={"fields": [URL]})

def test_log_traceback():
    try:
        raise ValueError(URL)
    except ValueError:
        logging.getLogger("bot").exception("failed")

def test_debug_that_a_test_turns_on(caplog):
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("telegram").debug("POST %s", URL)

def test_printed():
    print(URL, file=sys.stderr)

def test_error():
    StoreError(f"no answer from {URL}")

def test_database(tmp_path):
    with sqlite3.connect(tmp_path / "flipwatch.db") as connection:
        connection.execute("CREATE TABLE notes (words TEXT)")
        connection.execute("INSERT INTO notes VALUES (?)", ["x" * 1000 + URL])
    connection.close()

def test_metrics():
    from handlers.web import probes
    registry = CollectorRegistry()
    Counter("calls", "Calls", ["url"], registry=registry).labels(URL).inc()
    asyncio.run(probes.metrics(probes.Probes(registry=registry)))

def test_process(tmp_path):
    import running
    async def run():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", f"print({URL!r})",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        program = running.Running(process)
        await program.process.wait()
        await asyncio.gather(*program._readers)
    asyncio.run(run())
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run the tests above as any other, and tell which of them failed, and why."""
    folder = tmp_path_factory.mktemp("leaky")
    (folder / "test_leaky.py").write_text(LEAKY)
    env = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    env.pop("PYTEST_XDIST_WORKER", None)

    async def run():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *[
                "-m",
                "pytest",
                "-p",
                "planted",
                "-p",
                "no:schemathesis",
                "-p",
                "no:xdist",
            ],
            *["-p", "no:randomly", "-p", "no:cacheprovider", "-rA", "-c", "/dev/null"],
            f"--rootdir={folder}",
            str(folder),
            env=env,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        return out.decode()

    said = asyncio.run(run())
    found = dict.fromkeys(re.findall(r"test_leaky\.py::(test_\w+)", said), "")
    for name in re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", said, re.MULTILINE):
        block = re.search(rf"_+ (?:\w+ )*{name} _+\n(.*?)\n_", said, re.DOTALL)
        found[name] = block[1] if block else "failed"
    assert len(found) == LEAKY.count("def test_"), said
    return found


def test_what_is_clean_passes(outcomes):
    assert outcomes["test_clean"] == ""


@pytest.mark.parametrize(
    "name",
    [
        "test_log_words",
        "test_log_field",
        "test_log_traceback",
        "test_debug_that_a_test_turns_on",
    ],
)
def test_a_leak_into_a_log_is_found(outcomes, name):
    assert "a planted secret came out:\nthe log of" in outcomes[name]


def test_a_leak_into_what_is_printed_is_found(outcomes):
    assert "a planted secret came out:\nCaptured stderr" in outcomes["test_printed"]


def test_a_leak_into_an_error_is_found(outcomes):
    assert "the text of StoreError" in outcomes["test_error"]


def test_a_leak_into_a_database_is_found(outcomes):
    assert "flipwatch.db: holds TESTTOKEN" in outcomes["test_database"]


def test_a_leak_into_the_metrics_is_found(outcomes):
    assert "came out:\nmetrics" in outcomes["test_metrics"]


def test_a_leak_into_a_process_output_is_found(outcomes):
    assert "the output of a program" in outcomes["test_process"]
