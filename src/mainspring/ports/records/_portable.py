"""All rows of a database as one SQLite file: what a backup keeps of the records, and what another database loads."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    MetaData,
    Table,
    Text,
    cast,
    column,
    create_engine,
    insert,
    inspect,
    select,
    table,
)
from sqlalchemy.pool import NullPool

from mainspring.errors import IntegrityError, StateError
from mainspring.ports.records._base import Records
from mainspring.ports.records.loading import MOVE_JOURNAL, ROWS_AT_ONCE, count_on
from mainspring.ports.records.migrations import (
    HEAD,
    REVISIONS,
    VERSION_TABLE,
    refusal,
    schema_of,
    upgrade,
)
from mainspring.ports.records.reading import opened
from mainspring.ports.records.schema import metadata


def copy_file(source: Path, target: Path, *, read_only: bool) -> None:
    """A SQLite database as of now, by SQLite's own online backup; the copy is one file without a log.

    Args:
        read_only: make nothing beside the source.

    Raises:
        IntegrityError: the copy does not pass SQLite's own check.
        AccessError, UnavailableError: as for `reading.opened`.
    """
    with opened(source, read_only=read_only) as there, closing(sqlite3.connect(target)) as here:
        try:
            # All pages in one step: a copy in several would begin again whenever somebody writes.
            there.backup(here, pages=-1)
            here.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.DatabaseError as error:
            raise _damaged(source, str(error)) from error
        if found := flaws(here):
            raise _damaged(source, found[0])


def flaws(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with a database, a sentence each."""
    try:
        found = [str(said) for (said,) in connection.execute("PRAGMA integrity_check")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [said for said in found if said != "ok"]


def export(rows: Connection, target: Path, leave_out: Collection[str], where: str) -> None:
    """Every row that a connection's snapshot sees, into a new SQLite file at the same revision."""
    found = schema_of(rows)
    if found.revision is None or found.revision not in REVISIONS:
        raise refusal(found, where)
    engine = create_engine(f"sqlite:///{target}", poolclass=NullPool)
    made = MetaData()
    try:
        with engine.begin() as connection:
            upgrade(connection, found.revision)
            made.reflect(connection)
            for each in made.sorted_tables:
                if each.name not in {VERSION_TABLE, *leave_out}:
                    _copy_plain(rows, connection, each)
    finally:
        engine.dispose()


def load(source: Path, into: Records) -> None:
    """Every row of an exported file into an empty, migrated database."""
    engine = create_engine(f"sqlite:///{source}", poolclass=NullPool)
    try:
        with engine.connect() as rows, into.write() as connection:
            tables = _tables(rows, str(source))
            for table in _tables(connection, into.url):
                if connection.execute(select(table).limit(1)).first() is not None:
                    raise StateError(
                        expected="a database without rows",
                        got=f"rows in the table {table.name!r}",
                        where=into.url,
                        hint="Name an empty database or schema.",
                    )
            for table in tables:
                _copy(rows, connection, table)
                count_on(connection, table)
    finally:
        engine.dispose()


def _copy_plain(rows: Connection, target: Connection, like: Table) -> None:
    """Copy what is stored, unread: the rooms know the tables of this version only."""
    plain = table(like.name, *(column(each.name) for each in like.columns))
    stored = [
        cast(plain.c[each.name], Text).label(each.name) if isinstance(each.type, JSON) else plain.c[each.name]
        for each in like.columns
    ]
    found = rows.execution_options(yield_per=ROWS_AT_ONCE).execute(select(*stored)).mappings()
    for part in found.partitions(ROWS_AT_ONCE):
        target.execute(insert(plain), [dict(row) for row in part])


def _copy(rows: Connection, target: Connection, table: Table) -> None:
    found = rows.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table)).mappings()
    for part in found.partitions(ROWS_AT_ONCE):
        target.execute(insert(table), [dict(row) for row in part])


def _tables(connection: Connection, where: str) -> list[Table]:
    """Every table of the database, as the rooms declare them.

    Raises:
        SchemaVersionError: the database is not at this version's schema.
    """
    if (found := schema_of(connection)).revision != HEAD:
        raise refusal(found, where)
    there = set(inspect(connection).get_table_names()) - {VERSION_TABLE, MOVE_JOURNAL}
    known = {table.name: table for table in metadata.sorted_tables}
    unknown: Any = sorted(name for name in there - set(known) if not name.startswith("sqlite_"))
    assert not unknown, f"no room that is loaded declares {unknown}"
    return [table for name, table in known.items() if name in there]


def _damaged(source: Path, said: str) -> IntegrityError:
    return IntegrityError(
        expected="a SQLite database that passes its own check",
        got=said,
        where=str(source),
        hint="Restore the file from a backup; `mainspring doctor` says what else is damaged.",
    )
