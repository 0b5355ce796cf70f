"""Where metric points are kept: a second SQLite file beside the records, or a table in PostgreSQL.

A training loop writes thousands of points; in a file of their own they never hold up a publication.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, FromClause, column, insert, select, table, text, tuple_
from sqlalchemy.engine import make_url

from mainspring.errors import IntegrityError
from mainspring.lineage.spec import ExecutionState
from mainspring.ports._opened_file import OpenedFile
from mainspring.ports.read_only import refused
from mainspring.ports.records import Records, fence
from mainspring.ports.records.reading import (
    check_unchanged,
    connect_reading,
    opened,
    read_only_address,
    state_of,
)
from mainspring.ports.records.schema import value
from mainspring.ports.records.turns import turn
from mainspring.tracking import points_schema
from mainspring.tracking.spec import MetricPoint
from mainspring.tracking.store import lost_run, metric_points
from mainspring.types import from_us, to_us

BUSY_WAIT_S: Final = 30.0
ROWS_AT_ONCE: Final = 1_000
_COLUMNS: Final = ("project_id", "run_id", "key", "step", "value", "logged_us")
_ADD_ANY: Final = (
    "INSERT INTO metric_points (project_id, run_id, key, step, value, logged_us) VALUES (?, ?, ?, ?, ?, ?)"
)
_ADD_TO_FILE: Final = (
    "INSERT INTO metric_points (project_id, run_id, key, step, value, logged_us) "
    "SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS "
    "(SELECT 1 FROM metric_points WHERE run_id = ?2 AND key = ?3 AND step = ?4 AND logged_us = ?6 AND value IS ?5)"
)
_STATES_OF_FILE: Final = (
    "SELECT coalesce((SELECT state FROM records.executions WHERE id = "
    "coalesce((SELECT execution_id FROM records.runs WHERE id = ?1), ?1)), '')"
)
_ADD_POINTS: Final = text(
    "INSERT INTO metric_points (project_id, run_id, key, step, value, logged_us) "
    "SELECT project_id, run_id, key, step, value, logged_us FROM unnest(CAST(:given_project_id AS text[]), "
    "CAST(:given_run_id AS text[]), CAST(:given_key AS text[]), CAST(:given_step AS bigint[]), "
    "CAST(:given_value AS float8[]), CAST(:given_logged_us AS bigint[])) WITH ORDINALITY "
    "AS given (project_id, run_id, key, step, value, logged_us, place) "
    "WHERE NOT EXISTS (SELECT 1 FROM metric_points there WHERE there.run_id = given.run_id AND there.key = given.key "
    "AND there.step = given.step AND there.logged_us = given.logged_us AND there.value = given.value) ORDER BY place"
)
_STATES: Final = text(
    "SELECT coalesce((SELECT state FROM executions WHERE id = "
    # Locked: whoever calls the run lost waits for its points, or they for that.
    "coalesce((SELECT execution_id FROM runs WHERE id = :run_id), :run_id) FOR SHARE), '')"
)
_LOST: Final = ExecutionState.LOST.value
_BESIDE: Final = "metrics"
_POINTS_BESIDE: Final = table("metric_points", *map(column, ("seq", *_COLUMNS)), schema=_BESIDE)
"""The file's table, in a connection to the records that has the file attached."""
_BEFORE_ALL: Final = (-(2**63), -(2**63), -1)
_LATEST: Final = """
WITH RECURSIVE keys (run_id, key) AS (
  SELECT wanted.run_id, (SELECT min(key) FROM metric_points p WHERE p.run_id = wanted.run_id) FROM {wanted}
  UNION ALL
  SELECT keys.run_id, (SELECT min(key) FROM metric_points p WHERE p.run_id = keys.run_id AND p.key > keys.key)
  FROM keys WHERE keys.key IS NOT NULL
)
SELECT p.run_id, p.key, p.step, p.value, p.logged_us FROM keys JOIN metric_points p ON p.seq = (
  SELECT seq FROM metric_points l WHERE l.run_id = keys.run_id AND l.key = keys.key
  ORDER BY l.step DESC, l.logged_us DESC, {number} DESC {last}, l.seq DESC LIMIT 1
) WHERE keys.key IS NOT NULL AND p.project_id = {project}
ORDER BY p.run_id, p.key
"""
"""Goes from key to key of each run, and to the last point of each, by the index alone, however many there are."""
_LATEST_OF_FILE: Final = _LATEST.format(
    wanted="(SELECT value AS run_id FROM json_each(?1)) AS wanted", number="l.value", last="", project="?2"
)
_LATEST_OF_TABLE: Final = text(
    _LATEST.format(
        wanted="unnest(CAST(:run_ids AS text[])) AS wanted (run_id)",
        number="nullif(l.value, 'NaN')",
        last="NULLS LAST",
        project=":project",
    )
)
Point = tuple[str, int, float, int]
"""Key, step, value, and when it was logged in microseconds since 1970: what a metric point is, as a row."""
_Row = tuple[str, str, int, float, int]
Place = tuple[int, int, int]
"""Where a point stands in its metric's history: step, time of logging in microseconds, number."""


class Points(ABC):
    """Metric points, append-only. Threads may share an instance; a process that forks reopens by itself.

    Durability: when `append` has returned, the points survive kill -9; a power loss may cost the last of them
    on SQLite.
    """

    def append(self, points: Sequence[MetricPoint]) -> None:
        """Write points, all or none, in their order; as `add` for each of their runs.

        Raises:
            FencedError: the run of one of them was called lost; nothing was written.
        """
        self._write(
            [(point.run_id, point.key, point.step, point.value, to_us(point.logged_at)) for point in points]
        )

    def add(self, run_id: str, points: Sequence[Point]) -> None:
        """Write points of one run, all or none. One that is there already is left as it is.

        Raises:
            FencedError: the run was called lost; nothing was written.
        """
        self._write([(run_id, *point) for point in points])

    @abstractmethod
    def _write(self, rows: Sequence[_Row]) -> None:
        """As `add`, of rows that begin with the run's id."""

    @abstractmethod
    def of(self, run_id: str, key: str | None = None) -> list[MetricPoint]:
        """A run's points in the order of key, step and logging; of one metric, or of all."""

    @abstractmethod
    def last_points(self, run_ids: Sequence[str]) -> dict[str, list[Point]]:
        """For each run the last point of each metric, by key: the one of the highest step, then time, then value."""

    def latest(self, run_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """For each run the value of each metric at its highest step, the latest where there are several."""
        return {
            run_id: {key: number for key, _, number, _ in points}
            for run_id, points in self.last_points(run_ids).items()
        }

    @abstractmethod
    def history(self, run_id: str, key: str, after: Place | None, limit: int) -> list[tuple[Point, Place]]:
        """A metric's points in the order of step and time, from behind a place on (None = the first), with theirs."""

    @abstractmethod
    def beside(self, connection: Connection) -> FromClause | None:
        """The points as a statement of the records may name them in this transaction; None where there are none yet."""

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

    def _write(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        # One statement sees nothing of what itself adds. By its text, because NaN equals no NaN.
        once = list({(*each[:3], repr(each[3]), each[4]): each for each in rows}.values())
        run_ids, keys, steps, values, times = zip(*once, strict=True)
        given = {
            "given_project_id": [self._project_id] * len(once),
            "given_run_id": list(run_ids),
            "given_key": list(keys),
            "given_step": list(steps),
            "given_value": list(values),
            "given_logged_us": list(times),
        }
        with self._records.write() as connection:
            for run_id in sorted(set(run_ids)):
                # The same point, sent twice at once, is found by whoever comes second.
                self._records.lock(connection, f"points/{run_id}")
                if connection.execute(_STATES, {"run_id": run_id}).scalar_one() == _LOST:
                    raise lost_run(run_id)
            connection.execute(_ADD_POINTS, given)

    def of(self, run_id: str, key: str | None = None) -> list[MetricPoint]:
        columns = metric_points.c
        query = select(metric_points).where(columns.run_id == run_id, columns.project_id == self._project_id)
        if key is not None:
            query = query.where(columns.key == key)
        query = query.order_by(columns.key, columns.step, columns.seq)
        with self._records.read() as connection:
            return [value(MetricPoint, found) for found in connection.execute(query).mappings()]

    def last_points(self, run_ids: Sequence[str]) -> dict[str, list[Point]]:
        given = {"run_ids": list(run_ids), "project": self._project_id}
        with self._records.read() as connection:
            return _by_run(run_ids, connection.execute(_LATEST_OF_TABLE, given))

    def history(self, run_id: str, key: str, after: Place | None, limit: int) -> list[tuple[Point, Place]]:
        columns = metric_points.c
        place = tuple_(columns.step, columns.logged_us, columns.seq)
        query = select(columns.key, columns.step, columns.value, columns.logged_us, columns.seq).where(
            columns.run_id == run_id, columns.key == key, columns.project_id == self._project_id
        )
        if after is not None:
            query = query.where(place > after)
        query = query.order_by(columns.step, columns.logged_us, columns.seq).limit(limit)
        with self._records.read() as connection:
            return _placed(connection.execute(query))

    def beside(self, connection: Connection) -> FromClause | None:  # noqa: ARG002 - they are in its own database
        return metric_points

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

    def _write(self, rows: Sequence[_Row]) -> None:
        if self._read_only:
            raise refused(str(self._file))
        project_id = self._project_id
        made = [(project_id, *each) for each in rows]
        run_ids = {each[0] for each in rows}
        # Whoever's turn does not come in time asks all the same: SQLite then says that it is locked.
        with self._lock, points_schema.refusals(self._file), turn(self._file, BUSY_WAIT_S):
            self._opened.check()
            connection = self._open()
            try:
                self._know_runs(connection)
                connection.execute("BEGIN IMMEDIATE")
                for run_id in run_ids if self._knows_runs else ():
                    if connection.execute(_STATES_OF_FILE, (run_id,)).fetchone()[0] == _LOST:
                        connection.execute("ROLLBACK")
                        raise lost_run(run_id)
                connection.executemany(_ADD_TO_FILE, made)
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

    def last_points(self, run_ids: Sequence[str]) -> dict[str, list[Point]]:
        return _by_run(run_ids, self._read(_LATEST_OF_FILE, (json.dumps(list(run_ids)), self._project_id)))

    def history(self, run_id: str, key: str, after: Place | None, limit: int) -> list[tuple[Point, Place]]:
        query = (
            "SELECT key, step, value, logged_us, seq FROM metric_points WHERE run_id = ? AND key = ? "
            "AND (step, logged_us, seq) > (?, ?, ?) AND project_id = ? ORDER BY step, logged_us, seq LIMIT ?"
        )
        return _placed(self._read(query, (run_id, key, *(after or _BEFORE_ALL), self._project_id, limit)))

    def beside(self, connection: Connection) -> FromClause | None:
        self._opened.check()
        if not self._file.exists():
            return None
        attached = {str(found[1]) for found in connection.exec_driver_sql("PRAGMA database_list")}
        if _BESIDE not in attached:
            with closing(connect_reading(self._file)[0]) as found:
                points_schema.check_current(points_schema.version_of(found), self._file)
            connection.exec_driver_sql(f"ATTACH DATABASE ? AS {_BESIDE}", (str(self._file),))
        return _POINTS_BESIDE

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
            connection.executemany(_ADD_ANY, [tuple(row[name] for name in _COLUMNS) for row in rows])
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


def _by_run(run_ids: Sequence[str], rows: Iterable[Any]) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {run_id: [] for run_id in run_ids}
    for run_id, key, step, number, logged_us in rows:
        found[run_id].append((key, step, _number(number), logged_us))
    return found


def _placed(rows: Iterable[Any]) -> list[tuple[Point, Place]]:
    return [
        ((key, step, _number(number), logged_us), (step, logged_us, seq))
        for key, step, number, logged_us, seq in rows
    ]
