"""What the wrangling functions refuse, in the project's words."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from mainspring.checks.arguments import column_names
from mainspring.errors import InputError, UnknownNameError
from mainspring.frames import frame_in_memory


def frame_with(given: object, names: Iterable[str], where: str) -> pl.DataFrame:
    """A frame of any library as polars frame, with these columns.

    Raises:
        UnknownNameError: one is not there.
        InputError: it is no frame, or something else than a list of columns.
    """
    frame = frame_in_memory(given, where)
    for name in column_names(names, where, at_least=0):
        if name not in frame.columns:
            raise UnknownNameError.of("column", name, frame.columns, where)
    return frame


def frame_of_numbers(given: object, names: Iterable[str], where: str) -> pl.DataFrame:
    """The same, with numbers in these columns.

    Raises:
        UnknownNameError: one is no column.
        InputError: one holds something else, or it is no frame.
    """
    names = column_names(names, where, at_least=0)
    frame = frame_with(given, names, where)
    for name in names:
        if not frame.schema[name].is_numeric():
            raise InputError(
                expected="a column of numbers",
                got=f"type {frame.schema[name]}",
                where=f"{where}, column {name!r}",
                hint="Leave the column out, or cast it first.",
            )
    return frame


def is_missing(column: str, dtype: pl.DataType) -> pl.Expr:
    """Whether a value is null, or NaN in a column of fractions."""
    missing = pl.col(column).is_null()
    return missing | pl.col(column).is_nan().fill_null(True) if dtype.is_float() else missing
