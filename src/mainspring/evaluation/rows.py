"""Whether evaluated rows were held out from those that a version learnt from: a pure decision over two frames."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from mainspring.errors import InputError
from mainspring.evaluation.spec import EvaluatedRows, RowsOrigin
from mainspring.features.datasets.learnt import Learnt
from mainspring.features.schema import instants


def judge_rows(frame: pl.DataFrame, learnt: Learnt | None, time: str | None = None) -> EvaluatedRows:
    """Where the evaluated rows stand to the rows that were learnt from.

    Rows that carry the columns by which the training dataset names a row are looked up in it: the same name is the
    same row, whatever else was computed for it. Other rows are held out if every one of them was asked later than
    the last training row. Of everything else it is not known, and that is what is said.

    Args:
        frame: the rows.
        learnt: what the version learnt from; None where its dataset does not say.
        time: the column with the moment of each row; None = the column of the dataset's spine time.
    """
    if learnt is None:
        return _unknown("the version does not name a training dataset of a feature view")
    if frame.is_empty():
        return _unknown("there are no rows")
    if all(name in frame.columns for name in learnt.row_key):
        return _looked_up(frame, learnt)
    column = learnt.spine_time if time is None else time
    if column not in frame.columns:
        return _unknown(
            f"they have no columns {', '.join(learnt.row_key)}, by which {learnt.name!r} names a row, "
            "and no time= was given"
        )
    return _by_time(frame, learnt, column)


def _looked_up(frame: pl.DataFrame, learnt: Learnt) -> EvaluatedRows:
    named = ", ".join(learnt.row_key)
    asked = _as_stored(frame, learnt)
    if asked is None or any(asked.get_column(name).null_count() for name in asked.columns):
        return _unknown(f"not every row has a value in {named} of the type that {learnt.name!r} has")
    known = learnt.rows.select(learnt.row_key).unique()
    n_training = asked.join(known, on=list(learnt.row_key), how="semi").height
    if n_training:
        return EvaluatedRows(
            origin=RowsOrigin.TRAINING,
            n_training=n_training,
            why=f"{n_training} of {frame.height} rows are training rows of {learnt.name!r}, by {named}",
        )
    return EvaluatedRows(
        origin=RowsOrigin.HELD_OUT,
        n_training=0,
        why=f"none of {frame.height} rows is a training row of {learnt.name!r}, by {named}",
    )


def _as_stored(frame: pl.DataFrame, learnt: Learnt) -> pl.DataFrame | None:
    """The naming columns in the types of the dataset; None where they cannot be."""
    types = learnt.rows.schema
    try:
        times = [
            instants(frame.get_column(name), "evaluate")
            for name in learnt.row_key
            if types[name] == pl.Datetime("us", "UTC")
        ]
        asked = frame.with_columns(times).select(learnt.row_key)
        if any(not _is_kind(types[name], asked.schema[name]) for name in learnt.row_key):
            return None
        return asked.with_columns(pl.col(name).cast(types[name]) for name in learnt.row_key)
    except (InputError, pl.exceptions.PolarsError):
        return None


def _is_kind(stored: pl.DataType, given: pl.DataType) -> bool:
    """Whether equal names stay equal when given values are cast: "00501", read as a number, is another text."""
    if stored.is_integer():
        return given.is_integer()
    if stored == pl.String():
        return given in (pl.String, pl.Categorical, pl.Enum)
    return True


def _by_time(frame: pl.DataFrame, learnt: Learnt, column: str) -> EvaluatedRows:
    last = learnt.rows.get_column(learnt.spine_time).max()
    try:
        first = instants(frame.get_column(column).drop_nulls(), "evaluate").min()
    except InputError:
        return _unknown(f"their column {column!r} holds no times")
    if frame.get_column(column).null_count() or not isinstance(first, datetime):
        return _unknown(f"not every row has a time in {column!r}")
    if isinstance(last, datetime) and first <= last:
        return _unknown(
            f"they begin at {first.isoformat()} in {column!r}, before the last training row of {learnt.name!r}, "
            f"and have no columns {', '.join(learnt.row_key)} to look them up by"
        )
    return EvaluatedRows(
        origin=RowsOrigin.HELD_OUT,
        n_training=0,
        why=f"they begin at {first.isoformat()} in {column!r}, after the last training row of {learnt.name!r}",
    )


def _unknown(why: str) -> EvaluatedRows:
    return EvaluatedRows(origin=RowsOrigin.UNKNOWN, n_training=None, why=why)
