"""The door of a feature group: every frame is brought to the group's logical types, or refused whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import polars as pl

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.keycode import KEY_TYPES
from mainspring.features.spec import FeatureSpec

#: Storage type of every logical type. Whole numbers and fractions have one width each, so that int32 and int64 keys
#: are equal and a narrow first insert does not refuse a wide second one.
STORAGE: Final[Mapping[str, pl.DataType]] = {
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "string": pl.String(),
    "bool": pl.Boolean(),
    "datetime": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "binary": pl.Binary(),
    "list[int64]": pl.List(pl.Int64()),
    "list[float64]": pl.List(pl.Float64()),
    "list[string]": pl.List(pl.String()),
}

#: Logical types that may also be stored as the type on the left without losing what they say.
_WIDENS: Final = {("float64", "int64"), ("list[float64]", "list[int64]"), ("datetime", "date")}

SYSTEM_PREFIX: Final = "_"


def types_of(columns: Iterable[FeatureSpec] | None) -> dict[str, str]:
    """Column → logical type of the columns that are known; empty where none are."""
    return {column.name: column.type for column in columns or ()}


def logical(dtype: pl.DataType) -> str | None:
    """The logical type of a polars type; None where there is none (structs, objects, nested lists)."""
    if dtype.is_integer():
        return "int64"
    if dtype.is_float() or isinstance(dtype, pl.Decimal):
        return "float64"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return "string"
    if isinstance(dtype, pl.Datetime):
        return "datetime"
    if isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner
        item = logical(inner if isinstance(inner, pl.DataType) else inner())
        return f"list[{item}]" if f"list[{item}]" in STORAGE else None
    return {pl.Boolean(): "bool", pl.Date(): "date", pl.Binary(): "binary"}.get(dtype)


def infer(frame: pl.DataFrame, times: Iterable[str], where: str) -> tuple[FeatureSpec, ...]:
    """The schema that a first insert declares.

    Args:
        frame: the first rows.
        times: columns that are times (event time, known time): text and dates there are refused or widened.
        where: the group, for error messages.
    """
    wanted = set(times)
    out = []
    for name, dtype in frame.schema.items():
        kind = "datetime" if name in wanted else logical(dtype)
        if kind is None:
            raise InputError(
                expected=f"one of {', '.join(STORAGE)}",
                got="only nulls, so no type can be inferred" if dtype == pl.Null else f"type {dtype}",
                where=f"{where}, column {name!r}",
                hint="Cast the column, or declare the type: features.group(..., schema={'column': 'float64'}).",
            )
        out.append(FeatureSpec(name=name, type=kind))
    return tuple(out)


def declared(schema: Mapping[str, object] | Sequence[FeatureSpec], where: str) -> tuple[FeatureSpec, ...]:
    """The schema that a user wrote: column → logical type name, Python type or polars type."""
    if not isinstance(schema, Mapping):
        return tuple(schema)
    return tuple(
        FeatureSpec(name=name, type=type_name(kind, f"{where}, column {name!r}"))
        for name, kind in schema.items()
    )


def type_name(kind: object, where: str) -> str:
    """A logical type's name from its name, a Python type or a polars type."""
    from datetime import date, datetime

    python: dict[object, str] = {
        int: "int64",
        float: "float64",
        str: "string",
        bool: "bool",
        bytes: "binary",
        date: "date",
        datetime: "datetime",
    }
    if isinstance(kind, str) and kind in STORAGE:
        return kind
    if isinstance(kind, type) and kind in python:
        return python[kind]
    if isinstance(kind, type) and issubclass(kind, pl.DataType):
        kind = kind()
    found = logical(kind) if isinstance(kind, pl.DataType) else None
    if found is None:
        raise UnknownNameError.of("type", kind, STORAGE, where)
    return found


def conform(
    frame: pl.DataFrame,
    schema: Sequence[FeatureSpec],
    *,
    not_null: Sequence[str],
    where: str,
) -> pl.DataFrame:
    """`frame` with exactly the columns of `schema`, in its order, in the storage types; rows keep their order.

    Args:
        frame: what the caller gave.
        schema: the group's columns.
        not_null: columns that may hold no null (keys, event time).
        where: the group, for error messages.

    Raises:
        InputError: empty, a column missing, unknown or of another type, nulls where none may be.
    """
    known = [feature.name for feature in schema]
    if not frame.height:
        raise InputError(
            expected="at least one row",
            got="an empty frame",
            where=where,
            hint="Skip the insert when there is nothing new.",
        )
    unknown = [name for name in frame.columns if name not in set(known)]
    if unknown:
        raise _unknown_column(unknown, known, where)
    missing = [name for name in known if name not in frame.columns]
    if missing:
        raise InputError(
            expected=f"the columns {', '.join(known)}",
            got=f"no column{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))}",
            where=where,
            hint="Add the missing columns; fill them with null where the value is unknown.",
        )
    out = frame.select([cast(frame.get_column(item.name), item.type, where) for item in schema])
    for name in not_null:
        nulls = out.get_column(name).null_count()
        if nulls:
            row = int(out.get_column(name).is_null().arg_max() or 0)
            raise InputError(
                expected=f"a value in every row of {name!r}",
                got=f"{nulls} null{'s' if nulls > 1 else ''}, the first in row {row}",
                where=f"{where}, column {name!r}",
                hint="Keys and event times cannot be null: drop or repair those rows first.",
            )
    return out


def _unknown_column(unknown: Sequence[str], known: Sequence[str], where: str) -> InputError:
    near = UnknownNameError.of("column", unknown[0], known, where)
    return InputError(
        expected=f"the columns {', '.join(known)}",
        got=f"unknown column{'s' if len(unknown) > 1 else ''} {', '.join(map(repr, unknown))}",
        where=where,
        hint=(near.hint + " " if near.hint.startswith("Did you mean") else "")
        + "Drop the column, or add it with features.group(..., schema=...), which makes a new revision.",
    )


def cast(series: pl.Series, kind: str, where: str) -> pl.Series:
    """`series` in the storage type of the logical type `kind`; refuses what would change a value's meaning."""
    target = STORAGE[kind]
    if series.dtype == target:
        return series
    if series.dtype == pl.Null:
        return series.cast(target)
    given = logical(series.dtype)
    if given is None or (given != kind and (kind, given) not in _WIDENS):
        raise InputError(
            expected=f"type {kind}",
            got=f"type {series.dtype}{_first_misfit(series, target)}",
            where=f"{where}, column {series.name!r}",
            hint="Cast the column explicitly, so that no value changes by accident.",
        )
    if kind == "datetime":
        return instants(series, where)
    try:
        return series.cast(target, strict=True)
    except pl.exceptions.InvalidOperationError as error:
        raise InputError(
            expected=f"values that fit into {kind}",
            got=str(error).splitlines()[0],
            where=f"{where}, column {series.name!r}",
            hint="Repair the values that do not fit.",
        ) from error


def _first_misfit(series: pl.Series, target: pl.DataType) -> str:
    """Where the first value stands that cannot be read as `target`, or else the first value at all."""
    misfit = series.is_not_null()
    if series.dtype == pl.String() and target.is_numeric():
        read = misfit & series.cast(target, strict=False).is_null()
        misfit = read if read.any() else misfit
    row = misfit.arg_max()
    return "" if row is None or not misfit[row] else f", the first {series[row]!r:.80} in row {row}"


def instants(series: pl.Series, where: str) -> pl.Series:
    """Times as aware UTC microseconds: naive is read as UTC, a date as its midnight in UTC.

    Raises:
        InputError: not a time, or finer than microseconds.
    """
    dtype = series.dtype
    if dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    elif not isinstance(dtype, pl.Datetime):
        raise InputError(
            expected="a time",
            got=f"type {dtype}",
            where=f"{where}, column {series.name!r}",
            hint="Parse it first, for example with polars.col(...).str.to_datetime(time_zone='UTC').",
        )
    elif dtype.time_unit == "ns" and bool((series.dt.nanosecond() % 1_000 != 0).any()):
        raise InputError(
            expected="times in whole microseconds",
            got="nanoseconds",
            where=f"{where}, column {series.name!r}",
            hint="Round explicitly, for example with .dt.truncate('1us'): rounding down moves a value earlier.",
        )
    zone = series.dtype.time_zone if isinstance(series.dtype, pl.Datetime) else None
    series = series.dt.cast_time_unit("us") if isinstance(series.dtype, pl.Datetime) else series
    return series.dt.convert_time_zone("UTC") if zone else series.dt.replace_time_zone("UTC")


def key_check(keys: Sequence[str], schema: Sequence[FeatureSpec], where: str) -> None:
    """Refuses keys of types that cannot be compared exactly (fractions, lists)."""
    types = {item.name: item.type for item in schema}
    for name in keys:
        if types[name] not in KEY_TYPES:
            raise InputError(
                expected=f"a key of type {', '.join(sorted(KEY_TYPES))}",
                got=f"type {types[name]}",
                where=f"{where}, key {name!r}",
                hint="Fractions do not compare exactly: use a whole number or a string as key.",
            )
