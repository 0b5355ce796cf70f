"""True labels that arrive later: what becomes of each is decided here, once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection

from mainspring.errors import InputError
from mainspring.features.schema import instants
from mainspring.lineage.api import Graph
from mainspring.models.spec import Signature, Task
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

    Args:
        frame: dates in `known_at` are their midnight, and naive times are, in UTC.

    Raises:
        InputError: no column at all, a missing column, a wrong type, a null, or a value that is not finite.
    """
    given = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame(frame)
    if not given.width:
        raise _wrong("at least one row", "nothing at all", where)
    missing = [name for name in COLUMNS if name not in given.columns]
    if missing:
        got = f"no column {', '.join(map(repr, missing))} (there is: {', '.join(given.columns)})"
        raise _wrong(f"the columns {', '.join(COLUMNS)}", got, where)
    if not given.height:
        return []
    value, known, ids = given["value"], given["known_at"], given["prediction_id"]
    for column in (ids, value, known):
        _check_present(column, where)
    if not (value.dtype.is_numeric() or value.dtype == pl.Boolean()):
        raise _wrong("numbers or booleans in `value`", f"{value.dtype}: {value[0]!r:.80} in row 0", where)
    if not isinstance(known.dtype, pl.Datetime | pl.Date):
        raise _wrong("times or dates in `known_at`", f"{known.dtype}: {known[0]!r:.80} in row 0", where)
    if ids.dtype != pl.String():
        raise _wrong("text in `prediction_id`", f"{ids.dtype}: {ids[0]!r:.80} in row 0", where)
    numbers = value.cast(pl.Float64)
    for row, number in enumerate(numbers):
        if not math.isfinite(number):
            raise _wrong("a finite `value`", f"{number} in row {row}", where)
    return list(zip(ids, numbers, instants(known, where), strict=True))


def _check_present(column: pl.Series, where: str) -> None:
    n_nulls = column.null_count()
    if n_nulls:
        row = column.is_null().arg_max()
        got = f"{n_nulls} null{'s' if n_nulls > 1 else ''}, the first in row {row}"
        raise _wrong(f"a value in every row of `{column.name}`", got, where)


def check(rows: Sequence[Row], signature: Signature, now: datetime, where: str) -> None:
    """Refuses what could not be judged or corrected later.

    Args:
        rows: as posted.
        signature: of the model that is served.
        now: the project clock.

    Raises:
        InputError: a label other than 0 and 1 for a model of two labels, or a known time after `now`.
    """
    for row, (prediction_id, value, known_at) in enumerate(rows):
        place = f"{where}, row {row}, prediction {prediction_id!r}"
        if signature.task is Task.BINARY and value not in (0, 1):
            expected = f"true, false, 1 or 0, because the model says how likely {signature.label!r} is"
            raise _wrong(expected, f"the value {value:g}", place)
        try:
            is_future = utc(known_at) > now
        except ValueError as error:
            raise _wrong("a known_at in the years 1 to 9999 of UTC", str(known_at), place) from error
        if is_future:
            expected = f"a known_at up to the project's present, {now.isoformat()}"
            raise _wrong(expected, utc(known_at).isoformat(), place)


def _wrong(expected: str, got: str, where: str) -> InputError:
    return InputError(
        expected=expected, got=got, where=where, hint="Nothing was stored; correct it, and post all again."
    )


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

    with graph.execution("outcomes", deployment, after_the_fact=True) as work:
        work.use(revision_id, role="deployment")
        posting = {
            "project_id": graph.project_id,
            "deployment": deployment,
            "received_us": to_us(received_at),
            "execution_id": work.id,
        }
        work.write(write)
        work.event("outcomes.received", revision_id, counts.model_dump(mode="json"), loudness="debug")
