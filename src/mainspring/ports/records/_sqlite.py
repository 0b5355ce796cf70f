"""SQLite: the whole of the metadata in one file, for one machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Engine, Table, cast, create_engine, event, func
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool, QueuePool

from mainspring.errors import AccessError, IntegrityError, MainspringError, UnavailableError
from mainspring.ports._opened_file import OpenedFile
from mainspring.ports.records import _portable as portable
from mainspring.ports.records._compiled import KEPT, Alike, driver
from mainspring.ports.records._sql import SqlRecords, to_json
from mainspring.ports.records._writer import Writer
from mainspring.ports.records.migrations import Schema
from mainspring.ports.records.prepared import hand_over
from mainspring.ports.records.reading import check_unchanged, connect_reading, opened, state_of
from mainspring.ports.records.turns import LOOK_EVERY_S, turn

BUSY_WAIT_S: Final = 30.0
EMPTYING_WAIT_MS: Final = 10_000
"""How long to wait for readers of what the log has."""
_UNIX_EPOCH_DAYS: Final = 2_440_587.5
"""1970 as a Julian day."""


class SqliteDialect(Alike, SQLiteDialect_pysqlite):
    """SQLAlchemy's, but for what is kept of compiled statements."""

    supports_statement_cache = True


_DRIVER: Final = driver(SqliteDialect)


class SqliteRecords(SqlRecords):
    """Records in a SQLite file, in WAL mode with full sync; one write connection a process.

    Writers of all processes queue on the file for up to 30 s; readers never wait. The file must lie on a
    local file system: WAL needs shared memory.
    """

    dialect = "sqlite"
    present_us = cast((func.julianday("now") - _UNIX_EPOCH_DAYS) * 86_400_000_000.0, BigInteger)

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        super().__init__(url, read_only=read_only)
        self._as_it_lies = False
        self._file = Path(make_url(url).database or "")
        self.url = f"sqlite:///{self._file}"
        self._parsed = make_url(self.url).set(drivername=_DRIVER)
        self._opened = OpenedFile(self._file, "the database file", self.url)
        self._writer: Writer | None = None

    def _open_engines(self) -> tuple[Engine, Engine]:
        folder = self._file.parent
        if not folder.is_dir():
            raise AccessError(
                expected="an existing folder for the database",
                got="no such folder",
                where=str(folder),
                hint="Create it, or run `mainspring init`.",
            )
        if self.read_only:
            reader = create_engine(
                self._parsed,
                creator=self._connect_reading,
                poolclass=NullPool,
                json_serializer=to_json,
                execution_options=KEPT,
            )
            event.listen(reader, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
            return reader, reader
        writable = os.access(folder, os.W_OK) and (not self._file.exists() or os.access(self._file, os.W_OK))
        if not self._file.exists() and not writable:
            raise AccessError(
                expected="a folder that can be written",
                got="a read-only folder",
                where=str(folder),
                hint="Give write permission, or set another home in mainspring.toml.",
            )
        writing = self._engine_for("BEGIN IMMEDIATE", size=1)
        self._writer = Writer(writing)
        return writing, self._engine_for("BEGIN", size=8)

    def _connect_reading(self) -> sqlite3.Connection:
        connection, self._as_it_lies = connect_reading(self._file)
        self._opened.remember()
        return connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self._opened.check()
        before = state_of(self._file) if self.read_only else None
        with super().read() as connection:
            yield connection
        if self._as_it_lies:
            check_unchanged(self._file, before)

    def _engine_for(self, begin: str, size: int) -> Engine:
        # One pooled writer: threads of this process queue here, fairly, instead of on SQLite's busy handler.
        engine = create_engine(
            self._parsed,
            connect_args={"timeout": BUSY_WAIT_S, "check_same_thread": False},
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0 if size == 1 else 64,
            pool_timeout=BUSY_WAIT_S,
            json_serializer=to_json,
            execution_options=KEPT,
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "connect", lambda *_: self._opened.remember())
        event.listen(engine, "begin", lambda connection: hand_over(connection, begin))
        return engine

    @contextmanager
    def _begin_writing(self) -> Iterator[Connection]:
        self._engine(0)
        assert self._writer is not None
        with self._writer.begin(BUSY_WAIT_S) as connection:
            if connection is None:
                raise self._busy()
            yield connection

    def _forget(self) -> None:
        if self._writer is not None:
            self._writer.forget()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with turn(self._file, BUSY_WAIT_S) as came:
            if not came:
                raise self._busy()
            self._opened.check()
            yield
            # Once more, before anything is acknowledged: it may have gone while the transaction was under way.
            self._opened.check()

    def close(self) -> None:
        if self._writer is not None and self._pid == os.getpid():
            self._writer.close()
        super().close()
        self._opened.let_go()

    def _busy(self) -> UnavailableError:
        return UnavailableError(
            expected=f"the database's write lock within {BUSY_WAIT_S:.0f} s",
            got="it stayed locked",
            where=self.url,
            hint="Another process holds a long transaction; find it and let it end.",
        )

    def _translate(self, error: DatabaseError) -> MainspringError | None:
        code = getattr(error.orig, "sqlite_errorname", "") or ""
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return self._busy()
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
            return AccessError(
                expected="a database file that can be opened and written",
                got=str(error.orig),
                where=self.url,
                hint="Check the permissions of the file and of its folder.",
            )
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return UnavailableError(
                expected="room and a working disk",
                got=str(error.orig),
                where=self.url,
                hint="Free some space.",
            )
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return IntegrityError(
                expected="a SQLite database",
                got=str(error.orig),
                where=self.url,
                hint="Restore the file from a backup.",
            )
        return None

    def schema_revision(self) -> str | None:
        return super().schema_revision() if self._is_there() else None

    def schema(self) -> Schema:
        return super().schema() if self._is_there() else Schema(None, None)

    def _is_there(self) -> bool:
        # Whoever opens a file that is not there makes it: a look must not.
        self._opened.check()
        return self._file.exists()

    def damages(self) -> list[str]:
        with opened(self._file, read_only=self.read_only) as connection:
            return portable.flaws(connection)

    def forget_deleted(self) -> str:
        # In the file nothing is left: `secure_delete`. The log has the pages from before, until it is emptied.
        with opened(self._file, read_only=False) as connection:
            connection.execute(f"PRAGMA busy_timeout={EMPTYING_WAIT_MS}")
            is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return f"{self._file.name}-wal, until the transactions end that read it just now" if is_busy else ""

    def export(self, path: Path, leave_out: Collection[str] = ()) -> None:  # noqa: ARG002 - pages are copied whole
        portable.copy_file(self._file, path, read_only=self.read_only)

    def lock(self, connection: Connection, name: str) -> None:
        """Nothing to do: BEGIN IMMEDIATE already excludes every other writer."""

    def insert(self, table: Table) -> Any:
        return insert(table)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions by itself: we choose BEGIN or BEGIN IMMEDIATE.
    connection.isolation_level = None
    cursor = connection.cursor()

    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What is deleted is written over with zeros: an erasure must leave nothing in pages that are free.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Wait for whoever switches a new file, or writes to it; it is in another mode until the first one has done so.

    SQLite's own wait is not for this: of two who read the file and would write it, one is refused at once.
    """
    ends_s = time.monotonic() + BUSY_WAIT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorname", "")
            if code in {"SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY"}:
                # A read-only database keeps the journal mode that it has; reading needs no change.
                return
            if not code.startswith("SQLITE_BUSY") or time.monotonic() > ends_s:
                raise
            time.sleep(LOOK_EVERY_S)
        else:
            return
