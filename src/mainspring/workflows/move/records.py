"""Rows brought from one database to another, a table a part.

The target keeps the journal: a table that says which parts are there, written in the transaction that brings the
part. So a part is there with its line in the journal, or not at all, and a move that was killed goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Table,
    Text,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import make_url

from mainspring.errors import IntegrityError, StateError
from mainspring.log.progress import Progress
from mainspring.ports._disk import sync_file, sync_folder
from mainspring.ports.records import Records, fence
from mainspring.ports.records.loading import MOVE_JOURNAL, ROWS_AT_ONCE, count_on
from mainspring.ports.records.schema import metadata
from mainspring.tracking.points import FilePoints, points_file
from mainspring.workflows.move.spec import Part
from mainspring.workflows.references import METRIC_POINTS

_MODULUS: Final = 1 << 256
_POINT: Final = ("run_id", "key", "step", "value", "logged_us")
_BEGUN: Final = ""

_journal: Final = Table(
    MOVE_JOURNAL,
    MetaData(),
    Column("part", Text(), primary_key=True),
    Column("move_id", Text(), nullable=False),
    Column("n", BigInteger(), nullable=False),
    Column("sha256", Text(), nullable=False),
)


class Rows:
    """The rows of one project in a database, and its metric points wherever that keeps them."""

    def __init__(self, records: Records, project_id: str) -> None:
        self.records = records
        self.project_id = project_id

    @property
    def file(self) -> Path | None:
        """The file that they are in; None for a server."""
        return Path(make_url(self.records.url).database or "") if self.records.dialect == "sqlite" else None

    @property
    def points(self) -> Path | None:
        """The file that metric points are in; None where they are in a table."""
        return None if self.file is None else points_file(self.file)

    def fence(self, to: str) -> None:
        """Refuse every later write."""
        with self.records.write() as connection:
            fence.put_up(connection, sorted(metadata.tables), self.project_id, to)
        if self.points is not None:
            with closing(FilePoints(self.points, self.project_id)) as points:
                points.fence(to)

    def unfence(self) -> None:
        """Let them be written again."""
        if self.points is not None and self.points.exists():
            with closing(FilePoints(self.points, self.project_id)) as points:
                points.unfence()
        with self.records.write() as connection:
            fence.take_down(connection, sorted(metadata.tables), self.project_id)

    def read(self, connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
        """The rows of a table, some at a time; metric points in the order of logging, without their numbers."""
        if table.name != METRIC_POINTS:
            query = select(table).where(table.c.project_id == self.project_id)
        elif self.points is None:
            columns = [table.c[name] for name in ("project_id", *_POINT)]
            query = select(*columns).where(table.c.project_id == self.project_id).order_by(table.c.seq)
        else:
            yield from self._points_of_file(self.points)
            return
        found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query).mappings()
        for part in found.partitions(ROWS_AT_ONCE):
            yield [dict(row) for row in part]

    def _points_of_file(self, file: Path) -> Iterator[list[dict[str, Any]]]:
        with closing(FilePoints(file, self.project_id)) as points:
            for part in points.all_rows():
                yield [row for row in part if row["project_id"] == self.project_id]

    def count(self) -> dict[str, int]:
        """The rows of each table."""
        with self.records.read() as connection:
            counts = {
                name: int(
                    connection.execute(
                        select(func.count()).select_from(table).where(table.c.project_id == self.project_id)
                    ).scalar_one()
                )
                for name, table in sorted(metadata.tables.items())
            }
            if self.points is not None:
                table = metadata.tables[METRIC_POINTS]
                counts[METRIC_POINTS] = sum(len(part) for part in self.read(connection, table))
        return counts

    def size_bytes(self) -> int:
        """What they take, with those of other projects in the same database."""
        if self.file is not None and self.points is not None:
            return sum(place.stat().st_size for place in (self.file, self.points) if place.exists())
        query = text(
            "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
        )
        with self.records.read() as connection:
            return int(connection.execute(query).scalar_one())


class Copying:
    """Rows on their way from a fenced source to a target of our own."""

    def __init__(self, source: Rows, target: Rows, move_id: str) -> None:
        self._source = source
        self._target = target
        self._move_id = move_id

    def begin(self) -> None:
        """Make the target ours.

        Raises:
            StateError: somebody's rows, or another move's, are there.
        """
        records = self._target.records
        records.set_up()
        with records.write() as connection:
            records.lock(connection, "mainspring.move")
            if inspect(connection).has_table(MOVE_JOURNAL):
                owner = connection.execute(
                    select(_journal.c.move_id).where(_journal.c.part == _BEGUN)
                ).scalar_one_or_none()
                if owner != self._move_id:
                    raise self._in_use("parts of another move")
            else:
                for table in metadata.sorted_tables:
                    self._check_empty(connection, table)
                if self._target.points is not None and self._target.points.exists():
                    raise self._in_use(f"a file {self._target.points.name}")
                # What a move away from here left, if the rows that it kept are gone.
                fence.take_down(connection, sorted(metadata.tables), self._target.project_id)
                _journal.create(connection)
                self._note(connection, Part(name=_BEGUN, n=0, sha256=""))

    def done(self) -> dict[str, Part]:
        """The parts that are in the target, by name."""
        with self._target.records.read() as connection:
            found = connection.execute(select(_journal.c.part, _journal.c.n, _journal.c.sha256)).all()
        return {name: Part(name=name, n=n, sha256=sha256) for name, n, sha256 in found if name != _BEGUN}

    def done_or_nothing(self) -> dict[str, Part]:
        """As `done`; nothing where the target was let go already."""
        with self._target.records.read() as connection:
            is_there = inspect(connection).has_table(MOVE_JOURNAL)
        return self.done() if is_there else {}

    def bring(self, table: Table) -> Part:
        """Bring one table, all or nothing.

        Raises:
            StateError: rows of somebody else are there.
        """
        target, seen = self._target, _Digest()
        in_file = table.name == METRIC_POINTS and target.points is not None
        draft = None if target.points is None else target.points.with_name(f".{target.points.name}.moving")
        if in_file and draft is not None:
            self._bring_points(draft, table, seen)
        with self._source.records.read() as rows, target.records.write() as connection:
            self._check_empty(connection, table)
            if not in_file:
                for part in self._source.read(rows, table):
                    seen.add(part)
                    connection.execute(insert(table), part)
                count_on(connection, table)
            made = Part(name=table.name, n=seen.n, sha256=seen.sha256)
            self._note(connection, made)
        return made

    def _bring_points(self, draft: Path, table: Table, seen: _Digest) -> None:
        place = self._target.points
        assert place is not None
        for left in draft.parent.glob(f"{draft.name}*"):
            left.unlink()
        with (
            closing(FilePoints(draft, self._target.project_id)) as points,
            self._source.records.read() as rows,
        ):
            points.append([])
            for part in self._source.read(rows, table):
                seen.add(part)
                points.add_rows(part)
        sync_file(draft)
        os.replace(draft, place)
        sync_folder(place.parent)

    def compare(self, progress: Progress) -> None:
        """Read what is in the target, and compare it with what left the source.

        Raises:
            IntegrityError: they differ.
        """
        done = self.done()
        with progress("compared", len(done)) as advance, self._target.records.read() as connection:
            for name, part in sorted(done.items()):
                seen = _Digest()
                for rows in self._target.read(connection, metadata.tables[name]):
                    seen.add(rows)
                if (seen.n, seen.sha256) != (part.n, part.sha256):
                    raise IntegrityError(
                        expected=f"{part.n} rows of {name} with digest {part.sha256}",
                        got=f"{seen.n} rows with digest {seen.sha256}",
                        where=self._target.records.url,
                        hint="Somebody wrote to the target meanwhile, or it does not keep what it is given. "
                        "`mainspring move --abort`, then try an empty one. The old records are whole.",
                    )
                advance()

    def let_go(self) -> None:
        """The target is no more a move's."""
        with self._target.records.write() as connection:
            _journal.drop(connection, checkfirst=True)

    def clear(self) -> None:
        """Take away what was brought; nothing happens where the target is not ours."""
        records = self._target.records
        with records.read() as connection:
            ours = (
                inspect(connection).has_table(MOVE_JOURNAL)
                and self._move_id
                == connection.execute(
                    select(_journal.c.move_id).where(_journal.c.part == _BEGUN)
                ).scalar_one_or_none()
            )
        if not ours:
            return
        if (points := self._target.points) is not None:
            for name in (points.name, f".{points.name}.moving"):
                for ending in ("", "-wal", "-shm", "-journal", "-turn", "-queue"):
                    points.with_name(name + ending).unlink(missing_ok=True)
        with records.write() as connection:
            for table in metadata.sorted_tables:
                connection.execute(delete(table).where(table.c.project_id == self._target.project_id))
            _journal.drop(connection)

    def _note(self, connection: Connection, part: Part) -> None:
        connection.execute(
            insert(_journal).values(part=part.name, move_id=self._move_id, n=part.n, sha256=part.sha256)
        )

    def _check_empty(self, connection: Connection, table: Table) -> None:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise self._in_use(f"rows in the table {table.name!r}")

    def _in_use(self, got: str) -> StateError:
        return StateError(
            expected="a database without rows of anybody else",
            got=got,
            where=self._target.records.url,
            hint="Name an empty database or schema. The old records are whole; `mainspring move --abort` puts them "
            "in use again.",
        )


class _Digest:
    """Of rows in whatever order they come; of metric points in the order of logging, as they come without numbers."""

    def __init__(self) -> None:
        self.n = 0
        self._sum = 0

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            ordered = {**row, "place": self.n} if "logged_us" in row else dict(row)
            said = json.dumps(ordered, sort_keys=True, ensure_ascii=False, default=bytes.hex)
            if "NaN" in said:
                said = json.dumps({key: _known(value) for key, value in ordered.items()}, sort_keys=True)
            self._sum += int.from_bytes(hashlib.sha256(said.encode()).digest(), "big")
            self.n += 1

    @property
    def sha256(self) -> str:
        return f"{self._sum % _MODULUS:064x}"


def _known(value: Any) -> Any:
    """SQLite keeps NaN as NULL."""
    return None if isinstance(value, float) and math.isnan(value) else value
