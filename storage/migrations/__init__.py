"""The schema's history: one chain of steps for all databases, run at every open.

A new step: change `storage/tables.py`, then

    python -m storage.migrations "what changes"

writes a draft into `versions/`; read it, finish it by hand, and let the test that
compares the migrated schema with the tables have the last word.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from bot.errors import StoreError

#: any number will do, as long as all Flipwatch processes lock the same one
_POSTGRES_LOCK = 7_041_776_203


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # a path with % in it is not an interpolation
    folder = str(Path(__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest step inside the caller's transaction.

    Alembic's `op` is one per process: two upgrades must not overlap in it.
    Raises `StoreError` for a schema newer than this program and for a database that
    holds another program's tables. Of two processes the second waits and finds
    nothing left to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK}
        )
    config = _config(connection)
    steps = ScriptDirectory.from_config(config)
    known = {step.revision for step in steps.walk_revisions()}
    there = MigrationContext.configure(connection).get_current_heads()
    if unknown := set(there) - known:
        raise StoreError(
            "the database was written by a newer Flipwatch "
            f"(schema {', '.join(sorted(unknown))}): update this one, "
            "or restore the backup from before"
        )
    if not there and (tables := inspect(connection).get_table_names()):
        raise StoreError(
            "the database already holds another program's tables "
            f"({', '.join(sorted(tables)[:3])} ...): give Flipwatch one of its own"
        )
    if set(there) != set(steps.get_heads()):
        command.upgrade(config, "head")


def draft(connection: Connection, message: str) -> None:
    """Write a new step from the difference between the tables and a migrated schema."""
    command.revision(_config(connection), message=message, autogenerate=True)
