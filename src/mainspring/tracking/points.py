"""Where metric points are kept: a second SQLite file beside the records, or a table in PostgreSQL.

A training loop writes thousands of points; in a file of their own they never hold up a publication.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, insert, select, text
from sqlalchemy.engine import make_url

from mainspring.errors import IntegrityError
from mainspring.ports._opened_file import OpenedFile
from mainspring.ports.read_only import refused
from mainspring.ports.records import Records, fence
from mainspring.ports.records.among import among
from mainspring.ports.records.reading import (
    check_unchanged,
    connect_reading,
    opened,
    read_only_address,
    state_of,
)
from mainspring.ports.records.schema import row, value
from mainspring.ports.records.turns import turn
from mainspring.tracking import points_schema
from mainspring.tracking.spec import MetricPoint
from mainspring.tracking.store import lost_run, metric_points
from mainspring.types import from_us, to_us

BUSY_WAIT_S: Final = 30.0
ROWS_AT_ONCE: Final = 1_000
_COLUMNS: Final = ("project_id", "run_id", "key", "step", "value", "logged_us")
_ADD_TO_FILE: Final = f"INSERT INTO metric_points ({', '.join(_COLUMNS)}) SELECT ?, ?, ?, ?, ?, ?"
_UNLESS_LOST: Final = "WHERE coalesce((SELECT state FROM records.executions WHERE id = ?2), '') <> 'lost'"
_ADD_POINTS: Final = text(
    "INSERT INTO metric_points (project_id, run_id, key, step, value, logged_us) "
    "SELECT project_id, run_id, key, step, value, logged_us FROM unnest(CAST(:given_project_id AS text[]), "
    "CAST(:given_run_id AS text[]), CAST(:given_key AS text[]), CAST(:given_step AS bigint[]), "
    "CAST(:given_value AS float8[]), CAST(:given_logged_us AS bigint[])) WITH ORDINALITY "
    "AS given (project_id, run_id, key, step, value, logged_us, place) "
    # Locked: whoever calls the run lost waits for its points, or they for that.
    "WHERE coalesce((SELECT state FROM executions WHERE id = given.run_id FOR SHARE), '') <> 'lost' ORDER BY place"
)


class Points(ABC):
    """Metric points, append-only. Threads may share an instance; a process that forks reopens by itself.

    Durability: when `append` has returned, the points survive kill -9; a power loss may cost the last of them
    on SQLite.
    """

    @abstractmethod
    def append(self, points: Sequence[MetricPoint]) -> None:
        """Write points, all or none, in their order.

        Raises:
            FencedError: the run of one of them was called lost; nothing was written.
        """

    @abstractmethod
    def of(self, run_id: str, key: str | None = None) -> list[MetricPoint]:
        """A run's points in the order of key, step and logging; of one metric, or of all."""

    @abstractmethod
    def latest(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """For each run the value of each metric at its highest step, the last logged where there are several."""

    @abstractmethod
    def export(self, path: Path) -> None:
        """Write every point of every project as of one moment into a new file, as `FilePoints` keeps them."""

    @abstractmethod
    def close(self) -> None:
        """Give a file back; a later call opens it again. To be called before the records are closed."""

    @abstractmethod
    def damages(self) -> list[str]:
        """What the file itself is found to be wrong with, a sentence each; nothing where there is no file."""


def points_file(records_file: Path) -> Path:
    """The file of metric points that lies beside a SQLite file of records."""
    return records_file.with_name(f"{records_file.stem}-metrics.db")


def open_points(records: Records, project_id: str) -> Points:
    """The metric points that belong to these records."""
    if records.dialect == "sqlite":
        file = Path(make_url(records.url).database or "")
        return FilePoints(points_file(file), project_id, read_only=records.read_only, records_file=file)
    return TablePoints(records, project_id)


class TablePoints(Points):
    """Points in a table of the records' own database."""

    def __init__(self, records: Records, project_id: str) -> None:
        self._records = records
        self._project_id = project_id

    def append(self, points: Sequence[MetricPoint]) -> None:
        if not points:
            return
        rows = [row(point, self._project_id) for point in points]
        given = {f"given_{name}": [each[name] for each in rows] for name in rows[0] if name != "seq"}
        with self._records.write() as connection:
            if connection.execute(_ADD_POINTS, given).rowcount != len(points):
                raise lost_run(points[0].run_id)

    def of(self, run_id: str, key: str | None = None) -> list[MetricPoint]:
        columns = metric_points.c
        query = select(metric_points).where(columns.run_id == run_id, columns.project_id == self._project_id)
        if key is not None:
            query = query.where(columns.key == key)
        query = query.order_by(columns.key, columns.step, columns.seq)
        with self._records.read() as connection:
            return [value(MetricPoint, found) for found in connection.execute(query).mappings()]

    def latest(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {run_id: {} for run_id in run_ids}
        columns = metric_points.c
        place = func.row_number().over(
            partition_by=(columns.run_id, columns.key), order_by=(columns.step.desc(), columns.seq.desc())
        )
        mine = columns.project_id == self._project_id
        placed = select(columns.run_id, columns.key, columns.value, place.label("place"))
        inner = placed.where(among(columns.run_id, run_ids), mine).subquery()
        query = select(inner.c.run_id, inner.c.key, inner.c.value).where(inner.c.place == 1)
        with self._records.read() as connection:
            for run_id, key, last in connection.execute(query.order_by(inner.c.run_id, inner.c.key)):
                found[run_id][key] = last
        return found

    def export(self, path: Path) -> None:
        with closing(FilePoints(path, self._project_id)) as made, self._records.read() as connection:
            made.append([])
            found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(
                select(metric_points).order_by(metric_points.c.seq)
            )
            for part in found.mappings().partitions(ROWS_AT_ONCE):
                made.add_rows([dict(point) for point in part])

    def load(self, path: Path) -> None:
        """Take over every point of a file that `export` wrote."""
        with closing(FilePoints(path, self._project_id)) as there, self._records.write() as connection:
            for part in there.all_rows():
                connection.execute(insert(metric_points), part)

    def close(self) -> None:
        """Nothing to do: the connections are the records'."""

    def damages(self) -> list[str]:
        return []


class FilePoints(Points):
    """Points in a SQLite file of their own. NaN, which SQLite does not have, is kept as NULL.

    Args:
        records_file: the records that say which runs were lost; None = points of any run are taken.
    """

    def __init__(
        self, file: Path, project_id: str, *, read_only: bool = False, records_file: Path | None = None
    ) -> None:
        self._read_only = read_only
        self._records_file = records_file
        self._file = file
        self._project_id = project_id
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._knows_runs = False
        self._opened = OpenedFile(file, "the metrics file", str(file))
        self._pid = os.getpid()

    def append(self, points: Sequence[MetricPoint]) -> None:
        if self._read_only:
            raise refused(str(self._file))
        rows = [
            (self._project_id, point.run_id, point.key, point.step, point.value, to_us(point.logged_at))
            for point in points
        ]
        statement = _ADD_TO_FILE if self._records_file is None else f"{_ADD_TO_FILE} {_UNLESS_LOST}"
        # Whoever's turn does not come in time asks all the same: SQLite then says that it is locked.
        with self._lock, points_schema.refusals(self._file), turn(self._file, BUSY_WAIT_S):
            self._opened.check()
            connection = self._open()
            try:
                self._know_runs(connection)
                connection.execute("BEGIN IMMEDIATE")
                if connection.executemany(statement, rows).rowcount < len(rows):
                    connection.execute("ROLLBACK")
                    raise lost_run(points[0].run_id)
                connection.execute("COMMIT")
                # Once more, before anything is acknowledged.
                self._opened.check()
            except sqlite3.IntegrityError as error:
                connection.execute("ROLLBACK")
                raise fence.refusal(error, str(self._file)) or error from error
            except sqlite3.DatabaseError:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def of(self, run_id: str, key: str | None = None) -> list[MetricPoint]:
        query = (
            "SELECT seq, run_id, key, step, value, logged_us FROM metric_points "
            "WHERE project_id = ?1 AND run_id = ?2 AND (?3 IS NULL OR key = ?3) ORDER BY key, step, seq"
        )
        return [
            MetricPoint(
                seq=seq, run_id=run, key=name, step=step, value=_number(number), logged_at=from_us(logged_us)
            )
            for seq, run, name, step, number, logged_us in self._read(query, (self._project_id, run_id, key))
        ]

    def latest(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {run_id: {} for run_id in run_ids}
        query = (
            "SELECT run_id, key, value FROM (SELECT run_id, key, value, row_number() OVER "
            "(PARTITION BY run_id, key ORDER BY step DESC, seq DESC) AS place FROM metric_points "
            "WHERE project_id = ? AND run_id IN (SELECT value FROM json_each(?))) "
            "WHERE place = 1 ORDER BY run_id, key"
        )
        for run_id, key, number in self._read(query, (self._project_id, json.dumps(list(run_ids)))):
            found[run_id][key] = _number(number)
        return found

    def export(self, path: Path) -> None:
        if not self._file.exists():
            with closing(FilePoints(path, self._project_id)) as made:
                made.append([])
            return
        # On a connection of its own, which asks nothing of the schema: a backup is made before a migration.
        with (
            points_schema.refusals(self._file),
            opened(self._file, read_only=self._read_only) as source,
            closing(sqlite3.connect(path)) as made,
        ):
            source.backup(made, pages=-1)
            made.execute("PRAGMA journal_mode=DELETE")

    def fence(self, to: str) -> None:
        """Refuse every later write of the project's points: they go to `to`."""
        self._change([*fence.sqlite_fence([metric_points.name], self._project_id, to)])

    def unfence(self) -> None:
        """Let the project's points be written again."""
        self._change([*fence.sqlite_opening([metric_points.name], self._project_id)])

    def _change(self, statements: Sequence[str]) -> None:
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")

    def damages(self) -> list[str]:
        try:
            found = [str(said) for (said,) in self._read("PRAGMA main.integrity_check", ())]
        except IntegrityError as error:
            return [error.got]
        return [said for said in found if said != "ok"]

    def add_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows of the table of points, of whatever project, numbered anew in their order."""
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_ADD_TO_FILE, [tuple(row[name] for name in _COLUMNS) for row in rows])
            connection.execute("COMMIT")

    def all_rows(self) -> Iterator[list[dict[str, Any]]]:
        """Every row of every project in the order of logging, some at a time, without its number."""
        query = f"SELECT seq, {', '.join(_COLUMNS)} FROM metric_points WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        last = 0
        while rows := self._read(query, (last, ROWS_AT_ONCE)):
            last = rows[-1][0]
            made = [dict(zip(_COLUMNS, row[1:], strict=True)) for row in rows]
            yield [{**row, "value": _number(row["value"])} for row in made]

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection, self._knows_runs = None, False
            self._opened.let_go()

    def _read(self, query: str, arguments: tuple[object, ...]) -> list[tuple[Any, ...]]:
        self._opened.check()
        if not self._file.exists():
            return []
        if self._read_only:
            return self._read_alone(query, arguments)
        with (
            self._lock,
            points_schema.refusals(self._file),
            closing(self._open().execute(query, arguments)) as cursor,
        ):
            return cursor.fetchall()

    def _read_alone(self, query: str, arguments: tuple[object, ...]) -> list[tuple[Any, ...]]:
        before = state_of(self._file)
        with points_schema.refusals(self._file):
            connection, as_it_lies = connect_reading(self._file)
            with closing(connection):
                points_schema.check_current(points_schema.version_of(connection), self._file)
                found = connection.execute(query, arguments).fetchall()
        if as_it_lies:
            check_unchanged(self._file, before)
        return found

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        with points_schema.refusals(self._file), ExitStack() as unless_set_up:
            connection = sqlite3.connect(
                self._file, timeout=BUSY_WAIT_S, isolation_level=None, check_same_thread=False, uri=True
            )
            unless_set_up.callback(connection.close)
            connection.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing; the points of one second are not worth an fsync each.
            connection.execute("PRAGMA synchronous=NORMAL")
            points_schema.set_up(connection, self._file)
            unless_set_up.pop_all()
        self._opened.remember()
        self._connection, self._pid, self._knows_runs = connection, os.getpid(), False
        return connection

    def _know_runs(self, connection: sqlite3.Connection) -> None:
        """Have the records beside, to ask them which runs were lost."""
        if self._records_file is not None and not self._knows_runs:
            # Read-only, so that a transaction here never holds up one there.
            connection.execute("ATTACH DATABASE ? AS records", (read_only_address(self._records_file),))
            self._knows_runs = True


def _number(stored: float | None) -> float:
    return float("nan") if stored is None else stored
