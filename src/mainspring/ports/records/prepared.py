"""Statements that are compiled once and handed to the driver as text: for what every publication runs.

SQLAlchemy's own way from a statement to the driver takes longer than SQLite does to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, CursorResult, Dialect, Executable, Table, insert
from sqlalchemy.sql import ClauseElement

from mainspring.ports.records.schema import COUNTER

_OPTIONS: Final = {"preserve_rowcount": True}

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
        # A dialect object knows how its engine writes JSON, so each has its own.
        self._ready: WeakKeyDictionary[Dialect, tuple[str, Bind]] = WeakKeyDictionary()

    @classmethod
    def insert_into(cls, into: Table) -> Self:
        """The INSERT of whole rows, save for a counter that the database counts up."""
        return cls(insert(into).inline(), [column for column in into.c.keys() if column != COUNTER])  # noqa: SIM118 - no dict

    def run(self, connection: Connection, *rows: Row) -> CursorResult[Any]:
        """Run it with these parameters; several rows are one call to the driver."""
        ready = self._ready.get(connection.dialect)
        if ready is None:
            ready = self._ready[connection.dialect] = self._compiled(connection.dialect)
        sql, bind = ready
        given = bind(rows[0]) if len(rows) == 1 else [bind(row) for row in rows]
        return connection.exec_driver_sql(sql, given, execution_options=_OPTIONS)

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
