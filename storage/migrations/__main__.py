"""`python -m storage.migrations "what changes"`: draft the next step."""

import sys

from sqlalchemy import create_engine

from storage.migrations import draft, upgrade

if __name__ == "__main__":
    with create_engine("sqlite://").begin() as connection:
        upgrade(connection)
        draft(connection, " ".join(sys.argv[1:]) or "change")
