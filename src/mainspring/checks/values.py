"""Values of arguments as values of a column's type."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import polars as pl

from mainspring.checks.spec import Plain
from mainspring.errors import InputError
from mainspring.types import utc

_TEXT = (pl.String, pl.Categorical, pl.Enum)


def is_text(dtype: pl.DataType) -> bool:
    """Whether a column's values are text, also by categories."""
    return dtype in _TEXT


def is_nan(column: str, schema: pl.Schema) -> pl.Expr | None:
    """An expression (n,) that is true where a float column is NaN; None for other types."""
    return pl.col(column).is_nan() if schema[column].is_float() else None


def missing(column: str, schema: pl.Schema) -> pl.Expr:
    """An expression (n,) without nulls: true where a value is null or NaN."""
    nan = is_nan(column, schema)
    return pl.col(column).is_null() if nan is None else nan.fill_null(value=True)


def plain(column: str, schema: pl.Schema) -> pl.Expr:
    """A column as an expression (n,) of values that compare: categories as texts, which are ordered by code point."""
    is_category = isinstance(schema[column], pl.Categorical | pl.Enum)
    return pl.col(column).cast(pl.String) if is_category else pl.col(column)


def as_text(column: str, schema: pl.Schema, where: str) -> pl.Expr:
    """A text column as an expression (n,) of strings.

    Raises:
        InputError: the column holds something else.
    """
    check_text(column, schema[column], where)
    return pl.col(column) if schema[column] == pl.String else pl.col(column).cast(pl.String)


def check_text(column: str, dtype: pl.DataType, where: str) -> None:
    """Refuses a column that holds no text."""
    if not is_text(dtype):
        raise InputError(
            expected="a text column",
            got=f"type {dtype}",
            where=f"expectation {where} on column {column!r}",
            hint="Use between or in_set for numbers.",
        )


def check_number(column: str, dtype: pl.DataType, where: str) -> None:
    """Refuses a column that holds no numbers."""
    if not dtype.is_numeric():
        raise InputError(
            expected="a column of numbers",
            got=f"type {dtype}",
            where=f"expectation {where} on column {column!r}",
            hint="Name another column, or cast it.",
        )


def typed_value(given: Any, column: str, dtype: pl.DataType, where: str) -> Any:
    """A value that compares with the column's values: times of the column's own kind, anything else as it is.

    Raises:
        InputError: it does not compare with them.
    """
    if isinstance(dtype, pl.Date | pl.Datetime) and isinstance(given, str):
        return _time_value(given, column, dtype, where)
    fits = (
        (dtype.is_numeric() and isinstance(given, int | float) and not isinstance(given, bool))
        or (is_text(dtype) and isinstance(given, str))
        or (dtype == pl.Boolean and isinstance(given, bool))
    )
    if not fits:
        raise InputError(
            expected=f"a value that compares with type {dtype}",
            got=repr(given),
            where=f"expectation {where} on column {column!r}",
            hint="Give numbers for a numeric column, datetimes for a time column, text for a text column.",
        )
    return given


def typed_bound(given: Plain, column: str, dtype: pl.DataType, where: str) -> Any:
    """The same of a bound: no order is meant among booleans. None stays None."""
    if given is None:
        return None
    if dtype == pl.Boolean:
        dtype_is_wrong = InputError(
            expected="a column of numbers, times or text",
            got=f"type {dtype}",
            where=f"expectation {where} on column {column!r}",
            hint="Use in_set for booleans.",
        )
        raise dtype_is_wrong
    return typed_value(given, column, dtype, where)


def _time_value(given: str, column: str, dtype: pl.DataType, where: str) -> Any:
    try:
        instant = utc(datetime.fromisoformat(given))
    except ValueError as error:
        raise InputError(
            expected="an ISO 8601 time beside a time column",
            got=repr(given),
            where=f"expectation {where} on column {column!r}",
            hint="Write it such as 2013-06-01T00:00:00Z, or give a datetime.",
        ) from error
    _check_unit(given, instant, column, dtype, where)
    if dtype == pl.Date:
        return instant.date()
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        return instant.replace(tzinfo=None)
    return instant


def _check_unit(given: str, instant: datetime, column: str, dtype: pl.DataType, where: str) -> None:
    """Refuses a time between two that the column can hold: cut to one of them it would say something else."""
    if dtype == pl.Date:
        between, holds = instant.time() != time(), "a day, or midnight UTC,"
    else:
        between = (
            isinstance(dtype, pl.Datetime) and dtype.time_unit == "ms" and instant.microsecond % 1000 != 0
        )
        holds = "whole milliseconds"
    if between:
        raise InputError(
            expected=f"{holds} beside a column of type {dtype}",
            got=repr(given),
            where=f"expectation {where} on column {column!r}",
            hint="Write a time that the column can hold, such as 2013-06-01; between takes strict_min and strict_max.",
        )


def typed_set(values: tuple[Plain, ...], column: str, dtype: pl.DataType, where: str) -> pl.Series:
    """The values of a set that the column's type can hold; one that it cannot hold (1.5 for an integer) matches no row.

    Raises:
        InputError: they are of another family of types than the column, or not all of one.
    """
    if dtype.is_temporal():
        given = [typed_value(value, column, dtype, where) for value in values]
        return pl.Series(given).cast(dtype)
    found = _series(values)
    # A number never equals a text: saying so here is kinder than failing every row.
    if found is None or not _same_family(found.dtype, dtype):
        raise InputError(
            expected=f"a set of values of type {dtype}",
            got=repr(list(values))[:200],
            where=f"expectation {where} on column {column!r}",
            hint="Give values of the column's own type, all of one type.",
        )
    if dtype.is_integer():
        whole = [int(value) for value in values if value == int(value) and abs(value) < 2**64]  # type: ignore[arg-type]
        return pl.Series(whole, dtype=pl.Int128).cast(dtype, strict=False).drop_nulls()
    return _cast_exactly(found, dtype)


def _series(values: tuple[Plain, ...]) -> pl.Series | None:
    """Values of one type as a series; None where they are of several. Numbers of both kinds are floats."""
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return pl.Series([float(value) for value in values])  # type: ignore[arg-type]
    return pl.Series(values=list(values)) if len(kinds) == 1 else None


def _same_family(given: pl.DataType, dtype: pl.DataType) -> bool:
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return given == pl.String
    return given == dtype or (given.is_numeric() and dtype.is_numeric())


def _cast_exactly(given: pl.Series, dtype: pl.DataType) -> pl.Series:
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return given.cast(dtype, strict=False).drop_nulls()
    cast = given.cast(dtype, strict=False)
    if dtype == pl.Float32 and given.dtype.is_float():
        # As in every comparison beside such a column: 0.1 is the Float32 next to it.
        return cast.filter(cast.is_finite() == given.is_finite())
    return cast.filter((cast.cast(given.dtype, strict=False) == given).fill_null(value=False))
