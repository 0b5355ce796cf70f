"""The prediction log of one deployment: segments on disk, moved exactly once into a columnar table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl

from mainspring.log import get_logger
from mainspring.ports.tables import Tables
from mainspring.ports.tables.collect import collect
from mainspring.serving import columns
from mainspring.serving.frames import Scored
from mainspring.serving.predictor import Answer
from mainspring.serving.spec import LogCounts, Published
from mainspring.serving.wal import Segment, claimed, find_segments, read_segment, sweep
from mainspring.serving.weights import first_table
from mainspring.types import utc

_log = get_logger(__name__)


class PredictionLog:
    """Reads everything that was acknowledged; publishes what no process writes to any more.

    Threads and processes may share the folder. A segment's id is the token of its append, so that a crash
    between the append and the deletion of the segment repeats nothing.

    Args:
        folder: the deployment's folder, with `weights` and `log` in it.
        deployment: its name.
        tables: where `predictions_<name>_<end of an id>` and `prediction_gaps_<name>_<end of an id>` are. The id
            is that of the deployment's first revision: it keeps two projects, or a project and its new beginning,
            apart in one folder of tables. Beside them `deleted_predictions_<name>_…` says which ids were deleted.
        cut: the moment before which everything was deleted; None where nothing was. Asked at every read.
    """

    def __init__(
        self,
        folder: Path,
        deployment: str,
        tables: Tables,
        cut: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self.folder = folder / "log"
        self._tables = tables
        self._cut = cut
        name = f"{deployment}_{first_table(folder / 'weights').revision_id[-8:]}"
        self.table = f"predictions_{name}"
        self.gaps_table = f"prediction_gaps_{name}"
        self.deleted_table = f"deleted_predictions_{name}"

    def publish(self) -> Published:
        """Move every segment without a writer into the table.

        Of a segment whose bytes were damaged, every whole record is published, what is lost is counted as gaps,
        and the file is kept as `<segment>.damaged`.
        """
        sweep(self.folder)
        n_segments = n_rows = n_gaps = 0
        for path in find_segments(self.folder):
            with claimed(path) as ours:
                if not ours:
                    continue
                rows, lost = self._publish(path)
                n_segments, n_rows, n_gaps = n_segments + 1, n_rows + rows, n_gaps + lost
        return Published(n_segments=n_segments, n_rows=n_rows, n_gaps=n_gaps)

    def _publish(self, path: Path) -> tuple[int, int]:
        segment = read_segment(path)
        frames = columns.decoded(segment)
        rows = columns.predictions(segment, frames)
        lost = columns.gaps(segment, frames)
        if rows.height:
            self._tables.append(self.table, columns.fitted(rows, self._schema()), token=segment.id)
        if lost.height:
            self._tables.append(self.gaps_table, lost, token=segment.id)
        if segment.damage is not None and not segment.damage.torn:
            kept = path.with_suffix(".damaged")
            path.rename(kept)
            _log.warning(
                "prediction_log.damaged",
                f"{path}: damaged bytes; what was whole is published, {int(lost['n_lost'].sum())} predictions are lost",
                path=str(kept),
                n_published=rows.height,
                n_lost=int(lost["n_lost"].sum()),
            )
        else:
            os.unlink(path)
        return rows.height, int(lost["n_lost"].sum())

    def _schema(self) -> pl.Schema:
        return self._rows().collect_schema()

    def read(self, start: datetime | None = None, end: datetime | None = None) -> pl.DataFrame:
        """Predictions with start <= `now` < end, published or not, each (prediction, arm) once, by `now`.

        What was deleted is left out, also while its bytes are still there.
        """
        return self._read(_between(start, end))

    def days_before(self, moment: datetime) -> dict[date, int]:
        """How many rows were logged on each day before a moment, oldest first; deleted ones are left out.

        Counted where they lie, however many they are. A prediction that was logged twice counts twice.
        """
        where = _between(self._cut(), moment)
        # Segments first: one that is published meanwhile is then found in the table.
        waiting = self.read_waiting().filter(where)
        if waiting.height:
            where &= ~pl.col("segment").is_in(waiting["segment"].unique().implode())
        published = collect(_by_day(self._rows().filter(where)), self.table, streaming=True)
        parts = [_by_day(waiting.lazy()).collect(), published]
        counts = pl.concat(parts).group_by("day").agg(pl.col("len").sum()).sort("day")
        return dict(counts.iter_rows())

    def _read(self, where: pl.Expr) -> pl.DataFrame:
        where &= _between(self._cut(), None)
        # Segments first: one that is published meanwhile is then found in the table.
        waiting = self.read_waiting().filter(where)
        published = self._published(where)
        if waiting.height:
            waiting = columns.fitted(waiting, published.schema)
            waiting = waiting.filter(~pl.col("segment").is_in(published["segment"].unique().implode()))
        return columns.without_doubles([published, waiting])

    def read_waiting(self) -> pl.DataFrame:
        """Predictions in segments that are not published yet."""
        parts = [columns.predictions(segment, columns.decoded(segment)) for segment in self._waiting()]
        return pl.concat([pl.DataFrame(schema=dict(columns.FIXED)), *parts], how="diagonal_relaxed")

    def _published(self, where: pl.Expr) -> pl.DataFrame:
        return collect(self._rows().filter(where), self.table)

    def _rows(self) -> pl.LazyFrame:
        """What is published, to be read."""
        if not self._tables.exists(self.table):
            return pl.LazyFrame(schema=dict(columns.FIXED))
        return self._tables.scan(self.table)

    def find(self, prediction_id: str) -> pl.DataFrame:
        """The rows of one prediction, champion first; none if it is not in the log."""
        # The shadow is logged after the champion, maybe in a segment that waits while the champion's is published.
        return self._read(pl.col("prediction_id") == prediction_id).sort(pl.col("arm") != "champion")

    def mark_deleted(self, moment: datetime, execution_id: str) -> None:
        """Remember ids of predictions from before a moment, which an execution deletes.

        What they were is forgotten, that they were is not.
        """
        where = _between(self._cut(), moment)
        # Segments first: one that is published meanwhile is then found in the table.
        waiting = self.read_waiting().filter(where).select("prediction_id")
        published = collect(self._rows().filter(where).select("prediction_id"), self.table)
        ids = pl.concat([published, waiting]).unique(maintain_order=True)
        self._tables.append(
            self.deleted_table,
            ids.with_columns(pl.lit(execution_id).alias("execution_id")),
            token=execution_id,
        )

    def find_deleted(self, prediction_id: str) -> list[str]:
        """The executions that were to delete a prediction; those that did have a cut in the records."""
        if not self._tables.exists(self.deleted_table):
            return []
        found = self._tables.scan(self.deleted_table).filter(pl.col("prediction_id") == prediction_id)
        executions: list[str] = found.collect()["execution_id"].to_list()
        return executions

    def give_up_rows(self) -> int:
        """Take what was deleted out of the table; returns how many rows. Doing it again changes nothing."""
        before = self._cut()
        if before is None or not self._tables.exists(self.table):
            return 0
        return self._tables.delete_before(self.table, "now", before)

    def given_ids(self) -> Iterator[tuple[str, Answer]]:
        """Answers under ids that the caller chose, oldest first, with the digest of their content."""
        yield from self._given(pl.lit(True))

    def find_given(self, prediction_id: str) -> Answer | None:
        """The first answer under an id that a caller chose; None if it is not in the log."""
        return next((answer for _, answer in self._given(pl.col("prediction_id") == prediction_id)), None)

    def _given(self, where: pl.Expr) -> Iterator[tuple[str, Answer]]:
        given = (pl.col("content") != "") & (pl.col("arm") == "champion") & where
        # Segments first: one that is published meanwhile is then found in the table.
        waiting = self.read_waiting().filter(given)
        for row in columns.without_doubles([self._published(given), waiting]).iter_rows(named=True):
            prefix = "status_"
            statuses = {
                name.removeprefix(prefix): value
                for name, value in row.items()
                if name.startswith(prefix) and value is not None
            }
            fields = {name: row[name] for name in Answer.__struct_fields__ if name != "statuses"}
            yield row["content"], Answer(**fields, statuses=statuses)

    def counts(self) -> LogCounts:
        """How many predictions the log has, and how many it knows to have lost."""
        found = self.read()
        n_logged = found.filter(pl.col("arm") == "champion").height
        segments = [(segment, columns.decoded(segment)) for segment in self._waiting()]
        n_waiting = sum(isinstance(frame, Scored) for _, frames in segments for frame in frames)
        lost = [columns.gaps(segment, frames) for segment, frames in segments]
        if self._tables.exists(self.gaps_table):
            lost.append(collect(self._tables.scan(self.gaps_table), self.gaps_table))
        by_segment = pl.concat(lost).unique() if lost else pl.DataFrame(schema=dict(columns.GAPS))
        return LogCounts(
            n_logged=n_logged,
            n_shadow=found.height - n_logged,
            n_gaps=int(by_segment["n_lost"].sum()),
            n_waiting=n_waiting,
        )

    def _waiting(self) -> Iterator[Segment]:
        for path in find_segments(self.folder):
            try:
                yield read_segment(path)
            except FileNotFoundError:
                # Published between the listing and the reading.
                continue


def _between(start: datetime | None, end: datetime | None) -> pl.Expr:
    where = pl.lit(True)
    if start is not None:
        where &= pl.col("now") >= pl.lit(utc(start), dtype=columns.TIME)
    if end is not None:
        where &= pl.col("now") < pl.lit(utc(end), dtype=columns.TIME)
    return where


def _by_day(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by(pl.col("now").dt.date().alias("day")).len()
