"""The audit of what the lock file pins, against a database of our own."""

import asyncio
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

ROOT = Path(__file__).parent.parent
HOLE = {"vulns": [{"id": "GHSA-holy", "modified": "2026-01-01T00:00:00Z"}]}


@asynccontextmanager
async def database(answer):
    """An OSV database that answers each query by `answer(name, version)`."""
    asked = []

    async def give(request):
        queries = (await request.json())["queries"]
        asked.extend((q["package"]["name"], q["version"]) for q in queries)
        assert {q["package"]["ecosystem"] for q in queries} == {"PyPI"}
        return web.json_response(answer(queries))

    app = web.Application()
    app.router.add_post("/v1/querybatch", give)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/querybatch", asked
    finally:
        await runner.cleanup()


async def audit(url, *arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        ".ci/audit.py",
        *arguments,
        cwd=ROOT,
        env={"OSV_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_everything_the_lock_file_pins_is_asked_about():
    async with database(lambda qs: {"results": [{}] * len(qs)}) as (url, asked):
        code, out, _ = await audit(url)

    assert code == 0
    lock = (ROOT / "requirements.lock").read_text()
    assert len(asked) == len(re.findall(r"^\S+==", lock, re.MULTILINE))
    assert {"aiohttp", "sqlalchemy", "fastapi"} <= {name for name, _ in asked}
    assert f"{len(asked)} packages, 0 with known holes" in out


async def test_a_known_hole_fails_and_names_the_package():
    def answer(queries):
        return {
            "results": [
                HOLE if q["package"]["name"] == "aiohttp" else {} for q in queries
            ]
        }

    async with database(answer) as (url, _):
        code, out, _ = await audit(url)

    assert code == 1
    assert "audit: aiohttp 3." in out
    assert "GHSA-holy" in out


@pytest.mark.parametrize("answer", [{}, {"results": []}, {"results": None}])
async def test_an_answer_of_no_use_is_a_warning(answer):
    async with database(lambda _: answer) as (url, _):
        code, _, err = await audit(url)

    assert (code, "NOT DONE" in err) == (0, True)


async def test_without_a_network_it_is_a_warning():
    code, _, err = await audit("http://127.0.0.1:1/")

    assert (code, "NOT DONE" in err) == (0, True)


async def test_a_lock_file_that_pins_nothing_is_a_mistake(tmp_path):
    (tmp_path / "empty.lock").write_text("# nothing\n")

    assert (await audit("http://127.0.0.1:1/", str(tmp_path / "empty.lock")))[0] == 2
