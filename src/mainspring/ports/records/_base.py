"""The contract of the records port: transactions over one SQL database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Table

from mainspring.ports.records.migrations import Schema


class Records(ABC):
    """Metadata in a SQL database, written and read in transactions.

    Threads: one instance may be shared by all threads of a process; a connection belongs to the thread that
    opened it. A process that forks gets fresh connections by itself.

    Atomicity: what one `write()` block does becomes visible at once when it ends cleanly, and not at all when
    it raises or the process dies.

    Durability: when `write()` has returned, its rows survive kill -9 and power loss.

    Isolation: write blocks of one database run one after another on SQLite and concurrently on PostgreSQL;
    whoever needs an order takes `lock()`. A `read()` block sees one snapshot, whatever is written meanwhile.

    No file or network I/O belongs inside a write block: it holds up every other writer.
    """

    dialect: ClassVar[str]
    """`sqlite` or `postgresql`."""

    url: str
    """The database's address without its password."""

    present_us: ClassVar[ColumnElement[int]]
    """SQL for the present, in microseconds since 1970, when the statement runs, by the one clock that all who write to
    the database share: the server's, or for a file that of the machine. It may jump when that is corrected."""

    read_only: bool
    """Whether every write is refused."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Connection]:
        """One write transaction. Blocks may not be nested in a thread.

        Raises:
            StateError: this thread is already inside a write block.
            UnavailableError: the database cannot be reached, or stayed locked for 30 s.
            AccessError: the database is read-only, or open for reading alone.
        """

    @abstractmethod
    def read(self) -> AbstractContextManager[Connection]:
        """One read-only snapshot."""

    @abstractmethod
    def lock(self, connection: Connection, name: str) -> None:
        """Hold `name` alone until the write transaction of `connection` ends."""

    @abstractmethod
    def insert(self, table: Table) -> Any:
        """The dialect's INSERT, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""

    @abstractmethod
    def schema_revision(self) -> str | None:
        """The migration that the database is at; None for an empty database, or one that is not there."""

    @abstractmethod
    def schema(self) -> Schema:
        """The migration that the database is at, and the mainspring that brought it there. A look makes no database."""

    @abstractmethod
    def set_up(self) -> None:
        """Make this version's tables in an empty database; any other must have them. Safe from many processes at once.

        Raises:
            SchemaOlderError: an older mainspring wrote the database; it stays as it is.
            SchemaVersionError: a newer one did.
        """

    @abstractmethod
    def migrate(self) -> bool:
        """Bring the schema to this version's, in one transaction. Safe to call from many processes at once.

        Returns:
            Whether this call did; False where it was there.

        Raises:
            SchemaVersionError: a newer mainspring wrote the database.
        """

    @abstractmethod
    def check_current(self) -> None:
        """The schema is this version's, without changing it.

        Raises:
            SchemaOlderError: the database is empty, or an older mainspring wrote it.
            SchemaVersionError: a newer one did.
        """

    @abstractmethod
    def damages(self) -> list[str]:
        """What the database itself finds wrong with its own pages and indexes, a sentence each; reads all of it.

        PostgreSQL has no such check for clients, and says nothing here.
        """

    @abstractmethod
    def forget_deleted(self) -> str:
        """Take the bytes of rows that were deleted or changed out of the database's own files, as far as a client can.

        Returns:
            What may still have them, in words; empty = nothing has.
        """

    @abstractmethod
    def export(self, path: Path, leave_out: Collection[str] = ()) -> None:
        """Write every row as of one moment into a new SQLite file, whatever is written meanwhile.

        The file is what `SqliteRecords` would hold, whichever database it comes from, and at the database's own
        revision, which may be an older one: a backup is made before a migration.

        Args:
            leave_out: tables whose rows are not wanted; SQLite copies pages and takes them along.

        Raises:
            SchemaVersionError: the database is empty, or a newer mainspring wrote it.
            IntegrityError: the database is damaged.
        """

    @abstractmethod
    def load(self, path: Path) -> None:
        """Take over every row of a file that `export` wrote, in one transaction.

        Raises:
            StateError: there are rows already.
            SchemaVersionError: this database or the file is not at this version's schema.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the connections back. The instance can be used again; it reconnects."""
