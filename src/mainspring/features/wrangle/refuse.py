"""What the wrangling functions refuse, in the project's words."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from mainspring.errors import InputError, UnknownNameError


def check_columns(frame: pl.DataFrame, names: Iterable[str], where: str) -> None:
    """Every name is a column of the frame.

    Raises:
        UnknownNameError: one is not.
    """
    for name in names:
        if name not in frame.columns:
            raise UnknownNameError.of("column", name, frame.columns, where)


def check_numbers(frame: pl.DataFrame, names: Iterable[str], where: str) -> None:
    """Every name is a column of numbers.

    Raises:
        UnknownNameError: one is no column.
        InputError: one holds something else.
    """
    names = list(names)
    check_columns(frame, names, where)
    for name in names:
        if not frame.schema[name].is_numeric():
            raise InputError(
                expected="a column of numbers",
                got=f"type {frame.schema[name]}",
                where=f"{where}, column {name!r}",
                hint="Leave the column out, or cast it first.",
            )


def is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    """Whether a value is null, or NaN in a column of fractions."""
    missing = pl.col(column).is_null()
    return missing | pl.col(column).is_nan().fill_null(True) if dtype.is_float() else missing
