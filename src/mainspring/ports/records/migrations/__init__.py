"""The one chain of schema migrations, run by Alembic on the caller's connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Text, column, inspect, select, table

VERSION_TABLE: Final = "mainspring_schema"
REVISIONS: Final = ("0001", "0002")
"""Every revision that this version knows, oldest first."""
HEAD: Final = REVISIONS[-1]
RELEASED: Final = {"0001": "0.1.0"}
"""Revisions that a release made databases of, which nobody may change, and the first release that did."""


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """Run all missing migrations up to a revision, inside the transaction that `connection` is in."""
    # Alembic costs a tenth of a second to import, and an up-to-date database never needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def revision_of(connection: Connection) -> str | None:
    """The migration that a database is at; None for one without tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    stored = table(VERSION_TABLE, column("version_num", Text()))
    found: Any = connection.execute(select(stored.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)
