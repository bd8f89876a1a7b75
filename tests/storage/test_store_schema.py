"""Opening: migrations, and files or databases that are not ours."""

import asyncio
import shutil
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from bot.errors import StoreError
from storage import open_store, tables
from storage.columns import Row
from storage.database import Database, parse_url
from storage.migrations import draft, upgrade


async def in_database(url, work):
    database = Database(parse_url(url))
    try:
        return await database.write(lambda connection: connection.run_sync(work))
    finally:
        await database.close()


async def test_the_migrated_schema_is_what_the_tables_say(url):
    def compare(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Row.metadata)

    assert await in_database(url, compare) == []


async def test_a_missing_column_would_be_noticed(url):
    def compare(connection):
        connection.execute(text("ALTER TABLE polls DROP COLUMN worker"))
        context = MigrationContext.configure(connection)
        return compare_metadata(context, Row.metadata)

    assert [change[0] for change in await in_database(url, compare)] == ["add_column"]


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
async def test_a_new_file_is_made_and_keeps_what_was_stored(tmp_path, clock, driver):
    url = f"{driver}:///{tmp_path / 'new.db'}"

    first = await open_store(url, now=clock)
    await first.set_value("name", "value")
    await first.close()
    second = await open_store(url, now=clock)
    value = await second.get_value("name")
    await second.close()

    assert value == "value"


@pytest.mark.postgres
@pytest.mark.parametrize("driver", ["postgresql", "postgresql+asyncpg"])
async def test_an_empty_postgres_is_migrated(postgres_server, clock, driver):
    url = postgres_server.create_empty().replace("postgresql", driver, 1)

    store = await open_store(url, now=clock)
    counted = await store.counts(clock())
    await store.close()

    assert counted.recipients == 0


@pytest.mark.postgres
async def test_two_processes_may_migrate_at_once(postgres_server, clock):
    url = postgres_server.create_empty()

    stores = await asyncio.gather(*(open_store(url, now=clock) for _ in range(3)))

    for store in stores:
        await store.ping()
        await store.close()


async def test_two_may_open_a_new_file_at_once(tmp_path, clock):
    url = f"sqlite:///{tmp_path / 'new.db'}"

    stores = await asyncio.gather(*(open_store(url, now=clock) for _ in range(3)))

    for store in stores:
        await store.ping()
        await store.close()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, clock):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"my notes, not a database\n" * 100)

    with pytest.raises(StoreError, match="not a SQLite database: move it away"):
        await open_store(f"sqlite:///{path}", now=clock)

    assert path.read_bytes() == b"my notes, not a database\n" * 100
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


async def test_a_damaged_database_is_refused(tmp_path, sqlite_template, clock):
    path = tmp_path / "damaged.db"
    whole = sqlite_template.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 4000 + whole[4100:])

    with pytest.raises(StoreError, match=r"damaged\.db is damaged or not a database"):
        await open_store(f"sqlite:///{path}", now=clock)


async def test_an_empty_file_is_taken(tmp_path, clock):
    path = tmp_path / "empty.db"
    path.touch()

    store = await open_store(f"sqlite:///{path}", now=clock)

    await store.ping()
    await store.close()


async def test_a_folder_that_is_not_there_is_said(tmp_path, clock):
    with pytest.raises(StoreError, match="missing does not exist: create it"):
        await open_store(f"sqlite:///{tmp_path}/missing/flipwatch.db", now=clock)


async def test_a_folder_in_place_of_a_file_is_said(tmp_path, clock):
    with pytest.raises(StoreError, match="is a folder"):
        await open_store(f"sqlite:///{tmp_path}", now=clock)


async def test_a_folder_without_write_permission_is_said(tmp_path, clock, monkeypatch):
    # root may write anywhere, so the question itself is answered with no
    monkeypatch.setattr("storage.database.os.access", lambda *_: False)

    with pytest.raises(StoreError, match="not writable: check its owner"):
        await open_store(f"sqlite:///{tmp_path}/flipwatch.db", now=clock)


async def test_a_schema_newer_than_ours_is_refused(url, clock):
    def pretend(connection):
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    await in_database(url, pretend)

    with pytest.raises(StoreError, match=r"newer Flipwatch \(schema 9999\): update"):
        await open_store(url, now=clock)


async def test_another_programs_database_is_refused_and_left_alone(tmp_path, clock):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE songs (title)")
    other.commit()
    other.close()

    with pytest.raises(StoreError, match=r"another program's tables \(songs"):
        await open_store(f"sqlite:///{path}", now=clock)

    other = sqlite3.connect(path)
    names = other.execute("SELECT name FROM sqlite_master").fetchall()
    other.close()
    assert names == [("songs",)]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "can't be read"),
        ("mysql://host/db", "“mysql” is no database we know"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
async def test_a_wrong_url_is_said(url, words, clock):
    with pytest.raises(StoreError, match=words):
        await open_store(url, now=clock)


async def test_no_server_is_said_without_the_password(clock):
    with pytest.raises(
        StoreError, match=r"does not answer at 127\.0\.0\.1:1"
    ) as caught:
        await open_store("postgresql://me:hunter2@127.0.0.1:1/db", now=clock)

    assert "hunter2" not in str(caught.value)


@pytest.mark.postgres
async def test_a_database_that_is_not_there_is_said(postgres_server, clock):
    url = postgres_server.create_empty() + "_missing"

    with pytest.raises(StoreError, match="does not exist"):
        await open_store(url, now=clock)


def test_a_drafted_step_is_empty_while_tables_and_schema_agree(tmp_path, monkeypatch):
    from storage import migrations

    folder = tmp_path / "migrations"
    shutil.copytree(migrations.__path__[0], folder)
    monkeypatch.setattr(migrations, "__file__", str(folder / "__init__.py"))
    before = set(folder.glob("versions/*.py"))

    from sqlalchemy import create_engine

    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection)
        draft(connection, "try it")
    engine.dispose()

    (drafted,) = set(folder.glob("versions/*.py")) - before
    assert "pass" in drafted.read_text()
    assert "create_table" not in drafted.read_text()


def test_every_table_has_a_class_that_documents_it():
    assert {t.name for t in Row.metadata.sorted_tables} >= {"assets", "routes"}
    assert tables.ASSETS.name == "assets"
