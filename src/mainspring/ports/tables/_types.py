"""Which column types a table stores, and how a frame is brought to them: pure functions."""

from __future__ import annotations

from typing import Final

import polars as pl
from polars.datatypes import DataTypeClass

from mainspring.errors import InputError

UTC_TIME: Final = pl.Datetime("us", "UTC")

_AS_IS: Final = (
    pl.Boolean,
    pl.Int8,
    pl.Int16,
    pl.Int32,
    pl.Int64,
    pl.Float32,
    pl.Float64,
    pl.String,
    pl.Binary,
    pl.Date,
    pl.Decimal,
)
_STORED_AS: Final[dict[type[pl.DataType], pl.DataType]] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.Categorical: pl.String(),
    pl.Enum: pl.String(),
}
_WIDER: Final[dict[pl.DataType, tuple[pl.DataType, ...]]] = {
    pl.Int8(): (pl.Int16(), pl.Int32(), pl.Int64()),
    pl.Int16(): (pl.Int32(), pl.Int64()),
    pl.Int32(): (pl.Int64(),),
    pl.Float32(): (pl.Float64(),),
}


def stored_form(name: str, frame: pl.DataFrame, table: pl.Schema | None) -> pl.DataFrame:
    """The frame with the columns and types that table `name` stores.

    Columns of the table come first, in its order and with nulls where the frame has none, then the new ones.

    Args:
        name: the table's, for error messages.
        frame: what is to be appended.
        table: the table's schema; None if there is no table yet.

    Raises:
        InputError: no column at all, a type that cannot be stored, or one that the table stores otherwise.
    """
    if not frame.columns:
        raise InputError(
            expected="a frame with at least one column",
            got="none",
            where=f"table {name!r}",
            hint="Nothing was written.",
        )
    known = table or pl.Schema()
    kept = [_fit(name, frame, column, dtype) for column, dtype in known.items()]
    added = [
        _cast(frame, column, _stored_type(name, column, frame))
        for column in frame.columns
        if column not in known
    ]
    return frame.select(kept + added) if kept or added else frame


def _fit(name: str, frame: pl.DataFrame, column: str, wanted: pl.DataType) -> pl.Expr:
    if column not in frame.columns or frame.schema[column] == pl.Null:
        return pl.lit(None, dtype=wanted).alias(column)
    if isinstance(wanted, pl.List) and frame.schema[column] == pl.List(pl.Null):
        # Empty lists only: polars could not see what they would have held.
        return pl.col(column).cast(wanted)
    offered = _stored_type(name, column, frame)
    if not _fits(offered, wanted):
        raise InputError(
            expected=f"{wanted} as in the rows that are there",
            got=str(frame.schema[column]),
            where=f"table {name!r}, column {column!r}",
            hint="Cast the column, or give it a new name. Nothing was written.",
        )
    return _cast(frame, column, wanted)


def _cast(frame: pl.DataFrame, column: str, wanted: pl.DataType) -> pl.Expr:
    expression = pl.col(column)
    if wanted == UTC_TIME and getattr(frame.schema[column], "time_zone", None) is None:
        # A naive time is read as UTC; a cast alone would be refused.
        return expression.dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    return expression if frame.schema[column] == wanted else expression.cast(wanted)


def _fits(offered: pl.DataType, wanted: pl.DataType) -> bool:
    if offered == wanted or wanted in _WIDER.get(offered, ()):
        return True
    if isinstance(offered, pl.List) and isinstance(wanted, pl.List):
        return _fits(_instance(offered.inner), _instance(wanted.inner))
    return False


def _stored_type(name: str, column: str, frame: pl.DataFrame) -> pl.DataType:
    dtype = frame.schema[column]
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns" and _has_nanoseconds(frame, column):
        raise InputError(
            expected="times in whole microseconds",
            got="nanoseconds",
            where=f"table {name!r}, column {column!r}",
            hint="Round explicitly: pl.col(…).dt.round('1us').",
        )
    stored = _stored(dtype)
    if stored is None:
        raise InputError(
            expected="a type that tables store (numbers, strings, bytes, dates, datetimes, lists, structs)",
            got=str(dtype),
            where=f"table {name!r}, column {column!r}",
            hint="Cast the column first; a column that is only null needs a type. Nothing was written.",
        )
    return stored


def _stored(dtype: pl.DataType) -> pl.DataType | None:
    if isinstance(dtype, pl.Datetime):
        return UTC_TIME
    if isinstance(dtype, pl.List | pl.Array):
        inner = _stored(_instance(dtype.inner))
        return None if inner is None else pl.List(inner)
    if isinstance(dtype, pl.Struct):
        fields = {field.name: _stored(_instance(field.dtype)) for field in dtype.fields}
        whole = {key: value for key, value in fields.items() if value is not None}
        return pl.Struct(whole) if whole and len(whole) == len(fields) else None
    if isinstance(dtype, _AS_IS):
        return dtype
    return _STORED_AS.get(type(dtype))


def _instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype


def _has_nanoseconds(frame: pl.DataFrame, column: str) -> bool:
    return bool((frame[column].to_physical() % 1_000 != 0).any())
