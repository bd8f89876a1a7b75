"""One program per SQLite file: the second refuses, a crash blocks nobody."""

import asyncio
import os
import sys

import pytest

from bot.errors import StoreError
from storage import open_store

HOLD = """
import asyncio, datetime, sys
from storage import open_store

async def hold() -> None:
    now = lambda: datetime.datetime.now(datetime.UTC)
    await open_store(sys.argv[1], now=now, is_alone=True)
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold())
"""


@pytest.fixture
def file(tmp_path, sqlite_template):
    path = tmp_path / "flipwatch.db"
    path.write_bytes(sqlite_template.read_bytes())
    return path


async def test_the_second_program_refuses_and_names_file_and_process(file, clock):
    first = await open_store(f"sqlite:///{file}", now=clock, is_alone=True)

    with pytest.raises(StoreError) as refused:
        await open_store(f"sqlite:///{file}", now=clock, is_alone=True)

    assert str(file) in str(refused.value)
    assert f"process {os.getpid()}" in str(refused.value)
    await first.ping()
    await first.close()


async def test_a_link_to_the_same_file_does_not_get_around_the_lock(
    file, tmp_path, clock
):
    link = tmp_path / "other.db"
    link.symlink_to(file)
    first = await open_store(f"sqlite:///{file}", now=clock, is_alone=True)

    with pytest.raises(StoreError, match="in use"):
        await open_store(f"sqlite:///{link}", now=clock, is_alone=True)

    await first.close()


async def test_listings_work_beside_the_program(file, clock):
    program = await open_store(f"sqlite:///{file}", now=clock, is_alone=True)
    await program.set_value("name", "value")

    listing = await open_store(f"sqlite:///{file}", now=clock)
    value = await listing.get_value("name")
    await listing.close()

    assert value == "value"
    # what a listing closes is not the program's lock
    with pytest.raises(StoreError, match="in use"):
        await open_store(f"sqlite:///{file}", now=clock, is_alone=True)
    await program.close()


async def test_after_a_clean_end_the_next_program_starts(file, clock):
    for _ in range(2):
        store = await open_store(f"sqlite:///{file}", now=clock, is_alone=True)
        await store.close()
        await store.close()


async def test_a_start_that_fails_keeps_no_lock(tmp_path, clock):
    path = tmp_path / "damaged.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4000)
    url = f"sqlite:///{path}"
    with pytest.raises(StoreError, match="damaged"):
        await open_store(url, now=clock, is_alone=True)

    path.unlink()

    store = await open_store(url, now=clock, is_alone=True)
    await store.close()


async def test_a_killed_program_does_not_block_the_next_start(file, clock):
    url = f"sqlite:///{file}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"held\n"
    with pytest.raises(StoreError, match=f"process {process.pid}"):
        await open_store(url, now=clock, is_alone=True)

    process.kill()
    await process.wait()

    store = await open_store(url, now=clock, is_alone=True)
    await store.close()
