"""The one chain of schema migrations, run by Alembic on the caller's connection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Text, column, inspect, select, table, text, update

from mainspring import __version__
from mainspring.errors import SchemaOlderError, SchemaVersionError

VERSION_TABLE: Final = "mainspring_schema"
REVISIONS: Final = ("0001", "0002")
"""Every revision that this version knows, oldest first."""
HEAD: Final = REVISIONS[-1]
RELEASED: Final = {"0001": "0.1.0"}
"""Revisions that a release made databases of, which nobody may change, and the first release that did."""


_STORED: Final = table(VERSION_TABLE, column("version_num", Text()), column("version", Text()))


@dataclass(frozen=True)
class Schema:
    """What a database says of its tables.

    Attributes:
        revision: the migration that it is at; None for one without tables of ours.
        version: of the mainspring that brought it there; None where that is not known.
    """

    revision: str | None
    version: str | None

    def __str__(self) -> str:
        if self.revision is None:
            return "an empty one"
        return f"revision {self.revision}" + (f", of mainspring {self.version}" if self.version else "")


CURRENT: Final = Schema(HEAD, __version__)
"""What this version makes."""


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """Run all missing migrations up to a revision, inside the transaction that `connection` is in.

    Beside the newest revision it writes this version, for whoever cannot read what it made.
    """
    # Alembic costs a tenth of a second to import, and an up-to-date database never needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    if to == HEAD:
        if not _has_version(connection):
            # Not a migration: the chain cannot record itself, and Alembic's table is none of the rooms'.
            connection.execute(text(f"ALTER TABLE {VERSION_TABLE} ADD COLUMN version TEXT"))
        connection.execute(update(_STORED).values(version=__version__))


def schema_of(connection: Connection) -> Schema:
    """What a database says of its tables."""
    revision = revision_of(connection)
    if revision is None:
        return Schema(None, None)
    stored = connection.execute(select(_STORED.c.version)).scalar_one() if _has_version(connection) else None
    return Schema(revision, stored or RELEASED.get(revision))


def revision_of(connection: Connection) -> str | None:
    """The migration that a database is at; None for one without tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(select(_STORED.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)


def refusal(found: Schema, where: str) -> SchemaVersionError:
    """For a database that is not at this version's revision."""
    if found.revision is not None and found.revision not in REVISIONS:
        return newer(found, where)
    return SchemaOlderError(
        expected=f"a database at revision {HEAD}",
        got=str(found),
        where=where,
        hint="Open the project once for writing, which makes its tables."
        if found.revision is None
        else "Run: mainspring upgrade --backup DIR. It makes a backup in DIR, then migrates.",
    )


def newer(found: Schema, where: str) -> SchemaVersionError:
    """For a database that a later version made."""
    return SchemaVersionError(
        expected=f"a database at revision {HEAD} or older",
        got=str(found),
        where=where,
        hint=f"A newer mainspring wrote it: use {found.version or 'its version'} or later. "
        "To go back to this one, restore a backup that was made before the upgrade, into another home.",
    )


def _has_version(connection: Connection) -> bool:
    return any(found["name"] == "version" for found in inspect(connection).get_columns(VERSION_TABLE))
