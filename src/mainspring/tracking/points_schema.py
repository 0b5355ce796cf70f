"""The schema of the file of metric points: numbered steps, as the records have migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from mainspring.errors import (
    AccessError,
    IntegrityError,
    MainspringError,
    SchemaOlderError,
    SchemaVersionError,
    UnavailableError,
)

BUSY_WAIT_S: Final = 30.0

_POINTS: Final = (
    "CREATE TABLE metric_points (seq INTEGER PRIMARY KEY, project_id TEXT NOT NULL, "
    "run_id TEXT NOT NULL, key TEXT NOT NULL, step INTEGER NOT NULL, value REAL, logged_us INTEGER NOT NULL)"
)

STEPS: Final[list[tuple[str, ...]]] = [
    (
        _POINTS,
        "CREATE INDEX ix_metric_points_run_id_key_step ON metric_points (run_id, key, step)",
    ),
    # A metric's latest point and a point that was sent twice are each found at once, however many there are of a step.
    (
        "DROP INDEX ix_metric_points_run_id_key_step",
        "CREATE INDEX ix_metric_points_run_id_key_step_logged_us ON metric_points (run_id, key, step, logged_us)",
    ),
]
"""What brings a file from each version to the next, 0 being an empty file. The first is of 0.1.0: never change it."""


def version_of(connection: sqlite3.Connection) -> int:
    """0 for an empty file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def find_version(file: Path) -> int | None:
    """The version of a file; None where there is none, or an empty one."""
    if not file.exists():
        return None
    with (
        refusals(file),
        closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=BUSY_WAIT_S)) as connection,
    ):
        return version_of(connection) or None


@contextmanager
def refusals(file: Path) -> Iterator[None]:
    """Turn what SQLite refuses inside the block into errors that name the file.

    Raises:
        AccessError: it cannot be opened or written.
        IntegrityError: it is damaged.
        UnavailableError: it stayed locked, or its disk is full or failing.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        # What a trigger refuses means something to whoever set it.
        raise
    except sqlite3.DatabaseError as error:
        raise _meaning(error, file) from error


def _meaning(error: sqlite3.DatabaseError, file: Path) -> MainspringError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return IntegrityError(
            expected="a metrics file as it was written",
            got=str(error),
            where=str(file),
            hint="Restore a backup into another folder: `mainspring restore BACKUPS FOLDER`.",
        )
    refused = name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"))
    return (AccessError if refused else UnavailableError)(
        expected="a metrics file that can be written",
        got=str(error),
        where=str(file),
        hint="Check permissions, free space, and whether another process holds it.",
    )


def check_current(version: int, file: Path) -> None:
    """A version is the one that this mainspring reads and writes.

    Raises:
        SchemaOlderError, SchemaVersionError: it is another.
    """
    if version > len(STEPS):
        raise SchemaVersionError(
            expected=f"a metrics file of version {len(STEPS)} or older",
            got=f"version {version}",
            where=str(file),
            hint="A newer mainspring wrote it: use that one. "
            "To go back to this one, restore a backup that was made before the upgrade, into another home.",
        )
    if version < len(STEPS):
        raise SchemaOlderError(
            expected=f"a metrics file of version {len(STEPS)}",
            got=f"version {version}",
            where=str(file),
            hint="Run: mainspring upgrade --backup DIR. It makes a backup in DIR, then migrates.",
        )


def set_up(connection: sqlite3.Connection, file: Path) -> None:
    """Make the tables in an empty file; any other must have them. Safe from many processes at once.

    Raises:
        SchemaOlderError, SchemaVersionError: it is of another version.
    """
    if version_of(connection) == 0:
        _step_up(connection, empty_only=True)
    check_current(version_of(connection), file)


def migrate(file: Path) -> bool:
    """Bring a file to this version's schema, in one transaction; nothing where there is no file.

    Returns:
        Whether this call did.

    Raises:
        SchemaVersionError: a newer mainspring wrote it.
    """
    if (found := find_version(file)) is None or found == len(STEPS):
        return False
    with closing(sqlite3.connect(file, timeout=BUSY_WAIT_S, isolation_level=None)) as connection:
        stepped = _step_up(connection, empty_only=False)
        check_current(version_of(connection), file)
    return stepped


def _step_up(connection: sqlite3.Connection, *, empty_only: bool) -> bool:
    """Whether there was a step to take."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Once more: another process may have been first.
        version = version_of(connection)
        steps = STEPS[version:] if version == 0 or not empty_only else []
        for statement in (each for statements in steps for each in statements):
            connection.execute(statement)
        if steps:
            connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return bool(steps)
