"""The one connection by which a process writes, kept between its transactions.

To give a connection back to SQLAlchemy's pool and to take it again costs as much as SQLite needs for the rows of a
short publication; whoever writes would get the same one each time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine

_OF_PARENTS: Final[list[object]] = []


class Writer:
    """Lends one connection of an engine to one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._guard = threading.Lock()
        self._connection: Connection | None = None
        self._is_over = False

    @contextmanager
    def begin(self, wait_s: float) -> Iterator[Connection | None]:
        """A transaction, committed when its block ends cleanly; None when another thread kept it all that time."""
        if not self._guard.acquire(timeout=wait_s):
            yield None
            return
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                yield self._connection
        except BaseException:
            # Whatever state it is in, nobody is to meet it.
            self._drop()
            raise
        finally:
            self._guard.release()
            if self._is_over:
                self.close()

    def close(self) -> None:
        """Close it, now or when the transaction that has it ends."""
        self._is_over = True
        if self._guard.acquire(blocking=False):
            self._drop()
            self._guard.release()

    def forget(self) -> None:
        """Never use it again and never close it: it belongs to the process that this one was forked from."""
        _OF_PARENTS.append(self._connection)
        self._connection = None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
