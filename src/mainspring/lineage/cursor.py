"""Where a reader of the event log stands. Triggers and deliveries keep their places here."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from mainspring.lineage.spec import Cursor
from mainspring.lineage.store import cursors, events
from mainspring.ports.records import Records
from mainspring.ports.records.schema import row


def begin(connection: Connection, records: Records, reader: str, place: int, project_id: str) -> None:
    """Give a new reader its place; one that has a place keeps it."""
    statement = records.insert(cursors).values(row(Cursor(reader=reader, place=place), project_id))
    connection.execute(statement.on_conflict_do_nothing(index_elements=["project_id", "reader"]))


def place_of(connection: Connection, reader: str, project_id: str) -> int:
    """`seq` of the last event that the reader is done with; 0 if it has not begun."""
    query = select(cursors.c.place).where(cursors.c.project_id == project_id, cursors.c.reader == reader)
    return int(connection.execute(query).scalar_one_or_none() or 0)


def move(connection: Connection, reader: str, seen: int, place: int, project_id: str) -> bool:
    """Move a reader from the place that was seen. False = another process has moved it meanwhile."""
    moved = update(cursors).where(cursors.c.project_id == project_id, cursors.c.reader == reader)
    return connection.execute(moved.where(cursors.c.place == seen).values(place=place)).rowcount == 1


def newest(connection: Connection, project_id: str) -> int:
    """`seq` of the newest event in the log; 0 for an empty log."""
    query = select(func.max(events.c.seq)).where(events.c.project_id == project_id)
    return int(connection.execute(query).scalar_one() or 0)
