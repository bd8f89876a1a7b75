"""The schema's history: one chain of steps for all databases, run at every open.

A new step: change `storage/tables.py`, then

    python -m storage.migrations "what changes"

writes a draft into `versions/`; read it, finish it by hand, and let the test that
compares the migrated schema with the tables have the last word.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Schema:
    """A database's schema: the step it is at (empty: no tables yet) and what it lacks.

    Attributes:
        at: the newest step that was taken.
        pending: the steps still to be taken, in order.
    """

    at: str
    pending: tuple[str, ...]

    @property
    def is_new(self) -> bool:
        """Whether there is nothing in the database yet."""
        return not self.at


def schema_of(connection: Connection) -> Schema:
    """Say how far a database's schema is; changes nothing.

    Raises `StoreError` for a schema newer than this program and for a database that
    holds another program's tables.
    """
    steps = ScriptDirectory.from_config(_config(connection))
    known = [step.revision for step in steps.walk_revisions()][::-1]
    there = MigrationContext.configure(connection).get_current_heads()
    if unknown := set(there) - set(known):
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
    at = there[0] if there else ""
    return Schema(at, tuple(known[known.index(at) + 1 :] if at else known))


def upgrade(connection: Connection) -> None:
    """Bring the schema to the newest step inside the caller's transaction.

    Alembic's `op` is one per process: two upgrades must not overlap in it.
    Raises `StoreError` as `schema_of` does. Of two processes the second waits and
    finds nothing left to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK}
        )
    if schema_of(connection).pending:
        command.upgrade(_config(connection), "head")


def draft(connection: Connection, message: str) -> None:
    """Write a new step from the difference between the tables and a migrated schema."""
    command.revision(_config(connection), message=message, autogenerate=True)
