"""Statements that are compiled once and handed to the driver as text: for what runs at every publication and tick.

SQLAlchemy's own way from a statement to the driver takes longer than SQLite does to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Self
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Executable, Table, insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from mainspring.ports.records.schema import COUNTER

Row = Mapping[str, Any]
Bind = Callable[[Row], Any]


class Prepared:
    """A statement whose parameters are named, for either database. What it answers comes as the driver has it.

    Args:
        columns: of an INSERT, those that rows have; None = all.
    """

    def __init__(self, statement: Executable, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = columns
        # A dialect knows how its engines write JSON.
        self._ready: WeakKeyDictionary[Dialect, tuple[str, Bind]] = WeakKeyDictionary()

    @classmethod
    def insert_into(cls, into: Table) -> Self:
        """The INSERT of whole rows, save for a counter that the database counts up."""
        return cls(insert(into).inline(), [column for column in into.c.keys() if column != COUNTER])  # noqa: SIM118 - no dict

    def run(self, connection: Connection, *rows: Row) -> int:
        """Change something; several rows are one call to the driver.

        Returns:
            How many rows it changed.
        """
        sql, bind = self._for(connection.dialect)
        many = len(rows) > 1
        cursor = hand_over(connection, sql, [bind(row) for row in rows] if many else bind(rows[0]), many=many)
        n_changed: int = cursor.rowcount
        return n_changed

    def ask(self, connection: Connection, row: Row) -> tuple[Any, ...]:
        """The one row that it answers, as the driver has it."""
        sql, bind = self._for(connection.dialect)
        with closing(hand_over(connection, sql, bind(row))) as cursor:
            answer: Any = cursor.fetchone()
        return tuple(answer)

    def ask_all(self, connection: Connection, row: Row) -> list[tuple[Any, ...]]:
        """All rows that it answers, as the driver has them."""
        sql, bind = self._for(connection.dialect)
        with closing(hand_over(connection, sql, bind(row))) as cursor:
            return [tuple(answer) for answer in cursor.fetchall()]

    def _for(self, dialect: Dialect) -> tuple[str, Bind]:
        ready = self._ready.get(dialect)
        if ready is None:
            ready = self._ready[dialect] = self._compiled(dialect)
        return ready

    def _compiled(self, dialect: Dialect) -> tuple[str, Bind]:
        assert isinstance(self._statement, ClauseElement)
        made: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
        order = made.positiontup if made.positional else list(made.binds)
        binds = {name: made.binds[name] for name in order}
        writers = {name: _writer(bind.type, dialect) for name, bind in binds.items()}
        fixed = {name: bind.effective_value for name, bind in binds.items() if not bind.required}

        if made.positional:
            plan = [(name, writers[name]) for name in order]

            def in_order(row: Row) -> tuple[Any, ...]:
                given = {**fixed, **row} if fixed else row
                return tuple([given[name] if write is None else write(given[name]) for name, write in plan])

            return str(made), in_order

        def by_name(row: Row) -> dict[str, Any]:
            given = {**fixed, **row}
            return {
                name: given[name] if write is None else write(given[name]) for name, write in writers.items()
            }

        return str(made), by_name


def _writer(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    """How a value of this type is given to the driver; None = as it is."""
    found: Callable[[Any], Any] | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return found


def hand_over(connection: Connection, sql: str, given: Any = (), *, many: bool = False) -> DBAPICursor:
    """Have the driver run a text, and whoever listens to SQLAlchemy's statements hear of it.

    Raises:
        DBAPIError: the driver's error, as SQLAlchemy would raise it.
    """
    driver: Any = connection.connection.driver_connection
    heard: Any = connection.dispatch
    cursor: DBAPICursor = driver.cursor()
    for hear in heard.before_cursor_execute:
        hear(connection, cursor, sql, given, None, many)
    try:
        if many:
            cursor.executemany(sql, given)
        else:
            cursor.execute(sql, given)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(connection, cursor, sql, given, error) from error
    for hear in heard.after_cursor_execute:
        hear(connection, cursor, sql, given, None, many)
    return cursor


def _as_sqlalchemy(
    connection: Connection, cursor: DBAPICursor, sql: str, given: Any, error: Any
) -> Exception:
    dialect = connection.dialect
    is_gone = dialect.is_disconnect(error, connection.connection, cursor)
    if is_gone:
        # Nobody is to be given it again.
        connection.invalidate(error)
    meant: Exception = DBAPIError.instance(
        sql, given, error, dialect.loaded_dbapi.Error, connection_invalidated=is_gone, dialect=dialect
    )
    return meant
