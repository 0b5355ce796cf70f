"""The door of a feature group: every frame is brought to the group's logical types, or refused whole."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

import polars as pl

from mainspring.errors import InputError, UnknownNameError
from mainspring.features.column import Column
from mainspring.features.iso8601 import PARSERS
from mainspring.features.online.keycode import KEY_TYPES
from mainspring.features.spec import Default, FeatureSpec
from mainspring.types import to_us

_PLAIN: Final[Mapping[str, pl.DataType]] = {
    "int64": pl.Int64(),
    "float64": pl.Float64(),
    "string": pl.String(),
    "bool": pl.Boolean(),
    "datetime": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "binary": pl.Binary(),
    "list[int64]": pl.List(pl.Int64()),
    "list[float64]": pl.List(pl.Float64()),
    "list[float32]": pl.List(pl.Float32()),
    "list[string]": pl.List(pl.String()),
}
_ARRAY: Final = re.compile(r"array\[(float32|float64|int64), ?([1-9]\d{0,5})\]")


class _Storage(Mapping[str, pl.DataType]):
    """Storage type of every logical type. Whole numbers and fractions have one width each, so that int32 and int64
    keys are equal and a narrow first insert does not refuse a wide second one; only lists may be of float32, for
    embeddings. `array[float32,384]` is kept as a list, each of so many items.
    """

    def __getitem__(self, kind: str) -> pl.DataType:
        found = _ARRAY.fullmatch(kind)
        return _PLAIN[kind if found is None else f"list[{found[1]}]"]

    def __iter__(self) -> Iterator[str]:
        return iter((*_PLAIN, "array[float32,n]"))

    def __len__(self) -> int:
        return len(_PLAIN) + 1


STORAGE: Final[Mapping[str, pl.DataType]] = _Storage()

#: Logical types that may also be stored as the type on the left, as far as they lose nothing of what they say.
_WIDENS: Final = {("float64", "int64"), ("datetime", "date")}
#: The same of items. A list of float32 is declared by whoever wants embeddings rounded.
_ITEMS: Final = {("float64", "int64"), ("float64", "float32"), ("float32", "float64"), ("float32", "int64")}

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
        inner = dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()
        item = "float32" if inner == pl.Float32() else logical(inner)
        kind = f"list[{item}]" if isinstance(dtype, pl.List) else f"array[{item},{dtype.shape[0]}]"
        return kind if kind in STORAGE else None
    return {pl.Boolean(): "bool", pl.Date(): "date", pl.Binary(): "binary"}.get(dtype)


#: What to do with types that tables of features do not have.
_INSTEAD: Final[Mapping[type[pl.DataType], str]] = {
    pl.Time: "A time of day has no date to be ordered by: store seconds since midnight as a whole number.",
    pl.Duration: "Store a span as a number of seconds: pl.col(…).dt.total_seconds().",
    pl.Struct: "Make a column of each field: frame.unnest(…).",
}


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
                hint=_INSTEAD.get(type(dtype))
                or "Cast the column, or declare the type: features.group(..., schema={'column': 'float64'}).",
            )
        out.append(FeatureSpec(name=name, type=kind))
    return tuple(out)


def declared(schema: Mapping[str, object] | Sequence[FeatureSpec], where: str) -> tuple[FeatureSpec, ...]:
    """The table's schema, from what a user wrote: column → logical type name, Python type or polars type.

    A column that is dropped at the door is none of the table's, and one that is hashed there is text in it.
    """
    if not isinstance(schema, Mapping):
        return tuple(schema)
    return tuple(
        _declared(name, kind, f"{where}, column {name!r}")
        for name, kind in schema.items()
        if _how(kind) != "drop"
    )


def _how(kind: object) -> str | None:
    treatment = kind.anonymise if isinstance(kind, Column) else None
    return None if treatment is None else treatment.how


def _declared(name: str, kind: object, where: str) -> FeatureSpec:
    if not isinstance(kind, Column):
        return FeatureSpec(name=name, type=type_name(kind, where))
    named = type_name(kind.type, where)
    return FeatureSpec(
        name=name,
        type="string" if _how(kind) == "hash" else named,
        description=kind.description or "",
        personal=kind.personal or None,
        default=_default(kind.default, named, where),
    )


def _default(given: object, kind: str, where: str) -> Default:
    """The default as the column holds it; refuses what is no value of its type.

    Raises:
        InputError: it is not, or the type can have none.
    """
    if given is None:
        return None
    types = _DEFAULTS.get(kind, ())
    fits = type(given) in types and not (isinstance(given, float) and not math.isfinite(given))
    if isinstance(given, int):
        fits = fits and given in range(-(2**63), 2**63)
    if not fits:
        raise InputError(
            expected=f"a finite default that fits into {kind}"
            if types
            else f"no default: of {', '.join(_DEFAULTS)} there may be one",
            got=f"{type(given).__name__}: {given!r}",
            where=where,
            hint="Leave it out for null.",
        )
    assert isinstance(given, bool | int | float | str)
    return float(given) if kind == "float64" else given


_DEFAULTS: Final[Mapping[str, tuple[type, ...]]] = {
    "int64": (int,),
    "float64": (float, int),
    "string": (str,),
    "bool": (bool,),
}


def type_name(kind: object, where: str) -> str:
    """A logical type's name from its name, a Python type or a polars type."""
    python: dict[object, str] = {
        list[int]: "list[int64]",
        list[float]: "list[float64]",
        list[str]: "list[string]",
        int: "int64",
        float: "float64",
        str: "string",
        bool: "bool",
        bytes: "binary",
        date: "date",
        datetime: "datetime",
    }
    if isinstance(kind, str) and kind in STORAGE:
        return kind.replace(" ", "")
    if isinstance(kind, type | types.GenericAlias) and kind in python:
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

    A column that has a default may be missing, as in frames of whoever does not know it yet.

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
    defaults = {
        item.name: pl.lit(item.default, STORAGE[item.type]) for item in schema if item.default is not None
    }
    frame = frame.with_columns(
        value.alias(name) for name, value in defaults.items() if name not in frame.columns
    )
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
    if series.dtype == target and _ARRAY.fullmatch(kind) is None:
        return _dated(series, where) if kind in {"datetime", "date"} else series
    if series.dtype == pl.Null or (series.dtype == pl.List(pl.Null) and isinstance(target, pl.List)):
        return series.cast(target)
    given = logical(series.dtype)
    if isinstance(target, pl.List) and isinstance(series.dtype, pl.List | pl.Array):
        return _lists(series, kind, where)
    if kind == "int64" and series.dtype.is_float():
        return _whole(series, where)
    if given is None or (given != kind and (kind, given) not in _WIDENS):
        raise _other_type(series, kind, where)
    if kind == "datetime":
        return _dated(instants(series, where), where)
    try:
        out = series.cast(target, strict=True)
    except pl.exceptions.InvalidOperationError as error:
        raise InputError(
            expected=f"values that fit into {kind}",
            got=str(error).splitlines()[0],
            where=f"{where}, column {series.name!r}",
            hint="Repair the values that do not fit.",
        ) from error
    if isinstance(series.dtype, pl.Decimal):
        _check_exact(series, out, where)
    if series.dtype.is_integer() and target.is_float():
        check_whole(series, where)
    return out


WHOLE_LIMIT: Final = 2**53
"""Up to here a float64 holds every whole number."""


def check_whole(numbers: pl.Series, where: str) -> None:
    """Refuse whole numbers that a float64 may not hold, for where they become fractions.

    Raises:
        InputError: one is above 2**53, or below its negative.
    """
    if numbers.dtype not in (pl.Int64, pl.UInt64, pl.Int128):
        return
    far = ~numbers.is_between(-WHOLE_LIMIT, WHOLE_LIMIT).fill_null(True)
    row = far.arg_max() if far.any() else None
    if row is not None:
        raise rounded(f"{numbers[row]} in row {row}", f"{where}, column {numbers.name!r}")


def rounded(got: str, where: str) -> InputError:
    """That a whole number would be another one as a fraction."""
    return InputError(
        expected="whole numbers of at most 2**53, which a float64 holds",
        got=got,
        where=where,
        hint="An id is text, or int64 where its type is declared; for a quantity round explicitly: float(…).",
    )


def _whole(series: pl.Series, where: str) -> pl.Series:
    """Fractions that are whole numbers, as pandas gives a column of whole numbers with gaps."""
    near = series.is_between(-WHOLE_LIMIT, WHOLE_LIMIT).fill_null(True)
    other = ~near | (series.floor() != series).fill_null(False)
    row = other.arg_max() if other.any() else None
    if row is not None:
        raise InputError(
            expected="type int64, or fractions that are whole numbers of at most 2**53",
            got=f"type {series.dtype} with {series[row]!r} in row {row}",
            where=f"{where}, column {series.name!r}",
            hint="Round explicitly, and write null for what is missing: .fill_nan(None).",
        )
    return series.cast(pl.Int64)


_CALENDAR: Final[Mapping[pl.DataType, tuple[int, int]]] = {
    STORAGE["datetime"]: (to_us(datetime.min.replace(tzinfo=UTC)), to_us(datetime.max.replace(tzinfo=UTC))),
    STORAGE["date"]: ((date.min - date(1970, 1, 1)).days, (date.max - date(1970, 1, 1)).days),
}
"""The first and the last value that a calendar has, as they are stored."""


def _dated(series: pl.Series, where: str) -> pl.Series:
    """The same times; refuses one that no calendar of Python's has, and that nobody could show or compare."""
    stored = series.to_physical()
    low, high = _CALENDAR[series.dtype]
    far = ~stored.is_between(low, high)
    if far.any():
        row = int(far.arg_max() or 0)
        raise InputError(
            expected="times in the years 1 to 9999",
            got=f"{stored[row]} {'days' if series.dtype == pl.Date else 'microseconds'} since 1970 in row {row}",
            where=f"{where}, column {series.name!r}",
            hint="Look at the unit of the numbers that these times were made of.",
        )
    return series


def _other_type(series: pl.Series, kind: str, where: str) -> InputError:
    return InputError(
        expected=f"type {kind}",
        got=f"type {series.dtype}{_first_misfit(series, kind)}",
        where=f"{where}, column {series.name!r}",
        hint=_INSTEAD.get(type(series.dtype))
        or "Cast the column explicitly, so that no value changes by accident.",
    )


def _check_exact(decimals: pl.Series, floats: pl.Series, where: str) -> None:
    """A decimal is kept as the nearest fraction, if that gives the decimal back: up to 15 digits it does."""
    lost = floats.cast(decimals.dtype, strict=False).ne_missing(decimals)
    row = lost.arg_max() if lost.any() else None
    if row is not None:
        raise InputError(
            expected="decimals of at most 15 digits, which a float64 holds",
            got=f"{decimals[row]} in row {row}",
            where=f"{where}, column {decimals.name!r}",
            hint="Store whole units of the last digit (cents) as int64, or text.",
        )


def _lists(series: pl.Series, kind: str, where: str) -> pl.Series:
    """Lists as lists of the wanted items; of an array, each of its length and without nulls in it."""
    target, array = STORAGE[kind], _ARRAY.fullmatch(kind)
    assert isinstance(target, pl.List)
    assert isinstance(series.dtype, pl.List | pl.Array)
    item = kind.partition("[")[2].rstrip("]").partition(",")[0]
    given = logical(pl.List(series.dtype.inner)) or ""
    given_item = given.removeprefix("list[").rstrip("]")
    is_empty = series.dtype.inner == pl.Null()
    if not is_empty and given_item != item and (item, given_item) not in _ITEMS:
        raise _other_type(series, kind, where)
    out = series.cast(target, strict=True)
    if item == "float64" and given_item == "int64":
        check_whole(series.drop_nulls().explode(empty_as_null=False), where)
    if array is not None:
        _check_length(out, int(array[2]), where)
    if item == "float32" and given_item == "float64":
        _check_range(series, out, where)
    return out


def _check_length(lists: pl.Series, n_items: int, where: str) -> None:
    wrong = (lists.list.len() != n_items).fill_null(value=False)
    if not wrong.any():
        wrong = lists.list.eval(pl.element().is_null().any()).list.first().fill_null(value=False)
    row = wrong.arg_max() if wrong.any() else None
    if row is not None:
        raise InputError(
            expected=f"{n_items} items in every row, none of them null",
            got=f"{len(lists[row])} items, {lists[row].null_count()} of them null, in row {row}",
            where=f"{where}, column {lists.name!r}",
            hint="The dimension belongs to the column: another one makes the next version of the group.",
        )


def _check_range(given: pl.Series, rounded: pl.Series, where: str) -> None:
    before, after = (
        lists.drop_nulls().list.explode(empty_as_null=False).is_infinite().sum() for lists in (given, rounded)
    )
    if before != after:
        raise InputError(
            expected="items within the range of float32, 3.4e38",
            got="larger ones",
            where=f"{where}, column {given.name!r}",
            hint="Scale them, or declare list[float64].",
        )


def _first_misfit(series: pl.Series, kind: str) -> str:
    """Where the first value stands that cannot be read as of that type, or else the first value at all."""
    target = STORAGE[kind]
    misfit = series.is_not_null()
    if series.dtype == pl.String() and (target.is_numeric() or kind in PARSERS):
        read = misfit & (
            _no_times(series, kind) if kind in PARSERS else series.cast(target, strict=False).is_null()
        )
        misfit = read if read.any() else misfit
    row = misfit.arg_max()
    return "" if row is None or not misfit[row] else f", the first {series[row]!r:.80} in row {row}"


def _no_times(series: pl.Series, kind: str) -> pl.Series:
    """Which texts are no times of ISO 8601."""

    def is_none(text: str) -> bool:
        try:
            PARSERS[kind](text)
        except (ValueError, OverflowError):
            return True
        return False

    return series.map_elements(is_none, return_dtype=pl.Boolean)


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
