"""Run by Alembic with a connection of ours in `attributes`."""

from alembic import context
from sqlalchemy import Connection

from storage import tables  # noqa: F401 - so that the metadata knows them
from storage.columns import Row

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Row.metadata,
    # SQLite can't alter a column: Alembic makes a new table and copies
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
