"""What every way of bringing many rows into a database shares."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Connection, Table, func, select

from mainspring.ports.records.schema import COUNTER

ROWS_AT_ONCE: Final = 1_000

MOVE_JOURNAL: Final = "mainspring_move"
"""A table that is in a database only while records are moved to it: which parts are there."""


def count_on(connection: Connection, table: Table) -> None:
    """Let the database count on from the highest number that was copied."""
    if connection.dialect.name != "postgresql" or COUNTER not in table.c:
        return
    highest = connection.execute(select(func.max(table.c[COUNTER]))).scalar_one()
    if highest is not None:
        sequence = func.pg_get_serial_sequence(table.name, COUNTER)
        connection.execute(select(func.setval(sequence, func.cast(highest, BigInteger))))
