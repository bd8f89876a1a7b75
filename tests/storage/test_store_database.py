"""The database under the store: errors in words, retries, cancelling, contention."""

import asyncio
import sqlite3

import pytest
import pytest_asyncio
from sqlalchemy import text

from bot.errors import StoreError
from storage import open_store
from storage.database import Database, dumps, parse_url


@pytest_asyncio.fixture(loop_scope="session")
async def own_store(url, clock):
    """A store of this test alone, which may be broken."""
    opened = await open_store(url, now=clock)
    yield opened
    await opened.close()


@pytest.fixture
def sqlite_url(tmp_path, sqlite_template):
    import shutil

    path = tmp_path / "own.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


async def test_a_closed_store_refuses_everything(own_store):
    await own_store.close()
    await own_store.close()

    with pytest.raises(StoreError, match="closed"):
        await own_store.ping()
    with pytest.raises(StoreError, match="closed"):
        await own_store.set_value("a", "b")


async def test_reads_and_writes_at_once_all_succeed(own_store):
    async def work(number):
        for step in range(5):
            await own_store.set_value(f"n{number}", str(step))
            assert await own_store.get_value(f"n{number}") == str(step)

    await asyncio.gather(*(work(number) for number in range(12)))


async def test_two_stores_on_one_database_both_write(url, clock):
    stores = [await open_store(url, now=clock) for _ in range(2)]

    async def work(store, name):
        for step in range(20):
            await store.set_value(name, str(step))

    await asyncio.gather(work(stores[0], "a"), work(stores[1], "b"))

    assert await stores[0].get_value("b") == "19"
    for store in stores:
        await store.close()


async def test_a_cancelled_write_happens_whole_or_not_and_blocks_nobody(own_store):
    async def both(connection):
        await connection.execute(text("DELETE FROM bot_values"))
        for name in ("a", "b"):
            insert = text("INSERT INTO bot_values (name, value) VALUES (:n, 'x')")
            await connection.execute(insert, {"n": name})

    for turns in range(30):
        await own_store.set_value("a", None)
        await own_store.set_value("b", None)
        task = asyncio.create_task(own_store._database.write(both))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

        values = [await own_store.get_value(name) for name in ("a", "b")]
        assert values in ([None, None], ["x", "x"])


async def test_a_cancelled_read_blocks_nobody(own_store):
    for turns in range(30):
        task = asyncio.create_task(own_store.list_assets("engine"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})

    assert await own_store.list_assets("engine") == []
    await own_store.set_value("a", "b")


async def test_an_error_names_neither_values_nor_statements(own_store):
    secret = "hunter2"

    async def work(connection):
        for _ in range(2):
            await connection.execute(
                text("INSERT INTO bot_values (name, value) VALUES (:n, 'x')"),
                {"n": secret},
            )

    with pytest.raises(StoreError) as caught:
        await own_store._database.write(work)

    assert secret not in str(caught.value)
    assert "INSERT" not in str(caught.value)
    assert await own_store.get_value(secret) is None


async def test_a_number_beyond_64_bits_is_refused(own_store, clock):
    with pytest.raises(StoreError):
        await own_store.fan_out_chunk(2**70, limit=1, now=clock())


async def test_a_time_without_a_zone_is_refused(own_store, clock):
    with pytest.raises(StoreError):
        await own_store.append_inbox(
            "a", {}, nonce="x", now=clock().replace(tzinfo=None)
        )


def test_json_has_no_infinity():
    with pytest.raises(ValueError, match="JSON"):
        dumps({"a": float("inf")})


# ---------------------------------------------------------------- SQLite


async def pragma(database, name, *, is_write):
    async def work(connection):
        return (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()

    return await (database.write(work) if is_write else database.read(work))


async def test_sqlite_is_set_up_to_lose_nothing(sqlite_url, clock, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("storage.database.SYNCHRONOUS", "FULL")
    database = (await open_store(sqlite_url, now=clock))._database

    found = {
        name: (
            await pragma(database, name, is_write=True),
            await pragma(database, name, is_write=False),
        )
        for name in (
            "journal_mode",
            "synchronous",
            "foreign_keys",
            "busy_timeout",
            "wal_autocheckpoint",
            "query_only",
        )
    }
    await database.close()

    assert found == {
        "journal_mode": ("wal", "wal"),
        "synchronous": (2, 2),
        "foreign_keys": (1, 1),
        "busy_timeout": (5000, 5000),
        "wal_autocheckpoint": (1000, 0),
        "query_only": (0, 1),
    }


def test_the_disk_is_waited_for_by_default():
    import importlib.util

    spec = importlib.util.find_spec("storage.database")
    assert 'SYNCHRONOUS = "FULL"' in spec.loader.get_source("storage.database")


async def test_another_programs_lock_is_said(sqlite_url, clock, monkeypatch):
    monkeypatch.setattr("storage.database.BUSY_SECONDS", 0.05)
    store = await open_store(sqlite_url, now=clock)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="locked by another program"):
        await store.set_value("a", "b")
    assert await store.get_value("a") is None
    other.execute("ROLLBACK")
    other.close()
    await store.set_value("a", "b")

    await store.close()


async def test_a_closed_sqlite_store_leaves_one_file(sqlite_url, clock, tmp_path):
    store = await open_store(sqlite_url, now=clock)
    await store.set_value("a", "b")
    await store.get_value("a")

    await store.close()

    assert [path.name for path in tmp_path.iterdir()] == ["own.db"]


async def test_the_version_is_logged_once(sqlite_url, clock, caplog):
    caplog.set_level("INFO", "storage.database")

    store = await open_store(sqlite_url, now=clock)
    await store.close()

    (record,) = [r for r in caplog.records if r.message == "database opened"]
    assert (record.database, record.version) == ("sqlite", sqlite3.sqlite_version)


# ---------------------------------------------------------------- PostgreSQL


@pytest_asyncio.fixture(loop_scope="session")
async def postgres_store(postgres_server, clock):
    store = await open_store(postgres_server.create_migrated(), now=clock)
    yield store
    await store.close()


@pytest.mark.postgres
async def test_a_lost_connection_is_said_and_the_next_call_works(
    postgres_store, postgres_server
):
    url = str(postgres_store._database.url.render_as_string(hide_password=False))
    other = Database(parse_url(url))

    async def cut(connection):
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    async def cut_in_the_middle(connection):
        await connection.execute(text("SELECT 1"))
        await other.write(cut)
        await connection.execute(text("SELECT 1"))

    with pytest.raises(StoreError, match="lost"):
        await postgres_store._database.read(cut_in_the_middle)
    await postgres_store.ping()
    await other.write(cut)
    await postgres_store.set_value("a", "b")
    await other.close()


@pytest.mark.postgres
async def test_a_deadlock_is_done_again(postgres_store):
    for name in ("a", "b"):
        await postgres_store.set_value(name, "0")
    both_have_one = asyncio.Barrier(2)
    tries = []

    async def bump(first, second):
        async def work(connection):
            tries.append(first)
            change = text("UPDATE bot_values SET value = value || 'x' WHERE name = :n")
            await connection.execute(change, {"n": first})
            if len(tries) <= 2:
                await both_have_one.wait()
            await connection.execute(change, {"n": second})

        await postgres_store._database.write(work)

    await asyncio.gather(bump("a", "b"), bump("b", "a"))

    assert len(tries) == 3
    assert await postgres_store.get_value("a") == "0xx"
    assert await postgres_store.get_value("b") == "0xx"
