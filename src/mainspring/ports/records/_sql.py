"""What both dialects share: transactions, migration, translated errors."""

from __future__ import annotations

import json
import os
import threading
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from mainspring.errors import MainspringError, StateError, UnavailableError
from mainspring.log import get_logger
from mainspring.ports.read_only import refused
from mainspring.ports.records import _portable as portable
from mainspring.ports.records import fence
from mainspring.ports.records._base import Records
from mainspring.ports.records.migrations import (
    HEAD,
    REVISIONS,
    Schema,
    newer,
    refusal,
    revision_of,
    schema_of,
    upgrade,
)

_log = get_logger(__name__)


def to_json(value: object) -> str:
    """Compact JSON; NaN and infinities are refused because PostgreSQL's JSON has neither."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


class SqlRecords(Records):
    """The shared half of a SQL backend. A dialect adds its engines, its lock and its words for failure."""

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._address = url
        self.read_only = read_only
        self._pid = os.getpid()
        self._engines: tuple[Engine, Engine] | None = None
        self._opening = threading.Lock()
        self._writing = threading.local()

    @abstractmethod
    def _open_engines(self) -> tuple[Engine, Engine]:
        """The engine for writing and the engine for reading."""

    @abstractmethod
    def _translate(self, error: DatabaseError) -> MainspringError | None:
        """What a driver's failure means to a user, or None to let it pass."""

    def _engine(self, index: int) -> Engine:
        with self._opening:
            if self._pid != os.getpid() and self._engines is not None:
                # A child must not close the parent's connections, only forget them.
                self._forget()
                for engine in self._engines:
                    engine.dispose(close=False)
                self._engines = None
            if self._engines is None:
                self._pid = os.getpid()
                self._engines = self._open_engines()
            return self._engines[index]

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.read_only:
            raise refused(f"records {self.url}")
        if getattr(self._writing, "active", False):
            raise StateError(
                expected="one write transaction a thread",
                got="a write block inside a write block",
                where=f"records {self.url}",
                hint="Collect the rows and write them in one block.",
            )
        self._writing.active = True
        try:
            with self._translated(), self._turn(), self._begin_writing() as connection:
                yield connection
        finally:
            self._writing.active = False

    def _forget(self) -> None:
        """This process was forked: what a backend keeps besides its engines is its parent's."""

    def _begin_writing(self) -> AbstractContextManager[Connection]:
        """A transaction for writing, committed when its block ends cleanly."""
        return self._engine(0).begin()

    def _turn(self) -> AbstractContextManager[None]:
        """What a writer waits for before it begins; a server that queues its writers itself needs nothing."""
        return nullcontext()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._translated(), self._engine(1).begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            if (moved := fence.refusal(error.orig, f"records {self.url}")) is not None:
                raise moved from error
            # The plain class is what SQLite raises for a file that is no database; other leaves are callers' bugs.
            if type(error) not in {DatabaseError, OperationalError}:
                raise
            meaning = self._translate(error)
            if meaning is None:
                raise
            raise meaning from error
        except PoolTimeoutError as error:
            raise UnavailableError(
                expected="a free connection of this process within its wait",
                got="all of them stayed in use",
                where=f"records {self.url}",
                hint="A transaction of another thread does not end: find it, or use fewer threads.",
            ) from error

    def schema_revision(self) -> str | None:
        with self.read() as connection:
            return revision_of(connection)

    def schema(self) -> Schema:
        with self.read() as connection:
            return schema_of(connection)

    def set_up(self) -> None:
        revision = self.schema_revision()
        if revision is None:
            with self._migrating() as connection:
                if revision_of(connection) is None:
                    upgrade(connection)
        if revision != HEAD:
            self.check_current()

    def migrate(self) -> bool:
        if self.schema_revision() == HEAD:
            return False
        with self._migrating() as connection:
            found = schema_of(connection)
            if found.revision is not None and found.revision not in REVISIONS:
                raise newer(found, f"records {self.url}")
            if found.revision == HEAD:
                return False
            upgrade(connection)
        _log.info(
            "records.migrated",
            f"the database is at schema revision {HEAD}, from {found.revision or 'an empty one'}",
            url=self.url,
            from_revision=found.revision,
            to_revision=HEAD,
        )
        return True

    @contextmanager
    def _migrating(self) -> Iterator[Connection]:
        with self.write() as connection:
            self.lock(connection, "mainspring.migrate")
            yield connection

    def check_current(self) -> None:
        if (found := self.schema()).revision != HEAD:
            raise refusal(found, f"records {self.url}")

    def damages(self) -> list[str]:
        return []

    def load(self, path: Path) -> None:
        portable.load(path, self)

    def close(self) -> None:
        with self._opening:
            if self._engines is not None and self._pid == os.getpid():
                for engine in self._engines:
                    engine.dispose()
            self._engines = None
