"""Reading a SQLite file that must not, or cannot, be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mainspring.errors import AccessError, UnavailableError

BUSY_WAIT_S: Final = 30.0


def connect_reading(file: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection that reads and never writes, and whether it reads the file as it lies, without locks.

    In WAL mode even a reader keeps a file beside the database (`-shm`), which a folder without write permission
    does not let it make. Where no log (`-wal`) is left, everything is in the one file, and it is read as it lies.
    Where one is left, rows in it would be missing: that is refused, and never read without them.

    Raises:
        AccessError: the file cannot be read, or a log is left that this user cannot read along.
    """
    connection = _connect(file, "")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        name = getattr(error, "sqlite_errorname", "") or ""
        if not name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) or not file.is_file():
            raise
        if has_log(file):
            raise AccessError(
                expected="a database whose log is folded in, or a folder where it can be read along",
                got=f"a log, {file.name}-wal, in a folder that cannot be written",
                where=str(file),
                hint="Let a process that may write open the project once and close it, then read.",
            ) from error
        return _connect(file, "&immutable=1"), True
    return connection, False


def read_only_address(file: Path) -> str:
    """How SQLite is told to open a file for reading alone."""
    return f"file:{quote(str(file))}?mode=ro"


@contextmanager
def opened(file: Path, *, read_only: bool) -> Iterator[sqlite3.Connection]:
    """A connection for a whole read of a file, closed afterwards.

    Args:
        read_only: make nothing beside the file, whose folder need not be writable.

    Raises:
        AccessError: as for `connect_reading`.
        UnavailableError: the file was read as it lies, and somebody wrote to it meanwhile.
    """
    if not read_only:
        with closing(sqlite3.connect(file, timeout=BUSY_WAIT_S)) as connection:
            yield connection
        return
    before = state_of(file)
    connection, as_it_lies = connect_reading(file)
    with closing(connection):
        yield connection
    if as_it_lies:
        check_unchanged(file, before)


def _connect(file: Path, more: str) -> sqlite3.Connection:
    address = f"{read_only_address(file)}{more}"
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_WAIT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only=ON")
    return connection


def has_log(file: Path) -> bool:
    """Whether a log with anything in it lies beside a SQLite file."""
    try:
        return file.with_name(f"{file.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def state_of(file: Path) -> tuple[int, int, bool] | None:
    """What tells that a file was written to: when last, its size, and whether a log lies beside it."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, has_log(file)


def check_unchanged(file: Path, before: tuple[int, int, bool] | None) -> None:
    """Nobody wrote since `state_of` said so: a file that is read as it lies keeps no writer out.

    Raises:
        UnavailableError: somebody did; what was read may be wrong.
    """
    if state_of(file) != before:
        raise UnavailableError(
            expected="a database that nobody writes to while it is read",
            got="it was written to meanwhile",
            where=str(file),
            hint="Read again.",
        )
