"""Homes as released versions made them: tests/data/schemas, loaded into either database."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from mainspring.ports.records._sql import to_json
from mainspring.ports.records.migrations import VERSION_TABLE, upgrade
from mainspring.ports.records.schema import COUNTER
from mainspring.project import Project, open_project

FOLDER: Final = Path(__file__).parent / "data" / "schemas"
PROJECT_ID: Final = "sample"


@dataclass(frozen=True)
class Sample:
    """A project that an old version left.

    Attributes:
        folder: the project's; the environment names its records.
        url: of its records.
        revision: that they are at.
    """

    folder: Path
    url: str
    revision: str

    @property
    def home(self) -> Path:
        """Where its state lies."""
        return self.folder / ".mainspring"

    def open(self, **options: Any) -> Project:
        """The project, opened as its users do."""
        return open_project(self.folder, importable=False, **options)

    def rows(self) -> dict[str, list[str]]:
        """Every row of every table that the old version had, by table: only the columns that it had."""
        return rows_of(self.url, like=columns_of(self.revision))


def make_sample(revision: str, folder: Path, url: str) -> Sample:
    """Lay the sample out.

    Args:
        folder: of the project, to be made.
        url: of an empty PostgreSQL schema, or of the SQLite file in the home.
    """
    home = folder / ".mainspring"
    home.mkdir(parents=True)
    (folder / "mainspring.toml").write_text(f'[project]\nid = "{PROJECT_ID}"\n')
    with tarfile.open(FOLDER / f"{revision}-home.tar.gz") as archive:
        archive.extractall(home, filter="data")
    records, metrics = home / "records.db", home / "records-metrics.db"
    _load_sqlite(revision, records)
    _load_sqlite(f"{revision}-metrics", metrics)
    if not url.startswith("sqlite"):
        _load_postgres(revision, records, metrics, url)
        records.unlink()
        metrics.unlink()
    return Sample(folder, url, revision)


def _load_sqlite(name: str, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


def _load_postgres(revision: str, records: Path, metrics: Path, url: str) -> None:
    engine = sa.create_engine(url, poolclass=NullPool, json_serializer=to_json)
    with engine.begin() as connection:
        upgrade(connection, revision)
        tables = sa.MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            file = metrics if table.name == "metric_points" else records
            rows = _plain_rows(file, table.name)
            if table.name == VERSION_TABLE or not rows:
                continue
            connection.execute(sa.insert(table), [_typed(row, table) for row in rows])
            if COUNTER in table.c:
                sequence = sa.func.pg_get_serial_sequence(table.name, COUNTER)
                highest = sa.select(sa.func.max(table.c[COUNTER])).scalar_subquery()
                connection.execute(sa.select(sa.func.setval(sequence, highest)))


def _plain_rows(file: Path, table: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f'SELECT * FROM "{table}"')]


def _typed(row: dict[str, Any], table: sa.Table) -> dict[str, Any]:
    return {name: _value(value, table.c[name]) for name, value in row.items()}


def _value(value: Any, column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.JSON):
        # A column of JSON is one of numbers to SQLite: a text that is a number is kept as one.
        return sa.null() if value is None else json.loads(value) if isinstance(value, str) else value
    if isinstance(column.type, sa.Boolean):
        return None if value is None else bool(value)
    # SQLite keeps NaN as NULL.
    return float("nan") if value is None and not column.nullable else value


def columns_of(revision: str) -> dict[str, list[str]]:
    """The columns of every table of the records that an old version made."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {
            name: [each[1] for each in connection.execute(f'PRAGMA table_info("{name}")')]
            for name in names
            if name != VERSION_TABLE and not name.startswith("sqlite_")
        }
    return found


def rows_of(url: str, like: dict[str, list[str]]) -> dict[str, list[str]]:
    """Every row of some columns of some tables, by table."""
    engine = sa.create_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return {name: _rows_of(connection, name, columns) for name, columns in like.items()}
    finally:
        engine.dispose()


def _rows_of(connection: sa.Connection, name: str, columns: list[str]) -> list[str]:
    query = sa.select(*(sa.column(column) for column in columns)).select_from(sa.table(name))
    return sorted(str(tuple(row)) for row in connection.execute(query))
