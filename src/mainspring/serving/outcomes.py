"""True labels that arrive later: what becomes of each is decided here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection

from mainspring.errors import InputError, UnknownNameError
from mainspring.lineage.api import Graph
from mainspring.serving import store
from mainspring.serving.given import check_labels
from mainspring.serving.spec import OutcomeCounts
from mainspring.types import to_us, utc

LATE_AFTER: Final = timedelta(days=1)
COLUMNS: Final = ("prediction_id", "value", "known_at")

Row = tuple[str, float, datetime]
"""Prediction id, value, known at."""


def rows_of(frame: Any, where: str) -> list[Row]:
    """The rows of a frame with the columns prediction_id, value and known_at.

    Raises:
        InputError: a wrong type, a null, or a value that is not finite.
        UnknownNameError: a missing column.
    """
    given = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame)
    for name in COLUMNS:
        if name not in given.columns:
            raise UnknownNameError.of("column", name, given.columns, where)
    value, known = given["value"], given["known_at"]
    if not (value.dtype.is_numeric() or value.dtype == pl.Boolean()):
        raise _wrong("numbers or booleans in `value`", str(value.dtype), where)
    if not isinstance(known.dtype, pl.Datetime):
        raise _wrong("times in `known_at`", str(known.dtype), where)
    if given["prediction_id"].dtype != pl.String():
        raise _wrong("text in `prediction_id`", str(given["prediction_id"].dtype), where)
    numbers = value.cast(pl.Float64)
    n_bad = int((numbers.is_null() | ~numbers.is_finite()).sum()) + known.null_count()
    n_bad += given["prediction_id"].null_count()
    if n_bad:
        raise _wrong("no null and no NaN", f"{n_bad} of them", where)
    times = (
        known.dt.replace_time_zone("UTC")
        if known.dtype.time_zone is None
        else known.dt.convert_time_zone("UTC")
    )
    return list(zip(given["prediction_id"], numbers, times.cast(pl.Datetime("us", "UTC")), strict=True))


def _wrong(expected: str, got: str, where: str) -> InputError:
    return InputError(expected=expected, got=got, where=where, hint="Nothing was stored; correct the frame.")


@dataclass
class Sorted:
    """Posted rows by what becomes of them."""

    stored: list[Row] = field(default_factory=list)
    corrected: list[Row] = field(default_factory=list)
    orphans: list[Row] = field(default_factory=list)
    contradictory: list[Row] = field(default_factory=list)
    n_duplicates: int = 0

    @property
    def kept(self) -> list[Row]:
        """What is to be stored."""
        return [*self.stored, *self.corrected, *self.orphans]


def sort_rows(rows: Sequence[Row], labelled: Mapping[str, tuple[int, float]], known: set[str]) -> Sorted:
    """Decide what becomes of each row. Pure.

    Args:
        rows: as posted; an earlier row counts for a later one of the same posting.
        labelled: the label in force of each prediction that has one: (known time in µs, value).
        known: those of the prediction ids that are in the log.
    """
    found = Sorted()
    in_force = dict(labelled)
    for row in rows:
        prediction_id, value, known_at = row
        known_us = to_us(known_at)
        before = in_force.get(prediction_id)
        if before is not None and before[1] == value:
            # The same label again says nothing new, whenever it is said to have become known.
            found.n_duplicates += 1
            continue
        if before is not None and known_us <= before[0]:
            found.contradictory.append(row)
            continue
        in_force[prediction_id] = (known_us, value)
        if before is not None:
            found.corrected.append(row)
        else:
            (found.stored if prediction_id in known else found.orphans).append(row)
    return found


def post(
    graph: Graph,
    deployment: str,
    revision_id: str,
    rows: Sequence[Row],
    knows: Callable[[set[str]], set[str]],
) -> OutcomeCounts:
    """Store what is new of `rows`, in one execution, and say what became of each.

    Postings at the same time, from threads or processes, are as if one came after the other.

    Args:
        revision_id: the deployment revision in force, which the posting is linked to.
        knows: which of the given prediction ids are in the log.

    Raises:
        InputError: an id or a time that cannot be kept; nothing was stored.
    """
    check_labels(rows)
    ids = {row[0] for row in rows}
    known = knows(ids)
    while True:
        with graph.records.read() as connection:
            labelled = store.latest_outcomes(connection, deployment, graph.project_id, sorted(ids))
        found = sort_rows(rows, labelled, known)
        received_at = graph.clock.now()
        counts = _counted(found, len(rows), received_at)
        if not found.kept and not found.contradictory:
            return counts
        try:
            _publish(graph, deployment, revision_id, found.kept, counts, received_at, labelled, ids)
        except _OvertakenError:
            # Another posting about the same predictions was stored first: what becomes of ours may be different.
            continue
        return counts


class _OvertakenError(Exception):
    """Between the sorting of a posting and its storing, other labels were stored."""


def _counted(found: Sorted, n_rows: int, received_at: datetime) -> OutcomeCounts:
    return OutcomeCounts(
        n_rows=n_rows,
        n_stored=len(found.stored),
        n_corrected=len(found.corrected),
        n_duplicates=found.n_duplicates,
        n_contradictory=len(found.contradictory),
        n_orphans=len(found.orphans),
        n_late=sum(received_at - utc(row[2]) > LATE_AFTER for row in found.kept),
        contradictory=tuple(row[0] for row in found.contradictory[:10]),
        orphans=tuple(row[0] for row in found.orphans[:10]),
    )


def _publish(
    graph: Graph,
    deployment: str,
    revision_id: str,
    kept: Sequence[Row],
    counts: OutcomeCounts,
    received_at: datetime,
    labelled: Mapping[str, tuple[int, float]],
    ids: set[str],
) -> None:
    def write(connection: Connection) -> None:
        graph.records.lock(connection, f"outcomes/{graph.project_id}/{deployment}")
        if store.latest_outcomes(connection, deployment, graph.project_id, sorted(ids)) != labelled:
            raise _OvertakenError
        store.add_outcomes(graph.records, connection, kept, posting)

    with graph.execution("outcomes", deployment) as work:
        work.use(revision_id, role="deployment")
        posting = {
            "project_id": graph.project_id,
            "deployment": deployment,
            "received_us": to_us(received_at),
            "execution_id": work.id,
        }
        work.write(write)
        work.event("outcomes.received", revision_id, counts.model_dump(mode="json"))
