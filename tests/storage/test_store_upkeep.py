"""Backups, restores, copies and migrations of whole databases."""

import asyncio
import shutil
import sqlite3
import stat
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.errors import StoreError
from storage import migrations, open_store
from storage.columns import Row
from storage.sqlite_file import faults
from storage.upkeep import back_up, copy, migrate, restore

NEXT_STEP = """
from alembic import op

revision = "9999"
down_revision = "{last}"
branch_labels = None
depends_on = None


def upgrade():
    op.execute("CREATE TABLE added_later (id INTEGER)")


def downgrade():
    op.execute("DROP TABLE added_later")
"""


@pytest.fixture
def path(tmp_path, sqlite_template) -> Path:
    path = tmp_path / "flipwatch.db"
    shutil.copy(sqlite_template, path)
    return path


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@asynccontextmanager
async def opened(url, clock, **more):
    store = await open_store(url, now=clock, **more)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
def fill(clock, world_of):
    """Puts something into many tables."""

    async def fill(url) -> None:
        async with opened(url, clock) as store:
            await put_much(world_of(store), clock)

    return fill


async def put_much(world, clock) -> None:
    btc = await world.asset("BTC", categories=("ai", "meme"))
    eth = await world.asset("ETH")
    for name in ("alice", "bob"):
        recipient = await world.recipient(f"web:{name}")
        await world.watch(recipient, btc)
        await world.watch(recipient, eth)
    await world.happen(world.event(btc), world.end(eth))
    await world.send_all()
    await world.happen(world.end(btc))
    await world.store.append_inbox("alice", {"ü": "—"}, nonce="n", now=clock())
    await world.store.set_value("a", "b")


async def content(url, clock) -> dict[str, list[tuple]]:
    """Every row of every table."""

    async def read(connection):
        found = {}
        for table in Row.metadata.sorted_tables:
            rows = await connection.execute(select(table))
            found[table.name] = sorted(map(tuple, rows), key=repr)
        return found

    async with opened(url, clock) as store:
        return await store._database.read(read)


async def test_a_backup_of_a_store_in_use_has_all_that_was_committed(
    path, clock, tmp_path, fill
):
    await fill(url_of(path))
    backup = tmp_path / "backup.db"

    async with opened(url_of(path), clock, is_alone=True) as store:
        await store.set_value("while", "running")
        await back_up(url_of(path), backup, now=clock)
        await store.set_value("after", "the backup")

    found = await content(url_of(backup), clock)
    assert ("while", "running") in found["bot_values"]
    assert ("after", "the backup") not in found["bot_values"]
    assert len(found["deliveries"]) == 6
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


async def test_a_backup_during_writes_is_whole(path, clock, tmp_path):
    async with opened(url_of(path), clock, is_alone=True) as store:

        async def write():
            for number in range(60):
                await store.set_value("a", str(number))
                await store.set_value("b", str(number))

        writing = asyncio.create_task(write())
        for number in range(3):
            await back_up(url_of(path), tmp_path / f"{number}.db", now=clock)
        await writing

    for number in range(3):
        assert faults(tmp_path / f"{number}.db", is_quick=False) == []


async def test_a_backup_leaves_one_file_and_never_writes_over_one(
    path, clock, tmp_path
):
    folder = tmp_path / "backups"
    folder.mkdir()

    await back_up(url_of(path), folder / "a.db", now=clock)
    with pytest.raises(StoreError, match="there already"):
        await back_up(url_of(path), folder / "a.db", now=clock)

    assert [p.name for p in folder.iterdir()] == ["a.db"]


async def test_a_backup_of_nothing_is_refused(clock, tmp_path):
    with pytest.raises(StoreError, match="nothing to back up"):
        await back_up(url_of(tmp_path / "no.db"), tmp_path / "b.db", now=clock)


async def test_a_restore_brings_back_what_was_and_keeps_what_is(
    path, clock, tmp_path, fill
):
    await fill(url_of(path))
    before = await content(url_of(path), clock)
    await back_up(url_of(path), tmp_path / "b.db", now=clock)
    async with opened(url_of(path), clock) as store:
        await store.set_value("later", "x")

    aside = await restore(tmp_path / "b.db", url_of(path), now=clock)

    assert await content(url_of(path), clock) == before
    assert ("later", "x") in (await content(url_of(aside), clock))["bot_values"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_restore_replaces_a_damaged_database_and_its_log(
    path, clock, tmp_path, fill
):
    await fill(url_of(path))
    await back_up(url_of(path), tmp_path / "b.db", now=clock)
    path.write_bytes(b"garbage" * 999)
    log = path.with_name("flipwatch.db-wal")
    log.write_bytes(b"old log")

    aside = await restore(tmp_path / "b.db", url_of(path), now=clock)

    assert ("a", "b") in (await content(url_of(path), clock))["bot_values"]
    assert aside.read_bytes().startswith(b"garbage")
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"old log"


async def test_a_restore_into_a_fresh_place_works(path, clock, tmp_path):
    await back_up(url_of(path), tmp_path / "b.db", now=clock)
    fresh = tmp_path / "new" / "flipwatch.db"
    fresh.parent.mkdir()

    assert await restore(tmp_path / "b.db", url_of(fresh), now=clock) is None
    async with opened(url_of(fresh), clock) as store:
        await store.ping()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    path.write_bytes(content)


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE customers (id)")


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def _lost_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM assets")
        connection.commit()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (_cut, "damaged"),
        (_scribble, "damaged"),
        (lambda path: path.write_text("my notes"), "not a SQLite database"),
        (_foreign, "another program's tables"),
        (_newer, "newer Flipwatch"),
        (_lost_row, "names one of assets"),
        (Path.unlink, "does not exist"),
    ],
    ids=["cut", "damaged", "a text", "foreign", "newer", "rows lost", "missing"],
)
async def test_a_bad_backup_is_refused_and_nothing_is_touched(
    path, clock, break_it, said, fill
):
    await fill(url_of(path))
    backup = path.with_name("b.db")
    await back_up(url_of(path), backup, now=clock)
    break_it(backup)
    before = path.read_bytes()

    with pytest.raises(StoreError, match=said):
        await restore(backup, url_of(path), now=clock)

    assert path.read_bytes() == before


async def test_a_restore_waits_for_no_running_bot(path, clock, tmp_path):
    await back_up(url_of(path), tmp_path / "b.db", now=clock)

    async with opened(url_of(path), clock, is_alone=True):
        with pytest.raises(StoreError, match="in use by another Flipwatch"):
            await restore(tmp_path / "b.db", url_of(path), now=clock)


# ------------------------------------------------------------------------- copying


async def test_a_copy_has_every_row_and_goes_on_counting(
    fresh_url, path, clock, fill, world_of
):
    await fill(url_of(path))
    async with opened(url_of(path), clock) as store:
        world = world_of(store)
        gone = await world.recipient("web:gone")
        await store.forget(gone.id, users=["web:gone"])
    target = fresh_url()

    counts = await copy(url_of(path), target, now=clock)

    assert await content(target, clock) == await content(url_of(path), clock)
    assert counts["deliveries"] == 6
    async with opened(target, clock) as store:
        new = await world_of(store).recipient("web:new")
    # an id that was given is never given again
    assert new.id > gone.id


@pytest.mark.postgres
async def test_a_server_is_backed_up_into_a_file_and_restored_from_it(
    postgres_server, clock, tmp_path, fill
):
    url = postgres_server.create_migrated()
    await fill(url)
    before = await content(url, clock)

    await back_up(url, tmp_path / "b.db", now=clock)
    fresh = postgres_server.create_empty()
    await restore(tmp_path / "b.db", fresh, now=clock)

    assert await content(url_of(tmp_path / "b.db"), clock) == before
    assert await content(fresh, clock) == before
    assert stat.S_IMODE((tmp_path / "b.db").stat().st_mode) == 0o600


async def test_a_copy_onto_rows_is_refused(fresh_url, path, clock, fill):
    await fill(url_of(path))
    target = fresh_url()
    async with opened(target, clock) as store:
        await store.set_value("mine", "x")

    with pytest.raises(StoreError, match="not empty"):
        await copy(url_of(path), target, now=clock)

    async def count(connection):
        table = Row.metadata.tables["recipients"]
        found = await connection.execute(select(func.count()).select_from(table))
        return found.scalar()

    async with opened(target, clock) as store:
        assert await store._database.read(count) == 0


async def test_a_copy_onto_itself_is_refused(path, clock):
    with pytest.raises(StoreError, match="the same database"):
        await copy(url_of(path), url_of(path), now=clock)


async def test_a_copy_of_a_database_in_use_is_refused(path, clock, tmp_path):
    async with opened(url_of(path), clock, is_alone=True):
        with pytest.raises(StoreError, match="in use by another Flipwatch"):
            await copy(url_of(path), url_of(tmp_path / "new.db"), now=clock)


# ----------------------------------------------------------------------- migrating


@pytest.fixture
def next_step(monkeypatch, tmp_path):
    """A program one step newer than the databases that are there."""
    folder = tmp_path / "versions"
    folder.mkdir()
    plain = migrations._config
    (last,) = migrations.ScriptDirectory.from_config(plain()).get_heads()
    (folder / "step_9999.py").write_text(NEXT_STEP.format(last=last))

    def config(connection=None):
        made = plain(connection)
        own = Path(migrations.__file__).parent / "versions"
        made.set_main_option("version_locations", f"{own}:{folder}")
        made.set_main_option("path_separator", ":")
        return made

    monkeypatch.setattr(migrations, "_config", config)
    return last


def has_new_table(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE name = 'added_later'"
        ).fetchone()
    return found is not None


async def test_an_older_file_is_copied_and_then_migrated_by_a_start(
    path, clock, next_step
):
    async with opened(url_of(path), clock, is_alone=True):
        pass

    assert has_new_table(path)
    before = path.with_name(f"flipwatch.db.before-{next_step}")
    assert faults(before, is_quick=False) == []
    assert not has_new_table(before)


async def test_by_choice_an_older_file_is_refused_and_left_alone(
    path, clock, next_step
):
    with pytest.raises(StoreError, match="flipwatch db migrate"):
        await open_store(url_of(path), now=clock, may_migrate=False)

    assert not has_new_table(path)
    await migrate(url_of(path), now=clock)
    assert has_new_table(path)
    async with opened(url_of(path), clock, may_migrate=False) as store:
        await store.ping()


async def test_a_new_database_needs_no_choice(tmp_path, clock, next_step):
    async with opened(url_of(tmp_path / "new.db"), clock, may_migrate=False) as store:
        await store.ping()
    assert has_new_table(tmp_path / "new.db")


async def test_an_older_backup_is_restored_and_migrated_by_the_next_start(
    path, clock, tmp_path, next_step
):
    shutil.copy(path, tmp_path / "b.db")

    await restore(tmp_path / "b.db", url_of(path), now=clock)
    async with opened(url_of(path), clock, is_alone=True) as store:
        await store.ping()

    assert has_new_table(path)
